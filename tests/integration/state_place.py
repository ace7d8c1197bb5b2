# SPDX-License-Identifier: MIT
"""Where the state of a test is: in SQLite, in the database that tests/postgresql/run-tests has started for it, or in one
of its own.
"""

import json
import os
import pathlib
import subprocess
import sys

from evidence import Database, Recorded
from harness import IntegrationTest

sys.path.insert(0, str(pathlib.Path(__file__).parent.parent / "postgresql"))
import server  # noqa: E402

URI = os.environ.get("TEST_DATABASE")
PASSWORD = os.environ.get("TEST_DATABASE_PASSWORD")
DIRECTORY = os.environ.get("STATE_POSTGRESQL_DIR")  # of the module; None: it was not built
MODULE = {"JOBWATCHD_MODULE_DIR": DIRECTORY}


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
        self.env = MODULE


class ServerTest(IntegrationTest):
    """One server for a class, and for each test an instance of its own, which watches the jobs of the fake API."""

    JOBS = {11: "0s Running | a", 12: "0s Completed | b"}

    @classmethod
    def setUpClass(cls):
        cls.server = server.Server().__enter__()
        cls.addClassCleanup(cls.server.__exit__)

    def setUp(self):
        super().setUp()
        self.fake = self.start_fake("".join(f"[job {job}]\nstep = {step}\n" for job, step in self.JOBS.items()))
        self.password_file = self.secret("database.password", self.server.password)
        self.instance = self.id().rsplit(".", 1)[1]
        self.configure()

    def configure(self, more="", **keys):
        """`keys` are those of [state]."""
        state = {"database": self.server.uri, "password_file": self.password_file, **keys}
        self.write_config(self.fake, self.JOBS, state=state, more=more)

    def start(self, *options):
        return self.start_daemon("--instance", self.instance, *options, env=MODULE)

    def once(self, status, says=None):
        daemon = self.assertEnds(status, "--instance", self.instance, "--once", env=MODULE, says=says)
        self.assertNotIn(self.server.password, daemon.text() + daemon.output)
        return daemon

    def number(self):
        """Of the instance."""
        return self.server.psql(f"SELECT number FROM jobwatchd.instance WHERE name = '{self.instance}'", server.ROLE)

    def ask(self, sql):
        """Executes SQL on the tables of the instance."""
        return self.server.psql(f"SET search_path = jobwatchd_{self.number()}; {sql}", server.ROLE)


def missing():
    """Why no server can be started, or not be used; None if one can."""
    return server.missing() if DIRECTORY else "built without libpq"


def skip(reason):
    print(f"skipped: {reason}", file=sys.stderr)
    sys.exit(server.SKIPPED)
