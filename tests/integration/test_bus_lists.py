# SPDX-License-Identifier: MIT
"""The D-Bus API as another client sees it: what it lists of jobs, events and deliveries."""

import contextlib
import pathlib
import re
import signal
import sqlite3
import threading
import unittest

from bus_rig import Bus, BusError, MANAGER, OBJECT
from harness import Closed, IntegrationTest
from sign_in import SignInTest, is_sign_in

NAME = "org.jobwatchd1.test"
BASE = {"Observed": True, "Listed": True, "Added": False, "Removed": False}


class BusTest(IntegrationTest):
    def setUp(self):
        super().setUp()
        self.bus = Bus(self.directory)
        self.addCleanup(self.bus.stop)

    def start(self, jobs, scenario="", server_ignores_filters=False, search_descending=None, roles=None, **config):
        server = "ignore_filters = yes\n" * server_ignores_filters
        server += f"search_descending = {search_descending}\n" * bool(search_descending)
        server += f"roles = {roles}\n" * bool(roles)
        self.fake = self.start_fake(scenario, server)
        self.write_config(self.fake, jobs, **config)
        return self.run_service()

    def run_service(self):
        daemon = self.start_daemon("--instance", "test", env=self.bus.env)
        self.bus.wait_for_name(NAME)
        return daemon

    def call(self, *words):
        return self.bus.call(*words, name=NAME)

    def list_jobs(self, *filter, after=0, limit=0):
        return self.call("ListJobs", "a{sv}tu", *(filter or [0]), after, limit)[0]

    def assertRefused(self, error, *words):
        with self.assertRaises(BusError) as raised:
            self.call(*words)
        self.assertIn(error, str(raised.exception))


