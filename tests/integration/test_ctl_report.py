# SPDX-License-Identifier: MIT
"""jobwatchctl timeline and report with the real daemon. What they write is parsed by Python."""

import json
import os
import re
import signal
import subprocess
import time
import unittest

from clock import LIBRARY as CLOCK_LIBRARY, Clock
from ctl_rig import subscribed
from harness import EX_IOERR, EX_UNAVAILABLE, EX_USAGE, PATIENCE, SLOW, end_with_parent
from report_rig import HOSTILE, Page, Reports, SVG, parse_svg, rows_of

EX_UNKNOWN = 66
BUS = "org.freedesktop.DBus"

ONE = "[job 5]\ndescription = Import of members\nstep = 0s Running | {\"rows\": 4}\n"


class Timeline(Reports):
    def check_picture(self, count):
        jobs = self.start_many(count)
        self.spread()
        root = self.timeline()
        rows = rows_of(root)
        numbers = {row["texts"][0]: row for row in rows}
        self.assertEqual(sorted(map(int, numbers)), jobs)
        kinds = {job["Id"]: {"open": "open", "success": "succeeded", "failure": "failed"}[job["Outcome"]]
                 for job in self.json("list")}
        self.assertEqual({job: numbers[str(job)]["kind"] for job in jobs}, kinds)
        ys = [row["y"] for row in rows]
        self.assertTrue(all(below - above >= 16 for above, below in zip(ys, ys[1:])), "rows that overlap")
        width, height = (float(root.get(name)) for name in ("width", "height"))
        self.assertLess(ys[-1] + 16, height)
        for row in rows:
            self.assertRegex(row["title"], rf"^\w.* \({row['texts'][0]}\): \w+; ")
            for kind, begin, end in row["bars"]:
                self.assertTrue(300 < begin < end < width and end - begin >= 3, (kind, begin, end))
        # The job that began last is on top, and has the bar that begins last.
        self.assertEqual([int(row["texts"][0]) for row in rows], jobs[::-1])
        begins = [row["bars"][0][1] for row in rows]
        self.assertEqual(begins, sorted(begins, reverse=True))
        texts = [text.text for text in root.findall(f"{SVG}text")]
        self.assertGreater(len([text for text in texts if re.fullmatch(r"\d\d:\d\d", text)]), 3, texts)
        self.assertLessEqual({"Background jobs", "waiting", "open", "succeeded", "failed"}, set(texts))

    def test_three_jobs(self):
        self.check_picture(3)

    def test_twenty_jobs(self):
        self.check_picture(20)

    def test_two_hundred_jobs(self):
        self.check_picture(200)

    def test_some_jobs_and_some_time(self):
        jobs = self.start_many(8)
        self.spread()
        self.assertEqual([row["texts"][0] for row in rows_of(self.timeline(jobs[1]))], [str(jobs[1])])
        shown = [int(row["texts"][0]) for row in rows_of(self.timeline("--since", "4h"))]
        ended = {job["Id"]: job["ChangedUSec"] for job in self.json("list", "--ended")}
        since = (time.time() - 4 * 3600) * 1e6
        self.assertEqual(shown, [job for job in jobs[::-1] if ended.get(job, since) >= since])
        self.assertIn(jobs[-1], shown)
        self.assertNotIn(jobs[0], shown)

    def test_a_job_that_waited_has_a_pale_part(self):
        self.start(f"[job 5]\nstep = 0s Queued\nstep = {2 * SLOW:.0f}s Running\nstep = {4 * SLOW:.0f}s Completed\n", [5])
        self.daemon.wait_for(r"Job 5.*\[succeeded")
        row, = rows_of(self.timeline())
        (pale, begin, end), (colour, work, until) = row["bars"]
        self.assertEqual((pale, colour), ("waiting", "succeeded"))
        self.assertAlmostEqual(end, until, delta=0.2)  # both are rounded
        self.assertTrue(begin + 20 < work < end - 20, row)

    def test_without_jobs(self):
        self.start("", [], **{"discover all": {}})
        self.assertEqual(rows_of(self.timeline()), [])
        self.assertIn("None.", self.report().text)

    def test_standard_output(self):
        self.start_three()
        self.assertEqual(len(rows_of(parse_svg(self.out("timeline", "-o", "-")))), 3)

    def start_three(self):
        self.start(ONE + "[job 6]\nstep = 0s Completed\n[job 7]\nstep = 0s Failed\n", [5, 6, 7])
        for pattern in (r"Job 5 .*\[seen", r"Job 6.*\[succeeded", r"Job 7.*\[failed"):
            self.daemon.wait_for(pattern)

    def test_what_is_wrong(self):
        self.start_three()
        self.says(EX_USAGE, "--output is missing", "timeline")
        self.says(EX_USAGE, "--output is missing", "report", "--follow")
        self.says(EX_USAGE, "--follow replaces a file", "report", "--follow", "-o", "-")
        self.says(EX_UNKNOWN, "job 8 is not watched", "timeline", 5, 8, "-o", self.file)
        self.says(EX_IOERR, "cannot write .*/no/out: No such file or directory", "timeline", "-o", self.directory / "no" / "out")
        os.mkfifo(self.directory / "fifo")
        os.symlink(self.config, self.directory / "link")
        before = self.config.read_text()
        for name in ("fifo", "link"):
            self.says(EX_IOERR, ".* is not a regular file, and is not replaced", "report", "-o", self.directory / name)
        self.assertTrue((self.directory / "fifo").is_fifo() and (self.directory / "link").is_symlink())
        self.assertEqual(self.config.read_text(), before)
        self.assertFalse(self.file.exists())
        self.daemon.process.terminate()
        self.daemon.wait_exit()
        for command in ("timeline", "report"):
            self.says(EX_UNAVAILABLE, "jobwatchd is not running", command, "-o", self.file)
        self.assertFalse(self.file.exists())

    def test_a_service_that_stops_meanwhile(self):
        for command in ("timeline", "report"):
            self.start_service("jobs")
            self.says(EX_UNAVAILABLE, "jobwatchd did not reply: it has stopped", command, "-o", self.file)
        self.assertFalse(self.file.exists())

    def test_since_a_time_to_come(self):
        self.start(ONE, [5])
        self.daemon.wait_for(r"Job 5 .*\[seen")
        for since in ("@18446744073709", "@9999999999"):
            self.assertEqual(len(rows_of(self.timeline("--since", since))), 1)


