#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""One broken job is its own problem: all others are polled at their interval, and the log stays quiet.

Many daemons run at the same time, each with a server of its own on which reading one of five jobs fails for good in
its own way. They are judged by the requests that the server logged and by the daemon's log. ISOLATION_SECONDS (60) is
how long.
"""

import collections
import os
import random
import statistics
import time
import unittest

from harness import SLOW, IntegrationTest
from site_rig import OUTAGE, Site, wait

SECONDS = float(os.environ.get("ISOLATION_SECONDS", "60"))
JOBS = range(11, 16)
BROKEN = 13
EARLY, LATE = 11, 15  # of these the ends are awaited
EARLY_END, LATE_END = 14, SECONDS - 6
MESSAGES_MAX = 4

FAULTS = {
    "500": "status = 500",
    "403": "status = 403\nbody = {\"Message\": \"no\"}",
    "403-html": "status = 403\nhtml = yes",
    "401": "status = 401",
    "429": "status = 429",
    "429-retry": "status = 429\nheader = \"Retry-After: 2\"",
    "503": "status = 503",
    "503-retry": "status = 503\nheader = \"Retry-After: 2\"",
    "reset-headers": "reset = headers",
    "reset-body": "reset = body",
    "hang": "hang = yes",
    "wrong-id": "wrong_id = yes",
    "html": "html = yes",
    "oversize": "oversize = 400K",
}
THROTTLED = ("429", "429-retry", "503-retry")


class Isolation(IntegrationTest):
    def start(self, fault, reads):
        name = f"{fault}-{reads}"
        mode = "off" if reads == "off" else "auto"
        scenario = (f"[jobs {JOBS[0]}-{JOBS[-1]}]\nstep = 0s Running\n"
                    f"[job {EARLY}]\nstep = 0s Running\nstep = {EARLY_END}s Completed\n"
                    f"[job {LATE}]\nstep = 0s Running\nstep = {LATE_END}s Completed\n"
                    f"[job {BROKEN}]\nstep = 0s Running | half\n"
                    f"[fault broken]\njobs = {BROKEN}\n{'reads = single' if reads == 'single' else ''}\n{FAULTS[fault]}\n")
        site = Site(self, name, JOBS, scenario, api={"timeout": "1s", "max_response": "128K"},
                    poll={"interval": "1s", "max_interval": "1s", "batch": mode})
        # While the fault is found a batch that hangs is split, and the pause of a throttled job passes; of a batch, in
        # which it must be found first, at most two, of 2 s and 4 s.
        settling = 3 if fault == "hang" else 1 if fault not in THROTTLED else 8 if reads == "any" else 4
        site.begins = 0
        if reads == "single":
            # In batches the record itself is well until it changes, and has to be confirmed by a single read.
            site.daemon.wait_for(f"Job {BROKEN}: first seen")
            site.begins = time.monotonic() - site.began
            site.fake.job(BROKEN, result="changed")
        site.settled = site.begins + settling
        site.throttled = fault in THROTTLED
        return site

    def judge(self, site):
        site.finish()
        gaps = {}
        for job in JOBS:
            until = {EARLY: EARLY_END, LATE: LATE_END}.get(job, SECONDS)
            reads = site.reads(job, site.settled, until)
            gaps[job] = [b - a for a, b in zip(reads, reads[1:])]
        healthy = [job for job in JOBS if job != BROKEN]
        latencies = [(site.noticed(job) or float("inf")) - end for job, end in ((EARLY, EARLY_END), (LATE, LATE_END))]
        counted = site.settled if site.throttled else site.begins
        broken = len(site.reads(BROKEN, counted, SECONDS))
        other = len(site.reads(12, counted, SECONDS))
        messages = site.daemon.messages()
        longest = max(max(gaps[job], default=float("inf")) for job in healthy)
        print(f"{site.name:22} broken {broken:3} other {other:3}, longest distance {longest:5.2f} s, "
              f"ends after {latencies[0]:4.2f} s and {latencies[1]:4.2f} s, {len(messages)} messages", flush=True)

        text = site.daemon.text()
        for job in healthy:
            self.assertLess(statistics.median(gaps[job]), 1.1 * SLOW, f"job {job}")
            self.assertLess(max(gaps[job]), 2 * SLOW, f"job {job}: {gaps[job]}")
        self.assertLess(max(latencies), 2 * SLOW, text)
        self.assertLessEqual(broken, other / 4, site.reads(BROKEN))
        self.assertGreaterEqual(broken, 2, "it is polled all the same")
        self.assertLessEqual(len(messages), MESSAGES_MAX, text)
        self.assertEqual(sum(f"Job {BROKEN}: cannot be polled" in line for line in messages), 1, text)
        self.assertFalse([line for line in messages if OUTAGE.search(line)], text)
        self.assertEqual({job for job, kind, _ in site.daemon.events() if kind == "succeeded"}, {EARLY, LATE}, text)

    def run_all(self, sites):
        wait(SECONDS, sites)
        for site in sites:
            with self.subTest(site.name):
                self.judge(site)

    def test_one_of_five(self):
        sites = []
        for fault in FAULTS:
            for reads in ("off", "single", "any"):
                if (fault, reads) != ("wrong-id", "any"):  # that would be wrong records of the others
                    sites.append(self.start(fault, reads))
        self.run_all(sites)


class SignedIn(IntegrationTest):
    """One job is always refused, whatever the token: a new one is not tried each time."""

    def test_refused_job(self):
        password = self.secret("password", "s3cret")
        sites = []
        for status in (401, 403):
            for batch in ("off", "auto"):
                scenario = f"[jobs {JOBS[0]}-{JOBS[-1]}]\nstep = 0s Running\n[fault broken]\njobs = {BROKEN}\nstatus = {status}\n"
                site = Site(self, f"{status}-{batch}", JOBS, scenario, "username = me@example.com\npassword = s3cret",
                            api={"auth": "password", "username": "me@example.com", "password_file": password,
                                 "token_file": None},
                            poll={"interval": "1s", "max_interval": "1s", "batch": batch})
                sites.append(site)
        wait(SECONDS, sites)
        for site in sites:
            with self.subTest(site.name):
                sign_ins = [request for request in site.fake.requests() if request["path"] == "/api/token"]
                site.finish()
                reads = site.reads(12, 5, SECONDS)
                print(f"{site.name}: {len(sign_ins)} sign-ins, broken {len(site.reads(BROKEN))}, other {len(reads)}, "
                      f"{len(site.daemon.messages())} messages", flush=True)
                self.assertLessEqual(len(sign_ins), 3, site.daemon.text())
                self.assertLess(max(b - a for a, b in zip(reads, reads[1:])), 2 * SLOW)
                self.assertLessEqual(len(site.reads(BROKEN, 5)), len(reads) / 4)
                self.assertEqual(len(site.daemon.messages()), 1, site.daemon.text())
                self.assertRegex(site.daemon.messages()[0], f"Job {BROKEN}: cannot be polled: HTTP {site.name[:3]}")


class Thousand(IntegrationTest):
    """One per cent of many jobs is broken and spoils its batches."""
    JOBS = range(1001, 2001)
    INTERVAL = 1
    # Until all are found: a batch that hangs is split seven times. Throttled batches are not split: each costs a pause,
    # and then its jobs are read individually for a while; on a busy machine the last of these pauses comes later.
    SETTLED = 15
    PAUSE = 2  # as the throttled responses ask for

    def start(self, fault):
        chosen = random.Random(fault)
        broken = set(chosen.sample(self.JOBS, 10))
        ending = chosen.choice([job for job in self.JOBS if job not in broken])
        scenario = (f"[jobs {self.JOBS[0]}-{self.JOBS[-1]}]\nstep = 0s Running\n"
                    f"[job {ending}]\nstep = 0s Running\nstep = {SECONDS - 12}s Completed\n"
                    f"[fault broken]\njobs = {', '.join(map(str, broken))}\n{FAULTS[fault]}\n")
        site = Site(self, f"{fault}-1000", self.JOBS, scenario, api={"timeout": "1s", "max_response": "256K"},
                    poll={"interval": f"{self.INTERVAL}s", "max_interval": f"{self.INTERVAL}s", "batch": "auto",
                          "feed": "off"})  # with it a job that does not change is read by sweeps alone
        site.broken, site.ending, site.throttled = broken, ending, fault in THROTTLED
        return site

    def judge(self, site):
        site.finish()
        first = {}
        for t, _, ids in site.requests:
            for id in ids:
                first.setdefault(id, t)
        counts, last, longest = collections.Counter(), {}, 0
        for t, _, ids in site.requests:
            for id in ids:
                if id not in site.broken and id in last and last[id] > self.SETTLED:
                    longest = max(longest, t - last[id])
                last[id] = t
                if t > self.SETTLED:
                    counts[id] += 1
        healthy = [counts[job] for job in self.JOBS if job not in site.broken and job != site.ending]
        broken = max(counts[job] for job in site.broken)
        latency = (site.noticed(site.ending) or float("inf")) - (SECONDS - 12)
        messages = site.daemon.messages()
        singles = sum(1 for _, _, ids in site.requests if len(ids) == 1)
        late = sum(1 for t, _, ids in site.requests if len(ids) == 1 and t > SECONDS - 15)
        print(f"{site.name:22} {len(site.requests)} requests, {singles} of them single, {late} of these in the last 15 s; broken at "
              f"most {broken}, other {min(healthy)} to {max(healthy)}, longest distance {longest:5.2f} s, end after {latency:.2f} s, "
              f"{len(messages)} messages", flush=True)
        self.assertEqual(len(first), len(self.JOBS), "every job was asked for")
        self.assertLess(longest, (2 * self.INTERVAL + (self.PAUSE if site.throttled else 0)) * SLOW)
        self.assertGreaterEqual(min(healthy), 0.9 * (SECONDS - self.SETTLED) / self.INTERVAL / SLOW)
        self.assertLessEqual(broken, min(healthy) / 4)
        # Each first observation without a ResultData is confirmed once.
        if not site.throttled:
            self.assertLess(singles, 1.3 * len(self.JOBS), "batches are still used")
        self.assertLess(late, 0.1 * len(self.JOBS), "batches are still used")
        # A batch of 100 is halved at most three times because of ten jobs that are too large.
        self.assertLess(len(site.requests), 7 * len(self.JOBS), "batches remain large")
        self.assertLess(latency, (2 * self.INTERVAL + (self.PAUSE if site.throttled else 0)) * SLOW)
        self.assertLessEqual(len(messages), MESSAGES_MAX, site.daemon.text())
        self.assertFalse([line for line in messages if OUTAGE.search(line)], messages)
        seen = {job for job, kind, _ in site.daemon.events() if kind == "seen"}
        self.assertEqual(seen, set(self.JOBS) - site.broken)

    def test_one_per_cent(self):
        sites = [self.start(fault) for fault in FAULTS if fault not in ("429", "wrong-id")]
        wait(SECONDS, sites)
        for site in sites:
            with self.subTest(site.name):
                self.judge(site)


class Recovery(IntegrationTest):
    """One line when a job begins to fail, one when it can be polled again."""

    def test_begin_and_end(self):
        sites = []
        for fault in ("500", "403", "reset-body", "html", "oversize"):
            for mode in ("off", "auto"):
                scenario = (f"[jobs {JOBS[0]}-{JOBS[-1]}]\nstep = 0s Running\n"
                            f"[fault broken]\njobs = {BROKEN}\n{FAULTS[fault]}\n")
                site = Site(self, f"{fault}-{mode}", JOBS, scenario, api={"max_response": "128K"},
                            poll={"interval": "200ms", "max_interval": "200ms", "batch": mode})
                sites.append(site)
        for site in sites:
            with self.subTest(site.name):
                site.daemon.wait_for(f"warning +Job {BROKEN}: cannot be polled: ")
                site.fake.mend()
                site.fake.job(BROKEN, status="Completed")
        for site in sites:
            with self.subTest(site.name):
                site.daemon.wait_for(rf"Job {BROKEN}: .* \[succeeded", patience=60 * SLOW)
                site.daemon.wait_for(f"notice +Job {BROKEN}: can be polled again", patience=90 * SLOW)
                self.assertEqual(len(site.daemon.messages()), 2, site.daemon.text())


if __name__ == "__main__":
    unittest.main()
