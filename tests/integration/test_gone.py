#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Jobs that are deleted, stall, or get their result late."""

import json
import os
import signal
import time
import unittest

from evidence import Database, ExecRecorder
from harness import EX_JOB_FAILED, EX_OK, JOBS, PATIENCE, IntegrationTest
from test_clock import LIBRARY, Clock


class GoneTest(IntegrationTest):
    def hook(self, name, on):
        recorder = ExecRecorder(self.directory, name)
        return recorder, f"[hook {name}]\non = {on}\nexec = {recorder.program}\n"

    def kinds(self):
        return [(event.job, event.kind) for event in Database(self.state).events()]

    def about(self, fake, job):
        """The requests for this job alone, in order: "404", "batch", …"""
        return ["batch" if request["query"] else str(request["status"]) for request in fake.requests()
                if request["path"].endswith(f"/{job}") or request["query"] == f"id=%5B{job}%5D"]


class Gone(GoneTest):
    # A missing job is polled less and less often: the first poll after a minute may be two minutes later.
    GONE_PATIENCE = 180 + PATIENCE

    @unittest.skipIf(os.environ.get("SKIP_SLOW"), "takes minutes")
    def test_gone_after_a_minute(self):
        """A deleted job, one that never existed, one that reappears in time, and one that only single reads lack."""
        fake = self.start_fake("[job 11]\nstep = poll 1 Running | a\nstep = poll 3 <gone>\n"
                               "[job 13]\nstep = poll 1 Running\nstep = poll 3 <gone>\nstep = 20s Running\n"
                               "[job 14]\nstep = 0s Running\n[job 15]\nstep = 0s Running\n"
                               f"[fault lost]\npath = *{JOBS}/14\nafter = 1\nstatus = 404\n")
        recorder, hook = self.hook("gone", "gone")
        terminal, other = self.hook("terminal", "terminal")
        self.write_config(fake, [11, 12, 13, 14, 15], more=hook + other)
        daemon = self.start_daemon()
        begin = time.monotonic()
        for job in 11, 12, 13, 14:
            daemon.wait_for(rf"warning +Job {job}: not found.*gone if still missing after 1min")
        self.assertGreaterEqual(self.about(fake, 12).count("404"), 3)
        self.assertEqual(daemon.count(r"\[gone"), 0, "three times, but not over a minute")
        daemon.wait_for(r"error +Job 11: Running → gone \(no longer in Nexudus\) \[gone",
                        patience=self.GONE_PATIENCE)
        daemon.wait_for(r"error +Job 12: gone \(no such job in Nexudus\) \[gone", patience=self.GONE_PATIENCE)
        self.assertGreaterEqual(time.monotonic() - begin, 59)
        for job in 11, 12:
            self.assertEqual(self.about(fake, job)[-2:], ["404", "batch"], "a batch of the id alone is the proof")
        daemon.wait_for("hook gone: delivered", count=2)
        daemon.wait_for("hook terminal: delivered", count=2)
        daemon.wait_for("notice +Job 13: can be polled again")
        fake.job(13, status="Completed")
        daemon.wait_for(r"Job 13: Running → Completed")
        while "batch" not in self.about(fake, 14):
            self.assertLess(time.monotonic() - begin, self.GONE_PATIENCE)
            fake.polls(5, 15)
        fake.polls(5, 15)
        self.assertEqual(daemon.count(r"Job 14: .*\[gone"), 0, "the batch shows it")
        daemon.stop()
        for job, kinds in (11, ["seen", "gone"]), (12, ["gone"]), (13, ["seen", "succeeded"]), (14, ["seen"]):
            self.assertEqual([kind for id, kind in self.kinds() if id == job], kinds)
        told = sorted((attempt.document["job"]["id"], attempt.document["outcome"], attempt.document["status"],
                       attempt.document["result"], attempt.document["status_before"])
                      for attempt in recorder.attempts())
        self.assertEqual(told, [(11, "gone", "Running", "a", "Running"), (12, "gone", None, None, None)])
        self.assertEqual(daemon.count("warning .*not found \\("), 4, "said once a job")
        self.write_config(fake, [11, 12, 13], more=hook + other)
        again = self.assertEnds(EX_JOB_FAILED, "--exit-when-done")
        self.assertEqual(again.events(), [], "gone jobs have ended")

    def test_404_to_everything(self):
        """A base_url that answers 404 to all is an outage. No job is charged with it."""
        for jobs in (11,), (11, 12, 13):
            with self.subTest(jobs=jobs):
                name = f"fake{len(jobs)}"
                fake = self.start_fake("[jobs 11-13]\nstep = 0s Running\n", name=name)
                self.write_config(fake, jobs, state={"directory": self.directory / f"state{name}"})
                daemon = self.start_daemon()
                daemon.wait_for("first seen as", count=len(jobs))
                fake.fault("nothing", status=404)
                daemon.wait_for(r"warning .*API at \S+ answers 404 to everything; check base_url\. Retrying in ")
                fake.polls(10)
                fake.mend()
                daemon.wait_for("API is reachable again after")
                self.assertEqual(daemon.count("warning"), 1, daemon.text())
                self.assertEqual(daemon.stop(), EX_OK)
                self.assertEqual(daemon.count(r"\[gone"), 0)


