# SPDX-License-Identifier: MIT
"""jobwatchctl with the real daemon: what each command shows, on a terminal, in a pipe and as JSON."""

import json
import os
import subprocess
import time
import unittest

from ctl_rig import CtlTest
from harness import EX_JOB_FAILED, EX_OK, PATIENCE, SANITIZED

EX_UNKNOWN = 66
THREE = ("[job 5]\ndescription = Import of members\nbusiness = Soho\nbusiness_id = 7\nstep = 0s Running | {\"rows\": 4}\n"
         "[job 6]\ndescription = Bulk edit\nstep = 0s Completed | 12 tariffs\n"
         "[job 7]\ndescription = Import of rooms\nstep = 0s Failed | Row 17: no such plan\n")


class Ctl(CtlTest):
    def start_three(self, more="", **config):
        """Jobs that are open, succeeded and failed."""
        daemon = self.start(THREE, [6, 7], more="[job members]\nid = 5\n" + more, **config)
        for pattern in (r"Job 5 .*\[seen", r"Job 6 .*\[succeeded", r"Job 7 .*\[failed"):
            daemon.wait_for(pattern)
        return daemon


class List(Ctl):
    def test_each_job_is_a_row(self):
        self.start_three()
        for command in ([], ["list"]):
            lines = self.out(*command).splitlines()
            self.assertEqual(lines[0].split(), ["ID", "NAME", "STATUS", "SINCE", "DESCRIPTION"])
            self.assertRegex(lines[1], r"^ *5 +members +Running +(now|\d.* ago) +Import of members$")
            self.assertRegex(lines[2], r"^ *6 +- +Completed +(now|\d.* ago) +Bulk edit$")
            self.assertRegex(lines[3], r"^ *7 +- +Failed +(now|\d.* ago) +Import of rooms$")
            self.assertEqual(lines[4:], ["", "3 jobs."])

    def test_filters_and_patterns(self):
        self.start_three()
        for words, ids in {("--open",): [5], ("--ended",): [6, 7], ("--failed",): [7], ("--failing",): [],
                           ("*import*",): [5, 7], ("members",): [5], ("6",): [6], ("6", "members"): [5, 6],
                           ("--ended", "*import*"): [7]}.items():
            with self.subTest(words):
                self.assertEqual([row["Id"] for row in self.json("list", *words)], ids)
        self.assertEqual(self.out("list", "--failing"), "0 jobs.\n")
        self.assertEqual(self.out("list", "--failing", "--no-legend"), "")

    def test_a_job_that_cannot_be_polled_says_why(self):
        self.start_three()
        self.fake.fault("five", path="*/5", status="500")
        self.daemon.wait_for(r"Job 5 .*cannot be polled|Job 5 .*server error")
        self.wait_until(lambda: [row["Id"] for row in self.json("list", "--failing")] == [5])
        self.assertIn("Running (server error)", self.out("list", "--failing"))

    def test_json_has_the_keys_of_the_bus(self):
        self.start_three()
        row = self.json("list", "5")[0]
        self.assertEqual({key: row[key] for key in ("Id", "Name", "Status", "Outcome", "Description", "Result", "Business")},
                         {"Id": 5, "Name": "members", "Status": "Running", "Outcome": "open", "Result": '{"rows": 4}',
                          "Description": "Import of members", "Business": "Soho"})
        pretty = self.out("list", "--json=pretty")
        self.assertEqual([row["Id"] for row in json.loads(pretty)], [5, 6, 7])
        self.assertIn('\n    "Id": 5,\n', pretty)
        self.assertEqual(self.json("list", "99"), [])

    def test_another_instance(self):
        """Its name needs escaping on the bus."""
        self.fake = self.start_fake(THREE)
        self.write_config(self.fake, [6])
        self.start_daemon("--instance", "7-east", env=self.bus.env)
        self.bus.wait_for_name("org.jobwatchd1._37_2deast")
        self.wait_until(lambda: self.rows("list", "--ended", "-i", "7-east"))
        self.assertEqual(self.rows("-i", "7-east", "list")[0][0], "6")

    def test_texts_that_are_hostile_to_terminals(self):
        """Escape sequences, line feeds and direction marks of a Description are not passed on."""
        self.start('[job 5]\nstep = 0s Running\n', [5])
        self.fake.fault("text", path="*/5", status="200", body=json.dumps(
            {"Id": 5, "Status": "Run\x1b[2Jning", "Description": "a\nb\u202ec\x07", "ResultData": "x\x1b]0;t\x07\ny"}))
        self.wait_until(lambda: self.json("list")[0].get("Description", "").startswith("a\nb"))
        for command in ("list", "history", "show 5"):
            shown = self.out(*command.split())
            self.assertNotRegex(shown, "[\x00-\x09\x0b-\x1f\u202e]")
        self.assertRegex(self.rows("list")[0][-2:], ["a", "b\ufffdc\ufffd"])


