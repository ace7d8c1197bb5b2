#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""SIGKILL at any moment loses nothing.

The daemon is started and killed KILLS times (300) at random instants, while jobs change and end and events are
delivered to three hooks, of which one program and one server fail at random. Some runs are killed during the start or
the first polls, some while they stop. Then the daemon runs until it exits, and the reports are compared with what
happened. SEED repeats a run, as far as scheduling allows. tests/postgresql/run-tests runs this on a server of PostgreSQL.
"""

import os
import random
import signal
import subprocess
import time
import unittest

from evidence import ExecRecorder, Job, UrlRecorder, check
from harness import EX_JOB_FAILED, EX_OK, JOBWATCHD, PATIENCE, SANITIZED, SLOW, IntegrationTest, \
    clean_environment, end_with_parent
from state_place import URI, Place

KILLS = int(os.environ.get("KILLS", "30" if SANITIZED else "300"))
SEED = int(os.environ.get("SEED", "0")) or random.SystemRandom().randrange(1, 1 << 31)
JOBS_OPEN = 20
CHECKED_EVERY = 25
# How long a life is, against one with SQLite, which needs no server.
LIFE = SLOW * (4 if URI else 1)
ALL = ("seen", "changed", "succeeded", "failed")


class Kill(IntegrationTest):
    def setUp(self):
        super().setUp()
        print(f"SEED={SEED} KILLS={KILLS}", flush=True)
        self.random = random.Random(SEED)
        self.calm = False
        self.jobs = {}
        self.changes = 0
        self.fake = self.start_fake()
        self.log = self.directory / "log"
        self.place = Place(self, self.state, self.id().rsplit(".", 1)[1])
        self.database = self.place.database
        self.every = ExecRecorder(self.directory, "every")
        self.moody = ExecRecorder(self.directory, "moody", moody=True)
        self.server = UrlRecorder(self.answer)
        self.addCleanup(self.server.stop)
        self.server_random = random.Random(SEED + 1)

    def answer(self, handler, document):
        return (500 if not self.calm and self.server_random.random() < 0.1 else 204), {}

    def configure(self):
        self.write_config(self.fake, sorted(self.jobs), state=self.place.settings, more=f"""
[status]
running = Running*
[hook every]
on = seen, changed
exec = {self.every.program}
retries = 1000
[hook moody]
on = terminal
exec = {self.moody.program}
retries = 1000
[hook server]
on = changed
url = {self.server.url}
retries = 1000
""")

    # ---- what happens to jobs ----

    def enter(self, job, status, result):
        job.enter(status, result)
        self.fake.job(job.id, status=status, result=result)

    def new_job(self):
        job = self.jobs[len(self.jobs) + 1001] = Job(len(self.jobs) + 1001)
        self.enter(job, "Running 0", "r0")

    def change(self, job, may_end):
        self.changes += 1
        status, _ = job.states[-1]
        if may_end:
            status = self.random.choice(["Completed", "Failed"])
        elif self.random.random() < 0.5:
            status = f"Running {self.changes}"
        self.enter(job, status, f"r{self.changes}")

    def stir(self):
        """One to three changes; in about every tenth run a job ends and a new one replaces it."""
        open_jobs = [job for job in self.jobs.values() if not job.ended]
        chosen = self.random.sample(open_jobs, min(self.random.randrange(1, 4), len(open_jobs)))
        for number, job in enumerate(chosen):
            self.change(job, may_end=number == 0 and self.random.random() < 0.15)
        if len(open_jobs) < JOBS_OPEN:
            self.new_job()  # in the configuration of the next life

    # ---- runs ----

    def start(self, *options):
        with open(self.log, "ab") as log:
            return subprocess.Popen([JOBWATCHD, "-c", self.config, *self.place.options, *options],
                                    env=clean_environment(**self.place.env), stdin=subprocess.DEVNULL,
                                    stdout=subprocess.DEVNULL, stderr=log, preexec_fn=end_with_parent)

    def live(self, kind):
        """One run until its kill. Returns whether it was killed while running."""
        longest = {"start": 0.03, "first polls": 0.1, "polls": 0.35, "stop": 0.25}[kind]
        instants = sorted(self.random.uniform(0, longest * LIFE) for _ in range(self.random.randrange(1, 3)))
        self.configure()
        begin = time.monotonic()
        daemon = self.start()
        try:
            for number, instant in enumerate(instants):
                # The only place that needs a delay: "any moment" has no event to wait for.
                time.sleep(max(0, begin + instant - time.monotonic()))
                if number == 0:
                    self.stir()
            if kind == "stop":
                daemon.send_signal(signal.SIGTERM)
                time.sleep(self.random.uniform(0, 0.02 * LIFE))
        finally:
            daemon.kill()
            status = daemon.wait(PATIENCE)
        # A SIGTERM may arrive before the daemon handles it.
        if status not in (-signal.SIGKILL, EX_OK) and (kind, status) != ("stop", -signal.SIGTERM):
            self.fail(f"exit status {status} after {kind}:\n" + self.said()[-4000:])
        return status == -signal.SIGKILL

    def said(self):
        return self.log.read_text(encoding="utf-8", errors="backslashreplace")

    def finish(self):
        """Runs without kills until everything is delivered."""
        self.calm = True
        self.moody.soothe()
        for job in self.jobs.values():
            if not job.ended:
                self.change(job, may_end=True)
        self.configure()
        self.database.hurry()
        daemon = self.start("--exit-when-done")
        self.addCleanup(lambda: daemon.poll() is None and daemon.kill())
        self.assertEqual(daemon.wait(8 * PATIENCE), EX_JOB_FAILED, self.said()[-4000:])

    @unittest.skipIf(URI, "a server creates its tables in a transaction")
    def test_killed_before_the_state_has_tables(self):
        """The file is created before its tables; the next run completes it."""
        self.new_job()
        self.configure()
        self.state.mkdir()
        self.database.path.touch(0o600)
        self.database.hurry()
        self.assertTrue(self.database.is_sound())
        self.assertEqual(self.start("--once").wait(PATIENCE), EX_OK, self.said())
        self.assertEqual([event.kind for event in self.database.events()], ["seen"])

    def test_kill(self):
        while len(self.jobs) < JOBS_OPEN:
            self.new_job()
        killed = 0
        begin = time.monotonic()
        while killed < KILLS:
            kind = self.random.choice(["start", "first polls", "polls", "polls", "stop"])
            killed += self.live(kind)
            if killed % CHECKED_EVERY == 0 and (URI or self.database.path.exists()):
                self.assertTrue(self.database.is_sound(), f"damaged after {killed} kills")
                self.database.hurry()
        spent = time.monotonic() - begin
        self.finish()
        everything = self.said()
        self.assertNotIn("damaged", everything)
        check(self, self.jobs, self.database,
              {"every": (self.every, ALL), "moody": (self.moody, ("succeeded", "failed", "gone")),
               "server": (self.server, ("changed", "succeeded", "failed"))}, everything)
        told = [len(recorder.attempts()) for recorder in (self.every, self.moody, self.server)]
        print(f"{killed} kills in {spent:.0f} s: {len(self.jobs)} jobs, {len(self.database.events())} events of "
              f"{sum(len(job.states) for job in self.jobs.values())} states, {told} attempts of the hooks", flush=True)


if __name__ == "__main__":
    unittest.main()
