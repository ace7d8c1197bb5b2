#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""--check finds what a start would refuse, and says what to write instead; the two agree."""

import os
import pwd
import re
import shutil
import socket
import subprocess
import tempfile
import unittest

from harness import EX_CONFIG, EX_OK, JOBWATCHD, TOKEN, IntegrationTest, clean_environment
from service_user import GID, UID, USER, can_replace_users, users

EX_USAGE = 64
RUNNING = "[job 11]\nstep = 0s Running\n"
KEY = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
# Contents of a token file, and what the messages say about them.
WRONG_TOKENS = {
    f'"{TOKEN}"\n': "quotes",
    f"Bearer {TOKEN}\n": "Bearer",
    f"\ufeff{TOKEN}\n": "byte order mark",
    f"{TOKEN} \n": "blanks",
    f" {TOKEN}\n": "blanks",
    f"{TOKEN[:4]} {TOKEN[4:]}\n": "blanks",
    f"{TOKEN}\nsecond\n": "more than one line",
    "\n": "missing or empty",
    "": "missing or empty",
}


class CheckTest(IntegrationTest):
    def check(self, *options, before=(), config=None, env=None):
        """Returns (status, output)."""
        # LeakSanitizer cannot trace a process that has become another user; other checks show leaks.
        traced = {"ASAN_OPTIONS": os.environ.get("ASAN_OPTIONS", "") + ":detect_leaks=0"} if before else {}
        done = subprocess.run([*map(str, before), JOBWATCHD, "--check", "-c", str(config or self.config), *options],
                              env=clean_environment(**traced, **(env or {})), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, timeout=60, check=False)
        return done.returncode, done.stdout.decode()

    def assertInvalid(self, pattern, **how):
        status, output = self.check(**how)
        self.assertEqual(status, EX_CONFIG, output)
        self.assertRegex(output, pattern)
        return output

    def assertValid(self, **how):
        status, output = self.check(**how)
        self.assertEqual(status, EX_OK, output)
        self.assertRegex(output, rf"{self.config}: OK \(\d+ jobs?, \d+ hooks?\)\n$")
        return output

    def assertBothRefuse(self, pattern):
        """--check and a start refuse the same, in the same words; nothing is asked and nothing stays behind."""
        self.assertInvalid(pattern)
        self.assertEnds(EX_CONFIG, "--once", says=pattern)
        self.assertFalse(self.state.exists())

    def program(self, name, text="#!/bin/sh\nexit 0\n", mode=0o755):
        return self.secret(name, text, mode)


