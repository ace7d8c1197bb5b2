# SPDX-License-Identifier: MIT
"""A daemon that has nothing to do sleeps."""

import pathlib
import time
import unittest

from bus_rig import Bus
from harness import IntegrationTest

SPAN = 32  # seconds: longer than any period of what is done again and again
CHECKED = 12  # seconds: after its last write, it looks once whether the disk responds


class Idle(IntegrationTest):
    def test_no_wake_ups_while_nothing_is_due(self):
        bus = Bus(self.directory)
        self.addCleanup(bus.stop)
        fake = self.start_fake("[jobs 1-100]\nstep = 0s Running | 1\n")
        self.write_config(fake, range(1, 101), poll={"interval": "1h", "max_interval": "1h", "batch": "auto", "feed": "off"})
        daemon = self.start_daemon("--instance", "idle", env=bus.env)
        bus.wait_for_name("org.jobwatchd1.idle")
        daemon.wait_for(r"\[seen", count=100)
        self.wait_until(lambda: self.is_asleep(daemon, CHECKED))
        self.assertTrue(self.is_asleep(daemon, SPAN), f"runs of its threads: {self.runs(daemon)}")

    def runs(self, daemon):
        """How often each thread was given a processor."""
        tasks = pathlib.Path(f"/proc/{daemon.process.pid}/task")
        return {task.name: int((task / "schedstat").read_text().split()[2]) for task in tasks.iterdir()}

    def is_asleep(self, daemon, seconds):
        before = self.runs(daemon)
        time.sleep(seconds)  # what does not happen cannot be awaited
        return before == self.runs(daemon)


if __name__ == "__main__":
    unittest.main()
