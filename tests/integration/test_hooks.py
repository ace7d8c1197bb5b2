#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Guarantees for exec hooks, and their isolation from the daemon and from each other."""

import json
import os
import pathlib
import re
import signal
import time
import unittest

from evidence import Database, ExecRecorder
from harness import EX_CONFIG, EX_JOB_FAILED, EX_OK, PATIENCE, SANITIZED, SLOW, IntegrationTest

AWKWARD = ("\"quoted\" 'single' \\ back\\\\slash $(touch /tmp/x) `id` ${HOME} %s %n; & | < > \t\r\n\n"
           "emoji 🎉👩‍👩‍👧 é ü 中 \u2028 \u0001\u001b[31m\u007f </script> null")


class HookTest(IntegrationTest):
    def script(self, name, body):
        path = self.directory / name
        path.write_text(f"#!/bin/sh\n{body}\n")
        path.chmod(0o755)
        return path

    def hook(self, name, program, on="terminal", **keys):
        lines = "".join(f"{key} = {value}\n" for key, value in keys.items())
        return f"[hook {name}]\non = {on}\nexec = {program}\n{lines}"

    @property
    def database(self):
        return Database(self.state)

    def read_events(self, path):
        return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]

    def wait_gone(self, pids):
        """Waits until these processes do not exist, not even as zombies."""
        limit = time.monotonic() + PATIENCE
        for pid in pids:
            while self.is_alive(pid):
                self.assertLess(time.monotonic(), limit, f"process {pid} lives on")
                time.sleep(0.01)  # they are not our children, so there is nothing to wait for

    @staticmethod
    def is_alive(pid):
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return False
        return True


