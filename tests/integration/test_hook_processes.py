#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The processes of exec hooks: all end when the hook times out or the daemon stops, and none is lost otherwise."""

import os
import signal
import subprocess
import time
import unittest

from harness import EX_CONFIG, EX_OK, HOOK_RUN, PATIENCE, SLOW, IntegrationTest

# Forks without end: a parent of each generation dies, so that its children are orphans. It obeys no SIGTERM.
BUSH = """import os, signal, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
if os.fork() > 0:
    time.sleep(1000)
while True:
    if os.fork() == 0:
        os.setsid()
        if os.fork() > 0:
            os._exit(0)
        open(PIDS, "a").write(f"{os.getpid()}\\n")
        time.sleep(1000)
    os.wait()
    time.sleep(0.005)
"""


def state_of(pid):
    """The state of a process as ps shows it, or None if there is none."""
    try:
        with open(f"/proc/{pid}/stat", encoding="utf-8", errors="replace") as file:
            return file.read().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return None


def processes():
    """(PID, parent, command line) of all."""
    for name in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{name}/stat", encoding="utf-8", errors="replace") as file:
                parent = int(file.read().rpartition(")")[2].split()[1])
            with open(f"/proc/{name}/cmdline", "rb") as file:
                yield int(name), parent, file.read().decode(errors="replace").rstrip("\0").split("\0")
        except (FileNotFoundError, ProcessLookupError):
            pass


class Processes(IntegrationTest):
    def setUp(self):
        super().setUp()
        self.pids_file = self.directory / "pids"
        self.pids_file.touch()
        self.addCleanup(self.kill_what_is_left)

    def kill_what_is_left(self):
        for pid in self.pids():
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass

    def pids(self):
        return [int(pid) for pid in self.pids_file.read_text().split()]

    def script(self, name, body, interpreter="/bin/sh"):
        path = self.directory / name
        path.write_text(f"#!{interpreter}\n{body}\n")
        path.chmod(0o755)
        return path

    def sleeper(self, before=""):
        """A program that writes its PID and sleeps for long."""
        number = len(list(self.directory.glob("sleeper*")))
        return self.script(f"sleeper{number}", f"{before}\necho $$ >> {self.pids_file}\nexec sleep 1000")

    def start_hook(self, program, wait_for=1, **keys):
        """Starts the daemon with one event for the program, and waits until `wait_for` PIDs are written."""
        fake = self.start_fake("[job 11]\nstep = 0s Completed\n")
        lines = "".join(f"{key} = {value}\n" for key, value in {"retries": 0, **keys}.items())
        self.write_config(fake, [11], more=f"[hook mine]\nexec = {program}\n{lines}")
        daemon = self.start_daemon()
        self.wait_until(lambda: len(self.pids()) >= wait_for)
        return daemon

    def assertGone(self, pids):
        """Nothing is waited for: they ended before the attempt did."""
        self.assertEqual([(pid, state_of(pid)) for pid in pids if state_of(pid) not in (None, "Z")], [])


class Timeout(Processes):
    def expect_end(self, body, count, **keys):
        daemon = self.start_hook(self.script("hook", body), count, timeout="1s", **keys)
        daemon.wait_for("abandoned .*: timed out after 1s", patience=PATIENCE + 6)
        self.assertGreaterEqual(len(self.pids()), count)
        self.assertGone(self.pids())
        return daemon

    def test_a_session_of_its_own(self):
        self.expect_end(f"setsid {self.sleeper()} &\nsleep 1000", 1)

    def test_a_double_fork(self):
        self.expect_end(f"(setsid {self.sleeper()} & )\n( ({self.sleeper()} &) & )\nsleep 1000", 2)

    def test_a_tree_that_ignores_sigterm(self):
        begin = time.monotonic()
        stubborn = self.sleeper("trap '' TERM")
        self.expect_end(f"trap '' TERM\nsetsid {stubborn} &\n(setsid {stubborn} & )\n{stubborn} &\nwait", 3)
        self.assertGreater(time.monotonic() - begin, 6, "it has 5 s to clean up")

    def test_processes_that_fork_without_end(self):
        bush = self.script("bush", BUSH.replace("PIDS", f"'{self.pids_file}'"), "/usr/bin/python3")
        self.expect_end(f"exec {bush}", 20)
        here = str(self.directory)
        self.assertEqual([process for process in processes() if any(here in word and "bush" in word for word in process[2])],
                         [], "none is left of those that did not write their PID yet")

    def test_cleaning_up_is_possible(self):
        done = self.directory / "done"
        self.expect_end(f"trap 'sleep 0.2; touch {done}; exit 0' TERM\n{self.sleeper()} &\nwait", 1)
        self.assertTrue(done.exists())

    def test_success_before_the_signal_counts(self):
        """The program has ended, and what it left behind lives on, however long hook-run takes to notice."""
        daemon = self.start_hook(self.script("hook", f"{self.sleeper()} &\nexit 0"), timeout="10s")
        daemon.wait_for("hook mine: delivered")


