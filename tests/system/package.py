#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The Debian package in use, on a bare system that is booted.

    package.py ROOT PACKAGE OLD [TEST...]

ROOT is a system with what the package depends on in the cache of apt. OLD is what "meson install" of 0.1.0 has
installed; there was no package of it. BUILD_DIR names the build with the fake API.
"""

import json
import pathlib
import re
import shutil
import signal
import subprocess
import sys
import time
import unittest

import container
import readme
from harness import TOKEN, Fake

ROOT, PACKAGE, OLD = sys.argv[1:4]
INSIDE = f"/root/{pathlib.Path(PACKAGE).name}"
LATER = "/var/lib/jobwatchd/later"  # makes the hook of that name succeed
TARGET = 60  # seconds from the package to the first hook

# Old and new follow the same jobs.
CONFIGURATION = """[api]
base_url = {url}

[poll]
interval = 1s
max_interval = 1s

[jobs]
ids = {jobs}

[hook note]
on = terminal
exec = /bin/sh -c 'echo "$JOBWATCH_JOB $JOBWATCH_EVENT_ID" >> /var/lib/{state}/finished'

[hook later]
on = terminal
exec = /bin/sh -c 'test -e /var/lib/{state}/later && echo "$JOBWATCH_JOB $JOBWATCH_EVENT_ID" >> /var/lib/{state}/late'
"""
SCENARIO = "".join(f"[job {job}]\nstep = 0s Running\n" for job in (11, 12, 13))
EVERYWHERE = ("/etc", "/home", "/opt", "/srv", "/usr", "/var")
SERVICES = ("jobwatchd", "jobwatchd@other")
REPORTS = ("jobwatch-report", "jobwatch-report@other")


class Package(readme.Readme):
    test_commands = None  # not again

    def setUp(self):
        self.system = container.System(ROOT)
        self.addCleanup(self.system.close)
        shutil.copy(PACKAGE, self.system.path(INSIDE))
        self.system.boot()

    def apt(self, *words):
        return self.run_inside("env", "DEBIAN_FRONTEND=noninteractive", "apt-get", "-q", "-y", *words, timeout=300)

    def install_package(self):
        return self.apt("install", INSIDE)

    def states(self):
        return [self.run_inside("systemctl", "is-active", service, check=False).strip() for service in (*SERVICES, *REPORTS)]

    def processes(self):
        return [self.show("MainPID", service) for service in (*SERVICES, *REPORTS)]

    def assertNothingRuns(self):
        names = self.run_inside("sh", "-c", "cat /proc/[0-9]*/comm").split()
        self.assertEqual([name for name in names if name.startswith("jobwatch")], [])

    def lines(self, name):
        path = self.system.path(name)
        return path.read_text().splitlines() if path.exists() else []

    def configure(self, fake, service="jobwatchd", jobs="11, 12"):
        instance = service.partition("@")[2]
        self.system.write(f"/etc/jobwatchd/{instance or 'jobwatchd'}.ini", CONFIGURATION.format(
            url=fake.url, jobs=jobs, state=service.replace("@", "-")))
        self.system.write(f"/etc/jobwatchd/{instance or 'nexudus'}.token", TOKEN + "\n", 0o600)

    def serve(self):
        work = self.system.directory / "fake"
        work.mkdir()
        fake = Fake(work, SCENARIO)
        self.addCleanup(fake.stop)
        return fake

    def events(self):
        """The events in the journal, by their IDs: an event that was reported twice is there twice."""
        said = self.run_inside("journalctl", "--quiet", "-o", "json", "-u", "jobwatchd*")
        entries = [json.loads(line) for line in said.splitlines()]
        return [(entry["JOBWATCH_JOB"], entry["JOBWATCH_EVENT"], entry["JOBWATCH_EVENT_ID"]) for entry in entries
                if "JOBWATCH_EVENT" in entry]

    def ours(self, *directories):
        """Files of ours, outside the logs and what dpkg and apt keep about any package."""
        found = self.run_inside("find", *directories, "-xdev", "-ipath", "*jobwatch*")
        return sorted(path for path in found.splitlines()
                      if not re.match(r"/var/(log|cache|lib/(dpkg|apt))/", path))

    # ---- the promises ----

    def test_first_hook(self):
        """From a bare system with the package to the first hook, by the commands of README.md."""
        self.system.path(readme.CHECKOUT).mkdir(parents=True)
        self.prepare_api()
        text = (readme.SOURCE / "README.md").read_text()
        sections = "".join(re.search(rf"^## {title}\n.*?(?=^## )", text, re.M | re.S).group(0)
                           for title in ("Install", "Your first hook"))
        commands = [command for command in readme.shell_commands(sections) if "dpkg-buildpackage" not in command]
        begin = time.monotonic()
        for command in commands:
            self.follow_command(command)
        taken = time.monotonic() - begin
        print(f"{len(commands)} commands and {taken:.0f} s from the package to the first hook", file=sys.stderr)
        self.assertLess(taken, TARGET)
        self.assertIn("no problems", self.run_inside("jobwatchctl", "status"))

    def test_installed_and_purged(self):
        """No service is started before it has a configuration. No file in /etc is the package's, so no upgrade asks about
        one; and what is needed is not documentation. Purged, it leaves nothing."""
        self.install_package()
        self.assertEqual(self.states(), ["inactive"] * 4)
        self.assertEqual(self.show("UnitFileState"), "disabled")
        self.assertEqual(self.run_inside("find", "/etc/jobwatchd"), "/etc/jobwatchd\n/etc/jobwatchd/hooks.d\n")
        files = self.run_inside("dpkg", "-L", "jobwatchd").splitlines()
        self.assertEqual([path for path in files if path.startswith("/etc")], [])
        for path in ("/usr/share/jobwatchd/50-jobwatchd.rules", "/usr/share/bash-completion/completions/jobwatchctl",
                     "/usr/share/zsh/vendor-completions/_jobwatchctl", "/usr/share/man/man8/jobwatchd.8.gz",
                     "/usr/share/doc/jobwatchd/copyright", "/usr/share/doc/jobwatchd/NEWS.Debian.gz"):
            self.assertIn(path, files)
        self.assertIn("org.jobwatchd1.manage-jobs", self.run_inside("pkaction"))
        self.apt("purge", "jobwatchd")
        self.assertEqual(self.ours(*EVERYWHERE), [])

    def start_both(self, fake):
        for service in SERVICES:
            self.configure(fake, service)
        self.run_inside("systemctl", "enable", "--quiet", "--now", *SERVICES)
        for unit in SERVICES:
            self.wait_for(lambda unit=unit: "Job 12: first seen" in self.run_inside("journalctl", "-u", unit), unit)

    def test_upgrade(self):
        """What runs is restarted, and nothing else is."""
        self.install_package()
        fake = self.serve()
        self.start_both(fake)
        self.run_inside("systemctl", "start", *REPORTS)
        before = self.processes()
        self.apt("install", "--reinstall", INSIDE)
        self.assertEqual(self.states(), ["active"] * 4)
        self.assertTrue(set(before).isdisjoint(self.processes()), before)

        self.run_inside("systemctl", "stop", *REPORTS, *SERVICES)
        self.apt("install", "--reinstall", INSIDE)
        self.assertEqual(self.states(), ["inactive"] * 4)
        self.assertEqual(len(self.events()), 4)  # the jobs were seen once by each service

    def test_upgrade_from_0_1_0(self):
        """It was installed from source. Both services are restarted with their state, and no event is lost or repeated."""
        needed = subprocess.run(["dpkg-deb", "-f", PACKAGE, "Depends"], stdout=subprocess.PIPE, check=True, text=True)
        self.apt("install", "--no-install-recommends", "--no-upgrade",
                 *[re.split("[ |(:]", entry.strip())[0] for entry in needed.stdout.split(",")])
        shutil.copytree(OLD, self.system.root, symlinks=True, dirs_exist_ok=True)
        for command in (("systemd-sysusers", "jobwatchd.conf"), ("systemd-tmpfiles", "--create", "jobwatchd.conf"),
                        ("systemctl", "daemon-reload"), ("jobwatchd", "--version")):
            said = self.run_inside(*command)
        self.assertIn("0.1.0", said)
        fake = self.serve()
        self.start_both(fake)
        fake.job(11, "400 rows", status="Completed")
        for state in ("jobwatchd", "jobwatchd-other"):
            self.wait_for(lambda state=state: len(self.lines(f"/var/lib/{state}/finished")) == 1, "the first delivery")
        for unit in SERVICES:
            self.wait_for(lambda unit=unit: "hook later" in self.run_inside("journalctl", "-u", unit), "a failed attempt")
        before, processes = self.events(), self.processes()
        self.assertEqual(len(before), 6, before)

        self.run_inside("systemctl", "stop", "jobwatchd@other")
        fake.job(12, "Row 17: no such price plan", status="Failed")  # one service is down and misses it
        self.run_inside("systemctl", "start", "jobwatchd@other")
        self.install_package()
        self.assertEqual(self.states(), ["active", "active", "inactive", "inactive"])
        self.assertTrue(set(processes[:2]).isdisjoint(self.processes()), processes)
        self.assertNotIn("0.1.0", self.run_inside("jobwatchd", "--version"))
        news = self.run_inside("zcat", "/usr/share/doc/jobwatchd/NEWS.Debian.gz")
        self.run_inside("sh", "-c", re.search(r"^ +(rm -r (?:.*\\\n)*.*)", news, re.M)[1])
        files = self.run_inside("dpkg", "-L", "jobwatchd").splitlines()
        self.assertEqual([path for path in self.ours("/usr") if path not in files and path[4:] not in files], [])

        for state in ("jobwatchd", "jobwatchd-other"):
            self.wait_for(lambda state=state: len(self.lines(f"/var/lib/{state}/finished")) == 2, "the failed job")
            self.system.write(f"/var/lib/{state}/later", "")
        for instance in ((), ("-i", "other")):
            self.run_inside("jobwatchctl", *instance, "poll")
        for state in ("jobwatchd", "jobwatchd-other"):
            self.wait_for(lambda state=state: len(self.lines(f"/var/lib/{state}/late")) == 2, "the late deliveries")
            self.assertEqual(sorted(self.lines(f"/var/lib/{state}/late")), sorted(self.lines(f"/var/lib/{state}/finished")))
        after = self.events()
        self.assertEqual(after[:len(before)], before)
        self.assertEqual(sorted(event[:2] for event in after[len(before):]), [("12", "failed")] * 2)
        self.assertEqual(len(set(after)), len(after), "an event was reported twice")
        self.assertIn("no problems", self.run_inside("jobwatchctl", "status"))
        history = self.run_inside("jobwatchctl", "history")
        self.assertRegex(history, r"(?s)11 .*seen .*11 .*succeeded .*12 .*failed")

    def test_remove_and_purge(self):
        self.install_package()
        fake = self.serve()
        self.start_both(fake)
        self.run_inside("systemctl", "enable", "--quiet", "--now", *REPORTS)
        self.system.write("/etc/jobwatchd/hooks.d/mine", "#!/bin/sh\n", 0o755)
        self.apt("remove", "jobwatchd")
        self.assertNothingRuns()
        self.assertFalse(self.system.path("/usr/sbin/jobwatchd").exists())
        for state in ("jobwatchd", "jobwatchd-other"):
            self.assertTrue(self.system.path(f"/var/lib/{state}/jobwatchd.db").exists(), state)

        self.install_package()
        self.assertEqual(self.states(), ["inactive"] * 4)
        fake.job(11, "400 rows", status="Completed")
        self.run_inside("systemctl", "start", *SERVICES)
        for unit in SERVICES:
            self.wait_for(lambda unit=unit: "→ Completed" in self.run_inside("journalctl", "-u", unit), unit)
        self.assertEqual(len(self.events()), 6)  # it continues where it was

        self.apt("purge", "jobwatchd")
        self.assertNothingRuns()
        self.assertEqual(self.ours(*EVERYWHERE), ["/etc/jobwatchd", *(f"/etc/jobwatchd/{name}" for name in (
            "hooks.d", "hooks.d/mine", "jobwatchd.ini", "nexudus.token", "other.ini", "other.token"))])
        self.assertEqual(self.lines("/etc/jobwatchd/hooks.d/mine"), ["#!/bin/sh"])
        for user in ("jobwatchd", REPORTS[0]):
            self.assertRegex(self.run_inside("passwd", "--status", user), rf"^{user} L")
        self.assertEqual(self.run_inside("systemctl", "list-units", "--all", "--plain", "--no-legend", "jobwatch*"), "")


def main():
    reason = container.why_not()
    if reason is not None:
        print(f"skipped: {reason}")
        return readme.MESON_SKIP
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # cleans up
    container.enter()
    return 0 if unittest.main(argv=[sys.argv[0], *sys.argv[4:]], verbosity=2, exit=False).result.wasSuccessful() else 1


if __name__ == "__main__":
    sys.exit(main())
