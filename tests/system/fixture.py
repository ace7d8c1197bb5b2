# SPDX-License-Identifier: MIT
"""Shared by the system tests: one booted system with jobwatchd installed, and a fake Nexudus on the same loopback.
They observe the daemon through systemctl, journalctl and files, as an administrator does.
"""

import json
import os
import pathlib
import re
import selectors
import shutil
import subprocess
import sys
import tempfile
import time
import unittest

import container

SOURCE = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ["BUILD_DIR"]).resolve()
os.environ["JOBWATCHD"] = str(BUILD / "daemon/jobwatchd")
os.environ["JOBWATCHD_HOOK_RUN"] = str(BUILD / "hook-run/hook-run")
os.environ["FAKE_NEXUDUS"] = str(BUILD / "tests/fake-nexudus/fake-nexudus")
sys.path.insert(0, str(SOURCE / "tests/integration"))

import evidence  # noqa: E402
from harness import TOKEN, Fake  # noqa: E402

PATIENCE = 30
UNIT = "jobwatchd.service"
STATE = "/var/lib/jobwatchd"
UNITS = ("jobwatchd.service", "jobwatchd@*.service", "jobwatch-job@*.service", "jobwatch-hook@*.service",
         "jobwatch-report.service", "jobwatch-report@*.service", "test-*.service")

ONE_SHOT = "[Service]\nType=oneshot\nExecStart={}\n"

SYSTEM = None

# Runs in the daemon's sandbox and records attempts in the state directory, the only one it can write to. A line for each: "ok",
# the number of the attempt, and the document.
RECORDER = """#!/bin/sh
document=$(cat)
exec 9>> '{path}'
flock 9
printf 'ok %s %s\\n' "$JOBWATCH_ATTEMPT" "$document" >&9
"""


def build_for_install(work):
    """A build folder with the prefix /usr: the one under test, or a new one."""
    said = subprocess.run(["meson", "introspect", "--buildoptions", BUILD], stdout=subprocess.PIPE, check=True).stdout
    options = {option["name"]: option["value"] for option in json.loads(said)}
    if (options["prefix"], options["sysconfdir"]) == ("/usr", "/etc"):
        return BUILD
    own = work / "build"
    for command in (["meson", "setup", own, SOURCE, "--prefix=/usr", "--sysconfdir=/etc", "-Dtests=false"],
                    ["meson", "compile", "-C", own]):
        done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
        if done.returncode != 0:
            raise AssertionError(f"cannot build what is to be installed:\n{done.stdout[-4000:]}")
    return own


def install(build, root):
    environment = {**os.environ, "DESTDIR": str(root)}
    done = subprocess.run(["meson", "install", "-C", build, "--no-rebuild"], env=environment, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True, check=False)
    if done.returncode != 0:
        raise AssertionError(f"meson install fails:\n{done.stdout}")