class Jobs(BusTest):
    def test_what_a_row_has(self):
        daemon = self.start([], "[job 5]\ndescription = Import\nbusiness = Berlin\nbusiness_id = 7\n"
                                "step = 0s Running | 10 rows\n", more="[job import]\nid = 5\n")
        daemon.wait_for(r"Job 5.*\[seen")
        [row] = self.list_jobs()
        self.assertGreater(row["ChangedUSec"], 1_700_000_000_000_000)
        self.assertEqual(row.pop("FirstUSec"), row.pop("ChangedUSec"))
        row.pop("NextPollUSec", None)  # there is none during a poll
        self.assertEqual(row, {**BASE, "Id": 5, "Name": "import", "Status": "Running", "Outcome": "open", "Event": "seen",
                               "Description": "Import", "Business": "Berlin", "BusinessId": 7, "Result": "10 rows",
                               "ResultBytes": 7})

    def test_a_job_that_was_never_observed(self):
        closed = Closed()
        self.addCleanup(closed.release)
        self.write_config(closed.url, [5])
        daemon = self.run_service()
        daemon.wait_for("Cannot reach the API")
        [row] = self.list_jobs()
        self.assertLessEqual({"Id", "Outcome", "Observed", "Listed", "Added", "Removed"}, set(row))
        self.assertEqual((row["Id"], row["Outcome"], row["Observed"]), (5, "open", False))
        self.assertNotIn("Status", row)
        self.assertEqual(self.call("GetStatus")[0]["Api"], "unreachable")

    def test_pages(self):
        daemon = self.start(range(1, 11), "[jobs 1-10]\nstep = 0s Completed\n")
        daemon.wait_for(r"\[succeeded", count=10)
        found, after, sizes = [], 0, []
        while page := self.list_jobs(after=after, limit=4):
            found += [row["Id"] for row in page]
            sizes.append(len(page))
            after = page[-1]["Id"]
        self.assertEqual(found, list(range(1, 11)))
        self.assertEqual(sizes, [4, 4, 2])

    def test_filters(self):
        daemon = self.start([1, 2, 3], "[job 1]\ndescription = Import A\nstep = 0s Running\n"
                                       "[job 2]\ndescription = Import B\nstep = 0s Failed\n"
                                       "[job 3]\ndescription = Export\nstep = 0s Completed\n"
                                       "[job 40]\ndescription = Export\nstep = 0s Running\n",
                            more="[job contracts]\nid = 40\n")
        daemon.wait_for(r"\[(?:seen|succeeded|failed)", count=4)
        ids = lambda *filter: [row["Id"] for row in self.list_jobs(*filter)]
        self.assertEqual(ids(1, "State", "s", "open"), [1, 40])
        self.assertEqual(ids(1, "State", "s", "ended"), [2, 3])
        self.assertEqual(ids(1, "State", "s", "failed"), [2])
        self.assertEqual(ids(1, "State", "s", "failing"), [])
        self.assertEqual(ids(1, "Ids", "at", 5, 40, 2, 40, 99, 0), [2, 40])
        self.assertEqual(ids(1, "Patterns", "as", 1, "Import*"), [1, 2])
        self.assertEqual(ids(1, "Patterns", "as", 2, "contr?cts", "3"), [3, 40])
        self.assertEqual(ids(2, "Patterns", "as", 1, "Export", "State", "s", "open"), [40])
        self.assertEqual([row["Id"] for row in self.list_jobs(1, "Ids", "at", 2, 40, 2, after=2)], [40])
        self.assertRefused("unknown key 'Sate'", "ListJobs", "a{sv}tu", 1, "Sate", "s", "open", 0, 0)

    def test_texts_are_valid_whatever_they_were(self):
        daemon = self.start([5], "[job 5]\nstep = 0s Running | <json>\"a\\u0000b \\ud800 caf\\u00e9 \\u001b[1m \\uffff\"\n")
        daemon.wait_for(r"Job 5.*\[seen")
        [row] = self.list_jobs()
        self.assertRegex(row["Result"], "^a\ufffdb \ufffd+ caf\u00e9 \x1b\\[1m \ufffd$")

    def test_long_texts_are_cut_in_lists_and_whole_in_one_job(self):
        result = "\u20ac" * 100_000
        daemon = self.start([5], "[job 5]\nstep = 0s Running\n", more="[hook a]\nexec = /bin/true\n[hook b]\nexec = /bin/true\n")
        daemon.wait_for(r"Job 5.*\[seen")
        self.fake.job(5, result, status="Completed")
        daemon.wait_for(r"Job 5.*\[succeeded")
        [row] = self.list_jobs()
        self.assertEqual(row["Result"], "\u20ac" * 66)
        self.assertEqual(row["ResultBytes"], 300_000)
        job = self.call("GetJob", "t", 5)[0]
        self.assertEqual(job["Result"], result)
        self.assertEqual(job["Hooks"], ["a", "b"])
        self.assertLessEqual(set(row), set(job))
        self.assertLessEqual({"Guid", "CreatedOn", "UpdatedOn", "Deliveries", "FailedDeliveries"}, set(job))
        self.assertNotIn("example", str(job))  # no user, no e-mail
        self.assertRefused("no such job: 6", "GetJob", "t", 6)

    def test_discovered_jobs_stay_when_they_have_ended(self):
        daemon = self.start([], "[job 5]\ncreated = 1d\nstep = 0s Running\n", poll={"feed": "auto"},
                            more="[discover imports]\ndescription = Import*\n")
        daemon.wait_for("Watching|watching|Started", count=1)
        self.fake.wait(2, path=f"*page=*")
        self.fake.control("PUT", "jobs", b"[job 9]\ndescription = Import 9\nappears = 0s\nstep = 0s Running\n"
                                         b"step = 1s Completed\n")
        daemon.wait_for(r"Job 9.*\[succeeded")
        [row] = self.list_jobs()
        self.assertEqual((row["Id"], row["Discover"], row["Outcome"], row["Listed"]), (9, ["imports"], "success", False))


