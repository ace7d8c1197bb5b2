/* SPDX-License-Identifier: MIT */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "model/event.h"
#include "model/record.h"
#include "model/status.h"
#include "util/text.h"

/*
 * Whether what was just seen of a job is news, held against what was last recorded of it.
 *
 * Of a recorded job only digests are kept in memory; the texts themselves lie in the store and are fetched
 * when there is news to tell.
 */
struct job_memory {
        struct text_digest status;
        struct text_digest result;
        uint64_t updated; /* updated_on_digest() of what was recorded */
        enum outcome outcome;
        bool recorded;      /* false: nothing is known yet, and the rest means nothing */
        bool result_unread; /* ResultData could not be told from where the job was seen */
};

/* Of a record's UpdatedOn, which is compared for equality only; 0 if it has none. */
uint64_t updated_on_digest(const struct job_record *record);

/* What is remembered of a record once it is recorded. */
struct job_memory job_memory_of(const struct job_record *record, enum outcome outcome);

struct change {
        bool news;            /* there is an event to record */
        bool reads_result;    /* there is none, but the ResultData that was unread is known now, and is to be
                                 kept */
        enum event_kind kind; /* of that event; meaningful if news */
        enum outcome outcome; /* of the job as it was seen */
        bool unrecognised_status; /* no configured pattern knows this Status */
};

/*
 * Compares. A terminal job is news when it was not recorded, or recorded otherwise (another text or another
 * outcome, be it because the patterns changed); an open one is `seen` at first and then `changed` whenever a
 * text differs or it had been taken for ended. Where ResultData was unread, one that is found under the same
 * UpdatedOn was there all along, which is no news; under another one it is. `gone` and `stalled` do not come
 * from records: see absence.h and the poller.
 */
struct change change_detect(const struct job_memory *memory, const struct job_record *record,
                            const struct status_rules *rules);
