#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""More jobs than can be read individually at once, and batches that omit ResultData."""

import unittest

from evidence import ExecRecorder
from harness import EX_OK, IntegrationTest

JOB_IDS = range(11, 41)

# One request a second on average, an eighth of it for reads: too slow to read anything during the test.
SLOW = {"per_hour": "3600"}
# 360,000 an hour: a job is read every 80 ms.
FAST = {"per_hour": "360000"}


class UnreadTest(IntegrationTest):
    def watch(self, fake, limits, more=""):
        self.write_config(fake, JOB_IDS, poll={"interval": "100ms", "max_interval": "1s", "batch": "auto"},
                          limits=limits, more=more)
        return self.start_daemon()

    def start_server(self, kind="empty_result"):
        """Each job has a ResultData from the start."""
        return self.start_fake("[jobs 11-40]\nstep = 0s Running | half\n", f"batch = {kind}")

    def reported(self, daemon):
        return sorted((job, kind) for job, kind, _ in daemon.events())

    def later_events(self, daemon):
        """Events that were not reported before; a first observation may be repeated after a crash."""
        return [event for event in self.reported(daemon) if event[1] != "seen"]

    SEEN = [(job, "seen") for job in JOB_IDS]

    def test_a_result_present_from_the_start_is_no_change(self):
        for kind in ("empty_result", "partial"):
            with self.subTest(kind):
                self.state = self.directory / f"state-{kind}"
                fake = self.start_server(kind)
                seen = ExecRecorder(self.directory, f"seen-{kind}")
                daemon = self.watch(fake, FAST, f"[hook seen]\non = seen, changed\nexec = {seen.program}\n")
                daemon.wait_for("ResultData read \\(4 bytes\\)", count=len(JOB_IDS))
                self.assertEqual(daemon.stop(), EX_OK)
                self.assertEqual(self.reported(daemon), self.SEEN, daemon.text())
                unread = [attempt.document for attempt in seen.attempts() if not attempt.document["result_known"]]
                self.assertTrue(unread)
                for document in unread:
                    self.assertEqual((document["event"], document["status"], document["result"]), ("seen", "Running", None))

    def test_nor_after_a_crash(self):
        fake = self.start_server()
        daemon = self.watch(fake, SLOW)
        daemon.wait_for(r"first seen as .* \[seen, result not known\]", count=len(JOB_IDS))
        self.assertEqual(daemon.count("ResultData read"), 0)
        daemon.process.kill()
        daemon.wait_exit()

        again = self.watch(fake, FAST)
        again.wait_for("ResultData read \\(4 bytes\\)", count=len(JOB_IDS))
        again.process.kill()
        again.wait_exit()
        self.assertEqual(self.later_events(again), [], again.text())

        fake.job(20, status="Completed", result="everything")
        last = self.watch(fake, FAST)
        last.wait_for(r"Job 20: Running → Completed(: .*)? \[succeeded, result of 10 bytes\]")
        self.assertEqual(last.stop(), EX_OK)
        self.assertEqual(self.later_events(last), [(20, "succeeded")], last.text())
        self.assertEqual(last.count("ResultData read"), 0, "it is read once")

    def test_a_later_result_is_a_change(self):
        fake = self.start_server()
        daemon = self.watch(fake, SLOW)
        daemon.wait_for(r"first seen as .* \[seen, result not known\]", count=len(JOB_IDS))
        fake.job(40, status="Running", result="three quarters")
        daemon.wait_for(r"Job 40: .*result is now three quarters.*\[changed, result of 14 bytes\]")
        self.assertEqual(daemon.stop(), EX_OK)
        self.assertEqual(self.reported(daemon), sorted(self.SEEN + [(40, "changed")]), daemon.text())

    def test_servers_that_show_it(self):
        """Rows with a ResultData are complete records."""
        fake = self.start_server("full")
        daemon = self.watch(fake, SLOW)
        daemon.wait_for(r"first seen as .*\[seen, result of 4 bytes\]", count=len(JOB_IDS))
        self.assertEqual(daemon.stop(), EX_OK)
        self.assertEqual(fake.stats()["requests"], len([r for r in fake.requests() if "id=" in r["query"]]))


if __name__ == "__main__":
    unittest.main()
