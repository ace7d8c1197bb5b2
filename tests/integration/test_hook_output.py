#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What is logged about a delivery: its own entries, and what the program of an exec hook prints."""

import os
import re
import unittest

from evidence import Database
from fake_journal import FakeJournal, may_mount
from harness import EX_JOB_FAILED, EX_OK, PATIENCE, SLOW, IntegrationTest


class OutputTest(IntegrationTest):
    def script(self, name, body, interpreter="/bin/sh"):
        path = self.directory / name
        path.write_text(f"#!{interpreter}\n{body}\n")
        path.chmod(0o755)
        return path


@unittest.skipIf(may_mount(), str(may_mount()))
class Entries(OutputTest):
    def setUp(self):
        super().setUp()
        self.journal = FakeJournal(self.directory / "journal")
        self.addCleanup(self.journal.stop)

    def run_hook(self, more, jobs=(11,), options=("--exit-when-done",), statuses=(EX_OK,)):
        fake = self.start_fake("[jobs 11-13]\nstep = 0s Completed\n")
        self.write_config(fake, jobs, more=more, log={"target": "journal"})
        daemon = self.start_daemon(*options, before=self.journal.in_front())
        status = daemon.wait_exit(4 * PATIENCE)  # tens of thousands of entries may have to be read
        self.assertIn(status, statuses)
        self.assertEqual(daemon.text(), "", "all goes to the journal")
        return self.journal.entries()

    @staticmethod
    def printed(entries):
        return [entry for entry in entries if entry["SYSLOG_IDENTIFIER"].startswith("jobwatch-")]

    def run_program(self, body, interpreter="/bin/sh"):
        """What was logged of what it prints: (message, priority)."""
        program = self.script("hook", body, interpreter)
        return [(entry["MESSAGE"], entry["PRIORITY"]) for entry in
                self.printed(self.run_hook(f"[hook mine]\nexec = {program}\n"))]

    def test_the_life_of_a_job(self):
        """All that concerns a job is found by its number, and what two jobs cause the same hook to print is told apart."""
        program = self.script("hook", "echo begins >&2\necho '<4>about' $JOBWATCH_JOB")
        entries = self.run_hook(f"[hook mine]\nexec = {program}\n[job named]\nid = 13\n", jobs=(11, 12))
        for entry in entries:
            self.assertRegex(entry.pop("JOBWATCH_TIME"), r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$")
        for job in 11, 12, 13:
            life = [entry for entry in entries if entry.get("JOBWATCH_JOB") == str(job)]
            event, = [entry for entry in life if "JOBWATCH_EVENT" in entry]
            fields = {"JOBWATCH_JOB": str(job), "JOBWATCH_EVENT_ID": event["JOBWATCH_EVENT_ID"], "JOBWATCH_HOOK": "mine",
                      "JOBWATCH_ATTEMPT": "1", **({"JOBWATCH_JOB_NAME": "named"} if job == 13 else {})}
            about = " (named)" if job == 13 else ""
            self.assertEqual([entry for entry in life if entry is not event], [
                {"MESSAGE": "begins", "PRIORITY": "6", "SYSLOG_IDENTIFIER": "jobwatch-mine", **fields},
                {"MESSAGE": f"about {job}", "PRIORITY": "4", "SYSLOG_IDENTIFIER": "jobwatch-mine", **fields},
                {"MESSAGE": f"Job {job}{about}: hook mine: delivered \"succeeded\" (attempt 1)", "PRIORITY": "6",
                 "SYSLOG_IDENTIFIER": "jobwatchd", **fields}])

    def test_each_attempt_has_its_number(self):
        program = self.script("hook", "echo says $JOBWATCH_ATTEMPT\nexit 3")
        more = f"[hook mine]\nexec = {program}\nretries = 1\n"
        told = self.run_hook(more, options=("--once",))
        Database(self.state).hurry()
        self.journal = FakeJournal(self.directory / "journal-2")
        self.addCleanup(self.journal.stop)
        told += self.run_hook(more, options=("--once",))
        about = [(entry["JOBWATCH_ATTEMPT"], re.sub(r"^Job 11: |retrying in.*", "", entry["MESSAGE"]), entry["PRIORITY"])
                 for entry in told if "JOBWATCH_ATTEMPT" in entry]
        self.assertEqual(about, [
            ("1", "says 1", "6"),
            ("1", 'hook mine: delivery of "succeeded" failed (attempt 1 of 2): exit status 3; ', "4"),
            ("2", "says 2", "6"),
            ("2", 'hook mine: abandoned "succeeded" after 2 attempts: exit status 3', "3")])
        ids = {entry["JOBWATCH_EVENT_ID"] for entry in told if "JOBWATCH_JOB" in entry}
        self.assertEqual(len(ids), 1)

    def test_hooks_of_other_kinds(self):
        """An url that nothing listens to, and a unit without a system bus."""
        entries = self.run_hook("[hook web]\nurl = http://127.0.0.1:1/\nretries = 0\n"
                                "[hook unit]\nunit = none.service\nretries = 0\n", statuses=(EX_OK, EX_JOB_FAILED))
        told = {entry["JOBWATCH_HOOK"]: entry for entry in entries if "JOBWATCH_HOOK" in entry}
        self.assertEqual(set(told), {"web", "unit"})
        for entry in told.values():
            self.assertRegex(entry["MESSAGE"], "abandoned")
            self.assertEqual((entry["JOBWATCH_JOB"], entry["JOBWATCH_ATTEMPT"]), ("11", "1"))
            self.assertIn("JOBWATCH_EVENT_ID", entry)

    def test_long_lines_are_split_between_characters(self):
        said = self.run_program("import sys\nprint('<3>x' + 'é' * 5000)\nprint('y' * 4096)\nprint('z' * 4097)", "/usr/bin/python3")
        self.assertEqual(said, [("x" + "é" * 2046, "3"), ("é" * 2048, "3"), ("é" * (5000 - 2046 - 2048), "3"),
                                ("y" * 4096, "6"), ("z" * 4096, "6"), ("z", "6")])

    def test_lines(self):
        """Empty lines and blanks at the end are dropped; what is no line at the end of the output is one."""
        self.assertEqual(self.run_program(r"printf 'one\r\n\n  two  \t\n<9>three\n<1>\n<>\n< 3>four\n<7>fi'; sleep 0.1; printf ve"),
                         [("one", "6"), ("  two", "6"), ("<9>three", "6"), ("<>", "6"), ("< 3>four", "6"), ("five", "7")])

    def test_any_bytes(self):
        said = self.run_program("import os\nos.write(1, b'a\\xff\\x00b\\x1b[31mc\\n')", "/usr/bin/python3")
        self.assertEqual(said, [("a\\xff\0b\x1b[31mc", "6")])

    def test_a_mebibyte_of_it(self):
        """Then one message; the program is not held up and has succeeded."""
        program = self.script("hook", f"yes {'x' * 127} | head -n 100000")
        entries = self.run_hook(f"[hook mine]\nexec = {program}\ntimeout = 1min\n")
        self.assertEqual(len(self.printed(entries)), (1 << 20) // 128)
        about = [entry for entry in entries if "JOBWATCH_HOOK" in entry and entry["SYSLOG_IDENTIFIER"] == "jobwatchd"]
        self.assertEqual([(entry["MESSAGE"], entry["PRIORITY"]) for entry in about], [
            ("Job 11: hook mine (attempt 1): printed more than 1 MiB; the rest is discarded", "4"),
            ('Job 11: hook mine: delivered "succeeded" (attempt 1)', "6")])


class Console(OutputTest):
    def test_nothing_controls_the_terminal(self):
        program = self.script("hook", "import os\nos.write(1, b'a\\x1b]0;x\\x07\\xff\\xc2\\x9b31m\\rb\\ngut: \\xc3\\xa9\\n')",
                              "/usr/bin/python3")
        self.write_config(self.start_fake("[job 11]\nstep = 0s Completed\n"), [11], more=f"[hook mine]\nexec = {program}\n")
        daemon = self.assertEnds(EX_OK, "--exit-when-done")
        self.assertIn("a\\x1b]0;x\\x07\\xff\\u009b31m\\rb", daemon.lines)
        self.assertIn("gut: é", daemon.lines)

    def test_polling_goes_on(self):
        """While a hook prints as fast as it can, another job is polled and its hook runs."""
        endless = self.script("endless", "yes")
        fake = self.start_fake("[job 11]\nstep = 0s Completed\n[job 12]\nstep = 0s Running\n")
        self.write_config(fake, [11], more=f"[job quiet]\nid = 12\nhooks = quick\n[hook endless]\nexec = {endless}\n"
                                           "[hook quick]\non = changed\nexec = /bin/echo it is quick\n")
        daemon = self.start_daemon()
        daemon.wait_for(r"hook endless \(attempt \d+\): printed more than 1 MiB")
        begin = fake.stats()["seconds"]
        fake.polls(20, 12)
        self.assertLess(fake.stats()["seconds"] - begin, 10 * SLOW, "every 100 ms")
        fake.job(12, status="Completed")
        daemon.wait_for("Job 12.*: hook quick: delivered")
        daemon.stop()

    def test_many_background_processes(self):
        """Each keeps the output of its hook open. Those of the 64 latest are read, and those before are closed."""
        gate = self.directory / "gate"
        os.mkfifo(gate)
        program = self.script("hook", f"(: <{gate}; echo late) &")
        fake = self.start_fake("[jobs 1-80]\nstep = 0s Completed\n[job 100]\nstep = 0s Running\n")
        self.write_config(fake, [*range(1, 81), 100], more=f"[hook mine]\nexec = {program}\n")
        daemon = self.start_daemon()
        daemon.wait_for("hook mine: delivered", count=80)
        with gate.open("wb", buffering=0):
            daemon.wait_for("^late$", count=64)
        self.assertEqual(daemon.count(r"hook mine \(attempt \d+\): the output of its background processes is no longer read: "), 80 - 64)
        daemon.stop()
        self.assertEqual(daemon.count("^late$"), 64)


if __name__ == "__main__":
    unittest.main()
