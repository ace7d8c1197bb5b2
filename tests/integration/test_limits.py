#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Rate limits, with few and many jobs, one or twenty starts: never exceeded, and nearly used up.

SKIP_SLOW=1 skips tests that take more than a minute."""

import collections
import os
import signal
import socket
import threading
import time
import unittest

from harness import EX_OK, PATIENCE, SLOW, IntegrationTest

PUBLISHED = {"min_spacing": "100ms", "per_minute": "120", "per_hour": "5000", "per_day": "200000"}
UNLIMITED = {"min_spacing": "0", "per_minute": "0", "per_hour": "0", "per_day": "0"}


def most_within(times, span):
    """The maximum number of these within any period of so many seconds."""
    window, most = collections.deque(), 0
    for at in sorted(times):
        window.append(at)
        while window[0] <= at - span:
            window.popleft()
        most = max(most, len(window))
    return most


class LimitsTest(IntegrationTest):
    def watch(self, fake, count, interval="100ms", batch="auto", feed="auto", **limits):
        self.write_config(fake, range(10000, 10000 + count), limits={**UNLIMITED, **limits},
                          poll={"interval": interval, "max_interval": interval, "batch": batch, "feed": feed})
        return self.start_daemon()

    def start_server(self, count, server="throttle = yes\n", result=""):
        return self.start_fake(f"[jobs 10000-{9999 + count}]\nstep = 0s Running{result}\n", server)

    def assertNoneRefused(self, fake, daemon):
        stats = fake.stats()
        self.assertEqual(stats["throttled"], 0, f"{stats}\n{daemon.text()[-2000:]}")
        self.assertEqual(daemon.count("Rate limited by the API"), 0)
        return stats


class Published(LimitsTest):
    """A server that enforces the documented limits, and jobs whose interval is far too short for them."""

    def few(self, count, requests):
        """So many requests, none rejected, about as fast as per_minute allows."""
        fake = self.start_server(count, result=" | half")
        daemon = self.watch(fake, count, **PUBLISHED)
        daemon.wait_for("first seen as")
        while fake.stats()["answered"] < requests:
            fake.wait(min(5, requests - fake.stats()["answered"]), fake.stats()["last_seq"])
        self.assertEqual(daemon.stop(), EX_OK)
        self.assertNoneRefused(fake, daemon)
        self.assertEqual(fake.stats()["jobs_read"], count)
        times = [request["t"] for request in fake.requests()]
        self.assertGreaterEqual(min(later - earlier for earlier, later in zip(times, times[1:])), 0.095)
        self.assertLess(times[requests - 1] - times[0], requests * 60 / 120 * 1.1 + 3 * SLOW)

    def test_10(self):
        self.few(10, 35)

    def test_1000(self):
        self.few(1000, 45)

    def start_ten_thousand(self, name, result):
        fake = self.start_fake(f"[jobs 10000-19999]\nstep = 0s Running{result}\n", "throttle = yes\n", name=name)
        self.state = self.directory / f"state-{name}"
        daemon = self.watch(fake, 10000, interval="15s", **PUBLISHED)
        daemon.wait_for("watching 10000 jobs")
        return fake, daemon

    def finish_ten_thousand(self, fake, daemon):
        while (stats := fake.stats())["seconds"] < 76:
            fake.wait(1, stats["last_seq"])
        memory = daemon.memory_kb("VmRSS")
        self.assertEqual(daemon.stop(patience=2 * PATIENCE), EX_OK)
        times = [request["t"] for request in fake.requests()]
        steady = [at for at in times if at > times[0] + 25]
        rate = (len(steady) - 1) / (steady[-1] - steady[0]) * 60
        print(f"10,000 jobs {fake.name}: {stats['jobs_read']} seen, the last after {stats['last_first_read']:.1f} s; "
              f"{len(times)} requests, in the end {rate:.1f} a minute; {stats['connections']} connections; "
              f"RSS {memory} kB", flush=True)
        self.assertNoneRefused(fake, daemon)
        self.assertGreater(rate, 0.8 * 120 / SLOW, "near what the minute allows")
        self.assertLessEqual(most_within(times, 60), 120)
        self.assertEqual(stats["jobs_read"], 10000)
        self.assertLessEqual(stats["last_first_read"] - times[0], 75)

    @unittest.skipIf(os.environ.get("SKIP_SLOW"), "75 s of real time")
    def test_10000(self):
        """All jobs are observed within 75 s, with and without ResultData."""
        both = [self.start_ten_thousand("with-results", " | half"), self.start_ten_thousand("without-results", "")]
        for fake, daemon in both:
            with self.subTest(fake.name):
                self.finish_ten_thousand(fake, daemon)


class Steady(LimitsTest):
    def period(self, count, optimum, requests, **limits):
        """Seconds between two polls of a job, once the initial burst is used up."""
        fake = self.start_server(count, "", " | half")
        daemon = self.watch(fake, count, feed="off", **limits)  # which polls jobs in sweeps only
        fake.wait(1)
        while fake.stats()["answered"] < requests:
            fake.wait(1, fake.stats()["last_seq"])
        self.assertEqual(daemon.stop(), EX_OK)
        looks = collections.defaultdict(list)
        for request in fake.requests()[requests // 2:]:
            for id in request["query"][len("id=%5B"):-len("%5D")].split(","):
                looks[id].append(request["t"])
        gaps = [later - earlier for times in looks.values() for earlier, later in zip(times, times[1:])]
        self.assertGreater(len(gaps), count)
        print(f"{count} jobs: {sum(gaps) / len(gaps):.2f} s from look to look, at most {max(gaps):.2f} s; at best "
              f"{optimum:.2f} s", flush=True)
        self.assertLess(sum(gaps) / len(gaps), optimum * 1.25 * SLOW)
        self.assertLess(max(gaps), optimum * 1.7 * SLOW, "nobody waits much longer than the others")

    def test_minute(self):
        """1,000 jobs are ten requests, and 600 requests per minute are allowed."""
        self.period(1000, 1.0, 190, per_minute="600")

    def test_spacing(self):
        self.period(2000, 2.4, 130, min_spacing="100ms")  # they are sent 120 ms apart


class Smaller(LimitsTest):
    def test_30_a_minute(self):
        fake = self.start_server(10, "throttle = yes\nper_minute = 30\nper_hour = 0\nper_day = 0\nmin_spacing = 0s\n")
        daemon = self.watch(fake, 10, batch="off", per_minute="30")
        begin = fake.stats()["seconds"]
        while fake.stats()["answered"] < 11:
            fake.wait(1, fake.stats()["last_seq"])
        took = fake.stats()["seconds"] - begin
        self.assertEqual(daemon.stop(), EX_OK)
        stats = self.assertNoneRefused(fake, daemon)
        self.assertEqual(stats["jobs_read"], 10, "each its turn")
        times = [request["t"] for request in fake.requests()]
        self.assertLessEqual(most_within(times, 20), 13, "the burst, and then one every 2.4 s")
        self.assertLess(took, 22 + 3 * SLOW)

    def kept(self, count, span, **limits):
        """As many requests at once as the limit allows, then none for a long time."""
        fake = self.start_server(20, "")
        daemon = self.watch(fake, 20, batch="off", **limits)
        fake.wait(count)
        with self.assertRaises(AssertionError, msg="that was all for now"):
            fake.control("GET", f"wait?count={count + 1}&timeout={span}s")
        self.assertEqual(daemon.stop(), EX_OK)

    def test_an_hour(self):
        self.kept(2, 3, per_hour="80")

    def test_a_day(self):
        self.kept(2, 3, per_day="200")

    def test_min_spacing(self):
        """min_spacing holds regardless of due jobs and of response times."""
        fake = self.start_server(60, "")
        fake.fault("slow", after=20, times=20, delay="130ms")
        fake.fault("odd", after=25, times=3, html="yes")
        daemon = self.watch(fake, 60, batch="off", min_spacing="100ms")
        while fake.stats()["answered"] < 70:
            fake.wait(1, fake.stats()["last_seq"])
        self.assertEqual(daemon.stop(), EX_OK)
        times = [request["t"] for request in sorted(fake.requests(), key=lambda request: request["seq"])]
        gaps = [later - earlier for earlier, later in zip(times, times[1:])]
        # Requests sent 100 ms apart sometimes arrive slightly closer.
        self.assertGreater(min(gaps), 0.1 - 0.02 * SLOW)
        self.assertGreater((times[-1] - times[0]) / len(gaps), 0.0995)
        # The spacing is 120 ms, plus the latency of the timer.
        self.assertLess((times[-1] - times[0]) / len(gaps), 0.135 * SLOW)


class SlowConnect:
    """A proxy to the server that delays each connection, as TLS does."""

    def __init__(self, port, delay):
        self.port, self.delay = port, delay
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self.listener.getsockname()[1]}"
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self):
        while True:
            try:
                client = self.listener.accept()[0]
            except OSError:
                return
            threading.Timer(self.delay, self.connect, (client,)).start()

    def connect(self, client):
        server = socket.create_connection(("127.0.0.1", self.port))
        for source, target in ((client, server), (server, client)):
            threading.Thread(target=self.copy, args=(source, target), daemon=True).start()

    def copy(self, source, target):
        with target:
            try:
                while data := source.recv(65536):
                    target.sendall(data)
                target.shutdown(socket.SHUT_WR)
            except OSError:
                pass

    def stop(self):
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()


class Spacing(LimitsTest):
    def test_slow_connect(self):
        """min_spacing also holds at the server if the first request had to wait for its connection."""
        fake = self.start_server(1000, "throttle = yes\n", " | half")
        way = SlowConnect(fake.port, 0.06)
        self.addCleanup(way.stop)
        self.write_config(way.url, range(10000, 11000), limits=PUBLISHED, poll={"batch": "auto"})
        daemon = self.start_daemon()
        daemon.wait_for("first seen as")
        fake.wait(8)
        self.assertEqual(daemon.stop(), EX_OK)
        self.assertNoneRefused(fake, daemon)


class Restarts(LimitsTest):
    """Starts and kills of the daemon do not exceed the limits."""

    def loop(self, jobs, each, how=signal.SIGKILL, times=20, **limits):
        """Starts and kills it 20 times, each time after some requests or, if there are none, after a delay."""
        fake = self.start_server(jobs, "")
        for _ in range(times):
            daemon = self.watch(fake, jobs, batch="off", **limits)
            daemon.wait_for("started: watching")
            try:
                fake.control("GET", f"wait?count={each}&since={fake.stats()['last_seq']}&timeout=500ms")
            except AssertionError:
                pass  # nothing more was allowed
            daemon.stop(how)
        return fake, [request["t"] for request in fake.requests()]

    def test_minute(self):
        fake, times = self.loop(50, 8, per_minute="60")  # as many as may go at once
        self.assertLessEqual(most_within(times, 60), 60)
        # Polling resumes: what was counted in excess after a kill expires soon.
        daemon = self.watch(fake, 50, batch="off", per_minute="60")
        fake.wait(2, fake.stats()["last_seq"])
        self.assertEqual(daemon.stop(), EX_OK)
        self.assertGreaterEqual(len(times), 8)

    def test_minute_with_stops(self):
        """After a normal stop nothing is counted in excess."""
        fake, times = self.loop(50, 3, signal.SIGTERM, per_minute="60")
        self.assertLessEqual(most_within(times, 60), 60)
        lasted = times[-1] - times[0]
        self.assertGreaterEqual(len(times), 8 + int(lasted * 50 / 60 * 0.7), f"in {lasted} s")

    def test_hour(self):
        _, times = self.loop(50, 5, per_hour="80", times=8)
        self.assertLessEqual(len(times), 3)
        self.assertGreaterEqual(len(times), 1)

    def test_day(self):
        _, times = self.loop(50, 5, per_day="200", times=8)
        self.assertLessEqual(len(times), 3)
        self.assertGreaterEqual(len(times), 1)

    def test_published(self):
        fake, times = self.loop(200, 10, **PUBLISHED)
        self.assertLessEqual(most_within(times, 60), 120)
        gaps = [later - earlier for earlier, later in zip(times, times[1:])]
        self.assertGreater(min(gaps), 0.1 - 0.02 * SLOW, "the spacing too")
        daemon = self.watch(fake, 200, batch="off", **PUBLISHED)
        fake.wait(3, fake.stats()["last_seq"])
        self.assertEqual(daemon.stop(), EX_OK)

    def test_first_request(self):
        """It is made within a second of the start, however the run before has ended and whatever it has spent."""
        fake = self.start_server(1000)
        for how in (signal.SIGTERM, signal.SIGKILL, signal.SIGKILL, signal.SIGTERM):
            before = fake.stats()["last_seq"]
            daemon = self.watch(fake, 1000, batch="off", **PUBLISHED)
            started = r"started: watching"
            daemon.wait_for(started)
            fake.wait(4, before)
            at = daemon.time_of(started) - fake.began()
            daemon.stop(how)
            first = min(request["t"] for request in fake.requests() if request["seq"] > before)
            print(f"the first request {first - at:.2f} s after the start", flush=True)
            self.assertLess(first - at, 1 * SLOW)
        self.assertEqual(fake.stats()["throttled"], 0)

    def test_pause(self):
        """A Retry-After of the API survives a kill of the daemon, once it is on disk."""
        fake = self.start_server(1, "")
        fake.fault("throttle", status=409, times=1, header='"Retry-After: 5"')
        daemon = self.watch(fake, 1)
        daemon.wait_for("Rate limited by the API")
        begin = time.monotonic()
        self.wait_until(lambda: b"retry after" in (self.state / "jobwatchd.db-wal").read_bytes())
        daemon.stop(signal.SIGKILL)
        daemon = self.watch(fake, 1)
        fake.wait(2)
        self.assertEqual(daemon.stop(), EX_OK)
        self.assertGreater(time.monotonic() - begin, 4)


if __name__ == "__main__":
    unittest.main()
