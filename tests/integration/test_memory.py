#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What was used for a short time is given back to the system: memory of many events, and of reloads."""

import signal
import unittest

from harness import PATIENCE, SANITIZED, IntegrationTest

JOBS = 5000
WAITING_MAX_KB = 7 * 1024  # while these wait; 9.5 MiB are in use while they are recorded
RELOADED_MAX_KB = 384  # more than before; the list of jobs in a configuration takes 480


@unittest.skipIf(SANITIZED, "a sanitizer's memory says nothing")
class Memory(IntegrationTest):
    def test_memory_of_events_and_reloads_is_given_back(self):
        fake = self.start_fake(f"[jobs 1-{JOBS}]\nstep = 0s Running\n")
        self.write_config(fake, range(1, JOBS + 1), poll={"batch": "auto", "interval": "1h", "max_interval": "1h"})
        daemon = self.start_daemon()
        daemon.wait_for("first seen as", count=JOBS, patience=4 * PATIENCE)
        self.wait_until(lambda: daemon.memory_kb("RssAnon") < WAITING_MAX_KB)

        before = daemon.memory_kb("RssAnon")
        for count in range(1, 4):
            daemon.process.send_signal(signal.SIGHUP)
            daemon.wait_for("Configuration reloaded: ", count=count)
            self.wait_until(lambda: daemon.memory_kb("RssAnon") < before + RELOADED_MAX_KB)
        print(f"not backed by a file: {daemon.memory_kb('VmHWM') - daemon.memory_kb('RssFile')} kB at most, then {before} kB, "
              f"{daemon.memory_kb('RssAnon')} kB after reloads", flush=True)


if __name__ == "__main__":
    unittest.main()