@unittest.skipUnless(LIBRARY, "the library cannot be loaded into a daemon with a sanitizer")
class Returned(GoneTest):
    def test_a_gone_job_that_answers_again(self):
        """It is read once an hour, at a reload and at a start; its return is one event, after its last known Status."""
        fake = self.start_fake("[jobs 11-15]\nstep = 0s Running | a\n")
        clock = Clock(self.directory / "clock")
        recorder, hook = self.hook("all", "changed, terminal")
        self.write_config(fake, range(11, 16), more=hook)
        daemon = self.start_daemon(env=clock.env)
        daemon.wait_for("first seen as", count=5)
        for job in range(11, 15):
            fake.job(job, gone="1")
        daemon.wait_for("warning +Job 1[1-4]: not found", count=4)
        clock.pass_time(61)
        daemon.wait_for(r"Job 1[1-4]: Running → gone \(no longer in Nexudus\) \[gone", count=4, patience=4 * PATIENCE)

        for job, status in (11, "Failed"), (12, "Waiting"), (13, "Completed"):
            fake.job(job, status=status, result="b")
        seq = fake.stats()["last_seq"]
        fake.polls(10, 15)
        self.assertFalse([request for request in fake.requests() if request["seq"] > seq
                          and not request["path"].endswith("/15")], "they are not read before their time")
        fake.job(12, gone="1")
        fake.job(13, gone="1")
        clock.pass_time(61 + 3601)
        daemon.wait_for(r"error +Job 11: .*Failed.* \[failed")
        fake.job(12, status="Waiting", result="b")
        fake.polls(10, 15)
        daemon.process.send_signal(signal.SIGHUP)
        daemon.wait_for(r"Job 12: .*Waiting.* \[changed")
        fake.job(13, status="Completed", result="b")
        fake.job(12, result="c")
        daemon.wait_for(r"Job 12: .*is now c \[changed")  # it is polled like any other again
        daemon.stop()
        daemon = self.start_daemon(env=clock.env)
        daemon.wait_for(r"Job 13: .*Completed.* \[succeeded")
        fake.polls(10, 15)
        self.assertEqual(len(daemon.events()), 1, daemon.text())
        daemon.stop()
        told = {job: [(document["event"], document["status_before"], document["status"], document["result"])
                      for attempt in recorder.attempts() if (document := attempt.document)["job"]["id"] == job]
                for job in range(11, 16)}
        gone = ("gone", "Running", "Running", "a")
        self.assertEqual(told, {11: [gone, ("failed", "Running", "Failed", "b")],
                                12: [gone, ("changed", "Running", "Waiting", "b"), ("changed", "Waiting", "Waiting", "c")],
                                13: [gone, ("succeeded", "Running", "Completed", "b")], 14: [gone], 15: []})


    def test_a_job_that_had_ended_is_not_gone(self):
        """It is read once more, and has been deleted meanwhile: nothing that failed."""
        fake = self.start_fake("[job 11]\nstep = 0s Completed | a\n[job 12]\nstep = 0s Running\n")
        recorder, hook = self.hook("terminal", "terminal")
        self.write_config(fake, [11, 12], more=hook)
        daemon = self.start_daemon()
        daemon.wait_for(r"Job 11: .*\[succeeded")
        daemon.wait_for("hook terminal: delivered")
        daemon.stop()
        fake.job(11, gone="1")
        clock = Clock(self.directory / "clock")
        seq = fake.stats()["last_seq"]
        daemon = self.start_daemon("--job", "11", env=clock.env)
        fake.wait(3, seq, path=f"{JOBS}/11")
        clock.pass_time(61)
        daemon.wait_for("notice +Job 11: no longer in Nexudus. It had ended before, and stays as it was", patience=4 * PATIENCE)
        last = len(self.about(fake, 11))
        fake.polls(10, 12)
        self.assertEqual(len(self.about(fake, 11)), last, "it is not read any more")
        self.assertEqual(daemon.count("gone|can be polled"), 0, daemon.text())
        daemon.stop()
        self.assertEqual(self.kinds(), [(11, "succeeded"), (12, "seen")])
        self.assertEqual(len(recorder.attempts()), 1)


