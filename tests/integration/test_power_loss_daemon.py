#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The power is lost while the daemon runs, and with it what was not synced; what was reported is kept.

Each life is that of test_crash_points.py, on a disk whose cache is lost at a call chosen at random, see
tests/power-loss/lossy_disk.h; it sees three losses before it may go on. What was logged and what hooks were told is kept
outside of that disk. POWER_LOSSES (300) counts those of the test power-loss; here there is one for five of these.
SEED repeats a run, as far as scheduling allows. LOSSY_DISK names the library.
"""

import concurrent.futures
import os
import random
import signal
import time
import unittest

from evidence import UrlRecorder
from harness import EX_OK, SANITIZED, IntegrationTest
from test_crash_points import STATES, WORKERS, Life

LIBRARY = os.environ.get("LOSSY_DISK", "")
SEED = int(os.environ.get("SEED", "0")) or random.SystemRandom().randrange(1, 1 << 31)
LOSSES_PER_LIFE = 3
LIVES = max(1, int(os.environ.get("POWER_LOSSES", "300")) // 5 // LOSSES_PER_LIFE)
CALLS_MAX = 120  # of about 230 calls of a whole life
SYNCS_MAX = 15


@unittest.skipIf(SANITIZED, "a sanitizer wants to be loaded first")
class PowerLoss(IntegrationTest):
    def setUp(self):
        super().setUp()
        if not os.path.exists(LIBRARY):
            self.skipTest("LOSSY_DISK does not name the library")
        steps = zip((1, 3, 6), STATES)
        self.fake = self.start_fake("[jobs 1-9999]\n" + "".join(
            f"step = poll {poll} {status} | {result}\n" for poll, (status, result) in steps))
        self.server = UrlRecorder()
        self.addCleanup(self.server.stop)

    def new_life(self, number):
        life = Life(self, number, "disk/state")
        for name in ("disk", "saved"):
            (life.directory / name).mkdir()
        return life

    def lose(self, life, chance):
        """Returns whether the power was lost before all was done."""
        syncs = chance.random() < 0.5
        moment = {"POWER_LOSS_AT": str(chance.randint(1, SYNCS_MAX if syncs else CALLS_MAX)),
                  "POWER_LOSS_SEED": str(chance.randrange(1, 1 << 31))}
        if syncs:
            moment["POWER_LOSS_SYNCS"] = "1"
        status = life.run(LD_PRELOAD=LIBRARY, POWER_LOSS_DIRECTORY=str(life.directory / "disk"),
                          POWER_LOSS_SAVED=str(life.directory / "saved"), **moment)
        life.log += f"---- ended with {status}: {moment}\n"
        if status not in (EX_OK, -signal.SIGKILL):
            raise AssertionError(f"exit status {status}")
        return status == -signal.SIGKILL

    def live(self, life, chance):
        try:
            losses = sum(self.lose(life, chance) for _ in range(LOSSES_PER_LIFE))
            status = life.run()  # without the library
            if status != EX_OK:
                raise AssertionError(f"exit status {status}")
            life.check()
        except AssertionError as error:
            raise AssertionError(f"{error}\n{life.log}") from None
        return losses

    def test_what_was_reported_is_kept(self):
        print(f"SEED={SEED}", flush=True)
        begin = time.monotonic()
        with concurrent.futures.ThreadPoolExecutor(WORKERS) as pool:
            runs = [pool.submit(self.live, self.new_life(number), random.Random(SEED + number))
                    for number in range(1, LIVES + 1)]
            failures = [str(run.exception()) for run in concurrent.futures.as_completed(runs) if run.exception()]
        self.assertFalse(failures, f"{len(failures)} lives fail; the first:\n" + "".join(failures[:1])[:8000])
        losses = sum(run.result() for run in runs)
        print(f"{losses} power losses in {LIVES} lives in {time.monotonic() - begin:.0f} s", flush=True)
        self.assertGreaterEqual(losses, LIVES)


if __name__ == "__main__":
    unittest.main()
