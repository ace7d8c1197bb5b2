/* SPDX-License-Identifier: MIT */

/*
 * Reads job records from a JSON body that arrives in pieces.
 *
 * The body passes through two stages. The scanner (json_scanner.h) checks UTF-8, bounds the length of tokens
 * and finds where they end. Complete tokens go to the parser, yajl; a token that is split between pieces is
 * held until it is complete. yajl lexes an incomplete token again from its start with every piece, so it must
 * never be fed one.
 *
 * The parser's callbacks read the records (record_document.h).
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
#include <stdlib.h>
#include <string.h>
#include <yajl/yajl_parse.h>

#include "nexudus/json_scanner.h"
#include "nexudus/record_document.h"
#include "util/reserve.h"

#define SLICE_MAX 4096 /* bytes of the body scanned at a time */

static const unsigned char byte_order_mark[] = { 0xef, 0xbb, 0xbf };

struct record_reader {
        struct record_document document;
        struct json_scanner scanner;
        uint64_t body_size;    /* bytes consumed so far */
        size_t mark_size;      /* bytes of a byte order mark matched so far */
        struct json_held held; /* the open token */
        yajl_handle parser;
        uint64_t parsed_size; /* bytes passed to the parser */
        struct reserve reserve;
};

static int fail_malformed(struct record_reader *reader)
{
        uint64_t position = reader->parsed_size + yajl_get_bytes_consumed(reader->parser);
        unsigned char *error = yajl_get_error(reader->parser, 0, NULL, 0);
        const char *reason = error != NULL ? (const char *)error : "";
        const char *colon = strstr(reason, ": ");

        if (colon != NULL)
                reason = colon + 2;
        (void)record_document_fail(&reader->document, RECORD_MALFORMED, "not JSON at byte %" PRIu64 ": %.*s",
                                   position, (int)strcspn(reason, "\n"), reason);
        if (error != NULL)
                yajl_free_error(reader->parser, error);
        return reader->document.result;
}

/* Checks the result of a call of yajl. */
static int parser_check(struct record_reader *reader, yajl_status status)
{
        if (reader->reserve.exhausted)
                return record_document_fail_memory(&reader->document);
        if (reader->document.result == 0 && status != yajl_status_ok)
                return fail_malformed(reader);
        return reader->document.result;
}

/*
 * Reserves what yajl may allocate until its next callback while it parses `size` bytes: its fixed parts (5
 * kB), its stack (a byte per level), a copy of the first token (it always copies that one), and its buffer
 * for strings with escapes, which grows by doubling.
 */
static int parser_reserve(struct record_reader *reader, size_t size, bool has_escapes)
{
        size_t buffers = size * (has_escapes ? 6 : 2);

        if (reserve_prepare(&reader->reserve, 16384 + reader->document.limits.depth_max + buffers) < 0)
                return record_document_fail_memory(&reader->document);
        return 0;
}

/* Passes complete tokens to yajl: the held bytes, or those at `data` if none are held. */
static int parse(struct record_reader *reader, const unsigned char *data, size_t size)
{
        bool has_escapes = memchr(data, '\\', size) != NULL;
        int r;

        if (parser_reserve(reader, size, has_escapes) != 0)
                return reader->document.result;
        if (has_escapes && json_fix_surrogates(&reader->held, &data, size) < 0)
                return record_document_fail_memory(&reader->document);

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
                return record_document_fail(&reader->document, RECORD_MALFORMED,
                                            "invalid UTF-8 at byte %" PRIu64, position);
        case JSON_SCAN_STRING_TOO_LONG:
                return record_document_fail_string(&reader->document);
        case JSON_SCAN_CONTROL:
                return record_document_fail(
                        &reader->document, RECORD_MALFORMED,
                        "not JSON at byte %" PRIu64 ": control character outside a string", position);
        case JSON_SCAN_BARE_TOO_LONG:
                return record_document_fail(&reader->document, RECORD_TOO_LONG,
                                            "a number longer than %d bytes", JSON_BARE_MAX);
        }
        return reader->document.result;
}

