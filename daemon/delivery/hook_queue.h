/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * What the halves of outbox.h share: outbox.c has the lanes, outbox_attempt.c what happens in one place of a
 * lane.
 */

#include "delivery/exec/exec.h"
#include "delivery/outbox.h"
#include "delivery/unit/unit.h"
#include "delivery/webhook/webhook.h"

/* Attempts under way for one hook. */
#define HOOK_CONCURRENCY 4

/* How long to wait before writing again what could not be written. */
#define RECORD_AGAIN_US (5 * USEC_PER_SEC)

struct hook_queue;

struct attempt {
        struct hook_queue *hook_queue; /* NULL: the place is free */
        struct delivery delivery;
        struct event event;
        char *document;
        struct hook_exec *exec;
        struct webhook_run *http;
        struct hook_unit *unit;
        bool ended; /* but not recorded yet */
        bool success;
        char *reason;
        uint64_t retry_after_us;
};

struct hook_queue {
        struct outbox *outbox;
        struct config *config; /* one more owner of what `hook` is in */
        const struct hook_config *hook;
        struct webhook *http;   /* of a url hook; NULL while its secret cannot be read */
        sd_event_source *timer; /* for what waits for its time, or to be recorded */
        struct attempt attempts[HOOK_CONCURRENCY];
        bool waiting;     /* there are deliveries that wait for their time */
        bool read_failed; /* they cannot be read, and that was said */
        bool retired;     /* of a configuration that is no longer in effect: nothing new is started */
};

struct outbox {
        struct outbox_parts parts;
        struct hook_queue **queues;
        size_t queue_count;
        struct unit_hooks *unit_hooks; /* NULL: there were no unit hooks so far */
        sd_event_source *wake;
        bool woken; /* something may be due */
        bool stopping;
};

/*
 * Starts an attempt in a free place. One that cannot even start has failed like any other. The delivery's
 * memory is taken.
 */
void attempt_start(struct attempt *attempt, struct hook_queue *hook_queue, struct delivery *delivery);

/*
 * Writes down how an attempt ended and frees its place. On failure (a negative errno) the place stays taken.
 */
int attempt_record(struct attempt *attempt);

/* Ends what is under way without a word and frees the place. */
void attempt_clear(struct attempt *attempt);

/* Has the lane looked after again after this span. */
void hook_queue_timer_set(struct hook_queue *hook_queue, uint64_t span_us);
