/* SPDX-License-Identifier: MIT */

/*
 * The document of job records as yajl reports it. The callbacks track the depth and, at the level of a
 * record's own fields, the field of the next value (record_fields.h). All other values are skipped, except
 * within an object or array that is the value of Status or ResultData: that is written to `kept`, token by
 * token, until it ends.
 */

#include "nexudus/record_document.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "util/cleanup.h"

int record_document_fail(struct record_document *document, int result, const char *format, ...)
{
        va_list arguments;

        if (document->result == 0) {
                document->result = result;
                va_start(arguments, format);
                (void)vsnprintf(document->explanation, sizeof(document->explanation), format, arguments);
                va_end(arguments);
        }
        return document->result;
}

int record_document_fail_memory(struct record_document *document)
{
        return record_document_fail(document, -ENOMEM, "out of memory");
}

int record_document_fail_string(struct record_document *document)
{
        return record_document_fail(document, RECORD_TOO_LONG, "a string longer than %zu bytes",
                                    document->limits.string_max);
}

void record_document_clear(struct record_document *document)
{
        record_reading_clear(&document->reading);
        json_text_clear(&document->kept);
}

/* ---- callbacks of yajl, which return 0 to stop ---- */

/* Begins a value and returns its field (NULL: skip it). False if no value is allowed here. */
static bool value_begin(struct record_document *document, const char *what,
                        const struct record_field **ret_field)
{
        if (document->reserve->exhausted)
                return false;
        if (document->depth == 0 || (document->fields_depth == 2 && document->depth == 1)) {
                (void)record_document_fail(document, RECORD_NOT_A_JOB, "%s where %s was expected", what,
                                           document->depth == 0 && document->shape == RECORD_SHAPE_ARRAY
                                                   ? "an array of job records"
                                                   : "a job record");
                return false;
        }
        *ret_field = STEAL_POINTER(document->field);
        return true;
}

/* Whether to continue after a value has been stored. */
static int value_end(struct record_document *document, int r)
{
        if (r < 0)
                (void)record_document_fail_memory(document);
        return r >= 0;
}

/* Whether to continue after a token of a kept value has been written. */
static int keep_end(struct record_document *document, int r)
{
        if (r == -EMSGSIZE)
                (void)record_document_fail(document, RECORD_TOO_LONG,
                                           "an object or array longer than %zu bytes in a text field",
                                           document->kept.max);
        else if (r < 0)
                (void)record_document_fail_memory(document);
        return r >= 0;
}

/* Skips a number or literal that is not the value of a field, or keeps it. */
static int skip_or_keep(struct record_document *document, const char *token, size_t size)
{
        if (document->kept_field == NULL)
                return 1;
        return keep_end(document, json_text_add_bare(&document->kept, token, size));
}

static int on_null(void *userdata)
{
        struct record_document *document = userdata;
        const struct record_field *field;

        if (!value_begin(document, "null", &field))
                return 0;
        if (field == NULL)
                return skip_or_keep(document, "null", strlen("null"));
        record_reading_set_null(&document->reading, field);
        return 1;
}

static int on_boolean(void *userdata, int value)
{
        struct record_document *document = userdata;
        const struct record_field *field;

        if (!value_begin(document, "a boolean", &field))
                return 0;
        if (field == NULL) {
                const char *token = value != 0 ? "true" : "false";
                return skip_or_keep(document, token, strlen(token));
        }
        return value_end(document, record_reading_set_boolean(&document->reading, field, value != 0));
}

static int on_number(void *userdata, const char *digits, size_t size)
{
        struct record_document *document = userdata;
        const struct record_field *field;

        if (!value_begin(document, "a number", &field))
                return 0;
        if (field == NULL)
                return skip_or_keep(document, digits, size);
        return value_end(document, record_reading_set_number(&document->reading, field, digits, size));
}

static bool string_fits(struct record_document *document, size_t size)
{
        if (document->reserve->exhausted)
                return false;
        if (size <= document->limits.string_max)
                return true;
        (void)record_document_fail_string(document);
        return false;
}

static int on_string(void *userdata, const unsigned char *data, size_t size)
{
        struct record_document *document = userdata;
        const struct record_field *field;

        if (!string_fits(document, size) || !value_begin(document, "a string", &field))
                return 0;
        if (field == NULL && document->kept_field == NULL)
                return 1;
        if (field == NULL)
                return keep_end(document, json_text_add_string(&document->kept, (const char *)data, size));
        return value_end(document, record_reading_set_text(&document->reading, field, data, size));
}

