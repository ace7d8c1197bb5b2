# SPDX-License-Identifier: MIT
"""jobwatchctl doctor: what is wrong between the service and the API is found, and what it says to do cures it. What is
wrong with a machine is in tests/system/test_doctor.py.
"""

import http.client
import json
import os
import re
import signal
import subprocess
import time
import unittest

import clock
from ctl_rig import CtlTest
from harness import HOOK_RUN, JOBS, JOBWATCHD, NO_BUS, PATIENCE, TOKEN, Closed, clean_environment
from test_tls import TlsTest, make_certificate, needs_openssl

API = ("API", "role Read", "role List", "clock", "batches", "order", "UpdatedOn", "dates", "limits")
# Without a step, UpdatedOn is CreatedOn, in which the jobs differ.
ENDED = "[jobs 5-9]\ndescription = Import %i\nstatus = Completed\nresult = 400 rows\n"
OPEN = "[jobs 5-9]\ndescription = Import %i\nstatus = Running\nresult = 1 of 2\n"
REQUESTS_MAX = 8


class Doctor:
    """For a test with a configuration."""

    def doctor(self, *options, env=None, before=()):
        """(exit status, what it prints)"""
        bus = self.bus.env if hasattr(self, "bus") else {"DBUS_SYSTEM_BUS_ADDRESS": NO_BUS}
        done = subprocess.run([*before, os.environ["JOBWATCHCTL"], *options], stdin=subprocess.DEVNULL, capture_output=True,
                              env={**clean_environment(), **bus, "JOBWATCHD": JOBWATCHD, "JOBWATCHD_HOOK_RUN": HOOK_RUN,
                                   "JOBWATCHD_CHECK_CONNECTION": os.environ["JOBWATCHD_CHECK_CONNECTION"],
                                   "JOBWATCHD_CONFIG": str(self.config), **(env or {})},
                              text=True, timeout=PATIENCE * 8, check=False)
        self.assertEqual(done.stderr, "")
        return done.returncode, done.stdout

    def findings(self, **how):
        """{check: its row}, the last of each."""
        return {row["Check"]: row for row in json.loads(self.doctor("doctor", "--json=short", **how)[1])}

    def finds(self, check, verdict, pattern, advice="", **how):
        found = self.findings(**how)[check]
        self.assertEqual(found["Verdict"], verdict, found)
        self.assertRegex(found["Text"], pattern)
        if advice:
            self.assertRegex(found["Advice"], advice)
        return found

    def is_well(self, check, **how):
        self.assertEqual(self.findings(**how)[check]["Verdict"], "ok")


def use_up_the_limit(fake):
    """As another program does that has the same account."""
    connection = http.client.HTTPConnection("127.0.0.1", fake.port, timeout=PATIENCE)
    status = 200
    while status == 200:
        connection.request("GET", f"{JOBS}/5", headers={"Authorization": f"Bearer {TOKEN}"})
        answer = connection.getresponse()
        answer.read()
        status = answer.status
    connection.close()
    assert status == 409, status


