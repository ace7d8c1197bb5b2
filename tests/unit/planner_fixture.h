/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Drives a planner in simulated time against a scripted API, as the monitor does: requests go out when the
 * planner hands them out and are answered after a latency. What was requested when is kept for the test to
 * judge. Include after cmocka.h.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "planning/planner.h"
#include "util/timespan.h"

#define START     (1000 * USEC_PER_SEC)
#define INTERVAL  (15 * USEC_PER_SEC)
#define LATENCY   (50 * USEC_PER_MSEC)
#define JOBS_MAX  10000
#define FIRST_ID  100
#define MIN       USEC_PER_MIN
#define SEC       USEC_PER_SEC
#define IN_FLIGHT 8

/* The API's view of one job. */
struct server_job {
        enum failure single; /* of single requests for it */
        enum failure batch;  /* of lists with it: batches and checks */
        bool too_large;      /* with FAILURE_UNEXPECTED */
        bool missing;        /* lists have no row for it */
        uint64_t retry_after_us;
        uint64_t latency_us; /* of single requests; 0: LATENCY */
        struct text status;  /* of its record */
        struct text result;
        struct text updated;
        char time[40]; /* the text of `updated`, if it changes */
        bool hidden;   /* the search does not show that it changes */
};

struct server {
        enum failure all;      /* of every request */
        enum failure lists;    /* of batches and checks */
        enum failure search;   /* of pages */
        bool unsorted;         /* pages are */
        bool whole_seconds;    /* in times of changes */
        size_t lists_from;     /* of those with so many ids or more; 0: of all */
        size_t too_large_from; /* a list of so many ids is too large; 0: none is */
        uint64_t retry_after_us;
        uint64_t failing_us; /* latency of all requests that fail; 0: as of others */
        struct server_job jobs[JOBS_MAX];
        size_t order[JOBS_MAX], listed; /* rows of the search, by index of their jobs */
};

/* A request that went out. */
struct sent {
        uint64_t at_us;
        uint64_t answered_us; /* 0: in flight */
        enum request_kind kind;
        bool probe;
        size_t count;
        uint64_t *ids; /* of `count` jobs */
        enum failure failure;
        enum attribution attribution; /* of a failure that was answered */
};

struct recorded_event {
        uint64_t at_us;
        uint64_t id;
        enum event_kind kind;
};

struct fixture {
        struct planner *planner;
        struct planner_job jobs[JOBS_MAX]; /* by id from FIRST_ID on; id 0: not in the planner */
        struct status_rules rules;
        struct server server;
        uint64_t now_us;
        uint64_t seed;
        unsigned opened; /* how often the breaker opened */
        struct in_flight {
                struct planner_request request;
                size_t sent; /* index + 1; 0: free */
                uint64_t due_us;
                struct planner_failure failure;
        } in_flight[IN_FLIGHT];
        struct sent *sent;
        size_t sent_count;
        struct recorded_event events[2 * JOBS_MAX];
        size_t event_count;
        size_t believed; /* rows of pages */
};

/* For cmocka: rules by which "Completed" is success. */
int planner_setup(void **state);
int planner_teardown(void **state);

/* For a test that has taken the requests from the fixture. */
void sent_free(struct sent *sent, size_t count);

/* What the API shows of a job, borrowed. */
struct job_record server_record(const struct fixture *fixture, const struct planner_job *job);

/* The record of a job is observed, and recorded. */
void observe_record(struct fixture *fixture, struct planner_job *job);

/* No limits but these; every job is polled at INTERVAL. */
struct planner_limits limits_of(unsigned batch_size);

/* A planner of `count` jobs with the ids from FIRST_ID on, none of them started; all are "Running". */
void make(struct fixture *fixture, const struct planner_limits *limits, size_t count);

/* The same with other settings, borrowed. */
void make_with(struct fixture *fixture, const struct planner_limits *limits, size_t count,
               const struct planner_settings *settings);

/* As make(), with limits_of() this batch size; all jobs are started, spread evenly over INTERVAL or at once.
 */
void start_spread(struct fixture *fixture, unsigned batch_size, size_t count);
void start_together(struct fixture *fixture, unsigned batch_size, size_t count);

/* A reload: the `count` jobs with the ids from `first` on remain, or are added and started; others are
 * removed. */
void reload(struct fixture *fixture, const struct planner_limits *limits, uint64_t first, size_t count,
            const struct planner_settings *settings);

/* Lets time pass. */
void run(struct fixture *fixture, uint64_t span_us);

/* Lets time pass until so many more requests went out, at most an hour; returns the last one. */
const struct sent *run_requests(struct fixture *fixture, size_t count);

/* Lets time pass until the breaker is open, or closed; fails after an hour. */
void run_until_open(struct fixture *fixture);
void run_until_closed(struct fixture *fixture);

bool is_open(const struct fixture *fixture);

/* All jobs fail alike, or not any more. */
void server_jobs_fail(struct fixture *fixture, size_t first, size_t count, enum failure failure);

bool sent_has(const struct sent *sent, uint64_t id);

/* Requests from number `from` on that poll the job; its position from the last one back, or NULL. */
size_t count_polls(const struct fixture *fixture, size_t from, size_t index);
const struct sent *last_poll(const struct fixture *fixture, size_t index);
size_t count_kind(const struct fixture *fixture, size_t from, enum request_kind kind);

/* The longest time from one poll of the job to the next, since request `from`. */
uint64_t longest_gap(const struct fixture *fixture, size_t from, size_t index);

size_t count_events(const struct fixture *fixture, size_t index, enum event_kind kind);