class Ten(CtlTest):
    """Ten thousand jobs, one with a description that is not valid UTF-8."""

    def test_ten_thousand_jobs(self):
        self.start("[jobs 100001-110000]\ndescription = Import of café %i\nstep = 0s Running | 1\n",
                   more="[jobs]\nids = " + ",\n    ".join(map(str, range(100001, 110001))) + "\n",
                   poll={"interval": "10min", "max_interval": "10min", "batch": "auto"}, log={"level": "warning"})
        self.wait_until(lambda: all(row["Observed"] for row in self.json("list")))
        self.fake.fault("text", path="*/100001", body=json.dumps({"Id": 100001, "Status": "Odd", "Description": "caf\udce9"}))
        self.fake.job(100001, status="Odd")
        self.out("poll", "100001")
        self.wait_until(lambda: self.json("list", "100001")[0]["Status"] == "Odd")

        rows = self.json("list")
        self.assertEqual([row["Id"] for row in rows], list(range(100001, 110001)))
        self.assertRegex(rows[0]["Description"], "^caf\ufffd+$")
        self.assertEqual(len(self.out("list").splitlines()), 10003)

        if SANITIZED:
            return
        times = []
        for _ in range(5):
            began = time.monotonic()
            self.out("list")
            times.append(time.monotonic() - began)
        print(f"list of 10,000 jobs: {min(times) * 1000:.0f} ms")
        self.assertLess(min(times), 0.2)


class Show(Ctl):
    def test_one_job(self):
        self.start_three()
        shown = self.out("show", "5")
        self.assertRegex(shown, r"^Job 5 \(members\)\n")
        for line in (r"Description: Import of members", r"Status: Running \[open\]", r"Since: \w{3} \d{4}-\d\d-\d\d .*ago|now",
                     r"Business: Soho \(7\)", r"Watched: listed in the configuration, polled every 100ms"):
            self.assertRegex(shown, rf"(?m)^ +{line}")
        self.assertTrue(shown.endswith('\nResult (11 bytes):\n{"rows": 4}\n'), shown)

    def test_the_result_is_whole(self):
        self.start("[job 5]\nresult_size = 300000\nstep = 0s Failed | x\n", [5])
        self.daemon.wait_for(r"Job 5.*\[failed")
        job = self.json("show", "5")
        self.assertEqual((len(job["Result"].encode()), job["ResultBytes"]), (300000, 300000))

    def test_an_unknown_job(self):
        self.start_three()
        self.says(EX_UNKNOWN, "[Jj]ob 99", "show", "99")


