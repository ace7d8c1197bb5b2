/* SPDX-License-Identifier: MIT */

/*
 * Reads job records from a JSON body that arrives in pieces.
 *
 * The body passes through two stages. The scanner (json_scanner.h) checks UTF-8, bounds the length of tokens
 * and finds where they end. Complete tokens go to the parser, yajl; a token that is split between pieces is
 * held until it is complete. yajl lexes an incomplete token again from its start with every piece, so it must
 * never be fed one.
 *
 * The parser's callbacks track the depth and, at the level of a record's own fields, the field of the next
 * value (record_fields.h). All other values are skipped.
 *
 * Memory: an escape takes six bytes for one, so a held token may reach six times string_max; yajl keeps a
 * copy of it and, if it has escapes, a decoded one, in buffers of up to twice their size. yajl does not check
 * its allocations; they come from a reserve (reserve.h), and when that is exhausted, the next callback stops
 * with -ENOMEM.
 */

#include "nexudus/record_reader.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <yajl/yajl_parse.h>

#include "nexudus/json_scanner.h"
#include "nexudus/record_fields.h"
#include "util/cleanup.h"
#include "util/reserve.h"

#define SLICE_MAX       4096 /* bytes of the body scanned at a time */
#define EXPLANATION_MAX 300

static const unsigned char byte_order_mark[] = { 0xef, 0xbb, 0xbf };

struct record_reader {
        enum record_shape shape;
        struct record_limits limits;
        record_handler on_record;
        void *userdata;
        bool in_handler;

        int result; /* once not 0, every call returns it */
        char explanation[EXPLANATION_MAX + 1];

        /* From the body to the parser */
        struct json_scanner scanner;
        uint64_t body_size;    /* bytes consumed so far */
        size_t mark_size;      /* bytes of a byte order mark matched so far */
        struct json_held held; /* the open token */
        yajl_handle parser;
        uint64_t parsed_size; /* bytes passed to the parser */
        struct reserve reserve;

        /* The document */
        bool is_envelope;    /* an object where an array was expected */
        size_t depth;        /* open containers */
        size_t fields_depth; /* the depth at which keys are fields of a record */
        size_t rows;
        const struct record_field *field; /* of the next value; NULL: skip that value */
        struct record_reading reading;
};

/* Only the first problem is kept. */
__attribute__((format(printf, 3, 4))) static int reader_fail(struct record_reader *reader, int result,
                                                             const char *format, ...)
{
        va_list arguments;

        if (reader->result == 0) {
                reader->result = result;
                va_start(arguments, format);
                (void)vsnprintf(reader->explanation, sizeof(reader->explanation), format, arguments);
                va_end(arguments);
        }
        return reader->result;
}

static int reader_fail_memory(struct record_reader *reader)
{
        return reader_fail(reader, -ENOMEM, "out of memory");
}

/* ---- the document: callbacks of yajl, which return 0 to stop ---- */

/* Begins a value and returns its field (NULL: skip it). False if no value is allowed here. */
static bool value_begin(struct record_reader *reader, const char *what, const struct record_field **ret_field)
{
        if (reader->reserve.exhausted)
                return false;
        if (reader->depth == 0 || (reader->fields_depth == 2 && reader->depth == 1)) {
                (void)reader_fail(reader, RECORD_NOT_A_JOB, "%s where %s was expected", what,
                                  reader->depth == 0 && reader->shape == RECORD_SHAPE_ARRAY
                                          ? "an array of job records"
                                          : "a job record");
                return false;
        }
        *ret_field = STEAL_POINTER(reader->field);
        return true;
}

/* Whether to continue after a value has been stored. */
static int value_end(struct record_reader *reader, int r)
{
        if (r < 0)
                (void)reader_fail_memory(reader);
        return r >= 0;
}

static int on_null(void *userdata)
{
        struct record_reader *reader = userdata;
        const struct record_field *field;

        if (!value_begin(reader, "null", &field))
                return 0;
        if (field != NULL)
                record_reading_set_null(&reader->reading, field);
        return 1;
}

