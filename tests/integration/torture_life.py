# SPDX-License-Identifier: MIT
"""A complete run of the daemon in which one call fails, and its invariants.

The daemon starts with a job, polls, observes a change, runs a hook, reloads, observes another change, and is stopped.
Each step follows once the previous one shows. Whatever fails, the daemon either takes every step or exits with a
documented status and message. A daemon without faults then reports the rest, so that nothing is lost and nothing is
reported that did not happen (evidence.py).
"""

import contextlib
import os
import re
import select
import signal
import subprocess
import tempfile
import time

from evidence import Database, ExecRecorder, Job, check
from harness import EX_CONFIG, EX_IOERR, EX_OK, JOBWATCHD, PATIENCE, SANITIZER, SLOW, clean_environment, end_with_parent

EX_SOFTWARE = 70
ENDS = {EX_OK, EX_SOFTWARE, EX_IOERR, EX_CONFIG}
KINDS = ("seen", "changed", "succeeded")

# Longer than the first retry delay of a hook and than three probes during an outage.
STEP_PATIENCE = 12 * SLOW
# With every call failing no progress is required, but the process must end.
DOOMED_PATIENCE = 0.5 * SLOW

# A run that takes this much longer was affected and must have logged it.
SLOWER = 1.5 * SLOW

TROUBLE = re.compile(r"^(?:\S+ \S+ (?:warning|err|crit|error)\s|jobwatchd\S*: )", re.M)


class Failure(Exception):
    pass


class SlowerThanUsual(Failure):
    pass


