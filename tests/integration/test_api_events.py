#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Events of the API: api_down after ten minutes, api_refused, and api_ok, each once in an outage, whatever ends the
daemon in between; for hooks that name them, and in the journal."""

import json
import signal
import sqlite3
import unittest

from bus_rig import Bus
from clock import LIBRARY, Clock
from harness import EX_OK, PATIENCE, Closed, IntegrationTest

RUNNING = "[job 11]\nstep = 0s Running\n"
PROBE_DISTANCE = 10 + PATIENCE  # after a refusal
PROBE = "(warning|debug) +(Cannot reach the API|API at .* rejected the credentials)"


@unittest.skipUnless(LIBRARY, "the library cannot be loaded into a daemon with a sanitizer")
class ApiEvents(IntegrationTest):
    def setUp(self):
        super().setUp()
        self.clock = Clock(self.directory / "clock")
        self.documents, self.variables = self.directory / "documents", self.directory / "variables"
        program = self.directory / "hook"
        program.write_text(f"#!/bin/sh\ncat >> {self.documents}\n"
                           f"echo \"$JOBWATCH_EVENT:$JOBWATCH_JOB:$JOBWATCH_OUTCOME\" >> {self.variables}\n")
        program.chmod(0o755)
        self.hooks = (f"[hook api]\non = api_down, api_refused, api_ok\nexec = {program}\n"
                      "[hook jobs]\non = seen, changed, terminal, stalled\nexec = /bin/true\n")

    def pass_minutes(self, minutes):
        """So many minutes since the start, by all clocks."""
        self.clock.shift(minutes * 60)
        self.clock.pass_time(minutes * 60)

    def start(self):
        return self.start_daemon("--log-level=debug", env=self.clock.env)

    def probes(self, daemon):
        daemon.wait_for(PROBE, since=daemon.mark(), count=3)

    def kill(self, daemon):
        daemon.process.kill()
        daemon.wait_exit()

    def recorded(self):
        """Of the API, while no daemon runs."""
        connection = sqlite3.connect(self.state / "jobwatchd.db")
        rows = connection.execute("SELECT kind FROM events WHERE job = 0 ORDER BY sequence").fetchall()
        connection.close()
        return [kind for kind, in rows]

    def assertDelivered(self, *expected):
        self.assertEqual(self.variables.read_text().split(), list(expected))
        documents = [json.loads(line) for line in self.documents.read_text().splitlines()]
        self.assertEqual([document["event"] for document in documents], [line.split(":")[0] for line in expected])
        for document in documents:
            self.assertIsNone(document["job"])
            self.assertIsNone(document["status"])
            self.assertRegex(document["description"], "^API at http://127")
        sequences = [document["sequence"] for document in documents]
        self.assertEqual(sequences, sorted(set(sequences)))

    def test_down_for_ten_minutes_once_per_outage_whatever_ends_the_daemon(self):
        closed = Closed()
        self.addCleanup(closed.release)
        self.write_config(closed.url, [11], more=self.hooks)
        daemon = self.start()
        self.probes(daemon)
        self.pass_minutes(5)
        self.probes(daemon)
        self.kill(daemon)

        daemon = self.start()
        self.probes(daemon)
        self.pass_minutes(9)
        self.probes(daemon)
        self.assertEqual(daemon.count("api_down"), 0, daemon.text())
        self.pass_minutes(11)
        line = daemon.wait_for("error +API at .*api_down")
        self.assertRegex(line, rf"API at {closed.url} has been down for over 10min: could not connect .*\[api_down\]$")
        daemon.wait_for('API: hook api: delivered "api_down"')
        self.kill(daemon)
        self.assertEqual(self.recorded(), ["api_down"])

        daemon = self.start()
        self.probes(daemon)
        self.pass_minutes(100)
        self.probes(daemon)
        self.kill(daemon)
        self.assertEqual(self.recorded(), ["api_down"])

        self.start_fake(RUNNING, port=closed.release())
        daemon = self.start()
        daemon.wait_for("first seen as")
        self.pass_minutes(101)
        self.assertRegex(daemon.wait_for("notice +API at .*api_ok"), r"API at \S+ is reachable again \[api_ok\]$")
        daemon.wait_for('hook api: delivered "api_ok"')
        daemon.wait_for('Job 11: hook jobs: delivered "seen"')
        self.kill(daemon)
        self.start().stop()
        self.assertEqual(self.recorded(), ["api_down", "api_ok"])
        self.assertDelivered("api_down::failure", "api_ok::success")

    def test_the_search_does_not_end_an_outage_of_reads(self):
        bus = Bus(self.directory)
        self.addCleanup(bus.stop)
        closed = Closed()
        self.addCleanup(closed.release)
        self.write_config(closed.url, [11], more=self.hooks)
        daemon = self.start()
        self.probes(daemon)
        self.pass_minutes(11)
        daemon.wait_for("error +API at .*api_down")
        self.kill(daemon)

        fake = self.start_fake(RUNNING + "[fault reads]\njobs = 11\nhang = yes\n", port=closed.release())
        daemon = self.start_daemon("--instance", "test", "--log-level=debug", env={**self.clock.env, **bus.env})
        bus.wait_for_name("org.jobwatchd1.test")
        [rows] = bus.call("Recent", "a{sv}", 0, name="org.jobwatchd1.test")
        self.assertEqual([row["Id"] for row in rows], [11])
        self.pass_minutes(12)
        bus.call("Recent", "a{sv}", 0, name="org.jobwatchd1.test")
        self.assertEqual(daemon.count("api_ok"), 0, daemon.text())
        self.kill(daemon)
        self.assertEqual(self.recorded(), ["api_down"])

        fake.mend()
        daemon = self.start()
        daemon.wait_for("first seen as")
        self.pass_minutes(13)
        daemon.wait_for("notice +API at .*api_ok")

    def test_refused_once_per_outage_whatever_ends_the_daemon(self):
        fake = self.start_fake(RUNNING)
        self.write_config(fake, [11], more=self.hooks)
        daemon = self.start()
        daemon.wait_for("first seen as")
        fake.fault("refused", status=401)
        line = daemon.wait_for("notice +API at .*api_refused", patience=PROBE_DISTANCE)
        self.assertRegex(line, rf"API at {fake.url} refuses the credentials: .*401.*\[api_refused\]$")
        daemon.wait_for('API: hook api: delivered "api_refused"')
        self.kill(daemon)

        daemon = self.start()
        daemon.wait_for("(warning|error) .*rejected the credentials", patience=PROBE_DISTANCE)
        fake.mend()
        daemon.process.send_signal(signal.SIGHUP)  # the next probe does not wait
        fake.polls(3, 11, status=200)
        self.pass_minutes(1)
        self.assertRegex(daemon.wait_for("notice +API at .*api_ok"), r"is reachable again \[api_ok\]$")
        daemon.wait_for('hook api: delivered "api_ok"')
        daemon.stop()
        self.assertEqual(self.recorded(), ["api_refused", "api_ok"])
        self.assertDelivered("api_refused::failure", "api_ok::success")

    def test_a_run_of_one_outage_says_how_long_it_took(self):
        closed = Closed()
        self.addCleanup(closed.release)
        self.write_config(closed.url, [11], more=self.hooks)
        daemon = self.start()
        self.probes(daemon)
        self.pass_minutes(11)
        daemon.wait_for("error +API at .*api_down")
        self.start_fake(RUNNING, port=closed.release())
        daemon.wait_for("first seen as")
        self.pass_minutes(12)
        self.assertRegex(daemon.wait_for("notice +API "), r"API at \S+ is reachable again after 11min.*\[api_ok\]$")
        self.assertEqual(daemon.stop(), EX_OK)
        self.assertEqual(daemon.count("reachable again"), 1, "one entry")

    def test_a_short_outage_has_no_event(self):
        closed = Closed()
        self.addCleanup(closed.release)
        self.write_config(closed.url, [11], more=self.hooks)
        daemon = self.start()
        self.probes(daemon)
        self.pass_minutes(9)
        self.probes(daemon)
        self.start_fake(RUNNING, port=closed.release())
        daemon.wait_for("first seen as")
        self.pass_minutes(20)
        daemon.wait_for("API is reachable again after 9min")
        self.assertEqual(daemon.stop(), EX_OK)
        self.assertEqual(self.recorded(), [])
        self.assertFalse(self.documents.exists())


if __name__ == "__main__":
    unittest.main()