static int on_boolean(void *userdata, int value)
{
        struct record_reader *reader = userdata;
        const struct record_field *field;

        if (!value_begin(reader, "a boolean", &field))
                return 0;
        if (field == NULL)
                return 1;
        return value_end(reader, record_reading_set_boolean(&reader->reading, field, value != 0));
}

static int on_number(void *userdata, const char *digits, size_t size)
{
        struct record_reader *reader = userdata;
        const struct record_field *field;

        if (!value_begin(reader, "a number", &field))
                return 0;
        if (field == NULL)
                return 1;
        return value_end(reader, record_reading_set_number(&reader->reading, field, digits, size));
}

static bool string_fits(struct record_reader *reader, size_t size)
{
        if (reader->reserve.exhausted)
                return false;
        if (size <= reader->limits.string_max)
                return true;
        (void)reader_fail(reader, RECORD_TOO_LONG, "a string longer than %zu bytes",
                          reader->limits.string_max);
        return false;
}

static int on_string(void *userdata, const unsigned char *data, size_t size)
{
        struct record_reader *reader = userdata;
        const struct record_field *field;

        if (!string_fits(reader, size) || !value_begin(reader, "a string", &field))
                return 0;
        if (field == NULL)
                return 1;
        return value_end(reader, record_reading_set_text(&reader->reading, field, data, size));
}

static int on_key(void *userdata, const unsigned char *data, size_t size)
{
        struct record_reader *reader = userdata;

        if (!string_fits(reader, size))
                return 0;
        reader->field = reader->depth == reader->fields_depth
                                ? record_field_find((const char *)data, size, !reader->limits.brief)
                                : NULL;
        return 1;
}

/* Opens an object or array. As the value of a field it makes that field missing. */
static bool container_open(struct record_reader *reader)
{
        if (reader->reserve.exhausted)
                return false;
        if (reader->depth >= reader->limits.depth_max) {
                (void)reader_fail(reader, RECORD_TOO_DEEP, "nested deeper than %zu levels",
                                  reader->limits.depth_max);
                return false;
        }
        if (reader->field != NULL)
                record_reading_set_missing(&reader->reading, STEAL_POINTER(reader->field));
        reader->depth++;
        return true;
}

static int on_object_start(void *userdata)
{
        struct record_reader *reader = userdata;

        if (!container_open(reader))
                return 0;
        if (reader->depth == 1) {
                /* Instead of an array this may be an error envelope, whose fields are reported. */
                reader->is_envelope = reader->shape == RECORD_SHAPE_ARRAY;
                reader->fields_depth = 1;
        } else if (reader->depth == 2 && reader->fields_depth == 2) {
                if (reader->rows == reader->limits.records_max) {
                        (void)reader_fail(reader, RECORD_TOO_MANY, "more than %zu records", reader->rows);
                        return 0;
                }
                reader->rows++;
        }
        return 1;
}

static int on_array_start(void *userdata)
{
        struct record_reader *reader = userdata;
        const struct record_field *field = reader->field;
        bool is_outermost = reader->depth == 0 && reader->shape == RECORD_SHAPE_ARRAY;

        if (!is_outermost && !value_begin(reader, "an array", &field))
                return 0;
        reader->field = field;
        if (!container_open(reader))
                return 0;
        if (is_outermost)
                reader->fields_depth = 2;
        return 1;
}

static int on_array_end(void *userdata)
{
        struct record_reader *reader = userdata;

        reader->depth--;
        return !reader->reserve.exhausted;
}

/* Explains why the object just read is not a job record. */
static void fail_not_a_job(struct record_reader *reader)
{
        const char *reason = reader->is_envelope ? "an object where an array of job records was expected"
                             : reader->reading.has_bad_id ? "an object whose Id is not a positive integer"
                                                          : "an object without Id";
        char summary[RECORD_SUMMARY_MAX];

        record_reading_describe(&reader->reading, summary);
        (void)reader_fail(reader, RECORD_NOT_A_JOB, "%s%s", reason, summary);
}

