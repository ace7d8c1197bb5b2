/* SPDX-License-Identifier: MIT */
#pragma once

#include <microhttpd.h>

#include "fake.h"

/* One request and its answer. Exists from the request line until the answer has been sent or the connection
 * has ended. */
struct exchange {
        struct fake *fake;
        struct MHD_Connection *connection;
        char *target;      /* as sent: path and query */
        char *decoded;     /* the same, percent-decoded */
        char *path;        /* as sent, without the query */
        const char *query; /* within target; NULL if there is none */
        char *method;
        bool control;
        bool begun, arrived, resumed;
        struct buffer body;
        struct fault *fault;

        uint64_t seq; /* 0 for control requests */
        uint64_t arrived_at;
        uint64_t connection_number;
        unsigned status;    /* 0 until an answer was queued */
        uint64_t body_size; /* of an answer sent from memory */
        uint64_t sent;      /* of one sent in pieces */
        bool pieces;

        bool suspended;
        bool client_gone;
        struct loop_timer timer;
        struct loop_watch watch;
        struct exchange *next_suspended, *previous_suspended;
        struct log_waiter *waiter; /* of a waiting control request */
};

/* A request's header, or NULL. */
const char *exchange_header(const struct exchange *exchange, const char *name);

/*
 * Suspends the request until `until` (µs, monotonic; 0: for ever) or until its client hangs up, which sets
 * client_gone. Only to be called from callbacks of the HTTP daemon.
 */
void exchange_suspend(struct exchange *exchange, uint64_t until);

/* Resumes it. Not to be called from callbacks of the HTTP daemon: set its timer there. */
void exchange_resume(struct exchange *exchange);

/* The callbacks of the HTTP daemon. */
void *exchange_on_uri(void *userdata, const char *uri, struct MHD_Connection *connection);
enum MHD_Result exchange_on_request(void *userdata, struct MHD_Connection *connection, const char *url,
                                    const char *method, const char *version, const char *upload,
                                    size_t *upload_size, void **exchange);
void exchange_on_end(void *userdata, struct MHD_Connection *connection, void **exchange,
                     enum MHD_RequestTerminationCode how);
void exchange_on_connection(void *userdata, struct MHD_Connection *connection, void **number,
                            enum MHD_ConnectionNotificationCode what);

/* Resumes every suspended request, to end it. */
void exchanges_stop(struct fake *fake);