static int feed_slice(struct record_reader *reader, const unsigned char *data, size_t size)
{
        size_t whole, scanned;
        enum json_scan problem =
                json_scan(&reader->scanner, data, size, reader->document.limits.string_max, &whole, &scanned);
        int r = 0;

        if (whole == JSON_NO_END) {
                whole = 0;
        } else if (reader->held.size == 0) {
                r = parse(reader, data, whole);
        } else {
                r = json_hold(&reader->held, data, whole) < 0
                            ? record_document_fail_memory(&reader->document)
                            : parse(reader, reader->held.data, reader->held.size);
        }
        /* The parser goes first, so that the first problem in the body is reported. */
        if (r == 0)
                r = fail_scan(reader, problem, reader->body_size + scanned);
        if (r == 0 && json_hold(&reader->held, data + whole, scanned - whole) < 0)
                r = record_document_fail_memory(&reader->document);
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

        if (reader->document.result != 0 || size == 0)
                return reader->document.result;

        size_t skipped = skip_mark(reader, at, size);
        at += skipped;
        size -= skipped;
        if (size > 0 && reader->mark_size > 0 && reader->mark_size < sizeof(byte_order_mark))
                return record_document_fail(&reader->document, RECORD_MALFORMED,
                                            "not JSON at byte 0: incomplete byte order mark");

        while (size > 0 && reader->document.result == 0) {
                size_t slice = size < SLICE_MAX ? size : SLICE_MAX;
                (void)feed_slice(reader, at, slice);
                at += slice;
                size -= slice;
        }
        return reader->document.result;
}

int record_reader_finish(struct record_reader *reader)
{
        if (reader->document.result != 0)
                return reader->document.result;
        if (reader->document.fields_depth == 0 && reader->held.size == 0)
                return record_document_fail(&reader->document, RECORD_MALFORMED, "the body is empty");
        if (reader->document.fields_depth > 0 && reader->document.depth == 0 && reader->held.size > 0)
                return record_document_fail(&reader->document, RECORD_MALFORMED,
                                            "trailing data at byte %" PRIu64, reader->parsed_size);

        if (!reader->scanner.in_string) {
                if (reader->held.size > 0 && parse(reader, reader->held.data, reader->held.size) != 0)
                        return reader->document.result;
                yajl_status status = yajl_complete_parse(reader->parser);
                if (status == yajl_status_ok || reader->document.result != 0 || reader->reserve.exhausted)
                        return parser_check(reader, status);
        }
        return record_document_fail(&reader->document, RECORD_MALFORMED, "truncated at byte %" PRIu64,
                                    reader->body_size);
}

int record_reader_new(enum record_shape shape, const struct record_limits *limits, record_handler on_record,
                      void *userdata, struct record_reader **ret_reader)
{
        struct record_reader *reader = calloc(1, sizeof(*reader));

        assert(on_record != NULL);
        if (reader == NULL)
                return -ENOMEM;
        reader->document = (struct record_document){
                .shape = shape,
                .limits = *limits,
                .on_record = on_record,
                .userdata = userdata,
                .reserve = &reader->reserve,
        };

        yajl_alloc_funcs memory = {
                .malloc = reserve_malloc,
                .realloc = reserve_realloc,
                .free = reserve_free,
                .ctx = &reader->reserve,
        };
        if (parser_reserve(reader, 0, false) == 0)
                reader->parser = yajl_alloc(&record_document_callbacks, &memory, &reader->document);
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
        assert(!reader->document.in_handler);
        if (reader->parser != NULL)
                yajl_free(reader->parser);
        reserve_clear(&reader->reserve);
        record_document_clear(&reader->document);
        json_held_clear(&reader->held);
        free(reader);
        return NULL;
}

const char *record_reader_explain(const struct record_reader *reader)
{
        return reader->document.result != 0 ? reader->document.explanation : "no problem";
}
