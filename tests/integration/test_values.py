#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Status and ResultData of any type, length and content."""

import json
import re
import signal
import unittest

from evidence import ExecRecorder
from harness import EX_JOB_FAILED, EX_OK, IntegrationTest

SAYS_STATUS = "info +The API sends Status as a JSON object or array"
SAYS_RESULT = "info +The API sends ResultData as a JSON object or array"


def as_json(value, **style):
    return "<json>" + json.dumps(value, **style)


class ValuesTest(IntegrationTest):
    def watch(self, scenario, jobs, *options, **config):
        self.fake = self.start_fake(scenario)
        self.write_config(self.fake, jobs, **config)
        return self.start_daemon(*options)


class ObjectsAndArrays(ValuesTest):
    def test_an_object_is_an_event_and_reaches_hooks_as_its_json_text(self):
        recorder = ExecRecorder(self.directory, "hook")
        daemon = self.watch("[job 11]\nstep = 0s Running\n", [11], "--exit-when-done",
                            status={"success": '*"Completed"*'},
                            more=f"[hook all]\non = changed, terminal\nexec = {recorder.program}\n")
        daemon.wait_for("first seen as")
        self.fake.job(11, result='<json>{"done": 3, "errors": ["row 7"]}')
        daemon.wait_for(r'Job 11: Running, result is now \{"done":3,"errors":\["row 7"\]\} '
                        r"\[changed, result of 29 bytes\]")
        self.fake.job(11, status='<json>{"Name": "Completed"}')
        daemon.wait_for(r'Job 11: Running → \{"Name":"Completed"\}(: .*)? \[succeeded')
        self.assertEqual(daemon.wait_exit(), EX_OK)
        documents = [attempt.document for attempt in recorder.attempts()]
        self.assertEqual([(document["status"], document["result"], document["result_before"])
                          for document in documents],
                         [("Running", '{"done":3,"errors":["row 7"]}', None),
                          ('{"Name":"Completed"}', '{"done":3,"errors":["row 7"]}', '{"done":3,"errors":["row 7"]}')])
        self.assertEqual(daemon.count(" warning "), 0, daemon.text())

    def test_failed_result_sees_objects(self):
        daemon = self.watch('[job 11]\nstep = 0s Completed | <json>{"done": 3, "errors": ["row 7"]}\n'
                            '[job 12]\nstep = 0s Completed | <json>{"done": 3, "errors": []}\n', [11, 12],
                            "--exit-when-done", status={"failed_result": '*"errors":?"*'})
        self.assertEqual(daemon.wait_exit(), EX_JOB_FAILED)
        self.assertEqual(sorted(event[:2] for event in daemon.events()), [(11, "failed"), (12, "succeeded")])

    def test_a_change_within_an_object_is_a_change_and_another_layout_is_not(self):
        value = {"done": 3, "errors": ["row 7", {"é": [1.50, None, True]}]}
        daemon = self.watch("[job 11]\nstep = 0s Running\n", [11])
        daemon.wait_for("first seen as")
        self.fake.job(11, result=as_json(value))
        daemon.wait_for("result is now .*row 7")
        for style in {"indent": 2}, {"separators": (",", ":")}, {"ensure_ascii": False, "indent": "\t"}:
            self.fake.job(11, result=as_json(value, **style))
            self.fake.polls(2, 11)
        value["errors"][1]["é"][1] = "row 8"
        self.fake.job(11, result=as_json(value))
        daemon.wait_for("result is now .*row 8")
        self.fake.job(11, result="<json>[]")
        daemon.wait_for(r"result is now \[\] \[changed, result of 2 bytes\]")
        self.fake.job(11, result_null=1)
        daemon.wait_for(r"result is now \(none\)")
        self.assertEqual(daemon.stop(), EX_OK)
        self.assertEqual([kind for _, kind, _ in daemon.events()], ["seen"] + ["changed"] * 4, daemon.text())

    def test_it_is_logged_once_per_start(self):
        scenario = "[jobs 11-13]\nstep = 0s Running | <json>[1]\n"
        for batch in "off", "auto":
            with self.subTest(batch=batch):
                self.fake = self.start_fake(scenario, name=f"fake-{batch}")
                self.write_config(self.fake, (11, 12, 13), poll={"batch": batch})
                for start in range(2):  # at the second, nothing is new
                    daemon = self.start_daemon()
                    daemon.wait_for(SAYS_RESULT)
                    self.assertEqual(daemon.count(SAYS_STATUS), 0, daemon.text())
                    self.fake.job(11 + start, status='<json>["Running"]')
                    daemon.wait_for(SAYS_STATUS)
                    self.fake.job(13, status='<json>["Waiting", %d]' % start)
                    daemon.wait_for("Job 13: .*Waiting.* .changed")
                    self.assertEqual(daemon.stop(), EX_OK)
                    self.assertEqual((daemon.count(SAYS_RESULT), daemon.count(SAYS_STATUS)), (1, 1), daemon.text())
                    for job in 11, 12, 13:
                        self.fake.job(job, status="Running")

    def test_batches(self):
        """Rows are compared like single records: every change is reported once, and nothing else."""
        daemon = self.watch('[jobs 100-119]\nstep = 0s Running | <json>{"done": 0}\nstep = poll 3 <json>{"Name": "Busy"}\n'
                            'step = poll 6 Completed | <json>{"done": [1, 2]}\n', range(100, 120), "--exit-when-done",
                            poll={"batch": "auto"})
        self.assertEqual(daemon.wait_exit(), EX_OK)
        for job in range(100, 120):
            self.assertEqual([what for id, _, what in daemon.events() if id == job],
                             ['first seen as Running: {"done":0}', 'Running → {"Name":"Busy"}: {"done":0}',
                              '{"Name":"Busy"} → Completed: {"done":[1,2]}'], daemon.text())
        self.assertEqual(daemon.count(r"Completed: .* \[succeeded, result of 14 bytes\]"), 20)

    def test_a_large_object_is_bounded_like_a_string(self):
        daemon = self.watch("[job 11]\nstep = 0s Running\n", [11], api={"max_response": "1M"})
        daemon.wait_for("first seen as")
        rows = ["row"] * 100000
        self.fake.job(11, result=as_json(rows, separators=(",", ":")))
        daemon.wait_for(r"\[changed, result of 600001 bytes\]")
        self.fake.job(11, result=as_json(rows * 2))
        daemon.wait_for("Job 11: .*larger than max_response")
        self.assertEqual(daemon.stop(), EX_OK)
        self.assertEqual(len(daemon.events()), 2, daemon.text())

    def refuses(self, control):
        # The other job shows that it is not the API.
        daemon = self.watch("[jobs 11-12]\nstep = 0s Running\n", [11, 12])
        daemon.wait_for("first seen as", count=2)
        self.fake.job(11, result=f"<json>[1,{control}2]")
        daemon.wait_for("Job 11: .*not a job record: not JSON at byte .*control character")
        self.fake.job(11, result="<json>[1,2]")
        daemon.wait_for(r"Job 11: Running, result is now \[1,2\]")
        self.assertEqual(daemon.stop(), EX_OK)
        self.assertEqual(len(daemon.events()), 3, daemon.text())

    def test_a_form_feed_between_values_is_not_json(self):
        self.refuses("\f")

    def test_a_vertical_tab_between_values_is_not_json(self):
        self.refuses("\v")

    def test_a_null_byte_between_values_is_not_json(self):
        self.refuses("\x00")


