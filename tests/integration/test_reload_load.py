#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Notifications of a reload, reloads of many jobs, and many reloads."""

import os
import random
import signal
import time
import unittest

from evidence import Database, ExecRecorder, Job, UrlRecorder, check
from harness import EX_OK, PATIENCE, SANITIZED, SLOW
from reload_rig import REFUSED, ReloadTest

RUNNING = "[jobs 11-19]\nstep = 0s Running\n"


class Notifications(ReloadTest):
    def test_notifications(self):
        fake = self.start_fake(RUNNING)
        self.write_config(fake, [11, 12])
        manager = self.start_manager()
        daemon = self.start_daemon(env={"NOTIFY_SOCKET": str(self.directory / "notify")})
        manager.wait_for("READY=1")
        manager.wait_for(r"STATUS=2 jobs \(2 open, 0 finished\)(; next poll at .*)?; \d+ requests? since the start")
        self.assertEqual(sum(message == "READY=1" for message in manager.messages), 1)

        self.write_config(fake, [11, 12, 13])
        for says in "Configuration reloaded: ", REFUSED:
            begin = time.monotonic_ns() // 1000
            del manager.messages[:]
            self.reload(daemon, says)
            message = manager.wait_for(r"RELOADING=1\nMONOTONIC_USEC=\d+")
            manager.wait_for("READY=1")
            self.assertTrue(begin <= int(message.rpartition("=")[2]) <= time.monotonic_ns() // 1000, message)
            self.assertEqual([line for line in manager.messages if not line.startswith("STATUS=")], [message, "READY=1"])
            self.config.write_text("[jobs]\nids = 0\n")
        manager.wait_for(r"STATUS=3 jobs \(3 open, 0 finished\); .*")

        daemon.process.send_signal(signal.SIGTERM)
        manager.wait_for("STOPPING=1")
        self.assertEqual(daemon.wait_exit(), EX_OK)
        manager.wait_for("STATUS=")

    def test_many_jobs(self):
        count = 1000 if SANITIZED else 10000  # a list that grows one by one is copied each time there
        fake = self.start_fake(f"[jobs 1-{count + 1000}]\nstep = 0s Running\n")
        poll = {"batch": "auto", "interval": "1h", "max_interval": "1h"}
        self.write_config(fake, range(1, count + 1), poll=poll)
        manager = self.start_manager()
        daemon = self.start_daemon(env={"NOTIFY_SOCKET": str(self.directory / "notify")})
        manager.wait_for("READY=1")
        daemon.wait_for("first seen as", count=count, patience=4 * PATIENCE)
        spans = []
        for what, jobs in (("the same", range(1, count + 1)), ("a tenth changed", range(1001, count + 1001)),
                           ("the same", range(1001, count + 1001))):
            self.write_config(fake, jobs, poll=poll)
            begin = time.monotonic()
            daemon.process.send_signal(signal.SIGHUP)
            manager.wait_for("RELOADING=1\n.*")
            manager.wait_for("READY=1")
            spans.append(time.monotonic() - begin)
            print(f"reload with {count} jobs, {what}: {1000 * spans[-1]:.0f} ms", flush=True)
        self.assertLess(max(spans), 2 * SLOW)
        daemon.wait_for("first seen as", count=count + 1000, patience=4 * PATIENCE)
        self.assertEqual(len(daemon.events()), count + 1000, "nothing is told twice")


class Load(ReloadTest):
    """Twenty jobs that change and end, two hooks, one of which fails sometimes, and frequent reloads."""

    RELOADS = 50
    SETTLED = 10  # reloads after which nothing grows any more

    def answer(self, handler, document):
        """No delivery fails twice: its third attempt would be half a minute later."""
        self.posts += 1
        fails = self.posts % 40 == 0 and not self.calm and document["event_id"] not in self.failed
        if fails:
            self.failed.add(document["event_id"])
        return (500 if fails else 204), {}

    def setUp(self):
        super().setUp()
        self.calm, self.posts, self.changes, self.failed = False, 0, 0, set()
        self.random = random.Random(5)
        self.fake = self.start_fake()
        self.every = ExecRecorder(self.directory, "every")
        self.server = UrlRecorder(self.answer)
        self.addCleanup(self.server.stop)
        self.jobs = {}
        for _ in range(20):
            self.new_job()

    def enter(self, job, status, result):
        job.enter(status, result)
        self.fake.job(job.id, status=status, result=result)

    def new_job(self):
        job = self.jobs[len(self.jobs) + 1001] = Job(len(self.jobs) + 1001)
        self.enter(job, "Running 0", "r0")

    def stir(self):
        """A few jobs change; sometimes one ends, and the next configuration has a new one."""
        open_jobs = [job for job in self.jobs.values() if not job.ended]
        for number, job in enumerate(self.random.sample(open_jobs, min(4, len(open_jobs)))):
            self.changes += 1
            ends = number == 0 and self.changes % 3 == 0
            self.enter(job, self.random.choice(["Completed", "Failed"]) if ends else f"Running {self.changes}",
                       f"r{self.changes}")
            if ends:
                self.new_job()

    def configure(self, round):
        """Never the same configuration twice in a row."""
        interval = self.random.choice(["100ms", "150ms", "200ms"])
        jobs = list(self.jobs)
        self.random.shuffle(jobs)
        self.write_config(self.fake, jobs, api={"timeout": "10s" if round % 5 else f"{11 + round}s"},
                          poll={"batch": self.random.choice(["auto", "off"]), "interval": interval,
                                "max_interval": interval}, more=f"""
[status]
running = Running*
[hook every]
on = seen, changed
exec = {self.every.program}
timeout = {60 + round}s
[hook server]
on = changed
url = {self.server.url}/{round}
""")

    def figures(self, daemon):
        descriptors = len(os.listdir(f"/proc/{daemon.pid}/fd"))
        return descriptors, daemon.memory_kb("VmRSS")

    def test_fifty_reloads(self):
        self.configure(0)
        daemon = self.start_daemon()
        daemon.wait_for("first seen as", count=20)
        figures = []
        for round in range(1, self.RELOADS + 1):
            self.stir()
            self.configure(round)
            self.stir()
            self.reload(daemon)
            figures.append(self.figures(daemon))
        self.configure(0)
        self.reload(daemon)  # for the jobs that came last
        for job in self.jobs.values():
            if not job.ended:
                self.enter(job, "Completed", "the end")
        self.calm = True
        ended = r"\[(succeeded|failed)"
        daemon.wait_for(ended, count=len(self.jobs))
        kinds = [kind for _, kind, _ in daemon.events()]
        daemon.wait_for(": delivered", count=2 * len(kinds) - kinds.count("seen"))
        self.reload(daemon)
        last = self.figures(daemon)
        self.assertEqual(daemon.stop(), EX_OK)
        check(self, self.jobs, Database(self.state),
              {"every": (self.every, ("seen", "changed", "succeeded", "failed")),
               "server": (self.server, ("changed", "succeeded", "failed"))}, daemon.text())
        self.assertOnce(self.every)
        self.assertOnce(self.server)
        self.assertEqual(daemon.count("Configuration reloaded: "), self.RELOADS + 2)

        settled = [max(figure[i] for figure in figures[:self.SETTLED]) for i in range(2)]
        print(f"{self.RELOADS} reloads, {len(self.jobs)} jobs, {len(Database(self.state).events())} events: descriptors "
              f"{settled[0]} at most in the first {self.SETTLED}, {last[0]} at the end; {settled[1]} kB, {last[1]} kB",
              flush=True)
        self.assertLess(last[0] - settled[0], 16, "more than connections that are kept for a while")
        if not SANITIZED:
            self.assertLess(last[1] - settled[1], 1024)

    def assertOnce(self, recorder):
        """Without kills each delivery succeeds exactly once, and a failed attempt is followed by another."""
        attempts = [(attempt.document["event_id"], attempt.number) for attempt in recorder.attempts()]
        self.assertEqual(len(attempts), len(set(attempts)), "an attempt was made twice")
        taken = [attempt.document["event_id"] for attempt in recorder.attempts() if attempt.verdict == "ok"]
        self.assertEqual(len(taken), len(set(taken)), "an event was delivered again after it was taken")


if __name__ == "__main__":
    unittest.main()
