#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""--once judges each job by itself; and its report arrives or is an error."""

import os
import subprocess
import unittest

from harness import (EX_IOERR, EX_JOB_FAILED, EX_NOPERM, EX_OK, EX_UNAVAILABLE, JOBWATCHD, PATIENCE, IntegrationTest,
                     clean_environment)

JOBS = range(11, 16)
RUNNING = f"[jobs {JOBS[0]}-{JOBS[-1]}]\nstep = 0s Running\n"
BROKEN = 13


class EachJob(IntegrationTest):
    def once(self, name, fault, batch, status):
        """One broken job; the others are polled and reported."""
        name = f"{name}-{batch}"
        fake = self.start_fake(RUNNING + f"[fault f]\njobs = {BROKEN}\n{fault}\n", name=name)
        self.write_config(fake, JOBS, api={"timeout": "1s", "max_response": "128K"}, poll={"batch": batch},
                          state={"directory": self.directory / f"state-{name}"})
        daemon = self.assertEnds(status, "--once")
        lines = daemon.output.splitlines()
        for job in JOBS:
            if job != BROKEN:
                self.assertIn(f"Job {job}: Running (open)", lines, daemon.text())
        self.assertEqual(len(lines), len(JOBS), daemon.output)
        self.assertEqual({job for job, _, _ in daemon.events()}, set(JOBS) - {BROKEN}, daemon.text())
        return next(line for line in lines if line.startswith(f"Job {BROKEN}: "))

    def test_one_broken_job(self):
        for name, fault, says in (("500", "status = 500", "request failed: HTTP 500"), ("403", "status = 403", "request failed: HTTP 403"),
                                  ("401", "status = 401", "request failed: HTTP 401"), ("reset", "reset = body", "request failed: "),
                                  ("hang", "hang = yes", "request failed: timed out"), ("html", "html = yes", "request failed: "),
                                  ("oversize", "oversize = 400K", "request failed: .*max_response")):
            for batch in ("off", "auto"):
                with self.subTest(name, batch=batch):
                    self.assertRegex(self.once(name, fault, batch, EX_UNAVAILABLE), says)

    def test_not_found(self):
        for batch in ("off", "auto"):
            fake = self.start_fake(RUNNING, name=f"fake-{batch}")
            self.write_config(fake, [*JOBS, 99], poll={"batch": batch}, state={"directory": self.directory / f"state-{batch}"})
            daemon = self.assertEnds(EX_JOB_FAILED, "--once")
            self.assertRegex(daemon.output, r"(?m)^Job 99: not found \(HTTP 404")
            self.assertEqual(len(daemon.events()), len(JOBS), "nothing is gone after one poll")

    def test_all_alike(self):
        """The API as a whole: each job is reported, none as found."""
        for name, fault, status, says in (("500", "status = 500", EX_UNAVAILABLE, "Server error of the API"),
                                          ("401", "status = 401", EX_NOPERM, "rejected the credentials"),
                                          ("blocked", "status = 403\nhtml = yes", EX_NOPERM, "are blocked"),
                                          ("404", "status = 404\nhtml = yes", EX_UNAVAILABLE, "404 to everything; check base_url"),
                                          ("reset", "reset = headers", EX_UNAVAILABLE, "No response from the API")):
            for batch in ("off", "auto"):
                with self.subTest(name, batch=batch):
                    fake = self.start_fake(RUNNING + f"[fault f]\n{fault}\n", name=f"{name}-{batch}")
                    self.write_config(fake, JOBS, poll={"batch": batch},
                                      state={"directory": self.directory / f"state-{name}-{batch}"})
                    daemon = self.assertEnds(status, "--once", says=says)
                    self.assertEqual(len(daemon.output.splitlines()), len(JOBS), daemon.output)
                    self.assertEqual(daemon.events(), [])


class Report(IntegrationTest):
    def run_into(self, path, *options):
        with open(path, "w", encoding="ascii") as output:
            return subprocess.run([JOBWATCHD, "-c", self.config, *options], stdin=subprocess.DEVNULL, stdout=output,
                                  stderr=subprocess.PIPE, text=True, env=clean_environment(), timeout=PATIENCE, check=False)

    def test_standard_output_is_full(self):
        fake = self.start_fake("[jobs 1-400]\nstep = 0s Running\n")
        for jobs in (range(1, 3), range(1, 401)):  # less and more than a buffer
            self.write_config(fake, jobs, state={"directory": self.directory / f"state-{len(jobs)}"})
            done = self.run_into("/dev/full", "--once")
            self.assertEqual(done.returncode, EX_IOERR, done.stderr)
            self.assertRegex(done.stderr, r"error +Cannot write the report to standard output: No space left on device")
            self.assertEqual(done.stderr.count("standard output"), 1)
            self.assertEqual(done.stderr.count("first seen as"), len(jobs), "all the same, all is recorded")

    def test_other_output(self):
        self.write_config("http://127.0.0.1:1", [1])
        for option in ("--print-config", "--check", "--version", "--help"):
            done = self.run_into("/dev/full", option)
            self.assertEqual(done.returncode, EX_IOERR, (option, done.stderr))
            self.assertRegex(done.stderr, "jobwatchd: cannot write to standard output: No space left on device")
            self.assertEqual(self.run_into(os.devnull, option).returncode, EX_OK, option)


if __name__ == "__main__":
    unittest.main()
