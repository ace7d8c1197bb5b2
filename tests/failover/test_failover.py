#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Two hosts share a state, and one of them, their database or their network fails: no end of a job is lost.

FAILOVERS faults (one of each kind), twenty at a time, at random moments. More than that many: hosts are frozen for up to
a minute. SEED repeats a run, as far as scheduling allows; KINDS=Frozen,Isolated runs only these. Prints for each kind
how long it took from the fault, or from when the server was back, until a host polled.
"""

import collections
import concurrent.futures
import os
import pathlib
import random
import sys
import time
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).parent.parent / "integration"))
from harness import SLOW, IntegrationTest  # noqa: E402
from reload_rig import ServiceManager  # noqa: E402

import network  # noqa: E402
import servers  # noqa: E402
from faults import KINDS  # noqa: E402

DIRECTORY = os.environ.get("STATE_POSTGRESQL_DIR")
SEED = int(os.environ.get("SEED", "0")) or random.SystemRandom().randrange(1, 1 << 31)
CHOSEN = [kind for kind in KINDS if kind.__name__ in os.environ.get("KINDS", kind.__name__).split(",")]
FAILOVERS = int(os.environ.get("FAILOVERS", len(CHOSEN)))
AT_A_TIME = 20

# In seconds, on a machine that is not busy.
TARGETS = {"killed": 2, "stopped": 2, "handed over": 2, "handed back": 2, "preferred host back": 2, "frozen": 15,
           "cut off": 15}


class Shared:
    """What scenarios have in common."""

    uri = staticmethod(servers.uri)
    new_manager = staticmethod(ServiceManager)

    def __init__(self, directory, template, server):
        self.directory, self.template, self.server = directory, template, server
        self.module_directory = DIRECTORY
        # A short run waits for the shortest time after which another host must have taken over.
        self.freeze = (5, 60) if FAILOVERS > len(KINDS) else (16 * SLOW, 16 * SLOW)

    def new_server(self):
        return servers.Primary(template=self.template)


def percentile(values, part):
    return sorted(values)[min(len(values) - 1, int(part * len(values)))]


class Failover(IntegrationTest):
    def setUp(self):
        super().setUp()
        print(f"SEED={SEED} FAILOVERS={FAILOVERS}", flush=True)
        template = self.enter(servers.Primary())
        template.stop()
        server = self.enter(servers.Primary(("max_connections=100",), template))
        self.shared = Shared(self.directory, template, server)

    def enter(self, context):
        value = context.__enter__()
        self.addCleanup(context.__exit__, None, None, None)
        return value

    def report(self, scenarios):
        took = collections.defaultdict(list)
        for scenario in scenarios:
            for measure, seconds in scenario.took.items():
                took[measure].append(seconds)
        for measure, seconds in sorted(took.items()):
            target = f", target {TARGETS[measure]} s" if measure in TARGETS else ""
            print(f"{measure}: nobody polls for p50 {percentile(seconds, 0.5):.1f} s, p99 "
                  f"{percentile(seconds, 0.99):.1f} s of {len(seconds)}{target}", flush=True)
        longest = max(scenario.overlap for scenario in scenarios)
        print(f"two hosts polled at the same time for {longest:.2f} s at most", flush=True)

    def test_faults(self):
        choices = random.Random(SEED)
        scenarios = [CHOSEN[number % len(CHOSEN)](self.shared, number, choices.randrange(1 << 31))
                     for number in range(FAILOVERS)]
        begin = time.monotonic()
        failures = []
        with concurrent.futures.ThreadPoolExecutor(AT_A_TIME) as pool:
            runs = {pool.submit(scenario.run): scenario for scenario in scenarios}
            for run in concurrent.futures.as_completed(runs):
                error = run.exception()
                if error is not None:
                    failures.append(f"{type(error).__name__}: {error}")
                    print(f"FAILED after {time.monotonic() - begin:.0f} s: {failures[-1]}", flush=True)
        good = [scenario for run, scenario in runs.items() if run.exception() is None]
        print(f"{len(scenarios)} faults in {time.monotonic() - begin:.0f} s, {len(failures)} failed", flush=True)
        if good:
            self.report(good)
        self.assertFalse(failures, f"{len(failures)} scenarios fail (above)")


if __name__ == "__main__":
    reason = ("built without libpq" if not DIRECTORY else None) or servers.missing() or network.enter()
    if reason:
        print(f"skipped: {reason}", file=sys.stderr)
        sys.exit(77)
    unittest.main()
