/* SPDX-License-Identifier: MIT */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define TICKS_MAX 16

/* A mark of an axis of time. */
struct tick {
        uint64_t time_us;
        char text[16]; /* "10:30", "10:30:15" or "5 Jan", in the local time zone; without markup */
        char date[16]; /* "5 Jan" where another day begins; else "" */
};

/*
 * Finds marks at round times from `begin_us` to `end_us`, which must be later: `most` of them at most, which
 * is at most TICKS_MAX. Returns how many.
 */
size_t axis_ticks(uint64_t begin_us, uint64_t end_us, size_t most, struct tick ticks[static TICKS_MAX]);
