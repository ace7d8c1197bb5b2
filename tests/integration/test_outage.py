#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Outages of the API: one message at the start, one at the end, and no effect on the jobs."""

import os
import shutil
import signal
import sys
import time
import unittest

from harness import EX_OK, PATIENCE, SLOW, Closed, IntegrationTest

RUNNING = "[job 11]\nstep = 0s Running\n"

# Runs the rest of the command line with name servers that never answer.
SILENT_RESOLVER = """
import fcntl, os, socket, struct, sys
with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as control:
    fcntl.ioctl(control, 0x8914, struct.pack("16sh14x", b"lo", 1 | 64))
silent = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
silent.bind(("127.0.0.53", 53))
silent.set_inheritable(True)
os.execv(sys.argv[1], sys.argv[1:])
"""


# The end of an outage is logged after 10 s without a failure.
RECOVERY = 10 + PATIENCE


class Outage(IntegrationTest):
    def assertOneOutage(self, daemon, warnings=1):
        self.assertEqual(daemon.count(" (warning|error) "), warnings, daemon.text())
        self.assertEqual(daemon.count("reachable again after "), 1, daemon.text())

    def test_not_listening_at_first(self):
        closed = Closed()
        self.write_config(closed.url, (11,))
        daemon = self.start_daemon()
        line = daemon.wait_for("warning .*Cannot reach the API")
        self.assertRegex(line, rf"Cannot reach the API at {closed.url}: could not connect.*"
                               r"Retrying in ")
        fake = self.start_fake(RUNNING, port=closed.release())
        daemon.wait_for(r"notice +API is reachable again after (under )?\d", patience=RECOVERY)
        daemon.wait_for("Job 11: first seen as Running")
        self.assertEqual(daemon.stop(), EX_OK)
        self.assertOneOutage(daemon)
        self.assertEqual(fake.url, closed.url)

    def test_killed_and_started_again(self):
        """20 jobs: one message for the outage and one for its end, not one per job, and no change is missed."""
        jobs = range(11, 31)
        fake = self.start_fake("[jobs 11-30]\nstep = 0s Running\n")
        self.write_config(fake, jobs)
        daemon = self.start_daemon()
        daemon.wait_for("first seen as", count=20)
        fake.stop(signal.SIGKILL)
        closed = Closed(fake.port)
        daemon.wait_for("Cannot reach the API")
        fake = self.start_fake("[jobs 11-30]\nstep = 0s Completed\n", port=closed.release(), name="again")
        daemon.wait_for(r"Running → Completed(: .*)? \[succeeded", count=20)
        daemon.wait_for("All jobs finished: 20 succeeded, 0 failed or gone")
        daemon.wait_for("reachable again", patience=RECOVERY)
        self.assertEqual(daemon.stop(), EX_OK)
        self.assertOneOutage(daemon)
        self.assertEqual(len(daemon.events()), 40)

    def test_one_probe_at_a_time(self):
        fake = self.start_fake("[jobs 11-30]\nstep = 0s Running\n")
        self.write_config(fake, range(11, 31), poll={"interval": "200ms", "max_interval": "200ms"})
        daemon = self.start_daemon()
        daemon.wait_for("first seen as", count=20)
        fake.fault("down", status=500)
        daemon.wait_for("Server error of the API")  # after the first probe
        begin = fake.stats()["last_seq"]
        fake.wait(12, begin)
        probes = [request for request in fake.requests() if request["seq"] > begin]
        for earlier, later in zip(probes, probes[1:]):
            self.assertGreater(later["t"] - earlier["t"], 0.15, "20 jobs do not ask for 20 answers")
        self.assertEqual(len({probe["path"] for probe in probes[:12]}), 12, "of one job after the other")
        fake.mend()
        daemon.wait_for("reachable again", patience=RECOVERY)
        fake.polls(20)
        daemon.stop()
        self.assertOneOutage(daemon)

    def test_hanging(self):
        fake = self.start_fake(RUNNING)
        fake.fault("hang", hang="yes", times=4)  # the poll, the check, the next poll, the probe
        self.write_config(fake, (11,), api={"timeout": "1s"})
        daemon = self.start_daemon()
        self.assertRegex(daemon.wait_for("warning .*No response from the API at"), "timed out waiting for the response")
        daemon.wait_for(r"reachable again after [1-9]\d*(\.\d+)? ?s", patience=RECOVERY)
        daemon.wait_for("Job 11: first seen as Running")
        self.assertEqual(daemon.stop(), EX_OK)
        self.assertOneOutage(daemon)
        requests = fake.requests()
        self.assertNotEqual(requests[0]["connection"], requests[-1]["connection"], "a hung connection is left")

    def test_hanging_in_the_body(self):
        fake = self.start_fake(RUNNING)
        fake.fault("trickle", chunk=1, chunk_delay="30s")
        self.write_config(fake, (11,), api={"timeout": "1s"})
        daemon = self.start_daemon()
        daemon.wait_for("warning .*No response from the API at .*timed out waiting for the response")
        fake.mend()
        daemon.wait_for("Job 11: first seen as Running")
        daemon.wait_for("reachable again", patience=RECOVERY)
        self.assertOneOutage(daemon)

    def test_one_failure_is_none(self):
        """A single request that fails is repeated. Nothing is logged."""
        fake = self.start_fake(RUNNING)
        self.write_config(fake, (11,), api={"timeout": "1s"})
        daemon = self.start_daemon()
        daemon.wait_for("first seen as")
        for fault in {"status": 500}, {"reset": "body"}, {"hang": "yes"}, {"html": "yes"}:
            seq = fake.stats()["last_seq"]
            fake.fault("once", times=1, path="*/11", **fault)
            fake.wait(4, seq, path="*/11", status=200)
        self.assertEqual(daemon.stop(), EX_OK)
        self.assertEqual(daemon.count(" (warning|error|notice) "), 0, daemon.text())

    def test_server_errors(self):
        outages = []
        for status in (500, 502, 503, 504):
            fake = self.start_fake(RUNNING, name=f"fake{status}")
            self.write_config(fake, (11,), state={"directory": self.directory / f"state{status}"})
            daemon = self.start_daemon()
            daemon.wait_for("first seen as")
            fake.fault("down", status=status, body="sorry\x1b[31m")
            outages.append((status, fake, daemon))
        for status, fake, daemon in outages:
            self.assertRegex(daemon.wait_for("warning .*Server error of the API at "), f": HTTP {status}: sorry")
            fake.polls(2, 11)
            fake.mend()
        for status, fake, daemon in outages:
            with self.subTest(status):
                daemon.wait_for("reachable again after ", patience=RECOVERY)
                fake.job(11, status="Completed")
                daemon.wait_for("Running → Completed .succeeded")
                self.assertEqual(daemon.stop(), EX_OK)
                self.assertOneOutage(daemon)
                self.assertNotIn("\x1b", daemon.text())

    def test_two_outages_are_two(self):
        fake = self.start_fake(RUNNING)
        self.write_config(fake, (11,))
        daemon = self.start_daemon()
        for count in (1, 2):
            fake.fault("down", status=500)
            daemon.wait_for("Server error of the API", count=count)
            fake.mend()
            daemon.wait_for("reachable again", count=count, patience=RECOVERY)

    def test_an_outage_that_comes_back_is_one(self):
        """Within 10 s: one message at the start, one at the end."""
        fake = self.start_fake(RUNNING)
        self.write_config(fake, (11,))
        daemon = self.start_daemon()
        daemon.wait_for("first seen as")
        for _ in range(3):
            fake.fault("down", status=500)
            daemon.wait_for("Server error of the API")
            fake.polls(5, status=500)
            fake.mend()
            fake.polls(5, status=200)
        daemon.wait_for("reachable again", patience=RECOVERY)
        self.assertEqual(daemon.stop(), EX_OK)
        self.assertOneOutage(daemon)

    def test_another_kind_of_outage_is_logged(self):
        fake = self.start_fake(RUNNING)
        self.write_config(fake, (11,))
        daemon = self.start_daemon()
        daemon.wait_for("first seen as")
        fake.fault("down", status=500)
        daemon.wait_for("warning .*Server error of the API")
        fake.fault("down", status=400)
        daemon.wait_for("warning .*Cannot use the API at .*HTTP 400")
        fake.fault("down", status=409, header='"Retry-After: 1"')
        daemon.wait_for("warning .*Rate limited by the API")
        fake.mend()
        daemon.wait_for("reachable again", patience=RECOVERY)
        daemon.stop()
        self.assertOneOutage(daemon, warnings=3)

    def test_connection_closed_between_polls(self):
        """A closed keep-alive connection is not an outage."""
        fake = self.start_fake(RUNNING)
        self.write_config(fake, (11,))
        daemon = self.start_daemon()
        daemon.wait_for("first seen as")
        fake.fault("close", header='"Connection: close"')
        fake.polls(4, 11)
        self.assertEqual(daemon.stop(), EX_OK)
        self.assertEqual(daemon.count(" (warning|error) "), 0, daemon.text())