class History(Ctl):
    def test_events_the_latest_last(self):
        self.start_three()
        self.fake.job(5, status="Completed", result="done")
        self.daemon.wait_for(r"Job 5 .*\[succeeded")
        rows = self.json("history")
        self.assertEqual([(row["Job"], row["Event"]) for row in rows][-1], (5, "succeeded"))
        self.assertEqual([row["Sequence"] for row in rows], [1, 2, 3, 4])
        self.assertRegex(self.out("history").splitlines()[-3],
                         r"^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d +5 members +succeeded Running → Completed +done$")

        self.assertEqual([row["Sequence"] for row in self.json("history", "-n", "2")], [3, 4])
        self.assertEqual([row["Event"] for row in self.json("history", "5")], ["seen", "succeeded"])
        self.assertEqual([row["Event"] for row in self.json("history", "5", "-n", "1")], ["succeeded"])
        self.assertEqual(len(self.json("history", "--since=1h")), 4)
        self.assertEqual(self.json("history", "--since=@" + str(int(time.time()) + 60)), [])
        self.assertEqual(self.out("history", "99"), "0 events.\n")

    def test_more_events_than_a_page(self):
        self.start("[jobs 1-2500]\nstep = 0s Completed\n", range(1, 2501), poll={"batch": "auto", "interval": "10s",
                                                                                "max_interval": "10s"},
                   log={"level": "warning"})
        self.wait_until(lambda: self.json("status")["Succeeded"] == 2500)
        for words, count in {("-n", "2400"): 2400, ("--since=1h",): 2500, (): 100}.items():
            sequences = [row["Sequence"] for row in self.json("history", *words)]
            self.assertEqual(sequences, list(range(2501 - count, 2501)))


class Status(Ctl):
    def test_a_service_without_problems(self):
        self.start_three()
        shown = self.out("status")
        self.assertRegex(shown, r"^● jobwatchd.service, jobwatchd \d.*: no problems\n")
        self.assertRegex(shown, r"(?m)^ +Jobs: 3 watched: 1 open, 1 succeeded, 1 failed or gone$")
        self.assertRegex(shown, r"(?m)^ +API: ok$")
        self.assertRegex(shown, r"(?m)^ +Deliveries: 0 pending, 0 failed$")

    def test_a_problem_is_named_and_the_exit_status_is_1(self):
        self.start_three()
        self.fake.stop()
        self.daemon.wait_for("unreachable")
        self.wait_until(lambda: self.ctl("status").returncode == EX_JOB_FAILED)
        shown = self.out("status", status=EX_JOB_FAILED)
        self.assertRegex(shown, r"^● jobwatchd.service, .*: problems, see below\n")
        self.assertRegex(shown, r"(?m)^ +API: unreachable")
        self.assertRegex(shown, r"(?s)\n\n.*[Aa]PI.*\.?\n$")

    def test_statuses_and_what_they_count_as(self):
        self.start("[job 5]\nstep = 0s Odd one\n[job 6]\nstep = 0s Completed\n", [5, 6])
        self.daemon.wait_for(r"Job 5.*\[seen")
        self.daemon.wait_for(r"Job 6.*\[succeeded")
        shown = self.out("statuses")
        self.assertRegex(shown, r"(?m)^Odd one +open \(unrecognised\) +1 +1 ")
        self.assertRegex(shown, r"(?m)^Completed +success +1 +1 ")

    def test_metrics(self):
        self.start_three()
        self.assertRegex(self.out("metrics"), r"(?m)^jobwatchd_\w+(\{.*\})? \d")


class Recent(Ctl):
    def test_jobs_of_the_account(self):
        self.start_three()
        self.fake.job(8, status="Queued", description="Import of plans")
        rows = self.json("recent")
        self.assertEqual({row["Id"]: row["Watched"] for row in rows}, {5: True, 6: True, 7: True, 8: False})
        self.assertEqual([row["Id"] for row in self.json("recent", "--description=*plans*")], [8])
        self.assertEqual(len(self.json("recent", "-n", "2")), 2)
        self.assertIn("Import of plans", self.out("recent"))
        self.assertNotIn("user", self.out("recent", "--json=short").lower())


