#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""jobwatchctl login and auth = login: what is asked and how, what becomes of the answers, and what the service says when
a login is needed."""

import contextlib
import fcntl
import os
import pathlib
import pty
import re
import select
import signal
import socket
import subprocess
import sys
import termios
import threading
import time
import unittest
import urllib.parse

from ctl_rig import CtlTest
from harness import EX_NOPERM, EX_OK, EX_UNAVAILABLE, EX_USAGE, PATIENCE, end_with_parent, program
from reload_rig import ServiceManager
from screen_rig import become_foreground
from sign_in import PASSWORD, USERNAME, SignInTest

BUS_CLIENT = program("BUS_CLIENT")
EX_REFUSED = 1
CODE = "8T3P9K"  # with letters, so that it is no part of a time
USER_ASKED, PASSWORD_ASKED, CODE_ASKED = "Nexudus user name: ", "Password: ", "One-time code (empty if the account has none): "
NOT_SIGNED_IN = r"error +Not signed in to the API at \S+: {}\. Run \"jobwatchctl login\" to sign in\."
NOBODY = NOT_SIGNED_IN.format("nobody has logged in yet")
SEALS = fcntl.F_SEAL_SEAL | fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW | fcntl.F_SEAL_WRITE
QUESTIONS = pathlib.Path("/run/systemd/ask-password")
NOBODY_UID = 65534


# Begins a job in the background. Whenever it has stopped, says whether the terminal echoes, and continues it in the
# foreground.
SHELL = """
import os, signal, subprocess, sys, termios
job = subprocess.Popen(sys.argv[1:], process_group=0)
signal.signal(signal.SIGTTOU, signal.SIG_IGN)
while os.WIFSTOPPED(status := os.waitpid(job.pid, os.WUNTRACED)[1]):
    print("stopped, echo", bool(termios.tcgetattr(0)[3] & termios.ECHO), flush=True)
    os.tcsetpgrp(0, job.pid)
    os.killpg(job.pid, signal.SIGCONT)