class Api(Doctor, CtlTest):
    def begin(self, scenario=OPEN, env=None, **config):
        self.fake = self.start_fake(scenario)
        self.write_config(self.fake, [5, 6, 7, 8, 9], **config)
        self.start_again() if env is None else self.start_shifted(env)
        self.daemon.wait_for(r"Job \d\b.*\[(seen|succeeded)", count=5)

    def start_shifted(self, env):
        self.daemon = self.start_daemon(env={**self.bus.env, "NOTIFY_SOCKET": str(self.directory / "notify"), **env})
        self.bus.wait_for_name()

    def reload(self, **config):
        mark = self.daemon.mark()
        self.write_config(self.fake, [5, 6, 7, 8, 9], **config)
        self.daemon.process.send_signal(signal.SIGHUP)
        self.daemon.wait_for("(?i)reloaded", since=mark)

    def restart(self):
        self.daemon.stop()
        self.start_again()

    def test_nothing_is_wrong(self):
        self.begin()
        rows = self.findings()
        self.assertEqual({check: rows[check]["Verdict"] for check in API}, dict.fromkeys(API, "ok"), rows)
        self.assertEqual(rows["order"]["Text"], "dir=-1 newest first, dir=1 oldest first, dir=0 newest first")
        self.assertEqual(rows["dates"]["Text"], "times are with a zone, with fractions")

    def test_a_line_for_each_check(self):
        self.begin()
        status, said = self.doctor("doctor")
        lines = said.splitlines()
        for line in lines:
            self.assertRegex(line, r"^(ok|warning|failure|skipped) +\S")
        self.assertEqual(status, 1 if any(line.startswith("failure") for line in lines) else 0)

    def test_it_makes_few_requests(self):
        """Nothing else asks the API, since all jobs have ended."""
        self.begin(ENDED)
        before = self.fake.stats()["requests"]
        self.is_well("API")
        made = self.fake.stats()["requests"] - before
        self.assertGreater(made, 0)
        self.assertLessEqual(made, REQUESTS_MAX)

    def test_its_requests_count_as_others_do(self):
        self.begin(ENDED, limits={"per_hour": 5000})
        before = int(self.json("status")["RequestsHour"])
        sent = self.fake.stats()["requests"]
        self.is_well("API")
        self.assertEqual(int(self.json("status")["RequestsHour"]) - before, self.fake.stats()["requests"] - sent)

    def test_the_limits_hold(self):
        self.begin(ENDED, limits={"min_spacing": "300ms"})
        since = self.fake.stats()["last_seq"]
        self.is_well("API")
        times = [request["t"] for request in self.fake.requests() if request["seq"] > since]
        self.assertGreater(len(times), 3)
        for earlier, later in zip(times, times[1:]):
            self.assertGreater(later - earlier, 0.25)

    def test_two_at_a_time(self):
        self.begin()
        self.fake.fault("slow", path="*orderBy*", delay="300ms")
        doctors = [subprocess.Popen([os.environ["JOBWATCHCTL"], "doctor", "--json=short"], stdout=subprocess.PIPE, text=True,
                                    env={**clean_environment(), **self.bus.env, "JOBWATCHD": JOBWATCHD,
                                         "JOBWATCHD_CONFIG": str(self.config)}) for _ in range(2)]
        for process in doctors:
            rows = {row["Check"]: row for row in json.loads(process.communicate(timeout=PATIENCE * 8)[0])}
            self.assertEqual(rows["API"]["Verdict"], "ok")

    def test_the_role_list_is_missing(self):
        self.begin()
        self.fake.server(roles="read")
        self.finds("role List", "warning", "lacks the role BusinessBackgroundJob-List", "give this role to the user")
        self.is_well("role Read")
        self.fake.server(roles="read, list")
        self.is_well("role List")

    def test_the_role_list_is_missing_and_needed(self):
        self.begin(more="[discover all]\n")
        self.fake.server(roles="read")
        self.finds("role List", "failure", "new jobs are not found")
        self.assertEqual(self.doctor("doctor")[0], 1)

    def test_the_role_read_is_missing(self):
        self.begin(ENDED)
        self.fake.server(roles="list")
        self.finds("role Read", "failure", "lacks the role BusinessBackgroundJob-Read", "give this role to the user")
        self.is_well("role List")
        self.fake.server(roles="read, list")
        self.is_well("role Read")

    def test_the_token_is_refused(self):
        self.begin()
        self.fake.server(token="another-t0ken")
        self.fake.wait(1, status=401)
        self.finds("API", "failure", "the API refuses the credentials", "write a valid token to the file of token_file, and "
                   "restart the service")
        self.secret("token", "another-t0ken")
        self.restart()
        self.is_well("API")

    def test_batches_are_incomplete(self):
        poll = {"poll": {"batch": "auto"}}
        self.begin(**poll)
        self.fake.server(batch="partial")
        found = self.finds("batches", "warning", "batches omit.* ResultData")
        self.assertIn("set 'batch = off' under [poll]", found["Advice"])
        self.reload(poll={"batch": "off"})
        self.is_well("batches")

    def test_the_change_feed_works(self):
        self.begin(more="[discover all]\n")
        self.wait_until(lambda: self.json("status")["Feed"] == "on")
        self.finds("order", "ok", "dir=-1 newest first, dir=1 oldest first, dir=0 newest first")
        self.fake.job(6, result="2 of 2")
        self.daemon.wait_for(r"Job 6 .*2 of 2")
        self.finds("UpdatedOn", "ok", "1 change, of which 0 left UpdatedOn as it was")

    def test_the_search_is_not_sorted(self):
        self.begin()
        self.fake.server(search_unsorted="yes")
        found = self.finds("order", "warning", "never has the newest job first: .*dir=1 not sorted")
        self.assertIn("set 'feed = off' under [poll]", found["Advice"])
        self.reload(poll={"feed": "off"})
        self.is_well("order")

    def test_the_other_meaning_of_dir(self):
        self.begin()
        self.fake.server(search_descending="1")
        self.finds("order", "ok", "dir=-1 oldest first, dir=1 newest first, dir=0 oldest first")

    def test_times_in_two_forms(self):
        self.begin("".join(f"[job {job}]\nstatus = Running\ndates = {'epoch' if job == 7 else 'bare'}\n" for job in range(5, 10)))
        self.finds("dates", "warning", r"times are without a zone, as /Date\(\)/, ", "nothing is lost")

    def test_updated_on_does_not_change(self):
        self.begin()
        self.fake.server(frozen="yes")
        self.fake.job(6, result="2 of 2")
        self.daemon.wait_for(r"Job 6 .*2 of 2")
        found = self.finds("UpdatedOn", "warning", "1 of 1 changes left UpdatedOn as it was")
        self.assertIn("set 'feed = off' under [poll]", found["Advice"])
        self.reload(poll={"feed": "off"})
        self.is_well("UpdatedOn")

    def test_an_outage(self):
        self.begin()
        self.fake.fault("down", status=500)
        self.daemon.wait_for("(?i)server error|HTTP 500")
        self.wait_until(lambda: self.findings()["API"]["Verdict"] == "failure")
        self.finds("API", "failure", "the API cannot be used: server error", "goes on trying")
        self.fake.mend()
        self.wait_until(lambda: self.findings()["API"]["Verdict"] == "ok")

    @unittest.skipUnless(clock.LIBRARY, "the clock cannot be shifted below a sanitizer")
    def test_the_clock_is_off(self):
        shifted = clock.Clock(self.directory / "clock")
        self.begin(env=shifted.env)
        for minutes, verdict, how in ((10, "failure", "10min.* ahead of"), (-10, "failure", "(9min 5|10min).* behind"),
                                      (2, "warning", "2min.* ahead of")):
            shifted.shift(minutes * 60)
            self.fake.polls(1)
            self.finds("clock", verdict, f"the clock of this machine is {how} the API", "run 'timedatectl set-ntp true', or set")
        shifted.set_right()
        self.fake.polls(1)
        self.is_well("clock")

    @unittest.skipUnless(clock.LIBRARY, "the clock cannot be shifted below a sanitizer")
    def test_another_program_uses_up_the_limit(self):
        shifted = clock.Clock(self.directory / "clock")
        self.begin(env=shifted.env, poll={"interval": "2s", "max_interval": "2s"})
        self.fake.server(throttle="yes", min_spacing=0, per_minute=400)
        self.is_well("limits")
        use_up_the_limit(self.fake)
        self.daemon.wait_for("Rate limited by the API")
        found = self.finds("limits", "warning", "another program uses the same account", "stop that program")
        self.assertIn("goes away after an hour", found["Advice"])
        self.fake.server(per_minute=400)  # it makes no more requests, and the minute has passed
        shifted.pass_minutes(2)
        self.fake.polls(5, status=200)
        shifted.pass_minutes(2 + 61)
        self.wait_until(lambda: self.findings()["limits"]["Verdict"] == "ok")


