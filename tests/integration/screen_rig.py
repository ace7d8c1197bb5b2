# SPDX-License-Identifier: MIT
"""jobwatchctl on a terminal: what it shows, and what it leaves behind."""

import fcntl
import os
import pty
import re
import select
import signal
import struct
import subprocess
import termios

from harness import end_with_parent

LEAVE = "\033[?7h\033[?25h\033[?1049l"


def begin():
    """No signal is ignored, whatever has started the test."""
    end_with_parent()
    for number in (signal.SIGINT, signal.SIGQUIT, signal.SIGHUP):
        signal.signal(number, signal.SIG_DFL)


def become_foreground():
    """The standard input becomes the terminal of a new session, so that its keys make signals."""
    begin()
    os.setsid()
    fcntl.ioctl(0, termios.TIOCSCTTY, 0)


class Screen:
    """`jobwatchctl watch …`, or `args`, on a terminal."""

    def __init__(self, test, *words, columns=80, rows=24, env=None, args=None):
        self.primary, self.secondary = pty.openpty()
        test.addCleanup(os.close, self.primary)
        test.addCleanup(os.close, self.secondary)
        self.columns, self.rows = columns, rows
        self.set_size()
        self.before = termios.tcgetattr(self.secondary)
        command = {**test.command("watch", *words, env={"TERM": "xterm", **(env or {})}), "stdin": self.secondary}
        command["args"] = args or command["args"]
        self.process = subprocess.Popen(**command, stdout=self.secondary, stderr=self.secondary, preexec_fn=become_foreground)
        test.addCleanup(self.process.wait)
        test.addCleanup(self.process.kill)
        self.test, self.shown = test, ""

    def set_size(self):
        fcntl.ioctl(self.primary, termios.TIOCSWINSZ, struct.pack("HHHH", self.rows, self.columns, 0, 0))

    def resize(self, columns, rows=24):
        self.columns, self.rows = columns, rows
        self.set_size()

    def key(self, key):
        os.write(self.primary, key.encode())

    def read(self, patience=0.05):
        """All that has been shown so far. A line feed of the program is two characters."""
        data = b""
        while select.select([self.primary], [], [], patience if not data else 0)[0]:
            data += os.read(self.primary, 65536)
        self.shown += data.decode()
        return self.shown

    def picture(self):
        """The last one that is complete, with its colours."""
        picture = self.read().rpartition("\033[H")[2].partition("\033[?7h")[0]
        return re.sub("\033\\[[0-9;]*[KJ]", "", picture).replace("\r", "")

    def lines(self):
        """Of that picture, without colours."""
        return [line for line in re.sub("\033\\[[0-9;]*m", "", self.picture()).split("\n") if line]

    def wait_for(self, *patterns):
        """Until a picture has all of them; returns its lines, which are no longer than the terminal is wide."""
        def match():
            text = "\n".join(self.lines())
            return all(re.search(pattern, text) for pattern in patterns)
        try:
            self.test.wait_until(match)
        except AssertionError as error:
            raise AssertionError(f"{patterns} is not shown: {self.shown[-2000:]!r}") from error
        return self.lines()

    def is_restored(self):
        """The cursor, the screen, echo and lines are as before."""
        shown = self.read()
        return shown.count(LEAVE) == shown.count("\033[?1049h") and termios.tcgetattr(self.secondary) == self.before

    def end(self):
        """(exit status, what is shown after the screen)."""
        self.test.wait_until(lambda: self.read() is not None and self.process.poll() is not None)
        self.test.assertTrue(self.is_restored(), self.shown[-500:])
        return self.process.returncode, self.read().rpartition(LEAVE)[2].replace("\r", "")
