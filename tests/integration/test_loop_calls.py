#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Once the daemon is ready, its event loop waits for no disk, database, journal, console or name service.

LOOP_CALLS_LIBRARY names the library that reports the calls of the loop, see loop_calls.c.
"""

import os
import re
import unittest

from bus_rig import Bus
from evidence import UrlRecorder
from fake_journal import FakeJournal, may_mount
from harness import EX_OK, PATIENCE
from reload_rig import ServiceManager
from sign_in import SignInTest
from test_clock import Clock

LIBRARY = os.environ.get("LOOP_CALLS_LIBRARY", "")
# What the loop may do: its own descriptors, connections, time zone, programs of hooks, the report of --once, files in
# /run, the notification of the service manager, and, when it has ended, an empty datagram to the journal. A test adds its
# configuration and the credentials.
ALLOWED = re.compile(
    r"(read|write|writev|pwrite64) (anon_inode:\S+|pipe:\S+|socket:\S+|/memfd:.*)$|write descriptor 1$"
    r"|(socket|connect) family (2|10)$|socket family 1$|send(to|msg) family (2|10)$"
    r"|(openat|read) (/etc/localtime|/etc/ssl/.*|/usr/share/zoneinfo/.*|/usr/lib/ssl/.*)$"
    r"|(openat|pread64) (/|/bin/.*|/usr/bin/.*)$"
    r"|(openat|read) /(proc|dev)/.*$"
    r"|\w+ /run/jobwatchd/.*$|sendto /run/systemd/journal/socket$")


@unittest.skipUnless(LIBRARY, "the library is not built below a sanitizer")
class LoopCalls(SignInTest):
    def setUp(self):
        super().setUp()
        self.calls = self.directory / "calls"
        self.clock = Clock(self.directory / "clock")
        self.bus = Bus(self.directory)
        self.addCleanup(self.bus.stop)
        self.manager = ServiceManager(self.directory / "notify")
        self.addCleanup(self.manager.stop)
        self.web = UrlRecorder()
        self.addCleanup(self.web.stop)
        self.program = self.directory / "hook"
        self.program.write_text("#!/bin/sh\ncat >/dev/null\necho done\nexit ${STATUS:-0}\n")
        self.program.chmod(0o755)
        self.metrics = self.directory / "jobwatchd.prom"
        self.more = (f"[metrics]\ntextfile = {self.metrics}\n"
                     f"[hook program]\non = seen, changed, terminal\nexec = {self.program}\n"
                     f"[hook failing]\non = terminal\nexec = /bin/false\nretries = 0\n"
                     f"[hook web]\non = seen, changed, terminal\nurl = http://localhost:{self.web.port}/hook\n")

    def start(self, *options, **how):
        env = {"LD_PRELOAD": f"{LIBRARY}:{self.clock.env['LD_PRELOAD']}", "LOOP_CALLS": str(self.calls),
               "CLOCK_SHIFT": self.clock.env["CLOCK_SHIFT"], "NOTIFY_SOCKET": str(self.directory / "notify"), **self.bus.env}
        return self.start_daemon(*options, env=env, **how)

    def assertNothingForbidden(self):
        files = rf"(openat|open|read|pread64) {re.escape(str(self.directory))}/(?!state(/|$)).*$"
        notify = rf"send(to|msg) {re.escape(str(self.directory))}/notify$|(connect|sendmsg) {re.escape(str(self.bus.socket))}$"
        lines = self.calls.read_text().splitlines()
        self.assertIn(f"sendmsg {self.directory}/notify", lines, "the library works")
        forbidden = {line for line in lines
                     if not ALLOWED.match(line) and not re.match(files, line) and not re.match(notify, line)}
        self.assertEqual(forbidden, set())

    def live(self, daemon, wait_for):
        """What happens in the life of a daemon: changes, ends, hooks, a renewed token, a reload, pruning."""
        wait_for(11, "seen")
        for number in range(3):
            self.fake.job(11, result=f"result {number}")
            wait_for(11, "changed")
        self.expire()
        self.fake.job(12, status="Completed")
        wait_for(12, "succeeded")
        self.configure([11, 12, 13], more=self.more)
        daemon.process.send_signal(1)
        wait_for(13, "seen")
        self.clock.pass_time(3700)  # a prune is due
        self.fake.job(11, result="later")
        wait_for(11, "changed")
        self.fake.polls(3, 11)
        for call in (["ListJobs", "a{sv}tu", 0, 0, 0], ["GetJob", "t", 11], ["ListEvents", "tatu", 0, 0, 0],
                     ["ListDeliveries", "a{sv}tu", 0, 0, 0], ["ListStatuses"], ["GetStatus"], ["Recent", "a{sv}", 0]):
            self.bus.call(*call)
        self.fake.job(13, status="Failed")
        wait_for(13, "failed")

    def test_with_the_console(self):
        self.watch([11, 12], scenario="[jobs 11-13]\nstep = 0s Running\n", more=self.more)
        daemon = self.start()
        seen = {}

        def wait_for(job, kind):
            seen[job, kind] = seen.get((job, kind), 0) + 1
            daemon.wait_for(rf"Job {job}\b.* \[{kind}", count=seen[job, kind])
        self.live(daemon, wait_for)
        daemon.wait_for("hook program: delivered", count=9)
        daemon.wait_for("hook web: delivered", count=9)
        self.assertTrue(self.metrics.exists())
        self.assertEqual(daemon.stop(), EX_OK)
        self.assertNothingForbidden()

    def test_with_the_journal(self):
        why_not = may_mount()
        if why_not:
            self.skipTest(why_not)
        journal = FakeJournal(self.directory / "journal")
        self.addCleanup(journal.stop)
        self.watch([11, 12], scenario="[jobs 11-13]\nstep = 0s Running\n", more=self.more, log={"target": "journal"})
        daemon = self.start(before=journal.in_front())
        events = {(12, "seen"), (11, "seen")}  # that are expected so far, each delivered once

        def wait_for(job, kind):
            events.add((job, kind, len(events)) if kind == "changed" else (job, kind))
            self.web.wait_for(len(events), PATIENCE)
        self.live(daemon, wait_for)
        self.assertEqual(daemon.stop(), EX_OK)
        self.assertNothingForbidden()

    def test_one_round(self):
        self.watch([11, 12], scenario="[jobs 11-12]\nstep = 0s Completed\n", more=self.more)
        daemon = self.start("--once")
        self.assertEqual(daemon.wait_exit(), EX_OK, daemon.text())
        self.assertNothingForbidden()


if __name__ == "__main__":
    unittest.main()
