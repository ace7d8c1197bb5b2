/* SPDX-License-Identifier: MIT */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "model/event.h"
#include "model/record.h"
#include "state/store.h"

/*
 * Pages of what is recorded, to be shown. Functions and errors are as in store.h. A handler may move the
 * contents of a row out; it may call no function of the store. Its result 1 ends the iteration after this
 * row; a negative one does, and is returned. Damaged rows are left out.
 *
 * A page begins after the key `after`. Functions return 1 if there may be more rows, 0 if there are none, or
 * a negative errno. *ret_last is the key of the last row that was read, damaged or not; untouched
 * without one.
 */

/* ---- jobs ---- */

/* A job as last recorded. */
struct listed_job {
        struct job_record record; /* see store_list_jobs() */
        enum outcome outcome;
        uint64_t changed_us;   /* when the last change was recorded */
        uint64_t first_us;     /* when it was first recorded */
        uint64_t result_size;  /* of the whole result */
        bool has_event;        /* one is stored */
        enum event_kind event; /* the latest one */
        struct text sections;  /* that discovered it, separated by commas, or null */
};

void listed_job_clear(struct listed_job *job);

typedef int (*listed_job_handler)(void *userdata, struct listed_job *job);

/*
 * The jobs with ids up to `until`, by id, at most `max`. Of their records there are Status, Description and
 * the business, and the first LISTED_JOB_RESULT_MAX bytes of the result.
 */
#define LISTED_JOB_RESULT_MAX 4096

int store_list_jobs(struct store *store, uint64_t after, uint64_t until, size_t max, uint64_t *ret_last,
                    listed_job_handler handler, void *userdata);

/*
 * One job, with its whole record but user and e-mail, and at most `result_max` bytes of its result. Returns 1
 * and *ret_job, which the caller clears, or 0 if it is unknown.
 */
int store_get_listed_job(struct store *store, uint64_t id, size_t result_max, struct listed_job *ret_job);

/* `description` is borrowed, and may be null. */
typedef void (*duration_handler)(void *userdata, const struct text *description, uint64_t duration_us);

/*
 * How long the jobs took that have succeeded or failed, the latest first, at most `max`: from the first
 * record to the last change. Not listed are those that had ended at the first. Returns 0 or a negative errno.
 */
int store_list_durations(struct store *store, size_t max, duration_handler handler, void *userdata);

/* ---- events ---- */

#define LISTED_RESULT_MAX 200

/*
 * The events by sequence, at most `max`, with the first LISTED_RESULT_MAX bytes of each result and none of
 * the one before; result_size and result_before_size are the whole sizes, 0 for null. Only of `jobs`
 * (ascending), unless that is NULL.
 */
int store_list_events(struct store *store, uint64_t after, const uint64_t jobs[], size_t job_count,
                      size_t max, uint64_t *ret_last, event_handler handler, void *userdata);

/* The sequence of the newest event, and of the newest one that was pruned; 0: none. Returns 0 or an error. */
int store_event_range(struct store *store, uint64_t *ret_newest, uint64_t *ret_pruned);

/* ---- deliveries ---- */

struct listed_delivery {
        struct delivery delivery;
        struct text hook;  /* its name */
        struct text error; /* of the last attempt, or null */
        enum event_kind event;
        uint64_t sequence; /* of the event */
        bool failed;       /* otherwise it is pending */
};

/* A delivery has to match all that is given. */
struct delivery_filter {
        const char *state; /* "pending", "failed"; NULL: both */
        const char *hook;  /* NULL: any */
        uint64_t job;      /* 0: any */
};

typedef int (*listed_delivery_handler)(void *userdata, struct listed_delivery *delivery);

/* The deliveries that are pending or have failed, by id, at most `max`; none of some may be in many. */
int store_list_deliveries(struct store *store, uint64_t after, const struct delivery_filter *filter,
                          size_t max, uint64_t *ret_last, listed_delivery_handler handler, void *userdata);

/* How many deliveries of events of a job are pending, and how many have failed. Returns 0 or an error. */
int store_count_deliveries(struct store *store, uint64_t job, uint64_t *ret_pending, uint64_t *ret_failed);

/* ---- statuses ---- */

/* `status` is borrowed and not null. */
typedef void (*status_handler)(void *userdata, const struct text *status, uint64_t time_us);

/* The Status of each recorded job, by id, and when its last change was recorded. */
int store_list_job_statuses(struct store *store, uint64_t after, size_t max, uint64_t *ret_last,
                            status_handler handler, void *userdata);

/* The Status of each event, by sequence, and its time. */
int store_list_event_statuses(struct store *store, uint64_t after, size_t max, uint64_t *ret_last,
                              status_handler handler, void *userdata);
