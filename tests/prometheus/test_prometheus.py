# SPDX-License-Identifier: MIT
"""The way of the metrics from the daemon to the dashboard, before, during and after an outage of the API: the file,
node_exporter, Prometheus, and each expression of the dashboard."""

import json
import math
import os
import pathlib
import re
import shutil
import subprocess
import sys
import time
import unittest
import urllib.parse
import urllib.request

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "integration"))

from harness import JOBS, PATIENCE, Closed, IntegrationTest, end_with_parent  # pylint: disable=wrong-import-position

DASHBOARD = pathlib.Path(__file__).resolve().parents[2] / "share" / "dashboard.json"
PATH = os.environ.get("PROMETHEUS", "") + ":" + os.environ["PATH"]
PROMETHEUS, EXPORTER = (shutil.which(name, path=PATH) for name in ("prometheus", "prometheus-node-exporter"))
SKIP = 77

WRITTEN = 15  # seconds between two files
WINDOW = 30   # of rates
NONE = frozenset()
OF_PROMETHEUS = {"__name__", "instance", "job"}


def endpoint_of(request):
    return {JOBS: "search", JOBS + "/": "batch"}.get(request["path"], "single")


def expressions():
    """{title of the panel: expression}, with values for the variables of Grafana."""
    panels = json.loads(DASHBOARD.read_text(encoding="utf-8"))["panels"]
    found = {}
    for panel in panels:
        for target in panel.get("targets", []):
            if panel["title"] in found:
                raise AssertionError(f"two expressions have the title {panel['title']}")
            found[panel["title"]] = target["expr"].replace("$__rate_interval", f"{WINDOW}s").replace("$instance", ".*")
    return found


