# SPDX-License-Identifier: MIT
"""jobwatchctl watch: what a terminal shows, whatever happens to it and to the service, and the lines in a pipe."""

import contextlib
import json
import os
import pty
import re
import select
import signal
import sqlite3
import subprocess
import sys
import time
import unicodedata
import unittest

from ctl_rig import CtlTest, subscribed
from harness import EX_OK, PATIENCE, end_with_parent
from screen_rig import LEAVE, Screen, begin

EX_UNKNOWN, EX_SERVICE, EX_IOERR = 66, 69, 74
SLOW_DISK_LIBRARY = os.environ.get("SLOW_DISK_LIBRARY", "")
SCENARIO = ("[job 5]\ndescription = Import of members\nstep = 0s Running | {\"done\": 260, \"total\": 400}\n"
            "[job 6]\ndescription = Bulk edit\nstep = 0s Running | café\n")

# Begins a job in the background, and has its own modes of the terminal until that is stopped, and continued in the
# foreground.
SHELL = """
import os, signal, subprocess, sys, termios, tty
before = termios.tcgetattr(0)
tty.setcbreak(0)
job = subprocess.Popen(sys.argv[1:], process_group=0)
os.waitpid(job.pid, os.WUNTRACED)
termios.tcsetattr(0, termios.TCSADRAIN, before)
print("stopped", flush=True)
os.tcsetpgrp(0, job.pid)
os.killpg(job.pid, signal.SIGCONT)
sys.exit(job.wait())
"""


def width_of(line):
    """On a terminal, without colours."""
    return sum(0 if unicodedata.combining(c) else 2 if unicodedata.east_asian_width(c) in "WF" else 1
               for c in re.sub("\033\\[[0-9;]*m", "", line))


class WatchTest(CtlTest):
    def start_two(self, **how):
        self.start(SCENARIO, [5, 6], **how)
        for job in (5, 6):
            self.daemon.wait_for(rf"Job {job}.*\[seen")


