# SPDX-License-Identifier: MIT
"""A connection in between, which delays what it passes on, or ends."""

import contextlib
import select
import socket
import threading
import time


class Proxy:
    """with Proxy(port) as proxy: what connects to proxy.port is connected to `port` of this machine.

    Each piece of data arrives `delay` seconds later, in each direction. When `limit` bytes have passed, all connections
    end, and no other is accepted.
    """

    def __init__(self, port, delay=0.0, limit=None):
        self.target = port
        self.delay = delay
        self.limit = limit
        self.passed = 0
        self.lock = threading.Lock()
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.sockets = [self.listener]

    def __enter__(self):
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *_):
        self._end()

    def _end(self):
        with self.lock:
            for each in self.sockets:
                with contextlib.suppress(OSError):
                    each.shutdown(socket.SHUT_RDWR)
                each.close()

    def _accept(self):
        with contextlib.suppress(OSError):
            while True:
                client, _ = self.listener.accept()
                server = socket.create_connection(("127.0.0.1", self.target))
                for each in (client, server):
                    each.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                with self.lock:
                    self.sockets += [client, server]
                for source, sink in ((client, server), (server, client)):
                    threading.Thread(target=self._pass, args=(source, sink), daemon=True).start()

    def _pass(self, source, sink):
        waiting = []  # (when it is to arrive, the data)
        with contextlib.suppress(OSError, ValueError):
            while True:
                timeout = max(0, waiting[0][0] - time.monotonic()) if waiting else None
                if select.select([source], [], [], timeout)[0]:
                    data = source.recv(65536)
                    if not data:
                        break
                    waiting.append((time.monotonic() + self.delay, data))
                while waiting and waiting[0][0] <= time.monotonic():
                    data = waiting.pop(0)[1]
                    sink.sendall(data)
                    self._count(len(data))
        with contextlib.suppress(OSError):
            sink.shutdown(socket.SHUT_WR)

    def _count(self, size):
        with self.lock:
            self.passed += size
            is_over = self.limit is not None and self.passed >= self.limit
        if is_over:
            self._end()
