#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Whatever the search shows, the end of a job is reported within sweep_interval, nothing is reported that is not so, and
requests are bounded. A daemon and a server of its own for each way to be wrong, all at the same time."""

import concurrent.futures
import dataclasses
import time
import typing
import unittest

from harness import JOBS, JOBWATCHD, PATIENCE, SLOW, TOKEN, Daemon, Fake, IntegrationTest, clean_environment

IDS = range(1000, 1300)
OTHERS = range(2000, 7000)
MORE = f"[jobs {OTHERS[0]}-{OTHERS[-1]}]\nstatus = Done\ncreated = 60d\n[jobs 8200-8399]\nstatus = Done\ncreated = 50min\n"
SWEEP = 8
ENDING = (1100, 1250, 1030)
PAGES = f"*{JOBS}?page=*"


@dataclasses.dataclass
class Wrong:
    """A server that is wrong in one way."""
    server: str = ""  # keys of its scenario
    job: str = ""  # keys of all jobs
    jobs: str = ""  # other sections
    config: str = ""
    api: str = ""  # keys of [api]
    before: typing.Callable = lambda world: None
    end: typing.Callable = lambda world, job: world.fake.job(job, status="Completed")
    extra: int = 0  # requests
    says: str = ""  # a message that must be there


class World:
    """One such server, and a daemon that watches its jobs."""

    def __init__(self, directory, name, wrong):
        directory.mkdir()
        self.name, self.wrong = name, wrong
        self.fake = Fake(directory, f"[jobs {IDS[0]}-{IDS[-1]}]\nstatus = Running\nresult = half\ncreated = 30d\napart = 2h\n"
                                    f"{wrong.job}\n{wrong.jobs}", wrong.server)
        token = directory / "token"
        token.write_text(TOKEN)
        token.chmod(0o600)
        (directory / "jobwatchd.ini").write_text(
            f"[api]\nbase_url = {self.fake.url}\ntoken_file = {token}\n{wrong.api}\n"
            f"[poll]\ninterval = 1s\nmax_interval = 4s\nsweep_interval = {SWEEP}s\n"
            "[limits]\nmin_spacing = 10ms\nper_minute = 1200\nper_hour = 0\nper_day = 0\n"
            f"[jobs]\nids = {', '.join(map(str, IDS))}\n[log]\ntarget = console\n"
            f"[state]\ndirectory = {directory / 'state'}\n{wrong.config}")
        self.daemon = Daemon([JOBWATCHD, "-c", str(directory / "jobwatchd.ini")], clean_environment())

    def stop(self):
        try:
            if self.daemon.process.poll() is None:
                self.daemon.stop()
        finally:
            self.fake.stop()

    def pages(self, count):
        """Waits until so many more pages were answered, or as long as that takes where none is requested any more."""
        try:
            self.fake.control("GET", f"wait?count={count + 1}&since={self.fake.stats()['last_seq']}&path={PAGES}&timeout=5s")
        except AssertionError:
            pass

    def change_and_end(self, job):
        """Two changes, one right after the other has been reported."""
        mark = self.daemon.mark()
        self.fake.job(job, status="Processing")
        self.daemon.wait_for(rf"Job {job}: Running → Processing", mark)
        self.fake.job(job, status="Completed")

    def run(self):
        """What is not as it should be."""
        wrong, daemon, fake, late = self.wrong, self.daemon, self.fake, []
        for job in IDS:
            if f"[job {job}]" not in wrong.jobs:
                daemon.wait_for(rf"Job {job}: .*\[seen", patience=4 * PATIENCE)
        self.pages(2)
        began, before = time.monotonic(), fake.stats()["requests"]
        wrong.before(self)
        for job in ENDING:
            self.pages(1)
            mark = daemon.mark()
            wrong.end(self, job)
            ended = time.monotonic()
            daemon.wait_for(rf"Job {job}: .*\[succeeded", mark, patience=4 * SWEEP + PATIENCE)
            late.append(time.monotonic() - ended)
        self.pages(2)
        took, requests = time.monotonic() - began, fake.stats()["requests"] - before
        if daemon.stop() != 0:
            yield "it did not end well:\n" + daemon.text()
        if max(late) > SWEEP + 2 * SLOW:
            yield f"ends were reported after {max(late):.1f} s"
        # A page a second, and all jobs by batches: in each sweep, or each second where the feed is off.
        if requests > 5 * took + 40 + wrong.extra:
            yield f"{requests} requests in {took:.1f} s"
        if wrong.says and not daemon.count(wrong.says):
            yield f"no message {wrong.says!r}:\n" + "\n".join(daemon.messages())
        for job, kind, what in daemon.events():
            if kind not in ("seen", "succeeded") and not (job in ENDING and what.startswith("Running → Processing")):
                yield f"reported: job {job} {kind}: {what}"
        events = [(job, kind) for job, kind, what in daemon.events()]
        if len(set(events)) != len(events):
            yield "an event twice: " + str([event for event in set(events) if events.count(event) > 1])
        if {job for job, kind in events if kind == "succeeded"} != set(ENDING):
            yield "not exactly those that ended have ended"
        print(f"{self.name}: {took:.1f} s, {requests} requests, ends after {', '.join(f'{span:.1f}' for span in late)} s", flush=True)


def touch(jobs):
    return lambda world: world.fake.control("PUT", f"touch/{jobs[0]}-{jobs[-1]}")


OFF = "The change feed is off: "


def ask_for_more_pages(world):
    touch(IDS)(world)
    world.daemon.wait_for(OFF + "pages do not advance")


def find_new_jobs(world):
    world.fake.control("PUT", "jobs", "[jobs 8000-8009]\nbusiness_id = 8\ncreated = 0s\nstatus = Running\n"
                                      "[job 8100]\nbusiness_id = 7\ncreated = 0s\nstatus = Running\n")
    world.daemon.wait_for(r"Job 8100: .*\[seen")


def end_late(span):
    """Behind three pages of newer rows."""
    def end(world, job):
        touch(OTHERS[:75])(world)
        world.fake.job(job, status="Completed", updated_ago=span)
    return end


WORLDS = {
    "nothing": Wrong(),
    "unsorted": Wrong("search_unsorted = yes", says=OFF + "rows are not sorted by UpdatedOn"),
    "reversed": Wrong("search_descending = 1"),
    "oldest first whatever dir says": Wrong("search_descending = none", says=OFF + "rows are not sorted by UpdatedOn"),
    "no Status": Wrong("search_omit = Status", says=OFF + "rows have no Status"),
    "no ResultData": Wrong("search_omit = ResultData"),
    "no UpdatedOn": Wrong("search_omit = UpdatedOn"),
    "no TotalItems": Wrong("search_omit = TotalItems"),
    "no Id": Wrong("search_omit = Id"),
    "first page only": Wrong("search_pages = first", before=ask_for_more_pages, extra=2 * len(IDS)),
    "first page repeated": Wrong("search_pages = repeated", before=ask_for_more_pages, extra=2 * len(IDS)),
    "ignores filters": Wrong("ignore_filters = yes", config="[discover mine]\nbusiness = 7\n", before=find_new_jobs),
    "UpdatedOn never moves": Wrong(before=lambda world: world.fake.server(frozen="yes")),
    "whole seconds": Wrong(job="dates = z", end=World.change_and_end),
    "thousands rewritten": Wrong(jobs=MORE, before=touch(range(IDS[0], OTHERS[-1] + 1)), extra=2 * len(IDS) + 250),
    "commits 40 s late": Wrong(jobs=MORE, end=end_late("40s"), extra=40),
    "commits an hour late": Wrong(jobs=MORE, end=end_late("1h"), extra=40),
    "two clocks": Wrong(job="second_clock = 5s", end=World.change_and_end),
    "rows missing": Wrong(job="search_row = missing"),
    "a broken row": Wrong(jobs="[job 1200]\nsearch_row = broken\nstatus = Running\ncreated = 0s\n"),
    "a row that is an error": Wrong(jobs="[job 1200]\nsearch_row = error\nstatus = Running\ncreated = 0s\n"),
    "an oversize row": Wrong(jobs="[job 1200]\nresult_size = 200K\nstep = 0s Running | x\n", api="max_response = 100K", extra=60),
    "no search": Wrong("[fault no]\npath = */businessbackgroundjobs?page=*\nstatus = 404"),
    "a failing search": Wrong("[fault no]\npath = */businessbackgroundjobs?page=*\nstatus = 500"),
    "search not permitted": Wrong("roles = read", says=OFF + "the user lacks the role BusinessBackgroundJob-List"),
}


class WrongSearch(IntegrationTest):
    def judge(self, name):
        world = World(self.directory / name.replace(" ", "-"), name, WORLDS[name])
        try:
            return [f"{name}: {problem}" for problem in world.run()]
        except AssertionError as error:
            return [f"{name}: {error}"]
        finally:
            world.stop()

    def test_the_end_of_a_job_is_reported_within_sweep_interval_whatever_the_search_shows(self):
        with concurrent.futures.ThreadPoolExecutor(len(WORLDS)) as pool:
            problems = [problem for found in pool.map(self.judge, WORLDS) for problem in found]
        self.assertEqual(problems, [], "\n\n".join(problems))


if __name__ == "__main__":
    unittest.main()
