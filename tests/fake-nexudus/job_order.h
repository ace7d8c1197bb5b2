/* SPDX-License-Identifier: MIT */
#pragma once

#include <stddef.h>
#include <stdint.h>

struct job;

struct job_order_entry {
        int64_t time; /* µs since 1970 */
        uint64_t id;
        struct job *job;
};

/* Jobs in the order of one of their times, then of their ids. */
struct job_order {
        struct job_order_entry *entries;
        size_t count, room;
};

/* Makes room for so many jobs in all. Returns 0 or -ENOMEM. */
int job_order_reserve(struct job_order *order, size_t room);

/*
 * Removes entries that are in the order, and adds others, which are sorted in place. There must be room.
 * Costs a pass over the order, however many there are.
 */
void job_order_change(struct job_order *order, const struct job_order_entry old[], size_t old_count,
                      struct job_order_entry added[], size_t added_count);

void job_order_release(struct job_order *order);
