# SPDX-License-Identifier: MIT
"""jobwatchctl wait: the exit status is that of the jobs, whatever happens to the service meanwhile."""

import signal
import time
import unittest

from ctl_rig import Waiting, Waits
from harness import EX_JOB_FAILED, EX_OK, EX_TIMEOUT

EX_UNKNOWN = 66


class Ends(Waits):
    def test_a_job_that_succeeds(self):
        self.start_one()
        waiting = Waiting(self, 5)
        self.fake.job(5, status="Completed", result="12 rows")
        self.assertEqual(waiting.end(), (EX_OK, "Job 5: Completed: 12 rows\n"))

    def test_a_job_that_fails(self):
        self.start_one()
        waiting = Waiting(self, 5)
        self.fake.job(5, status="Failed", result="Row 17")
        self.assertEqual(waiting.end(), (EX_JOB_FAILED, "Job 5: Failed: Row 17\n"))

    def test_all_of_several_jobs(self):
        self.start_one()
        waiting = Waiting(self, 5, 6, 5)
        self.fake.job(6, status="Failed")
        self.daemon.wait_for(r"Job 6.*\[failed")
        self.assertIsNone(waiting.process.poll())
        self.fake.job(5, status="Completed")
        status, text = waiting.end()
        self.assertEqual((status, text.splitlines()), (EX_JOB_FAILED, ["Job 6: Failed", "Job 5: Completed"]))

    def test_any_of_several_jobs(self):
        self.start_one()
        waiting = Waiting(self, 5, 6, "--any")
        self.fake.job(6, status="Completed")
        self.assertEqual(waiting.end(), (EX_OK, "Job 6: Completed\n"))

    def test_jobs_that_have_ended_answer_at_once(self):
        self.start_one()
        for job, status in ((5, "Completed"), (6, "Failed")):
            self.fake.job(job, status=status)
            self.daemon.wait_for(rf"Job {job}.*\[(succeeded|failed)")
        self.assertEqual(self.out("wait", "5"), "Job 5: Completed\n")
        self.assertEqual(self.out("wait", "6", "5", status=EX_JOB_FAILED), "Job 6: Failed\nJob 5: Completed\n")
        self.assertEqual([(row["Id"], row["Outcome"]) for row in self.json("wait", "5")], [(5, "success")])

    def test_the_time_that_is_given(self):
        self.start_one()
        began = time.monotonic()
        self.says(EX_TIMEOUT, "the time of --timeout has passed", "wait", "5", "--timeout=500ms")
        self.assertGreaterEqual(time.monotonic() - began, 0.5)

    def test_it_uses_signals_and_does_not_ask_again_and_again(self):
        """While nothing happens, the waiting process makes no system call."""
        self.start_one()
        waiting = Waiting(self, 5)
        self.fake.polls(3, job=5)
        before = waiting.switches()
        self.fake.polls(10, job=5)
        self.assertLessEqual(waiting.switches() - before, 0)
        self.fake.job(5, status="Completed")
        self.assertEqual(waiting.end()[0], EX_OK)

    def test_events_of_other_jobs_do_not_end_it(self):
        self.start_one()
        waiting = Waiting(self, 5)
        self.fake.job(6, status="Failed")
        self.daemon.wait_for(r"Job 6.*\[failed")
        self.fake.job(5, status="Completed")
        self.assertEqual(waiting.end(), (EX_OK, "Job 5: Completed\n"))


class Signals(Waits):
    def test_to_end_waiting_is_no_success(self):
        """systemd takes the end by SIGTERM for one."""
        self.start_one()
        waiting = Waiting(self, 5)
        waiting.process.terminate()
        self.assertEqual(waiting.end(), (143, ""))


class Unknown(Waits):
    def test_a_job_that_is_not_watched(self):
        self.start_one()
        self.fake.job(8, status="Completed")
        self.says(EX_UNKNOWN, "job 8 is not watched; to watch it, use --add", "wait", "8")
        self.says(EX_UNKNOWN, "job 8 is not watched", "wait", "5", "8")

    def test_a_job_that_a_reload_drops(self):
        self.start_one()
        waiting = Waiting(self, 5)
        self.write_config(self.fake, [6])
        self.daemon.process.send_signal(signal.SIGHUP)
        status, said = waiting.end()  # which may begin before or after the reload
        self.assertEqual(status, EX_UNKNOWN)
        self.assertRegex(said, "^jobwatchctl: job 5 is not watched( any more|; to watch it, use --add)\n$")


class Restart(Waits):
    def ends_while_down(self, how):
        self.start_one()
        waiting = Waiting(self, 5)
        waiting.wait_until_idle()
        self.stop(how)
        self.fake.job(5, status="Completed")
        self.assertIsNone(waiting.process.poll())
        self.start_again()
        self.assertEqual(waiting.end(), (EX_OK, "Job 5: Completed\n"))

    def test_a_job_that_ends_while_the_service_is_stopped(self):
        self.ends_while_down(signal.SIGTERM)

    def test_a_job_that_ends_while_the_service_is_killed(self):
        self.ends_while_down(signal.SIGKILL)

    def test_a_job_that_ends_after_the_restart(self):
        self.start_one()
        waiting = Waiting(self, 5)
        waiting.wait_until_idle()
        for _ in range(3):
            self.stop()
            self.start_again()
        self.fake.job(5, status="Failed")
        self.assertEqual(waiting.end(), (EX_JOB_FAILED, "Job 5: Failed\n"))

    def test_a_job_that_ended_while_nobody_heard_it(self):
        """The event was recorded and its signal lost, and then the job was reopened."""
        self.start_one()
        waiting = Waiting(self, 5)
        waiting.wait_until_idle()
        waiting.process.send_signal(signal.SIGSTOP)
        self.fake.job(5, status="Completed")
        self.daemon.wait_for(r"Job 5.*\[succeeded")
        self.stop(signal.SIGKILL)
        self.start_again()
        waiting.process.send_signal(signal.SIGCONT)
        self.assertEqual(waiting.end(), (EX_OK, "Job 5: Completed\n"))

    def test_a_job_that_is_not_in_the_configuration_after_the_restart(self):
        self.start_one()
        waiting = Waiting(self, 5)
        waiting.wait_until_idle()
        self.stop()
        self.write_config(self.fake, [6])
        self.start_again()
        status, said = waiting.end()  # which may begin before or after the restart
        self.assertEqual(status, EX_UNKNOWN)
        self.assertRegex(said, "^jobwatchctl: job 5 is not watched( any more|; to watch it, use --add)\n$")

    def test_the_time_that_is_given_passes_while_the_service_is_down(self):
        self.start_one()
        waiting = Waiting(self, 5, "--timeout=1s")
        self.stop()
        self.assertEqual(waiting.end(), (EX_TIMEOUT, "jobwatchctl: the time of --timeout has passed\n"))


if __name__ == "__main__":
    unittest.main()
