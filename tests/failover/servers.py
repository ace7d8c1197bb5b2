# SPDX-License-Identifier: MIT
"""The servers of the scenarios: a primary, its replica, one with little room, and a pooler in front."""

import contextlib
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).parent.parent / "postgresql"))
import server  # noqa: E402

from harness import PATIENCE, end_with_parent  # noqa: E402
from network import PORTS, Path  # noqa: E402

ROLE = server.ROLE


def uri(*places, more=""):
    """Of (path, server) each."""
    hosts = ",".join(f"{path.address}:{one.port}" for path, one in places)
    return f"postgresql://{ROLE}@{hosts}/{ROLE}{more}"


class Primary(server.Server):
    """It is reached over any path."""

    def __init__(self, options=(), template=None):
        super().__init__(listen="*", port=next(PORTS), options=options, template=template)

    def wait_until(self, sql, patience=PATIENCE):
        """Until SQL returns true."""
        limit = time.monotonic() + patience
        while self.psql(sql) != "t":
            if time.monotonic() > limit:
                raise AssertionError(f"this did not become true: {sql}")
            time.sleep(0.05)

    def log(self):
        return (self.directory / "log").read_text(encoding="utf-8", errors="replace")


class Replica(Primary):
    """Follows a primary that runs, over a path of its own."""

    def __init__(self, primary):
        super().__init__(template=primary)
        self.path = Path()

    def create_data(self):
        self.as_server("env", "PGPASSWORD=superuser", self.bin / "pg_basebackup", "-D", self.data, "-R",
                       "--checkpoint=fast", "--no-sync", "-X", "stream", "-d",
                       f"host={self.path.address} port={self.template.port} user=postgres application_name=replica")

    def wait_until_it_follows(self, is_synchronous):
        if is_synchronous:
            self.template.psql("ALTER SYSTEM SET synchronous_standby_names = 'replica'")
            self.template.psql("SELECT pg_reload_conf()")
        wanted = "sync" if is_synchronous else "async"
        self.template.wait_until(
            f"SELECT count(*) = 1 FROM pg_stat_replication WHERE state = 'streaming' AND sync_state = '{wanted}'")

    def promote(self):
        self.psql("SELECT pg_promote()")


class SmallDisk(Primary):
    """Its data are on a disk that can be filled."""

    def create_data(self):
        self.data.mkdir(mode=0o700)
        shutil.chown(self.data, "postgres", "postgres")
        subprocess.run(["mount", "-t", "tmpfs", "-o", "size=80m,mode=0700,uid=postgres,gid=postgres", "tmpfs",
                        self.data], check=True)
        self.as_server("cp", "-a", f"{self.template.data}/.", self.data)

    def __exit__(self, *_):
        self.stop("immediate")
        subprocess.run(["umount", self.data], check=False)
        super().__exit__()

    def fill(self):
        """Until it has no room for the next transactions."""
        with open(self.data / "filler", "wb", buffering=0) as filler, contextlib.suppress(OSError):
            while True:
                filler.write(bytes(65536))
        limit = time.monotonic() + PATIENCE
        with contextlib.suppress(AssertionError):
            while time.monotonic() < limit:
                self.psql("SELECT pg_logical_emit_message(false, 'test', repeat('x', 100000)); SELECT pg_switch_wal()")

    def empty(self):
        """Starts the server if it has ended meanwhile."""
        (self.data / "filler").unlink()
        limit = time.monotonic() + 3
        while self.process.poll() is None and time.monotonic() < limit:
            try:
                self.psql("SELECT pg_logical_emit_message(true, 'test', 'room')")
                return
            except AssertionError:
                time.sleep(0.1)
        self.stop("immediate")
        self.start()


class Pooler:
    """with Pooler(server): pgbouncer, which gives a connection to another client with each transaction."""

    def __init__(self, primary):
        self.primary = primary
        self.port = next(PORTS)

    def __enter__(self):
        self.directory = pathlib.Path(tempfile.mkdtemp(prefix="jobwatchd-pgbouncer-"))
        self.directory.chmod(0o755)
        path = self.directory / "pgbouncer.ini"
        path.write_text(
            f"[databases]\n{ROLE} = host=127.0.0.1 port={self.primary.port} user={ROLE} "
            f"password='{self.primary.password}'\n"
            f"[pgbouncer]\nlisten_addr = *\nlisten_port = {self.port}\nauth_type = any\npool_mode = transaction\n"
            "unix_socket_dir =\n", encoding="utf-8")
        with open(self.directory / "log", "wb") as log:
            self.process = subprocess.Popen(  # pylint: disable=consider-using-with,subprocess-popen-preexec-fn
                [shutil.which("pgbouncer", path="/usr/sbin:/usr/bin"), path], cwd="/", stdout=log, stderr=log,
                preexec_fn=end_with_parent, user="postgres", group="postgres", extra_groups=[])
        ready = [self.primary.bin / "pg_isready", "-q", "-h", "127.0.0.1", "-p", str(self.port), "-d", ROLE, "-U", ROLE]
        while subprocess.run(ready, check=False).returncode != 0:
            if self.process.poll() is not None:
                raise AssertionError((self.directory / "log").read_text(encoding="utf-8"))
            time.sleep(0.02)
        return self

    def __exit__(self, *_):
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()
        shutil.rmtree(self.directory, ignore_errors=True)


def missing():
    """Why they cannot be started; None if they can."""
    if os.geteuid() != 0:
        return "the servers of the scenarios need root"
    if shutil.which("pgbouncer", path="/usr/sbin:/usr/bin") is None:
        return "pgbouncer is not installed (Debian: pgbouncer)"
    return server.missing()
