# SPDX-License-Identifier: MIT
"""The D-Bus API with 10,000 jobs and many clients: what it costs, and that polls and memory do not suffer."""

import os
import signal
import subprocess
import time
import unittest

from bus_rig import Bus
from harness import IntegrationTest, PATIENCE, SANITIZED, SLOW, end_with_parent, program

NAME = "org.jobwatchd1.test"
CLIENT = program("BUS_CLIENT")
JOBS = 10_000


class Load(IntegrationTest):
    def setUp(self):
        super().setUp()
        self.bus = Bus(self.directory)
        self.addCleanup(self.bus.stop)

    def start(self, count, **poll):
        self.fake = self.start_fake(f"[jobs 1-{count}]\ndescription = Import of members of location %i\n"
                                    "business = Location %i\nbusiness_id = 7\nstep = 0s Running | 10 of 100 records\n")
        self.write_config(self.fake, [f"{first}" for first in range(1, count + 1)],
                          poll={"batch": "auto", "interval": "1h", "max_interval": "1h", **poll})
        daemon = self.start_daemon("--instance", "test", "--log-level", "notice", env=self.bus.env)
        self.bus.wait_for_name(NAME)
        self.wait_until(lambda: self.bus.call("ListEvents", "tatu", 0, 0, 1, name=NAME)[0] == count)
        return daemon

    def client(self, *words):
        done = subprocess.run([CLIENT, *map(str, words)], env={**os.environ, **self.bus.env}, stdin=subprocess.DEVNULL,
                              capture_output=True, text=True, timeout=PATIENCE * 8)
        self.assertEqual(done.returncode, 0, done.stderr)
        return [float(word) for word in done.stdout.split()]

    def test_fifty_clients_do_not_make_it_grow_or_delay_polls(self):
        daemon = self.start(JOBS, interval="2s", max_interval="2s", feed="off")  # 50 batches in a second
        self.client("pages", NAME)
        before = daemon.memory_kb("VmRSS")
        rate = self.rate_of_polls(4)
        crowd = subprocess.Popen([CLIENT, "crowd", NAME, "50", "1"], env={**os.environ, **self.bus.env},
                                 stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True)
        self.addCleanup(crowd.stdout.close)
        began = time.monotonic()
        meanwhile = self.rate_of_polls(4)
        most = before
        while crowd.poll() is None:
            most = max(most, daemon.memory_kb("VmRSS"))
            time.sleep(0.02)  # sampling
            self.assertLess(time.monotonic(), began + PATIENCE * 16)
        replies, rows, errors = map(int, crowd.stdout.read().split())
        print(f"50 clients: {rows} rows in {time.monotonic() - began:.1f} s; memory {before} kB, then {most} kB; "
              f"{rate:.1f} polls in a second, then {meanwhile:.1f}", flush=True)
        self.assertEqual((rows, errors), (50 * JOBS, 0))
        if not SANITIZED:
            self.assertLess(most, before + 16 * 1024)
        self.assertGreater(meanwhile, rate * 0.8)

    def rate_of_polls(self, seconds):
        first, began = self.fake.stats()["last_seq"], time.monotonic()
        time.sleep(seconds * SLOW)  # a rate is measured
        return (self.fake.stats()["last_seq"] - first) / (time.monotonic() - began)

    def test_a_subscriber_that_never_reads_does_not_make_it_grow(self):
        daemon = self.start(100)
        deaf = subprocess.Popen([CLIENT, "deaf"], env={**os.environ, **self.bus.env}, stdin=subprocess.DEVNULL,
                                stdout=subprocess.PIPE, text=True, preexec_fn=end_with_parent)
        self.addCleanup(deaf.communicate)
        self.addCleanup(deaf.kill)
        self.assertEqual(deaf.stdout.readline(), "ready\n")
        self.write_config(self.fake, range(1, 101), poll={"interval": "100ms", "max_interval": "100ms", "batch": "auto"})
        daemon.process.send_signal(signal.SIGHUP)
        before, newest = daemon.memory_kb("VmRSS"), 100
        for turn in range(60):
            self.fake.control("PUT", "jobs", f"[jobs 1-100]\nstep = 0s Running | turn {turn}\n".encode())
            newest += 100
            self.wait_until(lambda: self.bus.call("ListEvents", "tatu", newest - 1, 0, 1, name=NAME)[0] >= newest)
        most = daemon.memory_kb("VmRSS")
        print(f"{newest} events; memory {before} kB, then {most} kB", flush=True)
        if not SANITIZED:
            self.assertLess(most, before + 8 * 1024)


if __name__ == "__main__":
    unittest.main()
