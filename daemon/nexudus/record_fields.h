/* SPDX-License-Identifier: MIT */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "model/record.h"
#include "nexudus/json_parser.h"

/* An object being read: a record, and what identifies an object that is not one. */
struct record_reading {
        struct job_record record;
        bool has_bad_id; /* the Id is not a positive integer */
        struct text was_successful;
        struct text message;
};

struct record_field;

/* The field of that name, compared exactly, or NULL if it is not read. Static. */
const struct record_field *record_field_find(const char *name, size_t size);

/*
 * Sets a field to a value, of which an object or an array is the token that begins it; a previous value is
 * replaced. In a text field, numbers and booleans become their JSON text, and an object or an array makes the
 * field missing. Any other mismatch leaves it null. Texts are copied; those other than Status and ResultData
 * are cut at RECORD_DETAIL_MAX bytes, between characters.
 */
#define RECORD_DETAIL_MAX 65536

void record_reading_set(struct record_reading *reading, const struct record_field *field,
                        const struct json_token *value);

/*
 * Whether a value is an integer from 0 to 2^63-1 without quotes, sign, fraction and exponent. Otherwise
 * *ret_number is 0.
 */
bool record_number_from(const struct json_token *value, uint64_t *ret_number);

/* Whether an object or an array is kept in this field as its JSON text: in Status and ResultData. */
bool record_field_keeps_json(const struct record_field *field);

/* Sets a field that keeps it to the JSON text of an object or an array, which is copied. */
void record_reading_set_json(struct record_reading *reading, const struct record_field *field,
                             const char *json, size_t size);

/* Frees the texts and leaves an empty reading. */
void record_reading_clear(struct record_reading *reading);

#define RECORD_SUMMARY_MAX 220

/*
 * Summarises an object that is not a record: "; it has WasSuccessful: 'false', Message: 'Not found'", or ""
 * if it has none of these fields. One line, control characters escaped, long texts truncated.
 */
void record_reading_describe(const struct record_reading *reading, char summary[static RECORD_SUMMARY_MAX]);
