#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Restarts: nothing is reported twice, and changes made in the meantime are reported."""

import signal
import unittest

from harness import EX_JOB_FAILED, EX_OK, IntegrationTest


class Restart(IntegrationTest):
    def setUp(self):
        super().setUp()
        self.fake = self.start_fake("[job 11]\nstep = 0s Running | a\n[job 12]\nstep = 0s Completed\n"
                                    "[job 13]\nstep = 0s Failed\n")
        self.write_config(self.fake, [11, 12, 13])

    def first_run(self, how=signal.SIGTERM):
        daemon = self.start_daemon()
        daemon.wait_for(r"\[(seen|succeeded|failed)", count=3)
        self.fake.polls(1, 11)
        daemon.stop(how)

    def test_nothing_is_reported_again(self):
        self.first_run()
        again = self.start_daemon()
        self.fake.polls(3, 11)
        self.assertEqual(again.stop(), EX_OK)
        self.assertEqual(again.events(), [], again.text())
        self.assertRegex(again.text(), r"1 open, 2 finished")

    def test_after_a_kill_only_entries_since_the_last_commit_are_repeated(self):
        """Of an entry that was sent, the next commit says so."""
        daemon = self.start_daemon()
        daemon.wait_for(r"\[(seen|succeeded|failed)", count=3)
        self.fake.polls(1, 11)
        self.fake.job(11, result="b")
        daemon.wait_for(r"result is now b")
        daemon.stop(signal.SIGKILL)
        again = self.start_daemon()
        self.fake.polls(3, 11)
        self.assertEqual(again.stop(), EX_OK)
        self.assertLessEqual(len(again.events()), 1, again.text())
        self.assertLessEqual(set(again.events()), set(daemon.events()))

        third = self.start_daemon()
        self.fake.polls(3, 11)
        third.stop()
        self.assertEqual(third.events(), [], third.text())

    def test_ended_jobs_are_not_asked_again(self):
        self.first_run()
        before = self.fake.stats()["last_seq"]
        again = self.start_daemon()
        self.fake.polls(3, 11)
        again.stop()
        asked = {request["path"] for request in self.fake.requests() if request["seq"] > before}
        self.assertEqual([path.rsplit("/", 1)[1] for path in asked], ["11"])

    def test_a_change_while_down_is_reported(self):
        self.first_run()
        self.fake.job(11, result="b")
        again = self.start_daemon()
        again.wait_for(r"Job 11: Running, result is now b \[changed")
        again.stop()
        self.assertEqual(len(again.events()), 1, again.text())

    def test_an_end_while_down_is_reported(self):
        self.first_run()
        self.fake.job(11, status="Completed")
        again = self.start_daemon("--exit-when-done")
        self.assertEqual(again.wait_exit(), EX_JOB_FAILED, "13 failed in the first run")
        self.assertEqual(again.events(), [(11, "succeeded", "Running → Completed: a")])

    def test_all_ended_before(self):
        self.write_config(self.fake, [12])
        self.assertEnds(EX_OK, "--exit-when-done")
        before = self.fake.stats()["requests"]
        again = self.assertEnds(EX_OK, "--exit-when-done")
        self.assertEqual(again.events(), [])
        self.assertEqual(self.fake.stats()["requests"], before)

    def test_job_option_asks_for_an_ended_job_again(self):
        self.first_run()
        before = self.fake.stats()["last_seq"]
        again = self.start_daemon("--job", 12)
        self.fake.wait(1, before, path="*/12")
        self.fake.polls(2, 11)
        self.assertEqual(again.stop(), EX_OK)
        self.assertEqual(again.events(), [], "it is as it was")

    def test_job_option_polls_an_ended_job(self):
        self.first_run()
        self.fake.job(12, status="Failed")
        again = self.start_daemon("--job", 12)
        again.wait_for(r"Job 12: Completed → Failed(: .*)? \[failed")
        again.stop()
        self.assertEqual(len(again.events()), 1)

    def test_job_option_adds_a_job(self):
        self.write_config(self.fake, [12])
        daemon = self.start_daemon("--job", 11)
        daemon.wait_for(r"Job 11: first seen as Running")
        daemon.wait_for(r"Job 12: first seen as Completed")

    def test_a_crowd_of_kills(self):
        """After a kill at any moment the latest entry may be repeated, and none is lost."""
        self.write_config(self.fake, [11])
        told = []
        for number in range(6):
            self.fake.job(11, status=f"Running {number}", result=f"r{number}")
            daemon = self.start_daemon()
            self.fake.wait(1, self.fake.stats()["last_seq"], arrived=1)
            if number == 5:
                daemon.wait_for("→ Running 5|first seen as Running 5")
            daemon.stop(signal.SIGKILL)
            told += [what for _, _, what in daemon.events()]
        self.assertEqual(told.count(told[-1]), 1, told)
        steps = [what.split(" → ") for what in told if " → " in what]
        unrepeated = [step for place, step in enumerate(steps) if step not in steps[:place]]
        for earlier, later in zip(unrepeated, unrepeated[1:]):
            self.assertEqual(earlier[1].split(": ")[0], later[0], "each step begins where the one before ended")

    def test_a_change_while_the_token_was_wrong(self):
        self.first_run()
        self.fake.job(11, status="Completed")
        self.token_file.write_text("wrong")
        refused = self.start_daemon()
        refused.wait_for("rejected the credentials")
        refused.stop()
        self.assertEqual(refused.events(), [])
        self.secret("token", "t0ken-5ecret-A1b2")
        again = self.start_daemon()
        again.wait_for(r"Job 11: Running → Completed(: .*)? \[succeeded")


if __name__ == "__main__":
    unittest.main()
