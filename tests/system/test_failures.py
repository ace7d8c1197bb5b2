# SPDX-License-Identifier: MIT
"""Failures of a service: a hang, a stop, an API outage, a power cut."""

import random
import time
import unittest

import evidence
from fixture import STATE, UNIT, SystemTest
from harness import Closed

POWER_CUTS = 6


class Failures(SystemTest):
    def start_watching(self, *jobs, hook_lines="", **sections):
        """One recording hook; `jobs` are running."""
        self.hook = self.recorder()
        self.jobs = {id: evidence.Job(id) for id in jobs}
        self.fake = self.start_fake()
        for id in jobs:
            self.change(id, "Running", "0")
        self.configure(self.fake, jobs, f"[hook told]\non = changed, gone\nexec = {self.hook.program}\n{hook_lines}",
                       **sections)
        self.start()
        for id in jobs:
            self.wait_for(f"Job {id}: first seen as Running")

    def change(self, id, status, result):
        self.jobs[id].enter(status, result)
        self.fake.job(id, result, status=status)

    def wait_delivered(self, count):
        end = time.monotonic() + 30
        while len({attempt.document["event_id"] for attempt in self.hook.attempts()}) < count:
            if time.monotonic() > end:
                self.fail(f"delivered {self.hook.attempts()}, not {count} events:\n{self.log()}")
            time.sleep(0.05)

    def check(self, times=1):
        """Each event was recorded once, logged under one id, and delivered at most `times` times."""
        self.systemctl("stop", UNIT)
        database = self.database()
        self.assertTrue(database.is_sound())
        recorded = database.events()
        evidence.check_recorded(self, self.jobs, recorded)
        kinds = ("changed", "succeeded", "failed", "gone")
        wanted = [event for event in recorded if event.kind in kinds]
        attempts = self.hook.attempts()
        evidence.check_hook(self, "told", wanted, attempts)
        self.assertLessEqual(len(attempts), times * len(wanted), "delivered too often")
        self.assertEqual([row for row in database.deliveries() if row[2] != "done"], [])
        return recorded

    def check_journal(self, recorded, may_repeat=False):
        logged = [entry["JOBWATCH_EVENT_ID"] for entry in self.events()]
        self.assertEqual(set(logged), {event.id for event in recorded})
        if not may_repeat:
            self.assertEqual(len(logged), len(set(logged)), "logged twice")

    def test_watchdog(self):
        """A hanging daemon is killed and restarted; nothing is lost or reported twice."""
        self.write_unit(f"{UNIT}.d/watchdog.conf", "[Service]\nWatchdogSec=1s\nRestartSec=100ms\n")
        self.start_watching(11, 12)
        self.change(11, "Running", "1")
        self.wait_delivered(1)
        self.fake.polls(1, 12)
        self.systemctl("kill", "--signal=STOP", "--kill-whom=main", UNIT)
        self.change(11, "Completed", "2")
        self.change(12, "Failed", "2")
        self.wait_show(UNIT, "NRestarts", "^1$")
        self.wait_for("Watchdog timeout")
        self.wait_delivered(3)
        self.check_journal(self.check())

    def test_crash(self):
        self.write_unit(f"{UNIT}.d/restart.conf", "[Service]\nRestartSec=100ms\n")
        self.start_watching(11)
        for result in range(1, 4):
            self.change(11, "Running", str(result))
            self.wait_delivered(result)
            self.systemctl("kill", "--signal=KILL", "--kill-whom=main", UNIT)
            self.wait_show(UNIT, "NRestarts", f"^{result}$")
        self.change(11, "Completed", "done")
        self.wait_delivered(4)
        self.check_journal(self.check(times=2), may_repeat=True)

    def test_stop_is_quick(self):
        """With unanswered requests in flight, and a hook that ignores SIGTERM."""
        self.hook = self.recorder()
        stubborn = self.program("stubborn", f"#!/bin/sh\ntrap '' TERM\necho $$ > {STATE}/stubborn.pid\n"
                                "while :; do sleep 1; done\n")
        self.jobs = {}
        self.fake = self.start_fake("[job 11]\nstep = 0s Running\n[job 12]\nstep = 0s Completed\n")
        self.configure(self.fake, (11, 12), f"[hook stubborn]\non = succeeded\nexec = {stubborn}\n")
        self.start()
        self.wait_for("Job 12: first seen as Completed")
        end = time.monotonic() + 10
        while not self.system.path(f"{STATE}/stubborn.pid").exists():
            self.assertLess(time.monotonic(), end, self.log())
            time.sleep(0.02)
        since = self.fake.stats()["last_seq"]
        self.fake.fault("hang", hang="yes")
        self.fake.wait(1, since, arrived=1)
        begin = time.monotonic()
        self.systemctl("stop", UNIT)
        self.assertLess(time.monotonic() - begin, 7, "a hook that ignores SIGTERM is killed after 5 s")
        self.assertEqual((self.show(UNIT, "Result"), self.show(UNIT, "ExecMainStatus")), ("success", "0"))
        self.assertNotEqual(self.system.run("pgrep", "-f", "/opt/test/stubborn", check=False).status, 0)

        # Deliveries that were not done are repeated after the next start.
        self.program("stubborn", f"#!/bin/sh\ntouch {STATE}/delivered\n")
        self.fake.mend()
        self.start()
        self.wait_for("hook stubborn: delivered")

    def test_stopped_journald(self):
        """With its socket full, polling, deliveries, the stop and a start go on. Entries follow."""
        self.start_watching(11)
        self.addCleanup(self.systemctl, "kill", "--signal=CONT", "systemd-journald.service")
        self.systemctl("kill", "--signal=STOP", "systemd-journald.service")
        for number in range(1, 41):  # each has two entries; the socket takes ten
            self.change(11, "Running", str(number))
            self.wait_delivered(number)
        begin = time.monotonic()
        self.systemctl("stop", UNIT)
        self.assertLess(time.monotonic() - begin, 3, "no exec hook runs")
        self.assertEqual((self.show(UNIT, "Result"), self.show(UNIT, "ExecMainStatus")), ("success", "0"))
        self.start()
        self.change(11, "Running", "after the start")
        self.wait_delivered(41)
        self.systemctl("kill", "--signal=CONT", "systemd-journald.service")
        self.check_journal(self.check())

    def test_api_down_at_boot(self):
        closed = Closed()
        self.addCleanup(closed.release)
        self.configure(closed.url, (11,))
        self.systemctl("enable", "--quiet", UNIT)
        self.system.power_cut()
        self.system.boot()
        self.assertEqual(self.systemctl("is-active", UNIT).strip(), "active")
        self.wait_for("refused|not be reached|cannot")
        self.wait_show(UNIT, "StatusText", "API: unreachable")
        self.start_fake("[job 11]\nstep = 0s Running\n", port=closed.release())
        self.wait_for("Job 11: first seen as Running")
        self.wait_for("reachable again")
        self.assertEqual(self.show(UNIT, "NRestarts"), "0")

    def test_power_cuts(self):
        """Power cuts at random moments while jobs change: recorded events survive and are all reported."""
        seed = random.randrange(1 << 32)
        chance = random.Random(seed)
        jobs = range(100, 110)
        with self.subTest(seed=seed):
            self.start_watching(*jobs)
            self.systemctl("enable", "--quiet", UNIT)
            for cut in range(POWER_CUTS):
                for id in chance.sample(jobs, 5):
                    self.change(id, "Running", f"step {cut}")
                time.sleep(chance.uniform(0, 0.3))
                self.system.power_cut()
                self.system.boot()
            for id in jobs:
                self.change(id, chance.choice(("Completed", "Failed")), "the end")
            for id in jobs:
                self.wait_for(f'Job {id}: hook told: delivered "(succeeded|failed)"')
            recorded = self.check(times=POWER_CUTS + 1)
            # An entry that journald had not read before the power cut is lost; the event is not.
            self.assertLessEqual({entry["JOBWATCH_EVENT_ID"] for entry in self.events()}, {event.id for event in recorded})


