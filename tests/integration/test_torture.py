#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Each allocation and system call fails in turn, over a complete run of the daemon (torture_life.py).

TORTURED names the daemon with fault injection, see torture.c. Some runs are made, spread evenly from an offset chosen
by TORTURE_SEED (it is printed); TORTURE=all makes all, which takes most of an hour.

usage: test_torture.py [unittest arguments]
"""

import collections
import concurrent.futures
import errno
import os
import random
import shutil
import threading
import time
import unittest

from harness import EX_OK, SANITIZED, IntegrationTest, program
from torture_life import Life, SlowerThanUsual

WORKERS = int(os.environ.get("TORTURE_WORKERS", "6"))
ALL = os.environ.get("TORTURE") == "all"
SEED = int(os.environ.get("TORTURE_SEED", random.randrange(10**6)))
LIVES_MAX = 12
DOOMED_MAX = LIVES_MAX // 3  # they end slowly

# Errors that a call can return without a bug in the caller or the kernel.
ERRORS = {
    "open": "EMFILE EIO", "open64": "EMFILE EIO", "openat64": "EMFILE EIO", "fopen": "EMFILE", "fopen64": "EMFILE",
    "fcntl": "ENOLCK", "fcntl64": "ENOLCK",
    "read": "EIO EINTR", "pread": "EIO EINTR", "pread64": "EIO EINTR", "readv": "EIO",
    "write": "ENOSPC EIO EINTR", "pwrite64": "ENOSPC EIO EINTR", "writev": "ENOSPC EIO EINTR",
    "send": "ECONNRESET ENOBUFS EINTR", "sendmsg": "ECONNRESET ENOBUFS EINTR",
    "recv": "ECONNRESET ENOMEM EINTR EAGAIN", "recvmsg": "ECONNRESET ENOMEM EINTR EAGAIN",
    "fsync": "EIO ENOSPC", "fdatasync": "EIO ENOSPC", "ftruncate64": "EIO",
    "dup2": "EMFILE", "stat": "EIO ENOMEM", "stat64": "EIO ENOMEM", "lstat": "EIO ENOMEM", "lstat64": "EIO ENOMEM",
    "fstat": "EIO", "fstat64": "EIO", "access": "EIO", "chmod": "EIO", "fchmod": "EIO", "mkdir": "ENOSPC EIO",
    "unlink": "EIO", "rename": "ENOSPC EIO", "realpath": "EIO ENOMEM",
    "socket": "EMFILE ENOBUFS", "socketpair": "EMFILE", "connect": "ECONNREFUSED EADDRNOTAVAIL",
    "getsockopt": "ENOBUFS", "setsockopt": "ENOBUFS", "getsockname": "ENOBUFS", "getpeername": "ENOBUFS ENOTCONN",
    "epoll_create1": "EMFILE ENOMEM", "epoll_ctl": "ENOMEM ENOSPC", "epoll_wait": "EINTR", "poll": "EINTR ENOMEM",
    "timerfd_create": "EMFILE ENOMEM", "timerfd_settime": "ENOMEM", "signalfd": "EMFILE ENOMEM",
    "pipe2": "EMFILE ENFILE", "posix_spawn": "EAGAIN ENOMEM", "kill": "EPERM",
    "mmap": "ENOMEM", "mmap64": "ENOMEM", "getrandom": "EAGAIN ENOSYS", "getpwnam": "ENOMEM EIO",
    "close": "EIO EINTR",
    "waitid": "",  # of a child of ours that need not be waited for, nothing
}


class Torture(IntegrationTest):
    def setUp(self):
        super().setUp()
        self.tortured = program("TORTURED")
        self.fake = self.start_fake()
        self.number = 0
        self.lock = threading.Lock()

    def new_life(self, stays=False):
        with self.lock:
            self.number += 1
            return Life(self, self.number, stays)

    def count(self):
        """The number of calls of each function in a run without failures, and its duration."""
        life = self.new_life()
        path = life.directory / "counts"
        status = life.live(TORTURE_COUNT=str(path))
        life.judge(status, None)
        self.assertEqual(status, EX_OK, life.log)
        life.finish()
        counts = {name: int(calls) for name, calls in (line.split() for line in path.read_text().splitlines())}
        return counts, life.took

    def torture(self, usual, *point):
        """Returns (reached, status).

        On a busy machine any life may take longer than usual. If it was the failed call, that happens again.
        """
        try:
            return self.torture_once(usual, *point)
        except SlowerThanUsual:
            return self.torture_once(self.count()[1], *point)

    def torture_once(self, usual, name, at, error, stays):
        life = self.new_life(stays)
        what = f"{name} {at} {error}{' and all after it' if stays else ''}"
        try:
            status = life.live(TORTURE_CALL=name, TORTURE_AT=str(at), TORTURE_STAYS=str(int(stays)),
                               TORTURE_ERRNO=str(getattr(errno, error)))
            reached = life.reached
            life.judge(status, usual)
            life.finish()
        except Exception as problem:
            kind = SlowerThanUsual if isinstance(problem, SlowerThanUsual) else AssertionError
            raise kind(f"{what}: {problem}\n{life.log}") from None
        shutil.rmtree(life.directory)
        return reached, status

    def run_points(self, points, usual, always=()):
        """Points are (name, at, error, stays); those in `always` are never skipped."""
        chosen = points
        most = DOOMED_MAX if points[0][3] else LIVES_MAX
        if len(points) > most and not ALL:
            stride = len(points) / most
            offset = SEED % 1000 / 1000
            chosen = [*(points[int((place + offset) * stride)] for place in range(most)), *always]
        begin = time.monotonic()
        results, failures = collections.Counter(), []
        with concurrent.futures.ThreadPoolExecutor(WORKERS) as pool:
            runs = [pool.submit(self.torture, usual, *point) for point in chosen]
            for run in concurrent.futures.as_completed(runs):
                error = run.exception()
                if error is not None:
                    failures.append(str(error))
                    if ALL:
                        print(f"FAILURE {error}\n", flush=True)
                else:
                    reached, status = run.result()
                    results[f"ended with {status}" if reached else "not reached"] += 1
        ends = ", ".join(f"{count} {what}" for what, count in sorted(results.items()))
        print(f"{len(chosen)} of {len(points)} lives in {time.monotonic() - begin:.0f} s (TORTURE_SEED={SEED}): {ends}",
              flush=True)
        self.assertFalse(failures, f"{len(failures)} lives fail; the first:\n" + "".join(failures[:1])[:8000])
        self.assertGreater(len(chosen) - results["not reached"], len(chosen) // 2)

    def test_memory(self):
        """One allocation fails."""
        counts, usual = self.count()
        self.assertGreater(counts["malloc"], 1000)
        self.run_points([("malloc", at, "ENOMEM", False) for at in range(1, counts["malloc"] + 1)], usual)

    def test_no_memory_any_more(self):
        """One allocation and all later ones fail."""
        counts, usual = self.count()
        points = [("malloc", at, "ENOMEM", True) for at in range(1, counts["malloc"] + 1)]
        self.run_points(points, usual, always=points[-50:-10:2])  # around the signal to stop

    def test_system(self):
        """One system call fails."""
        counts, usual = self.count()
        self.assertEqual(set(counts) - set(ERRORS), {"malloc"}, "functions of which no errors are known")
        print(", ".join(f"{calls} {name}" for name, calls in sorted(counts.items())))
        self.run_points([(name, at, error, False) for name in sorted(ERRORS) for error in ERRORS[name].split()
                         for at in range(1, counts.get(name, 0) + 1)], usual)

    def test_system_for_good(self):
        """One system call and all later ones of that name fail. Not with EINTR, which is never permanent."""
        counts, usual = self.count()
        self.run_points([(name, at, ERRORS[name].split()[0], True) for name in sorted(ERRORS)
                         if name not in ("epoll_wait", "waitid", "poll")
                         for at in range(1, counts.get(name, 0) + 1)], usual)


if __name__ == "__main__":
    unittest.main()
