#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""--copy-state: a state moves to PostgreSQL and back, whole or not at all. What it has is read by sqlite3 and psql."""

import json
import re
import shutil
import sqlite3
import subprocess
import unittest

from evidence import ExecRecorder
from harness import EX_CONFIG, EX_IOERR, EX_OK, EX_USAGE, JOBWATCHD, clean_environment
from state_place import MODULE, ServerTest, missing, server, skip

from proxy import Proxy  # beside the server

TABLES = {"events": "sequence", "unlogged": "event", "deliveries": "id", "jobs": "id", "discovered": "job",
          "manual": "job", "values": "key", "pruned": "sequence", "texts": "id"}

COLLATION = ("", ' COLLATE "C"')  # of numbers, and of texts

# What a daemon leaves rarely: each table has rows, with nulls, any bytes, and texts of every size.
MORE = """
INSERT INTO unlogged (event) SELECT sequence FROM events WHERE job = 11;
UPDATE deliveries SET error = 'exit status 1' WHERE id = 1;
UPDATE deliveries SET state = 'failed', attempts = 3, ended_us = 1700000000000000, error = NULL WHERE id = 2;
INSERT INTO discovered VALUES (12, CAST('imports,all' AS BLOB), 17000000000000000, 1);
INSERT INTO manual (job, kind, name, hooks, again, written) VALUES
    (11, 'added', CAST('by hand' AS BLOB), NULL, 1, 1700000000), (99, 'dismissed', NULL, x'', 0, 1700000001);
INSERT INTO "values" (key, data, written) VALUES ('outage', x'00ff0a', 1700000002), ('cursor of me', x'', 1700000003),
    ('grant of jobwatchd for me', CAST('a secret token' AS BLOB), unixepoch());
UPDATE pruned SET sequence = 1;
UPDATE jobs SET description = x'c328', guid = x'00', user = NULL, removed_us = 1700000005000000 WHERE id = 12;
INSERT INTO texts (job, hash, size, data) VALUES (12, -5, 0, x''), (12, -9223372036854775808, 5000, zeroblob(4097)),
    (12, 9223372036854775807, 3000000, randomblob(3000000));
UPDATE jobs SET result_hash = 9223372036854775807, result_size = 3000000 WHERE id = 12;
"""


def plain(value):
    """Texts and bytes alike, as hex digits."""
    if isinstance(value, str):
        return value[2:] if value.startswith("\\x") else value.encode().hex()
    return value.hex() if isinstance(value, bytes) else value


class CopyTest(ServerTest):
    def setUp(self):
        super().setUp()
        self.hook = ExecRecorder(self.directory, "hook")
        self.hook.program.write_text("#!/bin/sh\nexit 1\n")
        self.use(self.server.uri)

    def use(self, uri):
        """The state is in that database; None: in the directory."""
        self.configure(f"[hook h]\non = seen, succeeded, changed\nexec = {self.hook.program}\n",
                       database=uri, password_file=self.password_file if uri else None)

    def make_state(self):
        """A state in self.state, as a daemon and time have made it."""
        self.use(None)
        self.assertEnds(EX_OK, "--once")
        self.use(self.server.uri)
        self.execute(MORE)

    def execute(self, sql, directory=None):
        connection = sqlite3.connect((directory or self.state) / "jobwatchd.db")
        connection.executescript(sql)
        connection.close()

    def in_directory(self, directory):
        connection = sqlite3.connect(directory / "jobwatchd.db")
        connection.row_factory = sqlite3.Row
        rows = {table: [{name: plain(value) for name, value in dict(row).items()}
                        for row in connection.execute(f'SELECT * FROM "{table}" ORDER BY {key}')]
                for table, key in TABLES.items()}
        connection.close()
        rows["values"] = [row for row in rows["values"] if not bytes.fromhex(row["key"]).startswith(b"grant of ")]
        return rows

    def token(self, directory):
        connection = sqlite3.connect(directory / "jobwatchd.db")
        found = connection.execute("SELECT data FROM \"values\" WHERE key LIKE 'grant of %'").fetchone()
        connection.close()
        return found and found[0]

    def in_database(self):
        tables = ", ".join(f"'{table}', (SELECT json_agg(t ORDER BY {key}{COLLATION[table == 'values']}) FROM \"{table}\" AS t)"
                           for table, key in TABLES.items())
        found = json.loads(self.ask(f"SELECT json_build_object({tables})"))
        return {table: [{name: plain(value) for name, value in row.items()} for row in rows or []]
                for table, rows in found.items()}

    def database_has_data(self):
        try:
            rows = self.in_database()
        except AssertionError as error:
            self.assertRegex(str(error), "does not exist|syntax error")  # it has no tables yet
            return False
        self.assertEqual(len(rows["pruned"]) - 1, 0)
        return rows["pruned"][0]["sequence"] != 0 or any(rows[table] for table in rows if table != "pruned")

    def copy(self, status, source, target, says=".", instance=None):
        done = subprocess.run(
            [JOBWATCHD, "-c", str(self.config), "--instance", instance or self.instance, "--copy-state", str(source),
             str(target)], env=clean_environment(**MODULE), stdout=subprocess.PIPE,
            stderr=subprocess.PIPE, text=True, check=False, timeout=300)
        self.assertEqual(done.returncode, status, done.stdout + done.stderr)
        self.assertRegex(done.stdout + done.stderr, says)
        self.assertNotIn(self.server.password, done.stdout + done.stderr)
        return done

    def clone(self, name):
        shutil.copytree(self.state, self.directory / name)
        return self.directory / name


