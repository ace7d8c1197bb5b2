#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Each failure is reported as what it is: of one job, of the address, of the credentials, of the API or of a proxy.

All daemons of a test run at the same time, most of them with the default intervals.
"""

import os
import time
import unittest

from harness import EX_OK, PATIENCE, SLOW, Closed, IntegrationTest
from site_rig import Site, wait

POLL = {"interval": "15s", "max_interval": "2min"}  # as by default
PROMPT = 60  # seconds until a failure is reported
GONE = r"\[gone"


def running(first, last=None):
    return f"[jobs {first}-{last or first}]\nstep = 0s Running\n"


class Alone(IntegrationTest):
    """One job, so that only a check can tell its failure from one of the API."""

    def test_reported_as_what_it_is(self):
        closed = Closed()
        self.addCleanup(closed.release)
        wrong = self.secret("wrong", "wr0ng")
        sites = {}
        for batch in ("auto", "off"):
            poll = {**POLL, "batch": batch}
            sites[f"token-{batch}"] = Site(self, f"token-{batch}", [11], running(11), api={"token_file": wrong}, poll=poll)
            sites[f"number-{batch}"] = Site(self, f"number-{batch}", [99], running(11), poll=poll)
            sites[f"address-{batch}"] = Site(self, f"address-{batch}", [11], running(11), base="/v1", poll=poll)
            sites[f"down-{batch}"] = Site(self, f"down-{batch}", [11], running(11), poll=poll, api={"base_url": closed.url})
        says = {"token": r"error +API at \S+ rejected the credentials: HTTP 401",
                "number": r"warning +Job 99: not found \(HTTP 404.*check the ID",
                "address": r"warning +The API at \S+/v1 answers 404 to everything; check base_url\.",
                "down": r"warning +Cannot reach the API at \S+: .*refused"}
        wait(PROMPT, sites.values())
        for name, site in sites.items():
            with self.subTest(name):
                at = site.daemon.time_of(says[name.split("-")[0]])
                self.assertIsNotNone(at, site.daemon.text())
                print(f"{name}: after {at - site.began:.1f} s", flush=True)
                self.assertEqual(len(site.daemon.messages()), 1, site.daemon.text())
        for batch in ("auto", "off"):
            with self.subTest(f"gone-{batch}"):
                daemon = sites[f"number-{batch}"].daemon
                if batch == "auto":
                    daemon.wait_for(r"Job 99: gone \(no such job in Nexudus\) \[gone", patience=120 * SLOW)
        for name, site in sites.items():
            if not name.startswith("number"):
                self.assertEqual(site.daemon.count(GONE), 0, site.daemon.text())


class Everything404(IntegrationTest):
    def test_during_a_deployment(self):
        """Every URL answers 404 with an HTML page for 80 s; then a job has ended, and is reported."""
        sites = []
        for batch in ("auto", "off"):
            for count in (1, 5):
                for interval in ("1s", "15s"):
                    site = Site(self, f"{batch}-{count}-{interval}", range(11, 11 + count), running(11, 10 + count),
                                poll={"interval": interval, "max_interval": interval, "batch": batch})
                    site.count, site.interval = count, int(interval[:-1])
                    sites.append(site)
        for site in sites:
            site.daemon.wait_for("first seen as", count=site.count)
            site.fake.fault("deployment", path="/api/*", status=404, html="yes")
        time.sleep(80)
        for site in sites:
            site.fake.job(11, status="Completed")
            site.fake.mend()
        for site in sites:
            with self.subTest(site.name):
                site.daemon.wait_for(r"Job 11: Running → Completed(: .*)? \[succeeded", patience=site.interval + PATIENCE)
                site.daemon.wait_for("API is reachable again after 1min", patience=10 + PATIENCE)
                self.assertEqual(site.daemon.count(GONE), 0)
                self.assertRegex(site.daemon.text(), "warning +The API at .* answers 404 to everything; check base_url")
                self.assertEqual(len(site.daemon.messages()), 2, site.daemon.text())

    def test_a_wrong_base_url(self):
        sites = [Site(self, batch, range(11, 16), running(11, 15), base="/api", poll={**POLL, "interval": "1s", "batch": batch})
                 for batch in ("auto", "off")]
        wait(80, sites)
        for site in sites:
            with self.subTest(site.name):
                self.assertRegex(site.daemon.text(), "warning +The API at .* answers 404 to everything; check base_url")
                self.assertEqual(site.daemon.events(), [])
                self.assertEqual(len(site.daemon.messages()), 1, site.daemon.text())


class Proxy(IntegrationTest):
    def test_blocked_by_a_firewall(self):
        for jobs in ([11], range(11, 16)):
            site = Site(self, f"blocked-{len(jobs)}", jobs, running(11, 15) + "[fault f]\nstatus = 403\nhtml = yes\n", poll=POLL)
            site.daemon.wait_for(r"error +Requests to the API at \S+ are blocked.*: HTTP 403 with an HTML page",
                                 patience=PROMPT * SLOW)
            self.assertNotRegex(site.daemon.text(), "role|credentials")
            self.assertEqual(len(site.daemon.messages()), 1)

    def test_invalid_and_long_retry_after(self):
        for value, low, high, says in (("2027-01-01T00:00:00Z", 1.9, 8, "Pausing for [23]s"),
                                       ("2027", None, None, "Pausing for 3[34]min"),
                                       ("99999", None, None, "Pausing for (1h|60min)")):
            with self.subTest(value):
                site = Site(self, f"retry-{value[:5]}", [11], running(11) +
                            f"[fault f]\nafter = 1\ntimes = 1\nstatus = 429\nheader = \"Retry-After: {value}\"\n")
                site.daemon.wait_for(f"warning +Rate limited by the API.* {says}")
                if low is None:
                    continue
                site.fake.wait(3)
                site.finish()
                reads = site.reads(11)
                self.assertGreater(reads[2] - reads[1], low)
                self.assertLess(reads[2] - reads[1], high * SLOW)

    def test_a_proxy_that_limits_the_rate(self):
        """Polls every 500 ms through a proxy that lets one request pass every 700 ms, without Retry-After."""
        sites = []
        for status in (429, 503):
            for jobs in ([11], range(11, 14)):
                for fault in ("min_spacing = 700ms", "chance = 20"):
                    site = Site(self, f"{status}-{len(jobs)}-{fault.split()[0]}", jobs,
                                running(11, 13) + f"[fault limit]\n{fault}\nstatus = {status}\nhtml = yes\n",
                                poll={"interval": "500ms", "max_interval": "500ms"}, limits={"per_minute": "1200"})
                    sites.append(site)
        wait(60, sites)
        for site in sites:
            with self.subTest(site.name):
                site.finish()
                refused = [t for t, what, _ in site.requests if what == "limit"]
                early, late = ([t for t in refused if begin <= t < begin + 20] for begin in (0, 40))
                total = len([t for t, _, _ in site.requests if t >= 40])
                messages = site.daemon.messages()
                print(f"{site.name:20} {len(site.requests)} requests, refused in the first 20 s {len(early)}, in the last "
                      f"{len(late)} of {total}, {len(messages)} messages", flush=True)
                self.assertGreaterEqual(total, 8, "it goes on")
                # A 503 without Retry-After is a server error: its jobs are polled less often, and the pace stays.
                self.assertLessEqual(len(messages), 1 if site.name.startswith("429") else 4, site.daemon.text())
                if site.name.startswith("429"):
                    self.assertLess(len(late), 0.25 * total, "the pace adapts")


class Connections(IntegrationTest):
    def test_all_kept_connections_are_dead(self):
        """As after a NAT forgot them: requests on them are not answered, those on new ones are."""
        jobs = range(11, 41)
        sites = [Site(self, f"dead-{batch}", jobs, running(11, 40), api={"timeout": "2s"},
                      poll={"interval": "1s", "max_interval": "1s", "batch": batch}) for batch in ("off", "auto")]
        for site in sites:
            site.daemon.wait_for("first seen as", count=len(jobs))
            site.fake.fault("dead", path="/api/*", old_connections="yes", hang="yes")
            site.dead = time.monotonic() - site.began
        time.sleep(20)
        for site in sites:
            with self.subTest(site.name):
                site.finish()
                hung = [t - site.dead for t, what, _ in site.requests if what == "dead"]
                print(f"{site.name}: {len(hung)} requests on dead connections, the last after {max(hung):.1f} s, "
                      f"{len(site.daemon.messages())} messages", flush=True)
                self.assertLessEqual(len(site.daemon.messages()), 1, site.daemon.text())
                self.assertLess(max(hung), 3 * SLOW, "one time-out makes all kept connections suspect")
                for job in jobs:
                    reads = site.reads(job, site.dead + 6)
                    self.assertLess(max(b - a for a, b in zip(reads, reads[1:])), 2 * SLOW)


    def test_idle_ones_are_not_tried_one_by_one(self):
        """Two of thirty jobs are left, so most of the kept connections are idle."""
        ended = "[jobs 13-40]\nstep = 0s Running\nstep = 2s Completed\n"
        site = Site(self, "idle", range(11, 41), running(11, 12) + ended, api={"timeout": "2s"},
                    poll={"interval": "1s", "max_interval": "1s", "batch": "off"})
        site.daemon.wait_for(r"\[succeeded", count=28)
        site.fake.fault("dead", path="/api/*", old_connections="yes", hang="yes")
        dead = time.monotonic() - site.began
        time.sleep(20)
        site.finish()
        hung = [t - dead for t, what, _ in site.requests if what == "dead"]
        print(f"idle: {len(hung)} requests on dead connections, the last after {max(hung):.1f} s, "
              f"{len(site.daemon.messages())} messages", flush=True)
        self.assertLessEqual(len(site.daemon.messages()), 1, site.daemon.text())
        self.assertLess(max(hung), 4 * SLOW, "one time-out makes all kept connections suspect")


class Stopping(IntegrationTest):
    def test_the_timeout_expires_while_a_hook_ends(self):
        fake = self.start_fake("[job 11]\nstep = 0s Running\n")
        hook = self.directory / "hook"
        hook.write_text("#!/bin/sh\ntrap '' TERM\ntouch \"$0.began\"\nwhile :; do sleep 0.1; done\n")
        hook.chmod(0o755)
        self.write_config(fake, [11], more=f"[hook stubborn]\non = seen\nexec = {hook}\n")
        daemon = self.start_daemon("--timeout", "3s")
        began = time.monotonic()
        while not os.path.exists(f"{hook}.began") and time.monotonic() < began + PATIENCE:
            time.sleep(0.01)
        time.sleep(max(0, began + 2 - time.monotonic()))
        self.assertEqual(daemon.stop(), EX_OK, daemon.text())
        self.assertGreater(time.monotonic() - began, 3, "the hook outlived --timeout")


if __name__ == "__main__":
    unittest.main()
