# SPDX-License-Identifier: MIT
"""What jobwatchctl changes, with the real daemon: jobs, deliveries, and waiting for jobs that were not watched."""

import signal
import unittest

from ctl_rig import THREE, ThreeJobs, Waiting, Waits
from harness import EX_JOB_FAILED, EX_OK, EX_USAGE

EX_UNKNOWN = 66


class Changes(ThreeJobs):
    def test_add_a_job_by_name_and_remove_it(self):
        self.start_three()
        self.fake.job(8, status="Running")
        self.assertEqual(self.out("add", "8", "--name", "plans"), "Job 8 is watched from now on.\n")
        self.daemon.wait_for(r"Job 8 \(plans\).*\[seen")
        self.assertEqual(self.out("add", "8"), "Job 8 was watched already.\n")
        self.assertRegex(self.out("show", "8"), r"(?m)^ +Watched: added")
        self.assertEqual(self.out("remove", "8"), "")
        self.assertNotIn(8, [row["Id"] for row in self.json("list", "--open") if not row["Removed"]])
        self.says(EX_UNKNOWN, ".*99", "remove", "99")
        self.out("remove", "5")
        self.assertRegex(self.out("list", "5"), r"(?m)^ *5 members Running \(removed\) ")
        self.assertRegex(self.out("show", "5"), r"(?m)^ +Watched: no: removed$")

    def test_why_an_added_job_is_not_read(self):
        self.start_three()
        self.out("add", "99")
        self.wait_until(lambda: "Failing" in self.json("show", "99"))
        self.assertRegex(self.out("list", "99"), r"(?m)^ *99 - +- \(not found\) ")
        self.assertRegex(self.out("show", "99"), r"(?m)^ +Status: not read yet: not found$")

    def test_add_with_a_hook(self):
        note = self.directory / "note"
        self.start_three(f"[hook note]\nexec = /bin/sh -c 'echo $JOBWATCH_JOB >> {note}'\n")
        self.fake.job(8, status="Completed")
        self.out("add", "8", "--hook", "note")
        self.wait_until(lambda: note.exists() and "8\n" in note.read_text())
        self.says(EX_UNKNOWN, "no such hook: nohook$", "add", "8", "--hook", "nohook")
        self.says(EX_UNKNOWN, r"no such hook: noet; did you mean 'note'\?", "add", "8", "--hook", "noet")

    def test_more_jobs_than_a_call_may_have(self):
        """They are sent in several; if one fails, what was done before is said."""
        self.start_three()
        jobs = range(1000, 3500)
        self.fake.fault("many", path="*", status=500)
        added = self.out("add", *reversed(jobs), 1000).splitlines()
        self.assertTrue(sorted(added) == [f"Job {job} is watched from now on." for job in jobs])
        self.assertTrue([row["Id"] for row in self.json("list", "--open")] == [5, *jobs])
        self.assertEqual(self.out("poll", *jobs), "")
        self.assertEqual(self.json("history", *range(6, 3500)), self.json("history", "6", "7"))

        waiting = Waiting(self, *jobs)
        done = self.ctl("remove", *jobs, 9999)
        self.assertEqual(done.returncode, EX_UNKNOWN)
        self.assertRegex(done.stderr, "^jobwatchctl: .*9999.*\n"
                                      "jobwatchctl: 2000 of 2501 IDs were sent before, and this is done\n$")
        self.assertEqual(waiting.end()[0], EX_UNKNOWN)
        self.out("remove", *range(3000, 3500))
        self.assertEqual([row["Id"] for row in self.json("list", "--open") if not row["Removed"]], [5])

    def test_poll_now(self):
        self.start(THREE, [5], poll={"interval": "1h", "max_interval": "1h"})
        self.daemon.wait_for(r"Job 5.*\[seen")
        self.fake.job(5, status="Completed")
        self.assertEqual(self.out("poll", "5"), "")
        self.daemon.wait_for(r"Job 5.*\[succeeded")
        self.says(EX_UNKNOWN, ".*99", "poll", "99")
        self.assertEqual(self.out("poll"), "")


