/* SPDX-License-Identifier: MIT */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "http/http.h"
#include "model/record.h"

/*
 * The remote side: its endpoints, and what their answers mean. It decides nothing about jobs; it says what
 * was answered. Sources: the Nexudus developer documentation, BusinessBackgroundJob and "API limits".
 */
struct nexudus;
struct nexudus_request;

struct nexudus_settings {
        const char *base_url; /* without a trailing slash */
        const char *token;    /* bearer token; NULL for Basic, or if it is given by nexudus_set_token() */
        const char *username; /* NULL unless Basic */
        const char *password;
        size_t response_max; /* bytes; also bounds a single string of an answer */
};

/* `client` must outlive it. The settings are copied, secrets are wiped when freed. Returns -ENOMEM. */
int nexudus_new(struct http_client *client, const struct nexudus_settings *settings,
                struct nexudus **ret_nexudus);

/*
 * `on_sent` is called with a request's userdata as on_sent() of http.h is.
 */
void nexudus_set_sent_handler(struct nexudus *nexudus, void (*on_sent)(void *userdata));

/* From now on requests carry this bearer token. -ENOMEM, and the old one stays. */
int nexudus_set_token(struct nexudus *nexudus, const char *token);

/* Cancels what is under way. */
struct nexudus *nexudus_free(struct nexudus *nexudus);

/* What an answer means. */
enum nexudus_verdict {
        NEXUDUS_RECORD,     /* the record that was asked for */
        NEXUDUS_ROWS,       /* of several: the document is whole, and every row has been handed up */
        NEXUDUS_UNBATCHED,  /* of several: refused as such, which says nothing about any job */
        NEXUDUS_NOT_FOUND,  /* 404: there is no such record, at least now */
        NEXUDUS_UNEXPECTED, /* an answer that makes no sense for this job: no news, and no reason to think the
                        API is down */
        NEXUDUS_THROTTLED,  /* 409, 429, or a server error that names a time to wait */
        NEXUDUS_UNAUTHORIZED, /* 401, 403: wrong credentials, or the role is missing */
        NEXUDUS_UNREACHABLE,  /* no whole answer, or a server error */
};

struct nexudus_answer {
        enum nexudus_verdict verdict;
        enum http_outcome outcome;
        int status;                /* 0 if no answer came */
        uint64_t retry_after_us;   /* HTTP_RETRY_NONE if none was named */
        struct job_record *record; /* with NEXUDUS_RECORD: what is to be kept is stolen from it; else NULL */
        const char *explanation;   /* for a person, one line without a full stop; never NULL */
};

/*
 * Called once, from the event loop. The request is gone when it returns; others may be started and cancelled.
 */
typedef void (*nexudus_handler)(void *userdata, const struct nexudus_answer *answer);

/*
 * Asks for one job: GET /api/sys/businessbackgroundjobs/{id}, role BusinessBackgroundJob-Read.
 * `fresh_connection` is for the attempt after a time-out. Returns 0 or -ENOMEM; *ret_request serves to cancel
 * until the handler was called.
 */
int nexudus_get_job(struct nexudus *nexudus, uint64_t id, bool fresh_connection, nexudus_handler on_answer,
                    void *userdata, struct nexudus_request **ret_request);

/*
 * Called for each row as soon as it has come in, from within the reading of the body: nothing may be done but
 * to look and to steal from the record, and nothing may be believed before the handler says NEXUDUS_ROWS.
 */
typedef void (*nexudus_row_handler)(void *userdata, struct job_record *row);

/*
 * What the ids of one request for several jobs may take, in bytes with their commas: 1,900 of IIS' 2,048 of
 * query.
 */
#define NEXUDUS_IDS_MAX (1900 - sizeof("id=%5B%5D"))

struct nexudus_batch {
        const uint64_t *ids; /* copied */
        size_t count;
        bool brief; /* only Id, Status, ResultData and UpdatedOn of the rows are wanted */
        nexudus_row_handler on_row;
};

/*
 * Asks for several jobs: GET /api/sys/businessbackgroundjobs/?id=[…], same role. Rows may be missing,
 * partial, and in any order; a row may be of a job that was not asked for. As above.
 */
int nexudus_get_jobs(struct nexudus *nexudus, const struct nexudus_batch *batch, bool fresh_connection,
                     nexudus_handler on_answer, void *userdata, struct nexudus_request **ret_request);

/* Ends a request without calling its handler. Takes NULL, returns NULL. */
struct nexudus_request *nexudus_cancel(struct nexudus_request *request);
