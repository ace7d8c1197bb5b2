#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Everything at once, at random: jobs change, end, are deleted and return; reads fail by job and on the whole site; the
daemon is killed, restarted and reloaded, with jobs added and removed. CHAOS_SECONDS (40) is how long; CHAOS_SEED
repeats the decisions, though not the instants of the daemon.

Nothing of the daemon is believed but what its hooks received, and nothing else is judged by than what really happened
to the jobs:

 - an event that was delivered happened: the job had that status and result before, and was deleted if it is gone;
 - each event has one id and one content, however often it is delivered, and nothing has two ids;
 - for each job and hook the order is the real one, and none is delivered before the earlier ones succeeded;
 - every end is delivered to each hook, of jobs that were not watched for a while too;
 - when all faults have ended for a while, the state of each watched job has been delivered.
"""

import collections
import os
import random
import signal
import subprocess
import time
import unittest
from datetime import datetime

from evidence import Database, ExecRecorder, content_of
from harness import (EX_JOB_FAILED, EX_OK, JOBWATCHD, PATIENCE, SLOW, IntegrationTest, clean_environment,
                     end_with_parent)

SECONDS = float(os.environ.get("CHAOS_SECONDS", "30"))
SEED = int(os.environ.get("CHAOS_SEED", "0")) or random.SystemRandom().randrange(1, 1 << 31)
LONG = SECONDS >= 120  # long enough to wait until a job counts as gone
WATCHED = 25
CALM_EVERY = 20
CALM_MAX = 60 * SLOW  # until everything is reported after the faults have ended
GONE_AFTER = 60
END_KINDS = {"Completed": "succeeded", "Failed": "failed"}

# Of one job, and of all requests; "for" is the longest time in seconds.
JOB_FAULTS = ("status = 500", "status = 403", "status = 403\nhtml = yes", "status = 401", "status = 404\nhtml = yes",
              "status = 429", "status = 429\nheader = \"Retry-After: 1\"", "status = 503\nheader = \"Retry-After: 1\"",
              "reset = headers", "reset = body", "hang = yes", "html = yes", "envelope = yes", "oversize = 300K",
              "truncate = 20", "reads = single\nwrong_id = yes", "reads = single\nstatus = 500", "reads = batch\nstatus = 400",
              "chunk = 7\ngzip = yes", "delay = 300ms")
SITE_FAULTS = ("status = 500", "status = 403\nhtml = yes", "status = 401", "status = 404\nhtml = yes", "status = 404",
               "status = 429", "status = 409\nheader = \"Retry-After: 1\"", "status = 503\nheader = \"Retry-After: 1\"",
               "reset = before", "reset = headers", "reset = body", "hang = yes", "html = yes", "envelope = yes", "truncate = 20",
               "old_connections = yes\nhang = yes", "chance = 30\nstatus = 502", "chance = 30\nreset = headers", "delay = 200ms")


class Life:
    """What happened to a job: its states, all different, and when it had no record."""

    def __init__(self, id):
        self.id = id
        self.states = []
        self.missing = []  # [from, to] by time.time(); to: None while it is missing

    @property
    def deleted(self):
        return bool(self.missing) and self.missing[-1][1] is None

    @property
    def ended(self):
        return bool(self.states) and self.states[-1][0] in END_KINDS

    @property
    def over(self):
        return self.ended or self.deleted


class Chaos(IntegrationTest):
    def setUp(self):
        super().setUp()
        print(f"CHAOS_SEED={SEED} CHAOS_SECONDS={SECONDS:.0f}", flush=True)
        self.random = random.Random(SEED)
        self.lives, self.watched, self.faults = {}, [], {}
        self.serial = 0
        self.counts = collections.Counter()
        self.fake = self.start_fake()
        self.log = self.directory / "log"
        self.every = ExecRecorder(self.directory, "every")
        self.moody = ExecRecorder(self.directory, "moody", moody=True)
        self.daemon = None

    # ---- the world ----

    def enter(self, life, status):
        self.serial += 1
        result = f"r{self.serial}"
        life.states.append((status, result))
        self.fake.job(life.id, status=status, result=result)

    def new_job(self):
        life = self.lives[1001 + len(self.lives)] = Life(1001 + len(self.lives))
        self.watched.append(life.id)
        self.enter(life, "Running")

    def change(self):
        life = self.lives[self.random.choice(list(self.lives))]
        if life.over:
            return
        fate = self.random.random()
        status = "Running" if fate < 0.6 else f"Running {self.serial}" if fate < 0.85 else self.random.choice(list(END_KINDS))
        self.enter(life, status)

    def delete(self):
        life = self.lives[self.random.choice(list(self.lives))]
        if not life.over:
            life.missing.append([time.time(), None])
            self.fake.job(life.id, gone="1")

    def bring_back(self):
        deleted = [life for life in self.lives.values() if life.deleted]
        if deleted:
            life = self.random.choice(deleted)
            self.enter(life, self.random.choice(["Running", "Running", *END_KINDS]))
            life.missing[-1][1] = time.time()

    def add_fault(self, site):
        self.serial += 1
        name = f"{'site' if site else 'job'}{self.serial}"
        if site:
            lines = self.random.choice(SITE_FAULTS)
            until = self.random.uniform(0.2, 5)
        else:
            some = self.random.sample(sorted(self.lives), self.random.choice([1, 1, 2, 4]))
            lines = f"jobs = {', '.join(map(str, some))}\n{self.random.choice(JOB_FAULTS)}"
            until = self.random.uniform(0.5, 12)
        self.fake.control("PUT", f"fault/{name}", f"path = /api/*\n{lines}\n".encode())
        self.faults[name] = time.monotonic() + until
        self.counts["site faults" if site else "job faults"] += 1

    def end_faults(self, all=False):
        for name, until in list(self.faults.items()):
            if all or time.monotonic() >= until:
                self.fake.control("DELETE", f"fault/{name}")
                del self.faults[name]

    # ---- the daemon ----

    def configure(self):
        batch = self.random.choice(["auto", "auto", "off"])
        self.write_config(self.fake, self.watched, api={"timeout": "1s", "max_response": "128K"},
                          poll={"interval": "200ms", "max_interval": "200ms", "batch": batch}, more=f"""
