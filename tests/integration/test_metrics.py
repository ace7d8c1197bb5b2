# SPDX-License-Identifier: MIT
"""Metrics: they agree with what the server was asked for, and with what the log says."""

import collections
import json
import pathlib
import re
import signal
import time
import unittest

from bus_rig import Bus
from ctl_rig import CtlTest
from harness import JOBS, SLOW
from sign_in import SignInTest

NAME = "org.jobwatchd1.test"
RESULTS = {0: "no response", 200: "ok", 400: "refused", 401: "refused", 500: "server error"}
SAMPLE = re.compile(r"(jobwatchd_\w+)(?:\{(.*)\})? ([0-9.]+)")
LABEL = re.compile(r'(\w+)="((?:[^"\\\n]|\\[\\"n])*)"(?:,|$)')
SHARE = pathlib.Path(__file__).resolve().parents[2] / "share"
SUFFIXES = r"_(bucket|sum|count)$"


def parse(text):
    """{(metric, {label: value}): value}, from what keeps to the text format 0.0.4; each metric has HELP and TYPE."""
    samples, kind, metric, seen = {}, None, None, set()
    if not text.endswith("\n"):
        raise AssertionError("the last line does not end")
    for line in text.splitlines():
        if line.startswith("# HELP "):
            metric, kind = line.split()[2], None
            if metric in seen:
                raise AssertionError(f"{metric} is there twice")
            seen.add(metric)
        elif line.startswith("# TYPE "):
            if line.split()[2] != metric or kind is not None:
                raise AssertionError(f"this is not the TYPE of {metric}: {line}")
            kind = line.split()[3]
        else:
            name, labels, value = SAMPLE.fullmatch(line).groups()
            if (re.sub(SUFFIXES, "", name) if kind == "histogram" else name) != metric:
                raise AssertionError(f"this is not of {metric}: {line}")
            if "".join(found.group(0) for found in LABEL.finditer(labels or "")) != (labels or ""):
                raise AssertionError(f"labels: {line}")
            key = (name.removeprefix("jobwatchd_"), frozenset(LABEL.findall(labels or "")))
            if key in samples:
                raise AssertionError(f"this is there twice: {line}")
            samples[key] = float(value)
    return samples


def endpoint_of(request):
    if request["path"] == "/api/token":
        return "token"
    return {JOBS: "search", JOBS + "/": "batch"}.get(request["path"], "single")


