#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""auth = password with errors: logged once, no floods of sign-ins, and polling resumes."""

import errno
import os
import subprocess
import unittest

from harness import EX_CONFIG, EX_NOPERM, EX_OK, EX_TIMEOUT, EX_UNAVAILABLE, JOBWATCHD, PATIENCE, SANITIZED, SLOW
from sign_in import PASSWORD, USERNAME, SignInTest, derived_client_id

LIBRARY = os.environ.get("CRASH_POINTS", "")
TROUBLE = " (warning|error) "
REFUSED = "error .*rejected the credentials: "
ROLE = REFUSED + ".*401.*lacks the role BusinessBackgroundJob-Read: grant it in Nexudus"
MEANWHILE = "4s"  # a storm would be seen in that; the first probe follows after 9 s or more
PROBED = "13s"  # one probe, and not yet the second one, 18 s or more later

# Single requests: eight in flight, and one that was sent between the first failure and the second.
BURST = 9

# The end of an outage is logged after 10 s without a failure.
RECOVERY = 10 + PATIENCE


class Refused(SignInTest):
    def never_stormed(self, says, sign_ins, polls, period=MEANWHILE):
        """`sign_ins` and `polls`: the maximum numbers of requests in a period."""
        status, daemon = self.run_daemon("--timeout", period)
        self.assertEqual(status, EX_TIMEOUT, daemon.text())
        self.assertEqual(daemon.count(says), 1, daemon.text())
        self.assertEqual(daemon.count(" error "), 1, daemon.text())
        self.assertLessEqual(len(self.sign_ins()), sign_ins)
        self.assertLessEqual(len(self.polls_made()), polls)
        self.assertEqual(daemon.events(), [])

    def test_wrong_password(self):
        self.watch(range(11, 31), password="wr0ng")
        says = REFUSED + ".*wrong user name or password.*(invalid_grant)"
        self.never_stormed(says, 1, 0)
        daemon = self.assertEnds(EX_NOPERM, "--once", says=says)
        self.assertEqual(self.grants(), ["password"] * 2)

    def test_blocked_by_a_firewall(self):
        self.watch()
        self.fake.fault("firewall", status=403, html="yes")
        daemon = self.start_daemon()
        daemon.wait_for(r"error +Requests to the API at \S+ are blocked.*: HTTP 403 with an HTML page\. Retrying in ")
        self.assertNotRegex(daemon.text(), "role|credentials|password")

    def test_second_factor(self):
        self.watch(server="totp = 123456")
        says = REFUSED + ".*a second factor, set auth = login and run \"jobwatchctl login\""
        self.never_stormed(says, 1, 0)
        self.assertEnds(EX_NOPERM, "--once", says=says)

    def test_role_missing(self):
        self.watch(range(11, 31), server="roles =")
        self.never_stormed(ROLE, 1, BURST + 1, PROBED)
        self.assertEnds(EX_NOPERM, "--once", says=ROLE)
        self.assertEqual(self.grants(), ["password", "refresh_token"], "a kept token may be renewed once a run")

    def test_role_revoked(self):
        self.watch(range(11, 31))
        daemon = self.start_signed_in("--timeout", PROBED, jobs=20)
        self.fake.server(roles="list")
        daemon.wait_for(ROLE)
        self.assertEqual(daemon.wait_exit(), EX_TIMEOUT)
        self.assertEqual(self.grants(), ["password", "refresh_token"])
        self.assertEqual(daemon.count(" error "), 1, daemon.text())
        self.assertLessEqual(sum(poll["status"] == 401 for poll in self.polls_made()), 8 + BURST + 1,
                             "with the first token, with the second one, and a probe")

    def test_one_job_that_may_not_be_read(self):
        """A token that is accepted for one job and rejected for another is renewed only a few times."""
        self.watch((11, 12))
        self.fake.fault("mine", path=self.poll_path(12), status=401, delay="50ms")
        daemon = self.start_daemon()
        daemon.wait_for("warning +Job 12: cannot be polled: HTTP 401\\. Polling it less often")
        self.assertLessEqual(len(self.sign_ins()), 11, daemon.text())
        self.fake.job(11, status="Completed")
        daemon.wait_for("Job 11: Running → Completed")
        self.assertEqual(daemon.stop(), EX_OK)
        self.assertEqual(daemon.count(TROUBLE), 1, daemon.text())

    def test_password_changed_while_it_runs(self):
        self.watch()
        daemon = self.start_signed_in("--timeout", MEANWHILE)
        self.fake.server(password="other")
        self.take_token(derived_client_id(self.state), password="other")
        self.expire()
        daemon.wait_for(REFUSED + ".*wrong user name or password")
        self.assertEqual(daemon.wait_exit(), EX_TIMEOUT)
        self.assertEqual(self.grants()[2:], ["refresh_token", "password"])

    def test_a_machine_without_id(self):
        """Without a machine id no client_id can be derived; a configured one works."""
        nothing = self.directory / "machine-id"
        nothing.write_text("uninitialized\n")
        before = ["unshare", "--mount", "sh", "-ec", 'mount --bind "$0" /etc/machine-id; exec "$@"', str(nothing)]
        if os.geteuid() != 0 or subprocess.run([*before, "true"], stderr=subprocess.DEVNULL, check=False).returncode:
            self.skipTest("needs root and a mount namespace of its own")
        says = "cannot derive client_id from /etc/machine-id: .*set a unique client_id in \\[api\\]"
        self.watch()
        self.assertEnds(EX_CONFIG, says=r"error +\S+:\d+: " + says, before=before)
        self.assertEqual(self.polls_made(), [])
        check = subprocess.run([*before, JOBWATCHD, "-c", self.config, "--check"], stdout=subprocess.PIPE,
                               stderr=subprocess.STDOUT, text=True, check=False)
        self.assertEqual(check.returncode, EX_CONFIG, check.stdout)
        self.assertRegex(check.stdout, says)

    def test_probes(self):
        """A missing role is granted before the second probe. For an account with short-lived tokens, which signs in for
        each probe, nothing is logged twice."""
        self.watch(server="roles = list")
        given, fake = self.start_daemon(), self.fake
        given.wait_for(ROLE)
        self.state = self.directory / "state of the other"
        self.fake = self.start_fake("[job 11]\nstep = 0s Running\n", f"username = {USERNAME}\npassword = {PASSWORD}\n"
                                    "roles = list\ntoken_lifetime = 8s", name="other")
        self.configure()
        missing = self.start_daemon("--log-level=debug")
        missing.wait_for(ROLE)
        fake.server(roles="read, list")
        given.wait_for("reachable again after ", patience=60 + PATIENCE)
        given.wait_for("Job 11: first seen as Running")
        missing.wait_for("rejected the credentials", count=3, patience=60 + PATIENCE)
        self.assertEqual(self.grants(), ["password"] + ["refresh_token"] * 2, "one for each probe")
        self.assertEqual(missing.count("reachable again"), 0, missing.text())
        self.assertEqual(missing.count(TROUBLE), 1, missing.text())


