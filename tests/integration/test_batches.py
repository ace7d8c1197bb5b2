#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Batches: many jobs in one request, and confirmation by single reads where a batch is not reliable."""

import collections
import json
import pathlib
import re
import struct
import time
import unittest

from harness import EX_OK, EX_UNAVAILABLE, JOBS, PATIENCE, SANITIZED, TOKEN, IntegrationTest

BATCH_PATH = f"{JOBS}/"
BATCH_FAULT = f"*{JOBS}/?id=*"
QUERY = re.compile(r"id=%5B(\d+(?:,\d+)*)%5D")
QUERY_MAX = 1900


def is_batch(request):
    return request["path"] == BATCH_PATH


def ids_of(request):
    """The ids of a batch request; only the exact form known to work is accepted."""
    return [int(id) for id in QUERY.fullmatch(request["query"])[1].split(",")]


def batches_of(requests):
    return [request for request in requests if is_batch(request)]


def singles_of(requests):
    """The number of single reads of each job."""
    return collections.Counter(int(request["path"].rpartition("/")[2]) for request in requests
                               if not is_batch(request))


class BatchTest(IntegrationTest):
    def watch(self, fake, jobs, *options, size=100, interval="100ms", max_interval=None, **more):
        poll = {"interval": interval, "max_interval": max_interval or interval, "batch": "auto", "batch_size": size,
                "feed": "off"}
        self.write_config(fake, jobs, poll=poll, **more)
        return self.start_daemon(*options)

    def rounds(self, fake, count, each=1):
        """Waits until so many more batches have been answered and processed. `each`: batches per round."""
        fake.wait((count + 1) * each + 1, fake.stats()["last_seq"], path=f"*{BATCH_PATH}?id*")

    def since(self, fake, seq):
        return [request for request in fake.requests() if request["seq"] > seq]

    def in_batches_after(self, fake, seq):
        return {id for batch in batches_of(self.since(fake, seq)) for id in ids_of(batch)}

    def assertReported(self, daemon, jobs, *more):
        """Each job had one first observation, followed by the events `more` and no others."""
        told = collections.Counter((job, kind) for job, kind, _ in daemon.events())
        self.assertEqual(told, collections.Counter([(job, "seen") for job in jobs] + list(more)), daemon.text())

    def assertQuiet(self, daemon):
        self.assertEqual(daemon.count(" (warning|error) "), 0, daemon.text())


class Requests(BatchTest):
    def first_round(self, first, count, size):
        jobs = range(first, first + count)
        fake = self.start_fake(f"[jobs {jobs[0]}-{jobs[-1]}]\nstep = 0s Running | half\n")
        daemon = self.watch(fake, jobs, size=size, interval="1s")
        daemon.wait_for("first seen as", count=count)
        self.assertEqual(daemon.stop(), EX_OK)
        self.assertReported(daemon, jobs)
        requests = fake.requests()
        self.assertFalse(singles_of(requests), "what is due together is asked for together")
        batches = batches_of(requests)
        for batch in batches:
            self.assertLessEqual(len(batch["query"]), QUERY_MAX)
            self.assertLessEqual(len(ids_of(batch)), size)
            self.assertEqual(batch["authorization"], f"bearer {TOKEN}")
        asked, first_round = [], []
        while len(asked) < count:
            first_round.append(batches.pop(0))
            asked += ids_of(first_round[-1])
        self.assertEqual(sorted(asked), list(jobs), "each job once")
        return [len(ids_of(batch)) for batch in first_round]

    def test_batch_size(self):
        self.assertEqual(sorted(self.first_round(1000, 250, 40)), [10] + [40] * 6)

    def test_a_hundred(self):
        self.assertEqual(sorted(self.first_round(1000, 250, 100)), [50, 100, 100])

    def test_long_ids(self):
        """Ids of 19 digits, and a query of the maximum length."""
        sizes = self.first_round(9223372036854775807 - 199, 200, 100)
        self.assertEqual(sorted(sizes), [12, 94, 94])
        self.assertLessEqual(len("id=%5B%5D") + 94 * 20 - 1, QUERY_MAX)

    def test_two(self):
        self.assertEqual(self.first_round(11, 2, 100), [2])

    def test_off_and_alone(self):
        """No batch with one job, and none with batch = off."""
        for batch, jobs in (("auto", (11,)), ("off", (11, 12))):
            with self.subTest(batch):
                fake = self.start_fake("[jobs 11-12]\nstep = 0s Running\n", name=batch)
                self.write_config(fake, jobs, poll={"batch": batch}, state={"directory": self.directory / batch})
                daemon = self.start_daemon()
                fake.wait(6)
                self.assertEqual(daemon.stop(), EX_OK)
                self.assertFalse(batches_of(fake.requests()))

    def test_ride_along(self):
        """Jobs with different intervals share requests: together they need few more than the fastest alone."""
        fake = self.start_fake("[jobs 11-30]\nstep = 0s Running | half\n")
        more = "".join(f"[job n{id}]\nid = {id}\ninterval = {200 + 5 * id}ms\nmax_interval = {200 + 5 * id}ms\n"
                       for id in range(11, 31))
        poll = {"interval": "200ms", "max_interval": "200ms", "batch": "auto", "feed": "off"}
        self.write_config(fake, poll=poll, more=more)
        daemon = self.start_daemon()
        fake.wait(40)
        self.assertEqual(daemon.stop(), EX_OK)
        stats, requests = fake.stats(), fake.requests()
        self.assertLess(len(requests), stats["job_reads"] / 3, "they ride together")
        self.assertReported(daemon, range(11, 31))


