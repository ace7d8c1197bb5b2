/* SPDX-License-Identifier: MIT */

/*
 * The job records in a JSON document, read from its tokens (json_parser.h). At the level of a record's own
 * fields a key selects the field of the next value (record_fields.h). Everything deeper is skipped, except
 * within an object or array that is the value of Status or ResultData: yajl's generator writes that anew, in
 * the one form that does not depend on how it was sent.
 */

#include "nexudus/record_reader.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <yajl/yajl_gen.h>

#include "nexudus/json_parser.h"
#include "nexudus/record_fields.h"
#include "util/cleanup.h"
#include "util/memory.h"

struct record_reader {
        struct json_parser *parser;
        struct record_limits limits;
        record_handler on_record;
        void *userdata;

        size_t level;     /* the depth of the fields of a record */
        bool is_envelope; /* an object where an array was expected */
        size_t rows;
        const struct record_field *field; /* of the next value; NULL: skip that value */
        struct record_reading reading;

        const struct record_field *kept_field; /* of the open object or array that is kept; NULL: none */
        yajl_gen kept;
};

/* ---- objects and arrays that are kept ---- */

static void keep_begin(struct record_reader *reader, const struct record_field *field)
{
        yajl_alloc_funcs memory = { memory_malloc, memory_realloc, memory_free, NULL };

        reader->kept_field = field;
        reader->kept = yajl_gen_alloc(&memory);
}

static void keep_end(struct record_reader *reader)
{
        const unsigned char *json;
        size_t size;

        (void)yajl_gen_get_buf(reader->kept, &json, &size);
        record_reading_set_json(&reader->reading, STEAL_POINTER(reader->kept_field), (const char *)json,
                                size);
        yajl_gen_free(STEAL_POINTER(reader->kept));
}

static void keep(struct record_reader *reader, const struct json_token *token)
{
        yajl_gen_status status = yajl_gen_status_ok;

        switch (token->kind) {
        case JSON_NULL:
        case JSON_BOOLEAN:
        case JSON_NUMBER: /* written as it is */
                status = yajl_gen_number(reader->kept, token->data, token->size);
                break;
        case JSON_STRING:
        case JSON_KEY:
                status = yajl_gen_string(reader->kept, (const unsigned char *)token->data, token->size);
                break;
        case JSON_OBJECT:
                status = yajl_gen_map_open(reader->kept);
                break;
        case JSON_OBJECT_END:
                status = yajl_gen_map_close(reader->kept);
                break;
        case JSON_ARRAY:
                status = yajl_gen_array_open(reader->kept);
                break;
        case JSON_ARRAY_END:
                status = yajl_gen_array_close(reader->kept);
                break;
        }
        assert(status == yajl_gen_status_ok); /* the tokens are those of a document */
        (void)status;
}

/* ---- tokens ---- */

/* At the level of the fields. */
static void take_field(struct record_reader *reader, const struct json_token *token)
{
        if (token->kind == JSON_KEY) {
                reader->field = record_field_find(token->data, token->size, !reader->limits.brief);
                return;
        }

        const struct record_field *field = STEAL_POINTER(reader->field);
        if (field == NULL)
                return;
        if ((token->kind == JSON_OBJECT || token->kind == JSON_ARRAY) && record_field_keeps_json(field)) {
                keep_begin(reader, field);
                keep(reader, token);
        } else {
                record_reading_set(&reader->reading, field, token);
        }
}

static int end_record(struct record_reader *reader)
{
        char summary[RECORD_SUMMARY_MAX];

        if (reader->is_envelope || reader->reading.record.id == 0) {
                record_reading_describe(&reader->reading, summary);
                return json_parser_fail(
                        reader->parser, -ENOMSG, "%s%s",
                        reader->is_envelope          ? "an object where an array of job records was expected"
                        : reader->reading.has_bad_id ? "an object whose Id is not a positive integer"
                                                     : "an object without Id",
                        summary);
        }
        int r = reader->on_record(reader->userdata, &reader->reading.record);
        record_reading_clear(&reader->reading);
        if (r < 0)
                return json_parser_fail(reader->parser, r, "cannot process a record: %s", strerror(-r));
        return 0;
}

/* Around the fields: an array of rows, and the records themselves. */
static int take_outer(struct record_reader *reader, const struct json_token *token)
{
        bool is_outermost = token->depth + 2 == reader->level; /* where the array of rows is expected */
        const char *what = "";

        switch (token->kind) {
        case JSON_OBJECT:
                if (is_outermost) {
                        /* Perhaps an error envelope, whose fields are reported. */
                        reader->is_envelope = true;
                        reader->level = 1;
                } else if (reader->rows++ == reader->limits.records_max) {
                        return json_parser_fail(reader->parser, -E2BIG, "more than %zu records",
                                                reader->limits.records_max);
                }
                return 0;
        case JSON_OBJECT_END:
                return end_record(reader);
        case JSON_ARRAY:
                if (is_outermost)
                        return 0;
                what = "an array";
                break;
        case JSON_ARRAY_END:
                return 0;
        case JSON_NULL:
                what = "null";
                break;
        case JSON_BOOLEAN:
                what = "a boolean";
                break;
        case JSON_NUMBER:
                what = "a number";
                break;
        case JSON_STRING:
                what = "a string";
                break;
        case JSON_KEY:
                break; /* only in an object */
        }
        return json_parser_fail(reader->parser, -ENOMSG, "%s where %s was expected", what,
                                is_outermost ? "an array of job records" : "a job record");
}

static int on_token(void *userdata, const struct json_token *token)
{
        struct record_reader *reader = userdata;

        if (reader->kept_field != NULL) {
                keep(reader, token);
                if (token->depth == reader->level)
                        keep_end(reader);
                return 0;
        }
        if (token->depth < reader->level)
                return take_outer(reader, token);
        if (token->depth == reader->level)
                take_field(reader, token);
        return 0;
}

/* ---- readers ---- */

struct record_reader *record_reader_new(enum record_shape shape, const struct record_limits *limits,
                                        record_handler on_record, void *userdata)
{
        struct record_reader *reader = memory_malloc(NULL, sizeof(*reader));

        assert(on_record != NULL);
        *reader = (struct record_reader){
                .parser = json_parser_new(on_token, reader),
                .limits = *limits,
                .on_record = on_record,
                .userdata = userdata,
                .level = shape == RECORD_SHAPE_ARRAY ? 2 : 1,
        };
        return reader;
}

struct record_reader *record_reader_free(struct record_reader *reader)
{
        if (reader == NULL)
                return NULL;
        json_parser_free(reader->parser); /* which asserts that this is not the callback */
        record_reading_clear(&reader->reading);
        if (reader->kept != NULL)
                yajl_gen_free(reader->kept);
        free(reader);
        return NULL;
}

int record_reader_feed(struct record_reader *reader, const void *data, size_t size)
{
        return json_parser_feed(reader->parser, data, size);
}

int record_reader_finish(struct record_reader *reader)
{
        return json_parser_finish(reader->parser);
}

const char *record_reader_explain(const struct record_reader *reader)
{
        return json_parser_explain(reader->parser);
}
