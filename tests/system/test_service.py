# SPDX-License-Identifier: MIT
"""jobwatchd.service as shipped: its status, journal, credentials and state."""

import json
import pathlib
import re
import unittest

from fixture import SOURCE, STATE, TOKEN, UNIT, SystemTest

SCENARIO = """
[job 11]
description = Import of members
business = Space 7
business_id = 7
step = 0s Running | {"rows": 1}
[job 12]
step = 0s Completed | {"rows": 2}
[job 13]
step = 0s Failed | too bad
"""

FIELDS = {"MESSAGE_ID", "PRIORITY", "SYSLOG_IDENTIFIER", "JOBWATCH_EVENT", "JOBWATCH_EVENT_ID",
          "JOBWATCH_SEQUENCE", "JOBWATCH_JOB",
          "JOBWATCH_JOB_GUID", "JOBWATCH_STATUS", "JOBWATCH_RESULT", "JOBWATCH_RESULT_BYTES", "JOBWATCH_OUTCOME",
          "JOBWATCH_DESCRIPTION", "JOBWATCH_BUSINESS", "JOBWATCH_BUSINESS_ID", "JOBWATCH_UPDATED_ON"}

# The findings of systemd-analyze; each is explained in docs/security.md.
EXPLAINED = {"PrivateNetwork=", "RestrictAddressFamilies=~AF_(INET|INET6)", "IPAddressDeny=", "DeviceAllow=",
             "RestrictAddressFamilies=~AF_UNIX", "RootDirectory=/RootImage="}
# jobwatch-job@ and jobwatch-report use only the bus.
EXPLAINED_OF_TOOLS = {"DeviceAllow=", "RestrictAddressFamilies=~AF_UNIX", "RootDirectory=/RootImage="}


