# SPDX-License-Identifier: MIT
"""Clocks of a daemon that a test sets: see clock_shift.c, which CLOCK_SHIFT_LIBRARY names."""

import os
import struct

LIBRARY = os.environ.get("CLOCK_SHIFT_LIBRARY", "")


class Clock:
    """The clocks of a daemon that is started with `env`."""

    def __init__(self, path):
        self.path = path
        path.write_bytes(struct.pack("=q", 0))
        self.env = {"LD_PRELOAD": LIBRARY, "CLOCK_SHIFT": str(path)}

    def shift(self, seconds):
        """The wall clock is ahead."""
        with open(self.path, "r+b", buffering=0) as file:
            file.write(struct.pack("=q", seconds))

    def pass_time(self, seconds):
        """So many seconds since the start have passed, by the clock that runs while the machine sleeps too."""
        with open(self.path, "r+b", buffering=0) as file:
            file.seek(8)
            file.write(struct.pack("=q", seconds))

    def pass_minutes(self, count):
        """So many minutes since the start have passed, by each clock."""
        with open(self.path, "r+b", buffering=0) as file:
            file.write(struct.pack("=qqq", *[count * 60] * 3))

    def set_right(self):
        self.shift(0)
