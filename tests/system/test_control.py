# SPDX-License-Identifier: MIT
"""jobwatchctl and the D-Bus API on a real system bus: who may do what, and what other users of the bus can see."""

import json
import re
import time
import unittest

from fixture import PATIENCE, UNIT, SystemTest
from harness import TOKEN

MEMBER, STRANGER = "member", "stranger"
SECRET_TEXT = "Import of the payroll"
RULE = "/etc/polkit-1/rules.d/60-test.rules"
ALLOW = """\
polkit.addRule(function(action, subject) {
    if (action.id.indexOf("org.jobwatchd1.") == 0 && subject.user == "%s") {
        return polkit.Result.YES;
    }
});
"""
BUSCTL = ("busctl", "--system", "--json=short")
OBJECT = ("/org/jobwatchd1", "org.jobwatchd1.Manager")

USAGE, NOT_FOUND, UNAVAILABLE, NOT_PERMITTED = 64, 66, 69, 77


class Control(SystemTest):
    JOBS = (11, 12, 13)
    HOOK = "[hook note]\nexec = /bin/sh -c 'echo told about $JOBWATCH_JOB'\n[hook bad]\nexec = /bin/false\nretries = 0\n"

    def setUp(self):
        super().setUp()
        for user, groups in ((MEMBER, ("-G", "jobwatchd")), (STRANGER, ())):
            self.system.run("useradd", "-M", *groups, user, check=False)
        self.fake = self.start_fake("[jobs 11-13]\nstep = 0s Running | 3 of 7\n[jobs 21-29]\nstep = 0s Running | 0\n")
        for job in (11, 12, 13):
            self.fake.job(job, description=SECRET_TEXT)

    def begin(self):
        self.configure(self.fake, self.JOBS, self.HOOK)
        self.start()
        for job in self.JOBS:
            self.wait_for(f"Job {job}.*: first seen as Running")

    def control(self, *words, user="root", status=0):
        """Runs jobwatchctl as a user without a terminal; returns what it prints, errors included."""
        command = ("jobwatchctl", "--no-ask-password", *words)
        if user != "root":
            command = ("runuser", "-u", user, "--", *command)
        done = self.system.run(*command, check=False)
        self.assertEqual(done.status, status, f"{' '.join(map(str, command))}\n{done.output}\n{self.log()}")
        return done.output

    def rows(self, *words, **how):
        return json.loads(self.control("--json=short", *words, **how))

    def wait_until(self, condition):
        """For what cannot be awaited. Returns the result of the condition."""
        limit = time.monotonic() + PATIENCE
        while not (result := condition()):
            self.assertLess(time.monotonic(), limit, self.log())
            time.sleep(0.05)
        return result

    def id_of(self, user):
        return self.run_inside("id", "-u", user).strip()


class Commands(Control):
    def test_root_may_do_everything(self):
        self.begin()
        self.assertIn("3", self.control("status"))
        self.assertEqual(len(self.rows("list")), 3)
        self.assertIn("3 of 7", self.control("show", "12"))
        self.assertIn("seen", self.control("history"))
        self.control("statuses")
        self.control("recent")
        self.control("poll", "11")
        self.control("add", "21", "22", "--hook", "note")
        self.wait_for("Job 22.*: first seen as Running")
        self.assertEqual(len(self.rows("list")), 5)
        self.control("remove", "22")
        self.fake.job(22, status="Completed")
        self.fake.job(21, status="Completed")
        self.control("wait", "21", "--timeout", "30s")
        self.wait_for("Job 21.*hook note: delivered")
        self.assertNotRegex(self.log(), "Job 22.*Completed")
        self.assertIn("told about 21", self.control("test-hook", "note", "--job", "21"))
        self.fake.job(12, status="Failed")
        self.control("wait", "12", status=1)
        self.wait_for("Job 12.*hook bad.*")
        self.wait_until(lambda: self.rows("deliveries", "--failed"))
        self.control("retry", "--failed")
        self.control("remove", "4711", status=NOT_FOUND)
        self.control("lsit", status=USAGE)

    def test_drop(self):
        self.begin()
        self.fake.job(12, status="Failed")
        self.wait_for("Job 12.*hook bad: .*(abandoned|failed)")
        failed = self.wait_until(lambda: self.rows("deliveries", "--failed"))
        number = str(next(value for key, value in failed[0].items() if key.lower() == "id"))
        self.control("drop", number)
        self.assertEqual(self.rows("deliveries"), [])
        self.control("drop", number, status=NOT_FOUND)

    def test_no_daemon(self):
        self.assertRegex(self.control("list", status=UNAVAILABLE), "(?i)jobwatchd.*not running")

    def test_after_the_service_was_started_it_can_be_called_at_once(self):
        self.configure(self.fake, self.JOBS)
        self.run_inside("sh", "-c", f"systemctl start {UNIT} && jobwatchctl add 21")
        self.wait_for("Job 21.*: first seen as Running")

    def test_changes_survive_a_crash_of_the_service(self):
        self.begin()
        self.control("add", "21")
        self.control("remove", "13")
        self.system.run("systemctl", "kill", "--signal=KILL", UNIT)
        self.wait_for(r"jobwatchd \S+ started: watching 3 jobs")
        self.wait_show(UNIT, "ActiveState", "^active$")
        self.fake.job(13, status="Completed")
        self.fake.job(21, status="Completed")
        self.wait_for("Job 21.*Completed")
        self.assertNotRegex(self.log(), "Job 13.*Completed")

    def test_an_instance_whose_name_is_escaped(self):
        self.system.write("/etc/jobwatchd/7-b.token", TOKEN + "\n", 0o600)
        self.configure(self.fake, (23,), path="/etc/jobwatchd/7-b.ini")
        self.start("jobwatchd@7-b")
        self.wait_for("Job 23.*: first seen as Running", "jobwatchd@7-b.service")
        names = self.run_inside("busctl", "--system", "list")
        self.assertIn("org.jobwatchd1._37_2db", names)
        self.assertEqual(len(self.rows("-i", "7-b", "list")), 1)
        self.assertEqual(len(self.rows("-i", "7-b", "list", user=MEMBER)), 1)