class Ends(Processes):
    def test_a_background_process_is_left_alone(self):
        """It goes on, and its output is still logged, also while the daemon is busy with other things."""
        gate = self.directory / "gate"
        os.mkfifo(gate)
        program = self.script("hook", f"(echo begins; setsid sh -c 'echo $$ >> {self.pids_file}; read x < {gate}; echo still there; "
                                      "exec sleep 1000') &\nexit 0")
        fake = self.start_fake("[job 11]\nstep = 0s Completed\n[job 12]\nstep = 0s Running\n")
        self.write_config(fake, [11, 12], more=f"[hook mine]\nexec = {program}\n")
        daemon = self.start_daemon()
        daemon.wait_for("Job 11: hook mine: delivered")
        self.wait_until(self.pids)
        self.assertEqual(daemon.count("still there"), 0)
        with open(gate, "w", encoding="utf-8") as pipe:
            pipe.write("go\n")
        daemon.wait_for("^still there$")
        pid, = self.pids()
        self.assertNotIn(state_of(pid), (None, "Z"))
        daemon.stop()
        self.assertNotIn(state_of(pid), (None, "Z"), "the end of the daemon does not end it")

    def test_status_and_signal(self):
        for body, reason in (("exit 3", "exit status 3"), ("kill -KILL $$", "killed by SIGKILL"),
                             ("exit 137", "exit status 137"), ("exit 127", "exit status 127")):
            with self.subTest(body):
                self.state = self.directory / f"state-{body.replace(' ', '-')}"
                daemon = self.start_hook(self.script("hook", body), 0)
                daemon.wait_for(f"abandoned .*: {reason}$")
                daemon.stop()

    def test_hook_run_is_killed(self):
        daemon = self.start_hook(self.script("hook", f"echo $$ >> {self.pids_file}\nexec sleep 1000"))
        program, = self.pids()
        parent, = [parent for pid, parent, _ in processes() if pid == program]
        os.kill(parent, signal.SIGKILL)
        daemon.wait_for("abandoned .*: hook-run was killed by SIGKILL")
        self.wait_until(lambda: state_of(program) in (None, "Z"))

    def test_the_daemon_is_killed(self):
        """The next one makes the attempt again, and finds nothing of this one. A descendant has 5 s to clean up."""
        done = self.directory / "done"
        body = f"(setsid {self.sleeper()} & )\ntrap 'touch {done}; exit 1' TERM\n{self.sleeper()} &\nwait"
        daemon = self.start_hook(self.script("hook", body), 2)
        self.assertEqual(daemon.stop(signal.SIGKILL), -signal.SIGKILL)
        self.wait_until(lambda: all(state_of(pid) in (None, "Z") for pid in self.pids()))
        self.wait_until(done.exists)

    def test_stop(self):
        """Descendants that obey end at once; those that do not are killed after 5 s; the attempt does not count."""
        for before, most in (("", 4 * SLOW), ("trap '' TERM", 5 + 2 * SLOW)):
            with self.subTest(before):
                self.state = self.directory / f"state-{most}"
                self.pids_file.write_text("")
                daemon = self.start_hook(self.script("hook", f"{before}\n(setsid {self.sleeper(before)} & )\nsleep 1000"))
                begin = time.monotonic()
                self.assertEqual(daemon.stop(), EX_OK)
                self.assertLess(time.monotonic() - begin, most)
                self.assertGone(self.pids())
                self.assertRegex(daemon.text(), "hook mine: delivery of .* interrupted .attempt 1.: stopped: killed by SIG"
                                                "(TERM|KILL); it is repeated after the next start")

    def test_the_end_by_timeout_of_the_daemon(self):
        fake = self.start_fake("[job 11]\nstep = 0s Completed\n[job 12]\nstep = 0s Running\n")
        sleeper = self.sleeper("trap '' TERM")
        stubborn = self.script("hook", f"trap '' TERM\n(setsid {sleeper} & )\nsleep 1000")
        self.write_config(fake, [11, 12], more=f"[hook mine]\nexec = {stubborn}\n")
        daemon = self.start_daemon("--exit-when-done", "--timeout", "2s")
        self.assertEqual(daemon.wait_exit(), 124)
        self.assertEqual(len(self.pids()), 1)
        self.assertGone(self.pids())


class HookRun(Processes):
    """The program by itself."""

    def run_it(self, *arguments, **options):
        return subprocess.run([HOOK_RUN, *map(str, arguments)], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, text=True, timeout=PATIENCE, check=False, **options)

    def test_status(self):
        self.assertEqual(self.run_it(1000, "/bin/sh", "-c", "exit 7").returncode, 7)
        self.assertEqual(self.run_it(1000, "/bin/sh", "-c", "kill -TERM $$").returncode, 128 + signal.SIGTERM)
        self.assertEqual(self.run_it(1000, "/nonexistent").returncode, 127)

    def test_usage(self):
        for arguments in ((), (1000,), ("x", "/bin/true"), (-1, "/bin/true"), ("", "/bin/true")):
            run = self.run_it(*arguments)
            self.assertEqual(run.returncode, 64, arguments)
            self.assertIn("usage: hook-run GRACE_MS PROGRAM", run.stdout)

    def test_missing(self):
        """The daemon says so at its start, before any event, and --check does."""
        fake = self.start_fake("[job 11]\nstep = 0s Running\n")
        self.write_config(fake, [11], more="[hook mine]\nexec = /bin/true\n")
        missing = {"JOBWATCHD_HOOK_RUN": "/nonexistent/hook-run"}
        says = "annot run exec hooks: /nonexistent/hook-run: No such file or directory"
        self.assertEnds(EX_CONFIG, env=missing, says=says)
        status, daemon = self.run_daemon("--check", env=missing)
        self.assertEqual(status, EX_CONFIG)
        self.assertRegex(daemon.text() + daemon.output, says)
        self.assertFalse(self.state.exists(), "nothing was begun")

        self.write_config(fake, [11])
        daemon = self.start_daemon(env=missing)
        daemon.wait_for("first seen as")
        self.write_config(fake, [11], more="[hook mine]\nexec = /bin/true\n")
        daemon.process.send_signal(signal.SIGHUP)
        daemon.wait_for(says)
        daemon.wait_for("Configuration not reloaded")


if __name__ == "__main__":
    unittest.main()
