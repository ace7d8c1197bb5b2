/* SPDX-License-Identifier: MIT */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "config/config.h"
#include "model/failure.h"
#include "monitor/parts.h"
#include "monitor/request_counts.h"
#include "monitor/session.h"
#include "nexudus/nexudus.h"

/*
 * Polls the configured jobs until they end, compares each observation with what is recorded, and hands
 * changes to the recorder.
 */
struct monitor;

/* Loads from the state what is recorded of each job, before state_start(). Returns 0 or a negative errno. */
int monitor_new(const struct monitor_parts *parts, struct monitor **ret_monitor);

/*
 * Cancels requests in flight, except for a sign-in, whose tokens are stored if the response comes in time,
 * and sends no more; on_idle() is not called again. Other functions may still be called and do nothing.
 */
void monitor_stop(struct monitor *monitor);

/* Cancels requests in flight. No change is being recorded any more. Takes NULL, returns NULL. */
struct monitor *monitor_free(struct monitor *monitor);

/* Starts polling. To be called before state_start(). on_idle() is called from the loop if all jobs have ended
 * already. */
void monitor_start(struct monitor *monitor);

/* may_send() was false, and is true again. */
void monitor_resume(struct monitor *monitor);

/*
 * Prepares the switch to another configuration, in two steps: which jobs are new, and then, on the writer's
 * thread, what is recorded of new jobs. monitor_reload() or monitor_keep() is to follow; the monitor goes on
 * meanwhile.
 */
void monitor_prepare(struct monitor *monitor, const struct config *config);
int monitor_load(struct monitor *monitor, struct store *store);

/*
 * Switches to the configuration, which must stay valid until the next switch or monitor_free(). Jobs that are
 * in both continue as they were, new ones are started, removed ones are stopped and their requests cancelled.
 */
void monitor_reload(struct monitor *monitor);

/* The configuration stays after all. */
void monitor_keep(struct monitor *monitor);

/*
 * Switches to another API client. Requests in flight are cancelled and sent again through the new one. With
 * `other_server` what was learned of the old server is forgotten.
 */
void monitor_set_api(struct monitor *monitor, struct nexudus *nexudus, struct session *session,
                     bool other_server);

/* Callbacks of the session: a sign-in request is about to be sent; a sign-in has completed; a request of it
 * has. */
void monitor_spend(struct monitor *monitor);
void monitor_take_sign_in(struct monitor *monitor, const struct token_result *result);
void monitor_count_sign_in(struct monitor *monitor, enum failure failure, uint64_t duration_us);

/* True if nothing is left to poll or to record, and no new job is awaited (see on_idle()). */
bool monitor_is_idle(const struct monitor *monitor);

struct monitor_counts {
        size_t watched;
        size_t open; /* not ended as far as is known, including jobs that were never observed */
        size_t succeeded;
        size_t failed;               /* including gone */
        size_t gone;                 /* of these */
        size_t unanswered;           /* with `once`: jobs without a usable response */
        size_t not_found;            /* with `once`: jobs that do not exist */
        size_t unrecorded;           /* with `once`: changes that could not be recorded */
        enum failure search_failure; /* with `once`: of a page of the search; FAILURE_NONE: none */
        int report_error;            /* with `once`: a negative errno if the report could not be written */
        size_t failing;              /* open jobs that cannot be polled, though the API works */
        enum failure failure;        /* of the API as a whole, or FAILURE_THROTTLED; FAILURE_NONE: none */
        bool blocked;                /* FAILURE_REFUSED: by something in front of the API */
        uint64_t retry_us;           /* with a failure: CLOCK_BOOTTIME of the next attempt */
        uint64_t next_us;            /* CLOCK_BOOTTIME of the next poll; USEC_NEVER if none is scheduled */
        uint64_t lag_us;             /* how long the most overdue poll has been due */
        uint64_t started_us;         /* CLOCK_BOOTTIME of the start: requests of earlier runs are not known */
        unsigned spent_minute;       /* requests in the last minute, */
        unsigned spent_hour;         /* hour, */
        unsigned spent_day;          /* and day */
        uint64_t round_us; /* time the rate limits need to find out about every open job; 0: no limits */
        bool feed_works;   /* jobs are polled in sweeps only */
        const char *discovery_problem; /* why no new jobs are found; NULL: they are. Borrowed */
        const char *login; /* what to run, since there is no token, or soon will be none; NULL: nothing.
                              Borrowed */
        bool login_is_due; /* there is still a token */
        uint64_t token_expires_us;   /* CLOCK_REALTIME; 0: there is none, or it is not known */
        uint64_t refresh_expires_us; /* likewise of the refresh token */
        const char *feed_problem;    /* why the feed is off though it is wanted; NULL: it is not. Borrowed */
};

struct monitor_counts monitor_count(const struct monitor *monitor);

/* Borrowed. The counts go on, whatever is reloaded. */
const struct request_counts *monitor_request_counts(const struct monitor *monitor);
