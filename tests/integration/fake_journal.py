# SPDX-License-Identifier: MIT
"""A fake journald that collects entries as dicts, in the order of arrival.

Its sockets are in a directory of the test. A program started with the command prefix of in_front() sees them at the paths
of journald, in a private /run; this requires root.
"""

import array
import os
import socket
import struct
import subprocess
import threading


def may_mount():
    """None if this process can create a mount namespace, else the reason why not."""
    if os.geteuid() != 0:
        return "needs root for mounts of its own"
    probe = subprocess.run(["unshare", "-m", "mount", "-t", "tmpfs", "tmpfs", "/run"], stderr=subprocess.PIPE, text=True,
                           check=False)
    return f"mounts of its own are not permitted: {probe.stderr.strip()}" if probe.returncode else None


class FakeJournal:
    def __init__(self, directory):
        self.directory = directory
        directory.mkdir()
        self.received = []
        self.changed = threading.Condition()
        self.reading = threading.Lock()
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8 << 20)
        self.socket.bind(str(directory / "socket"))
        self.socket.settimeout(0.1)
        self.ending = False
        self.thread = threading.Thread(target=self._listen)
        self.thread.start()

    def in_front(self):
        return ["unshare", "-m", "sh", "-c", "mount -t tmpfs tmpfs /run && mkdir -p /run/systemd/journal && "
                "mount --bind \"$0\" /run/systemd/journal && exec \"$@\"", str(self.directory)]

    def _listen(self):
        while True:
            try:
                with self.reading:
                    data, control, _, _ = self.socket.recvmsg(1 << 20, socket.CMSG_SPACE(4))
            except TimeoutError:
                if self.ending:
                    return
                continue
            for level, kind, content in control:
                if (level, kind) == (socket.SOL_SOCKET, socket.SCM_RIGHTS):
                    # Entries too large for a datagram are passed as a file.
                    fd, = array.array("i", content[:4])
                    with os.fdopen(fd, "rb") as file:
                        data = os.pread(file.fileno(), os.fstat(file.fileno()).st_size, 0)
            if not data:
                continue  # it is ignored by journald, too
            with self.changed:
                self.received.append(self._parse(data))
                self.changed.notify_all()

    @staticmethod
    def _parse(data):
        entry = {}
        while data:
            line, _, data = data.partition(b"\n")
            if b"=" in line:
                name, _, value = line.partition(b"=")
            else:
                name, (size,) = line, struct.unpack("<Q", data[:8])
                value, data = data[8:8 + size], data[8 + size + 1:]
            entry[name.decode()] = value.decode("utf-8", "backslashreplace")
        return entry

    def pause(self):
        """Does not read until resume(), as a journald that is stopped. Its socket is full."""
        self.reading.acquire()
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender:
            sender.setblocking(False)
            sender.connect(str(self.directory / "socket"))
            try:
                while True:
                    sender.send(b"MESSAGE=the socket is full\n")
            except BlockingIOError:
                pass

    def resume(self):
        if self.reading.locked():
            self.reading.release()

    def wait_for(self, matches, count, patience):
        """Waits until it has `count` entries for which matches(entry) is true."""
        with self.changed:
            if not self.changed.wait_for(lambda: sum(map(matches, self.received)) >= count, patience):
                raise AssertionError(f"{sum(map(matches, self.received))} of {count} entries arrived")

    def entries(self):
        """All entries of programs that have ended by now. Stops listening."""
        self.ending = True
        self.thread.join()
        return self.received

    def stop(self):
        self.ending = True
        self.thread.join()
        self.socket.close()
