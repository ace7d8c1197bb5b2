# SPDX-License-Identifier: MIT
"""The example hooks as their files say they are installed, in the sandbox of the service; and the file of metrics with the
permissions that the manual names."""

import http.server
import json
import re
import threading
import unittest

from fixture import UNIT, SystemTest, UnitHookTest

EXAMPLES = "/usr/share/jobwatchd/examples"
DIRECTORY = "/var/lib/prometheus/node-exporter"


class Receiver(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        self.server.got.append((self.path, json.loads(self.rfile.read(int(self.headers["Content-Length"])))))
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *arguments):
        pass


class Examples(UnitHookTest):
    def setUp(self):
        super().setUp()
        self.fake = self.start_fake("[job 11]\nstep = 0s Running\n")
        self.configure(self.fake, (11,))
        self.start()

    def install(self, name, pasted="", edit=None):
        """With the commands in the comments of the example, in a system that has nothing of it. `edit` is called before the
        last one, which reloads the service."""
        text = self.system.path(f"{EXAMPLES}/{name}.ini").read_text()
        *commands, last = [command.strip() for command in re.findall(r"(?m)^#   ((?:install|systemctl) .*?)(?:   .*)?$", text)]
        self.assertEqual(last, "systemctl reload jobwatchd")
        for command in commands:
            words = command.split()
            path = words[-1] if words[-2] == "/dev/stdin" else f"{words[words.index('-t') + 1]}/{words[-1].rpartition('/')[2]}"
            self.assertFalse(self.system.path(path).exists())
            self.addCleanup(self.system.remove, path)
            self.run_inside(*words, stdin=pasted.encode())
        if edit is not None:
            edit()
        self.run_inside("jobwatchd", "--check")
        self.run_inside(*last.split())

    def try_hook(self, hook):
        """With the command in the first line of each example. Returns what it printed."""
        said = self.system.run("jobwatchctl", "test-hook", hook, check=False)
        self.assertEqual(said.status, 0, said.output + self.log())
        return said.output

    def post(self, name):
        server = http.server.HTTPServer(("127.0.0.1", 0), Receiver)
        server.got = []
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        self.addCleanup(server.server_close)
        self.addCleanup(thread.join)
        self.addCleanup(server.shutdown)
        self.install(name, f"http://127.0.0.1:{server.server_port}/s3cr3t\n")
        self.try_hook(name)
        self.assertNotIn("s3cr3t", self.log())
        return server.got

    def test_chat(self):
        (path, message), = self.post("chat")
        self.assertEqual(path, "/s3cr3t")
        self.assertRegex(message["text"], r"^Test: Job 0: succeeded\n```\n")

    def test_ntfy(self):
        (path, message), = self.post("ntfy")
        self.assertEqual((path, message["topic"], message["title"]), ("/", "s3cr3t", "Test: Job 0: succeeded"))

    def test_mail(self):
        self.program("msmtp", "#!/bin/sh\necho arguments: \"$@\"\ncat > /var/lib/jobwatchd/mail\n")

        def edit():
            path = self.system.path("/etc/jobwatchd/jobwatchd.ini.d/mail-on-failure.ini")
            path.write_text(path.read_text().replace(
                "operator@example.com\ntimeout", "operator@example.com /opt/test/msmtp --file=/etc/jobwatchd/msmtprc\ntimeout"))

        self.install("mail-on-failure", edit=edit)
        said = self.try_hook("mail-on-failure")
        self.assertIn("arguments: --file=/etc/jobwatchd/msmtprc -i -- operator@example.com", said + self.log())
        self.assertRegex(self.system.path("/var/lib/jobwatchd/mail").read_text(), r"(?m)^Subject: Job 0: succeeded")

    def test_import_next_step(self):
        self.allow("import-next-step@*.service")
        self.install("import-next-step")
        self.assertEqual(self.run_inside("systemd-analyze", "verify", "import-next-step@x.service"), "")
        self.try_hook("import-next-step")
        said = [entry["MESSAGE"] for entry in self.journal("SYSLOG_IDENTIFIER=echo")]
        self.assertEqual(said, ["The next step after job 0 (test: 1)."])


class MetricsFile(SystemTest):
    def test_with_the_permissions_of_the_manual(self):
        fake = self.start_fake("[job 11]\nstep = 0s Running\n")
        self.configure(fake, (11,), metrics={"textfile": f"{DIRECTORY}/jobwatchd.prom"})
        self.run_inside("mkdir", "-p", DIRECTORY)
        self.addCleanup(self.run_inside, "rm", "-r", DIRECTORY)
        said = self.run_inside("jobwatchd", "--check")
        command = re.search(r'run "(chgrp jobwatchd .* && chmod g\+w .*)"', said).group(1)
        self.run_inside("sh", "-c", command)
        said = self.run_inside("jobwatchd", "--check")
        line = re.search(rf'add (ReadWritePaths={DIRECTORY}) under \[Service\] with "systemctl edit {UNIT}"', said).group(1)
        self.write_unit(f"{UNIT}.d/metrics.conf", f"[Service]\n{line}\n")
        self.assertNotIn("textfile", self.run_inside("jobwatchd", "--check"))
        self.start()
        self.wait_for("first seen as Running")
        path = self.system.path(f"{DIRECTORY}/jobwatchd.prom")
        self.assertIn("jobwatchd_heartbeat_timestamp_seconds 1", path.read_text())
        self.systemctl("stop", UNIT)
        self.assertFalse(path.exists())


if __name__ == "__main__":
    unittest.main()