class Report(Reports):
    def test_the_page_has_all_jobs_and_results(self):
        jobs = self.start_many(20)
        page = self.report()
        rows = page.jobs()
        self.assertEqual(sorted(int(row[0].split()[-1]) for row in rows), jobs)
        for job in self.json("list"):
            row, = [row for row in rows if row[0].endswith(f" {job['Id']}")]
            self.assertEqual((row[0], row[4]), (f"{job['Description']} {job['Id']}", job.get("Result", "")))
            progress = f" {job['Progress']}%" if "Progress" in job else ""
            self.assertRegex(row[1], rf"^{job['Status']}{progress},?( ends soon| ~.* left)?$")
            self.assertRegex(row[2], r"^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d$")
        counts = [len([job for job in self.json("list") if job["Outcome"] == outcome]) for outcome in ("open", "success", "failure")]
        self.assertRegex(page.text, r"{}\s*open\s*{}\s*succeeded\s*{}\s*failed".format(*counts))
        made, = re.findall(r"Generated (\d{4}-\d\d-\d\d \d\d:\d\d:\d\d)", page.text)
        self.assertLess(abs(time.mktime(time.strptime(made, "%Y-%m-%d %H:%M:%S")) - time.time()), 60)

    def check_more_jobs_than_there_is_room_for(self, few, many, expected):
        """`few` and `many` are what 3 and 600 jobs are; `expected` is how many of the page are open, and have ended."""
        self.start(f"[jobs 1-3]\nstep = 0s {few}\n[jobs 1001-1600]\nstep = 0s {many}\n", [*range(1, 4), *range(1001, 1601)],
                   poll={"interval": "10min", "max_interval": "10min", "batch": "auto", "feed": "off"}, log={"level": "warning"})
        self.wait_until(lambda: all(row["Observed"] for row in self.json("list")))
        page = self.report()
        shown = [(row[1], int(row[0].split()[-1])) for row in page.jobs()]
        self.assertEqual([len([job for status, job in shown if status == wanted]) for wanted in ("Running", "Completed")], expected)
        self.assertLessEqual({1, 2, 3}, {job for _, job in shown})
        self.assertIn("103 more jobs that changed earlier are not shown.", page.text)
        self.assertNotIn("None.", page.text)

    def test_three_open_jobs_are_shown_though_hundreds_have_ended(self):
        self.check_more_jobs_than_there_is_room_for("Running", "Completed", [3, 497])

    def test_three_ended_jobs_are_shown_though_hundreds_are_open(self):
        self.check_more_jobs_than_there_is_room_for("Completed", "Running", [497, 3])

    def test_the_page_of_an_instance_names_it(self):
        self.fake = self.start_fake(ONE)
        self.write_config(self.fake, [5])
        self.start_daemon("--instance", "7-east", env=self.bus.env)
        self.bus.wait_for_name("org.jobwatchd1._37_2deast")
        self.wait_until(lambda: self.report("-i", "7-east").jobs())
        self.assertIn("Background jobs of 7-east", self.report("-i", "7-east").text)

    def test_who_may_read_it_remains(self):
        self.start(ONE, [5])
        self.report()
        owner = (12345, 23456) if os.getuid() == 0 else (os.getuid(), os.getgid())
        os.chown(self.file, *owner)
        self.file.chmod(0o640)
        before = self.file.stat()
        self.report()
        after = self.file.stat()
        self.assertNotEqual(after.st_ino, before.st_ino)
        self.assertEqual((after.st_uid, after.st_gid, after.st_mode), (*owner, before.st_mode))

    def test_its_policy_allows_its_style_and_nothing_else(self):
        self.start(ONE, [5])
        page = self.report()
        self.assertEqual(page.policies(), {"default-src": "'none'", "style-src": f"'{page.digest()}'", "base-uri": "'none'",
                                           "form-action": "'none'"})
        self.assertNotRegex(page.style, r"url\(|@import|expression|</")
        self.assertNotIn("refresh", page.metas)
        self.assertRegex(page.style, r"prefers-color-scheme:dark.*max-width:700px")

    def test_texts_that_are_hostile_to_browsers(self):
        self.start("[job 5]\nstep = 0s Running\n[job 6]\nstep = 0s Running\n", [5, 6])
        for job, status in ((5, "Running"), (6, "Completed")):
            self.fake.fault(f"job{job}", path=f"*/{job}", status="200", body=json.dumps(
                {"Id": job, "Status": status if job == 6 else status + HOSTILE, "Description": HOSTILE, "ResultData": HOSTILE * 3}))
        self.wait_until(lambda: len([job for job in self.json("list") if "script" in job.get("Result", "")]) == 2)
        shown = HOSTILE.replace("anna.smith@example.com", "[address]")
        shown = re.sub("[\u202e\u2066\ufeff\ufffe\u0001\u007f\u0085]", "\ufffd", shown)
        page = self.report()  # which checks elements and attributes
        for row in page.jobs():
            self.assertTrue(row[0].startswith(shown[:60]), row)
            self.assertTrue(row[4].startswith(shown[:60]), row)
        self.assertNotRegex(self.file.read_text(encoding="utf-8"), "anna|example\\.com|[\x00-\x09\x0b-\x1f\x7f-\x9f\u202e\u2066\ufeff\ufffe]")
        rows = rows_of(self.timeline())
        self.assertEqual([row["label"][:20] for row in rows], [shown[:20]] * 2)
        self.assertTrue(all(shown[:60] in row["title"] for row in rows), rows)
        self.assertNotRegex(self.file.read_text(encoding="utf-8"), "anna|[\x00-\x09\x0b-\x1f\x7f-\x9f\u202e\u2066\ufeff\ufffe]")

    def test_a_job_that_cannot_be_polled_and_problems_are_named(self):
        self.start(ONE + "[job 6]\nstep = 0s Completed\n", [5, 6])
        self.daemon.wait_for(r"Job 5 .*\[seen")
        self.fake.fault("five", path="*/5", status="500")
        self.wait_until(lambda: [row["Id"] for row in self.json("list", "--failing")] == [5])
        self.assertEqual(self.report().jobs()[0][1], "Running (server error)")
        self.fake.fault("all", path="*", status="401")
        self.wait_until(lambda: self.ctl("status").returncode == 1)
        problems = json.loads(self.ctl("status", "--json=short").stdout)["Problems"]
        self.assertIn(problems[0], self.report().text)


