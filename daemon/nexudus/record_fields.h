/* SPDX-License-Identifier: MIT */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "model/record.h"

/* An object while it is read: a record, and what gives away that it is none. */
struct record_reading {
        struct job_record record;
        bool has_bad_id; /* an Id that is no whole number above 0 */
        struct text was_successful;
        struct text message;
};

struct record_field;

/*
 * The field of that name, compared exactly; NULL: not one of interest. Without details only those that show
 * whether a job has changed, or that an object is no job, are of interest. Static.
 */
const struct record_field *record_field_find(const char *name, size_t size, bool details);

/*
 * Set a field to what the document gives it; a value that the same field had before goes. A value of another
 * type than the field's is no error: numbers and booleans are texts as they are written, anything else leaves
 * the field null. Texts are copied. Return -ENOMEM.
 */
int record_reading_set_text(struct record_reading *reading, const struct record_field *field,
                            const void *data, size_t size);
int record_reading_set_number(struct record_reading *reading, const struct record_field *field,
                              const char *digits, size_t size);
int record_reading_set_boolean(struct record_reading *reading, const struct record_field *field, bool value);
void record_reading_set_null(struct record_reading *reading, const struct record_field *field);

/* For an object or an array: as if the field were not there. */
void record_reading_set_absent(struct record_reading *reading, const struct record_field *field);

/* Frees the texts and leaves an empty reading. */
void record_reading_clear(struct record_reading *reading);

#define RECORD_SIGNS_MAX 220

/*
 * For an object that is no record: "; it carries WasSuccessful: 'false', Message: 'Not found'", or "" if it
 * carries nothing of the kind. On one line, control characters escaped, long texts cut.
 */
void record_reading_describe(const struct record_reading *reading, char signs[static RECORD_SIGNS_MAX]);
