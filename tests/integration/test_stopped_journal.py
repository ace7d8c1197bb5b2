#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""A journald that does not read, with its socket full: entries wait for it, and nothing else does."""

import datetime
import time
import unittest

from evidence import Database
from fake_journal import FakeJournal, may_mount
from harness import EX_OK, PATIENCE, IntegrationTest
from reload_rig import ServiceManager

JOBS = range(11, 16)


def is_event(entry):
    return "JOBWATCH_EVENT" in entry


@unittest.skipIf(may_mount(), str(may_mount()))
class StoppedJournal(IntegrationTest):
    def setUp(self):
        super().setUp()
        self.journal = FakeJournal(self.directory / "journal")
        self.addCleanup(self.journal.stop)
        self.addCleanup(self.journal.resume)
        self.fake = self.start_fake("[jobs 11-15]\nstep = 0s Running\n")
        self.delivered = self.directory / "delivered"
        self.delivered.touch()
        self.hook = self.script("hook", f"cat >/dev/null; echo >>{self.delivered}")

    def script(self, name, body):
        path = self.directory / name
        path.write_text(f"#!/bin/sh\n{body}\n")
        path.chmod(0o755)
        return path

    def start(self, more="", env=None, **log):
        self.write_config(self.fake, JOBS, log={"target": "journal", **log},
                          more=more or f"[hook h]\non = changed\nexec = {self.hook}\n")
        daemon = self.start_daemon(before=self.journal.in_front(), env=env)
        self.fake.polls(len(JOBS))
        return daemon

    def change(self, *numbers, size=0):
        """Changes each job, and waits until all its hooks have run."""
        for number in numbers:
            for job in JOBS:
                self.fake.job(job, result=f"{number}".ljust(size, "x"))
            limit = time.monotonic() + PATIENCE
            while self.delivered.stat().st_size < number * len(JOBS):
                self.assertLess(time.monotonic(), limit, "deliveries do not wait for the journal")
                self.fake.polls(1)

    def check_entries(self):
        """Each event was logged once, in the order of recording. Returns all entries."""
        entries = self.journal.entries()
        self.assertEqual([entry["JOBWATCH_EVENT_ID"] for entry in entries if is_event(entry)],
                         [event.id for event in Database(self.state).events()])
        return entries

    def test_polling_and_deliveries_go_on(self):
        daemon = self.start()
        self.change(1)
        self.journal.pause()
        begin = self.fake.stats()
        self.change(*range(2, 12))
        end = self.fake.stats()
        resumed = datetime.datetime.now(datetime.timezone.utc)
        self.journal.resume()
        self.assertEqual(daemon.stop(), EX_OK)
        observed = [entry["JOBWATCH_TIME"] for entry in self.check_entries() if is_event(entry)]
        self.assertEqual(len(observed), 12 * len(JOBS))
        self.assertLess(max(observed), resumed.strftime("%Y-%m-%dT%H:%M:%S.%fZ"), "not when it was logged")

        times = [request["t"] for request in self.fake.requests() if begin["last_seq"] < request["seq"] <= end["last_seq"]]
        self.assertLess(max(later - earlier for earlier, later in zip(times, times[1:])), 1, "a poll is due every 20 ms")

    def test_more_than_the_queue_holds(self):
        """The events follow from the state. Of the other entries the number that was dropped is logged."""
        lines, rounds = 50, 8
        attempts = rounds * len(JOBS)
        printer = self.script("printer", f"head -c {lines * 4000} /dev/zero | tr '\\0' x | fold -w 4000; echo >>{self.delivered}")
        daemon = self.start(f"[hook h]\non = changed\nexec = {printer}\n", result_bytes="0")
        self.change(1)
        self.journal.pause()
        self.change(*range(2, rounds + 1), size=100_000)
        self.journal.resume()
        self.journal.wait_for(is_event, attempts + len(JOBS), PATIENCE)
        self.assertEqual(daemon.stop(), EX_OK)

        messages = [entry["MESSAGE"] for entry in self.check_entries() if not is_event(entry)]
        dropped = [int(message.split()[0]) for message in messages if "log entries were dropped: " in message]
        logged = [message for message in messages if message.startswith("xxx") or ": delivered " in message]
        self.assertGreater(sum(dropped), lines)
        self.assertEqual(sum(dropped) + len(logged), attempts * (lines + 1), "what hooks print, and one entry for each")

    def test_the_status_says_so(self):
        """The log cannot."""
        manager = ServiceManager(self.directory / "notify")
        self.addCleanup(manager.stop)
        daemon = self.start(env={"NOTIFY_SOCKET": str(self.directory / "notify")})
        manager.wait_for(r"STATUS=5 jobs \(5 open, 0 finished\)(; next poll at \S+)?; \d+ requests.*")
        self.journal.pause()
        self.change(1)
        manager.wait_for("STATUS=5 jobs .*; log: entries cannot be written at present; .*")
        self.journal.resume()
        manager.wait_for(r"STATUS=5 jobs \(5 open, 0 finished\)(; next poll at \S+)?; \d+ requests.*")
        self.assertEqual(daemon.stop(), EX_OK)
        self.check_entries()

    def last_run(self):
        """What the state says of its end, which the next start believes."""
        (value,), = Database(self.state).ask("SELECT CAST(data AS TEXT) FROM \"values\" WHERE key = 'last run'")
        return value.split()[0]

    def test_starting(self):
        self.assertEqual(self.start().stop(), EX_OK)
        self.journal.pause()
        daemon = self.start()
        self.change(1)
        self.journal.resume()
        self.assertEqual(daemon.stop(), EX_OK)
        messages = [entry["MESSAGE"] for entry in self.check_entries()]
        self.assertEqual(sum(" started: watching " in message for message in messages), 2)

    def stop_and_start_again(self, daemon, limit):
        """The process ends in time. What was not logged is after the next start."""
        begin = time.monotonic()
        self.assertEqual(daemon.stop(), EX_OK)
        self.assertLess(time.monotonic() - begin, limit + 1)
        self.assertEqual(self.last_run(), "ended")
        self.journal.resume()
        self.assertEqual(self.start().stop(), EX_OK)
        self.check_entries()

    def test_stopping(self):
        daemon = self.start()
        self.change(1)
        self.journal.pause()
        self.change(2, 3)
        self.stop_and_start_again(daemon, 2)

    def test_stopping_with_a_stubborn_hook(self):
        started = self.directory / "started"
        stubborn = self.script("stubborn", f"trap '' TERM; echo >{started}; while :; do sleep 1; done")
        daemon = self.start(f"[hook h]\non = changed\nexec = {self.hook}\n[hook s]\non = changed\nexec = {stubborn}\n")
        self.journal.pause()
        self.change(1)
        limit = time.monotonic() + PATIENCE
        while not started.exists():
            self.assertLess(time.monotonic(), limit)
            self.fake.polls(1)
        self.stop_and_start_again(daemon, 7)


if __name__ == "__main__":
    unittest.main()
