#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""A reload that changes the API, during an outage of the old one or with requests in flight."""

import unittest

from reload_rig import ReloadTest
from sign_in import PASSWORD, USERNAME, SignInTest

RUNNING = "[jobs 11-19]\nstep = 0s Running\n"


class AnotherServer(SignInTest, ReloadTest):
    def test_sign_in_under_way_and_another_server(self):
        self.watch([11], scenario="[jobs 11-19]\nstep = 0s Running\n", api={"timeout": "10min"})
        self.fake.fault("bad", path="/api/token", status=500, times=1)
        self.fake.fault("stuck", path="/api/token", hang="yes")
        old = self.fake
        daemon = self.start_daemon()
        daemon.wait_for("Cannot reach the API")
        old.wait(2, path="/api/token", arrived=1)
        self.fake = self.start_fake(RUNNING, f"username = {USERNAME}\npassword = {PASSWORD}\n", name="new")
        self.configure([11], api={"timeout": "10min"})
        self.reload(daemon)
        daemon.wait_for("Job 11: first seen as Running")

    def test_sign_in_in_progress_then_exit(self):
        self.watch([11], scenario="[jobs 11-19]\nstep = 0s Running\n", api={"timeout": "10min"})
        self.fake.fault("stuck", path="/api/token", hang="yes")
        old = self.fake
        daemon = self.start_daemon("--exit-when-done")
        old.wait(1, path="/api/token", arrived=1)
        self.fake = self.start_fake("[job 11]\nstep = 0s Completed\n", f"username = {USERNAME}\npassword = {PASSWORD}\n", name="new")
        self.configure([11], api={"timeout": "10min"})
        self.reload(daemon)
        daemon.wait_for("Job 11: .*succeeded")
        self.assertEqual(daemon.wait_exit(), 0)

    def test_nothing_is_requested_from_the_old_server(self):
        """Nor spent for it: this limit allows two requests, and the next one 46 s later."""
        old = self.start_fake("[job 11]\nstep = 0s Completed\n")
        new = self.start_fake(RUNNING, name="new")
        self.write_config(old, [11], limits={"per_hour": 80})
        daemon = self.start_daemon()
        daemon.wait_for("Job 11: first seen as Completed")
        asked = old.stats()["requests"]
        self.write_config(new, [11, 12], limits={"per_hour": 80})
        self.reload(daemon)
        daemon.wait_for("Job 12: first seen as Running")
        self.assertEqual(old.stats()["requests"], asked)

    def test_another_server_while_the_old_one_throttles(self):
        old = self.start_fake(RUNNING)
        new = self.start_fake(RUNNING, name="new")
        old.fault("throttled", status=409, header='"Retry-After: 3600"')
        self.write_config(old, [11])
        daemon = self.start_daemon()
        daemon.wait_for("Rate limited by the API")
        self.write_config(new, [11])
        self.reload(daemon)
        daemon.wait_for("Job 11: first seen as Running")


if __name__ == "__main__":
    unittest.main()