class Changes(Ctl):
    def test_add_a_job_by_name_and_remove_it(self):
        self.start_three()
        self.fake.job(8, status="Running")
        self.assertEqual(self.out("add", "8", "--name", "plans"), "Job 8 is watched from now on.\n")
        self.daemon.wait_for(r"Job 8 \(plans\).*\[seen")
        self.assertEqual(self.out("add", "8"), "Job 8 was watched already.\n")
        self.assertRegex(self.out("show", "8"), r"(?m)^ +Watched: added")
        self.assertEqual(self.out("remove", "8"), "")
        self.assertNotIn(8, [row["Id"] for row in self.json("list", "--open") if not row["Removed"]])
        self.says(EX_UNKNOWN, ".*99", "remove", "99")

    def test_add_with_a_hook(self):
        note = self.directory / "note"
        self.start_three(f"[hook note]\nexec = /bin/sh -c 'echo $JOBWATCH_JOB >> {note}'\n")
        self.fake.job(8, status="Completed")
        self.out("add", "8", "--hook", "note")
        self.wait_until(lambda: note.exists() and "8\n" in note.read_text())
        self.says(EX_UNKNOWN, ".*nohook", "add", "8", "--hook", "nohook")

    def test_poll_now(self):
        self.start(THREE, [5], poll={"interval": "1h", "max_interval": "1h"})
        self.daemon.wait_for(r"Job 5.*\[seen")
        self.fake.job(5, status="Completed")
        self.assertEqual(self.out("poll", "5"), "")
        self.daemon.wait_for(r"Job 5.*\[succeeded")
        self.says(EX_UNKNOWN, ".*99", "poll", "99")
        self.assertEqual(self.out("poll"), "")


class Deliveries(Ctl):
    def start_failing(self, retries=1):
        self.flag = self.directory / "flag"
        self.start_three(f"[hook note]\nexec = /bin/sh -c 'echo said; test -e {self.flag}'\nretries = {retries}\n")

    def test_failed_deliveries_are_listed_and_retried(self):
        self.start_failing(retries=0)
        self.wait_until(lambda: len(self.json("deliveries", "--failed")) == 2)
        [row] = [row for row in self.json("deliveries") if row["Job"] == 7]
        self.assertEqual((row["Hook"], row["Event"], row["State"]), ("note", "failed", "failed"))
        self.assertRegex(self.out("deliveries"), rf"(?m)^ *{row['Id']} note +7 failed +failed +1 +- +.*exit")
        self.assertEqual(self.json("deliveries", "--pending"), [])

        self.flag.touch()
        self.assertEqual(self.out("retry", row["Id"]), "")
        self.daemon.wait_for(r"Job 7.*hook note: delivered")
        self.assertEqual(self.out("retry", "--failed"), "")
        self.daemon.wait_for(r"Job 6.*hook note: delivered")
        self.wait_until(lambda: self.json("deliveries") == [])
        self.says(EX_UNKNOWN, ".*99", "retry", "99")

    def test_drop(self):
        self.start_failing(retries=5)
        self.wait_until(lambda: len(self.json("deliveries", "--pending")) == 2)
        ids = [row["Id"] for row in self.json("deliveries")]
        self.assertEqual(self.out("drop", *ids), "")
        self.assertEqual(self.out("deliveries"), "0 deliveries.\n")
        self.says(EX_UNKNOWN, ".*99", "drop", "99")

    def test_a_hook_is_run_with_a_made_up_event(self):
        self.start_failing()
        self.flag.touch()
        self.assertRegex(self.out("test-hook", "note"), r"^  said\nHook note: succeeded after \d+\S*ms\n$")
        self.flag.unlink()
        self.assertRegex(self.out("test-hook", "note", "--event=failed", status=EX_JOB_FAILED),
                         r"^  said\nHook note: failed after .*ms: .*1")
        before = len(self.json("history"))
        result = self.json("test-hook", "note", "--job=5", status=EX_JOB_FAILED)
        self.assertEqual((result["State"], result["Output"]), ("failed", "said\n"))
        self.assertEqual(len(self.json("history")), before)
        self.says(EX_UNKNOWN, ".*nohook", "test-hook", "nohook")


