#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Hostile programs of exec hooks: each ends within its time, nothing of it is left, and meanwhile jobs are polled and other
hooks run. A daemon for each, all at the same time; each prints a row of the table in docs/hostile.md."""

import dataclasses
import os
import pathlib
import time
import unittest

from harness import EX_OK, SANITIZED, SLOW, IntegrationTest
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
    "prints lines without end": Kind(f"#!/bin/sh\nexec yes {'again ' * 10}\n", TIMED_OUT, "1 MiB are logged; timeout"),
    "prints a line without end": Kind("#!/bin/sh\nexec cat /dev/zero\n", TIMED_OUT, "1 MiB are logged; timeout"),
    "kills its supervisor": Kind("#!/bin/sh\nkill -KILL $PPID\nexec sleep 1000\n", "abandoned .*: hook-run was killed by SIGKILL",
                                 "none is needed", 0),
    "leaves sessions behind": Kind("#!/bin/sh\nsetsid sh -c \"$0 & sleep 1000\" &\nsleep 0.05\nwait\n", TIMED_OUT, "timeout, SIGKILL",
                                  TIMEOUT + GRACE),
    "forks without end": Kind("#!/usr/bin/python3\n" + BUSH.replace("PIDS", "'/dev/null'"), TIMED_OUT, "timeout, SIGKILL",
                              TIMEOUT + GRACE),
}


class Group:
    """A control group with limits, where this machine lets us make one."""

    def __init__(self, controller, limits):
        top = pathlib.Path("/sys/fs/cgroup")
        if (top / "cgroup.controllers").exists():
            self.path = top / f"jobwatchd-test-{os.getpid()}"
        else:
            self.path = top / controller / f"jobwatchd-test-{os.getpid()}"
        try:
            self.path.mkdir()
        except OSError as error:
            raise unittest.SkipTest(f"no control group can be made: {error}")
        files = [name for name in limits if (self.path / name).exists()]
        if not files:
            self.path.rmdir()
            raise unittest.SkipTest(f"control groups have no controller {controller} here")
        for name in files:
            (self.path / name).write_text(limits[name])

    def remove(self):
        """Killed processes leave it with a delay."""
        until = time.monotonic() + 10 * SLOW
        while (self.path / "cgroup.procs").read_text() and time.monotonic() < until:
            time.sleep(0.01)
        self.path.rmdir()


class HostileHooks(IntegrationTest):
    def start(self, name):
        kind = KINDS[name]
        directory = self.directory / name.replace(" ", "-").replace(",", "")
        directory.mkdir()
        program = directory / "program"
        program.write_text(kind.program)
        program.chmod(0o755)
        timeout = TIMEOUT if kind.ends == TIMED_OUT else 60  # those that end are not judged by how fast this machine is
        fake = self.start_fake("[jobs 11-12]\nstep = 0s Running\n", name=directory.name)
        self.config, self.state = directory / "jobwatchd.ini", directory / "state"
        self.write_config(fake, more=f"[job hostile]\nid = 11\nhooks = hostile\n[job other]\nid = 12\nhooks = other\n"
                          f"[hook hostile]\nexec = {program}\ntimeout = {timeout}s\nretries = 0\n"
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
        self.assertLess(lasted, kind.most + 5 * SLOW)
        self.assertLess(distance, INTERVAL + 2 * SLOW)
        self.assertLess(other, 5 * SLOW)
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


EATER = """#!/usr/bin/python3
eaten = []
while True:
    eaten.append(b"x" * (1 << 20))
"""
BOMB = """#!/usr/bin/python3
import os, time
while True:
    try:
        os.fork()
    except OSError:
        time.sleep(1)
    time.sleep(0.01)
"""


class Limits(IntegrationTest):
    """MemoryMax= and TasksMax= of the unit, as systemd applies them: by a control group."""

    def start(self, controller, limits, program, timeout):
        """In a group with these limits, {file: value} of the first version of control groups and of the second."""
        self.group = Group(controller, limits)
        self.addCleanup(self.group.remove)
        script = self.directory / "program"
        script.write_text(program)
        script.chmod(0o755)
        self.fake = self.start_fake("[jobs 11-12]\nstep = 0s Running\n")
        self.write_config(self.fake, more=f"[job hostile]\nid = 11\nhooks = hostile\n[job other]\nid = 12\nhooks = other\n"
                          f"[hook hostile]\nexec = {script}\ntimeout = {timeout}s\nretries = 0\n[hook other]\nexec = /bin/true\n")
        daemon = self.start_daemon(before=["sh", "-c", f"echo $$ > {self.group.path}/cgroup.procs && exec \"$@\"", "sh"])
        daemon.wait_for("first seen as Running", count=2)
        self.fake.job(11, status="Completed")
        return daemon

    def finish(self, daemon, name, limit):
        """Jobs are polled, the other hook runs, and it is the same process."""
        daemon.wait_for("Job 11.*hook hostile: abandoned", patience=60 * SLOW)
        lasted = daemon.time_of("hook hostile: abandoned") - daemon.time_of("Job 11.*succeeded")
        print(f"| {name} | {limit} | {lasted:.2f} s | {daemon.memory_kb('VmHWM') / 1024:.1f} MiB | | | |", flush=True)
        self.fake.job(12, status="Completed")
        daemon.wait_for("Job 12.*hook other: delivered")
        self.assertEqual(daemon.stop(), EX_OK)
        self.assertEqual([process for process in processes() if str(self.directory / "program") in process[2]], [])

    def test_a_program_that_takes_too_much_memory_is_killed_and_the_daemon_is_not(self):
        daemon = self.start("memory", {"memory.limit_in_bytes": "96M", "memory.max": "96M"}, EATER, 60)
        self.finish(daemon, "takes memory without end", "MemoryMax=, here 96 MiB")
        self.assertEqual(daemon.count("hook hostile: abandoned .*killed by SIGKILL"), 1, daemon.text())

    def test_a_fork_bomb_is_bounded_and_ended(self):
        timeout = 10  # in which even a busy machine starts that many processes
        daemon = self.start("pids", {"pids.max": "64"}, BOMB, timeout)
        self.wait_until(lambda: (self.group.path / "pids.events").read_text() != "max 0\n")
        self.finish(daemon, "forks as fast as it can", "TasksMax=, here 64; timeout")
        self.assertEqual(daemon.count(f"hook hostile: abandoned .*: timed out after {timeout}s"), 1, daemon.text())


if __name__ == "__main__":
    unittest.main()
