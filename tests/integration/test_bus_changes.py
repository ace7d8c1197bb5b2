# SPDX-License-Identifier: MIT
"""The D-Bus API as another client sees it: jobs are added, removed and polled, deliveries retried and dropped, hooks
tested; and what a kill at any moment leaves of that."""

import json
import os
import signal
import sqlite3
import unittest

from bus_rig import BusError
from harness import SANITIZED
from test_bus_lists import BusTest

LIBRARY = os.environ.get("CRASH_POINTS", "")
RUNNING = "[jobs 1-99]\nstep = 0s Running\n"
COMPLETED = "[jobs 1-99]\nstep = 0s Completed\n"


class Changes(BusTest):
    def row(self, id):
        rows = self.call("ListJobs", "a{sv}tu", 1, "Ids", "at", 1, id, 0, 0)[0]
        return rows[0] if rows else None

    def restart(self, daemon, how=signal.SIGTERM):
        daemon.stop(how)
        again = self.start_daemon("--instance", "test", env=self.bus.env)
        self.bus.wait_for_name("org.jobwatchd1.test")
        return again

    def assertRefused(self, error, *words):
        with self.assertRaisesRegex(BusError, error):
            self.call(*words)

    def polls(self, id):
        return len([request for request in self.fake.requests() if request["path"].endswith(f"/{id}")])

    def script(self, name, body):
        path = self.directory / name
        path.write_text(f"#!/bin/sh\n{body}\n")
        path.chmod(0o755)
        return path


class Jobs(Changes):
    def test_an_added_job_is_watched_and_survives_restarts(self):
        daemon = self.start([5], RUNNING, more="[hook mail]\nexec = /bin/true\n")
        self.assertEqual(self.call("AddJobs", "ata{sv}", 1, 6, 2, "Name", "s", "import", "Hooks", "as", 1, "mail"),
                         [[{"Id": 6, "Was": "new"}]])
        daemon.wait_for(r"Job 6 \(import\): added by user \d+ with hooks mail\.")
        daemon.wait_for(r"Job 6 \(import\).*\[seen")
        for how in signal.SIGKILL, signal.SIGTERM:
            daemon = self.restart(daemon, how)
            row = self.row(6)
            self.assertEqual((row["Name"], row["Listed"], row["Added"], row["Removed"]), ("import", False, True, False))
        self.assertEqual(self.call("AddJobs", "ata{sv}", 2, 5, 6, 0),
                         [[{"Id": 5, "Was": "watched"}, {"Id": 6, "Was": "watched"}]])
        self.assertEqual(self.call("RemoveJobs", "at", 1, 6), [])
        self.assertIsNone(self.row(6))

    def test_a_removed_job_is_not_polled_though_it_is_listed(self):
        daemon = self.start([5, 6], RUNNING)
        daemon.wait_for(r"Job 5.*\[seen")
        self.call("RemoveJobs", "at", 1, 5)
        daemon.wait_for(r"Job 5: removed by user \d+; it is not polled any more\.")
        daemon = self.restart(daemon, signal.SIGKILL)
        polls = self.polls(5)
        self.fake.polls(self.polls(6) + 5, job=6)
        self.assertEqual(self.polls(5), polls)
        self.assertEqual((self.row(5)["Listed"], self.row(5)["Removed"]), (True, True))
        self.assertEqual(self.call("AddJobs", "ata{sv}", 1, 5, 0), [[{"Id": 5, "Was": "removed"}]])
        self.wait_until(lambda: self.polls(5) > polls)
        self.assertFalse(self.row(5)["Removed"])

    def test_an_ended_job_is_read_once_more(self):
        daemon = self.start([5], COMPLETED)
        daemon.wait_for(r"Job 5.*\[succeeded")
        self.assertEqual(self.call("AddJobs", "ata{sv}", 1, 5, 0), [[{"Id": 5, "Was": "ended"}]])
        self.wait_until(lambda: self.polls(5) == 2)

    def test_jobs_are_polled_now(self):
        more = "".join(f"[job job{id}]\nid = {id}\ninterval = 1h\nmax_interval = 1h\n" for id in (5, 6))
        daemon = self.start([], RUNNING, more=more)
        daemon.wait_for(r"\[seen", count=2)
        self.call("Poll", "at", 1, 5)
        self.wait_until(lambda: self.polls(5) == 2)
        self.assertEqual(self.polls(6), 1)
        self.call("Poll", "at", 0)
        self.wait_until(lambda: self.polls(5) == 3 and self.polls(6) == 2)
        daemon.wait_for(r"Polling 2 jobs now, as user \d+ has asked")

    def test_wrong_requests_change_nothing(self):
        self.start([6], RUNNING, more="[job listed]\nid = 5\n[hook mail]\nexec = /bin/true\n")
        before = self.list_jobs()
        for error, *words in (
                ("no such job: 9", "RemoveJobs", "at", 2, 5, 9),
                ("no such job: 9", "Poll", "at", 1, 9),
                ("no such hook: web", "AddJobs", "ata{sv}", 1, 7, 1, "Hooks", "as", 2, "mail", "web"),
                ("invalid name", "AddJobs", "ata{sv}", 1, 7, 1, "Name", "s", "a b"),
                ("job 5 has the name listed", "AddJobs", "ata{sv}", 1, 7, 1, "Name", "s", "listed"),
                ("for one job only", "AddJobs", "ata{sv}", 2, 7, 8, 1, "Name", "s", "import"),
                ("an ID is a number from 1", "AddJobs", "ata{sv}", 1, 0, 0),
                ("an ID is a number from 1", "AddJobs", "ata{sv}", 1, 2**63, 0),
                ("no IDs are given", "AddJobs", "ata{sv}", 0, 0),
                ("no IDs are given", "RemoveJobs", "at", 0),
                ("more than 1000 IDs", "RemoveJobs", "at", 1001, *range(1, 1002)),
                ("unknown key 'Hook'", "AddJobs", "ata{sv}", 1, 7, 1, "Hook", "s", "mail")):
            self.assertRefused(error, *words)
        self.assertEqual([row["Id"] for row in self.list_jobs()], [row["Id"] for row in before])


