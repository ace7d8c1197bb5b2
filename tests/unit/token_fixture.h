/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Shared by the tests of token.h: an account, and callbacks that note what was obtained and reported.
 * Include after cmocka.h.
 */

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "nexudus/token.h"
#include "util/timespan.h"

#define USERNAME "me+jobs@example.com"
#define PASSWORD "p&ss=w%rd \xc3\xa9~"
#define CLIENT   "client-1"

struct token_notes {
        unsigned results, obtained, spends;
        unsigned responses;
        enum failure failures[4];                   /* of these */
        char saved_access[256], saved_refresh[256]; /* those obtained last */
        enum token_verdict verdict;
        bool refreshed, code_may_help;
        uint64_t retry_after_us;
        char explanation[1200];
        struct token *renew_in_result; /* not NULL: renewed once more from on_result() */
        struct token **free_in_result; /* not NULL: freed there */
};

static inline void noted_spend(void *userdata)
{
        struct token_notes *notes = userdata;

        notes->spends++;
}

static inline void noted_tokens(struct token_notes *notes, const struct tokens *tokens)
{
        assert_non_null(tokens->access_token);
        notes->obtained++;
        (void)snprintf(notes->saved_access, sizeof(notes->saved_access), "%s", tokens->access_token);
        (void)snprintf(notes->saved_refresh, sizeof(notes->saved_refresh), "%s",
                       tokens->refresh_token != NULL ? tokens->refresh_token : "(none)");
}

static inline void noted_result(void *userdata, const struct token_result *result)
{
        struct token_notes *notes = userdata;

        notes->results++;
        notes->verdict = result->verdict;
        notes->refreshed = result->grant == TOKEN_BY_REFRESH;
        notes->code_may_help = result->code_may_help;
        notes->retry_after_us = result->retry_after_us;
        assert_int_equal(result->tokens != NULL, result->verdict == TOKEN_OBTAINED);
        if (result->tokens != NULL)
                noted_tokens(notes, result->tokens);
        assert_non_null(result->explanation);
        assert_true(strlen(result->explanation) > 0);
        assert_null(strpbrk(result->explanation, "\n\r\t\x1b"));
        (void)snprintf(notes->explanation, sizeof(notes->explanation), "%s", result->explanation);
        if (notes->renew_in_result != NULL) {
                struct token *token = notes->renew_in_result;
                notes->renew_in_result = NULL;
                assert_false(token_is_busy(token));
                token_renew(token);
        }
        if (notes->free_in_result != NULL)
                *notes->free_in_result = token_free(*notes->free_in_result);
}

static inline void noted_response(void *userdata, enum failure failure, uint64_t duration_us)
{
        struct token_notes *notes = userdata;

        assert_true(duration_us < 60 * USEC_PER_SEC);
        if (notes->responses < 4)
                notes->failures[notes->responses] = failure;
        notes->responses++;
}

static inline uint64_t now_realtime(void)
{
        struct timespec now;

        assert_int_equal(clock_gettime(CLOCK_REALTIME, &now), 0);
        return (uint64_t)now.tv_sec * USEC_PER_SEC + (uint64_t)now.tv_nsec / 1000;
}

static inline int token_make(struct http_client *client, const char *base_url, struct token_notes *notes,
                             struct tokens *known, struct token **ret_token)
{
        const struct token_settings settings = {
                .base_url = base_url,
                .client_id = CLIENT,
                .username = USERNAME,
                .password = PASSWORD,
                .now = now_realtime,
        };
        const struct token_callbacks callbacks = {
                .on_result = noted_result,
                .on_request = noted_spend,
                .on_response = noted_response,
                .userdata = notes,
        };

        return token_new(client, &settings, &callbacks, known, ret_token);
}
