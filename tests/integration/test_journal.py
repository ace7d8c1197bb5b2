#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Entries in a real systemd-journald, field by field.

journald runs in mount and process namespaces of its own with an empty /run, so that the journal of the machine is not
touched and everything ends with the namespaces. This file runs itself there once more, with the actual tests.
"""

import json
import os
import pathlib
import re
import select
import shutil
import signal
import subprocess
import sys
import time
import unittest
import uuid

from harness import EX_CONFIG, EX_JOB_FAILED, EX_NOPERM, EX_OK, PATIENCE, SLOW, IntegrationTest

INSIDE = os.environ.get("JOURNAL_TEST_INSIDE") == "1"
ROOT = pathlib.Path(__file__).resolve().parents[2]
JOURNALD = next((path for path in ("/usr/lib/systemd/systemd-journald", "/lib/systemd/systemd-journald")
                 if os.access(path, os.X_OK)), None)
UNSHARE = ["unshare", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc"]
JOURNALD_CONF = "[Journal]\nStorage=volatile\nReadKMsg=no\nAudit=no\nRateLimitBurst=0\n" \
                "ForwardToSyslog=no\nForwardToWall=no\nRuntimeMaxUse=64M\n"


def mount(*arguments):
    subprocess.run(["mount", *arguments], check=True)


def start_journald():
    mount("-t", "tmpfs", "tmpfs", "/run")
    mount("-t", "tmpfs", "tmpfs", "/var/lib/systemd")
    for directory in ("/run/systemd/journald.conf.d", "/run/systemd/journal", "/run/lock"):
        os.makedirs(directory)
    pathlib.Path("/run/systemd/journald.conf.d/test.conf").write_text(JOURNALD_CONF)
    if not pathlib.Path("/etc/machine-id").is_file() or not pathlib.Path("/etc/machine-id").read_text().strip():
        pathlib.Path("/run/machine-id").write_text(uuid.uuid4().hex + "\n")
        mount("--bind", "/run/machine-id", "/etc/machine-id")

    journald = subprocess.Popen([JOURNALD], stdin=subprocess.DEVNULL, env={"PATH": os.environ["PATH"]})
    limit = time.monotonic() + PATIENCE
    while not os.path.exists("/run/systemd/journal/socket") or \
            subprocess.run(["journalctl", "--sync"], stderr=subprocess.DEVNULL, check=False).returncode != 0:
        if journald.poll() is not None or time.monotonic() > limit:
            raise RuntimeError("systemd-journald does not come up")
        select.select([], [], [], 0.02)
    return journald


def setUpModule():
    if INSIDE:
        Journal.journald = start_journald()
        unittest.addModuleCleanup(lambda: (Journal.journald.terminate(), Journal.journald.wait(PATIENCE)))


@unittest.skipIf(INSIDE, "this is the inside")
class InNamespaces(unittest.TestCase):
    def test_journal(self):
        if os.geteuid() != 0:
            self.skipTest("needs root for a journald of its own")
        if not JOURNALD or not shutil.which("journalctl") or not shutil.which("unshare"):
            self.skipTest("needs systemd-journald, journalctl and unshare")
        probe = subprocess.run([*UNSHARE, "mount", "-t", "tmpfs", "tmpfs", "/run"], stderr=subprocess.PIPE,
                               text=True, check=False)
        if probe.returncode != 0:
            self.skipTest("namespaces are not permitted here: " + probe.stderr.strip())
        result = subprocess.run([*UNSHARE, sys.executable, __file__], env={**os.environ, "JOURNAL_TEST_INSIDE": "1"},
                                stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=100 * SLOW, check=False)
        self.assertEqual(result.returncode, 0, "inside:\n" + result.stdout.decode("utf-8", "replace"))


@unittest.skipUnless(INSIDE, "runs inside of namespaces only")
class Journal(IntegrationTest):
    RECORD = """[job %d]
