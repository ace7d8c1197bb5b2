#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""URL hooks: which responses are a success, retries, and signatures."""

import base64
import hashlib
import hmac
import json
import os
import signal
import time
import unittest

from evidence import Database, UrlRecorder
from harness import EX_CONFIG, EX_JOB_FAILED, EX_OK, PATIENCE, SLOW, Closed, IntegrationTest

KEY = os.urandom(32)
SECRET = "whsec_" + base64.b64encode(KEY).decode()


class UrlTest(IntegrationTest):
    def setUp(self):
        super().setUp()
        self.answers = {}  # path → list of (status, headers), the last of which stays
        self.server = UrlRecorder(self.answer)
        self.addCleanup(self.server.stop)
        self.fake = self.start_fake("[job 11]\nstep = 0s Completed | done\n[job 12]\nstep = 0s Running\n")

    def answer(self, handler, document):
        answers = self.answers.get(handler.path, [(204, {})])
        return answers.pop(0) if len(answers) > 1 else answers[0]

    def hook(self, name, path=None, on="terminal", url=None, **keys):
        url = url or f"http://127.0.0.1:{self.server.port}{path or '/' + name}"
        return f"[hook {name}]\non = {on}\nurl = {url}\n" + "".join(f"{key} = {value}\n" for key, value in keys.items())

    @property
    def database(self):
        return Database(self.state)

    def paths(self):
        return [path for path, _, _ in self.server.requests]


