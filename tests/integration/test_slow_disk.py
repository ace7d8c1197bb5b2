#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""A disk that takes seconds for each sync delays records and hooks, but neither polls nor the end, and nothing is lost.

SLOW_DISK_LIBRARY names the library that makes the disk of the daemon slow, see slow_disk.c.
"""

import os
import time
import unittest

from harness import EX_OK, PATIENCE, IntegrationTest

LIBRARY = os.environ.get("SLOW_DISK_LIBRARY", "")
INTERVAL = 0.2
STOP_MAX, HOOK_STOP_MAX = 2, 7  # seconds; without and with a running hook
SPARE = 1  # for processes to start and end


@unittest.skipUnless(LIBRARY, "the library is not built below a sanitizer")
class SlowDisk(IntegrationTest):
    def setUp(self):
        super().setUp()
        self.disk = self.directory / "disk"
        self.sync_takes(0)
        self.delivered = self.directory / "delivered"
        program = self.directory / "hook"
        program.write_text(f"#!/bin/sh\necho \"$JOBWATCH_EVENT_ID $JOBWATCH_JOB $JOBWATCH_EVENT\" >>{self.delivered}\n")
        program.chmod(0o755)
        self.fake = self.start_fake("[jobs 11-13]\nstep = 0s Running\n")
        self.write_config(self.fake, [11, 12, 13], poll={"interval": f"{INTERVAL}s", "max_interval": f"{INTERVAL}s"},
                          more=f"[hook program]\non = changed, terminal\nexec = {program}\n")

    def sync_takes(self, seconds):
        self.disk.write_text(str(int(seconds * 1000)))

    def start(self, *options):
        daemon = self.start_daemon(*options, env={"LD_PRELOAD": LIBRARY, "SLOW_DISK": str(self.disk)})
        daemon.wait_for(r"\[seen", count=3)
        return daemon

    def longest_pause(self, job, since):
        """Between two polls of a job, in seconds."""
        times = [request["t"] for request in self.fake.requests()
                 if request["path"].endswith(f"/{job}") and request["t"] >= since]
        return max(later - earlier for earlier, later in zip(times, times[1:]))

    def test_polls_are_on_schedule(self):
        daemon = self.start()
        self.fake.polls(1, 12)
        self.sync_takes(5)
        since = self.fake.stats()["seconds"]
        self.fake.job(11, status="Completed", result="x")
        began = time.monotonic()
        daemon.wait_for("Job 11: .*succeeded")
        self.assertGreater(time.monotonic() - began, 4.5, "it is recorded before it is reported")
        daemon.wait_for("hook program: delivered")
        self.fake.polls(1, 12)
        self.assertLess(self.longest_pause(12, since), 5 * INTERVAL)
        self.sync_takes(0)

    def test_a_slow_sync_is_reported_once(self):
        daemon = self.start()
        self.sync_takes(12)
        self.fake.job(11, status="Completed")
        daemon.wait_for("takes longer than 10s", patience=PATIENCE + 12)
        daemon.wait_for("Job 11: .*succeeded", patience=PATIENCE + 12)
        self.sync_takes(0)
        daemon.wait_for("The disk of .* responds again")
        self.assertEqual(len(daemon.messages("warning")), 1, daemon.text())

    def test_programs_do_not_wait_for_the_disk(self):
        """Not for the result of the last to be recorded, nor for the event of the next to be read meanwhile."""
        jobs = range(21, 33)
        self.fake = self.start_fake("[jobs 21-32]\nstep = 0s Running\n", name="many")
        self.write_config(self.fake, jobs, poll={"interval": f"{INTERVAL}s", "max_interval": f"{INTERVAL}s"},
                          more=f"[hook program]\nexec = {self.directory}/hook\nparallel = 1\n")
        daemon = self.start_daemon(env={"LD_PRELOAD": LIBRARY, "SLOW_DISK": str(self.disk)})
        daemon.wait_for(r"\[seen", count=len(jobs))
        self.sync_takes(0.5)
        for job in jobs:
            self.fake.job(job, status="Completed")
        self.wait_until(self.delivered.exists)
        began = time.monotonic()
        self.wait_until(lambda: len(self.delivered.read_text().splitlines()) == len(jobs))
        self.assertLess(time.monotonic() - began, len(jobs) * 0.5 / 2)
        self.sync_takes(0)

    def assertStopsInTime(self, daemon, limit):
        began = time.monotonic()
        self.assertEqual(daemon.stop(), EX_OK)
        self.assertLess(time.monotonic() - began, limit + SPARE, daemon.text())

    def test_it_stops_in_time_and_nothing_is_lost(self):
        daemon = self.start()
        self.sync_takes(60)
        self.fake.job(11, status="Completed", result="x")
        self.fake.job(12, result="y")
        self.fake.polls(2, 13)
        self.assertStopsInTime(daemon, STOP_MAX)

        self.sync_takes(0)
        again = self.start_daemon("--exit-when-done")
        again.wait_for("Job 11: .*succeeded")
        again.wait_for("Job 12: .*changed")
        for job in 12, 13:
            self.fake.job(job, status="Completed")
        self.assertEqual(again.wait_exit(), EX_OK)
        lines = self.delivered.read_text().split("\n")[:-1]
        self.assertEqual(sorted(line.split(" ", 1)[1] for line in lines), ["11 succeeded", "12 changed", "12 succeeded", "13 succeeded"])

    def test_it_stops_in_time_when_idle(self):
        daemon = self.start()
        self.fake.polls(2, 12)
        self.sync_takes(60)
        self.assertStopsInTime(daemon, STOP_MAX)


if __name__ == "__main__":
    unittest.main()
