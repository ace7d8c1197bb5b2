/* SPDX-License-Identifier: MIT */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <systemd/sd-event.h>

#include "config/config.h"
#include "monitor/diagnosis_seen.h"
#include "monitor/discover_sections.h"
#include "monitor/failing.h"
#include "monitor/job_changes.h"
#include "monitor/job_table.h"
#include "monitor/login_result.h"
#include "monitor/manual_jobs.h"
#include "monitor/parts.h"
#include "monitor/request_counts.h"
#include "monitor/request_slot.h"
#include "nexudus/classification.h"
#include "planning/api_events.h"
#include "planning/created_round.h"
#include "planning/planner.h"
#include "util/marked_set.h"
#include "util/timespan.h"

/* See outage.h. */
struct outage_log {
        bool logged;                        /* the present outage, or one that ended less than 10 s ago */
        enum failure failure;               /* as logged */
        bool blocked;                       /* of the last failure: by something in front of the API */
        uint64_t since_us;                  /* of its beginning; 0: there is none */
        uint64_t ended_us;                  /* while `recovery` is armed */
        uint64_t throttled_us;              /* of the last line about throttling; 0: none yet */
        char explanation[EXPLANATION_SIZE]; /* of the last failure */
        sd_event_source *recovery;          /* NULL until it is needed */
        sd_event_source *reminder;          /* likewise */
};

/* See outage_events.h. */
struct outage_events {
        struct api_events events;
        struct api_events_kept kept;    /* in the state, or on its way there */
        bool is_kept;                   /* that is known */
        bool is_resumed;                /* the outage began in an earlier run */
        bool recording;                 /* an event is being recorded: */
        enum event_kind kind;           /* this one */
        uint64_t retry_us;              /* CLOCK_BOOTTIME: none is recorded before */
        char lasted[TIMESPAN_TEXT_MAX]; /* how long the outage has lasted; "": not known */
        sd_event_source *timer;         /* NULL until it is needed */
};

struct recent_search;
struct diagnosis_run;
struct lookup;

/* IDs that are known to be of no new job. If there are more, all are looked up again; a day brings fewer. */
#define KNOWN_IDS_MAX 100000

/* What is known of new jobs: see discover.h, and discover_created.h for the last part. */
struct discover {
        struct discover_sections sections;
        struct marked_set known; /* IDs of jobs that are not watched and need not be looked up, marked with
                                  * their CreatedOn as ticks */
        size_t looking_up;       /* rows that are being looked up in the state */
        struct lookup *failed_lookups; /* of these: they are repeated at `retry_us` */
        uint64_t retry_us;             /* USEC_NEVER: there is none */
        unsigned resets;               /* how often another API was taken */
        size_t unrecorded;             /* jobs in the table whose first event is not recorded */
        size_t watched;                /* discovered jobs in the table */
        size_t succeeded, failed;      /* that have ended and are in the table no more */
        size_t gone;                   /* of those that have failed */
        bool limit_logged;
        bool unsaved;          /* a first round is over, and the state does not know that */
        bool in_feed_round;    /* between two pages of one */
        bool some_ended;       /* jobs of the table are to be taken out */
        uint64_t taken_out_us; /* when that was done last */

        struct created_round round;
        uint64_t due_us;    /* of the round that is wanted in any case; USEC_NEVER: none is */
        uint64_t ended_us;  /* when a round ended last */
        uint64_t wanted_us; /* as the planner was told; USEC_NEVER: no page */
        bool form_differs;  /* some row's CreatedOn has another form than those before */
        bool round_failed;  /* the last one: that was logged */
};

/* See recent.h. */
struct recent_searches {
        struct recent_search *first; /* the one in progress, then those that wait */
        size_t count;
        size_t direction;  /* which of the values of `dir` */
        uint64_t share_us; /* by when their share of the request rate has paid for their pages */
};