class Belief(BatchTest):
    def test_a_change_is_confirmed(self):
        jobs = range(11, 31)
        fake = self.start_fake("[jobs 11-30]\nstep = 0s Running | half\n")
        daemon = self.watch(fake, jobs)
        daemon.wait_for("first seen as", count=20)
        seq = fake.stats()["last_seq"]
        fake.job(15, status="Completed", result="all")
        fake.job(22, status="Running", result="more")
        daemon.wait_for(r"Job 15: Running → Completed(: .*)? \[succeeded")
        daemon.wait_for(r"Job 22: .*\[changed")
        self.rounds(fake, 3)
        self.assertEqual(daemon.stop(), EX_OK)
        self.assertReported(daemon, jobs, (15, "succeeded"), (22, "changed"))
        later = self.since(fake, seq)
        self.assertEqual(singles_of(later), {15: 1, 22: 1}, "one confirmation each")
        confirmed = next(request["seq"] for request in later if request["path"].endswith("/15"))
        for batch in batches_of(later):
            if batch["seq"] > confirmed:
                self.assertNotIn(15, ids_of(batch), "it has ended")
        self.assertTrue(batches_of(later))

    def test_unconfirmed_changes_are_not_reported(self):
        """Batches with false changes: the single read decides."""
        jobs = range(11, 15)
        fake = self.start_fake("[jobs 11-14]\nstep = 0s Running | half\n")
        daemon = self.watch(fake, jobs)
        daemon.wait_for("first seen as", count=4)
        rows = [{"Id": id, "Status": "Completed", "ResultData": "lie", "UpdatedOn": "2025-01-15T10:30:00Z"}
                for id in jobs]
        seq = fake.stats()["last_seq"]
        fake.fault("lies", path=BATCH_FAULT, body=json.dumps(rows))
        self.rounds(fake, 5)
        fake.mend()
        self.rounds(fake, 2)
        self.assertEqual(daemon.stop(), EX_OK)
        self.assertReported(daemon, jobs)
        self.assertQuiet(daemon)
        later = self.since(fake, seq)
        lies = [request for request in later if request["fault"]]
        for id, count in singles_of(later).items():
            self.assertLessEqual(count, len(lies), f"job {id}: at most one closer look a batch")
        self.assertEqual(set(singles_of(later)), set(jobs))

    def test_incorrect_rows_at_first_observation(self):
        fake = self.start_fake("[jobs 11-12]\nstep = 0s Running | half\n")
        rows = [{"Id": id, "Status": "Completed", "ResultData": "lie"} for id in (11, 12)]
        fake.fault("lies", path=BATCH_FAULT, body=json.dumps(rows))
        daemon = self.watch(fake, (11, 12), "--exit-when-done")
        daemon.wait_for("first seen as", count=2)
        fake.mend()
        for id in (11, 12):
            fake.job(id, status="Failed")
        self.assertEqual(daemon.wait_exit(), 1)
        self.assertReported(daemon, (11, 12), (11, "failed"), (12, "failed"))

    def test_missing_rows(self):
        """Read individually, and not in batches until there is a record again."""
        jobs = range(11, 21)
        fake = self.start_fake("[jobs 11-20]\nstep = 0s Running | half\n")
        daemon = self.watch(fake, jobs, interval="500ms")
        daemon.wait_for("first seen as", count=10)
        seq = fake.stats()["last_seq"]
        fake.job(13, gone="1")
        daemon.wait_for("Job 13: not found")
        absent = fake.wait(3, seq, path=f"*{JOBS}/13", status=404)
        later = [request for request in self.since(fake, seq) if request["seq"] <= absent]
        first = next(request["seq"] for request in later if request["path"].endswith("/13"))
        self.assertEqual(set(singles_of(later)), {13}, "the others stay in batches")
        for batch in batches_of(later):
            if batch["seq"] > first + 1:
                self.assertNotIn(13, ids_of(batch))
        fake.job(13, status="Running", result="half")
        third = fake.wait(3, absent, path=f"*{JOBS}/13", status=200)
        early = [batch for batch in batches_of(self.since(fake, absent)) if batch["seq"] < third]
        self.assertNotIn(13, [id for batch in early for id in ids_of(batch)], "after three single reads")
        limit = time.monotonic() + PATIENCE
        while 13 not in self.in_batches_after(fake, absent):  # as soon as it is due when others are
            self.assertLess(time.monotonic(), limit)
            self.rounds(fake, 1)
        fake.job(13, status="Completed")
        daemon.wait_for("Job 13: Running → Completed")
        self.assertEqual(daemon.stop(), EX_OK)
        self.assertReported(daemon, jobs, (13, "succeeded"))
        self.assertEqual(daemon.count(" warning "), 1, daemon.text())

    def test_an_empty_array(self):
        """All jobs are missing from one batch: nothing is reported."""
        jobs = range(11, 31)
        fake = self.start_fake("[jobs 11-30]\nstep = 0s Running | half\n")
        daemon = self.watch(fake, jobs)
        daemon.wait_for("first seen as", count=20)
        seq = fake.stats()["last_seq"]
        fake.fault("empty", path=BATCH_FAULT, body="[]", times=1)
        fake.wait(20, seq, path=f"*{JOBS}/??")
        self.rounds(fake, 3)
        self.assertEqual(daemon.stop(), EX_OK)
        self.assertReported(daemon, jobs)
        self.assertQuiet(daemon)
        self.assertEqual(singles_of(self.since(fake, seq)), collections.Counter(jobs))

    def test_rows_of_others(self):
        """Rows that were not requested, and a row twice with different contents."""
        fake = self.start_fake("[jobs 11-13]\nstep = 0s Running | half\n")
        row = {"Id": 11, "Status": "Running", "ResultData": "half", "UpdatedOn": None}
        rows = [{**row, "Id": 99, "Status": "Completed"}, row, {**row, "Status": "Failed"}, {**row, "Id": 12},
                {**row, "Id": 13}, row]
        fake.fault("rows", path=BATCH_FAULT, body=json.dumps(rows))
        daemon = self.watch(fake, (11, 12, 13))
        daemon.wait_for("first seen as", count=3)
        self.rounds(fake, 5)
        self.assertEqual(daemon.stop(), EX_OK)
        self.assertReported(daemon, (11, 12, 13))
        self.assertQuiet(daemon)