class Follow(Reports):
    def follow(self, **how):
        """`jobwatchctl report --follow` in the background, once the page is there."""
        process = subprocess.Popen(**self.command("report", "--follow", "-o", self.file, **how), stdout=subprocess.PIPE,
                                   stderr=subprocess.STDOUT, text=True, preexec_fn=end_with_parent)
        self.addCleanup(process.stdout.close)
        self.addCleanup(process.wait)
        self.addCleanup(process.kill)
        self.wait_until(lambda: self.file.exists() and subscribed(self.bus))
        return process

    def page(self):
        return Page(self.file.read_text(encoding="utf-8"))

    def wait_for_row(self, *words):
        """Until a job is shown with these texts."""
        self.wait_until(lambda: any(all(word in " ".join(row) for word in words) for row in self.page().jobs()))

    def test_each_event_is_on_the_page(self):
        self.start(ONE, [5])
        self.daemon.wait_for(r"Job 5 .*\[seen")
        process = self.follow()
        self.wait_for_row("Import of members 5", "Running")
        self.assertEqual(self.page().metas["refresh"], "60")
        self.fake.job(5, "half", status="Running")
        self.wait_for_row("Import of members 5", "Running", "half")
        self.fake.job(5, "whole", status="Completed")
        self.wait_for_row("Import of members 5", "Completed", "whole")
        self.out("add", "6")
        self.fake.job(6, "new", status="Failed")
        self.wait_for_row("6", "Failed", "new")
        self.assertIsNone(process.poll())

    def test_it_survives_the_service(self):
        self.start(ONE, [5])
        self.daemon.wait_for(r"Job 5 .*\[seen")
        process = self.follow()
        for how in (signal.SIGTERM, signal.SIGKILL):
            self.daemon.process.send_signal(how)
            self.daemon.wait_exit()
            self.wait_until(lambda: "jobwatchd is not running" in self.page().text)
            self.wait_for_row("Import of members 5", "Running")
            self.fake.job(5, f"while it was away, {how}", status="Running")
            self.start_again()
            self.wait_for_row(f"while it was away, {how}")
            self.wait_until(lambda: "jobwatchd is not running" not in self.page().text)
        self.assertIsNone(process.poll())

    def test_a_service_that_is_not_there_yet(self):
        process = self.follow()
        self.assertRegex(self.page().text, r"jobwatchd is not running\.\s")
        self.start(ONE, [5])
        self.wait_for_row("Import of members 5", "Running")
        self.assertNotIn("jobwatchd is not running", self.page().text)
        self.assertIsNone(process.poll())

    def made(self):
        """When it was, by its clock."""
        made, = re.findall(r"Generated (\d{4}-\d\d-\d\d \d\d:\d\d:\d\d)", self.page().text)
        return time.mktime(time.strptime(made, "%Y-%m-%d %H:%M:%S"))

    def ping(self, process):
        """It waits, which this interrupts."""
        def ask(method, *arguments):
            done = self.bus.run("--json=short", "call", BUS, "/", BUS, method, *arguments)
            return json.loads(done.stdout)["data"][0] if done.returncode == 0 else None  # the name is gone

        names = [name for name in ask("ListNames")
                 if name.startswith(":") and ask("GetConnectionUnixProcessID", "s", name) == process.pid]
        self.bus.run("call", names[0], "/", "org.freedesktop.DBus.Peer", "Ping", check=True)

    @unittest.skipUnless(CLOCK_LIBRARY, "the library cannot be loaded into a program with a sanitizer")
    def test_the_page_is_made_each_minute_while_the_service_is_away(self):
        clock = Clock(self.directory / "clock")
        process = self.follow(env=clock.env)
        for minute in range(1, 4):
            self.ping(process)
            clock.pass_minutes(minute)
            self.ping(process)
            self.wait_until(lambda passed=minute * 60: self.made() - time.time() > passed - 2)
            self.assertIn("jobwatchd is not running", self.page().text)
        self.assertIsNone(process.poll())

    def test_a_reader_always_finds_a_whole_page(self):
        self.start(ONE, [5])
        self.daemon.wait_for(r"Job 5 .*\[seen")
        self.follow()
        texts = set()
        limit = time.monotonic() + PATIENCE
        number = 0
        while len(texts) < 4:
            self.assertLess(time.monotonic(), limit)
            number += 1
            self.fake.job(5, f"number {number}", status="Running")
            text = self.file.read_text(encoding="utf-8")
            Page(text)
            self.assertTrue(text.endswith("</html>\n"))
            texts.add(text)
        self.assertEqual([path.name for path in self.directory.glob(".*.tmp")], [])

    def test_a_page_that_cannot_be_written_ends_it(self):
        self.start(ONE, [5])
        self.daemon.wait_for(r"Job 5 .*\[seen")
        process = self.follow()
        self.file.unlink()
        self.file.mkdir()
        self.fake.job(5, "changed", status="Running")
        said, _ = process.communicate(timeout=PATIENCE)
        self.assertEqual(process.returncode, EX_IOERR)
        self.assertRegex(said, "^jobwatchctl: .*/out is not a regular file, and is not replaced\n$")


if __name__ == "__main__":
    unittest.main()
