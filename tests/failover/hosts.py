# SPDX-License-Identifier: MIT
"""Two machines that share a state: each is a jobwatchd with a name, a token and a path to the database of its own.

A hook records on which of them it ran, and the log of the fake API shows which of them sent a request.
"""

import collections
import contextlib
import json
import subprocess
import time

from bus_rig import Bus
from harness import EX_OK, HOOK_RUN, JOBS, JOBWATCHD, PATIENCE, Daemon, Fake, clean_environment, program

# A line for each attempt, in a single write: the host, the time by CLOCK_BOOTTIME, and the document.
RECORDER = """#!/bin/sh
read -r host </proc/sys/kernel/hostname
read -r now rest </proc/uptime
read -r document
printf '%s %s %s\\n' "$host" "$now" "$document" >>'{path}'
"""

CONFIG = """
[api]
base_url = {url}
token_file = {token}
timeout = 10s
[poll]
interval = 300ms
max_interval = 300ms
[jobs]
ids = {ids}
[hook record]
on = changed
exec = {hook}
[state]
directory = {state}
database = {uri}
password_file = {password}
prefer = {prefer}
[log]
target = console
"""

JOBWATCHCTL = program("JOBWATCHCTL")
STANDS_BY = r"Standing by: \S+ is active since"
ENDS = ("succeeded", "failed", "gone")

# `at` is in seconds of the clock of the fake API.
Poll = collections.namedtuple("Poll", "at host path")
Record = collections.namedtuple("Record", "at host id kind job result sequence")

# The name of a machine is that of its UTS namespace.
NAMED = ["unshare", "--uts", "sh", "-c", 'echo "$0" >/proc/sys/kernel/hostname && exec "$@"']


class Host:
    """A machine."""

    def __init__(self, site, name, uri, prefer):
        self.site, self.name = site, name
        self.bus = None
        self.directory = site.directory / name
        self.directory.mkdir()
        self.config = self.directory / "jobwatchd.ini"
        self.lives = []
        token, password = self.directory / "token", self.directory / "database.password"
        token.write_text(f"t0ken-of-{name}")
        password.write_text(site.password)
        for secret in token, password:
            secret.chmod(0o600)
        self.config.write_text(CONFIG.format(
            url=site.fake.url, token=token, ids=", ".join(map(str, site.jobs)), hook=site.hook,
            state=self.directory / "state", uri=uri, password=password, prefer=prefer), encoding="utf-8")

    def start(self, **env):
        command = [*NAMED, self.name, JOBWATCHD, "-c", str(self.config), "--instance", self.site.instance]
        of_bus = self.bus.env if self.bus else {}
        self.lives.append(Daemon(command, clean_environment(**{**self.site.env, **of_bus, **env})))
        return self.lives[-1]

    def stand_by(self, **env):
        """Starts it beside a host that is active."""
        self.start(**env).wait_for(STANDS_BY, patience=4 * PATIENCE)

    def start_bus(self):
        """For ctl(): before the host is started."""
        self.bus = Bus(self.directory)

    def ctl(self, *words):
        """jobwatchctl on this host."""
        done = subprocess.run([JOBWATCHCTL, "--instance", self.site.instance, *words],
                              env=clean_environment(**self.bus.env), stdin=subprocess.DEVNULL, capture_output=True,
                              text=True, check=False, timeout=4 * PATIENCE)
        if done.returncode != EX_OK:
            raise AssertionError(f"jobwatchctl {words[0]} on {self.name}: {done.stdout}{done.stderr}")

    @property
    def daemon(self):
        return self.lives[-1]

    def end(self):
        """Kills what still runs."""
        for life in self.lives:
            with contextlib.suppress(ProcessLookupError):
                life.process.kill()
            life.wait_exit()
        if self.bus is not None:
            self.bus.stop()

    def text(self):
        return "".join(f"---- {self.name}\n{life.text()}\n" for life in self.lives)


