# SPDX-License-Identifier: MIT
"""Where the state of a test is: in SQLite, or in the database that tests/postgresql/run-tests has started for it."""

import json
import os
import pathlib
import subprocess
import sys

from evidence import Database, Recorded

sys.path.insert(0, str(pathlib.Path(__file__).parent.parent / "postgresql"))
import server  # noqa: E402

URI = os.environ.get("TEST_DATABASE")
PASSWORD = os.environ.get("TEST_DATABASE_PASSWORD")


class SharedDatabase:
    """As evidence.Database, for an instance in a database of a PostgreSQL server."""

    def __init__(self, instance):
        self.instance = instance

    def psql(self, sql):
        answer = subprocess.run([server.programs() / "psql", "-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-d", URI,
                                 "-c", sql], env={**os.environ, "PGPASSWORD": PASSWORD}, stdout=subprocess.PIPE,
                                check=True)
        return answer.stdout.decode().strip()

    def schema(self):
        """None: it has no tables yet."""
        if self.psql("SELECT to_regclass('jobwatchd.instance') IS NULL") == "t":
            return None
        number = self.psql(f"SELECT number FROM jobwatchd.instance WHERE name = '{self.instance}'")
        schema = f"jobwatchd_{number}"
        return None if self.psql(f"SELECT to_regclass('{schema}.deliveries') IS NULL") == "t" else schema

    def ask(self, sql):
        rows = self.psql(f"SET search_path = {self.schema()}; "
                         f"SELECT coalesce(json_agg(row), '[]') FROM ({sql}) AS query (row)")
        return [tuple(row) for row in json.loads(rows)]

    def hurry(self):
        if schema := self.schema():
            self.psql(f"UPDATE {schema}.deliveries SET next_us = 0 WHERE state = 'pending'")

    def is_sound(self):
        return True  # as its server sees to

    def events(self):
        text = "convert_from({}, 'UTF8')".format
        result = ("(SELECT convert_from(data, 'UTF8') FROM texts AS t WHERE t.job = e.job "
                  "AND t.hash = e.{0}_hash AND t.size = e.{0}_size)").format
        return [Recorded(*row) for row in self.ask(
            f"SELECT json_build_array(id, kind, job, {text('status')}, {result('result')}, {text('status_before')}, "
            f"{result('before')}) FROM events AS e ORDER BY sequence")]

    def deliveries(self):
        return self.ask("SELECT json_build_array(e.id, d.hook, d.state, d.attempts) FROM deliveries AS d "
                        "JOIN events AS e ON e.sequence = d.event ORDER BY d.id")


class Place:
    """`settings` are those of [state], besides its directory; the daemon is given the options and the environment."""

    def __init__(self, test, directory, instance):
        self.settings, self.options, self.env = {}, [], {}
        if URI is None:
            self.database = Database(directory)
            return
        self.database = SharedDatabase(instance)
        self.settings = {"database": URI, "password_file": test.secret(f"{instance}.password", PASSWORD)}
        self.options = ["--instance", instance]
        self.env = {"JOBWATCHD_MODULE_DIR": os.environ["STATE_POSTGRESQL_DIR"]}
