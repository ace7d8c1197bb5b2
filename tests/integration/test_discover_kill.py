#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""New jobs are found whenever the daemon is killed, each once, and what they are found by is not logged."""

import collections
import concurrent.futures
import json
import os
import random
import signal
import sqlite3
import subprocess
import time
import unittest

from harness import EX_OK, JOBS, JOBWATCHD, PATIENCE, SANITIZED, IntegrationTest, clean_environment

OLD = range(1000, 1030)
LIBRARY = os.environ.get("CRASH_POINTS", "")
LIVES_MAX = 20


class DiscoverKill(IntegrationTest):
    def setUp(self):
        super().setUp()
        self.events = self.directory / "events"
        self.events.mkdir()
        hook = self.directory / "hook"
        hook.write_text(f"#!/bin/sh\ncat >{self.events}/$JOBWATCH_EVENT_ID.$$\n")
        hook.chmod(0o755)
        self.hook = f"[hook mine]\non = seen, terminal\nexec = {hook}\nretries = 0\n"
        self.fake = self.start_fake(f"[jobs {OLD[0]}-{OLD[-1]}]\nstep = 0s Running\n")

    def documents(self):
        """{(job, event): {event IDs}}, of those that are complete."""
        found = collections.defaultdict(set)
        for path in self.events.iterdir():
            try:
                document = json.loads(path.read_text())
            except ValueError:
                continue  # the program was killed as well
            self.assertEqual(document["discover"], ["all"])
            found[document["job"]["id"], document["event"]].add(document["event_id"])
        return found

    def start(self, begun=True):
        daemon = self.start_daemon()
        if not begun:
            daemon.wait_for(r"\[discover all\] watches new jobs from now on")
        return daemon

    def kill(self, daemon):
        daemon.process.send_signal(signal.SIGKILL)
        daemon.wait_exit()

    def live(self, dice, new, ended):
        """One life of the daemon, until it is to be killed: three new jobs, and some of all that end."""
        first = 2000 + len(new)
        for job in range(first, first + 3):
            self.fake.job(job, status="Running")
            new.append(job)
        for job in [job for job in new if job not in ended and dice.random() < 0.3]:
            self.fake.job(job, status="Completed")
            ended.append(job)
        self.fake.wait(dice.randrange(8), self.fake.stats()["last_seq"], path=f"*{JOBS}*")
        time.sleep(dice.uniform(0, 0.05))  # any moment between two requests

    def test_no_new_job_is_lost_or_found_twice(self):
        """KILLS says how often it is killed (8)."""
        kills, seed = int(os.environ.get("KILLS", "8")), int(os.environ.get("KILL_SEED", "1"))
        dice, new, ended = random.Random(seed), [], []
        self.write_config(self.fake, more=f"[discover all]\n{self.hook}")
        daemon = self.start(begun=False)
        for _ in range(kills):
            self.live(dice, new, ended)
            self.kill(daemon)
            self.fake.job(2000 + len(new), status="Running")  # while it does not run
            new.append(2000 + len(new))
            daemon = self.start()
        self.wait_until(lambda: self.documents().keys() >= {(job, "seen") for job in new if job not in ended})
        for job in new:
            if job not in ended:
                self.fake.job(job, status="Completed")
        self.wait_until(lambda: self.documents().keys() >= {(job, "succeeded") for job in new})
        self.assertEqual(daemon.stop(), EX_OK)
        found = self.documents()
        self.assertEqual({job for job, _ in found}, set(new))
        self.assertEqual({event for _, event in found}, {"seen", "succeeded"})
        self.assertEqual({key: ids for key, ids in found.items() if len(ids) > 1}, {})
        print(f"{kills} kills, {len(new)} new jobs, {len(found)} events, none lost, each under one ID", flush=True)

    def test_people_are_compared_and_nothing_else(self):
        self.write_config(self.fake, more=f"[discover all]\nuser = *@example.com\n{self.hook}",
                          log={"target": "console", "level": "debug"})
        daemon = self.start(begun=False)
        self.fake.control("PUT", "jobs", "[job 2001]\nuser_name = Ann Archer\nuser_email = ann@example.com\n"
                                         "step = 0s Running\n"
                                         "[job 2002]\nuser_name = Bob Baker\nuser_email = bob@example.org\n"
                                         "step = 0s Running\n")
        self.fake.job(2001, status="Completed")
        self.fake.job(2002, status="Completed")
        self.wait_until(lambda: (2001, "succeeded") in self.documents())
        self.fake.wait(4, self.fake.stats()["last_seq"], path=f"*{JOBS}*")
        self.assertEqual(daemon.stop(), EX_OK)
        self.assertEqual({job for job, _ in self.documents()}, {2001})
        said = daemon.text() + "".join(path.read_text() for path in self.events.iterdir())
        for word in ("Ann", "Archer", "ann@", "Bob", "bob@"):
            self.assertNotIn(word, said)


