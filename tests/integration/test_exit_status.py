#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Exit statuses, and stopping on request."""

import os
import signal
import time
import unittest

from harness import (EX_CONFIG, EX_IOERR, EX_JOB_FAILED, EX_NOPERM, EX_OK, EX_TIMEOUT, EX_UNAVAILABLE, EX_USAGE,
                     SLOW, IntegrationTest)

RUNNING = "[job 11]\nstep = 0s Running\n"


class ExitStatus(IntegrationTest):
    def watch(self, scenario=RUNNING, server="", jobs=(11,), **config):
        self.fake = self.start_fake(scenario, server)
        self.write_config(self.fake, jobs, **config)

    def test_exit_when_done(self):
        self.watch("[jobs 11-13]\nstep = 0s Running\nstep = poll 3 Completed\n", jobs=(11, 12, 13))
        daemon = self.assertEnds(EX_OK, "--exit-when-done", says="All jobs finished: 3 succeeded, 0 failed or gone. Exiting")
        self.assertEqual(len(daemon.events()), 6)

    def test_exit_when_done_by_configuration(self):
        self.watch("[job 11]\nstep = 0s Completed\n", exit={"when": "done"})
        self.assertEnds(EX_OK)

    def test_exit_when_done_with_a_failure(self):
        self.watch("[job 11]\nstep = 0s Completed\n[job 12]\nstep = 0s Aborted\n", jobs=(11, 12))
        self.assertEnds(EX_JOB_FAILED, "--exit-when-done", says="1 succeeded, 1 failed or gone")

    def test_exit_when_done_with_an_abandoned_delivery(self):
        self.watch("[job 11]\nstep = 0s Completed\n", more="[hook h]\nexec = /bin/false\nretries = 0\n")
        daemon = self.assertEnds(EX_JOB_FAILED, "--exit-when-done", says="1 delivery was abandoned. Exiting with status 1")
        self.assertEqual(daemon.count("All jobs finished: 1 succeeded, 0 failed or gone"), 1)
        self.assertEnds(EX_JOB_FAILED, "--exit-when-done", says="1 delivery was abandoned. Exiting with status 1")

        self.watch("[job 12]\nstep = 0s Completed\n[job 13]\nstep = 0s Completed\n", jobs=(12, 13),
                   more="[hook h]\nexec = /bin/false\nretries = 0\n", exit={"when": "done"})
        self.assertEnds(EX_JOB_FAILED, says="2 deliveries were abandoned. Exiting with status 1")

        self.watch("[job 14]\nstep = 0s Completed\n", jobs=(14,), more="[hook h]\nexec = /bin/true\n")
        daemon = self.assertEnds(EX_OK, "--exit-when-done")
        self.assertEqual(daemon.count("abandoned"), 0, "those of other jobs do not count")

    def test_all_ended_and_it_stays(self):
        self.watch("[job 11]\nstep = 0s Completed\n")
        daemon = self.start_daemon()
        daemon.wait_for("All jobs finished: .* Nothing left to poll")
        self.assertIsNone(daemon.process.poll())
        self.assertEqual(daemon.stop(), EX_OK)

    def test_wrong_command_lines(self):
        self.watch()
        for options, says in ((["--nonsense"], "nonsense"), (["--job", "0"], "--job 0"), (["--job", "x1"], "x1"),
                              (["--job"], "argument"), (["--timeout", "soon"], "soon"), (["--timeout", "0"], "0"),
                              (["--log-level", "loud"], "loud"), (["--log-target", "moon"], "moon"),
                              (["--state-dir", "here"], "here"), (["11"], r"\b11\b")):
            with self.subTest(options):
                daemon = self.assertEnds(EX_USAGE, *options, says=says)
                self.assertNotIn("%", daemon.text())
        self.assertEqual(self.fake.stats()["requests"], 0)

    def test_version_and_help(self):
        """Both are printed to standard output, whatever else is on the command line."""
        for option, expected in (("-V", r"jobwatchd \d+\.\d+\.\d+\nlibcurl/.*\nLicense: MIT <https://.*>\n$"), ("--version", r"jobwatchd \d+\."),
                                 ("-h", r"Usage: jobwatchd .*\n"), ("--help", r"Usage: jobwatchd .*\n")):
            with self.subTest(option):
                daemon = self.assertEnds(EX_OK, "-c", "/missing.ini", "--once", option)
                self.assertRegex(daemon.output, "^" + expected)
                self.assertEqual(daemon.text(), "")
        lines = daemon.output.splitlines()
        self.assertLessEqual(max(map(len, lines)), 80)
        self.assertEqual(lines[-1], "Full documentation: man 8 jobwatchd")

    def test_wrong_configuration(self):
        self.watch(poll={"intervall": "1s"})
        self.assertEnds(EX_CONFIG, says=r"jobwatchd\.ini:\d+: .*intervall")

    def test_plain_http_to_another_host(self):
        self.write_config("http://192.0.2.1", (11,))
        self.assertEnds(EX_CONFIG, says=r"jobwatchd\.ini:\d+: .*http")
        self.assertEnds(EX_CONFIG, "--check")

    def test_state_directory_is_a_file(self):
        self.watch()
        self.state.write_text("not a directory")
        self.assertEnds(EX_IOERR, says=str(self.state))
        self.assertEqual(self.state.read_text(), "not a directory")

    def test_state_directory_not_writable(self):
        self.watch()
        self.assertEnds(EX_IOERR, "--state-dir", "/proc/jobwatchd", says="/proc/jobwatchd")

    def test_state_in_use(self):
        self.watch()
        first = self.start_daemon()
        first.wait_for("first seen as")
        self.assertEnds(EX_IOERR, says=str(self.state))
        self.assertEqual(first.stop(), EX_OK)

    def test_timeout(self):
        self.watch()
        for options in (["--exit-when-done", "--timeout", "500ms"], ["--timeout", "500ms"]):
            with self.subTest(options):
                daemon = self.assertEnds(EX_TIMEOUT, *options, says="--timeout 500ms expired: 1 of 1 job still open")
                self.assertLessEqual(len(daemon.events()), 1)

    def test_timeout_not_reached(self):
        self.watch("[job 11]\nstep = 0s Completed\n")
        self.assertEnds(EX_OK, "--exit-when-done", "--timeout", "5min")


