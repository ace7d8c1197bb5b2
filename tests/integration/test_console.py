#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The log on a console."""

import re
import unittest

from harness import EX_OK, IntegrationTest

LINE = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d (error|warning|notice|info|debug) +\S")


class Console(IntegrationTest):
    def run_job(self, *options, **how):
        fake = self.start_fake("[job 11]\nstep = 0s Marinating\nstep = poll 2 Running\nstep = poll 3 Failed\n")
        self.write_config(fake, (11,))
        daemon = self.start_daemon("--exit-when-done", *options, **how)
        self.assertEqual(daemon.wait_exit(), 1)
        return daemon

    def test_every_line_has_its_form(self):
        daemon = self.run_job()
        for line in daemon.lines:
            self.assertRegex(line, LINE)
        self.assertEqual(daemon.output, "", "the log goes to standard error")

    def test_no_colours_in_a_file(self):
        self.assertNotIn("\x1b", self.run_job().text())

    def test_colours_on_a_terminal(self):
        daemon = self.run_job(terminal=True)
        daemon.wait_for(r"^\x1b\[1;31m\S+ \S+ error .*\[failed\]\x1b\[0m$")
        daemon.wait_for(r"^\x1b\[1;33m\S+ \S+ warning .*\x1b\[0m$")
        daemon.wait_for(r"^\x1b\[1m\S+ \S+ notice .*\[changed\]\x1b\[0m$")
        daemon.wait_for(r"^[^\x1b]* info .*\[seen\]$")

    def test_no_color_in_the_environment(self):
        daemon = self.run_job(terminal=True, env={"NO_COLOR": "1"})
        self.assertNotIn("\x1b", daemon.text())

    def test_control_characters_are_escaped(self):
        fake = self.start_fake("[job 11]\nstep = 0s Running\n")
        self.write_config(fake, (11,))
        daemon = self.start_daemon("--log-level=debug", terminal=True, env={"NO_COLOR": "1"})
        daemon.wait_for("first seen as")
        fake.job(11, status="Ev\x1b[2Jil\nJob 12: x\r\x07\x7f\u009b31m\u202e", result="a\x1b]0;t\x07\nb\x00c")
        line = daemon.wait_for(r"notice +Job 11: Running → Ev\\x1b\[2Jil\\nJob 12: x\\r\\x07\\x7f\\u009b31m\\u202e")
        self.assertRegex(line, r"\[changed, result of 11 bytes\]$")
        daemon.wait_for(r"warning .*status \"Ev\\x1b\[2Jil\\nJob 12")
        fake.job(11, result="c\x1b[31m\nd")
        daemon.wait_for(r"result is now c\\x1b\[31m\\nd \[changed")
        self.assertEqual(daemon.stop(), EX_OK)
        for line in daemon.lines:
            self.assertRegex(line, LINE)
            self.assertNotRegex(line, "[\x00-\x1f\x7f-\x9f]")

    def test_long_texts_are_cut(self):
        fake = self.start_fake("[job 11]\nstep = 0s Running\n")
        self.write_config(fake, (11,))
        daemon = self.start_daemon()
        daemon.wait_for("first seen as")
        fake.job(11, result="é" * 100_000)
        line = daemon.wait_for("result is now é+… .changed, ")
        self.assertLess(len(line), 300)

    def test_level(self):
        daemon = self.run_job("--log-level=err")
        self.assertEqual(daemon.count(" info +jobwatchd| warning "), 0, daemon.text())
        self.assertEqual([kind for _, kind, _ in daemon.events()], ["seen", "changed", "failed"],
                         "events are told at any level")

    def test_an_interval_that_the_limits_do_not_allow(self):
        fake = self.start_fake("[jobs 11-12]\nstep = 0s Running\n")
        for interval, per_minute, allowed in (("500ms", "180", r"\d{3}ms"), ("2s", "9", r"\d+s")):
            with self.subTest(interval):
                self.state = self.directory / f"state-{interval}"
                self.write_config(fake, (11, 12), poll={"interval": interval, "max_interval": "10s"},
                                  limits={"per_minute": per_minute})
                daemon = self.start_daemon()
                daemon.wait_for(f"warning interval = {interval} is too short for 2 open jobs under .limits.; "
                                f"polling each every {allowed} instead")
                self.assertEqual(daemon.stop(), EX_OK)

    def test_auto_is_the_console_here(self):
        self.assertIn("first seen as", self.run_job("--log-target=auto").text())


if __name__ == "__main__":
    unittest.main()
