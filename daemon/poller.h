/* SPDX-License-Identifier: MIT */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <systemd/sd-event.h>

#include "api/nexudus.h"
#include "config/config.h"
#include "core/retry.h"
#include "host/journal.h"
#include "recorder.h"
#include "session.h"
#include "store/store.h"

/*
 * The heart: decides which job is asked for when, holds each answer against what is known, and hands news to
 * the recorder. Jobs are polled for as long as they are open.
 */
struct poller;

struct poller_parts {
        sd_event *event;
        struct nexudus *nexudus;
        struct session *session; /* NULL unless auth = password */
        struct store *store;
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
int poller_new(const struct poller_parts *parts, struct poller **ret_poller);

/*
 * Takes over another configuration (which must stay until the next one or poller_free()): jobs that are in
 * both go on as they were, new ones are started, those that are gone are stopped, their requests included. On
 * failure (a negative errno) all stays as it was.
 */
int poller_reload(struct poller *poller, const struct config *config);

/*
 * The API is reached in another way from now on: cancels what is under way, which is asked again there. What
 * is `elsewhere`, at another server, has nothing to do with the trouble and the wishes of the one before.
 */
void poller_set_api(struct poller *poller, struct nexudus *nexudus, struct session *session, bool elsewhere);

/* For the session: a request is made for it; a renewal of the token has ended. */
void poller_spend(struct poller *poller);
void poller_take_sign_in(struct poller *poller, const struct token_answer *answer);

/* Cancels what is under way. */
struct poller *poller_free(struct poller *poller);

/* Starts polling. on_idle() may come at once, from the loop, if all jobs have ended already. */
void poller_start(struct poller *poller);

/* True if there is nothing more to do, as on_idle() says. */
bool poller_is_idle(const struct poller *poller);

struct poller_counts {
        size_t watched;
        size_t open; /* not ended as far as is known, those that were never seen included */
        size_t succeeded;
        size_t failed;     /* gone ones included */
        size_t unanswered; /* with `once`: no sensible answer came */
        enum health_trouble trouble;
        uint64_t next_us;    /* CLOCK_BOOTTIME of the next poll; USEC_NEVER if none is planned */
        unsigned spent_hour; /* requests in the last hour */
        uint64_t round_us; /* how long the limits make one look at every open job last; 0: they do not bind */
};

struct poller_counts poller_count(const struct poller *poller);
