/* SPDX-License-Identifier: MIT */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "buffer.h"

struct exchange;
struct request_log;

/* The data of a request kept in memory. */
struct log_entry {
        char *target; /* path and query, as sent */
        char *method;
        unsigned status;
        bool ended;
};

/* The conditions of a waiter. NULL strings match any. */
struct log_wanted {
        char *path; /* glob */
        char *method;
        unsigned status; /* 0: any */
        uint64_t since;  /* only requests with a higher seq */
        bool arrivals;   /* counts requests on arrival, not when answered */
        uint64_t count;
};

struct log_waiter {
        struct log_waiter *next;
        struct log_wanted wanted; /* owned */
        struct exchange *exchange;
        uint64_t found, last_seq;
};

/* The number of requests within a sliding window, and its maximum. */
struct log_peak {
        uint64_t tail, most;
};

enum { PEAK_SPACING, PEAK_MINUTE, PEAK_HOUR, PEAK_COUNT };

struct request_log {
        int fd; /* -1: none */
        uint64_t started;
        double time_scale;
        struct buffer line;
        uint64_t seq;   /* of the last one */
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

/* Assigns a number to the request and counts it. Returns 0 or -ENOMEM. */
int request_log_arrived(struct request_log *log, struct exchange *exchange);

/* Writes the request's line. */
void request_log_ended(struct request_log *log, const struct exchange *exchange);

/* Empties the file and resets requests and counts; the numbering continues. */
void request_log_reset(struct request_log *log);

/*
 * Creates a waiter, counting past requests. Takes ownership of the strings, on failure too. Returns NULL when
 * out of memory. When wanted.count is reached later, the timer of the exchange is set. The exchange frees the
 * waiter.
 */
struct log_waiter *log_waiter_new(struct request_log *log, struct exchange *exchange,
                                  const struct log_wanted *wanted);
void log_waiter_free(struct request_log *log, struct log_waiter *waiter);

void request_log_release(struct request_log *log);
