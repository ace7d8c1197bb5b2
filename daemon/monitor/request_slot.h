/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * What the parts of poller.h share: poller.c asks, monitor_answers.c makes something of what is answered
 * about one job, monitor_rows.c of what is answered about several.
 */

#include "monitor/monitor.h"

#include "monitor/budget.h"
#include "planning/planner.h"

/* Requests under way at a time; more would not be answered sooner at 100 ms from one to the next. */
#define MAX_IN_FLIGHT 8

/* Of a job that is seen for the first time. */
struct first_observation {
        struct job_record record;
        struct observation observation;
        struct job_memory seen;
        bool taken; /* by the recorder */
};

/* What a row of a batch has shown, until the document is known to be whole. */
struct row {
        enum row_verdict verdict;
        uint64_t updated;                /* updated_on_digest() */
        struct first_observation *first; /* with ROW_FIRST and ROW_FIRST_WITHOUT_RESULT */
};

/* One request under way. */
struct slot {
        struct monitor *monitor; /* NULL: the place is free */
        struct planner_request request;
        struct nexudus_request *http;
        unsigned generation; /* of the session's token */
        bool sent;           /* the planner knows that it went out, or will not */
        struct row *rows;    /* of a batch, one a job */
        size_t expected;     /* where the next row is looked for first: they mostly come in order */
        bool seen_result;    /* some row had a ResultData */
};

struct monitor {
        struct monitor_parts parts;
        struct planner *planner;
        struct planner_settings *settings; /* one a job, as the jobs are in the configuration */
        struct budget budget;
        struct planner_request sign_in; /* the renewal that is under way */
        bool signing_in;                /* … if one is */
        uint64_t renew_again_us;        /* a renewal ahead of time failed: not before */
        struct slot slots[MAX_IN_FLIGHT];
        sd_event_source *timer;
        sd_event_source *idle; /* calls on_idle() from the loop */
        bool *answered;        /* `once`: one a job, with a sensible answer */
        bool fresh_connection; /* the last request timed out: do not trust the open connections */
};

/* The part of the poller that belongs to one configuration. */
struct plan {
        struct planner *planner;
        struct planner_settings *settings;
        bool *answered;
};

/*
 * Makes one for a configuration; its jobs know nothing yet. On failure what was made is left for
 * plan_clear().
 */
int plan_make(const struct monitor_parts *parts, const struct config *config, struct plan *plan);
void plan_clear(struct plan *plan);

/* Puts it into the poller, and leaves an empty one. */
void plan_take(struct monitor *monitor, struct plan *plan);

/* Fills in what the store knows of a job. */
int plan_recall(struct monitor *monitor, struct planner_job *job);

/* Begins to look at the job with that index, if there is reason to. */
void plan_start_job(struct monitor *monitor, size_t i);

/* It went out, or it is over without that. */
void slot_note_sent(struct slot *slot);

/* Has the API say when requests go out. */
void monitor_watch_api(struct monitor *monitor);

/* Frees the place of a request that is over. */
void slot_release(struct slot *slot);

/* CLOCK_BOOTTIME of this turn of the loop. */
uint64_t monitor_now_us(const struct monitor *monitor);

/* The configuration of a job. */
const struct job_config *monitor_job_config(const struct monitor *monitor, const struct planner_job *job);

/* A sensible answer about this job came. */
void monitor_note_answered(struct monitor *monitor, const struct planner_job *job);

/* With `once` and where reports are wanted: a line about the job on standard output. */
void monitor_report(const struct monitor *monitor, const struct planner_job *job, const char *format, ...)
        __attribute__((format(printf, 3, 4)));
void monitor_report_record(const struct monitor *monitor, const struct planner_job *job,
                           const struct text *status, enum outcome outcome);

/*
 * Whether requests can be made as far as the token goes; starts a renewal where it is time for one. If not,
 * or if the token has to be renewed later, *wake_us is brought forward to when to ask again.
 */
bool monitor_is_signed_in(struct monitor *monitor, uint64_t *wake_us);

/* The API as a whole did not answer a request. */
void monitor_take_outage(struct monitor *monitor, const struct planner_request *request, enum outage outage,
                         uint64_t retry_after_us, const char *explanation, const char *advice);

/* It did. */
void monitor_take_success(struct monitor *monitor, const struct planner_request *request);

/* Starts what is due. */
void monitor_poll_due(struct monitor *monitor);

/*
 * Makes something of the answer to a flight's request; the flight is over, but its request still there to be
 * read.
 */
void monitor_take_answer(struct monitor *monitor, struct slot *slot, const struct nexudus_response *answer);

/* Of a row that has just come in: judges it. */
void batch_take_row(struct slot *slot, struct job_record *record);

/* All rows are in and the document is whole. */
void batch_apply_rows(struct slot *slot);

/* Takes NULL, returns NULL. */
struct first_observation *first_observation_free(struct first_observation *first);

/* Frees what was kept of the rows. */
void batch_clear_rows(struct slot *slot);
