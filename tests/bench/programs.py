# SPDX-License-Identifier: MIT
"""The measured programs and their figures from /proc."""

import os
import pathlib
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request

HERE = pathlib.Path(__file__).parent
PYTHON = "/usr/bin/python3"  # with the packages of the distribution
SILENT = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}


class Process:
    """A running process: CPU of all threads, memory, wake-ups. Terminated at the end of its "with"."""

    def __init__(self, arguments, **options):
        self.popen = subprocess.Popen([str(argument) for argument in arguments], **options)
        self.proc = pathlib.Path(f"/proc/{self.popen.pid}")

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        self.popen.terminate()
        self.popen.wait()
        if self.popen.stdout:
            self.popen.stdout.close()

    def cpu_us(self):
        return sum(int(file.read_text().split()[0]) for file in self.proc.glob("task/*/schedstat")) / 1e3

    def memory(self):
        """KiB: resident, and the anonymous part of it."""
        lines = (line.partition(":") for line in (self.proc / "status").read_text().splitlines())
        fields = {key: value.split() for key, _, value in lines}
        return int(fields["VmRSS"][0]), int(fields["RssAnon"][0])

    def wake_ups(self):
        return sum(int(file.read_text().partition("\nvoluntary_ctxt_switches:")[2].split()[0])
                   for file in self.proc.glob("task/*/status"))


class Server(Process):
    """The API: all jobs are running; it counts requests and records."""

    def __init__(self, build, changes=None):
        super().__init__([build / "tests/bench/server", *([changes] if changes else [])], stdout=subprocess.PIPE, text=True)
        self.url = self.popen.stdout.readline().strip()

    def counts(self):
        """Requests, records."""
        with urllib.request.urlopen(self.url + "/stats") as answer:
            return tuple(int(word) for word in answer.read().split())

    def wait_for_records(self, count, process, timeout_s=120):
        deadline = time.monotonic() + timeout_s
        while self.counts()[1] < count:
            if process.popen.poll() is not None or time.monotonic() > deadline:
                sys.exit(f"bench: {process.popen.args[0]} does not poll")
            time.sleep(0.1)


