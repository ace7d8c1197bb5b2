#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Hostile clients of the D-Bus API: they get errors, memory stays small, jobs are polled meanwhile, and
another client is answered. Each prints a row of the table in docs/hostile.md."""

import dataclasses
import os
import subprocess
import time
import unittest

from bus_rig import Bus, BusError
from harness import PATIENCE, SANITIZED, SLOW, IntegrationTest, end_with_parent, program
from hostile_rig import Cost

CLIENT = program("BUS_CLIENT")
NAME = "org.jobwatchd1.test"
SECONDS = 3
INTERVAL = 0.3
PEAK_MAX_MB = 32

@dataclasses.dataclass
class Flood:
    words: tuple  # of bus-client
    limit: str  # what holds
    busy: bool = False  # most calls exceed it


FLOODS = {
    "calls without a pause": Flood(("flood", NAME, 20, SECONDS, 1), "8 calls of a client", True),
    "calls of 1,000 connections": Flood(("flood", NAME, 1000, SECONDS, 1), "512 calls of all clients"),
    "arguments of 8 MB": Flood(("flood", NAME, 8, SECONDS, 1_000_000), "each in turn"),
    "replies that are never read": Flood(("silent", NAME, 20, SECONDS), "8 calls of a client"),
}


class HostileBus(IntegrationTest):
    @staticmethod
    def is_answered(bus):
        try:
            return bool(bus.call("GetStatus", name=NAME))
        except BusError:
            return False

    def run_flood(self, name):
        flood = FLOODS[name]
        directory = self.directory / name.replace(" ", "-").replace(",", "")
        directory.mkdir()
        bus = Bus(directory, "<limit name='max_connections_per_user'>2000</limit>"
                             "<limit name='max_completed_connections'>2000</limit>"
                             "<limit name='max_match_rules_per_connection'>100</limit>")
        self.addCleanup(bus.stop)
        fake = self.start_fake("[jobs 1-200]\ndescription = Import of members\nstep = 0s Running | 10 of 100 records\n",
                               name=directory.name)
        self.config, self.state = directory / "jobwatchd.ini", directory / "state"
        self.write_config(fake, range(1, 201), poll={"interval": f"{INTERVAL * 1000:.0f}ms", "feed": "off",
                                                    "max_interval": f"{INTERVAL * 1000:.0f}ms", "batch": "auto"})
        daemon = self.start_daemon("--instance", "test", "--log-level", "notice", env=bus.env)
        bus.wait_for_name(NAME)
        self.wait_until(lambda: bus.call("ListEvents", "tatu", 0, 0, 1, name=NAME)[0] == 200)

        cost, since = Cost(daemon), fake.stats()["seconds"]
        client = subprocess.Popen([CLIENT, *map(str, flood.words)], env={**os.environ, **bus.env}, stdin=subprocess.DEVNULL,
                                  stdout=subprocess.PIPE, text=True, preexec_fn=end_with_parent)
        self.addCleanup(client.stdout.close)
        self.addCleanup(client.kill)
        began = time.monotonic()
        self.wait_until(lambda: self.is_answered(bus))
        answered = time.monotonic() - began
        calls, errors = map(int, client.communicate(timeout=PATIENCE * 2)[0].split())
        peak, cpu, seconds = cost.peak_mb(), cost.cpu_seconds(), cost.seconds()
        reads = [request["t"] for request in fake.requests() if request["t"] >= since and "id=" in request["query"]]
        distance = max(b - a for a, b in zip(reads, reads[1:]))
        print(f"| {name} | {flood.limit} | {calls} calls, {errors} refused | {peak:.1f} MiB | {cpu:.2f} s in {seconds:.0f} s | "
              f"{distance:.2f} s | {answered:.2f} s |", flush=True)
        self.assertLess(distance, INTERVAL + 2 * SLOW)
        if flood.busy:
            self.assertGreater(errors, calls / 4)
        if not SANITIZED:
            self.assertLess(peak, PEAK_MAX_MB)
        self.wait_until(lambda: self.is_answered(bus))  # what was asked before is not left out


def add(name):
    def test(self):
        self.run_flood(name)
    setattr(HostileBus, "test_" + name.replace(" ", "_"), test)


for flood in FLOODS:
    add(flood)

if __name__ == "__main__":
    unittest.main()
