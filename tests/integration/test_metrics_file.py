# SPDX-License-Identifier: MIT
"""The file of [metrics] textfile: what is in it, when it is there, and what happens if it cannot be written."""

import os
import pathlib
import signal
import time
import unittest

from harness import PATIENCE
from test_check_config import CheckTest
from test_metrics import parse

# It is written this often.
INTERVAL = 15
NONE = frozenset()


class MetricsFile(CheckTest):
    def setUp(self):
        super().setUp()
        self.metrics = self.directory / "metrics"
        self.metrics.mkdir()
        self.path = self.metrics / "jobwatchd.prom"
        self.fake = self.start_fake("[job 5]\nstep = 0s Running\n")

    def configure(self, path):
        self.write_config(self.fake, [5], metrics={"textfile": path})

    def wait_for_file(self, path, later_than=0):
        """Waits until it is written, or written again. Returns what is in it."""
        limit = time.monotonic() + INTERVAL + PATIENCE
        while True:
            samples = parse(path.read_text()) if path.exists() else {}
            if samples.get(("heartbeat_timestamp_seconds", NONE), 0) > later_than:
                return samples
            self.assertLess(time.monotonic(), limit, "time ran out")
            time.sleep(0.05)

    def test_the_file_is_whole_readable_by_others_and_removed_at_the_end(self):
        (self.metrics / ".jobwatchd.prom.tmp").write_text("of a run that was killed")
        self.configure(self.path)
        daemon = self.start_daemon(before=["sh", "-c", 'umask 077; exec "$@"', "sh"])
        samples = self.wait_for_file(self.path)
        self.assertEqual(samples["api_up", NONE], 1)
        self.assertEqual(self.path.stat().st_mode & 0o7777, 0o644)
        daemon.wait_for(r"Job 5.*\[seen")
        samples = self.wait_for_file(self.path, samples["heartbeat_timestamp_seconds", NONE])
        self.assertEqual(samples["jobs", frozenset({("outcome", "open")})], 1)
        self.assertEqual([path.name for path in self.metrics.iterdir()], ["jobwatchd.prom"])
        daemon.stop()
        self.assertEqual(list(self.metrics.iterdir()), [])

    def test_a_run_that_was_killed_leaves_the_file_with_its_time(self):
        self.configure(self.path)
        daemon = self.start_daemon()
        samples = self.wait_for_file(self.path)
        daemon.process.kill()
        daemon.wait_exit()
        self.assertLessEqual(samples["heartbeat_timestamp_seconds", NONE], time.time())
        self.assertTrue(self.path.exists())

    def test_a_reload_moves_the_file(self):
        self.configure(self.path)
        daemon = self.start_daemon()
        self.wait_for_file(self.path)
        other = self.metrics / "other.prom"
        self.configure(other)
        daemon.process.send_signal(signal.SIGHUP)
        self.wait_for_file(other)
        self.assertFalse(self.path.exists())

    def test_that_it_cannot_be_written_is_one_message_until_it_can(self):
        self.metrics.rmdir()
        self.configure(self.path)
        daemon = self.start_daemon()
        daemon.wait_for(rf"warning Cannot write the metrics to {self.path}: No such file or directory\.")
        daemon.wait_for(r"Job 5.*\[seen")
        self.metrics.mkdir()
        daemon.wait_for(f"notice  The metrics are written to {self.path} again", patience=INTERVAL + PATIENCE)
        self.wait_for_file(self.path)
        self.assertEqual(daemon.count("metrics"), 2)

    def test_one_round_writes_no_file(self):
        self.configure(self.path)
        self.run_daemon("--once")
        self.assertEqual(list(self.metrics.iterdir()), [])


class Advice(CheckTest):
    """What --check says about a file that the service cannot write."""

    def advice(self, directory):
        self.write_config("http://127.0.0.1:9", [5], metrics={"textfile": pathlib.Path(directory) / "jobwatchd.prom"})
        return self.check()[1]

    def test_a_directory_that_is_missing(self):
        self.assertRegex(self.advice(self.directory / "missing"),
                         rf"textfile: cannot write to {self.directory}/missing: No such file or directory")

    def test_the_sandbox(self):
        self.directory.chmod(0o777)
        self.assertRegex(self.advice(self.directory),
                         rf'add ReadWritePaths={self.directory} under \[Service\] with "systemctl edit jobwatchd.service"')

    @unittest.skipIf(os.geteuid() != 0, "root checks for the user of the service")
    def test_the_mode_of_the_directory(self):
        self.directory.chmod(0o755)
        says = self.advice(self.directory)
        if "no such user" in says:
            self.skipTest("there is no user jobwatchd")
        self.assertRegex(says, rf'may not write to {self.directory}; run "chgrp jobwatchd {self.directory} && chmod g\+w')


if __name__ == "__main__":
    unittest.main()
