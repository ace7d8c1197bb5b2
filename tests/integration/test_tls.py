#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""TLS: only a valid certificate is accepted, and the error of any other is logged."""

import pathlib
import shutil
import subprocess
import tempfile
import unittest

from harness import EX_CONFIG, EX_OK, EX_UNAVAILABLE, Closed, IntegrationTest

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


@unittest.skipUnless(shutil.which("openssl"), "needs the program openssl to make certificates")
class Tls(IntegrationTest):
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

    def start_fake_with(self, name, **options):
        return self.start_fake(RUNNING, tls=self.pair(name), name=f"fake-{name}", **options)

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

    def test_ca_file_missing(self):
        fake = self.start_fake_with("right")
        self.write_config(fake, (11,), api={"ca_file": self.directory / "none.pem"})
        status, daemon = self.run_daemon("--once")
        self.assertIn(status, (EX_CONFIG, EX_UNAVAILABLE), daemon.text())
        self.assertIn("none.pem", daemon.text())
        self.assertEqual(fake.requests(), [])


if __name__ == "__main__":
    unittest.main()
