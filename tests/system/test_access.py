# SPDX-License-Identifier: MIT
"""Who may use jobwatchctl in a real system, and what the others are told."""

import json
import unittest

from fixture import UNIT, TOKEN, SystemTest

EX_UNAVAILABLE, EX_NOPERM = 69, 77


class Access(SystemTest):
    def setUp(self):
        super().setUp()
        self.fake = self.start_fake("[job 11]\nstep = 0s Running\n[job 12]\nstep = 0s Running\n")
        self.configure(self.fake, (11,), "[hook note]\nexec = /bin/echo noted\n")

    def ctl(self, *words, user=None):
        """(exit status, what it printed)."""
        as_user = ("runuser", "-u", user, "--") if user else ()
        done = self.system.run(*as_user, "jobwatchctl", *words, check=False)
        return done.status, done.output

    def begin(self):
        self.start()
        self.wait_for("Job 11: first seen as Running")

    def test_root_may_do_everything(self):
        self.begin()
        self.assertEqual(self.ctl("add", "12"), (0, "Job 12 is watched from now on.\n"))
        self.wait_for("Job 12: first seen as Running")
        self.assertEqual([row["Id"] for row in json.loads(self.ctl("list", "--json=short")[1])], [11, 12])
        self.assertEqual(self.ctl("remove", "12"), (0, ""))
        self.assertEqual(self.ctl("poll"), (0, ""))
        status, said = self.ctl("test-hook", "note")
        self.assertEqual((status, said.splitlines()[0]), (0, "  noted"))
        self.assertEqual(self.ctl("status")[0], 0)

    def test_members_of_the_group_may_look_and_others_are_told_why_not(self):
        self.begin()
        self.run_inside("useradd", "--groups", "jobwatchd", "member")
        self.run_inside("useradd", "stranger")
        self.addCleanup(self.run_inside, "userdel", "member")
        self.addCleanup(self.run_inside, "userdel", "stranger")

        for command in (("list",), ("show", "11"), ("history",), ("deliveries",), ("statuses",), ("status",)):
            self.assertEqual(self.ctl(*command, user="member")[0], 0, command)
            self.assertEqual(self.ctl(*command, user="stranger"), (
                EX_NOPERM, "jobwatchctl: access denied by the system bus: only root and members of the group jobwatchd "
                           "may use jobwatchd\n"), command)
        for command in (("add", "12"), ("remove", "11"), ("poll",), ("test-hook", "note")):
            status, said = self.ctl(*command, user="member")
            self.assertEqual(status, EX_NOPERM, said)
            self.assertIn("jobwatchctl: not permitted", said)
        self.assertEqual(self.ctl("wait", "11", "--timeout=1s", user="member")[0], 124)

    def test_while_the_service_is_stopped(self):
        self.assertEqual(self.ctl("list"), (
            EX_UNAVAILABLE, "jobwatchctl: jobwatchd is not running: start it with 'systemctl start jobwatchd.service'\n"))

    def test_after_the_service_was_started_it_can_be_called_at_once(self):
        self.system.run("sh", "-c", f"systemctl start {UNIT} && jobwatchctl add 12")
        self.wait_for("Job 12: first seen as Running")

    def test_an_instance_whose_name_needs_escaping(self):
        self.configure(self.fake, (12,), path="/etc/jobwatchd/7-east.ini")
        self.system.write("/etc/jobwatchd/7-east.token", TOKEN + "\n", 0o600)
        self.start("jobwatchd@7-east.service")
        self.wait_for("Job 12: first seen as Running", "jobwatchd@7-east.service")
        self.assertEqual([row["Id"] for row in json.loads(self.ctl("-i", "7-east", "list", "--json=short")[1])], [12])
        self.assertEqual(self.ctl("list")[0], EX_UNAVAILABLE)


if __name__ == "__main__":
    unittest.main()
