#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""100 jobs polled every second for ENDURANCE_SECONDS (60): memory and descriptors do not grow. Prints the cost of a
poll."""

import os
import unittest

from harness import EX_OK, SANITIZED, IntegrationTest

SECONDS = int(os.environ.get("ENDURANCE_SECONDS", "60"))
WARM_UP = min(10, max(2, SECONDS // 3))
JOBS = range(1000, 1100)
GROWTH_MAX_KB = 512


class Endurance(IntegrationTest):
    def sample(self, daemon, polls, memory, descriptors):
        """The maximum of each figure over so many polls."""
        for _ in range(0, polls, 100):
            self.seq = self.fake.wait(100, self.seq)
            memory.append(daemon.memory_kb("VmRSS"))
            descriptors.append(len(os.listdir(f"/proc/{daemon.pid}/fd")))

    def cpu_seconds(self, daemon):
        fields = daemon.proc("stat").rpartition(b") ")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def test_endurance(self):
        self.seq = 0
        self.fake = self.start_fake("[jobs 1000-1099]\nstep = 0s Running | half\n")
        self.write_config(self.fake, JOBS, poll={"interval": "1s", "max_interval": "1s"})
        daemon = self.start_daemon()
        daemon.wait_for("first seen as", count=len(JOBS))
        try:
            os.listdir(f"/proc/{daemon.pid}/fd")
        except PermissionError:
            self.skipTest("the descriptors of the daemon can be seen by root only")

        memory, descriptors = [], []
        self.sample(daemon, WARM_UP * len(JOBS), memory, descriptors)
        begin, cpu = self.fake.stats(), self.cpu_seconds(daemon)
        later_memory, later_descriptors = [], []
        self.sample(daemon, (SECONDS - WARM_UP) * len(JOBS), later_memory, later_descriptors)
        end, cpu = self.fake.stats(), self.cpu_seconds(daemon) - cpu

        polls = end["answered"] - begin["answered"]
        print(f"{polls} polls in {end['seconds'] - begin['seconds']:.1f} s: {cpu / polls * 1e6:.0f} us CPU each; "
              f"RSS {max(memory)} -> {max(later_memory)} kB, descriptors {max(descriptors)} -> "
              f"{max(later_descriptors)}, connections {end['connections']}", flush=True)
        if not SANITIZED:
            self.assertLess(max(later_memory) - max(memory), GROWTH_MAX_KB)
        self.assertLessEqual(max(later_descriptors), max(descriptors))
        self.assertEqual(daemon.stop(), EX_OK)
        self.assertEqual(len(daemon.events()), len(JOBS), "nothing changed, nothing was told")
        self.assertEqual(daemon.count(" (warning|error) "), 0)


if __name__ == "__main__":
    unittest.main()