class Statuses(ValuesTest):
    def test_a_status_of_any_length_and_content_matches_patterns_and_is_shown_on_one_line(self):
        for name, status, shown in (
                ("long", "Done " + "x" * 100000 + " at last", r"Done x{75}…"),
                ("control", "Done\n\t\x1b[31m\u202e\x07 at last", r"Done\\n\\t\\x1b\[31m\S+ at last"),
                ("comma", 'Done, "quoted" ; # [x] %s $HOME at last', r'Done, "quoted" ; # \[x\] %s \$HOME at last'),
                ("characters", "Done " + "é🎉" * 40 + " at last", r"Done (é🎉)+é?…"),
                ("blank", "Done   at last", "Done   at last")):
            with self.subTest(name):
                fake = self.start_fake("[job 11]\nstep = 0s Running\n", name=name)
                self.state = self.directory / f"state-{name}"
                self.write_config(fake, [11], status={"failure": "Done*at last"})
                daemon = self.start_daemon("--exit-when-done")
                daemon.wait_for("first seen as")
                # A query would be too long for the longest.
                fake.fault("status", path="*/11", body=json.dumps({"Id": 11, "Status": status}))
                daemon.wait_for(rf"error +Job 11: Running → {shown}(: .*)? \[failed")
                self.assertEqual(daemon.wait_exit(), EX_JOB_FAILED)
                self.assertIsNone(re.search("[\x00-\x09\x0b-\x1f\x7f\u202e]", daemon.text()), "control characters")


