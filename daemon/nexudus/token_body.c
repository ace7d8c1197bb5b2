/* SPDX-License-Identifier: MIT */

/*
 * Parses the body of a response to POST /api/token. It is small, so yajl parses it in one call; the callbacks
 * read the fields of the outermost object only.
 *
 * yajl copies strings that have escapes, and a token may be one. Its allocator therefore wipes what it frees:
 * each block starts with its size, and a block that grows is copied to a new one. The memory comes from a
 * reserve (reserve.h), since yajl does not check its allocations.
 */

#include "nexudus/token_body.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <yajl/yajl_parse.h>

#include "util/cleanup.h"
#include "util/reserve.h"
#include "util/timespan.h"

#define DEPTH_MAX 64

/* Longer lifetimes are cut to this. */
#define LIFETIME_MAX_US (3650 * USEC_PER_DAY)

struct parse {
        struct token_body body;
        struct reserve reserve;
        size_t depth;
        bool is_object;
        struct text *field; /* where the next value goes; NULL: it is skipped */
        bool is_lifetime;   /* the next value is the lifetime */
        bool is_out_of_memory;
};

/* ---- memory that is wiped ---- */

struct block {
        _Alignas(max_align_t) size_t size; /* of the bytes behind it */
};

static void *wiping_malloc(void *userdata, size_t size)
{
        struct block *block = reserve_malloc(userdata, sizeof(*block) + size);

        if (block == NULL)
                return NULL;
        block->size = size;
        return block + 1;
}

static void wiping_free(void *userdata, void *data)
{
        if (data == NULL)
                return;

        struct block *block = (struct block *)data - 1;
        explicit_bzero(data, block->size);
        reserve_free(userdata, block);
}

static void *wiping_realloc(void *userdata, void *data, size_t size)
{
        void *grown = wiping_malloc(userdata, size);

        if (grown == NULL || data == NULL)
                return grown;
        size_t old_size = ((struct block *)data - 1)->size;
        memcpy(grown, data, old_size < size ? old_size : size);
        wiping_free(userdata, data);
        return grown;
}

static void secret_text_clear(struct text *text)
{
        if (text->data != NULL)
                explicit_bzero(text->data, text->size);
        text_clear(text);
}

void token_body_clear(struct token_body *body)
{
        secret_text_clear(&body->access_token);
        secret_text_clear(&body->refresh_token);
        secret_text_clear(&body->token_type);
        secret_text_clear(&body->error);
        secret_text_clear(&body->error_description);
        secret_text_clear(&body->message);
        *body = TOKEN_BODY_NULL;
}

/* ---- yajl's callbacks, which return 0 to stop ---- */

/* "604799" or "604799.0"; 0 for any other form. */
static uint64_t lifetime_of(const char *digits, size_t size)
{
        uint64_t seconds = 0;
        size_t i = 0;

        for (; i < size && digits[i] >= '0' && digits[i] <= '9'; i++)
                if (seconds <= LIFETIME_MAX_US / USEC_PER_SEC)
                        seconds = seconds * 10 + (uint64_t)(digits[i] - '0');
        if (i > 0 && i + 1 < size && digits[i] == '.')
                for (i++; i < size && digits[i] >= '0' && digits[i] <= '9';)
                        i++;
        if (i < size)
                return 0;
        return seconds < LIFETIME_MAX_US / USEC_PER_SEC ? seconds * USEC_PER_SEC : LIFETIME_MAX_US;
}

/* Begins a value: returns its field and resets it for the next one. Returns 0 if no value is allowed here. */
static int value_begin(struct parse *parse, struct text **ret_field, bool *ret_is_lifetime)
{
        *ret_field = STEAL_POINTER(parse->field);
        *ret_is_lifetime = parse->is_lifetime;
        parse->is_lifetime = false;
        return parse->depth > 0 && !parse->reserve.exhausted;
}

static int value_skip(struct parse *parse)
{
        struct text *field;
        bool is_lifetime;

        return value_begin(parse, &field, &is_lifetime);
}

static int on_null(void *userdata)
{
        return value_skip(userdata);
}

static int on_boolean(void *userdata, int value)
{
        (void)value;
        return value_skip(userdata);
}

static int on_number(void *userdata, const char *digits, size_t size)
{
        struct parse *parse = userdata;
        struct text *field;
        bool is_lifetime;

        if (!value_begin(parse, &field, &is_lifetime))
                return 0;
        if (is_lifetime)
                parse->body.lifetime_us = lifetime_of(digits, size);
        return 1;
}

