# SPDX-License-Identifier: MIT
"""Error messages for invalid configurations, and complete reading of valid ones.

The environment variable JOBWATCHD names the program. Each file in wrong-config/ begins with a line
"; expect: LINE: REGEX": jobwatchd --check must exit with 78 and print FILE:LINE: and a match of REGEX.
"""

import os
import pathlib
import re
import socket
import subprocess
import tempfile
import unittest

PROGRAM = os.environ.get("JOBWATCHD")
HERE = pathlib.Path(__file__).resolve().parent
WRONG = sorted((HERE / "wrong-config").glob("*.ini"))
EX_CONFIG = 78


def run(*arguments):
    return subprocess.run([PROGRAM, *map(str, arguments)], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, timeout=30, check=False)


def text_of(result):
    return (result.stdout + result.stderr).decode("utf-8", "replace")


@unittest.skipUnless(PROGRAM, "the environment variable JOBWATCHD does not name the program")
class WrongConfig(unittest.TestCase):
    def setUp(self):
        directory = tempfile.TemporaryDirectory(prefix="jobwatchd-config-")
        self.addCleanup(directory.cleanup)
        self.directory = pathlib.Path(directory.name)
        self.directory.chmod(0o755)  # --check judges for the user of the service, if there is one
        (self.directory / "nexudus.token").write_text("s3cr3t-t0k3n\n")
        self.file = self.directory / "jobwatchd.ini"

    def write(self, text):
        self.file.write_text(text, encoding="utf-8")
        self.file.chmod(0o644)

    def print_config(self):
        result = run("--print-config", "-c", self.file)
        self.assertEqual(result.returncode, 0, text_of(result))
        return result.stdout.decode()

    def refused(self, pattern):
        result = run("--check", "-c", self.file)
        self.assertEqual(result.returncode, EX_CONFIG, text_of(result))
        self.assertRegex(text_of(result), pattern)

    def ids_of(self, printed):
        match = re.search(r"^ids =((?:.*\n)(?:[ \t]+\S.*\n)*)", printed, re.M)
        self.assertIsNotNone(match, printed)
        return [int(word) for word in re.findall(r"\d+", match.group(1))]

    def test_wrong_files(self):
        self.assertGreaterEqual(len(WRONG), 50)
        for path in WRONG:
            with self.subTest(path.name):
                first = path.read_bytes().split(b"\n", 1)[0].decode("utf-8")
                expected = re.fullmatch(r"; expect: (\d+): (.+)", first)
                self.assertIsNotNone(expected, "its first line says what is expected")
                self.file.write_bytes(path.read_bytes())
                result = run("--check", "-c", self.file)
                self.assertEqual(result.returncode, EX_CONFIG, text_of(result))
                self.assertRegex(text_of(result),
                                 re.escape(f"{self.file}:{expected.group(1)}: ") + f".*(?:{expected.group(2)})")

    def test_check_accepts_right_file(self):
        self.write("[jobs]\nids = 87654321\n")
        token = self.directory / "nexudus.token"
        token.write_text("t0k3n\n")
        token.chmod(0o600)
        result = run("--check", "-c", self.file)
        self.assertEqual(result.returncode, 0, text_of(result))

    def test_many_ids_on_one_line(self):
        for count in (1, 20, 60, 1000, 100000):
            ids = list(range(87654321, 87654321 + count))
            self.write("[jobs]\nids = " + ", ".join(map(str, ids)) + "\n")
            self.assertEqual(self.ids_of(self.print_config()), ids)

    def test_a_command_of_any_length_and_content(self):
        command = "/bin/sh -c 'curl " + "--header \"X: a ; b # c\" " * 500 + "; true'"
        self.write(f"[jobs]\nids = 1\n[hook a]\nexec = {command} ; comment\n")
        self.assertIn(f"\nexec = {command}\n", self.print_config())
        self.write("[jobs]\nids = 1\n[hook a]\nexec = /bin/sh  ; first\n   -c\n# second\n\n   'a ; b'\n")
        self.assertIn("\nexec = /bin/sh -c 'a ; b'\n", self.print_config())

    def test_an_invalid_value_is_one_error(self):
        self.write("[jobs]\nids = 1\n[poll]\ninterval = 5 minuts\nmax_interval = 2s\n")
        result = run("--check", "-c", self.file)
        self.assertEqual(result.returncode, EX_CONFIG)
        lines = [line for line in text_of(result).splitlines() if not line.startswith("warning: cannot check for")]
        self.assertEqual(len(lines), 1, text_of(result))
        self.assertIn(f"{self.file}:4: interval = 5 minuts is invalid", text_of(result))

    def test_many_ids_over_indented_lines(self):
        ids = list(range(87654321, 87654321 + 60))
        lines = [", ".join(map(str, ids[i:i + 10])) for i in range(0, 60, 10)]
        self.write("[jobs]\nids = " + ",\n    ".join(lines) + "\n")
        self.assertEqual(self.ids_of(self.print_config()), ids)

    def test_key_repeated(self):
        ids = list(range(1, 61))
        self.write("[jobs]\n" + "".join(f"ids = {number}\n" for number in ids))
        self.assertEqual(self.ids_of(self.print_config()), ids)

    def test_drop_ins(self):
        self.write("[jobs]\nids = 1\n[poll]\ninterval = 5s\n")
        drop_ins = self.directory / "jobwatchd.ini.d"
        drop_ins.mkdir()
        (drop_ins / "20-b.ini").write_text("[poll]\ninterval = 7s\n")
        (drop_ins / "10-a.ini").write_text("[poll]\ninterval = 6s\n[jobs]\nids = 2\n[job extra]\nid = 3\n")
        (drop_ins / "30-c.conf").write_text("not read\n")
        printed = self.print_config()
        self.assertIn("\ninterval = 7s\n", printed)
        self.assertEqual(self.ids_of(printed), [1, 2])
        self.assertIn("[job extra]\nid = 3\n", printed)

        (drop_ins / "40-d.ini").write_text("\n[poll]\nintervall = 7s\n")
        self.refused(re.escape(f"{drop_ins}/40-d.ini:3: ") + "unknown key")

    def test_missing_file(self):
        self.refused(re.escape(f"{self.file}: ") + "cannot be read: No such file or directory; create it, or name another")

    def make_irregular(self, kind, path):
        if kind == "a directory":
            path.mkdir()
        elif kind == "a FIFO":
            os.mkfifo(path)
        elif kind == "a socket":
            with socket.socket(socket.AF_UNIX) as unix:
                unix.bind(str(path))
        else:
            path.symlink_to("/dev/zero")

    def test_only_regular_files_are_read(self):
        drop_ins = self.directory / "jobwatchd.ini.d"
        drop_ins.mkdir()
        for kind in ("a directory", "a FIFO", "a socket", "a device"):
            for linked in (False, True):
                with self.subTest(kind, linked=linked):
                    place = self.directory / "irregular"
                    self.make_irregular(kind, place)
                    try:
                        for path in (self.file, drop_ins / "x.ini"):
                            self.write("[jobs]\nids = 1\n")
                            path.unlink(missing_ok=True)
                            (path.symlink_to if linked else place.rename)(place if linked else path)
                            # Anything that waits is ended by the time limit of run().
                            self.refused(re.escape(f"{path}: ") + f"not a regular file but {kind}; ")
                            if linked:
                                path.unlink()
                            else:
                                path.rename(place)
                    finally:
                        place.rmdir() if kind == "a directory" else place.unlink()

    def test_a_link_to_a_regular_file_is_read(self):
        self.write("[jobs]\nids = 1\n")
        target = self.directory / "elsewhere"
        self.file.rename(target)
        self.file.symlink_to(target)
        drop_ins = self.directory / "jobwatchd.ini.d"
        drop_ins.mkdir()
        (self.directory / "more").write_text("[jobs]\nids = 2\n")
        (drop_ins / "x.ini").symlink_to(self.directory / "more")
        self.assertEqual(self.ids_of(self.print_config()), [1, 2])

    def test_what_is_invisible_is_shown(self):
        for text, shown in (("[jobs]\nids = 87654321\u200b\n", r'2: invalid job ID "87654321\u200b"'),
                            ("[jobs]\nids = 1\n[poll]\ninterval\u00a0= 5s\n", r'4: unknown key "interval\u00a0"'),
                            ("[jobs]\nids = 1\n[poll]\ninterval = 5s\u202f\n", r"4: interval = 5s\u202f is invalid"),
                            ("[jobs]\nids = 1\n[poll\u00ad]\ninterval = 5s\n", r"3: unknown section [poll\u00ad]"),
                            ("[jobs]\nids = 1\n[hook a]\non = failed\ufeff\nexec = /bin/true\n",
                             r"4: on = failed\ufeff is invalid")):
            with self.subTest(shown):
                self.write(text)
                self.refused(re.escape(f"{self.file}:{shown}"))

    def test_print_round_trip(self):
        self.write("[jobs]\nids = 3, 1, 2\n[api]\nbase_url = http://127.0.0.1:8080/\ntimeout = 1.5s\n"
                   "[poll]\ninterval = 90s\nbatch = off\n[job a]\nid = 4\nmax_interval = 1h\n"
                   "[status]\nrunning =\nsuccess += \"a, b\", \" \\\\* \"\nfailed_result = *\"Errors\":[1-9]*, a=b\n"
                   "[hook a]\nurl_file = a.url\nheader_file = a.headers\nca_file = /ca.pem\n"
                   "[hook b]\nurl = https://a.example/\n[hook c]\nexec = /bin/true\n"
                   "[log]\nlevel = warn\npersonal_data = on\nresult_bytes = 4096\n[exit]\nwhen = done\n")
        first = self.print_config()
        self.assertIn("interval = 1min 30s\n", first)
        self.assertIn("result_bytes = 4K\n", first)
        self.assertIn('Done, Processed, "a, b",', first)
        self.assertEqual((first.count("url_file ="), first.count("url =")), (1, 2), first)
        self.write(first)
        self.assertEqual(self.print_config(), first)

    def test_print_config_holds_no_secret(self):
        secret = self.directory / "token"
        secret.write_text("s3cr3t-t0k3n")
        self.write(f"[jobs]\nids = 1\n[api]\ntoken_file = {secret}\n")
        printed = self.print_config()
        self.assertIn(str(secret), printed)
        self.assertNotIn("s3cr3t", printed)


if __name__ == "__main__":
    unittest.main()