/* See login.h. */
struct login {
        login_handler handler; /* NULL: nobody waits for one */
        void *userdata;
        uint64_t deadline_us;  /* CLOCK_BOOTTIME: until then it may wait to be sent */
        bool is_needed_logged; /* that a login is needed */
        bool is_due_logged;    /* that one will be needed soon */
};

/* The state of a monitor, shared by the files that implement it. Other components include monitor.h only. */
struct monitor {
        struct monitor_parts parts;
        struct planner *planner;
        struct job_table jobs;
        struct job_changes changes;  /* prepared by monitor_prepare(); otherwise empty */
        struct manual_jobs manual;   /* what was asked for at run time: see manual.h */
        unsigned reloads;            /* how often the configuration was replaced */
        struct job_request *waiting; /* those that are committed, and wait for the end of a reload */
        sd_event_source *expiry;     /* of added jobs that have ended; NULL: none was added */
        bool rereads;                /* there may be some that are to be read once more */
        struct request_slot slots[MAX_IN_FLIGHT];
        struct request_counts request_counts;
        struct discover discover;
        struct recent_searches recent;
        struct diagnosis_run *diagnosis; /* in progress, or the last one; NULL: none yet */
        uint64_t diagnosis_share_us;     /* see recent.share_us */
        struct diagnosis_seen seen;
        struct login login;
        struct outage_log outage;
        struct outage_events outage_events;
        struct failing_log *failing;
        char batch_failure[EXPLANATION_SIZE]; /* of the last failed batch; "": one was answered since */
        bool batch_too_large;                 /* it was */
        enum failure search_failure;          /* with `once`: of a page that failed */
        bool search_token_renewed;            /* because a page was refused, and none was answered since */
        bool feed_off_logged;                 /* that the feed is off */
        bool search_refused_logged;           /* that no new jobs are found, without the feed */
        uint64_t feed_saved_us;               /* when its position was saved last */
        int64_t feed_saved_ticks;             /* that position */
        int report_error;  /* negative errno of the first line of the report that was not written; 0: none */
        size_t commits;    /* changes that are being recorded */
        size_t unrecorded; /* changes that could not be recorded, whether they were later or not */
        size_t not_found;  /* with `once`: jobs that were answered 404 or 410 */
        uint64_t started_us; /* CLOCK_BOOTTIME of monitor_start() */
        bool stopped;        /* no request is sent any more */

        struct planner_request sign_in; /* the sign-in in progress */
        bool signing_in;                /* there is one */
        uint64_t renew_again_us; /* CLOCK_BOOTTIME: no early renewal before this, since the last one failed */

        sd_event_source *timer;
        sd_event_source *idle; /* calls on_idle() from the loop */

        /* Sends the requests that are due. For the files below monitor.c, which call it after a response. */
        void (*poll_due)(struct monitor *monitor);
};

/* CLOCK_BOOTTIME of this iteration of the loop, in microseconds. */
uint64_t monitor_now_us(const struct monitor *monitor);

/*
 * A job becomes one of the table and of the planner. It is not started. Its id is in neither.
 */
void monitor_add_job(struct monitor *monitor, struct job *job);

/* Requests that are due are sent in the next iteration of the loop, and idleness is noticed. */
void monitor_poll_soon(struct monitor *monitor);

/*
 * With `once` and `report`: prints a line about the job on standard output; otherwise does nothing. An error
 * is kept in report_error.
 */
void monitor_report(struct monitor *monitor, const struct job *job, const char *format, ...)
        __attribute__((format(printf, 3, 4)));

/*
 * Loads a job from the state and adds it to the jobs, before state_start(). Otherwise it is freed; if what is
 * recorded of it is damaged, that is logged. Returns 0, or another negative errno.
 */
int monitor_load_job(struct monitor *monitor, struct job *job);

/* What the configuration allows the planner: at most `max_in_flight` requests at a time. */
struct planner_limits poll_limits_of(const struct config *config, unsigned max_in_flight, bool once);
