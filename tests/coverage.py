#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Prints which part of the daemon's lines and branches was run in a build for coverage, and what is missing of model/,
planning/ and state/, of which every line and branch that can be reached has to be.

    coverage.py BUILD

What cannot be reached is left out with a word on it where it stands (GCOVR_EXCL_BR_LINE and the like), and so is, by the
pattern below, one kind of branch that only the compiler has made.
"""

import json
import os
import subprocess
import sys
import tempfile

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
WHOLE = ("daemon/model/", "daemon/planning/", "daemon/state/")

# A switch over an enum of ours has no default, and gcc counts a branch for a value that is none of the enum. Its cases are
# seen all the same: each has lines of its own.
ENUM_SWITCH = r"\s*switch \("


def measure(build):
    """Path → what gcovr found, of the sources and headers of the daemon."""
    with tempfile.TemporaryDirectory() as directory:
        path = os.path.join(directory, "coverage.json")
        command = ["gcovr", "--root", ROOT, "--object-directory", build, "--filter", os.path.join(ROOT, "daemon/"),
                   "--exclude-throw-branches", "--exclude-branches-by-pattern", ENUM_SWITCH, "--json", path, os.path.join(build, "daemon")]
        subprocess.run(command, cwd=build, check=True)
        with open(path, encoding="utf-8") as file:
            return {entry["file"]: entry["lines"] for entry in json.load(file)["files"]}


def count(lines):
    """(lines run, lines, branches taken, branches, numbers of lines with something missing)"""
    code = [line for line in lines if not line["gcovr/noncode"]]
    branches = [(line["line_number"], branch["count"]) for line in code for branch in line["branches"]]
    missing = {line["line_number"] for line in code if line["count"] == 0}
    missing |= {number for number, taken in branches if taken == 0}
    return (sum(line["count"] > 0 for line in code), len(code), sum(taken > 0 for _, taken in branches), len(branches),
            sorted(missing))


def percent(part, whole):
    return f"{100 * part / whole:6.1f}%" if whole else "      -"


def print_row(name, counts):
    run, lines, taken, branches = counts[:4]
    print(f"{name:40} {run:5}/{lines:<5} {percent(run, lines)} {taken:6}/{branches:<5} {percent(taken, branches)}")


def main():
    found = {path: count(lines) for path, lines in sorted(measure(os.path.abspath(sys.argv[1])).items())}
    print(f"{'':40} {'lines':>19} {'branches':>20}")
    for path, counts in found.items():
        print_row(path, counts)
    directories = sorted({os.path.dirname(path) + "/" for path in found})
    print()
    for directory in [*directories, ""]:
        inside = [counts for path, counts in found.items() if (os.path.dirname(path) + "/" == directory) or not directory]
        print_row(directory or "all", [sum(counts[i] for counts in inside) for i in range(4)])

    missing = [f"{path}:{number}" for path, counts in found.items() if path.startswith(WHOLE) for number in counts[4]]
    if not any(path.startswith(WHOLE) for path in found):
        sys.exit("nothing of model/, planning/ and state/ was run")
    if missing:
        sys.exit("not reached, or not in both ways:\n  " + "\n  ".join(missing))


main()