class Picture(WatchTest):
    def test_each_width_with_and_without_colour(self):
        self.start_two()
        self.fake.job(6, status="Failed", result="Row 17: \033[2J no")
        self.daemon.wait_for(r"Job 6.*\[failed")
        for columns in (40, 80, 200):
            for env in ({}, {"NO_COLOR": "1"}):
                with self.subTest(columns=columns, env=env):
                    screen = Screen(self, 5, 6, columns=columns, env=env)
                    lines = screen.wait_for("1 open, 1 ended", "Running", r"\[#+-+\] +65%", "Failed", "Row 17: \ufffd\\[2J no")
                    self.assertLessEqual(max(map(len, lines)), columns)
                    self.assertEqual("\033[31m" in screen.shown, not env)
                    self.assertNotIn("\033[2J", screen.shown)
                    screen.key("q")
                    status, left = screen.end()
                    self.assertEqual(status, EX_OK)
                    self.assertIn("65%", left)  # the last picture remains

    def test_the_widest_cells(self):
        """All columns are within the width, and each shows something, also after the screen. The texts have wide characters,
        combining ones, one that changes the direction, and one that is in no version of Unicode yet."""
        wide = "\u540d\u524d e\u0301\u202e\u0378 " * 6
        self.start(f"[jobs 9007199254740990-9007199254740993]\ndescription = {wide}\nstep = 0s Running {wide} | 260/400 rows {wide}\n",
                   range(9007199254740990, 9007199254740994))
        self.wait_until(lambda: all(row["Observed"] for row in self.json("list")))
        for job in range(9007199254740990, 9007199254740993):
            self.fake.job(job, status="Completed")
            self.daemon.wait_for(rf"Job {job}.*\[succeeded")
        self.daemon.stop()
        with contextlib.closing(sqlite3.connect(self.state / "jobwatchd.db")) as connection, connection:
            connection.execute("UPDATE jobs SET first_us = changed_us - 90000000000 WHERE outcome = 'success'")
            connection.execute(f"UPDATE jobs SET first_us = {time.time_ns() // 1000 - 41000000000} WHERE outcome = 'open'")
        self.start_again()
        for columns in (40, 71, 72, 80, 120):
            with self.subTest(columns):
                screen = Screen(self, columns=columns)
                lines = screen.wait_for("1 open", "\u540d\u524d", "Run", r"11h \d+min", r"\] +65%", r"~13h \d+min", "260/4")
                self.assertLessEqual(max(map(width_of, lines)), columns)
                if columns < 72:  # a line for each text
                    self.assertEqual(len([line for line in lines if "\u524d e\u0301\ufffd\ufffd" in line]), 3, lines)
                screen.key("q")
                self.assertLessEqual(max(map(width_of, screen.end()[1].splitlines())), columns)

    def test_it_follows_the_jobs(self):
        self.start_two()
        screen = Screen(self)
        screen.wait_for("2 open, 0 ended", "5 +Import of mem.* +Running", "café")
        self.fake.job(5, result="99%")
        screen.wait_for(r"\] +99%")
        self.fake.job(6, status="Completed", result="12 tariffs")
        lines = screen.wait_for("1 open, 1 ended", "Completed .* 12 tariffs")
        self.assertRegex(lines[-1], " 6 ")  # below those that are open
        self.fake.job(7, status="Queued")
        self.out("add", "7")
        screen.wait_for("2 open, 1 ended", "7 .* Queued")

    def test_a_job_that_is_removed(self):
        """Nobody reads it any more: it is gone from all jobs, and of one that was asked for it is said."""
        self.start_two()
        everything, one = Screen(self), Screen(self, 5)
        everything.wait_for("2 open", "5 .* Running")
        one.wait_for("5 .* Running")
        self.out("remove", "5")
        everything.wait_for("1 open")
        self.assertNotRegex("\n".join(everything.lines()), "(?m)^ *5 ")
        one.wait_for(r"5 .* Running \(removed")
        self.out("add", "5")
        everything.wait_for("2 open", "5 .* Running")

    def test_the_time_that_is_left_runs_down(self):
        """Similar jobs took a minute."""
        self.start("[jobs 5-8]\ndescription = Import %i\nstep = 0s Running\n", range(5, 9))
        self.wait_until(lambda: all(row["Observed"] for row in self.json("list")))
        for job in (5, 6, 7):
            self.fake.job(job, status="Completed")
            self.daemon.wait_for(rf"Job {job}.*\[succeeded")
        self.daemon.stop()
        with contextlib.closing(sqlite3.connect(self.state / "jobwatchd.db")) as connection, connection:
            connection.execute("UPDATE jobs SET first_us = changed_us - 60000000 WHERE id < 8")
            connection.execute(f"UPDATE jobs SET first_us = {time.time_ns() // 1000} WHERE id = 8")
        self.start_again()
        screen = Screen(self, 8)
        left = int(re.search(r"~(\d+)s", "\n".join(screen.wait_for(r"Running.*~[1-5]\ds"))).group(1))
        screen.wait_for(f"~{left - 2}s")

    def test_the_time_passes_without_questions(self):
        """While nothing happens, the service gets no message."""
        self.start_two()
        screen = Screen(self)
        screen.wait_for("Running +[3-9]s")
        monitor = self.bus.monitor()
        self.addCleanup(monitor.stdout.close)
        self.addCleanup(monitor.wait)
        self.addCleanup(monitor.kill)
        shown = "\n".join(screen.lines())
        seconds = int(re.search(r"Running +(\d+)s", shown).group(1))
        screen.wait_for(f"Running +{seconds + 3}s")
        self.out("status")
        said = b""
        while b"GetStatus" not in said:
            self.assertTrue(select.select([monitor.stdout], [], [], PATIENCE)[0])
            said += os.read(monitor.stdout.fileno(), 65536)
        self.assertNotIn(b"List", said)

    def test_a_size_that_changes(self):
        """Below 72 columns there are lines instead of a table."""
        self.start_two()
        screen = Screen(self, columns=200)
        screen.wait_for("ELAPSED")
        for columns in (40, 80, 41, 120):
            screen.resize(columns)
            self.wait_until(lambda table=columns >= 72: ("ELAPSED" in "\n".join(screen.lines())) == table)
            lines = screen.wait_for("65%")
            self.assertLessEqual(max(map(len, lines)), columns)

    def test_more_jobs_than_there_is_room_for(self):
        self.start("[jobs 100-199]\nstep = 0s Running\n", range(100, 200))
        self.wait_until(lambda: all(row["Observed"] for row in self.json("list")))
        screen = Screen(self, columns=80, rows=10)
        lines = screen.wait_for("100 open", r"\.\.\. 94 more")
        self.assertLessEqual(len(lines), 10)
        screen.resize(40, 10)
        screen.wait_for(r"\.\.\. 99 more")
        screen.resize(80, 150)
        screen.wait_for("199 ")


