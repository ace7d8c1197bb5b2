/* SPDX-License-Identifier: MIT */

/*
 * Arbitrary bytes as the response to a sign-in. The first byte selects the status and whether a refresh token
 * was sent; the rest is the body. A complete body parses to the same fields as a part; an accepted token
 * survives its stored form; the explanation is one line without a secret. The body is also parsed as stored
 * tokens.
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

static void check_tokens_equal(const struct tokens *left, const struct tokens *right)
{
        check(strcmp(left->access_token, right->access_token) == 0);
        check((left->refresh_token == NULL) == (right->refresh_token == NULL));
        check(left->refresh_token == NULL || strcmp(left->refresh_token, right->refresh_token) == 0);
        check(left->obtained_us == right->obtained_us && left->lifetime_us == right->lifetime_us);
}

/* Formats and parses them. */
static void check_tokens(const struct tokens *tokens)
{
        struct tokens back = TOKENS_NULL;
        char *line = tokens_format(tokens);

        for (const char *c = line; *c != '\0'; c++)
                check(*c >= ' ' && *c <= '~');
        check(tokens_parse(line, &back) == 0);
        check_tokens_equal(tokens, &back);
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
                check_tokens(&tokens);
        tokens_clear(&tokens);
        free(line);
}

static void check_body(const struct token_body *whole, const char *body, size_t size)
{
        struct token_body part = TOKEN_BODY_NULL;

        check(token_body_parse(body, size, true, &part) == 0);
        check_text(&whole->access_token, &part.access_token);
        check_text(&whole->refresh_token, &part.refresh_token);
        check_text(&whole->token_type, &part.token_type);
        check_text(&whole->error, &part.error);
        check_text(&whole->expires_in, &part.expires_in);
        check(token_body_lifetime_us(whole) <= LIFETIME_MAX_US);
        token_body_clear(&part);
}

static void check_classification(int status, enum token_grant grant, const char *body, size_t size)
{
        char explanation[EXPLANATION_SIZE];
        struct token_body parsed = TOKEN_BODY_NULL;
        size_t excerpt_size = status == 200 ? 0 : size < EXCERPT_MAX ? size : EXCERPT_MAX;
        const struct http_end end = {
                .outcome = HTTP_ANSWERED,
                .status = status,
                .body_size = size,
                .detail = "",
                .excerpt = body,
                .excerpt_size = excerpt_size,
        };
        int r = status == 200 ? token_body_parse(body, size, false, &parsed)
                              : token_body_parse(body, excerpt_size, size > excerpt_size, &parsed);
        const struct token_response response = {
                .end = &end,
                .body = r == 0 ? &parsed : NULL,
                .grant = grant,
        };

        enum token_verdict verdict = token_classify(&response, explanation).verdict;
        check(verdict != TOKEN_OBTAINED || status == 200);
        check(*explanation != '\0' && strlen(explanation) < EXPLANATION_SIZE - 1);
        check(strstr(explanation, password) == NULL);
        for (const char *c = explanation; *c != '\0'; c++)
                check((unsigned char)*c >= ' ' && *c != 0x7f);

        if (verdict == TOKEN_OBTAINED) {
                struct text *refresh = &parsed.refresh_token;
                const struct tokens tokens = {
                        .access_token = parsed.access_token.data,
                        .refresh_token = refresh->data != NULL && token_is_valid(refresh->data, refresh->size)
                                                 ? refresh->data
                                                 : NULL,
                        .lifetime_us = token_body_lifetime_us(&parsed),
                };
                check_tokens(&tokens);
        }
        token_body_clear(&parsed);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        static const int statuses[] = { 200, 400, 401, 403, 404, 409, 302, 503 };
        struct token_body whole = TOKEN_BODY_NULL;

        if (size == 0)
                return 0;
        int status = statuses[data[0] & 7];
        static const enum token_grant grants[] = { TOKEN_BY_PASSWORD, TOKEN_BY_REFRESH, TOKEN_BY_LOGIN,
                                                   TOKEN_BY_REFRESH };
        enum token_grant grant = grants[data[0] >> 3 & 3];
        const char *body = (const char *)data + 1;
        size--;

        if (token_body_parse(body, size, false, &whole) == 0)
                check_body(&whole, body, size);
        token_body_clear(&whole);
        check_classification(status, grant, body, size);
        check_stored(body, size);
        return 0;
}
