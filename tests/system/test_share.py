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
PROGRAMS = "/usr/local/lib/jobwatchd"
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

    def use(self, name, change=lambda text: text):
        """Copies the example to where the configuration is read."""
        path = f"/etc/jobwatchd/jobwatchd.ini.d/{name}.ini"
        self.addCleanup(self.system.remove, path)
        self.system.write(path, change(self.system.path(f"{EXAMPLES}/{name}.ini").read_text()))

    def copy_program(self, name):
        self.run_inside("install", "-D", "-t", PROGRAMS, f"{EXAMPLES}/{name}")
        self.addCleanup(self.system.remove, f"{PROGRAMS}/{name}")

    def try_hook(self, hook):
        """With the command in the first line of each example. Returns what it printed."""
        self.run_inside("jobwatchd", "--check")
        self.start()
        said = self.system.run("jobwatchctl", "test-hook", hook, check=False)
        self.assertEqual(said.status, 0, said.output + self.log())
        return said.output

    def post(self, name, url_file):
        server = http.server.HTTPServer(("127.0.0.1", 0), Receiver)
        server.got = []
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        self.addCleanup(server.server_close)
        self.addCleanup(thread.join)
        self.addCleanup(server.shutdown)
        self.system.run("install", "-m", "640", "-g", "jobwatchd", "/dev/stdin", url_file,
                        stdin=f"http://127.0.0.1:{server.server_port}/s3cr3t\n".encode())
        self.addCleanup(self.system.remove, url_file)
        self.copy_program("chat-message")
        self.use(name)
        self.try_hook(name)
        self.assertNotIn("s3cr3t", self.log())
        return server.got

    def test_chat(self):
        (path, message), = self.post("chat", "/etc/jobwatchd/chat.url")
        self.assertEqual(path, "/s3cr3t")
        self.assertRegex(message["text"], r"^Test: Job 0: succeeded\n```\n")

    def test_ntfy(self):
        (path, message), = self.post("ntfy", "/etc/jobwatchd/ntfy.url")
        self.assertEqual((path, message["topic"], message["title"]), ("/", "s3cr3t", "Test: Job 0: succeeded"))

    def test_mail(self):
        self.copy_program("mail-on-failure")
        self.program("msmtp", "#!/bin/sh\necho arguments: \"$@\"\ncat > /var/lib/jobwatchd/mail\n")
        self.use("mail-on-failure", lambda text: text.replace(
            "operator@example.com\ntimeout", "operator@example.com /opt/test/msmtp --file=/etc/jobwatchd/msmtprc\ntimeout"))
        said = self.try_hook("mail-on-failure")
        self.assertIn("arguments: --file=/etc/jobwatchd/msmtprc -i -- operator@example.com", said + self.log())
        self.assertRegex(self.system.path("/var/lib/jobwatchd/mail").read_text(), r"(?m)^Subject: Job 0: succeeded")

    def test_import_next_step(self):
        unit = "import-next-step@.service"
        self.addCleanup(self.system.remove, f"/etc/systemd/system/{unit}")
        self.write_unit(unit, self.system.path(f"{EXAMPLES}/{unit}").read_text())
        self.assertEqual(self.run_inside("systemd-analyze", "verify", "import-next-step@x.service"), "")
        self.allow("import-next-step@*.service")
        self.use("import-next-step")
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
