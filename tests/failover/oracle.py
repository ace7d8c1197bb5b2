# SPDX-License-Identifier: MIT
"""What must hold after a fault, judged by what hooks recorded, what the API was asked, and what is in the database.

Each function raises AssertionError.
"""

import bisect
import collections

from hosts import ENDS

# For how long two hosts may poll one account at the same time, in seconds: the proof of the one that was active.
PROOF = 5
# The longest distance between two polls of a host that is active, with a machine that is busy.
PAUSE = 3
PER_MINUTE = 120


def need(holds, text):
    if not holds:
        raise AssertionError(text)


def check_ends(site, database, lost=None):
    """Each end was delivered at least once, and under one id, that in the database, which has these rows.

    `lost` is a span of time (from, to) of whose transactions some may have been lost: what was delivered then may have
    been observed again, under a new id.
    """
    recorded = {}
    for row in database:
        id, job, kind = row.split("|")
        need((int(job), kind) not in recorded, f"job {job} {kind} is in the database twice")
        recorded[int(job), kind] = id
    delivered = collections.defaultdict(dict)
    for record in site.records():
        delivered[record.job, record.kind if record.kind in ENDS else record.result].setdefault(record.id, record)
    for job, (status, result) in site.ends.items():
        kind = "succeeded" if status == "Completed" else "failed"
        for other in ENDS:
            need(other == kind or (job, other) not in delivered, f"job {job} was delivered as {other}, not {kind}")
        need((job, kind) in recorded, f"the end of job {job} is not in the database")
        first = delivered[job, kind]
        need(recorded[job, kind] in first, f"the end of job {job} was not delivered under its id")
        need(first[recorded[job, kind]].result == result, f"the end of job {job} was delivered with a wrong result")
    for what, first in delivered.items():
        extra = [record for record in first.values() if record.id != recorded.get(what)]
        if len(first) > 1:
            kept = extra if what in recorded else extra[:-1]
            need(lost is not None and all(lost[0] <= record.at <= lost[1] for record in kept),
                 f"{what} was delivered under several ids: {list(first.values())}")


def check_order(site, lost=None):
    """The sequence of an event is the same in each delivery, and tells late duplicates from what is new."""
    sequences = {}
    for record in site.records():
        need(sequences.setdefault(record.id, record.sequence) == record.sequence, f"{record}: another sequence")
    if lost is None:
        need(len(set(sequences.values())) == len(sequences), "two events have the same sequence")
    newest = collections.defaultdict(int)
    for record in site.records():
        if record.kind in ENDS:
            need(record.sequence >= newest[record.job] or lost is not None, f"{record} came before what it follows")
        newest[record.job] = max(newest[record.job], record.sequence)


def reigns(site, host):
    """The spans of time in which it polled without a pause."""
    found = []
    for poll in site.polls():
        if poll.host != host:
            continue
        if found and poll.at - found[-1][1] < PAUSE:
            found[-1][1] = poll.at
        else:
            found.append([poll.at, poll.at])
    return found


def overlap(site):
    """For how many seconds two hosts polled at the same time, at most."""
    first, *others = [reigns(site, name) for name in site.hosts]
    return max((min(one[1], other[1]) - max(one[0], other[0]) for one in first for list in others for other in list),
               default=0)


def check_overlap(site):
    """Returns it."""
    seconds = overlap(site)
    need(seconds <= PROOF, f"two hosts polled at the same time for {seconds:.2f} s")
    return seconds


def check_limits(site):
    """All hosts together stay within the limits of the API."""
    times = [poll.at for poll in site.polls()]
    for number, at in enumerate(times):
        within = number + 1 - bisect.bisect_right(times, at - 60)
        need(within <= PER_MINUTE, f"{within} requests in the minute before {at:.1f}")


def check_silence(site, host, since, until=float("inf")):
    """In this time that host, or any, sends no request and begins no attempt of a hook."""
    for what in site.polls() + site.records():
        need(not (host in (None, what.host) and since < what.at < until),
             f"{what} by a host that was not active from {since:.2f} to {until:.2f}")