class Whole(CopyTest):
    def test_there_and_back_every_row_is_the_same(self):
        self.make_state()
        rows = self.in_directory(self.state)
        for table in TABLES:
            self.assertGreater(len(rows[table]), 0, table)
        said = self.copy(EX_OK, self.state, self.server.uri, r"Copied .* Tokens were not copied").stdout
        self.assertEqual(self.in_directory(self.state), rows, "the source is as it was")
        self.assertEqual(self.in_database(), rows)
        shown = {line.split()[0]: int(line.split()[1]) for line in said.splitlines()[:-1]}
        self.assertEqual(shown, {table: len(rows[table]) for table in TABLES})

        back = self.directory / "back"
        again = self.copy(EX_OK, self.server.uri, back).stdout
        self.assertEqual(self.in_directory(back), rows)
        self.assertEqual(again.splitlines()[:-1], said.splitlines()[:-1], "the sums, too")
        self.assertIsNone(self.token(back))

    def test_a_daemon_goes_on_with_the_copy(self):
        self.make_state()
        self.execute("DELETE FROM unlogged; DELETE FROM manual; DELETE FROM texts WHERE size IN (0, 5000)")
        events = len(self.in_directory(self.state)["events"])
        self.copy(EX_OK, self.state, self.server.uri)
        self.fake.job(11, result="c")
        daemon = self.start()
        daemon.wait_for(r"Job 11: Running, result is now c \[changed")
        daemon.stop()
        self.assertEqual(daemon.events(), [(11, "changed", "Running, result is now c")])
        self.assertEqual(len(self.in_database()["events"]), events + 1)

        # What is new has numbers of its own, and tokens that the directory has stay there.
        back = self.directory / "back"
        back.mkdir()
        shutil.copy(self.state / "jobwatchd.db", back)
        self.execute("DELETE FROM deliveries; DELETE FROM unlogged; DELETE FROM events; DELETE FROM jobs; "
                     "DELETE FROM texts; DELETE FROM manual; UPDATE pruned SET sequence = 0; "
                     "DELETE FROM \"values\" WHERE key NOT LIKE 'grant of %'", back)
        self.copy(EX_OK, self.server.uri, back)
        self.assertEqual(self.token(back), b"a secret token")
        shutil.rmtree(self.state)
        back.rename(self.state)
        self.use(None)
        self.fake.job(11, result="d")
        self.assertEnds(EX_OK, "--once", says=r"Job 11: Running, result is now d \[changed")

    def test_an_older_schema_is_migrated_first(self):
        self.make_state()
        self.execute("DROP INDEX jobs_ended; ALTER TABLE jobs DROP COLUMN first_us; PRAGMA user_version = 5")
        self.copy(EX_OK, self.state, self.server.uri)
        first = self.ask("SELECT first_us = (SELECT min(time_us) FROM events WHERE job = 11) FROM jobs WHERE id = 11")
        self.assertEqual(first, "t")

    def test_many_rows_need_many_pages(self):
        self.make_state()
        self.execute("WITH RECURSIVE n (n) AS (SELECT 1000 UNION ALL SELECT n + 1 FROM n WHERE n < 1350) "
                     "INSERT INTO \"values\" (key, data) SELECT 'key ' || n, CAST(n AS BLOB) FROM n;"
                     "WITH RECURSIVE n (n) AS (SELECT 1000 UNION ALL SELECT n + 1 FROM n WHERE n < 1350) "
                     "INSERT INTO texts (job, hash, size, data) SELECT n, n, 4, CAST(n AS BLOB) FROM n")
        self.copy(EX_OK, self.state, self.server.uri)
        self.assertEqual(self.in_database(), self.in_directory(self.state))