class Restart(WatchTest):
    def test_a_job_that_ends_while_the_service_is_killed(self):
        self.start_two()
        for words in ((), (5, 6)):
            with self.subTest(words):
                screen = Screen(self, *words)
                screen.wait_for("5 .*Running")
                self.daemon.process.kill()
                self.daemon.wait_exit()
                screen.wait_for("jobwatchd is not running", "5 .*Running")
                self.fake.job(5, status="Completed", result="12 rows")
                self.start_again()
                screen.wait_for("1 open, 1 ended", "5 .*Completed .*12 rows")
                screen.key("q")
                self.assertEqual(screen.end()[0], EX_OK)
                self.fake.job(5, status="Running", result="1%")
                self.out("add", "5")
                self.wait_until(lambda: self.json("list", "5")[0]["Outcome"] == "open")

    @unittest.skipUnless(SLOW_DISK_LIBRARY, "the library cannot be loaded into a program with a sanitizer")
    def test_a_reply_that_took_long_does_not_delay_the_next(self):
        """The service replies once its disk has."""
        disk = self.directory / "disk"
        disk.write_text("0", encoding="ascii")
        self.start_two(env={"LD_PRELOAD": SLOW_DISK_LIBRARY, "SLOW_DISK": str(disk)})
        screen = Screen(self)
        screen.wait_for("5 .*Running")
        disk.write_text("2500", encoding="ascii")
        for turn in range(3):
            for job in (5, 6):
                self.fake.job(job, result=f"turn {turn} of {job}")
            for job in (5, 6):
                self.daemon.wait_for(f"turn {turn} of {job}")
        disk.write_text("0", encoding="ascii")
        self.fake.job(5, result="the last")
        screen.wait_for("the last")

    def test_q_while_it_is_stuck(self):
        """A call has no reply for a long time."""
        self.start_two()
        screen = Screen(self)
        screen.wait_for("5 .*Running")
        self.daemon.process.send_signal(signal.SIGSTOP)
        self.addCleanup(self.daemon.process.send_signal, signal.SIGCONT)
        stuck = Screen(self)
        self.wait_until(lambda: "\033[?1049h" in stuck.read())
        stuck.key("q")
        self.assertEqual(stuck.end(), (EX_OK, ""))
        screen.key("q")
        self.assertEqual(screen.end()[0], EX_OK)


