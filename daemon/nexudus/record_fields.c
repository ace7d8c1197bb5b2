/* SPDX-License-Identifier: MIT */

/*
 * The table of the fields of a BusinessBackgroundJob that are read, and the conversion of their values. The
 * last two rows are fields of the envelope of errors, not of a record.
 */

#include "nexudus/record_fields.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "util/cleanup.h"

#define QUOTED_MAX 60 /* bytes of a quoted remote text */

enum field_kind {
        FIELD_ID,
        FIELD_NUMBER,
        FIELD_TEXT,
};

struct record_field {
        const char *name;
        size_t name_size;
        enum field_kind kind;
        size_t offset; /* in struct record_reading: a uint64_t or a struct text */
        size_t seen;   /* offset of a bool: the field was present; 0: not needed */
        size_t json;   /* offset of a bool: it came as an object or array, which is kept; 0: not kept */
};

#define NAME(text)     .name = (text), .name_size = sizeof(text) - 1
#define RECORD(member) offsetof(struct record_reading, record.member)

/* clang-format off */
static const struct record_field fields[] = {
        { NAME("Id"),            .kind = FIELD_ID,     .offset = RECORD(id) },
        { NAME("Status"),        .kind = FIELD_TEXT,   .offset = RECORD(status), .seen = RECORD(has_status), .json = RECORD(status_is_json) },
        { NAME("ResultData"),    .kind = FIELD_TEXT,   .offset = RECORD(result), .seen = RECORD(has_result), .json = RECORD(result_is_json) },
        { NAME("JobId"),         .kind = FIELD_TEXT,   .offset = RECORD(guid) },
        { NAME("Description"),   .kind = FIELD_TEXT,   .offset = RECORD(description), .seen = RECORD(has_description) },
        { NAME("Files"),         .kind = FIELD_TEXT,   .offset = RECORD(files), .seen = RECORD(has_files) },
        { NAME("BusinessName"),  .kind = FIELD_TEXT,   .offset = RECORD(business) },
        { NAME("BusinessId"),    .kind = FIELD_NUMBER, .offset = RECORD(business_id), .seen = RECORD(has_business_id) },
        { NAME("UserFullName"),  .kind = FIELD_TEXT,   .offset = RECORD(user), .seen = RECORD(has_user) },
        { NAME("UserEmail"),     .kind = FIELD_TEXT,   .offset = RECORD(email), .seen = RECORD(has_email) },
        { NAME("CreatedOn"),     .kind = FIELD_TEXT,   .offset = RECORD(created_on) },
        { NAME("UpdatedOn"),     .kind = FIELD_TEXT,   .offset = RECORD(updated_on) },
        { NAME("WasSuccessful"), .kind = FIELD_TEXT,   .offset = offsetof(struct record_reading, was_successful) },
        { NAME("Message"),       .kind = FIELD_TEXT,   .offset = offsetof(struct record_reading, message) },
};
/* clang-format on */

const struct record_field *record_field_find(const char *name, size_t size)
{
        for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++)
                if (fields[i].name_size == size && memcmp(fields[i].name, name, size) == 0)
                        return &fields[i];
        return NULL;
}

static void *field_at(struct record_reading *reading, size_t offset)
{
        return (char *)reading + offset;
}

static void field_reset(struct record_reading *reading, const struct record_field *field, bool seen)
{
        if (field->kind == FIELD_TEXT)
                text_clear(field_at(reading, field->offset));
        else
                *(uint64_t *)field_at(reading, field->offset) = 0;
        if (field->seen != 0)
                *(bool *)field_at(reading, field->seen) = seen;
        if (field->json != 0)
                *(bool *)field_at(reading, field->json) = false;
}

bool record_number_from(const struct json_token *value, uint64_t *ret_number)
{
        uint64_t number = 0;

        *ret_number = 0;
        if (value->kind != JSON_NUMBER)
                return false;
        for (size_t i = 0; i < value->size; i++) {
                uint64_t digit = (uint64_t)(value->data[i] - '0');
                if (digit > 9 || number > (INT64_MAX - digit) / 10)
                        return false;
                number = number * 10 + digit;
        }
        *ret_number = number;
        return true;
}

void record_reading_set(struct record_reading *reading, const struct record_field *field,
                        const struct json_token *value)
{
        bool is_container = value->kind == JSON_OBJECT || value->kind == JSON_ARRAY;
        size_t size = value->size;

        field_reset(reading, field, !is_container);
        if (field->kind != FIELD_TEXT) {
                uint64_t *number = field_at(reading, field->offset);
                (void)record_number_from(value, number);
                if (field->kind == FIELD_ID)
                        reading->has_bad_id = *number == 0;
                return;
        }
        if (is_container || value->kind == JSON_NULL)
                return;
        if (size > RECORD_DETAIL_MAX && !record_field_keeps_json(field))
                size = text_cut(value->data, size, RECORD_DETAIL_MAX);
        text_from(value->data, size, field_at(reading, field->offset));
}

bool record_field_keeps_json(const struct record_field *field)
{
        return field->json != 0;
}

void record_reading_set_json(struct record_reading *reading, const struct record_field *field,
                             const char *json, size_t size)
{
        assert(record_field_keeps_json(field));
        field_reset(reading, field, true);
        text_from(json, size, field_at(reading, field->offset));
        *(bool *)field_at(reading, field->json) = true;
}

void record_reading_clear(struct record_reading *reading)
{
        job_record_clear(&reading->record);
        text_clear(&reading->was_successful);
        text_clear(&reading->message);
        *reading = (struct record_reading){ 0 };
}

void record_reading_describe(const struct record_reading *reading, char summary[static RECORD_SUMMARY_MAX])
{
        const struct {
                const char *name;
                const struct text *text;
        } parts[] = {
                { "WasSuccessful", &reading->was_successful },
                { "Status", &reading->record.status },
                { "Message", &reading->message },
        };
        size_t size = 0;

        summary[0] = '\0';
        for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
                if (parts[i].text->data == NULL)
                        continue;

                CLEANUP(cleanup_free)
                char *value = text_escape(parts[i].text->data, parts[i].text->size, QUOTED_MAX);
                int written = snprintf(summary + size, RECORD_SUMMARY_MAX - size, "%s%s: '%s'",
                                       size == 0 ? "; it has " : ", ", parts[i].name, value);
                if (written < 0 || (size_t)written >= RECORD_SUMMARY_MAX - size)
                        summary[size] = '\0'; /* complete or not at all: truncation could split a character */
                else
                        size += (size_t)written;
        }
}
