#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""A full or failing disk: polling continues, nothing is reported before it is recorded, and nothing is lost.

A full disk is a real file system of a few megabytes, mounted only for the daemon. A failing or read-only disk is simulated
by the library of crash_points.c.
"""

import errno
import os
import pathlib
import signal
import time
import unittest

from evidence import Database, ExecRecorder
from fake_journal import may_mount
from harness import EX_IOERR, EX_OK, PATIENCE, SANITIZED, SLOW, IntegrationTest
from reload_rig import ServiceManager

LIBRARY = os.environ.get("CRASH_POINTS", "")
TROUBLE = "Cannot save state in"
BACK = "is writable again"
ALMOST_FULL = "is almost full"


class DiskTest(IntegrationTest):
    def setUp(self):
        super().setUp()
        self.fake = self.start_fake("".join(f"[job {id}]\nstep = 0s Running | a\n" for id in range(11, 16)))
        self.hook = ExecRecorder(self.directory, "hook")
        self.more = f"[hook h]\non = changed\nexec = {self.hook.program}\n"

    @property
    def database(self):
        return Database(self.state)

    def reported(self):
        return sorted((attempt.document["job"]["id"], attempt.document["event"], attempt.document["result"])
                      for attempt in self.hook.attempts())

    def check_outage(self, daemon, break_disk, repair_disk, result):
        """A fault and its end. `result`: a ResultData that does not fit on the full disk."""
        daemon.wait_for("first seen as", count=5)
        break_disk()
        mark = daemon.mark()
        for job in range(11, 16):
            self.fake.job(job, result=f"{job}{result}")
        daemon.wait_for(TROUBLE)
        for _ in range(3):
            for job in range(11, 16):
                self.fake.polls(1, job)
        self.assertEqual(daemon.count(TROUBLE), 1, "said once, not once a job")
        self.assertEqual([line for line in daemon.lines[mark:] if "[changed" in line], [])
        self.assertEqual(self.reported(), [])
        repair_disk()
        daemon.wait_for(BACK)
        daemon.wait_for(r"\[changed", count=5)
        daemon.wait_for("hook h: delivered", count=5)
        self.assertEqual(daemon.count(BACK), 1)

        for job in range(11, 16):
            self.fake.job(job, status="Completed")
        self.assertEqual(daemon.wait_exit(2 * PATIENCE), EX_OK)
        expected = sorted((job, kind, f"{job}{result}") for job in range(11, 16) for kind in ("changed", "succeeded"))
        self.assertEqual(self.reported(), expected)


class Full(DiskTest):
    def setUp(self):
        super().setUp()
        reason = may_mount()
        if reason:
            self.skipTest(reason)
        self.state.mkdir()

    def start_on_small_disk(self, *options, size="16m", **how):
        mount = f"mount -t tmpfs -o size={size},mode=700 tmpfs \"$0\" && exec \"$@\""
        daemon = self.start_daemon(*options, before=["unshare", "-m", "sh", "-c", mount, str(self.state)], **how)
        daemon.wait_for("started: watching")
        self.disk = pathlib.Path(f"/proc/{daemon.pid}/root{self.state}")
        self.filler = self.disk / "filler"
        return daemon

    def fill_all(self):
        """The reserve, too, is in use by something else."""
        (self.disk / "reserve").unlink()
        self.fill()

    def fill(self):
        with open(self.filler, "wb", buffering=0) as file:
            try:
                while True:
                    file.write(bytes(65536))
            except OSError as error:
                self.assertEqual(error.errno, errno.ENOSPC)

    def test_polling_goes_on(self):
        self.write_config(self.fake, range(11, 16), more=self.more)
        daemon = self.start_on_small_disk("--exit-when-done")
        self.check_outage(daemon, self.fill_all, self.filler.unlink, "x" * 1000000)

    def test_an_end_on_a_full_disk(self):
        """It is recorded in the space of the reserve, and at the expense of the history."""
        self.write_config(self.fake, range(11, 16), more=self.more)
        manager = ServiceManager(self.directory / "notify")
        self.addCleanup(manager.stop)
        daemon = self.start_on_small_disk("--exit-when-done", env={"NOTIFY_SOCKET": str(self.directory / "notify")})
        daemon.wait_for("first seen as", count=5)
        reserve = self.disk / "reserve"
        self.assertEqual((reserve.stat().st_size, reserve.stat().st_mode & 0o7777), (8 << 20, 0o600))
        self.assertEqual(reserve.stat().st_blocks * 512, 8 << 20)
        self.fill()
        for job in range(11, 15):
            self.fake.job(job, status="Completed", result=f"{job}" + "x" * 30000)
        daemon.wait_for(r"\[succeeded", count=4)
        daemon.wait_for("hook h: delivered", count=4)
        self.assertFalse(reserve.exists())
        self.assertEqual(daemon.count(TROUBLE), 0, daemon.text())
        self.assertEqual(daemon.count(ALMOST_FULL), 1)
        manager.wait_for("STATUS=.*; state: the disk is almost full.*")

        self.filler.unlink()
        self.fake.job(15, status="Completed")
        daemon.wait_for("has room again")
        self.assertTrue(reserve.exists())
        self.assertEqual(daemon.wait_exit(), EX_OK)
        self.assertEqual(daemon.count(ALMOST_FULL), 1)
        self.assertEqual([(job, kind) for job, kind, _ in self.reported()],
                         [(job, "succeeded") for job in range(11, 16)])

    def test_large_results_on_a_small_disk(self):
        """Of results that change, only the last is kept whole."""
        self.write_config(self.fake, [11])
        daemon = self.start_on_small_disk("--exit-when-done", size="20m")
        daemon.wait_for("first seen as")
        for number in range(24):
            self.fake.job(11, result=f"{number} " + "x" * (1 << 20))
            daemon.wait_for(r"\[changed", count=number + 1)
        self.fake.job(11, status="Completed", result="done")
        self.assertEqual(daemon.wait_exit(), EX_OK)
        self.assertEqual(daemon.count(r"\[succeeded"), 1)
        self.assertEqual((daemon.count(TROUBLE), daemon.count(ALMOST_FULL)), (0, 0), daemon.text())

    def test_no_room_at_the_start(self):
        """A state directory that is not writable is an error at start."""
        self.write_config(self.fake, [11])
        command = "mount -t tmpfs -o size=4k,mode=700 tmpfs \"$0\" && head -c 4096 /dev/zero > \"$0/filler\"; exec \"$@\""
        status, daemon = self.run_daemon(before=["unshare", "-m", "sh", "-c", command, str(self.state)])
        self.assertEqual(status, EX_IOERR, daemon.text())
        self.assertRegex(daemon.text(), rf"(?i){self.state}.*(full|space)")
        self.assertEqual(daemon.events(), [])

    def test_read_only_at_the_start(self):
        self.write_config(self.fake, [11])
        command = "mount -t tmpfs -o ro,mode=700 tmpfs \"$0\" && exec \"$@\""
        status, daemon = self.run_daemon(before=["unshare", "-m", "sh", "-c", command, str(self.state)])
        self.assertEqual(status, EX_IOERR, daemon.text())
        self.assertRegex(daemon.text(), "Read-only file system")


@unittest.skipIf(SANITIZED, "a sanitizer wants to be the first library")
class Failing(DiskTest):
    def setUp(self):
        super().setUp()
        if not os.path.exists(LIBRARY):
            self.skipTest("CRASH_POINTS does not name the library")
        self.faulty = self.directory / "faulty"

    def start_on_bad_disk(self, error, *options):
        return self.start_daemon(*options, env={"LD_PRELOAD": LIBRARY, "FAIL_WHILE": str(self.faulty),
                                                "FAIL_WITH": str(error)})

    def test_polling_goes_on(self):
        for error in errno.EROFS, errno.EIO, errno.ENOSPC:
            with self.subTest(errno.errorcode[error]):
                self.state = self.directory / f"state-{error}"
                self.hook.path.unlink(missing_ok=True)
                for job in range(11, 16):
                    self.fake.job(job, status="Running", result="a")
                self.write_config(self.fake, range(11, 16), more=self.more)
                daemon = self.start_on_bad_disk(error, "--exit-when-done")
                self.check_outage(daemon, self.faulty.touch, self.faulty.unlink, "")
                self.assertTrue(self.database.is_sound())

    def gate(self):
        """A hook that waits for a signal and records its run."""
        gate, runs = self.directory / "gate", self.directory / "runs"
        os.mkfifo(gate)
        slow = self.directory / "slow"
        slow.write_text(f"#!/bin/sh\necho run >> {runs}\nread -r go < {gate}\n")
        slow.chmod(0o755)
        self.more = f"[hook slow]\non = terminal\nexec = {slow}\n"
        return gate, runs

    def test_an_end_that_cannot_be_recorded(self):
        """The delivery is not repeated, and its result is recorded as soon as possible."""
        gate, runs = self.gate()
        self.write_config(self.fake, [11], more=self.more)
        self.fake.job(11, status="Completed")
        daemon = self.start_on_bad_disk(errno.EIO, "--exit-when-done")
        daemon.wait_for("Waiting for hooks, then exiting")
        with open(gate, "w", encoding="utf-8") as pipe:
            self.faulty.touch()
            pipe.write("go\n")
        daemon.wait_for("Cannot record the result of hook slow")
        self.faulty.unlink()
        self.assertEqual(daemon.wait_exit(PATIENCE + 6), EX_OK)
        self.assertEqual(daemon.count(r"hook slow: delivered \"succeeded\" \(attempt 1\)"), 1)
        self.assertEqual(runs.read_text(), "run\n")
        self.assertEqual([row[2:] for row in self.database.deliveries()], [("done", 1)])

    def start_with_an_unrecorded_result(self):
        gate, runs = self.gate()
        self.write_config(self.fake, [11], more=self.more)
        self.fake.job(11, status="Completed")
        daemon = self.start_on_bad_disk(errno.EIO)
        daemon.wait_for(r"\[succeeded")
        with open(gate, "w", encoding="utf-8") as pipe:
            self.faulty.touch()
            pipe.write("go\n")
        daemon.wait_for("Cannot record the result of hook slow")
        daemon.process.send_signal(signal.SIGTERM)
        daemon.wait_for("stopping")
        return daemon, runs

    def test_a_stop_waits_for_a_result_to_be_recorded(self):
        daemon, runs = self.start_with_an_unrecorded_result()
        self.faulty.unlink()
        self.assertEqual(daemon.wait_exit(), EX_OK)
        self.assertEqual(daemon.count(r"hook slow: delivered \"succeeded\" \(attempt 1\)"), 1)
        self.assertEqual(runs.read_text(), "run\n")
        self.assertEqual([row[2:] for row in self.database.deliveries()], [("done", 1)])

    def test_a_stop_does_not_wait_long_for_it(self):
        daemon, runs = self.start_with_an_unrecorded_result()
        begin = time.monotonic()
        self.assertEqual(daemon.wait_exit(), EX_OK)
        took = time.monotonic() - begin
        self.assertGreater(took, 1.5)
        self.assertLess(took, 2 + SLOW)
        daemon.wait_for("Results of hooks could not be recorded. Exiting; the events are delivered again")
        self.faulty.unlink()
        again = self.start_daemon("--exit-when-done")
        (self.directory / "gate").write_text("go\n")
        self.assertEqual(again.wait_exit(), EX_OK)
        self.assertEqual(runs.read_text(), "run\nrun\n")
        self.assertEqual([row[2:] for row in self.database.deliveries()], [("done", 1)])

    def test_nor_does_another_delivery_that_waits_hold_that_up(self):
        gate, runs = self.gate()
        self.write_config(self.fake, [12], more=self.more)
        self.fake.job(12, status="Completed")
        os.rename(self.directory / "slow", self.directory / "away")
        self.assertEnds(EX_OK, "--once", says="hook slow: delivery of .* failed .attempt 1 of")
        os.rename(self.directory / "away", self.directory / "slow")
        self.database.ask("UPDATE deliveries SET next_us = next_us + 3600000000")

        self.write_config(self.fake, [11], more=self.more)
        self.fake.job(11, status="Completed")
        daemon = self.start_on_bad_disk(errno.EIO)
        with open(gate, "w", encoding="utf-8") as pipe:
            self.faulty.touch()
            pipe.write("go\n")
        daemon.wait_for("Cannot record the result of hook slow")
        self.faulty.unlink()
        daemon.wait_for("Job 11: hook slow: delivered", patience=PATIENCE + 6)
        self.assertEqual(runs.read_text(), "run\n")
        daemon.stop()

    def test_a_reload_while_it_fails(self):
        """It needs only what is on disk."""
        self.write_config(self.fake, range(11, 16), more=self.more)
        daemon = self.start_on_bad_disk(errno.EIO)
        daemon.wait_for("first seen as", count=5)
        self.faulty.touch()
        self.fake.job(11, result="b")
        daemon.wait_for(TROUBLE)
        self.write_config(self.fake, range(11, 15), more=self.more)
        daemon.process.send_signal(signal.SIGHUP)
        daemon.wait_for("Configuration reloaded: watching 4 jobs")
        self.faulty.unlink()
        daemon.wait_for(r"Job 11: .*\[changed")
        daemon.stop()

    def test_killed_while_it_fails(self):
        """Changes that could not be recorded are reported after the next start."""
        self.write_config(self.fake, [11], more=self.more)
        daemon = self.start_on_bad_disk(errno.EIO)
        daemon.wait_for("first seen as")
        self.faulty.touch()
        self.fake.job(11, status="Completed")
        daemon.wait_for(TROUBLE)
        self.fake.polls(2, 11)
        daemon.process.kill()
        daemon.wait_exit()
        self.assertEqual(daemon.count(r"\[succeeded"), 0)
        self.assertEnds(EX_OK, "--exit-when-done", says=r"Job 11: Running → Completed(: .*)? \[succeeded")
        self.assertEqual([kind for _, kind, _ in self.reported()], ["succeeded"])


if __name__ == "__main__":
    unittest.main()
