#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The demo works, and its output is as README.md shows it."""

import os
import pathlib
import re
import subprocess
import unittest

from harness import FAKE_NEXUDUS, JOBWATCHD, SLOW

ROOT = pathlib.Path(__file__).resolve().parents[2]


def comparable(line):
    """Without the time, the version, the port and the directory, which differ from run to run."""
    line = re.sub(r"^([-\d]+ )?\d\d:\d\d:\d\d ", "", line)
    line = re.sub(r"127\.0\.0\.1:\d+", "127.0.0.1:PORT", line)
    return re.sub(r"state in \S+", "state in DIR", line)


class Demo(unittest.TestCase):
    def test_readme_shows_what_the_demo_prints(self):
        result = subprocess.run([ROOT / "tests/demo"], env={**os.environ, "JOBWATCHD": JOBWATCHD, "FAKE_NEXUDUS": FAKE_NEXUDUS},
                                stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                                timeout=60 * SLOW, check=False)
        self.assertEqual(result.returncode, 0, result.stdout)
        printed = [comparable(line) for line in result.stdout.splitlines()]

        readme = (ROOT / "README.md").read_text(encoding="utf-8")
        shown = re.search(r"^## What it looks like\n.*?^```\n(.*?)^```\n", readme, re.M | re.S).group(1).splitlines()
        self.assertGreater(len(shown), 3)
        for line in shown:
            self.assertIn(comparable(line), printed, result.stdout)


if __name__ == "__main__":
    unittest.main()
