/* SPDX-License-Identifier: MIT */
#pragma once

#include <stdbool.h>

#include "app/control_state.h"
#include "model/durations.h"
#include "monitor/listing.h"
#include "state/lists.h"

/* A job in a reply: in memory, recorded, or both. */
struct job_row {
        bool is_watched, is_stored;
        struct watched_job watched; /* its texts are those below, and it has no hooks */
        char *name, *sections;
        struct listed_job stored;
        int progress; /* see model/progress.h */
};

/* So much of a result is searched for progress. */
#define PROGRESS_TEXT_MAX LISTED_JOB_RESULT_MAX

void job_row_clear(struct job_row *row);

/* Copies what is in memory of a job. */
void job_row_watch(struct job_row *row, const struct watched_job *watched);

/* Takes what is recorded of a job. The result must still have its first PROGRESS_TEXT_MAX bytes. */
void job_row_store(struct job_row *row, struct listed_job *job);

uint64_t job_row_id(const struct job_row *row);
enum outcome job_row_outcome(const struct job_row *row);

/* As in memory; on a host that stands by, as in the configuration. NULL: none. Borrowed. */
const char *job_row_name(const struct control *control, const struct job_row *row);

/* Reads how long the latest jobs took. Called on the writer's thread; returns 0 or an error of the store. */
int read_durations(struct store *store, struct durations *ret_durations);

/* Writes the entries of a job that every row has. */
void job_row_put(const struct control *control, struct bus_call *call, const struct job_row *row,
                 struct durations *durations);
