#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Runs by hand, as root: what they create can be used by the service, and what fails leaves nothing behind."""

import os
import unittest

from harness import EX_CONFIG, EX_OK, IntegrationTest
from service_user import GID, UID, USER, can_replace_users, users

RUNNING = "[job 11]\nstep = 0s Running\n"


class ByHand(IntegrationTest):
    def setUp(self):
        super().setUp()
        self.fake = self.start_fake(RUNNING)
        self.write_config(self.fake, (11,))

    def owners(self):
        return {path.name: (path.stat().st_uid, path.stat().st_gid) for path in [self.state, *self.state.iterdir()]}

    def test_a_run_that_fails_leaves_nothing_behind(self):
        self.token_file.unlink()
        self.assertEnds(EX_CONFIG, "--once")
        self.assertFalse(self.state.exists())

    def test_a_state_in_use_names_the_process(self):
        daemon = self.start_daemon()
        daemon.wait_for("first seen as")
        self.assertEnds(74, "--once", says=rf"{self.state} is locked by jobwatchd \(PID {daemon.pid}\)\. Use --state-dir")
        self.assertEnds(EX_OK, "--once", "--state-dir", self.directory / "other")

    @unittest.skipUnless(os.geteuid() == 0, "needs root")
    def test_files_belong_to_the_owner_of_the_directory(self):
        self.state.mkdir(0o700)
        os.chown(self.state, UID + 7, GID + 7)
        daemon = self.start_daemon()
        daemon.wait_for("first seen as")
        owners = self.owners()
        self.assertLessEqual({"jobwatchd.db-wal", "reserve"}, set(owners))
        self.assertEqual(set(owners.values()), {(UID + 7, GID + 7)}, owners)

    @unittest.skipUnless(can_replace_users(), "needs root and mount namespaces")
    def test_a_new_directory_belongs_to_the_user_of_the_service(self):
        daemon = self.start_daemon(before=users(self, f"{USER}:x:{UID}:{GID}::/:/bin/false\n", f"{USER}:x:{GID}:\n"))
        daemon.wait_for("first seen as")
        owners = self.owners()
        self.assertIn("jobwatchd.db-wal", owners)
        self.assertEqual(set(owners.values()), {(UID, GID)}, owners)
        self.assertEqual(self.state.stat().st_mode & 0o777, 0o700)

    @unittest.skipUnless(can_replace_users(), "needs root and mount namespaces")
    def test_without_that_user_it_stays_with_root(self):
        self.assertEnds(EX_OK, "--once", before=users(self, "", ""))
        self.assertEqual(set(self.owners().values()), {(0, 0)})


if __name__ == "__main__":
    unittest.main()
