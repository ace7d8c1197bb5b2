#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Sources of the token, invalid files, and that the token is sent only to the API."""

import base64
import os
import unittest

from harness import EX_CONFIG, EX_OK, TOKEN, IntegrationTest

RUNNING = "[job 11]\nstep = 0s Running\n"
PASSWORD = "p:a ss wört \"5ecret"


class Credentials(IntegrationTest):
    def setUp(self):
        super().setUp()
        self.fake = self.start_fake(RUNNING)

    def configure(self, **api):
        self.write_config(self.fake, (11,), api=api)

    def accepted(self, *options, **how):
        daemon = self.start_daemon(*options, **how)
        daemon.wait_for("Job 11: first seen as Running")
        self.assertEqual(daemon.stop(), EX_OK)
        self.assertEqual({request["authorization"] for request in self.fake.requests()}, {f"bearer {TOKEN}"})
        return daemon

    def refused(self, says):
        daemon = self.assertEnds(EX_CONFIG, says=says)
        self.assertNotIn(TOKEN, daemon.text())
        self.assertEqual(self.fake.stats()["requests"], 0)

    def test_file(self):
        self.configure()
        daemon = self.accepted()
        self.assertEqual(daemon.count(" (warning|error) "), 0, daemon.text())

    def test_one_newline_is_dropped(self):
        for end in ("\n", "\r\n"):
            with self.subTest(repr(end)):
                self.configure(token_file=self.secret("token", TOKEN + end))
                self.accepted()
                self.state_file_gone()

    def state_file_gone(self):
        for path in self.state.iterdir():
            path.unlink()

    def test_credentials_directory(self):
        directory = self.directory / "credentials"
        directory.mkdir()
        (directory / "nexudus.token").write_text(TOKEN + "\n")
        self.token_file.unlink()
        self.configure(token_file="nexudus.token")
        self.accepted(env={"CREDENTIALS_DIRECTORY": str(directory)})

    def test_credential_missing(self):
        directory = self.directory / "credentials"
        directory.mkdir()
        self.configure(token_file="nexudus.token")
        daemon = self.assertEnds(EX_CONFIG, env={"CREDENTIALS_DIRECTORY": str(directory)},
                                 says=f"add LoadCredential=nexudus.token:{self.directory}/nexudus.token under")
        self.assertNotIn(str(directory), daemon.text())
        self.refused(f"error +.*No API token: {self.directory}/nexudus.token is missing or empty")

    def test_file_missing(self):
        path = self.directory / "none"
        self.configure(token_file=path)
        self.refused(f"error +.*No API token: {path} is missing or empty")

    def test_empty(self):
        for content in ("", "\n", "\r\n"):
            with self.subTest(repr(content)):
                self.configure(token_file=self.secret("token", content))
                self.refused(f"No API token: {self.directory}/token is missing or empty")

    def test_directory(self):
        self.configure(token_file=self.directory)
        self.refused("not a regular file")

    def test_pipe_does_not_block(self):
        path = self.directory / "pipe"
        os.mkfifo(path)
        self.configure(token_file=path)
        self.refused("not a regular file")

    def test_two_lines(self):
        for content in (f"{TOKEN}\nmore\n", f"{TOKEN}\n\n", f"\n{TOKEN}\n"):
            with self.subTest(repr(content)):
                self.configure(token_file=self.secret("token", content))
                self.refused("more than one line")

    def test_control_characters(self):
        for content in (TOKEN + "\0", TOKEN + "\x01", "\x1b[31m" + TOKEN, TOKEN + "\x7f"):
            with self.subTest(repr(content)):
                self.configure(token_file=self.secret("token", content))
                self.refused("control characters")

    def test_huge(self):
        self.configure(token_file=self.secret("token", "x" * 100_000))
        self.refused("larger than 64 KiB")

    def test_readable_by_all(self):
        self.configure(token_file=self.secret("token", TOKEN, 0o644))
        daemon = self.accepted()
        self.assertEqual(daemon.count(f"warning .*all users can read this secret; run \"chmod 0600 {self.directory}/token\""), 1, daemon.text())


