# SPDX-License-Identifier: MIT
"""Compares what happened to jobs, what was recorded, and what was delivered to hooks.

A Job keeps every state that the fake was given; all are different. Hooks record each attempt. check() verifies the
promise: each end was delivered, nothing was delivered that did not happen, in the order in which it happened, and each
event under one id.
"""

import collections
import http.server
import json
import os
import pathlib
import re
import shutil
import sqlite3
import ssl
import tempfile
import threading

END_KINDS = ("succeeded", "failed", "gone")

Attempt = collections.namedtuple("Attempt", "verdict number document")


class ExecRecorder:
    """A program for an exec hook (record_attempt.c), and the attempts it recorded."""

    def __init__(self, directory, name, moody=False):
        self.path = directory / f"{name}.attempts"
        self.program = directory / name
        self.calm = directory / f"{name}.calm"
        shutil.copy(os.environ["RECORD_ATTEMPT"], self.program)
        if moody:
            (directory / f"{name}.moody").touch()

    def soothe(self):
        self.calm.touch()

    def attempts(self):
        if not self.path.exists():
            return []
        lines = self.path.read_text(encoding="utf-8").splitlines(keepends=True)
        split = [line.split(" ", 2) for line in lines if line.endswith("\n")]  # others are being written
        return [Attempt(verdict, int(number), json.loads(document)) for verdict, number, document in split]


class UrlRecorder:
    """A server for an url hook. `answer` is called with (handler, document) and returns a status and headers, and
    perhaps a body. `tls` names the files of a certificate and its key."""

    def __init__(self, answer=None, tls=None):
        self.received = []
        self.requests = []  # (path, headers, body)
        self.lock = threading.Condition()
        self.answer = answer or (lambda handler, document: (204, {}))
        recorder = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                recorder.take(self)

            do_GET = do_POST

            def log_message(self, *arguments):
                pass

        class Server(http.server.ThreadingHTTPServer):
            daemon_threads = True
            request_queue_size = 128  # for many connections at once

            def handle_error(self, request, client_address):
                pass  # a client that was killed

        self.server = Server(("127.0.0.1", 0), Handler)
        if tls:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(*tls)
            # The handshake is made by the thread of the request, at its first read.
            self.server.socket = context.wrap_socket(self.server.socket, server_side=True,
                                                     do_handshake_on_connect=False)
        self.port = self.server.server_address[1]
        self.url = f"{'https' if tls else 'http'}://127.0.0.1:{self.port}/hook"
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.05,))
        self.thread.start()

    def take(self, handler):
        size = int(handler.headers.get("Content-Length") or 0)
        body = handler.rfile.read(size)
        if len(body) < size:
            return  # the client was killed while it sent
        document = json.loads(body)
        status, headers, *page = self.answer(handler, document)
        with self.lock:
            self.requests.append((handler.path, handler.headers, body))
            self.received.append(Attempt("ok" if 200 <= status < 300 else "fail", document["attempt"], document))
            self.lock.notify_all()
        handler.send_response(status)
        for name, value in headers.items():
            handler.send_header(name, value)
        page = b"".join(page)
        handler.send_header("Content-Length", str(len(page)))
        handler.end_headers()
        handler.wfile.write(page)

    def attempts(self):
        with self.lock:
            return list(self.received)

    def wait_for(self, count, patience):
        with self.lock:
            if not self.lock.wait_for(lambda: len(self.received) >= count, patience):
                raise AssertionError(f"{len(self.received)} of {count} posts came: {self.received}")

    def stop(self):
        self.server.shutdown()
        self.thread.join()
        self.server.server_close()


class Job:
    """The states of a job, in order. Each is (status, result); all are different."""

    def __init__(self, id):
        self.id = id
        self.states = []

    def enter(self, status, result):
        assert (status, result) not in self.states
        self.states.append((status, result))

    def place(self, status, result):
        """The index of a state, or None."""
        return self.states.index((status, result)) if (status, result) in self.states else None

    @property
    def ended(self):
        return bool(self.states) and not self.states[-1][0].startswith("Running")


class Database:
    """The state of a stopped daemon."""

    def __init__(self, directory):
        self.path = directory / "jobwatchd.db"

    def ask(self, sql, *values):
        connection = sqlite3.connect(self.path)
        try:
            with connection:
                return connection.execute(sql, values).fetchall()
        finally:
            connection.close()

    def hurry(self):
        """Makes pending deliveries due now. Nothing is pending in a state whose daemon was killed while creating it."""
        if self.path.exists() and self.ask("SELECT 1 FROM sqlite_master WHERE name = 'deliveries'"):
            self.ask("UPDATE deliveries SET next_us = 0 WHERE state = 'pending'")

    def is_sound(self):
        """Queries a copy, so that recovery from a crash is left to the daemon."""
        with tempfile.TemporaryDirectory(prefix="jobwatchd-test-") as directory:
            copy = pathlib.Path(directory) / self.path.name
            for suffix in ("", "-wal", "-journal"):
                if os.path.exists(f"{self.path}{suffix}"):
                    shutil.copyfile(f"{self.path}{suffix}", f"{copy}{suffix}")
            connection = sqlite3.connect(copy)
            try:
                found = connection.execute("PRAGMA integrity_check").fetchall()
                return found == [("ok",)] and not connection.execute("PRAGMA foreign_key_check").fetchall()
            finally:
                connection.close()

    def events(self):
        """(id, kind, job, status, result, status_before, result_before) in recorded order."""
        result = ("(SELECT data FROM texts AS t WHERE t.job = e.job "
                  "AND t.hash = e.{0}_hash AND t.size = e.{0}_size)").format
        rows = self.ask(f"SELECT id, kind, job, status, {result('result')}, status_before, {result('before')} "
                        "FROM events AS e ORDER BY sequence")
        text = lambda value: value.decode() if isinstance(value, bytes) else value
        return [Recorded(row[0], row[1], row[2], *map(text, row[3:7])) for row in rows]

    def deliveries(self):
        return self.ask("SELECT e.id, d.hook, d.state, d.attempts FROM deliveries d "
                        "JOIN events e ON e.sequence = d.event ORDER BY d.id")


