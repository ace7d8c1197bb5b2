#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""auth = token: the API stops accepting the token, and another one is provided."""

import unittest

from harness import PATIENCE, TOKEN, IntegrationTest


class Rotation(IntegrationTest):
    """A token that the API no longer accepts: a new one in its file is used without a reload."""

    NEW = "n3w-t0ken"

    def setUp(self):
        super().setUp()
        self.fake = self.start_fake("[jobs 11-30]\nstep = 0s Running\n")
        self.write_config(self.fake, range(11, 31))

    def start_polling(self, **how):
        daemon = self.start_daemon(**how)
        daemon.wait_for("first seen as Running", count=20)
        return daemon

    def test_a_token_that_was_replaced_before_it_is_refused(self):
        """Nothing fails, whatever is in flight."""
        daemon = self.start_polling()
        self.secret("token", self.NEW + "\n")
        self.fake.server(token=self.NEW)
        daemon.wait_for("notice +The API token has been replaced. Using the new one.")
        for job in range(11, 31):
            self.fake.job(job, result="after")
        daemon.wait_for(r"after \[changed", count=20)
        daemon.stop()
        self.assertEqual(daemon.count(" (warning|error) "), 0, daemon.text())
        self.assertEqual(daemon.count("has been replaced"), 1, "one for all that were refused")
        self.assertNotIn(self.NEW, daemon.text())

    def test_a_token_that_is_replaced_later(self):
        daemon = self.start_polling()
        self.fake.server(token=self.NEW)
        line = daemon.wait_for("error +API at .* rejected the credentials: HTTP 401")
        self.assertIn(f"A new token in {self.token_file} is used at the next attempt.", line)
        self.secret("token", self.NEW)
        daemon.wait_for("The API token has been replaced", patience=30 + PATIENCE)  # at the next attempt
        self.fake.polls(1, 11, status=200)

    def test_a_credential_needs_a_restart_and_the_message_says_so(self):
        credentials = self.directory / "credentials"
        credentials.mkdir()
        (credentials / "nexudus.token").write_text(TOKEN)
        self.write_config(self.fake, [11], api={"token_file": "nexudus.token"})
        daemon = self.start_daemon(env={"CREDENTIALS_DIRECTORY": str(credentials)})
        daemon.wait_for("Job 11: first seen")
        self.fake.server(token=self.NEW)
        line = daemon.wait_for("error +API at .* rejected the credentials: HTTP 401")
        self.assertRegex(line, rf'After writing to {self.directory}/nexudus.token run "systemctl restart \S+\.(service|scope)"')


if __name__ == "__main__":
    unittest.main()