class Permissions(Control):
    """polkit has no agent here, so what needs authentication is refused."""

    def test_a_member_of_the_group_reads(self):
        self.begin()
        self.assertEqual(len(self.rows("list", user=MEMBER)), 3)
        for command in (("status",), ("show", "11"), ("history",), ("deliveries",), ("statuses",)):
            self.control(*command, user=MEMBER)

    def test_a_member_changes_only_what_polkit_allows(self):
        if not self.system.path("/usr/lib/polkit-1/polkitd").exists():
            self.skipTest("polkit is not installed")
        self.begin()
        for command in (("add", "21"), ("remove", "11"), ("poll",), ("retry", "--failed"), ("test-hook", "note")):
            self.assertRegex(self.control(*command, user=MEMBER, status=NOT_PERMITTED), "(?i)permi|authenti|author")
        self.assertEqual(len(self.rows("list")), 3)

        self.addCleanup(self.system.remove, RULE)
        self.system.write(RULE, ALLOW % MEMBER)
        self.systemctl("try-restart", "polkit.service")
        self.control("add", "21", user=MEMBER)
        self.assertEqual(len(self.rows("list")), 4)
        self.assertIn(self.id_of(MEMBER), [entry.get("JOBWATCH_UID") for entry in self.journal("-u", UNIT)])

    def test_another_user_is_refused_and_told_why(self):
        self.begin()
        for command in (("list",), ("status",), ("add", "21")):
            self.assertRegex(self.control(*command, user=STRANGER, status=NOT_PERMITTED), "group .?jobwatchd")


class Bus(Control):
    def test_introspection_shows_the_api(self):
        self.begin()
        shown = self.run_inside("busctl", "--system", "introspect", "org.jobwatchd1", *OBJECT)
        for method in ("ListJobs", "GetJob", "ListEvents", "ListDeliveries", "ListStatuses", "Recent", "AddJobs", "RemoveJobs",
                       "Poll", "Retry", "Drop", "TestHook", "GetDelivery"):
            self.assertRegex(shown, rf"(?m)^\.{method} +method ")
        self.assertRegex(shown, r"(?m)^\.JobEvent +signal +tts ")

    def test_another_client(self):
        self.begin()
        said = self.run_inside(*BUSCTL, "call", "org.jobwatchd1", *OBJECT, "ListJobs", "a{sv}tu", "0", "0", "0")
        rows = json.loads(said)["data"][0]
        self.assertEqual([row["Id"]["data"] for row in rows], list(self.JOBS))
        self.assertEqual({row["Status"]["data"] for row in rows}, {"Running"})

    def test_signals_have_numbers_only(self):
        """Every user of the machine receives signals, and may be sent no text of a job."""
        self.begin()
        program = self.program("monitor", "#!/bin/sh\nexec timeout 30 busctl --system --json=short monitor > /var/lib/seen\n")
        self.addCleanup(self.system.remove, "/var/lib/seen")
        self.run_inside("systemd-run", "--quiet", "--unit=test-monitor", program)
        seen = self.system.path("/var/lib/seen")

        def monitor_has_begun():
            monitor_has_begun.number += 1
            self.fake.job(11, result=f"{SECRET_TEXT} {monitor_has_begun.number}")
            self.wait_for(rf"Job 11.*{SECRET_TEXT} {monitor_has_begun.number}\b")
            return seen.exists() and '"JobEvent"' in seen.read_text(errors="replace")

        monitor_has_begun.number = 0
        self.wait_until(monitor_has_begun)
        self.control("list", user=MEMBER)
        self.fake.job(12, status="Completed")
        self.wait_for("Job 12.*Completed")
        self.wait_until(lambda: '"succeeded"' in seen.read_text(errors="replace"))
        messages = [json.loads(line) for line in seen.read_text(errors="replace").splitlines() if line.startswith("{")]
        self.assertNotIn(TOKEN, seen.read_text(errors="replace"))
        signals = [message for message in messages if message.get("type") == "signal" and
                   message.get("interface") == "org.jobwatchd1.Manager"]
        self.assertTrue(signals)
        for message in signals:
            self.assertEqual(message["payload"]["type"], "tts")
            self.assertTrue(re.fullmatch("[a-z_]+", message["payload"]["data"][2]), message)
            self.assertNotIn(SECRET_TEXT, json.dumps(message))


if __name__ == "__main__":
    unittest.main()