class Metrics(SignInTest):
    def setUp(self):
        super().setUp()
        self.bus = Bus(self.directory)
        self.addCleanup(self.bus.stop)

    def run_service(self):
        daemon = self.start_daemon("--instance", "test", env=self.bus.env)
        self.bus.wait_for_name(NAME)
        return daemon

    def read(self):
        self.samples = parse(self.bus.call("Metrics", name=NAME)[0])

    def value(self, metric, **labels):
        return self.samples[metric, frozenset({"account": "test", **labels}.items())]

    def all_of(self, metric, *names):
        """The values that are not 0, by the values of these labels."""
        found = {}
        for (name, labels), value in self.samples.items():
            if name == metric and value != 0:
                values = tuple(dict(labels)[label] for label in names)
                found[values if len(names) > 1 else values[0]] = value
        return found

    def assertAgrees(self, daemon):
        """Nothing is in flight."""
        self.read()
        requests = self.fake.requests()
        asked = collections.Counter((endpoint_of(request), RESULTS[request["status"]]) for request in requests)
        self.assertEqual(self.all_of("api_requests_total", "endpoint", "result"), asked)
        for endpoint in ("single", "batch", "search", "token"):
            took = [request["took"] for request in requests if endpoint_of(request) == endpoint]
            self.assertEqual(self.value("api_request_duration_seconds_count", endpoint=endpoint), len(took))
            self.assertEqual(self.value("api_request_duration_seconds_bucket", endpoint=endpoint, le="+Inf"), len(took))
            self.assertGreaterEqual(self.value("api_request_duration_seconds_sum", endpoint=endpoint), sum(took))
        self.assertEqual(self.value("rate_used", window="day"), len(requests))
        self.assertEqual(self.all_of("events_total", "event"), collections.Counter(kind for _, kind, _ in daemon.events()))

    def test_requests_and_events_agree_with_the_server_and_the_log_before_and_after_an_outage(self):
        self.fake = self.start_fake("[jobs 1-8]\nstep = 0s Running\n")
        self.write_config(self.fake, range(1, 6), poll={"batch": "auto"})
        daemon = self.run_service()
        daemon.wait_for(r"\[seen", count=5)
        self.fake.wait(3, path=f"*{JOBS}/?id=*")
        for job in range(1, 6):
            self.fake.job(job, "done", status="Completed" if job > 1 else "Failed")
        daemon.wait_for("Nothing left to poll")
        self.assertAgrees(daemon)
        self.assertEqual(self.all_of("jobs", "outcome"), {"success": 4, "failure": 1})
        self.assertEqual(self.value("api_up"), 1)
        self.assertNotIn("feed_active", {metric for metric, _ in self.samples}, "so few jobs need no feed")
        self.assertEqual(self.value("poll_lag_seconds"), 0)
        self.assertAlmostEqual(self.value("api_last_success_timestamp_seconds"), time.time(), delta=60)
        last = self.value("api_last_success_timestamp_seconds")

        self.fake.fault("down", status=500)
        mark = daemon.mark()
        self.write_config(self.fake, range(1, 9), poll={"batch": "auto"})
        daemon.process.send_signal(signal.SIGHUP)
        daemon.wait_for("answers with errors|Cannot use the API|HTTP 500", mark)
        self.wait_until(lambda: self.read() or self.value("api_up") == 0)
        self.assertEqual(self.value("api_last_success_timestamp_seconds"), last)
        self.assertEqual(self.value("jobs", outcome="open"), 3)
        self.fake.mend()
        daemon.wait_for(r"\[seen", mark, count=3)
        for job in range(6, 9):
            self.fake.job(job, "done", status="Completed")
        daemon.wait_for("Nothing left to poll", mark)
        self.assertAgrees(daemon)
        self.assertEqual(self.value("api_up"), 1)
        self.assertGreater(sum(self.value("api_requests_total", endpoint=endpoint, result="server error")
                               for endpoint in ("single", "batch")), 1)
        self.assertGreater(self.value("api_last_success_timestamp_seconds"), last)

    def test_each_request_for_a_token_is_counted(self):
        self.watch(jobs=(11,))
        daemon = self.run_service()
        daemon.wait_for(r"\[seen")
        self.take_token(self.sign_ins()[0]["client_id"])  # which revokes the refresh token
        since = self.fake.stats()["last_seq"]
        self.expire()
        self.wait_sign_ins(2, since)
        self.fake.job(11, "done", status="Completed")
        daemon.wait_for("Nothing left to poll")
        self.read()
        asked = collections.Counter(RESULTS[request["status"]] for request in self.sign_ins()
                                    if request["user_agent"] != "another")
        self.assertEqual({result: count for (endpoint, result), count
                          in self.all_of("api_requests_total", "endpoint", "result").items() if endpoint == "token"}, asked)
        self.assertEqual(asked, {"ok": 2, "refused": 1})
        self.assertGreater(self.value("api_requests_total", endpoint="single", result="refused"), 0)

    def test_pages_of_the_change_feed(self):
        self.fake = self.start_fake("[jobs 1000-1149]\nstep = 0s Running\n")
        self.write_config(self.fake, range(1000, 1150), poll={
            "interval": "300ms", "max_interval": "1h", "batch": "auto", "batch_size": 100, "sweep_interval": "1h"})
        daemon = self.run_service()
        self.read()
        daemon.wait_for(r"\[seen", count=150)
        self.wait_until(lambda: self.read() or self.samples.get(("feed_active", frozenset({("account", "test")}))) == 1)
        self.assertAlmostEqual(self.value("feed_last_success_timestamp_seconds"), time.time(), delta=60)
        before = sum(endpoint_of(request) == "search" for request in self.fake.requests())
        self.fake.wait(2, self.fake.stats()["last_seq"], path=f"*{JOBS}?page=*")  # the first of these was answered, too
        self.read()
        after = sum(endpoint_of(request) == "search" for request in self.fake.requests())
        pages = self.value("api_requests_total", endpoint="search", result="ok")
        self.assertGreater(pages, before - 1)
        self.assertLessEqual(pages, after)

    def test_attempts_and_deliveries_of_each_hook_until_it_is_removed(self):
        block = self.directory / "block"
        block.touch()
        self.secret("wait", f"#!/bin/sh\nwhile [ -e {block} ]; do sleep 0.05; done\n", 0o755)
        hooks = "".join(f"[hook {name}]\nexec = {program}\nretries = 0\n" for name, program in
                        (("good", "/bin/true"), ("bad", "/bin/false"), ("slow", self.directory / "wait")))
        self.fake = self.start_fake("[jobs 1-3]\nstep = 0s Completed\n")
        self.write_config(self.fake, [1, 2, 3], more=hooks)
        began = time.time()
        daemon = self.run_service()
        daemon.wait_for('hook good: delivered', count=3)
        daemon.wait_for('hook bad: abandoned', count=3)
        self.read()
        self.assertEqual(self.all_of("delivery_attempts_total", "hook", "result"),
                         {("good", "success"): 3, ("bad", "failure"): 3})
        self.assertEqual(self.all_of("deliveries", "hook", "state"), {("bad", "failed"): 3, ("slow", "pending"): 3})
        oldest = self.all_of("delivery_oldest_pending_timestamp_seconds", "hook")
        self.assertEqual(list(oldest), ["slow"])
        self.assertTrue(began - 1 <= oldest["slow"] <= time.time() + 1, oldest)

        block.unlink()
        daemon.wait_for('hook slow: delivered', count=3)
        self.read()
        self.assertEqual(self.all_of("delivery_oldest_pending_timestamp_seconds", "hook"), {})
        self.assertEqual(self.all_of("deliveries", "hook", "state"), {("bad", "failed"): 3})

        self.write_config(self.fake, [1, 2, 3], more="[hook good]\nexec = /bin/true\n")
        daemon.process.send_signal(signal.SIGHUP)
        daemon.wait_for("Reloaded|reloaded")
        self.read()
        self.assertEqual({dict(labels)["hook"] for _, labels in self.samples if "hook" in dict(labels)}, {"good"})

    def test_the_state(self):
        self.fake = self.start_fake("[jobs 1-3]\nstep = 0s Completed\n")
        self.write_config(self.fake, [1, 2, 3], limits={"per_hour": 5000})
        daemon = self.run_service()
        daemon.wait_for(r"\[succeeded", count=3)
        self.read()
        self.assertEqual(self.value("state_writable"), 1)
        files = sum(path.stat().st_size for path in self.state.glob("jobwatchd.db*"))
        self.assertTrue(4096 < self.value("state_bytes") < 2 * files, self.samples)
        self.assertGreater(self.value("state_commit_duration_seconds_count"), 0)
        self.assertGreater(self.value("state_commit_duration_seconds_sum"), 0)
        self.assertAlmostEqual(self.value("heartbeat_timestamp_seconds"), time.time(), delta=5 * SLOW)
        self.assertEqual(self.all_of("rate_limit", "window"), {"hour": 5000})


