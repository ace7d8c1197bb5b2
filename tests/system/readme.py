#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Follows README.md on a freshly booted system, word by word: every command in it is run as it is written, in its order,
as root in a checkout, and must do what the text says. Then it does the same with the commands in the manual pages.
BUILD_DIR names the build with the fake API.

A command that is new in one of them fails this test until COMMANDS, or manuals.py, says what is to be observed. What
differs from a user's system is provided around the commands:

- Nexudus is the fake API, under the name of the real one: /etc/hosts, and a certificate of an authority that the system
  trusts.
- Drop-in files set `[poll] interval = 1s`, so that changes are noticed soon.
- The packages are those of this machine; apt has no network and no lists of newer ones.
- What a user types or pastes comes from standard input, and Ctrl-C is a SIGINT.
"""

import os
import pathlib
import re
import selectors
import shutil
import signal
import subprocess
import sys
import time
import unittest

import container
from documents import inline_commands, manual_commands, shell_commands
from manuals import Manuals

SOURCE = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ["BUILD_DIR"]).resolve()
os.environ["JOBWATCHD"] = str(BUILD / "daemon/jobwatchd")
os.environ["FAKE_NEXUDUS"] = str(BUILD / "tests/fake-nexudus/fake-nexudus")
os.environ["JOBWATCHD_HOOK_RUN"] = str(BUILD / "hook-run/hook-run")
PROGRAMS = ("JOBWATCHD", "FAKE_NEXUDUS", "JOBWATCHD_HOOK_RUN")
sys.path.insert(0, str(SOURCE / "tests/integration"))

from harness import TOKEN, Fake  # noqa: E402

MESON_SKIP = 77
CHECKOUT = "/root/jobwatchd"
API_HOST = "spaces.nexudus.com"
SLOW = float(os.environ.get("TEST_SLOW", "1"))
BUILD_PATIENCE = 600 * SLOW
PATIENCE = 60 * SLOW

SCENARIO = """
[job 87654320]
description = An import of last week
created = 7d
step = 0s Running
"""

# Somebody starts these while the service runs.
NEW_JOBS = """
[job 87654321]
description = Import of members
created = 0s
step = 0s Running | {"rows": 1}
[job 87654322]
description = Import of invoices
created = 0s
step = 0s Running
"""

SYSTEM = None

# Commands that are not run, and why.
NOT_RUN = {
    r"tests/run\b": "this test is part of it",
}


def without_comment(command):
    return re.sub(r" +# .*$", "", command)


class Readme(Manuals, unittest.TestCase):
    maxDiff = None

    def setUp(self):
        self.system = SYSTEM

    # ---- observing ----

    def run_inside(self, *words, **how):
        return self.system.run(*words, **how).output

    def execute(self, command, status=0, **how):
        """Runs a command literally. Returns its output."""
        done = self.system.run("bash", "-c", 'cd "$0" && eval "$1"', CHECKOUT, command, check=False, **how)
        self.assertEqual(done.status, status, f"{command}\n{done.output}")
        return done.output

    def log(self):
        return self.run_inside("journalctl", "--quiet", "--no-pager", "-u", "jobwatch*")

    def wait_for(self, condition, what):
        end = time.monotonic() + PATIENCE
        while not condition():
            if time.monotonic() > end:
                self.fail(f"waited in vain for {what}:\n{self.log()}")
            time.sleep(0.1)

    def wait_log(self, pattern):
        self.wait_for(lambda: re.search(pattern, self.log()), pattern)

    def show(self, name, unit="jobwatchd.service"):
        return self.run_inside("systemctl", "show", "--value", "--property", name, unit).strip()

    # ---- the commands ----

    def demo(self, command):
        """With the programs of this build. tests/distributions lets it make them, where nothing has been built."""
        programs = "".join(f"export {name}=/opt/test/{pathlib.Path(os.environ[name]).name}; " for name in PROGRAMS)
        said = self.execute(f"{programs}{command}")
        self.assertRegex(said, r"Job 87654321 \(members-import\): .*Running → Completed")
        self.assertIn("The demo did what it should.", said)

    def build(self, command):
        """What the build needs is there already. tests/package looks for faults of the packages, so these are built the
        quick way."""
        said = self.execute(f"export DEB_CFLAGS_STRIP=-g DEB_BUILD_OPTIONS='noopt nostrip noautodbgsym'; {command}", timeout=BUILD_PATIENCE)
        self.assertRegex(said, "0 newly installed|Installing: 0")

    def install(self, command):
        """With its user and directories, and an explanation for each of its messages; nothing is started."""
        self.execute(command, stdin=b"y\n")
        version = re.search(r"jobwatchd_([\d.]+)-", command)[1]
        self.assertRegex(self.run_inside("jobwatchd", "--version"), rf"^jobwatchd {re.escape(version)}\n")
        self.assertIn("jobwatchd", self.run_inside("getent", "passwd", "jobwatchd"))
        self.assertTrue(self.system.path("/etc/jobwatchd/hooks.d").is_dir())
        self.assertIn("jobwatchd has started", self.run_inside("journalctl", "--list-catalog"))
        self.assertEqual((self.show("ActiveState"), self.show("UnitFileState")), ("inactive", "disabled"))

    def token(self, command):
        self.execute(command, stdin=TOKEN.encode() + b"\n")
        path = self.system.path("/etc/jobwatchd/nexudus.token")
        self.assertEqual((path.read_text(), path.stat().st_mode & 0o777), (TOKEN + "\n", 0o600))

    def write(self, command):
        self.execute(command)

    def enable(self, command):
        """It watches what is started from now on, and nothing else."""
        self.assertIn(": OK", self.execute(command))
        self.fake.wait(2, path="*orderBy=*")  # what is created after this is new
        self.fake.control("PUT", "jobs", NEW_JOBS.encode())
        for job in (87654321, 87654322):
            self.wait_log(rf"Job {job}\b.*first seen as Running")
        self.assertNotIn("87654320", self.log())
        self.assertEqual((self.show("ActiveState"), self.show("UnitFileState")), ("active", "enabled"))

    def first_hook(self, command):
        """The jobs are still open, as the text asks for. They end, and the hook has written a line for each."""
        finished = self.system.path("/var/lib/jobwatchd/finished")
        self.assertIn("1 hook)", self.execute(command))
        self.fake.job(87654321, '{"rows": 400}', status="Completed")
        self.fake.job(87654322, "Row 17: no such price plan", status="Failed")
        self.wait_for(lambda: finished.exists() and len(finished.read_text().splitlines()) == 2, "the hook")
        self.assertEqual(sorted(finished.read_text().splitlines()), ["87654321 success", "87654322 failure"])

    def status(self, command):
        self.wait_for(lambda: "2 finished" in self.show("StatusText"), "the status")
        self.assertRegex(self.execute(command), r'Status: "2 jobs \(0 open, 2 finished\)')

    def reload(self, command):
        before = self.show("MainPID")
        self.execute(command)
        self.assertEqual((self.show("ActiveState"), self.show("MainPID")), ("active", before))

    def restart(self, command):
        before = self.show("MainPID")
        self.execute(command)
        self.assertEqual(self.show("ActiveState"), "active")
        self.assertNotEqual(self.show("MainPID"), before)

    def execute_until(self, command, pattern, act):
        """Until Ctrl-C: acts until what it shows matches."""
        words = self.system._inside(["bash", "-c", "eval \"exec $0\"", command])
        with subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                              bufsize=0) as follower, selectors.DefaultSelector() as selector:
            try:
                selector.register(follower.stdout, selectors.EVENT_READ)
                said, end = "", time.monotonic() + PATIENCE
                while not re.search(pattern, said):
                    self.assertLess(time.monotonic(), end, f"{command} shows only {said}")
                    act()
                    while selector.select(0.1):
                        piece = os.read(follower.stdout.fileno(), 1 << 16)
                        self.assertTrue(piece, f"{command} ended: {said}")
                        said += piece.decode("utf-8", "backslashreplace")
            finally:
                follower.send_signal(signal.SIGINT)

    def follow(self, command):
        """It shows what was there and what comes."""
        self.execute_until(command, "(?s)eloaded.*eloaded.*eloaded",
                           lambda: self.run_inside("systemctl", "reload", "jobwatchd"))

    def removed(self, command):
        """What the text says of it: the configuration and the state stay."""
        self.execute(command, stdin=b"y\n")
        self.assertEqual(self.show("ActiveState"), "inactive")
        for path in ("/etc/jobwatchd/jobwatchd.ini", "/var/lib/jobwatchd/jobwatchd.db"):
            self.assertTrue(self.system.path(path).exists(), path)

    def purged(self, command):
        """The state is deleted, and the configuration is not."""
        self.execute(command, stdin=b"y\n")
        self.assertEqual(list(self.system.path("/var/lib").glob("jobwatchd*")), [])
        self.assertTrue(self.system.path("/etc/jobwatchd/jobwatchd.ini").exists())

    def of_one_job(self, command):
        said = self.execute(command)
        self.assertRegex(said, r"Job 87654321.*Running → Completed")
        self.assertNotIn("Job 87654322", said)

    def of_failed_jobs(self, command):
        said = self.execute(command)
        self.assertRegex(said, r"Job 87654322.*Running → Failed")
        self.assertNotIn("Job 87654321", said)

    def explained(self, command):
        self.assertIn("Subject: Job 87654322 failed", self.execute(command))

    def one_job(self, command):
        self.execute(command)
        self.execute(command.replace("87654321", "87654322"), status=1)

    def listed(self, command):
        said = self.execute(command)
        self.assertRegex(said, "87654321 .*Completed .*Import of members")
        self.assertRegex(said, "87654322 .*Failed .*Import of invoices")

    def watched(self, command):
        """On a terminal, until q."""
        command = command.partition("#")[0].strip()
        said = self.execute(f"printf q | TERM=xterm script --quiet --return --command '{command}' /dev/null")
        self.assertRegex(said, r"\033\[\?1049h(?s:.*)\033\[\?1049l")

    def shown(self, command):
        self.assertRegex(self.execute(command), r"(?s)Job 87654322\n.*Failed.*Row 17: no such price plan")

    def history(self, command):
        self.assertRegex(self.execute(command), "87654322 Import of invoices +failed +Running → Failed")

    def deliveries(self, command):
        self.wait_for(lambda: self.execute(command) == "0 deliveries.\n", "the end of the deliveries")

    def hook_tested(self, command):
        self.assertIn("Hook note: succeeded", self.execute(command))

    def well(self, command):
        self.assertIn("no problems", self.execute(command))

    def examined(self, command):
        """Nothing is wrong, and nothing that could be checked is left out."""
        said = self.execute(command)
        self.assertNotRegex(said, "(?m)^(warning|failure)")
        self.assertGreater(len(re.findall("(?m)^ok ", said)), 10, said)

    def drawn(self, command):
        self.assertEqual(self.execute(command), "")

    def in_script(self, command):
        """The status tells how the job ended."""
        self.assertRegex(self.execute(command), "^Job 87654321: Completed")
        self.assertRegex(self.execute(command.replace("87654321", "87654322"), status=1), "^Job 87654322: Failed")

    # What a command begins with, and how it is run and judged.
    COMMANDS = (
        ("tests/demo ", demo),
        ("apt build-dep ./ && dpkg-buildpackage ", build),
        ("apt install ../jobwatchd_", install),
        ("install -m 600 /dev/stdin /etc/jobwatchd/nexudus.token$", token),
        ("cat >>? ", write),
        ("jobwatchd --check && systemctl enable --now jobwatchd$", enable),
        ("jobwatchd --check && systemctl reload jobwatchd$", first_hook),
        ("systemctl status jobwatchd ", status),
        ("systemctl reload jobwatchd ", reload),
        ("systemctl restart jobwatchd ", restart),
        ("journalctl -u jobwatchd -f ", follow),
        ("journalctl JOBWATCH_JOB=", of_one_job),
        ("journalctl JOBWATCH_EVENT=failed ", of_failed_jobs),
        ("journalctl -u jobwatchd -x ", explained),
        ("systemctl start --wait jobwatch-job@", one_job),
        (r"jobwatchctl wait --add \d+ --timeout ", in_script),
        ("jobwatchctl list +#", listed),
        ("jobwatchctl watch ", watched),
        ("jobwatchctl show 87654322 ", shown),
        ("jobwatchctl history --since today +#", history),
        ("jobwatchctl deliveries ", deliveries),
        ("jobwatchctl test-hook note ", hook_tested),
        ("jobwatchctl status +#", well),
        ("jobwatchctl doctor +#", examined),
        (r"jobwatchctl (timeline|report) -o jobs\.\w+ ", drawn),
        ("apt remove jobwatchd$", removed),
        ("apt purge jobwatchd$", purged),
        *Manuals.MANUAL_COMMANDS,
    )

    def prepare(self):
        """What is provided around the commands; see above."""
        def keep(directory, names):
            return [name for name in names if name in (".git", "__pycache__", "build")]

        shutil.copytree(SOURCE, self.system.path(CHECKOUT), symlinks=True, ignore=keep)
        for program in map(pathlib.Path, map(os.environ.get, PROGRAMS)):
            self.system.write(f"/opt/test/{program.name}", program.read_bytes(), 0o755)
        shutil.rmtree(self.system.path("/var/lib/apt/lists"))
        self.system.path("/var/lib/apt/lists/partial").mkdir(parents=True)
        self.prepare_api()

    def prepare_api(self):
        self.system.write("/etc/jobwatchd/jobwatchd.ini.d/test.ini", "[poll]\ninterval = 1s\nmax_interval = 1s\n")
        self.system.write("/etc/hosts", f"127.0.0.1 localhost {API_HOST}\n")

        work = self.system.directory / "tls"
        work.mkdir()
        self.certify(work)
        authority = (work / "ca.crt").read_text()
        self.system.write("/usr/local/share/ca-certificates/test.crt", authority)
        bundle = self.system.path("/etc/ssl/certs/ca-certificates.crt")
        if bundle.exists():  # what update-ca-certificates does, which takes minutes on a busy machine
            bundle.write_text(bundle.read_text() + authority)
        self.fake = Fake(work, SCENARIO, port=443, tls=(work / "api.crt", work / "api.key"))
        self.addCleanup(self.fake.stop)

    @staticmethod
    def certify(work):
        def openssl(*words):
            subprocess.run(["openssl", *words], cwd=work, check=True, stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

        key = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes")
        openssl("req", "-x509", *key, "-days", "90", "-subj", "/CN=Test authority", "-keyout", "ca.key", "-out", "ca.crt")
        openssl("req", "-x509", *key, "-days", "90", "-subj", f"/CN={API_HOST}", "-addext", f"subjectAltName=DNS:{API_HOST}",
                "-addext", "basicConstraints=critical,CA:FALSE", "-CA", "ca.crt", "-CAkey", "ca.key", "-keyout", "api.key",
                "-out", "api.crt")

    def test_commands(self):
        """Each of them once, and those last that remove the package."""
        self.prepare()
        text = (SOURCE / "README.md").read_text()
        self.pages = {path.name: path.read_text() for path in sorted((SOURCE / "man").glob("*.[1-8]"))}
        manuals = [command for page in self.pages.values() for command in manual_commands(page)]
        self.assertGreater(min(len(shell_commands(text)), len(manuals)), 15)
        commands = {}
        inline = sorted(inline_commands(text), key=lambda command: command.startswith("apt "))
        for command in (*shell_commands(text), *manuals, *inline):
            commands.setdefault(without_comment(command), command)
        for command in commands.values():
            with self.subTest(command):
                self.follow_command(command)

    def follow_command(self, command):
        known = [entry for entry in self.COMMANDS if re.match(entry[0], command)]
        skipped = [pattern for pattern in NOT_RUN if re.match(pattern, command)]
        self.assertEqual(len(known) + len(skipped), 1, "this command is in no table of tests/system, or in two")
        begin = time.monotonic()
        for _, run in known:
            run(self, command)
        print(f"  {time.monotonic() - begin:5.1f} s  {command.splitlines()[0]}", file=sys.stderr)


def main():
    reason = container.why_not()
    if reason is not None:
        print(f"skipped: {reason}")
        return MESON_SKIP
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # cleans up
    container.enter()
    global SYSTEM
    SYSTEM = container.System()
    try:
        SYSTEM.boot()
        suite = unittest.defaultTestLoader.loadTestsFromTestCase(Readme)
        return 0 if unittest.TextTestRunner(verbosity=2).run(suite).wasSuccessful() else 1
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return 130
    finally:
        SYSTEM.close()


if __name__ == "__main__":
    sys.exit(main())
