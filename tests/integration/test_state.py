#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The state directory: its contents over several runs, its lock and its permissions."""

import hashlib
import os
import signal
import sqlite3
import unittest

from evidence import Database, ExecRecorder
from fake_journal import FakeJournal, may_mount
from harness import EX_IOERR, EX_JOB_FAILED, EX_OK, JOBWATCHD, IntegrationTest


class StateTest(IntegrationTest):
    def setUp(self):
        super().setUp()
        self.fake = self.start_fake("[job 11]\nstep = 0s Running | a\n[job 12]\nstep = 0s Completed\n"
                                    "[job 13]\nstep = 0s Running | c\n")

    @property
    def database(self):
        return Database(self.state)

    def fingerprint(self):
        return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in self.state.iterdir()
                if path.stat().st_size > 0}


class Jobs(StateTest):
    def test_a_job_that_left_the_configuration(self):
        self.write_config(self.fake, [11, 12, 13])
        daemon = self.start_daemon()
        daemon.wait_for(r"\[(seen|succeeded)", count=3)
        daemon.stop()

        self.write_config(self.fake, [11])
        before = self.fake.stats()["last_seq"]
        again = self.start_daemon()
        self.fake.polls(5, 11)
        self.fake.job(13, result="d")
        again.stop()
        asked = {request["path"].rsplit("/", 1)[1] for request in self.fake.requests() if request["seq"] > before}
        self.assertEqual(asked, {"11"})
        self.assertEqual(self.database.ask("SELECT id FROM jobs ORDER BY id"), [(11,), (12,), (13,)])
        self.assertEqual(len(self.database.events()), 3)

        self.write_config(self.fake, [11, 13])
        third = self.start_daemon()
        third.wait_for(r"Job 13: Running, result is now d \[changed")
        third.stop()
        self.assertEqual(len(third.events()), 1, "it is told from where it was left")

    def test_its_deliveries_are_still_made(self):
        hook = ExecRecorder(self.directory, "hook", moody=False)
        hook.program.write_text("#!/bin/sh\nexit 1\n")
        more = f"[hook h]\non = seen, changed\nexec = {hook.program}\n"
        self.write_config(self.fake, [13], more=more)
        self.assertEnds(EX_OK, "--once", says="failed .attempt 1 of")
        self.write_config(self.fake, [12], more=more)
        hook.program.write_text("#!/bin/sh\nexit 0\n")
        self.database.hurry()
        self.assertEnds(EX_OK, "--exit-when-done", says=r"Job 13: hook h: delivered \"seen\" \(attempt 2\)")

    def test_an_ended_job_that_is_open_again(self):
        self.write_config(self.fake, [12])
        self.assertEnds(EX_OK, "--exit-when-done")
        self.fake.job(12, status="Running")
        self.assertEqual(self.assertEnds(EX_OK, "--exit-when-done").events(), [], "it is not polled")
        daemon = self.start_daemon("--exit-when-done", "--job", 12)
        daemon.wait_for(r"Job 12: Completed → Running(: .*)? \[changed")
        daemon.stop()
        third = self.start_daemon("--exit-when-done")
        self.fake.polls(1, 12)
        self.fake.job(12, status="Failed")
        self.assertEqual(third.wait_exit(), EX_JOB_FAILED)
        self.assertEqual(third.events(), [(12, "failed", "Running → Failed")])


class Unlogged(StateTest):
    def test_unacknowledged_entries_are_logged_again(self):
        hook = ExecRecorder(self.directory, "hook")
        self.write_config(self.fake, [11, 12], more=f"[hook h]\non = seen, changed\nexec = {hook.program}\n")
        daemon = self.start_daemon()
        daemon.wait_for("hook h: delivered", count=2)
        daemon.stop()
        events = self.database.events()
        self.database.ask("INSERT INTO unlogged SELECT sequence FROM events")
        again = self.start_daemon()
        self.fake.polls(2, 11)
        again.stop()
        self.assertEqual(sorted(again.events()), sorted(daemon.events()))
        self.assertEqual(self.database.events(), events)
        self.assertEqual(len(hook.attempts()), 2, "hooks are not told again")
        third = self.start_daemon()
        self.fake.polls(2, 11)
        third.stop()
        self.assertEqual(third.events(), [])

    def test_under_the_same_id(self):
        reason = may_mount()
        if reason:
            self.skipTest(reason)
        entries = []
        self.write_config(self.fake, [11, 12], log={"target": "journal"})
        for run in range(2):
            journal = FakeJournal(self.directory / f"journal-{run}")
            self.addCleanup(journal.stop)
            status, daemon = self.run_daemon("--once", before=journal.in_front())
            self.assertEqual(status, EX_OK, daemon.text())
            told = [entry for entry in journal.entries() if "JOBWATCH_EVENT_ID" in entry]
            entries.append(sorted(told, key=lambda entry: entry["JOBWATCH_JOB"]))
            self.database.ask("INSERT INTO unlogged SELECT sequence FROM events")
        self.assertEqual([entry["JOBWATCH_JOB"] for entry in entries[0]], ["11", "12"])
        self.assertEqual(entries[0], entries[1], "the same entries, ids included")
        self.assertEqual({entry["JOBWATCH_EVENT_ID"] for entry in entries[0]},
                         {event.id for event in self.database.events()})


