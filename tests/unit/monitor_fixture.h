/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * The monitor with a real state and its writer's thread, against an API in the same event loop. Link with
 * monitor_fixture.c, and what it takes in meson.build.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "app/reload.h"
#include "journal_capture.h"
#include "loopback.h"
#include "state_fixture.h"
#include "util/timespan.h"

#define JOBS 20

/* A job of the account, for the search. Times are ISO without a zone. */
struct account_job {
        unsigned id;
        const char *created, *updated, *description, *status;
        bool is_brief;  /* the search omits the description */
        unsigned polls; /* single ones */
};

#define ACCOUNT_JOBS 40

struct monitor_test {
        sd_event *event;
        struct fixture *files; /* only the directory is used */
        struct loopback *server;
        struct journal *journal;
        struct state *state;
        struct outbox *outbox;
        struct daemon_options options;
        struct parts parts; /* the configuration, the connection, and what a reload uses */
        struct recorder *recorder;
        struct monitor *monitor;
        struct reload *reload;

        /* What the API answers, by the id of a job. */
        const char *status[JOBS + 1];             /* the Status; NULL: "Running" */
        const char *failure[JOBS + 1];            /* not NULL: this HTTP status to a single request */
        bool is_withheld[JOBS + 1];               /* nothing yet to a single request */
        struct loopback_peer *withheld[JOBS + 1]; /* the last such request */
        const char *all, *headers;                /* to every request; NULL: as above */

        /* Other jobs of the account, in no order. Without any the search has no rows. */
        struct account_job account[ACCOUNT_JOBS];
        size_t account_count;
        const char *search_failure[2]; /* by UpdatedOn, by CreatedOn; not NULL: this HTTP status */
        size_t created_max;            /* not 0: larger pages by CreatedOn fail */
        bool loses_large;              /* answers larger pages than 25 rows, by UpdatedOn, with another */

        unsigned requests, polls[JOBS + 1]; /* all, and single ones of each job */
        unsigned searches[2];               /* by UpdatedOn, by CreatedOn */
        unsigned idle, reloads, refusals;
        bool has_new_token; /* once */

        struct state_operation hold, limit;
        int gate;
        uint64_t max_size;
        unsigned held; /* hold and limit operations that are done */
};

struct monitor_options {
        const char *jobs; /* "1, 2"; NULL: none */
        const char *path; /* of base_url; NULL: none */
        const char *more; /* lines of the configuration; NULL: none */
        bool once;        /* --once */
        int level;        /* of the log: LOG_ERR, … */
};

/* For cmocka: jobs 1 and 2 are polled one by one at 100 ms without limits, and have been seen. */
int monitor_setup(void **state);
int monitor_teardown(void **state);

/* With other jobs, nothing of which was polled yet. */
void monitor_begin(void **state, const struct monitor_options *options);

/* The run ends, and the next one continues with its state. */
void monitor_restart(void **state, const struct monitor_options *options);

/* Answers a request that was withheld. */
void monitor_answer(struct monitor_test *test, size_t job);

void wait_for_polls(struct monitor_test *test, size_t job, unsigned more);

/* Waits until there are this many log entries. */
void wait_for_entries(const struct monitor_test *test, unsigned count);

/* Answers the next poll of job 1 or 2 with another Status, and waits until that is on its way to the disk. */
void change(struct monitor_test *test, size_t job, const char *status);

/* The writer does not go on until release(), as with a slow disk. */
void hold(struct monitor_test *test);
void release(struct monitor_test *test);

/* With a size of 1 nothing can be recorded; 0: no limit. */
void limit(struct monitor_test *test, uint64_t size);

void reload_to(struct monitor_test *test, const char *jobs);

/* The same with other lines, which are as in struct monitor_options. */
void reload_to_options(struct monitor_test *test, const struct monitor_options *options);
