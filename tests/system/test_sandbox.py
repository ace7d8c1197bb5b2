# SPDX-License-Identifier: MIT
"""The shipped sandbox: what works in it, and what does not."""

import json
import subprocess
import unittest

import evidence
from fixture import STATE, UNIT, SystemTest

# Probes of what a hook can do, one per line. They need only a shell.
PROBES = """#!/bin/sh
try() { name=$1; shift; if "$@" >/dev/null 2>&1; then echo "$name yes"; else echo "$name no"; fi; }
{
try write-state touch "$HOME/x"
try write-tmp touch /tmp/x
try write-etc touch /etc/jobwatchd/x
try write-usr touch /usr/x
try read-home ls /root
try see-others test -e /proc/1/comm
try read-token cat /run/credentials/jobwatchd.service/nexudus.token
try disks test -b /dev/vda
try mount mount -t tmpfs tmpfs /tmp
try namespaces unshare --user true
try hostname hostname other
try io-uring python3 -c 'import ctypes, sys; c = ctypes.CDLL(None, use_errno=True); c.syscall(425, 1, None); sys.exit(ctypes.get_errno() == 1)'
try resolve getent ahosts localhost
try certificates test -s /etc/ssl/certs/ca-certificates.crt
try python python3 -c 'import json, subprocess; subprocess.run(["true"], check=True)'
try jq jq -n 1
} > "$HOME/probes.new"
mv "$HOME/probes.new" "$HOME/probes"
"""

# It runs as the daemon's user and can read the same files, credentials included, as documented in the manual.
MAY = {"write-state", "write-tmp", "read-token", "resolve", "certificates", "python", "jq"}


class Sandbox(SystemTest):
    def test_exec_hook(self):
        """The hook runs with the event, and has access only to what it needs."""
        told = self.recorder()
        probes = self.program("probes", PROBES)
        fake = self.start_fake("[job 11]\nstep = 0s Completed | it is \"done\", $(id)\n")
        self.configure(fake, (11,), f"[hook probes]\nexec = {probes}\n[hook told]\nexec = {told.program}\n")
        self.start()
        self.wait_for("hook told: delivered")
        self.wait_for("hook probes: delivered")
        attempt, = told.attempts()
        self.assertEqual(attempt.document["result"], "it is \"done\", $(id)")
        answers = dict(line.split() for line in self.system.path(f"{STATE}/probes").read_text().splitlines())
        self.assertEqual({name for name, answer in answers.items() if answer == "yes"}, MAY)

    def test_output_of_a_hook(self):
        hook = self.program("hook", "#!/bin/sh\necho it went well\necho '<3>or not' >&2\n")
        fake = self.start_fake("[job 11]\nstep = 0s Completed\n")
        self.configure(fake, (11,), f"[hook mine]\nexec = {hook}\n")
        self.start()
        self.wait_for("hook mine: delivered")
        said = self.journal("SYSLOG_IDENTIFIER=jobwatch-mine")
        self.assertEqual([(entry["MESSAGE"], entry["PRIORITY"]) for entry in said],
                         [("it went well", "6"), ("or not", "3")])
        event, = self.events("JOBWATCH_JOB=11")
        for entry in said:
            self.assertEqual([entry[f"JOBWATCH_{name}"] for name in ("JOB", "EVENT_ID", "HOOK", "ATTEMPT")],
                             ["11", event["JOBWATCH_EVENT_ID"], "mine", "1"])

    def test_descendants_of_a_hook(self):
        """They end with it, sessions of their own and orphans too, although other processes are invisible in /proc."""
        hook = self.program("hook", "#!/bin/sh\nsetsid sh -c 'echo $$ >> $HOME/pids; exec sleep 1000' &\n"
                                    "(setsid sh -c 'echo $$ >> $HOME/pids; exec sleep 1000' & )\n"
                                    "echo $$ >> $HOME/pids\nexec sleep 1000\n")
        fake = self.start_fake("[job 11]\nstep = 0s Completed\n")
        self.configure(fake, (11,), f"[hook mine]\nexec = {hook}\ntimeout = 2s\nretries = 0\n")
        self.start()
        self.wait_for("hook mine: abandoned .*timed out after 2s")
        pids = self.system.path(f"{STATE}/pids").read_text().split()
        self.assertEqual(len(pids), 3)
        for pid in pids:
            self.assertNotEqual(self.system.run("test", "-e", f"/proc/{pid}", check=False).status, 0, pid)

    def test_tls(self):
        """By host name, so that it is resolved in the sandbox; with a private certificate authority."""
        key, certificate = self.directory / "key.pem", self.directory / "certificate.pem"
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
                        "-days", "2", "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost",
                        "-keyout", key, "-out", certificate], check=True, stderr=subprocess.DEVNULL)
        fake = self.start_fake("[job 11]\nstep = 0s Running\n", tls=(certificate, key))
        self.system.write("/etc/jobwatchd/ca.pem", certificate.read_bytes())
        url = f"https://localhost:{fake.port}"
        self.configure(url, (11,), api={"base_url": url, "ca_file": "/etc/jobwatchd/ca.pem"})
        self.start()
        self.wait_for("Job 11: first seen as Running")

    def test_url_hook(self):
        recorder = evidence.UrlRecorder()
        self.addCleanup(recorder.stop)
        fake = self.start_fake("[job 11]\nstep = 0s Completed\n")
        self.system.write("/etc/jobwatchd/hook.secret", "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw\n", 0o600)
        self.write_unit(f"{UNIT}.d/secret.conf", "[Service]\nLoadCredential=hook.secret:/etc/jobwatchd/hook.secret\n")
        self.configure(fake, (11,), f"[hook web]\nurl = {recorder.url}\nsecret_file = hook.secret\n")
        self.start()
        recorder.wait_for(1, 20)
        _, headers, body = recorder.requests[0]
        self.assertRegex(headers["webhook-signature"], "^v1,")
        self.assertEqual(json.loads(body)["job"]["id"], 11)


if __name__ == "__main__":
    unittest.main()
