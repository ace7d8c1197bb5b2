# SPDX-License-Identifier: MIT
"""jobwatchctl in tests: the program of JOBWATCHCTL on a private bus, with the real daemon or with FAKE_SERVICE."""

import fcntl
import json
import os
import platform
import pty
import re
import select
import signal
import struct
import subprocess
import termios

from bus_rig import Bus
from harness import IntegrationTest, PATIENCE, clean_environment, end_with_parent, program

JOBWATCHCTL = program("JOBWATCHCTL")
FAKE_SERVICE = program("FAKE_SERVICE")
PPOLL = {"x86_64": 271}.get(platform.machine(), 73)  # its number
THREE = ("[job 5]\ndescription = Import of members\nbusiness = Soho\nbusiness_id = 7\nstep = 0s Running | {\"rows\": 4}\n"
         "[job 6]\ndescription = Bulk edit\nstep = 0s Completed | 12 tariffs\n"
         "[job 7]\ndescription = Import of rooms\nstep = 0s Failed | Row 17: no such plan\n")


class CtlTest(IntegrationTest):
    def setUp(self):
        super().setUp()
        self.bus = Bus(self.directory)
        self.addCleanup(self.bus.stop)

    def start(self, scenario="", jobs=(), *options, env=None, **config):
        """A fake API and the daemon, once it is on the bus."""
        self.fake = self.start_fake(scenario)
        self.write_config(self.fake, jobs, **config)
        return self.start_again(*options, env=env)

    def start_again(self, *options, env=None):
        # As a service, which has a place on the bus; there is nobody to notify.
        self.daemon = self.start_daemon(*options, env={**self.bus.env, "NOTIFY_SOCKET": str(self.directory / "notify"), **(env or {})})
        self.bus.wait_for_name()
        return self.daemon

    def start_service(self, *words):
        """A service that fails: see fake_service.c."""
        process = subprocess.Popen([FAKE_SERVICE, *words], env={**os.environ, **self.bus.env}, stdin=subprocess.DEVNULL,
                                   stdout=subprocess.PIPE, preexec_fn=end_with_parent)
        self.addCleanup(process.wait)
        self.addCleanup(process.kill)
        self.assertEqual(process.stdout.readline(), b"ready\n")
        process.stdout.close()
        return process

    def command(self, *words, env=None):
        """The program and its environment for subprocess."""
        return {"args": [JOBWATCHCTL, *map(str, words)], "env": clean_environment(**{**self.bus.env, **(env or {})}),
                "stdin": subprocess.DEVNULL}

    def ctl(self, *words, env=None, **how):
        """Runs it. The result has returncode, stdout and stderr."""
        return subprocess.run(**self.command(*words, env=env), capture_output=True, text=True, encoding="utf-8",
                              timeout=PATIENCE * 4, **how)

    def out(self, *words, status=0, **how):
        """What it prints, having ended with this status, and without an error unless the status says so."""
        done = self.ctl(*words, **how)
        self.assertEqual((done.returncode, done.stderr if status == 0 else ""), (status, ""), done.stdout + done.stderr)
        return done.stdout

    def json(self, *words, **how):
        return json.loads(self.out(*words, "--json=short", **how))

    def rows(self, *words, **how):
        """The rows of a table, split at blanks."""
        return [line.split() for line in self.out(*words, "--no-legend", **how).splitlines()]

    def says(self, status, pattern, *words, **how):
        """It fails with this status, and one line on standard error, if `--help` is not named in another."""
        done = self.ctl(*words, **how)
        self.assertEqual(done.returncode, status, done.stdout + done.stderr)
        lines = [line for line in done.stderr.splitlines() if not line.startswith("Try 'jobwatchctl --help'")]
        self.assertEqual(len(lines), 1, done.stderr)
        self.assertRegex(lines[0], "^jobwatchctl: " + pattern)
        self.assertEqual(done.stdout, "")

    def on_terminal(self, *words, columns=80, env=None):
        """Runs it on a terminal, without input. Returns (status, what was shown, with plain line feeds)."""
        primary, secondary = pty.openpty()
        fcntl.ioctl(secondary, termios.TIOCSWINSZ, struct.pack("HHHH", 200, columns, 0, 0))
        command = self.command(*words, env={"TERM": "xterm", **(env or {})})
        process = subprocess.Popen(**command, stdout=secondary, stderr=secondary, preexec_fn=end_with_parent)
        os.close(secondary)
        shown = b""
        while select.select([primary], [], [], PATIENCE)[0]:
            try:
                data = os.read(primary, 65536)
            except OSError:  # the last one has closed the terminal
                break
            shown += data
        os.close(primary)
        return process.wait(PATIENCE), shown.decode().replace("\r\n", "\n")


class ThreeJobs(CtlTest):
    """Jobs that are open, succeeded and failed."""

    def start_three(self, more="", **config):
        daemon = self.start(THREE, [6, 7], more="[job members]\nid = 5\n" + more, **config)
        for pattern in (r"Job 5 .*\[seen", r"Job 6 .*\[succeeded", r"Job 7 .*\[failed"):
            daemon.wait_for(pattern)
        return daemon


class Waits(CtlTest):
    """Jobs that are open, to be waited for."""

    def start_one(self, *more_jobs, **config):
        self.start("[job 5]\nstep = 0s Running\n[job 6]\nstep = 0s Running\n", [5, 6, *more_jobs], **config)
        for job in (5, 6):
            self.daemon.wait_for(rf"Job {job}.*\[seen")

    def stop(self, how=signal.SIGTERM):
        self.daemon.process.send_signal(how)
        self.daemon.wait_exit()


class Waiting:
    """`jobwatchctl wait …` in the background, with what it prints."""

    def __init__(self, test, *words):
        self.process = subprocess.Popen(**test.command("wait", *words), stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                        text=True, preexec_fn=end_with_parent)
        test.addCleanup(self.process.wait)
        test.addCleanup(self.process.kill)
        test.addCleanup(self.process.stdout.close)
        test.addCleanup(self.process.stderr.close)
        test.wait_until(lambda: self.process.poll() is not None or subscribed(test.bus))
        self.test = test

    def wait_until_idle(self):
        """Until all its calls have replies: it sleeps without a limit, and a pending call has one."""
        self.test.wait_until(lambda: re.match(rf"{PPOLL} \S+ \S+ 0x0 ", self.system_call()))

    def system_call(self):
        """The one that it is in: the number and arguments."""
        with open(f"/proc/{self.process.pid}/syscall", encoding="ascii") as file:
            return file.read()

    def switches(self):
        """How often the process has slept."""
        with open(f"/proc/{self.process.pid}/status", encoding="ascii") as file:
            return int(re.search(r"(?m)^voluntary_ctxt_switches:\s+(\d+)", file.read()).group(1))

    def end(self):
        """(exit status, what it printed)."""
        output, error = self.process.communicate(timeout=PATIENCE * 2)
        return self.process.returncode, output + error


def subscribed(bus):
    """Whether somebody on the bus wants to know of events: nothing that happens from now on is missed."""
    return "JobEvent" in bus.run("call", "org.freedesktop.DBus", "/org/freedesktop/DBus",
                                 "org.freedesktop.DBus.Debug.Stats", "GetAllMatchRules").stdout
