#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Hostile programs of exec hooks: each ends within its time, nothing of it is left, and meanwhile jobs are polled and other
hooks run. A daemon for each, all at the same time; each prints a row of the table in docs/reliability.md."""

import dataclasses
import time
import unittest

from harness import SANITIZED, SLOW, IntegrationTest
from hostile_rig import Cost
from test_hook_processes import BUSH, processes

TIMEOUT = 2
GRACE = 5  # for cleaning up, after SIGTERM
INTERVAL = 0.3
PEAK_MAX_MB = 24
TIMED_OUT = f"abandoned .*: timed out after {TIMEOUT}s"
DELIVERED = "delivered"


@dataclasses.dataclass
class Kind:
    program: str  # of a shell, or of Python if it says so
    ends: str  # what is logged of it
    limit: str
    most: float = TIMEOUT  # seconds
    result: int = 10  # bytes of the ResultData that it gets


KINDS = {
    "exits at once, without reading": Kind("#!/bin/sh\nexit 0\n", DELIVERED, "none is needed", 0, 500000),
    "never reads its input": Kind("#!/bin/sh\nexec sleep 1000\n", TIMED_OUT, "timeout", result=500000),
    "closes everything": Kind("#!/bin/sh\nexec sleep 1000 <&- >&- 2>&-\n", TIMED_OUT, "timeout"),
    "stops itself": Kind("#!/bin/sh\nkill -STOP $$\n", TIMED_OUT, "timeout"),
    "ignores SIGTERM": Kind("#!/bin/sh\ntrap '' TERM\nwhile :; do sleep 1; done\n", TIMED_OUT, "timeout, SIGKILL", TIMEOUT + GRACE),
    "prints lines without end": Kind("#!/bin/sh\nexec yes\n", TIMED_OUT, "1 MiB are logged; timeout"),
    "prints a line without end": Kind("#!/bin/sh\nexec cat /dev/zero\n", TIMED_OUT, "1 MiB are logged; timeout"),
    "kills its supervisor": Kind("#!/bin/sh\nkill -KILL $PPID\nexec sleep 1000\n", "abandoned .*: hook-run was killed by SIGKILL",
                                 "none is needed", 0),
    "leaves sessions behind": Kind("#!/bin/sh\nsetsid sh -c \"$0 & sleep 1000\" &\nsleep 0.05\nwait\n", TIMED_OUT, "timeout"),
    "forks without end": Kind("#!/usr/bin/python3\n" + BUSH.replace("PIDS", "'/dev/null'"), TIMED_OUT, "timeout, SIGKILL",
                              TIMEOUT + GRACE),
}


class HostileHooks(IntegrationTest):
    def start(self, name):
        kind = KINDS[name]
        directory = self.directory / name.replace(" ", "-").replace(",", "")
        directory.mkdir()
        program = directory / "program"
        program.write_text(kind.program)
        program.chmod(0o755)
        fake = self.start_fake("[jobs 11-12]\nstep = 0s Running\n", name=directory.name)
        self.config, self.state = directory / "jobwatchd.ini", directory / "state"
        self.write_config(fake, more=f"[job hostile]\nid = 11\nhooks = hostile\n[job other]\nid = 12\nhooks = other\n"
                          f"[hook hostile]\nexec = {program}\ntimeout = {TIMEOUT}s\nretries = 0\n"
                          "[hook other]\non = changed, succeeded\nexec = /bin/true\n",
                          poll={"interval": f"{INTERVAL * 1000:.0f}ms", "max_interval": f"{INTERVAL * 1000:.0f}ms", "batch": "off"})
        daemon = self.start_daemon()
        daemon.wait_for("first seen as Running", count=2)
        return name, directory, fake, daemon

    def judge(self, name, directory, fake, daemon, cost):
        kind = KINDS[name]
        daemon.wait_for(f"hook hostile: {kind.ends}", patience=(kind.most + 10) * SLOW)
        lasted = daemon.time_of(f"hook hostile: {kind.ends}") - daemon.time_of("Job 11.*succeeded")
        other = daemon.time_of("Job 12.*hook other: delivered") - daemon.time_of("Job 12.*changed")
        peak, cpu, seconds = cost.peak_mb(), cost.cpu_seconds(), cost.seconds()
        reads = [request["t"] for request in fake.requests() if request["path"].endswith("/12")]
        distance = max(b - a for a, b in zip(reads, reads[1:]))
        print(f"| {name} | {kind.limit} | {lasted:.2f} s | {peak:.1f} MiB | {cpu:.2f} s in {seconds:.0f} s | {distance:.2f} s | "
              f"{other:.2f} s |", flush=True)
        left = [process for process in processes() if any(str(directory / "program") in word for word in process[2])]
        self.assertEqual(left, [], "nothing is left")
        self.assertLess(lasted, kind.most + 2 * SLOW)
        self.assertLess(distance, INTERVAL + 1 * SLOW)
        self.assertLess(other, 1.5 * SLOW)
        self.assertLess(cpu, seconds / 3)
        if not SANITIZED:
            self.assertLess(peak, PEAK_MAX_MB)

    def test_a_hostile_program_ends_in_time_and_delays_nothing_else(self):
        sites = [self.start(name) for name in KINDS]
        costs = [Cost(daemon) for *_, daemon in sites]
        for name, _, fake, _ in sites:
            fake.job(11, status="Completed", result="x" * KINDS[name].result)
        time.sleep(1)  # while they are at it
        for _, _, fake, _ in sites:
            fake.job(12, status="Processing")
        for site in sites:
            site[3].wait_for("Job 12.*hook other: delivered")
        for site, cost in zip(sites, costs):
            with self.subTest(site[0]):
                self.judge(*site, cost)


if __name__ == "__main__":
    unittest.main()
