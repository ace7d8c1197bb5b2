/* SPDX-License-Identifier: MIT */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "util/text.h"

/*
 * One answer of the remote side about one job: the fields of BusinessBackgroundJob that this program uses.
 * Any text may be null. A record says what was seen, not what it means: that is status.h and change.h.
 */
struct job_record {
        uint64_t id;
        struct text status;
        struct text result; /* ResultData, whole */
        struct text guid;   /* JobId */
        struct text description;
        struct text files;
        struct text business; /* BusinessName */
        uint64_t business_id; /* 0: null or absent */
        struct text user;     /* UserFullName: personal data */
        struct text email;    /* UserEmail: personal data */
        struct text created_on;
        struct text updated_on; /* opaque: shown, compared for equality, never read as a time */
        bool has_status;        /* the Status field was there, be it null; rows of a batch may leave it out */
        bool has_result;        /* the same of ResultData; false in what is recorded: it was not to be told */
};

/* Frees the texts and leaves an empty record. */
void job_record_clear(struct job_record *record);