class Service(SystemTest):
    def start_with(self, scenario=SCENARIO, jobs=(11, 12, 13), more="", **sections):
        self.fake = self.start_fake(scenario)
        self.configure(self.fake, jobs, more, **sections)
        self.start()
        return self.fake

    def test_start(self):
        self.systemctl("enable", "--quiet", UNIT)
        self.start_with()
        for line in ("Job 11.*: first seen as Running", "Job 12: first seen as Completed",
                     "Job 13: first seen as Failed"):
            self.wait_for(line)
        self.assertEqual(self.systemctl("is-active", UNIT).strip(), "active")
        self.assertEqual(self.systemctl("is-active", "network-online.target").strip(), "active")
        self.assertEqual(self.show(UNIT, "WatchdogUSec"), "30s")
        self.wait_show(UNIT, "StatusText", r"^3 jobs \(1 open, 2 finished\); next poll at ")
        status = self.systemctl("status", "--no-pager", UNIT)
        self.assertRegex(status, r'Status: "3 jobs \(1 open, 2 finished\)')
        self.assertRegex(status, r"Docs: man:jobwatchd\(8\)")

    def test_journal(self):
        self.start_with(f"{SCENARIO}[job 14]\nstep = 0s Running\n", more="[job members]\nid = 14\n")
        self.fake.polls(1, 14)
        self.fake.job(14, "ünlike\nbefore", status="Waiting")
        self.wait_for(r"Job 14 \(members\): Running → Waiting")
        self.wait_for("Job 13: first seen as Failed")

        by_unit = self.run_inside("journalctl", "-u", UNIT, self.since)
        self.assertRegex(by_unit, r"jobwatchd\[\d+\]: Job 14 \(members\): Running → Waiting")
        of_job = self.events("JOBWATCH_JOB=14")
        self.assertEqual([entry["JOBWATCH_EVENT"] for entry in of_job], ["seen", "changed"])
        self.assertEqual(of_job[1]["JOBWATCH_RESULT"], "ünlike\nbefore")
        self.assertEqual(of_job[1]["JOBWATCH_STATUS_BEFORE"], "Running")
        self.assertEqual(of_job[1]["JOBWATCH_JOB_NAME"], "members")
        self.assertEqual(self.events(f"MESSAGE_ID={of_job[1]['MESSAGE_ID']}"), [of_job[1]])

        entry, = self.events("JOBWATCH_JOB=11")
        self.assertEqual(FIELDS - set(entry), set())
        self.assertEqual((entry["SYSLOG_IDENTIFIER"], entry["_SYSTEMD_UNIT"], entry["JOBWATCH_BUSINESS"]),
                         ("jobwatchd", UNIT, "Space 7"))
        failed, = self.events("JOBWATCH_JOB=13")
        self.assertEqual((failed["PRIORITY"], failed["JOBWATCH_OUTCOME"]), ("3", "failure"))

    def test_catalog(self):
        self.start_with()
        self.wait_for("Job 13: first seen as Failed")
        explained = self.run_inside("journalctl", "-x", "-u", UNIT, self.since, "JOBWATCH_JOB=13")
        self.assertIn("Subject: Job 13 failed", explained)
        self.assertIn("The background job 13 finished with the Status Failed", explained)
        started = self.run_inside("journalctl", "-x", "-u", UNIT, self.since)
        self.assertIn("Subject: jobwatchd has started", started)

    def test_no_secret_shows(self):
        self.start_with(log={"level": "debug"})
        self.wait_for("Job 13: first seen as Failed")
        self.fake.fault("refused", status=401, times=3)
        self.wait_for("credentials")
        pid = self.main_pid()
        for word in (f"/proc/{pid}/environ", f"/proc/{pid}/cmdline"):
            self.assertNotIn(TOKEN, self.run_inside("cat", word))
        self.assertNotIn(TOKEN, self.systemctl("show", UNIT))
        self.assertNotIn(TOKEN, self.systemctl("status", "--no-pager", "--full", UNIT))
        self.assertNotIn(TOKEN, self.run_inside("journalctl", "--all", "-o", "export"))
        self.assertNotIn(TOKEN, self.run_inside("jobwatchd", "--print-config"))
        for path in self.system.path(STATE).rglob("*"):
            if path.is_file():
                self.assertNotIn(TOKEN.encode(), path.read_bytes(), path)
        # No other user can read it, and the daemon's memory is not readable by its own user.
        as_nobody = ("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "cat")
        for path in (f"/run/credentials/{UNIT}/nexudus.token", f"{STATE}/jobwatchd.db", f"/proc/{pid}/environ"):
            self.assertNotEqual(self.system.run(*as_nobody, path, check=False).status, 0, path)

    def test_user_and_state(self):
        self.start_with()
        self.wait_for("Job 13: first seen as Failed")
        uid, gid = self.user()
        self.assertEqual(self.run_inside("stat", "-c", "%u %g %a", STATE).split(), [str(uid), str(gid), "700"])
        self.assertEqual(self.run_inside("stat", "-c", "%u %g %a", "/run/jobwatchd").split(), [str(uid), str(gid), "750"])
        for path in self.system.path(STATE).iterdir():
            self.assertEqual((path.stat().st_uid, path.stat().st_mode & 0o777), (uid, 0o600), path)
        status = self.run_inside("cat", f"/proc/{self.main_pid()}/status")
        self.assertRegex(status, rf"(?m)^Uid:\t{uid}\t{uid}\t{uid}\t{uid}$")
        self.assertRegex(status, r"(?m)^CapEff:\t0{16}$")
        self.assertRegex(status, r"(?m)^NoNewPrivs:\t1$")
        self.assertRegex(status, r"(?m)^Seccomp:\t2$")

    def test_a_reload_has_ended_when_the_command_returns(self):
        fake = self.start_with("[jobs 11-30]\nstep = 0s Running\n", (11,))
        for job in range(12, 22):
            self.configure(fake, (11, job))
            self.systemctl("reload", UNIT)
            self.assertRegex(self.run_inside("jobwatchctl", "list"), rf"(?m)^ *{job} ")

    def test_second_instance(self):
        other = self.start_fake("[job 21]\nstep = 0s Running\n", server="token = an0ther-5ecret\n", name="other")
        other.server(token="an0ther-5ecret")
        self.configure(other, (21,), path="/etc/jobwatchd/other.ini")
        self.system.write("/etc/jobwatchd/other.token", "an0ther-5ecret\n", 0o600)
        self.start_with()
        self.start("jobwatchd@other")
        self.wait_for("Job 21: first seen as Running", "jobwatchd@other.service")
        self.wait_for("Job 11.*: first seen as Running")
        self.systemctl("stop", UNIT)
        self.assertTrue(self.run_inside("ls", "/run/jobwatchd-other", check=False) == "")
        self.assertEqual(self.systemctl("is-active", "jobwatchd@other").strip(), "active")
        self.assertEqual([entry["JOBWATCH_JOB"] for entry in self.events("_SYSTEMD_UNIT=jobwatchd@other.service")], ["21"])
        self.assertTrue(self.system.path("/var/lib/jobwatchd-other/jobwatchd.db").exists())


class Credentials(SystemTest):
    def setUp(self):
        super().setUp()
        self.fake = self.start_fake(SCENARIO)
        self.configure(self.fake, (11,))

    def assertRefused(self, says):
        """It exits without restart and logs what is missing."""
        self.assertNotEqual(self.system.run("systemctl", "start", UNIT, check=False).status, 0)
        self.wait_for(says)
        self.assertEqual(self.show(UNIT, "ActiveState"), "failed")
        self.assertEqual((self.show(UNIT, "ExecMainStatus"), self.show(UNIT, "NRestarts")), ("78", "0"))
        self.assertIn("status=78/CONFIG", self.systemctl("status", "--no-pager", UNIT, check=False))
        self.assertEqual(self.fake.requests(), [])

    def assertNamed(self, problem):
        """The service and --check say the same, and neither names the copy that systemd passes."""
        self.assertRefused(problem)
        self.assertNotIn("/run/credentials", self.log())
        checked = self.system.run("jobwatchd", "--check", check=False)
        self.assertEqual(checked.status, 78, checked.output)
        self.assertRegex(checked.output, problem)

    def test_missing(self):
        self.system.remove("/etc/jobwatchd/nexudus.token")
        self.assertNamed("No API token: /etc/jobwatchd/nexudus.token is missing or empty")

    def test_in_quotes(self):
        self.system.write("/etc/jobwatchd/nexudus.token", f'"{TOKEN}"\n', 0o600)
        self.assertNamed("/etc/jobwatchd/nexudus.token contains quotes")

    def test_check_is_for_the_service(self):
        """A token of root is right, a configuration of root is not."""
        self.assertIn("OK (1 job, 0 hooks)", self.run_inside("jobwatchd", "--check"))
        self.system.path("/etc/jobwatchd/jobwatchd.ini").chmod(0o600)
        self.assertNamed("/etc/jobwatchd/jobwatchd.ini: cannot be read: Permission denied")

    def assertReloadFails(self, says):
        self.mark()
        self.assertNotEqual(self.system.run("systemctl", "reload", UNIT, check=False).status, 0)
        self.wait_for(says)
        self.assertEqual(self.show(UNIT, "ActiveState"), "active")

    def test_reload(self):
        """It fails for an invalid configuration, and succeeds once that is corrected."""
        self.start()
        self.wait_for("Job 11 .*first seen as Running")
        self.configure(self.fake, (11, 12), "[poll]\nintervall = 1s\n")
        self.assertReloadFails(r"/etc/jobwatchd/jobwatchd.ini:\d+: .*intervall")
        self.configure(self.fake, (11, 12), "[hook a]\nexec = /opt/test/missing\n")
        self.assertReloadFails("/opt/test/missing: no such program")
        self.configure(self.fake, (11, 12))
        self.systemctl("reload", UNIT)
        self.wait_for("Job 12\\b.*first seen as")

    def test_reload_with_a_credential_that_was_not_passed(self):
        """The service keeps its configuration and names what is to be done."""
        self.start()
        self.wait_for("Job 11 .*first seen as Running")
        self.system.write("/etc/jobwatchd/web.secret", "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw\n", 0o600)
        self.configure(self.fake, (11, 12), "[hook web]\nurl = http://127.0.0.1:9/\nsecret_file = web.secret\n")
        self.systemctl("reload", UNIT)
        self.wait_for("add LoadCredential=web.secret:/etc/jobwatchd/web.secret")
        self.wait_for(f'run "systemctl restart {UNIT}"')
        self.wait_for("Configuration not reloaded: 1 error")
        self.assertNotIn("Job 12", self.log())

    def test_by_hand(self):
        """As the README has it, while the service runs."""
        self.start()
        self.wait_for("Job 11 .*first seen as Running")
        self.run_inside("jobwatchd", "--state-dir", "/var/lib/jobwatchd-wait", "--job", "12", "--once")
        uid, gid = self.user()
        for path in [self.system.path("/var/lib/jobwatchd-wait"), *self.system.path("/var/lib/jobwatchd-wait").iterdir()]:
            self.assertEqual((path.stat().st_uid, path.stat().st_gid), (uid, gid), path)
        self.assertEqual(self.system.run("jobwatchd", "--once", check=False).status, 74)

    def test_empty(self):
        self.system.write("/etc/jobwatchd/nexudus.token", "", 0o600)
        self.assertRefused("No API token: /etc/jobwatchd/nexudus.token is missing or empty")

    def test_password(self):
        """auth = password works without a drop-in."""
        self.fake.server(username="me@example.com", password="p4ss-w0rd")
        self.system.remove("/etc/jobwatchd/nexudus.token")
        self.system.write("/etc/jobwatchd/nexudus.password", "p4ss-w0rd\n", 0o600)
        self.configure(self.fake, (11,), api={"auth": "basic", "username": "me@example.com"})
        self.start()
        self.wait_for("Job 11.*: first seen as Running")
        self.assertNotIn("p4ss-w0rd", self.run_inside("journalctl", "--all", "-o", "export"))

    def test_encrypted(self):
        self.run_inside("systemd-creds", "encrypt", "--with-key=host", "--name=nexudus.token",
                        "/etc/jobwatchd/nexudus.token", "/etc/jobwatchd/nexudus.token.cred")
        self.system.remove("/etc/jobwatchd/nexudus.token")
        self.write_unit(f"{UNIT}.d/credential.conf", "[Service]\n"
                        "LoadCredentialEncrypted=nexudus.token:/etc/jobwatchd/nexudus.token.cred\n")
        self.start()
        self.wait_for("Job 11.*: first seen as Running")
        self.assertEqual({request["authorization"] for request in self.fake.requests()}, {f"bearer {TOKEN}"})

    def test_wrong_configuration(self):
        self.configure(self.fake, (11,), "[poll]\nintervall = 1s\n")
        self.assertRefused(r"/etc/jobwatchd/jobwatchd.ini:\d+: ")

    def test_no_configuration(self):
        self.system.remove("/etc/jobwatchd/jobwatchd.ini")
        self.assertRefused("/etc/jobwatchd/jobwatchd.ini")


class Installed(SystemTest):
    """The files that are installed."""

    def test_destdir(self):
        if self.system.installed is None:
            self.skipTest("they are those of a package")
        files = {"/" + str(path.relative_to(self.system.installed))
                 for path in self.system.installed.rglob("*") if not path.is_dir()}
        wanted = r"/usr/s?bin/jobwatch\w+|/usr/lib/systemd/(system/jobwatch\S+\.service|catalog/jobwatchd\.catalog)|" \
                 r"/usr/lib/(sysusers|tmpfiles)\.d/jobwatchd\.conf|" \
                 r"/usr/libexec/jobwatchd/(run-hooks|hook-run|check-connection)|" \
                 r"/usr/lib/\S+/jobwatchd/state-postgresql\.so|" \
                 r"/usr/share/man/man[1578]/(jobwatch|org\.jobwatchd1)\S+|/usr/share/(doc/)?jobwatchd/\S+|" \
                 r"/usr/share/(bash-completion/completions/|zsh/\S+/_)jobwatchctl|" \
                 r"/usr/share/(dbus-1/system\.d|polkit-1/actions)/org\.jobwatchd1\.\w+"
        self.assertEqual([path for path in sorted(files) if not re.fullmatch(wanted, path)], [])
        for path in ("/usr/sbin/jobwatchd", "/usr/lib/systemd/system/jobwatchd.service",
                     "/usr/share/man/man5/jobwatchd.ini.5", "/usr/share/jobwatchd/50-jobwatchd.rules"):
            self.assertIn(path, files)
        here = str(pathlib.Path(self.system.installed))
        for path in files:
            with open(here + path, "rb") as file:
                self.assertNotIn(here.encode(), file.read(), path)

    def test_units_are_clean(self):
        for unit in ("jobwatchd.service", "jobwatchd@x.service", "jobwatch-job@1.service", "jobwatch-hook@x.service",
                     "jobwatch-report.service", "jobwatch-report@x.service"):
            self.assertEqual(self.run_inside("systemd-analyze", "verify", unit), "", unit)

    def test_never_gives_up(self):
        for unit in ("jobwatchd.service", "jobwatchd@x.service", "jobwatch-job@1.service", "jobwatch-report.service",
                     "jobwatch-report@x.service"):
            self.assertEqual([self.show(unit, name) for name in ("Restart", "StartLimitIntervalUSec")],
                             ["on-failure", "0"], unit)

    def test_exposure(self):
        """It is not above what docs/security.md says, and consists only of the findings explained there."""
        document = (SOURCE / "docs/security.md").read_text()
        for unit, explained in (("jobwatchd.service", EXPLAINED), ("jobwatchd@x.service", EXPLAINED),
                                ("jobwatch-job@1.service", EXPLAINED_OF_TOOLS),
                                ("jobwatch-report.service", EXPLAINED_OF_TOOLS | {"UMask="}),
                                ("jobwatch-report@x.service", EXPLAINED_OF_TOOLS | {"UMask="})):
            name = re.sub("@x", "@NAME", re.sub("@1", "@ID", unit)).replace("report@NAME", "report")
            exposure, = re.findall(rf"^\|.*`{name}`.*\| (\d\.\d) \|$", document, re.M)
            how = ("systemd-analyze", "security", "--offline=yes", "--no-pager")
            said = self.system.run(*how, f"--threshold={round(float(exposure) * 10)}", unit, check=False)
            self.assertEqual(said.status, 0, said.output)
            points = json.loads(self.run_inside(*how, "--json=short", unit))
            self.assertEqual({point["name"] for point in points if not point["set"]}, explained, unit)
            for finding in explained:
                self.assertIn(f"\n| `{finding.replace('|', chr(92) + '|')}` |", document)

    def test_manuals(self):
        for page in ("1/jobwatchctl.1", "8/jobwatchd.8", "5/jobwatchd.ini.5", "7/jobwatchd-cluster.7", "7/jobwatchd-hooks.7",
                     "5/org.jobwatchd1.5"):
            path = f"/usr/share/man/man{page}"
            if not self.system.path(path).exists():
                path += ".gz"  # from a package
            said = self.system.run("man", "-E", "UTF-8", "--warnings=w", "-l", path)
            self.assertNotRegex(said.output, r"(?m)^(troff|groff|man|mdoc|an):? ?.*(warning|error)")
            self.assertGreater(len(said.output), 2000)

    def test_example_configuration_is_right(self):
        self.system.write("/etc/jobwatchd/jobwatchd.ini",
                          self.system.path("/usr/share/jobwatchd/jobwatchd.ini").read_text() + "[jobs]\nids = 1\n")
        self.assertIn(": OK (", self.run_inside("jobwatchd", "--check"))


if __name__ == "__main__":
    unittest.main()
