#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""A typical script: aiohttp, a dictionary of the last state, one line per change.

usage: poll_aiohttp.py URL JOBS BATCH INTERVAL_MS

BATCH 0: the latest JOBS jobs as one page of the search.
"""

import asyncio
import ctypes
import json
import signal
import sys
import time

import aiohttp

AT_A_TIME = 8
PR_SET_PDEATHSIG = 1

seen = {}


async def ask(session, base, ids, batch):
    path = (f"?page=1&size={len(ids)}&orderBy=UpdatedOn&dir=-1" if batch == 0 else
            f"/?id=%5B{','.join(map(str, ids))}%5D" if batch > 1 else f"/{ids[0]}")
    async with session.get(base + path) as answer:
        answered = json.loads(await answer.read())
    for record in answered["Records"] if batch == 0 else answered if batch > 1 else [answered]:
        now = record["Status"], record["ResultData"]
        if seen.get(record["Id"]) != now:
            print(record["Id"], *now)
            seen[record["Id"]] = now


async def worker(session, base, due, batch):
    while due:
        await ask(session, base, due.pop(), batch)


async def main(url, jobs, batch, interval_ms):
    base = url + "/api/sys/businessbackgroundjobs"
    headers = {"Accept": "application/json", "Authorization": "Bearer token"}
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=AT_A_TIME), headers=headers) as session:
        next_round = time.monotonic()
        while True:
            due = [range(first, min(first + (batch or jobs), jobs + 1)) for first in range(1, jobs + 1, batch or jobs)]
            await asyncio.gather(*(worker(session, base, due, batch) for _ in range(AT_A_TIME)))
            next_round += interval_ms / 1000
            await asyncio.sleep(max(0, next_round - time.monotonic()))


ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
asyncio.run(main(sys.argv[1], *map(int, sys.argv[2:])))
