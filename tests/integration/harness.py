# SPDX-License-Identifier: MIT
"""Shared by the integration tests: a fake Nexudus, the daemon, and waiting for events with time limits.

JOBWATCHD, JOBWATCHD_HOOK_RUN and FAKE_NEXUDUS name the programs. TEST_SLOW=3 triples every time limit, for sanitizers and valgrind.
SANITIZED=1: the daemon is built with a sanitizer, in case the program does not show it; three times is the default then.

Servers listen on a free port of loopback. Processes end with the test that started them, and with this process if it is
killed.
"""

import ctypes
import http.client
import json
import os
import pathlib
import pwd
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import unittest
import urllib.parse

TOKEN = "t0ken-5ecret-A1b2"
JOBS = "/api/sys/businessbackgroundjobs"

EX_OK, EX_JOB_FAILED, EX_USAGE, EX_UNAVAILABLE, EX_IOERR, EX_NOPERM, EX_CONFIG, EX_TIMEOUT = \
    0, 1, 64, 69, 74, 77, 78, 124

EVENT = re.compile(r"Job (?P<id>\d+)(?: \((?P<name>[^)]*)\)| \"(?P<description>.*?)\")?: (?P<what>.*) "
                   r"\[(?P<kind>seen|changed|succeeded|failed|gone|stalled)"
                   r"(?:, result of (?P<size>\d+) bytes?|, result not known)?\]$")
API_EVENT = re.compile(r" \[api_(down|refused|ok)\]$")
SANITIZER = re.compile(r"AddressSanitizer|LeakSanitizer|UndefinedBehaviorSanitizer|runtime error:")
NO_BUS = "unix:path=/nonexistent/bus"  # daemons of tests have nothing to do with the system's own
PR_SET_PDEATHSIG = 1
LIBC = ctypes.CDLL(None, use_errno=True)


def program(variable):
    path = os.environ.get(variable, "")
    if not os.access(path, os.X_OK):
        sys.exit(f"the environment variable {variable} does not name a program (it is \"{path}\")")
    return os.path.abspath(path)


JOBWATCHD = program("JOBWATCHD")
FAKE_NEXUDUS = program("FAKE_NEXUDUS")
HOOK_RUN = program("JOBWATCHD_HOOK_RUN")
SANITIZED = os.environ.get("SANITIZED") == "1" or b"__asan_init" in pathlib.Path(JOBWATCHD).read_bytes()
SLOW = float(os.environ.get("TEST_SLOW", "3" if SANITIZED else "1"))
PATIENCE = 15 * SLOW


def end_with_parent():
    LIBC.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


class Fake:
    """A running fake-nexudus. control() and similar methods change its behaviour while it serves."""

    def __init__(self, directory, scenario="", server="", name="fake", port=0, tls=None):
        self.directory, self.name = directory, name
        self.log_file = directory / f"{name}.log"
        path = directory / f"{name}.ini"
        path.write_text(f"[server]\ntoken = {TOKEN}\n{server}\n{scenario}\n", encoding="utf-8")
        command = [FAKE_NEXUDUS, "--scenario", path, "--log", self.log_file, "--die-with-parent",
                   "--port", str(port)]
        if tls:
            command += ["--tls-cert", tls[0], "--tls-key", tls[1]]
        self.tls = tls is not None
        self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True)
        line = self.process.stdout.readline().strip()
        if not line.startswith("listening on "):
            self.stop()
            raise AssertionError(f"fake-nexudus does not listen: {line!r}")
        self.url = line.split()[-1]
        self.port = urllib.parse.urlsplit(self.url).port

    def stop(self, how=signal.SIGTERM):
        if self.process.poll() is None:
            self.process.send_signal(how)
        self.process.wait(PATIENCE)
        self.process.stdout.close()

    def control(self, method, path, body=None):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE + 10)
        if self.tls:
            import ssl
            connection = http.client.HTTPSConnection("127.0.0.1", self.port, timeout=PATIENCE + 10,
                                                     context=ssl._create_unverified_context())
        try:
            connection.request(method, "/_control/" + path, body)
            answer = connection.getresponse()
            text = answer.read().decode()
        finally:
            connection.close()
        if answer.status != 200:
            raise AssertionError(f"{method} /_control/{path}: {answer.status} {text}")
        return json.loads(text) if text else None

    def job(self, id, result=None, **query):
        """Changes or creates a job. result=None keeps ResultData as it is."""
        body = result.encode() if isinstance(result, str) else result
        self.control("PUT", f"job/{id}?" + urllib.parse.urlencode(query), body)

    def fault(self, name, **lines):
        text = ""
        for key, values in lines.items():
            for value in values if isinstance(values, list) else [values]:
                text += f"{key} = {value}\n"
        self.control("PUT", f"fault/{name}", text.encode())

    def mend(self):
        self.control("DELETE", "faults")

    def server(self, **lines):
        self.control("PUT", "server", "".join(f"{key} = {value}\n" for key, value in lines.items()).encode())

    def stats(self):
        return self.control("GET", "stats")

    def wait(self, count, since=0, **query):
        """Waits until `count` requests after number `since` have been answered. Returns the number of the last one."""
        query.update(count=count, since=since, timeout=f"{int(PATIENCE)}s")
        return self.control("GET", "wait?" + urllib.parse.urlencode(query))["last_seq"]

    def polls(self, count, job=None, **query):
        """Waits until `count` more polls, of one job or of any, have been answered and processed by the daemon: another
        poll has begun after them."""
        if job is not None:
            query["path"] = f"*{JOBS}/{job}"
        return self.wait(count + 2, self.stats()["last_seq"], **query)

    def began(self):
        """The start of its clock, by time.monotonic()."""
        before = time.monotonic()
        seconds = self.stats()["seconds"]
        return (before + time.monotonic()) / 2 - seconds

    def requests(self):
        """The log: a dict per request. The line of a request in progress may be incomplete."""
        self.stats()
        with open(self.log_file, encoding="utf-8") as file:
            return [json.loads(line) for line in file if line.endswith("\n")]