class Deliveries(ThreeJobs):
    def start_failing(self, retries=1):
        self.flag = self.directory / "flag"
        self.start_three(f"[hook note]\nexec = /bin/sh -c 'echo said; test -e {self.flag}'\nretries = {retries}\n")

    def test_failed_deliveries_are_listed_and_retried(self):
        self.start_failing(retries=0)
        self.wait_until(lambda: len(self.json("deliveries", "--failed")) == 2)
        [row] = [row for row in self.json("deliveries") if row["Job"] == 7]
        self.assertEqual((row["Hook"], row["Event"], row["State"]), ("note", "failed", "failed"))
        self.assertRegex(self.out("deliveries"), rf"(?m)^ *{row['Id']} note +7 failed +failed +1 +- +.*exit")
        self.assertEqual(self.json("deliveries", "--pending"), [])

        self.flag.touch()
        self.assertEqual(self.out("retry", row["Id"]), "")
        self.daemon.wait_for(r"Job 7.*hook note: delivered")
        self.assertEqual(self.out("retry", "--failed"), "")
        self.daemon.wait_for(r"Job 6.*hook note: delivered")
        self.wait_until(lambda: self.json("deliveries") == [])
        self.says(EX_UNKNOWN, ".*99", "retry", "99")

    def test_drop(self):
        self.start_failing(retries=5)
        self.wait_until(lambda: len(self.json("deliveries", "--pending")) == 2)
        ids = [row["Id"] for row in self.json("deliveries")]
        self.assertEqual(self.out("drop", *ids), "")
        self.assertEqual(self.out("deliveries"), "0 deliveries.\n")
        self.says(EX_UNKNOWN, ".*99", "drop", "99")

    def test_a_hook_is_run_with_a_made_up_event(self):
        self.start_failing()
        self.flag.touch()
        self.assertRegex(self.out("test-hook", "note"), r"^  said\nHook note: succeeded after \d+\S*ms\n$")
        self.flag.unlink()
        self.assertRegex(self.out("test-hook", "note", "--event=failed", status=EX_JOB_FAILED),
                         r"^  said\nHook note: failed after .*ms: .*1")
        before = len(self.json("history"))
        result = self.json("test-hook", "note", "--job=5", status=EX_JOB_FAILED)
        self.assertEqual((result["State"], result["Output"]), ("failed", "said"))
        self.assertEqual(len(self.json("history")), before)
        self.says(EX_UNKNOWN, "no such hook: nohook$", "test-hook", "nohook")
        self.says(EX_UNKNOWN, r"no such hook: noe; did you mean 'note'\?", "test-hook", "noe")
        self.says(EX_USAGE, "no such event: ended; use one of seen, changed, succeeded, failed, gone, stalled, api_down, "
                            "api_refused, api_ok$", "test-hook", "note", "--event=ended")


class Added(Waits):
    def test_it_is_added_if_wanted(self):
        self.start_one()
        self.fake.job(8, status="Running")
        waiting = Waiting(self, 8, "--add")
        self.daemon.wait_for(r"Job 8.*\[seen")
        self.fake.job(8, status="Completed")
        self.assertEqual(waiting.end(), (EX_OK, "Job 8: Completed\n"))

    def test_an_added_job_that_has_ended_already(self):
        self.start_one()
        self.fake.job(8, status="Failed")
        self.assertEqual(self.out("wait", "8", "--add", status=EX_JOB_FAILED), "Job 8: Failed\n")

    def test_a_job_that_is_removed_meanwhile(self):
        self.start_one()
        waiting = Waiting(self, 5, "--add")
        waiting.wait_until_idle()
        self.out("remove", "5")
        self.assertEqual(waiting.end(), (EX_UNKNOWN, "jobwatchctl: job 5 is not watched any more\n"))

    def test_a_removed_job_is_added_again_if_wanted(self):
        self.start_one()
        self.out("remove", "5")
        self.says(EX_UNKNOWN, "job 5 is not watched", "wait", "5")
        waiting = Waiting(self, 5, "--add")
        self.fake.job(5, status="Completed")
        self.assertEqual(waiting.end()[0], EX_OK)

    def test_an_added_job_is_waited_for_across_restarts(self):
        self.start_one()
        self.fake.job(8, status="Running")
        waiting = Waiting(self, 8, "--add")
        self.daemon.wait_for(r"Job 8.*\[seen")
        waiting.wait_until_idle()
        self.stop(signal.SIGKILL)
        self.start_again()
        self.fake.job(8, status="Completed")
        self.assertEqual(waiting.end(), (EX_OK, "Job 8: Completed\n"))


if __name__ == "__main__":
    unittest.main()
