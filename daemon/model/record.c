/* SPDX-License-Identifier: MIT */

/* A record is a plain value that owns its texts. */

#include "model/record.h"

void job_record_clear(struct job_record *record)
{
        text_clear(&record->status);
        text_clear(&record->result);
        text_clear(&record->guid);
        text_clear(&record->description);
        text_clear(&record->files);
        text_clear(&record->business);
        text_clear(&record->user);
        text_clear(&record->email);
        text_clear(&record->created_on);
        text_clear(&record->updated_on);
        *record = (struct job_record){ 0 };
}
