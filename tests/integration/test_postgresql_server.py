#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What a PostgreSQL server may be like: behind a pooler, with TLS, with a full disk, or changed by somebody."""

import os
import shutil
import socket
import subprocess
import sys
import unittest

from fake_journal import may_mount
from harness import EX_IOERR, EX_OK
from state_place import ServerTest, missing, server, skip

POOLER = """[databases]
{role} = host=127.0.0.1 port={port} dbname={role} user={role} password='{password}'
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {own_port}
unix_socket_dir =
auth_type = any
pool_mode = {mode}
ignore_startup_parameters = extra_float_digits,options
"""


class Pooler(ServerTest):
    def test_a_pooler_is_refused_in_each_mode(self):
        program = shutil.which("pgbouncer", path=f"{os.environ['PATH']}:/usr/sbin")
        if program is None:
            self.skipTest("needs pgbouncer")
        for mode in ("transaction", "session", "statement"):
            port = server.free_port()
            settings = self.directory / f"{mode}.ini"
            settings.write_text(POOLER.format(role=server.ROLE, port=self.server.port, own_port=port, mode=mode,
                                              password=self.server.password))
            self.directory.chmod(0o755)
            with subprocess.Popen([program, "-q", settings], cwd="/", stderr=subprocess.DEVNULL,
                                  **self.server.identity()) as pooler:
                try:
                    self.wait_until(lambda at=port: accepts(at))
                    self.configure(database=f"postgresql://{server.ROLE}@127.0.0.1:{port}/{server.ROLE}")
                    self.once(EX_IOERR, "a connection pooler is in between; connect to the server itself. "
                                        "It was not changed")
                finally:
                    pooler.kill()
        found = self.server.psql("SELECT count(*) FROM pg_namespace WHERE nspname LIKE 'jobwatchd%'", server.ROLE)
        self.assertEqual(found, "0")


def accepts(port):
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


class Tls(ServerTest):
    """The server's certificate is one for localhost."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        for name in ("ca", "other"):
            cls.openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "90",
                        "-subj", f"/CN={name}", "-keyout", f"{name}.key", "-out", f"{name}.crt")
        cls.openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "90",
                    "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost", "-addext",
                    "basicConstraints=critical,CA:FALSE", "-CA", "ca.crt", "-CAkey", "ca.key", "-keyout", "data/server.key",
                    "-out", "data/server.crt")
        cls.server.as_server("chmod", "600", cls.server.data / "server.key")
        cls.server.psql("ALTER SYSTEM SET ssl = on")
        cls.server.psql("SELECT pg_reload_conf()")

    @classmethod
    def openssl(cls, *words):
        subprocess.run(["openssl", *words], cwd=cls.server.directory, check=True, stdin=subprocess.DEVNULL,
                       stderr=subprocess.DEVNULL, **cls.server.identity())

    def with_tls(self, host, authority):
        path = self.server.directory / f"{authority}.crt"
        self.configure(database=f"postgresql://{server.ROLE}@{host}:{self.server.port}/{server.ROLE}?sslmode=verify-full&sslrootcert={path}")

    def setUp(self):
        super().setUp()
        self.wait_until(lambda: self.server.psql("SHOW ssl") == "on")

    def test_the_right_name_and_authority(self):
        self.with_tls("localhost", "ca")
        self.once(EX_OK)

    def test_another_authority(self):
        self.with_tls("localhost", "other")
        self.once(EX_IOERR, "certificate verify failed.*No data was lost. Fix the cause")

    def test_another_name(self):
        self.with_tls("127.0.0.1", "ca")
        self.once(EX_IOERR, 'server certificate for "localhost".* does not match host name "127.0.0.1"')

    def test_no_authority(self):
        self.with_tls("localhost", "absent")
        self.once(EX_IOERR, "absent.crt.* does not exist")


class FullDisk(ServerTest):
    """The tables are on a small disk of their own."""

    @classmethod
    def setUpClass(cls):
        if may_mount() is not None:
            raise unittest.SkipTest(may_mount())
        super().setUpClass()
        cls.disk = cls.server.directory / "disk"
        cls.server.as_server("mkdir", cls.disk)
        subprocess.run(["mount", "-t", "tmpfs", "-o", "size=32M,mode=777", "tmpfs", cls.disk], check=True)
        cls.addClassCleanup(subprocess.run, ["umount", "-l", cls.disk], check=True)
        cls.server.as_server("mkdir", cls.disk / "space")
        cls.server.psql(f"CREATE TABLESPACE small LOCATION '{cls.disk}/space'")
        cls.server.psql(f"ALTER DATABASE {server.ROLE} SET TABLESPACE small")

    def test_it_is_said_and_goes_on_when_there_is_room(self):
        daemon = self.start()
        daemon.wait_for(r"Job 11: .*\[seen")
        with open(self.disk / "filler", "wb") as filler:
            try:
                while True:
                    filler.write(bytes(65536))
                    filler.flush()
            except OSError:
                pass
        self.fake.job(11, result=os.urandom(100_000).hex())
        daemon.wait_for("Cannot save state in postgresql://.*: disk of the database server full")
        self.fake.polls(3, 11)
        self.assertEqual(daemon.count(r"Job 11: .*\[changed"), 0)
        (self.disk / "filler").unlink()
        daemon.wait_for(r"Job 11: .*\[changed")
        daemon.wait_for("State in postgresql://.* is writable again")
        daemon.stop()
        self.assertEqual(self.ask("SELECT count(*) FROM events WHERE kind = 'changed'"), "1")


class Changed(ServerTest):
    """The tables are not as they were made."""

    def test_a_table_that_was_altered(self):
        self.once(EX_OK)
        for sql, undo, says in (
                ("ALTER TABLE events RENAME kind TO sort", "ALTER TABLE events RENAME sort TO kind", 'column "kind"'),
                ("ALTER TABLE manual RENAME TO kept", "ALTER TABLE kept RENAME TO manual", 'relation "manual" does not exist'),
                ("ALTER SCHEMA jobwatchd_{number} RENAME TO kept", "ALTER SCHEMA kept RENAME TO jobwatchd_{number}",
                 'relation "jobs" does not exist')):
            number = self.number()
            self.ask(sql.format(number=number))
            self.once(EX_IOERR, f"{says}.*It was not changed. If its tables were altered, restore them or a backup")
            self.ask(undo.format(number=number))
        self.once(EX_OK)

    def test_a_newer_schema(self):
        self.once(EX_OK)
        self.server.psql(f"UPDATE jobwatchd.instance SET version = version + 1 WHERE name = '{self.instance}'", server.ROLE)
        self.once(EX_IOERR, "it was written by a newer jobwatchd .schema version .*It was not changed")

    def test_a_right_that_was_taken_away(self):
        self.once(EX_OK)
        number = self.number()
        self.ask(f"ALTER TABLE events OWNER TO postgres; GRANT SELECT ON events TO {server.ROLE}")
        self.fake.job(11, result="b")
        self.once(EX_IOERR, "no permission to access the database .PostgreSQL: permission denied for table events")
        self.server.psql(f"ALTER TABLE jobwatchd_{number}.events OWNER TO {server.ROLE}", server.ROLE)
        self.once(EX_OK, r"Job 11: Running, result is now b \[changed")


def main():
    if missing():
        skip(missing())
    if may_mount() is None and "MOUNTS_OF_ITS_OWN" not in os.environ:  # they end with it
        os.execvpe("unshare", ["unshare", "-m", sys.executable, *sys.argv], {**os.environ, "MOUNTS_OF_ITS_OWN": "1"})
    unittest.main()


if __name__ == "__main__":
    main()