class Kinds(BatchTest):
    """The five kinds of batch behaviour."""

    JOB_IDS = range(11, 41)

    def through_a_life(self, kind, scenario, quiet_singles, change_singles):
        """Rounds without changes, then changes of every kind. Each is reported once and correctly, with a bounded number
        of single requests: in the rounds after the first observations, and for four changes and three rounds."""
        fake = self.start_fake(scenario, f"batch = {kind}")
        daemon = self.watch(fake, self.JOB_IDS)
        daemon.wait_for("first seen as", count=len(self.JOB_IDS))
        self.rounds(fake, 4)
        first = singles_of(fake.requests())
        again = sum(count - 1 for count in first.values())
        self.assertLessEqual(again, 2, f"one closer look at first sight; and a job that is due alone is polled alone: {first}")
        seq = fake.stats()["last_seq"]
        self.rounds(fake, 6)
        quiet = singles_of(self.since(fake, seq)).total()
        self.assertLessEqual(quiet, quiet_singles, "quiet rounds")

        seq = fake.stats()["last_seq"]
        fake.job(12, status="Paused", result="held up")
        fake.job(17, status="Running", result="three quarters")
        fake.job(25, status="Completed", result="everything " * 3)
        fake.job(31, status="Failed", result_null=1)
        daemon.wait_for(r"Job 12: Running → Paused(: .*)? \[changed, result of 7 bytes\]")
        daemon.wait_for(r"Job 17: .*\[changed, result of 14 bytes\]")
        daemon.wait_for(r"Job 25: Running → Completed(: .*)? \[succeeded, result of 33 bytes\]")
        daemon.wait_for(r"Job 31: Running → Failed(: .*)? \[failed\]")
        self.rounds(fake, 3)
        singles = singles_of(self.since(fake, seq))
        self.assertLessEqual(singles.total(), change_singles, f"{singles}")
        self.assertTrue({12, 17, 25, 31} <= set(singles), "each was confirmed")

        fake.job(17, status="Running", result="all but one")
        daemon.wait_for(r"Job 17: .*\[changed, result of 11 bytes\]")
        fake.job(17, status="Running", result_null=1)
        daemon.wait_for(r"Job 17: .*\[changed\]")
        self.rounds(fake, 2)
        self.assertEqual(daemon.stop(), EX_OK)
        self.assertReported(daemon, self.JOB_IDS, (12, "changed"), (17, "changed"), (17, "changed"), (17, "changed"),
                        (25, "succeeded"), (31, "failed"))
        return fake

    # Without any ResultData so far, the first jobs show that rows omit it: one more single read each.
    LEARNING = 2
    HALF = "[jobs 11-40]\nstep = 0s Running | half\n"
    NULL = "[jobs 11-40]\nstep = 0s Running\n"
    MIXED = "[jobs 11-40]\nstep = 0s Running | half\n[jobs 20-30]\nstep = 0s Running\n"

    def test_full(self):
        self.through_a_life("full", self.HALF, 0, 4)

    def test_full_without_results(self):
        self.through_a_life("full", self.NULL, 0, 4)

    def test_full_mixed(self):
        self.through_a_life("full", self.MIXED, 0, 4)

    def test_shuffled(self):
        self.through_a_life("shuffled", self.HALF, 0, 4)

    def test_partial(self):
        self.through_a_life("partial", self.HALF, 0, 4)

    def test_partial_without_results(self):
        self.through_a_life("partial", self.NULL, 0, 4 + self.LEARNING)

    def test_partial_mixed(self):
        self.through_a_life("partial", self.MIXED, 0, 4)

    def test_empty_result(self):
        self.through_a_life("empty_result", self.HALF, 0, 4)

    def test_empty_result_without_results(self):
        self.through_a_life("empty_result", self.NULL, 0, 4 + self.LEARNING)

    def test_empty_result_mixed(self):
        self.through_a_life("empty_result", self.MIXED, 0, 4)

    def bare_rows(self, line=None, **row):
        """A server whose rows have only an Id and the fields of `row`. `line`: what is logged of that. Returns also the
        number of the last request of that time."""
        fake = self.start_fake("[jobs 11-20]\nstep = 0s Running | half\n")
        rows = [{"Id": id, **row} for id in range(11, 21)]
        fake.fault("bare", path=BATCH_FAULT, body=json.dumps(rows))
        daemon = self.watch(fake, range(11, 21), interval="100ms", max_interval="1s")
        daemon.wait_for("first seen as", count=10)
        if line:
            daemon.wait_for(line)
            fake.polls(8)  # those in flight
        else:
            fake.polls(60)  # several rounds at max_interval
        seq = fake.stats()["last_seq"]
        fake.job(14, status="Running", result="three quarters")
        daemon.wait_for(r"Job 14: .*\[changed, result of 14 bytes\]")
        fake.job(16, status="Completed")
        daemon.wait_for("Job 16: Running → Completed")
        self.assertEqual(daemon.stop(), EX_OK)
        self.assertReported(daemon, range(11, 21), (14, "changed"), (16, "succeeded"))
        return fake, daemon, seq

    def test_rows_without_updated_on(self):
        """Rows show no change: each job is read individually, but no more often than max_interval."""
        fake, daemon, _ = self.bare_rows(Status="Running")
        self.assertQuiet(daemon)
        requests = fake.requests()
        lasted = requests[-1]["t"]
        for id, count in singles_of(requests).items():
            if id not in (14, 16):  # a changed job is polled alone when no other job is due
                self.assertLessEqual(count, 2 + lasted, f"job {id}, {lasted} s")

    def test_rows_of_ids_alone(self):
        """Useless batches are detected and abandoned."""
        fake, daemon, seq = self.bare_rows("notice .*Batches omit the Status of jobs. Polling jobs individually for 1h.")
        self.assertFalse(batches_of(self.since(fake, seq)))
        self.assertQuiet(daemon)

    def refused(self, status, jobs=range(11, 31), size=100, batches=20):
        """Until it is certain that batches are refused, each is split, and each part that fails: 19 times for 20 jobs.
        `batches`: the maximum number of batches, a check included."""
        fake = self.start_fake(f"[jobs {jobs[0]}-{jobs[-1]}]\nstep = 0s Running | half\n", f"batch = refused {status}",
                               name=f"fake{status}")
        daemon = self.watch(fake, jobs, size=size, state={"directory": self.directory / f"state{status}"})
        daemon.wait_for("first seen as", count=len(jobs))
        line = daemon.wait_for("notice .*The API refuses batches")
        self.assertRegex(line, rf"\(HTTP {status}.*\)\. Polling jobs individually for 1h\.")
        fake.job(jobs[5], status="Completed")
        daemon.wait_for(rf"Job {jobs[5]}: Running → Completed")
        fake.polls(2, jobs[0])
        self.assertEqual(daemon.stop(), EX_OK)
        self.assertReported(daemon, jobs, (jobs[5], "succeeded"))
        self.assertQuiet(daemon)
        self.assertEqual(daemon.count("refuses batches"), 1, "said once\n" + daemon.text())
        requests = fake.requests()
        self.assertLessEqual(len(batches_of(requests)), batches)
        singles = singles_of(requests)
        self.assertEqual(set(singles), set(jobs))

    def test_refused(self):
        for status in (400, 403, 404, 405, 414):
            with self.subTest(status):
                self.refused(status)

    def test_refused_with_several_under_way(self):
        self.refused(404, range(1000, 1200), 10, 8 * 10)

    def test_refused_later(self):
        """After working for a while."""
        fake = self.start_fake(self.HALF)
        daemon = self.watch(fake, self.JOB_IDS)
        self.rounds(fake, 3)
        fake.server(batch="refused 403")
        daemon.wait_for("notice .*The API refuses batches.*HTTP 403")
        fake.polls(8)  # those in flight
        seq = fake.stats()["last_seq"]
        fake.job(20, status="Completed")
        daemon.wait_for("Job 20: Running → Completed")
        fake.polls(2, 21)
        self.assertEqual(daemon.stop(), EX_OK)
        self.assertReported(daemon, self.JOB_IDS, (20, "succeeded"))
        self.assertFalse(batches_of(self.since(fake, seq)))
        self.assertQuiet(daemon)


