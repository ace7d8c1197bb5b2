# SPDX-License-Identifier: MIT
"""Shared by the tests of reloads: the socket of a service manager, and a gate that holds back responses."""

import fnmatch
import http.client
import http.server
import re
import signal
import socket
import threading
import time

from harness import PATIENCE, IntegrationTest

REFUSED = "Configuration not reloaded: .* Keeping the previous configuration"


class ServiceManager:
    """The receiving end of NOTIFY_SOCKET: a datagram is a message, each line an assignment."""

    def __init__(self, path):
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC)
        self.socket.bind(str(path))
        self.messages = []  # that were taken
        self.received = []
        self.changed = threading.Condition()
        self.thread = threading.Thread(target=self.receive, daemon=True)
        self.thread.start()

    def receive(self):
        """At all times, as a service manager does: the sender waits where too many are not received."""
        while message := self.socket.recv(65536).decode():
            with self.changed:
                self.received.append(message)
                self.changed.notify_all()

    def wait_for(self, pattern):
        """Takes messages until one matches as a whole. Returns it."""
        limit = time.monotonic() + PATIENCE
        with self.changed:
            while True:
                while self.received:
                    self.messages.append(self.received.pop(0))
                    if re.fullmatch(pattern, self.messages[-1]):
                        return self.messages[-1]
                if not self.changed.wait(max(0.001, limit - time.monotonic())) and time.monotonic() >= limit:
                    raise AssertionError(f"no {pattern!r} was sent, only {self.messages}")

    def take_all(self):
        """All messages that were sent so far."""
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as last:
            last.sendto(b"LAST", self.socket.getsockname())
        self.wait_for("LAST")
        return list(self.messages)

    def stop(self):
        self.socket.shutdown(socket.SHUT_RDWR)
        self.thread.join()
        self.socket.close()


class Gate:
    """A proxy of a fake. Requests that match the held pattern are forwarded, but answered, or answered in full, only
    after open()."""

    def __init__(self, fake):
        self.fake = fake
        self.held = None
        self.tail = False  # hold back only the last byte of the body
        self.waiting = []  # paths, as they come to the closed gate
        self.changed = threading.Condition()
        gate = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self):
                gate.pass_on(self)

            def log_message(self, *arguments):
                pass

        class Server(http.server.ThreadingHTTPServer):
            daemon_threads = True

            def handle_error(self, request, client_address):
                pass  # a client that went away

        self.server = Server(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.05,))
        self.thread.start()

    def pass_on(self, handler):
        connection = http.client.HTTPConnection("127.0.0.1", self.fake.port, timeout=PATIENCE)
        connection.request("GET", handler.path, headers={"Authorization": handler.headers["Authorization"]})
        answer = connection.getresponse()
        body = answer.read()
        connection.close()
        with self.changed:
            hold = self.held is not None and fnmatch.fnmatch(handler.path, self.held)
            sent = len(body) - 1 if hold and self.tail else 0
        if hold and not self.tail:
            self.wait_open(handler.path)
        handler.send_response(answer.status)
        handler.send_header("Content-Type", "application/json")
        handler.send_header("Content-Length", str(len(body)))
        handler.end_headers()
        handler.wfile.write(body[:sent])
        if sent:
            self.wait_open(handler.path)
        handler.wfile.write(body[sent:])

    def wait_open(self, path):
        with self.changed:
            self.waiting.append(path)
            self.changed.notify_all()
            self.changed.wait_for(lambda: self.held is None)

    def close(self, pattern="*", tail=False):
        with self.changed:
            self.held, self.tail, self.waiting = pattern, tail, []

    def open(self):
        with self.changed:
            self.held = None
            self.changed.notify_all()

    def wait_waiting(self, count=1):
        with self.changed:
            if not self.changed.wait_for(lambda: len(self.waiting) >= count, PATIENCE):
                raise AssertionError(f"only {self.waiting} came to the gate")
            return list(self.waiting)

    def stop(self):
        self.open()
        self.server.shutdown()
        self.thread.join()
        self.server.server_close()


class ReloadTest(IntegrationTest):
    def start_manager(self):
        manager = ServiceManager(self.directory / "notify")
        self.addCleanup(manager.stop)
        return manager

    def start_gate(self, fake):
        gate = Gate(fake)
        self.addCleanup(gate.stop)
        return gate

    def script(self, name, body):
        path = self.directory / name
        path.write_text(f"#!/bin/sh\n{body}\n")
        path.chmod(0o755)
        return path

    def hook(self, name, program, on="seen, changed", **keys):
        lines = "".join(f"{key} = {value}\n" for key, value in keys.items())
        return f"[hook {name}]\non = {on}\nexec = {program}\n{lines}"

    def reload(self, daemon, says="Configuration reloaded: "):
        """Returns the position in the log after which the new configuration is in effect."""
        mark = daemon.mark()
        daemon.process.send_signal(signal.SIGHUP)
        daemon.wait_for(says, since=mark)
        return mark

    def refuse(self, daemon, *says):
        mark = self.reload(daemon, REFUSED)
        for pattern in says:
            daemon.wait_for(pattern, since=mark)
        self.assertEqual(daemon.count("Configuration reloaded: "), 0, daemon.text())

    def asked(self, fake, job, since):
        return [request for request in fake.requests() if request["seq"] > since and
                request["path"].endswith(f"/{job}")]
