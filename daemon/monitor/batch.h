/* SPDX-License-Identifier: MIT */
#pragma once

#include "model/record.h"
#include "monitor/request_slot.h"

/*
 * Rows of a batch. They are compared one by one as they arrive, and the results are applied when the document
 * is complete.
 */

/* Prepares the slot of a batch for its rows. */
void batch_prepare(struct request_slot *slot);

/* A row has arrived. May take texts out of the record, which stays the caller's. */
void batch_take_row(struct request_slot *slot, struct job_record *record);

/* The document is complete: applies all rows. */
void batch_apply_rows(struct request_slot *slot);

/* Takes jobs that were removed, with their rows, out of a request of any kind. It may have none left. */
void batch_drop_removed(struct request_slot *slot);

/* Frees the rows. The request must still have the jobs that the rows belong to. */
void batch_clear(struct request_slot *slot);
