# SPDX-License-Identifier: MIT
"""jobwatch-report.service: a page for a web server, made by a user that may only ask."""

import re
import time
import unittest

from fixture import PATIENCE, UNIT, SystemTest

REPORT = "jobwatch-report.service"
PAGE = "/run/jobwatch-report/index.html"


class Report(SystemTest):
    def page(self):
        """The page as a user sees it who is in no group."""
        return self.system.run("runuser", "-u", "nobody", "--", "cat", PAGE, check=False).output

    def wait_for_page(self, pattern):
        limit = time.monotonic() + PATIENCE
        while not re.search(pattern, self.page()):
            self.assertLess(time.monotonic(), limit, f"{pattern}\n{self.page()}\n{self.systemctl('status', REPORT, check=False)}")
            time.sleep(0.05)

    def test_a_page_for_everybody_by_a_user_of_its_own(self):
        self.fake = self.start_fake("[job 11]\ndescription = Import of members\nstep = 0s Running\n")
        self.configure(self.fake, [11])
        self.start()
        self.wait_for("Job 11.*: first seen as Running")
        self.start(REPORT)
        self.wait_for_page("(?s)Import of members.*Running")
        owner = self.run_inside("stat", "-c", "%U %G %a", PAGE).split()
        self.assertEqual(owner, ["jobwatch-report", "jobwatchd", "644"])
        self.fake.job(11, "12 members", status="Completed")
        self.wait_for_page("(?s)Completed.*12 members")
        pid = self.main_pid(REPORT)
        self.systemctl("stop", UNIT)
        self.wait_for_page("jobwatchd is not running")
        self.start()
        self.wait_for("Job 11.*finished|1 finished")
        limit = time.monotonic() + PATIENCE
        while "is not running" in self.page():
            self.assertLess(time.monotonic(), limit)
            time.sleep(0.05)
        self.assertEqual(self.main_pid(REPORT), pid)
        self.systemctl("stop", REPORT)
        self.assertEqual(self.show(REPORT, "Result"), "success")
        self.assertEqual(self.page(), f"cat: {PAGE}: No such file or directory\n")

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
