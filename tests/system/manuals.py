# SPDX-License-Identifier: MIT
"""The commands of the manual pages, for readme.py: how each is run on the system on which the README was followed, and
what is to be observed.

Where a command is only named, as "jobwatchctl retry", or has a name in capitals for what differs, the rest is provided
here."""

import json
import os
import re
import subprocess

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
USER, PASSWORD = "me@example.com", "p4ss-w0rd"
SETTINGS = "/etc/jobwatchd/jobwatchd.ini.d/manual.ini"
SUCCEEDED, FAILED, UNWATCHED, LATER = "87654321", "87654322", "87654320", "87654323"
METRICS = "/var/lib/prometheus/node-exporter"

HOOKS = """
[hook mail]
on = stalled
exec = /bin/sh -c 'echo "<4>$JOBWATCH_EVENT of $JOBWATCH_JOB by mail"'
[hook bad]
on = failed
exec = /bin/false
retries = 0
"""
LATER_JOB = f"[job {LATER}]\ndescription = Import of rooms\ncreated = 0s\nstep = 0s Running\n"

# A PostgreSQL server with the database of jobwatchd(8).
SERVER = """#!/bin/sh -e
cd /
programs=$(ls -d /usr/lib/postgresql/*/bin | tail -n 1)
server() {
    program=$1
    shift
    setpriv --reuid=postgres --regid=postgres --clear-groups "$programs/$program" "$@" >/dev/null </dev/null
}
if [ "$1" = start ]; then
    install -d -o postgres /run/server
    server initdb -D /run/server/data -A trust --no-sync
    server pg_ctl -D /run/server/data -w -l /run/server/log -o '-h 127.0.0.1 -p 5544 -k /run/server' start
    server psql -h 127.0.0.1 -p 5544 postgres -c "CREATE ROLE jobwatchd LOGIN"
    server psql -h 127.0.0.1 -p 5544 postgres -c "CREATE DATABASE jobwatchd OWNER jobwatchd"
else
    server pg_ctl -D /run/server/data -m immediate stop
    rm -r /run/server
fi
"""
ONE_SHOT = "[Service]\nType=oneshot\nExecStart={}\n"


def completed(words, pattern="^$"):
    """A command that is only named, with these words, prints what matches."""
    def run(self, command):
        self.assertRegex(self.execute(f"{command} {words}"), pattern)
    return run


