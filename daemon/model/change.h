/* SPDX-License-Identifier: MIT */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "model/event.h"
#include "model/record.h"
#include "model/status.h"
#include "util/text.h"

/*
 * Compares an observation of a job with what is recorded of it.
 *
 * Of a recorded job only digests are kept in memory; the texts are in the state and are loaded when there is
 * an event.
 */
struct job_memory {
        struct text_digest status;
        struct text_digest result;
        uint64_t updated; /* updated_on_digest() of what was recorded */
        enum outcome outcome;
        bool recorded;      /* false: nothing is recorded yet, and the other fields are meaningless */
        bool result_unread; /* ResultData is unknown: the row that was recorded did not show it */
};

/* Digest of UpdatedOn, which is compared for equality only; 0 if it is null. */
uint64_t updated_on_digest(const struct job_record *record);

/* What is kept in memory of a record once it is recorded. */
struct job_memory job_memory_of(const struct job_record *record, enum outcome outcome);

struct change {
        bool has_event;       /* there is an event to record */
        bool result_read;     /* no event, but a ResultData unread so far has been read and must be stored */
        enum event_kind kind; /* of that event; meaningless without one */
        enum outcome outcome; /* of the job as observed */
        bool unrecognised_status; /* no configured pattern matches the Status */
};

static inline bool change_is_to_be_recorded(const struct change *change)
{
        return change->has_event || change->result_read;
}

/*
 * An ended job has an event unless it is recorded with the same texts and outcome; the outcome can differ
 * because the patterns were changed. An open job is `seen` at first, then `changed` whenever a text differs
 * or it was recorded as ended. If ResultData was unread and UpdatedOn is the same, ResultData existed before,
 * so there is no event; if UpdatedOn differs, there is one. `gone` and `stalled` do not come from records:
 * see watch.h.
 */
struct change change_detect(const struct job_memory *memory, const struct job_record *record,
                            const struct status_rules *rules);
