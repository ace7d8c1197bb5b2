#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The change feed: what it shows, what follows when it cannot be used, and how it goes on after a restart."""

import json
import signal
import time
import unittest

from harness import EX_OK, JOBS, SLOW, IntegrationTest

IDS = range(1000, 1150)
UNSORTED = [{"Id": 1000 + i, "Status": "Running", "UpdatedOn": f"2026-01-{day:02}T00:00:00Z"}
            for i, day in enumerate((3, 9, 5))]


def is_search(request):
    return request["path"] == JOBS


class Feed(IntegrationTest):
    def start(self, interval="300ms", sweep="1d", server="", size=100, **more):
        self.fake = self.start_fake(f"[jobs {IDS[0]}-{IDS[-1]}]\nstep = 0s Running | half\n", server)
        self.write_config(self.fake, IDS, poll={
            "interval": interval, "max_interval": "1h", "batch": "auto", "batch_size": size,
            "sweep_interval": sweep}, **more)
        return self.start_daemon("--log-level=debug")

    def rounds(self, count):
        """Waits until so many more pages have been answered and taken."""
        self.fake.wait(count + 2, self.fake.stats()["last_seq"], path=f"*{JOBS}?page=*")

    def since(self, seq):
        return [request for request in self.fake.requests() if request["seq"] > seq]

    def change(self, daemon, job, status, result=None):
        """Returns how long it took until the change was logged."""
        mark, began = daemon.mark(), time.monotonic()
        self.fake.job(job, status=status, result=result)
        daemon.wait_for(rf"Job {job}: .*{status}", mark)
        return time.monotonic() - began

    def test_a_change_is_seen_at_once_while_polls_are_slow(self):
        daemon = self.start()
        daemon.wait_for("first seen as", count=len(IDS))
        self.rounds(3)
        seq = self.fake.stats()["last_seq"]
        for job in (1003, 1077, 1149):
            self.assertLess(self.change(daemon, job, "Processing"), 2 * SLOW)
        self.assertLess(self.change(daemon, 1003, "Completed", "all done"), 2 * SLOW)
        self.rounds(1)
        others = [request for request in self.since(seq) if not is_search(request)]
        self.assertEqual(len(others), 4, "each change is confirmed, and nothing else is polled")
        self.assertEqual(daemon.stop(), EX_OK)
        self.assertEqual(daemon.messages("error|warning"), [])

    def assertPolled(self, daemon):
        """Every job is polled by its own interval."""
        for job in (1003, 1149):
            self.change(daemon, job, "Processing")

    def test_rows_that_are_not_sorted_turn_it_off(self):
        daemon = self.start()
        daemon.wait_for("first seen as", count=len(IDS))
        self.rounds(3)
        body = json.dumps({"Records": UNSORTED, "CurrentPage": 1, "TotalItems": 3, "HasNextPage": False})
        self.fake.fault("unsorted", path=f"*{JOBS}?page=1&*", body=body)
        daemon.wait_for("The change feed is off: rows are not sorted")
        seq = self.fake.stats()["last_seq"]
        self.assertPolled(daemon)
        self.assertFalse([request for request in self.since(seq) if is_search(request)])
        self.assertEqual(daemon.stop(), EX_OK)
        self.assertEqual(daemon.count("The change feed is off"), 1, daemon.text())

    def test_the_role_for_the_search_is_missing(self):
        daemon = self.start(server="roles = read")
        daemon.wait_for("first seen as", count=len(IDS))
        daemon.wait_for("The change feed is off: the user lacks the role BusinessBackgroundJob-List")
        seq = self.fake.stats()["last_seq"]
        self.assertPolled(daemon)
        self.assertFalse([request for request in self.since(seq) if is_search(request)])
        self.assertEqual(daemon.stop(), EX_OK)
        self.assertEqual(len(daemon.messages("error|warning")), 1, daemon.text())

    def test_broken_jobs_beside_it_delay_no_change(self):
        daemon = self.start(sweep="2s")
        daemon.wait_for("first seen as", count=len(IDS))
        self.fake.fault("errors", jobs="1000-1019", status=500)
        self.fake.fault("missing", jobs="1020-1039", status=404)
        seq = self.fake.stats()["last_seq"]
        for job in range(1000, 1040):
            self.fake.job(job, status="Processing")  # so that each is read by itself
        self.fake.wait(40, seq, path=f"*{JOBS}/10*")
        for job in (1077, 1149, 1100, 1050):
            self.assertLess(self.change(daemon, job, "Processing"), 2 * SLOW)
        self.rounds(1)
        self.assertEqual(daemon.count("The change feed is off"), 0, daemon.text())
        self.assertEqual({job for job, kind, _ in daemon.events() if kind == "changed"}, {1077, 1149, 1100, 1050})
        self.fake.mend()
        self.assertEqual(daemon.stop(), EX_OK)

    def test_it_goes_on_where_it_was_killed(self):
        daemon = self.start()
        daemon.wait_for("first seen as", count=len(IDS))
        self.rounds(3)
        daemon.process.send_signal(signal.SIGKILL)
        daemon.wait_exit()
        self.fake.job(1100, status="Processing")
        seq = self.fake.stats()["last_seq"]
        daemon = self.start_daemon()
        daemon.wait_for("Job 1100: Running → Processing")
        self.rounds(2)
        others = [request for request in self.since(seq) if not is_search(request)]
        self.assertEqual([request["path"] for request in others], [f"{JOBS}/1100"])
        self.assertEqual(daemon.stop(), EX_OK)


if __name__ == "__main__":
    unittest.main()