class SuggestedLine(ValuesTest):
    """What the log suggests for an unrecognised status works as it stands, whatever the status is."""

    STATUSES = [
        "Held", "Held, sold", "Held ; sold", "Held;", "; Held", "# Held", "Held # sold", "  Held", "Held  ", " ", "",
        "[Held]", "[a-z]", "He]ld[", "Held\nsold", "Held\tsold", "\r\n", '"Held"', 'He"ld', "'Held'", "*", "**Held*",
        "?", "Held?", "\\", "Held\\", "\\*", "\\\\", "He\\nld", "\\x41", "%s%n", "$HOME", "held = sold", "success += x",
        "[poll]", "Hé\u0142d", "🎉", "Held\u00a0sold", "Held\u200b", "\u202eHeld", "\ufeffHeld", "He\u00adld",
        "Held\x1b[31m", "He\x00ld", "\x7f", "\x85", "Held" + "!" * 250, "Held, " * 60, "*" * 999, "é" * 500, "x" * 1000,
        "\x1b" * 1001, "y" * 100000 + "*",
    ]

    def write_patterns(self, lines=(), jobs=()):
        self.write_config(self.fake, jobs, more="[status]\nfailure = Failed\n" + "".join(f"{line}\n" for line in lines))

    def test_it_works_for_any_status(self):
        jobs = range(11, 11 + len(self.STATUSES))
        self.fake = self.start_fake("".join(f"[job {job}]\nstep = 0s Running\n" for job in jobs))
        for job, status in zip(jobs, self.STATUSES):
            self.fake.fault(f"status{job}", path=f"*/{job}", body=json.dumps({"Id": job, "Status": status}))
        self.write_patterns(jobs=jobs)
        daemon = self.start_daemon()
        for job in jobs:
            daemon.wait_for(rf"warning +Job {job}: unrecognised status ")

        message = re.compile(r"warning +Job (\d+): unrecognised status .*, treated as open\. Classify it with a line under "
                             r"\[status\] in (.*), for instance: (success \+= .*)$", re.M)
        found = message.findall(daemon.text())
        self.assertEqual(sorted(int(job) for job, _, _ in found), list(jobs), daemon.text())
        self.assertEqual({path for _, path, _ in found}, {str(self.config)})
        with self.config.open("a", encoding="utf-8") as file:
            file.writelines(f"{line}\n" for _, _, line in found)

        # As it is read and printed, and read back again.
        status, output = self.run_daemon("--print-config")
        self.assertEqual(status, EX_OK, output.text())
        printed = output.output
        self.assertIn("Done, Processed,", printed, "the lines add to the default")
        self.config.write_text(printed, encoding="utf-8")

        daemon.process.send_signal(signal.SIGHUP)
        for job in jobs:
            daemon.wait_for(rf"Job {job}: .* \[succeeded")
        self.assertEqual(len(message.findall(daemon.text())), len(jobs), "logged once")
        self.assertEqual(daemon.stop(), EX_OK)

    def test_it_names_the_file_in_which_the_line_takes_effect(self):
        self.fake = self.start_fake("[job 11]\nstep = 0s Held\n")
        self.write_config(self.fake, [11], status={"success": "A"})
        drop_ins = self.directory / "jobwatchd.ini.d"
        drop_ins.mkdir()
        replacing = drop_ins / "10.ini"
        replacing.write_text("[status]\nsuccess = B\n")
        (drop_ins / "20.ini").write_text("[status]\nsuccess += C\n")
        daemon = self.start_daemon()
        line = daemon.wait_for(r"under \[status\] in ")
        self.assertIn(f"in {replacing}, for instance: ", line)
        with replacing.open("a") as file:
            file.write(line.split("for instance: ")[1].strip() + "\n")
        daemon.process.send_signal(signal.SIGHUP)
        daemon.wait_for(r"Job 11: .* \[succeeded")


if __name__ == "__main__":
    unittest.main()
