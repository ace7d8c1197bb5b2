# SPDX-License-Identifier: MIT
"""jobwatchctl doctor on a real system: what is wrong with a machine is found, and what it says to do cures it."""

import json
import re
import time
import unittest

from fixture import ONE_SHOT, PATIENCE, STATE, UNIT, UnitHookTest
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

    def member(self):
        self.system.run("useradd", "-M", "-G", "jobwatchd", "member", check=False)
        return "member"

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
        self.finds("configuration", f'all users can read this secret; run "chmod 0600 {TOKEN_FILE}"', "warning")
        rows = {row["Check"]: row for row in self.findings(user=self.member())}
        self.assertEqual(rows["secrets"]["Verdict"], "skipped")
        self.assertRegex(self.doctor(user=self.member()).output, f"(?m)^warning +secrets +{TOKEN_FILE}: all users can read")
        self.follow([f"chmod 0600 {TOKEN_FILE}"])
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

    def test_a_journal_that_is_lost_at_a_restart(self):
        conf = "/etc/systemd/journald.conf.d/zz.conf"
        self.addCleanup(self.run_inside, "sh", "-c", "systemctl restart systemd-journald && journalctl --flush")
        self.addCleanup(self.system.remove, conf)
        self.start()
        self.system.write(conf, "[Journal]\nStorage=volatile\n")
        self.systemctl("restart", "systemd-journald")
        commands = self.finds("journal", "log entries are lost when the machine restarts", "warning")
        self.system.write(conf, "[Journal]\nStorage=persistent\n")
        self.follow(commands)
        self.run_inside("logger", "an entry")
        limit = time.monotonic() + PATIENCE
        while self.problems("journal") and time.monotonic() < limit:  # journald writes when it wants to
            time.sleep(0.1)
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

    def test_an_instance(self):
        self.system.write("/etc/jobwatchd/branch.token", TOKEN, 0o644)
        self.configure(self.fake, (11,), path="/etc/jobwatchd/branch.ini")
        self.start("jobwatchd@branch")
        rows = {row["Check"]: row for row in json.loads(self.doctor("-i", "branch", "--json=short").output)}
        self.assertEqual({check for check, row in rows.items() if row["Verdict"] != "ok"}, {"configuration"}, rows)
        self.assertRegex(rows["service"]["Text"], "jobwatchd@branch.service is running")
        self.assertRegex(rows["state"]["Text"], "^/var/lib/jobwatchd-branch, ")
        self.follow(re.findall('run "(chmod [^"]*/branch.token)"', rows["configuration"]["Text"]))
        said = self.doctor("-i", "branch")
        self.assertEqual({line.split()[0] for line in said.output.splitlines()}, {"ok"}, said.output)

    def test_what_a_member_of_the_group_cannot_check_is_said(self):
        self.start()
        rows = self.findings(user=self.member())
        self.assertEqual({row["Verdict"] for row in rows}, {"ok", "skipped"}, rows)
        skipped = {row["Check"]: row["Advice"] for row in rows if row["Verdict"] == "skipped"}
        self.assertEqual(skipped, dict.fromkeys(("secrets", "state"), "run 'sudo jobwatchctl doctor'"))


if __name__ == "__main__":
    unittest.main()
