/* SPDX-License-Identifier: MIT */

/*
 * yajl, guarded. What it reads is held first, for a reason each:
 *
 * - yajl lexes a token that spans two calls again from its start. Bytes are passed on only when they are at
 *   least as many as those since the last token, so each byte is lexed about twice at most.
 * - yajl accepts form feeds and vertical tabs as white space, and UTF-8 in overlong forms. Every byte is
 *   checked as it arrives: a control character that is not white space is allowed nowhere in JSON.
 * - yajl decodes a lone surrogate to invalid UTF-8, or loses the character behind it. Its escape is replaced.
 * - yajl does not know byte order marks.
 * - yajl does not check its allocations: they end the process (memory.h).
 */

#include "nexudus/json_parser.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <yajl/yajl_parse.h>

#include "util/digits.h"
#include "util/memory.h"
#include "util/utf8.h"

#define EXPLANATION_MAX 300

#define BLOCK_SIZE 32

static const unsigned char byte_order_mark[] = { 0xef, 0xbb, 0xbf };

struct json_parser {
        json_handler on_token;
        void *userdata;
        yajl_handle yajl;
        struct utf8_state utf8;
        uint64_t size; /* of the document, as far as it has arrived */

        unsigned char *held; /* its last bytes, which were not passed to yajl yet */
        size_t held_size, held_capacity;
        uint64_t parsed_size; /* of those before */

        size_t passed; /* bytes of the present call of yajl */
        size_t open;   /* bytes passed since the last token; at first, what a byte order mark has */
        size_t depth;
        bool in_handler;

        int result; /* the first failure */
        char explanation[EXPLANATION_MAX + 1];
};

int json_parser_fail(struct json_parser *parser, int r, const char *format, ...)
{
        va_list arguments;

        assert(r < 0);
        if (parser->result == 0) {
                parser->result = r;
                va_start(arguments, format);
                (void)vsnprintf(parser->explanation, sizeof(parser->explanation), format, arguments);
                va_end(arguments);
        }
        return parser->result;
}

/* ---- callbacks of yajl, which return 0 to stop ---- */

static int emit(struct json_parser *parser, enum json_kind kind, const void *data, size_t size)
{
        const struct json_token token = { kind, parser->depth, data, size };

        parser->open = parser->passed - yajl_get_bytes_consumed(parser->yajl);
        parser->in_handler = true;
        int r = parser->on_token(parser->userdata, &token);
        parser->in_handler = false;
        if (r < 0)
                (void)json_parser_fail(parser, r, "%s", strerror(-r));
        return parser->result == 0;
}

static int emit_begin(struct json_parser *parser, enum json_kind kind)
{
        if (parser->depth == JSON_DEPTH_MAX) {
                (void)json_parser_fail(parser, -E2BIG, "nested deeper than %d levels", JSON_DEPTH_MAX);
                return 0;
        }
        int go_on = emit(parser, kind, "", 0);
        parser->depth++;
        return go_on;
}

static int emit_end(struct json_parser *parser, enum json_kind kind)
{
        parser->depth--;
        return emit(parser, kind, "", 0);
}

static int on_null(void *userdata)
{
        return emit(userdata, JSON_NULL, "null", strlen("null"));
}

static int on_boolean(void *userdata, int value)
{
        const char *text = value != 0 ? "true" : "false";

        return emit(userdata, JSON_BOOLEAN, text, strlen(text));
}

static int on_number(void *userdata, const char *data, size_t size)
{
        return emit(userdata, JSON_NUMBER, data, size);
}

static int on_string(void *userdata, const unsigned char *data, size_t size)
{
        return emit(userdata, JSON_STRING, data, size);
}

static int on_key(void *userdata, const unsigned char *data, size_t size)
{
        return emit(userdata, JSON_KEY, data, size);
}

static int on_object(void *userdata)
{
        return emit_begin(userdata, JSON_OBJECT);
}