class Basic(IntegrationTest):
    def test_basic(self):
        fake = self.start_fake(RUNNING, f"username = me@example.com\npassword = {PASSWORD}")
        self.write_config(fake, (11,), api={"auth": "basic", "username": "me@example.com",
                                            "password_file": self.secret("password", PASSWORD + "\n")})
        daemon = self.start_daemon("--log-level=debug")
        daemon.wait_for("Job 11: first seen as Running")
        environ, arguments = daemon.proc("environ"), daemon.proc("cmdline")
        self.assertEqual(daemon.stop(), EX_OK)
        self.assertEqual({request["authorization"] for request in fake.requests()},
                         {f"basic me@example.com:{PASSWORD}"})
        for place in (environ, arguments, daemon.text().encode(), daemon.output.encode()):
            self.assertNotIn(PASSWORD.encode(), place)
            self.assertNotIn(base64.b64encode(f"me@example.com:{PASSWORD}".encode()), place)

    def test_wrong_password(self):
        fake = self.start_fake(RUNNING, f"username = me@example.com\npassword = {PASSWORD}")
        self.write_config(fake, (11,), api={"auth": "basic", "username": "me@example.com",
                                            "password_file": self.secret("password", "wr0ng-5ecret")})
        daemon = self.assertEnds(77, "--once")
        self.assertNotIn("wr0ng-5ecret", daemon.text() + daemon.output)


class Secrets(IntegrationTest):
    def places(self, daemon):
        kept = b"".join(path.read_bytes() for path in self.state.iterdir() if path.is_file())
        return {"log": daemon.text().encode(), "output": daemon.output.encode(), "state": kept}

    def test_token_shows_nowhere(self):
        """Not in the log at any level, nor in argv, environment, state and --print-config."""
        fake = self.start_fake(RUNNING)
        self.write_config(fake, (11,))
        daemon = self.start_daemon("--log-level=debug")
        daemon.wait_for("Job 11: first seen as Running")
        for count, fault in enumerate(({"status": 500}, {"html": "yes"}, {"status": 401}), 1):
            mark = daemon.mark()
            fake.fault("fault", **fault)
            daemon.wait_for(" (warning|error) ", since=mark)
            if count < 3:
                fake.mend()
                fake.polls(1, 11, status=200)
        here = {"argv": daemon.proc("cmdline"), "environ": daemon.proc("environ")}
        self.assertEqual(daemon.stop(), EX_OK)
        for name, place in {**here, **self.places(daemon)}.items():
            self.assertNotIn(TOKEN.encode(), place, name)

        printed = self.assertEnds(EX_OK, "--print-config")
        self.assertIn(str(self.token_file), printed.output)
        self.assertNotIn(TOKEN, printed.output + printed.text())

    def test_echo_of_the_token_is_not_logged(self):
        """An error page that repeats the request must not bring the token into the log."""
        fake = self.start_fake(RUNNING)
        fake.fault("echo", status=400, body='{"Message": "bad header Authorization: Bearer %s"}' % TOKEN)
        self.write_config(fake, (11,))
        daemon = self.start_daemon()
        daemon.wait_for("HTTP 400")
        daemon.stop()
        self.assertNotIn(TOKEN, daemon.text())

    def test_state_is_private(self):
        fake = self.start_fake(RUNNING)
        self.write_config(fake, (11,))
        daemon = self.start_daemon()
        daemon.wait_for("first seen as")
        self.assertEqual(self.state.stat().st_mode & 0o077, 0)
        for path in self.state.iterdir():
            self.assertEqual(path.stat().st_mode & 0o077, 0, path.name)
        daemon.stop()

    def test_redirects_are_not_followed(self):
        fake = self.start_fake(RUNNING)
        for status in (301, 302, 303, 307, 308):
            with self.subTest(status):
                other = self.start_fake("[job 11]\nstep = 0s Completed\n", name=f"other{status}")
                fake.fault("redirect", status=status,
                           header=f'"Location: {other.url}/api/sys/businessbackgroundjobs/11"')
                self.write_config(fake, (11,), state={"directory": self.directory / f"state{status}"})
                daemon = self.start_daemon()
                line = daemon.wait_for(f"HTTP {status}: redirects are not followed")
                self.assertIn("check base_url", line)
                fake.polls(2, 11)
                self.assertEqual(daemon.events(), [])
                fake.mend()
                daemon.wait_for("Job 11: first seen as Running")
                self.assertEqual(daemon.stop(), EX_OK)
                self.assertEqual(other.requests(), [], "nothing reaches the other server")
                self.assertEqual(other.stats()["connections"], 2, "but these two questions of ours")


if __name__ == "__main__":
    unittest.main()
