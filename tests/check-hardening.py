#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Checks how a built program is hardened, as readelf shows it.

    check-hardening.py [--no-fortify] PROGRAM
    check-hardening.py --self-test COMPILER...
"""

import os
import re
import subprocess
import sys
import tempfile


def readelf(*arguments):
    return subprocess.run(
        ["readelf", "--wide", *arguments], stdout=subprocess.PIPE, text=True, check=True, env=dict(os.environ, LC_ALL="C")
    ).stdout


def flaws(program, fortify=True):
    """What is missing, one sentence each."""
    header = readelf("--file-header", program)
    segments = readelf("--program-headers", program)
    dynamic = readelf("--dynamic", program)
    symbols = set(re.findall(r" UND (\w+)", readelf("--dyn-syms", program)))
    stack = re.search(r"GNU_STACK .* ([RWE ]{3}) 0x", segments)

    found = []
    if "DYN (" not in header or not re.search(r"FLAGS_1.* PIE", dynamic):
        found.append("it is no position-independent executable")
    if "GNU_RELRO" not in segments:
        found.append("it has no RELRO")
    if not re.search(r"BIND_NOW|FLAGS_1.* NOW", dynamic):
        found.append("its RELRO is not full: it is bound lazily")
    if stack is None or "E" in stack.group(1):
        found.append("its stack is executable")
    if re.search(r"LOAD .* RWE ", segments):
        found.append("it has memory that is writable and executable")
    if "TEXTREL" in dynamic:
        found.append("it has relocations of text")
    if re.search(r"\((RPATH|RUNPATH)\)", dynamic):
        found.append("it has a path for libraries of its own")
    if "__stack_chk_fail" not in symbols:
        found.append("no stack is protected")
    if fortify and not any(re.fullmatch(r"__\w+_chk", name) for name in symbols):
        found.append("no call is fortified")
    return found


def self_test(compiler):
    """A program with all of the flaws, as far as this linker makes them, and one with none."""
    source = """
        #include <stdio.h>
        #include <string.h>
        int main(int count, char **words)
        {
                char room[16];
                snprintf(room, (size_t)count + 4, "%s", words[0]);
                return (int)strlen(room);
        }
    """
    worst = "-O2 -fno-pie -no-pie -fno-stack-protector -U_FORTIFY_SOURCE -Wl,-z,norelro,-z,lazy,-z,execstack,-rpath,/".split()
    best = "-O2 -fPIE -pie -fstack-protector-strong -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=2 -Wl,-z,relro,-z,now".split()
    expected = {
        "it is no position-independent executable",
        "it has no RELRO",
        "its RELRO is not full: it is bound lazily",
        "its stack is executable",
        "it has a path for libraries of its own",
        "no stack is protected",
        "no call is fortified",
    }
    with tempfile.TemporaryDirectory() as directory:
        program = os.path.join(directory, "program")
        for options, wanted in ((worst, expected), (best, set())):
            subprocess.run([*compiler, "-x", "c", "-", "-o", program, *options], input=source, text=True, check=True)
            found = set(flaws(program))
            if found != wanted:
                sys.exit(f"{' '.join(options)}: found {sorted(found)}, not {sorted(wanted)}")


def main():
    arguments = sys.argv[1:]
    if arguments[0] == "--self-test":
        self_test(arguments[1:])
        return
    fortify = arguments[0] != "--no-fortify"
    found = flaws(arguments[-1], fortify)
    for flaw in found:
        print(f"{arguments[-1]}: {flaw}")
    sys.exit(bool(found))


main()
