#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""STATUS=, which `systemctl status` shows, agrees with the world and with the log."""

import datetime
import errno
import os
import re
import signal
import time
import unittest

from evidence import Database
from harness import EX_JOB_FAILED, EX_OK, EX_TIMEOUT, SLOW, Closed
from reload_rig import ReloadTest

LIBRARY = os.environ.get("CRASH_POINTS", "")
RUNNING = "[jobs 11-13]\nstep = 0s Running\n"
REQUESTS = r"; \d+ requests? since the start"
TIME = r"(?:\d{4}-\d\d-\d\d )?(\d\d:\d\d:\d\d)"  # with the date if it is tomorrow
RARELY = {"interval": "1h", "max_interval": "1h"}


def seconds_until(clock):
    """From now to the next time of day `clock`, which is in UTC; negative if it was less than 12 hours ago."""
    now = datetime.datetime.now(datetime.timezone.utc)
    then = datetime.datetime.combine(now.date(), datetime.time.fromisoformat(clock), datetime.timezone.utc)
    seconds = (then - now).total_seconds()
    return (seconds + 43200) % 86400 - 43200


class StatusLine(ReloadTest):
    def setUp(self):
        super().setUp()
        self.manager = self.start_manager()

    def start(self, *options, env=None):
        return self.start_daemon(*options, env={**(env or {}), "NOTIFY_SOCKET": str(self.directory / "notify")})

    def status(self, pattern):
        """Waits for a status that matches as a whole. Returns what the groups contain."""
        message = self.manager.wait_for("STATUS=" + pattern)
        return re.fullmatch("STATUS=" + pattern, message).groups()

    def assertSoon(self, clock, low, high):
        """A time of day has whole seconds."""
        self.assertGreater(seconds_until(clock), low - 1.5 - SLOW)
        self.assertLess(seconds_until(clock), high + 0.5)

    def test_all_well(self):
        fake = self.start_fake(RUNNING + "[job 14]\nstep = 0s Completed\n")
        self.write_config(fake, [11, 12, 14], poll=RARELY, limits={"per_hour": "5000"})
        daemon = self.start()
        clock, requests = self.status(rf"3 jobs \(2 open, 1 finished\); next poll at {TIME}; (\d+) requests since the start")
        self.assertSoon(clock, 3000, 3600)  # polls are spread
        self.assertEqual(int(requests), fake.stats()["requests"])
        self.assertEqual(daemon.messages("error|warning"), [])

        # The next run knows only of its own requests.
        self.assertEqual(daemon.stop(), EX_OK)
        self.manager.wait_for("STATUS=")
        before = fake.stats()["requests"]
        self.start()
        _, requests = self.status(rf"3 jobs \(2 open, 1 finished\); next poll at {TIME}; (\d+) requests since the start")
        self.assertEqual(int(requests), fake.stats()["requests"] - before)

    def test_wrong_token(self):
        fake = self.start_fake(RUNNING)
        self.write_config(fake, [11], api={"token_file": self.secret("wrong", "wr0ng")})
        daemon = self.start()
        clock, = self.status(rf"1 job \(1 open, 0 finished\); API: credentials rejected, next attempt at {TIME}" + REQUESTS)
        self.assertSoon(clock, 5, 20)
        daemon.wait_for("rejected the credentials")
        self.assertNotIn("unreachable", "".join(self.manager.messages))

    def test_blocked_by_a_firewall(self):
        fake = self.start_fake(RUNNING)
        fake.fault("all", status=403, html="yes")
        self.write_config(fake, [11])
        self.start()
        self.status(rf"1 job \(1 open, 0 finished\); API: requests blocked, next attempt at {TIME}" + REQUESTS)

    def test_unreachable_and_back(self):
        closed = Closed()
        self.addCleanup(closed.release)
        self.write_config(closed.url, [11], poll={"interval": "4s", "max_interval": "4s"})
        daemon = self.start()
        clock, = self.status(rf"1 job \(1 open, 0 finished\); API: unreachable, next attempt at {TIME}" + REQUESTS)
        self.assertSoon(clock, 0, 4)
        daemon.wait_for("Cannot reach the API")
        self.start_fake(RUNNING, port=closed.release())
        self.status(rf"1 job \(1 open, 0 finished\); next poll at {TIME}" + REQUESTS)

    def test_throttled(self):
        fake = self.start_fake(RUNNING)
        fake.fault("all", status=429, header='"Retry-After: 300"')
        self.write_config(fake, [11, 12])
        daemon = self.start()
        clock, = self.status(rf"2 jobs \(2 open, 0 finished\); API: rate limited, next attempt at {TIME}" + REQUESTS)
        self.assertSoon(clock, 295, 300)
        daemon.wait_for("Rate limited by the API")

    def test_failing_job(self):
        fake = self.start_fake(RUNNING)
        fake.fault("one", status=500, path="*/11")
        self.write_config(fake, [11, 12, 13])
        daemon = self.start()
        self.status(rf"3 jobs \(3 open, 0 finished, 1 failing\); next poll at {TIME}" + REQUESTS)
        daemon.wait_for("Job 11: cannot be polled")
        fake.mend()
        self.status(rf"3 jobs \(3 open, 0 finished\); next poll at {TIME}" + REQUESTS)

    @unittest.skipUnless(LIBRARY, "needs the library of crash_points.c")
    def test_state_that_cannot_be_written(self):
        for error, text in ((errno.ENOSPC, "disk full"), (errno.EROFS, "disk error|read-only")):
            with self.subTest(text):
                faulty = self.directory / f"faulty-{error}"
                fake = self.start_fake(RUNNING, name=f"fake-{error}")
                self.write_config(fake, [11], state={"directory": self.directory / f"state-{error}"})
                daemon = self.start(env={"LD_PRELOAD": LIBRARY, "FAIL_WHILE": str(faulty), "FAIL_WITH": str(error)})
                daemon.wait_for("first seen as")
                faulty.touch()
                fake.job(11, result="new")
                self.status(rf"1 job \(1 open, 0 finished\); state: [^;]*(?:{text})[^;]*(?:; next poll at {TIME})?" + REQUESTS)
                self.assertEqual(daemon.count(f"Cannot save state in .*(?:{text})"), 1)
                faulty.unlink()
                daemon.wait_for("is writable again")
                self.status(rf"1 job \(1 open, 0 finished\)(?:; next poll at {TIME})?" + REQUESTS)
                self.assertEqual(daemon.stop(), EX_OK)

    def test_pending_delivery(self):
        marker = self.directory / "works"
        program = self.script("hook", f"[ -e {marker} ]")
        fake = self.start_fake("[job 11]\nstep = 0s Completed\n")
        self.write_config(fake, [11], more=self.hook("mail", program, on="terminal"))
        daemon = self.start()
        self.status(r"1 job \(0 open, 1 finished\), 1 delivery pending" + REQUESTS)
        daemon.wait_for("retrying in 5s")
        self.assertEqual(daemon.stop(), EX_OK)
        self.assertEqual([row[2] for row in Database(self.state).deliveries()], ["pending"])

        marker.touch()
        again = self.start()
        again.wait_for("started: watching 1 job .*, 1 delivery pending$")
        self.status(r"1 job \(0 open, 1 finished\)" + REQUESTS)
        again.wait_for("delivered")
        self.assertEqual(again.stop(), EX_OK)
        self.assertEqual([row[2] for row in Database(self.state).deliveries()], ["done"])
        self.assertEqual(again.count("All jobs finished"), 0, "the first run has said so")
        self.assertEqual(daemon.count("All jobs finished"), 1)

    def test_abandoned_delivery(self):
        program = self.script("hook", "exit 3")
        fake = self.start_fake("[job 11]\nstep = 0s Completed\n[job 12]\nstep = 0s Running\n")
        self.write_config(fake, [11, 12], poll=RARELY, more=self.hook("mail", program, on="terminal", retries=0))
        daemon = self.start()
        abandoned = rf"2 jobs \(1 open, 1 finished\), 1 delivery abandoned; next poll at {TIME}" + REQUESTS
        self.status(abandoned)
        self.assertEqual(daemon.count("abandoned \"succeeded\""), 1)
        self.assertEqual(daemon.stop(), EX_OK)
        daemon = self.start()
        self.status(abandoned)
        self.write_config(fake, [12], poll=RARELY, more=self.hook("mail", program, on="terminal", retries=0))
        self.reload(daemon)
        self.status(rf"1 job \(1 open, 0 finished\); next poll at {TIME}" + REQUESTS)

    def test_failed_reload(self):
        fake = self.start_fake(RUNNING)
        self.write_config(fake, [11], poll=RARELY)
        daemon = self.start()
        daemon.wait_for("first seen as")
        good = self.config.read_text()
        self.config.write_text("[jobs]\nids = none\n")
        self.reload(daemon, "Configuration not reloaded")
        self.status(r"1 job \(1 open, 0 finished\); last reload failed, previous configuration in effect; .*")
        self.config.write_text(good)
        self.reload(daemon)
        self.status(rf"1 job \(1 open, 0 finished\); next poll at {TIME}" + REQUESTS)

    def test_reload_is_done_when_the_status_is_new(self):
        """For `systemctl reload && systemctl status`."""
        fake = self.start_fake(RUNNING)
        self.write_config(fake, [11], poll=RARELY)
        daemon = self.start()
        self.status(rf"1 job \(1 open, 0 finished\); next poll at {TIME}" + REQUESTS)
        if "READY=1" not in self.manager.messages:
            self.manager.wait_for("READY=1")
        for jobs in (2, 3):  # sooner than a status is sent again by itself
            self.write_config(fake, range(11, 11 + jobs), poll=RARELY)
            self.manager.messages.clear()
            os.kill(daemon.pid, signal.SIGHUP)
            self.manager.wait_for("READY=1")
            said = [message for message in self.manager.messages if message.startswith("STATUS=")]
            self.assertTrue(said and said[-1].startswith(f"STATUS={jobs} jobs"), self.manager.messages)

    def test_what_stays_after_the_exit(self):
        fake = self.start_fake("[job 11]\nstep = 0s Failed\n[job 12]\nstep = 0s Running\n")
        self.write_config(fake, [11])
        self.assertEqual(self.start("--exit-when-done").wait_exit(), EX_JOB_FAILED)
        self.status("All jobs finished: 0 succeeded, 1 failed or gone")
        self.write_config(fake, [12], state={"directory": self.directory / "other"})
        self.assertEqual(self.start("--timeout", "1s").wait_exit(), EX_TIMEOUT)
        self.status("--timeout 1s expired: 1 of 1 job still open")


if __name__ == "__main__":
    unittest.main()