class Alone(Doctor, CtlTest):
    """Without what it asks."""

    def test_no_service(self):
        self.write_config(self.start_fake(), [5])
        self.finds("service", "failure", "jobwatchd.service is not running", "run 'systemctl start jobwatchd.service'")
        rows = self.findings()
        for check in ("configuration", "secrets", "name", "connection"):
            self.assertIn(rows[check]["Verdict"], ("ok", "warning"), rows)
        self.assertEqual(rows["API"]["Verdict"], "skipped")
        self.assertEqual(self.doctor("doctor")[0], 1)

    def test_no_bus(self):
        self.write_config(self.start_fake(), [5])
        self.bus.stop()
        self.finds("service", "failure", "cannot connect to the system bus", "run 'systemctl start dbus.service'")
        self.assertEqual(self.findings()["connection"]["Verdict"], "ok")

    def test_no_configuration(self):
        self.config.unlink(missing_ok=True)
        self.finds("configuration", "failure", re.escape(str(self.config)))
        self.assertEqual({row["Verdict"] for row in self.findings().values() if row["Check"] not in
                          ("configuration", "service", "journal")}, {"skipped"})

    def test_no_program(self):
        self.finds("configuration", "failure", "cannot run /nonexistent", "install", env={"JOBWATCHD": "/nonexistent"})

    @unittest.skipUnless(os.geteuid() == 0, "needs root")
    def test_no_network(self):
        self.write_config("https://spaces.nexudus.example", [5])
        began = time.monotonic()
        found = self.finds("name", "failure", "spaces.nexudus.example cannot be resolved", "check the network",
                           before=("unshare", "--net"))
        self.assertLess(time.monotonic() - began, PATIENCE)
        self.assertIn(str(self.config), found["Advice"])
        self.assertEqual(self.findings(before=("unshare", "--net"))["connection"]["Verdict"], "skipped")

    def test_nobody_listens(self):
        closed = Closed()
        self.addCleanup(closed.release)
        self.write_config(closed.url, [5])
        self.finds("connection", "failure", f"no connection to 127.0.0.1, port {closed.port}", "check base_url")

    def test_a_service_that_is_older(self):
        self.write_config(self.start_fake(), [5])
        self.start_service("error", "org.freedesktop.DBus.Error.UnknownMethod", "Unknown method")
        self.finds("service", "failure", "does not reply: Unknown method", "systemctl restart jobwatchd.service")

    def test_a_service_that_leaves(self):
        self.write_config(self.start_fake(), [5])
        self.start_service("leave")
        self.finds("service", "failure", "is not running", "systemctl start jobwatchd.service")

    def test_a_service_that_says_something_else(self):
        self.write_config(self.start_fake(), [5])
        for word, check, pattern in (("wrong", "service", "not of the same version"), ("repeat", "service", "does not reply|same version")):
            service = self.start_service(word)
            self.finds(check, "failure", pattern, "systemctl restart")
            service.kill()
            service.wait()

    def test_a_proxy_that_does_not_work(self):
        """Its password is in no message."""
        closed = Closed()
        self.addCleanup(closed.release)
        self.write_config("https://spaces.nexudus.example", [5])
        env = {"https_proxy": f"http://me:s3cret-pr0xy@127.0.0.1:{closed.port}"}
        self.finds("connection", "failure", f"no connection through the proxy 127.0.0.1:{closed.port}", "https_proxy", env=env)
        self.assertNotIn("s3cret-pr0xy", self.doctor("doctor", env=env)[1])