class Site:
    """The fake API, a hook, and hosts to be added. `jobs` have ids, and are Running until they are given ends."""

    def __init__(self, directory, instance, password, module_directory, jobs):
        self.directory, self.instance, self.password = directory, instance, password
        self.env = {"JOBWATCHD_MODULE_DIR": module_directory, "JOBWATCHD_HOOK_RUN": HOOK_RUN}
        self.jobs = list(jobs)
        self.ends = {}  # job → (status, result)
        self.hosts = {}
        directory.mkdir()
        self.records_path = directory / "records"
        self.hook = directory / "hook"
        self.hook.write_text(RECORDER.format(path=self.records_path))
        self.hook.chmod(0o755)
        self.fake = Fake(directory, "".join(f"[job {job}]\nstep = 0s Running | begun\n" for job in self.jobs),
                         "token = t0ken-of-*")
        self.began = self.fake.began()

    def stop(self):
        for host in self.hosts.values():
            host.end()
        self.fake.stop()

    def add_host(self, name, uri, prefer=""):
        """`prefer` names the host that is preferred."""
        self.hosts[name] = Host(self, name, uri, prefer)
        return self.hosts[name]

    def now(self):
        return time.monotonic() - self.began

    # ---- what happens to jobs ----

    def end_jobs(self, ends):
        """`ends`: for some jobs, in how many seconds; they change once before."""
        text = ""
        for number, (job, seconds) in enumerate(ends.items()):
            status = "Failed" if number % 4 == 0 else "Completed"
            self.ends[job] = (status, f"end of {job}")
            text += (f"[job {job}]\nstep = 0s Running | begun\nstep = {int(seconds * 500)}ms Running | half of {job}\n"
                     f"step = {int(seconds * 1000)}ms {status} | end of {job}\n")
        self.fake.control("PUT", "jobs", text.encode())

    # ---- what is seen from outside ----

    def polls(self):
        found = []
        for request in self.fake.requests():
            token = request["authorization"] or ""
            if JOBS in request["path"] and "t0ken-of-" in token:
                found.append(Poll(request["t"], token.rsplit("-", 1)[1], request["path"]))
        return sorted(found)

    def records(self):
        """In the order in which they were written."""
        if not self.records_path.exists():
            return []
        # What CLOCK_BOOTTIME is at the start of the clock of the fake API.
        offset = time.clock_gettime(time.CLOCK_BOOTTIME) - time.monotonic() + self.began
        found = []
        for line in self.records_path.read_text(encoding="utf-8").splitlines(keepends=True):
            if not line.endswith("\n"):
                continue  # it is being written
            host, at, text = line.split(" ", 2)
            document = json.loads(text)
            found.append(Record(float(at) - offset, host, document["event_id"], document["event"],
                                document["job"]["id"], document["result"], document["sequence"]))
        return found

    def wait_until(self, condition, what, patience=PATIENCE):
        limit = time.monotonic() + patience
        while not (value := condition()):
            if time.monotonic() > limit:
                raise AssertionError(f"time ran out: {what}")
            time.sleep(0.1)
        return value

    def first_poll(self, since, host=None, patience=4 * PATIENCE):
        """The first after a time, by a host or by any. Waits for it."""
        return self.wait_until(
            lambda: next((poll for poll in self.polls() if poll.at > since and host in (None, poll.host)), None),
            f"no poll by {host or 'any host'}", patience)

    def wait_for_ends(self, patience):
        """Each end was recorded by the hook."""
        self.wait_until(lambda: set(self.ends) <= {record.job for record in self.records() if record.kind in ENDS},
                        "not every end was delivered", patience)

    def stop_hosts(self):
        """As a service manager does."""
        for host in self.hosts.values():
            if host.lives and host.daemon.process.poll() is None:
                status = host.daemon.stop(patience=4 * PATIENCE)
                if status != EX_OK:
                    raise AssertionError(f"host {host.name} ended with status {status}")

    def text(self):
        return "".join(host.text() for host in self.hosts.values())