sys.exit(os.waitstatus_to_exitcode(status))
"""


class Terminal:
    """`jobwatchctl login` on a terminal of its own."""

    def __init__(self, test, *words, before=become_foreground, shell=()):
        self.primary, self.secondary = pty.openpty()
        test.addCleanup(os.close, self.primary)
        test.addCleanup(os.close, self.secondary)
        self.before = termios.tcgetattr(self.secondary)
        command = {**test.command("login", *words), "stdin": self.secondary}
        command["args"] = [*shell, *command["args"]]
        self.process = subprocess.Popen(**command, stdout=self.secondary, stderr=self.secondary, preexec_fn=before)
        test.addCleanup(self.process.wait)
        test.addCleanup(self.process.kill)
        self.test, self.shown = test, ""

    def read(self):
        while select.select([self.primary], [], [], 0.02)[0]:
            self.shown += os.read(self.primary, 65536).decode()
        return self.shown

    def wait_for(self, text, count=1):
        self.test.wait_until(lambda: self.read().count(text) >= count)

    def type(self, text):
        os.write(self.primary, text.encode())

    def answer(self, question, answer, count=1):
        self.wait_for(question, count)
        self.type(answer + "\n")

    def echoes(self):
        return bool(termios.tcgetattr(self.secondary)[3] & termios.ECHO)

    def is_restored(self):
        return termios.tcgetattr(self.secondary) == self.before

    def end(self):
        """(exit status, the last line)."""
        self.test.wait_until(lambda: self.read() is not None and self.process.poll() is not None)
        self.test.assertTrue(self.is_restored())
        return self.process.returncode, self.read().replace("\r", "").strip().split("\n")[-1]


class LoginTest(CtlTest, SignInTest):
    def start_login(self, jobs=(11,), server="", scenario=None, api=None, **config):
        self.fake = self.start_fake(scenario or f"[jobs {jobs[0]}-{jobs[-1]}]\nstep = 0s Running\n",
                                    f"username = {USERNAME}\npassword = {PASSWORD}\n{server}")
        self.write_config(self.fake, jobs, api={"auth": "login", "token_file": None, **(api or {})}, **config)
        self.manager = ServiceManager(self.directory / "notify")
        self.addCleanup(self.manager.stop)
        return self.start_again("--log-level=debug")

    def log_in(self, *answers, user=USERNAME, password=PASSWORD):
        terminal = Terminal(self)
        terminal.answer(USER_ASKED, user)
        terminal.answer(PASSWORD_ASKED, password)
        for answer in answers:
            terminal.answer(CODE_ASKED, answer)
        return terminal

    def assertLogsIn(self, *answers):
        status, line = self.log_in(*answers).end()
        self.assertEqual(status, EX_OK, line)
        self.assertRegex(line, r"^Signed in\. The token expires \d{4}-\d\d-\d\d \d\d:\d\d:\d\d and is renewed before\.$")

    def assertRefused(self, status, says, *answers, **how):
        got, line = self.log_in(*answers, **how).end()
        self.assertEqual(got, status, line)
        self.assertRegex(line, "^jobwatchctl: " + says + "$")

    def forms(self):
        return [dict(request["form"]) for request in self.sign_ins()]


class Needed(LoginTest):
    def test_nothing_is_requested_before_the_login(self):
        daemon = self.start_login(range(11, 16))
        self.manager.wait_for("READY=1")
        daemon.wait_for(NOBODY)
        self.manager.wait_for(r"STATUS=5 jobs \(5 open, 0 finished\); API: not signed in, run \"jobwatchctl login\"; .*")
        done = self.ctl("status")
        self.assertEqual(done.returncode, 1)
        self.assertIn('Nobody is signed in to the API. Run "jobwatchctl login".', done.stdout)
        row = self.json("status", status=1)
        self.assertEqual((row["Auth"], row["Login"], row["Api"]), ("login", "jobwatchctl login", "refused"))
        self.assertRegex(self.out("status", "--check", status=2), "^JOBWATCHD CRITICAL - Nobody is signed in")
        self.says(EX_UNAVAILABLE, "the API cannot be asked: nobody is signed in; see 'jobwatchctl status'", "recent")
        self.assertEqual(self.fake.requests(), [])

        self.assertLogsIn()
        daemon.wait_for("first seen as", count=5)
        self.manager.wait_for(r"STATUS=5 jobs \(5 open, 0 finished\); next poll at .*")
        self.assertEqual(self.grants(), ["password"])
        self.assertEqual(daemon.count(NOBODY), 1)
        daemon.wait_for(r"notice +Signed in to the API, by a login of user \d+\.")
        row = self.json("status")
        self.assertNotIn("Login", row)
        self.assertRegex(self.out("status"), r"(?m)^ +Token: expires .*; in (6d .*|7d); is renewed before$")
        self.assertLess(abs(row["TokenExpiresUSec"] / 1e6 - time.time() - 604799), 60)
        self.assertLess(abs(row["RefreshExpiresUSec"] / 1e6 - time.time() - 15 * 86400), 60)

    def test_once_says_so(self):
        self.start_login()
        self.assertEqual(self.daemon.stop(), EX_OK)
        self.assertEnds(EX_NOPERM, "--once", says=NOBODY)
        self.assertEnds(EX_OK, "--check")
        self.assertIn("auth = login\n", self.assertEnds(EX_OK, "--print-config").output)
        self.assertEqual(self.fake.requests(), [])

    def test_an_instance_is_named(self):
        self.config = self.config.with_name("branch.ini")
        self.start_login().wait_for(r'Run "jobwatchctl -i branch login" to sign in\.')

    def test_hooks_are_told_once(self):
        program = self.directory / "hook"
        program.write_text(f"#!/bin/sh\necho $JOBWATCH_EVENT >> {self.directory}/told\n")
        program.chmod(0o755)
        daemon = self.start_login(more=f"[hook h]\non = api_refused, api_ok\nexec = {program}\n")
        daemon.wait_for(r"cannot be used without a login: nobody has logged in yet \[api_refused\]")
        told = self.directory / "told"
        self.wait_until(lambda: told.exists() and told.read_text() == "api_refused\n")
        daemon.stop()
        self.start_again().wait_for(NOBODY)
        self.assertLogsIn()
        self.wait_until(lambda: told.read_text() == "api_refused\napi_ok\n")


class Renewal(LoginTest):
    def test_the_next_run_goes_on_with_the_tokens(self):
        daemon = self.start_login()
        self.assertLogsIn()
        daemon.wait_for("first seen as")
        for how in signal.SIGKILL, signal.SIGTERM:
            daemon.process.send_signal(how)
            daemon.wait_exit()
            access, refresh = self.kept()
            self.expire()
            since = self.fake.stats()["last_seq"]
            daemon = self.start_again()
            self.fake.wait(2, since, path=self.poll_path(11), status=200)
            self.assertEqual(self.forms()[-1], {"grant_type": "refresh_token", "refresh_token": refresh})
            self.assertEqual(daemon.count("Not signed in"), 0, daemon.text())
        self.assertEqual(self.grants(), ["password", "refresh_token", "refresh_token"])

    def test_tokens_are_renewed_in_time(self):
        self.start_login(server="token_lifetime = 6s")
        self.assertLogsIn()
        self.wait_sign_ins(3)
        self.assertEqual(self.grants()[:3], ["password", "refresh_token", "refresh_token"])
        self.assertEqual({poll["status"] for poll in self.polls_made()}, {200})

    def test_a_rejected_refresh_token_needs_a_login(self):
        daemon = self.start_login()
        self.assertLogsIn()
        daemon.wait_for("first seen as")
        self.spoil(status=400, body='{"error": "invalid_grant"}')
        self.expire()
        daemon.wait_for(NOT_SIGNED_IN.format(r"refresh token rejected \(invalid_grant\)"))
        self.manager.wait_for(r"STATUS=.*; API: not signed in, run \"jobwatchctl login\"; .*")
        self.assertEqual(self.json("status", status=1)["Login"], "jobwatchctl login")
        self.assertEqual(self.grants(), ["password", "refresh_token"], "it is not tried again")
        daemon.stop()

        daemon = self.start_again()
        daemon.wait_for("Not signed in")
        self.fake.mend()
        polls = len(self.polls_made())
        self.assertLogsIn()
        self.fake.polls(polls + 2, 11)
        self.assertEqual(self.grants()[-1], "password")
        self.out("status")

    def test_a_token_that_cannot_be_renewed_is_announced_and_used(self):
        daemon = self.start_login(server="token_lifetime = 10s")
        self.assertLogsIn()
        daemon.wait_for("first seen as")
        self.spoil(status=400, body='{"error": "invalid_grant"}')
        daemon.wait_for(r"warning +The API token expires in [\w ]+ and cannot be renewed: refresh token rejected "
                        r"\(invalid_grant\)\. Run \"jobwatchctl login\" before that\.")
        self.fake.wait(1, self.fake.stats()["last_seq"], path=self.poll_path(11), status=200)
        daemon.wait_for(NOT_SIGNED_IN.format("the token has expired and cannot be renewed"))
        self.assertEqual(daemon.count("Not signed in"), 2, "at the start and now")
        self.assertEqual(self.grants(), ["password", "refresh_token"])

    def test_the_login_of_another_program_ends_that_of_the_service(self):
        daemon = self.start_login(api={"client_id": "desk-7"})
        self.assertLogsIn()
        daemon.wait_for("first seen as")
        self.take_token("desk-7")
        self.expire()
        daemon.wait_for(NOT_SIGNED_IN.format(r"refresh token rejected \(invalid_grant\)"))

    def test_a_reload_keeps_who_is_signed_in(self):
        daemon = self.start_login()
        self.assertLogsIn()
        daemon.process.send_signal(signal.SIGHUP)
        daemon.wait_for("Configuration reloaded")
        self.write_config(self.fake, (11,), api={"auth": "login", "token_file": None, "timeout": "9s"})
        daemon.process.send_signal(signal.SIGHUP)
        daemon.wait_for("Configuration reloaded", count=2)
        polls = len(self.polls_made())
        self.fake.polls(polls + 2, 11)
        self.assertEqual(self.grants(), ["password"])
        self.write_config(self.fake, (11,))
        daemon.process.send_signal(signal.SIGHUP)
        daemon.wait_for("Configuration reloaded", count=3)
        self.assertEqual(self.json("status")["Auth"], "token")


class SecondFactor(LoginTest):
    def test_the_code_is_asked_for_if_it_may_be_required(self):
        self.start_login(server=f"totp = {CODE}")
        self.assertLogsIn(CODE)
        first, second = self.forms()
        self.assertEqual(first, {"grant_type": "password", "username": USERNAME, "password": PASSWORD})
        self.assertEqual(second, {**first, "totp": CODE})
        self.daemon.wait_for("first seen as")

    def test_a_wrong_code(self):
        self.start_login(server=f"totp = {CODE}")
        self.assertRefused(EX_REFUSED, r"the API has refused the login: wrong user name, password or one-time code \(invalid_grant\)",
                           "111111")
        self.daemon.wait_for(r"notice +The API has refused a login by user \d+: wrong user name, password or one-time code")
        self.assertEqual(self.daemon.count("error"), 1, "the refusal is no outage")
        self.assertLogsIn(CODE)

    def test_a_wrong_password(self):
        self.start_login()
        self.assertRefused(EX_REFUSED, "the API has refused the login: check the user name and the password", "", password="no")
        self.assertLogsIn()
        self.daemon.wait_for("first seen as")

    def test_a_wrong_password_costs_no_token(self):
        self.start_login()
        self.assertLogsIn()
        self.assertRefused(EX_REFUSED, "the API has refused .*", "1", password="no")
        polls = len(self.polls_made())
        self.fake.polls(polls + 2, 11)
        self.assertEqual(self.daemon.count("warning|Not signed in"), 1, self.daemon.text())


class OnTerminal(LoginTest):
    def test_secrets_are_not_echoed(self):
        self.start_login(server=f"totp = {CODE}")
        terminal = Terminal(self)
        terminal.wait_for(USER_ASKED)
        self.assertTrue(terminal.echoes())
        terminal.type(USERNAME + "\n")
        for question, answer in (PASSWORD_ASKED, PASSWORD), (CODE_ASKED, CODE):
            terminal.wait_for(question)
            self.assertFalse(terminal.echoes())
            terminal.type(answer + "\n")
        self.assertEqual(terminal.end()[0], EX_OK)
        self.assertIn(USERNAME, terminal.shown)
        for secret in PASSWORD, CODE:
            self.assertNotIn(secret, terminal.shown)

    def test_signals_end_it_and_restore_the_terminal(self):
        self.start_login()
        for key, number in ("\x03", signal.SIGINT), ("\x1c", signal.SIGQUIT), (None, signal.SIGTERM), (None, signal.SIGHUP):
            with self.subTest(number):
                terminal = Terminal(self)
                terminal.answer(USER_ASKED, USERNAME)
                terminal.wait_for(PASSWORD_ASKED)
                terminal.type(PASSWORD[:5])
                terminal.type(key) if key else terminal.process.send_signal(number)
                self.assertEqual(terminal.end()[0], -number)
                self.assertNotIn(PASSWORD[:5], terminal.shown)
        self.assertEqual(self.sign_ins(), [])

    def test_stopped_and_continued_it_asks_again(self):
        self.start_login()
        terminal = Terminal(self, shell=[sys.executable, "-c", SHELL])
        terminal.wait_for("stopped, echo True")  # in the background
        terminal.answer(USER_ASKED, USERNAME)
        terminal.wait_for(PASSWORD_ASKED)
        self.assertFalse(terminal.echoes())
        terminal.type(PASSWORD[:5] + "\x1a")
        terminal.wait_for("stopped, echo True", count=2)
        terminal.wait_for(PASSWORD_ASKED, count=2)
        self.assertFalse(terminal.echoes())
        terminal.type(PASSWORD + "\n")
        self.assertEqual(terminal.end()[0], EX_OK)
        self.assertNotIn(PASSWORD[:5], terminal.shown)

    def test_what_was_typed_before_the_question_is_no_answer(self):
        self.start_login()
        terminal = Terminal(self)
        terminal.answer(USER_ASKED, USERNAME + "\nearly")
        terminal.wait_for(PASSWORD_ASKED)
        terminal.type(PASSWORD + "\n")
        self.assertEqual(terminal.end()[0], EX_OK)

    def test_no_answer(self):
        self.start_login()
        for user, password in ("", None), ("\x04", None), (USERNAME, ""), (USERNAME, "\x04"):
            with self.subTest(user=user, password=password):
                terminal = Terminal(self)
                terminal.wait_for(USER_ASKED)
                terminal.type(user if user == "\x04" else user + "\n")
                if password is not None:
                    terminal.wait_for(PASSWORD_ASKED)
                    terminal.type(password if password == "\x04" else password + "\n")
                self.assertEqual(terminal.end(), (EX_REFUSED, "jobwatchctl: no answer"))
        self.assertEqual(self.sign_ins(), [])

    def test_an_answer_that_is_too_long(self):
        self.start_login()
        terminal = Terminal(self)
        terminal.answer(USER_ASKED, "u" * 2000)
        terminal.answer(PASSWORD_ASKED, "p" * 3000)
        self.assertEqual(terminal.end(), (EX_USAGE, "jobwatchctl: the answer is too long"))


class WithoutTerminal(LoginTest):
    """systemd-ask-password asks where its agents are; the test is one."""

    def start_it(self, **how):
        process = subprocess.Popen(**self.command("login"), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                                   start_new_session=True, **how)
        self.addCleanup(process.wait)
        self.addCleanup(process.kill)
        self.addCleanup(process.stdout.close)
        self.addCleanup(process.stderr.close)
        return process

    def question(self, process, message):
        """The question of its child, as systemd's agents see it."""
        for path in QUESTIONS.glob("ask.*"):
            with contextlib.suppress(FileNotFoundError):
                fields = dict(line.split("=", 1) for line in path.read_text().splitlines() if "=" in line)
                with open(f"/proc/{fields['PID']}/stat", encoding="ascii") as file:
                    parent = int(file.read().rpartition(")")[2].split()[1])
                if parent == process.pid and fields.get("Message", "").strip() == message.strip():
                    return fields
        return None

    def reply(self, process, message, answer):
        found = []
        self.wait_until(lambda: process.poll() is not None or found.append(self.question(process, message)) or found[-1])
        self.assertTrue(found and found[-1], (message, process.poll()))
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as agent:
            agent.sendto(b"+" + answer.encode() + b"\0", found[-1]["Socket"])
        return found[-1]

    @unittest.skipUnless(os.geteuid() == 0 and os.access("/usr/bin/systemd-ask-password", os.X_OK), "needs root and systemd")
    def test_agents_of_systemd_are_asked(self):
        self.start_login(server=f"totp = {CODE}")
        process = self.start_it()
        self.assertEqual(self.reply(process, USER_ASKED, USERNAME)["Echo"], "1")
        self.assertNotEqual(self.reply(process, PASSWORD_ASKED, PASSWORD).get("Echo"), "1")
        self.reply(process, CODE_ASKED, CODE)
        output, error = process.communicate(timeout=PATIENCE)
        self.assertEqual((process.returncode, error), (EX_OK, ""), output)
        self.assertIn("Signed in.", output)

    @unittest.skipUnless(os.geteuid() == 0, "needs root")
    def test_nobody_can_be_asked(self):
        self.start_login()
        self.directory.chmod(0o711)
        process = self.start_it(user=NOBODY_UID, group=NOBODY_UID, extra_groups=[])
        _, error = process.communicate(timeout=PATIENCE)
        self.assertEqual(process.returncode, EX_UNAVAILABLE, error)
        self.assertRegex(error, "jobwatchctl: cannot ask: there is no terminal, and")