static int on_key(void *userdata, const unsigned char *data, size_t size)
{
        struct record_document *document = userdata;

        if (!string_fits(document, size))
                return 0;
        if (document->depth == document->fields_depth)
                document->field = record_field_find((const char *)data, size, !document->limits.brief);
        else if (document->kept_field != NULL)
                return keep_end(document, json_text_add_key(&document->kept, (const char *)data, size));
        return 1;
}

/* An object or array as the value of a field is kept as its JSON text, or makes that field missing. */
static void field_open(struct record_document *document)
{
        const struct record_field *field = STEAL_POINTER(document->field);

        if (record_field_keeps_json(field)) {
                document->kept_field = field;
                document->kept.max = document->limits.string_max;
        } else {
                record_reading_set_missing(&document->reading, field);
        }
}

static bool container_open(struct record_document *document, char bracket)
{
        if (document->reserve->exhausted)
                return false;
        if (document->depth >= document->limits.depth_max) {
                (void)record_document_fail(document, RECORD_TOO_DEEP, "nested deeper than %zu levels",
                                           document->limits.depth_max);
                return false;
        }
        if (document->field != NULL)
                field_open(document);
        document->depth++;
        return document->kept_field == NULL ||
               keep_end(document, json_text_open(&document->kept, bracket)) != 0;
}

/* Ends an object or array other than a record or the outermost one; `depth` is already that around it. */
static int container_close(struct record_document *document, char bracket)
{
        if (document->kept_field == NULL)
                return 1;
        if (keep_end(document, json_text_close(&document->kept, bracket)) == 0)
                return 0;
        if (document->depth == document->fields_depth) {
                struct text json;
                json_text_take(&document->kept, &json);
                record_reading_set_json(&document->reading, STEAL_POINTER(document->kept_field), &json);
        }
        return 1;
}

static int on_object_start(void *userdata)
{
        struct record_document *document = userdata;

        if (!container_open(document, '{'))
                return 0;
        if (document->depth == 1) {
                /* Instead of an array this may be an error envelope, whose fields are reported. */
                document->is_envelope = document->shape == RECORD_SHAPE_ARRAY;
                document->fields_depth = 1;
        } else if (document->depth == 2 && document->fields_depth == 2) {
                if (document->rows == document->limits.records_max) {
                        (void)record_document_fail(document, RECORD_TOO_MANY, "more than %zu records",
                                                   document->rows);
                        return 0;
                }
                document->rows++;
        }
        return 1;
}

static int on_array_start(void *userdata)
{
        struct record_document *document = userdata;
        const struct record_field *field = document->field;
        bool is_outermost = document->depth == 0 && document->shape == RECORD_SHAPE_ARRAY;

        if (!is_outermost && !value_begin(document, "an array", &field))
                return 0;
        document->field = field;
        if (!container_open(document, '['))
                return 0;
        if (is_outermost)
                document->fields_depth = 2;
        return 1;
}

static int on_array_end(void *userdata)
{
        struct record_document *document = userdata;

        if (document->reserve->exhausted)
                return 0;
        document->depth--;
        return container_close(document, ']');
}

/* Explains why the object just read is not a job record. */
static void fail_not_a_job(struct record_document *document)
{
        const char *reason = document->is_envelope ? "an object where an array of job records was expected"
                             : document->reading.has_bad_id ? "an object whose Id is not a positive integer"
                                                            : "an object without Id";
        char summary[RECORD_SUMMARY_MAX];

        record_reading_describe(&document->reading, summary);
        (void)record_document_fail(document, RECORD_NOT_A_JOB, "%s%s", reason, summary);
}

static int on_object_end(void *userdata)
{
        struct record_document *document = userdata;

        if (document->reserve->exhausted)
                return 0;
        if (document->depth-- != document->fields_depth)
                return container_close(document, '}');

        if (document->is_envelope || document->reading.record.id == 0) {
                fail_not_a_job(document);
                return 0;
        }
        document->in_handler = true;
        int r = document->on_record(document->userdata, &document->reading.record);
        document->in_handler = false;
        record_reading_clear(&document->reading);
        if (r < 0)
                (void)record_document_fail(document, r, "cannot process a record: %s", strerror(-r));
        return r >= 0;
}

const yajl_callbacks record_document_callbacks = {
        .yajl_null = on_null,
        .yajl_boolean = on_boolean,
        .yajl_number = on_number,
        .yajl_string = on_string,
        .yajl_map_key = on_key,
        .yajl_start_map = on_object_start,
        .yajl_end_map = on_object_end,
        .yajl_start_array = on_array_start,
        .yajl_end_array = on_array_end,
};
