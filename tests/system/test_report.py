# SPDX-License-Identifier: MIT
"""jobwatch-report.service and its instances: pages for a web server, made by a user that may only ask."""

import re
import time
import unittest

from fixture import PATIENCE, UNIT, SystemTest
from harness import TOKEN

REPORT = "jobwatch-report.service"
PAGE = "/run/jobwatch-report/index.html"


class Report(SystemTest):
    def page(self, path=PAGE):
        """The page as a user sees it who is in no group."""
        return self.system.run("runuser", "-u", "nobody", "--", "cat", path, check=False).output

    def wait_for_page(self, pattern, path=PAGE):
        limit = time.monotonic() + PATIENCE
        while not re.search(pattern, self.page(path)):
            self.assertLess(time.monotonic(), limit,
                            f"{pattern}\n{self.page(path)}\n{self.systemctl('status', 'jobwatch-report*', check=False)}")
            time.sleep(0.05)

    def check_page(self, unit, report, path):
        """Of the service `unit`, which watches job 11."""
        self.start(unit)
        self.wait_for("Job 11.*: first seen as Running", unit)
        self.start(report)
        self.wait_for_page("(?s)Import of members.*Running", path)
        owner = self.run_inside("stat", "-c", "%U %G %a", path).split()
        self.assertEqual(owner, ["jobwatch-report", "jobwatchd", "644"])
        self.fake.job(11, "12 members", status="Completed")
        self.wait_for_page("(?s)Completed.*12 members", path)
        pid = self.main_pid(report)
        self.systemctl("stop", unit)
        self.wait_for_page("jobwatchd is not running", path)
        self.start(unit)
        self.wait_for_page("^(?!(?s:.*)is not running)", path)
        self.assertEqual(self.main_pid(report), pid)
        self.systemctl("stop", report)
        self.assertEqual(self.show(report, "Result"), "success")
        self.assertEqual(self.page(path), f"cat: {path}: No such file or directory\n")

    def test_a_page_for_everybody_by_a_user_of_its_own(self):
        self.fake = self.start_fake("[job 11]\ndescription = Import of members\nstep = 0s Running\n")
        self.configure(self.fake, [11])
        self.check_page(UNIT, REPORT, PAGE)

    def test_a_page_of_each_account(self):
        """Also of one whose name is escaped on the bus. Both pages are there at the same time, each with its own jobs."""
        self.fake = self.start_fake("[job 11]\ndescription = Import of members\nstep = 0s Running\n"
                                    "[job 12]\ndescription = Import of rooms\nstep = 0s Running\n")
        self.configure(self.fake, [12])
        self.start()
        self.start(REPORT)
        self.configure(self.fake, [11], path="/etc/jobwatchd/7-b.ini")
        self.system.write("/etc/jobwatchd/7-b.token", TOKEN + "\n", 0o600)
        other = "/run/jobwatch-report-7-b/index.html"
        self.check_page("jobwatchd@7-b.service", "jobwatch-report@7-b.service", other)
        self.wait_for_page("Import of rooms")
        self.assertNotIn("Import of members", self.page())

    def test_it_waits_for_the_service(self):
        """It does not start it: the page may be that of another instance."""
        self.fake = self.start_fake("[job 11]\nstep = 0s Running\n")
        self.configure(self.fake, [11])
        self.systemctl("start", REPORT)
        self.wait_for_page("jobwatchd is not running")
        self.assertEqual(self.show(UNIT, "ActiveState"), "inactive")
        self.start()
        self.wait_for_page("(?s)Job 11.*Running")


if __name__ == "__main__":
    unittest.main()
