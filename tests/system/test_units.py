# SPDX-License-Identifier: MIT
"""Unit hooks on the booted system: results of units that are unloaded at once, event files that live as long as their
unit, and what is said if polkit does not permit a start."""

import time
import unittest

from fixture import ONE_SHOT, UNIT, UnitHookTest

EVENTS = "/run/jobwatchd/events"
# Runs until the test lets it go on.
WAIT = "until [ -e /opt/test/go ]; do sleep .1; done"


class Results(UnitHookTest):
    def check_failure(self, collect):
        with self.subTest(collect=collect):
            self.mark()
            self.write_unit("test-end.service", f"[Unit]\n{collect}\n" + ONE_SHOT.format("/bin/sh -c 'exit 7'"))
            self.begin("test-end.service", allow=("test-end.service",))
            self.wait_for("hook mine: delivery of .* failed .*unit test-end.service failed: exit status 7;")
            self._forget()

    def test_exit_status(self):
        """Is that of the unit, whether systemd unloads it at once or not."""
        for collect in ("CollectMode=inactive-or-failed", ""):
            self.setUp()
            self.check_failure(collect)

    def test_could_not_be_set_up(self):
        self.write_unit("test-end.service", ONE_SHOT.format("/bin/true") + "EnvironmentFile=/run/missing\n")
        self.begin("test-end.service", allow=("test-end.service",))
        self.wait_for('unit test-end.service failed: could not be set up; see "journalctl -u test-end.service"')


class Api(UnitHookTest):
    """Events of the API, which have no job."""

    def test_refused_and_well_again(self):
        self.write_unit("test-api@.service", ONE_SHOT.format("/bin/echo outcome %i"))
        self.begin("test-api@%o.service", "step = 0s Running\n", allow=("test-api@*.service",),
                   more="on = api_refused, api_ok\n")
        self.wait_for("first seen as Running")
        self.fake.fault("refused", status=401)
        self.wait_for('API: hook mine: delivered "api_refused"')
        self.fake.mend()
        self.systemctl("reload", UNIT)  # the next probe does not wait
        self.wait_for('API: hook mine: delivered "api_ok"')
        for outcome in ("failure", "success"):
            said = [entry["MESSAGE"] for entry in self.journal(f"_SYSTEMD_UNIT=test-api@{outcome}.service")]
            self.assertEqual(said, [f"outcome {outcome}"])
        kinds = [entry["JOBWATCH_EVENT"] for entry in self.events() if "JOBWATCH_JOB" not in entry]
        self.assertEqual(kinds, ["api_refused", "api_ok"])