class Stalled(GoneTest):
    def test_once_and_again_after_a_change(self):
        fake = self.start_fake("[job 11]\nstep = 0s Running | a\n")
        recorder, hook = self.hook("stalled", "stalled")
        changed, other = self.hook("changed", "changed")
        self.write_config(fake, [11], poll={"stalled_after": "1s"}, more=hook + other)
        daemon = self.start_daemon()
        daemon.wait_for(r"warning +Job 11: still Running.*\[stalled")
        fake.polls(5, 11)
        daemon.stop()
        again = self.start_daemon()
        fake.polls(15, 11)
        self.assertEqual(again.events(), [], "once, across a restart too")
        fake.job(11, result="b")
        again.wait_for(r"\[stalled")
        fake.job(11, status="Completed")
        again.wait_for("hook changed: delivered", count=2)
        again.stop()
        self.assertEqual([kind for _, kind in self.kinds()], ["seen", "stalled", "changed", "stalled", "succeeded"])
        self.assertEqual([attempt.document["result"] for attempt in recorder.attempts()], ["a", "b"])
        self.assertEqual([attempt.document["event"] for attempt in changed.attempts()], ["changed", "succeeded"])

    def test_time_spent_stopped_counts(self):
        fake = self.start_fake("[job 11]\nstep = 0s Running | a\n")
        self.write_config(fake, [11], poll={"stalled_after": "2s"})
        daemon = self.start_daemon()
        daemon.wait_for("first seen as")
        daemon.stop()
        Database(self.state).ask("SELECT 1")
        self.assertEqual(self.kinds(), [(11, "seen")])
        again = self.start_daemon()
        again.wait_for(r"\[stalled")


class ResultWait(GoneTest):
    def watch(self, wait):
        self.fake = self.start_fake("[job 11]\nstep = poll 1 Running\nstep = poll 3 Completed | <null>\n")
        self.hook_recorder, hook = self.hook("end", "terminal")
        self.write_config(self.fake, [11], poll={"result_wait": wait}, more=hook)

    def test_the_result_is_waited_for(self):
        self.watch("1h")
        daemon = self.start_daemon("--exit-when-done")
        self.fake.polls(8, 11)
        self.assertEqual(daemon.events(), [(11, "seen", "first seen as Running")])
        daemon.stop()
        again = self.start_daemon("--exit-when-done")
        self.fake.polls(3, 11)
        self.assertEqual(again.events(), [])
        self.fake.job(11, result=json.dumps({"rows": 3}))
        self.assertEqual(again.wait_exit(), EX_OK)
        self.assertEqual(self.kinds(), [(11, "seen"), (11, "succeeded")])
        self.assertEqual([attempt.document["result"] for attempt in self.hook_recorder.attempts()], ['{"rows": 3}'])

    def test_not_for_ever(self):
        self.watch("1s")
        begin = time.monotonic()
        self.assertEnds(EX_OK, "--exit-when-done")
        self.assertGreaterEqual(time.monotonic() - begin, 1)
        self.assertEqual(self.kinds(), [(11, "seen"), (11, "succeeded")])
        self.assertEqual([attempt.document["result"] for attempt in self.hook_recorder.attempts()], [None])

    def test_an_end_that_was_none(self):
        """An end that was held back can be reverted."""
        self.watch("1h")
        daemon = self.start_daemon()
        self.fake.polls(8, 11)
        self.fake.job(11, status="Processing", result_null="1")
        daemon.wait_for(r"Job 11: Running → Processing(: .*)? \[changed")
        self.fake.job(11, status="Failed", result="why")
        daemon.wait_for(r"Job 11: Processing → Failed(: .*)? \[failed")


if __name__ == "__main__":
    unittest.main()
