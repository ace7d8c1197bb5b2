# SPDX-License-Identifier: MIT
"""A network of this process alone, in which paths can be cut.

Everything is on loopback. A path has an address of its own in 127/8, under which a server is reached; a cut drops the
packets that arrive there, or those that come from there, as a network does: without an answer.
"""

import ctypes
import fcntl
import itertools
import os
import shutil
import socket
import struct
import subprocess

LIBC = ctypes.CDLL(None, use_errno=True)
CLONE_NEWNS, CLONE_NEWNET = 0x00020000, 0x40000000
SIOCSIFFLAGS, IFF_UP = 0x8914, 1

# Of servers: no client is given one of these while its server is away.
PORTS = itertools.count(20000)

RULES = """
table ip paths {
    set to_server { type ipv4_addr; }
    set from_server { type ipv4_addr; }
    chain input {
        type filter hook input priority 0;
        ip daddr @to_server drop
        ip saddr @from_server drop
    }
}
"""


def nft(text):
    subprocess.run(["nft", "-f", "-"], input=text, text=True, check=True)


def enter():
    """Moves this process into a network and a set of mounts of its own, which end with it. Before it has threads.
    Returns why that cannot be; None if it is done."""
    if os.geteuid() != 0:
        return "a network of its own needs root"
    if shutil.which("nft") is None:
        return "nft is not installed (Debian: nftables)"
    if LIBC.unshare(CLONE_NEWNS | CLONE_NEWNET) != 0:
        return f"no network of its own: {os.strerror(ctypes.get_errno())}"
    # Fails in a changed root that is no mount point. What is mounted there is unmounted in the end in any case.
    subprocess.run(["mount", "--make-rprivate", "/"], stderr=subprocess.DEVNULL, check=False)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        fcntl.ioctl(any_socket, SIOCSIFFLAGS, struct.pack("16sh22x", b"lo", IFF_UP))
    nft(RULES)
    return None


class Path:
    """A path from one client to a server."""

    numbers = itertools.count(1)

    def __init__(self):
        number = next(Path.numbers)
        self.address = f"127.1.{number // 250}.{number % 250 + 1}"

    def cut(self, *directions):
        """to_server, from_server, or without any: both."""
        for direction in directions or ("to_server", "from_server"):
            nft(f"add element ip paths {direction} {{ {self.address} }}\n")

    def mend(self):
        """Also what is not cut."""
        for direction in ("to_server", "from_server"):
            element = f"element ip paths {direction} {{ {self.address} }}\n"
            nft(f"add {element}delete {element}")
