#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Checks that the sources keep to the layers of the architecture.

A file includes only from its own directory and from those that the table allows; a library's header only where
that library belongs; there is no include cycle, not even within a directory; a header guards itself with
#pragma once; a .c file says in a comment on top what it is for.

usage: check-layers.py SOURCE_ROOT | --self-test
"""

import os
import re
import sys
import tempfile

# Directory: the directories that it may include from.
LAYERS = {
    "main.c": "app config journal platform util",
    "app": "monitor delivery bus nexudus state journal http config planning model platform util",
    "monitor": "delivery nexudus state journal http config planning model platform util",
    # The outbox reads pending deliveries from the state; what hooks print goes to the journal.
    "delivery": "state journal http config planning model platform util",
    "bus": "util",
    "nexudus": "http model util",
    "state": "model platform util",
    "journal": "config model platform util",
    "http": "util",
    "config": "model util",
    "planning": "model util",
    "platform": "util",
    "model": "util",
    "util": "",
    # The tool of the user, a program of its own: it knows the daemon only by what it says on the bus.
    "ctl": "model util",
}
ALLOWED = {directory: set(others.split()) | {directory} for directory, others in LAYERS.items()}

# One file that another directory may include although the table does not allow it.
EXCEPTIONS = {("delivery/unit/", "bus/connection.h")}

LIBRARIES = [
    # What is included, and the directories and files that may.
    (re.compile(r"curl/"), ("http/", "main.c", "ctl/check_connection.c")),
    (re.compile(r"yajl/yajl_gen\.h$"), ("nexudus/", "delivery/payload.c", "ctl/json.c")),
    (re.compile(r"yajl/(?!yajl_gen\.h$)"), ("nexudus/",)),
    (re.compile(r"openssl/"), ("http/", "delivery/webhook/")),
    (re.compile(r"sqlite3(ext)?\.h$"), ("state/sqlite/",)),
    (re.compile(r"libpq"), ("state/postgresql/",)),
    (re.compile(r"ini\.h$"), ("config/",)),
    (re.compile(r"libsmartcols/"), ("ctl/table.c",)),
    (re.compile(r"systemd/sd-journal\.h$"), ("journal/",)),
    (re.compile(r"systemd/sd-bus.*\.h$"), ("bus/", "delivery/unit/", "ctl/")),
]

INCLUDE = re.compile(r'^\s*#\s*include\s*(?:"([^"]*)"|<([^>]*)>)')
LICENCE = "/* SPDX-License-Identifier: MIT */"


def directory_of(path):
    """The directory of a file given as it is included, as the table names it; None if it has none."""
    name = path.split("/")[0]
    return name if name in LAYERS else None


def include_problem(path, included):
    """What is wrong with `#include "included"` in the file `path`; None if nothing is."""
    own, other = directory_of(path), directory_of(included)

    if included == "version.h":  # made by the build
        return None
    if included.startswith((".", "/")):
        return f'"{included}": write it relative to daemon/, or as ctl/…'
    if other is None:
        return f'"{included}" is in no known directory'
    if other in ALLOWED[own] or any(path.startswith(who) and included == what for who, what in EXCEPTIONS):
        return None
    return f'"{included}": {own} must not include from {other}'


def file_problems(path, lines):
    """Yields (line number, problem) of a file, given as it is included: relative to daemon/, or as ctl/…."""
    if directory_of(path) is None:
        yield 1, "the file is in no known directory"
        return

    if not lines or lines[0] != LICENCE:
        yield 1, f"the first line must be {LICENCE}"
    if path.endswith(".h") and "#pragma once" not in lines:
        yield 1, "#pragma once is missing"
    if path.endswith("_internal.h"):
        yield 1, "name the subject of the header instead of _internal"
    if path.endswith(".c"):
        following = next((line for line in lines[1:] if line.strip()), "")
        if not following.startswith("/*"):
            yield 2, "a comment with the purpose of the file must follow the licence"

    for number, line in enumerate(lines, 1):
        match = INCLUDE.match(line)
        if not match:
            continue
        own, library = match.groups()
        if own is not None:
            problem = include_problem(path, own)
            if problem:
                yield number, problem
        for pattern, places in LIBRARIES:
            if pattern.match(own or library) and not path.startswith(places):
                yield number, f"{own or library}: only in {' and '.join(places)}"


def cycle_problems(includes):
    """
    Yields (path, line number, problem) for each include that closes a cycle. `includes` maps a path to its
    [(line number, included path)]. A .c file and its header are one node.
    """
    node = lambda path: re.sub(r"\.[ch]$", "", path)
    edges = {}
    for path, found in includes.items():
        edges.setdefault(node(path), []).extend(
            (node(other), path, number) for number, other in found if other in includes and node(other) != node(path))

    finished, open_nodes = set(), []

    def visit(name):
        open_nodes.append(name)
        for other, path, number in edges.get(name, []):
            if other in open_nodes:
                yield path, number, "include cycle: " + " -> ".join(open_nodes[open_nodes.index(other):] + [other])
            elif other not in finished:
                yield from visit(other)
        open_nodes.pop()
        finished.add(name)

    for name in sorted(edges):
        if name not in finished:
            yield from visit(name)


def sources(root):
    """Yields (path as it is included, path below root) of each source of the daemon and of ctl."""
    for top, prefix in (("daemon", ""), ("ctl", "ctl")):
        for folder, folders, names in os.walk(os.path.join(root, top)):
            folders.sort()
            for name in sorted(names):
                if name.endswith((".c", ".h")):
                    place = os.path.relpath(os.path.join(folder, name), root)
                    yield os.path.join(prefix, os.path.relpath(place, top)), place


def tree_problems(root):
    """All problems of the sources as "FILE:LINE: problem", and how many files there were."""
    found, includes, places = [], {}, {}

    for path, place in sources(root):
        with open(os.path.join(root, place), encoding="utf-8") as file:
            lines = file.read().splitlines()
        places[path] = place
        found += [f"{place}:{number}: {text}" for number, text in file_problems(path, lines)]
        matches = [(number, INCLUDE.match(line)) for number, line in enumerate(lines, 1)]
        includes[path] = [(number, match.group(1)) for number, match in matches if match and match.group(1)]

    found += [f"{places[path]}:{number}: {text}" for path, number, text in cycle_problems(includes)]
    return found, len(includes)


# A made tree: path, lines after the licence, and the lines with a problem (the licence is line 1).
ESSAY = "/* What it is for. */"
SAMPLES = [
    ("main.c", [ESSAY, '#include "app/daemon.h"', "#include <curl/curl.h>", '#include "version.h"'], []),
    ("app/daemon.c", [ESSAY, '#include "app/daemon.h"', '#include "main.h"', "#include <curl/curl.h>"], [4, 5]),
    ("app/daemon.h", ["#pragma once", '#include "monitor/a.h"', '#include "bus/connection.h"'], []),
    ("app/check.c", [ESSAY, '#include "app/daemon.h"'], []),
    ("monitor/a.h", ["#pragma once", '#include "app/daemon.h"', '#include "delivery/outbox.h"'], [3]),
    ("monitor/a_internal.h", ["#pragma once"], [1]),
    ("delivery/payload.c", [ESSAY, "#include <yajl/yajl_gen.h>", "#include <yajl/yajl_tree.h>"], [4]),
    ("delivery/outbox.c", [ESSAY, '#include "state/a.h"', "#include <systemd/sd-bus.h>", '#include "bus/connection.h"'], [4, 5]),
    ("delivery/unit/a.c", [ESSAY, "#include <systemd/sd-bus.h>", '#include "bus/connection.h"', '#include "bus/object.h"'], [5]),
    ("nexudus/a.c", [ESSAY, "#include <yajl/yajl_parse.h>", '#include "http/a.h"', '#include "nexudus/b.h"'], []),
    ("nexudus/b.c", [ESSAY, '#include "state/a.h"', '#include "journal/a.h"', '#include "delivery/a.h"'], [3, 4, 5]),
    ("state/a.c", [ESSAY, '#include "nexudus/a.h"', "#include <sqlite3.h>"], [3, 4]),
    ("state/sqlite/a.c", [ESSAY, '#include "state/a.h"', "#include <sqlite3.h>", "  #  include <ini.h>"], [5]),
    ("journal/a.c", [ESSAY, "#include <systemd/sd-journal.h>", '#include "config/a.h"', '#include "state/a.h"'], [5]),
    ("http/a.c", [ESSAY, "#include <curl/multi.h>", '#include "util/a.h"', '#include "nexudus/a.h"'], [5]),
    ("http/b.c", [ESSAY, "#include <openssl/pem.h>"], []),
    ("nexudus/c.c", [ESSAY, "#include <openssl/pem.h>"], [3]),
    ("http/one.c", [ESSAY, '#include "http/two.h"'], []),
    ("http/one.h", ["#pragma once"], []),
    ("http/two.c", [ESSAY, '#include "http/three.h"'], []),
    ("http/two.h", ["#pragma once"], []),
    ("http/three.h", ["#pragma once", '#include "http/one.h"'], [3]),
    ("config/a.c", [ESSAY, "#include <ini.h>", '#include "model/a.h"', '#include "http/a.h"'], [5]),
    ("model/a.c", [ESSAY, '#include "util/a.h"', '#include "config/a.h"', "#include <sqlite3.h>"], [4, 5]),
    ("planning/a.c", [ESSAY, '#include "model/a.h"', '#include "platform/clock.h"'], [4]),
    ("util/a.c", [ESSAY, '#include "model/a.h"', '#include "../http/a.h"', '#include "attic/a.h"'], [3, 4, 5]),
    ("util/b.c", ["#include <errno.h>", ESSAY], [2]),
    ("util/c.h", ["struct a;"], [1]),
    ("attic/a.c", [ESSAY], [1]),
    ("app/c.c", [ESSAY, '#include "ctl/row.h"', "#include <libsmartcols/libsmartcols.h>"], [3, 4]),
    ("ctl/table.c", [ESSAY, "#include <libsmartcols/libsmartcols.h>", '#include "ctl/row.h"'], []),
    ("ctl/row.h", ["#pragma once", '#include "util/a.h"', '#include "model/a.h"', "#include <systemd/sd-bus.h>"], []),
    ("ctl/check_connection.c", [ESSAY, "#include <curl/curl.h>", '#include "http/a.h"'], [4]),
    ("ctl/list.c", [ESSAY, '#include "state/a.h"', '#include "bus/connection.h"', "#include <sqlite3.h>"], [3, 4, 5]),
]


def self_test():
    """Returns the differences between what is found in the made tree and what is in it."""
    with tempfile.TemporaryDirectory() as root:
        expected = []
        for path, lines, problems in SAMPLES:
            place = path if path.startswith("ctl/") else os.path.join("daemon", path)
            full = os.path.join(root, place)
            os.makedirs(os.path.dirname(full), exist_ok=True)
            with open(full, "w", encoding="utf-8") as file:
                file.write("\n".join([LICENCE] + lines) + "\n")
            expected += [f"{place}:{number}" for number in problems]
        with open(os.path.join(root, "daemon", "util", "e.h"), "w", encoding="utf-8") as file:
            file.write("#pragma once\n")
        expected.append("daemon/util/e.h:1")

        found = [":".join(line.split(":")[:2]) for line in tree_problems(root)[0]]
    return [f"{place}: not found" for place in sorted(set(expected) - set(found))] + [
        f"{place}: found without a reason" for place in sorted(set(found) - set(expected))
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
        print("no sources found")
    return 1 if problems or count == 0 else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