class Nonsense(BatchTest):
    """Batches are answered, but not with an array of jobs; single reads work."""

    def nonsense(self, times=1, **lines):
        """Once: the batch is split, and its parts are answered. Always: batches are abandoned, or made smaller."""
        jobs = range(11, 31)
        fake = self.start_fake("[jobs 11-30]\nstep = 0s Running | half\n", name=f"fake{times}")
        daemon = self.watch(fake, jobs, api={"max_response": "1M"})
        daemon.wait_for("first seen as", count=20)
        fake.fault("nonsense", path=BATCH_FAULT, times=times, **lines)
        fake.wait(1, fake.stats()["last_seq"], path=f"*{BATCH_PATH}?id*")
        fake.job(15, status="Completed", result="all")
        daemon.wait_for(r"Job 15: Running → Completed(: .*)? \[succeeded, result of 3 bytes\]")
        seq = fake.stats()["last_seq"]
        fake.wait(30, seq) if times == 0 else self.rounds(fake, 3)
        self.assertEqual(daemon.stop(), EX_OK)
        self.assertReported(daemon, jobs, (15, "succeeded"))
        self.assertQuiet(daemon)
        return daemon

    def assertSplitOrGivenUp(self, why, **lines):
        daemon = self.nonsense(**lines)
        self.assertEqual(daemon.count("batches"), 0, daemon.text())
        self.state = self.directory / "state of the other"
        daemon = self.nonsense(times=0, **lines)
        self.assertEqual(daemon.count(rf"notice .*The API refuses batches .*{why}.*individually"), 1, daemon.text())

    def test_html(self):
        self.assertSplitOrGivenUp("not a job record", html="yes")

    def test_an_envelope(self):
        self.assertSplitOrGivenUp("not a job record", envelope="yes")

    def test_one_object(self):
        self.assertSplitOrGivenUp("not a job record", body='{"Id": 11, "Status": "Completed"}')

    def test_a_row_without_id(self):
        """The rows before it are discarded too."""
        self.assertSplitOrGivenUp("not a job record", body='[{"Id": 12, "Status": "Failed"}, {"Status": "Completed"}]')

    def test_an_array_that_breaks_off(self):
        self.assertSplitOrGivenUp("truncated", body='[{"Id": 12, "Status": "Completed"}, {"Id": 13, "Sta')

    def test_endless_rows(self):
        rows = [{"Id": 1000 + i, "Status": "Completed"} for i in range(200)]
        self.assertSplitOrGivenUp("not a job record", body=json.dumps(rows))

    def test_oversize(self):
        daemon = self.nonsense(oversize="3M")
        self.assertEqual(daemon.count("notice .*(Batches|batches)"), 0, "one half was answered")
        self.state = self.directory / "state of the other"
        daemon = self.nonsense(times=0, oversize="3M")
        for size in 10, 5, 2:
            self.assertEqual(daemon.count("notice .*Batches are too large: .*larger than max_response.*"
                                          rf"Reducing the batch size to {size}\."), 1, daemon.text())

    def test_wrong_ids(self):
        """Rows are shifted by one: each job gets the row of its neighbour."""
        self.nonsense(wrong_id="yes")

    def test_truncated(self):
        self.nonsense(truncate=700)

    def test_reset(self):
        self.nonsense(reset="body")

    def test_chunks_and_gzip(self):
        self.nonsense(times=5, chunk=7, gzip="force")


