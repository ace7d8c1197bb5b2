#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Several hosts that share a state in PostgreSQL: one is active, and another takes over when it is lost."""

import os
import signal
import subprocess
import sys
import time
import unittest

from bus_rig import Bus, BusError
from ctl_rig import subscribed
from evidence import ExecRecorder
from harness import JOBWATCHD, PATIENCE, Daemon, IntegrationTest, clean_environment, program
from state_place import MODULE, missing, server, skip
from test_metrics import parse

JOBWATCHCTL = program("JOBWATCHCTL")
ACTIVE = r"This host is active: it has the lock of postgresql://"
STANDBY = r"Standing by: {} is active since"
JOBS = "[job 11]\nstep = 0s Running | a\n[job 12]\nstep = 0s Completed | b\n" \
       "[job 13]\nstep = 0s Running | d\n"
RENAME = 'hostname "$0" && exec "$@"'


class Host:
    """A host with a name, a state directory, a system bus and a configuration of its own."""

    def __init__(self, test, name):
        self.test, self.name = test, name
        self.directory = test.directory / name
        self.directory.mkdir()
        self.bus = Bus(self.directory)
        test.addCleanup(self.bus.stop)
        self.config = self.directory / "jobwatchd.ini"
        self.metrics_file = self.directory / "jobwatchd.prom"
        self.daemon = None

    def start(self):
        env = clean_environment(**self.bus.env, **MODULE,
                                NOTIFY_SOCKET=str(self.directory / "notify"))
        self.daemon = Daemon([JOBWATCHD, "-c", str(self.config)], env,
                             before=["unshare", "--uts", "sh", "-c", RENAME, self.name])
        self.test.addCleanup(self.test._end, self.daemon)
        return self.daemon

    def kill(self):
        self.daemon.process.kill()
        self.daemon.wait_exit()

    def ctl(self, *words):
        """What jobwatchctl prints on this host."""
        done = subprocess.run([JOBWATCHCTL, *words], env=clean_environment(**self.bus.env), capture_output=True, text=True,
                              stdin=subprocess.DEVNULL, check=False)
        self.test.assertEqual(done.stderr, "")
        return done.stdout

    def status(self):
        return self.bus.call("GetStatus")[0]

    def role(self):
        """What the file of metrics says: whether the host is active, and which one is; None: there is no file."""
        try:
            samples = parse(self.metrics_file.read_text())
        except FileNotFoundError:
            return None
        hosts = [dict(labels)["host"] for name, labels in samples if name == "active_host"]
        return (samples["active", frozenset()], *hosts)


def setUpModule():
    FailoverTest.server = server.Server().__enter__()
    unittest.addModuleCleanup(FailoverTest.server.__exit__)


class FailoverTest(IntegrationTest):
    server = None  # one for all

    def setUp(self):
        super().setUp()
        self.server.psql("DROP SCHEMA IF EXISTS jobwatchd, jobwatchd_1 CASCADE", server.ROLE)
        self.fake = self.start_fake(JOBS)
        self.password_file = self.secret("database.password", self.server.password)
        self.hook = ExecRecorder(self.directory, "hook")
        self.alpha, self.beta = Host(self, "alpha"), Host(self, "beta")
        # The name shows in the log of the API which host has sent a request.
        self.configure(self.alpha, "127.0.0.1")
        self.configure(self.beta, "localhost")

    def configure(self, host, name, prefer=None, more=""):
        self.config = host.config
        self.write_config(f"http://{name}:{self.fake.port}", [11, 12],
                          state={"directory": host.directory / "state", "database": self.server.uri,
                                 "password_file": self.password_file, "prefer": prefer},
                          metrics={"textfile": host.metrics_file},
                          more=f"[hook h]\non = seen, changed, terminal\nexec = {self.hook.program}\n{more}")

    def start_both(self):
        self.alpha.start().wait_for(ACTIVE)
        self.alpha.daemon.wait_for(r"Job 11: .*\[seen")
        self.beta.start().wait_for(STANDBY.format("alpha"))

    def polls_of(self, name):
        return [request for request in self.fake.requests() if request["host"].startswith(name)]

    def assertDeliveredOnce(self):
        """Each event that was recorded was delivered under its id, once."""
        rows = self.server.psql("SELECT id, kind FROM jobwatchd_1.events ORDER BY sequence", server.ROLE)
        recorded = [tuple(row.split("|")) for row in rows.splitlines()]
        self.wait_until(lambda: len(self.hook.attempts()) >= len(recorded))
        delivered = [(attempt.document["event_id"], attempt.document["event"]) for attempt in self.hook.attempts()]
        self.assertEqual(sorted(delivered), sorted(recorded))