class Reload(SystemTest):
    """SIGHUP, by systemctl reload."""

    def setUp(self):
        super().setUp()
        self.fake = self.start_fake("[job 11]\nstep = 0s Running\n[job 12]\nstep = 0s Running\n")
        self.configure(self.fake, (11,))
        self.start()
        self.wait_for("Job 11: first seen as Running")

    def reload(self, says):
        self.systemctl("reload", UNIT)
        self.wait_for(says)
        self.wait_show(UNIT, "ActiveState", "^active$")

    def test_good(self):
        pid = self.main_pid()
        self.configure(self.fake, (12,))
        self.reload("Job 12: first seen as Running")
        self.wait_for("Job 12: first seen as Running")
        last = self.fake.polls(2, 12)
        self.fake.wait(3, last)
        asked = {request["path"] for request in self.fake.requests() if request["seq"] > last}
        self.assertFalse([path for path in asked if path.endswith("/11")], "a job that is watched no more is asked for")
        self.assertEqual(self.main_pid(), pid)

    def test_wrong(self):
        pid = self.main_pid()
        self.configure(self.fake, (12,), "[poll]\nintervall = 1s\n")
        self.assertNotEqual(self.system.run("systemctl", "reload", UNIT, check=False).status, 0)
        self.wait_for(r"/etc/jobwatchd/jobwatchd.ini:\d+: ")
        self.wait_show(UNIT, "ActiveState", "^active$")
        self.fake.polls(2, 11)
        self.assertEqual(self.main_pid(), pid)
        self.assertEqual(self.events("JOBWATCH_JOB=12"), [])


if __name__ == "__main__":
    unittest.main()
