#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The events of a job, from the response of the API to the line in the log."""

import unittest

from harness import EX_JOB_FAILED, EX_OK, IntegrationTest


class Events(IntegrationTest):
    def watch(self, scenario, jobs, *options, **config):
        self.fake = self.start_fake(scenario)
        self.write_config(self.fake, jobs, **config)
        return self.start_daemon(*options)

    def test_the_life_of_a_job(self):
        daemon = self.watch("[job 11]\nstep = 0s Queued\n", [11], "--exit-when-done")
        daemon.wait_for(r"info +Job 11: first seen as Queued \[seen\]")
        self.fake.job(11, status="Running")
        daemon.wait_for(r"notice +Job 11: Queued → Running \[changed\]")
        self.fake.job(11, result='{"done": 50}')
        daemon.wait_for(r'notice +Job 11: Running, result is now \{"done": 50\} \[changed, result of 12 bytes\]')
        self.fake.job(11, result='{"done": 100}', status="Completed")
        daemon.wait_for(r'notice +Job 11: Running → Completed: \{"done": 100\} \[succeeded, result of 13 bytes\]')
        self.assertEqual(daemon.wait_exit(), EX_OK)
        self.assertEqual([kind for _, kind, _ in daemon.events()], ["seen", "changed", "changed", "succeeded"])

    def test_nothing_is_reported_without_changes(self):
        daemon = self.watch("[job 11]\nstep = 0s Running | half\n", [11])
        daemon.wait_for("first seen as")
        self.fake.polls(5, 11)
        self.assertEqual(daemon.stop(), EX_OK)
        self.assertEqual(len(daemon.events()), 1, daemon.text())

    def test_result_to_null_and_empty_are_changes(self):
        daemon = self.watch("[job 11]\nstep = 0s Running | half\n", [11])
        daemon.wait_for("first seen as")
        self.fake.job(11, result_empty=1)
        daemon.wait_for(r"Job 11: Running, result is now \(empty\) \[changed, result of 0 bytes\]")
        self.fake.job(11, result_null=1)
        daemon.wait_for(r"Job 11: Running, result is now \(none\) \[changed\]")

    def test_failed_by_status(self):
        daemon = self.watch("[job 11]\nstep = 0s Running\n", [11], "--exit-when-done")
        daemon.wait_for("first seen as")
        self.fake.job(11, status="completed WITH errors")
        daemon.wait_for(r"error +Job 11: Running → completed WITH errors(: .*)? \[failed")
        self.assertEqual(daemon.wait_exit(), EX_JOB_FAILED)

    def test_failed_by_result(self):
        daemon = self.watch("[job 11]\nstep = 0s Running\n[job 12]\nstep = 0s Running\n", [11, 12],
                            "--exit-when-done", status={"failed_result": '*"Errors":?1*'})
        daemon.wait_for("first seen as", count=2)
        self.fake.job(11, status="Completed", result='{"Errors":[1]}')
        self.fake.job(12, status="Completed", result='{"Errors":[]}')
        daemon.wait_for(r"error +Job 11: Running → Completed(: .*)? \[failed")
        daemon.wait_for(r"notice +Job 12: Running → Completed(: .*)? \[succeeded")
        self.assertEqual(daemon.wait_exit(), EX_JOB_FAILED)

    def test_ended_at_first_observation(self):
        daemon = self.watch("[job 11]\nstep = 0s Completed | ok\n[job 12]\nstep = 0s Failed | why\n", [11, 12],
                            "--exit-when-done")
        self.assertEqual(daemon.wait_exit(), EX_JOB_FAILED)
        self.assertEqual(sorted(event[:2] for event in daemon.events()), [(11, "succeeded"), (12, "failed")])
        self.assertIn("Job 11: first seen as Completed", daemon.text())

    def test_an_ended_job_is_not_polled_any_more(self):
        daemon = self.watch("[job 11]\nstep = 0s Completed\n[job 12]\nstep = 0s Running\n", [11, 12])
        daemon.wait_for("Job 11: .*succeeded")
        self.fake.polls(5, 12)
        daemon.stop()
        asked = [request["path"] for request in self.fake.requests()]
        self.assertEqual(sum(path.endswith("/11") for path in asked), 1)

    def test_status_null(self):
        daemon = self.watch("[job 11]\nstep = 0s -\n", [11])
        daemon.wait_for(r"info +Job 11: first seen as \(none\) \[seen")
        self.fake.job(11, status="Running")
        daemon.wait_for(r"Job 11: \(none\) → Running(: .*)? \[changed")
        self.fake.job(11, status_null=1)
        daemon.wait_for(r"Job 11: Running → \(none\)(: .*)? \[changed")
        self.fake.polls(2, 11)
        daemon.stop()
        self.assertEqual(daemon.count("unrecognised status"), 0, daemon.text())

    def test_unrecognised_status_is_logged_once(self):
        daemon = self.watch("[job 11]\nstep = 0s Marinating\n[job 12]\nstep = 0s Running\n", [11, 12])
        line = daemon.wait_for("warning .*unrecognised status .Marinating")
        self.assertRegex(line, r'Job 1[12]: unrecognised status "Marinating", treated as open\. Classify it with a line '
                               r'under \[status\] in \S*/jobwatchd.ini, for instance: success \+= "Marinating"$')
        daemon.wait_for(r"Job 11: first seen as Marinating \[seen")
        self.fake.job(12, status="Marinating")
        daemon.wait_for("Job 12: Running → Marinating .changed")
        self.fake.job(11, status="Running")
        daemon.wait_for("Job 11: Marinating → Running")
        self.fake.job(11, status="Marinating")
        daemon.wait_for("Job 11: Running → Marinating")
        daemon.stop()
        self.assertEqual(daemon.count("unrecognised status"), 1, daemon.text())

        again = self.start_daemon()
        self.fake.polls(2, 11)
        self.fake.job(11, status="Fermenting")
        again.wait_for("warning .*unrecognised status .Fermenting")
        again.stop()
        self.assertEqual(again.count("unrecognised status .Marinating"), 0, again.text())

    def test_the_line_to_add_works(self):
        daemon = self.watch("[job 11]\nstep = 0s Marinating\n", [11], status={"success": "Done, Marinating"})
        daemon.wait_for(r"Job 11: first seen as Marinating \[succeeded")

    def test_named_job(self):
        daemon = self.watch("[job 11]\nstep = 0s Running\n", (), more="[job members-import]\nid = 11\n")
        daemon.wait_for(r"Job 11 \(members-import\): first seen as Running")
        self.fake.job(11, status="Completed")
        daemon.wait_for(r"Job 11 \(members-import\): Running → Completed(: .*)? \[succeeded")

    def test_unusual_records(self):
        """Partial records, records with additional fields, and all date formats are accepted."""
        for number, more in enumerate(("dates = epoch", "dates = bare", "dates = fraction", "custom_fields = "
                                       '{"Status": "Failed", "Id": 3, "x": [[{"ResultData": "y"}]]}',
                                       "description = -\nbusiness = -\nguid = -", "result_size = 300K")):
            with self.subTest(more):
                job = 20 + number
                fake = self.start_fake(f"[job {job}]\n{more}\nstep = 0s Running | r\n", name=f"fake{job}")
                self.write_config(fake, [job])
                daemon = self.start_daemon()
                daemon.wait_for(rf"Job {job}: first seen as Running")
                fake.job(job, status="Completed")
                daemon.wait_for(rf"Job {job}: Running → Completed(: .*)? \[succeeded")
                self.assertEqual(daemon.stop(), EX_OK)

    def test_stalled(self):
        """Reported once per stall, and polling continues."""
        daemon = self.watch("[job 11]\nstep = 0s Running\n", [11], poll={"stalled_after": "500ms"})
        daemon.wait_for(r"warning +Job 11: still Running, .*\[stalled")
        self.fake.polls(8, 11)
        self.assertEqual(daemon.count(r"\[stalled"), 1, daemon.text())
        self.fake.job(11, result="half")
        daemon.wait_for("result is now half")
        daemon.wait_for(r"\[stalled", count=2)
        self.fake.job(11, status="Completed")
        daemon.wait_for(r"\[succeeded")
        daemon.stop()
        self.assertEqual([kind for _, kind, _ in daemon.events()],
                         ["seen", "stalled", "changed", "stalled", "succeeded"])

    def test_many_changes_of_many_jobs(self):
        """20 jobs change three times each; every change is reported once, in order."""
        jobs = list(range(100, 120))
        daemon = self.watch("[jobs 100-119]\nstep = 0s Queued\nstep = poll 3 Running\n"
                            "step = poll 5 Processing\nstep = poll 8 Completed\n", jobs, "--exit-when-done")
        self.assertEqual(daemon.wait_exit(), EX_OK)
        for job in jobs:
            told = [what for id, _, what in daemon.events() if id == job]
            self.assertEqual(told, ["first seen as Queued", "Queued → Running",
                                    "Running → Processing", "Processing → Completed"])


if __name__ == "__main__":
    unittest.main()