class Daemon:
    """A running jobwatchd, with its log lines as they arrive."""

    def __init__(self, command, env, terminal=False, before=()):
        read_end, write_end = os.openpty() if terminal else os.pipe()
        self.lines, self.times = [], []  # of each line: time.monotonic() of its arrival
        self.changed = threading.Condition()
        self.ended = False
        self.process = subprocess.Popen([*before, *command], env=env, stdin=subprocess.DEVNULL,
                                        stdout=subprocess.PIPE, stderr=write_end, preexec_fn=end_with_parent)
        os.close(write_end)
        self.pid = self.process.pid
        self.output = ""
        self.threads = [threading.Thread(target=self._read, args=(read_end,)),
                        threading.Thread(target=self._read_output)]
        for thread in self.threads:
            thread.start()

    def _read(self, fd):
        rest = b""
        while True:
            try:
                data = os.read(fd, 65536)
            except OSError:  # end of file of a terminal
                data = b""
            *whole, rest = (rest + data).split(b"\n")
            if not data and rest:
                whole.append(rest)
            with self.changed:
                self.times += [time.monotonic()] * len(whole)
                self.lines += [line.decode("utf-8", "backslashreplace").rstrip("\r") for line in whole]
                self.ended = not data
                self.changed.notify_all()
            if not data:
                os.close(fd)
                return

    def _read_output(self):
        with self.process.stdout as stream:
            self.output = stream.read().decode("utf-8", "backslashreplace")

    def text(self):
        with self.changed:
            return "\n".join(self.lines)

    def count(self, pattern):
        with self.changed:
            return sum(1 for line in self.lines if re.search(pattern, line))

    def time_of(self, pattern):
        """When the first line that matches arrived, by time.monotonic(); None: there is none."""
        with self.changed:
            return next((at for at, line in zip(self.times, self.lines) if re.search(pattern, line)), None)

    def messages(self, levels="error|warning|notice"):
        """The lines of these levels that are not events."""
        with self.changed:
            return [line for line in self.lines
                    if re.match(rf"\S+ \S+ (?:{levels}) ", line) and not EVENT.search(line) and not API_EVENT.search(line)]

    def mark(self):
        """A position in the log, for `since`."""
        with self.changed:
            return len(self.lines)

    def wait_for(self, pattern, since=0, count=1, patience=PATIENCE):
        """Waits until `count` lines match. Returns the last of them."""
        limit = time.monotonic() + patience
        with self.changed:
            while True:
                found = [line for line in self.lines[since:] if re.search(pattern, line)]
                if len(found) >= count:
                    return found[count - 1]
                left = limit - time.monotonic()
                if self.ended or left <= 0:
                    why = "the daemon ended" if self.ended else "time ran out"
                    raise AssertionError(f"{why} before the log said {pattern!r} {count} times. It said:\n" +
                                         "\n".join(self.lines))
                self.changed.wait(left)

    def events(self):
        """(job, kind, what) of each logged event."""
        with self.changed:
            found = [EVENT.search(line) for line in self.lines]
        return [(int(event["id"]), event["kind"], event["what"]) for event in found if event]

    def wait_exit(self, patience=PATIENCE):
        """Waits for the end. Returns the exit status; the log is complete then."""
        try:
            status = self.process.wait(patience)
        except subprocess.TimeoutExpired:
            raise AssertionError("the daemon does not end. It said:\n" + self.text()) from None
        for thread in self.threads:
            thread.join()
        if SANITIZER.search(self.text()):
            raise AssertionError("a sanitizer speaks:\n" + self.text())
        return status

    def stop(self, how=signal.SIGTERM, patience=PATIENCE):
        if self.process.poll() is None:
            self.process.send_signal(how)
        return self.wait_exit(patience)

    def proc(self, name):
        return pathlib.Path(f"/proc/{self.pid}/{name}").read_bytes()

    def memory_kb(self, field):
        return int(re.search(rf"^{field}:\s+(\d+) kB$", self.proc("status").decode(), re.M).group(1))