class Deliveries(Changes):
    def setUp(self):
        super().setUp()
        self.well, self.told = self.directory / "well", self.directory / "told"
        self.program = self.script("hook", f"[ -e {self.well} ] && echo $JOBWATCH_JOB >> {self.told}")

    def fail(self, jobs):
        daemon = self.start(jobs, COMPLETED, more=f"[hook mail]\nexec = {self.program}\nretries = 0\n")
        daemon.wait_for("abandoned", count=len(jobs))
        return daemon

    def delivery(self, id):
        return self.call("GetDelivery", "t", id)[0]

    def test_failed_deliveries_are_made_again(self):
        daemon = self.fail([5, 6, 7])
        self.assertEqual(self.delivery(1), {"Id": 1, "Hook": "mail", "State": "failed", "Attempts": 1,
                                            "Error": "exit status 1"})
        self.well.touch()
        self.call("Retry", "at", 1, 2)
        daemon.wait_for(r"hook mail: delivery 2 to be retried, as user \d+ has asked")
        self.wait_until(lambda: self.delivery(2)["State"] == "done")
        self.assertEqual(self.delivery(1)["State"], "failed")
        self.call("Retry", "at", 0)
        self.wait_until(lambda: {self.delivery(id)["State"] for id in (1, 2, 3)} == {"done"})
        self.assertEqual(len(self.told.read_text().split()), 3)

    def test_dropped_deliveries_are_not_made(self):
        daemon = self.fail([5, 6])
        self.call("Drop", "at", 1, 1)
        self.assertRefused("no such delivery: 1", "GetDelivery", "t", 1)
        self.assertRefused("no such delivery: 1", "Retry", "at", 2, 1, 2)
        self.assertRefused("no such delivery: 1", "Drop", "at", 2, 2, 1)
        self.assertRefused("no IDs are given", "Drop", "at", 0)
        self.assertEqual(self.delivery(2)["State"], "failed")
        daemon.wait_for(r"hook mail: delivery 1 dropped, as user \d+ has asked")
        self.call("Drop", "at", 3, 2, 2, 2)  # which is one
        self.assertRefused("no such delivery: 2", "GetDelivery", "t", 2)

    def test_deliveries_of_a_removed_hook_can_only_be_dropped(self):
        daemon = self.fail([5])
        self.write_config(self.fake, [5])
        self.restart(daemon)
        self.assertRefused("the hook of delivery 1 is not configured", "Retry", "at", 1, 1)
        self.call("Drop", "at", 1, 1)
        self.assertRefused("no such delivery: 1", "GetDelivery", "t", 1)


