#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""auth = password without errors: sign-in, renewal, and continuing with the tokens of the previous run."""

import os
import random
import time
import unittest
import urllib.parse

from harness import EX_OK, JOBS, SLOW
from sign_in import PASSWORD, USERNAME, SignInTest, derived_client_id

KILLS = int(os.environ.get("KILLS", "0")) or 50
SEED = int(os.environ.get("SEED", "0")) or random.SystemRandom().randrange(1, 1 << 31)
TROUBLE = " (warning|error) "


class Life(SignInTest):
    def test_first_sign_in(self):
        self.watch()
        daemon = self.start_signed_in()
        self.fake.polls(3, 11)
        self.assertEqual(daemon.stop(), EX_OK)
        self.assertEqual(daemon.count(TROUBLE), 0, daemon.text())

        requests = self.fake.requests()
        self.assertEqual((requests[0]["method"], requests[0]["path"], requests[0]["query"]), ("POST", "/api/token", ""))
        sign_in, = self.sign_ins()
        self.assertEqual(sign_in["form"], [("grant_type", "password"), ("username", USERNAME), ("password", PASSWORD)])
        self.assertEqual(sign_in["client_id"], derived_client_id(self.state))
        self.assertEqual(sign_in["authorization"], "")
        self.assertIn("application/json", sign_in["accept"])
        access, _ = self.kept()
        self.assertEqual({poll["authorization"] for poll in self.polls_made()}, {f"bearer {access}"})
        self.assertEqual({poll["status"] for poll in self.polls_made()}, {200})

    def renewed_under(self, client_id, api=None):
        self.watch(api=api)
        self.assertEnds(EX_OK, "--once")
        _, refresh = self.kept()
        self.start_signed_in_again()
        self.expire()
        self.fake.polls(2, 11, status=200)
        first, second = self.sign_ins()
        self.assertEqual(second["form"], [("grant_type", "refresh_token"), ("refresh_token", refresh)])
        self.assertEqual([first["client_id"], second["client_id"]], [client_id, client_id])

    def start_signed_in_again(self):
        daemon = self.start_daemon()
        self.fake.polls(1, 11, status=200)
        return daemon

    def test_derived_client_id(self):
        self.renewed_under(derived_client_id(self.state))

    def test_another_state_has_another_client_id(self):
        """So that a run by hand does not sign the service out."""
        self.watch()
        self.assertEnds(EX_OK, "--once")
        self.assertEnds(EX_OK, "--once", "--state-dir", self.directory / "other")
        first, second = self.sign_ins()
        self.assertNotEqual(first["client_id"], second["client_id"])

    def test_configured_client_id(self):
        self.renewed_under("desk-7", {"client_id": "desk-7"})

    def test_other_spelling(self):
        self.watch(server="access_token_key = AccessToken")
        self.start_signed_in()
        self.assertEqual(self.grants(), ["password"])

    def test_one_sign_in_at_a_time(self):
        """Several requests are rejected together; one renewal serves all, and no job is affected."""
        jobs = range(11, 31)
        self.watch(jobs)
        daemon = self.start_signed_in(jobs=20)
        for round in range(1, 6):
            self.expire()
            for job in jobs:
                self.fake.job(job, result=f"round {round}")
            daemon.wait_for(rf"result is now round {round} \[changed", count=20)
            self.assertEqual(self.grants(), ["password"] + ["refresh_token"] * round)
        daemon.stop()
        self.assertEqual(daemon.count(TROUBLE), 0, daemon.text())
        refused = [poll for poll in self.polls_made() if poll["status"] == 401]
        self.assertGreaterEqual(len(refused), 5)
        self.assertLessEqual(len(refused), 5 * 8, "only the requests in flight")
        tokens = [poll["authorization"] for poll in refused]
        self.assertEqual(len(set(tokens)), 5)

    def test_late_refusal(self):
        """A 401 for the previous token does not affect the new one."""
        self.watch((11, 12))
        self.fake.fault("late", path=self.poll_path(12), status=401, delay=f"{int(500 * SLOW)}ms", after=3, times=1)
        daemon = self.start_signed_in(jobs=2)
        self.fake.wait(4, path=self.poll_path(12), arrived=1)
        self.expire()
        self.fake.wait(1, path=self.poll_path(12), status=401)
        self.fake.polls(2, 12, status=200)
        daemon.stop()
        late = next(poll for poll in self.polls_made() if poll["fault"] == "late")
        self.assertGreater(late["t"] + late["took"], self.sign_ins()[1]["t"] + self.sign_ins()[1]["took"])
        self.assertEqual(self.grants(), ["password", "refresh_token"])
        self.assertEqual(daemon.count(TROUBLE), 0, daemon.text())

    def test_renewed_before_it_expires(self):
        self.watch(server="token_lifetime = 6s")
        daemon = self.start_signed_in()
        self.wait_sign_ins(2)
        self.fake.polls(2, 11)
        daemon.stop()
        self.assertEqual(daemon.count(TROUBLE), 0, daemon.text())
        first, second = self.sign_ins()[:2]
        self.assertEqual(self.grants()[1], "refresh_token")
        self.assertGreater(second["t"] - first["t"], 4.5)
        self.assertLess(second["t"] - first["t"], 6)
        self.assertEqual({poll["status"] for poll in self.polls_made()}, {200}, "it was never refused")
        self.assertEqual(len(self.tokens_used()), 2)
        self.assertEqual(self.tokens_used()[-1], self.kept()[0])

    def test_a_renewal_does_not_wait_for_polls_that_hang(self):
        """As many as there may be at a time."""
        jobs = range(11, 19)
        self.watch(jobs, server="token_lifetime = 6s", api={"timeout": "10min"})
        self.start_signed_in(jobs=8)
        self.fake.fault("stuck", path=f"*{JOBS}/*", hang="yes")
        self.fake.wait(8, self.fake.stats()["last_seq"] - 8, path=f"*{JOBS}/*", arrived=1)
        self.wait_sign_ins(2)
        self.assertEqual(self.grants(), ["password", "refresh_token"])

    def test_dead_refresh_token(self):
        self.watch()
        daemon = self.start_signed_in()
        self.take_token(derived_client_id(self.state))
        self.expire()
        self.fake.polls(2, 11, status=200)
        daemon.stop()
        self.assertEqual(self.grants(), ["password", "password", "refresh_token", "password"])
        self.assertEqual(daemon.count(TROUBLE), 0, daemon.text())

    def test_an_ended_job_asks_for_no_sign_in(self):
        self.watch(scenario="[job 11]\nstep = 0s Completed\n")
        self.assertEnds(EX_OK, "--exit-when-done", says=r"\[succeeded")
        self.expire()
        before = self.fake.stats()["requests"]
        self.assertEnds(EX_OK, "--exit-when-done")
        self.assertEqual(self.fake.stats()["requests"], before)

        for path in self.state.iterdir():
            path.unlink()
        daemon = self.start_daemon()
        daemon.wait_for("Nothing left to poll")
        self.assertEqual(daemon.stop(), EX_OK)
        self.assertEqual(self.fake.stats()["requests"], before + 2)

    def test_stop_while_it_hangs(self):
        self.watch()
        self.spoil(hang="yes")
        daemon = self.start_daemon()
        self.wait_sign_ins(1, arrived=1)
        begin = time.monotonic()
        self.assertEqual(daemon.stop(), EX_OK)
        self.assertLess(time.monotonic() - begin, 2 * SLOW)

    def test_stop_while_a_renewal_hangs(self):
        self.watch()
        daemon = self.start_signed_in()
        self.spoil(hang="yes")
        self.expire()
        self.wait_sign_ins(2, arrived=1)
        begin = time.monotonic()
        self.assertEqual(daemon.stop(), EX_OK)
        self.assertLess(time.monotonic() - begin, 2 * SLOW)
        self.fake.mend()
        self.assertEnds(EX_OK, "--once")
        self.assertEqual(self.grants(), ["password", "refresh_token", "refresh_token"])


