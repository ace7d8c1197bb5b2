# SPDX-License-Identifier: MIT
"""The measurements: each function makes one round and notes its figures."""

import os
import pathlib
import re
import shutil
import signal
import statistics
import subprocess
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "postgresql"))
import server as postgresql  # noqa: E402
from proxy import Proxy  # noqa: E402

from programs import Aiohttp, Baseline, Collectd, CurlJq, Daemon, Process, Server, scratch

# Jobs, and milliseconds from one poll of a job to the next.
SINGLY = {1: 100, 100: 1000, 1000: 1000, 10000: 2000}
BATCHES = {100: 1000, 1000: 1000, 10000: 2000}


def poll(figures, what, who, server, process, jobs, interval_ms, seconds):
    """CPU and requests per job and poll in the steady state; and memory."""
    server.wait_for_records(2 * jobs, process)
    time.sleep(max(0.5, interval_ms / 1000))
    cpu, (requests, records) = process.cpu_us(), server.counts()
    time.sleep(max(seconds, 2 * interval_ms / 1000))
    cpu, counts = process.cpu_us() - cpu, server.counts()
    polls = counts[1] - records
    figures.note(what, who, cpu / polls)
    figures.note(what, who, (counts[0] - requests) / polls, column="requests")
    if what.startswith("singly") and jobs in (100, 1000):
        resident, anonymous = process.memory()
        figures.note(f"resident at {jobs:,} jobs, MiB", who, resident / 1024)
        figures.note(f"… of which anonymous, MiB ({jobs:,})", who, anonymous / 1024)


def polling(figures, build, seconds, peers):
    for batch, plan in ((1, SINGLY), (100, BATCHES)):
        for jobs, interval_ms in plan.items():
            what = f"{'singly' if batch == 1 else 'batches'}, {jobs:,} job{'s' if jobs > 1 else ''}, µs"

            def measure(who, make):
                with scratch() as folder, Server(build) as server, make(folder, server) as process:
                    poll(figures, what, who, server, process, jobs, interval_ms, seconds)

            measure("baseline", lambda folder, server: Baseline(build, server, jobs, batch, interval_ms))
            if (batch, jobs) in ((1, 1000), (100, 10000)):
                measure("baseline, all at once", lambda folder, server: Baseline(build, server, jobs, batch, interval_ms, False))
            measure("jobwatchd", lambda folder, server: Daemon(build, folder, server, jobs, batch, f"{interval_ms}ms"))
            if "collectd" in peers and batch == 1 and jobs <= 1000:
                measure("collectd", lambda folder, server: Collectd(folder, server, jobs, interval_ms))
            if "aiohttp" in peers and (jobs in (100, 1000) or batch > 1 and jobs == 10000):
                measure("aiohttp", lambda folder, server: Aiohttp(server, jobs, batch, interval_ms))
            if "curl | jq" in peers and jobs == 100:
                with Server(build) as server, CurlJq(server, jobs, batch) as loop:
                    requests, records = server.counts()
                    figures.note(what, "curl | jq", loop.used_us / records)
                    figures.note(what, "curl | jq", requests / records, column="requests")


def events(figures, build, seconds):
    """Recording, in groups that share a transaction: how many a second, and how long the loop was blocked at most."""
    if postgresql.missing() is not None:
        figures.skip(f"events in PostgreSQL: {postgresql.missing()}")
        record_events(figures, build, seconds, {"SQLite": ()})
        return
    with postgresql.Server() as database, Proxy(database.port, delay=0.005) as proxy:
        places = {"SQLite": (),
                  "PostgreSQL on loopback": (database.uri, database.password),
                  "… 5 ms away": (database.uri.replace(f":{database.port}", f":{proxy.port}"), database.password)}
        record_events(figures, build, seconds, places)


def record_events(figures, build, seconds, places):
    environment = {**os.environ, "JOBWATCHD_MODULE_DIR": str(build / "daemon")}
    for group in (1, 10, 100, 1000):
        for who, words in places.items():
            with scratch() as folder:
                said = subprocess.run([build / "tests/bench/events", folder, str(group), str(seconds), *words], env=environment,
                                      stdout=subprocess.PIPE, check=True, text=True).stdout
            rate, longest = map(float, said.split())
            figures.note(f"events a second, {group:,} at once", who, rate)
            figures.note(f"… loop blocked for at most, ms ({group:,})", who, longest)