static int on_object_end(void *userdata)
{
        return emit_end(userdata, JSON_OBJECT_END);
}

static int on_array(void *userdata)
{
        return emit_begin(userdata, JSON_ARRAY);
}

static int on_array_end(void *userdata)
{
        return emit_end(userdata, JSON_ARRAY_END);
}

static const yajl_callbacks callbacks = {
        .yajl_null = on_null,
        .yajl_boolean = on_boolean,
        .yajl_number = on_number,
        .yajl_string = on_string,
        .yajl_map_key = on_key,
        .yajl_start_map = on_object,
        .yajl_end_map = on_object_end,
        .yajl_start_array = on_array,
        .yajl_end_array = on_array_end,
};

/* ---- the guard ---- */

/* Whether a block has only characters that every JSON string may contain. Compilers vectorise this. */
static bool is_plain(const unsigned char block[static BLOCK_SIZE])
{
        unsigned char others = 0;

        for (int i = 0; i < BLOCK_SIZE; i++)
                others |= (unsigned char)(block[i] - ' ') > 0x7f - ' ';
        return others == 0;
}

/* How many bytes can be part of a JSON document, from the start. */
static size_t valid_size(struct utf8_state *utf8, const unsigned char *data, size_t size)
{
        size_t i = 0;

        while (i < size) {
                size_t end = size - i < BLOCK_SIZE ? size : i + BLOCK_SIZE;

                if (utf8->awaited == 0 && end - i == BLOCK_SIZE && is_plain(data + i)) {
                        i = end;
                        continue;
                }
                for (; i < end; i++) {
                        bool is_control =
                                data[i] < ' ' && data[i] != '\t' && data[i] != '\n' && data[i] != '\r';
                        if (is_control || !utf8_take(utf8, data[i]))
                                return i;
                }
        }
        return size;
}

/* The value of the escape \uXXXX at `at`, or -1 if there is none. */
static int escape_value(const unsigned char *at, const unsigned char *end)
{
        int value = 0;

        if (end - at < 6 || at[0] != '\\' || at[1] != 'u')
                return -1;
        for (int i = 2; i < 6; i++) {
                int digit = hex_digit_value((char)at[i]);
                if (digit < 0)
                        return -1;
                value = value * 16 + digit;
        }
        return value;
}

/*
 * Replaces the escapes of lone surrogates. Returns how many bytes can be passed to yajl: unless more follow,
 * all; otherwise those before an escape at the end, which may be one half of a pair.
 */
static size_t fix_surrogates(unsigned char *data, size_t size, bool more_follow)
{
        unsigned char *at = data, *end = data + size;

        while (at < end && (at = memchr(at, '\\', (size_t)(end - at))) != NULL) {
                int first = escape_value(at, end), second = first >= 0 ? escape_value(at + 6, end) : -1;

                if (more_follow && end - at < 12)
                        return (size_t)(at - data);
                if (first < 0xd800 || first > 0xdfff) {
                        at += 2; /* nothing in the rest of an escape looks like one */
                } else if (first < 0xdc00 && second >= 0xdc00 && second <= 0xdfff) {
                        at += 12;
                } else {
                        memcpy(at + 2, "fffd", 4);
                        at += 6;
                }
        }
        return size;
}

static void hold(struct json_parser *parser, const void *data, size_t size)
{
        if (size == 0)
                return;
        if (size > parser->held_capacity - parser->held_size) {
                parser->held_capacity = 2 * (parser->held_size + size);
                parser->held = memory_realloc(NULL, parser->held, parser->held_capacity);
        }
        memcpy(parser->held + parser->held_size, data, size);
        parser->held_size += size;
}

