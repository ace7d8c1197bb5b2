#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Hooks for which this machine lacks descriptors or processes: every event is delivered, by its first attempt."""

import time
import unittest

from evidence import Database, UrlRecorder
from harness import EX_OK, PATIENCE, IntegrationTest


class Shortage(IntegrationTest):
    def expect_delivered(self, jobs, hooks, line):
        """Each job has an event for each hook at the same time."""
        fake = self.start_fake(f"[jobs 1-{jobs}]\nstep = 0s Completed\n")
        self.write_config(fake, range(1, jobs + 1),
                          more="".join(f"[hook h{number}]\n{line}\ntimeout = 1min\n" for number in range(hooks)))
        daemon = self.start_daemon("--exit-when-done", before=["sh", "-c", 'ulimit -n 256 && exec "$@"', "sh"])
        self.assertEqual(daemon.wait_exit(4 * PATIENCE), EX_OK)
        self.assertEqual({(state, attempts) for _, _, state, attempts in Database(self.state).deliveries()}, {("done", 1)})
        self.assertEqual(daemon.count(r"delivered .*\(attempt 1\)"), jobs * hooks)
        warnings = daemon.messages("error|warning")
        self.assertEqual(len(warnings), 1, warnings)
        self.assertRegex(warnings[0], r"Job \d+: hook h\d+: cannot be started now: .*Too many open files"
                                      "; retrying every second, which does not count as an attempt$")

    def test_programs(self):
        self.expect_delivered(1, 300, "exec = /bin/sleep 0.5")

    def test_urls(self):
        def answer(handler, document):
            time.sleep(0.3)  # the connection is in use for so long
            return 204, {"Connection": "close"}
        recorder = UrlRecorder(answer)
        self.addCleanup(recorder.stop)
        self.expect_delivered(4, 50, f"url = {recorder.url}")

    def test_more_urls_than_descriptors(self):
        """Each hook keeps its connection as long as nothing else needs a descriptor."""
        recorder = UrlRecorder()
        self.addCleanup(recorder.stop)
        self.expect_delivered(1, 300, f"url = {recorder.url}")


if __name__ == "__main__":
    unittest.main()