class Restart(SignInTest):
    def test_kept_token(self):
        self.watch()
        self.start_signed_in().stop()
        kept = self.kept()
        self.assertEnds(EX_OK, "--once")
        self.assertEqual(self.grants(), ["password"], "it is still signed in")
        self.assertEqual(self.polls_made()[-1]["authorization"], f"bearer {kept[0]}")

        self.expire()
        self.assertEnds(EX_OK, "--once")
        self.assertEqual(self.sign_ins()[1]["form"][1], ("refresh_token", kept[1]))
        self.assertEqual(self.polls_made()[-1]["authorization"], f"bearer {self.kept()[0]}")
        self.assertNotEqual(self.kept(), kept)

    def test_other_user(self):
        self.watch()
        self.assertEnds(EX_OK, "--once")
        mine = self.kept()
        self.fake.server(username="you@example.com", password="other")
        self.configure(api={"username": "you@example.com"}, password="other")
        self.assertEnds(EX_OK, "--once")
        self.assertEqual(dict(self.sign_ins()[1]["form"])["username"], "you@example.com")
        self.assertEqual(self.grants(), ["password", "password"])
        self.assertNotIn(mine[0], self.polls_made()[-1]["authorization"])
        self.configure()
        self.assertEnds(EX_OK, "--once")
        self.assertEqual(self.polls_made()[-1]["authorization"], f"bearer {mine[0]}")
        self.assertEqual(len(self.grants()), 2)

    def test_other_client_id(self):
        self.watch()
        self.assertEnds(EX_OK, "--once")
        self.configure(api={"client_id": "desk-7"})
        self.assertEnds(EX_OK, "--once")
        self.assertEqual(self.grants(), ["password", "password"], "a refresh token is good under its client id only")
        self.assertEqual(len(self.kept_grants()), 2)

    def test_basic_is_as_it_was(self):
        self.watch(api={"auth": "basic"})
        self.start_signed_in().stop()
        self.assertEqual(self.sign_ins(), [])
        self.assertEqual({poll["authorization"] for poll in self.polls_made()}, {f"basic {USERNAME}:{PASSWORD}"})
        self.assertEqual(self.kept_grants(), [])


