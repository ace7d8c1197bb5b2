/* SPDX-License-Identifier: MIT */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "planning/feed_page.h"

/*
 * Changes that a poll found and the feed had not shown: it may have been about to. A row of that job with
 * that UpdatedOn or a newer one clears the suspicion. Two complete rounds without one that began at least a
 * minute later confirm it. Times are CLOCK_BOOTTIME in microseconds.
 */
#define FEED_SUSPECTS_MAX 8

struct feed_suspect {
        uint64_t id;
        struct remote_time updated;
        uint64_t noted_us;
        unsigned rounds; /* that should have shown it */
};

struct feed_suspects {
        struct feed_suspect list[FEED_SUSPECTS_MAX];
        size_t count;
};

/*
 * Adds a change of job `id`. Of each job the first is kept, of all jobs the first FEED_SUSPECTS_MAX. A change
 * without a time is left out, since no row could clear it.
 */
void feed_suspects_add(struct feed_suspects *suspects, uint64_t id, const struct remote_time *updated,
                       uint64_t now_us);

/* The job is gone or not watched any more. Does nothing if it is not suspected. */
void feed_suspects_remove(struct feed_suspects *suspects, uint64_t id);

/* A row is shown. */
void feed_suspects_take_row(struct feed_suspects *suspects, const struct feed_row *row);

/*
 * A round that began at `round_us` is complete. Returns the id of a job whose change it should have shown, as
 * another round before it; 0 if there is none.
 */
uint64_t feed_suspects_take_round(struct feed_suspects *suspects, uint64_t round_us);

/*
 * How far a round must read to show them: the oldest of their times that is at least `least` and of the given
 * form; `ticks` if none is older than that.
 */
int64_t feed_suspects_depth(const struct feed_suspects *suspects, enum remote_time_form form, int64_t least,
                            int64_t ticks);
