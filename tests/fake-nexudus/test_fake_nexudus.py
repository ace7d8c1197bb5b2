#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The rules of fake-nexudus, tested over real sockets.

FAKE_NEXUDUS is the path of the program; the TLS test needs openssl. Each test starts its own server on a free port.
"""

import base64
import gzip
import http.client
import json
import os
import shutil
import signal
import socket
import ssl
import subprocess
import tempfile
import threading
import time
import unittest
import urllib.parse

PROGRAM = os.environ.get("FAKE_NEXUDUS", "")
JOBS = "/api/sys/businessbackgroundjobs"
FORM = {"Content-Type": "application/x-www-form-urlencoded"}


class Answer:
    def __init__(self, response):
        self.status = response.status
        self.reason = response.reason
        self.headers = response.headers
        self.body = response.read()

    def json(self):
        return json.loads(self.body)


@unittest.skipUnless(PROGRAM, "FAKE_NEXUDUS does not name the program")
class FakeTest(unittest.TestCase):
    def setUp(self):
        self.directory = tempfile.mkdtemp(prefix="fake-nexudus-")
        self.addCleanup(shutil.rmtree, self.directory)
        self.log_file = os.path.join(self.directory, "log")
        self.secure = None

    def command(self, scenario, *options):
        path = os.path.join(self.directory, "scenario.ini")
        with open(path, "w", encoding="utf-8") as file:
            file.write(scenario)
        return [PROGRAM, "--scenario", path, "--log", self.log_file, "--die-with-parent", *options]

    def start(self, scenario="", server="token = t0ken", options=()):
        text = "[server]\n" + server + "\n" + scenario
        self.process = subprocess.Popen(self.command(text, *options), stdout=subprocess.PIPE, text=True)
        self.addCleanup(self.stop)
        line = self.process.stdout.readline().strip()
        self.assertRegex(line, r"^listening on https?://")
        url = urllib.parse.urlsplit(line.split()[-1])
        self.host, self.port = url.hostname, url.port

    def stop(self):
        if self.process.poll() is None:
            self.process.terminate()
        self.assertEqual(self.process.wait(timeout=10), 0)
        self.process.stdout.close()

    def connect(self):
        if self.secure:
            return http.client.HTTPSConnection(self.host, self.port, timeout=10, context=self.secure)
        return http.client.HTTPConnection(self.host, self.port, timeout=10)

    def ask(self, path, method="GET", body=None, token="t0ken", headers=None):
        connection = self.connect()
        headers = dict(headers or {})
        if token and "Authorization" not in headers:
            headers["Authorization"] = "Bearer " + token
        try:
            connection.request(method, path, body, headers)
            return Answer(connection.getresponse())
        finally:
            connection.close()

    def control(self, method, path, body=None):
        answer = self.ask("/_control/" + path, method, body, token=None)
        self.assertEqual(answer.status, 200, answer.body)
        return answer.json()

    def job(self, id, **options):
        answer = self.ask("%s/%d" % (JOBS, id), **options)
        self.assertEqual(answer.status, 200)
        return answer.json()

    def batch(self, ids):
        text = ",".join(str(id) for id in ids)
        answer = self.ask("%s/?id=%%5B%s%%5D" % (JOBS, text))
        self.assertEqual(answer.status, 200)
        return answer.json()

    def sign_in(self, client_id=None, **fields):
        headers = dict(FORM, **({"client_id": client_id} if client_id else {}))
        return self.ask("/api/token", "POST", urllib.parse.urlencode(fields), token=None, headers=headers)

    def raw(self, path, headers="", read=True):
        """The raw response, and whether the connection was reset."""
        with socket.create_connection((self.host, self.port), timeout=10) as peer:
            request = "GET %s HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer t0ken\r\nConnection: close\r\n%s\r\n"
            peer.sendall((request % (path, headers)).encode())
            data = b""
            try:
                while read:
                    block = peer.recv(65536)
                    if not block:
                        break
                    data += block
            except ConnectionResetError:
                return data, True
            return data, False

    def entries(self):
        """The log. The line of a request is complete once a later request has been answered."""
        self.control("GET", "stats")
        with open(self.log_file, encoding="utf-8") as file:
            return [json.loads(line) for line in file]


class CommandLine(FakeTest):
    def refused(self, scenario, *options):
        done = subprocess.run(self.command(scenario, *options), capture_output=True, text=True, timeout=10)
        self.assertEqual(done.returncode, 1)
        self.assertEqual(done.stdout, "")
        return done.stderr

    def test_serves_on_loopback_only(self):
        for address in ("0.0.0.0", "::", "192.0.2.1", "localhost"):
            self.assertIn(address, self.refused("", "--address", address))

    def test_scenario_errors_name_the_line(self):
        self.assertIn("scenario.ini:3: ", self.refused("[job 1]\nstep = 0s Queued\ncolour = red\n"))
        self.assertIn("scenario.ini:1: ", self.refused("[jobs 9-1]\n"))
        self.assertIn("scenario.ini:2: ", self.refused("[fault x]\nreset = sideways\n"))

    def test_ends_on_sigint(self):
        self.start()
        self.process.send_signal(signal.SIGINT)
        self.assertEqual(self.process.wait(timeout=10), 0)

    def test_ipv6(self):
        if not socket.has_ipv6:
            self.skipTest("no IPv6")
        try:
            with socket.socket(socket.AF_INET6) as probe:
                probe.bind(("::1", 0))
        except OSError:
            self.skipTest("no ::1")
        self.start("[job 1]\n", options=["--address", "::1"])
        self.assertEqual(self.job(1)["Id"], 1)


class Records(FakeTest):
    def test_documented_fields_are_all_there(self):
        self.start("[job 3]\n")
        job = self.job(3)
        self.assertEqual(set(job), set(
            "BusinessId BusinessName UserId UserFullName UserEmail JobId Description Files Status ResultData Id UpdatedOn "
            "CreatedOn UniqueId UpdatedBy IsNew SystemId ToStringText LocalizationDetails CustomFields".split()))
        self.assertIsNone(job["Status"])
        self.assertIsInstance(job["CustomFields"]["Data"][0]["Value"], list)

    def test_unknown_job_is_404(self):
        self.start("[job 1]\n")
        self.assertEqual(self.ask(JOBS + "/2").status, 404)
        self.assertEqual(self.ask(JOBS + "/x").status, 404)

    def test_steps_by_polls(self):
        self.start('[job 1]\nstep = 0s Queued\nstep = poll 2 In progress | {"a": "b; c"}\nstep = poll 3 Done\n'
                   "step = poll 4 - | <null>\nstep = poll 5 <gone>\n")
        seen = [self.job(1) for _ in range(4)]
        self.assertEqual([(job["Status"], job["ResultData"]) for job in seen],
                         [("Queued", None), ("In progress", '{"a": "b; c"}'), ("Done", '{"a": "b; c"}'), (None, None)])
        self.assertEqual(len({job["UpdatedOn"] for job in seen}), 4)
        self.assertEqual(self.ask(JOBS + "/1").status, 404)
        self.assertEqual(self.batch([1]), [])

    def test_steps_by_time(self):
        self.start("[jobs 1-2]\nspread = 1d\nstep = 0s Queued\nstep = 1ms Running\n")
        deadline = time.monotonic() + 5
        while self.job(1)["Status"] != "Running" and time.monotonic() < deadline:
            pass
        self.assertEqual(self.job(1)["Status"], "Running")
        self.assertIsNone(self.job(2)["Status"])

    def test_values_as_verbatim_json(self):
        self.start('[job 1]\nstep = 0s <json>{"Name": "Done"} | <json>[1, {"a": null}]\n[job 2]\nstep = 0s x | y\n')
        self.assertEqual((self.job(1)["Status"], self.job(1)["ResultData"]), ({"Name": "Done"}, [1, {"a": None}]))
        self.assertEqual([job["ResultData"] for job in self.batch([1, 2])], [[1, {"a": None}], "y"])
        self.control("PUT", "job/2?status=%3Cjson%3E7", b"<json>{}")
        self.assertEqual((self.job(2)["Status"], self.job(2)["ResultData"]), (7, {}))

    def test_status_as_number_and_dates(self):
        self.start("[job 1]\nstatus_type = number\ndates = epoch\nstep = 0s 4\n[job 2]\ndates = bare\n")
        self.assertEqual(self.job(1)["Status"], 4)
        self.assertRegex(self.job(1)["UpdatedOn"], r"^/Date\(\d{13}\)/$")
        self.assertRegex(self.job(2)["UpdatedOn"], r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d$")

    def test_result_size(self):
        self.start("[job 1]\nresult_size = 2M\nstep = 0s Done | head\n")
        result = self.job(1)["ResultData"]
        self.assertEqual(len(result.encode()), 2 << 20)
        self.assertTrue(result.startswith("head"))
        for part in ('"', "\n", "\U0001f600", "$(id)"):
            self.assertIn(part, result)


class Lists(FakeTest):
    def test_batch(self):
        self.start("[jobs 1-5]\nstep = 0s Running\n")
        self.assertEqual([job["Id"] for job in self.batch([3, 9, 1, 3])], [3, 1])
        self.assertEqual(len(self.ask(JOBS + "?id=[1,2]").json()), 2)
        self.assertEqual(self.ask(JOBS + "/?id=[1,x]").status, 400)

    def test_batch_query_of_2048_bytes(self):
        self.start("[job 1]\n")
        fits = JOBS + "/?id=[1" + "," * 2042 + "]"
        self.assertEqual(len(fits) - len(JOBS) - 2, 2047 + 1)
        self.assertEqual(self.ask(fits).status, 200)
        self.assertEqual(self.ask(fits[:-1] + ",]").status, 404)

    def test_batch_modes(self):
        self.start("[jobs 1-3]\nstep = 0s Done | r\n")
        self.control("PUT", "server", b"batch = partial")
        self.assertNotIn("ResultData", self.batch([1])[0])
        self.control("PUT", "server", b"batch = empty_result")
        self.assertIsNone(self.batch([1])[0]["ResultData"])
        self.control("PUT", "server", b"batch = shuffled")
        self.assertEqual([job["Id"] for job in self.batch([1, 2, 3])], [3, 2, 1])
        self.control("PUT", "server", b"batch = refused 501")
        self.assertEqual(self.ask(JOBS + "/?id=[1]").status, 501)
        self.assertEqual(self.job(1)["ResultData"], "r")

    def test_search(self):
        self.start("[jobs 1-7]\nbusiness_id = 5\nstep = 0s Running\n[job 8]\nstep = 0s Done\n")
        page = self.ask(JOBS + "?page=2&size=3&orderBy=Id&dir=-1").json()
        self.assertEqual([job["Id"] for job in page["Records"]], [5, 4, 3])
        self.assertEqual((page["TotalItems"], page["TotalPages"], page["FirstItem"], page["LastItem"]), (8, 3, 4, 6))
        self.assertTrue(page["HasNextPage"] and page["HasPreviousPage"])
        for query, count in (("BusinessBackgroundJob_Status=done", 1), ("BusinessBackgroundJob_Business=5", 7),
                             ("from_BusinessBackgroundJob_CreatedOn=2999-01-01T00:00", 0), ("page=9", 0)):
            self.assertEqual(len(self.ask(JOBS + "?" + query).json()["Records"]), count, query)
        self.control("PUT", "server", b"ignore_filters = yes")
        self.assertEqual(self.ask(JOBS + "?BusinessBackgroundJob_Status=done").json()["TotalItems"], 8)


class SigningIn(FakeTest):
    SERVER = "username = me@example.com\npassword = pa ss+\nroles = read"

    def good(self, client_id=None, **fields):
        return self.sign_in(client_id, grant_type="password", username="me@example.com", password="pa ss+", **fields)

    def refresh(self, token, client_id):
        return self.sign_in(client_id, grant_type="refresh_token", refresh_token=token)

    def assert_invalid_grant(self, answer):
        self.assertEqual(answer.status, 400)
        self.assertEqual(answer.json()["error"], "invalid_grant")
        self.assertTrue(answer.json()["error_description"])

    def test_password_and_roles(self):
        self.start("[job 1]\n", self.SERVER)
        answer = self.good().json()
        self.assertEqual((answer["token_type"], answer["expires_in"]), ("bearer", 604799))
        self.assertEqual(self.job(1, token=answer["access_token"])["Id"], 1)
        self.assertEqual(self.ask(JOBS, token=answer["access_token"]).status, 401)
        self.assertEqual(self.ask(JOBS + "/1", token="other").status, 401)
        self.assertEqual(self.ask(JOBS + "/1", token=None).status, 401)
        self.assert_invalid_grant(self.sign_in(grant_type="password", username="me@example.com", password="no"))

    def test_json_body_is_refused(self):
        self.start("", self.SERVER)
        answer = self.ask("/api/token", "POST", json.dumps({"grant_type": "password"}),
                          headers={"Content-Type": "application/json"})
        self.assertEqual((answer.status, answer.json()["error"]), (400, "unsupported_grant_type"))

    def test_basic(self):
        self.start("[job 1]\n", self.SERVER)
        for password, status in (("pa ss+", 200), ("pa ss", 401)):
            value = base64.b64encode(("me@example.com:" + password).encode()).decode()
            answer = self.ask(JOBS + "/1", headers={"Authorization": "Basic " + value})
            self.assertEqual(answer.status, status)
        self.assertEqual(self.entries()[0]["authorization"], "basic me@example.com:pa ss+")

    def test_rotation(self):
        self.start("", self.SERVER)
        first = self.good("host-a").json()["refresh_token"]
        other = self.good("host-b").json()["refresh_token"]
        self.assert_invalid_grant(self.refresh(first, None))
        self.assert_invalid_grant(self.refresh(first, "host-b"))
        second = self.refresh(first, "host-a").json()["refresh_token"]
        self.assert_invalid_grant(self.refresh(first, "host-a"))
        self.good("host-a")
        self.assert_invalid_grant(self.refresh(second, "host-a"))
        self.assertEqual(self.refresh(other, "host-b").status, 200)

    def test_client_id_is_the_user_by_default(self):
        self.start("", self.SERVER + "\naccess_token_key = AccessToken")
        answer = self.good().json()
        self.assertIn("AccessToken", answer)
        self.assertEqual(self.refresh(answer["refresh_token"], "me@example.com").status, 200)

    def test_totp(self):
        self.start("", self.SERVER + "\ntotp = 123456")
        self.assert_invalid_grant(self.good())
        self.assertEqual(self.good(totp="123456").status, 200)

    def test_tokens_that_match_a_glob(self):
        self.start("[job 1]\n", "token = t0ken of *")
        self.assertEqual(self.job(1, token="t0ken of a")["Id"], 1)
        self.assertEqual(self.job(1, token="t0ken of b")["Id"], 1)
        self.assertEqual(self.ask(JOBS + "/1", token="t0ken").status, 401)

    def test_expiry(self):
        self.start("[job 1]\n", self.SERVER + "\nrefresh_lifetime = 0")
        answer = self.good("a").json()
        self.assert_invalid_grant(self.refresh(answer["refresh_token"], "a"))
        self.job(1, token=answer["access_token"])
        self.control("POST", "expire-tokens")
        self.assertEqual(self.ask(JOBS + "/1", token=answer["access_token"]).status, 401)
        self.control("PUT", "server", b"token_lifetime = 0s")
        self.assertEqual(self.ask(JOBS + "/1", token=self.good().json()["access_token"]).status, 401)


class Throttle(FakeTest):
    def test_minute(self):
        self.start("[job 1]\n", "token = t0ken\nthrottle = on\nmin_spacing = 0\nper_minute = 3\ntime_scale = 60")
        self.assertEqual([self.ask(JOBS + "/1").status for _ in range(4)], [200, 200, 200, 409])
        answer = self.ask(JOBS + "/1")
        self.assertEqual(answer.reason, "You must wait before accessing this url again.")
        self.assertEqual((answer.headers["Retry-After"], answer.body), ("1", b""))
        begun = time.monotonic()
        while self.ask(JOBS + "/1").status == 409 and time.monotonic() < begun + 5:
            pass
        self.assertLess(time.monotonic() - begun, 1.2)
        stats = self.control("GET", "stats")
        self.assertEqual(stats["statuses"]["200"], 4)
        self.assertEqual(stats["throttled"], stats["statuses"]["409"])

    def test_spacing_and_switch(self):
        self.start("[job 1]\n", "token = t0ken\nthrottle = on\nmin_spacing = 1h\ntime_scale = 1000")
        self.assertEqual([self.ask(JOBS + "/1").status for _ in range(2)], [200, 409])
        self.control("PUT", "server", b"throttle = off")
        self.assertEqual(self.ask(JOBS + "/1").status, 200)

    def test_writes_have_limits_of_their_own(self):
        self.start("[job 1]\n", "token = t0ken\nthrottle = on\nmin_spacing = 0\nwrites_per_minute = 1")
        self.assertEqual([self.sign_in(grant_type="x").status for _ in range(2)], [400, 409])
        self.assertEqual(self.ask(JOBS + "/1").status, 200)


class Faults(FakeTest):
    def fault(self, text):
        self.control("PUT", "fault/f", text.encode())

    def start_one(self):
        self.start("[job 1]\nstep = 0s Done | " + "r" * 3000 + "\n")
        self.plain = self.ask(JOBS + "/1").body

    def test_order_after_times_and_path(self):
        self.start("[jobs 1-2]\n[fault a]\npath = */1\nafter = 1\ntimes = 2\nstatus = 503\nheader = \"Retry-After: 7\"\n"
                   "body = a; b\ncontent_type = text/plain\n[fault b]\nmethod = POST\nstatus = 500\n")
        answers = [self.ask(JOBS + "/1") for _ in range(4)]
        self.assertEqual([answer.status for answer in answers], [200, 503, 503, 200])
        self.assertEqual((answers[1].body, answers[1].headers["Retry-After"], answers[1].headers["Content-Type"]),
                         (b"a; b", "7", "text/plain"))
        self.assertEqual(self.ask(JOBS + "/2").status, 200)
        self.assertEqual(self.ask("/api/token", "POST", "").status, 500)
        self.assertEqual([entry["fault"] for entry in self.entries()], [None, "a", "a", None, None, "b"])
        self.control("DELETE", "faults")
        self.assertEqual(self.ask("/api/token", "POST", "").status, 400)

    def statuses(self, *targets):
        return [self.ask(JOBS + target).status for target in targets]

    def test_of_jobs(self):
        self.start("[jobs 1-40]\n[fault f]\njobs = 3, 11-20\nstatus = 500\n")
        targets = ("/1", "/3", "/11", "/31", "/?id=[1,2]", "/?id=%5B1,3%5D", "/?id=[31,33]", "/?id=[5,20]", "?page=1", "")
        self.assertEqual(self.statuses(*targets), [200, 500, 500, 200, 200, 500, 200, 500, 200, 200])
        self.fault("jobs = 3\nreads = single\nstatus = 500")
        self.assertEqual(self.statuses("/3", "/?id=[3]", "/2"), [500, 200, 200])
        self.fault("jobs = 3\nreads = batch\nstatus = 500")
        self.assertEqual(self.statuses("/3", "/?id=[2,3]", "/?id=[2]"), [200, 500, 200])
        for jobs in ("x", "3-", "5-3", "3;4"):
            answer = self.ask("/_control/fault/f", "PUT", ("jobs = " + jobs).encode(), token=None)
            self.assertEqual(answer.status, 400, jobs)

    def test_of_old_connections(self):
        self.start("[job 1]\n")
        kept, headers = self.connect(), {"Authorization": "Bearer t0ken"}
        self.addCleanup(kept.close)
        kept.request("GET", JOBS + "/1", headers=headers)
        self.assertEqual(Answer(kept.getresponse()).status, 200)
        self.fault("old_connections = yes\nstatus = 500")
        kept.request("GET", JOBS + "/1", headers=headers)
        self.assertEqual(Answer(kept.getresponse()).status, 500)
        self.assertEqual(self.ask(JOBS + "/1").status, 200)

    def test_by_spacing_and_chance(self):
        self.start("[job 1]\n")
        self.fault("min_spacing = 10min\nstatus = 503")
        self.assertEqual(self.statuses("/1", "/1", "/1"), [200, 503, 503])
        self.fault("min_spacing = 1us\nstatus = 503")
        self.assertEqual(self.statuses("/1", "/1"), [200, 200])
        self.fault("chance = 30\nstatus = 503")
        self.assertIn(self.statuses(*["/1"] * 100).count(503), range(10, 60))

    def test_envelope_html_and_wrong_id(self):
        self.start_one()
        self.fault("envelope = yes")
        self.assertIs(self.ask(JOBS + "/1").json()["WasSuccessful"], False)
        self.fault("html = yes")
        self.assertTrue(self.ask(JOBS + "/1").body.startswith(b"<!DOCTYPE html>"))
        self.fault("wrong_id = yes")
        self.assertEqual(self.ask(JOBS + "/1").json()["Id"], 2)

    def test_reset(self):
        self.start_one()
        self.fault("reset = before")
        self.assertEqual(self.raw(JOBS + "/1"), (b"", True))
        self.fault("reset = headers")
        data, reset = self.raw(JOBS + "/1")
        self.assertTrue(reset and data.startswith(b"HTTP/1.1 200 OK\r\n") and data.endswith(b"\r\n\r\n"), data)
        self.fault("reset = body")
        data, reset = self.raw(JOBS + "/1")
        self.assertTrue(reset)
        self.assertEqual(data.split(b"\r\n\r\n", 1)[1], self.plain[:len(self.plain) // 2])

    def test_truncate(self):
        self.start_one()
        self.fault("truncate = 10")
        data, reset = self.raw(JOBS + "/1")
        head, body = data.split(b"\r\n\r\n", 1)
        self.assertFalse(reset)
        self.assertIn(b"Content-Length: %d\r\n" % len(self.plain), head + b"\r\n")
        self.assertEqual(body, self.plain[:10])

    def test_chunks(self):
        self.start_one()
        self.fault("chunk = 1000\nchunk_delay = 1ms")
        data, _ = self.raw(JOBS + "/1")
        head, body = data.split(b"\r\n\r\n", 1)
        self.assertIn(b"Transfer-Encoding: chunked", head)
        self.assertTrue(body.startswith(b"3E8\r\n") and body.endswith(b"0\r\n\r\n"), body)
        self.assertEqual(body.count(b"\r\n3E8\r\n"), 2)
        self.assertEqual(self.ask(JOBS + "/1").body, self.plain)
        self.fault("chunk = 1000\ntruncate = 1500")
        data, _ = self.raw(JOBS + "/1")
        self.assertFalse(data.endswith(b"0\r\n\r\n"))
        self.assertIn(b"\r\n1F4\r\n", data)

    def test_gzip(self):
        self.start_one()
        self.fault("gzip = yes")
        self.assertIsNone(self.ask(JOBS + "/1").headers["Content-Encoding"])
        answer = self.ask(JOBS + "/1", headers={"Accept-Encoding": "gzip"})
        self.assertEqual(int(answer.headers["Content-Length"]), len(answer.body))
        self.assertEqual(gzip.decompress(answer.body), self.plain)
        self.fault("gzip = force\nchunk = 20")
        self.assertEqual(gzip.decompress(self.ask(JOBS + "/1").body), self.plain)

    def test_oversize(self):
        self.start_one()
        for rest in ("", "chunk = 30000\n", "gzip = force\n"):
            self.fault("oversize = 4M\n" + rest)
            body = self.ask(JOBS + "/1").body
            body = gzip.decompress(body) if "gzip" in rest else body
            self.assertEqual(len(body), 4 << 20)
            self.assertEqual(json.loads(body)["Status"], "Done")
        self.assertEqual(gzip.decompress(self.ask(JOBS + "/?id=[1]").body)[-2:], b"}]")

    def test_delay(self):
        self.start_one()
        self.fault("delay = 30ms")
        begun = time.monotonic()
        self.assertEqual(self.ask(JOBS + "/1").body, self.plain)
        self.assertGreaterEqual(time.monotonic() - begun, 0.03)

    def test_hang_until_the_client_gives_up(self):
        self.start_one()
        self.fault("hang = yes")
        with socket.create_connection((self.host, self.port)) as peer:
            peer.sendall(b"GET %s/1 HTTP/1.1\r\nHost: x\r\n\r\n" % JOBS.encode())
            self.control("GET", "wait?arrived=1&count=2&timeout=5s")
        self.assertEqual(self.control("GET", "wait?count=2&timeout=5s")["last_seq"], 2)
        self.assertEqual((self.entries()[1]["status"], self.entries()[1]["fault"]), (0, "f"))

    def test_stops_while_requests_hang(self):
        self.start_one()
        self.fault("hang = yes")
        with socket.create_connection((self.host, self.port)) as peer:
            peer.sendall(b"GET /api/ HTTP/1.1\r\nHost: x\r\n\r\n")
            self.control("GET", "wait?arrived=1&count=2&timeout=5s")
            self.stop()

    def test_a_reset_answer_has_had_its_effect(self):
        self.start("", SigningIn.SERVER + "\n[fault lost]\npath = /api/token\nafter = 1\ntimes = 1\nreset = headers")
        fields = dict(grant_type="password", username="me@example.com", password="pa ss+")
        token = self.sign_in("a", **fields).json()["refresh_token"]
        with self.assertRaises((ConnectionError, http.client.HTTPException)):
            self.sign_in("a", grant_type="refresh_token", refresh_token=token)
        self.assertEqual(self.sign_in("a", grant_type="refresh_token", refresh_token=token).status, 400)


class Control(FakeTest):
    def test_change_a_job(self):
        self.start("[job 1]\nstep = 0s Queued | old\nstep = 1ms Never\n", "token = t0ken")
        self.control("PUT", "job/1?status=In%20progress")
        before = self.job(1)
        self.assertEqual((before["Status"], before["ResultData"]), ("In progress", "old"))
        self.control("PUT", "job/1", 'a"\n\U0001f600'.encode())
        after = self.job(1)
        self.assertEqual((after["Status"], after["ResultData"]), ("In progress", 'a"\n\U0001f600'))
        self.assertNotEqual(before["UpdatedOn"], after["UpdatedOn"])
        self.control("PUT", "job/1?status_null=1&result_null=1")
        self.assertEqual((self.job(1)["Status"], self.job(1)["ResultData"]), (None, None))
        self.control("PUT", "job/1?gone=1")
        self.assertEqual(self.ask(JOBS + "/1").status, 404)
        self.control("PUT", "job/77?status=New")
        self.assertEqual(self.job(77)["Status"], "New")

    def test_wrong_lines_are_refused(self):
        self.start()
        for path, body in (("server", b"color = red"), ("fault/x", b"[fault y]"), ("fault/x", b"\nstatus = many")):
            answer = self.ask("/_control/" + path, "PUT", body)
            self.assertEqual(answer.status, 400)
            self.assertIn("line %d" % (2 if b"many" in body else 1), answer.json()["Message"])

    def test_wait(self):
        self.start("[jobs 1-2]\n")
        found = []
        waiter = threading.Thread(target=lambda: found.append(self.control("GET", "wait?path=*/2&method=GET&status=200&count=2")))
        waiter.start()
        for id in (2, 1, 1, 2):
            self.job(id)
        waiter.join(timeout=10)
        self.assertEqual(found, [{"count": 2, "last_seq": 4}])
        self.assertEqual(self.ask("/_control/wait?since=4&timeout=1ms").status, 408)
        self.assertEqual(self.control("GET", "wait?since=3")["count"], 1)

    def test_log_and_stats(self):
        self.start("[jobs 1-3]\n", SigningIn.SERVER + "\ntoken = t0ken")
        connection = self.connect()
        for path in ("/1", "/?id=[2,3]"):
            connection.request("GET", JOBS + path, headers={"Authorization": "Bearer t0ken", "User-Agent": "one/1",
                                                            "Accept": "application/json"})
            connection.getresponse().read()
        connection.close()
        self.sign_in("me", grant_type="password")
        one, several, token = self.entries()
        self.assertEqual((one["seq"], one["path"], one["query"], one["status"]), (1, JOBS + "/1", "", 200))
        self.assertEqual((one["user_agent"], one["accept"], one["authorization"]), ("one/1", "application/json", "bearer t0ken"))
        self.assertEqual(one["connection"], several["connection"])
        self.assertNotEqual(several["connection"], token["connection"])
        self.assertEqual((several["query"], token["body"], token["client_id"]), ("id=[2,3]", "grant_type=password", "me"))
        stats = self.control("GET", "stats")
        self.assertEqual((stats["requests"], stats["jobs_read"], stats["job_reads"]), (3, 3, 3))
        self.assertEqual((stats["statuses"], stats["max_in_minute"]), ({"200": 2, "400": 1}, 3))
        self.assertGreater(stats["last_first_read"], 0)
        self.control("POST", "reset-log")
        self.assertEqual(self.entries(), [])
        self.assertEqual(self.control("GET", "stats")["requests"], 0)


class Tls(FakeTest):
    def test_https(self):
        certificate, key = (os.path.join(self.directory, name) for name in ("cert.pem", "key.pem"))
        if not shutil.which("openssl"):
            self.skipTest("no openssl program")
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2",
                        "-subj", "/CN=localhost", "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", key, "-out", certificate],
                       check=True, capture_output=True)
        self.secure = ssl.create_default_context(cafile=certificate)
        self.start("[job 1]\nstep = 0s Done | r\n[fault cut]\npath = */1\nafter = 1\nreset = body\n"
                   "[fault big]\npath = */2\noversize = 1M\n[job 2]\n",
                   options=["--tls-cert", certificate, "--tls-key", key])
        self.assertEqual(self.job(1)["ResultData"], "r")
        self.assertEqual(len(self.ask(JOBS + "/2").body), 1 << 20)
        with self.assertRaises((OSError, http.client.HTTPException)):
            self.ask(JOBS + "/1")


if __name__ == "__main__":
    unittest.main()