static int on_string(void *userdata, const unsigned char *data, size_t size)
{
        struct parse *parse = userdata;
        struct text *field, text;
        bool is_lifetime;

        if (!value_begin(parse, &field, &is_lifetime))
                return 0;
        if (is_lifetime)
                parse->body.lifetime_us = lifetime_of((const char *)data, size);
        if (field == NULL)
                return 1;

        if (text_from((const char *)data, size, &text) < 0) {
                parse->is_out_of_memory = true;
                return 0;
        }
        secret_text_clear(field);
        *field = text;
        return 1;
}

static int on_key(void *userdata, const unsigned char *data, size_t size)
{
        struct parse *parse = userdata;
        struct token_body *body = &parse->body;
        const struct {
                const char *name;
                struct text *field;
        } fields[] = {
                { "access_token", &body->access_token },
                { "AccessToken", &body->access_token },
                { "refresh_token", &body->refresh_token },
                { "token_type", &body->token_type },
                { "error", &body->error },
                { "error_description", &body->error_description },
                { "Message", &body->message },
                { "expires_in", NULL },
        };

        parse->field = NULL;
        parse->is_lifetime = false;
        for (size_t i = 0; parse->depth == 1 && i < sizeof(fields) / sizeof(fields[0]); i++)
                if (size == strlen(fields[i].name) && memcmp(data, fields[i].name, size) == 0) {
                        parse->field = fields[i].field;
                        parse->is_lifetime = fields[i].field == NULL;
                }
        return !parse->reserve.exhausted;
}

static int on_object_start(void *userdata)
{
        struct parse *parse = userdata;

        if (parse->depth == 0)
                parse->is_object = true;
        else if (!value_skip(parse))
                return 0;
        return ++parse->depth <= DEPTH_MAX && !parse->reserve.exhausted;
}

static int on_array_start(void *userdata)
{
        struct parse *parse = userdata;

        return value_skip(parse) && ++parse->depth <= DEPTH_MAX;
}

static int on_end(void *userdata)
{
        struct parse *parse = userdata;

        parse->depth--;
        return !parse->reserve.exhausted;
}

static const yajl_callbacks callbacks = {
        .yajl_null = on_null,
        .yajl_boolean = on_boolean,
        .yajl_number = on_number,
        .yajl_string = on_string,
        .yajl_map_key = on_key,
        .yajl_start_map = on_object_start,
        .yajl_end_map = on_end,
        .yajl_start_array = on_array_start,
        .yajl_end_array = on_end,
};

static int parse_body(struct parse *parse, const unsigned char *data, size_t size, bool is_part)
{
        yajl_alloc_funcs memory = {
                .malloc = wiping_malloc,
                .realloc = wiping_realloc,
                .free = wiping_free,
                .ctx = &parse->reserve,
        };

        /* yajl's fixed parts, its stack, a copy of one token and, in doubling steps, its decoded form. */
        if (reserve_prepare(&parse->reserve, 16384 + DEPTH_MAX + 6 * size) < 0)
                return -ENOMEM;
        yajl_handle parser = yajl_alloc(&callbacks, &memory, parse);
        if (parser == NULL)
                return -ENOMEM;

        yajl_status status = yajl_status_error;
        if (!parse->reserve.exhausted)
                status = yajl_parse(parser, data, size);
        if (status == yajl_status_ok && !is_part && !parse->reserve.exhausted)
                status = yajl_complete_parse(parser);
        yajl_free(parser);

        if (parse->reserve.exhausted || parse->is_out_of_memory)
                return -ENOMEM;
        return status == yajl_status_ok && parse->is_object ? 0 : -EBADMSG;
}

int token_body_parse(const void *data, size_t size, bool is_part, struct token_body *ret_body)
{
        static const unsigned char byte_order_mark[] = { 0xef, 0xbb, 0xbf };
        struct parse parse = { .body = TOKEN_BODY_NULL, .reserve = RESERVE_NULL };
        const unsigned char *at = data;

        if (size > TOKEN_BODY_MAX)
                return -EBADMSG;
        if (size >= sizeof(byte_order_mark) && memcmp(at, byte_order_mark, sizeof(byte_order_mark)) == 0) {
                at += sizeof(byte_order_mark);
                size -= sizeof(byte_order_mark);
        }
        if (size == 0)
                return -EBADMSG;

        int r = parse_body(&parse, at, size, is_part);
        reserve_clear(&parse.reserve); /* its blocks have been wiped */
        if (r < 0) {
                token_body_clear(&parse.body);
                return r;
        }
        *ret_body = parse.body;
        return 0;
}