[status]
running = Running*
[hook every]
on = seen, changed, terminal
exec = {self.every.program}
retries = 1000
[hook moody]
on = terminal
exec = {self.moody.program}
retries = 1000
""")

    def start(self, *options):
        with open(self.log, "ab") as log:
            self.log_start = log.tell()
            return subprocess.Popen([JOBWATCHD, "-c", self.config, *options], env=clean_environment(),
                                    stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=log,
                                    preexec_fn=end_with_parent)

    def wait_started(self):
        """Before, a SIGHUP ends it."""
        limit = time.monotonic() + PATIENCE
        while b" started: watching " not in self.log.read_bytes()[self.log_start:] and time.monotonic() < limit:
            time.sleep(0.01)

    def said(self):
        return self.log.read_text(encoding="utf-8", errors="backslashreplace")

    def end_daemon(self, how):
        if self.daemon is None:
            return
        self.daemon.send_signal(how)
        status = self.daemon.wait(PATIENCE)
        self.assertIn(status, (-how, EX_OK), self.said()[-4000:])
        self.daemon = None
        self.counts["kills" if how == signal.SIGKILL else "stops"] += 1

    def restart(self):
        """Ends it; for a moment, or for a while, nothing runs."""
        self.end_daemon(self.random.choice([signal.SIGKILL, signal.SIGKILL, signal.SIGTERM]))
        if self.random.random() < 0.3:
            self.change()
        self.daemon = self.start()

    def reload(self):
        self.wait_started()
        for _ in range(self.random.randrange(3)):
            unwatched = [id for id in self.lives if id not in self.watched]
            if unwatched and self.random.random() < 0.5:
                self.watched.append(self.random.choice(unwatched))
            elif len(self.watched) > WATCHED // 2:
                self.watched.remove(self.random.choice(self.watched))
        while sum(not self.lives[id].over for id in self.watched) < WATCHED:
            self.new_job()
        self.random.shuffle(self.watched)
        self.configure()
        self.daemon.send_signal(signal.SIGHUP)
        self.counts["reloads"] += 1

    # ---- what the hooks received ----

    def last_reported(self):
        """The last state of each job that was delivered, and whether it is gone by then."""
        last = {}
        for attempt in self.every.attempts():
            if attempt.verdict == "ok":
                document = attempt.document
                place = (document["status"], document["result"])
                states = self.lives[document["job"]["id"]].states
                before = last.get(document["job"]["id"])
                if before is None or place not in states or states.index(place) >= states.index(before):
                    last[document["job"]["id"]] = place
        return last

    def unreported(self):
        last = self.last_reported()
        return [id for id in self.watched if not self.lives[id].deleted and last.get(id) != self.lives[id].states[-1]]

    def calm_down(self):
        """Without faults, what is now is reported."""
        self.end_faults(all=True)
        self.wait_started()
        self.daemon.send_signal(signal.SIGHUP)  # jobs that are gone, and may have returned, are read then
        begin = time.monotonic()
        while (missing := self.unreported()) and time.monotonic() < begin + CALM_MAX:
            time.sleep(0.1)
        took = time.monotonic() - begin
        self.longest_calm = max(self.longest_calm, took)
        if missing:
            last = self.last_reported()
            self.fail(f"not reported {took:.0f} s after all faults ended: "
                      f"{[(id, last.get(id), self.lives[id].states[-1]) for id in missing]}\n{self.said()[-6000:]}")

    # ---- the judgement ----

    def was_deleted(self, life, at):
        """Missing then, and first missed a minute before: that it was there in between may not have been seen."""
        now = any(begin <= at and (end is None or at <= end + 15 * SLOW) for begin, end in life.missing)
        return now and life.missing[0][0] <= at - GONE_AFTER + 1

    def judge_event(self, life, document):
        kind, state = document["event"], (document["status"], document["result"])
        at = datetime.fromisoformat(document["time"]).timestamp()
        if kind == "gone":
            self.assertTrue(self.was_deleted(life, at), f"{document} although it was missing only {life.missing} ({at})")
            return
        self.assertIn(state, life.states, f"{document} never happened")
        self.assertEqual(kind if kind in END_KINDS.values() else "open", END_KINDS.get(state[0], "open"), document)

    def judge_hook(self, name, recorder, kinds):
        content, ids, done = {}, {}, set()
        order = collections.defaultdict(list)  # of the first deliveries, by job
        for attempt in recorder.attempts():
            document, id = attempt.document, attempt.document["event_id"]
            life = self.lives[document["job"]["id"]]
            self.assertIn(document["event"], kinds)
            self.assertEqual(content.setdefault(id, content_of(document)), content_of(document), "one id, two contents")
            event = (life.id, document["event"], document["status"], document["result"])
            self.assertEqual(ids.setdefault(event, id), id, f"hook {name}: two ids of {event}")
            if id not in order[life.id]:
                self.judge_event(life, document)
                order[life.id].append(id)
            for earlier in order[life.id][:order[life.id].index(id)]:
                self.assertIn(earlier, done, f"hook {name}: {event} before an earlier one succeeded")
            if attempt.verdict == "ok":
                done.add(id)
        events = {id: event for event, id in ids.items()}
        for life in self.lives.values():
            places = [life.states.index(events[id][2:]) for id in order[life.id] if events[id][1] != "gone"]
            self.assertEqual(places, sorted(places), f"hook {name}: the order of job {life.id}")
            reported = [events[id] for id in order[life.id] if id in done]
            if life.ended and not life.deleted:
                wanted = (life.id, END_KINDS[life.states[-1][0]], *life.states[-1])
                self.assertEqual(reported[-1:], [wanted], f"hook {name}: the end of job {life.id}")
            elif life.deleted:
                self.assertEqual([event[1] for event in reported[-1:]], ["gone"], f"hook {name}: job {life.id}")
        return len(ids)

    # ---- the story ----

    def act(self, elapsed):
        deletes = 0.03 if LONG or elapsed < 10 else 0
        weights = {self.change: 1, lambda: self.add_fault(False): 0.12, lambda: self.add_fault(True): 0.06,
                   self.restart: 0.06, self.reload: 0.08, self.delete: deletes, self.bring_back: 0.0015 if LONG else 0.01}
        self.random.choices(list(weights), list(weights.values()))[0]()

    def finish(self):
        """Every job is watched again and ends, but for some that remain deleted; then the daemon exits by itself."""
        self.end_faults(all=True)
        self.end_daemon(signal.SIGTERM)
        for life in self.lives.values():
            if life.deleted and not LONG:
                self.enter(life, "Completed")
                life.missing[-1][1] = time.time()
            elif not life.over:
                self.enter(life, self.random.choice(list(END_KINDS)))
        self.watched = list(self.lives)
        self.moody.soothe()
        self.configure()
        Database(self.state).hurry()  # later retries wait for minutes
        self.daemon = self.start("--exit-when-done")
        status = self.daemon.wait((8 * PATIENCE) + 2 * GONE_AFTER)
        self.daemon = None
        self.assertIn(status, (EX_OK, EX_JOB_FAILED), self.said()[-4000:])

    def test_chaos(self):
        self.addCleanup(lambda: self.daemon and self.daemon.kill() and self.daemon.wait())
        self.longest_calm = 0
        for _ in range(WATCHED):
            self.new_job()
        self.configure()
        self.daemon = self.start()
        begin = calm = time.monotonic()
        try:
            while time.monotonic() < begin + SECONDS:
                self.end_faults()
                self.act(time.monotonic() - begin)
                self.assertTrue(self.daemon.poll() is None, "the daemon ended\n" + self.said()[-4000:])
                # The only delay: chaos has no event to wait for.
                time.sleep(self.random.expovariate(20))
                if time.monotonic() > calm + CALM_EVERY:
                    self.calm_down()
                    calm = time.monotonic()
            self.finish()
            events = self.judge_hook("every", self.every, ("seen", "changed", "succeeded", "failed", "gone"))
            ends = self.judge_hook("moody", self.moody, ("succeeded", "failed", "gone"))
        except BaseException:
            keep = os.environ.get("CHAOS_LOG")
            if keep:
                with open(keep, "w", encoding="utf-8") as file:
                    file.write(self.said())
            raise
        gone = sum(attempt.document["event"] == "gone" for attempt in self.moody.attempts())
        states = sum(len(life.states) for life in self.lives.values())
        deleted = sum(len(life.missing) for life in self.lives.values())
        print(f"{len(self.lives)} jobs, {states} states, {deleted} deletions; {dict(self.counts)}; {events} events and {ends} ends "
              f"delivered, {gone} attempts for gone; all reported at most {self.longest_calm:.1f} s after the faults ended", flush=True)


if __name__ == "__main__":
    unittest.main()