class Kill(SignInTest):
    """Killed at random moments while tokens rotate: the last refresh token used, its successor, or the password restores
    access; and what is on disk is at most one renewal behind what was used: the server has withdrawn the earlier refresh
    token when it answers, so that to wait for the disk before the use would save nothing."""

    def check_kept(self):
        """Whether the tokens on disk are newer ones than the last ones used. Otherwise they are those, or the ones before."""
        access, _ = self.kept()
        used = self.tokens_used()
        if access in used:
            self.assertIn(access, used[-2:], "the tokens on disk are more than one renewal behind")
            return False
        return True

    def live(self, chance):
        """One run until its kill."""
        since = self.fake.stats()["last_seq"]
        daemon = self.start_daemon()
        self.fake.wait(chance.randrange(1, 4), since, path=self.poll_path(11), status=200)
        since = self.fake.stats()["last_seq"]
        self.expire()
        moment = chance.choice(["arrived", "answered", "used", "refused"])
        if moment == "refused":
            self.fake.wait(1, since, status=401)
        elif moment == "used":
            self.fake.wait(chance.randrange(1, 3), since, path=self.poll_path(11), status=200)
        else:
            self.wait_sign_ins(1, since, arrived=int(moment == "arrived"))
        if moment != "used":
            time.sleep(chance.uniform(0, 0.004 * SLOW))
        daemon.process.kill()
        daemon.wait_exit()

    def test_kills(self):
        chance = random.Random(SEED)
        self.watch(server=f"token_lifetime = {2 * SLOW:.0f}s")  # long enough to be refused before it is renewed in time
        self.spoil(delay="2ms")
        newer = 0
        try:
            for _ in range(KILLS):
                self.live(chance)
                self.assertLessEqual(len(self.kept_grants()), 1)
                if self.kept_grants():
                    newer += self.check_kept()
                    _, refresh = self.kept()
                    seq = self.fake.stats()["last_seq"]
                    self.expire()
                    self.assertEnds(EX_OK, "--once")
                    after = [dict(request["form"]) for request in self.sign_ins() if request["seq"] > seq]
                    self.assertEqual(after[0].get("refresh_token"), refresh, "it begins with what is on disk")
                    self.assertLessEqual(len(after), 2, "and needs the password at most once")
            self.assertFalse(self.check_kept())
        except AssertionError as error:
            raise AssertionError(f"SEED={SEED}: {error}") from error
        grants = self.grants()
        self.assertGreaterEqual(grants.count("refresh_token"), KILLS)
        print(f"{KILLS} kills, SEED={SEED}: {grants.count('refresh_token')} refreshes, {grants.count('password')} "
              f"sign-ins by password, {newer} times a grant on disk that was not used yet")


class Secrets(SignInTest):
    def test_they_show_nowhere(self):
        """Not in the log at any level, nor in argv, environment and --print-config."""
        self.watch()
        secrets, said = [PASSWORD], ""
        for fault in ({"status": 500, "body": '{"Message": "%s"}'}, {"status": 503, "body": "no %s"},
                      {"body": '{"access_token": 5, "error_description": "%s"}'},
                      {"status": 400, "body": '{"error": "%s", "error_description": "bad %s"}'}):
            self.assertEnds(EX_OK, "--once")
            secrets += self.kept()
            said += self.echoed(secrets[-1], fault, 1)
        for echo in PASSWORD.replace('"', '\\"'), "password=" + urllib.parse.quote_plus(PASSWORD):
            self.take_token(derived_client_id(self.state))
            said += self.echoed(echo, {"status": 400, "body": '{"error": "invalid_grant", "error_description": "%s"}'}, 2)
        self.assertIn("(invalid_grant)", said)

        daemon = self.start_daemon("--log-level=debug")
        self.fake.polls(1, 11, status=200)
        self.expire()
        self.fake.polls(2, 11, status=200)
        here = {"argv": daemon.proc("cmdline"), "environ": daemon.proc("environ")}
        for path in [self.state, *self.state.iterdir()]:
            self.assertEqual(path.stat().st_mode & 0o077, 0, path)
        self.assertEqual(daemon.stop(), EX_OK)
        secrets += [*self.kept(), *self.tokens_used(), *self.refresh_tokens_used()]
        self.assertGreaterEqual(len(set(secrets)), 12)

        printed = self.assertEnds(EX_OK, "--print-config")
        self.assertIn(str(self.directory / "password"), printed.output)
        places = {**here, "log": (daemon.text() + daemon.output + said).encode(),
                  "--print-config": (printed.text() + printed.output).encode()}
        for name, place in places.items():
            for secret in secrets:
                for form in (secret, urllib.parse.quote(secret), urllib.parse.quote_plus(secret)):
                    self.assertNotIn(form.encode(), place, name)

    def echoed(self, echo, fault, times):
        """The message when the server repeats the request in its response."""
        self.expire()
        self.spoil(**{**fault, "body": fault["body"].replace("%s", echo)}, times=times)
        _, daemon = self.run_daemon("--once", "--log-level=debug")
        self.fake.mend()
        return daemon.text() + daemon.output


if __name__ == "__main__":
    unittest.main()
