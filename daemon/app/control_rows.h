/* SPDX-License-Identifier: MIT */
#pragma once

#include <stdbool.h>

#include "app/control_state.h"
#include "monitor/listing.h"
#include "state/lists.h"

/* A job in a reply: in memory, recorded, or both. */
struct job_row {
        bool is_watched, is_stored;
        struct watched_job watched; /* its texts are those below, and it has no hooks */
        char *name, *sections;
        struct listed_job stored;
};

void job_row_clear(struct job_row *row);

/* Copies what is in memory of a job. Returns 0 or -ENOMEM. */
int job_row_watch(struct job_row *row, const struct watched_job *watched);

uint64_t job_row_id(const struct job_row *row);
enum outcome job_row_outcome(const struct job_row *row);

/* Writes the entries of a job that every row has. */
void job_row_put(const struct control *control, struct bus_call *call, const struct job_row *row);