@needs_openssl
class Certificates(Doctor, TlsTest):
    def begin(self, name, ca="right-ca", port=0):
        self.fake = self.start_fake_with(name, port=port)
        self.write_config(self.fake, [5], api={"ca_file": ca and self.ca(ca)})

    def test_the_authority_is_not_trusted(self):
        self.begin("right", ca=None)
        found = self.finds("connection", "failure", "the certificate of 127.0.0.1 is not accepted")
        self.assertIn("write the certificate of its authority to a file, and set ca_file to it under [api]", found["Advice"])
        self.write_config(self.fake, [5], api={"ca_file": self.ca("right-ca")})
        self.finds("connection", "ok", "has a valid certificate, for ")

    def test_it_expires_soon(self):
        soon = time.strftime("%Y%m%d%H%M%SZ", time.gmtime(time.time() + 3 * 24 * 3600 - 3600))
        make_certificate(self.certificates, "right-ca", "soon", "IP:127.0.0.1", end=soon)
        self.begin("soon")
        found = self.finds("connection", "warning", "the certificate of 127.0.0.1 expires in 2d 2[23]h")
        self.assertIn("have it renewed", found["Advice"])
        self.fake.stop()
        self.begin("right", port=self.fake.port)
        self.finds("connection", "ok", "has a valid certificate")

    def test_it_has_expired(self):
        self.begin("expired")
        self.finds("connection", "failure", "(?i)not accepted: .*expired", "have the certificate renewed")