class Secrets(CheckTest):
    def test_a_token_in_the_wrong_form(self):
        self.write_config("http://127.0.0.1:1", (11,))
        for content, problem in WRONG_TOKENS.items():
            with self.subTest(repr(content)):
                self.secret("token", content)
                self.assertBothRefuse(f"{self.directory}/token[: ].*{problem}")

    def test_a_token_that_is_no_file(self):
        self.write_config("http://127.0.0.1:1", (11,))
        self.token_file.unlink()
        self.assertBothRefuse(f"No API token: {self.token_file} is missing or empty")
        self.token_file.mkdir()
        self.assertBothRefuse(f"No API token: {self.token_file} is not a regular file")

    def test_a_signing_secret_in_the_wrong_form(self):
        hook = f"[hook web]\nurl = http://127.0.0.1:1/\nsecret_file = {self.directory}/web.secret\n"
        self.write_config("http://127.0.0.1:1", (11,), more=hook)
        for content, problem in {"v1," + KEY: "\"whsec_\" on", KEY[6:]: "whsec_", "whsec_AAAA": "24 to 64",
                                 f"{KEY}\n{KEY}\n": "more than one line", f"'{KEY}'": "quotes", "": "missing or empty"}.items():
            with self.subTest(repr(content)):
                self.secret("web.secret", content)
                self.assertBothRefuse(f"{self.directory}/web.secret[: ].*{problem}")
        self.secret("web.secret", KEY + "\r\n")
        self.assertValid()

    def test_credentials_are_beside_the_configuration(self):
        """Without systemd, as the units of the package pass them."""
        self.write_config("http://127.0.0.1:1", (11,), api={"token_file": None})
        self.assertBothRefuse(f"No API token: {self.directory}/nexudus.token is missing or empty")
        self.secret("nexudus.token", TOKEN + "\n")
        self.assertValid()

        second = self.directory / "second.ini"
        shutil.copy(self.config, second)
        self.assertInvalid(f"No API token: {self.directory}/second.token is missing or empty", config=second)
        self.secret("second.token", TOKEN + "\n")
        self.assertEqual(self.check(config=second)[0], EX_OK)

        self.write_config("http://127.0.0.1:1", (11,), api={"token_file": None, "auth": "basic", "username": "me"})
        self.assertBothRefuse(f"No API password: {self.directory}/nexudus.password is missing or empty")
        self.secret("nexudus.password", "a \"b\n")
        self.assertValid()

    def test_the_commands_of_the_manual_need_no_token_file(self):
        """By hand, with the credential beside the configuration."""
        fake = self.start_fake(RUNNING)
        self.write_config(fake, (11,), api={"token_file": None})
        self.secret("nexudus.token", TOKEN + "\n")
        daemon = self.assertEnds(EX_OK, "--once")
        self.assertIn("Job 11: Running", daemon.output)

    def test_an_encrypted_credential_cannot_be_judged(self):
        self.write_config("http://127.0.0.1:1", (11,), api={"token_file": None})
        self.secret("nexudus.token.cred", "encrypted")
        self.assertValid()

    def test_an_encrypted_credential_hides_no_other_problem(self):
        self.write_config("http://127.0.0.1:1", (11,), more="[hook web]\nurl_file = web.url\nsecret_file = web.secret\n")
        self.secret("web.url.cred", "encrypted")
        self.secret("web.secret", KEY)
        self.assertValid()
        self.secret("web.secret", "not a key")
        self.assertInvalid(f"secret_file = web.secret: {self.directory}/web.secret .*blanks")

    def test_readable_by_all(self):
        self.write_config("http://127.0.0.1:1", (11,), api={"token_file": None})
        self.secret("nexudus.token", TOKEN + "\n", 0o644)
        self.assertIn(f'run "chmod 0600 {self.directory}/nexudus.token"', self.assertValid())


