# SPDX-License-Identifier: MIT
"""The hooks in share/examples/, run with the input that jobwatchd gives a hook.

The environment variable JOBWATCHD names the program; it checks the configuration beside each example.
"""

import email
import email.policy
import http.server
import json
import os
import pathlib
import re
import shutil
import socket
import subprocess
import tempfile
import threading
import unittest

PROGRAM = os.environ.get("JOBWATCHD")
EXAMPLES = pathlib.Path(__file__).resolve().parents[2] / "share" / "examples"
SLOW = float(os.environ.get("TEST_SLOW", "1"))
EVENT_ID = "0f1e2d3c-4b5a-4978-8695-a4b3c2d1e0f0"

# Records its arguments and input in its directory, and exits with the status in the file "status".
NOTING = """#!/bin/sh
here=${0%/*}
for argument; do printf '%s\\n' "$argument"; done > "$here/${0##*/}.arguments"
cat > "$here/${0##*/}.input"
exit "$(cat "$here/status" 2>/dev/null || echo 0)"
"""


def event(**changes):
    document = {
        "schema": 1, "event": "failed", "event_id": EVENT_ID, "sequence": 17, "time": "2026-01-31T12:00:00.123456Z",
        "job": {"id": 87654321, "name": "members-import", "guid": "g", "description": "Import of members",
                "business": {"id": 1, "name": "Space"}, "files": "a.csv", "created_on": None, "updated_on": None},
        "status": "Completed with errors", "status_before": "Running", "outcome": "failure",
        "result": "line 1\nline 2\n", "result_before": None, "attempt": 1,
    }
    document.update(changes)
    return document


class Example(unittest.TestCase):
    def setUp(self):
        directory = tempfile.TemporaryDirectory(prefix="jobwatchd-examples-")
        self.addCleanup(directory.cleanup)
        self.directory = pathlib.Path(directory.name)
        self.directory.chmod(0o755)

    def fake(self, name):
        path = self.directory / name
        path.write_text(NOTING)
        path.chmod(0o755)

    def run_example(self, name, *arguments, document, ended=0):
        """Runs it like an exec hook: only the variables, and the document on standard input."""
        job = document["job"] or {"id": "", "name": ""}
        environment = {
            "PATH": f"{self.directory}:/usr/bin:/bin",
            "JOBWATCH_EVENT": document["event"],
            "JOBWATCH_EVENT_ID": document["event_id"],
            "JOBWATCH_SEQUENCE": str(document["sequence"]),
            "JOBWATCH_JOB": str(job["id"]),
            "JOBWATCH_JOB_NAME": job["name"] or "",
            "JOBWATCH_DISCOVER": "",
            "JOBWATCH_STATUS": document["status"] or "",
            "JOBWATCH_STATUS_BEFORE": document["status_before"] or "",
            "JOBWATCH_OUTCOME": document["outcome"],
            "JOBWATCH_RESULT_BYTES": str(len((document["result"] or "").encode())),
            "JOBWATCH_ATTEMPT": str(document["attempt"]),
            "JOBWATCH_TEST": "",
        }
        text = json.dumps(document, ensure_ascii=False) + "\n"
        result = subprocess.run([EXAMPLES / name, *arguments], input=text.encode(), env=environment, cwd="/",
                                stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=60 * SLOW, check=False)
        if ended is not None:
            self.assertEqual(result.returncode, ended, result.stdout.decode())
        return result

    def noted(self, name):
        return ((self.directory / f"{name}.arguments").read_text().splitlines(),
                (self.directory / f"{name}.input").read_bytes())