class Size(IntegrationTest):
    def test_beyond_max_size_nothing_is_recorded(self):
        """And nothing is lost: it is once the limit is raised."""
        fake = self.start_fake("".join(f"[job {id}]\nstep = 0s Running\n" for id in range(11, 16)))
        more = "[hook h]\non = terminal\nexec = /bin/false\n"
        self.write_config(fake, range(11, 16), more=more, state={"max_size": "1M"})
        daemon = self.start_daemon()
        daemon.wait_for("first seen as", count=5)
        for job in range(11, 16):
            fake.job(job, status="Completed", result="x" * 300000)
        daemon.wait_for("Cannot save state in .*: max_size is reached")
        fake.polls(6)  # of those that are not recorded; which they are, is a matter of order
        recorded = daemon.count(r"\[succeeded")
        self.assertIn(recorded, (1, 2, 3))
        self.assertLess((self.state / "jobwatchd.db").stat().st_size, 3 << 19)

        self.write_config(fake, range(11, 16), more=more, state={"max_size": "16M"})
        daemon.process.send_signal(signal.SIGHUP)
        daemon.wait_for(r"\[succeeded", count=5)
        daemon.wait_for("is writable again")
        daemon.stop()
        self.assertEqual(daemon.count("Cannot save state"), 1)

    def test_a_single_round_that_is_not_recorded_fails(self):
        """It concerns that job alone, which is observed again by the next run."""
        fake = self.start_fake(f"[job 11]\nstep = 0s Running\n[job 12]\nstep = 0s Running | {'x' * 2000000}\n")
        self.write_config(fake, [11, 12], state={"max_size": "1M"})
        daemon = self.assertEnds(EX_IOERR, "--once", says="Cannot save state in .*: max_size is reached")
        self.assertEqual([job for job, _, _ in daemon.events()], [11], daemon.text())
        self.write_config(fake, [11, 12], state={"max_size": "16M"})
        daemon = self.assertEnds(EX_OK, "--once")
        self.assertEqual([job for job, _, _ in daemon.events()], [12], daemon.text())


class Directory(StateTest):
    def refused(self, says):
        before = self.fingerprint()
        status, daemon = self.run_daemon()
        self.assertEqual(status, EX_IOERR, daemon.text())
        self.assertRegex(daemon.text(), says)
        self.assertEqual(self.fingerprint(), before, "left alone")
        self.assertEqual(daemon.events(), [])

    def test_modes(self):
        self.write_config(self.fake, [12])
        self.assertEnds(EX_OK, "--exit-when-done")
        self.assertEqual(self.state.stat().st_mode & 0o7777, 0o700)
        for path in self.state.iterdir():
            self.assertEqual(path.stat().st_mode & 0o7777, 0o600, path)

    def test_a_second_daemon_is_refused(self):
        self.write_config(self.fake, [11])
        first = self.start_daemon()
        first.wait_for("first seen as")
        status, second = self.run_daemon()
        self.assertEqual(status, EX_IOERR, second.text())
        self.assertRegex(second.text(), rf"{self.state} is locked by {os.path.basename(JOBWATCHD)[:15]} \(PID {first.pid}\)")
        self.assertEqual(second.events(), [])
        self.fake.job(11, result="b")
        first.wait_for("result is now b")
        first.stop(signal.SIGKILL)
        third = self.start_daemon()
        third.wait_for("watching 1 job")
        third.stop()

    def test_another_is_free(self):
        self.write_config(self.fake, [11])
        first = self.start_daemon()
        first.wait_for("first seen as")
        self.assertEnds(EX_OK, "--once", "--state-dir", self.directory / "other", says="first seen as")

    def test_files_that_are_not_ours(self):
        self.write_config(self.fake, [12])
        self.assertEnds(EX_OK, "--exit-when-done")
        path = self.state / "jobwatchd.db"
        good = path.read_bytes()

        def foreign():
            path.unlink()
            connection = sqlite3.connect(path)
            connection.execute("CREATE TABLE notes (text)")
            connection.commit()
            connection.close()

        def newer():
            connection = sqlite3.connect(path)
            connection.execute("PRAGMA user_version = 1000")
            connection.commit()
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            connection.close()

        cases = {
            "text": (lambda: path.write_bytes(b"Dear diary,\n" * 100), "is not a database"),
            "short": (lambda: path.write_bytes(good[:50]), "is not a database"),
            "truncated": (lambda: path.write_bytes(good[:8192]), "damaged"),
            "overwritten": (lambda: path.write_bytes(good[:4096] + os.urandom(len(good) - 4096)), "damaged"),
            "foreign": (foreign, "another program"),
            "newer": (newer, "newer"),
        }
        for name, (spoil, says) in cases.items():
            with self.subTest(name):
                path.write_bytes(good)
                spoil()
                self.refused(says)
        path.write_bytes(good)
        self.assertEqual(self.assertEnds(EX_OK, "--exit-when-done").events(), [], "and it is good again")

    def test_other_file_types_in_its_place(self):
        self.write_config(self.fake, [12])
        self.state.mkdir()
        path = self.state / "jobwatchd.db"
        path.mkdir()
        status, daemon = self.run_daemon()
        self.assertEqual(status, EX_IOERR, daemon.text())
        self.assertIn("not a regular file", daemon.text())
        path.rmdir()
        path.symlink_to(self.directory / "elsewhere.db")
        status, daemon = self.run_daemon()
        self.assertEqual(status, EX_IOERR, daemon.text())
        self.assertIn("symbolic link", daemon.text())
        self.assertFalse((self.directory / "elsewhere.db").exists())

    def test_an_empty_file_is_accepted(self):
        self.write_config(self.fake, [12])
        self.state.mkdir()
        (self.state / "jobwatchd.db").touch()
        self.assertEnds(EX_OK, "--exit-when-done", says="Job 12: first seen as Completed")


if __name__ == "__main__":
    unittest.main()
