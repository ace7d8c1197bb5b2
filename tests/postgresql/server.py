# SPDX-License-Identifier: MIT
"""A PostgreSQL server of its own for a test: in a temporary directory, on a Unix socket and on loopback."""

import contextlib
import ctypes
import glob
import os
import pathlib
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time

SKIPPED = 77  # of meson

LIBC = ctypes.CDLL(None)
PR_SET_PDEATHSIG = 1

STOP_SIGNALS = {"smart": signal.SIGTERM, "fast": signal.SIGINT, "immediate": signal.SIGQUIT}

# The user of the service, and of the test if it may not become another.
ROLE = "jobwatchd"


def programs():
    """The directory with initdb and postgres; None if the server is not installed."""
    found = sorted(glob.glob("/usr/lib/postgresql/*/bin/initdb"), key=lambda path: int(path.split("/")[4]))
    if found:
        return pathlib.Path(found[-1]).parent
    path = shutil.which("initdb")
    return pathlib.Path(path).resolve().parent if path else None


def missing():
    """Why no server can be started; None if one can."""
    if programs() is None:
        return "PostgreSQL is not installed (Debian: postgresql)"
    if os.geteuid() == 0:
        with contextlib.suppress(KeyError):
            pwd.getpwnam("postgres")
            return None
        return "there is no user postgres, and PostgreSQL refuses to run as root"
    return None


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def end_with_parent():
    LIBC.prctl(PR_SET_PDEATHSIG, signal.SIGQUIT)


class Server:
    """with Server() as server: the server runs, with a role and a database of its own, both named jobwatchd.

    It listens on these addresses and that port, with more options of the form name=value. The data may be those of a
    template: a server that is stopped.
    """

    def __init__(self, password="of the role", listen="127.0.0.1", port=None, options=(), template=None):
        self.bin = programs()
        self.password = password
        self.listen, self.port, self.options = listen, port or free_port(), options
        self.template = template
        self.process = None

    def __enter__(self):
        self.directory = pathlib.Path(tempfile.mkdtemp(prefix="jobwatchd-postgresql-"))
        try:
            if os.geteuid() == 0:
                shutil.chown(self.directory, "postgres", "postgres")
                self.directory.chmod(0o755)
            self.create_data()
            self.start()
            if self.template is None:
                self.psql(f"CREATE ROLE {ROLE} LOGIN PASSWORD '{self.password}'")
                self.psql(f"CREATE DATABASE {ROLE} OWNER {ROLE}")
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        self.stop("immediate")
        shutil.rmtree(self.directory, ignore_errors=True)

    def create_data(self):
        if self.template is not None:
            self.as_server("cp", "-a", self.template.data, self.directory)
            return
        secret = self.directory / "superuser"
        self.as_server("sh", "-c", f"umask 077; echo superuser >{secret}")
        self.as_server(self.bin / "initdb", "-D", self.data, "-U", "postgres", "-E", "UTF8", "--no-locale",
                       "--no-sync", "--wal-segsize=1", "--auth=scram-sha-256", f"--pwfile={secret}")

    @property
    def data(self):
        return self.directory / "data"

    @property
    def uri(self):
        """Over TCP, so that its limits are those of a server elsewhere."""
        return f"postgresql://{ROLE}@127.0.0.1:{self.port}/{ROLE}"

    def identity(self):
        return {"user": "postgres", "group": "postgres", "extra_groups": []} if os.geteuid() == 0 else {}

    def as_server(self, *command):
        subprocess.run([str(part) for part in command], check=True, stdout=subprocess.DEVNULL, cwd="/",
                       **self.identity())

    def start(self):
        """Returns when connections are accepted. The server stops at once when the test ends without stopping it."""
        with open(self.directory / "log", "ab") as log:
            self.process = subprocess.Popen(  # pylint: disable=consider-using-with,subprocess-popen-preexec-fn
                [self.bin / "postgres", "-D", self.data, "-h", self.listen, "-p", str(self.port), "-k", self.directory,
                 *(f"--{option}" for option in ("max_connections=20", "shared_buffers=16MB", "fsync=off", *self.options))],
                cwd="/", stdout=log, stderr=log, preexec_fn=end_with_parent, **self.identity())
        ready = [self.bin / "pg_isready", "-q", "-h", "127.0.0.1", "-p", str(self.port), "-t", "10"]
        while subprocess.run(ready, check=False).returncode != 0:
            if self.process.poll() is not None:
                raise AssertionError((self.directory / "log").read_text(encoding="utf-8", errors="replace"))
            time.sleep(0.02)

    def stop(self, mode="fast"):
        if self.process is not None:
            self.process.send_signal(STOP_SIGNALS[mode])
            self.process.wait()
            self.process = None

    def processes(self):
        """The server and its children."""
        children = pathlib.Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children")
        return [self.process.pid, *map(int, children.read_text(encoding="ascii").split())]

    def signal_all(self, number):
        """The server itself first, so that it starts no more of them."""
        for process in self.processes():
            with contextlib.suppress(ProcessLookupError):
                os.kill(process, number)

    def kill(self):
        self.signal_all(signal.SIGKILL)
        self.process.wait()
        self.process = None

    def psql(self, sql, database="postgres"):
        """Executes SQL as the superuser; returns the rows, a line each, with | between columns."""
        answer = subprocess.run(
            [self.bin / "psql", "-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-h", "127.0.0.1",
             "-p", str(self.port), "-U", "postgres", "-d", database, "-c", sql],
            env={**os.environ, "PGPASSWORD": "superuser"}, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
            check=False)
        if answer.returncode != 0:
            raise AssertionError(f"{sql}: {answer.stderr}")
        return answer.stdout.strip()

    def environment(self):
        """For the unit tests of the state: see tests/unit/state_fixture.h."""
        return {**os.environ, "TEST_DATABASE": self.uri, "TEST_DATABASE_PASSWORD": self.password}