class Names(IntegrationTest):
    def test_unknown_name(self):
        self.write_config("https://jobwatchd.invalid", (11,), api={"connect_timeout": "3s"})
        daemon = self.start_daemon()
        line = daemon.wait_for("warning .*Cannot reach the API")
        self.assertRegex(line, r"jobwatchd\.invalid")
        self.assertRegex(line, "(?i)name could not be resolved|resolv")
        self.assertPrompt(daemon)

    def test_silent_name_server(self):
        """Stopping does not wait for the resolver, whose timeout is many seconds."""
        if os.geteuid() != 0 or shutil.which("unshare") is None:
            self.skipTest("needs root and unshare to put a name server of its own in place")
        resolv_conf = self.directory / "resolv.conf"
        resolv_conf.write_text("nameserver 127.0.0.53\noptions timeout:20 attempts:3\n")
        nsswitch_conf = self.directory / "nsswitch.conf"
        nsswitch_conf.write_text("hosts: files dns\n")
        before = ["unshare", "--mount", "--net", "sh", "-ec",
                  f"mount --bind {resolv_conf} /etc/resolv.conf; mount --bind {nsswitch_conf} /etc/nsswitch.conf;"
                  " exec \"$@\"", "sh", sys.executable, "-c", SILENT_RESOLVER]
        self.write_config("https://jobwatchd.invalid", (11,), api={"connect_timeout": "2s"})
        probe = self.start_daemon("--version", before=before)
        if probe.wait_exit() != EX_OK:
            self.skipTest("namespaces are not permitted here: " + probe.text())
        daemon = self.start_daemon(before=before)
        self.assertRegex(daemon.wait_for("warning .*Cannot reach the API"), "(?i)resolv")
        self.assertPrompt(daemon)

    def assertPrompt(self, daemon):
        begin = time.monotonic()
        self.assertEqual(daemon.stop(), EX_OK, daemon.text())
        self.assertLess(time.monotonic() - begin, 2 * SLOW)


if __name__ == "__main__":
    unittest.main()
