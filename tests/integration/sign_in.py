# SPDX-License-Identifier: MIT
"""Shared by the tests of auth = password: an account, and its requests to the fake."""

import hashlib
import hmac
import http.client
import pathlib
import shutil
import sqlite3
import tempfile
import urllib.parse

from harness import JOBS, PATIENCE, IntegrationTest

USERNAME = "me+1@example.com"
PASSWORD = 'p&a=s+s %41 wört "5ecret'
APPLICATION_ID = "5d0e27b49a3c4e0f8f5e61c27b90d4a8"


def derived_client_id(state):
    """The result of sd_id128_get_machine_app_specific() on this machine, for the application that is the state
    directory."""
    hash64 = 0xcbf29ce484222325  # FNV-1a
    for byte in str(state).encode():
        hash64 = (hash64 ^ byte) * 0x100000001b3 % 2**64
    application = bytes(one ^ other for one, other in
                        zip(bytes.fromhex(APPLICATION_ID), hash64.to_bytes(8, "little") + bytes(8)))
    machine = bytes.fromhex(pathlib.Path("/etc/machine-id").read_text().strip())
    digest = bytearray(hmac.new(machine, application, hashlib.sha256).digest()[:16])
    digest[6] = digest[6] & 0x0F | 0x40
    digest[8] = digest[8] & 0x3F | 0x80
    return "jobwatchd-" + digest.hex()


def is_sign_in(request):
    return request["path"] == "/api/token"


class SignInTest(IntegrationTest):
    def watch(self, jobs=(11,), server="", api=None, password=PASSWORD, scenario=None, **config):
        self.fake = self.start_fake(scenario or f"[jobs {jobs[0]}-{jobs[-1]}]\nstep = 0s Running\n",
                                    f"username = {USERNAME}\npassword = {PASSWORD}\n{server}")
        self.configure(jobs, api, password, **config)

    def configure(self, jobs=(11,), api=None, password=PASSWORD, **config):
        self.write_config(self.fake, jobs, **config, api={
            "auth": "password", "username": USERNAME, "token_file": None,
            "password_file": self.secret("password", password + "\n"), **(api or {})})

    def start_signed_in(self, *options, jobs=1, **how):
        daemon = self.start_daemon(*options, **how)
        daemon.wait_for("first seen as", count=jobs)
        return daemon

    def expire(self):
        self.fake.control("POST", "expire-tokens")

    def spoil(self, **fault):
        """A fault of the sign-in only."""
        self.fake.fault("sign-in", path="/api/token", **fault)

    def wait_sign_ins(self, count, since=0, **query):
        return self.fake.wait(count, since, path="/api/token", **query)

    def sign_ins(self):
        """The token requests, each with its form as a list of pairs."""
        return [{**request, "form": urllib.parse.parse_qsl(request["body"], keep_blank_values=True, strict_parsing=True)}
                for request in self.fake.requests() if is_sign_in(request)]

    def grants(self):
        return [dict(request["form"])["grant_type"] for request in self.sign_ins()]

    def polls_made(self):
        return [request for request in self.fake.requests() if not is_sign_in(request)]

    def take_token(self, client_id, password=PASSWORD):
        """Another program signs in with this client id: the previous refresh token is revoked."""
        connection = http.client.HTTPConnection("127.0.0.1", self.fake.port, timeout=PATIENCE)
        form = urllib.parse.urlencode({"grant_type": "password", "username": USERNAME, "password": password})
        connection.request("POST", "/api/token", form, {"client_id": client_id, "User-Agent": "another",
                                                        "Content-Type": "application/x-www-form-urlencoded"})
        answer = connection.getresponse()
        self.assertEqual(answer.status, 200, answer.read())
        connection.close()

    def kept_grants(self):
        """(key, access token, refresh token) of all tokens in the state of a stopped daemon. Queries a copy, so that
        recovery from a crash is left to the next daemon."""
        with tempfile.TemporaryDirectory(dir=self.directory) as directory:
            for path in self.state.glob("jobwatchd.db*"):
                shutil.copy(path, directory)
            connection = sqlite3.connect(f"{directory}/jobwatchd.db")
            rows = connection.execute("SELECT key, data FROM \"values\" WHERE key LIKE 'grant of %' ORDER BY key").fetchall()
            connection.close()
        return [(key, *bytes(data).decode().split(" ")[3:5]) for key, data in rows]

    def kept(self):
        (_, access, refresh), = self.kept_grants()
        return access, refresh

    def tokens_used(self):
        """The tokens used to poll jobs, in the order of their first use."""
        return list(dict.fromkeys(poll["authorization"].removeprefix("bearer ") for poll in self.polls_made()))

    def refresh_tokens_used(self):
        forms = [dict(request["form"]) for request in self.sign_ins()]
        return [form["refresh_token"] for form in forms if form["grant_type"] == "refresh_token"]

    def poll_path(self, job):
        return f"*{JOBS}/{job}"