class Hooks(CheckTest):
    def hook(self, command):
        self.write_config("http://127.0.0.1:1", (11,), more=f"[hook mail]\nexec = {command}\n")

    def test_programs_that_cannot_run(self):
        """Errors of --check; the service starts all the same, with a warning, and goes on watching."""
        fake = self.start_fake(RUNNING)
        for count, (program, problem) in enumerate({
                self.directory / "missing": "no such program",
                self.program("plain", mode=0o644): r"not executable \(chmod a\+x",
                self.program("crlf", "#!/bin/sh\r\nexit 0\r\n"): "Windows line endings",
                self.program("interpreter", "#!/usr/bin/pyhton3\n"): "its interpreter /usr/bin/pyhton3 does not exist",
                self.program("text", "exit 0\n"): "neither a binary nor a script",
        }.items()):
            with self.subTest(problem):
                self.hook(program)
                self.assertInvalid(rf"jobwatchd\.ini:\d+: \[hook mail\] exec = {program}: .*{problem}")
                self.write_config(fake, (11,), more=f"[hook mail]\nexec = {program}\n",
                                  state={"directory": self.directory / f"state{count}"})
                daemon = self.assertEnds(EX_OK, "--once")
                self.assertEqual(daemon.count(rf" warning .*\[hook mail\] exec = {program}: .*{problem}"), 1,
                                 daemon.text())

    def test_commands_that_cannot_be_split(self):
        for command in ("/bin/echo \\$HOME", "/bin/echo 'a", "/bin/echo \\"):
            with self.subTest(command):
                self.hook(command)
                self.assertBothRefuse("unclosed quote or unknown escape")

    def test_shell_syntax_is_probably_not_meant(self):
        program = self.program("ok")
        for rest, word in {"a | cat": "|", "> /tmp/x": ">", "2>&1": "2>&1", "< /x": "<", "a && b": "&&",
                           "$HOME": "$HOME", "--to=$USER": "--to=$USER", "${X}": "${X}", "`date`": "`date`"}.items():
            with self.subTest(rest):
                self.hook(f"{program} {rest}")
                output = self.assertValid()
                self.assertIn(f'"{word}" is passed to the program unchanged', output)
                self.assertIn("/bin/sh -c", output)
        for rest in ("'a | b'", '"$HOME"', "a-b", "a=b", "5$", "\\\\", "'>' x"):
            with self.subTest(rest):
                self.hook(f"{program} {rest}")
                self.assertNotIn("unchanged", self.assertValid())
        self.hook("/bin/sh -c 'echo \"$JOBWATCH_JOB\" | cat >> /dev/null; date +%i'")
        self.assertNotIn("warning: /", self.assertValid())

    def test_a_command_after_a_semicolon_is_a_comment(self):
        program = self.program("ok")
        self.hook(f"{program} ; /bin/echo done")
        self.assertIn('"; /bin/echo done" is a comment, which the program does not get', self.assertValid())
        for command in (f"{program} ';' x", f"{program} \\; x", f"{program} ;", f"{program}\n  ; a line of its own\n  x",
                        f"/bin/sh -c 'a ; b'"):
            with self.subTest(command):
                self.hook(command)
                self.assertNotIn("is a comment", self.assertValid())

    def test_specifiers_belong_to_units(self):
        self.hook(f"{self.program('ok')} %i")
        self.assertIn("%i is not replaced in exec; the program has the job ID in $JOBWATCH_JOB", self.assertValid())

    def test_places_that_the_sandbox_hides(self):
        self.hook(self.program("ok"))
        self.assertRegex(self.assertValid(), rf"{self.directory}/ok is in /tmp, which the sandbox of the service hides")
        self.hook("/bin/true")
        self.assertNotIn("sandbox", self.assertValid())


