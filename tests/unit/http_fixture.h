/* SPDX-License-Identifier: MIT */
#pragma once

/* Shared by the tests of http.h: a loop, a server, a client, and calls that record their end. */

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "http/http.h"
#include "loopback.h"
#include "util/timespan.h"

#define BODY_MAX 65536

struct http_fixture {
        sd_event *event;
        struct loopback *server;
        struct http_client *client;
        unsigned ended; /* calls */
        loopback_handler handler;
        char head[16384]; /* of the last request */
        char body[16384];
};

/* A call and its result. */
struct noted {
        struct http_fixture *fixture;
        struct http_request *request;
        unsigned ends;
        unsigned pieces; /* calls of on_body() */
        char *data;      /* the body */
        size_t size;
        int body_result;                   /* what on_body() returns */
        void (*then)(struct noted *noted); /* called by on_end() */
        struct noted *other;               /* for then() */
        struct http_end end;               /* the pointers in it point below */
        char detail[512];
        char excerpt[1024];
};

static inline void fixture_handler(struct loopback_peer *peer, const char *head, const char *body,
                                   void *userdata)
{
        struct http_fixture *fixture = userdata;

        (void)snprintf(fixture->head, sizeof(fixture->head), "%s\r\n", head);
        (void)snprintf(fixture->body, sizeof(fixture->body), "%s", body);
        fixture->handler(peer, head, body, fixture);
}

static inline struct http_settings fixture_settings(void)
{
        return (struct http_settings){
                .user_agent = "jobwatchd/test",
                .timeout_us = 30 * USEC_PER_SEC,
                .connect_timeout_us = 30 * USEC_PER_SEC,
                .body_max = BODY_MAX,
                .connections_max = 8,
        };
}

/* Replaces the client. */
static inline void fixture_client(struct http_fixture *fixture, const struct http_settings *settings)
{
        fixture->client = http_client_free(fixture->client);
        assert_int_equal(http_client_new(fixture->event, settings, &fixture->client), 0);
}

static inline int fixture_setup(void **state)
{
        struct http_fixture *fixture = calloc(1, sizeof(*fixture));
        const struct http_settings settings = fixture_settings();

        assert_non_null(fixture);
        assert_true(sd_event_new(&fixture->event) >= 0);
        fixture->server = loopback_new(fixture->event, fixture_handler, fixture);
        fixture_client(fixture, &settings);
        *state = fixture;
        return 0;
}

static inline int fixture_teardown(void **state)
{
        struct http_fixture *fixture = *state;

        fixture->client = http_client_free(fixture->client);
        fixture->server = loopback_free(fixture->server);
        fixture->event = sd_event_unref(fixture->event);
        free(fixture);
        return 0;
}

static inline int noted_body(void *userdata, const void *data, size_t size)
{
        struct noted *noted = userdata;

        noted->pieces++;
        if (noted->body_result < 0)
                return noted->body_result;
        noted->data = realloc(noted->data, noted->size + size + 1);
        assert_non_null(noted->data);
        memcpy(noted->data + noted->size, data, size);
        noted->size += size;
        noted->data[noted->size] = '\0';
        return 0;
}

static inline void noted_end(void *userdata, const struct http_end *end)
{
        struct noted *noted = userdata;

        assert_non_null(end->detail);
        assert_non_null(end->excerpt);
        assert_true(end->excerpt_size < sizeof(noted->excerpt));
        noted->ends++;
        noted->request = NULL;
        noted->end = *end;
        (void)snprintf(noted->detail, sizeof(noted->detail), "%s", end->detail);
        memcpy(noted->excerpt, end->excerpt, end->excerpt_size);
        noted->excerpt[end->excerpt_size] = '\0';
        noted->end.detail = noted->detail;
        noted->end.excerpt = noted->excerpt;
        noted->fixture->ended++;
        if (noted->then != NULL)
                noted->then(noted);
}

static inline struct http_call noted_call(struct noted *noted, const char *url)
{
        return (struct http_call){
                .url = url, .on_body = noted_body, .on_end = noted_end, .userdata = noted
        };
}

static inline void noted_start(struct noted *noted, const struct http_call *call)
{
        unsigned before = noted->fixture->ended;

        noted->request = http_start(noted->fixture->client, call);
        assert_int_equal(noted->fixture->ended, before); /* never from within */
}

/* Prepares for the next call. */
static inline void noted_clear(struct noted *noted)
{
        struct http_fixture *fixture = noted->fixture;

        free(noted->data);
        *noted = (struct noted){ .fixture = fixture };
}

/* Runs a call to its end. */
static inline void noted_run(struct noted *noted, loopback_handler handler, const struct http_call *call)
{
        noted->fixture->handler = handler;
        noted_start(noted, call);
        loop_until(noted->fixture->event, &noted->ends, 1);
        loop_settle(noted->fixture->event);
        assert_int_equal(noted->ends, 1);
}

static inline void noted_get(struct noted *noted, loopback_handler handler, const char *path)
{
        struct http_call call = noted_call(noted, loopback_url(noted->fixture->server, path));

        noted_run(noted, handler, &call);
}
