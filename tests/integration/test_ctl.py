# SPDX-License-Identifier: MIT
"""Commands of jobwatchctl with the real daemon: what each shows and changes."""

import time
import unittest

from ctl_rig import ThreeJobs
from harness import EX_JOB_FAILED

EX_UNKNOWN = 66


class Show(ThreeJobs):
    def test_one_job(self):
        self.start_three()
        shown = self.out("show", "5")
        self.assertRegex(shown, r"^Job 5 \(members\)\n")
        for line in (r"Description: Import of members", r"Status: Running \[open\]", r"Since: \w{3} \d{4}-\d\d-\d\d .*ago|now",
                     r"Business: Soho \(7\)", r"Watched: listed in the configuration, polled every 100ms"):
            self.assertRegex(shown, rf"(?m)^ +{line}")
        self.assertTrue(shown.endswith('\nResult (11 bytes):\n{"rows": 4}\n'), shown)

    def test_the_result_is_whole(self):
        self.start("[job 5]\nresult_size = 300000\nstep = 0s Failed | x\n", [5])
        self.daemon.wait_for(r"Job 5.*\[failed")
        job = self.json("show", "5")
        self.assertEqual((len(job["Result"].encode()), job["ResultBytes"]), (300000, 300000))

    def test_texts_that_are_hostile_to_terminals(self):
        """Escape sequences of a result are not passed on; its lines are kept."""
        self.start("[job 5]\nstep = 0s Running\n", [5])
        self.daemon.wait_for(r"Job 5.*\[seen")
        self.fake.job(5, status="Failed", result="x\x1b]0;t\x07\ny\u202e")
        self.wait_until(lambda: "\ny" in self.json("show", "5").get("Result", ""))
        for command in ("show", "history", "wait"):
            done = self.ctl(command, "5")
            self.assertNotRegex(done.stdout + done.stderr, "[\x00-\x09\x0b-\x1f\u202e]")
        self.assertIn("\nx\\x1b]0;t\\x07\ny\\u202e\n", self.out("show", "5"))

    def test_an_unknown_job(self):
        self.start_three()
        self.says(EX_UNKNOWN, "no such job: 99$", "show", "99")


class History(ThreeJobs):
    def test_events_the_latest_last(self):
        self.start_three()
        self.fake.job(5, status="Completed", result="done")
        self.daemon.wait_for(r"Job 5 .*\[succeeded")
        rows = self.json("history")
        self.assertEqual([(row["Job"], row["Event"]) for row in rows][-1], (5, "succeeded"))
        self.assertEqual([row["Sequence"] for row in rows], [1, 2, 3, 4])
        self.assertRegex(self.out("history").splitlines()[-3],
                         r"^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d +5 members +succeeded Running → Completed +done$")

        self.assertEqual([row["Sequence"] for row in self.json("history", "-n", "2")], [3, 4])
        self.assertEqual([row["Event"] for row in self.json("history", "5")], ["seen", "succeeded"])
        self.assertEqual([row["Event"] for row in self.json("history", "5", "-n", "1")], ["succeeded"])
        self.assertEqual(len(self.json("history", "--since=1h")), 4)
        self.assertEqual(self.json("history", "--since=@" + str(int(time.time()) + 60)), [])
        self.assertEqual(self.out("history", "99"), "0 events.\n")

    def test_more_events_than_a_page(self):
        self.start("[jobs 1-2500]\nstep = 0s Completed\n", range(1, 2501), poll={"batch": "auto", "interval": "10s",
                                                                                "max_interval": "10s"},
                   log={"level": "warning"})
        self.wait_until(lambda: self.json("status")["Succeeded"] == 2500)
        for words, count in {("-n", "2400"): 2400, ("--since=1h",): 2500, (): 100}.items():
            sequences = [row["Sequence"] for row in self.json("history", *words)]
            self.assertEqual(sequences, list(range(2501 - count, 2501)))


class Status(ThreeJobs):
    def test_a_service_without_problems(self):
        self.start_three()
        shown = self.out("status")
        self.assertRegex(shown, r"^● jobwatchd.service, jobwatchd \d.*: no problems\n")
        self.assertRegex(shown, r"(?m)^ +Jobs: 3 watched: 1 open, 1 succeeded, 1 failed or gone$")
        self.assertRegex(shown, r"(?m)^ +API: ok$")
        self.assertRegex(shown, r"(?m)^ +Deliveries: 0 pending, 0 failed$")

    def test_a_problem_is_named_and_the_exit_status_is_1(self):
        self.start_three()
        self.fake.stop()
        self.daemon.wait_for("Cannot reach the API")
        self.wait_until(lambda: self.ctl("status").returncode == EX_JOB_FAILED)
        shown = self.out("status", status=EX_JOB_FAILED)
        self.assertRegex(shown, r"^● jobwatchd.service, .*: problems, see below\n")
        self.assertRegex(shown, r"(?m)^ +API: unreachable")
        self.assertRegex(shown, r"(?s)\n\n.*[Aa]PI.*\.?\n$")

    def test_statuses_and_what_they_count_as(self):
        self.start("[job 5]\nstep = 0s Odd one\n[job 6]\nstep = 0s Completed\n", [5, 6])
        self.daemon.wait_for(r"Job 5.*\[seen")
        self.daemon.wait_for(r"Job 6.*\[succeeded")
        shown = self.out("statuses")
        self.assertRegex(shown, r"(?m)^Odd one +open \(unrecognised\) +1 +1 ")
        self.assertRegex(shown, r"(?m)^Completed +success +1 +1 ")


if __name__ == "__main__":
    unittest.main()