class Pause(SignInTest):
    def paused(self, daemon, refused, seconds):
        """No request is sent for so long after the response to `refused`."""
        later = [request["t"] - refused["t"] for request in self.fake.requests()
                 if request["t"] > refused["t"] + 0.1 * SLOW]
        self.assertGreaterEqual(min(later), seconds - 0.05, daemon.text())
        self.assertLess(min(later), seconds + 3 * SLOW)

    def test_throttled(self):
        self.watch()
        self.spoil(status=409, header='"Retry-After: 2"', times=1)
        daemon = self.start_signed_in()
        self.assertEqual(daemon.count("warning .*Rate limited by the API.*409.*Pausing for"), 1)
        self.assertEqual(daemon.count(TROUBLE), 1, daemon.text())
        self.paused(daemon, self.sign_ins()[0], 2)
        self.assertEqual(self.grants(), ["password"] * 2)

    def test_throttled_ahead_of_time(self):
        """The limits apply to all requests, so jobs with a valid token wait, too."""
        self.watch(server="token_lifetime = 10s")
        self.spoil(status=409, header='"Retry-After: 3"', after=1, times=1)
        daemon = self.start_signed_in()
        daemon.wait_for("Rate limited by the API")
        self.fake.polls(1, 11, status=200)
        self.paused(daemon, self.sign_ins()[1], 3)
        self.assertEqual(self.grants()[:3], ["password", "refresh_token", "refresh_token"])

    def test_throttled_once(self):
        self.watch()
        self.spoil(status=409, header='"Retry-After: 2"')
        self.assertEnds(EX_UNAVAILABLE, "--once", says="Rate limited by the API")
        self.assertEqual(len(self.fake.requests()), 1)