static int on_object_end(void *userdata)
{
        struct record_reader *reader = userdata;

        if (reader->reserve.exhausted)
                return 0;
        if (reader->depth-- != reader->fields_depth)
                return 1;

        if (reader->is_envelope || reader->reading.record.id == 0) {
                fail_not_a_job(reader);
                return 0;
        }
        reader->in_handler = true;
        int r = reader->on_record(reader->userdata, &reader->reading.record);
        reader->in_handler = false;
        record_reading_clear(&reader->reading);
        if (r < 0)
                (void)reader_fail(reader, r, "cannot process a record: %s", strerror(-r));
        return r >= 0;
}

static const yajl_callbacks parser_callbacks = {
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

/* ---- from the body to the parser ---- */

static int fail_malformed(struct record_reader *reader)
{
        uint64_t position = reader->parsed_size + yajl_get_bytes_consumed(reader->parser);
        unsigned char *error = yajl_get_error(reader->parser, 0, NULL, 0);
        const char *reason = error != NULL ? (const char *)error : "";
        const char *colon = strstr(reason, ": ");

        if (colon != NULL)
                reason = colon + 2;
        (void)reader_fail(reader, RECORD_MALFORMED, "not JSON at byte %" PRIu64 ": %.*s", position,
                          (int)strcspn(reason, "\n"), reason);
        if (error != NULL)
                yajl_free_error(reader->parser, error);
        return reader->result;
}

/* Checks the result of a call of yajl. */
static int parser_check(struct record_reader *reader, yajl_status status)
{
        if (reader->reserve.exhausted)
                return reader_fail_memory(reader);
        if (reader->result == 0 && status != yajl_status_ok)
                return fail_malformed(reader);
        return reader->result;
}

/*
 * Reserves what yajl may allocate until its next callback while it parses `size` bytes: its fixed parts (5
 * kB), its stack (a byte per level), a copy of the first token (it always copies that one), and its buffer
 * for strings with escapes, which grows by doubling.
 */
static int parser_reserve(struct record_reader *reader, size_t size, bool has_escapes)
{
        size_t buffers = size * (has_escapes ? 6 : 2);

        if (reserve_prepare(&reader->reserve, 16384 + reader->limits.depth_max + buffers) < 0)
                return reader_fail_memory(reader);
        return 0;
}

/* Passes complete tokens to yajl: the held bytes, or those at `data` if none are held. */
static int parse(struct record_reader *reader, const unsigned char *data, size_t size)
{
        bool has_escapes = memchr(data, '\\', size) != NULL;
        int r;

        if (parser_reserve(reader, size, has_escapes) != 0)
                return reader->result;
        if (has_escapes && json_fix_surrogates(&reader->held, &data, size) < 0)
                return reader_fail_memory(reader);

        r = parser_check(reader, yajl_parse(reader->parser, data, size));
        reader->parsed_size += size;
        reader->held.size = 0;
        return r;
}

static int fail_scan(struct record_reader *reader, enum json_scan problem, uint64_t position)
{
        switch (problem) {
        case JSON_SCAN_OK:
                break;
        case JSON_SCAN_INVALID_UTF8:
                return reader_fail(reader, RECORD_MALFORMED, "invalid UTF-8 at byte %" PRIu64, position);
        case JSON_SCAN_STRING_TOO_LONG:
                (void)string_fits(reader, SIZE_MAX);
                break;
        case JSON_SCAN_BARE_TOO_LONG:
                return reader_fail(reader, RECORD_TOO_LONG, "a number longer than %d bytes", JSON_BARE_MAX);
        }
        return reader->result;
}

static int feed_slice(struct record_reader *reader, const unsigned char *data, size_t size)
{
        size_t whole, scanned;
        enum json_scan problem =
                json_scan(&reader->scanner, data, size, reader->limits.string_max, &whole, &scanned);
        int r = 0;

        if (whole == JSON_NO_END) {
                whole = 0;
        } else if (reader->held.size == 0) {
                r = parse(reader, data, whole);
        } else {
                r = json_hold(&reader->held, data, whole) < 0
                            ? reader_fail_memory(reader)
                            : parse(reader, reader->held.data, reader->held.size);
        }
        /* The parser goes first, so that the first problem in the body is reported. */
        if (r == 0)
                r = fail_scan(reader, problem, reader->body_size + scanned);
        if (r == 0 && json_hold(&reader->held, data + whole, scanned - whole) < 0)
                r = reader_fail_memory(reader);
        reader->body_size += size;
        return r;
}

/* Skips a byte order mark, which may be split. Returns how many bytes of `data` belong to it. */
static size_t skip_mark(struct record_reader *reader, const unsigned char *data, size_t size)
{
        size_t skipped = 0;

        while (skipped < size && reader->body_size < sizeof(byte_order_mark) &&
               reader->body_size == reader->mark_size &&
               data[skipped] == byte_order_mark[reader->mark_size]) {
                reader->mark_size++;
                reader->body_size++;
                reader->parsed_size++;
                skipped++;
        }
        return skipped;
}

int record_reader_feed(struct record_reader *reader, const void *data, size_t size)
{
        const unsigned char *at = data;

        if (reader->result != 0 || size == 0)
                return reader->result;

        size_t skipped = skip_mark(reader, at, size);
        at += skipped;
        size -= skipped;
        if (size > 0 && reader->mark_size > 0 && reader->mark_size < sizeof(byte_order_mark))
                return reader_fail(reader, RECORD_MALFORMED,
                                   "not JSON at byte 0: incomplete byte order mark");

        while (size > 0 && reader->result == 0) {
                size_t slice = size < SLICE_MAX ? size : SLICE_MAX;
                (void)feed_slice(reader, at, slice);
                at += slice;
                size -= slice;
        }
        return reader->result;
}

int record_reader_finish(struct record_reader *reader)
{
        if (reader->result != 0)
                return reader->result;
        if (reader->fields_depth == 0 && reader->held.size == 0)
                return reader_fail(reader, RECORD_MALFORMED, "the body is empty");
        if (reader->fields_depth > 0 && reader->depth == 0 && reader->held.size > 0)
                return reader_fail(reader, RECORD_MALFORMED, "trailing data at byte %" PRIu64,
                                   reader->parsed_size);

        if (!reader->scanner.in_string) {
                if (reader->held.size > 0 && parse(reader, reader->held.data, reader->held.size) != 0)
                        return reader->result;
                yajl_status status = yajl_complete_parse(reader->parser);
                if (status == yajl_status_ok || reader->result != 0 || reader->reserve.exhausted)
                        return parser_check(reader, status);
        }
        return reader_fail(reader, RECORD_MALFORMED, "truncated at byte %" PRIu64, reader->body_size);
}

int record_reader_new(enum record_shape shape, const struct record_limits *limits, record_handler on_record,
                      void *userdata, struct record_reader **ret_reader)
{
        struct record_reader *reader = calloc(1, sizeof(*reader));

        assert(on_record != NULL);
        if (reader == NULL)
                return -ENOMEM;
        reader->shape = shape;
        reader->limits = *limits;
        reader->on_record = on_record;
        reader->userdata = userdata;

        yajl_alloc_funcs memory = {
                .malloc = reserve_malloc,
                .realloc = reserve_realloc,
                .free = reserve_free,
                .ctx = &reader->reserve,
        };
        if (parser_reserve(reader, 0, false) == 0)
                reader->parser = yajl_alloc(&parser_callbacks, &memory, reader);
        if (reader->parser == NULL || reader->reserve.exhausted) {
                record_reader_free(reader);
                return -ENOMEM;
        }
        (void)yajl_config(reader->parser, yajl_dont_validate_strings,
                          1); /* the scanner does, and is stricter */

        *ret_reader = reader;
        return 0;
}

struct record_reader *record_reader_free(struct record_reader *reader)
{
        if (reader == NULL)
                return NULL;
        assert(!reader->in_handler);
        if (reader->parser != NULL)
                yajl_free(reader->parser);
        reserve_clear(&reader->reserve);
        record_reading_clear(&reader->reading);
        json_held_clear(&reader->held);
        free(reader);
        return NULL;
}

const char *record_reader_explain(const struct record_reader *reader)
{
        return reader->result != 0 ? reader->explanation : "no problem";
}