@unittest.skipIf(SANITIZED, "a sanitizer's own calls come between")
class DiscoverCrash(IntegrationTest):
    """Each life is a state of its own: --once, a new job, --once that is killed at one of its calls, see crash_points.c,
    and --once again. CRASH_ALL=1 makes a life for each call."""

    def run_once(self, life, **env):
        command = [JOBWATCHD, "-c", life / "jobwatchd.ini", "--once", "--state-dir", life / "state"]
        return subprocess.run(command, env=clean_environment(**env), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, timeout=2 * PATIENCE, text=True, check=False)

    def begin(self, number):
        """Returns the directory of a life, which is that of the location with this ID."""
        life = self.directory / f"life-{number}"
        life.mkdir(mode=0o755)
        self.config = life / "jobwatchd.ini"
        self.write_config(self.fake, more=f"[discover all]\nbusiness = {number}\n")
        done = self.run_once(life)
        self.assertEqual(done.returncode, EX_OK, done.stdout)
        return life

    def crash(self, life, number, at, when):
        """Returns whether the run reached that point."""
        killed = self.run_once(life, LD_PRELOAD=LIBRARY, CRASH_AT=str(at), CRASH_WHEN=when)
        again = self.run_once(life)
        said = f"{when} call {at}:\n{killed.stdout}----\n{again.stdout}"
        if killed.returncode not in (EX_OK, -signal.SIGKILL) or again.returncode != EX_OK:
            raise AssertionError(f"exit status {killed.returncode}, then {again.returncode} {said}")
        with sqlite3.connect(life / "state" / "jobwatchd.db") as database:
            events = database.execute("SELECT job, kind, CAST(discover AS TEXT) FROM events").fetchall()
            known = database.execute("SELECT job, CAST(sections AS TEXT) FROM discovered").fetchall()
        if (events, known) != ([(2000 + number, "succeeded", "all")], [(2000 + number, "all")]):
            raise AssertionError(f"{events}, {known} {said}")
        return killed.returncode == -signal.SIGKILL

    def test_a_new_job_is_recorded_once_wherever_a_run_is_killed(self):
        self.fake = self.start_fake()
        calls = self.directory / "calls"
        new = lambda numbers: self.fake.control("PUT", "jobs", "".join(
            f"[job {2000 + number}]\nbusiness_id = {number}\nstep = 0s Completed\n" for number in numbers))
        first = self.begin(1)
        new([1])
        self.assertEqual(self.run_once(first, LD_PRELOAD=LIBRARY, CRASH_LOG=str(calls)).returncode, EX_OK)
        points = [(at, when) for at in range(1, len(calls.read_text().splitlines()) + 1) for when in ("before", "after")]
        chosen = [points[place * len(points) // LIVES_MAX] for place in range(LIVES_MAX)] \
            if len(points) > LIVES_MAX and os.environ.get("CRASH_ALL") != "1" else points
        lives = [self.begin(number) for number in range(2, 2 + len(chosen))]
        new(range(2, 2 + len(chosen)))
        with concurrent.futures.ThreadPoolExecutor(4) as pool:
            runs = [pool.submit(self.crash, life, number, at, when)
                    for number, (life, (at, when)) in enumerate(zip(lives, chosen), 2)]
            reached = sum(run.result() for run in runs)
        print(f"{len(chosen)} of {len(points)} points, {reached} reached", flush=True)
        self.assertGreater(reached, len(chosen) * 3 // 4)


if __name__ == "__main__":
    unittest.main()
