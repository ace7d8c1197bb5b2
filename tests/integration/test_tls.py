#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""TLS: only a valid certificate is accepted, and the error of any other is logged."""

import os
import pathlib
import shutil
import signal
import subprocess
import tempfile
import unittest

from evidence import UrlRecorder
from harness import EX_CONFIG, EX_JOB_FAILED, EX_OK, Closed, IntegrationTest

RUNNING = "[job 11]\nstep = 0s Running\n"
CA_CONFIG = """
[ca]
default_ca = ours
[ours]
dir = .
new_certs_dir = .
database = index.txt
serial = serial.txt
default_md = sha256
policy = anything
copy_extensions = copy
[anything]
commonName = supplied
"""


def openssl(directory, *arguments):
    subprocess.run(["openssl", *arguments], cwd=directory, check=True, stdin=subprocess.DEVNULL,
                   stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)


def make_ca(directory, name):
    openssl(directory, "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2",
            "-subj", f"/CN={name}", "-keyout", f"{name}.key", "-out", f"{name}.crt")


def make_certificate(directory, ca, name, host, start="20250101000000Z", end="20990101000000Z"):
    openssl(directory, "req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
            "-subj", f"/CN={name}", "-addext", f"subjectAltName={host}", "-keyout", f"{name}.key",
            "-out", f"{name}.csr")
    openssl(directory, "ca", "-batch", "-notext", "-config", "ca.cnf", "-cert", f"{ca}.crt", "-keyfile", f"{ca}.key",
            "-startdate", start, "-enddate", end, "-in", f"{name}.csr", "-out", f"{name}.crt")


needs_openssl = unittest.skipUnless(shutil.which("openssl"), "needs the program openssl to make certificates")


class TlsTest(IntegrationTest):
    @classmethod
    def setUpClass(cls):
        cls.certificates = pathlib.Path(tempfile.mkdtemp(prefix="jobwatchd-tls-"))
        cls.addClassCleanup(shutil.rmtree, cls.certificates)
        (cls.certificates / "ca.cnf").write_text(CA_CONFIG)
        (cls.certificates / "index.txt").write_text("")
        (cls.certificates / "serial.txt").write_text("01\n")
        make_ca(cls.certificates, "right-ca")
        make_ca(cls.certificates, "other-ca")
        make_certificate(cls.certificates, "right-ca", "right", "IP:127.0.0.1")
        make_certificate(cls.certificates, "right-ca", "host", "DNS:other.example")
        make_certificate(cls.certificates, "right-ca", "expired", "IP:127.0.0.1", end="20250102000000Z")
        make_certificate(cls.certificates, "right-ca", "early", "IP:127.0.0.1", start="20980101000000Z")
        make_certificate(cls.certificates, "other-ca", "other", "IP:127.0.0.1")

    def pair(self, name):
        return self.certificates / f"{name}.crt", self.certificates / f"{name}.key"

    def ca(self, name):
        return self.certificates / f"{name}.crt"

    def start_fake_with(self, name, **options):
        return self.start_fake(RUNNING, tls=self.pair(name), name=f"fake-{name}", **options)