class Hooks(Changes):
    def test_a_hook_is_tested_with_a_made_up_event(self):
        program = self.script("hook", "echo test=$JOBWATCH_TEST; cat")
        daemon = self.start([5], RUNNING, more=f"[hook mail]\nexec = {program}\n")
        daemon.wait_for(r"Job 5.*\[seen")
        [test] = self.call("TestHook", "sa{sv}", "mail", 2, "Event", "s", "failed", "Job", "t", 5)
        self.wait_until(lambda: self.call("GetDelivery", "t", test)[0]["State"] != "running")
        result = self.call("GetDelivery", "t", test)[0]
        self.assertGreater(result.pop("DurationUSec"), 0)
        output = result.pop("Output").splitlines()
        self.assertEqual(result, {"Id": test, "Hook": "mail", "State": "done", "Attempts": 1})
        self.assertEqual(output[0], "test=1")
        document = json.loads(output[1])
        self.assertEqual((document["test"], document["event"], document["outcome"], document["sequence"],
                          document["job"]["id"]), (True, "failed", "failure", 0, 5))
        daemon.wait_for(r"Test of hook mail: started by user \d+ with a made-up event")
        daemon.stop()
        with sqlite3.connect(self.state / "jobwatchd.db") as database:
            self.assertEqual(database.execute("SELECT count(*) FROM events").fetchone(), (1,))
            self.assertEqual(database.execute("SELECT count(*) FROM deliveries").fetchone(), (0,))

    def test_a_test_fails_as_the_hook_does(self):
        program = self.script("hook", "echo no such mailbox >&2; exit 3")
        self.start([5], RUNNING, more=f"[hook mail]\nexec = {program}\n")
        [test] = self.call("TestHook", "sa{sv}", "mail", 0)
        self.wait_until(lambda: self.call("GetDelivery", "t", test)[0]["State"] != "running")
        result = self.call("GetDelivery", "t", test)[0]
        self.assertEqual((result["State"], result["Error"], result["Output"]),
                         ("failed", "exit status 3", "no such mailbox"))
        self.assertRefused("no such hook: web", "TestHook", "sa{sv}", "web", 0)
        self.assertRefused("no such event: ended", "TestHook", "sa{sv}", "mail", 1, "Event", "s", "ended")

    def test_few_tests_run_at_a_time(self):
        self.start([5], RUNNING, more="[hook slow]\nexec = /bin/sleep 600\nparallel = 5\n"
                                      "[hook alone]\nexec = /bin/sleep 600\nparallel = 1\n")
        self.call("TestHook", "sa{sv}", "alone", 0)
        self.assertRefused("as many attempts of hook alone are in progress as its 'parallel' permits",
                           "TestHook", "sa{sv}", "alone", 0)
        for _ in range(3):
            self.call("TestHook", "sa{sv}", "slow", 0)
        self.assertRefused("4 tests of hooks are running", "TestHook", "sa{sv}", "slow", 0)


