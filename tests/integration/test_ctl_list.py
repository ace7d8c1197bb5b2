# SPDX-License-Identifier: MIT
"""The lists of jobwatchctl with the real daemon: as tables on terminals and in pipes, as JSON, and for completion."""

import contextlib
import json
import os
import pty
import select
import signal
import sqlite3
import subprocess
import unittest

from ctl_rig import THREE, ThreeJobs
from harness import EX_OK, PATIENCE, clean_environment, end_with_parent


class List(ThreeJobs):
    def test_each_job_is_a_row(self):
        self.start_three()
        for command in ([], ["list"]):
            lines = self.out(*command).splitlines()
            self.assertEqual(lines[0].split(), ["ID", "NAME", "STATUS", "SINCE", "PROGRESS", "LEFT", "DESCRIPTION"])
            self.assertRegex(lines[1], r"^ *5 +members +Running +(now|\d.* ago) +- +- +Import of members$")
            self.assertRegex(lines[2], r"^ *6 +- +Completed +(now|\d.* ago) +- +- +Bulk edit$")
            self.assertRegex(lines[3], r"^ *7 +- +Failed +(now|\d.* ago) +- +- +Import of rooms$")
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

    def test_the_progress_that_a_result_states(self):
        self.start("[job 5]\nstep = 0s Running | {\"done\": 260, \"total\": 400}\n[job 6]\nstep = 0s Running | Row 3 of the file\n"
                   "[job 7]\nresult_size = 100000\nstep = 0s Running | 9%\n[job 8]\nstep = 0s Completed | 100%\n", [5, 6, 7, 8])
        self.wait_until(lambda: all(row["Observed"] for row in self.json("list")))
        self.assertEqual([row[-3] for row in self.rows("list")], ["65%", "-", "9%", "-"])
        self.assertEqual([row.get("Progress") for row in self.json("list")], [65, None, 9, None])
        self.assertRegex(self.out("show", 5), "(?m)^ *Progress: 65%$")

    def test_the_time_that_similar_jobs_took(self):
        """Three of ten minutes; they differ in digits and quoted parts."""
        self.start("".join(f'[job {job}]\ndescription = Import {job} of "{job} x"\nstep = 0s Running\n' for job in (5, 6, 7, 8)) +
                   "[job 9]\ndescription = Import\nstep = 0s Running\n", [5, 6, 7, 8, 9])
        self.wait_until(lambda: all(row["Observed"] for row in self.json("list")))
        for job in (5, 6):
            self.fake.job(job, status="Completed")
            self.daemon.wait_for(rf"Job {job}.*\[succeeded")
        self.assertNotIn("LeftUSec", self.json("list", "8")[0])
        self.fake.job(7, status="Failed")
        self.daemon.wait_for(r"Job 7.*\[failed")
        self.daemon.stop()
        with contextlib.closing(sqlite3.connect(self.state / "jobwatchd.db")) as connection, connection:
            connection.execute("UPDATE jobs SET first_us = changed_us - 600000000 WHERE id < 8")
        self.start_again()
        self.assertRegex(self.out("list", "8"), r"Running .* - +~9min +Import 8 of")
        self.assertEqual(["LeftUSec" in row for row in self.json("list")], [False, False, False, True, False])
        self.assertRegex(self.out("show", 8), "(?m)^ *Left: ~9min$")
        self.assertNotIn("Left", self.out("show", 9))

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
        self.assertNotRegex(self.out("list"), "[\x00-\x09\x0b-\x1f\u202e]")
        self.assertEqual(self.rows("list")[0][-2:], ["a", "b\ufffdc\ufffd"])


class Terminal(ThreeJobs):
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

    def test_a_pager_that_is_quit_is_no_error(self):
        """It has read a line of more than a pipe holds."""
        self.start("[job 5]\nresult_size = 300000\nstep = 0s Failed | x\n", [5])
        self.daemon.wait_for(r"Job 5.*\[failed")
        for form in ("off", "short"):
            self.assertEqual(self.on_terminal("show", "5", "--json", form, env={
                "SYSTEMD_PAGER": "sh -c 'read -r line; echo quit'", "SYSTEMD_PAGERSECURE": "0"}), (EX_OK, "quit\n"))

    def test_a_reader_that_leaves_ends_it(self):
        self.start("[job 5]\nresult_size = 300000\nstep = 0s Failed | x\n", [5])
        self.daemon.wait_for(r"Job 5.*\[failed")
        with subprocess.Popen(**self.command("show", "5"), stdout=subprocess.PIPE, preexec_fn=end_with_parent) as process:
            process.stdout.read(10)
            process.stdout.close()
            self.assertEqual(process.wait(PATIENCE), -signal.SIGPIPE)

    def test_with_other_privileges_than_the_login_session_the_pager_is_less(self):
        self.start_three()
        _, shown = self.on_terminal("list", env={"PAGER": "/bin/false", "TERM": "xterm"})
        self.assertIn("3 jobs.", shown)


class Completion(ThreeJobs):
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
        self.assertEqual(self.complete("test-hook", "--event", "api"), ["api_down", "api_ok", "api_refused"])

    def test_files(self):
        """Names with blanks are quoted, and a folder is not the end."""
        (self.directory / "a b").mkdir()
        primary, secondary = pty.openpty()
        shell = subprocess.Popen(["bash", "--norc", "-i"], stdin=secondary, stdout=secondary, stderr=secondary, cwd=self.directory,
                                 env=clean_environment(TERM="dumb", HISTFILE="", PS1=""), start_new_session=True)
        os.close(secondary)
        self.addCleanup(os.close, primary)
        self.addCleanup(shell.wait)
        self.addCleanup(shell.kill)
        os.write(primary, f". {self.SCRIPT}\njobwatchctl report -o a\t".encode())
        shown = b""
        while b"report -o a\\ b/" not in shown:
            self.assertTrue(select.select([primary], [], [], PATIENCE)[0], shown)
            shown += os.read(primary, 65536)


if __name__ == "__main__":
    unittest.main()
