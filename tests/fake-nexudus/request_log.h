/* SPDX-License-Identifier: MIT */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "buffer.h"

struct exchange;
struct request_log;

/* What is kept in memory of a request. */
struct log_entry {
        char *target; /* path and query, as sent */
        char *method;
        unsigned status;
        bool ended;
};

/* What somebody waits for. Strings may be NULL: any. */
struct log_wanted {
        char *path; /* glob */
        char *method;
        unsigned status; /* 0: any */
        uint64_t since;  /* only requests with a higher seq */
        bool arrivals;   /* counts requests that have arrived, not those that have been answered */
        uint64_t count;
};

struct log_waiter {
        struct log_waiter *next;
        struct log_wanted wanted; /* owned */
        struct exchange *exchange;
        uint64_t found, last_seq;
};

/* The requests within a sliding span, and the most there have been. */
struct log_peak {
        uint64_t tail, most;
};

enum { PEAK_SPACING, PEAK_MINUTE, PEAK_HOUR, PEAK_COUNT };

struct request_log {
        int fd; /* -1: none */
        uint64_t started;
        double time_scale;
        struct buffer line;
        uint64_t seq;   /* the last one's */
        uint64_t first; /* seq of entries[0], minus 1 */
        struct log_entry *entries;
        size_t count, room;
        uint64_t *arrivals; /* a ring: number n is at n % arrivals_room */
        uint64_t arrivals_room, arrivals_count;
        struct log_peak peaks[PEAK_COUNT];
        uint64_t answered, throttled, statuses[1000];
        struct log_waiter *waiters;
};

/* path may be NULL. Returns 0 or negative errno. */
int request_log_open(struct request_log *log, const char *path, uint64_t started);

/* Gives the request its number and counts it. Returns 0 or -ENOMEM. */
int request_log_arrived(struct request_log *log, struct exchange *exchange);

/* Writes the request's line. */
void request_log_ended(struct request_log *log, const struct exchange *exchange);

/* Empties the file, forgets all requests and counts; numbers go on. */
void request_log_reset(struct request_log *log);

/* Counts what there is. Takes the strings over, on failure too. NULL: no memory. When wanted.count is reached
 * later, the exchange's timer is set. The exchange frees the waiter. */
struct log_waiter *log_waiter_new(struct request_log *log, struct exchange *exchange,
                                  const struct log_wanted *wanted);
void log_waiter_free(struct request_log *log, struct log_waiter *waiter);

void request_log_release(struct request_log *log);