class Outage(SignInTest):
    def test_first_sign_in(self):
        self.watch()
        for number, fault in enumerate(({"status": 500, "html": "yes"}, {"reset": "before"}, {"reset": "headers"},
                                        {"body": "nonsense"}, {"body": '{"token_type": "bearer"}'}, {"truncate": 20},
                                        {"body": '{"access_token": ""}'}, {"status": 404}, {"envelope": "yes"},
                                        {"status": 302, "header": '"Location: /elsewhere"'},
                                        {"oversize": "1M"})):
            if "oversize" in fault:
                fault = {"body_file": self.huge()}
            with self.subTest(fault):
                self.state = self.directory / f"state-{number}"
                self.configure()
                self.spoil(**fault)
                daemon = self.start_daemon()
                daemon.wait_for("warning .*Cannot reach the API at .*: ")
                seq = self.fake.stats()["last_seq"]
                self.wait_sign_ins(2, seq)
                self.assertEqual([poll for poll in self.polls_made() if poll["seq"] > seq], [])
                self.fake.mend()
                daemon.wait_for("first seen as")
                daemon.wait_for("reachable again after ", patience=RECOVERY)
                self.assertEqual(daemon.stop(), EX_OK)
                self.assertEqual(daemon.count(TROUBLE), 1, daemon.text())
        self.assertNotIn("refresh_token", self.grants())

    def huge(self):
        path = self.directory / "huge"
        path.write_text('{"access_token": "%s"}' % ("x" * 1_000_000))
        return path

    def test_once(self):
        self.watch()
        self.spoil(status=500)
        self.assertEnds(EX_UNAVAILABLE, "--once", says="Cannot reach the API at .*: HTTP 500")

    def lost(self, **fault):
        """The server has rotated the refresh token, and the response was lost."""
        self.watch()
        daemon = self.start_signed_in()
        self.spoil(**fault, times=1)
        self.expire()
        seq = self.fake.stats()["last_seq"]
        self.fake.wait(2, seq, path=self.poll_path(11), status=200)
        self.assertLessEqual(daemon.count(TROUBLE), 1, daemon.text())
        self.assertEqual(daemon.stop(), EX_OK)
        self.assertEqual(daemon.count(" error "), 0, daemon.text())
        self.assertEqual(self.grants()[-1], "password")
        self.assertLessEqual(len(self.grants()), 4)
        self.assertEqual(self.kept()[0], self.tokens_used()[-1])

    def test_answer_lost_in_the_body(self):
        self.lost(reset="body")

    def test_answer_lost_in_the_headers(self):
        self.lost(reset="headers")

    def test_answer_cut(self):
        self.lost(truncate=30)

    def test_lost_ahead_of_time(self):
        """The error is logged, the token is used until it expires, and the next sign-in is not delayed."""
        self.watch(server="token_lifetime = 8s")
        daemon = self.start_signed_in()
        self.spoil(reset="body", times=1)
        self.assertIn("The current token stays in use", daemon.wait_for("Token renewal failed"))
        self.fake.polls(1, 11, status=200)
        self.wait_sign_ins(3)
        seq = self.fake.stats()["last_seq"]
        self.fake.wait(2, seq, path=self.poll_path(11), status=200)
        self.assertLessEqual(sum(poll["status"] == 401 for poll in self.polls_made()), 1)
        self.assertEqual(self.grants()[:3], ["password", "refresh_token", "password"])

    def test_a_renewal_does_not_hold_up_polling(self):
        self.watch(server="token_lifetime = 15s")
        daemon = self.start_signed_in()
        self.spoil(hang="yes")
        self.wait_sign_ins(2, arrived=1)  # with a tenth of its life left
        self.fake.job(11, status="Completed")
        daemon.wait_for(r"Running → Completed(: .*)? \[succeeded", patience=1.3)
        self.assertEqual(daemon.stop(), EX_OK)


@unittest.skipIf(SANITIZED, "a sanitizer wants to be the first library")
class Disk(SignInTest):
    def test_a_token_that_cannot_be_kept(self):
        """A token that cannot be saved is used all the same, since the old one is invalid; it is saved as soon as it can."""
        if not os.path.exists(LIBRARY):
            self.skipTest("CRASH_POINTS does not name the library")
        self.watch()
        trouble = self.directory / "trouble"
        for error in errno.ENOSPC, errno.EIO:
            self.state = self.directory / f"state-{error}"
            self.configure()
            self.spoil(status=503)
            daemon = self.start_daemon(env={"LD_PRELOAD": LIBRARY, "FAIL_WHILE": str(trouble), "FAIL_WITH": str(error)})
            daemon.wait_for("Cannot reach the API at .*: HTTP 503")
            trouble.touch()
            before = self.fake.stats()["last_seq"]
            self.fake.mend()
            self.fake.wait(2, before, path=self.poll_path(11), status=200)
            self.assertEqual(daemon.count("first seen as"), 0)
            self.assertEqual(self.kept_grants(), [])
            trouble.unlink()
            daemon.wait_for("first seen as")
            self.assertEqual(daemon.stop(), EX_OK)
            self.assertEqual(self.kept()[0], self.tokens_used()[-1])


if __name__ == "__main__":
    unittest.main()