class Baseline(Process):
    """A bare loop of libcurl and yajl. Its polls are spread over the interval like those of jobwatchd by jitter."""

    def __init__(self, build, server, jobs, batch, interval_ms, spread=True):
        waves = max(1, min(interval_ms // 50 if batch == 1 else interval_ms // 100, jobs // batch)) if spread and batch > 0 else 1
        super().__init__([build / "tests/bench/baseline", server.url, jobs, batch, interval_ms, waves])


class Daemon(Process):
    """
    jobwatchd without rate limits, ready when the constructor returns; start_ms is the time it took. `environment` is what
    makes it use a bus, as the instance "bench". The file `loop_times` gets how long its loop did not wait (loop_time.c).
    """

    def __init__(self, build, folder, server, jobs, batch, interval, hook=None, log=False, feed="off", environment=None, loop_times=None):
        folder = pathlib.Path(folder)
        ids = ",\n    ".join(str(job) for job in range(1, jobs + 1))
        (folder / "token").touch(0o600)
        (folder / "token").write_text("token\n")
        (folder / "bench.ini").write_text(f"""
[api]
base_url = {server.url}
token_file = {folder}/token
[poll]
interval = {interval}
max_interval = {interval}
batch = {"auto" if batch > 1 else "off"}
feed = {feed}
[limits]
min_spacing = 0
per_minute = 0
per_hour = 0
per_day = 0
[jobs]
ids = {ids}
""" + (f"[hook bench]\non = changed\nexec = {hook}\n" if hook else ""))
        self.notifications = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.notifications.bind(f"\0jobwatchd-bench-{os.getpid()}-{id(self)}")
        self.ready = threading.Event()
        threading.Thread(target=self.read_notifications, daemon=True).start()
        address = "@" + self.notifications.getsockname()[1:].decode()
        started = time.monotonic()
        super().__init__([build / "daemon/jobwatchd", "-c", folder / "bench.ini", "--state-dir", folder / "state",
                          "--log-target=console", *(["--instance", "bench"] if environment else [])],
                         env={**os.environ, "NOTIFY_SOCKET": address, "JOBWATCHD_HOOK_RUN": str(build / "hook-run/hook-run"),
                              **({"LD_PRELOAD": str(build / "tests/bench/loop_time.so"), "LOOP_TIME": str(loop_times)} if loop_times else {}),
                              **(environment or {})},
                         **(SILENT | {"stderr": subprocess.PIPE, "text": True} if log else SILENT))
        if log:
            self.log_lines = []
            self.log_reader = threading.Thread(target=self.read_log)
            self.log_reader.start()
        self.wait_until_ready()
        self.start_ms = (time.monotonic() - started) * 1e3

    def read_notifications(self):
        """Reads notifications until an empty one. jobwatchd blocks if nobody reads them."""
        while message := self.notifications.recv(4096):
            if b"READY=1" in message.split(b"\n"):
                self.ready.set()
        self.notifications.close()

    def read_log(self):
        """When each line arrived."""
        for line in self.popen.stderr:
            self.log_lines.append((time.monotonic(), line))

    def wait_until_ready(self):
        if not self.ready.wait(60):
            sys.exit("bench: jobwatchd did not become ready")
        self.ready.clear()

    def __exit__(self, *exception):
        super().__exit__(*exception)
        if self.popen.stderr:
            self.log_reader.join()
            self.popen.stderr.close()
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as last:
            last.sendto(b"", self.notifications.getsockname())


class Collectd(Process):
    """The curl_json plugin of collectd: a URL and a connection per job, no batches."""

    def __init__(self, folder, server, jobs, interval_ms):
        folder = pathlib.Path(folder)
        urls = "".join(f"""
  <URL "{server.url}/api/sys/businessbackgroundjobs/{job}">
    Instance "{job}"
    Header "Accept: application/json"
    Header "Authorization: Bearer token"
    <Key "Id">
      Type "gauge"
    </Key>
  </URL>""" for job in range(1, jobs + 1))
        (folder / "collectd.conf").write_text(f"""
Hostname "bench"
BaseDir "{folder}"
PIDFile "{folder}/collectd.pid"
TypesDB "/usr/share/collectd/types.db"
Interval {interval_ms / 1000}
PostCacheChain "none"
<Chain "none">
  Target "stop"
</Chain>
LoadPlugin curl_json
<Plugin curl_json>{urls}
</Plugin>
""")
        super().__init__(["collectd", "-f", "-C", folder / "collectd.conf"], **SILENT)

    @staticmethod
    def missing():
        return None if shutil.which("collectd") and pathlib.Path("/usr/lib/collectd/curl_json.so").exists() \
            else "collectd with curl_json (collectd-core) is not installed"


class Aiohttp(Process):
    def __init__(self, server, jobs, batch, interval_ms):
        super().__init__([PYTHON, HERE / "poll_aiohttp.py", server.url, jobs, batch, interval_ms], **SILENT)

    @staticmethod
    def missing():
        found = subprocess.run([PYTHON, "-c", "import aiohttp"], **SILENT).returncode == 0
        return None if found else "aiohttp (python3-aiohttp) is not installed"


class CurlJq(Process):
    """One round of a shell loop, finished when the constructor returns."""

    def __init__(self, server, jobs, batch):
        super().__init__([HERE / "poll-curl-jq", server.url, jobs, batch], **SILENT)
        _, status, usage = os.wait4(self.popen.pid, 0)
        self.popen.returncode = os.waitstatus_to_exitcode(status)
        self.used_us = (usage.ru_utime + usage.ru_stime) * 1e6

    @staticmethod
    def missing():
        return None if shutil.which("curl") and shutil.which("jq") else "curl or jq is not installed"


def scratch():
    return tempfile.TemporaryDirectory(prefix="jobwatchd-bench-")