class Report(Doctor, CtlTest):
    SECRETS = {
        "description": "Payroll of Zanzibar", "business": "Quxville Annex", "user_name": "Ottilie Example",
        "user_email": "ottilie@corp.example", "files": "salaries-2026.csv", "updated_by": "boss@corp.example",
        "system_id": "system-id-4711", "to_string": "to-string-text",
    }
    MORE = ("[hook zebra-hook]\nurl_file = {secret}\n[hook giraffe-hook]\nunit = giraffe-unit@%i.service\n[job okapi-job]\nid = 87654\n"
            "[discover lemur-section]\ndescription = *of Zanzibar*\nuser = ottilie@corp.example\n")

    def test_it_has_no_secrets_and_no_personal_data(self):
        result = "Row 17: Ottilie owes 400"
        lines = "".join(f"{key} = {value}\n" for key, value in self.SECRETS.items())
        self.fake = self.start_fake(f"[jobs 87651-87654]\n{lines}step = 0s Bespoke status | {result}\n")
        secret = self.secret("url", "https://hooks.example/T0PSECRET")
        self.write_config(self.fake, [87651, 87652, 87653], more=self.MORE.format(secret=secret))
        self.start_again()
        self.daemon.wait_for(r"Job 8765\d.*\[seen", count=4)
        for fault in ({}, {"status": 401, "body": '{"Message": "ottilie@corp.example may not"}'}):
            if fault:
                self.fake.fault("talk", **fault)
                self.fake.wait(1, status=401)
            status, said = self.doctor("doctor", "--report")
            self.assertIn(status, (0, 1))
            hidden = [*self.SECRETS.values(), result, "Bespoke", TOKEN, "T0PSECRET", "zebra", "giraffe", "okapi", "lemur",
                      "8765", "corp.example", "Ottilie", str(self.directory), "127.0.0.1", str(self.fake.port), "@"]
            for text in hidden:
                self.assertNotIn(text.lower(), said.lower())

    def test_it_says_how_the_api_behaves(self):
        self.fake = self.start_fake(ENDED)
        self.write_config(self.fake, [5, 6, 7, 8, 9])
        self.start_again()
        self.daemon.wait_for(r"\[succeeded", count=5)
        said = self.doctor("doctor", "--report")[1]
        for pattern in ("jobwatchctl doctor --report", r"version: \d", "libraries: libcurl/", "system: ", r"settings: auth=token ",
                        r"ok +role List", "role Read: yes", "role List: yes", r"clock: [+-]\d s",
                        r"batch: answered, \d+ of \d+ rows; single has Status ResultData",
                        "search: dir=-1 newest first, dir=1 oldest first, dir=0 newest first; 5 rows; rows have Status",
                        "dates: times are with a zone, with fractions", r"limits: 0 of \d+ requests throttled"):
            self.assertRegex(said, pattern)

    def test_it_is_not_json(self):
        self.write_config("http://127.0.0.1:9", [5])
        done = self.ctl("doctor", "--report", "--json=short")
        self.assertEqual((done.returncode, done.stderr), (64, "jobwatchctl: --report and --json exclude each other\n"))


if __name__ == "__main__":
    unittest.main()