class End(WatchTest):
    def test_each_way_to_end_restores_the_terminal(self):
        self.start_two()
        for name, end, expected in (
                ("q", lambda screen: screen.key("q"), EX_OK), ("Ctrl-C", lambda screen: screen.key("\x03"), EX_OK),
                ("SIGINT", lambda screen: screen.process.send_signal(signal.SIGINT), EX_OK),
                ("SIGTERM", lambda screen: screen.process.terminate(), -signal.SIGTERM),
                ("SIGHUP", lambda screen: screen.process.send_signal(signal.SIGHUP), -signal.SIGHUP),
                ("Ctrl-\\", lambda screen: screen.key("\x1c"), -signal.SIGQUIT)):
            with self.subTest(name):
                screen = Screen(self)
                screen.wait_for("5 .*Running")
                self.assertFalse(screen.is_restored())
                end(screen)
                status, left = screen.end()
                self.assertEqual(status, expected)
                self.assertEqual("Import of" in left, expected == EX_OK)

    def test_nothing_is_left_where_there_is_no_other_screen(self):
        """On a terminal that knows one screen, the last picture is there once."""
        self.start_two()
        screen = Screen(self)
        screen.wait_for("5 .*Running")
        screen.key("q")
        self.assertEqual(screen.end()[0], EX_OK)
        self.assertTrue(screen.shown.rpartition(LEAVE)[0].endswith("\033[H\033[J"), screen.shown[-500:])

    def test_a_terminal_that_is_slow_and_non_blocking(self):
        """As an earlier program may have left it."""
        self.start_two()
        screen = Screen(self, columns=200, rows=60)
        screen.wait_for("5 .*Running")
        os.set_blocking(screen.secondary, False)
        self.wait_until(lambda: self.redraw(screen) and not select.select([], [screen.secondary], [], 0)[1])
        for _ in range(50):
            self.redraw(screen)
        self.assertIsNone(screen.process.poll())
        screen.key("q")
        self.assertEqual(screen.end()[0], EX_OK)

    def test_a_terminal_that_takes_nothing(self):
        """A signal ends it nevertheless, and the terminal is restored as soon as it takes something."""
        self.start_two()
        for end, expected in ((lambda screen: screen.process.terminate(), -signal.SIGTERM),
                              (lambda screen: screen.process.send_signal(signal.SIGHUP), -signal.SIGHUP),
                              (lambda screen: screen.key("q"), EX_OK)):
            with self.subTest(expected):
                screen = Screen(self, columns=200, rows=60)
                screen.wait_for("5 .*Running")
                self.wait_until(lambda full=screen: self.redraw(full) and not select.select([], [full.secondary], [], 0)[1])
                end(screen)
                self.assertEqual(screen.process.wait(PATIENCE), expected)
                self.assertEqual(screen.end()[0], expected)

    @staticmethod
    def redraw(screen):
        """Whether it could be told to."""
        screen.process.send_signal(signal.SIGWINCH)
        return screen.process.poll() is None

    def test_stopped_by_the_shell_and_continued(self):
        self.start_two()
        screen = Screen(self)
        screen.wait_for("5 .*Running")
        screen.key("\x1a")
        self.wait_until(lambda: re.search(r"(?m)^State:\s+T", self.state_of(screen.process.pid)))
        self.assertTrue(screen.is_restored())
        self.fake.job(5, result="77%")
        self.daemon.wait_for("77%")
        screen.process.send_signal(signal.SIGCONT)
        screen.wait_for("77%")
        self.assertFalse(screen.is_restored())
        screen.key("q")
        self.assertEqual(screen.end()[0], EX_OK)

    def test_begun_in_the_background(self):
        """Where the terminal has the modes of the shell: other ones come back."""
        self.start_two()
        screen = Screen(self, args=[sys.executable, "-c", SHELL, *self.command("watch")["args"]])
        screen.wait_for("5 .*Running")
        self.assertRegex(screen.shown, r"^stopped\r\n\033\[\?1049h")
        screen.key("q")
        self.assertEqual(screen.end()[0], EX_OK)

    @staticmethod
    def state_of(pid):
        with open(f"/proc/{pid}/status", encoding="ascii") as file:
            return file.read()

    def test_errors_are_said_after_the_screen(self):
        self.start_two()
        status, left = Screen(self, 5, 8).end()
        self.assertEqual(status, EX_UNKNOWN)
        self.assertEqual(left, "jobwatchctl: job 8 is not watched; to watch it, use 'jobwatchctl add'\n")

    def test_without_a_terminal_for_keys(self):
        """Standard input is elsewhere; a signal or the end of the terminal ends it."""
        self.start_two()
        for end, expected in ((lambda process, _: process.send_signal(signal.SIGINT), EX_OK),
                              (lambda _, primary: os.close(primary), EX_IOERR)):
            with self.subTest(expected):
                self.without_keys(end, expected)

    def without_keys(self, end, expected):
        primary, secondary = pty.openpty()
        with subprocess.Popen(**self.command("watch", env={"TERM": "xterm"}), stdout=secondary, stderr=secondary,
                              preexec_fn=begin) as process:
            os.close(secondary)
            shown = b""
            while b"Running" not in shown:
                self.assertTrue(select.select([primary], [], [], PATIENCE)[0])
                shown += os.read(primary, 65536)
            end(process, primary)
            self.assertEqual(process.wait(PATIENCE), expected)
        if expected == EX_OK:
            os.close(primary)