class Prometheus(IntegrationTest):
    def setUp(self):
        super().setUp()
        self.metrics = self.directory / "metrics"
        self.metrics.mkdir()

    def start_server(self, program, *options):
        """On a free port of loopback. Returns the port."""
        closed = Closed()
        port = closed.release()
        process = subprocess.Popen([program, f"--web.listen-address=127.0.0.1:{port}", "--log.level=warn", *options],
                                   cwd=self.directory, stdin=subprocess.DEVNULL, preexec_fn=end_with_parent)
        self.addCleanup(process.wait)
        self.addCleanup(process.terminate)
        return port

    def start_servers(self):
        exporter = self.start_server(EXPORTER, "--collector.disable-defaults", "--collector.textfile",
                                     f"--collector.textfile.directory={self.metrics}")
        (self.directory / "prometheus.yml").write_text(
            "global: {scrape_interval: 1s, scrape_timeout: 1s}\n"
            f"scrape_configs: [{{job_name: node, static_configs: [{{targets: ['127.0.0.1:{exporter}']}}]}}]\n")
        self.port = self.start_server(PROMETHEUS, f"--config.file={self.directory}/prometheus.yml",
                                      f"--storage.tsdb.path={self.directory}/data")

    def query(self, expression, at=None):
        """{labels: value} at a time, without the labels that Prometheus adds."""
        query = {"query": expression, **({"time": at} if at else {})}
        url = f"http://127.0.0.1:{self.port}/api/v1/query?" + urllib.parse.urlencode(query)
        try:
            with urllib.request.urlopen(url, timeout=PATIENCE) as reply:
                answer = json.load(reply)
        except OSError:
            return {}  # it has not started yet
        return {frozenset((name, value) for name, value in row["metric"].items() if name not in OF_PROMETHEUS):
                float(row["value"][1]) for row in answer["data"]["result"]}

    def wait_for(self, condition, limit=WRITTEN + PATIENCE):
        end = time.monotonic() + limit
        while not condition():
            self.assertLess(time.monotonic(), end, "time ran out")
            time.sleep(0.2)

    # ---- what is expected ----

    def wall(self, monotonic):
        return time.time() - time.monotonic() + monotonic

    def assertCounts(self, shown, times, factor=1.0):
        """`shown` is {key: increase within the window}, and `times` {key: when each happened}; 0 is the same as nothing.
        What is shown is as old as the file."""
        for key in set(shown) | set(times):
            most = sum(self.at - WINDOW - WRITTEN - 2 <= at <= self.at for at in times.get(key, []))
            least = sum(self.at - WINDOW <= at <= self.at - WRITTEN - 2 for at in times.get(key, []))
            # Prometheus extrapolates to the ends of the window.
            self.assertTrue(least * 0.9 - 1 <= shown.get(key, 0) * factor <= most * 1.25 + 0.01, (key, shown, least, most))

    def by(self, name, result):
        return {dict(labels)[name]: value for labels, value in result.items()}

    def request_times(self, key, wanted=lambda request: True):
        began = self.wall(self.fake.began())
        found = {}
        for request in self.fake.requests():
            if wanted(request):
                found.setdefault(key(request), []).append(began + request["t"])
        return found

    def line_times(self, pattern):
        """Of lines that match, by what the groups of the pattern are."""
        found = {}
        with self.daemon.changed:
            for at, line in zip(self.daemon.times, self.daemon.lines):
                match = re.search(pattern, line)
                if match:
                    found.setdefault(match.groups(), []).append(self.wall(at))
        return found

    def assertDashboard(self, up, jobs, failed, pending, quantile):
        """At a time at which nothing changes: whether the API is up, the jobs by outcome, the numbers of failed and pending
        deliveries, and between what the durations of requests are."""
        self.wait_for(lambda: self.query("jobwatchd_heartbeat_timestamp_seconds").get(NONE, 0) > time.time() - 2)
        self.at = time.time()
        found = {title: self.query(expression, self.at) for title, expression in expressions().items()}
        take = found.pop
        events = {key[0]: times for key, times in self.line_times(r"\[(" + "seen|changed|succeeded|failed" + r")[],]").items()}
        attempts = {("good", "success"): self.line_times(r"(hook good): delivered").get(("hook good",), []),
                    ("bad", "failure"): self.line_times(r"(hook bad): abandoned").get(("hook bad",), [])}

        self.assertEqual(take("API"), {NONE: up})
        self.assertEqual(take("State"), {NONE: 1})
        self.assertEqual(take("Change feed"), {NONE: 1})
        self.assertEqual(list(take("Version").values()), [1])
        self.assertLess(take("Age of the metrics")[NONE], WRITTEN + 2)
        age = self.at - max(times for times in self.request_times(lambda _: 0, lambda request: request["status"] == 200)[0])
        self.assertTrue(age - 2 < take("Last success of the API")[NONE] < age + WRITTEN + 2)
        self.assertEqual(self.by("outcome", take("Jobs")), {"open": 0, "success": 0, "failure": 0, "gone": 0, **jobs})
        self.assertEqual(take("Jobs that cannot be polled"), {NONE: 0})
        self.assertCounts(self.by("event", take("Events")), events)
        self.assertCounts(self.by("endpoint", take("Requests")), self.request_times(endpoint_of), WINDOW)
        errors = self.by("result", take("Failed requests"))
        self.assertCounts(errors, self.request_times(lambda _: "server error", lambda request: request["status"] == 500), WINDOW)
        self.assertEqual(any(errors.values()), not up)
        durations = {name: value for name, value in self.by("endpoint", take("Duration of requests, 95 %")).items()
                     if not math.isnan(value)}
        self.assertTrue(durations)
        for value in durations.values():
            self.assertTrue(quantile[0] <= value <= quantile[1], durations)
        failures = self.request_times(lambda _: 0, lambda request: request["status"] == 500).get(0)
        down = min(failures or [0])
        hour = len(self.fake.requests())
        share = self.by("window", take("Share of the request budget"))
        self.assertEqual(set(share), {"hour"})
        self.assertTrue(0.3 * hour / 5000 < share["hour"] <= (hour + 4) / 5000, (share, hour))  # some are in flight
        lag = take("Most overdue poll")[NONE]
        self.assertTrue(lag < 5 if up else WINDOW - 15 < lag < self.at - down + 5, (lag, self.at - down))
        page = take("Last page of the change feed")[NONE]
        age = self.at - max(self.request_times(endpoint_of, lambda request: request["status"] == 200)["search"])
        self.assertTrue(age - 2 < page < age + WRITTEN + 2, (page, age))
        deliveries = {tuple(sorted(dict(labels).values())): value for labels, value in take("Deliveries").items() if value}
        self.assertEqual(deliveries, {("bad", "failed"): failed, **({("pending", "slow"): pending} if pending else {})})
        self.assertCounts({(dict(labels)["hook"], dict(labels)["result"]): value for labels, value in take("Attempts").items()},
                          attempts)
        oldest = take("Oldest pending delivery")
        self.assertEqual(len(oldest), 1 if pending else 0)
        if pending:
            first = self.line_times(r"\[(succeeded|failed)")
            age = self.at - min(at for times in first.values() for at in times)
            self.assertAlmostEqual(list(oldest.values())[0], age, delta=2)
        size = take("Size")[NONE]
        self.assertTrue(4096 < size < 64 * 1024 * 1024, size)
        commit = take("Duration of commits, 99 %")[NONE]
        self.assertTrue(math.isnan(commit) or 0 < commit < 30, commit)
        self.assertEqual(set(found), set(), "each expression is tested")

    # ---- the outage ----

    def test_each_expression_of_the_dashboard_during_an_outage(self):
        self.start_servers()
        block = self.directory / "block"
        block.touch()
        wait = self.secret("wait", f"#!/bin/sh\nwhile [ -e {block} ]; do sleep 0.1; done\n", 0o755)
        self.fake = self.start_fake("[jobs 1-6]\nstep = 0s Running\n")
        self.fake.fault("slow", delay="500ms")
        self.write_config(self.fake, range(1, 7), metrics={"textfile": self.metrics / "jobwatchd.prom"},
                          poll={"interval": "1s", "max_interval": "2s", "sweep_interval": "5s"}, limits={"per_hour": 5000},
                          more="[discover all]\n" + "".join(f"[hook {name}]\nexec = {program}\nretries = 0\ntimeout = 10min\n"
                                                            for name, program in (("good", "/bin/true"), ("bad", "/bin/false"),
                                                                                  ("slow", wait))))
        self.daemon = self.start_daemon()
        self.daemon.wait_for(r"\[seen", count=6)
        self.fake.job(1, "done", status="Completed")
        self.fake.job(2, "no", status="Failed")
        self.daemon.wait_for(r"\[(succeeded|failed)", count=2)
        self.wait_for(lambda: self.query("jobwatchd_feed_active").get(NONE) == 1)
        self.assertEqual(self.query("node_textfile_scrape_error"), {NONE: 0})
        time.sleep(WINDOW)  # a window of nothing else
        self.assertDashboard(up=1, jobs={"open": 4, "success": 1, "failure": 1}, failed=2, pending=2, quantile=(0.3, 1))

        self.fake.fault("slow", status=500)
        self.wait_for(lambda: self.query("jobwatchd_api_up").get(NONE) == 0)
        time.sleep(WINDOW)
        self.assertDashboard(up=0, jobs={"open": 4, "success": 1, "failure": 1}, failed=2, pending=2, quantile=(0, 0.3))

        block.unlink()
        self.daemon.wait_for("hook slow: delivered", count=2)
        self.fake.mend()
        self.fake.job(3, "done", status="Completed")
        self.daemon.wait_for(r"\[succeeded", count=2)
        self.wait_for(lambda: self.query("jobwatchd_api_up").get(NONE) == 1)
        time.sleep(WINDOW + WRITTEN)
        self.assertDashboard(up=1, jobs={"open": 3, "success": 2, "failure": 1}, failed=3, pending=0, quantile=(0, 0.3))

        self.daemon.stop()
        self.wait_for(lambda: self.query("jobwatchd_api_up") == {})


if __name__ == "__main__":
    if PROMETHEUS is None or EXPORTER is None:
        print("prometheus or prometheus-node-exporter is missing")
        sys.exit(SKIP)
    unittest.main()