class Cost(BatchTest):
    def commits(self):
        """Transactions in the write-ahead log since its last reset."""
        data = (self.state / "jobwatchd.db-wal").read_bytes()
        page_size, salts = struct.unpack_from(">8xI4x8s", data)[:2]
        count = 0
        for offset in range(32, len(data) - 24 - page_size + 1, 24 + page_size):
            _, committed, frame_salts = struct.unpack_from(">II8s", data, offset)
            if frame_salts != salts:
                break
            count += committed != 0
        return count

    def test_one_transaction_for_first_observations(self):
        fake = self.start_fake("[jobs 1000-1099]\nstep = 0s Running | half\n")
        daemon = self.watch(fake, range(1000, 1100), interval="10s")
        daemon.wait_for("first seen as", count=100)
        count = self.commits()
        self.assertGreaterEqual(count, 1)
        self.assertLess(count, 15, "not one for each of 100 jobs")
        self.assertEqual(daemon.stop(), EX_OK)
        self.assertEqual(fake.stats()["requests"], 1)

    def test_quiet_rounds_write_nothing(self):
        fake = self.start_fake("[jobs 1000-1099]\nstep = 0s Running | half\n")
        daemon = self.watch(fake, range(1000, 1100), interval="100ms")
        daemon.wait_for("first seen as", count=100)
        self.rounds(fake, 3)
        before = self.commits()
        self.rounds(fake, 15)
        self.assertEqual(self.commits(), before)
        self.assertEqual(daemon.stop(), EX_OK)

    def growth(self, name, result_size):
        """(peak memory in kB of some batches of 100 rows, bytes of the largest)."""
        lines = f"result_size = {result_size}\n" if result_size else ""
        fake = self.start_fake(f"[jobs 1000-1099]\n{lines}step = 0s Running | half\n", name=name)
        daemon = self.watch(fake, range(1000, 1100), state={"directory": self.directory / f"state-{name}"},
                            api={"max_response": "64M"}, interval="300ms")
        daemon.wait_for("first seen as", count=100)
        before = daemon.memory_kb("VmRSS")
        pathlib.Path(f"/proc/{daemon.pid}/clear_refs").write_text("5")  # the high-water mark begins anew
        self.rounds(fake, 4)
        grown = daemon.memory_kb("VmHWM") - before
        self.assertEqual(daemon.stop(), EX_OK)
        self.assertReported(daemon, range(1000, 1100))
        return grown, max(request["bytes"] for request in batches_of(fake.requests()))

    @unittest.skipIf(SANITIZED, "a sanitizer's memory says nothing")
    def test_memory(self):
        """A batch is read row by row: 10 MB of rows need hardly more memory than 50 kB."""
        small, small_bytes = self.growth("small", 0)
        large, large_bytes = self.growth("large", 100 * 1024)
        print(f"batches of {small_bytes} bytes: {small} kB more; of {large_bytes} bytes: {large} kB more", flush=True)
        self.assertGreater(large_bytes, 100 * 100 * 1024)
        self.assertLess(large, small + 1024)


