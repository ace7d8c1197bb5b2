#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Kills the daemon before and after each call with a persistent effect.

A short run (a job is observed, changes and completes; an exec hook and a url hook are run) counts these calls, see
crash_points.c. Then it is repeated for each call, and for both sides of it, until it is killed there; after a second run
of the daemon the promise must hold, see evidence.py. Writes are also torn in the middle.

As many runs as fit into about a minute are made, evenly spread; CRASH_ALL=1 makes all. CRASH_POINTS names the library.
tests/postgresql/run-tests runs this on a server of PostgreSQL.
"""

import collections
import concurrent.futures
import os
import signal
import subprocess
import time
import unittest

from evidence import ExecRecorder, Job, UrlRecorder, check
from fake_journal import FakeJournal, may_mount
from harness import EX_OK, JOBWATCHD, PATIENCE, SANITIZED, IntegrationTest, clean_environment
from state_place import URI, Place

LIBRARY = os.environ.get("CRASH_POINTS", "")
WORKERS = 4
LIVES_MAX = 30
STATES = [("Running", "r0"), ("Running", "r1"), ("Completed", "r2")]
KINDS = ("seen", "changed", "succeeded")


class Life:
    """A directory with a job of its own and the daemon."""

    def __init__(self, test, number, where="state"):
        self.test = test
        self.job = Job(number)
        for state in STATES:
            self.job.enter(*state)
        self.directory = test.directory / f"life-{number}"
        self.directory.mkdir(mode=0o700)
        self.exec = ExecRecorder(self.directory, "hook")
        self.log = ""
        self.journal = None
        self.config = test.config = self.directory / "jobwatchd.ini"
        self.state = test.state = self.directory / where
        hooks = {"program": f"exec = {self.exec.program}", "server": f"url = {test.server.url}"}
        self.place = Place(test, test.state, f"{test.id().rsplit('.', 1)[1]}-{number}")
        test.write_config(test.fake, [number], state=self.place.settings,
                          more="".join(f"[hook {name}]\non = seen, changed\n{target}\n"
                                       for name, target in hooks.items()))

    def run(self, **env):
        """Runs until the daemon exits. --timeout ends it even if this process is killed."""
        command = [JOBWATCHD, "-c", self.config, *self.place.options, "--exit-when-done", "--timeout",
                   f"{PATIENCE:.0f}s"]
        env.update(self.place.env)
        if self.journal:
            # The library is only for the daemon.
            command = [*self.journal.in_front(), "env", *(f"{name}={value}" for name, value in env.items()), *command,
                       "--log-target=journal"]
            env = {}
        done = subprocess.run(command, env=clean_environment(**env), stdin=subprocess.DEVNULL,
                              stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, timeout=2 * PATIENCE, check=False)
        self.log += done.stderr.decode("utf-8", "backslashreplace")
        return done.returncode

    def attempts_at_server(self):
        return [attempt for attempt in self.test.server.attempts()
                if attempt.document["job"]["id"] == self.job.id]

    def check(self):
        served = type("Served", (), {"attempts": self.attempts_at_server})
        check(self.test, {self.job.id: self.job}, self.place.database,
              {"program": (self.exec, KINDS), "server": (served, KINDS)},
              self.journal.entries() if self.journal else self.log)


@unittest.skipIf(SANITIZED, "a sanitizer's own calls come between")
class CrashPoints(IntegrationTest):
    def setUp(self):
        super().setUp()
        if not os.path.exists(LIBRARY):
            self.skipTest("CRASH_POINTS does not name the library")
        steps = zip((1, 2, 3), STATES)
        self.fake = self.start_fake("[jobs 1-9999]\n" + "".join(
            f"step = poll {poll} {status} | {result}\n" for poll, (status, result) in steps))
        self.server = UrlRecorder()
        self.addCleanup(self.server.stop)
        self.number = 0

    def new_life(self, in_journal):
        self.number += 1
        life = Life(self, self.number)
        if in_journal:
            life.journal = FakeJournal(life.directory / "journal")
            self.addCleanup(life.journal.stop)
        return life

    def count(self, in_journal):
        """The names of the calls in a run that is not killed."""
        life = self.new_life(in_journal)
        path = life.directory / "calls"
        self.assertEqual(life.run(LD_PRELOAD=LIBRARY, CRASH_LOG=str(path)), EX_OK, life.log)
        life.check()
        return [line.split()[1] for line in path.read_text().splitlines()]

    def crash(self, life, at, when):
        """Returns whether the run reached that point."""
        status = life.run(LD_PRELOAD=LIBRARY, CRASH_AT=str(at), CRASH_WHEN=when)
        life.log += f"---- ended {when} call {at}\n"
        if status not in (EX_OK, -signal.SIGKILL):
            raise AssertionError(f"exit status {status} {when} call {at}:\n{life.log}")
        try:
            again = life.run()  # without the library
            if again != EX_OK:
                raise AssertionError(f"exit status {again}")
            life.check()
        except AssertionError as error:
            raise AssertionError(f"{when} call {at}: {error}\n{life.log}") from None
        return status == -signal.SIGKILL

    def test_each_point(self):
        calls = self.count(in_journal=False)
        # The number of calls depends on when the hooks end, so a few more are tried.
        points = [(at, when) for at in range(1, len(calls) + 4) for when in ("before", "after")]
        points += [(at, "torn") for at, name in enumerate(calls, 1) if name in ("pwrite64", "write")]
        self.run_points(calls, sorted(points), in_journal=False)

    def test_each_entry_in_the_journal(self):
        """The same around messages to journald, and around the writes before and after them."""
        reason = may_mount()
        if reason:
            self.skipTest(reason)
        calls = self.count(in_journal=True)
        sent = [at for at, name in enumerate(calls, 1) if name == "sendmsg"]
        self.assertGreater(len(sent), 8)
        points = {(at + distance, when) for at in sent for distance in (-1, 0, 1) for when in ("before", "after")}
        self.run_points(calls, sorted(points), in_journal=True)

    def run_points(self, calls, points, in_journal):
        chosen = points
        if len(points) > LIVES_MAX and os.environ.get("CRASH_ALL") != "1":
            chosen = [points[place * len(points) // LIVES_MAX] for place in range(LIVES_MAX)]

        begin = time.monotonic()
        with concurrent.futures.ThreadPoolExecutor(WORKERS) as pool:
            runs = [pool.submit(self.crash, self.new_life(in_journal), at, when) for at, when in chosen]
            failures = []
            reached = 0
            for run in concurrent.futures.as_completed(runs):
                error = run.exception()
                if error is not None:
                    failures.append(str(error))
                else:
                    reached += run.result()
        kinds = ", ".join(f"{count} {name}" for name, count in collections.Counter(calls).most_common())
        print(f"{len(calls)} calls ({kinds}); {len(chosen)} of {len(points)} lives run in "
              f"{time.monotonic() - begin:.0f} s, {reached} ended at their point", flush=True)
        self.assertFalse(failures, f"{len(failures)} points fail; the first:\n" + "".join(failures[:1])[:8000])
        self.assertGreater(reached, len(chosen) * 3 // 4)


if __name__ == "__main__":
    unittest.main()
