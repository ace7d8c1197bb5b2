/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * What the tests of token.h share: an account, and callbacks that note what was kept and answered. Include
 * after cmocka.h.
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
        unsigned answers, keeps, spends;
        int keep_result;
        char kept_access[256], kept_refresh[256]; /* of the last keep() that said 0 */
        enum token_verdict verdict;
        bool refreshed;
        uint64_t retry_after_us;
        char explanation[1200];
        struct token *renew_in_answer; /* not NULL: renewed once more from on_answer() */
        struct token **free_in_answer; /* not NULL: freed there */
};

static inline int noted_keep(void *userdata, const struct tokens *tokens)
{
        struct token_notes *notes = userdata;

        assert_non_null(tokens->access_token);
        notes->keeps++;
        if (notes->keep_result < 0)
                return notes->keep_result;
        (void)snprintf(notes->kept_access, sizeof(notes->kept_access), "%s", tokens->access_token);
        (void)snprintf(notes->kept_refresh, sizeof(notes->kept_refresh), "%s",
                       tokens->refresh_token != NULL ? tokens->refresh_token : "(none)");
        return 0;
}

static inline void noted_spend(void *userdata)
{
        struct token_notes *notes = userdata;

        notes->spends++;
}

static inline void noted_answer(void *userdata, const struct token_answer *answer)
{
        struct token_notes *notes = userdata;

        notes->answers++;
        notes->verdict = answer->verdict;
        notes->refreshed = answer->refreshed;
        notes->retry_after_us = answer->retry_after_us;
        assert_non_null(answer->explanation);
        assert_true(strlen(answer->explanation) > 0);
        assert_null(strpbrk(answer->explanation, "\n\r\t\x1b"));
        (void)snprintf(notes->explanation, sizeof(notes->explanation), "%s", answer->explanation);
        if (notes->renew_in_answer != NULL) {
                struct token *token = notes->renew_in_answer;
                notes->renew_in_answer = NULL;
                assert_false(token_is_busy(token));
                assert_int_equal(token_renew(token, noted_spend), 0);
        }
        if (notes->free_in_answer != NULL)
                *notes->free_in_answer = token_free(*notes->free_in_answer);
}

static inline int token_make(struct http_client *client, const char *base_url, struct token_notes *notes,
                             const struct tokens *known, struct token **ret_token)
{
        const struct token_settings settings = {
                .base_url = base_url,
                .client_id = CLIENT,
                .username = USERNAME,
                .password = PASSWORD,
        };
        const struct token_callbacks callbacks = {
                .keep = noted_keep,
                .on_answer = noted_answer,
                .userdata = notes,
        };

        return token_new(client, &settings, &callbacks, known, ret_token);
}

static inline uint64_t now_realtime(void)
{
        struct timespec now;

        assert_int_equal(clock_gettime(CLOCK_REALTIME, &now), 0);
        return (uint64_t)now.tv_sec * USEC_PER_SEC + (uint64_t)now.tv_nsec / 1000;
}
