# SPDX-License-Identifier: MIT
"""Measurements over the bus: a list of all jobs, and how long transactions take."""

import os
import pathlib
import re
import resource
import subprocess
import sys
import time

from programs import Daemon, Server, scratch

ROOT = pathlib.Path(__file__).resolve().parents[2]
PAGE = 4096


def start_bus(build, folder):
    """A dbus-daemon as tests use it; they find the programs in the environment."""
    for name, path in (("JOBWATCHD", "daemon/jobwatchd"), ("JOBWATCHD_HOOK_RUN", "hook-run/hook-run"),
                       ("FAKE_NEXUDUS", "tests/fake-nexudus/fake-nexudus"),
                       ("BUS_CLIENT", "tests/integration/bus-client")):
        os.environ.setdefault(name, str(build / path))
    if (tests := str(ROOT / "tests/integration")) not in sys.path:
        sys.path.insert(0, tests)
    from bus_rig import Bus
    return Bus(pathlib.Path(folder))


def used_by_children_us():
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return (usage.ru_utime + usage.ru_stime) * 1e6


def jobwatchctl(build, bus, *words):
    return subprocess.run([build / "ctl/jobwatchctl", "-i", "bench", "--no-pager", *words], env={**os.environ, **bus.env},
                          stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True, check=True).stdout


def listing(figures, build, jobs):
    with scratch() as folder:
        bus = start_bus(build, folder)
        try:
            with Server(build) as server, \
                    Daemon(build, folder, server, jobs, 100, "1d", environment=bus.env) as daemon:
                server.wait_for_records(jobs, daemon)
                bus.wait_for_name("org.jobwatchd1.bench")
                time.sleep(1)
                for _ in range(3):
                    began, cpu, tool = time.monotonic(), daemon.cpu_us(), used_by_children_us()
                    jobwatchctl(build, bus, "list")
                    figures.note(f"list of {jobs:,} jobs, ms", "jobwatchctl", (time.monotonic() - began) * 1e3)
                    figures.note("… ms of CPU", "jobwatchctl", (used_by_children_us() - tool) / 1e3)
                    figures.note("… ms of CPU", "jobwatchd", (daemon.cpu_us() - cpu) / 1e3)
        finally:
            bus.stop()


def commits(figures, build, times):
    """Writing a transaction, as the metrics count it; the baseline writes a page of the disk and waits for it."""
    what = "commit, mean of a round, ms"
    with scratch() as folder:
        bus = start_bus(build, folder)
        try:
            with Server(build, pathlib.Path(folder) / "sent") as server, \
                    Daemon(build, folder, server, 1, 1, "100ms", environment=bus.env) as daemon:
                server.wait_for_records(times, daemon)
                bus.wait_for_name("org.jobwatchd1.bench")
                text = jobwatchctl(build, bus, "metrics")
        finally:
            bus.stop()
        total, count = (float(re.search(rf"state_commit_duration_seconds_{part}\S* (\S+)", text).group(1))
                        for part in ("sum", "count"))
        figures.note(what, "jobwatchd", total / count * 1e3)

        page = bytes(PAGE)
        file = os.open(pathlib.Path(folder) / "page", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        began = time.monotonic()
        for _ in range(times):
            os.write(file, page)
            os.fdatasync(file)
        figures.note(what, "baseline", (time.monotonic() - began) / times * 1e3)
        os.close(file)
