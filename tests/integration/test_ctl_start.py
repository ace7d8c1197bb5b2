# SPDX-License-Identifier: MIT
"""What is ordered after the service may call it: its name is on the bus when it is ready."""

import socket
import time
import unittest

from ctl_rig import CtlTest
from harness import EX_OK, PATIENCE


class Start(CtlTest):
    def silent_bus(self):
        """The environment for a bus that takes connections and never answers."""
        silent = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.addCleanup(silent.close)
        silent.bind(str(self.directory / "silent"))
        silent.listen()
        return {"DBUS_SYSTEM_BUS_ADDRESS": f"unix:path={self.directory}/silent"}

    def start_until_ready(self, env):
        """Starts the daemon as systemd does. Returns when it says that it is ready, and how long that took."""
        notify = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.addCleanup(notify.close)
        notify.bind(str(self.directory / "notify"))
        notify.settimeout(PATIENCE)
        self.write_config(self.start_fake("[job 5]\nstep = 0s Running\n"), [5])
        began = time.monotonic()
        self.daemon = self.start_daemon(env={**env, "NOTIFY_SOCKET": str(self.directory / "notify")})
        while "READY=1" not in notify.recv(65536).decode().splitlines():
            pass
        return time.monotonic() - began

    def test_clients_can_call_when_it_is_ready(self):
        for _ in range(5):
            self.start_until_ready(self.bus.env)
            self.assertEqual(self.json("list")[0]["Id"], 5)
            self.daemon.stop()
            (self.directory / "notify").unlink()

    def test_it_becomes_ready_without_a_bus(self):
        self.start_until_ready({"DBUS_SYSTEM_BUS_ADDRESS": "unix:path=/nonexistent"})
        self.daemon.wait_for("Cannot get the D-Bus name")

    def test_it_becomes_ready_if_the_bus_does_not_answer(self):
        self.assertGreaterEqual(self.start_until_ready(self.silent_bus()), 1)

    def test_it_can_be_stopped_before_the_bus_answers(self):
        self.write_config(self.start_fake("[job 5]\nstep = 0s Running\n"), [5])
        daemon = self.start_daemon(env={**self.silent_bus(), "NOTIFY_SOCKET": str(self.directory / "notify")})
        daemon.wait_for("started: watching")
        self.assertEqual(daemon.stop(), EX_OK)


if __name__ == "__main__":
    unittest.main()