class Events(BusTest):
    def test_history(self):
        daemon = self.start([5, 6], "[jobs 5-6]\nstep = 0s Running\n")
        daemon.wait_for(r"\[seen", count=2)
        self.fake.job(5, "half", status="Running")
        daemon.wait_for(r"Job 5.*\[changed")
        self.fake.job(5, "all", status="Failed")
        daemon.wait_for(r"Job 5.*\[failed")
        newest, gap, events = self.call("ListEvents", "tatu", 0, 0, 0)
        self.assertEqual((newest, gap), (4, False))
        self.assertEqual([event["Sequence"] for event in events], [1, 2, 3, 4])
        self.assertEqual([event["Event"] for event in events[2:]], ["changed", "failed"])
        last = events[-1]
        self.assertRegex(last["EventId"], r"^[0-9a-f-]{36}$")
        self.assertEqual((last["Job"], last["Status"], last["StatusBefore"], last["Outcome"], last["Result"],
                          last["ResultBytes"], last["ResultBeforeBytes"]),
                         (5, "Failed", "Running", "failure", "all", 3, 4))
        self.assertNotIn("StatusBefore", events[0])
        self.assertEqual([event["Sequence"] for event in self.call("ListEvents", "tatu", 2, 0, 0)[2]], [3, 4])
        self.assertEqual([event["Event"] for event in self.call("ListEvents", "tatu", 0, 1, 5, 2)[2]], ["seen", "changed"])
        self.assertEqual([event["Job"] for event in self.call("ListEvents", "tatu", 0, 3, 9, 7, 6, 0)[2]], [6])
        self.assertEqual(self.call("ListEvents", "tatu", 4, 0, 0), [4, False, []])

    def test_each_event_is_a_signal_of_numbers(self):
        secret = "Import of Mrs Smith"
        daemon = self.start([5], f"[job 5]\ndescription = {secret}\nstep = 0s Running | {secret}\n")
        daemon.wait_for(r"Job 5.*\[seen")
        monitor = self.bus.monitor(NAME)
        self.addCleanup(monitor.communicate)
        self.addCleanup(monitor.kill)
        self.fake.job(5, secret, status="Completed")
        line = next(line for line in monitor.stdout if "JobEvent" in line)
        self.assertIn('"data":[2,5,"succeeded"]', line)
        self.assertNotIn("Smith", line)

    def test_statuses(self):
        daemon = self.start([5, 6], "[job 5]\nstep = 0s Running\n[job 6]\nstep = 0s Pondering\n")
        daemon.wait_for(r"\[seen", count=2)
        self.fake.job(5, "x", status="Completed")
        daemon.wait_for(r"Job 5.*\[succeeded")
        found = {row["Status"]: (row["Outcome"], row["Recognised"], row["Jobs"], row["Events"])
                 for row in self.call("ListStatuses")[0]}
        self.assertEqual(found, {"Running": ("open", True, 0, 1), "Pondering": ("open", False, 1, 1),
                                 "Completed": ("success", True, 1, 1)})