class Share(CtlTest):
    """What share/ asks Prometheus for is exported."""

    def assertExported(self, expressions):
        self.start("[job 5]\nstep = 0s Completed\n", [5])
        text = self.bus.call("Metrics")[0]
        kinds = dict(re.findall(r"(?m)^# TYPE (\S+) (\S+)$", text))
        self.assertGreater(len(kinds), 10)
        for expression in expressions:
            names = re.findall(r"jobwatchd_\w+", expression)
            self.assertTrue(names, expression)
            for name in names:
                base = re.sub(SUFFIXES, "", name)
                self.assertTrue(name in kinds or kinds.get(base) == "histogram", f"{name} in {expression}")
            for labels in re.findall(r"\{(.*?)\}", expression):
                for label, value in re.findall(r'(\w+)!?=~?"(.*?)"', labels):
                    self.assertTrue(label == "instance" or label == "state" or f'{label}="{value}"' in text, expression)

    def test_the_dashboard(self):
        panels = json.loads((SHARE / "dashboard.json").read_text(encoding="utf-8"))["panels"]
        self.assertExported([target["expr"] for panel in panels for target in panel.get("targets", [])])

    def test_the_alerts(self):
        alerts = (SHARE / "alerts.yml").read_text(encoding="utf-8")
        found = re.findall(r"(?m)^        expr: (?:>-\n((?: {10}.*\n)+)|(.*)\n)", alerts)
        self.assertEqual(len(found), alerts.count("- alert:"))
        self.assertExported(["".join(pair) for pair in found])


class Tool(CtlTest):
    def test_the_tool_prints_them(self):
        self.start("[job 5]\nstep = 0s Completed\n", [5])
        self.daemon.wait_for("Nothing left to poll")
        samples = parse(self.out("metrics"))
        self.assertEqual(samples["jobs", frozenset({("outcome", "success")})], 1)
        self.assertEqual(samples["api_up", frozenset()], 1)


if __name__ == "__main__":
    unittest.main()
