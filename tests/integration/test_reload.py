#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""SIGHUP: a valid configuration takes effect, an invalid one is rejected as a whole, and in neither case is work in
progress lost or done twice."""

import http.client
import json
import os
import re
import unittest
import urllib.parse

from evidence import Database, ExecRecorder
from harness import EX_OK, JOBS, PATIENCE, TOKEN
from reload_rig import REFUSED, ReloadTest

RUNNING = "[jobs 11-19]\nstep = 0s Running\n"


class Jobs(ReloadTest):
    def test_a_new_job_starts_and_a_removed_one_stops(self):
        fake = self.start_fake(RUNNING)
        self.write_config(fake, [11, 12])
        daemon = self.start_daemon()
        daemon.wait_for("first seen as", count=2)
        self.write_config(fake, [12, 13])
        self.reload(daemon)
        daemon.wait_for("Job 13: first seen as Running")
        since = fake.polls(1, job=12)  # requests in flight have arrived by now
        fake.polls(5, job=12)
        self.assertEqual(self.asked(fake, 11, since), [], "a request for a removed job")
        self.assertEqual(sorted(daemon.events()), [(job, "seen", "first seen as Running")
                                                   for job in (11, 12, 13)])

    def test_the_hanging_request_of_a_removed_job_is_cancelled(self):
        fake = self.start_fake(RUNNING)
        fake.fault("stuck", path=f"*{JOBS}/11", hang="yes")
        self.write_config(fake, [11, 12], api={"timeout": "10min"})
        daemon = self.start_daemon()
        fake.wait(1, path=f"*{JOBS}/11", arrived=1)
        daemon.wait_for("Job 12: first seen as Running")
        self.write_config(fake, [12], api={"timeout": "10min"})
        self.reload(daemon)
        fake.wait(1, path=f"*{JOBS}/11", status=0)
        fake.polls(3, job=12)
        self.assertEqual(len(self.asked(fake, 11, 0)), 1)
        self.assertEqual(daemon.count(" (warning|error) "), 0, daemon.text())

    def test_a_job_that_comes_back_is_known(self):
        fake = self.start_fake(RUNNING)
        self.write_config(fake, [11, 12])
        daemon = self.start_daemon()
        daemon.wait_for("first seen as", count=2)
        self.write_config(fake, [12])
        self.reload(daemon)
        fake.job(11, status="Completed")
        self.write_config(fake, [11, 12])
        self.reload(daemon)
        daemon.wait_for(r"Job 11: Running → Completed(: .*)? \[succeeded")
        since = fake.polls(1, job=12)
        self.reload(daemon)
        fake.polls(3, job=12)
        self.assertEqual(self.asked(fake, 11, since), [], "a job that has ended is asked for again")
        self.assertEqual([kind for job, kind, _ in daemon.events() if job == 11], ["seen", "succeeded"])

    def test_a_job_that_cannot_be_read_from_the_state(self):
        """The reload is refused, and hooks are the previous ones too."""
        fake = self.start_fake(RUNNING)
        self.write_config(fake, [11, 12])
        daemon = self.start_daemon()
        daemon.wait_for("first seen as", count=2)
        self.assertEqual(daemon.stop(), EX_OK)
        Database(self.state).ask("UPDATE jobs SET outcome = 'nonsense' WHERE id = 12")
        before, after = (ExecRecorder(self.directory, name) for name in ("before", "after"))

        self.write_config(fake, [11], more=f"[hook mine]\nexec = {before.program}\n")
        daemon = self.start_daemon()
        fake.polls(1, job=11)
        self.write_config(fake, [11, 12], more=f"[hook mine]\nexec = {after.program}\n")
        self.reload(daemon, REFUSED)
        fake.job(11, status="Completed")
        daemon.wait_for("hook mine: delivered")
        self.assertEqual((len(before.attempts()), len(after.attempts())), (1, 0))

    def test_a_changed_interval_takes_effect(self):
        fake = self.start_fake(RUNNING)
        fast = "[job fast]\nid = 12\ninterval = 100ms\nmax_interval = 100ms\n"
        slow = {"interval": "1h", "max_interval": "1h"}
        self.write_config(fake, [11], poll=slow, more=fast)
        daemon = self.start_daemon()
        daemon.wait_for("first seen as", count=2)
        fake.polls(5, job=12)
        self.assertEqual(len(self.asked(fake, 11, 0)), 1)

        self.write_config(fake, [11], more=fast)
        self.reload(daemon)
        fake.polls(5, job=11)  # without waiting for the hour planned before

        self.write_config(fake, [11], poll=slow, more=fast)
        self.reload(daemon)
        since = fake.polls(3, job=12)
        fake.polls(15, job=12)
        self.assertLessEqual(len(self.asked(fake, 11, since)), 1, "the look that was planned, and no other")

    def test_a_job_that_stays_is_not_polled_sooner(self):
        fake = self.start_fake(RUNNING)
        more = "[job fast]\nid = 12\ninterval = 100ms\nmax_interval = 100ms\n"
        poll = {"interval": "1s", "max_interval": "1h"}
        self.write_config(fake, [11], poll=poll, more=more)
        daemon = self.start_daemon()
        daemon.wait_for("first seen as", count=2)
        fake.wait(4, path=f"*{JOBS}/11")  # after 1, 1.5 and 2.25 s; the next one is 3.4 s later
        for job in range(13, 16):
            self.write_config(fake, [11, job], poll=poll, more=more)
            self.reload(daemon)
            daemon.wait_for(f"Job {job}: first seen as Running")
        fake.polls(14, job=12)
        times = [request["t"] for request in self.asked(fake, 11, 0)]
        self.assertGreaterEqual(len(times), 4)
        if len(times) > 4:  # on a machine so slow that it is due
            self.assertGreater(times[4] - times[3], 3)

    def test_a_job_that_stays_gets_its_new_name_and_hooks(self):
        """Also if it is in flight meanwhile."""
        fake = self.start_fake(RUNNING)
        gate = self.start_gate(fake)
        one, two = ExecRecorder(self.directory, "one"), ExecRecorder(self.directory, "two")
        hooks = self.hook("one", one.program, on="changed") + self.hook("two", two.program, on="changed")
        self.write_config(gate.url, [12], more=hooks + "[job first]\nid = 11\nhooks = one\n")
        daemon = self.start_daemon()
        daemon.wait_for(r"Job 11 \(first\): first seen as Running")
        gate.close(f"{JOBS}/11")
        gate.wait_waiting()
        self.write_config(gate.url, [12], more=hooks + "[job second]\nid = 11\nhooks = two\n")
        self.reload(daemon)
        fake.job(11, status="Running", result="new")
        gate.open()
        daemon.wait_for(r"Job 11 \(second\): .*\[changed")
        daemon.wait_for(r"Job 11 \(second\): hook two: delivered")
        self.write_config(gate.url, [12, 11], more=hooks)
        self.reload(daemon)
        fake.job(11, status="Running", result="newer")
        daemon.wait_for("Job 11: .*hook one: delivered")
        daemon.wait_for("Job 11: .*hook two: delivered")
        self.assertEqual([[attempt.document["job"]["name"] for attempt in hook.attempts()] for hook in (one, two)],
                         [[None], ["second", None]])

    def test_changed_patterns_of_status_take_effect(self):
        fake = self.start_fake(RUNNING + "[job 21]\nstep = 0s Fertig\n")
        self.write_config(fake, [11, 21])
        daemon = self.start_daemon()
        daemon.wait_for("first seen as", count=2)
        daemon.wait_for('unrecognised status "Fertig"')
        self.write_config(fake, [11, 21], status={"success": "Fertig"})
        self.reload(daemon)
        daemon.wait_for(r"Job 21: .*Fertig.*\[succeeded")
        fake.job(11, status="Fertig")
        daemon.wait_for(r"Job 11: Running → Fertig(: .*)? \[succeeded")

    def test_a_fifo_among_the_drop_ins_is_refused_without_waiting(self):
        fake = self.start_fake(RUNNING)
        self.write_config(fake, [11])
        daemon = self.start_daemon()
        daemon.wait_for("Job 11: first seen as Running")
        drop_ins = self.directory / "jobwatchd.ini.d"
        drop_ins.mkdir()
        os.mkfifo(drop_ins / "x.ini")
        self.refuse(daemon, r"x\.ini: not a regular file but a FIFO; fix or remove it")
        fake.polls(3, job=11)
        (drop_ins / "x.ini").unlink()
        self.reload(daemon)

    def test_drop_ins_are_read_again(self):
        fake = self.start_fake(RUNNING)
        self.write_config(fake, [11])
        daemon = self.start_daemon()
        daemon.wait_for("Job 11: first seen as Running")
        drop_ins = self.directory / "jobwatchd.ini.d"
        drop_ins.mkdir()
        (drop_ins / "more.ini").write_text("[job more]\nid = 14\n")
        self.reload(daemon)
        daemon.wait_for(r"Job 14 \(more\): first seen as Running")
        (drop_ins / "more.ini").write_text("\n[job more]\nid = 15\n")
        self.reload(daemon)
        daemon.wait_for(r"Job 15 \(more\): first seen as Running")
        (drop_ins / "more.ini").write_text("[job more]\nid = zero\n")
        mark = self.reload(daemon, REFUSED)
        daemon.wait_for(re.escape(f"{drop_ins}/more.ini:2: "), since=mark)

    def test_the_entry_says_what_was_added_and_removed(self):
        fake = self.start_fake("[jobs 11-40]\nstep = 0s Running\n")
        hook = lambda name: f"[hook {name}]\nexec = /bin/true\n"
        self.write_config(fake, [11, 12, 13], more=hook("mail"))
        daemon = self.start_daemon()
        daemon.wait_for("first seen as", count=3)

        def check(says, jobs, more):
            self.write_config(fake, jobs, more=more)
            mark = self.reload(daemon)
            entry = daemon.wait_for("Configuration reloaded", since=mark)
            self.assertEqual(entry.partition("info    ")[2], "Configuration reloaded: watching " + says)

        named = "[job members-import]\nid = 15\n"
        check("3 jobs, 1 hook", [11, 12, 13], hook("mail"))
        check("4 jobs (1 added: 14), 1 hook", [11, 12, 13, 14], hook("mail"))
        check("3 jobs (1 added: 15 (members-import); 2 removed: 12, 14), 2 hooks (1 added: web)", [11, 13],
              named + hook("mail") + hook("web"))
        check("3 jobs, 1 hook (1 added: note; 2 removed: mail, web)", [11, 13], named + hook("note"))
        check("30 jobs (27 added: 12, 14, 16, 17, 18, 19, 20, 21, 22, 23 and 17 more), 0 hooks (1 removed: note)",
              [job for job in range(11, 41) if job != 15], named)
        check("1 job (29 removed: 11, 12, 13, 14, 16, 17, 18, 19, 20, 21 and 19 more), 0 hooks", [], named)

    def test_finished_jobs_are_reported_once(self):
        fake = self.start_fake(RUNNING)
        self.write_config(fake, [11])
        daemon = self.start_daemon()
        daemon.wait_for("first seen as")
        fake.job(11, status="Completed")
        daemon.wait_for("All jobs finished: 1 succeeded")
        for _ in range(2):
            self.reload(daemon)
        self.write_config(fake, [11, 12])
        self.reload(daemon)
        daemon.wait_for("Job 12: first seen as")
        self.assertEqual(daemon.count("All jobs finished"), 1, daemon.text())
        fake.job(12, status="Completed")
        daemon.wait_for("All jobs finished: 2 succeeded")
        self.assertEqual(daemon.stop(), EX_OK)
        again = self.start_daemon()
        again.wait_for(r"watching 2 jobs \(0 open, 2 finished\)")
        self.reload(again)
        self.assertEqual(again.stop(), EX_OK)
        self.assertEqual(again.count("All jobs finished"), 0, again.text())

    def test_the_command_line_stays_in_effect(self):
        fake = self.start_fake(RUNNING + "[job 21]\nstep = 0s Completed\n")
        self.write_config(fake, [11], state={"directory": "/nonexistent/1"}, exit={"when": "never"})
        daemon = self.start_daemon("--job", 13, "--job", 21, "--state-dir", self.state, "--exit-when-done",
                                   "--log-level=debug")
        daemon.wait_for(rf"started: watching 3 jobs .*state in {re.escape(str(self.state))}$")
        daemon.wait_for("first seen as", count=3)
        self.write_config(fake, [12], state={"directory": "/nonexistent/2"}, exit={"when": "never"},
                          log={"level": "err"})
        mark = self.reload(daemon)
        daemon.wait_for("Configuration reloaded: watching 3 jobs ", since=mark)
        daemon.wait_for("Job 12: first seen as Running", since=mark)
        fake.polls(2, job=13)
        self.assertEqual(daemon.count(r"Job 21: .*\[succeeded"), 1)
        fake.job(12, status="Completed")
        fake.job(13, status="Completed")
        self.assertEqual(daemon.wait_exit(), EX_OK)

    def test_when_to_exit_takes_effect(self):
        fake = self.start_fake("[job 11]\nstep = 0s Completed\n")
        self.write_config(fake, [11])
        daemon = self.start_daemon()
        daemon.wait_for("Nothing left to poll")
        self.write_config(fake, [11], exit={"when": "done"})
        self.reload(daemon)
        self.assertEqual(daemon.wait_exit(), EX_OK)


    def test_another_target_of_the_log(self):
        fake = self.start_fake(RUNNING)
        self.write_config(fake, [11])
        daemon = self.start_daemon()
        daemon.wait_for("Job 11: first seen as Running")
        self.write_config(fake, [11], log={"target": "auto"})
        self.reload(daemon)
        daemon.wait_for(r"warning Cannot change \[log\] target while running; restart")
        self.assertEqual(daemon.stop(), EX_OK)


class Refusals(ReloadTest):
    def setUp(self):
        super().setUp()
        self.fake = self.start_fake(RUNNING)
        self.write_config(self.fake, [11])
        self.daemon = self.start_daemon()
        self.daemon.wait_for("Job 11: first seen as Running")

    def goes_on(self):
        """Job 11 is still watched, job 12 is not."""
        self.fake.polls(3, job=11)
        self.fake.job(11, status="Completed")
        self.daemon.wait_for(r"Job 11: Running → Completed(: .*)? \[succeeded")
        self.assertEqual(self.asked(self.fake, 12, 0), [])
        self.assertEqual({request["authorization"] for request in self.fake.requests()}, {f"bearer {TOKEN}"})

    def test_a_wrong_file(self):
        self.write_config(self.fake, [12], more="[poll]\nintervall = 3s\n")
        line = self.config.read_text().splitlines().index("intervall = 3s") + 1
        self.refuse(self.daemon, rf" error .*{re.escape(str(self.config))}:{line}: .*intervall")
        self.goes_on()

    def test_no_file(self):
        self.config.unlink()
        self.refuse(self.daemon, re.escape(str(self.config)))
        self.goes_on()

    def test_another_state_directory(self):
        other = self.directory / "elsewhere"
        self.write_config(self.fake, [12], state={"directory": other})
        self.refuse(self.daemon, rf"Cannot change the state directory from {re.escape(str(self.state))} to "
                                 rf"{re.escape(str(other))} while running; restart")
        self.assertFalse(other.exists())
        self.goes_on()

    def test_a_token_that_cannot_be_read(self):
        self.write_config(self.fake, [12])
        for what, spoil in (("is missing or empty", self.token_file.unlink), ("empty", lambda: self.secret("token", "")),
                            ("more than one line", lambda: self.secret("token", "a\nb\n"))):
            spoil()
            self.refuse(self.daemon, rf" error .*{re.escape(str(self.token_file))}.*{what}")
        self.goes_on()

    def test_certificates_that_cannot_be_read(self):
        self.write_config(self.fake, [12], api={"ca_file": self.directory / "none.pem"})
        self.refuse(self.daemon, r" error .*ca_file = .*none\.pem: No such file")
        self.goes_on()

    def test_a_good_file_after_a_wrong_one(self):
        self.config.write_text("[jobs]\nids = 0\n")
        self.refuse(self.daemon)
        self.write_config(self.fake, [12])
        self.reload(self.daemon)
        self.daemon.wait_for("Job 12: first seen as Running")


class Hooks(ReloadTest):
    """The slow hook blocks on a pipe, one per job, until released."""

    def setUp(self):
        super().setUp()
        self.fake = self.start_fake(RUNNING)
        for job in range(11, 20):
            os.mkfifo(self.directory / f"pipe-{job}")
        self.slow = self.script("slow", f'echo "begun $JOBWATCH_JOB"\nread -r line < {self.directory}/pipe-$JOBWATCH_JOB')
        self.quick = ExecRecorder(self.directory, "quick")

    def let_go(self, job):
        (self.directory / f"pipe-{job}").write_text("go\n")

    def deliveries(self):
        return [row[1:] for row in Database(self.state).deliveries()]

    def test_a_new_hook_gets_the_next_event(self):
        self.write_config(self.fake, [11])
        daemon = self.start_daemon()
        daemon.wait_for("Job 11: first seen as Running")
        self.write_config(self.fake, [11], more=self.hook("new", self.quick.program))
        self.reload(daemon)
        self.fake.job(11, status="Completed")
        daemon.wait_for(r'Job 11: hook new: delivered "succeeded" \(attempt 1\)')
        self.assertEqual([attempt.document["event"] for attempt in self.quick.attempts()], ["succeeded"])

    def test_pending_deliveries_of_a_removed_hook_are_kept(self):
        self.write_config(self.fake, [11, 12], more=self.hook("old", "/bin/false"))
        daemon = self.start_daemon()
        daemon.wait_for("hook old: delivery of .* failed .attempt 1 of", count=2)
        self.write_config(self.fake, [11, 12], more=self.hook("other", self.quick.program))
        mark = self.reload(daemon)
        daemon.wait_for(r" warning .*not configured: old \(2\)\. They are kept for 90d, and delivered if", since=mark)
        self.fake.job(11, status="Completed")
        daemon.wait_for("Job 11: hook other: delivered")
        daemon.stop()
        self.assertEqual(self.deliveries(), [("old", "pending", 1)] * 2 + [("other", "done", 1)])

    def test_a_changed_target_is_for_the_next_delivery(self):
        self.write_config(self.fake, [11, 12], more=self.hook("h", self.slow, on="changed"))
        daemon = self.start_daemon()
        daemon.wait_for("first seen as", count=2)
        self.fake.job(11, result="a", status="Running")
        daemon.wait_for("begun 11")

        self.write_config(self.fake, [11, 12], more=self.hook("h", self.quick.program, on="changed"))
        self.reload(daemon)
        self.fake.job(12, result="b", status="Running")
        daemon.wait_for("Job 12: hook h: delivered")
        self.fake.job(11, result="c", status="Running")
        daemon.wait_for(r"Job 11: .*\[changed", count=2)
        self.assertEqual([attempt.document["job"]["id"] for attempt in self.quick.attempts()], [12],
                         "the later event of a job waits for the earlier one")
        self.let_go(11)
        daemon.wait_for("Job 11: hook h: delivered", count=2)
        daemon.stop()
        self.assertEqual(daemon.count("begun"), 1)
        told = [(attempt.document["job"]["id"], attempt.document["result"]) for attempt in self.quick.attempts()]
        self.assertEqual(told, [(12, "b"), (11, "c")])
        self.assertEqual(self.deliveries(), [("h", "done", 1)] * 3)

    def test_a_hook_under_way_is_not_started_again(self):
        self.write_config(self.fake, [11, 12], more=self.hook("h", self.slow, on="seen"))
        daemon = self.start_daemon()
        daemon.wait_for("begun", count=2)
        for round in range(8):
            self.write_config(self.fake, [11, 12], more=self.hook("h", self.slow, on="seen", retries=round))
            self.reload(daemon)
        self.write_config(self.fake, [11, 12, 13], more=self.hook("h", self.slow, on="seen", retries=0))
        self.reload(daemon)
        daemon.wait_for("begun 13")  # so the new lanes have looked for what is due
        self.assertEqual(daemon.count("begun"), 3, daemon.text())
        self.assertEqual(daemon.count(": delivered"), 0)
        for job in 11, 12, 13:
            self.let_go(job)
            daemon.wait_for(rf'Job {job}: hook h: delivered "seen" \(attempt 1\)')
        daemon.stop()
        self.assertEqual(daemon.count("begun"), 3)
        self.assertEqual(self.deliveries(), [("h", "done", 1)] * 3)

    def test_many_under_way_are_no_more_than_without_a_reload(self):
        jobs = range(11, 20)
        self.write_config(self.fake, jobs, more=self.hook("h", self.slow, on="seen"))
        daemon = self.start_daemon()
        daemon.wait_for("begun", count=4)
        daemon.wait_for("first seen as", count=len(jobs))
        for _ in range(3):
            self.reload(daemon)
            self.fake.polls(1, job=11)
        self.assertEqual(daemon.count("begun"), 4, "four at a time")
        for count in range(1, len(jobs) + 1):
            self.let_go(re.search(r"\d+", daemon.wait_for("begun", count=count))[0])
            daemon.wait_for("hook h: delivered", count=count)
        daemon.stop()
        self.assertEqual(self.deliveries(), [("h", "done", 1)] * len(jobs))


class Api(ReloadTest):
    def test_a_record_under_way_is_used(self):
        fake = self.start_fake(RUNNING)
        gate = self.start_gate(fake)
        gate.close(f"{JOBS}/11")
        self.write_config(gate.url, [11, 12], api={"timeout": "10min"})
        daemon = self.start_daemon()
        gate.wait_waiting()
        daemon.wait_for("Job 12: first seen as Running")
        fake.job(11, status="Completed")  # after the answer that waits
        self.write_config(gate.url, [13, 12, 11], api={"timeout": "10min"}, poll={"interval": "200ms",
                                                                                  "max_interval": "200ms"})
        self.reload(daemon)
        daemon.wait_for("Job 13: first seen as Running")
        fake.wait(5, fake.stats()["last_seq"], path=f"*{JOBS}/12")
        self.assertEqual(len(self.asked(fake, 11, 0)), 1, "polled again while in flight")
        gate.open()
        daemon.wait_for(r"Job 11: Running → Completed(: .*)? \[succeeded")
        self.assertEqual([kind for job, kind, _ in daemon.events() if job == 11], ["seen", "succeeded"],
                         "the record of before the reload was used")

    def test_a_batch_under_way_loses_one_of_its_jobs(self):
        fake = self.start_fake("[jobs 11-16]\nstep = 0s Running | half\n")  # whole rows are believed
        gate = self.start_gate(fake)
        gate.close(f"{JOBS}/?id=*")
        batches = {"batch": "auto"}
        self.write_config(gate.url, range(11, 16), poll=batches, api={"timeout": "10min"})
        daemon = self.start_daemon()
        batch, = gate.wait_waiting()
        self.assertEqual(sorted(map(int, re.findall(r"\d\d+", batch))), [11, 12, 13, 14, 15], batch)
        self.write_config(gate.url, [16, 15, 14, 12], poll=batches, api={"timeout": "10min"})
        self.reload(daemon)
        daemon.wait_for("Job 16: first seen as Running")  # while the batch hangs: a new job does not wait for it
        for job in range(11, 16):
            fake.job(job, status="Completed", result="r")
        gate.open()
        for job in 12, 14, 15:
            daemon.wait_for(rf"Job {job}: Running → Completed(: .*)? \[succeeded")
        daemon.stop()
        told = sorted((job, kind) for job, kind, _ in daemon.events())
        self.assertEqual(told, [(job, kind) for job in (12, 14, 15) for kind in ("seen", "succeeded")] + [(16, "seen")])
        self.assertEqual(daemon.count(" (warning|error) "), 0, daemon.text())

    def test_rows_under_way_are_judged_by_the_new_patterns(self):
        """Running by the old ones, an end without its result by the new ones: it is reported once, with the result."""
        fake = self.start_fake("[jobs 11-12]\nstep = 0s Running | half\n[job 13]\nstep = 0s Fertig\n")
        fake.job(14, status="Running", result="x" * 300000)  # the rest of the batch, which comes later
        gate = self.start_gate(fake)
        settings = {"poll": {"batch": "auto", "result_wait": "1h"}, "api": {"timeout": "10min"}}
        old = {"running": "Running, Fertig"}
        self.write_config(gate.url, [11, 12], status=old, **settings)
        daemon = self.start_daemon()
        daemon.wait_for("first seen as Running", count=2)  # so rows are known to have ResultData
        gate.close(f"{JOBS}/?id=*13*", tail=True)
        self.write_config(gate.url, range(11, 15), status=old, **settings)
        self.reload(daemon)
        gate.wait_waiting()
        self.write_config(gate.url, range(11, 15), status={"success": "Fertig"}, **settings)
        self.reload(daemon)
        since = fake.stats()["last_seq"]
        gate.open()
        fake.wait(3, since, path=f"*{JOBS}/13")
        fake.job(13, status="Fertig", result="the end")
        daemon.wait_for(r"Job 13: .*the end.*\[succeeded")
        self.assertEqual([kind for job, kind, _ in daemon.events() if job == 13], ["succeeded"], daemon.text())

    def test_a_batch_without_jobs_is_cancelled(self):
        fake = self.start_fake(RUNNING)
        fake.fault("stuck", path=f"*{JOBS}/?id=*11*", hang="yes")
        batches = {"batch": "auto"}
        self.write_config(fake, [11, 12], poll=batches, api={"timeout": "10min"})
        daemon = self.start_daemon()
        fake.wait(1, path="*id=*", arrived=1)
        self.write_config(fake, [13, 14], poll=batches, api={"timeout": "10min"})
        self.reload(daemon)
        fake.wait(1, path="*id=*11*", status=0)
        daemon.wait_for("first seen as", count=2)
        self.assertEqual({job for job, _, _ in daemon.events()}, {13, 14})

    def issued_token(self, fake):
        """A second token that is as valid as the first."""
        connection = http.client.HTTPConnection("127.0.0.1", fake.port, timeout=PATIENCE)
        form = urllib.parse.urlencode({"grant_type": "password", "username": "u", "password": "p"})
        connection.request("POST", "/api/token", form, {"Content-Type": "application/x-www-form-urlencoded",
                                                        "client_id": "test"})
        token = json.loads(connection.getresponse().read())["access_token"]
        connection.close()
        return token

    def test_a_changed_token_is_used(self):
        fake = self.start_fake(RUNNING, "username = u\npassword = p\n")
        gate = self.start_gate(fake)
        token = self.issued_token(fake)
        self.write_config(gate.url, [11, 12])
        daemon = self.start_daemon()
        daemon.wait_for("first seen as", count=2)
        gate.close(f"{JOBS}/11")
        gate.wait_waiting()
        self.secret("token", token + "\n")
        self.reload(daemon)
        since = fake.polls(1, job=12)
        fake.server(token="another")  # the old one is refused from here on
        fake.polls(3, job=12)
        gate.open()  # the requests in flight to the old API are answered
        fake.polls(3, job=11)
        fake.job(11, status="Completed")
        daemon.wait_for(r"Job 11: Running → Completed(: .*)? \[succeeded")
        late = [request for request in fake.requests() if request["seq"] > since]
        self.assertEqual({(request["authorization"], request["status"]) for request in late}, {(f"bearer {token}", 200)})
        daemon.stop()
        self.assertEqual(daemon.count(" (warning|error) "), 0, daemon.text())
        self.assertNotIn(token, daemon.text())

    def test_another_server(self):
        old = self.start_fake(RUNNING)
        new = self.start_fake("[jobs 11-13]\nstep = 0s Paused\n", name="new")
        old.fault("stuck", path=f"*{JOBS}/12", hang="yes")
        self.write_config(old, [11, 12], api={"timeout": "10min"})
        daemon = self.start_daemon()
        daemon.wait_for("Job 11: first seen as Running")
        old.wait(1, path=f"*{JOBS}/12", arrived=1)
        self.write_config(new, [11, 12, 13], api={"timeout": "10min"})
        self.reload(daemon)
        daemon.wait_for(r"Job 11: Running → Paused(: .*)? \[changed")
        daemon.wait_for("Job 12: first seen as Paused")
        daemon.wait_for("Job 13: first seen as Paused")
        old.wait(1, path=f"*{JOBS}/12", status=0)  # cancelled, and not waited for
        since = old.stats()["last_seq"]
        new.polls(5, job=11)
        self.assertEqual([request for request in old.requests() if request["seq"] > since], [])
        self.assertEqual(self.asked(old, 13, 0), [], "a new job is not polled at the old server")

    def test_retry_after_is_kept(self):
        fake = self.start_fake(RUNNING)
        fake.fault("throttled", status=409, header='"Retry-After: 3"', times=1)
        self.write_config(fake, [11])
        daemon = self.start_daemon()
        daemon.wait_for("Rate limited by the API")
        self.write_config(fake, [11, 12], api={"timeout": "11s"})
        self.reload(daemon)
        daemon.wait_for("first seen as", count=2)
        refused, *later = fake.requests()
        self.assertGreaterEqual(later[0]["t"] - refused["t"], 2.9)

    def test_a_right_token_after_a_wrong_one(self):
        fake = self.start_fake(RUNNING)
        self.secret("token", "wrong-t0ken")
        self.write_config(fake, [11])
        daemon = self.start_daemon()
        daemon.wait_for("rejected the credentials")
        self.secret("token", TOKEN)
        self.reload(daemon)
        daemon.wait_for("Job 11: first seen as Running")


if __name__ == "__main__":
    unittest.main()
