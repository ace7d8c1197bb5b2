# SPDX-License-Identifier: MIT
"""jobwatchctl with ten thousand jobs, one with a Description that is not valid UTF-8."""

import json
import subprocess
import time
import unittest

from ctl_rig import CtlTest
from harness import PATIENCE, SANITIZED

ODD = 100000
OTHERS = range(100001, 110000)


class TenThousand(CtlTest):
    def setUp(self):
        super().setUp()
        self.fake = self.start_fake(f"[job {ODD}]\nstep = 0s Running\n[jobs {OTHERS[0]}-{OTHERS[-1]}]\n"
                                    "description = Import of café %i\nstep = 0s Running | 1\n")
        # A surrogate alone, which is no character.
        self.fake.fault("odd", path=f"*/{ODD}", body=json.dumps({"Id": ODD, "Status": "Odd", "Description": "caf\udce9"}))
        self.write_config(self.fake, OTHERS, f"[job odd]\nid = {ODD}\ninterval = 1s\nmax_interval = 1s\n",
                          poll={"interval": "10min", "max_interval": "10min", "batch": "auto", "feed": "off"}, log={"level": "warning"})
        self.start_again()
        self.wait_until(lambda: all(row["Observed"] for row in self.json("list")))
        self.wait_until(lambda: self.json("list", ODD)[0].get("Status") == "Odd")

    def test_json_is_valid_and_complete(self):
        rows = self.json("list")
        self.assertEqual([row["Id"] for row in rows], [ODD, *OTHERS])
        self.assertRegex(rows[0]["Description"], "^caf\ufffd+$")
        self.assertEqual(rows[1]["Description"], f"Import of café {OTHERS[0]}")

    def test_the_table_takes_less_than_200_ms(self):
        self.assertEqual(len(self.out("list").splitlines()), 1 + 10000 + 2)
        times, limit = [], time.monotonic() + 4 * PATIENCE
        # Other load makes some slower, so it is tried until one was fast enough.
        while len(times) < 10 or min(times) >= 0.2 and time.monotonic() < limit:
            began = time.monotonic()
            subprocess.run(**self.command("list"), stdout=subprocess.DEVNULL, check=True)
            times.append(time.monotonic() - began)
        print(f"list of 10,000 jobs: {min(times) * 1000:.0f} to {max(times) * 1000:.0f} ms")
        if not SANITIZED:
            self.assertLess(min(times), 0.2)


if __name__ == "__main__":
    unittest.main()
