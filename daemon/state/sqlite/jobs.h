/* SPDX-License-Identifier: MIT */
#pragma once

#include <stdint.h>

#include "model/record.h"
#include "state/sqlite/database.h"

/* The row of a job, without its result, which is in a table of its own. */
struct job_row {
        struct stored_job job;    /* without the digests of status and updated_on */
        struct job_record record; /* without result */
};

void job_row_clear(struct job_row *row);

/* Returns 1 and *ret_row, which the caller clears, or 0 if the job is unknown. */
int store_job_read(struct store *store, uint64_t id, struct job_row *ret_row);

/* Reads the complete last recorded record of a job, which the caller clears: 1, or 0 if it is unknown. */
int store_get_job_record(struct store *store, uint64_t id, struct job_record *ret_record);

/* Writes the row of a job within the open transaction. */
int store_job_write(struct store *store, const struct stored_job *job, const struct job_record *record);