class Refused(CopyTest):
    def schemas(self, database):
        """Those of jobwatchd, and the rows of all instances."""
        names = self.server.psql("SELECT nspname FROM pg_namespace WHERE nspname LIKE 'jobwatchd%' ORDER BY 1", database)
        return names, self.server.psql("SELECT * FROM jobwatchd.instance ORDER BY number", database) if names else None

    def test_a_target_with_data(self):
        self.make_state()
        self.copy(EX_OK, self.state, self.server.uri)
        rows = self.in_database()
        self.copy(EX_IOERR, self.state, self.server.uri, "has data, in table events. It was not changed")
        self.assertEqual(self.in_database(), rows)
        self.copy(EX_IOERR, self.server.uri, self.state, "has data, in table events. It was not changed")

    def test_a_source_without_data(self):
        absent = self.directory / "absent"
        self.copy(EX_IOERR, absent, self.server.uri, "Cannot read .*/absent/jobwatchd.db: .*Nothing was copied")
        self.assertFalse(absent.exists())
        self.make_state()
        self.copy(EX_OK, self.state, self.server.uri)
        self.ask("TRUNCATE deliveries, unlogged, events, jobs, discovered, manual, \"values\", texts, pruned")
        self.copy(EX_IOERR, self.server.uri, absent, "has no data. Nothing was copied")

    def test_a_source_without_the_instance(self):
        """Nothing is made there: neither in a database without any, nor beside another, nor for one that only waits."""
        new = self.directory / "new"
        says = "has no state of the instance {}. It was not changed. Check its name, and --instance"
        self.server.psql(f"CREATE DATABASE bare OWNER {server.ROLE}")
        self.copy(EX_IOERR, f"{self.server.uri.removesuffix(server.ROLE)}bare", new, says.format(self.instance))
        self.assertEqual(self.schemas("bare"), ("", None))

        self.make_state()
        self.copy(EX_OK, self.state, self.server.uri)
        self.server.psql("INSERT INTO jobwatchd.instance (name) VALUES ('waiting')", server.ROLE)
        before = self.schemas(server.ROLE)
        for instance in ("other", "waiting"):
            self.copy(EX_IOERR, self.server.uri, new, says.format(instance), instance=instance)
            self.assertEqual(self.schemas(server.ROLE), before)
        self.assertFalse(new.exists())
        self.copy(EX_OK, self.server.uri, new)

    def test_a_state_in_use(self):
        self.make_state()
        self.use(None)
        daemon = self.start_daemon()
        daemon.wait_for("jobwatchd .* started")
        self.use(self.server.uri)
        self.copy(EX_IOERR, self.state, self.server.uri, "is locked by jobwatchd")
        self.assertFalse(self.database_has_data())
        daemon.stop()
        clone = self.clone("clone")
        daemon = self.start()
        daemon.wait_for("jobwatchd .* started")
        self.copy(EX_IOERR, self.server.uri, self.directory / "new", "(another host|in use)")
        self.copy(EX_IOERR, clone, self.server.uri, "(another host|in use)")
        daemon.stop()

    def test_a_damaged_source_is_named(self):
        self.make_state()
        for number, (sql, says) in enumerate((
                ("UPDATE events SET job_name = 5 WHERE sequence = 2", "damaged: table events, row 2: .*wrong type"),
                ("UPDATE \"values\" SET data = 'text' WHERE key = 'outage'", "damaged: table values, row outage: "),
                ("UPDATE texts SET data = 'text' WHERE id = 1", "damaged: table texts, row 1: "))):
            damaged = self.clone(f"damaged-{number}")
            self.execute(sql, damaged)
            self.copy(EX_IOERR, damaged, self.server.uri, f"{re.escape(str(damaged))} is {says}.* has no data")
            self.assertFalse(self.database_has_data())
        torn = self.clone("torn")
        with open(torn / "jobwatchd.db", "r+b") as file:
            file.seek(8192)
            file.write(b"\xff" * 8192)
        self.copy(EX_IOERR, torn, self.server.uri, f"{re.escape(str(torn))}/jobwatchd.db cannot be used: .* damaged")
        self.assertFalse(self.database_has_data())

    def test_two_of_a_kind_and_a_password_in_the_uri(self):
        self.copy(EX_USAGE, self.state, self.directory / "other", "one must be a state directory.*, the other the URI of a database")
        self.copy(EX_USAGE, self.server.uri, self.server.uri, "one must be")
        self.copy(EX_USAGE, "", self.state, "one must be")
        secret = self.server.uri.replace("@", ":hunter2@")
        self.copy(EX_USAGE, self.state, secret, "remove the password and set password_file")
        self.assertEnds(EX_USAGE, "--copy-state", self.state, says="write two arguments")

    def test_the_password_is_that_of_the_configuration(self):
        self.make_state()
        self.password_file = self.secret("wrong.password", "mistaken")
        self.use(self.server.uri)
        self.copy(EX_IOERR, self.state, self.server.uri, "password authentication failed")
        self.password_file = self.directory / "absent"
        self.use(self.server.uri)
        self.copy(EX_CONFIG, self.state, self.server.uri, "absent")


