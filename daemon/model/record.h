/* SPDX-License-Identifier: MIT */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "util/text.h"

/*
 * One record of the API: the fields of BusinessBackgroundJob that this program uses. Any text may be null.
 * What a record means is decided in status.h and change.h.
 */
struct job_record {
        uint64_t id;
        struct text status;
        struct text result; /* ResultData, whole */
        struct text guid;   /* JobId */
        struct text description;
        struct text files;
        struct text business; /* BusinessName */
        uint64_t business_id; /* 0: null or missing */
        struct text user;     /* UserFullName: personal data */
        struct text email;    /* UserEmail: personal data */
        struct text created_on;
        struct text updated_on; /* displayed and compared for equality; read as a time only by the feed */
        bool has_status;        /* the Status field was present, possibly null; rows of a batch may omit it */
        bool has_result;        /* likewise ResultData; false in what is recorded: it is unknown */
        bool has_description, has_files, has_business_id, has_user, has_email; /* likewise */
        bool status_is_json; /* Status came as an object or an array; false in what is recorded */
        bool result_is_json; /* likewise ResultData */
};

/* Frees the texts and resets the record. */
void job_record_clear(struct job_record *record);