class Answers(UrlTest):
    def test_every_2xx_is_success(self):
        hooks = ""
        for status in 200, 201, 202, 204, 299:
            self.answers[f"/s{status}"] = [(status, {})]
            hooks += self.hook(f"s{status}")
        self.write_config(self.fake, [11], more=hooks)
        daemon = self.assertEnds(EX_OK, "--exit-when-done")
        self.assertEqual(daemon.count(": delivered"), 5, daemon.text())
        path, headers, body = self.server.requests[0]
        document = json.loads(body)
        self.assertEqual(headers["Content-Type"], "application/json")
        self.assertRegex(headers["User-Agent"], "^jobwatchd/")
        self.assertEqual(headers["webhook-id"], document["event_id"])
        self.assertIsNone(headers["webhook-signature"])
        self.assertIsNone(headers["Authorization"], "the API's credentials are nobody else's")
        self.assertEqual((document["event"], document["result"]), ("succeeded", "done"))
        self.assertEqual(len({headers["webhook-id"] for _, headers, _ in self.server.requests}), 1)

    def test_a_server_error_is_tried_again(self):
        self.answers["/web"] = [(500, {}), (200, {})]
        self.write_config(self.fake, [11], more=self.hook("web"))
        daemon = self.start_daemon("--exit-when-done")
        daemon.wait_for("hook web: delivery of .* failed .attempt 1 of .*HTTP 500.* retrying in 5s")
        daemon.stop()
        self.database.hurry()
        self.assertEnds(EX_OK, "--exit-when-done", says=r"hook web: delivered .*\(attempt 2\)")
        documents = [json.loads(body) for _, _, body in self.server.requests]
        self.assertEqual([document.pop("attempt") for document in documents], [1, 2])
        self.assertEqual(documents[0], documents[1])

    def test_a_redirect_is_a_failure_and_not_followed(self):
        for status in 301, 302, 303, 307, 308:
            self.answers[f"/r{status}"] = [(status, {"Location": "/elsewhere"})]
        self.write_config(self.fake, [11], more="".join(self.hook(f"r{status}", retries=0)
                                                        for status in (301, 302, 303, 307, 308)))
        daemon = self.assertEnds(EX_JOB_FAILED, "--exit-when-done")
        self.assertEqual(daemon.count("abandoned .*redirects are not followed"), 5, daemon.text())
        self.assertNotIn("/elsewhere", self.paths())
        self.assertEqual({row[2] for row in self.database.deliveries()}, {"failed"})

    def test_no_server(self):
        closed = Closed()
        self.addCleanup(closed.release)
        self.write_config(self.fake, [11], more=self.hook("web", url=closed.url + "/x", retries=0))
        self.assertEnds(EX_JOB_FAILED, "--exit-when-done", says="hook web: abandoned .*connect")

    def test_one_that_hangs(self):
        """It times out, and other hooks, polls and the exit of the daemon are not delayed."""
        self.hanging = True
        self.addCleanup(setattr, self, "hanging", False)

        def answer(handler, document):
            while handler.path == "/hang" and self.hanging and not handler.rfile.closed:
                time.sleep(0.02)
            return 204, {}
        self.server.answer = answer
        self.write_config(self.fake, [11, 12], more=self.hook("hang", on="seen, changed", timeout="500ms") +
                          self.hook("well", on="seen, changed"))
        daemon = self.start_daemon()
        daemon.wait_for("hook well: delivered", count=2)
        for number in range(3):
            self.fake.job(12, result=str(number))
            daemon.wait_for("hook well: delivered", count=3 + number)
        daemon.wait_for("hook hang: delivery of .* failed .attempt 1 of .*retrying in 5s", count=2)
        daemon.stop()

        self.write_config(self.fake, [11, 12], more=self.hook("hang", on="seen, changed"))
        self.database.hurry()
        before = self.fake.stats()["last_seq"]
        again = self.start_daemon()
        self.fake.wait(2, before)
        begin = time.monotonic()
        self.assertEqual(again.stop(), EX_OK)
        self.assertLess(time.monotonic() - begin, 2 * SLOW)

    def test_retry_after(self):
        """A Retry-After applies only to its hook: neither other hooks nor polls are delayed."""
        for status in 429, 503, 409:
            with self.subTest(status):
                self.state = self.directory / f"state-{status}"
                self.answers[f"/busy{status}"] = [(status, {"Retry-After": "1000"})]
                self.write_config(self.fake, [11, 12], more=self.hook(f"busy{status}") +
                                  self.hook("well", on="seen, changed"))
                self.fake.job(12, status="Running", result="a")
                begin = time.time()
                daemon = self.start_daemon()
                daemon.wait_for(f"hook busy{status}: delivery of .* failed .attempt 1 of")
                daemon.wait_for("hook well: delivered", count=2)
                self.fake.job(12, result="b")
                daemon.wait_for("hook well: delivered", count=3)
                daemon.stop()
                (due,), = self.database.ask("SELECT next_us FROM deliveries WHERE state = 'pending'")
                self.assertGreaterEqual(due / 1e6, begin + 1000)
                self.assertLess(due / 1e6, time.time() + 1100)
                again = self.start_daemon()
                again.wait_for("watching 2 jobs")
                self.fake.polls(2, 12)
                again.stop()
                self.assertEqual(self.paths().count(f"/busy{status}"), 1, "the wait outlives a restart")

    def test_a_wait_without_end_is_not_obeyed(self):
        self.answers["/busy"] = [(429, {"Retry-After": "99999999"})]
        self.write_config(self.fake, [11], more=self.hook("busy"))
        daemon = self.start_daemon()
        daemon.wait_for("hook busy: delivery of .* failed .attempt 1 of")
        daemon.stop()
        (due,), = self.database.ask("SELECT next_us FROM deliveries")
        self.assertLess(due / 1e6, time.time() + 86400)

    def test_error_of_a_failed_delivery(self):
        answer = self.server.take

        def take(handler):
            handler.rfile.read(int(handler.headers["Content-Length"]))
            body = b"no such\x1b[31m channel " + b"x" * 1000
            handler.send_response(404)
            handler.send_header("Content-Length", str(len(body)))
            handler.end_headers()
            handler.wfile.write(body)
        self.server.take = take
        self.addCleanup(setattr, self.server, "take", answer)
        self.write_config(self.fake, [11], more=self.hook("web", retries=0))
        daemon = self.assertEnds(EX_JOB_FAILED, "--exit-when-done", says="HTTP 404: no such.{1,10}channel x+")
        self.assertNotIn("\x1b", daemon.text())
        self.assertLess(max(map(len, daemon.lines)), 600)


