#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""No secret appears in the log, on standard output or in STATUS=, wherever it comes from and whatever fails; and errors
of a proxy name it, without its user and password."""

import http.server
import re
import threading
import unittest

from harness import EX_CONFIG, TOKEN, Closed
from reload_rig import ReloadTest

SECRET = "PLANTEDsecret8472"
RUNNING = "[jobs 11-12]\nstep = 0s Running\n"
ENDED = "[job 11]\nstep = 0s Completed\n"


class Proxy:
    """A proxy that answers each CONNECT with a status."""

    def __init__(self, status):
        proxy = self
        self.asked = []

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_CONNECT(self):
                proxy.asked.append(self.path)
                self.send_response(status)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *arguments):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.port = self.server.server_address[1]
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.05,))
        self.thread.start()

    def stop(self):
        self.server.shutdown()
        self.thread.join()
        self.server.server_close()


class SecretTest(ReloadTest):
    def setUp(self):
        super().setUp()
        self.manager = self.start_manager()

    def start(self, *options, env=None):
        return self.start_daemon("--log-level=debug", *options,
                                 env={**(env or {}), "NOTIFY_SOCKET": str(self.directory / "notify")})

    def assertSecret(self, daemon, secret=SECRET):
        """Ends the daemon and searches all that it said. Parts of the secret count too."""
        if daemon.process.poll() is None:
            daemon.stop()
        said = "\n".join([daemon.text(), daemon.output, *self.manager.take_all()])
        for start in range(len(secret) - 8):
            self.assertNotIn(secret[start:start + 9], said)


class Proxies(SecretTest):
    API = "https://127.0.0.1:1"

    def check(self, proxy, says, variable="https_proxy"):
        self.write_config(self.API, [11], state={"directory": self.directory / f"state-{len(self.manager.messages)}"})
        daemon = self.start(env={variable: proxy})
        daemon.wait_for("Cannot reach the API at https://127.0.0.1:1: " + says)
        self.manager.wait_for("STATUS=.*API: unreachable.*")
        self.assertSecret(daemon)

    def test_refused(self):
        with_nobody = Closed()
        self.addCleanup(with_nobody.release)
        for variable in "https_proxy", "HTTPS_PROXY", "all_proxy":
            with self.subTest(variable):
                self.check(f"http://user:{SECRET}@127.0.0.1:{with_nobody.port}",
                           rf"could not connect \(proxy 127\.0\.0\.1:{with_nobody.port}: Connection refused\)", variable)

    def test_name_that_cannot_be_resolved(self):
        self.check(f"http://user:{SECRET}@proxy.invalid:3128",
                   r"could not connect \(proxy proxy\.invalid:3128: ")

    def test_invalid_urls(self):
        for proxy in (f"http://user:{SECRET}@127.0.0.1:99999", f"http://user:{SECRET}@", f"http://user:{SECRET}",
                      f"http://user:{SECRET}@[::1"):
            with self.subTest(proxy):
                self.check(proxy, r"could not connect \(invalid proxy URL in https_proxy\)")

    def test_answers_of_the_proxy(self):
        for status, says in ((407, "HTTP 407, user name and password required"), (403, "HTTP 403"), (502, "HTTP 502")):
            with self.subTest(status):
                proxy = Proxy(status)
                self.addCleanup(proxy.stop)
                self.check(f"http://user:{SECRET}@127.0.0.1:{proxy.port}",
                           rf"could not connect \(proxy 127\.0\.0\.1:{proxy.port}: {says}\)")
                self.assertEqual(set(proxy.asked), {"127.0.0.1:1"})

    def test_no_proxy(self):
        self.write_config(self.API, [11])
        for exempt in "127.0.0.1", "127.0.0.0/8":
            with self.subTest(exempt):
                daemon = self.start(env={"https_proxy": f"http://user:{SECRET}@proxy.invalid:3128", "no_proxy": exempt})
                daemon.wait_for(r"Cannot reach the API at https://127.0.0.1:1: could not connect \(Connection refused\)")
                self.assertSecret(daemon)


class Planted(SecretTest):
    def refuse(self, says, secret=SECRET, **config):
        self.write_config(config.pop("base_url", "https://127.0.0.1:1"), [11], **config)
        daemon = self.start()
        self.assertEqual(daemon.wait_exit(), EX_CONFIG, daemon.text())
        self.assertRegex(daemon.text(), says)
        self.assertSecret(daemon, secret)
        check = self.start_daemon("--check")
        check.wait_exit()
        self.assertSecret(check, secret)

    def test_urls_with_a_password(self):
        self.refuse("base_url.*remove the user name and password", base_url=f"https://user:{SECRET}@spaces.nexudus.com")
        self.refuse("base_url", base_url=f"https://user:{SECRET}@127.0.0.1:99999/")
        self.refuse("base_url", base_url=f"https://user:{SECRET}@")
        self.refuse("base_url", base_url=f"ftp://user:{SECRET}@127.0.0.1")
        self.refuse("base_url", base_url=f"user:{SECRET}@127.0.0.1")
        self.refuse("base_url", base_url=f"https://127.0.0.1/ {SECRET}")
        self.refuse("base_url", base_url=f"https://127.0.0.1/?token={SECRET}")
        self.refuse("url", more=f"[hook h]\nurl = https://user:{SECRET}@example.com/\n")
        self.refuse("url", more=f"[hook h]\nurl = http://example.com/{SECRET}\n")
        self.refuse("url", more=f"[hook h]\nurl = https://example.com/ {SECRET}\n")

    def test_files_of_a_wrong_form(self):
        for content in (f"{SECRET}\n{SECRET}\n", f"\"{SECRET}\"\n", f"Bearer {SECRET}\n", f"{SECRET} \n", f"{SECRET}\0x",
                        f"\ufeff{SECRET}\n", SECRET * 10000):
            with self.subTest(content[:40]):
                self.write_config("https://127.0.0.1:1", [11], api={"token_file": self.secret("planted", content)})
                daemon = self.start("--once")
                daemon.wait_exit()
                self.assertSecret(daemon)

    def test_secret_in_the_configuration(self):
        """People put it where it does not belong."""
        for text, says in ((f"[api]\npassword = {SECRET}\n", "password"), (f"[api]\n{SECRET}\n", ":2: "),
                           (f"[hook h]\nsecret = {SECRET}\nurl = https://example.com/\n", "secret")):
            with self.subTest(text):
                self.config.write_text(text + "[jobs]\nids = 11\n")
                daemon = self.start()
                self.assertEqual(daemon.wait_exit(), EX_CONFIG, daemon.text())
                self.assertRegex(daemon.text(), says)
                self.assertSecret(daemon)

    def test_server_that_echoes_the_request(self):
        fake = self.start_fake(RUNNING)
        for status in 400, 401, 403, 404, 409, 500:
            with self.subTest(status):
                fake.mend()
                fake.fault("all", status=status, body=f'{{"Message": "Authorization: Bearer {TOKEN}"}}')
                self.write_config(fake, [11], state={"directory": self.directory / f"state-{status}"})
                daemon = self.start("--once")
                daemon.wait_exit()
                self.assertSecret(daemon, TOKEN)

    def test_secret_of_a_web_hook_of_a_wrong_form(self):
        for content in f"whsec_{SECRET}", f"v1,whsec_{SECRET}", SECRET:
            with self.subTest(content):
                self.refuse("secret_file", more=f"[hook h]\nurl = https://example.com/\n"
                                                f"secret_file = {self.secret('planted', content)}\n")

    def test_web_hook(self):
        with_nobody = Closed()
        self.addCleanup(with_nobody.release)
        fake = self.start_fake(ENDED)
        self.write_config(fake, [11], more=f"[hook h]\nurl = http://127.0.0.1:{with_nobody.port}/services/{SECRET}?key={SECRET}\n"
                                           f"secret_file = {self.secret('planted', 'whsec_' + (SECRET * 2)[:32])}\n")
        daemon = self.start()
        daemon.wait_for("hook h: delivery of .* failed")
        self.manager.wait_for("STATUS=.* 1 delivery pending.*")
        self.assertSecret(daemon)


if __name__ == "__main__":
    unittest.main()