class Lines(WatchTest):
    def follow(self, *words):
        process = subprocess.Popen(**self.command("watch", *words), stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                   text=True, preexec_fn=end_with_parent)
        self.addCleanup(process.wait)
        self.addCleanup(process.kill)
        self.addCleanup(process.stdout.close)
        self.addCleanup(process.stderr.close)
        self.wait_until(lambda: process.poll() is not None or subscribed(self.bus))
        return process

    def line(self, process):
        self.assertTrue(select.select([process.stdout], [], [], PATIENCE)[0])
        return process.stdout.readline()

    def follow_until_ready(self, *words):
        """Once it has printed an event, it prints all that happen from then on."""
        process = self.follow(*words)
        count = 0
        while not select.select([process.stdout], [], [], 0.2)[0]:
            count += 1
            self.fake.job(5, result=f"{count} rows")
            self.daemon.wait_for(f"{count} rows")
        while f"{count} rows" not in self.line(process):
            pass
        return process

    def test_a_line_for_each_event(self):
        self.start_two()
        process = self.follow_until_ready()
        self.fake.job(5, status="Completed", result="a\nb")
        self.assertRegex(self.line(process), r"^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d Job 5 \(Import of members\): "
                                             r"Running → Completed: a\\nb \[succeeded\]\n$")
        self.fake.job(6, status="Failed", result="Row 17")
        self.assertRegex(self.line(process), r" Job 6 \(Bulk edit\): Running → Failed: Row 17 \[failed\]\n$")
        process.terminate()
        self.assertEqual((process.wait(PATIENCE), process.stderr.read()), (-signal.SIGTERM, ""))

    def test_only_these_jobs_as_json(self):
        self.start_two()
        process = self.follow_until_ready("5", "--json=short")
        self.fake.job(6, status="Failed")
        self.daemon.wait_for(r"Job 6.*\[failed")
        self.fake.job(5, status="Completed")
        event = json.loads(self.line(process))
        self.assertEqual((event["Job"], event["Event"], event["Status"]), (5, "succeeded", "Completed"))

    def test_what_happens_while_the_service_is_killed(self):
        self.start_two()
        process = self.follow_until_ready()
        self.daemon.process.kill()
        self.daemon.wait_exit()
        self.fake.job(5, status="Completed")
        self.start_again()
        self.assertIn("Running → Completed", self.line(process))

    def test_a_terminal_that_cannot_draw_gets_lines(self):
        self.start_two()
        screen = Screen(self, env={"TERM": "dumb"})
        self.wait_until(lambda: subscribed(self.bus))
        count = 0
        while "Job 5" not in screen.read(0.2):
            count += 1
            self.fake.job(5, result=f"{count} rows")
        self.assertNotIn("\033", screen.read())

    def test_a_job_that_is_not_watched(self):
        self.start_two()
        self.says(EX_UNKNOWN, "job 8 is not watched; to watch it", "watch", "5", "8")

    def test_without_a_service(self):
        self.says(EX_SERVICE, "jobwatchd is not running", "watch")


if __name__ == "__main__":
    unittest.main()
