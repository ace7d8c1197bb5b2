/* SPDX-License-Identifier: MIT */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <systemd/sd-event.h>

/*
 * HTTP on the event loop: one request in, one end out. This floor knows no JSON and nothing of what it
 * fetches.
 *
 * A client is a pool of connections with its settings; requests of different clients share nothing. Nothing
 * here blocks. Callbacks are called from the event loop only, never from within http_start() or
 * http_cancel().
 */
struct http_client;
struct http_request;
struct http_headers;

struct http_settings {
        const char *user_agent;
        const char *ca_file;         /* PEM; NULL or "" for the system's */
        uint64_t timeout_us;         /* for a whole request */
        uint64_t connect_timeout_us; /* for name, connection and TLS handshake */
        uint64_t stall_us; /* without as much as 16 bytes a second for this long, it is over; 0: no limit */
        size_t body_max;   /* decoded bytes of a 2xx answer */
        unsigned connections_max; /* open at a time */
};

/* The strings are copied. Returns -ENOMEM, or what the kernel says of epoll and timers. */
int http_client_new(sd_event *event, const struct http_settings *settings, struct http_client **ret_client);

/*
 * Ends every request without calling its on_end(), then closes all connections. Does not wait for name
 * resolution that is under way. Must not be called from a callback.
 */
struct http_client *http_client_free(struct http_client *client);

/*
 * Header lines ("Name: value") to be used for many requests, so that they are put together once. They may
 * hold secrets and are wiped when the owner has freed them and no request uses them any more. `lines` ends
 * with NULL.
 */
int http_headers_new(const char *const lines[], struct http_headers **ret_headers);
struct http_headers *http_headers_free(struct http_headers *headers);

/* How a request ended, as far as HTTP goes. */
enum http_outcome {
        HTTP_ANSWERED,    /* a whole answer, or the status and the beginning of an overlong error page */
        HTTP_UNRESOLVED,  /* the name has no address, or the resolver gave no answer */
        HTTP_UNCONNECTED, /* refused, or no route */
        HTTP_TLS_FAILED,  /* handshake or certificate */
        HTTP_TIMED_OUT,   /* in whatever phase */
        HTTP_BROKEN,      /* the connection broke, or the answer was cut short or was no HTTP */
        HTTP_TOO_LARGE,   /* more decoded bytes than body_max */
        HTTP_STOPPED,     /* on_body() said so */
        HTTP_IMPOSSIBLE,  /* it could not even be tried: bad URL, bad CA file, no memory */
};

/* "could not resolve the name", …: what the outcome means, as half a sentence. */
const char *http_outcome_to_string(enum http_outcome outcome);

/* Retry-After was not there, or no form of it that means anything. */
#define HTTP_RETRY_NONE 0

struct http_end {
        enum http_outcome outcome;
        int status;              /* of the answer; 0 if none came */
        int error;               /* what on_body() returned, with HTTP_STOPPED */
        uint64_t retry_after_us; /* as a span from now, whichever form it had; HTTP_RETRY_NONE for none */
        bool connected;          /* name, connection, proxy and TLS were done: the request was sent */
        uint64_t body_size;      /* decoded bytes that arrived */
        const char *detail;  /* for a person, one line, possibly with the reason of the library; never NULL */
        const char *excerpt; /* the first bytes of a body that was not handed to on_body(); never NULL */
        size_t excerpt_size;
};

/* Whether the server did what it was asked for: 2xx. */
static inline bool http_status_is_success(int status)
{
        return status >= 200 && status <= 299;
}

struct http_call {
        const char *url;              /* http or https; copied */
        struct http_headers *headers; /* may be NULL */
        const char *username;         /* not NULL: Basic; copied */
        const char *password;
        const void *post; /* not NULL: POST with this body, which must stay until the request has ended */
        size_t post_size;
        bool fresh_connection; /* do not use one that is open already */

        /*
         * Takes the next bytes of the decoded body of a 2xx answer. 0 to go on; a negative errno ends the
         * request with HTTP_STOPPED. NULL: the body goes to the excerpt. Must only record: no http_ function
         * may be called.
         */
        int (*on_body)(void *userdata, const void *data, size_t size);

        /*
         * The request goes out now, on a connection that was there; comes before on_body(). Not called for
         * the first request of a connection: when that arrives is known only once it is answered. May be
         * NULL. Requests may be started here, but not cancelled.
         */
        void (*on_sent)(void *userdata);

        /*
         * The one place where every request ends that is not cancelled. `end` is valid during the call.
         * Requests may be started and cancelled here, this one excepted: it is gone when on_end() returns.
         */
        void (*on_end)(void *userdata, const struct http_end *end);
        void *userdata;
};

/*
 * Starts a request. On success it is the client's; *ret_request (may be NULL) serves to cancel it and is
 * valid until on_end() is called. Whatever goes wrong with the network comes to on_end(). Returns -ENOMEM.
 */
int http_start(struct http_client *client, const struct http_call *call, struct http_request **ret_request);

/* Ends a request without calling on_end(). Takes NULL, returns NULL. Not from within on_body(). */
struct http_request *http_cancel(struct http_request *request);
