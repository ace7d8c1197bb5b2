# SPDX-License-Identifier: MIT
"""jobwatch-job@, whose result is that of the job, and units started by hooks."""

import json
import unittest

from fixture import ONE_SHOT, UNIT, SystemTest, UnitHookTest

JOB = "jobwatch-job@11.service"
HOOK_ID = "0ddba11c-5eed-4b1d-8bad-f00dcafe0001"


class OneJob(SystemTest):
    def begin(self, steps):
        self.fake = self.start_fake("[job 12]\nstep = 0s Running\n[job 11]\n" + steps)
        self.configure(self.fake, (12,))
        self.write_unit("test-good.service", ONE_SHOT.format("/bin/echo it went well"))
        self.write_unit("test-bad.service", ONE_SHOT.format("/bin/echo it went wrong"))
        self.write_unit(f"{JOB}.d/then.conf", "[Unit]\nOnSuccess=test-good.service\nOnFailure=test-bad.service\n")

    def wait_job(self):
        return self.system.run("systemctl", "start", "--wait", JOB, check=False).status

    def test_success(self):
        self.begin("step = 0s Running\nstep = poll 3 Completed\n")
        self.assertEqual(self.wait_job(), 0)
        self.wait_for("it went well", "test-good.service")
        self.assertEqual([entry["JOBWATCH_EVENT"] for entry in self.events("JOBWATCH_JOB=11")], ["seen", "succeeded"])
        self.assertEqual(self.log("test-bad.service"), "")

    def test_failure(self):
        self.begin("step = 0s Running\nstep = poll 3 Failed\n")
        self.assertNotEqual(self.wait_job(), 0)
        self.wait_for("it went wrong", "test-bad.service")
        self.assertEqual((self.show(JOB, "ExecMainStatus"), self.show(JOB, "NRestarts")), ("1", "0"))
        self.assertEqual(self.log("test-good.service"), "")

    def test_again(self):
        """Starting the unit again for a job that has ended returns its outcome again."""
        self.begin("step = 0s Failed\n")
        self.assertNotEqual(self.wait_job(), 0)
        self.assertNotEqual(self.wait_job(), 0)
        self.assertEqual([entry["JOBWATCH_EVENT"] for entry in self.events("JOBWATCH_JOB=11")], ["failed"])

    def begin_running(self):
        self.begin("step = 0s Running\n")
        self.start(JOB)
        self.wait_for("Job 11: first seen as Running")
        self.assertEqual(self.show(JOB, "ActiveState"), "active")

    def test_start_does_not_wait(self):
        self.begin_running()
        self.fake.job(11, status="Completed")
        self.wait_show(JOB, "ActiveState", "^inactive$")
        self.assertEqual(self.show(JOB, "Result"), "success")
        self.assertIn("Job 11: Completed", self.log(JOB))

    def test_the_wait_goes_on_while_the_service_restarts(self):
        """Neither OnSuccess= nor OnFailure= takes a restart for the end of the job."""
        self.begin_running()
        before = self.main_pid(JOB)
        self.systemctl("restart", UNIT)
        self.systemctl("kill", "--signal=KILL", UNIT)
        self.wait_show(UNIT, "NRestarts", "^[1-9]")
        self.assertEqual(self.main_pid(JOB), before)
        self.fake.job(11, status="Completed")
        self.wait_for("it went well", "test-good.service")
        self.assertEqual(self.log("test-bad.service"), "")

    def test_to_stop_waiting_is_no_success(self):
        self.begin_running()
        self.systemctl("stop", JOB)
        self.wait_for("it went wrong", "test-bad.service")
        self.assertEqual(self.show(JOB, "ExecMainStatus"), "143")
        self.assertEqual(self.log("test-good.service"), "")

    def test_it_starts_the_service(self):
        """Nothing runs yet, so the service may come to the bus only after the first try."""
        self.begin("step = 0s Completed\n")
        self.assertEqual(self.wait_job(), 0)
        self.assertEqual(self.show(UNIT, "ActiveState"), "active")

    def test_no_job(self):
        self.begin("step = 0s Running\n")
        self.assertNotEqual(self.system.run("systemctl", "start", "--wait", "jobwatch-job@members", check=False).status, 0)
        self.assertEqual(self.show("jobwatch-job@members.service", "ExecMainStatus"), "64")


