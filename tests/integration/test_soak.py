#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Many polls at full speed with changing API faults: nothing grows, nothing is late, nothing is lost.

SOAK_POLLS (8000) requests are made for 200 jobs, each due every 100 ms, in turns singly and in batches. In each round a
new configuration is loaded, a fault begins, some jobs change or end, the fault ends, and all changes have to be
reported. Then the API works for the number of requests that make the sample: memory, descriptors and threads of the
daemon, and, for single requests, the time between two polls of a job.
"""

import os
import random
import statistics
import unittest

from evidence import Database, ExecRecorder, Job, check
from harness import EVENT, EX_OK, JOBS, PATIENCE, SANITIZED
from reload_rig import ReloadTest

POLLS = int(os.environ.get("SOAK_POLLS", "8000"))
CALM = 1000 if POLLS < 100000 else 5000  # requests; of batches a hundredth
INTERVAL = 0.1
WATCHED = 200
CHANGES = 10  # a round
GROWTH_MAX_KB = 512

# The faults, and the number of responses to wait for during each.
FAULTS = (
    ({"status": 503}, 5),
    ({"reset": "before"}, 5),
    ({"gzip": "yes"}, 50),
    ({"html": "yes", "status": 502}, 5),
    ({"reset": "body"}, 5),
    ({"status": 409, "header": '"Retry-After: 1"', "times": 1}, 50),
    ({"chunk": 7, "gzip": "yes"}, 50),
    ({"truncate": 40}, 5),
    ({"envelope": "yes"}, 20),
    ({"wrong_id": "yes"}, 20),
    ({"status": 404}, 20),
    ({"delay": "20ms"}, 50),
    ({"oversize": "200K"}, 20),
    ({"reset": "headers"}, 5),
    ({"body": "[{", "content_type": "application/json"}, 5),
    ({"hang": "yes", "times": 3}, 5),
    ({"status": 429, "header": '"Retry-After: 1"', "times": 1}, 50),  # without Retry-After, requests slow down for minutes
)


class Soak(ReloadTest):
    def enter(self, job, status, result):
        job.enter(status, result)
        self.fake.job(job.id, status=status, result=result)

    def configure(self, round):
        self.batches = round % 4 == 3
        self.write_config(self.fake, list(self.jobs), api={"timeout": "1s", "max_response": "128K"},
                          poll={"batch": "auto" if self.batches else "off", "feed": "off"},  # the polls are counted
                          more=f"[status]\nrunning = Running*\n[hook every]\non = seen, changed\n"
                               f"exec = {self.every.program}\n")

    def load(self, daemon, round):
        """A job that is new is polled before it changes: its first state is a change that has to be told."""
        self.configure(round)
        self.reload(daemon)
        daemon.wait_for("first seen as", count=len(self.jobs))

    def stir(self, round):
        """Some jobs change; in every tenth round one ends and another follows."""
        open_jobs = [job for job in self.jobs.values() if not job.ended]
        for number, job in enumerate(self.random.sample(open_jobs, CHANGES)):
            ends = number == 0 and round % 10 == 9
            self.enter(job, self.random.choice(["Completed", "Failed"]) if ends else f"Running {round}", f"r{round}")
            if ends:
                self.new_job()

    def new_job(self):
        job = self.jobs[len(self.jobs) + 1001] = Job(len(self.jobs) + 1001)
        self.enter(job, "Running", "begun")

    def figures(self, daemon):
        return {
            "rss": daemon.memory_kb("VmRSS"),
            "anonymous": daemon.memory_kb("RssAnon"),
            "descriptors": len(os.listdir(f"/proc/{daemon.pid}/fd")),
            "threads": len(os.listdir(f"/proc/{daemon.pid}/task")),
            "polls": self.polls,
        }

    def distances(self):
        """Seconds between two polls of the same job, for all jobs, from the log."""
        last, found = {}, []
        for request in self.fake.requests():
            if request["path"] in last:
                found.append(request["t"] - last[request["path"]])
            last[request["path"]] = request["t"]
        return found

    def round(self, daemon, number):
        self.load(daemon, number)
        lines, answers = FAULTS[number % len(FAULTS)]
        mark = daemon.mark()
        seq = self.fake.stats()["last_seq"]
        self.fault_on(lines)
        self.stir(number)
        self.fake.wait(answers if not self.batches else min(answers, 5), seq)
        self.fake.mend()
        daemon.wait_for(r"\[(changed|succeeded|failed)", since=mark, count=CHANGES, patience=2 * PATIENCE)

        self.count_polls()
        seq = self.fake.stats()["last_seq"]
        seq = self.fake.wait(20, seq)  # those that waited for the end of the fault are done
        self.fake.control("POST", "reset-log")
        for _ in range(10):
            seq = self.fake.wait(CALM // (1000 if self.batches else 10), seq)
        found = self.distances() if not self.batches else []
        self.count_polls()
        self.samples.append(self.figures(daemon))
        if found:
            self.late.append((statistics.mean(found) - INTERVAL, sorted(found)[len(found) * 99 // 100] - INTERVAL))

    def fault_on(self, lines):
        self.fake.fault("soak", path=f"*{JOBS}*", **lines)

    def count_polls(self):
        self.polls = self.fake.stats()["last_seq"]

    def test_soak(self):
        self.random = random.Random(7)
        self.fake = self.start_fake()
        self.every = ExecRecorder(self.directory, "every")
        self.jobs, self.samples, self.late, self.polls = {}, [], [], 0
        for _ in range(WATCHED):
            self.new_job()
        self.configure(0)
        daemon = self.start_daemon()
        daemon.wait_for("first seen as", count=WATCHED)
        rounds = 0
        while self.polls < POLLS:
            self.round(daemon, rounds)
            rounds += 1
            if rounds % 20 == 0:
                print(f"{rounds} rounds: {self.samples[-1]}", flush=True)

        self.load(daemon, 0)  # for the job that came last
        for job in self.jobs.values():
            if not job.ended:
                self.enter(job, "Completed", "the end")
        daemon.wait_for(r"\[(succeeded|failed)", count=len(self.jobs), patience=2 * PATIENCE)
        told = daemon.events()
        daemon.wait_for(": delivered", count=len(told), patience=4 * PATIENCE)
        end = self.figures(daemon)
        self.assertEqual(daemon.stop(), EX_OK)
        self.check_told(told, daemon)
        self.judge(rounds, end, told)

    def check_told(self, told, daemon):
        made = sum(len(job.states) for job in self.jobs.values())
        self.assertEqual(len(told), made, "each change is told once")
        check(self, self.jobs, Database(self.state), {"every": (self.every, ("seen", "changed", "succeeded", "failed"))},
              "\n".join(line for line in daemon.text().splitlines() if EVENT.search(line)))
        taken = [attempt.document["event_id"] for attempt in self.every.attempts()]
        self.assertEqual(len(taken), len(set(taken)), "each is delivered once")

    def judge(self, rounds, end, told):
        # The first half fills bounded caches, mainly the page cache of the database.
        part = max(2, len(self.samples) // 5)
        first, last, later = self.samples[:part], self.samples[-part:], self.samples[len(self.samples) // 2:]
        slope = statistics.linear_regression([s["polls"] for s in later], [s["anonymous"] for s in later]).slope * 1e6
        most = {key: (max(s[key] for s in first), max(s[key] for s in last)) for key in end}
        # Of the fastest tenth of the rounds: the others may have been disturbed by other load.
        late = [sorted(value[i] for value in some)[len(some) // 10] * 1000
                for some in (self.late[:part], self.late[-part:]) for i in (0, 1)]
        size = sum(file.stat().st_size for file in self.state.iterdir())
        print(f"{self.polls} polls in {rounds} rounds with {len(FAULTS)} kinds of faults; {len(told)} changes made, told "
              f"and delivered once each\n"
              f"  memory: RSS {most['rss'][0]} -> {most['rss'][1]} kB, anonymous {most['anonymous'][0]} -> "
              f"{most['anonymous'][1]} kB, slope over the second half {slope:+.0f} kB a million polls\n"
              f"  descriptors {most['descriptors'][0]} -> {most['descriptors'][1]}, {end['descriptors']} at the end; "
              f"threads {most['threads'][0]} -> {most['threads'][1]}\n"
              f"  from poll to poll of a job, above {INTERVAL * 1000:.0f} ms, in the calmest rounds: mean {late[0]:.2f} -> {late[2]:.2f} ms, "
              f"p99 {late[1]:.2f} -> {late[3]:.2f} ms\n"
              f"  state {size // 1024} KiB", flush=True)
        self.assertLessEqual(most["descriptors"][1], most["descriptors"][0] + 8, "connections that are kept for a while")
        self.assertLessEqual(most["threads"][1], most["threads"][0])
        if not SANITIZED:
            self.assertLess(most["anonymous"][1] - most["anonymous"][0], GROWTH_MAX_KB)


if __name__ == "__main__":
    unittest.main()
