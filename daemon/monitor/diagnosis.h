/* SPDX-License-Identifier: MIT */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "model/failure.h"
#include "monitor/diagnosis_seen.h"
#include "monitor/request_counts.h"
#include "nexudus/classification.h"
#include "nexudus/nexudus.h"
#include "planning/feed_page.h"

struct monitor;
struct job_record;
struct planner_request;
struct request_slot;

/*
 * How the API behaves, for people who look for the cause of a problem. What is not known is asked for, by a
 * few requests within the rate limits: pages of the search with each value of `dir`, one job, and a batch
 * that has this job. Nothing that is read is observed or recorded.
 */

/* Requests of one diagnosis at most, those that are made again with a new token included. */
#define DIAGNOSIS_REQUESTS_MAX 8

struct diagnosis_answer {
        bool asked, answered;
        enum failure failure;
        bool blocked;                       /* see nexudus_response */
        char explanation[EXPLANATION_SIZE]; /* of the failure */
};

/* How the rows of a page follow each other by UpdatedOn. */
enum diagnosis_order {
        DIAGNOSIS_ORDER_UNKNOWN, /* too few different times */
        DIAGNOSIS_ORDER_NEWEST,  /* the newest first */
        DIAGNOSIS_ORDER_OLDEST,
        DIAGNOSIS_ORDER_NONE,
};

struct diagnosis_page {
        struct diagnosis_answer answer;
        enum diagnosis_order order;
        size_t rows;
        unsigned fields; /* see diagnosis_fields: of all rows together */
        bool has_total, has_number;
};

/* Fields of records, each of which is a bit. */
#define DIAGNOSIS_FIELDS 11
extern const char *const diagnosis_fields[DIAGNOSIS_FIELDS];

/* Jobs of the batch. */
#define DIAGNOSIS_IDS_MAX 25

struct diagnosis {
        struct diagnosis_page
                pages[FEED_DIRECTIONS]; /* by the value of `dir`, as feed_direction() counts them */
        bool known[FEED_DIRECTIONS];    /* the feed uses this one: the newest first */

        struct diagnosis_answer single;
        unsigned single_fields; /* that are not null */

        struct diagnosis_answer batch;
        unsigned batch_fields; /* of the same job */
        bool batch_has_job;
        size_t batch_rows;

        unsigned forms; /* of times, as bits of enum remote_time_form */
        bool fractions; /* some time has a part of a second */

        size_t id_count; /* jobs that are known; the first is the one that is read by itself */
        uint64_t ids[DIAGNOSIS_IDS_MAX];
};

/* ---- for a client ---- */

struct diagnosis_seen monitor_seen(const struct monitor *monitor);

/*
 * The result, which is returned once, or NULL: then a diagnosis is in progress or begins now. `on_end` is
 * called from the loop when it has ended. Borrowed until the next call.
 */
const struct diagnosis *monitor_diagnose(struct monitor *monitor, void (*on_end)(void *userdata),
                                         void *userdata);

/* ---- for the files of the monitor ---- */

/*
 * Whether a request of it is made now, which is to be started; see recent_next(). Ends it if the API cannot
 * be asked.
 */
bool diagnosis_next(struct monitor *monitor, bool may_send, uint64_t now_us,
                    struct planner_request *ret_request, uint64_t *wake_us);

/* Sends it, with these handlers for the slot. */
void diagnosis_send(struct request_slot *slot, nexudus_row_handler on_row, nexudus_handler on_response);

/* What it is counted by, while it is in flight. */
enum endpoint diagnosis_endpoint(const struct monitor *monitor);

/* A row of it. */
void diagnosis_take_row(struct request_slot *slot, const struct job_record *row);

/* It has ended: with a response, or it was cancelled and is to be sent again. */
void diagnosis_take_response(struct monitor *monitor, const struct nexudus_response *response);
void diagnosis_note_cancelled(struct monitor *monitor);

void diagnosis_clear(struct monitor *monitor);