def give_to_service(path):
    """Makes a secret readable for the user of the service, for whom --check judges as root."""
    try:
        user = pwd.getpwnam("jobwatchd")
    except KeyError:
        return
    if os.geteuid() == 0:
        os.chown(path, user.pw_uid, user.pw_gid)


def clean_environment(**more):
    keep = {"PATH", "HOME", "LANG", "TMPDIR"}
    env = {name: value for name, value in os.environ.items()
           if name in keep or name.endswith("SAN_OPTIONS")}
    return {**env, "TZ": "UTC", "JOBWATCHD_HOOK_RUN": HOOK_RUN, "DBUS_SYSTEM_BUS_ADDRESS": NO_BUS, **more}


class IntegrationTest(unittest.TestCase):
    maxDiff = None

    def setUp(self):
        self.directory = pathlib.Path(tempfile.mkdtemp(prefix="jobwatchd-test-"))
        self.directory.chmod(0o755)  # --check judges for the user of the service, if there is one
        self.addCleanup(shutil.rmtree, self.directory, ignore_errors=True)
        self.config = self.directory / "jobwatchd.ini"
        self.state = self.directory / "state"
        self.token_file = self.secret("token", TOKEN)

    def wait_until(self, condition):
        """For what cannot be awaited: files of the daemon, processes that are not our children."""
        limit = time.monotonic() + PATIENCE
        while not condition():
            self.assertLess(time.monotonic(), limit, "time ran out")
            time.sleep(0.01)


    def secret(self, name, content, mode=0o600):
        path = self.directory / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        path.chmod(mode)
        give_to_service(path)
        return path

    def start_fake(self, scenario="", server="", **options):
        fake = Fake(self.directory, scenario, server, **options)
        self.addCleanup(fake.stop)
        return fake

    def write_config(self, base_url, jobs=(), more="", **sections):
        """Sections as dicts that override defaults for tests; `more` is appended verbatim."""
        if isinstance(base_url, Fake):
            base_url = base_url.url
        settings = {
            "api": {"base_url": base_url, "token_file": self.token_file, "timeout": "10s"},
            "poll": {"interval": "100ms", "max_interval": "100ms", "batch": "off"},
            "limits": {"min_spacing": "0", "per_minute": "0", "per_hour": "0", "per_day": "0"},
            "log": {"target": "console"},
            "state": {"directory": self.state},
        }
        if jobs:
            settings["jobs"] = {"ids": ",\n    ".join(map(str, jobs))}
        for section, keys in sections.items():
            settings.setdefault(section, {}).update(keys)
        text = "".join(f"[{section}]\n" + "".join(f"{key} = {value}\n" for key, value in keys.items()
                                                   if value is not None)
                       for section, keys in settings.items())
        self.config.write_text(text + more, encoding="utf-8")

    def start_daemon(self, *options, env=None, terminal=False, before=()):
        daemon = Daemon([JOBWATCHD, "-c", str(self.config), *map(str, options)],
                        clean_environment(**(env or {})), terminal, before)
        self.addCleanup(self._end, daemon)
        return daemon

    def _end(self, daemon):
        if daemon.process.poll() is None:
            try:
                status = daemon.stop()
            except AssertionError:
                daemon.process.kill()
                daemon.wait_exit()
                raise
            self.assertEqual(status, EX_OK, daemon.text())

    def run_daemon(self, *options, **how):
        """Runs it until it exits. Returns (status, daemon)."""
        daemon = self.start_daemon(*options, **how)
        return daemon.wait_exit(), daemon

    def assertEnds(self, status, *options, says=None, **how):
        got, daemon = self.run_daemon(*options, **how)
        self.assertEqual(got, status, daemon.text() + daemon.output)
        if says is not None:
            self.assertRegex(daemon.text(), says)
        return daemon


def ids_of(request):
    """The ids that a logged request asks for."""
    single = re.search(rf"{JOBS}/(\d+)$", request["path"])
    if single:
        return [int(single.group(1))]
    batch = re.search(r"id=\[([\d,]*)\]", urllib.parse.unquote(request.get("query") or ""))
    return [int(id) for id in batch.group(1).split(",")] if batch else []


class Closed:
    """A port without a listener, reserved until release()."""

    def __init__(self, port=0):
        self.socket = socket.socket()
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.socket.bind(("127.0.0.1", port))
        self.port = self.socket.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"

    def release(self):
        self.socket.close()
        return self.port