def feed(figures, build, seconds, peers, jobs=10000, interval_ms=100):
    """
    CPU of a round of the change feed that shows nothing new: one page. The others request the same page. The median of
    several spans, since what was read first may still be written in one of them.
    """
    what = f"feed, a round at {jobs:,} jobs, µs"

    def measure(who, process, server, settled):
        server.wait_for_records(settled, process)
        spans = []
        for _ in range(5):
            cpu, (requests, records) = process.cpu_us(), server.counts()
            time.sleep(seconds)
            cpu, counts = process.cpu_us() - cpu, server.counts()
            rounds = counts[0] - requests
            spans.append(cpu / rounds)
        figures.note(what, who, statistics.median(spans))
        return (counts[1] - records) // rounds

    with scratch() as folder, Server(build) as server, \
            Daemon(build, folder, server, jobs, 100, f"{interval_ms}ms", feed="auto") as daemon:
        rows = measure("jobwatchd", daemon, server, jobs + 2000)
        resident, anonymous = daemon.memory()
        figures.note(f"resident at {jobs:,} jobs, MiB", "jobwatchd", resident / 1024)
        figures.note(f"… of which anonymous, MiB ({jobs:,})", "jobwatchd", anonymous / 1024)
    with Server(build) as server, Baseline(build, server, rows, 0, interval_ms) as process:
        measure("baseline", process, server, 10 * rows)
    if "aiohttp" in peers:
        with Server(build) as server, Aiohttp(server, rows, 0, interval_ms) as process:
            measure("aiohttp", process, server, 10 * rows)


def waiting(figures, build, few, many):
    """Nothing is due for a day: memory per job, and wake-ups."""
    memory = {}
    for jobs in few, many:
        with scratch() as folder, Server(build) as server, Daemon(build, folder, server, jobs, 100, "1d") as daemon:
            server.wait_for_records(jobs, daemon)
            time.sleep(2)
            memory[jobs] = daemon.memory()[1]
            if jobs == few:
                wake_ups = daemon.wake_ups()
                time.sleep(5)
                figures.note("wake-ups per second, nothing due", "jobwatchd", (daemon.wake_ups() - wake_ups) / 5)
    figures.note(f"bytes per waiting job at {many:,}", "jobwatchd", (memory[many] - memory[few]) * 1024 / (many - few))


def start(figures, build, jobs):
    """The second start, with a state that contains all jobs."""
    with scratch() as folder, Server(build) as server:
        with Daemon(build, folder, server, jobs, 100, "1d") as daemon:
            server.wait_for_records(jobs, daemon)
            time.sleep(1)
        with Daemon(build, folder, server, jobs, 100, "1d") as daemon:
            figures.note(f"start to READY at {jobs:,} jobs, ms", "jobwatchd", daemon.start_ms)


def reload(figures, build, jobs):
    with scratch() as folder, Server(build) as server, Daemon(build, folder, server, jobs, 100, "1d") as daemon:
        server.wait_for_records(jobs, daemon)
        time.sleep(1)
        cpu, began = daemon.cpu_us(), time.monotonic()
        daemon.popen.send_signal(signal.SIGHUP)
        daemon.wait_until_ready()
        figures.note(f"reload at {jobs:,} jobs, ms until READY", "jobwatchd", (time.monotonic() - began) * 1e3)
        figures.note(f"reload at {jobs:,} jobs, ms of CPU", "jobwatchd", (daemon.cpu_us() - cpu) / 1e3)


def read_stamps(text):
    return {(job, size): int(at) for at, job, size in (line.split() for line in text.splitlines())}


def note_spans(figures, who, began, stamps):
    for key, at in stamps.items():
        figures.note("change to hook, ms", who, (at - began[key]) / 1e6)


