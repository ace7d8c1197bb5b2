# SPDX-License-Identifier: MIT
"""The D-Bus API as another client sees it: what it lists of jobs, events and deliveries."""

import unittest

from bus_rig import Bus, BusError
from harness import IntegrationTest


class BusTest(IntegrationTest):
    def setUp(self):
        super().setUp()
        self.bus = Bus(self.directory)
        self.addCleanup(self.bus.stop)

    def start(self, jobs, scenario, *options, **config):
        self.fake = self.start_fake(scenario)
        self.write_config(self.fake, jobs, **config)
        daemon = self.start_daemon(*(options or ["--instance", "test"]), env=self.bus.env)
        self.bus.wait_for_name("org.jobwatchd1.test")
        return daemon

    def call(self, *words):
        return self.bus.call(*words, name="org.jobwatchd1.test")

    def list_jobs(self, *filter, after=0, limit=0):
        return self.call("ListJobs", "a{sv}tu", *(filter or [0]), after, limit)[0]


class ListJobs(BusTest):
    def test_what_a_row_has(self):
        daemon = self.start([], "[job 5]\ndescription = Import\nstep = 0s Running | 10 rows\n",
                            more="[job import]\nid = 5\n")
        daemon.wait_for(r"Job 5.*\[seen")
        [row] = self.list_jobs()
        self.assertEqual({key: row[key] for key in ("Id", "Name", "Status", "Outcome", "Event", "Description", "Result",
                                                    "ResultBytes", "Observed", "Listed", "Added", "Removed")},
                         {"Id": 5, "Name": "import", "Status": "Running", "Outcome": "open", "Event": "seen",
                          "Description": "Import", "Result": "10 rows", "ResultBytes": 7, "Observed": True,
                          "Listed": True, "Added": False, "Removed": False})


if __name__ == "__main__":
    unittest.main()