class SystemTest(unittest.TestCase):
    maxDiff = None

    def setUp(self):
        self.system = SYSTEM
        self.system.boot_if_dead()
        self.directory = pathlib.Path(tempfile.mkdtemp(prefix="fake-", dir=SYSTEM.directory))
        self.addCleanup(shutil.rmtree, self.directory)
        self.addCleanup(self._forget)
        self.mark()
        self.system.write("/etc/jobwatchd/nexudus.token", TOKEN + "\n", 0o600)

    def _forget(self):
        """Resets the system for the next test."""
        self.system.boot_if_dead()
        self.run_inside("sh", "-ec", f'systemctl stop "$@"; systemctl disable --quiet {UNIT}', "sh", *UNITS)
        for name in ("etc/jobwatchd", "var/lib/jobwatchd", "opt/test"):
            shutil.rmtree(self.system.path(name), ignore_errors=True)
        for path in self.system.path("var/lib").glob("jobwatchd-*"):
            shutil.rmtree(path)
        units = self.system.path("etc/systemd/system")
        for path in [*units.glob("jobwatch*"), *units.glob("test-*")]:
            shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink()
        self.run_inside("sh", "-ec", "systemctl daemon-reload; systemctl reset-failed; "
                        "systemd-tmpfiles --create /usr/lib/tmpfiles.d/jobwatchd.conf")

    # ---- inside the system ----

    def run_inside(self, *words, **how):
        return self.system.run(*words, **how).output

    def systemctl(self, *words, **how):
        return self.run_inside("systemctl", *words, **how)

    def start(self, unit=UNIT):
        self.systemctl("start", unit)

    def show(self, unit, name):
        return self.systemctl("show", "--value", "--property", name, unit).strip()

    def main_pid(self, unit=UNIT):
        pid = int(self.show(unit, "MainPID"))
        self.assertGreater(pid, 0, f"{unit} does not run")
        return pid

    def wait_show(self, unit, name, pattern):
        """Polls, since changes of properties cannot be awaited with systemctl."""
        end = time.monotonic() + PATIENCE
        while not re.search(pattern, self.show(unit, name)):
            if time.monotonic() > end:
                self.fail(f"{name} of {unit} is {self.show(unit, name)!r}, not {pattern!r}\n" + self.log())
            time.sleep(0.05)

    def user(self):
        fields = self.run_inside("getent", "passwd", "jobwatchd").split(":")
        return int(fields[2]), int(fields[3])

    def write_unit(self, name, content):
        self.system.write(f"/etc/systemd/system/{name}", content)
        self.systemctl("daemon-reload")

    def program(self, name, script):
        self.system.write(f"/opt/test/{name}", script, 0o755)
        return f"/opt/test/{name}"

    def recorder(self, name="told"):
        """A program for an exec hook that records its attempts, returned by attempts()."""
        recorder = Recorder(self.system.path(f"{STATE}/{name}"))
        recorder.program = self.program(name, RECORDER.format(path=f"{STATE}/{name}"))
        return recorder

    # ---- the journal ----

    def mark(self):
        """Later calls ignore entries before now. A time and not a cursor, since journalctl 252 skips one entry too
        many with a cursor and a match."""
        self.since = f"--since=@{time.time():.6f}"

    def journal(self, *matches):
        """Entries since the start of the test or mark(), as dicts. Fields such as _TRANSPORT are those of systemd."""
        output = self.run_inside("journalctl", "--quiet", "-o", "json", "--all", self.since, *matches)
        return [json.loads(line) for line in output.splitlines()]

    def log(self, unit=UNIT):
        return self.run_inside("journalctl", "--quiet", self.since, "-u", unit, "-o", "short-precise")

    def events(self, *matches):
        return [entry for entry in self.journal(*matches) if "JOBWATCH_EVENT" in entry]

    def wait_for(self, pattern, unit=UNIT):
        """Waits until a message of the unit matches, earlier ones included. Returns the entry."""
        command = self.system._inside(["journalctl", "-f", "--no-tail", "--quiet", "-o", "json", "--all",
                                       self.since, "-u", unit])
        end = time.monotonic() + PATIENCE
        with subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, bufsize=0) as follower, \
                selectors.DefaultSelector() as selector:
            try:
                selector.register(follower.stdout, selectors.EVENT_READ)
                rest = b""
                while time.monotonic() < end:
                    if not selector.select(end - time.monotonic()):
                        break
                    data = os.read(follower.stdout.fileno(), 1 << 16)
                    if not data:
                        break
                    *lines, rest = (rest + data).split(b"\n")
                    for line in lines:
                        entry = json.loads(line)
                        if re.search(pattern, str(entry.get("MESSAGE", ""))):
                            return entry
            finally:
                follower.kill()
        self.fail(f"{unit} never said {pattern!r}:\n{self.log(unit)}")

    # ---- Nexudus and the configuration ----

    def start_fake(self, scenario="", server="", **options):
        fake = Fake(self.directory, scenario, server, **options)
        self.addCleanup(fake.stop)
        return fake

    def configure(self, fake, jobs=(), more="", path="/etc/jobwatchd/jobwatchd.ini", **sections):
        """Sections as dicts that override defaults for tests; `more` is appended verbatim."""
        settings = {
            "api": {"base_url": fake if isinstance(fake, str) else fake.url},
            "poll": {"interval": "100ms", "max_interval": "100ms", "batch": "off"},
            "limits": {"min_spacing": "0", "per_minute": "0", "per_hour": "0", "per_day": "0"},
        }
        if jobs:
            settings["jobs"] = {"ids": ", ".join(map(str, jobs))}
        for section, keys in sections.items():
            settings.setdefault(section, {}).update(keys)
        self.system.write(path, "".join(f"[{section}]\n" + "".join(f"{key} = {value}\n" for key, value in keys.items())
                                        for section, keys in settings.items()) + more)

    def database(self):
        return evidence.Database(self.system.path(STATE))


class UnitHookTest(SystemTest):
    """With a hook that starts a unit, which polkit permits by the shipped rule."""

    RULES = "/etc/polkit-1/rules.d/50-jobwatchd.rules"

    def setUp(self):
        super().setUp()
        if not self.system.path("/usr/lib/polkit-1/polkitd").exists():
            self.skipTest("polkit is not installed")
        self.addCleanup(self.system.remove, self.RULES)

    def begin(self, unit, steps="step = 0s Completed | done\n", allow=(), more=""):
        self.fake = self.start_fake("[job 11]\n" + steps)
        self.configure(self.fake, (11,), f"[hook mine]\nunit = {unit}\n{more}")
        self.allow(*allow)
        self.start()

    def allow(self, *units):
        rules = self.system.path("/usr/share/jobwatchd/50-jobwatchd.rules").read_text()
        listed = "".join(f'    "{unit}",\n' for unit in units)
        self.system.write(self.RULES, rules.replace("var jobwatchdUnits = [\n", "var jobwatchdUnits = [\n" + listed))
        self.systemctl("try-restart", "polkit.service")


class Recorder:
    def __init__(self, path):
        self.path = path

    attempts = evidence.ExecRecorder.attempts