class MailOnFailure(Example):
    def setUp(self):
        super().setUp()
        self.fake("sendmail")

    def mail(self, **changes):
        self.run_example("mail-on-failure", "operator@example.com", document=event(**changes))
        arguments, mail = self.noted("sendmail")
        self.assertEqual(arguments, ["-i", "--", "operator@example.com"])
        for line in mail.split(b"\n"):
            self.assertLess(len(line), 400)
            self.assertTrue(line.isascii())
        message = email.message_from_bytes(mail, policy=email.policy.default)
        self.assertEqual(message.defects, [])
        return message

    def test_mail(self):
        message = self.mail()
        self.assertEqual(message["To"], "operator@example.com")
        self.assertEqual(message["Subject"],
                         "Job 87654321 (members-import): failed (Completed with errors)")
        self.assertTrue(message["Message-ID"].startswith(f"<{EVENT_ID}.jobwatchd@"))
        self.assertIsNotNone(message["Date"].datetime)
        parts = list(message.iter_parts())
        self.assertEqual(len(parts), 2)
        text = parts[0].get_content()
        self.assertIn("Job 87654321 (members-import): failed (Completed with errors)\n", text)
        for value in ("Import of members", "Space", "a.csv", "Running", "2026-01-31T12:00:00.123456Z",
                      "result is attached"):
            self.assertIn(value, text)
        self.assertEqual(parts[1].get_filename(), "job-87654321-result.txt")
        self.assertEqual(parts[1].get_payload(decode=True), b"line 1\nline 2\n")

    def test_large_result(self):
        result = ('say "hi"\n$(rm -rf ~) `x` \\ \u00e9\U0001f600\t.\n..\nFrom x\n--=_' + EVENT_ID + "--\n") * 30000
        parts = list(self.mail(result=result).iter_parts())
        self.assertEqual(len(parts), 2)
        self.assertGreater(len(result.encode()), 2000000)
        self.assertEqual(parts[1].get_payload(decode=True), result.encode())

    def test_no_result(self):
        parts = list(self.mail(result=None).iter_parts())
        self.assertEqual(len(parts), 1)
        self.assertIn("left no result", parts[0].get_content())
        parts = list(self.mail(result="").iter_parts())
        self.assertEqual(len(parts), 2)
        self.assertEqual(parts[1].get_payload(decode=True), b"")

    def test_subject_is_one_line(self):
        message = self.mail(status="Failed\r\nBcc: everyone@example.com\n\nx")
        self.assertEqual(message["Subject"], "Job 87654321 (members-import): failed (Failed Bcc: everyone@example.com x)")
        self.assertIsNone(message["Bcc"])
        self.assertEqual(len(list(message.iter_parts())), 2)

    def test_subject_beyond_ascii(self):
        status = "\u00e9chou\u00e9 \U0001f600" * 8
        message = self.mail(status=status)
        self.assertEqual(message["Subject"], f"Job 87654321 (members-import): failed ({status})")

    def test_nulls(self):
        nothing = {"id": 5, "name": None, "guid": None, "description": None, "business": {"id": None, "name": None},
                   "files": None, "created_on": None, "updated_on": None}
        message = self.mail(event="gone", outcome="gone", job=nothing, status=None, status_before=None, result=None)
        self.assertEqual(message["Subject"], "Job 5: gone (no status)")

    def test_failures_are_reported(self):
        (self.directory / "status").write_text("75")
        self.run_example("mail-on-failure", "operator@example.com", document=event(), ended=75)
        result = self.run_example("mail-on-failure", document=event(), ended=None)
        self.assertNotEqual(result.returncode, 0)
        self.assertIn(b"usage", result.stdout)

    def test_another_program(self):
        self.fake("msmtp")
        self.run_example("mail-on-failure", "operator@example.com", str(self.directory / "msmtp"), "--file=/etc/msmtprc",
                         document=event())
        self.assertEqual(self.noted("msmtp")[0], ["--file=/etc/msmtprc", "-i", "--", "operator@example.com"])


class Receiver(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.got.append((self.path, dict(self.headers), body))
        self.send_response(self.server.status)
        if self.server.status == 302:
            self.send_header("Location", "/elsewhere")
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *arguments):
        pass