class Deliveries(BusTest):
    def test_states(self):
        block = self.directory / "block"
        self.secret("hook", "#!/bin/sh\nwhile [ -e \"$1\" ]; do sleep 0.05; done\nexit 3\n", 0o755)
        block.touch()
        daemon = self.start([5], "[job 5]\nstep = 0s Completed\n",
                            more=f"[hook slow]\nexec = {self.directory}/hook {block}\nretries = 0\n")
        daemon.wait_for(r"Job 5.*\[succeeded")
        self.wait_until(lambda: self.deliveries()[0]["State"] == "running")
        [row] = self.deliveries()
        self.assertEqual((row["Hook"], row["Job"], row["Event"], row["Sequence"], row["Attempts"], row["Configured"]),
                         ("slow", 5, "succeeded", 1, 0, True))
        block.unlink()
        self.wait_until(lambda: self.deliveries()[0]["State"] == "failed")
        [row] = self.deliveries(3, "State", "s", "failed", "Job", "t", 5, "Hook", "s", "slow")
        self.assertEqual(row["Attempts"], 1)
        self.assertIn("status 3", row["Error"])
        self.assertEqual(self.deliveries(1, "State", "s", "pending"), [])
        self.assertEqual(self.deliveries(1, "Hook", "s", "other"), [])
        status = self.call("GetStatus")[0]
        self.assertEqual((status["DeliveriesPending"], status["DeliveriesFailed"]), (0, 1))
        self.assertEqual(status["Problems"], ["1 delivery has failed."])
        self.assertEqual(self.call("GetJob", "t", 5)[0]["FailedDeliveries"], 1)

    def test_the_last_of_many_is_found(self):
        daemon = self.start([5], "[job 5]\nstep = 0s Running\n", more="[hook other]\nexec = /bin/false\non = gone\n")
        daemon.wait_for(r"Job 5.*\[seen")
        daemon.stop()
        with contextlib.closing(sqlite3.connect(next(self.directory.rglob("jobwatchd.db")))) as database, database:
            database.execute("WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 25000) INSERT INTO "
                             "deliveries (id, event, job, hook, state, next_us) SELECT i, 1, 5, 'other', 'failed', 0 FROM n")
            database.execute("UPDATE deliveries SET hook = 'lost' WHERE id = 24999")
        self.run_service()
        self.assertEqual([row["Id"] for row in self.deliveries(1, "Hook", "s", "lost")], [24999])
        self.assertEqual(self.deliveries(1, "Job", "t", 6), [])

    def deliveries(self, *filter):
        return self.call("ListDeliveries", "a{sv}tu", *(filter or [0]), 0, 0)[0]


class Recent(BusTest):
    ACCOUNT = "[jobs 1-150]\ndescription = Import %i\nbusiness = Berlin\nbusiness_id = 7\nuser_name = Mrs Smith\n" \
              "step = 0s Completed | secret\n" \
              "[jobs 151-160]\ndescription = Export %i\nbusiness_id = 8\nstep = 0s Running\n"

    def recent(self, *filter):
        return self.call("Recent", "a{sv}", *(filter or [0]))[0]

    def test_the_newest_jobs_of_the_account(self):
        self.start([150], self.ACCOUNT).wait_for(r"\[succeeded")
        rows = self.recent()
        created = [row["CreatedOn"] for row in rows]
        self.assertEqual((len(rows), created), (25, sorted(created, reverse=True)))
        self.assertEqual({row["Id"]: row["Watched"] for row in rows}[150], True)
        self.assertEqual(sum(row["Watched"] for row in rows), 1)
        self.assertNotRegex(str(rows), "Smith|secret")
        self.assertEqual(len(self.recent(1, "Limit", "u", 1000)), 100)

    def test_filters_are_checked_here_too(self):
        self.start([160], self.ACCOUNT, server_ignores_filters=True)
        found = self.recent(1, "BusinessId", "t", 8)
        self.assertEqual(sorted(row["Id"] for row in found), list(range(151, 161)))
        found = self.recent(2, "Description", "s", "import 1?", "BusinessId", "t", 7)
        self.assertEqual(sorted(row["Id"] for row in found), list(range(10, 20)))
        self.assertIn("Business=7", str([request["query"] for request in self.fake.requests()]))

    def test_whatever_dir_means(self):
        self.start([160], self.ACCOUNT, search_descending=1)
        created = [row["CreatedOn"] for row in self.recent()]
        self.assertEqual(created, sorted(created, reverse=True))

    def test_without_the_api(self):
        closed = Closed()
        self.addCleanup(closed.release)
        self.write_config(closed.url, [5])
        self.run_service().wait_for("Cannot reach the API")
        self.assertRefused("the API cannot be asked: unreachable", "Recent", "a{sv}", 0)

    def test_a_reload_asks_again_and_a_stop_ends_it(self):
        daemon = self.start([150], self.ACCOUNT)
        daemon.wait_for(r"\[succeeded")
        results = []

        def ask():
            try:
                results.append(len(self.recent()))
            except BusError as error:
                results.append(str(error))

        def begin():
            call = threading.Thread(target=ask)
            call.start()
            self.wait_until(lambda: self.fake.stats()["requests"] > self.fake.stats()["answered"])
            return call

        self.fake.fault("hang", path="*page=*", hang="yes", times=1)
        call = begin()
        self.write_config(self.fake, [150], api={"timeout": "11s"})
        daemon.process.send_signal(signal.SIGHUP)
        call.join()
        self.assertEqual(results, [25])

        self.fake.fault("hang", path="*page=*", hang="yes")
        call = begin()
        self.assertEqual(daemon.stop(), 0)
        call.join()
        self.assertIn("the API cannot be asked: the service is stopping", results[1])

    def test_a_missing_role_is_said(self):
        self.start([160], self.ACCOUNT, roles="read").wait_for(r"\[seen")
        self.assertRefused("the API cannot be asked: ", "Recent", "a{sv}", 0)


