/* SPDX-License-Identifier: MIT */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <systemd/sd-event.h>

#include "config/config.h"
#include "journal/journal.h"
#include "monitor/recorder.h"
#include "monitor/session.h"
#include "nexudus/nexudus.h"
#include "planning/breaker.h"
#include "state/state.h"

/*
 * The heart: decides which job is asked for when, holds each answer against what is known, and hands news to
 * the recorder. Jobs are polled for as long as they are open.
 */
struct monitor;

struct monitor_parts {
        sd_event *event;
        struct nexudus *nexudus;
        struct session *session; /* NULL unless auth = password */
        struct state *state;
        struct recorder *recorder;
        struct journal *journal;
        const struct config *config;
        bool once;   /* each job is asked for once, and nothing is asked again */
        bool report; /* with once: say on standard output what was seen of each job */

        /*
         * Called, possibly repeatedly and from within any event of the loop, when the poller has nothing more
         * to do: each job has ended or, with `once`, has had its answer or will get none.
         */
        void (*on_idle)(void *userdata);
        void *userdata;
};

/* The parts are borrowed and must outlive the poller. Reads from the store what is known of each job. */
int monitor_new(const struct monitor_parts *parts, struct monitor **ret_poller);

/*
 * Takes over another configuration (which must stay until the next one or monitor_free()): jobs that are in
 * both go on as they were, new ones are started, those that are gone are stopped, their requests included. On
 * failure (a negative errno) all stays as it was.
 */
int monitor_reload(struct monitor *monitor, const struct config *config);

/*
 * The API is reached in another way from now on: cancels what is under way, which is asked again there. What
 * is `elsewhere`, at another server, has nothing to do with the trouble and the wishes of the one before.
 */
void monitor_set_api(struct monitor *monitor, struct nexudus *nexudus, struct session *session,
                     bool elsewhere);

/* For the session: a request is made for it; a renewal of the token has ended. */
void monitor_spend(struct monitor *monitor);
void monitor_take_sign_in(struct monitor *monitor, const struct token_result *answer);

/* Cancels what is under way. */
struct monitor *monitor_free(struct monitor *monitor);

/* Starts polling. on_idle() may come at once, from the loop, if all jobs have ended already. */
void monitor_start(struct monitor *monitor);

/* True if there is nothing more to do, as on_idle() says. */
bool monitor_is_idle(const struct monitor *monitor);

struct monitor_counts {
        size_t watched;
        size_t open; /* not ended as far as is known, those that were never seen included */
        size_t succeeded;
        size_t failed;     /* gone ones included */
        size_t unanswered; /* with `once`: no sensible answer came */
        enum outage outage;
        uint64_t next_us;    /* CLOCK_BOOTTIME of the next poll; USEC_NEVER if none is planned */
        unsigned spent_hour; /* requests in the last hour */
        uint64_t round_us; /* how long the limits make one look at every open job last; 0: they do not bind */
};

struct monitor_counts monitor_count(const struct monitor *monitor);