class Takeover(FailoverTest):
    def test_when_the_active_host_is_killed(self):
        self.start_both()
        self.assertEqual(self.polls_of("localhost"), [])
        killed = time.monotonic()
        self.alpha.kill()
        self.fake.job(11, status="Completed", result="c")
        self.beta.daemon.wait_for(ACTIVE)
        self.beta.daemon.wait_for(r"Job 11: .*\[succeeded")
        first = self.fake.began() + self.polls_of("localhost")[0]["t"]
        print(f"first poll by the new host {first - killed:.2f} s after the kill", file=sys.stderr)
        self.assertDeliveredOnce()

    def test_when_the_active_host_is_stopped(self):
        self.start_both()
        self.alpha.daemon.stop()
        self.beta.daemon.wait_for(ACTIVE)
        self.alpha.start().wait_for(STANDBY.format("beta"))
        self.fake.job(11, status="Completed", result="c")
        self.beta.daemon.wait_for(r"Job 11: .*\[succeeded")
        self.assertDeliveredOnce()

    def test_when_the_active_host_is_frozen(self):
        """It does nothing more when it goes on: neither a poll, nor a hook, nor a write."""
        self.start_both()
        frozen = time.monotonic()
        self.alpha.daemon.process.send_signal(signal.SIGSTOP)
        self.fake.job(11, status="Completed", result="c")
        self.beta.daemon.wait_for(ACTIVE)
        self.beta.daemon.wait_for(r"Job 11: .*\[succeeded")
        first = self.fake.began() + self.polls_of("localhost")[0]["t"]
        print(f"first poll by the new host {first - frozen:.2f} s after the freeze", file=sys.stderr)
        mark = self.alpha.daemon.mark()
        self.alpha.daemon.process.send_signal(signal.SIGCONT)
        self.alpha.daemon.wait_for("This host is not active any more: .*stands by", since=mark)
        self.alpha.daemon.wait_for(STANDBY.format("beta"), since=mark)
        last = self.fake.began() + max(request["t"] for request in self.polls_of("127.0.0.1"))
        self.assertLess(last, frozen + 0.5)
        self.assertEqual(self.alpha.daemon.count(r"Job 11: .*\[succeeded"), 0)
        self.assertDeliveredOnce()

    def test_when_the_server_is_stopped_and_started(self):
        self.start_both()
        self.server.stop()
        try:
            stopped = time.monotonic()
            self.alpha.daemon.wait_for("This host is not active any more: .*stands by")
            self.beta.daemon.wait_for("Standing by: postgresql://.* cannot be used: ")
            self.alpha.daemon.wait_for("Standing by: postgresql://.* cannot be used: ")
            self.assertLess(self.fake.began() + self.polls_of("127.0.0.1")[-1]["t"], stopped + 6)
            self.fake.job(11, status="Completed", result="c")
        finally:
            self.server.start()
        self.wait_until(lambda: self.alpha.daemon.count(ACTIVE) + self.beta.daemon.count(ACTIVE) == 2)
        active = self.beta if self.beta.daemon.count(ACTIVE) else self.alpha
        active.daemon.wait_for(r"Job 11: .*\[succeeded")
        self.assertDeliveredOnce()


class Handover(FailoverTest):
    def test_by_command(self):
        self.start_both()
        self.alpha.ctl("handover")
        self.beta.daemon.wait_for(ACTIVE)
        self.alpha.daemon.wait_for("This host gives up being active: user 0 has asked for a handover")
        self.alpha.daemon.wait_for(STANDBY.format("beta"))
        self.fake.job(11, status="Completed", result="c")
        self.beta.daemon.wait_for(r"Job 11: .*\[succeeded")
        self.assertDeliveredOnce()

    def test_to_the_host_that_is_preferred(self):
        """It asks after a minute; here the test does so for it."""
        for host, name in ((self.alpha, "127.0.0.1"), (self.beta, "localhost")):
            self.configure(host, name, prefer="beta")
        self.start_both()
        self.server.psql("UPDATE jobwatchd.instance SET wanted = 'beta'", server.ROLE)
        self.beta.daemon.wait_for(ACTIVE)
        self.alpha.daemon.wait_for("This host gives up being active: beta is preferred and asks for a handover")
        self.alpha.daemon.wait_for(STANDBY.format("beta"))
        killed = time.monotonic()
        self.beta.kill()
        self.alpha.daemon.wait_for(ACTIVE, count=2)
        self.assertGreater(time.monotonic(), killed + 9)


