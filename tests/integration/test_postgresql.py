#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""A state in PostgreSQL, as its operator meets it: a real server on loopback, and the daemon."""

import signal
import unittest

from evidence import ExecRecorder
from harness import EX_CONFIG, EX_IOERR, EX_OK
from state_place import MODULE, ServerTest, missing, server, skip


class Running(ServerTest):
    def test_the_next_run_goes_on_where_this_one_was_killed(self):
        daemon = self.start()
        daemon.wait_for(r"Job 11: .*\[seen")
        daemon.wait_for(r"Job 12: .*\[succeeded")
        daemon.process.send_signal(signal.SIGKILL)
        daemon.process.wait()
        self.fake.job(11, result="c")

        # The server frees the lock of the one that was killed in its own time.
        self.wait_until(lambda: self.server.psql("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'") == "0")
        again = self.start()
        again.wait_for(r"Job 11: Running, result is now c \[changed")
        again.stop()
        # An entry may be repeated, an event may not.
        self.assertEqual(again.events()[-1], (11, "changed", "Running, result is now c"))
        kinds = self.ask("SELECT string_agg(kind, ' ' ORDER BY sequence) FROM events WHERE job = 11")
        self.assertEqual(kinds, "seen changed")
        self.assertEqual(self.ask("SELECT count(*) = count(DISTINCT id) FROM events"), "t")

    def test_while_the_server_is_away_events_and_hooks_are_held_back(self):
        hook = ExecRecorder(self.directory, "hook", moody=False)
        self.configure(more=f"[hook h]\non = changed\nexec = {hook.program}\n")
        daemon = self.start()
        daemon.wait_for(r"Job 11: .*\[seen")
        self.server.stop("immediate")
        try:
            self.fake.job(11, result="c")
            daemon.wait_for(r"Cannot save state in postgresql://.*: .*Events and hooks are held back")
            self.assertEqual(daemon.count(r"Job 11: .*\[changed"), 0)
        finally:
            self.server.start()
        daemon.wait_for(r"State in postgresql://.* is writable again")
        daemon.wait_for(r"Job 11: Running, result is now c \[changed")
        daemon.wait_for(r'hook h: delivered "changed"')
        daemon.stop()
        self.assertEqual(daemon.count(r"Job 11: .*\[changed"), 1)
        delivered = self.ask("SELECT e.job, kind, d.state, attempts FROM deliveries AS d "
                             "JOIN events AS e ON event = sequence WHERE kind = 'changed'")
        self.assertEqual(delivered, "11|changed|done|1")

    def test_what_a_promoted_replica_lacks_is_observed_again(self):
        daemon = self.start()
        daemon.wait_for(r"Job 12: .*\[succeeded")
        self.wait_until(lambda: self.ask("SELECT count(*) FROM unlogged") == "0")
        # As if the connection were lost, and the last transactions with it.
        self.ask("UPDATE jobwatchd.instance SET seen = seen - interval '1 s'; DELETE FROM events WHERE job = 12; "
                 "DELETE FROM jobs WHERE id = 12; SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                 "WHERE pid <> pg_backend_pid() AND usename = 'jobwatchd'")
        daemon.wait_for("This host is not active any more: the last transaction in the database is not the last one of this host")
        daemon.wait_for(r"Job 12: .*\[succeeded", count=2)
        daemon.stop()
        self.assertEqual(self.ask("SELECT count(*) FROM events WHERE job = 12"), "1")

    def test_a_second_one_does_not_poll_once(self):
        daemon = self.start()
        daemon.wait_for(r"jobwatchd .* started: .*state in postgresql://jobwatchd@")
        other = self.directory / "other"
        self.configure(directory=other)
        self.once(EX_IOERR, "another host uses the state. Stop the other jobwatchd and start again")
        daemon.stop()
        self.assertEnds(EX_OK, "--instance", self.instance, "--once", env=MODULE)


class Refused(ServerTest):
    def test_a_wrong_password(self):
        self.password_file = self.secret("wrong.password", "mistaken")
        self.configure()
        daemon = self.once(EX_IOERR, "password authentication failed.*Check the role, its password and its rights")
        self.assertNotIn("mistaken", daemon.text())

    def test_no_password(self):
        self.configure(password_file=None)
        self.once(EX_IOERR, "no password supplied.*Check the role")

    def test_a_role_without_rights(self):
        self.server.psql("CREATE ROLE guest LOGIN PASSWORD 'guest'")
        self.server.psql("CREATE DATABASE bare")
        self.password_file = self.secret("guest.password", "guest")
        self.configure(database=f"postgresql://guest@127.0.0.1:{self.server.port}/bare")
        self.once(EX_IOERR, "permission denied for database bare.*Check the role")
        made = self.server.psql("SELECT count(*) FROM pg_namespace WHERE nspname LIKE 'jobwatchd%'", "bare")
        self.assertEqual(made, "0")
        self.server.psql("GRANT CREATE ON DATABASE bare TO guest")
        self.assertEnds(EX_OK, "--once", env=MODULE)

    def test_no_server(self):
        self.configure(database=f"postgresql://jobwatchd@127.0.0.1:{server.free_port()}/jobwatchd")
        self.once(EX_IOERR, "cannot connect to the database .*No data was lost")

    def test_no_module(self):
        daemon = self.assertEnds(EX_CONFIG, "--once", env={"JOBWATCHD_MODULE_DIR": str(self.directory)},
                                 says="needs the package jobwatchd-postgresql; install it")
        self.assertEqual(daemon.events(), [])

    def test_a_password_in_the_configuration(self):
        self.configure(database="postgresql://jobwatchd:hunter2@127.0.0.1/jobwatchd")
        self.once(EX_CONFIG, "remove the password and set password_file")

    def test_a_password_file_that_is_missing(self):
        self.configure(password_file="/nonexistent/password")
        self.once(EX_CONFIG, "password_file.*/nonexistent/password")


if __name__ == "__main__":
    if missing():
        skip(missing())
    unittest.main()
