/* SPDX-License-Identifier: MIT */

/*
 * The job records in a JSON document, read from its tokens (json_parser.h). At the level of a record's own
 * fields a key selects the field of the next value (record_fields.h). Everything deeper is skipped, except
 * within an object or array that is the value of Status or ResultData: yajl's generator writes that anew, in
 * the one form that does not depend on how it was sent.
 *
 * Of a page the fields of the outer object are read, among them those of an error envelope. The level is that
 * of the rows from the beginning of Records to its end.
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

enum page_field {
        PAGE_FIELD_OTHER,
        PAGE_FIELD_RECORDS,
        PAGE_FIELD_NUMBER,
        PAGE_FIELD_TOTAL,
        PAGE_FIELD_HAS_NEXT,
};

static const struct {
        const char *name;
        enum page_field field;
} page_fields[] = {
        { "Records", PAGE_FIELD_RECORDS },
        { "CurrentPage", PAGE_FIELD_NUMBER },
        { "TotalItems", PAGE_FIELD_TOTAL },
        { "HasNextPage", PAGE_FIELD_HAS_NEXT },
};

/* Where the fields of an object, of a row of an array, and of a row of a page are. */
#define LEVEL_OBJECT   1
#define LEVEL_ROW      2
#define LEVEL_PAGE_ROW 3

struct record_reader {
        struct json_parser *parser;
        enum record_shape shape;
        size_t records_max;
        record_handler on_record;
        void *userdata;

        size_t level;     /* the depth of the fields of a record */
        bool is_envelope; /* an object where an array was expected */
        size_t rows;
        const struct record_field *field; /* of the next value; NULL: skip that value */
        struct record_reading reading;

        enum page_field page_field; /* of the next value of the page */
        struct search_page page;
        bool has_rows; /* the page has Records */

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

/* At the level of the fields of a record. */
static void take_field(struct record_reader *reader, const struct json_token *token)
{
        if (token->kind == JSON_KEY) {
                reader->field = record_field_find(token->data, token->size);
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

static enum page_field page_field_find(const struct json_token *key)
{
        for (size_t i = 0; i < sizeof(page_fields) / sizeof(page_fields[0]); i++)
                if (strlen(page_fields[i].name) == key->size &&
                    memcmp(page_fields[i].name, key->data, key->size) == 0)
                        return page_fields[i].field;
        return PAGE_FIELD_OTHER;
}

static int begin_rows(struct record_reader *reader)
{
        if (reader->has_rows)
                return json_parser_fail(reader->parser, -ENOMSG, "a page that has Records twice");
        record_reading_clear(&reader->reading); /* no error envelope */
        reader->has_rows = true;
        reader->level = LEVEL_PAGE_ROW;
        return 0;
}

/* At the level of the fields of a page. */
static int take_page_field(struct record_reader *reader, const struct json_token *token)
{
        if (token->kind == JSON_KEY) {
                reader->page_field = page_field_find(token);
                if (!reader->has_rows)
                        take_field(reader, token);
                return 0;
        }
        switch (reader->page_field) {
        case PAGE_FIELD_OTHER:
                take_field(reader, token);
                break;
        case PAGE_FIELD_RECORDS:
                if (token->kind == JSON_ARRAY)
                        return begin_rows(reader);
                break;
        case PAGE_FIELD_NUMBER:
                (void)record_number_from(token, &reader->page.number);
                break;
        case PAGE_FIELD_TOTAL:
                reader->page.has_total = record_number_from(token, &reader->page.total);
                break;
        case PAGE_FIELD_HAS_NEXT:
                reader->page.has_next = token->kind == JSON_BOOLEAN && strcmp(token->data, "true") == 0;
                break;
        }
        return 0;
}

static int end_page(struct record_reader *reader)
{
        char summary[RECORD_SUMMARY_MAX];

        if (reader->has_rows)
                return 0;
        record_reading_describe(&reader->reading, summary);
        return json_parser_fail(reader->parser, -ENOMSG, "an object without an array of Records%s", summary);
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

/* Around the fields: a page, an array of rows, and the records themselves. */
static int take_outer(struct record_reader *reader, const struct json_token *token)
{
        bool is_page = reader->shape == RECORD_SHAPE_PAGE && token->depth == 0;
        bool is_array = reader->shape == RECORD_SHAPE_ARRAY && token->depth == 0 && !reader->is_envelope;
        static const char *const names[] = {
                [JSON_NULL] = "null",       [JSON_BOOLEAN] = "a boolean", [JSON_NUMBER] = "a number",
                [JSON_STRING] = "a string", [JSON_ARRAY] = "an array",
        };

        switch (token->kind) {
        case JSON_OBJECT:
                if (is_page)
                        return 0;
                if (is_array) {
                        /* Perhaps an error envelope, whose fields are reported. */
                        reader->is_envelope = true;
                        reader->level = LEVEL_OBJECT;
                } else if (reader->rows++ == reader->records_max) {
                        return json_parser_fail(reader->parser, -E2BIG, "more than %zu records",
                                                reader->records_max);
                }
                return 0;
        case JSON_OBJECT_END:
                return is_page ? end_page(reader) : end_record(reader);
        case JSON_ARRAY:
                if (is_array)
                        return 0;
                break;
        case JSON_ARRAY_END:
                if (reader->shape == RECORD_SHAPE_PAGE)
                        reader->level = LEVEL_OBJECT;
                return 0;
        case JSON_NULL:
        case JSON_BOOLEAN:
        case JSON_NUMBER:
        case JSON_STRING:
                break;
        case JSON_KEY: /* only in an object */
                return 0;
        }
        return json_parser_fail(reader->parser, -ENOMSG, "%s where %s was expected", names[token->kind],
                                is_page    ? "a page of job records"
                                : is_array ? "an array of job records"
                                           : "a job record");
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
        if (token->depth > reader->level)
                return 0;
        if (reader->shape == RECORD_SHAPE_PAGE && reader->level == LEVEL_OBJECT)
                return take_page_field(reader, token);
        take_field(reader, token);
        return 0;
}

/* ---- readers ---- */

struct record_reader *record_reader_new(enum record_shape shape, size_t records_max, record_handler on_record,
                                        void *userdata)
{
        struct record_reader *reader = memory_malloc(NULL, sizeof(*reader));

        assert(on_record != NULL);
        *reader = (struct record_reader){
                .parser = json_parser_new(on_token, reader),
                .shape = shape,
                .records_max = records_max,
                .on_record = on_record,
                .userdata = userdata,
                .level = shape == RECORD_SHAPE_ARRAY ? LEVEL_ROW : LEVEL_OBJECT,
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

const struct search_page *record_reader_page(const struct record_reader *reader)
{
        assert(reader->has_rows);
        return &reader->page;
}

const char *record_reader_explain(const struct record_reader *reader)
{
        return json_parser_explain(reader->parser);
}