description = Import of members ‘%%i’
business = Coworking “Zentrum”
business_id = 4711
guid = 5f1c1c1e-0000-4000-8000-00000000000a
user_name = Erika Mustermann
user_email = erika@example.com
updated_by = admin@example.com
files = members.csv
"""

    def entries(self, job=None, *options):
        subprocess.run(["journalctl", "--sync"], check=True)
        match = [f"JOBWATCH_JOB={job}"] if job else []
        shown = subprocess.run(["journalctl", "-D", "/run/log/journal", "-o", "json", "--all", "-q", *options, *match],
                               check=True, stdout=subprocess.PIPE)
        return [json.loads(line) for line in shown.stdout.splitlines()]

    def events(self, job, *options):
        return [entry for entry in self.entries(job, *options) if "JOBWATCH_EVENT" in entry]

    def run_job(self, job, steps, *options, status=EX_OK, more="", **config):
        fake = self.start_fake(self.RECORD % job + more +
                               "".join(f"step = poll {number} {step}\n" for number, step in enumerate(steps, 1)))
        self.write_config(fake, **config)
        daemon = self.assertEnds(status, "--exit-when-done", "--log-target=journal", "--job", job, *options)
        self.assertEqual(daemon.text(), "", "all of it goes to the journal")
        return daemon

    def test_every_field(self):
        daemon = self.run_job(501, ["Running | half", "Completed | all of it"], more="unique_id = "
                              "a1b2c3d4-e5f6-7890-abcd-ef1234567890\n")
        seen, succeeded = self.events(501)
        common = {"SYSLOG_IDENTIFIER": "jobwatchd", "_PID": str(daemon.pid), "JOBWATCH_JOB": "501",
                  "JOBWATCH_JOB_GUID": "5f1c1c1e-0000-4000-8000-00000000000a",
                  "JOBWATCH_DESCRIPTION": "Import of members ‘501’", "JOBWATCH_BUSINESS": "Coworking “Zentrum”",
                  "JOBWATCH_BUSINESS_ID": "4711", "_TRANSPORT": "journal"}
        for entry, fields in (
                (seen, {"MESSAGE": "Job 501 \"Import of members ‘501’\": first seen as Running: half", "PRIORITY": "6",
                        "MESSAGE_ID": "b5a87d18f16c4ecab4d323ba0524d341", "JOBWATCH_EVENT": "seen",
                        "JOBWATCH_STATUS": "Running", "JOBWATCH_RESULT": "half", "JOBWATCH_RESULT_BYTES": "4",
                        "JOBWATCH_OUTCOME": "open"}),
                (succeeded, {"MESSAGE": "Job 501 \"Import of members ‘501’\": Running → Completed: all of it", "PRIORITY": "5",
                             "MESSAGE_ID": "ba9a3af211b542eb8755ccb1f0490a53", "JOBWATCH_EVENT": "succeeded",
                             "JOBWATCH_STATUS": "Completed", "JOBWATCH_STATUS_BEFORE": "Running",
                             "JOBWATCH_RESULT": "all of it", "JOBWATCH_RESULT_BEFORE": "half",
                             "JOBWATCH_RESULT_BYTES": "9", "JOBWATCH_OUTCOME": "success"})):
            for name, value in {**common, **fields}.items():
                self.assertEqual(entry.get(name), value, name)
            self.assertEqual(str(uuid.UUID(entry["JOBWATCH_EVENT_ID"])), entry["JOBWATCH_EVENT_ID"])
            self.assertRegex(entry["JOBWATCH_UPDATED_ON"], r"^\d{4}-|^/Date\(")
            self.assertRegex(entry["JOBWATCH_TIME"], r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$")
            known = set(common) | set(fields) | {"JOBWATCH_EVENT_ID", "JOBWATCH_SEQUENCE", "JOBWATCH_TIME",
                                                 "JOBWATCH_UPDATED_ON"}
            self.assertEqual({name for name in entry if name.startswith("JOBWATCH_")} - known, set())
        self.assertNotIn("JOBWATCH_STATUS_BEFORE", seen)
        self.assertNotEqual(seen["JOBWATCH_EVENT_ID"], succeeded["JOBWATCH_EVENT_ID"])
        self.assertLess(int(seen["JOBWATCH_SEQUENCE"]), int(succeeded["JOBWATCH_SEQUENCE"]))
        self.assertNotIn("CODE_FILE", seen)

        by_id = self.events(501, "MESSAGE_ID=ba9a3af211b542eb8755ccb1f0490a53")
        self.assertEqual([entry["JOBWATCH_EVENT"] for entry in by_id], ["succeeded"])

    def test_priorities_and_name(self):
        self.run_job(502, ["Queued", "Running", "Marinating", "Failed"], status=EX_JOB_FAILED,
                     more="description = -\nbusiness = -\nguid = -\n")
        told = [(entry["JOBWATCH_EVENT"], entry["PRIORITY"], entry["JOBWATCH_OUTCOME"]) for entry in self.events(502)]
        self.assertEqual(told, [("seen", "6", "open"), ("changed", "5", "open"), ("changed", "5", "open"),
                                ("failed", "3", "failure")])
        for entry in self.events(502):
            for name in ("JOBWATCH_DESCRIPTION", "JOBWATCH_BUSINESS", "JOBWATCH_JOB_GUID", "JOBWATCH_RESULT"):
                self.assertNotIn(name, entry, "what is null has no field")
            self.assertEqual(entry["JOBWATCH_RESULT_BYTES"], "0")
        warning = [entry for entry in self.entries(502) if "JOBWATCH_EVENT" not in entry]
        self.assertEqual([(entry["PRIORITY"], entry["MESSAGE_ID"]) for entry in warning],
                         [("4", "4724d68ecd5643ccbad8d1c6a803d1a2")])

        fake = self.start_fake("[job 503]\nstep = 0s Completed\n", name="named")
        self.write_config(fake, log={"target": "journal"}, more="[job members-import]\nid = 503\n")
        self.assertEnds(EX_OK, "--exit-when-done")
        (entry,) = self.events(503)
        self.assertEqual(entry["JOBWATCH_JOB_NAME"], "members-import")
        self.assertEqual(entry["MESSAGE"], "Job 503 (members-import): first seen as Completed")

    def test_result_is_cut_between_characters(self):
        self.run_job(504, ["Completed | " + "é" * 300], log={"target": "journal", "result_bytes": 101})
        (entry,) = self.events(504)
        self.assertEqual(entry["JOBWATCH_RESULT"], "é" * 50)
        self.assertEqual(entry["JOBWATCH_RESULT_BYTES"], "600")

    def test_result_default_and_whole(self):
        self.run_job(505, ["Completed | " + "x" * 3000])
        self.assertEqual(self.events(505)[0]["JOBWATCH_RESULT"], "x" * 1024)
        self.assertEqual(self.events(505)[0]["JOBWATCH_RESULT_BYTES"], "3000")
        self.run_job(506, ["Completed"], more="result_size = 200K\n", log={"target": "journal", "result_bytes": 0})
        (entry,) = self.events(506)
        self.assertEqual(entry["JOBWATCH_RESULT_BYTES"], "0", "no ResultData, no padding")

        fake = self.start_fake("[job 507]\nstep = 0s Running\n", name="large")
        fake.job(507, status="Completed", result="a\nb=\x01 é" * 30_000)
        self.write_config(fake, [507], log={"target": "journal", "result_bytes": 0})
        self.assertEnds(EX_OK, "--exit-when-done")
        result = self.events(507)[0]["JOBWATCH_RESULT"]
        if isinstance(result, list):  # journalctl's form of binary data
            result = bytes(result).decode()
        self.assertEqual(result, "a\nb=\x01 é" * 30_000)

    def test_personal_data(self):
        self.run_job(508, ["Completed"])
        text = json.dumps(self.entries(508))
        for personal in ("Erika", "erika@example.com", "admin@example.com"):
            self.assertNotIn(personal, text)
        self.run_job(509, ["Completed"], log={"target": "journal", "personal_data": "yes"})
        (entry,) = self.events(509)
        self.assertEqual(entry["JOBWATCH_USER"], "Erika Mustermann")
        self.assertEqual(entry["JOBWATCH_USER_EMAIL"], "erika@example.com")

    def test_hostile_status(self):
        fake = self.start_fake("[job 510]\nstep = 0s Running\n")
        fake.job(510, status="Failed\nPRIORITY=0\nJOBWATCH_OUTCOME=success")
        self.write_config(fake, [510], status={"failure": "Failed*"}, log={"target": "journal"})
        self.assertEnds(EX_JOB_FAILED, "--exit-when-done")
        (entry,) = self.events(510)
        self.assertEqual((entry["PRIORITY"], entry["JOBWATCH_OUTCOME"]), ("3", "failure"))
        self.assertEqual(entry["JOBWATCH_STATUS"], "Failed\nPRIORITY=0\nJOBWATCH_OUTCOME=success")
        self.assertNotIn("\n", entry["MESSAGE"])

    def test_outage(self):
        down, back = "240c42353546494c9894ad9e1df86015", "c10cc265bf004dd28d60175924d593ff"
        fake = self.start_fake("[job 511]\nstep = 0s Running\n")
        fake.fault("down", status=500, times=3)
        self.write_config(fake, [511], log={"target": "journal"})
        daemon = self.start_daemon("--exit-when-done")
        limit = time.monotonic() + 10 + PATIENCE
        while not any(entry.get("MESSAGE_ID") == back for entry in self.entries(None, f"_PID={daemon.pid}")):
            self.assertLess(time.monotonic(), limit, "10 s after the last failure")
            fake.polls(5)
        fake.job(511, status="Completed")
        self.assertEqual(daemon.wait_exit(), EX_OK)
        logged = [(entry["MESSAGE_ID"], entry["PRIORITY"]) for entry in self.entries(None, f"_PID={daemon.pid}")
                  if "MESSAGE_ID" in entry]
        self.assertEqual([message for message in logged if message[0] in (down, back)], [(down, "4"), (back, "5")])
        self.assertEqual((logged[0], logged[-1]), (("17219b64b3f54b19955aca8b4edfebc0", "6"),
                                                   ("ba9a3af211b542eb8755ccb1f0490a53", "5")))

    def test_blocked_by_a_firewall(self):
        """Its explanation must not be that of rejected credentials."""
        fake = self.start_fake("[job 514]\nstep = 0s Running\n")
        fake.fault("all", status=403, html="yes")
        self.write_config(fake, [514], log={"target": "journal"})
        daemon = self.assertEnds(EX_NOPERM, "--once")
        entry, = [entry for entry in self.entries(None, f"_PID={daemon.pid}") if "are blocked" in entry["MESSAGE"]]
        self.assertEqual((entry["MESSAGE_ID"], entry["PRIORITY"]), ("240c42353546494c9894ad9e1df86015", "3"))

    def test_wrong_configuration_reaches_the_journal(self):
        self.config.write_text("[poll]\nintervall = 1s\n")
        daemon = self.assertEnds(EX_CONFIG, "--log-target=journal")
        text = [entry["MESSAGE"] for entry in self.entries(None, f"_PID={daemon.pid}")]
        self.assertTrue(any(re.search(r"jobwatchd\.ini:2: .*intervall", message) for message in text), text)

    def test_the_reason_of_an_early_exit_is_attributed(self):
        """journald reads it late, and finds out from which unit it is only while the process exists."""
        self.config.write_text("[poll]\nintervall = 1s\n")
        self.journald.send_signal(signal.SIGSTOP)
        try:
            daemon = self.start_daemon("--log-target=journal")
            with self.assertRaises(subprocess.TimeoutExpired):
                daemon.process.wait(1)
        finally:
            self.journald.send_signal(signal.SIGCONT)
        self.assertEqual(daemon.wait_exit(), EX_CONFIG)
        self.assertEqual({entry.get("_COMM") for entry in self.entries(None, f"_PID={daemon.pid}")}, {"jobwatchd"})

    def test_journal_stream(self):
        """target = auto selects the journal if standard error is a stream to it, as in a service."""
        fake = self.start_fake("[job 512]\nstep = 0s Completed\n")
        self.write_config(fake, [512], log={"target": "auto"})
        script = "import os, sys; s = os.fstat(2); os.environ['JOURNAL_STREAM'] = f'{s.st_dev}:{s.st_ino}'; " \
                 "os.execv(sys.argv[1], sys.argv[1:])"
        daemon = self.assertEnds(EX_OK, "--exit-when-done", before=[sys.executable, "-c", script])
        self.assertEqual(daemon.text(), "")
        self.assertEqual(len(self.events(512)), 1)

    def test_catalog(self):
        directory = self.directory / "root" / "usr/lib/systemd/catalog"
        directory.mkdir(parents=True)
        shutil.copy(ROOT / "systemd/jobwatchd.catalog", directory)
        subprocess.run(["journalctl", "--update-catalog", f"--root={self.directory}/root"], check=True)
        os.makedirs("/var/lib/systemd/catalog", exist_ok=True)
        shutil.copy(self.directory / "root/var/lib/systemd/catalog/database", "/var/lib/systemd/catalog/database")
        self.run_job(513, ["Running", "Failed"], status=EX_JOB_FAILED)
        subprocess.run(["journalctl", "--sync"], check=True)
        shown = subprocess.run(["journalctl", "-D", "/run/log/journal", "-x", "-q", "--no-pager", "JOBWATCH_JOB=513"],
                               check=True, stdout=subprocess.PIPE, text=True).stdout
        self.assertIn("Subject: Now watching job 513", shown)
        self.assertIn("Subject: Job 513 failed", shown)
        self.assertIn("finished with the Status Failed, which", shown)
        self.assertRegex(shown, r"with the Status\n\W*Running\. It is polled until it has finished\.")
        self.assertNotIn("@JOBWATCH", shown)

        source = (ROOT / "daemon/journal/message_ids.h").read_text()
        ids = set(re.findall(r'"([0-9a-f]{32})"', source))
        explained = set(re.findall(r"^-- ([0-9a-f]{32})$", (ROOT / "systemd/jobwatchd.catalog").read_text(), re.M))
        self.assertEqual(ids, explained, "each kind of entry is explained")


@unittest.skipUnless(INSIDE, "runs inside of namespaces only")
class NoJournal(IntegrationTest):
    def test_without_a_journal(self):
        """--log-target=journal without a journal is an error."""
        self.write_config("http://127.0.0.1:1", [514])
        self.assertEnds(EX_CONFIG, "--log-target=journal", says="cannot open the journal.*--log-target=console",
                        before=["unshare", "--mount", "sh", "-ec", "mount -t tmpfs tmpfs /run; exec \"$@\"", "sh"])


if __name__ == "__main__":
    unittest.main()