class Retries(HookTest):
    def setUp(self):
        super().setUp()
        self.fake = self.start_fake("[job 11]\nstep = 0s Completed\n")
        self.output = self.directory / "output"
        self.open = self.directory / "open"
        self.program = self.script("hook", f"cat >> {self.output}\necho \"$JOBWATCH_ATTEMPT\" >> {self.output}.env\n"
                                           f"[ -e {self.open} ] || exit 3")

    def test_a_failed_delivery_is_repeated_with_the_same_id(self):
        self.write_config(self.fake, [11], more=self.hook("mail", self.program))
        daemon = self.start_daemon("--exit-when-done")
        line = daemon.wait_for("failed .attempt 1 of")
        self.assertRegex(line, r'Job 11: hook mail: delivery of "succeeded" failed \(attempt 1 of 9\): exit status 3; '
                               r'retrying in 5s')
        first = time.monotonic()
        daemon.wait_for("failed .attempt 2 of")
        self.assertGreater(time.monotonic() - first, 4.5)
        self.assertIsNone(daemon.process.poll(), "the daemon waits for the hook")
        daemon.stop()

        # Pending deliveries are due at a fixed time. Here it is brought forward.
        untouched = self.start_daemon("--exit-when-done")
        self.fake.job(12, status="Completed")
        untouched.wait_for("started: .* finished")
        untouched.stop()
        self.assertNotIn("attempt", untouched.text())
        self.database.hurry()
        daemon = self.start_daemon("--exit-when-done")
        daemon.wait_for("failed .attempt 3 of")
        daemon.stop()
        self.open.touch()
        self.database.hurry()
        daemon = self.assertEnds(EX_OK, "--exit-when-done", says=r": delivered \"succeeded\" \(attempt 4\)")
        self.assertEqual(daemon.events(), [])

        told = self.read_events(self.output)
        self.assertEqual([event.pop("attempt") for event in told], [1, 2, 3, 4])
        self.assertEqual((self.directory / "output.env").read_text().split(), ["1", "2", "3", "4"])
        self.assertEqual([event for event in told if event != told[0]], [], "the same but for the attempt")
        self.assertEqual(self.database.deliveries(), [(told[0]["event_id"], "mail", "done", 4)])

    def test_given_up(self):
        self.write_config(self.fake, [11], more=self.hook("mail", self.program, retries=0))
        daemon = self.assertEnds(EX_JOB_FAILED, "--exit-when-done")
        errors = [line for line in daemon.lines if re.search(r"^\S+ \S+ error", line)]
        self.assertEqual(len(errors), 1, daemon.text())
        self.assertRegex(errors[0], r'Job 11: hook mail: abandoned "succeeded" after 1 attempt: exit status 3$')
        self.assertEqual([row[1:] for row in self.database.deliveries()], [("mail", "failed", 1)])

        self.open.touch()
        again = self.assertEnds(EX_JOB_FAILED, "--exit-when-done")
        self.assertNotIn("mail", again.text())
        self.assertEqual(len(self.read_events(self.output)), 1)

    def test_the_last_retry(self):
        self.write_config(self.fake, [11], more=self.hook("mail", self.program, retries=2))
        for attempt in 1, 2:
            daemon = self.start_daemon()
            daemon.wait_for(f"failed .attempt {attempt} of")
            daemon.stop()
            self.database.hurry()
        self.assertEnds(EX_JOB_FAILED, "--exit-when-done", says="abandoned .* after 3 attempts: ")
        self.assertEqual([row[1:] for row in self.database.deliveries()], [("mail", "failed", 3)])

    def test_later_events_of_the_job_wait_and_those_of_others_do_not(self):
        self.fake.job(21, result="a", status="Running")
        self.write_config(self.fake, [21, 11], more=self.hook("mail", self.program, on="seen, changed"))
        daemon = self.start_daemon()
        daemon.wait_for("Job 21: hook mail: delivery of .* failed .attempt 1 of")
        self.open.touch()
        self.fake.job(21, result="b", status="Completed")
        daemon.wait_for(r"Job 21: .*\[succeeded")
        daemon.wait_for(r"Job 21: hook mail: delivered .*succeeded")
        daemon.stop()
        told = [(event["event"], event["attempt"]) for event in self.read_events(self.output) if
                event["job"]["id"] == 21]
        self.assertEqual(told, [("seen", 1), ("seen", 2), ("succeeded", 1)])

    def test_one_round_tries_once(self):
        self.write_config(self.fake, [11], more=self.hook("mail", self.program))
        daemon = self.assertEnds(EX_OK, "--once", says="failed .attempt 1 of")
        self.assertEqual(len(self.read_events(self.output)), 1, daemon.text())
        self.open.touch()
        self.assertNotIn("attempt", self.assertEnds(EX_OK, "--once").text(), "it is not due")
        self.database.hurry()
        self.assertEnds(EX_OK, "--once", says=r": delivered \"succeeded\" \(attempt 2\)")

    def test_a_hook_that_left_the_configuration(self):
        self.write_config(self.fake, [11], more=self.hook("mail", self.program))
        self.assertEnds(EX_OK, "--once", says="failed .attempt 1 of")
        self.write_config(self.fake, [11])
        self.assertEnds(EX_OK, "--exit-when-done", says=r"not configured: mail \(1\)\. They are kept for 90d")
        self.assertEqual([row[1:3] for row in self.database.deliveries()], [("mail", "pending")])
        self.write_config(self.fake, [11], more=self.hook("mail", self.program))
        self.open.touch()
        self.database.hurry()
        self.assertEnds(EX_OK, "--exit-when-done", says=r": delivered \"succeeded\" \(attempt 2\)")