class Terminal(Ctl):
    def test_colours_only_where_they_are_wanted(self):
        self.start_three()
        for env, coloured in (({}, True), ({"NO_COLOR": ""}, True), ({"NO_COLOR": "1"}, False), ({"TERM": "dumb"}, False)):
            with self.subTest(env):
                _, shown = self.on_terminal("list", "--no-pager", env=env)
                self.assertEqual("\033[31mFailed" in shown and "\033[32mCompleted" in shown, coloured, shown)
                self.assertEqual("\033" in shown, coloured)
        self.assertNotIn("\033", self.out("list"))

    def test_a_table_is_as_wide_as_the_terminal(self):
        self.start(f"[job 5]\ndescription = {'Import of members ' * 20}\nstep = 0s Running\n", [5])
        self.daemon.wait_for(r"Job 5.*\[seen")
        for columns in (60, 100):
            _, shown = self.on_terminal("list", "--no-pager", columns=columns, env={"NO_COLOR": "1"})
            self.assertEqual(max(map(len, shown.splitlines())), columns)
        self.assertIn("Import of members " * 19 + "Import of members", self.out("list"))

    def test_the_pager_gets_what_is_long(self):
        self.start_three()
        pager = self.directory / "pager"
        pager.write_text("#!/bin/sh\necho \"[$LESS$LESSSECURE\"; sed 's/^/> /'; echo ']'\n", encoding="utf-8")
        pager.chmod(0o755)
        unsafe = {"SYSTEMD_PAGERSECURE": "0", "NO_COLOR": "1"}
        for env in ({"SYSTEMD_PAGER": pager}, {"PAGER": pager}, {"SYSTEMD_PAGER": pager, "PAGER": "/nonexistent"}):
            status, shown = self.on_terminal("list", env={**unsafe, **{name: str(path) for name, path in env.items()}})
            self.assertEqual(status, EX_OK)
            self.assertRegex(shown, r"^\[FRSXMK\n> ID .*\n(> .*\n)+\]\n$")
        _, shown = self.on_terminal("list", env={"SYSTEMD_PAGER": str(pager), "SYSTEMD_PAGERSECURE": "1"})
        self.assertTrue(shown.startswith("[FRSXMK1\n"), shown)
        for env in ({"SYSTEMD_PAGER": "", "PAGER": str(pager)}, {"PAGER": "cat"}):
            _, shown = self.on_terminal("list", env={**unsafe, **env})
            self.assertTrue(shown.startswith(" ID ") or shown.startswith("ID "), shown)
        _, shown = self.on_terminal("list", "--no-pager", env={**unsafe, "PAGER": str(pager)})
        self.assertNotIn("[FRSXMK", shown)
        self.assertNotIn("[FRSXMK", self.out("list", env={**unsafe, "PAGER": str(pager)}))

    def test_with_other_privileges_than_the_login_session_the_pager_is_less(self):
        self.start_three()
        _, shown = self.on_terminal("list", env={"PAGER": "/bin/false", "TERM": "xterm"})
        self.assertIn("3 jobs.", shown)


class Completion(Ctl):
    SCRIPT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../completion/jobwatchctl.bash")

    def complete(self, *words):
        """What bash completes at the end of the last of these words."""
        script = f"PATH={self.directory}:$PATH; . {self.SCRIPT}; COMP_WORDS=(jobwatchctl \"$@\"); COMP_CWORD=$#; " \
                 "_jobwatchctl; printf '%s\\n' \"${COMPREPLY[@]}\""
        done = subprocess.run(["bash", "-c", script, "bash", *words], env=self.command()["env"], capture_output=True,
                              text=True, timeout=PATIENCE)
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        return sorted(done.stdout.split())

    def test_commands_options_and_ids(self):
        os.symlink(self.command()["args"][0], self.directory / "jobwatchctl")
        self.start_three()
        self.assertEqual(self.complete("s"), ["show", "status", "statuses"])
        self.assertEqual(self.complete("list", "--fail"), ["--failed", "--failing"])
        self.assertEqual(self.complete("--json", ""), ["off", "pretty", "short"])
        self.assertEqual(self.complete("list", "--json", "=", "p"), ["pretty"])
        self.assertEqual(self.complete("show", ""), ["5", "6", "7"])
        self.assertEqual(self.complete("wait", "--add", ""), ["5"])
        self.assertEqual(self.complete("-i", "other", "show", ""), [])


if __name__ == "__main__":
    unittest.main()
