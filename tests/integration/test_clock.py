#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""A wall clock that is wrong, and set while the daemon runs or between two runs: hooks run after their delay, tokens are
renewed in time."""

import signal
import sqlite3
import time
import unittest

from clock import LIBRARY, Clock
from harness import EX_OK, SLOW, Closed, IntegrationTest
from sign_in import SignInTest

HOUR, YEAR = 3600, 365 * 86400
SHIFTS = {"3 h ahead": 3 * HOUR, "10 years ahead": 10 * YEAR, "3 h behind": -3 * HOUR, "10 years behind": -10 * YEAR}
FIRST_DELAY = 5.5  # at most, between the first two attempts
TROUBLE = " (warning|error) "


class Life:
    """A daemon with a clock, a state and a hook of its own; the hook fails until it is let succeed."""

    def __init__(self, test, number):
        self.test = test
        self.directory = test.directory / f"life-{number}"
        self.directory.mkdir(mode=0o700)
        self.clock = Clock(self.directory / "clock")
        self.open = self.directory / "open"
        self.program = self.directory / "hook"
        self.program.write_text(f"#!/bin/sh\n[ -e {self.open} ]\n")
        self.program.chmod(0o755)

    def start(self):
        test = self.test
        test.config, test.state = self.directory / "jobwatchd.ini", self.directory / "state"
        test.write_config(test.fake, [11], more=f"[hook mail]\non = succeeded\nexec = {self.program}\n")
        self.daemon = test.start_daemon("--exit-when-done", env=self.clock.env)

    def fail_once(self):
        self.daemon.wait_for("failed .attempt 1 of")
        self.failed = time.monotonic()
        self.open.touch()

    def expect_delivered(self, since):
        self.daemon.wait_for(r"delivered \"succeeded\" \(attempt 2\)")
        self.test.assertLess(time.monotonic() - since, (FIRST_DELAY + 2) * SLOW)
        self.test.assertEqual(self.daemon.wait_exit(), EX_OK)


@unittest.skipUnless(LIBRARY, "the library cannot be loaded into a daemon with a sanitizer")
class Deliveries(IntegrationTest):
    def setUp(self):
        super().setUp()
        self.fake = self.start_fake("[job 11]\nstep = 0s Completed\n")

    def lives(self):
        """One for each shift, to be run at the same time."""
        return [(Life(self, number), shift) for number, shift in enumerate(SHIFTS.values())]

    def test_delivered_in_time_after_a_wrong_clock_is_set_right(self):
        lives = self.lives()
        for life, shift in lives:
            life.clock.shift(shift)
            life.start()
        for life, _ in lives:
            life.fail_once()
            life.clock.set_right()
        for life, _ in lives:
            life.expect_delivered(life.failed)
            self.assertGreater(time.monotonic() - life.failed, 4.5, "not before its time either")

    def test_delivered_in_time_after_a_right_clock_is_set_wrong(self):
        lives = self.lives()
        for life, _ in lives:
            life.start()
        for life, shift in lives:
            life.fail_once()
            life.clock.shift(shift)
        for life, _ in lives:
            life.expect_delivered(life.failed)

    def restart(self, before, after):
        """`before` and `after` set the clock of a life for its two runs."""
        lives = self.lives()
        for life, shift in lives:
            before(life, shift)
            life.start()
        for life, shift in lives:
            life.fail_once()
            life.daemon.stop()
            after(life, shift)
            life.start()
            life.restarted = time.monotonic()
        for life, _ in lives:
            life.expect_delivered(life.restarted)

    def test_delivered_in_time_if_a_wrong_clock_is_set_right_between_two_runs(self):
        self.restart(lambda life, shift: life.clock.shift(shift), lambda life, shift: life.clock.set_right())

    def test_delivered_in_time_if_a_right_clock_is_set_wrong_between_two_runs(self):
        self.restart(lambda life, shift: None, lambda life, shift: life.clock.shift(shift))

    def test_later_deliveries_after_the_clock_was_set(self):
        """The second attempt fails as well, after the clock was set: the third follows after its own delay."""
        life = Life(self, 1)
        life.clock.shift(10 * YEAR)
        life.start()
        life.daemon.wait_for("failed .attempt 1 of")
        life.clock.set_right()
        line = life.daemon.wait_for("failed .attempt 2 of")
        self.assertRegex(line, "retrying in 3[0-3]s")
        life.daemon.stop()
        connection = sqlite3.connect(self.state / "jobwatchd.db")
        ((delay,),) = connection.execute("SELECT next_us - ended_us FROM deliveries").fetchall()
        connection.close()
        self.assertGreaterEqual(delay, 30_000_000)
        self.assertLessEqual(delay, 33_000_000)

    def test_history_survives_a_start_with_a_wrong_clock(self):
        clock = Clock(self.directory / "clock")
        self.write_config(self.fake, [11])
        self.assertEnds(EX_OK, "--once", env=clock.env, says=r"\[succeeded")
        for shift in SHIFTS.values():
            clock.shift(shift)
            self.assertEnds(EX_OK, "--once", env=clock.env)
        clock.shift(10 - int(time.time()))  # 1970
        self.assertEnds(EX_OK, "--once", env=clock.env)
        connection = sqlite3.connect(self.state / "jobwatchd.db")
        self.assertEqual(connection.execute("SELECT count(*) FROM events").fetchall(), [(1,)])
        connection.close()


@unittest.skipUnless(LIBRARY, "the library cannot be loaded into a daemon with a sanitizer")
class Tokens(SignInTest):
    def setUp(self):
        super().setUp()
        self.clock = Clock(self.directory / "clock")

    def renewed_in_time(self, shift):
        self.watch(server="token_lifetime = 6s")
        daemon = self.start_signed_in(env=self.clock.env)
        self.clock.shift(shift)
        self.wait_sign_ins(2)
        self.fake.polls(2, 11)
        daemon.stop()
        first, second = self.sign_ins()[:2]
        self.assertGreater(second["t"] - first["t"], 4.5)
        self.assertLess(second["t"] - first["t"], 6)
        self.assertEqual(self.grants()[1], "refresh_token")
        self.assertEqual({poll["status"] for poll in self.polls_made()}, {200}, "it was never refused")
        self.assertEqual(daemon.count(TROUBLE), 0, daemon.text())

    def test_renewed_in_time_although_the_clock_was_set_back(self):
        self.renewed_in_time(-10 * YEAR)

    def test_renewed_in_time_although_the_clock_was_set_forward(self):
        self.renewed_in_time(10 * YEAR)

    def test_a_token_from_the_future_is_renewed_after_its_lifetime(self):
        self.watch(server="token_lifetime = 6s")
        self.clock.shift(10 * YEAR)
        self.start_signed_in(env=self.clock.env).stop()
        self.clock.set_right()
        daemon = self.start_daemon(env=self.clock.env)
        self.wait_sign_ins(3)
        daemon.stop()
        self.assertEqual(self.grants()[1:3], ["refresh_token", "refresh_token"])
        self.assertEqual(daemon.count(TROUBLE), 0, daemon.text())

    def test_restarts_with_a_wrong_clock_do_not_sign_in_again_and_again(self):
        self.watch()
        for shift in (0, 10 * YEAR, 0, -10 * YEAR):
            self.clock.shift(shift)
            before = len(self.grants())
            daemon = self.start_daemon(env=self.clock.env)
            self.fake.polls(5, 11, status=200)
            daemon.stop()
            self.assertLessEqual(len(self.grants()), before + 1)
            self.assertEqual(daemon.count(TROUBLE), 0, daemon.text())


@unittest.skipUnless(LIBRARY, "the library cannot be loaded into a daemon with a sanitizer")
class Outage(IntegrationTest):
    def test_a_lasting_outage_is_logged_hourly(self):
        closed = Closed()
        self.addCleanup(closed.release)
        clock = Clock(self.directory / "clock")
        self.write_config(closed.url, [11])
        daemon = self.start_daemon("--log-level=debug", env=clock.env)
        probe = "Cannot reach the API"
        daemon.wait_for("warning " + probe)
        again = r"warning Still cannot use the API at \S+ after "
        for minutes, says in (50, None), (60, "(1h|60min)"), (119, None), (120, "2h"):
            before = daemon.count(again)
            clock.pass_time(minutes * 60)
            if says is not None:
                daemon.wait_for(again + says + r"( \d+s)?: could not connect \(Connection refused\)\. Retrying in ")
            daemon.wait_for(probe, since=daemon.mark(), count=2)
            self.assertEqual(daemon.count(again), before + (says is not None), daemon.text())

        self.start_fake("[job 11]\nstep = 0s Running\n", port=closed.release())
        daemon.wait_for("first seen as")
        clock.pass_time(2 * HOUR + 11)
        daemon.wait_for(r"API at \S+ is reachable again after 2h")
        clock.pass_time(4 * HOUR)
        daemon.process.send_signal(signal.SIGHUP)
        daemon.wait_for("Configuration reloaded")
        self.assertEqual(daemon.stop(), EX_OK)
        self.assertEqual(daemon.count(again), 2, daemon.text())


if __name__ == "__main__":
    unittest.main()