class EventFiles(UnitHookTest):
    """They are there while the unit runs, whatever happens to the daemon, and not longer."""

    SLOW = "[Service]\nType=oneshot\nExecStart=/bin/sh -c '" + WAIT + f"; cat {EVENTS}/%I.json; echo $JOBWATCH_JOB'\n"

    def begin_slow(self, unit_file=SLOW, **how):
        self.write_unit(f"{UNIT}.d/restart.conf", "[Service]\nRestartSec=100ms\n")
        self.write_unit("test-slow@.service", unit_file)
        self.begin("test-slow@%e.service", allow=("test-slow@*.service",), **how)
        self.wait_for("first seen as Completed")
        event, = [entry["JOBWATCH_EVENT_ID"] for entry in self.events() if entry["JOBWATCH_EVENT"] == "succeeded"]
        self.slow = f"test-slow@{event}.service".replace("-", r"\x2d").replace(r"test\x2dslow", "test-slow")
        self.event = event

    def kill(self):
        before = self.main_pid()
        self.systemctl("kill", "--signal=KILL", "--kill-whom=main", UNIT)
        end = time.monotonic() + 20
        while self.show(UNIT, "MainPID") in ("0", str(before)) or self.show(UNIT, "ActiveState") != "active":
            self.assertLess(time.monotonic(), end, self.log())
            time.sleep(0.05)

    def restart(self):
        self.systemctl("restart", UNIT)

    def files(self):
        return self.run_inside("ls", "-A", EVENTS).split()

    def wait_no_files(self):
        end = time.monotonic() + 20
        while self.files():
            self.assertLess(time.monotonic(), end, f"{self.files()}\n{self.log()}")
            time.sleep(0.05)

    def let_go(self):
        """The unit ends, having read its file, and its file is removed."""
        self.assertIn(f"{self.event}.json", self.files())
        self.system.write("/opt/test/go", "")
        self.wait_show(self.slow, "ActiveState", "^(inactive|failed)$")
        said = [entry["MESSAGE"] for entry in self.journal(f"_SYSTEMD_UNIT={self.slow}")]
        self.assertIn(f'"event_id":"{self.event}"', "".join(said).replace(": ", ":"))
        self.wait_no_files()
        return said

    def check_daemon_ends(self, end_daemon):
        self.begin_slow()
        self.wait_show(self.slow, "ActiveState", "^activating$")
        for _ in range(2):
            end_daemon()
            self.assertIn(f"{self.event}.json", self.files())
        self.let_go()
        self.wait_for("hook mine: delivered")
        started = [entry for entry in self.journal(f"UNIT={self.slow}") if "Starting" in entry["MESSAGE"]]
        self.assertEqual(len(started), 1)

    def test_restart(self):
        self.check_daemon_ends(self.restart)

    def test_kill(self):
        self.check_daemon_ends(self.kill)

    def test_abandoned(self):
        """Also after the daemon has given the delivery up."""
        self.begin_slow(more="timeout = 1s\nretries = 0\n")
        self.wait_for("hook mine: abandoned .*did not finish within 1s")
        self.assertIn(f"{self.event}.json", self.files())
        self.kill()
        self.let_go()

    def test_start_is_late(self):
        """systemd reads EnvironmentFile= when the unit starts, which may be after the daemon was killed."""
        self.write_unit("test-gate.service", ONE_SHOT.format(f"/bin/sh -c '{WAIT}'"))
        self.begin_slow(f"[Unit]\nRequires=test-gate.service\nAfter=test-gate.service\n{self.SLOW}"
                        f"EnvironmentFile={EVENTS}/%I.env\n")
        self.wait_show("test-gate.service", "ActiveState", "^activating$")
        self.kill()
        self.assertEqual(self.show(self.slow, "ActiveState"), "inactive")
        self.system.write("/opt/test/go", "")
        self.wait_for("hook mine: delivered")
        self.assertEqual([entry["MESSAGE"] for entry in self.journal(f"_SYSTEMD_UNIT={self.slow}")][-1], "11")
        self.wait_no_files()

    def test_failed_unit(self):
        """Nothing piles up while a delivery fails again and again."""
        self.write_unit("test-end@.service", ONE_SHOT.format("/bin/false"))
        self.begin("test-end@%e.service", allow=("test-end@*.service",))
        self.wait_for("hook mine: delivery of .* failed")
        self.wait_no_files()


class Permission(UnitHookTest):
    """What is said is what is wrong, and what to do about it."""

    SERVICE = "/usr/share/dbus-1/system-services/org.freedesktop.PolicyKit1.service"

    def begin_unpermitted(self, unit="test-end@%i.service"):
        self.write_unit("test-end@.service", ONE_SHOT.format("/bin/true"))
        self.begin(unit)

    def expect(self, words):
        self.wait_for(f"hook mine: delivery of .* failed .*not permitted to start unit test-end@11.service: {words}")

    def test_no_rule(self):
        self.begin_unpermitted()
        self.expect(r'no polkit rule allows it; copy /usr/share/jobwatchd/50-jobwatchd.rules to /etc/polkit-1/rules.d/ '
                    r'and add the line "test-end@\*.service", to its list')
        self.assertTrue(self.system.path("/usr/share/jobwatchd/50-jobwatchd.rules").exists())
        # The line as it is said is the one that helps.
        self.allow("test-end@*.service")
        self.wait_for("hook mine: delivered")

    def test_polkit_masked(self):
        self.addCleanup(self.systemctl, "unmask", "polkit.service")
        self.systemctl("mask", "--now", "polkit.service")
        self.begin_unpermitted()
        self.expect('polkit.service is masked; run "systemctl unmask polkit.service"')
        # So it is also if a rule exists: nobody reads it. And it helps.
        self.allow("test-end@*.service")
        self.systemctl("unmask", "polkit.service")
        self.wait_for("hook mine: delivered")

    def test_no_polkit(self):
        path = self.system.path(self.SERVICE)
        service = path.read_text()
        self.addCleanup(self.systemctl, "reload", "dbus.service")
        self.addCleanup(path.write_text, service)
        path.unlink()
        self.systemctl("reload", "dbus.service")
        self.systemctl("stop", "polkit.service")
        self.begin_unpermitted()
        self.expect("polkit is not installed; install polkitd")

    def test_required_unit_masked(self):
        self.system.path("/etc/systemd/system/test-part.service").symlink_to("/dev/null")
        self.write_unit("test-end.service", "[Unit]\nRequires=test-part.service\n" + ONE_SHOT.format("/bin/true"))
        self.begin("test-end.service", allow=("test-end.service",))
        self.wait_for("hook mine: delivery of .* failed .*unit test-end.service not started: .*test-part.service is masked")


if __name__ == "__main__":
    unittest.main()