class Signatures(UrlTest):
    def verify(self, headers, body):
        signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
        expected = base64.b64encode(hmac.new(KEY, signed, hashlib.sha256).digest()).decode()
        self.assertEqual(headers["webhook-signature"], f"v1,{expected}")
        self.assertLess(abs(int(headers["webhook-timestamp"]) - time.time()), 10 + PATIENCE)

    def test_signed(self):
        secret = self.secret("hook.secret", SECRET + "\n")
        self.answers["/web"] = [(500, {}), (200, {})]
        result = "\"é🎉\\\n$(x)" * 50000
        self.fake.job(11, result=result)
        self.write_config(self.fake, [11], more=self.hook("web", secret_file=secret))
        self.assertEnds(EX_OK, "--once")
        self.database.hurry()
        daemon = self.assertEnds(EX_OK, "--exit-when-done")
        self.assertEqual(len(self.server.requests), 2)
        for _, headers, body in self.server.requests:
            self.verify(headers, body)
            self.assertEqual(json.loads(body)["result"], result)
        self.assertEqual(len({headers["webhook-id"] for _, headers, _ in self.server.requests}), 1)
        self.assertNotIn(SECRET[6:], daemon.text())

    def test_a_start_needs_a_valid_secret(self):
        for content in ("not a secret", "whsec_" + base64.b64encode(b"short").decode(), "", "v1," + SECRET):
            with self.subTest(content):
                secret = self.secret("hook.secret", content)
                self.write_config(self.fake, [11], more=self.hook("web", secret_file=secret, retries=0))
                daemon = self.assertEnds(EX_CONFIG, "--exit-when-done",
                                         says=rf"{self.config}:\d+: secret_file = {secret}: ")
                self.assertNotIn(SECRET[8:], daemon.text())
                self.assertEqual(self.server.requests, [])

    def test_a_start_reports_every_hook_whose_secret_is_missing(self):
        one, two = self.directory / "one.secret", self.directory / "two.secret"
        self.write_config(self.fake, [11], more=self.hook("one", secret_file=one) + self.hook("two", secret_file=two))
        daemon = self.assertEnds(EX_CONFIG, says=f"secret_file = {one}: .*is missing or empty")
        self.assertRegex(daemon.text(), f"secret_file = {two}: .*is missing or empty")
        self.assertEqual(self.fake.stats()["requests"], 0, "nothing has begun")
        for path in one, two:
            self.secret(path.name, SECRET)
        self.assertEnds(EX_OK, "--exit-when-done")
        for _, headers, body in self.server.requests:
            self.verify(headers, body)


def copies_of(directory, *secrets):
    """The files below a directory that contain one of the secrets."""
    return [str(path) for path in directory.rglob("*") if path.is_file() and
            any(secret.encode() in path.read_bytes() for secret in secrets)]


