/* SPDX-License-Identifier: MIT */
#pragma once

#include <stdint.h>

#include "model/record.h"
#include "state/sql/engine.h"

/* Reads the complete last recorded record of a job, which the caller clears: 1, or 0 if it is unknown. */
int store_get_job_record(struct store *store, uint64_t id, struct job_record *ret_record);

/* Writes the row of a job within the open transaction. */
int store_job_write(struct store *store, const struct stored_job *job, const struct job_record *record);
