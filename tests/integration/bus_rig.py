# SPDX-License-Identifier: MIT
"""A private system bus for the tests of the D-Bus API, and busctl as a client that is not ours."""

import json
import os
import select
import subprocess
import time

from harness import PATIENCE, end_with_parent, program

OBJECT, MANAGER = "/org/jobwatchd1", "org.jobwatchd1.Manager"

BUS_CONFIG = """\
<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN"
 "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig>
  <listen>unix:path={path}</listen>
  <auth>EXTERNAL</auth>
  <policy context="default">
    <allow user="*"/>
    <allow own="*"/>
    <allow send_type="method_call"/>
    <allow send_type="signal"/>
    <allow send_requested_reply="true" send_type="method_return"/>
    <allow send_requested_reply="true" send_type="error"/>
    <allow receive_type="method_call"/>
    <allow receive_type="method_return"/>
    <allow receive_type="error"/>
    <allow receive_type="signal"/>
  </policy>
  {more}
</busconfig>
"""


class BusError(Exception):
    """What busctl says about a call that failed."""


class Bus:
    """A dbus-daemon on a socket in the directory of a test. `env` makes programs use it as the system bus."""

    def __init__(self, directory, more=""):
        self.socket = directory / "bus"
        self.config = directory / "bus.conf"
        self.config.write_text(BUS_CONFIG.format(path=self.socket, more=more), encoding="utf-8")
        self.env = {"DBUS_SYSTEM_BUS_ADDRESS": f"unix:path={self.socket}"}
        self.process = None
        self.start()

    def start(self):
        self.process = subprocess.Popen(
            ["dbus-daemon", f"--config-file={self.config}", "--nofork", "--nopidfile", "--nosyslog", "--print-address"],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, preexec_fn=end_with_parent)
        if not self.process.stdout.readline():
            raise AssertionError("dbus-daemon does not start")
        self.process.stdout.close()

    def stop(self):
        if self.process is not None:
            self.process.kill()
            self.process.wait(PATIENCE)
        self.process = None
        self.socket.unlink(missing_ok=True)

    def run(self, *words, **how):
        return subprocess.run(["busctl", "--system", *map(str, words)], env={**os.environ, **self.env},
                              stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=PATIENCE * 4, **how)

    def call(self, method, *arguments, name="org.jobwatchd1", **how):
        """Calls a method: `arguments` are the signature and the words of busctl. Returns the values of the reply."""
        done = self.run("--json=short", "call", name, OBJECT, MANAGER, method, *arguments, **how)
        if done.returncode != 0:
            raise BusError(done.stderr.strip())
        return [plain(value) for value in json.loads(done.stdout)["data"]] if done.stdout.strip() else []

    def wait_for_name(self, name="org.jobwatchd1"):
        subprocess.run([program("BUS_CLIENT"), "owner", name], env={**os.environ, **self.env}, stdin=subprocess.DEVNULL,
                       timeout=PATIENCE, check=True)

    def monitor(self, name="org.jobwatchd1"):
        """A running busctl that prints a line for each message to or from that name, the first being a ping."""
        monitor = subprocess.Popen(["busctl", "--system", "--json=short", "monitor", name], text=True, preexec_fn=end_with_parent,
                                   env={**os.environ, **self.env}, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        limit = time.monotonic() + PATIENCE
        while not select.select([monitor.stdout], [], [], 0)[0]:
            if time.monotonic() > limit or monitor.poll() is not None:
                raise AssertionError("busctl does not monitor the bus")
            self.run("call", name, OBJECT, "org.freedesktop.DBus.Peer", "Ping", check=True)
        return monitor


def plain(value):
    """A value as busctl prints it, without the types of variants."""
    if isinstance(value, dict) and set(value) == {"type", "data"}:
        return plain(value["data"])
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    return [plain(item) for item in value] if isinstance(value, list) else value