class HooksDirectory(SystemTest):
    """jobwatch-hook@, started manually for an existing event."""

    UNIT = "jobwatch-hook@" + HOOK_ID.replace("-", r"\x2d") + ".service"

    def setUp(self):
        super().setUp()
        _, group = self.user()
        self.addCleanup(self.run_inside, "rm", "-rf", "/run/jobwatchd-test")
        self.run_inside("install", "-d", "-m", "750", "-g", str(group), "/run/jobwatchd-test", "/run/jobwatchd-test/events")
        for suffix, text in (("json", '{"job": {"id": 11}}\n'), ("env", 'JOBWATCH_JOB="11"\nJOBWATCH_STATUS="a \\"b\\" \\$c"\n')):
            self.run_inside("sh", "-c", f"umask 027; cat > /run/jobwatchd-test/events/{HOOK_ID}.{suffix}; "
                            f"chgrp {group} /run/jobwatchd-test/events/{HOOK_ID}.{suffix}", stdin=text.encode())

    def hook(self, name, script, mode=0o755):
        self.system.write(f"/etc/jobwatchd/hooks.d/{name}", "#!/bin/sh\n" + script, mode)

    def said(self):
        return [entry["MESSAGE"] for entry in self.journal(f"_SYSTEMD_UNIT={self.UNIT}")
                if entry["_TRANSPORT"] == "stdout"]

    def test_in_order(self):
        self.hook("20-second", "cat\necho second\n")
        self.hook("10-first", "echo first $JOBWATCH_JOB \"$JOBWATCH_STATUS\"\ncat \"$JOBWATCH_DOCUMENT\"\n")
        self.hook("15-off", "echo never\n", 0o644)
        self.hook("20-second.dpkg-old", "echo never\n")
        self.systemctl("start", self.UNIT)
        self.assertEqual(self.said(), [
            'first 11 a "b" $c', '{"job": {"id": 11}}',
            "Skipped /etc/jobwatchd/hooks.d/15-off: not executable (chmod a+x).",
            '{"job": {"id": 11}}', "second",
            "Skipped /etc/jobwatchd/hooks.d/20-second.dpkg-old: a name consists of letters, digits, _ and -."])
        by_event = [entry["MESSAGE"] for entry in self.journal(f"JOBWATCH_EVENT_ID={HOOK_ID}")]
        self.assertEqual([message for message in by_event if message in self.said()], self.said())

    def test_an_event_in_another_directory_is_not_read(self):
        """That of the page, whose user may not run hooks."""
        other = "/run/jobwatch-report/events"
        self.addCleanup(self.run_inside, "rm", "-rf", "/run/jobwatch-report")
        self.run_inside("mkdir", "-p", other)
        self.run_inside("sh", "-c", f"echo JOBWATCH_MORE=more > {other}/{HOOK_ID}.env; echo > {other}/{HOOK_ID}.json")
        self.hook("10-first", "echo \"$JOBWATCH_DOCUMENT ${JOBWATCH_MORE:-nothing}\"\n")
        self.systemctl("start", self.UNIT)
        self.assertEqual(self.said(), [f"/run/jobwatchd-test/events/{HOOK_ID}.json nothing"])
        self.run_inside("rm", "-r", "/run/jobwatchd-test")
        self.assertNotEqual(self.system.run("systemctl", "start", self.UNIT, check=False).status, 0)

    def test_one_fails(self):
        self.hook("10-first", "echo first\n")
        self.hook("20-second", "exit 3\n")
        self.hook("30-third", "echo third\n")
        self.assertNotEqual(self.system.run("systemctl", "start", self.UNIT, check=False).status, 0)
        self.assertEqual(self.said(), ["first", "/etc/jobwatchd/hooks.d/20-second failed: exit status 3. The programs "
                                       "after it were not run."])

    def test_none(self):
        """An event does not count as delivered when nothing was run."""
        self.assertNotEqual(self.system.run("systemctl", "start", self.UNIT, check=False).status, 0)
        self.hook("10-notify.sh", "echo never\n")
        self.assertNotEqual(self.system.run("systemctl", "start", self.UNIT, check=False).status, 0)
        nothing = "No program to run in /etc/jobwatchd/hooks.d: the event is not delivered."
        self.assertEqual(self.said(), [
            nothing, "Skipped /etc/jobwatchd/hooks.d/10-notify.sh: a name consists of letters, digits, _ and -.", nothing])

    def test_not_root(self):
        self.hook("10-who", "id -u; id -G\n")
        self.systemctl("start", self.UNIT)
        user, groups = self.said()
        self.assertNotEqual(user, "0")
        self.assertIn(str(self.user()[1]), groups.split())