Recorded = collections.namedtuple("Recorded", "id kind job status result status_before result_before")


def content_of(document):
    return json.dumps({key: value for key, value in document.items() if key != "attempt"}, sort_keys=True)


def check(test, jobs, database, hooks, log):
    """`hooks`: name → (recorder, event kinds). `log`: the complete log, as lines of the console or entries of a journal.
    All deliveries are done."""
    test.assertTrue(database.is_sound(), "the database is damaged")
    recorded = database.events()
    check_recorded(test, jobs, recorded)
    (check_log if isinstance(log, str) else check_journal)(test, recorded, log)
    for name, (recorder, kinds) in hooks.items():
        check_hook(test, name, [event for event in recorded if event.kind in kinds], recorder.attempts())
    open_ones = [row for row in database.deliveries() if row[2] != "done"]
    test.assertEqual(open_ones, [], "every delivery is done")


def check_recorded(test, jobs, recorded):
    """The recorded events are what happened, in order, each starting from the state of the previous one."""
    last = {}
    test.assertEqual(len({event.id for event in recorded}), len(recorded))
    for event in recorded:
        place = jobs[event.job].place(event.status, event.result)
        test.assertIsNotNone(place, f"{event} never happened")
        before = last.get(event.job)
        if before is not None:
            test.assertLess(jobs[event.job].place(before.status, before.result), place, f"{event} after {before}")
            test.assertEqual((event.status_before, event.result_before), (before.status, before.result))
        last[event.job] = event
    for job in jobs.values():
        if not job.ended:
            continue
        test.assertIn(job.id, last, "an ended job of which nothing is recorded")
        test.assertEqual((last[job.id].status, last[job.id].result), job.states[-1])
        kinds = [event.kind for event in recorded if event.job == job.id]
        wanted = "succeeded" if job.states[-1][0] == "Completed" else "failed"
        test.assertEqual([kind for kind in kinds if kind in END_KINDS], [wanted], f"job {job.id} ended once")


def check_log(test, recorded, log):
    for event in recorded:
        shown = re.escape(event.status)
        result = f": {re.escape(event.result)}" if event.result else ""
        step = rf"(first seen as {shown}{result}|{shown}, result is now {re.escape(event.result or '(none)')})"
        if event.status_before is not None and event.status_before != event.status:
            step = rf"{re.escape(event.status_before)} → {shown}{result}"
        pattern = rf"(?m)Job {event.job}: {step} \[{event.kind}\b"
        test.assertRegex(log, pattern, f"{event} was not logged")


def check_journal(test, recorded, entries):
    """Each event was logged, and repeated entries are equal."""
    by_id = {}
    for entry in entries:
        if "JOBWATCH_EVENT_ID" in entry and "JOBWATCH_HOOK" not in entry:  # not of an attempt
            test.assertEqual(by_id.setdefault(entry["JOBWATCH_EVENT_ID"], entry), entry)
    for event in recorded:
        test.assertIn(event.id, by_id, f"{event} was not logged")
        entry = by_id.pop(event.id)
        test.assertEqual((entry["JOBWATCH_EVENT"], int(entry["JOBWATCH_JOB"]), entry["JOBWATCH_STATUS"]),
                         (event.kind, event.job, event.status))
    test.assertEqual(by_id, {}, "logged, but not recorded")


def check_hook(test, name, wanted, attempts):
    """Each event was delivered to each hook that asked for it; for each job in recorded order, each after the previous
    one had succeeded."""
    by_id = {event.id: event for event in wanted}
    content = {}
    orders = collections.defaultdict(list)
    for event in wanted:
        orders[event.job].append(event.id)
    taken = set()
    for attempt in attempts:
        document = attempt.document
        id = document["event_id"]
        test.assertIn(id, by_id, f"hook {name} was told what was not recorded, or what it did not want")
        event = by_id[id]
        told = (document["event"], document["job"]["id"], document["status"], document["result"])
        test.assertEqual(told, (event.kind, event.job, event.status, event.result))
        test.assertEqual((document["status_before"], document["result_before"]),
                         (event.status_before, event.result_before))
        test.assertEqual(content.setdefault(id, content_of(document)), content_of(document))
        order = orders[event.job]
        for earlier in order[:order.index(id)]:
            test.assertIn(earlier, taken, f"hook {name}: {event} was told before an earlier one was taken")
        test.assertEqual(attempt.number, document["attempt"])
        if attempt.verdict == "ok":
            taken.add(id)
    missing = [event for event in wanted if event.id not in taken]
    test.assertEqual(missing, [], f"hook {name} was never told")
