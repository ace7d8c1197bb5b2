/* SPDX-License-Identifier: MIT */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "http/http.h"
#include "model/failure.h"
#include "model/record.h"
#include "nexudus/classification.h"

/*
 * The remote API: its job endpoints, and the classification of its responses. It makes no decision about
 * jobs. Sources: the Nexudus developer documentation, BusinessBackgroundJob and "API limits".
 */
struct nexudus;
struct nexudus_request;

struct nexudus_settings {
        const char *base_url; /* without a trailing slash */
        const char *token;    /* bearer token; NULL for Basic, or if it is set by nexudus_set_token() */
        const char *username; /* NULL unless Basic */
        const char *password;
        size_t response_max; /* bytes: body_max of the client, for messages */
};

/*
 * `client` must outlive it. The settings are copied; secrets are wiped when it is freed.
 */
struct nexudus *nexudus_new(struct http_client *client, const struct nexudus_settings *settings);

/* `on_sent` is called with a request's userdata under the rules of on_sent() in http.h. */
void nexudus_set_sent_handler(struct nexudus *nexudus, void (*on_sent)(void *userdata));

/* Later requests carry this bearer token, which is copied. */
void nexudus_set_token(struct nexudus *nexudus, const char *token);

/* Increases with each token, so that a refusal of an earlier one can be told from one of the present one. */
unsigned nexudus_token_generation(const struct nexudus *nexudus);

/* Cancels all requests in flight. Accepts NULL, returns NULL. */
struct nexudus *nexudus_free(struct nexudus *nexudus);

/*
 * Called once for each request, from the event loop, unless it is cancelled. The response is valid during
 * the call, the request is freed after it. Other requests may be started and cancelled.
 */
typedef void (*nexudus_handler)(void *userdata, const struct nexudus_response *response);

/*
 * Requests one job: GET /api/sys/businessbackgroundjobs/{id}, role BusinessBackgroundJob-Read. What is
 * returned serves to cancel it until the handler is called.
 */
struct nexudus_request *nexudus_get_job(struct nexudus *nexudus, uint64_t id, nexudus_handler on_response,
                                        void *userdata);

/*
 * Called for each row when it has been read, from within the reading of the body. It may only read the record
 * and steal from it; no other function may be called. The rows are valid only if the handler is then called
 * without a failure.
 */
typedef void (*nexudus_row_handler)(void *userdata, struct job_record *row);

/* The maximum size of the ids of a batch, with commas: 1,900 of the 2,048 bytes of query that IIS accepts. */
#define NEXUDUS_IDS_MAX (1900 - sizeof("id=%5B%5D"))

struct nexudus_batch {
        const uint64_t *ids;        /* copied */
        size_t count;               /* at least 1 */
        nexudus_row_handler on_row; /* not NULL */
};

/*
 * Requests several jobs: GET /api/sys/businessbackgroundjobs/?id=[…], same role. Rows may be missing,
 * partial, in any order, and of jobs that were not requested. Otherwise as nexudus_get_job().
 */
struct nexudus_request *nexudus_get_jobs(struct nexudus *nexudus, const struct nexudus_batch *batch,
                                         nexudus_handler on_response, void *userdata);

enum nexudus_order {
        NEXUDUS_BY_UPDATED_ON,
        NEXUDUS_BY_CREATED_ON,
};

struct nexudus_search {
        enum nexudus_order order;
        int direction;     /* the value of dir: documented as 1, -1 on one page and as 0, 1 on another */
        unsigned page;     /* from 1 */
        unsigned size;     /* rows, at least 1 */
        uint64_t business; /* only jobs of this location, which may be ignored; 0: of all */
        nexudus_row_handler on_row; /* not NULL */
};

/*
 * Requests a page of all jobs: GET /api/sys/businessbackgroundjobs?page=…, role BusinessBackgroundJob-List.
 * A success shows that the document is a page, and nothing more: its rows may be
 * partial, in any order and of another page, and twice as many as requested are accepted. It may be answered
 * with FAILURE_NOT_FOUND, which says nothing about any job. Otherwise as nexudus_get_job().
 */
struct nexudus_request *nexudus_search(struct nexudus *nexudus, const struct nexudus_search *search,
                                       nexudus_handler on_response, void *userdata);

/* Ends a request without calling its handler. Accepts NULL, returns NULL. */
struct nexudus_request *nexudus_cancel(struct nexudus_request *request);
