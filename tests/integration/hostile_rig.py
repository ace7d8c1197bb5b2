# SPDX-License-Identifier: MIT
"""A server that is hostile in one way to the reads of one job and serves the others, and what that costs the daemon.

A hostile answer is a generator of what the server does: it sends bytes, or waits for so many seconds (a number), or ends
its half of the connection (SHUT). After that it waits until the client gives up, or asks for something else. The server is
a process of its own, so that servers that send without end do not delay each other.
"""

import json
import multiprocessing
import os
import re
import select
import signal
import socket
import ssl
import threading
import time

from harness import LIBC, PATIENCE, PR_SET_PDEATHSIG

HEALTHY, BAD = (11, 12, 14, 15), 13
ENDING = 12  # this one ends when the test says so
SHUT = object()
JSON_HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
NOT_FOUND = b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n"
IDS = re.compile(rb"GET [^\s?]*/businessbackgroundjobs/(?:(\d+)|\?id=%5B([\d,]+)%5D) ")


def record(job, status):
    return {"Id": job, "Status": status, "ResultData": None}


def response(document):
    body = json.dumps(document).encode()
    return JSON_HEAD + b"Content-Length: %d\r\n\r\n" % len(body) + body


class HostileServer:
    """`attack` is called for each read of the bad job. With `tls`, (certificate, key), or `stalls`, which is asked for
    each connection whether its TLS handshake is to be left undone."""

    def __init__(self, directory, attack=None, pages=None, tls=None):
        self.log_file = directory / "requests"
        self.log_file.touch()
        self.attack, self.pages, self.tls = attack, pages, tls
        self.ended, self.stalling = multiprocessing.Event(), multiprocessing.Event()
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=64)
        self.url = f"{'https' if tls else 'http'}://127.0.0.1:{self.listener.getsockname()[1]}"
        self.process = multiprocessing.get_context("fork").Process(target=self._serve, daemon=True)
        self.process.start()
        self.listener.close()

    def stop(self):
        self.process.kill()
        self.process.join(PATIENCE)

    def entries(self):
        """Dicts: "job" and "at" of a read, "lasted" of an attack, "path" of anything else."""
        return [json.loads(line) for line in self.log_file.read_text().splitlines(keepends=True) if line.endswith("\n")]

    # ---- in the process of the server ----

    def _serve(self):
        LIBC.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        self.log = os.open(self.log_file, os.O_WRONLY | os.O_APPEND)
        while True:
            connection, _ = self.listener.accept()
            threading.Thread(target=self._serve_connection, args=(connection,), daemon=True).start()

    def _note(self, **entry):
        os.write(self.log, json.dumps(entry).encode() + b"\n")

    def _serve_connection(self, connection):
        try:
            with connection:
                if self.stalling.is_set():
                    began = time.monotonic()
                    while connection.recv(65536):
                        pass
                    self._note(lasted=time.monotonic() - began)
                elif self.tls:
                    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
                    context.load_cert_chain(*self.tls)
                    with context.wrap_socket(connection, server_side=True) as wrapped:
                        self._answer_requests(wrapped)
                else:
                    self._answer_requests(connection)
        except OSError:
            pass  # the client hung up

    def _answer_requests(self, connection):
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        data = b""
        while True:
            while b"\r\n\r\n" not in data:
                more = connection.recv(65536)
                if not more:
                    return
                data += more
            head, _, data = data.partition(b"\r\n\r\n")
            self._answer_one(connection, head + b"\r\n")

    def _answer_one(self, connection, head):
        asked = IDS.match(head)
        if asked is None:
            path = head.split(b" ")[1].decode()
            self._note(path=path, at=time.monotonic())
            connection.sendall(self.pages(path) if self.pages else NOT_FOUND)
            return
        jobs = [int(id) for id in (asked[1] or asked[2]).split(b",")]
        for job in jobs:
            self._note(job=job, at=time.monotonic())
        if BAD in jobs:
            began = time.monotonic()
            try:
                self._attack(connection)
            finally:
                self._note(lasted=time.monotonic() - began)
        else:
            records = [record(job, "Completed" if job == ENDING and self.ended.is_set() else "Running") for job in jobs]
            connection.sendall(response(records if asked[2] else records[0]))

    def _attack(self, connection):
        for act in self.attack():
            if act is SHUT:
                connection.shutdown(socket.SHUT_WR)
            elif isinstance(act, bytes):
                connection.sendall(act)
            elif select.select([connection], [], [], act)[0]:
                break
        select.select([connection], [], [])


class Cost:
    """What a process has used since the start of this object."""

    def __init__(self, daemon):
        self.daemon, self.began = daemon, time.monotonic()
        self.cpu_before = self._cpu()

    def _cpu(self):
        fields = self.daemon.proc("stat").rpartition(b") ")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def cpu_seconds(self):
        return self._cpu() - self.cpu_before

    def peak_mb(self):
        return self.daemon.memory_kb("VmHWM") / 1024

    def seconds(self):
        return time.monotonic() - self.began
