#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""A hostile API: each answer is given up within its limit, costs little memory and time, and delays no other job.

A daemon and a server for each kind of answer, some at a time. Each prints a row of the table in docs/hostile.md.
"""

import dataclasses
import datetime
import itertools
import os
import subprocess
import time
import typing
import unittest
import urllib.parse
import zlib

from harness import SANITIZED, SLOW, IntegrationTest
from hostile_rig import BAD, ENDING, HEALTHY, JSON_HEAD, SHUT, Cost, HostileServer, record, response

SECONDS = 4
TIMEOUT = 2
INTERVAL = 0.3
MAX_RESPONSE = 1 << 20
AT_A_TIME = 12
PIECE = 65536
PEAK_MAX_MB = 24
SWEEP = 5
DISTANCE_MAX = 1.5 if SLOW == 1 else 5  # less than the timeout: nothing waits for that; a busy machine has its own pauses

CHUNKED = JSON_HEAD + b"Transfer-Encoding: chunked\r\n\r\n"
BEGIN = b'{"Id": %d, "Status": "Completed", ' % BAD


def length(size):
    return JSON_HEAD + b"Content-Length: %s\r\n\r\n" % str(size).encode()


def slowly(head, data):
    yield head
    for byte in itertools.cycle(data):
        yield bytes([byte])
        yield 1.0


def without_end(head, then):
    """`then` again and again, after the head."""
    yield head
    piece = then * (1 + PIECE // len(then))
    while True:
        yield piece


def redirect():
    yield (b"HTTP/1.1 302 Found\r\nLocation: /api/sys/businessbackgroundjobs/%d?again=yes\r\nContent-Length: 0\r\n"
           b"Connection: close\r\n\r\n" % BAD)


def bomb(layers=1):
    """Ten gigabytes of blanks, compressed so often."""
    yield JSON_HEAD + b"Content-Encoding: " + b", ".join([b"gzip"] * layers) + b"\r\nConnection: close\r\n\r\n"
    coders = [zlib.compressobj(9, zlib.DEFLATED, 31) for _ in range(layers)]
    piece = BEGIN
    for _ in range(10 << 10):
        for coder in coders:
            piece = coder.compress(piece) + coder.flush(zlib.Z_SYNC_FLUSH)
        yield piece
        piece = b" " * (1 << 20)


def chunk(data):
    return b"%x\r\n%s\r\n" % (len(data), data)


def fields():
    yield CHUNKED + chunk(BEGIN)
    for number in itertools.count():
        yield chunk(b"".join(b'"field %d": null, ' % (1000 * number + i) for i in range(1000)))


def smuggled():
    """A response that is complete, with another one behind it that nobody asked for."""
    body = b'{"Id": %d, "Status": "Completed"}' % ENDING
    yield length(2) + b"{}" + length(len(body)) + body


def noise():
    while True:
        yield os.urandom(65536)


class Pages:
    """Of a search that always has another page, with jobs that nobody has seen before."""

    def __init__(self):
        self.ids = itertools.count(10 ** 6)
        self.newest = 0

    def answer(self, path):
        asked = urllib.parse.parse_qs(urllib.parse.urlsplit(path).query)
        page, size = int(asked["page"][0]), int(asked["size"][0])
        if page == 1:
            self.newest = time.time()
        rows = []
        for place in range((page - 1) * size, page * size):
            when = datetime.datetime.fromtimestamp(self.newest - place / 1000, datetime.timezone.utc)
            stamp = when.strftime("%Y-%m-%dT%H:%M:%S.%fZ")
            rows.append({**record(next(self.ids), "Running"), "UpdatedOn": stamp, "CreatedOn": stamp, "Description": "unwanted"})
        return response({"Records": rows, "CurrentPage": page, "TotalItems": 10 ** 9, "HasNextPage": True})


@dataclasses.dataclass
class Kind:
    attack: typing.Callable
    limit: str  # what ends it
    says: str  # why the job cannot be polled
    timeout: bool = False  # it may last until then


NO_RESPONSE = "timed out waiting for the response"
TOO_LARGE = "response larger than max_response"
INCOMPLETE = "no complete response"
NO_RECORD = "HTTP 200, not a job record"

KINDS = {
    "no answer": Kind(lambda: (), "timeout", NO_RESPONSE, True),
    "head, a byte a second": Kind(lambda: slowly(b"", JSON_HEAD + b"X: y\r\n" * 99), "timeout", NO_RESPONSE, True),
    "body, a byte a second": Kind(lambda: slowly(length(1000), BEGIN + b" " * 900), "timeout", NO_RESPONSE, True),
    "Content-Length too large": Kind(lambda: (length(1000) + BEGIN,), "timeout", NO_RESPONSE, True),
    "head without end": Kind(lambda: without_end(JSON_HEAD, b"X-Header: " + b"x" * 1000 + b"\r\n"),
                             "256 KiB of header lines", INCOMPLETE),
    "header line without end": Kind(lambda: without_end(JSON_HEAD + b"X: ", b"x"), "100 KiB in a line", INCOMPLETE),
    "interim responses without end": Kind(lambda: without_end(b"", b"HTTP/1.1 103 Early Hints\r\nX: y\r\n\r\n"),
                                          "256 KiB of header lines", INCOMPLETE),
    "trailers without end": Kind(lambda: without_end(CHUNKED + b"0\r\n", b"X-Trailer: y\r\n"), "256 KiB of header lines",
                                 INCOMPLETE),
    "chunks of a byte without end": Kind(lambda: without_end(CHUNKED, b"1\r\n \r\n"), "max_response, timeout",
                                         f"{TOO_LARGE}|{NO_RESPONSE}", True),
    "chunk extension without end": Kind(lambda: without_end(CHUNKED + b"1;", b"x"), "timeout", NO_RESPONSE, True),
    "redirects without end": Kind(redirect, "none is followed", "HTTP 302: redirects are not followed"),
    "gzip, 10 GiB in 10 MiB": Kind(bomb, "max_response", TOO_LARGE),
    "gzip in gzip in gzip": Kind(lambda: bomb(3), "max_response", TOO_LARGE),
    "gzip, 20 times": Kind(lambda: bomb(20), "5 content encodings", INCOMPLETE),
    "JSON nested without end": Kind(lambda: without_end(CHUNKED + chunk(BEGIN + b'"x": '), chunk(b"[" * 4096)), "64 levels",
                                    f"{NO_RECORD}: nested deeper than 64 levels"),
    "fields without end": Kind(fields, "max_response", TOO_LARGE),
    "text without end": Kind(lambda: without_end(CHUNKED + chunk(BEGIN + b'"x": "'), chunk(b"x" * 4096)), "max_response",
                             TOO_LARGE),
    "number without end": Kind(lambda: without_end(CHUNKED + chunk(BEGIN + b'"x": 1'), chunk(b"0" * 4096)), "max_response",
                               TOO_LARGE),
    "Content-Length of 10^30": Kind(lambda: (length(10 ** 30) + BEGIN,), "max_response", TOO_LARGE),
    "Content-Length of -1": Kind(lambda: (length(-1) + BEGIN,), "head is refused", INCOMPLETE),
    "a response behind the response": Kind(smuggled, "connection is closed", NO_RECORD),
    "half closed, no response": Kind(lambda: (SHUT,), "end of connection", INCOMPLETE),
    "half closed, half a body": Kind(lambda: (length(1000) + BEGIN, SHUT), "end of connection", INCOMPLETE),
    "random bytes without end": Kind(noise, "status line", INCOMPLETE),
}


class HostileResponses(IntegrationTest):
    def start(self, name):
        directory = self.directory / name.replace(" ", "-")
        directory.mkdir()
        server = HostileServer(directory, KINDS[name].attack)
        self.addCleanup(server.stop)
        self.config, self.state = directory / "jobwatchd.ini", directory / "state"
        interval = f"{INTERVAL * 1000:.0f}ms"
        self.write_config(server.url, (*HEALTHY, BAD), api={"timeout": f"{TIMEOUT}s", "max_response": MAX_RESPONSE},
                          poll={"interval": interval, "max_interval": interval, "batch": "off"})
        daemon = self.start_daemon()
        return name, server, daemon, Cost(daemon)

    def judge(self, name, server, daemon, cost):
        kind = KINDS[name]
        daemon.wait_for(f"warning Job {BAD}: cannot be polled: .*({kind.says})")
        ended = time.monotonic()
        self.assertFalse([event for event in daemon.events() if event[1] != "seen"], "nothing has happened so far")
        server.ended.set()
        daemon.wait_for(rf"Job {ENDING}: Running → Completed \[succeeded", patience=DISTANCE_MAX + 2 * SLOW)
        entries = server.entries()
        peak, cpu, seconds = cost.peak_mb(), cost.cpu_seconds(), cost.seconds()
        lasted = max(entry["lasted"] for entry in entries if "lasted" in entry)
        reads = [[entry["at"] for entry in entries if entry.get("job") == job and entry["at"] < ended] for job in HEALTHY]
        distance = max(b - a for times in reads for a, b in zip(times, times[1:]))
        print(f"| {name} | {kind.limit} | {lasted:.2f} s | {peak:.1f} MiB | {cpu:.2f} s in {seconds:.0f} s | {distance:.2f} s |",
              flush=True)

        self.assertLess(lasted, (TIMEOUT if kind.timeout else 0) + 1.5 * SLOW)
        self.assertLess(distance, DISTANCE_MAX)
        self.assertLess(cpu, seconds / 3)
        if not SANITIZED:
            self.assertLess(peak, PEAK_MAX_MB)
        self.assertEqual([entry for entry in entries if "path" in entry], [], "nothing else is requested")
        self.assertEqual({job for job, _, _ in daemon.events()}, set(HEALTHY), "nothing of the bad response counts")
        self.assertEqual(len(daemon.messages()), 1, daemon.text())

    def test_a_hostile_response_is_given_up_and_delays_no_other_job(self):
        names = list(KINDS)
        for first in range(0, len(names), AT_A_TIME):
            sites = [self.start(name) for name in names[first:first + AT_A_TIME]]
            time.sleep(SECONDS * SLOW)  # what it costs is measured
            for site in sites:
                with self.subTest(site[0]):
                    self.judge(*site)
            for _, server, daemon, _ in sites:
                daemon.stop()
                server.stop()


class HostileServers(IntegrationTest):
    def start(self, jobs, pages=None, more="", **how):
        self.server = HostileServer(self.directory, pages=pages, **how)
        self.addCleanup(self.server.stop)
        self.write_config(self.server.url, jobs, more=more, api={"timeout": f"{TIMEOUT}s", "connect_timeout": f"{TIMEOUT}s"},
                          poll={"interval": "300ms", "max_interval": "300ms", "batch": "auto", "sweep_interval": f"{SWEEP}s"})

    def judge(self, name, limit, lasted, daemon, cost):
        """The end of a job is noticed all the same."""
        self.server.ended.set()
        daemon.wait_for(rf"Job {ENDING}: Running → Completed \[succeeded", patience=(SWEEP + 2) * SLOW)
        peak, cpu, seconds = cost.peak_mb(), cost.cpu_seconds(), cost.seconds()
        print(f"| {name} | {limit} | {lasted} | {peak:.1f} MiB | {cpu:.2f} s in {seconds:.0f} s | |", flush=True)
        self.assertLess(cpu, seconds / 3)
        if not SANITIZED:
            self.assertLess(peak, PEAK_MAX_MB)

    def test_tls_handshakes_that_stall(self):
        """All connections; each is given up in time, there are few of them, and polls go on once they work."""
        key, certificate = self.directory / "key.pem", self.directory / "certificate.pem"
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
                        "-days", "2", "-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1",
                        "-keyout", key, "-out", certificate], check=True, stderr=subprocess.DEVNULL)
        self.start(HEALTHY, tls=(certificate, key))
        self.config.write_text(self.config.read_text().replace("[api]", f"[api]\nca_file = {certificate}"))
        self.server.stalling.set()
        daemon = self.start_daemon()
        cost = Cost(daemon)
        daemon.wait_for("warning Cannot reach the API")
        time.sleep(SECONDS * SLOW)  # what it costs is measured
        self.server.stalling.clear()
        daemon.wait_for("seen as Running", count=len(HEALTHY), patience=60)
        lasted = [entry["lasted"] for entry in self.server.entries() if "lasted" in entry]
        self.judge("TLS handshakes that stall", "connect_timeout", f"{max(lasted):.2f} s", daemon, cost)
        self.assertLess(max(lasted), TIMEOUT + 1.5 * SLOW)
        self.assertLess(len(lasted), 10)

    def test_pages_without_end(self):
        """Of the change feed, and of the search for new jobs."""
        self.start((*HEALTHY, *range(1000, 1150)), Pages().answer, "[discover all]\ndescription = wanted\n")
        daemon = self.start_daemon("--log-level=debug")
        cost = Cost(daemon)
        daemon.wait_for("seen as Running", count=154)
        time.sleep(SECONDS * SLOW)
        asked = sum("page=" in entry.get("path", "") for entry in self.server.entries())
        self.judge("pages without end", "200 pages of a round", f"{asked} pages", daemon, cost)


if __name__ == "__main__":
    unittest.main()