def change_to_hook(figures, build, changes):
    """From the sending of the response to the start of the hook's program."""
    stamp = build / "tests/bench/stamp"
    with scratch() as name:
        folder = pathlib.Path(name)
        baseline = subprocess.run([build / "tests/bench/spawn_baseline", folder / "page", stamp, folder / "baseline", str(changes)],
                               stdout=subprocess.PIPE, text=True, check=True)
        note_spans(figures, "baseline", read_stamps(baseline.stdout), read_stamps((folder / "baseline").read_text()))

        stamps = folder / "stamps"
        stamps.touch()
        with Server(build, folder / "sent") as server, \
                Daemon(build, folder, server, 1, 1, "100ms", hook=f"{stamp.absolute()} {stamps}") as daemon:
            while daemon.popen.poll() is None and stamps.read_bytes().count(b"\n") < changes:
                time.sleep(0.2)
        note_spans(figures, "jobwatchd", read_stamps((folder / "sent").read_text()), read_stamps(stamps.read_text()))


def changes_at_once(figures, build, jobs):
    """
    All jobs have changed while nothing polled them: from the last response to the last log entry and the last hook, and how
    long the event loop ran without a pause meanwhile.
    """
    stamp = build / "tests/bench/stamp"
    with scratch() as name:
        folder = pathlib.Path(name)
        stamps, sent, loop = folder / "stamps", folder / "sent", folder / "loop"
        stamps.touch()
        hook = f"{stamp.absolute()} {stamps}"
        with Server(build, sent) as server:
            with Daemon(build, folder, server, jobs, 1, "1d", hook=hook) as daemon:
                server.wait_for_records(jobs, daemon)
                time.sleep(1)
            sent.write_text("")
            with Daemon(build, folder, server, jobs, 1, "1d", hook=hook, log=True, loop_times=loop) as daemon:
                cpu = daemon.cpu_us()
                while daemon.popen.poll() is None and stamps.read_bytes().count(b"\n") < jobs:
                    time.sleep(0.02)
                time.sleep(0.5)
                figures.note(f"{jobs:,} changes at once, ms of CPU", "jobwatchd", (daemon.cpu_us() - cpu) / 1e3)
        busy = [[int(word) / 1e6 for word in line.split()] for line in loop.read_text().splitlines()]
        responses, hooks = read_stamps(sent.read_text()), read_stamps(stamps.read_text())
        entries = [seconds for seconds, line in daemon.log_lines if "[changed" in line]
        last = max(responses.values()) / 1e6
        figures.note(f"{jobs:,} changes at once, ms of responses", "jobwatchd", last - min(responses.values()) / 1e6)
        figures.note(f"{jobs:,} changes at once, ms from the last response to the last log entry", "jobwatchd", max(entries) * 1e3 - last)
        figures.note(f"{jobs:,} changes at once, ms from the last response to the last hook", "jobwatchd", max(hooks.values()) / 1e6 - last)
        began, ended = min(responses.values()) / 1e6, max(hooks.values()) / 1e6
        busy = [[took, cpu] for end, took, cpu in busy if began < end - took < ended] or [[1, 1]]
        figures.note(f"{jobs:,} changes at once, ms of the loop, longest", "jobwatchd", max(took for took, _ in busy))
        figures.note("… in which it had a processor", "jobwatchd", max(cpu for _, cpu in busy))


PARSERS = {"plain": "baseline", "records": "jobwatchd"}


def parsing(figures, build, times):
    for how, who in PARSERS.items():
        out = subprocess.run([build / "tests/bench/parse", how, str(times)], stdout=subprocess.PIPE, text=True, check=True)
        _, size, nanoseconds = map(int, out.stdout.split())
        figures.note("parse, MB/s", who, size / nanoseconds * 1e3)


def instructions(figures, build):
    """Deterministic: measured once."""
    if not shutil.which("valgrind"):
        figures.skip("instructions per record: valgrind is not installed")
        return
    for how, who in PARSERS.items():
        counts = []
        for times in 1, 11:
            with scratch() as folder:
                out = subprocess.run(["valgrind", "--tool=callgrind", f"--callgrind-out-file={folder}/out",
                                      build / "tests/bench/parse", how, str(times)], capture_output=True, text=True)
                counts.append(int(re.search(r"Collected : (\d+)", out.stderr).group(1)))
        figures.note("parse, instructions per record", who, (counts[1] - counts[0]) / 1000)