static void check_status(struct json_parser *parser, yajl_status status)
{
        if (status == yajl_status_ok || parser->result != 0)
                return;

        unsigned char *error = yajl_get_error(parser->yajl, 0, NULL, 0);
        const char *reason = (const char *)error, *colon = strstr(reason, ": ");
        if (colon != NULL)
                reason = colon + 2;
        (void)json_parser_fail(parser, -EBADMSG, "not JSON at byte %" PRIu64 ": %.*s",
                               parser->parsed_size + yajl_get_bytes_consumed(parser->yajl),
                               (int)strcspn(reason, "\n"), reason);
        yajl_free_error(parser->yajl, error);
}

/* Passes what is held to yajl. */
static void parse(struct json_parser *parser, bool more_follow)
{
        size_t skipped = 0;

        if (parser->result != 0 || parser->held_size == 0)
                return;
        size_t size = fix_surrogates(parser->held, parser->held_size, more_follow);
        if (size == 0)
                return;
        if (parser->parsed_size == 0 && size >= sizeof(byte_order_mark) &&
            memcmp(parser->held, byte_order_mark, sizeof(byte_order_mark)) == 0)
                skipped = sizeof(byte_order_mark);
        parser->parsed_size += skipped;
        parser->passed = size - skipped;
        parser->open += parser->passed;
        check_status(parser, yajl_parse(parser->yajl, parser->held + skipped, parser->passed));
        parser->parsed_size += parser->passed;
        parser->held_size -= size;
        memmove(parser->held, parser->held + size, parser->held_size);
}

int json_parser_feed(struct json_parser *parser, const void *data, size_t size)
{
        const unsigned char *at = data;

        assert(!parser->in_handler);
        if (parser->result != 0 || size == 0)
                return parser->result;

        size_t valid = valid_size(&parser->utf8, at, size);
        hold(parser, data, valid);
        parser->size += valid;
        if (valid == size) {
                if (parser->held_size >= parser->open)
                        parse(parser, true);
                return parser->result;
        }

        parse(parser, false); /* the first problem counts */
        if (parser->utf8.awaited == 0 && at[valid] < ' ')
                return json_parser_fail(parser, -EBADMSG, "not JSON at byte %" PRIu64 ": control character",
                                        parser->size);
        return json_parser_fail(parser, -EBADMSG, "invalid UTF-8 at byte %" PRIu64, parser->size);
}

int json_parser_finish(struct json_parser *parser)
{
        assert(!parser->in_handler);
        parse(parser, false);
        if (parser->result != 0)
                return parser->result;
        if (parser->size == 0)
                return json_parser_fail(parser, -ENODATA, "the body is empty");

        /* Ends a number, and is an error in a string; yajl ignores one that is open behind the document. */
        parser->passed = 1;
        yajl_status status = yajl_parse(parser->yajl, (const unsigned char *)"\n", 1);
        if (status == yajl_status_ok)
                status = yajl_complete_parse(parser->yajl);
        if (status != yajl_status_ok && parser->depth > 0)
                return json_parser_fail(parser, -ENODATA, "truncated at byte %" PRIu64, parser->size);
        check_status(parser, status);
        return parser->result;
}

struct json_parser *json_parser_new(json_handler on_token, void *userdata)
{
        yajl_alloc_funcs memory = { memory_malloc, memory_realloc, memory_free, NULL };
        struct json_parser *parser = memory_malloc(NULL, sizeof(*parser));

        assert(on_token != NULL);
        *parser = (struct json_parser){
                .on_token = on_token,
                .userdata = userdata,
                .open = sizeof(byte_order_mark),
                .explanation = "no problem",
        };
        parser->yajl = yajl_alloc(&callbacks, &memory, parser);
        (void)yajl_config(parser->yajl, yajl_dont_validate_strings, 1); /* valid_size() is stricter */
        return parser;
}

struct json_parser *json_parser_free(struct json_parser *parser)
{
        if (parser == NULL)
                return NULL;
        assert(!parser->in_handler);
        yajl_free(parser->yajl);
        memory_free(NULL, parser->held);
        memory_free(NULL, parser);
        return NULL;
}

const char *json_parser_explain(const struct json_parser *parser)
{
        return parser->explanation;
}