@unittest.skipIf(SANITIZED, "a sanitizer's own calls come between")
class Killed(Changes):
    """The daemon is killed before or after each write of an operation: it is done, or not done, but never in part."""

    # What a call is, and what there is in the state before and after it.
    OPERATIONS = {
        "AddJobs": ("SELECT group_concat(job || kind) FROM (SELECT * FROM manual ORDER BY job)", None, "7added,8added,9added",
                    ("AddJobs", "ata{sv}", 3, 7, 8, 9, 0)),
        "RemoveJobs": ("SELECT group_concat(job || kind) FROM (SELECT * FROM manual ORDER BY job)", None,
                       "4removed,5removed,6removed", ("RemoveJobs", "at", 3, 4, 5, 6)),
        "Retry": ("SELECT group_concat(state) FROM deliveries", "failed,failed,failed", "pending,pending,pending",
                  ("Retry", "at", 3, 1, 2, 3)),
        "Drop": ("SELECT group_concat(state) FROM deliveries", "failed,failed,failed", None, ("Drop", "at", 3, 1, 2, 3)),
    }
    WRITES = "pwrite64,fdatasync,fsync,ftruncate64"

    def setUp(self):
        super().setUp()
        if not os.path.exists(LIBRARY):
            self.skipTest("CRASH_POINTS does not name the library")
        # Nothing else is written: all has ended, and a hook that is running has no end.
        self.blocks = self.directory / "blocks"
        self.hook = self.script("hook", f"[ -e {self.blocks} ] || exit 1\nexec sleep 600")
        daemon = self.start([4, 5, 6], COMPLETED, more=f"[hook mail]\nexec = {self.hook}\nretries = 0\n")
        daemon.wait_for("abandoned", count=3)
        daemon.stop()
        self.blocks.touch()
        self.prepared = self.read_state()

    def read_state(self):
        return {path.name: path.read_bytes() for path in self.state.iterdir() if path.is_file()}

    def query(self, text):
        with sqlite3.connect(self.state / "jobwatchd.db") as database:
            return database.execute(text).fetchone()[0]

    def life(self, words, **env):
        """Calls the method in a run that begins with the prepared state. Returns the number of writes before and after the
        call, and whether there was a reply."""
        for path in self.state.iterdir():
            path.unlink()
        for name, data in self.prepared.items():
            (self.state / name).write_bytes(data)
        log = self.directory / "writes"
        log.unlink(missing_ok=True)
        daemon = self.start_daemon("--instance", "test",
                                   env={**self.bus.env, "LD_PRELOAD": LIBRARY, "CRASH_CALLS": self.WRITES,
                                        "CRASH_LOG": str(log), **env})
        self.bus.wait_for_name("org.jobwatchd1.test")
        before = len(log.read_text().splitlines()) if log.exists() else 0
        try:
            self.call(*words)
            replied = True
        except BusError:
            replied = False
        after = len(log.read_text().splitlines())
        daemon.stop(signal.SIGKILL)
        return before, after, replied

    def check(self, name):
        query, undone, done, words = self.OPERATIONS[name]
        before, after, replied = self.life(words)
        self.assertTrue(replied)
        self.assertEqual(self.query(query), done)
        self.assertGreater(after, before)
        # What is after one write is before the next; CRASH_ALL=1 tries both. Of more than six, some and the last.
        points = [(at, when) for at in range(before + 1, after + 3) for when in ("before", "after")]
        if os.environ.get("CRASH_ALL") != "1":
            points = points[::2]
            points = points[:-1:-(-len(points) // 6)] + points[-1:]
        results = set()
        for at, when in points:
            *_, replied = self.life(words, CRASH_AT=str(at), CRASH_WHEN=when)
            result = self.query(query)
            results.add(result)
            self.assertIn(result, [done] if replied else [undone, done], f"killed {when} write {at}")
        self.assertEqual(results, {undone, done})

    def test_add_jobs(self):
        self.check("AddJobs")

    def test_remove_jobs(self):
        self.check("RemoveJobs")

    def test_retry(self):
        self.check("Retry")

    def test_drop(self):
        self.check("Drop")


if __name__ == "__main__":
    unittest.main()
