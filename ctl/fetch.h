/* SPDX-License-Identifier: MIT */
#pragma once

#include <stdint.h>

#include "ctl/client.h"
#include "ctl/row.h"

/*
 * Lists of the service, which come in pages: a page may be short because its rows are long, and the one after
 * the last is empty. Each appends to the rows, prints an error, and returns the exit status of the process.
 */

/* IDs of a call at most; more are sent in several. */
#define CALL_IDS_MAX 1000

/* Those of the next call, if so many were in calls before: borrowed. */
struct id_list ids_of_call(const struct id_list *ids, size_t before);

struct job_filter {
        const char *state;         /* open, ended, failed or failing; NULL: any */
        const struct id_list *ids; /* NULL: any */
        char *const *patterns;     /* NULL-terminated; NULL: any */
        const char *const *keys;   /* that the rows have; NULL-terminated; NULL: all */
};

enum exit_status fetch_jobs(struct client *client, const struct job_filter *filter, struct rows *rows);

/*
 * The same without a message: returns 0, or a negative errno with the failure, to be cleared. Its `error` is
 * 0 if the reply was something else.
 */
int try_jobs(struct client *client, const struct job_filter *filter, struct rows *rows,
             struct call_failure *ret_failure);

/* One page of the events of these jobs (NULL: of all) after a sequence; `rows` may be NULL. */
struct event_page {
        uint64_t after; /* set to the last row, after which the next page begins */
        uint64_t limit; /* 0: as many as there may be */
        const struct id_list *jobs;
        uint64_t newest; /* set: the highest sequence that was ever recorded */
        bool gap;        /* set: events after `after` have been deleted, since they were old */
        size_t count;    /* set: rows that were added */
};

/* The call of a page, and reading the reply: a negative errno if it is something else, or not after `after`.
 */
sd_bus_message *event_page_call(struct client *client, const struct event_page *page);
int event_page_read(struct event_page *page, sd_bus_message *reply, struct rows *rows);

enum exit_status fetch_events(struct client *client, struct event_page *page, struct rows *rows);

/* Deliveries in a state, NULL: all. */
enum exit_status fetch_deliveries(struct client *client, const char *state, struct rows *rows);

/* The one row that a method with a filled call returns, which is taken; for row_clear(). */
enum exit_status fetch_row(struct client *client, sd_bus_message *call, struct row *ret_row,
                           sd_bus_message **ret_reply);

/* Appends all rows that it returns. */
enum exit_status fetch_rows(struct client *client, sd_bus_message *call, struct rows *rows);
