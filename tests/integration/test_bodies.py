#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Responses in unusual encodings, and invalid ones: nothing is reported that the API did not send."""

import unittest

from harness import SANITIZED, EX_OK, JOBS, PATIENCE, IntegrationTest

MEMORY_MAX_KB = 40 * 1024
LARGE = "100M"

# name: (the fault, the log message)
HARMLESS = {
    "chunks of one byte": {"chunk": 1},
    "gzip": {"gzip": "yes"},
    "gzip in chunks of one byte": {"gzip": "force", "chunk": 1},
    "delay": {"delay": "200ms"},
    "unusual content type": {"content_type": "text/plain"},
}
NO_RESPONSE, UNUSABLE, MISSING = "No response from the API at ", "Cannot use the API at ", "The API at "
JOB = "Job 11: cannot be polled: "  # a batch of its id is answered with an array: the failure is the job's alone
HARMFUL = {
    "truncated": ({"truncate": 100}, NO_RESPONSE + ".*no complete response"),
    "truncated to nothing": ({"truncate": 0}, NO_RESPONSE),
    "truncated gzip": ({"gzip": "force", "truncate": 60}, NO_RESPONSE + ".*no complete response"),
    "truncated chunks": ({"chunk": 7, "truncate": 70}, NO_RESPONSE + ".*no complete response"),
    "reset before": ({"reset": "before"}, NO_RESPONSE),
    "reset after the headers": ({"reset": "headers"}, NO_RESPONSE),
    "reset in the body": ({"reset": "body"}, NO_RESPONSE),
    "error envelope": ({"envelope": "yes"}, UNUSABLE + ".*HTTP 200, not a job record"),
    "html": ({"html": "yes"}, UNUSABLE + ".*not a job record"),
    "empty": ({"status": 200}, UNUSABLE + ".*not a job record"),
    "invalid json": ({"body": '{"Id": 11, "Status": "Completed", '}, UNUSABLE + ".*not a job record"),
    "garbage behind": ({"body": '{"Id": 11, "Status": "Completed"} x'}, UNUSABLE + ".*not a job record"),
    "two documents": ({"body": '{"Id": 11, "Status": "Completed"}{"Id": 11}'}, UNUSABLE + ".*not a job record"),
    "an array": ({"body": '[{"Id": 11, "Status": "Completed"}]'}, JOB + ".*not a job record"),
    "null": ({"body": "null"}, UNUSABLE + ".*not a job record"),
    "deep": ({"body": '{"Id": 11, "Status": "Completed", "CustomFields": ' + "[" * 900 + "]" * 900 + "}"},
             UNUSABLE + ".*not a job record"),
    "wrong id": ({"wrong_id": "yes"}, JOB + ".*HTTP 200, but with job 12"),
    "no id": ({"body": '{"Status": "Completed", "ResultData": null}'}, UNUSABLE + ".*not a job record"),
    "no content": ({"status": 204}, UNUSABLE + ".*not a job record"),
    "not found": ({"status": 404}, MISSING + r"\S+ answers 404 to everything; check base_url"),
    "bad request": ({"status": 400, "body": '{"Message": "no"}'}, UNUSABLE + '.*HTTP 400.*"Message"'),
    "not gzip at all": ({"body": '{"Id": 11, "Status": "Completed"}', "header": '"Content-Encoding: gzip"'},
                        NO_RESPONSE),
}
OVERSIZE = {
    "oversize": {"oversize": LARGE},
    "oversize in chunks": {"oversize": LARGE, "chunk": "16K"},
    "oversize compressed": {"oversize": LARGE, "gzip": "force"},
    "oversize compressed in chunks": {"oversize": LARGE, "gzip": "force", "chunk": "4K"},
}


class BodyTest(IntegrationTest):
    def watch(self, **config):
        self.fake = self.start_fake("[job 11]\nstep = 0s Running | half\n")
        self.write_config(self.fake, (11,), **config)
        self.daemon = self.start_daemon()
        self.daemon.wait_for("Job 11: first seen as Running")