class Errors(LoginTest):
    def test_no_password_may_be_asked_for(self):
        self.start_login()
        self.says(EX_USAGE, "login asks for a password: run it without --no-ask-password", "login", "--no-ask-password")

    def test_another_kind_of_authentication(self):
        self.start("[job 11]\nstep = 0s Running\n", [11])
        self.says(EX_UNAVAILABLE, "jobwatchd does not take a login: set auth = login", "login")
        self.assertIn("NotSupported: a login needs auth = login", self.pass_on(self.memory(b"a\0b\0\0")))

    def test_no_service(self):
        self.says(EX_UNAVAILABLE, "jobwatchd is not running", "login")

    def test_the_api_cannot_be_reached(self):
        self.start_login()
        self.fake.stop()
        self.assertRefused(EX_UNAVAILABLE, "the API cannot be asked: .*Connection refused.*")

    def test_the_service_stops_meanwhile(self):
        self.start_login()
        self.spoil(hang="yes")
        terminal = self.log_in()
        self.wait_sign_ins(1, arrived=1)
        self.daemon.process.send_signal(signal.SIGTERM)
        status, line = terminal.end()
        self.assertEqual(status, EX_UNAVAILABLE, line)
        self.assertRegex(line, "the service is stopping|did not reply|not running")
        self.assertEqual(self.daemon.wait_exit(), EX_OK)

    def test_throttled(self):
        self.start_login()
        self.spoil(status=409, header='"Retry-After: 300"')
        self.assertRefused(EX_UNAVAILABLE, "the API cannot be asked: .*throttled.*")
        self.assertRefused(EX_UNAVAILABLE, "the API cannot be asked: the rate limits leave no request at present")
        self.assertEqual(len(self.sign_ins()), 1)

    @unittest.skipUnless(os.geteuid() == 0, "needs root")
    def test_without_permission(self):
        """There is no polkit on this bus that could permit it."""
        self.start_login()
        self.directory.chmod(0o711)

        def become_nobody():
            become_foreground()
            os.setgroups([])
            os.setgid(NOBODY_UID)
            os.setuid(NOBODY_UID)
        terminal = Terminal(self, before=become_nobody)
        os.chmod(os.ttyname(terminal.secondary), 0o666)
        terminal.answer(USER_ASKED, USERNAME)
        terminal.answer(PASSWORD_ASKED, PASSWORD)
        status, line = terminal.end()
        self.assertEqual(status, EX_NOPERM, line)
        self.assertRegex(line, "^jobwatchctl: not permitted: ")
        self.assertEqual(self.sign_ins(), [])

    # ---- what is passed to Login ----

    def memory(self, data, seals=SEALS):
        fd = os.memfd_create("login", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
        self.addCleanup(os.close, fd)
        os.write(fd, data)
        fcntl.fcntl(fd, fcntl.F_ADD_SEALS, seals)
        return fd

    def pass_on(self, fd):
        done = subprocess.run([BUS_CLIENT, "login", "org.jobwatchd1"], stdin=fd, capture_output=True, text=True, check=True,
                              timeout=PATIENCE, env={**os.environ, **self.bus.env})
        return done.stdout.strip()

    def test_only_a_sealed_memfd_is_accepted(self):
        self.start_login()
        good = f"{USERNAME}\0{PASSWORD}\0\0".encode()
        plain = self.directory / "plain"
        plain.write_bytes(good)
        reader, writer = os.pipe()
        os.write(writer, good)
        folder = os.open(self.directory, os.O_RDONLY)
        file = os.open(plain, os.O_RDWR)
        one, other = socket.socketpair()
        for fd in reader, writer, folder, file:
            self.addCleanup(os.close, fd)
        self.addCleanup(one.close)
        self.addCleanup(other.close)
        other.send(good)
        unsealed = "the descriptor is not a memfd with all seals"
        cases = [(fd, unsealed) for fd in (reader, folder, file, one.fileno(), self.memory(good, 0))]
        cases += [(self.memory(good, SEALS & ~seal), unsealed)
                  for seal in (fcntl.F_SEAL_SEAL, fcntl.F_SEAL_SHRINK, fcntl.F_SEAL_GROW, fcntl.F_SEAL_WRITE)]
        cases += [(self.memory(b""), "the memfd is empty or too large"),
                  (self.memory(b"u\0p\0" + b"c" * 4092 + b"\0"), "the memfd is empty or too large")]
        cases += [(self.memory(data), "the memfd does not have a user name, a password and a code")
                  for data in (b"u", b"u\0", b"u\0p\0", b"u\0p\0c", b"\0p\0\0", b"u\0\0\0", b"u\0p\0\0\0", b"\0\0\0")]
        for fd, says in cases:
            self.assertEqual(self.pass_on(fd), "org.freedesktop.DBus.Error.InvalidArgs: " + says)
        self.assertEqual(self.sign_ins(), [])
        self.assertEqual(self.pass_on(self.memory(good)), "ok")
        self.daemon.wait_for("first seen as")
        self.assertEqual(self.pass_on(self.memory(b"u\0p\0" + b"c" * 4091 + b"\0"))[:38],
                         "org.jobwatchd1.Error.SignInRefused: th")


class Secrets(LoginTest):
    def test_password_and_code_are_nowhere(self):
        """Not in argv and environment of any process, in messages of the bus, in the log, in STATUS=, in the state."""
        self.start_login(server=f"totp = {CODE}")
        messages = []
        monitor = self.bus.monitor()
        reader = threading.Thread(target=lambda: messages.extend(monitor.stdout))
        reader.start()
        processes = []

        def look(pid):
            for name in "cmdline", "environ":
                processes.append(pathlib.Path(f"/proc/{pid}/{name}").read_bytes())

        terminal = Terminal(self)
        terminal.answer(USER_ASKED, USERNAME)
        terminal.answer(PASSWORD_ASKED, PASSWORD)
        terminal.wait_for(CODE_ASKED)
        look(terminal.process.pid)
        self.spoil(delay="300ms")
        terminal.type(CODE + "\n")
        self.wait_sign_ins(2, arrived=1)
        look(terminal.process.pid)
        look(self.daemon.pid)
        self.assertEqual(terminal.end()[0], EX_OK)
        self.fake.mend()
        self.daemon.wait_for("first seen as")
        look(self.daemon.pid)
        held = [os.readlink(path) for path in pathlib.Path(f"/proc/{self.daemon.pid}/fd").iterdir()]
        self.assertFalse([name for name in held if "login" in name], "the descriptor is closed")
        memory = self.memory_of(self.daemon.pid)
        self.assertEqual(self.daemon.stop(), EX_OK)
        monitor.kill()
        monitor.wait()
        reader.join()
        monitor.stdout.close()
        calls = [message for message in messages if '"member":"Login"' in message]
        self.assertEqual(len(calls), 2, "the monitor has seen both calls")

        state = b"".join(path.read_bytes() for path in self.state.iterdir() if path.name != "reserve")
        places = {"processes": b"".join(processes), "bus": "".join(messages).encode(), "state": state,
                  "log": self.daemon.text().encode(), "output": self.daemon.output.encode(),
                  "STATUS": "\n".join(self.manager.take_all()).encode(), "terminal": terminal.shown.encode(),
                  "configuration": self.config.read_bytes()}
        for secret in PASSWORD, CODE:
            for form in secret, urllib.parse.quote(secret), urllib.parse.quote_plus(secret):
                for name, place in places.items():
                    self.assertNotIn(form.encode(), place, name)
        self.assertIn(self.kept()[1].encode(), state, "the search finds what is there")
        if memory is not None:
            self.assertNotEqual(memory.find(self.kept()[1].encode()), -1, "the search finds what is there")
            for secret in ("totp=" + CODE, "password=" + urllib.parse.quote(PASSWORD, safe="~"), PASSWORD, USERNAME):
                at = memory.find(secret.encode())
                self.assertEqual(at, -1, (secret, memory[max(0, at - 300):at + 100]))

    def memory_of(self, pid):
        """All that a process can write to; None if it cannot be read."""
        parts = []
        try:
            with open(f"/proc/{pid}/maps", encoding="ascii") as maps, open(f"/proc/{pid}/mem", "rb", 0) as memory:
                for line in maps:
                    span, modes = line.split()[:2]
                    if modes.startswith("rw") and "[v" not in line:
                        begin, end = (int(part, 16) for part in span.split("-"))
                        with contextlib.suppress(OSError, ValueError, OverflowError):
                            memory.seek(begin)
                            parts.append(memory.read(min(end - begin, 1 << 26)))
        except PermissionError:
            return None
        return b"".join(parts)


if __name__ == "__main__":
    unittest.main()