class Manuals:
    """Mixed into a test that can execute commands, see readme.py."""

    def edit(self, command, typed=None):
        """`systemctl edit UNIT`, with an editor that types the indented lines below it, or these."""
        command, _, below = command.partition("\n")
        self.system.write("/root/typed", re.sub("(?m)^ +", "", below) if typed is None else typed)
        self.system.write("/root/editor", "#!/bin/sh\nexec sed -i '/^### Anything between/r /root/typed' \"$1\"\n", 0o755)
        self.execute(f"SYSTEMD_EDITOR=/root/editor script --quiet --return --command '{command}' /dev/null")
        unit = command.split()[-1]
        shown = self.run_inside("systemctl", "cat", unit + ("x" if unit.endswith("@") else ""))
        for line in self.system.path("/root/typed").read_text().splitlines():
            self.assertIn(line, shown.splitlines())

    def type(self, command, answers):
        """On a terminal, to the questions: {question: answer}."""
        words = self.system._inside(["timeout", "60", "script", "--quiet", "--return", "--command", command, "/dev/null"])
        with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, bufsize=0) as program:
            said = b""
            for question, answer in answers.items():
                while question.encode() not in said:
                    piece = os.read(program.stdout.fileno(), 4096)
                    self.assertTrue(piece, said)
                    said += piece
                program.stdin.write(f"{answer}\n".encode())
            said += program.stdout.read()
        self.assertEqual(program.returncode, 0, said)
        return said.decode()

    def revert(self, unit):
        self.run_inside("systemctl", "revert", unit)

    def configure(self, text):
        self.system.write(SETTINGS, text)
        self.run_inside("systemctl", "reload", "jobwatchd")

    def restart_service(self):
        self.run_inside("systemctl", "restart", "jobwatchd")

    def event_of(self, job, event):
        entries = self.run_inside("journalctl", "--quiet", "-o", "json", f"JOBWATCH_JOB={job}", f"JOBWATCH_EVENT={event}")
        return json.loads(entries.splitlines()[0])["JOBWATCH_EVENT_ID"]

    def failed_deliveries(self):
        return [row["Id"] for row in json.loads(self.run_inside("jobwatchctl", "deliveries", "--failed", "--json=short"))]

    # ---- jobwatchctl(1) ----

    def page_kept(self, command):
        self.execute(command)
        self.wait_for(lambda: "Import of members" in self.run_inside("cat", "/run/jobwatch-report/index.html", check=False),
                      "the page")
        self.assertEqual(self.show("UnitFileState", "jobwatch-report"), "enabled")

    def page_elsewhere(self, command):
        """As the unit says it."""
        example = re.search(r"(?s)# +systemctl edit jobwatch-report\n(.*?)#\n", self.run_inside("systemctl", "cat", "jobwatch-report"))
        path = re.search(r"-o (\S+)", example[1])[1]
        self.run_inside("install", "-d", "-o", "www-data", path.rpartition("/")[0])
        self.edit(command, re.sub("(?m)^# +", "", example[1]))
        self.run_inside("systemctl", "restart", "jobwatch-report")
        self.wait_for(lambda: "Import of members" in self.run_inside("cat", path, check=False), path)
        self.assertEqual(self.run_inside("stat", "-c", "%U", path), "www-data\n")
        self.run_inside("systemctl", "disable", "--quiet", "--now", "jobwatch-report")
        self.revert("jobwatch-report")

    def failed_imports(self, command):
        said = self.execute(command)
        self.assertIn(FAILED, said)
        self.assertNotIn(SUCCEEDED, said)

    def plugin(self, command):
        self.assertRegex(self.execute(command.rpartition("=")[2]), r"(?m)^JOBWATCHD OK|^OK")

    def next_step(self, command):
        self.system.write("/usr/local/bin/next-step", "#!/bin/sh\necho next step\n", 0o755)
        self.assertRegex(self.execute(command), "Completed.*\nnext step\n")
        self.assertNotIn("next step", self.execute(command.replace(SUCCEEDED, FAILED), status=1))

    def reported(self, command):
        """Without what is secret or personal."""
        said = self.execute(command)
        self.assertRegex(said, "(?m)^role List: yes$")
        for text in (self.system.path("/etc/jobwatchd/nexudus.token").read_text().strip(), SUCCEEDED, "Import of"):
            self.assertNotIn(text, said)

    def picture(self, command):
        path = command.split()[-1]
        self.execute(f"{command} && cat {path} && rm {path}")
        self.assertIn("Import of members", self.execute(f"{command} && cat {path} && rm {path}"))

    def failures_as_json(self, command):
        self.assertEqual(json.loads(self.execute(command))["Job"], int(FAILED))

    def logged_in(self, command):
        """The service waits for it, and needs no secret in a file."""
        self.fake.server(username=USER, password=PASSWORD)
        self.system.write(SETTINGS, "[api]\nauth = login\n")
        self.restart_service()
        self.wait_for(lambda: command in self.run_inside("jobwatchctl", "status", check=False), "the need of a login")
        said = self.type(command, {"user name: ": USER, "Password: ": PASSWORD})
        self.assertNotIn(PASSWORD, said)
        self.wait_for(lambda: "no problems" in self.run_inside("jobwatchctl", "status", check=False), "requests")
        self.configure(HOOKS)
        self.restart_service()

    # ---- jobwatchd-cluster(7) ----

    def secret_written(self, command):
        self.execute(command, stdin=b"SECRET\n")
        path = self.system.path(command.split()[-1])
        self.assertEqual((path.read_text(), path.stat().st_mode & 0o777), ("SECRET\n", 0o600))

    def copied(self, command):
        """To a server of its own, and back."""
        self.execute("dpkg --install ../jobwatchd-postgresql_*.deb")
        self.system.write("/root/server", SERVER, 0o755)
        self.execute("/root/server start")
        _, option, directory, uri = command.replace("db1.example.org", "127.0.0.1:5544").split()
        self.assertIn("Copied", self.execute(f"jobwatchd {option} {directory} {uri}"))
        self.assertIn("Copied", self.execute(f"jobwatchd {option} {uri} /root/back"))
        self.execute("/root/server stop; dpkg --remove jobwatchd-postgresql")

    def handed_over(self, command):
        """There is nobody here to take over."""
        self.assertIn("there is no other host", self.execute(command, status=69))

    # ---- jobwatchd-hooks(7) ----

    def instance(self, command):
        event = self.event_of(FAILED, "failed")
        escaped = self.run_inside("systemd-escape", event).strip()
        self.assertEqual(self.execute(command.replace("INSTANCE", escaped)), event + "\n")

    def of_one_event(self, command):
        event = self.event_of(FAILED, "failed")
        said = self.execute(re.sub("=(EVENT_ID|[0-9a-f-]+[.]{3})", f"={event}", command))
        self.assertRegex(said, f"(?s)Job {FAILED}.*Running → Failed.*hook note: delivered")
        self.assertNotIn(SUCCEEDED, said)

    def credential(self, command):
        """It is there for a hook after a restart, and not before."""
        name = re.search("LoadCredential=([^:]+):", command)[1]
        self.system.write(f"/etc/jobwatchd/{name}", SECRET + "\n", 0o600)
        self.system.write(SETTINGS, f"[hook web]\non = stalled\nurl = http://127.0.0.1:9/\nsecret_file = {name}\n")
        self.edit(command)
        self.restart_service()
        self.assertEqual(self.show("ActiveState"), "active")
        self.assertIn(name, self.run_inside("ls", "/run/credentials/jobwatchd.service"))
        self.revert("jobwatchd")
        self.configure(HOOKS)
        self.restart_service()

    def tried_with_a_job(self, command):
        self.configure(HOOKS)
        self.assertRegex(self.execute(command), f"(?s)failed of {SUCCEEDED} by mail.*Hook mail: succeeded")

    def problems_of_a_hook(self, command):
        self.configure(HOOKS)
        self.run_inside("jobwatchctl", "test-hook", "mail")
        self.assertIn("by mail", self.execute(command))

    def retried(self, command):
        self.configure(HOOKS)
        self.fake.control("PUT", "jobs", LATER_JOB.encode())
        self.wait_log(f"Job {LATER} .*first seen as Running")
        self.fake.job(int(LATER), "no", status="Failed")
        self.wait_for(self.failed_deliveries, "a failed delivery")
        self.execute(command + " --failed")
        self.wait_for(lambda: self.log().count("hook bad: abandoned") == 2, "another attempt")
        self.wait_for(self.failed_deliveries, "a failed delivery")

    def dropped(self, command):
        self.execute(f"{command} {self.failed_deliveries()[0]}")
        self.assertEqual(self.failed_deliveries(), [])

    def another_user(self, command):
        self.edit(command, "[Service]\nDynamicUser=no\nUser=nobody\n")
        self.assertEqual(self.show("User", "jobwatch-hook@x"), "nobody")
        self.revert("jobwatch-hook@")

    # ---- jobwatchd(8) ----

    def encrypted(self, command):
        token = self.system.path("/etc/jobwatchd/nexudus.token")
        self.execute(command, stdin=token.read_bytes())
        self.assertNotIn(token.read_bytes().strip(), self.system.path(command.split()[-1]).read_bytes())

    def encrypted_used(self, command):
        """The service needs no other file."""
        token = self.system.path("/etc/jobwatchd/nexudus.token")
        content = token.read_bytes()
        self.edit(command)
        token.unlink()
        self.restart_service()
        self.run_inside("jobwatchctl", "poll")
        self.assertEqual(self.show("ActiveState"), "active")
        self.system.write(token.relative_to(self.system.root), content, 0o600)
        self.revert("jobwatchd")
        self.restart_service()

    def for_programs(self, command):
        entries = [json.loads(line) for line in self.execute(command).splitlines()]
        self.assertIn(FAILED, [entry.get("JOBWATCH_JOB") for entry in entries])

    def permit(self, command):
        """The directory is that of the package, of which this system has no more."""
        self.run_inside("install", "-d", METRICS)
        self.execute(command)

    def metrics_written(self, command):
        self.assertEqual(self.run_inside("stat", "-c", "%G %a", METRICS), "jobwatchd 775\n")
        self.edit(command)
        self.system.write(SETTINGS, f"[metrics]\ntextfile = {METRICS}/jobwatchd.prom\n")
        self.restart_service()
        path = self.system.path(f"{METRICS}/jobwatchd.prom")
        self.wait_for(lambda: path.exists() and "jobwatchd_jobs{" in path.read_text(), "the metrics")
        self.configure(HOOKS)
        self.revert("jobwatchd")
        self.restart_service()

    def waited_for(self, command):
        self.execute(command)
        self.execute(command.replace(SUCCEEDED, FAILED), status=1)

    def what_comes_next(self, command):
        self.system.write("/etc/systemd/system/contracts-import.service", ONE_SHOT.format("/bin/touch /root/imported"))
        self.edit(command)

    def begun(self, command):
        self.execute(command)
        self.wait_for(self.system.path("/root/imported").exists, "contracts-import.service")

    def through_a_proxy(self, command):
        """As the page shows it below; there is no such proxy here."""
        typed = re.search(r"(?m)^\[Service\]\n(Environment=.*\n)+", self.pages["jobwatchd.8"])[0]
        self.edit(command, typed)
        for line in typed.splitlines()[1:]:
            self.assertIn(line.partition("=")[2], self.show("Environment"))
        self.revert("jobwatchd")

    def outcome(self, command):
        self.assertRegex(self.execute(command.replace("ID", SUCCEEDED)), "Completed")

    def edited(self, command):
        self.edit(f"{command} jobwatchd", "[Service]\nNice=5\n")
        self.assertEqual(self.show("Nice"), "5")
        self.revert("jobwatchd")

    # ---- jobwatchd.ini(5) ----

    def changed(self, command):
        """What is watched."""
        self.execute(f"{command} {UNWATCHED}")
        rows = json.loads(self.run_inside("jobwatchctl", "list", "--json=short"))
        self.assertEqual(int(UNWATCHED) in [row["Id"] for row in rows if not row["Removed"]], command.endswith("add"))

    # ---- org.jobwatchd1(5) ----

    def called(self, command):
        rows = json.loads(self.execute(command))["data"][0]
        self.assertEqual([row["Id"]["data"] for row in rows][:1], [int(FAILED)])

    def monitored(self, command):
        self.execute_until(command, "GetStatus", lambda: self.run_inside("jobwatchctl", "status"))

    # What a command begins with, and how it is run and judged.
    MANUAL_COMMANDS = (
        ("systemctl enable --now jobwatch-report$", page_kept),
        ("systemctl edit jobwatch-report$", page_elsewhere),
        ("jobwatchctl list --failed ", failed_imports),
        (r"(command\[check_jobwatchd\]=/usr/bin/)?jobwatchctl status --check$", plugin),
        ("jobwatchctl doctor --report$", reported),
        ("jobwatchctl login$", logged_in),
        (r"jobwatchctl wait --add \d+ && next-step$", next_step),
        ("jobwatchctl timeline --since today ", picture),
        ("jobwatchctl history --since today --json", failures_as_json),
        ("systemd-escape --unescape 'INSTANCE'$", instance),
        ("journalctl JOBWATCH_EVENT_ID=", of_one_event),
        ("install -m 600 /dev/stdin /etc/jobwatchd/database.password$", secret_written),
        ("systemctl (stop|start) jobwatchd$", completed("")),
        ("jobwatchd --copy-state ", copied),
        ("jobwatchctl handover$", handed_over),
        ("systemctl edit jobwatchd\n(?s:.*)LoadCredential=", credential),
        ("jobwatchctl test-hook mail ", tried_with_a_job),
        ("journalctl JOBWATCH_HOOK=mail ", problems_of_a_hook),
        ("jobwatchctl retry$", retried),
        ("jobwatchctl drop$", dropped),
        ("systemctl edit jobwatch-hook@$", another_user),
        ("systemd-creds encrypt ", encrypted),
        ("systemctl edit jobwatchd\n(?s:.*)LoadCredentialEncrypted=", encrypted_used),
        ("journalctl -u jobwatchd -o json ", for_programs),
        ("chgrp jobwatchd /var/lib/prometheus/|chmod g[+]w /var/lib/prometheus/", permit),
        ("systemctl edit jobwatchd\n(?s:.*)ReadWritePaths=", metrics_written),
        ("jobwatchd -c wait.ini ", waited_for),
        ("systemctl edit jobwatch-job@", what_comes_next),
        ("systemctl start jobwatch-job@", begun),
        ("systemctl edit jobwatchd$", through_a_proxy),
        ("jobwatchctl wait --add ID$", outcome),
        ("systemctl start --wait$", completed(f"jobwatch-job@{SUCCEEDED}")),
        ("systemctl reload$", completed("jobwatchd")),
        ("systemctl status$", completed("jobwatchd", "Active: active")),
        ("systemctl edit$", edited),
        ("journalctl -x$", completed("-u jobwatchd", f"Subject: Job {FAILED} failed")),
        ("jobwatchctl metrics$", completed("", r"(?m)^jobwatchd_jobs\{outcome=\"open\"\} \d")),
        ("jobwatchd --check$", completed("", ": OK")),
        ("jobwatchd --print-config$", completed("", r"(?m)^\[discover all\]$")),
        ("jobwatchctl (add|remove)$", changed),
        ("busctl --json=pretty call ", called),
        ("busctl monitor ", monitored),
    )