class Once(BatchTest):
    def test_once(self):
        jobs = range(11, 61)
        fake = self.start_fake("[jobs 11-60]\nstep = 0s Running | half\n[jobs 20-21]\nstep = 0s Completed | all\n")
        daemon = self.watch(fake, jobs, "--once")
        self.assertEqual(daemon.wait_exit(), EX_OK, daemon.text())
        self.assertReported(daemon, [job for job in jobs if job not in (20, 21)], (20, "succeeded"), (21, "succeeded"))
        self.assertEqual(len(daemon.output.splitlines()), 50, daemon.output)
        self.assertRegex(daemon.output, r"(?m)^Job 20: Completed \(success")
        self.assertRegex(daemon.output, r"(?m)^Job 11: Running \(open")
        requests = fake.requests()
        self.assertEqual(len(batches_of(requests)), 1)
        self.assertEqual(singles_of(requests), {20: 1, 21: 1}, "what has ended is confirmed")

        again = self.watch(fake, jobs, "--once")
        self.assertEqual(again.wait_exit(), EX_OK)
        self.assertEqual(again.events(), [])
        self.assertEqual(len(again.output.splitlines()), 50, again.output)
        self.assertEqual(fake.stats()["requests"], 4)

    def test_missing(self):
        fake = self.start_fake("[jobs 11-13]\nstep = 0s Running | half\n")
        daemon = self.watch(fake, (11, 12, 13, 14), "--once")
        self.assertEqual(daemon.wait_exit(), 1, daemon.text())
        self.assertRegex(daemon.output, r"(?m)^Job 14: not found")
        self.assertEqual(singles_of(fake.requests()), {14: 1})

    def test_kinds(self):
        jobs = range(11, 31)
        for kind in ("partial", "empty_result", "refused 400", "refused 404"):
            with self.subTest(kind):
                state = {"directory": self.directory / f"state {kind}"}
                fake = self.start_fake("[jobs 11-30]\nstep = 0s Running | half\n", f"batch = {kind}", name=kind)
                for round in range(2):
                    daemon = self.watch(fake, jobs, "--once", state=state)
                    self.assertEqual(daemon.wait_exit(), EX_OK, daemon.text())
                    self.assertEqual(len(daemon.output.splitlines()), 20, daemon.output)
                    self.assertReported(daemon, jobs if round == 0 else ())
                self.assertLessEqual(max(singles_of(fake.requests()).values()), 2, "once a round and job")

    def test_outage(self):
        fake = self.start_fake("[jobs 11-30]\nstep = 0s Running | half\n")
        fake.fault("down", status=500)
        daemon = self.watch(fake, range(11, 31), "--once")
        self.assertEqual(daemon.wait_exit(), EX_UNAVAILABLE, daemon.text())
        self.assertEqual(len(daemon.output.splitlines()), 20, daemon.output)
        self.assertLessEqual(fake.stats()["requests"], 5, "the batch, its halves, a check, and a probe")


if __name__ == "__main__":
    unittest.main()