class UnitHooks(UnitHookTest):
    """The daemon starts units over the bus, authorised by polkit."""

    def test_success(self):
        self.write_unit("test-end@.service", "[Service]\nType=oneshot\n"
                        "ExecStart=/bin/echo instance %I, the event is for ${JOBWATCH_JOB}\n"
                        "ExecStart=/bin/cat ${CREDENTIALS_DIRECTORY}/event\n"
                        "EnvironmentFile=/run/jobwatchd/events/%I.env\nDynamicUser=yes\n"
                        "LoadCredential=event:/run/jobwatchd/events/%I.json\n")
        self.begin("test-end@%e.service", allow=("test-end@*.service",))
        self.wait_for("hook mine: delivered")
        event, = [entry for entry in self.events() if entry["JOBWATCH_EVENT"] == "succeeded"]
        said = [entry["MESSAGE"] for entry in self.journal() if entry.get("SYSLOG_IDENTIFIER") == "echo"]
        self.assertEqual(said, [f"instance {event['JOBWATCH_EVENT_ID']}, the event is for 11"])
        document, = [entry["MESSAGE"] for entry in self.journal() if entry.get("SYSLOG_IDENTIFIER") == "cat"]
        self.assertEqual(json.loads(document)["event_id"], event["JOBWATCH_EVENT_ID"])
        self.assertEqual(self.run_inside("ls", "/run/jobwatchd/events"), "")

    def test_hooks_directory(self):
        self.system.write("/etc/jobwatchd/hooks.d/10-say", "#!/bin/sh\necho $JOBWATCH_EVENT; cat\n", 0o755)
        self.begin("jobwatch-hook@%e.service", allow=("jobwatch-hook@*.service",))
        self.wait_for("hook mine: delivered")
        said = [entry["MESSAGE"] for entry in self.journal() if entry.get("SYSLOG_IDENTIFIER") == "run-hooks"]
        self.assertEqual(said[0], "succeeded")
        self.assertEqual(json.loads(said[1])["result"], "done")

    def test_failure(self):
        self.write_unit("test-end.service", ONE_SHOT.format("/bin/false"))
        self.begin("test-end.service", allow=("test-end.service",))
        self.wait_for("hook mine: delivery of .* failed .*unit test-end.service failed: exit status 1")
        self.assertEqual(self.show("test-end.service", "Result"), "exit-code")

    def test_too_long(self):
        self.write_unit("test-end.service", ONE_SHOT.format("/bin/sleep 60"))
        self.begin("test-end.service", allow=("test-end.service",), more="timeout = 1s\n")
        self.wait_for("hook mine: delivery of .* failed .*test-end.service did not finish within 1s")

    def test_missing(self):
        self.begin("test-nowhere.service", allow=("test-nowhere.service",))
        self.wait_for("hook mine: delivery of .* failed .*unit test-nowhere.service does not exist")

    def test_masked(self):
        self.system.path("/etc/systemd/system/test-end.service").symlink_to("/dev/null")
        self.systemctl("daemon-reload")
        self.begin("test-end.service", allow=("test-end.service",))
        self.wait_for("hook mine: delivery of .* failed .*unit test-end.service is masked")

    def test_condition(self):
        """A unit skipped by a condition counts as a success."""
        self.write_unit("test-end.service", "[Unit]\nConditionPathExists=/nowhere\n" + ONE_SHOT.format("/bin/false"))
        self.begin("test-end.service", allow=("test-end.service",))
        self.wait_for("hook mine: delivered")

    def test_denied(self):
        self.write_unit("test-end.service", ONE_SHOT.format("/bin/true"))
        self.write_unit("test-other.service", ONE_SHOT.format("/bin/true"))
        self.begin("test-end.service", allow=("test-other.service", "test-end@*.service"))
        self.wait_for("hook mine: delivery of .* failed .*not permitted to start unit test-end.service")
        self.assertEqual(self.show("test-end.service", "ActiveState"), "inactive")
        self.assertEqual(self.log("test-end.service"), "")
        self.allow("test-end.service")
        self.wait_for("hook mine: delivered")
        self.assertNotEqual(self.log("test-end.service"), "")


if __name__ == "__main__":
    unittest.main()