class RecentSignedIn(SignInTest):
    def test_a_missing_role_costs_one_sign_in(self):
        bus = Bus(self.directory)
        self.addCleanup(bus.stop)
        self.watch(server="roles = read")
        daemon = self.start_signed_in("--instance", "test", env=bus.env)
        bus.wait_for_name(NAME)
        sign_ins = lambda: len([request for request in self.fake.requests() if is_sign_in(request)])
        before = sign_ins()
        for _ in range(5):
            with self.assertRaisesRegex(BusError, "the API cannot be asked"):
                bus.call("Recent", "a{sv}", 0, name=NAME)
            self.fake.polls(2, 11)  # with the token that was refused
        self.assertEqual(sign_ins(), before + 1)
        self.assertEqual(daemon.stop(), 0)


class Interface(BusTest):
    def test_the_manual_has_the_signatures(self):
        self.start([5], "[job 5]\nstep = 0s Running\n")
        shown = self.bus.run("introspect", NAME, OBJECT, MANAGER).stdout
        found = {line.split()[0]: line.split()[2] for line in shown.splitlines() if line.startswith(".")}
        manual = self.manual()
        self.assertEqual({name: kinds for name, kinds in found.items()},
                         {"." + name: "".join(re.findall(r'"([^ "]+) ', rest)) or "-"
                          for name, rest in re.findall(r"(?m)^\.It Fn (\w+)(.*)$", manual)})

    def manual(self):
        return (pathlib.Path(__file__).parents[2] / "man/org.jobwatchd1.5").read_text(encoding="utf-8")

    def test_status_of_a_service_that_is_well(self):
        daemon = self.start([5], "[job 5]\nstep = 0s Running\n")
        daemon.wait_for(r"\[seen")
        status = self.call("GetStatus")[0]
        self.assertEqual({key: status[key] for key in ("Instance", "Watched", "Open", "Api", "Problems", "StateSlow")},
                         {"Instance": "test", "Watched": 1, "Open": 1, "Api": "ok", "Problems": [], "StateSlow": False})

    def test_by_hand_there_is_no_api(self):
        self.fake = self.start_fake("[job 5]\nstep = 0s Running\n")
        self.write_config(self.fake, [5])
        daemon = self.start_daemon(env=self.bus.env)
        daemon.wait_for(r"\[seen")
        self.assertNotIn("jobwatchd1", self.bus.run("list").stdout)

    def test_a_service_works_without_a_bus(self):
        self.bus.stop()
        self.fake = self.start_fake("[job 5]\nstep = 0s Running\n")
        self.write_config(self.fake, [5])
        daemon = self.start_daemon("--instance", "test", env=self.bus.env)
        daemon.wait_for(r"\[seen")
        daemon.wait_for(f"Cannot get the D-Bus name {NAME}: cannot connect to the system bus")
        self.bus.start()
        daemon.wait_for(f"The D-Bus name {NAME} is available")
        self.assertEqual(len(self.list_jobs()), 1)
        self.fake.job(5, "x", status="Completed")
        daemon.wait_for(r"\[succeeded")
        self.assertEqual(daemon.count("Cannot get the D-Bus name"), 1)


if __name__ == "__main__":
    unittest.main()