class Misbehaviour(HookTest):
    def test_who_ignores_term_is_ended_with_its_children(self):
        fake = self.start_fake("[job 11]\nstep = 0s Completed\n")
        pids = self.directory / "pids"
        stubborn = self.script("stubborn", f"""trap '' TERM
sh -c 'echo $$ >> {pids}; while :; do sleep 1000; done' &
sh -c 'sh -c "echo \\$\\$ >> {pids}; while :; do sleep 1000; done" & echo $$ >> {pids}; wait' &
echo $$ >> {pids}
while :; do sleep 1000; done""")
        self.write_config(fake, [11], more=self.hook("stubborn", stubborn, timeout="1s"))
        daemon = self.start_daemon("--exit-when-done")
        line = daemon.wait_for("failed .attempt 1 of", patience=PATIENCE + 6)
        self.assertRegex(line, "timed out after 1s")
        written = [int(pid) for pid in pids.read_text().split()]
        self.assertEqual(len(written), 4)
        self.wait_gone(written)
        daemon.stop()
        self.assertEqual(self.database.deliveries()[0][2:], ("pending", 1))

    def test_who_obeys_term_is_not_waited_for(self):
        fake = self.start_fake("[job 11]\nstep = 0s Completed\n")
        self.write_config(fake, [11], more=self.hook("slow", "/bin/sleep 1000", timeout="300ms", retries=0))
        begin = time.monotonic()
        self.assertEnds(EX_JOB_FAILED, "--exit-when-done", says="timed out after 300ms")
        self.assertLess(time.monotonic() - begin, 4 * SLOW)

    def test_who_says_much(self):
        """1 MiB of it is logged, and the rest does not block the hook."""
        fake = self.start_fake("[job 11]\nstep = 0s Completed\n")
        line = "x" * 199
        talker = self.script("talker", f"yes {line} | head -c 10000000; yes err | head -c 100000 >&2; echo; echo the end")
        self.write_config(fake, [11], more=self.hook("talker", talker))
        daemon = self.assertEnds(EX_OK, "--exit-when-done", says="hook talker: delivered")
        self.assertEqual(daemon.count(f"^{line}$"), (1 << 20) // len(line + "\n"))
        self.assertEqual(daemon.count("Job 11: hook talker .attempt 1.: printed more than 1 MiB; the rest is discarded"), 1)
        self.assertEqual(daemon.count("the end|^err$"), 0)

    def test_who_does_not_listen(self):
        """A hook may close its input or read only a part of it."""
        fake = self.start_fake("[job 11]\nresult_size = 2M\nstep = 0s Completed | x\n")
        deaf = self.script("deaf", "exec 0<&-; exit 0")
        reader = self.script("reader", "dd bs=1 count=10 of=/dev/null 2>/dev/null; exit 0")
        self.write_config(fake, [11], more=self.hook("deaf", deaf) + self.hook("reader", reader) +
                          self.hook("none", "/bin/true"))
        daemon = self.assertEnds(EX_OK, "--exit-when-done")
        self.assertEqual(daemon.count(": delivered"), 3)

    def test_a_hanging_hook_does_not_delay_others(self):
        fake = self.start_fake("[job 11]\nstep = 0s Running | 0\n")
        pids = self.directory / "pids"
        hanging = self.script("hanging", f"trap '' TERM\necho $$ >> {pids}\nwhile :; do sleep 1000; done")
        well = ExecRecorder(self.directory, "well")
        self.write_config(fake, [11], more=self.hook("hanging", hanging, on="seen, changed") +
                          self.hook("well", well.program, on="seen, changed"))
        daemon = self.start_daemon()
        for number in range(1, 7):
            daemon.wait_for("hook well: delivered", count=number)
            fake.job(11, result=str(number))
            fake.polls(1, 11)
        begin = time.monotonic()
        self.assertEqual(daemon.stop(), EX_OK)
        self.assertLess(time.monotonic() - begin, 5 + 2 * SLOW, "it ignores TERM, and is killed after 5 s")
        self.assertEqual(len(pids.read_text().split()), 1, "one at a time for a job")
        self.wait_gone(map(int, pids.read_text().split()))
        rows = [row[2:] for row in self.database.deliveries() if row[1] == "hanging"]
        self.assertEqual(rows[0], ("pending", 0), "an attempt that the end of the daemon cut off does not count")

        hanging.write_text("#!/bin/sh\nexit 0\n")
        fake.job(11, status="Completed")
        again = self.assertEnds(EX_OK, "--exit-when-done")
        self.assertEqual(again.count(r"hook hanging: delivered .* \(attempt 1\)"), len(rows) + 1)

    def test_a_program_that_became_bad(self):
        """The attempt fails, and a later one succeeds once the file is corrected."""
        for name, spoil, mend, reason in (
                ("missing", lambda path: path.rename(f"{path}.away"),
                 lambda path: pathlib.Path(f"{path}.away").rename(path), "no such program"),
                ("locked", lambda path: path.chmod(0o644), lambda path: path.chmod(0o755), r"chmod a\+x"),
                ("open", lambda path: path.chmod(0o757), lambda path: path.chmod(0o755), "chmod o-w")):
            with self.subTest(name):
                self.state = self.directory / f"state-{name}"
                fake = self.start_fake("[job 11]\nstep = 0s Running\n", name=f"fake-{name}")
                program = self.script(name, "exit 0")
                self.write_config(fake, [11], more=self.hook("mail", program))
                self.assertEnds(EX_OK, "--check")
                daemon = self.start_daemon()
                daemon.wait_for("first seen as")
                spoil(program)
                fake.job(11, status="Failed")
                self.assertRegex(daemon.wait_for("failed .attempt 1 of"), reason)
                self.assertEqual(daemon.stop(), EX_OK)
                mend(program)
                self.database.hurry()
                self.assertEnds(EX_JOB_FAILED, "--exit-when-done", says=r": delivered \"failed\" \(attempt 2\)")

    def test_bad_programs_are_found_by_check(self):
        fake = self.start_fake()
        plain = self.script("plain", "exit 0")
        plain.chmod(0o644)
        loose = self.script("loose", "exit 0")
        loose.chmod(0o757)
        for target in (self.directory / "missing", plain, loose, self.directory, "/usr/bin"):
            with self.subTest(str(target)):
                self.write_config(fake, [11], more=self.hook("mail", target))
                status, daemon = self.run_daemon("--check")
                self.assertEqual(status, EX_CONFIG, daemon.text() + daemon.output)
                self.assertIn(f"{self.config}:", daemon.text() + daemon.output)
                self.assertIn(str(target), daemon.text() + daemon.output)


class Crowd(HookTest):
    JOBS = 100 if SANITIZED else 150  # each start of a program takes its time

    def test_hundreds_of_ends_at_once(self):
        fake = self.start_fake(f"[jobs 1-{self.JOBS}]\nstep = poll 1 Running\nstep = poll 2 Completed\n")
        log = self.directory / "runs"
        program = self.script("hook", f"echo \"+ $JOBWATCH_JOB $JOBWATCH_EVENT\" >> {log}\n"
                                      f"sleep 0.01\necho \"- $JOBWATCH_JOB $JOBWATCH_EVENT\" >> {log}")
        self.write_config(fake, range(1, self.JOBS + 1), poll={"feed": "off"},  # whose pages would count as polls
                          more=self.hook("hook", program, on="seen, changed") + self.hook("other", "/bin/true"))
        daemon = self.start_daemon("--exit-when-done")
        self.assertEqual(daemon.wait_exit(patience=8 * PATIENCE), EX_OK)

        running, most, told = set(), 0, {}
        for line in log.read_text().splitlines():
            sign, job, kind = line.split()
            if sign == "-":
                running.remove(job)
                continue
            self.assertNotIn(job, running, "one at a time for a job and hook")
            running.add(job)
            most = max(most, len(running))
            told.setdefault(job, []).append(kind)
        self.assertLessEqual(most, 4)
        self.assertGreater(most, 1)
        self.assertEqual(len(told), self.JOBS)
        self.assertEqual({tuple(kinds) for kinds in told.values()}, {("seen", "succeeded")})
        self.assertEqual({row[2:] for row in self.database.deliveries()}, {("done", 1)})
        print(f"{self.JOBS} jobs, {3 * self.JOBS} deliveries, at most {most} at a time", flush=True)


class Content(HookTest):
    def test_two_megabytes_arrive_byte_for_byte(self):
        fake = self.start_fake()
        result = AWKWARD * (2 * 1024 * 1024 // len(AWKWARD.encode()) + 1)
        fake.job(11, status="Completed", result=result)
        copy, size = self.directory / "copy", self.directory / "size"
        program = self.script("hook", f"cat > {copy}\nprintf %s \"$JOBWATCH_RESULT_BYTES\" > {size}")
        self.write_config(fake, [11], more=self.hook("copy", program))
        self.assertEnds(EX_OK, "--exit-when-done")
        document = json.loads(copy.read_bytes())
        self.assertTrue(document["result"] == result, "ResultData is not what it was")
        self.assertEqual(int(size.read_text()), len(result.encode()))
        self.assertEqual(self.database.events()[0].result, result)

    def test_the_environment(self):
        fake = self.start_fake()
        fake.job(11, status="Running", result="a b")
        out = self.directory / "out"
        out.mkdir()
        program = self.script("hook", f"cat /proc/$$/environ > {out}/$JOBWATCH_EVENT.env\ncat > {out}/$JOBWATCH_EVENT")
        self.write_config(fake, more=f"[job import]\nid = 11\n{self.hook('hook', program, on='seen, changed')}")
        secrets = {"NOTIFY_SOCKET": "/nowhere", "CREDENTIALS_DIRECTORY": "/nowhere", "LISTEN_FDS": "0",
                   "JOBWATCH_JUNK": "x", "LD_BIND_NOW": "1"}
        daemon = self.start_daemon("--exit-when-done", env={**secrets, "PATH": "/usr/bin:/bin", "HOME": "/h",
                                                            "LANG": "C.UTF-8", "TMPDIR": "/tmp"})
        daemon.wait_for(": delivered")
        status = "Completed"
        fake.job(11, status=status, result="é")
        self.assertEqual(daemon.wait_exit(), EX_OK)

        usual = {"PATH": "/usr/bin:/bin", "HOME": "/h", "LANG": "C.UTF-8", "TZ": "UTC", "TMPDIR": "/tmp"}
        for kind, before, now, size, outcome in (("seen", "", "Running", 3, "open"),
                                                 ("succeeded", "Running", "Completed", 2, "success")):
            document = json.loads((out / kind).read_bytes())
            got = (out / f"{kind}.env").read_bytes().decode().rstrip("\0").split("\0")
            self.assertEqual(dict(entry.split("=", 1) for entry in got), {
                **usual, "JOBWATCH_EVENT": kind, "JOBWATCH_EVENT_ID": document["event_id"],
                "JOBWATCH_SEQUENCE": str(document["sequence"]), "JOBWATCH_JOB": "11",
                "JOBWATCH_JOB_NAME": "import", "JOBWATCH_DISCOVER": "", "JOBWATCH_STATUS": now, "JOBWATCH_STATUS_BEFORE": before,
                "JOBWATCH_OUTCOME": outcome, "JOBWATCH_RESULT_BYTES": str(size), "JOBWATCH_ATTEMPT": "1",
                "JOBWATCH_TEST": ""})
            self.assertEqual((document["event"], document["status"], document["outcome"]), (kind, now, outcome))
            self.assertEqual(document["job"]["name"], "import")
        seen, succeeded = (json.loads((out / kind).read_bytes())["sequence"] for kind in ("seen", "succeeded"))
        self.assertLess(seen, succeeded)

    def test_the_document(self):
        fake = self.start_fake("[job 11]\ndescription = Import\nbusiness = Loft\nbusiness_id = 77\nfiles = a.csv\n"
                               "user_name = Ann Example\nuser_email = ann@example.com\nstep = 0s Failed | <null>\n")
        copy = self.directory / "copy"
        for personal in "no", "yes":
            self.state = self.directory / f"state-{personal}"
            self.write_config(fake, [11], log={"personal_data": personal},
                              more=self.hook("copy", self.script("hook", f"cat > {copy}")))
            self.assertEnds(EX_JOB_FAILED, "--exit-when-done")
            text = copy.read_text()
            document = json.loads(text)
            self.assertEqual("Ann" in text, personal == "yes")
            self.assertEqual("ann@example" in text, personal == "yes")
            self.assertEqual(set(document), {"schema", "event", "event_id", "sequence", "time", "job", "status",
                                             "status_before", "outcome", "result", "result_before", "result_known",
                                             "attempt"})
            self.assertIs(document["result_known"], True)
            self.assertEqual(document["job"]["business"], {"id": 77, "name": "Loft"})
            self.assertEqual((document["result"], document["status_before"]), (None, None))
            self.assertRegex(document["time"], r"^20\d\d-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$")


class Selection(HookTest):
    def test_which_jobs_and_which_events(self):
        fake = self.start_fake("".join(f"[job {id}]\nstep = poll 1 Running | 0\nstep = poll 3 Running | 1\n"
                                       f"step = poll 5 {end}\n"
                                       for id, end in ((11, "Completed"), (12, "Failed"), (13, "Completed"))))
        words = {"a": "seen", "b": "changed", "c": "terminal", "d": "failed", "e": "seen, succeeded"}
        hooks = {name: ExecRecorder(self.directory, f"hook-{name}") for name in words}
        self.write_config(fake, more="[job all]\nid = 11\n[job some]\nid = 12\nhooks = a, d\n[job none]\nid = 13\n"
                          "hooks =\n" + "".join(self.hook(name, hooks[name].program, on=words[name]) for name in words))
        self.assertEnds(EX_JOB_FAILED, "--exit-when-done")
        told = {name: sorted((attempt.document["job"]["id"], attempt.document["event"])
                             for attempt in hook.attempts()) for name, hook in hooks.items()}
        self.assertEqual(told, {
            "a": [(11, "seen"), (12, "seen")],
            "b": [(11, "changed"), (11, "succeeded")],
            "c": [(11, "succeeded")],
            "d": [(12, "failed")],
            "e": [(11, "seen"), (11, "succeeded")]})

    def test_the_exit_waits_for_hooks(self):
        fake = self.start_fake("[job 11]\nstep = 0s Completed\n")
        gate = self.directory / "gate"
        os.mkfifo(gate)
        self.write_config(fake, [11], more=self.hook("slow", self.script("slow", f"read -r x < {gate}")))
        daemon = self.start_daemon("--exit-when-done")
        daemon.wait_for("Waiting for hooks, then exiting")
        with open(gate, "w", encoding="utf-8") as pipe:  # opens once the hook reads
            self.assertIsNone(daemon.process.poll())
            pipe.write("go\n")
        self.assertEqual(daemon.wait_exit(), EX_OK)
        self.assertRegex(daemon.text(), "hook slow: delivered")


class Interrupted(IntegrationTest):
    def start_gate(self):
        """A hook that runs until it is killed."""
        running, program = self.directory / "running", self.directory / "gate"
        os.mkfifo(running)
        program.write_text(f"#!/bin/sh\necho >{running}\nexec sleep 1000\n")
        program.chmod(0o755)
        fake = self.start_fake("[job 11]\nstep = 0s Completed\n")
        self.write_config(fake, [11], more=f"[hook slow]\non = terminal\nexec = {program}\n")
        return running, program

    def test_a_hook_that_a_stop_interrupts_is_named(self):
        running, program = self.start_gate()
        daemon = self.start_daemon()
        running.read_text()
        self.assertEqual(daemon.stop(), EX_OK)
        self.assertEqual(daemon.count(r"Job 11: hook slow: delivery of \"succeeded\" interrupted \(attempt 1\)"), 1, daemon.text())
        program.write_text("#!/bin/sh\n")
        again = self.start_daemon()
        again.wait_for("started: .*, 1 delivery pending")
        again.wait_for(r"hook slow: delivered")
        self.assertEqual(again.count("did not end cleanly"), 0)

    def test_after_a_crash_the_next_start_says_so(self):
        running, program = self.start_gate()
        daemon = self.start_daemon()
        running.read_text()
        daemon.process.kill()
        daemon.wait_exit()
        program.write_text("#!/bin/sh\n")
        again = self.start_daemon()
        again.wait_for("notice +The last run did not end cleanly. Hooks that were running are run again.")
        again.wait_for(r"hook slow: delivered")
        self.assertEqual(again.stop(), EX_OK)
        last = self.start_daemon()
        last.wait_for("started: ")
        self.assertEqual(last.stop(), EX_OK)
        self.assertEqual(last.count("did not end cleanly|pending"), 0)


if __name__ == "__main__":
    unittest.main()