class ChatMessage(Example):
    """What each of the services gets; the texts of the API are never markup."""

    def serve(self):
        server = http.server.HTTPServer(("127.0.0.1", 0), Receiver)
        server.got, server.status = [], 200
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        self.addCleanup(server.server_close)
        self.addCleanup(thread.join)
        self.addCleanup(server.shutdown)
        return server, f"http://127.0.0.1:{server.server_port}/hook/s3cr3t"

    def write(self, name, text):
        path = self.directory / name
        path.write_text(text)
        return str(path)

    def post(self, kind, status=200, ended=0, headers=None, **changes):
        """Returns (the JSON, the headers, what it printed)."""
        server, url = self.serve()
        server.status = status
        document = changes.pop("document", None) or event(**changes)
        result = self.run_example("chat-message", kind, self.write("url", url + "\n"), *([headers] if headers else []),
                                  document=document, ended=ended)
        self.assertNotIn(b"s3cr3t", result.stdout)
        (path, sent, body), = server.got
        self.assertEqual(path, "/hook/" if kind == "ntfy" else "/hook/s3cr3t")
        self.assertEqual(sent["Content-Type"], "application/json")
        return json.loads(body), sent, result.stdout.decode()

    def test_slack(self):
        message, _, said = self.post("slack", result="<!channel> & `x` ```y```\n")
        self.assertEqual(message, {"text": "Job 87654321 (members-import): failed\n```\nImport of members\nSpace\nCompleted with errors\n"
                                           "&lt;!channel&gt; &amp; 'x' '''y'''\n\n```"})
        self.assertEqual(said, "slack answered 200.\n")

    def test_mattermost(self):
        message, _, _ = self.post("mattermost", result="@all <b>")
        self.assertEqual(message, {"username": "jobwatchd", "text": "Job 87654321 (members-import): failed\n```\nImport of members\n"
                                                                    "Space\nCompleted with errors\n@all <b>\n```"})

    def test_teams(self):
        message, _, _ = self.post("teams", result="[link](http://example.com)")
        self.assertEqual(message["type"], "message")
        card, = message["attachments"]
        self.assertEqual(card["contentType"], "application/vnd.microsoft.card.adaptive")
        self.assertEqual((card["content"]["type"], card["content"]["version"]), ("AdaptiveCard", "1.2"))
        block, = card["content"]["body"]
        self.assertEqual([run["type"] for run in block["inlines"]], ["TextRun", "TextRun"])  # which know no markup
        self.assertEqual("".join(run["text"] for run in block["inlines"]),
                         "Job 87654321 (members-import): failed\nImport of members\nSpace\nCompleted with errors\n[link](http://example.com)")

    def test_ntfy(self):
        headers = self.write("headers", "Authorization: Bearer s3cr3t\n")
        message, sent, _ = self.post("ntfy", headers=headers, result="\u00e9\U0001f600")
        self.assertEqual(message, {"topic": "s3cr3t", "title": "Job 87654321 (members-import): failed", "priority": 4,
                                   "message": "Import of members\nSpace\nCompleted with errors\n\u00e9\U0001f600"})
        self.assertEqual(sent["Authorization"], "Bearer s3cr3t")
        message, _, _ = self.post("ntfy", event="succeeded", outcome="success", result=None)
        self.assertEqual(message["priority"], 3)

    def test_a_long_result_is_cut(self):
        message, _, _ = self.post("slack", result="\u00e9\U0001f600" * 400000)
        self.assertLess(len(message["text"]), 1200)

    def test_an_event_of_the_api(self):
        document = event(event="api_down", outcome="failure", job=None, status=None, status_before=None, result=None)
        for kind in ("slack", "mattermost"):
            self.assertEqual(self.post(kind, document=document)[0]["text"], "Nexudus API: api_down")
        self.assertEqual(self.post("ntfy", document=document)[0]["message"], "Nexudus API: api_down")

    def test_a_refusal_fails(self):
        for status in (302, 404, 500):
            self.assertEqual(self.post("slack", status=status, ended=1)[2], f"slack answered {status}.\n")

    def test_without_a_server(self):
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))
            url = f"http://127.0.0.1:{taken.getsockname()[1]}/s3cr3t"
            result = self.run_example("chat-message", "slack", self.write("url", url), document=event(), ended=None)
        self.assertNotEqual(result.returncode, 0)
        self.assertNotIn(b"s3cr3t", result.stdout)

    def test_files_without_a_url(self):
        for text in ("", "\n", "http://example.com/x", "https://example.com", 'https://a/"\nx', "https://a/ b"):
            result = self.run_example("chat-message", "slack", self.write("url", text), document=event(), ended=1)
            self.assertIn(b"no https URL", result.stdout)
        self.run_example("chat-message", "irc", self.write("url", "https://a/b"), document=event(), ended=64)


@unittest.skipUnless(PROGRAM, "the environment variable JOBWATCHD does not name the program")
class Configurations(Example):
    def test_each_is_valid_and_says_how_to_try_it(self):
        """With the programs at their paths."""
        for program in ("chat-message", "mail-on-failure"):
            shutil.copy(EXAMPLES / program, self.directory)
        main = self.directory / "jobwatchd.ini"
        main.write_text("[jobs]\nids = 87654321\n")
        (self.directory / "nexudus.token").write_text("t0ken\n")
        drop_ins = self.directory / "jobwatchd.ini.d"
        drop_ins.mkdir()
        examples = list(EXAMPLES.glob("*.ini"))
        self.assertGreater(len(examples), 3)
        for example in examples:
            text = example.read_text()
            hook, = re.findall(r"(?m)^\[hook (\S+)\]$", text)
            self.assertIn(f"jobwatchctl test-hook {hook}", text.splitlines()[0])
            (drop_ins / example.name).write_text(text.replace("/usr/local/lib/jobwatchd", str(self.directory)))
        result = subprocess.run([PROGRAM, "--check", "-c", main], stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                                timeout=60 * SLOW, check=False)
        self.assertEqual(result.returncode, 0, result.stdout.decode())


if __name__ == "__main__":
    unittest.main()