class Once(IntegrationTest):
    def test_all_answered(self):
        fake = self.start_fake(RUNNING + "[job 12]\nstep = 0s Completed\n[job 13]\nstep = 0s Failed\n")
        self.write_config(fake, (11, 12, 13))
        daemon = self.assertEnds(EX_OK, "--once")
        self.assertRegex(daemon.output, r"(?m)^Job 11: Running \(open\)$")
        self.assertRegex(daemon.output, r"(?m)^Job 12: Completed \(success\)$")
        self.assertRegex(daemon.output, r"(?m)^Job 13: Failed \(failure\)$")
        self.assertEqual(len(daemon.events()), 3)
        self.assertEqual(fake.stats()["requests"], 3)

        fake.job(11, status="Completed")
        again = self.assertEnds(EX_JOB_FAILED, "--once", "--exit-when-done")
        self.assertEqual(again.events(), [(11, "succeeded", "Running → Completed")])
        self.assertRegex(again.output, r"Job 13: ended before \(failure\)")
        self.assertEqual(fake.stats()["requests"], 4)

    def test_a_job_that_is_not_found(self):
        fake = self.start_fake(RUNNING)
        self.write_config(fake, (11, 77777))
        daemon = self.assertEnds(EX_JOB_FAILED, "--once")
        self.assertRegex(daemon.output, r"(?m)^Job 77777: not found \(HTTP 404.*\)$")
        self.assertRegex(daemon.output, r"(?m)^Job 11: Running \(open\)$")

    def test_not_listening(self):
        fake = self.start_fake(RUNNING)
        fake.stop()
        self.write_config(fake.url, (11, 12))
        daemon = self.assertEnds(EX_UNAVAILABLE, "--once", says="Cannot reach the API.*refused")
        self.assertEqual(daemon.events(), [])
        self.assertEqual(len(daemon.output.splitlines()), 2, "each job is reported: " + daemon.output)

    def test_server_error_throttled_and_unexpected(self):
        for fault in ({"status": 500}, {"status": 409, "header": '"Retry-After: 60"'}, {"html": "yes"},
                      {"envelope": "yes"}, {"truncate": 20}, {"reset": "headers"}):
            with self.subTest(fault):
                fake = self.start_fake(RUNNING, name="fake-" + "-".join(fault))
                fake.fault("all", **fault)
                self.write_config(fake, (11,), state={"directory": self.directory / f"state-{'-'.join(fault)}"})
                daemon = self.assertEnds(EX_UNAVAILABLE, "--once")
                self.assertEqual(daemon.events(), [])
                if fault.get("status") == 409:
                    self.assertEnds(EX_UNAVAILABLE, "--once", says="Rate limited by the API at .* for another (.*min|59s)")

    def test_wrong_token(self):
        fake = self.start_fake(RUNNING)
        self.write_config(fake, (11,), api={"token_file": self.secret("wrong", "wr0ng")})
        self.assertEnds(EX_NOPERM, "--once", says=r"error .*rejected the credentials: .* Check \S+ and the role \S+ Skipping the remaining jobs")

    def test_missing_role(self):
        fake = self.start_fake(RUNNING, "roles = list")
        self.write_config(fake, (11,))
        self.assertEnds(EX_NOPERM, "--once", says="rejected the credentials.*the role BusinessBackgroundJob-Read")