class Standby(FailoverTest):
    def test_it_shows_who_is_active_and_what_is_recorded(self):
        self.start_both()
        active, standby = self.alpha.status(), self.beta.status()
        self.assertEqual((active["Role"], active["ActiveHost"]), ("active", "alpha"))
        self.assertEqual((standby["Role"], standby["ActiveHost"]), ("standby", "alpha"))
        self.assertEqual(standby["ActiveSinceUSec"], active["ActiveSinceUSec"])
        self.assertRegex(standby["Text"], "^standing by: alpha is active since 20")
        self.assertRegex(self.alpha.ctl("status"), r"Active host: alpha \(this one\), since \w+ \d{4}-")
        self.assertRegex(self.beta.ctl("status"), r"Active host: alpha; this one stands by, since \w+ \d{4}-")
        listed = self.beta.bus.call("ListJobs", "a{sv}tu", 0, 0, 100)[0]
        self.assertEqual([(job["Id"], job["Outcome"]) for job in listed], [(11, "open"), (12, "success")])
        events = self.beta.bus.call("ListEvents", "tatu", 0, 0, 100)[2]
        self.assertEqual({event["Job"] for event in events}, {11, 12})

    def test_it_shows_the_names_that_jobs_have_in_the_configuration(self):
        for host, address in ((self.alpha, "127.0.0.1"), (self.beta, "localhost")):
            self.configure(host, address, more="[job members-import]\nid = 13\n")
        self.start_both()
        self.alpha.daemon.wait_for(r"Job 13 \(members-import\): .*\[seen")
        for host in (self.alpha, self.beta):
            listed = host.bus.call("ListJobs", "a{sv}tu", 0, 0, 100)[0]
            self.assertEqual([(job["Id"], job.get("Name")) for job in listed],
                             [(11, None), (12, None), (13, "members-import")])
            self.assertEqual(host.bus.call("GetJob", "t", 13)[0]["Name"], "members-import")
            found = host.ctl("list", "members*")
            self.assertRegex(found, r"(?m)^ *13\b.*members-import")
            self.assertNotRegex(found, r"(?m)^ *1[12]\b")

    def test_it_says_where_its_configuration_differs(self):
        self.beta.config.write_text(self.beta.config.read_text().replace("max_interval = 100ms", "max_interval = 7s"))
        self.start_both()
        self.beta.daemon.wait_for("The configuration differs from that of alpha, which is active: "
                                  r"\[api\] base_url, \[poll\] max_interval\. It takes effect when")
        self.assertRegex(self.beta.status()["Problems"][0], r"differs from that of alpha: .*\[poll\] max_interval")

    def test_a_job_can_be_waited_for(self):
        self.start_both()
        waiting = subprocess.Popen([JOBWATCHCTL, "wait", "11"], env=clean_environment(**self.beta.bus.env),
                                   stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True)
        self.wait_until(lambda: subscribed(self.beta.bus))
        self.fake.job(11, status="Completed", result="c")
        output, _ = waiting.communicate(timeout=PATIENCE)
        self.assertEqual(waiting.returncode, 0, output)

    def test_its_metrics_say_that_it_stands_by_and_which_host_is_active(self):
        self.start_both()
        self.wait_until(lambda: (self.alpha.role(), self.beta.role()) == ((1, "alpha"), (0, "alpha")))
        printed = parse(self.beta.ctl("metrics"))
        self.assertEqual(printed["active", frozenset()], 0)
        self.assertEqual({name for name, _ in printed},
                         {"build_info", "heartbeat_timestamp_seconds", "active", "active_host"})
        self.alpha.daemon.stop()
        self.assertIsNone(self.alpha.role(), "the file is removed at a stop")
        self.wait_until(lambda: self.beta.role() == (1, "beta"))
        self.alpha.start().wait_for(STANDBY.format("beta"))
        self.wait_until(lambda: self.alpha.role() == (0, "beta"))
        self.server.stop()
        try:
            self.wait_until(lambda: (self.alpha.role(), self.beta.role()) == ((0,), (0,)))
        finally:
            self.server.start()
        self.wait_until(lambda: (self.alpha.role(), self.beta.role())
                        in (((1, "alpha"), (0, "alpha")), ((0, "beta"), (1, "beta"))))
        self.alpha.daemon.stop()
        self.beta.daemon.stop()
        self.assertEqual((self.alpha.role(), self.beta.role()), (None, None))

    def test_it_refuses_changes(self):
        self.start_both()
        for method, *arguments in (("Poll", "at", 0), ("AddJobs", "ata{sv}", 1, 13, 0), ("Retry", "at", 0),
                                   ("TestHook", "sa{sv}", "h", 0), ("Recent", "a{sv}", 0)):
            with self.assertRaisesRegex(BusError, "this host stands by; alpha is active"):
                self.beta.bus.call(method, *arguments)


if __name__ == "__main__":
    reason = missing()
    if reason is None and os.geteuid() != 0:
        reason = "needs root, for hosts with names of their own"
    if reason:
        skip(reason)
    unittest.main()
