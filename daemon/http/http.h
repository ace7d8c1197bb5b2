/* SPDX-License-Identifier: MIT */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <systemd/sd-event.h>

#include "http/http_outcome.h"

/*
 * An HTTP client on the event loop. It knows nothing about the content that it fetches.
 *
 * A client is a pool of connections with its settings; clients share nothing. Nothing here blocks. Callbacks
 * are called from the event loop only, never from within http_start() or http_cancel().
 *
 * Connections are kept and reused. If one is reset before the response begins, the request is sent again on a
 * new one. If a request on a kept connection times out, all kept connections of the client are suspect:
 * requests that are waiting or are started later use new ones. Requests in progress on old connections may
 * finish; the old connections are closed after the last of them, and do not count towards connections_max
 * meanwhile.
 */
struct http_client;
struct http_authorities;
struct http_request;

struct http_settings {
        const char *user_agent;                     /* borrowed by the client */
        const struct http_authorities *authorities; /* likewise; NULL: those of the system */
        uint64_t timeout_us;         /* for a whole request, including the wait for a free connection */
        uint64_t connect_timeout_us; /* for name resolution, connection and TLS handshake */
        size_t body_max;             /* decoded bytes of a 2xx response */
        unsigned connections_max;    /* open at a time, at least 1 */
};

/* Returns 0 or an error of epoll or timerfd. */
int http_client_new(sd_event *event, const struct http_settings *settings, struct http_client **ret_client);

/*
 * Ends every request without calling its on_end(), then closes all connections. Does not wait for name
 * resolution in progress. Must not be called from a callback. Accepts NULL, returns NULL.
 */
struct http_client *http_client_free(struct http_client *client);

struct http_call {
        const char *url; /* http or https; copied. With http, no proxy is used. */
        /* Lines ("Name: value"), NULL at the end; copied, and wiped with the request. May be NULL. */
        const char *const *headers;
        const char *username; /* not NULL: Basic authentication; copied */
        const char *password; /* copied; not NULL if `username` is not */
        const void *post;     /* not NULL: POST with this body, which must stay until the request has ended */
        size_t post_size;

        /*
         * Receives the next bytes of the decoded body of a 2xx response. Returns 0 to continue; a negative
         * errno ends the request with HTTP_STOPPED. NULL: the body goes to the excerpt. Must only record:
         * http_ functions must not be called.
         */
        int (*on_body)(void *userdata, const void *data, size_t size);

        /*
         * The request is being sent on a kept connection; called at most once, before on_end(). Not called
         * for the first request of a connection, whose time of arrival is unknown until the response, nor if
         * the request ends at the same time. May be NULL. Requests may be started, but not cancelled.
         */
        void (*on_sent)(void *userdata);

        /*
         * Every request that is not cancelled ends here. `end` is valid during the call. Requests may be
         * started and cancelled, except this one, which is freed when on_end() returns.
         */
        void (*on_end)(void *userdata, const struct http_end *end);
        void *userdata;
};

/*
 * Starts a request, which belongs to the client. What is returned serves to cancel it and is valid until
 * on_end() is called. Network errors are reported to on_end(). Must not be called from on_body(). Without
 * memory the process ends.
 */
struct http_request *http_start(struct http_client *client, const struct http_call *call);

/*
 * Ends a request without calling on_end(). Must not be called from on_body(), nor for the request whose
 * on_end() is being called. Accepts NULL, returns NULL.
 */
struct http_request *http_cancel(struct http_request *request);
