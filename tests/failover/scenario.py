# SPDX-License-Identifier: MIT
"""One fault: two hosts, of which the first is active, jobs that end before, during and after it, and what must hold.

The kinds of faults are in faults.py.
"""

import contextlib
import random
import re
import time

import oracle
from harness import PATIENCE, SLOW
from hosts import Site
from network import Path
from server import ROLE

# A request that was sent just before may arrive so much later, on a machine that is busy. Together with the proof this is
# less than the time after which the session of a host ends.
ON_ITS_WAY = 2.5 * SLOW
# The last one does not end, so that there is always something to poll.
JOBS = range(101, 114)


class Scenario:
    """In the order in which the functions are called; those that do nothing here are for the kinds."""

    own_server = False  # the fault is one of the server: it needs a server of its own
    prefer = ""  # the host that is preferred

    def __init__(self, shared, number, seed):
        self.shared, self.number = shared, number
        self.random = random.Random(seed)
        self.took = {}  # name of a measure → seconds
        self.lost = None  # see oracle.check_ends()
        self.stack = contextlib.ExitStack()

    @property
    def name(self):
        return re.sub(r"(?<=.)([A-Z])", r" \1", type(self).__name__).lower()

    def run(self):
        with self.stack:
            self.server = self.make_server()
            self.site = Site(self.shared.directory / f"site-{self.number}", f"site{self.number}", self.server.password,
                             self.shared.module_directory, JOBS)
            self.stack.callback(self.site.stop)
            try:
                self.live()
            except AssertionError as error:
                raise AssertionError(f"{self.name} ({self.number}): {error}\n{self.site.text()}") from error

    def live(self):
        self.add_hosts()
        self.start_hosts()
        self.plan_ends()
        time.sleep(self.random.uniform(0, 3))  # a fault comes at any moment
        self.fault_at = self.site.now()
        self.fault()
        self.site.wait_for_ends(8 * PATIENCE)
        self.site.wait_until(self.is_settled, "not all is well again", 4 * PATIENCE)
        self.site.stop_hosts()
        self.check()

    # ---- before ----

    def make_server(self):
        return self.stack.enter_context(self.shared.new_server()) if self.own_server else self.shared.server

    def add_hosts(self):
        self.paths = {}
        for name in ("a", "b"):
            self.paths[name] = Path()
            self.site.add_host(name, self.uri(name), self.prefer)
        self.a, self.b = self.site.hosts.values()

    def uri(self, name):
        return self.shared.uri((self.paths[name], self.server))

    def start_hosts(self):
        self.a.start()
        self.site.first_poll(0, "a")
        self.b.stand_by()

    def plan_ends(self):
        """Some jobs end at about the fault, and most of them in the time that it may take."""
        self.site.end_jobs({job: self.random.uniform(0.5, 6) if number < 5 else self.random.uniform(3, 25)
                            for number, job in enumerate(self.site.jobs[:-1])})

    # ---- the fault ----

    def fault(self):
        """Causes it, waits for what comes of it, and mends it."""
        raise NotImplementedError

    def take_over(self, measure):
        """Waits until the other host polls. Measures from the fault."""
        self.taken_over_at = self.site.first_poll(self.fault_at, "b").at
        self.took[measure] = self.taken_over_at - self.fault_at

    def come_back(self, measure, since, host=None):
        """Waits until some host polls after what kept all from it has ended."""
        self.took[measure] = self.site.first_poll(since, host).at - since

    def is_settled(self):
        """The hosts have done what follows from the end of the fault."""
        return True

    def pause(self):
        """The longest time after the fault in which nobody polled."""
        times = [self.fault_at] + [poll.at for poll in self.site.polls() if poll.at > self.fault_at]
        return max(later - earlier for earlier, later in zip(times, times[1:]))

    # ---- what must hold ----

    def final_server(self):
        """The one that has the database in the end."""
        return self.server

    def ends(self):
        """Those in the database: a line of ID|JOB|KIND each."""
        server = self.final_server()
        number = server.psql(f"SELECT number FROM jobwatchd.instance WHERE name = '{self.site.instance}'", ROLE)
        return server.psql(f"SELECT id, job, kind FROM jobwatchd_{number}.events "
                           "WHERE kind IN ('succeeded', 'failed', 'gone')", ROLE).splitlines()

    def check(self):
        oracle.check_ends(self.site, self.ends(), self.lost)
        oracle.check_order(self.site, self.lost)
        self.overlap = oracle.check_overlap(self.site)
        oracle.check_limits(self.site)
        self.check_more()

    def check_more(self):
        pass

    def check_nobody(self, host, since, until=float("inf")):
        """Once the proof has expired, that host starts nothing."""
        oracle.check_silence(self.site, host, since + oracle.PROOF + ON_ITS_WAY, until)
