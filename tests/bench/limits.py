# SPDX-License-Identifier: MIT
"""How soon changes are noticed at the published limits: what freshness prints, in faster time."""

import json
import pathlib
import subprocess
import sys

HERE = pathlib.Path(__file__).parent

MODES = {"feed": (), "batches": ("--feed", "off"), "singly": ("--feed", "off", "--batch", "off")}

# Jobs, the mode, and how much faster time runs. Without the others: 10,000 jobs are read one by one within two hours.
QUICK = ((100, "feed", 100), (100, "batches", 100), (100, "singly", 100), (1000, "feed", 100), (1000, "batches", 100))
ALL = tuple((jobs, mode, 30) for jobs in (10, 100, 1000) for mode in MODES) + (
    (10000, "feed", 30), (10000, "batches", 30), (100000, "feed", 30))


def freshness(figures, build, quick):
    for jobs, mode, scale in QUICK if quick else ALL:
        changes, seconds = (min(jobs, 50), 1200) if quick else (min(jobs, 100), 3600)
        done = subprocess.run([sys.executable, HERE / "freshness", "--build", build, "--jobs", str(jobs), "--interval", "15",
                               "--scale", str(scale), "--changes", str(changes), "--seconds", str(seconds),
                               "--seed", str(figures.round + 1), "--json", *MODES[mode]],
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True, check=True)
        found = json.loads(done.stdout)
        what, who = f"{jobs:,} jobs, {mode}:", "jobwatchd"
        for delay in found["delays"]:
            figures.note(f"{what} change to event, s", who, delay)
        figures.note(f"{what} requests an hour", who, found["requests"])
        figures.note(f"{what} CPU an hour, s", who, found["cpu"])
        figures.note(f"{what} anonymous, MiB", who, found["anonymous"])
