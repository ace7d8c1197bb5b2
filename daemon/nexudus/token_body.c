/* SPDX-License-Identifier: MIT */

/* The fields of the outermost object in the body of a response to POST /api/token. */

#include "nexudus/token_body.h"

#include <errno.h>
#include <string.h>

#include "nexudus/json_parser.h"
#include "util/cleanup.h"
#include "util/timespan.h"

/* Longer lifetimes are cut to this. */
#define LIFETIME_MAX_S (3650 * USEC_PER_DAY / USEC_PER_SEC)

static const struct {
        const char *name;
        size_t offset;
} fields[] = {
        { "access_token", offsetof(struct token_body, access_token) },
        { "AccessToken", offsetof(struct token_body, access_token) },
        { "refresh_token", offsetof(struct token_body, refresh_token) },
        { "token_type", offsetof(struct token_body, token_type) },
        { "error", offsetof(struct token_body, error) },
        { "expires_in", offsetof(struct token_body, expires_in) },
};

struct reading {
        struct token_body body;
        bool is_object;
        struct text *field; /* of the next value; NULL: it is skipped */
};

DEFINE_CLEANUP(struct json_parser, json_parser_free)

void token_body_clear(struct token_body *body)
{
        for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++)
                secret_text_clear((struct text *)(void *)((char *)body + fields[i].offset));
}

static int on_token(void *userdata, const struct json_token *token)
{
        struct reading *reading = userdata;

        if (token->depth == 0) {
                reading->is_object = token->kind == JSON_OBJECT || token->kind == JSON_OBJECT_END;
                return reading->is_object ? 0 : -EBADMSG;
        }
        if (token->depth > 1)
                return 0;

        struct text *field = STEAL_POINTER(reading->field);
        if (token->kind == JSON_KEY) {
                for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++)
                        if (token->size == strlen(fields[i].name) &&
                            memcmp(token->data, fields[i].name, token->size) == 0)
                                reading->field =
                                        (struct text *)(void *)((char *)&reading->body + fields[i].offset);
                return 0;
        }
        bool is_wanted = token->kind == JSON_STRING ||
                         (token->kind == JSON_NUMBER && field == &reading->body.expires_in);
        if (field == NULL || !is_wanted)
                return 0;
        secret_text_clear(field);
        text_from(token->data, token->size, field);
        return 0;
}

int token_body_parse(const void *data, size_t size, bool is_part, struct token_body *ret_body)
{
        struct reading reading = { .field = NULL };
        CLEANUP(cleanup_json_parser_free) struct json_parser *parser = json_parser_new(on_token, &reading);

        (void)json_parser_feed(parser, data, size);
        int r = json_parser_finish(parser);
        if (r == -ENODATA && is_part)
                r = 0;
        if (r < 0 || !reading.is_object) {
                token_body_clear(&reading.body);
                return -EBADMSG;
        }
        *ret_body = reading.body;
        return 0;
}

/* "604799" or "604799.0"; 0 for any other form. */
uint64_t token_body_lifetime_us(const struct token_body *body)
{
        const char *at = text_or_empty(&body->expires_in), *start = at;
        uint64_t seconds = 0;

        for (; *at >= '0' && *at <= '9'; at++)
                if (seconds < LIFETIME_MAX_S)
                        seconds = seconds * 10 + (uint64_t)(*at - '0');
        if (at > start && *at == '.' && at[1] != '\0')
                at += 1 + strspn(at + 1, "0123456789");
        if (at == start || (size_t)(at - start) != body->expires_in.size)
                return 0;
        return (seconds < LIFETIME_MAX_S ? seconds : LIFETIME_MAX_S) * USEC_PER_SEC;
}
