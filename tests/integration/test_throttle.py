#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Throttling: no requests until the time set by the API, and no more than the limits allow."""

import email.utils
import time
import unittest

from harness import EX_OK, SLOW, IntegrationTest

RUNNING = "[job 11]\nstep = 0s Running\n"


class Throttle(IntegrationTest):
    runs = 0

    def pauses(self, status, seconds, header, jobs=(11,), most=None):
        """After Retry-After no request is sent for that time; then polling continues as before."""
        # A log of requests and a state of its own for each: both are added to.
        self.runs += 1
        fake = self.start_fake(f"[jobs {jobs[0]}-{jobs[-1]}]\nstep = 0s Running\n", name=f"fake{self.runs}")
        self.write_config(fake, jobs, state={"directory": self.directory / f"state{self.runs}"})
        daemon = self.start_daemon()
        daemon.wait_for("first seen as", count=len(jobs))
        lines = {"header": header} if header else {}
        fake.fault("throttle", status=status, times=1, **lines)
        daemon.wait_for(rf"warning Rate limited by the API: HTTP {status}.*\. Pausing for \d+s\.")
        for job in jobs:
            fake.job(job, status="Completed")
        daemon.wait_for(r"Running → Completed(: .*)? \[succeeded", count=len(jobs))
        self.assertEqual(daemon.stop(), EX_OK)
        self.assertEqual(daemon.count(" (warning|error) "), 1, daemon.text())

        requests = fake.requests()
        refused = next(request for request in requests if request["fault"])
        # Requests in flight may still arrive, but none that was started after the response.
        grace = 0.02 if len(jobs) == 1 else 0.2 * SLOW
        later = [request["t"] - refused["t"] for request in requests if request["t"] > refused["t"] + grace]
        self.assertGreaterEqual(min(later), seconds - 0.05, f"{status}: {later[:3]}")
        self.assertLess(min(later), most or seconds + 2 * SLOW, f"{status}: {later[:3]}")

    def test_409(self):
        self.pauses(409, 2, '"Retry-After: 2"')

    def test_409_with_many_jobs(self):
        self.pauses(409, 2, '"Retry-After: 2"', jobs=range(11, 31))

    def test_429_and_503(self):
        self.pauses(429, 1, '"Retry-After: 1"')
        self.pauses(503, 1, '"Retry-After: 1"')

    def test_without_retry_after(self):
        self.pauses(409, 2, None)

    def test_date(self):
        until = time.time() + 2 + 2 * SLOW
        self.pauses(429, 0.9, f'"Retry-After: {email.utils.formatdate(until, usegmt=True)}"', most=2 + 5 * SLOW)

    def test_absurd_values(self):
        """An invalid Retry-After counts as none: a pause of 2 s."""
        for number, value in enumerate(("-5", "x", "0", "Thu, 01 Jan 1970 00:00:00 GMT")):
            with self.subTest(value):
                self.pauses(409 if number % 2 else 429, 2, f'"Retry-After: {value}"')

    def test_far_future_is_capped(self):
        fake = self.start_fake(RUNNING)
        fake.fault("throttle", status=503, header='"Retry-After: 999999999999"')
        self.write_config(fake, (11,))
        daemon = self.start_daemon()
        self.assertRegex(daemon.wait_for("Rate limited by the API"), r"Pausing for (1 ?h|59 ?min|60 ?min)")
        self.assertEqual(daemon.stop(), EX_OK)

    def test_real_limits(self):
        """A server with limits: rejections are logged, and all changes are still reported."""
        fake = self.start_fake("[jobs 11-16]\nstep = 0s Running\nstep = poll 3 Completed\n",
                               "throttle = yes\nmin_spacing = 0s\nper_minute = 10\ntime_scale = 60")
        self.write_config(fake, range(11, 17))
        daemon = self.start_daemon("--exit-when-done")
        self.assertEqual(daemon.wait_exit(), EX_OK)
        self.assertEqual(len(daemon.events()), 12)


class Flood(IntegrationTest):
    def pace(self, jobs, count, fault=None):
        """The duration of so many requests."""
        fake = self.start_fake(f"[jobs 11-{10 + jobs}]\nstep = 0s Running\n")
        if fault:
            fake.fault("fault", **fault)
        self.write_config(fake, range(11, 11 + jobs))
        daemon = self.start_daemon()
        fake.wait(count)
        self.assertEqual(daemon.stop(), EX_OK)
        times = [request["t"] for request in fake.requests()][:count]
        return max(times) - min(times)

    def test_one_job(self):
        took = self.pace(1, 31)
        self.assertGreater(took, 30 * 0.085)
        self.assertLess(took, 30 * 0.200 * SLOW + 1)

    def test_many_jobs(self):
        took = self.pace(10, 310)
        self.assertGreater(took, 30 * 0.05, "what is due together is asked together, but not twice as often")
        self.assertLess(took, 30 * 0.300 * SLOW + 1)

    def test_invalid_retry_after(self):
        self.assertGreater(self.pace(1, 16, {"html": "yes"}), 15 * 0.07)

    def test_server_errors(self):
        self.assertGreater(self.pace(10, 16, {"status": 500}), 6 * 0.08)

    def test_refused_credentials(self):
        """An invalid token is not retried a hundred times: that can lock the account."""
        fake = self.start_fake("[jobs 11-30]\nstep = 0s Running\n")
        self.write_config(fake, range(11, 31), api={"token_file": self.secret("wrong", "wr0ng")})
        daemon = self.start_daemon("--timeout", "12s")
        daemon.wait_for("error .*rejected the credentials")
        self.assertEqual(daemon.wait_exit(), 124)
        # Eight in flight, one more after the first failure, which may be that job's alone, and one probe after 10 s.
        self.assertLessEqual(fake.stats()["requests"], 10)
        self.assertEqual(daemon.count("rejected the credentials"), 1, daemon.text())


if __name__ == "__main__":
    unittest.main()
