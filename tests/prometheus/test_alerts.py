# SPDX-License-Identifier: MIT
"""The alert rules are valid, and each fires when it should: promtool runs alerts_test.yml."""

import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import unittest

HERE = pathlib.Path(__file__).resolve().parent
ALERTS = HERE.parents[1] / "share" / "alerts.yml"
PROMTOOL = shutil.which("promtool", path=os.environ.get("PROMETHEUS", "") + ":" + os.environ["PATH"])
SKIP = 77


class Alerts(unittest.TestCase):
    def promtool(self, *words, change=lambda text: text):
        with tempfile.TemporaryDirectory(prefix="jobwatchd-alerts-") as directory:
            shutil.copy(HERE / "alerts_test.yml", directory)
            pathlib.Path(directory, "alerts.yml").write_text(change(ALERTS.read_text(encoding="utf-8")), encoding="utf-8")
            return subprocess.run([PROMTOOL, *words], cwd=directory, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                  stderr=subprocess.STDOUT, text=True, check=False)

    def test_the_rules_are_valid(self):
        done = self.promtool("check", "rules", "alerts.yml")
        self.assertEqual(done.returncode, 0, done.stdout)

    def test_each_fires_when_it_should(self):
        done = self.promtool("test", "rules", "alerts_test.yml")
        self.assertEqual(done.returncode, 0, done.stdout)

    def test_each_alert_is_tested(self):
        """The tests fail without any one of them."""
        names = re.findall(r"- alert: (\w+)", ALERTS.read_text(encoding="utf-8"))
        self.assertGreater(len(names), 5)
        for name in names:
            done = self.promtool("test", "rules", "alerts_test.yml",
                                 change=lambda text, name=name: text.replace(f"- alert: {name}\n", f"- alert: No{name}\n"))
            self.assertNotEqual(done.returncode, 0, name)


if __name__ == "__main__":
    if PROMTOOL is None:
        print("promtool is missing")
        sys.exit(SKIP)
    unittest.main()