@needs_openssl
class Api(TlsTest):
    def configure(self, fake, ca="right-ca"):
        self.write_config(fake, (11,), api={"ca_file": ca and self.certificates / f"{ca}.crt"})

    def refused(self, name, says, ca="right-ca"):
        """An invalid certificate is logged, no request is sent, and polling resumes with a valid one."""
        fake = self.start_fake_with(name)
        self.configure(fake, ca)
        daemon = self.start_daemon()
        line = daemon.wait_for("warning .*Cannot reach the API")
        self.assertRegex(line, rf"(?i)Cannot reach the API at .*: TLS failed \(.*({says})")
        self.assertEqual(fake.requests(), [])
        self.assertIsNone(daemon.process.poll())
        if ca != "right-ca":
            return
        fake.stop()
        closed = Closed(fake.port)
        self.start_fake_with("right", port=closed.release())
        daemon.wait_for("reachable again after ")
        daemon.wait_for("Job 11: first seen as Running")
        self.assertEqual(daemon.stop(), EX_OK)

    def test_right(self):
        fake = self.start_fake_with("right")
        self.configure(fake)
        self.assertTrue(fake.url.startswith("https://"))
        daemon = self.start_daemon()
        daemon.wait_for("Job 11: first seen as Running")
        fake.job(11, status="Completed")
        daemon.wait_for(r"\[succeeded")
        self.assertEqual(daemon.stop(), EX_OK)
        self.assertEqual(daemon.count(" (warning|error) "), 0, daemon.text())
        requests = fake.requests()
        self.assertEqual(len({request["connection"] for request in requests}), 1, "one connection is kept")

    def test_another_authority(self):
        self.refused("other", "issuer|self.signed|unknown|not trusted|verif")

    def test_authorities_of_the_system(self):
        self.refused("right", "issuer|self.signed|unknown|not trusted|verif", ca=None)

    def test_another_host(self):
        self.refused("host", "host ?name|subject name|does not match")

    def test_expired(self):
        self.refused("expired", "expired")

    def test_not_yet_valid(self):
        self.refused("early", "not yet valid|not activated")

    def test_no_tls_at_all(self):
        fake = self.start_fake(RUNNING)
        self.configure(fake.url.replace("http:", "https:"))
        daemon = self.start_daemon()
        daemon.wait_for(r"warning .*Cannot reach the API at .*: TLS failed")
        self.assertEqual(daemon.stop(), EX_OK)

    def refuse_ca_file(self, path, says):
        """By --check and at the start, naming the line."""
        fake = self.start_fake_with("right")
        self.write_config(fake, (11,), api={"ca_file": path})
        line = 1 + self.config.read_text().split("\n").index(f"ca_file = {path}")
        for options in ("--check",), ("--once",):
            daemon = self.assertEnds(EX_CONFIG, *options)
            self.assertRegex(daemon.text() + daemon.output, rf"{self.config}:{line}: ca_file = {path}: {says}")
        self.assertEqual(fake.requests(), [])

    def test_ca_file_missing(self):
        self.refuse_ca_file(self.directory / "none.pem", "No such file or directory")

    def test_ca_file_without_a_certificate(self):
        self.refuse_ca_file(self.secret("empty.pem", ""), "the file contains no certificate; write it in PEM")
        self.refuse_ca_file(self.secret("text.pem", "what is this?\n"), "the file contains no certificate")
        whole = self.ca("right-ca").read_text()
        self.refuse_ca_file(self.secret("cut.pem", whole[:len(whole) // 2]), "a certificate in the file is damaged")

    def test_a_reload_reads_ca_file_again(self):
        fake = self.start_fake_with("other")
        ca = self.secret("ca.pem", self.ca("right-ca").read_text())
        self.write_config(fake, (11,), api={"ca_file": ca})
        daemon = self.start_daemon()
        daemon.wait_for("warning .*Cannot reach the API at .*: TLS failed")
        ca.write_text(self.ca("other-ca").read_text())
        daemon.process.send_signal(signal.SIGHUP)
        daemon.wait_for("Job 11: first seen as Running")
        self.assertEqual(daemon.stop(), EX_OK)


def in_a_system_that_trusts(directory):
    """What runs a program in a mount namespace with these authorities as those of the system; None: not possible."""
    namespace = ["unshare", "--mount"] if os.geteuid() == 0 else ["unshare", "--mount", "--map-root-user"]
    place = "/etc/ssl/certs"
    command = [*namespace, "sh", "-c", f"mount --bind '{directory}' {place} && exec \"$@\"", "sh"]
    if not os.path.isfile(f"{place}/ca-certificates.crt") or not shutil.which("unshare"):
        return None
    return command if subprocess.run([*command, "true"], capture_output=True, check=False).returncode == 0 else None


@needs_openssl
class Hooks(TlsTest):
    """Certificates of the receivers of url hooks: which authorities are trusted."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        # The authorities of a system are in one file, or each in a file that is found by its hash.
        cls.systems = []
        for kind, name in ("whole", "ca-certificates.crt"), ("hashed", "right-ca.pem"):
            directory = cls.certificates / kind
            directory.mkdir()
            shutil.copy(cls.certificates / "right-ca.crt", directory / name)
            if kind == "hashed":
                openssl(directory, "rehash", ".")
            cls.systems.append(in_a_system_that_trusts(directory))

    def setUp(self):
        super().setUp()
        self.deliveries = 0

    def deliver(self, status, receiver, api=None, own=None, before=()):
        """One delivery to a receiver with this certificate. `api` and `own`: the authorities in ca_file."""
        self.deliveries += 1
        name = f"{receiver}-{self.deliveries}"
        recorder = UrlRecorder(tls=self.pair(receiver))
        self.addCleanup(recorder.stop)
        fake = self.start_fake("[job 11]\nstep = 0s Completed\n", name=f"fake-{name}",
                               tls=self.pair(api.replace("-ca", "")) if api else None)
        self.state = self.directory / f"state-{name}"
        self.write_config(fake, (11,), api={"ca_file": self.ca(api) if api else None}, more=(
            f"[hook web]\nurl = {recorder.url}\nretries = 0\n" + (f"ca_file = {self.ca(own)}\n" if own else "")))
        daemon = self.assertEnds(status, "--exit-when-done", before=before)
        self.assertEqual(len(recorder.requests), daemon.count("hook web: delivered"), daemon.text())
        return daemon

    def accepted(self, *arguments, **how):
        self.assertEqual(self.deliver(EX_OK, *arguments, **how).count("hook web: delivered"), 1)

    def refused(self, says, *arguments, **how):
        line = self.deliver(EX_JOB_FAILED, *arguments, **how).wait_for("hook web: abandoned")
        self.assertRegex(line, rf"TLS failed: .*(issuer|self.signed|verif).*; {says}")

    def test_ca_file_of_the_api_holds_for_hooks(self):
        self.accepted("right", api="right-ca")

    def test_their_own_ca_file(self):
        self.accepted("right", own="right-ca")
        self.accepted("right", api="other-ca", own="right-ca")

    def test_their_own_ca_file_replaces_that_of_the_api(self):
        self.refused(f"its authority is not in ca_file = {self.ca('other-ca')}", "right", api="right-ca", own="other-ca")

    def test_the_error_says_where_to_configure_an_authority(self):
        for api in None, "other-ca":
            self.refused(r"if its authority is a private one, set ca_file in \[hook web\], or in \[api\] for all hooks",
                         "right", api=api)

    def test_the_authorities_of_the_system(self):
        """They count besides those of [api], and not besides those of the hook."""
        if None in self.systems:
            self.skipTest("needs a mount namespace and the authorities of Debian")
        self.accepted("right", before=self.systems[0])
        for system in self.systems:
            self.accepted("right", api="other-ca", before=system)
            self.refused("its authority is not in ca_file", "right", own="other-ca", before=system)

    def test_ca_file_that_cannot_be_used(self):
        fake = self.start_fake("[job 11]\nstep = 0s Running\n")
        for path, says in ((self.directory / "none.pem", "No such file or directory"),
                           (self.secret("text.pem", "text"), "the file contains no certificate")):
            self.write_config(fake, (11,), more=f"[hook web]\nurl = https://127.0.0.1/\nca_file = {path}\n")
            line = 1 + self.config.read_text().split("\n").index(f"ca_file = {path}")
            for options in ("--check",), ():
                daemon = self.assertEnds(EX_CONFIG, *options)
                self.assertRegex(daemon.text() + daemon.output, rf"{self.config}:{line}: ca_file = {path}: {says}")

    def test_a_reload_refuses_a_ca_file_without_certificate(self):
        fake = self.start_fake("[job 11]\nstep = 0s Running\n")
        path = self.secret("ca.pem", self.ca("right-ca").read_text())
        self.write_config(fake, (11,), more=f"[hook web]\nurl = https://127.0.0.1/\nca_file = {path}\n")
        daemon = self.start_daemon()
        daemon.wait_for("Job 11: first seen")
        path.write_text("")
        daemon.process.send_signal(signal.SIGHUP)
        daemon.wait_for(f"error .*ca_file = {path}: the file contains no certificate")
        daemon.wait_for("Configuration not reloaded: 1 error")
        self.assertEqual(daemon.stop(), EX_OK)


if __name__ == "__main__":
    unittest.main()