class Bodies(BodyTest):
    def harmless(self, fault):
        self.fake = self.start_fake("[job 11]\nstep = 0s Running | half\n")
        self.fake.fault("harmless", **fault)
        self.write_config(self.fake, (11,))
        daemon = self.start_daemon()
        daemon.wait_for("Job 11: first seen as Running")
        self.fake.job(11, status="Completed", result="→ done 🎉" * 50)
        daemon.wait_for(r"Job 11: Running → Completed(: .*)? \[succeeded, ")
        self.assertEqual(daemon.stop(), EX_OK)
        self.assertEqual(daemon.count(" warning | error "), 0, daemon.text())

    def oversize(self, fault):
        self.watch(api={"max_response": "4M"})
        seq = self.fake.stats()["last_seq"]
        self.fake.fault("harm", **fault)
        self.fake.job(11, status="Completed")
        self.daemon.wait_for(r"warning Job 11: cannot be polled: .*larger than max_response")
        self.fake.wait(2, seq, path=f"*{JOBS}/11")
        self.assertEqual(len(self.daemon.events()), 1, self.daemon.text())
        if not SANITIZED:
            self.assertLess(self.daemon.memory_kb("VmHWM"), MEMORY_MAX_KB)
        self.fake.mend()
        self.daemon.wait_for(r"Job 11: Running → Completed(: .*)? \[succeeded, ", patience=2 * PATIENCE)

    def test_large_but_allowed(self):
        self.watch(api={"max_response": "4M"})
        self.fake.job(11, status="Completed", result="x" * (3 << 20))
        self.daemon.wait_for(r"Job 11: Running → Completed(: .*)? \[succeeded, result of 3145728 bytes\]")
        self.assertEqual(self.daemon.stop(), EX_OK)

    def test_unexpected_first_response(self):
        """A job whose first responses are invalid is observed at the first valid one."""
        self.fake = self.start_fake("[job 11]\nstep = 0s Running\n")
        self.fake.fault("odd", times=3, html="yes")
        self.write_config(self.fake, (11,))
        daemon = self.start_daemon()
        daemon.wait_for("Job 11: first seen as Running")
        daemon.stop()
        self.assertEqual(len(daemon.events()), 1)

    def test_unexpected_responses_for_one_job_do_not_affect_others(self):
        self.fake = self.start_fake("[jobs 11-15]\nstep = 0s Running\nstep = poll 4 Completed\n")
        self.fake.fault("odd", path="*/11", html="yes")
        self.write_config(self.fake, range(11, 16))
        daemon = self.start_daemon()
        daemon.wait_for(r"\[succeeded", count=4)
        daemon.wait_for("warning +Job 11: cannot be polled: .*not a job record.*Polling it less often")
        self.fake.mend()
        daemon.wait_for(r"Job 11: .*\[succeeded")
        self.assertEqual(daemon.stop(), EX_OK)
        self.assertEqual(daemon.count(" (warning|error) "), 1, daemon.text())
        self.assertEqual(daemon.count("notice +Job 11: can be polled again"), 1, daemon.text())


class Failures(BodyTest):
    """Each waits until the failure is logged, and for the recovery."""

    def harmful(self, fault, says):
        self.watch()
        seq = self.fake.stats()["last_seq"]
        self.fake.fault("harm", **fault)
        self.fake.job(11, status="Completed", result="all")
        self.daemon.wait_for("warning " + says)
        self.fake.wait(4, seq, path=f"*{JOBS}/11")
        self.assertEqual(self.daemon.count(" (warning|error) "), 1, "told once, not each time:\n" + self.daemon.text())
        self.assertEqual(len(self.daemon.events()), 1, self.daemon.text())
        self.fake.mend()
        self.daemon.wait_for(r"Job 11: Running → Completed(: .*)? \[succeeded, ")
        self.assertEqual(self.daemon.stop(), EX_OK)
        self.assertEqual(len(self.daemon.events()), 2, self.daemon.text())
        self.assertEqual(self.daemon.count("notice +Job 11: can be polled again"), says.startswith(JOB))

    def test_unexpected_responses_are_logged_again(self):
        """At most once a minute for each class of failure."""
        self.watch()
        for count in (1, 2):
            self.fake.fault("odd", path=f"*{JOBS}/11", html="yes")
            self.daemon.wait_for("Job 11: cannot be polled: .*not a job record", count=count, patience=60 + PATIENCE)
            self.fake.mend()
            self.daemon.wait_for("Job 11: can be polled again", count=count, patience=60 + PATIENCE)


def add(case, prefix, name, method, *arguments):
    def test(self):
        getattr(self, method)(*arguments)
    test.__doc__ = f"{prefix}: {name}"
    setattr(case, "test_" + name.replace(" ", "_"), test)


for name, fault in HARMLESS.items():
    add(Bodies, "harmless", name, "harmless", fault)
for name, (fault, says) in HARMFUL.items():
    add(Failures, "harmful", name, "harmful", fault, says)
for name, fault in OVERSIZE.items():
    add(Bodies, "oversize", name, "oversize", fault)

if __name__ == "__main__":
    unittest.main()