class Reload(CheckTest):
    def test_credentials_are_left_to_the_daemon(self):
        """systemd does not pass them to ExecReload=."""
        self.write_config("http://127.0.0.1:1", (11,), api={"token_file": None})
        status, output = self.check("--reload")
        self.assertEqual((status, re.sub("warning: cannot check for the user.*\n", "", output)), (EX_OK, ""))
        self.assertEqual(self.check()[0], EX_CONFIG)

    def test_everything_else_is_checked(self):
        self.write_config("http://127.0.0.1:1", (11,), more="[poll]\nintervall = 5s\n")
        status, output = self.check("--reload")
        self.assertEqual(status, EX_CONFIG, output)
        self.assertRegex(output, r"jobwatchd\.ini:\d+: unknown key")
        self.assertIn("Configuration not reloaded: 1 error.", output)

        self.write_config("http://127.0.0.1:1", (11,), api={"token_file": self.directory / "none"})
        self.assertEqual(self.check("--reload")[0], EX_CONFIG)
        self.write_config("http://127.0.0.1:1", (11,), more="[hook a]\nexec = /none\n")
        self.assertEqual(self.check("--reload")[0], EX_CONFIG)

    def test_systemd_learns_that_a_reload_begins(self):
        """It waits for the daemon from then on, so only if the daemon is going to be told."""
        notify = self.directory / "notify"
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK) as receiver:
            receiver.bind(str(notify))
            notify.chmod(0o666)
            for more, status in (("[poll]\nintervall = 5s\n", EX_CONFIG), ("", EX_OK)):
                self.write_config("http://127.0.0.1:1", (11,), more=more)
                self.assertEqual(self.check("--reload", env={"NOTIFY_SOCKET": str(notify)})[0], status)
                if status == EX_OK:
                    self.assertEqual(receiver.recv(1024), b"RELOADING=1")
                self.assertRaises(BlockingIOError, receiver.recv, 1024)

    def test_only_with_check(self):
        done = subprocess.run([JOBWATCHD, "--reload"], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
        self.assertEqual(done.returncode, EX_USAGE)
        self.assertIn(b"systemctl reload", done.stdout)


@unittest.skipUnless(can_replace_users(), "needs root and mount namespaces")
class ServiceUser(CheckTest):
    """As root, --check judges for the user of the service."""

    def setUp(self):
        super().setUp()
        # Not below a directory of root's, which the user of the service could not search.
        self.write_config("http://127.0.0.1:1", (11,), api={"token_file": None})
        self.config.chmod(0o644)
        self.nexudus_token = self.secret("nexudus.token", TOKEN + "\n")
        os.chown(self.nexudus_token, 0, 0)
        self.users = users(self, f"{USER}:x:{UID}:{GID}::/:/bin/false\n",
                           f"{USER}:x:{GID}:\nmore:x:{GID + 1}:{USER}\n")

    def test_a_credential_of_root_is_right(self):
        """systemd reads it as root."""
        self.assertValid(before=self.users)

    def test_an_absolute_path_is_read_by_the_service(self):
        self.write_config("http://127.0.0.1:1", (11,), api={"token_file": self.nexudus_token})
        self.config.chmod(0o644)
        output = self.assertInvalid(f"cannot read {self.nexudus_token}: Permission denied", before=self.users)
        self.assertIn(f"for the user {USER}", output)
        os.chown(self.nexudus_token, UID, 0)
        self.assertValid(before=self.users)

    def test_a_configuration_of_root_alone(self):
        self.config.chmod(0o600)
        self.assertInvalid(rf"{self.config}: cannot be read: Permission denied[^$]*for the user {USER}", before=self.users)
        os.chown(self.config, 0, GID + 1)
        self.config.chmod(0o640)
        self.assertValid(before=self.users)  # by one of its other groups

    def test_programs(self):
        program = self.program("ok", mode=0o700)
        self.config.write_text(self.config.read_text() + f"[hook mail]\nexec = {program}\n")
        self.assertInvalid(f"{program} is not executable", before=self.users)
        program.chmod(0o755)
        self.assertValid(before=self.users)

        inner = self.directory / "inner"
        inner.mkdir(0o700)
        hidden = inner / "hook"
        shutil.copy(program, hidden)
        self.config.write_text(self.config.read_text().replace(str(program), str(hidden)))
        self.assertInvalid(f"cannot access {hidden}: Permission denied", before=self.users)
        inner.chmod(0o711)
        self.assertValid(before=self.users)

    def test_without_that_user(self):
        """Before the installation is complete, root judges for root and says so."""
        nobody = users(self, "", "")
        self.config.chmod(0o600)
        self.assertIn(f"cannot check for the user {USER}: no such user (systemd-sysusers creates it)", self.assertValid(before=nobody))

    def test_another_user_judges_for_itself(self):
        account = pwd.getpwnam("nobody")
        before = ["setpriv", f"--reuid={account.pw_uid}", f"--regid={account.pw_gid}", "--clear-groups"]
        with tempfile.TemporaryDirectory(prefix="jobwatchd-test-") as directory:
            if not os.access("/usr/bin/setpriv", os.X_OK):
                self.skipTest("needs setpriv")
            program = os.path.join(directory, "jobwatchd")
            os.chmod(directory, 0o755)
            shutil.copy(JOBWATCHD, program)
            done = subprocess.run([*before, program, "--check", "-c", self.config], env=clean_environment(),
                                  stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
        self.assertEqual(done.returncode, EX_CONFIG)
        self.assertRegex(done.stdout.decode(), f"cannot read {self.nexudus_token}: Permission denied")


if __name__ == "__main__":
    unittest.main()
