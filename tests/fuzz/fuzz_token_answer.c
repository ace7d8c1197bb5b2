/* SPDX-License-Identifier: MIT */

/*
 * Feeds arbitrary bytes to the parser of sign-in responses. The first byte chooses the status and whether a
 * refresh token was sent; the rest is the body. A body that is parsed completely must be parsed the same as
 * an excerpt, an accepted token must survive being stored and read, and the explanation must be one line
 * without a secret. The body is also parsed as stored tokens.
 */

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "nexudus/token_body.h"
#include "nexudus/token_error.h"
#include "nexudus/tokens.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define LIFETIME_MAX_US (UINT64_C(315360000) * 1000000)

/* As in http.h. */
#define EXCERPT_MAX 512

static const char password[] = "hunter2+secret";

static void check(bool condition)
{
        if (!condition)
                abort();
}

static void check_text(const struct text *left, const struct text *right)
{
        check(text_equal(left, right));
        check(left->data == NULL || left->data[left->size] == '\0');
}

static void check_grants(const struct tokens *left, const struct tokens *right)
{
        check(strcmp(left->access_token, right->access_token) == 0);
        check((left->refresh_token == NULL) == (right->refresh_token == NULL));
        check(left->refresh_token == NULL || strcmp(left->refresh_token, right->refresh_token) == 0);
        check(left->obtained_us == right->obtained_us && left->lifetime_us == right->lifetime_us);
}

/* Formats and parses the stored form. */
static void check_grant(const struct tokens *tokens)
{
        struct tokens back = TOKENS_NULL;
        char *line = NULL;

        check(tokens_format(tokens, &line) == 0);
        for (const char *c = line; *c != '\0'; c++)
                check(*c >= ' ' && *c <= '~');
        check(tokens_parse(line, &back) == 0);
        check_grants(tokens, &back);
        tokens_clear(&back);
        free(line);
}

static void check_stored(const char *body, size_t size)
{
        struct tokens tokens = TOKENS_NULL;
        char *line = strndup(body, size);

        if (line == NULL)
                return;
        if (tokens_parse(line, &tokens) == 0)
                check_grant(&tokens);
        tokens_clear(&tokens);
        free(line);
}

static void check_reply(const struct token_reply *whole, const char *body, size_t size)
{
        struct token_reply part = TOKEN_REPLY_NULL;

        check(token_reply_parse(body, size, true, &part) == 0);
        check_text(&whole->access_token, &part.access_token);
        check_text(&whole->refresh_token, &part.refresh_token);
        check_text(&whole->token_type, &part.token_type);
        check_text(&whole->error, &part.error);
        check_text(&whole->error_description, &part.error_description);
        check_text(&whole->message, &part.message);
        check(whole->lifetime_us == part.lifetime_us && whole->lifetime_us <= LIFETIME_MAX_US);
        token_reply_clear(&part);
}

static void check_meaning(int status, bool was_refresh, const char *body, size_t size)
{
        static const char *const secrets[] = { NULL, password };
        char explanation[TOKEN_EXPLANATION_SIZE];
        struct token_reply reply = TOKEN_REPLY_NULL;
        size_t excerpt_size = status == 200 ? 0 : size < EXCERPT_MAX ? size : EXCERPT_MAX;
        const struct http_end end = {
                .outcome = HTTP_ANSWERED,
                .status = status,
                .body_size = size,
                .detail = "",
                .excerpt = body,
                .excerpt_size = excerpt_size,
        };
        const struct token_response response = {
                .end = &end,
                .problem = status == 200 ? token_reply_parse(body, size, false, &reply)
                                         : token_reply_parse(body, excerpt_size, size > excerpt_size, &reply),
                .reply = &reply,
                .was_refresh = was_refresh,
                .secrets = secrets,
                .secrets_count = 2,
        };

        enum token_verdict verdict = token_classify(&response, explanation);
        check(verdict != TOKEN_NOT_PERSISTED);
        check(verdict != TOKEN_OBTAINED || status == 200);
        check(*explanation != '\0' && strlen(explanation) < TOKEN_EXPLANATION_SIZE - 1);
        check(strstr(explanation, password) == NULL);
        for (const char *c = explanation; *c != '\0'; c++)
                check((unsigned char)*c >= ' ' && *c != 0x7f);

        if (verdict == TOKEN_OBTAINED) {
                struct text *refresh = &reply.refresh_token;
                const struct tokens tokens = {
                        .access_token = reply.access_token.data,
                        .refresh_token = refresh->data != NULL && token_is_valid(refresh->data, refresh->size)
                                                 ? refresh->data
                                                 : NULL,
                        .lifetime_us = reply.lifetime_us,
                };
                check_grant(&tokens);
        }
        token_reply_clear(&reply);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        static const int statuses[] = { 200, 400, 401, 403, 404, 409, 302, 503 };
        struct token_reply whole = TOKEN_REPLY_NULL;

        if (size == 0)
                return 0;
        int status = statuses[data[0] & 7];
        bool was_refresh = data[0] & 8;
        const char *body = (const char *)data + 1;
        size--;

        if (token_reply_parse(body, size, false, &whole) == 0)
                check_reply(&whole, body, size);
        token_reply_clear(&whole);
        check_meaning(status, was_refresh, body, size);
        check_stored(body, size);
        return 0;
}