class Interrupted(CopyTest):
    def test_a_connection_lost_at_any_point_leaves_the_target_without_data(self):
        self.make_state()
        with Proxy(self.server.port) as proxy:
            self.copy(EX_OK, self.state, self.server.uri.replace(f":{self.server.port}", f":{proxy.port}"),
                      instance="whole")
            whole = proxy.passed
        for part in range(1, 9):
            with Proxy(self.server.port, limit=whole * part // 9) as proxy:
                uri = self.server.uri.replace(f":{self.server.port}", f":{proxy.port}")
                self.copy(EX_IOERR, self.state, uri, "connection|connect")
            self.assertFalse(self.database_has_data())
        self.copy(EX_OK, self.state, self.server.uri)
        self.assertEqual(self.in_database(), self.in_directory(self.state))

    def test_nor_does_a_database_that_stops_while_it_is_read(self):
        self.make_state()
        self.copy(EX_OK, self.state, self.server.uri)
        new = self.directory / "new"
        with Proxy(self.server.port) as proxy:
            self.copy(EX_OK, self.server.uri.replace(f":{self.server.port}", f":{proxy.port}"), self.directory / "whole")
            whole = proxy.passed
        for part in range(1, 5):
            with Proxy(self.server.port, limit=whole * part // 5) as proxy:
                uri = self.server.uri.replace(f":{self.server.port}", f":{proxy.port}")
                self.copy(EX_IOERR, uri, new, "connection|connect")
            if (new / "jobwatchd.db").exists():
                rows = self.in_directory(new)
                self.assertEqual([table for table in rows if rows[table] and table != "pruned"], [])
        self.copy(EX_OK, self.server.uri, new)
        self.assertEqual(self.in_directory(new), self.in_database())


if __name__ == "__main__":
    if missing():
        skip(missing())
    unittest.main()
