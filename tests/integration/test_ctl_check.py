# SPDX-License-Identifier: MIT
"""jobwatchctl status --check: a plugin for Nagios, Icinga and the like, as their guidelines describe it."""

import os
import re
import unittest

from ctl_rig import THREE, CtlTest
from harness import EX_USAGE

OK, WARNING, CRITICAL, UNKNOWN = range(4)
NAMES = ("OK", "WARNING", "CRITICAL", "UNKNOWN")
# 'label'=value[UOM];[warn];[crit];[min];[max]
PERFORMANCE = re.compile(r"[a-z_]+=\d+(;\d*){0,4}")


class Check(CtlTest):
    def check(self, status, pattern, *options, env=None):
        """Its one line matches. Returns the performance data as {label: value}."""
        done = self.ctl("status", "--check", *options, env=env)
        self.assertEqual(done.returncode, status, done.stdout + done.stderr)
        self.assertRegex(done.stdout, rf"^JOBWATCHD {NAMES[status]} - [^\n]+\n$")
        text, _, performance = done.stdout.rstrip("\n").partition(" | ")
        self.assertNotIn("|", text + performance)
        self.assertRegex(text, pattern)
        for word in performance.split():
            self.assertRegex(word, rf"^{PERFORMANCE.pattern}$")
        return dict(word.split(";")[0].split("=") for word in performance.split())

    def check_soon(self, status, pattern):
        self.wait_until(lambda: self.ctl("status", "--check").returncode == status)
        return self.check(status, pattern)

    def start_three(self, **config):
        self.start(THREE, [5, 6, 7], **config)
        self.daemon.wait_for(r"Nothing left|\[(seen|succeeded|failed)", count=3)

    def test_a_service_without_problems(self):
        """A failed job is no problem of the service."""
        self.start_three(limits={"per_hour": 5000})
        data = self.check(OK, r"3 watched: 1 open, 1 succeeded, 1 failed or gone$")
        self.assertEqual(list(data), ["jobs_open", "jobs_failing", "deliveries_pending", "deliveries_failed", "requests_hour"])
        self.assertEqual((data["jobs_open"], data["jobs_failing"], data["deliveries_failed"]), ("1", "0", "0"))
        self.assertGreaterEqual(int(data["requests_hour"]), 3)
        self.assertRegex(self.out("status", "--check"), r" requests_hour=\d+;;;0;5000\n$")

    def test_failed_deliveries_are_a_warning(self):
        self.start_three(more="[hook bad]\nexec = /bin/false\nretries = 0\n")
        self.daemon.wait_for("hook bad: abandoned", count=2)
        data = self.check_soon(WARNING, r"2 deliveries have failed\. 3 watched")
        self.assertEqual(data["deliveries_failed"], "2")

    def test_an_outage_is_critical_until_it_ends(self):
        self.start_three()
        self.fake.fault("down", status=500)
        self.check_soon(CRITICAL, r"The API cannot be used: server error\.")
        self.fake.mend()
        self.check_soon(OK, "3 watched")

    def test_refused_credentials_are_critical(self):
        self.start_three()
        self.fake.fault("refused", status=401)
        self.check_soon(CRITICAL, r"The API cannot be used: credentials rejected\.")

    def test_a_pause_that_the_api_asks_for_is_a_warning(self):
        self.start_three()
        self.fake.fault("busy", status=429, header='"Retry-After: 600"')
        self.check_soon(WARNING, r"The API cannot be used: rate limited\.")

    def test_a_reload_that_failed_is_a_warning(self):
        self.start_three()
        self.config.write_text("[nonsense]\n")
        self.daemon.process.send_signal(1)
        self.check_soon(WARNING, "The last reload failed")

    def test_no_service_is_critical(self):
        self.check(CRITICAL, "jobwatchd.service is not running$")
        self.check(CRITICAL, "jobwatchd@a-7.service is not running$", "-i", "a-7")

    def test_what_cannot_be_asked_is_unknown(self):
        self.check(UNKNOWN, "cannot connect to the system bus$", env={"DBUS_SYSTEM_BUS_ADDRESS": "unix:path=/nonexistent"})
        self.start_service("wrong")
        self.check(UNKNOWN, "not of the same version$")

    def test_a_user_who_may_not_ask_is_unknown(self):
        self.bus.stop()
        self.bus.__init__(self.directory, f'<policy user="{os.getuid()}"><deny send_destination="org.jobwatchd1" '
                                          'send_interface="org.jobwatchd1.Manager"/></policy>')
        self.start_service("wrong")
        self.check(UNKNOWN, "access denied: only root and members of the group jobwatchd")

    def test_a_text_with_the_separator(self):
        self.start_service("error", "org.jobwatchd1.Error.StateUnavailable", "a | b=1\n2")
        self.check(UNKNOWN, r"a / b=1\\n2$")

    def test_a_service_that_does_not_reply(self):
        self.start_service("silent")
        self.check(CRITICAL, "jobwatchd.service does not reply$")

    def test_json_is_something_else(self):
        self.start_three()
        self.says(EX_USAGE, "--check and --json exclude each other", "status", "--check", "--json=short")
        self.says(EX_USAGE, "list: this command has no option --check", "list", "--check")


if __name__ == "__main__":
    unittest.main()