class Life:
    def __init__(self, test, number, stays=False):
        self.test, self.stays = test, stays
        self.fake = test.fake
        self.job = Job(number)
        self.directory = test.directory / f"life-{number}"
        self.directory.mkdir(mode=0o700)
        self.exec = ExecRecorder(self.directory, "hook")
        self.reached_file = self.directory / "reached"
        self.first_log = self.log = ""
        self.missed = None

        test.state = self.directory / "state"
        self.config = test.config = self.directory / "jobwatchd.ini"
        hook = f"[hook program]\nexec = {self.exec.program}\non = seen, changed\n"
        test.write_config(self.fake, [number], more=hook)
        self.before = self.config.read_text()
        self.after = self.before.replace("timeout = 10s", "timeout = 11s") + "[status]\nrunning = Running, Resting\n"

    # -- the first daemon

    def steps(self):
        """(patterns to wait for, action)"""
        yield ["first seen as Running", self.reported("seen")], lambda: self.enter("Running", "r1")
        yield [r"\[changed", self.reported("changed")], self.reload
        yield ["Configuration (not )?reloaded:"], lambda: self.enter("Completed", "r2")
        yield [r"\[succeeded", self.reported("succeeded")], lambda: self.process.send_signal(signal.SIGTERM)

    def enter(self, status, result):
        if (status, result) not in self.job.states:
            self.job.enter(status, result)
            self.fake.job(self.job.id, status=status, result=result)

    def reload(self):
        self.config.write_text(self.after)
        self.process.send_signal(signal.SIGHUP)

    def reported(self, kind):
        return lambda: any(attempt.verdict == "ok" and attempt.document["event"] == kind
                           for attempt in self.exec.attempts())

    def shows(self, signs):
        return all(sign() if callable(sign) else re.search(sign, self.log) for sign in signs)

    def read(self, limit):
        """Reads more of the log. Returns False at its end."""
        while True:
            left = limit - time.monotonic()
            # The attempts recorded by the hook are not visible here.
            if not select.select([self.process.stderr], [], [], min(max(left, 0), 0.05))[0]:
                return True
            data = os.read(self.process.stderr.fileno(), 65536)
            self.log += data.decode("utf-8", "backslashreplace")
            return bool(data)

    def await_signs(self, signs):
        """Whether all patterns have matched. None: the daemon has exited."""
        limit = time.monotonic() + STEP_PATIENCE
        doomed = False
        while not self.shows(signs):
            if not doomed and self.stays and self.reached:
                doomed = True
                limit = time.monotonic() + DOOMED_PATIENCE
            if not self.read(limit):
                return None
            if time.monotonic() > limit:
                return False
        return True

    def live(self, **env):
        """Returns the exit status."""
        begin = time.monotonic()
        self.enter("Running", "r0")
        # Leaks of libcrypto after a failed initialisation are ignored.
        suppressions = self.directory / "suppressions"
        suppressions.write_text("leak:libcrypto\n")
        env = clean_environment(TORTURE_REACHED=str(self.reached_file),
                                LSAN_OPTIONS=f"suppressions={suppressions}:print_suppressions=0", **env)
        self.process = subprocess.Popen([self.test.tortured, "-c", self.config], env=env, stdin=subprocess.DEVNULL,
                                        stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
                                        preexec_fn=end_with_parent)
        try:
            for number, (signs, act) in enumerate(self.steps()):
                shown = self.await_signs(signs)
                if shown is None:
                    break
                if not shown and self.missed is None:
                    self.missed = number
                if not shown and self.stays:
                    break
                act()
            with contextlib.suppress(ProcessLookupError):
                self.process.send_signal(signal.SIGTERM)
            limit = time.monotonic() + STEP_PATIENCE
            while self.read(limit):
                if time.monotonic() > limit:
                    raise Failure("it does not end")
            status = self.process.wait(STEP_PATIENCE)
        finally:
            if self.process.poll() is None:
                self.process.kill()
                self.process.wait()
            self.process.stderr.close()
        self.first_log = self.log
        self.took = time.monotonic() - begin
        return status

    @property
    def reached(self):
        return self.reached_file.exists()

    # -- invariants

    def ended_by_openssl(self, status):
        """Since version 3.5 it aborts where it has no memory for what each thread needs."""
        return status == -signal.SIGABRT and "OpenSSL internal error: assertion failed: data != NULL" in self.first_log

    def judge(self, status, usual):
        """`usual`: the duration in seconds of a run without failures; None for that run itself."""
        if SANITIZER.search(self.log):
            raise Failure("a sanitizer speaks")
        if status not in ENDS and not self.ended_by_openssl(status):
            raise Failure(f"it ended with {status}")
        if not self.reached:
            if status != EX_OK or self.missed is not None:
                raise Failure(f"nothing failed, but it ended with {status}, or did not take step {self.missed}")
            return
        said = TROUBLE.search(self.first_log) or self.ended_by_openssl(status)
        if status != EX_OK and not said:
            raise Failure(f"it ended with {status} without a word")
        if self.stays:
            return
        if status == EX_OK and self.missed is not None:
            raise Failure(f"it did not take step {self.missed}")
        if usual is not None and self.took > usual + SLOWER and not said:
            raise SlowerThanUsual(f"it took {self.took:.1f} s rather than {usual:.1f} s and does not say why")

    def finish(self):
        """A daemon without faults reports the rest."""
        database = Database(self.directory / "state")
        self.config.write_text(self.before)
        self.enter("Completed", "r2")
        if database.path.exists() and database.path.stat().st_size > 0:
            with contextlib.suppress(Exception):  # a file without tables yet has nothing to hurry
                database.hurry()
        # A file, since a hook that is still running may keep the descriptor.
        with tempfile.TemporaryFile() as log:
            done = subprocess.run([JOBWATCHD, "-c", self.config, "--exit-when-done", "--timeout", f"{PATIENCE:.0f}s"],
                                  env=clean_environment(), stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                  stderr=log, timeout=3 * PATIENCE, check=False)
            log.seek(0)
            self.log += "---- plain\n" + log.read().decode("utf-8", "backslashreplace")
        if done.returncode != EX_OK:
            raise Failure(f"the plain daemon after it ended with {done.returncode}")
        check(self.test, {self.job.id: self.job}, database, {"program": (self.exec, KINDS)}, self.log)