class Signals(IntegrationTest):
    def assertPrompt(self, daemon, how):
        begin = time.monotonic()
        self.assertEqual(daemon.stop(how), EX_OK, daemon.text())
        self.assertLess(time.monotonic() - begin, 2 * SLOW)

    def test_between_polls(self):
        fake = self.start_fake(RUNNING)
        self.write_config(fake, (11,), poll={"interval": "1h", "max_interval": "1h"})
        for how in (signal.SIGTERM, signal.SIGINT):
            with self.subTest(how):
                daemon = self.start_daemon()
                daemon.wait_for("watching 1 job ")
                fake.wait(1)
                self.assertPrompt(daemon, how)
                self.assertIn(f"Received {how.name}, stopping.", daemon.text())

    def test_while_requests_hang(self):
        for how in (signal.SIGTERM, signal.SIGINT):
            with self.subTest(how):
                fake = self.start_fake("[jobs 11-30]\nstep = 0s Running\n", name=f"fake-{how.name}")
                fake.fault("all", hang="yes")
                self.write_config(fake, range(11, 31), api={"timeout": "5min"})
                daemon = self.start_daemon()
                fake.wait(8, arrived=1)
                self.assertPrompt(daemon, how)

    def test_while_a_body_trickles(self):
        fake = self.start_fake(RUNNING)
        fake.fault("all", chunk=1, chunk_delay="1s")
        self.write_config(fake, (11,))
        daemon = self.start_daemon()
        fake.wait(1, arrived=1)
        self.assertPrompt(daemon, signal.SIGTERM)

    def test_while_the_api_is_down(self):
        fake = self.start_fake(RUNNING)
        fake.fault("all", status=503, header='"Retry-After: 3000"')
        self.write_config(fake, (11,))
        daemon = self.start_daemon()
        daemon.wait_for("Rate limited by the API")
        self.assertPrompt(daemon, signal.SIGINT)

    def test_right_at_the_start(self):
        fake = self.start_fake(RUNNING)
        self.write_config(fake, (11,))
        for _ in range(3):
            daemon = self.start_daemon()
            daemon.wait_for("watching 1 job ")
            self.assertPrompt(daemon, signal.SIGTERM)

    def start_with_a_stubborn_hook(self, *options):
        """A daemon whose exec hook ignores SIGTERM and is running."""
        fake = self.start_fake("[job 11]\nstep = 0s Running\n[job 12]\nstep = 0s Completed\n")
        running = self.directory / "running"
        hook = self.directory / "hook"
        os.mkfifo(running)
        hook.write_text(f"#!/bin/sh\ntrap '' TERM\necho >{running}\nexec sleep 1000\n")
        hook.chmod(0o755)
        self.write_config(fake, (11, 12), more=f"[hook stubborn]\nexec = {hook}\n")
        daemon = self.start_daemon(*options)
        running.read_text()
        return daemon

    def test_the_timeout_runs_out_while_a_hook_delays_the_stop(self):
        daemon = self.start_with_a_stubborn_hook("--timeout", "4s")
        begin = time.monotonic()
        self.assertEqual(daemon.stop(), EX_OK, daemon.text())
        took = time.monotonic() - begin
        self.assertGreater(took, 4.5)
        self.assertLess(took, 7 + SLOW)
        self.assertNotIn("expired", daemon.text())

    def test_further_signals_change_nothing(self):
        daemon = self.start_with_a_stubborn_hook()
        begin = time.monotonic()
        daemon.process.send_signal(signal.SIGTERM)
        daemon.wait_for("stopping")
        for how in signal.SIGTERM, signal.SIGHUP, signal.SIGINT, signal.SIGTERM:
            daemon.process.send_signal(how)
        self.assertEqual(daemon.wait_exit(), EX_OK, daemon.text())
        self.assertGreater(time.monotonic() - begin, 4.5, "the hook has its 5 s")
        self.assertEqual(daemon.count("stopping|reload"), 1, daemon.text())

    def test_hangup_does_not_end_it(self):
        fake = self.start_fake(RUNNING)
        self.write_config(fake, (11,))
        daemon = self.start_daemon()
        daemon.wait_for("first seen as")
        daemon.process.send_signal(signal.SIGHUP)
        daemon.wait_for("Configuration reloaded: ")
        fake.job(11, status="Completed")
        daemon.wait_for("succeeded")


if __name__ == "__main__":
    unittest.main()