class Secrets(UrlTest):
    """url_file and header_file."""

    PATH, QUERY, VALUE = "T0AB1C2D3/s3cretP4th", "Qu3ryS3cret", "Bearer h3aderS3cret"

    def setUp(self):
        super().setUp()
        self.url = self.secret("chat.url", self.url_of(self.PATH))
        self.headers = self.secret("chat.headers", f"Authorization: {self.VALUE}\nX-Channel: jobs\n")
        self.daemon = None

    def url_of(self, path):
        return f"http://127.0.0.1:{self.server.port}/{path}?key={self.QUERY}\n"

    def chat(self, on="terminal", **keys):
        keys = {"url_file": self.url, "header_file": self.headers, "retries": 0, **keys}
        return f"[hook chat]\non = {on}\n" + "".join(f"{key} = {value}\n" for key, value in keys.items())

    def assertSecret(self, *texts):
        """Neither a log nor the state contains what only the receiver may know."""
        secrets = (*self.PATH.split("/"), self.QUERY, self.VALUE.split()[1])
        for text in texts:
            for secret in secrets:
                self.assertNotIn(secret.lower(), text.lower())
        self.assertEqual(copies_of(self.state, *secrets), [])

    def test_the_receiver_sees_both(self):
        self.write_config(self.fake, [11], more=self.chat())
        daemon = self.assertEnds(EX_OK, "--exit-when-done", "--log-level=debug", says="hook chat: delivered")
        ((path, headers, _),) = self.server.requests
        self.assertEqual(path, f"/{self.PATH}?key={self.QUERY}")
        self.assertEqual(headers["Authorization"], self.VALUE)
        self.assertEqual(headers["X-Channel"], "jobs")
        self.assertEqual(headers["Content-Type"], "application/json")
        self.assertSecret(daemon.text(), daemon.output)

    def test_failures_do_not_tell(self):
        """Also if the receiver repeats all it has got, and if there is none."""
        self.server.answer = lambda handler, document: (
            404, {}, f"Cannot POST {handler.path}\n{handler.headers}".encode())
        self.write_config(self.fake, [11], more=self.chat())
        refused = self.assertEnds(EX_JOB_FAILED, "--exit-when-done", "--log-level=debug",
                                  says="hook chat: abandoned .*HTTP 404: the response may repeat a secret")
        self.assertEqual(len(self.server.requests), 1)
        self.assertSecret(refused.text())

        closed = Closed()
        self.addCleanup(closed.release)
        texts = []
        for number, (url, says) in enumerate((
                (f"{closed.url}/{self.PATH}?{self.QUERY}", "could not connect"),
                (f"https://127.0.0.1:{self.server.port}/{self.PATH}?{self.QUERY}", "TLS failed"),
                (f"https://nowhere.invalid/{self.PATH}?{self.QUERY}", "could not be resolved|could not connect"))):
            self.secret("chat.url", url)
            self.state = self.directory / f"state-{number}"
            self.write_config(self.fake, [11], more=self.chat())
            daemon = self.assertEnds(EX_JOB_FAILED, "--exit-when-done", "--log-level=debug",
                                     says=f"hook chat: abandoned .*({says})")
            self.assertSecret(daemon.text())

    def test_print_config_and_check_show_names_only(self):
        self.write_config(self.fake, [11], more=self.chat())
        printed = self.assertEnds(EX_OK, "--print-config")
        self.assertIn(f"\nurl_file = {self.url}\n", printed.output)
        checked = self.assertEnds(EX_OK, "--check")
        for daemon in printed, checked:
            self.assertSecretText(daemon.text() + daemon.output)

    def assertSecretText(self, text):
        for secret in (*self.PATH.split("/"), self.QUERY, self.VALUE.split()[1]):
            self.assertNotIn(secret, text)

    def test_invalid_ones_are_refused_by_check_and_at_start(self):
        for name, key, content, says in (
                ("chat.url", "url_file", f"http://chat.example.com/{self.PATH}", "invalid URL; plain http"),
                ("chat.headers", "header_file", f"X-A: 1\nHost: {self.QUERY}\n", "line 2: jobwatchd sets Host"),
                ("chat.headers", "header_file", self.VALUE, "line 1: write \"Name: value\"")):
            with self.subTest(says):
                self.setUp_files()
                path = self.secret(name, content)
                self.write_config(self.fake, [11], more=self.chat())
                line = 1 + self.config.read_text().split("\n").index(f"{key} = {path}")
                checked = self.assertEnds(EX_CONFIG, "--check")
                self.assertRegex(checked.text() + checked.output,
                                 rf"(?m)^{self.config}:{line}: {key} = {path}: .*{says}")
                started = self.assertEnds(EX_CONFIG, says=rf"{self.config}:{line}: {key} = {path}: .*{says}")
                for daemon in checked, started:
                    self.assertSecretText(daemon.text() + daemon.output)
        self.assertEqual(self.server.requests, [])

    def setUp_files(self):
        self.secret("chat.url", self.url_of(self.PATH))
        self.secret("chat.headers", f"Authorization: {self.VALUE}\n")

    def reload(self, daemon, says):
        mark = daemon.mark()
        daemon.process.send_signal(signal.SIGHUP)
        return daemon.wait_for(says, since=mark)

    def test_a_reload_reads_them_again(self):
        self.write_config(self.fake, [12], more=self.chat(on="changed"))
        daemon = self.start_daemon()
        daemon.wait_for("Job 12: first seen")
        self.secret("chat.url", self.url_of("rotated/n3wP4th"))
        self.secret("chat.headers", "Authorization: Bearer rotat3d\n")
        self.fake.job(12, result="a")
        self.server.wait_for(1, PATIENCE)
        self.reload(daemon, "Configuration reloaded: ")
        self.fake.job(12, result="b")
        self.server.wait_for(2, PATIENCE)
        daemon.stop()
        self.assertEqual([(path.split("?")[0], headers["Authorization"]) for path, headers, _ in self.server.requests],
                         [(f"/{self.PATH}", self.VALUE), ("/rotated/n3wP4th", "Bearer rotat3d")])
        self.assertSecret(daemon.text())

    def test_a_reload_with_a_credential_that_is_not_loaded(self):
        """It is refused, names what to do, and the previous configuration goes on."""
        credentials = self.directory / "credentials"
        credentials.mkdir()
        (credentials / "chat.url").write_text(self.url_of(self.PATH))
        plain = f"[hook chat]\non = changed\nurl_file = chat.url\n"
        self.write_config(self.fake, [12], more=plain)
        daemon = self.start_daemon(env={"CREDENTIALS_DIRECTORY": str(credentials)})
        daemon.wait_for("Job 12: first seen")
        restart = "systemd passes credentials only when the service starts"
        for key in "secret_file", "header_file":
            with self.subTest(key):
                mark = daemon.mark()
                self.write_config(self.fake, [12], more=plain + f"{key} = chat.more\n")
                self.reload(daemon, f"error .*{self.config}:\\d+: {key} = chat.more: the service was not given this "
                                    "credential; add LoadCredential=chat.more:.*, then restart the service")
                daemon.wait_for(restart, since=mark)
                daemon.wait_for("Configuration not reloaded: 1 error", since=mark)
        # A file is not passed by systemd.
        mark = daemon.mark()
        self.write_config(self.fake, [12], more=plain + f"secret_file = {self.directory}/chat.more\n")
        self.reload(daemon, f"error .*{self.directory}/chat.more is missing or empty")
        daemon.wait_for("Configuration not reloaded: 1 error", since=mark)
        self.assertEqual(daemon.count(restart), 2, daemon.text())
        self.write_config(self.fake, [12], more=plain + "header_file = chat.more\n")
        self.fake.job(12, result="a")
        self.server.wait_for(1, PATIENCE)
        self.assertEqual(daemon.count("Configuration reloaded"), 0)
        daemon.stop()

        # Loaded by a restart, it is accepted.
        (credentials / "chat.more").write_text("X-More: 1\n")
        daemon = self.start_daemon(env={"CREDENTIALS_DIRECTORY": str(credentials)})
        self.fake.job(12, result="b")
        self.server.wait_for(2, PATIENCE)
        self.assertEqual(self.server.requests[1][1]["X-More"], "1")
        daemon.stop()
        self.assertSecret(daemon.text())


if __name__ == "__main__":
    unittest.main()
