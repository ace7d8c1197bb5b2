# SPDX-License-Identifier: MIT
"""jobwatchctl doctor on a real system: what is wrong with a machine is found, and what it says to do cures it."""

import json
import re
import unittest

from fixture import ONE_SHOT, STATE, UNIT, UnitHookTest
from harness import TOKEN

TOKEN_FILE = "/etc/jobwatchd/nexudus.token"
PROGRAM = "/home/test/notify"
UNIT_HOOK = "[hook next]\nunit = test-next@%i.service\n"


class Doctor(UnitHookTest):
    def setUp(self):
        super().setUp()
        self.fake = self.start_fake("[jobs 11-13]\nstep = 0s Running\n")
        self.configure(self.fake, (11, 12, 13))

    def doctor(self, *options, user="root"):
        command = ("jobwatchctl", *options, "doctor")
        if user != "root":
            command = ("runuser", "-u", user, "--", *command)
        return self.system.run(*command, check=False)

    def findings(self, **how):
        return json.loads(self.doctor("--json=short", **how).output)

    def problems(self, check=None):
        """The findings that are a warning or a failure."""
        return [row for row in self.findings() if row["Verdict"] in ("warning", "failure") and check in (None, row["Check"])]

    def finds(self, check, pattern, verdict="failure"):
        """The problem, in a line that says what to do. Returns the commands that the line tells to run."""
        found = [row for row in self.problems(check) if re.search(pattern, row["Text"])]
        self.assertEqual([row["Verdict"] for row in found], [verdict], self.doctor().output)
        self.assertEqual(self.doctor().status, 1 if verdict == "failure" else 0)
        return re.findall(r"'([a-z][^']*)'", found[0].get("Advice", ""))

    def follow(self, commands):
        self.assertTrue(commands)
        for command in commands:
            self.run_inside("sh", "-ec", command)

    def is_well(self):
        said = self.doctor()
        self.assertEqual((said.status, self.problems()), (0, []), said.output)

    def restart(self):
        self.systemctl("restart", UNIT)


class Machine(Doctor):
    def test_nothing_is_wrong(self):
        self.configure(self.fake, (11, 12, 13), UNIT_HOOK)
        self.write_unit("test-next@.service", ONE_SHOT.format("/bin/true"))
        self.allow("test-next@*.service")
        self.start()
        self.is_well()
        self.assertEqual({row["Verdict"] for row in self.findings()}, {"ok"}, self.doctor().output)
        self.assertRegex(self.doctor().output, r"(?m)\Aok +configuration +/etc/jobwatchd/jobwatchd\.ini is valid$")

    def test_a_token_that_every_user_can_read(self):
        self.start()
        self.system.path(TOKEN_FILE).chmod(0o644)
        self.follow(self.finds("secrets", f"{TOKEN_FILE} can be read by every user")[:1])
        self.assertEqual(self.system.path(TOKEN_FILE).stat().st_mode & 0o777, 0o640)
        self.is_well()

    def test_a_byte_order_mark_in_the_token(self):
        self.start()
        self.system.write(TOKEN_FILE, b"\xef\xbb\xbf" + TOKEN.encode(), 0o600)
        self.finds("configuration", rf"{TOKEN_FILE} begins with a byte order mark; save it (as UTF-8 )?without")
        self.system.write(TOKEN_FILE, TOKEN.encode(), 0o600)
        self.is_well()

    def test_a_hook_program_that_the_sandbox_hides(self):
        self.addCleanup(self.run_inside, "rm", "-rf", "/home/test", "/usr/local/lib/jobwatchd")
        self.system.write(PROGRAM, "#!/bin/sh\n", 0o755)
        self.configure(self.fake, (11,), f"[hook mine]\nexec = {PROGRAM}\n")
        self.start()
        self.finds("configuration", "/home, which the sandbox of the service hides; move it, for instance to "
                   "/usr/local/lib/jobwatchd", "warning")
        self.run_inside("mkdir", "/usr/local/lib/jobwatchd")
        self.run_inside("mv", PROGRAM, "/usr/local/lib/jobwatchd")
        self.configure(self.fake, (11,), "[hook mine]\nexec = /usr/local/lib/jobwatchd/notify\n")
        self.restart()
        self.is_well()

    def test_an_invalid_drop_in(self):
        self.start()
        self.system.write("/etc/jobwatchd/jobwatchd.ini.d/50-mine.ini", "[poll]\nintervall = 5s\n")
        self.finds("configuration", r'/jobwatchd\.ini\.d/50-mine\.ini:2: .*did you mean "?interval"?\?')
        self.system.write("/etc/jobwatchd/jobwatchd.ini.d/50-mine.ini", "[poll]\ninterval = 5s\nmax_interval = 5s\n")
        self.restart()
        self.is_well()

    def test_a_service_that_does_not_run(self):
        self.follow(self.finds("service", f"{UNIT} is not running"))
        self.is_well()

    def test_a_state_directory_of_another_user(self):
        self.start()
        self.systemctl("stop", UNIT)
        self.run_inside("chown", "root:", STATE)
        self.follow(self.finds("state", f"{STATE}, or a file in it, does not belong to the user jobwatchd"))
        self.start()
        self.is_well()

    def test_a_unit_that_does_not_exist(self):
        self.configure(self.fake, (11,), UNIT_HOOK)
        self.allow("test-next@*.service")
        self.start()
        commands = self.finds("units", r"there is no unit test-next@\.service$")
        self.system.write("/etc/systemd/system/test-next@.service", ONE_SHOT.format("/bin/true"))
        self.follow(commands)
        self.is_well()

    def start_without_a_rule(self):
        self.configure(self.fake, (11,), UNIT_HOOK)
        self.write_unit("test-next@.service", ONE_SHOT.format("/bin/true"))
        self.system.remove(self.RULES)

    def follow_rule(self):
        self.follow(self.finds("polkit", r"polkit does not let the service start test-next@\*\.service"))
        rules = self.system.path(self.RULES)
        rules.write_text(rules.read_text().replace("Units = [\n", 'Units = [\n    "test-next@*.service",\n'))
        self.systemctl("try-restart", "polkit.service")

    def test_a_unit_hook_without_a_rule(self):
        self.start_without_a_rule()
        self.start()
        self.follow_rule()
        self.is_well()

    def test_a_unit_hook_without_a_rule_and_without_the_service(self):
        self.start_without_a_rule()
        self.follow_rule()
        self.assertEqual(self.problems("polkit"), [])

    def test_what_a_member_of_the_group_cannot_check_is_said(self):
        self.system.run("useradd", "-M", "-G", "jobwatchd", "member", check=False)
        self.start()
        rows = self.findings(user="member")
        self.assertEqual({row["Verdict"] for row in rows}, {"ok", "skipped"}, rows)
        skipped = {row["Check"]: row["Advice"] for row in rows if row["Verdict"] == "skipped"}
        self.assertEqual(skipped, dict.fromkeys(("secrets", "state"), "run 'sudo jobwatchctl doctor'"))


if __name__ == "__main__":
    unittest.main()
