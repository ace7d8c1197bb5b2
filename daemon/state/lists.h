/* SPDX-License-Identifier: MIT */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "model/event.h"
#include "model/record.h"
#include "state/store.h"

/*
 * Pages of what is recorded, to be shown. Functions and errors are as in store.h. A handler may move the
 * contents of a row out; it may call no function of the store. Its result 1 ends the iteration after this
 * row; a negative one does, and is returned. Damaged rows are left out.
 */

/* A job as last recorded. */
struct listed_job {
        struct job_record record; /* of its result, the beginning */
        enum outcome outcome;
        uint64_t changed_us;   /* when the last change was recorded */
        uint64_t result_size;  /* of the whole result */
        bool has_event;        /* one is stored */
        enum event_kind event; /* the latest one */
        struct text sections;  /* that discovered it, separated by commas, or null */
};

void listed_job_clear(struct listed_job *job);

typedef int (*listed_job_handler)(void *userdata, struct listed_job *job);

/*
 * The jobs with ids above `after`, up to `until`, by id, at most `max`. At most `result_max` bytes of each
 * result are read. Returns 1 if there may be more, 0 if there are none, or a negative errno; *ret_last is the
 * id of the last row, damaged or not, untouched without one.
 */
int store_list_jobs(struct store *store, uint64_t after, uint64_t until, size_t max, size_t result_max,
                    uint64_t *ret_last, listed_job_handler handler, void *userdata);
