#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Checks that the sources keep to the floors of the house.

A file includes only from floors below its own, or from its own folder; a library's header only where that
library belongs; a header guards itself with #pragma once; a .c file says in a comment on top what it is for.

usage: check-floors.py SOURCE_ROOT | --self-test
"""

import os
import re
import sys
import tempfile

# From the top down. Folders that share a floor do not know each other.
FLOORS = [
    ["main"],
    ["daemon", "check"],
    ["status_line", "summary"],
    ["poller"],
    ["connection"],
    ["recorder", "budget", "session", "absence"],
    ["hooks"],
    ["api", "store", "host"],
    ["net"],
    ["config"],
    ["core"],
    ["base"],
]
LEVEL = {name: level for level, names in enumerate(FLOORS) for name in names}

# Files on top that stand on a floor other than the one of their name.
ON_FLOOR = {
    "exit_status": "base",  # numbers
    "version": "base",  # made by the build
}

LIBRARIES = [
    # What is included, where it may be, and how that is said.
    (re.compile(r"curl/"), lambda path: path.startswith("net/") or path == "main.c", "net/ (and main.c)"),
    (re.compile(r"yajl/yajl_gen\.h$"), lambda path: path.startswith(("api/", "hooks/")), "api/ and hooks/"),
    (re.compile(r"yajl/(?!yajl_gen\.h$)"), lambda path: path.startswith("api/"), "api/"),
    (re.compile(r"sqlite3(ext)?\.h$"), lambda path: path.startswith("store/"), "store/"),
    (re.compile(r"ini\.h$"), lambda path: path.startswith("config/"), "config/"),
    (re.compile(r"systemd/sd-journal\.h$"), lambda path: path.startswith("host/"), "host/"),
    (re.compile(r"systemd/sd-bus.*\.h$"), lambda path: path.startswith("hooks/"), "hooks/"),
]

INCLUDE = re.compile(r'^\s*#\s*include\s*(?:"([^"]*)"|<([^>]*)>)')
LICENCE = "/* SPDX-License-Identifier: MIT */"


def floor_of(path):
    """The name of the floor of a file, given relative to daemon/; None if it has none."""
    if "/" in path:
        name = path.split("/")[0]
    else:
        name = re.sub(r"\.[ch]$", "", path)
        name = ON_FLOOR.get(name) or (name if name in LEVEL else name.split("_")[0])  # poller_rows.c is a part of poller
    return name if name in LEVEL else None


def include_problem(path, included):
    """What is wrong with `#include "included"` in the file `path`; None if nothing is."""
    own, other = floor_of(path), floor_of(included)

    if included.startswith((".", "/")):
        return f'"{included}" is to be written relative to daemon/'
    if other is None:
        return f'"{included}" stands on no known floor'
    if own == other or LEVEL[own] < LEVEL[other]:
        return None
    if LEVEL[own] == LEVEL[other]:
        return f'"{included}": {own} and {other} stand on the same floor and do not know each other'
    return f'"{included}": {own} stands below {other}'


def file_problems(path, lines):
    """Yields (line number, problem) of a file, given relative to daemon/."""
    if floor_of(path) is None:
        yield 1, "the file stands on no known floor"
        return

    if not lines or lines[0] != LICENCE:
        yield 1, f"the first line is to be {LICENCE}"
    if path.endswith(".h") and "#pragma once" not in lines:
        yield 1, "there is no #pragma once"
    if path.endswith(".c"):
        following = next((line for line in lines[1:] if line.strip()), "")
        if not following.startswith("/*"):
            yield 2, "a comment that says what this is for is to follow the licence"

    for number, line in enumerate(lines, 1):
        match = INCLUDE.match(line)
        if not match:
            continue
        own, library = match.groups()
        if own is not None:
            problem = include_problem(path, own)
            if problem:
                yield number, problem
        for pattern, allowed, where in LIBRARIES:
            if pattern.match(own or library) and not allowed(path):
                yield number, f"{own or library} belongs into {where} only"


def tree_problems(root):
    """All problems under root/daemon as "FILE:LINE: problem", and how many files there were."""
    found, count = [], 0
    top = os.path.join(root, "daemon")

    for folder, folders, names in os.walk(top):
        folders.sort()
        for name in sorted(names):
            if not name.endswith((".c", ".h")):
                continue
            full = os.path.join(folder, name)
            path = os.path.relpath(full, top)
            with open(full, encoding="utf-8") as file:
                lines = file.read().splitlines()
            count += 1
            found += [f"daemon/{path}:{number}: {text}" for number, text in file_problems(path, lines)]
    return found, count


# A made tree: path, lines after the licence, and the lines with a problem (the licence is line 1).
ESSAY = "/* What it is for. */"
SAMPLES = [
    ("main.c", [ESSAY, '#include "daemon.h"', "#include <curl/curl.h>", '#include "version.h"'], []),
    ("daemon.c", [ESSAY, '#include "daemon.h"', '#include "main.h"', "#include <curl/curl.h>"], [4, 5]),
    ("daemon.h", ["#pragma once", '#include "poller.h"', '#include "exit_status.h"'], []),
    ("poller.h", ["#pragma once", '#include "recorder.h"', '#include "daemon.h"'], [4]),
    ("recorder.h", ["#pragma once", '#include "poller.h"', '#include "hooks/outbox.h"'], [3]),
    ("exit_status.h", ["#pragma once", '#include "core/a.h"'], [3]),
    ("poller_part.c", [ESSAY, '#include "poller_internal.h"', '#include "check.h"'], [4]),
    ("poller_internal.h", ["#pragma once", '#include "poller.h"'], []),
    ("check.c", [ESSAY, '#include "check.h"', '#include "daemon.h"', '#include "main.h"'], [4, 5]),
    ("hooks/json.c", [ESSAY, "#include <yajl/yajl_gen.h>", "#include <yajl/yajl_tree.h>"], [4]),
    ("hooks/outbox.c", [ESSAY, '#include "store/a.h"', "#include <systemd/sd-bus.h>", '#include "poller.h"'], [5]),
    ("api/a.c", [ESSAY, "#include <yajl/yajl_parse.h>", '#include "net/a.h"', '#include "api/b.h"'], []),
    ("api/b.c", [ESSAY, '#include "store/a.h"', '#include "host/a.h"', '#include "hooks/a.h"'], [3, 4, 5]),
    ("store/a.c", [ESSAY, '#include "api/a.h"', "#include <sqlite3.h>", "  #  include <ini.h>"], [3, 5]),
    ("host/a.c", [ESSAY, "#include <systemd/sd-journal.h>", '#include "config/a.h"', '#include "store/a.h"'], [5]),
    ("net/a.c", [ESSAY, "#include <curl/multi.h>", '#include "base/a.h"', '#include "api/a.h"'], [5]),
    ("config/a.c", [ESSAY, "#include <ini.h>", '#include "core/a.h"', '#include "net/a.h"'], [5]),
    ("core/a.c", [ESSAY, '#include "base/a.h"', '#include "config/a.h"', "#include <sqlite3.h>"], [4, 5]),
    ("base/a.c", [ESSAY, '#include "core/a.h"', '#include "../net/a.h"', '#include "attic/a.h"'], [3, 4, 5]),
    ("base/b.c", ["#include <errno.h>", ESSAY], [2]),
    ("base/c.h", ["struct a;"], [1]),
    ("base/d.c", ["", ESSAY, "#include <systemd/sd-bus.h>", "#include <yajl/yajl_gen.h>"], [4, 5]),
    ("attic/a.c", [ESSAY], [1]),
]


def self_test():
    """Returns the differences between what is found in the made tree and what is in it."""
    with tempfile.TemporaryDirectory() as root:
        expected = []
        for path, lines, problems in SAMPLES:
            full = os.path.join(root, "daemon", path)
            os.makedirs(os.path.dirname(full), exist_ok=True)
            with open(full, "w", encoding="utf-8") as file:
                file.write("\n".join([LICENCE] + lines) + "\n")
            expected += [f"daemon/{path}:{number}" for number in problems]
        with open(os.path.join(root, "daemon", "base", "e.h"), "w", encoding="utf-8") as file:
            file.write("#pragma once\n")
        expected.append("daemon/base/e.h:1")

        found = [":".join(line.split(":")[:2]) for line in tree_problems(root)[0]]
    return [f"{place}: not found" for place in sorted(set(expected) - set(found))] + [
        f"{place}: found without reason" for place in sorted(set(found) - set(expected))
    ]


def main(arguments):
    if len(arguments) != 1:
        sys.exit(__doc__)
    if arguments[0] == "--self-test":
        problems, count = self_test(), len(SAMPLES)
    else:
        problems, count = tree_problems(arguments[0])
    for problem in problems:
        print(problem)
    if count == 0:
        print("there are no sources here")
    return 1 if problems or count == 0 else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
