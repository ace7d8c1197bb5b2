# SPDX-License-Identifier: MIT
"""Servers and daemons in pairs, so that many of them can be watched at the same time."""

import re
import time

from harness import ids_of

# Messages about the API as a whole.
OUTAGE = re.compile("Cannot reach the API|No response from the API|Server error of the API|Cannot use the API|reachable again|"
                    "answers 404 to everything|rejected the credentials|are blocked")


class Site:
    """A server, a daemon that watches it, and when what happened, in seconds of the server's clock."""

    def __init__(self, test, name, jobs, scenario, server="", base="", **config):
        self.name = name
        directory = test.directory / name
        directory.mkdir()
        self.fake = test.start_fake(scenario, server, name=name)
        test.config, test.state = directory / "jobwatchd.ini", directory / "state"
        test.write_config(self.fake.url + base, jobs, **config)
        self.daemon = test.start_daemon()
        self.began = self.fake.began()

    def finish(self):
        self.requests = [(request["t"], request["fault"] or request["status"], ids_of(request))
                         for request in self.fake.requests()]

    def reads(self, job, since=0.0, until=float("inf")):
        return [t for t, _, ids in self.requests if job in ids and since <= t < until]

    def noticed(self, job):
        """When the end of a job was logged; None: it was not."""
        at = self.daemon.time_of(rf"Job {job}: .* \[succeeded")
        return None if at is None else at - self.began


def wait(seconds, sites):
    """Lets time pass on all servers; the ends of the daemons are found by the judgement."""
    until = max(site.began for site in sites) + seconds
    time.sleep(max(0, until - time.monotonic()))
