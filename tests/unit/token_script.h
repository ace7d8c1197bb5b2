/* SPDX-License-Identifier: MIT */
#pragma once

/* Renewals of a token against a server on loopback that sends scripted responses. */

#include "http_fixture.h"
#include "token_fixture.h"

#define GOOD(access, refresh)                                                                                \
        "{\"access_token\":\"" access "\",\"token_type\":\"bearer\",\"expires_in\":604799,"                  \
        "\"refresh_token\":\"" refresh "\"}"
#define ERROR(code, description) "{\"error\":\"" code "\",\"error_description\":\"" description "\"}"
#define REFUSED                  ERROR("invalid_grant", "The refresh token is used.")

#define FORM_PASSWORD                                                                                        \
        "grant_type=password&username=me%2Bjobs%40example.com&password=p%26ss%3Dw%25rd%20%C3%A9~"

struct scripted {
        const char *status;
        const char *headers;
        const char *body;
};

/* The script: responses in order; NULL status: the connection is closed without a response. */
static struct scripted script[4];
static unsigned request_count;
static char forms[4][1024];

static inline void on_request(struct loopback_peer *peer, const char *head, const char *body, void *userdata)
{
        (void)userdata;
        assert_true(request_count < 4);
        assert_non_null(strstr(head, "POST /api/token HTTP/1.1\r\n"));
        (void)snprintf(forms[request_count], sizeof(forms[request_count]), "%s", body);
        const struct scripted *now = &script[request_count++];
        if (now->status == NULL) {
                loopback_finish(peer);
                return;
        }
        loopback_answer(peer, now->status, now->headers != NULL ? now->headers : "", now->body,
                        strlen(now->body));
}

/* Renews `token` with these responses and waits for the result. */
static inline void renew(struct http_fixture *fixture, struct token *token, struct token_notes *notes,
                         struct scripted first, struct scripted second)
{
        unsigned goal = notes->results + 1;

        fixture->handler = on_request;
        request_count = 0;
        script[0] = first;
        script[1] = second;
        token_renew(token);
        assert_true(token_is_busy(token));
        loop_until(fixture->event, &notes->results, goal);
        loop_settle(fixture->event);
        assert_int_equal(notes->results, goal);
        assert_false(token_is_busy(token));
}

static inline struct token *make(struct http_fixture *fixture, struct token_notes *notes,
                                 struct tokens *known)
{
        struct token *token = NULL;

        assert_int_equal(token_make(fixture->client, loopback_url(fixture->server, ""), notes, known, &token),
                         0);
        return token;
}

static inline struct tokens known_tokens(const char *access, const char *refresh, uint64_t age_us)
{
        return (struct tokens){
                .access_token = strdup(access),
                .refresh_token = refresh != NULL ? strdup(refresh) : NULL,
                .obtained_us = now_realtime() - age_us,
                .lifetime_us = 7 * USEC_PER_DAY,
        };
}

#define NOTHING    ((struct scripted){ 0 })
#define REPLY(...) ((struct scripted){ __VA_ARGS__ })

#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)
