/* SPDX-License-Identifier: MIT */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "model/watch.h"
#include "planning/breaker.h"
#include "planning/queue.h"
#include "planning/rate_limiter.h"

/*
 * Which request is to be made next, and what an answer means for the requests after it. Pure: time
 * (CLOCK_BOOTTIME, microseconds) and chance (any 64-bit number) are arguments, so that a month of polling
 * runs as a test in milliseconds.
 *
 * The caller asks planner_next() for requests until there is none, makes them, and hands every answer to
 * exactly one of the planner_take_…() functions. Jobs and the arrays in requests are the planner's.
 */
struct planner;

/* How one job is watched. The caller's, and must outlive the planner. */
struct planner_settings {
        uint64_t interval_us;
        uint64_t max_interval_us;
        uint64_t stalled_after_us;
        uint64_t result_wait_us;
};

struct planner_job {
        struct queue_entry entry; /* must be first: schedules hand it back */
        uint64_t id;
        const struct planner_settings *settings;
        struct job_watch watch;
        uint64_t pace_us;                   /* from the last look to the next */
        uint64_t polled_us;                 /* when it was last asked for singly */
        uint64_t updated;                   /* updated_on_digest() last seen */
        unsigned char unexpected_responses; /* in a row */
        unsigned char fruitless_confirms; /* closer looks in a row that a new UpdatedOn alone led to, and that
                                     showed nothing new */

        bool confirm : 1;          /* is to be looked at singly, before others */
        bool updated_on_moved : 1; /* … because of its UpdatedOn alone */
        bool result_missing : 1;   /* … because its row had no ResultData */
        bool status_missing : 1;   /* … because its row had no Status */
        bool unbatchable : 1;      /* is not to be asked for in batches: it was missing or odd there */
        bool adopted : 1;          /* taken over from another planner */
        bool done : 1;             /* nothing more is asked: it has ended, or the one round is over for it */
};

#define PLANNER_BATCH_MAX 100

struct planner_request {
        bool batch; /* even of one job; else jobs[0] singly */
        bool probe; /* the one request of troubled times */
        size_t count;
        struct planner_job *jobs[PLANNER_BATCH_MAX];
};

struct planner_limits {
        struct rate_limiter_limits rate_limiter;
        unsigned max_in_flight; /* requests under way at a time */
        unsigned batch_size;    /* ids in a request; below 2: no batches */
        size_t batch_bytes;     /* of all ids in a request with their commas */
        uint64_t probe_cap_us;  /* the longest distance between probes */
        bool reports_sent; /* planner_note_sent() is called for each request: spacing counts from there */
        bool once; /* each job is looked at once (more closely if need be), and nothing is tried again */
};

/* -ENOMEM. */
int planner_new(const struct planner_limits *limits, const struct status_rules *rules, size_t job_count,
                struct planner **ret_planner);
struct planner *planner_free(struct planner *planner);

/*
 * Takes up the work of another planner, as after a reload: the API's health, what is spent, what is known of
 * batches, and the count of what is under way. Jobs are matched by their ids: those that both have go on as
 * they were, under the new settings; the new ones are the caller's to fill in and to start. Requests under
 * way point at the old planner's jobs: the caller looks up the new ones with planner_find_job(), and then
 * frees the old planner. -ENOMEM, and nothing has happened.
 */
int planner_adopt(struct planner *planner, const struct planner *old, uint64_t now_us);

/* The API is another one: its health is not known yet. No request is under way. */
void planner_reset_breaker(struct planner *planner);

/* After planner_adopt(): the job of that id, or NULL. */
struct planner_job *planner_find_job(struct planner *planner, uint64_t id);

/* The planner's jobs, for the caller to fill in id, settings and watch before planner_start() of each. */
struct planner_job *planner_jobs(struct planner *planner);

/* Begins to look at a job, at once or after a span. */
void planner_start(struct planner *planner, struct planner_job *job, uint64_t now_us, uint64_t span_us);

/* ---- asking ---- */

/*
 * The request that is to be made now, if there is one: it counts as made, and its jobs as under way. Returns
 * false if there is none; *ret_wake_us is then when to ask again (USEC_NEVER: after the next answer, or
 * never).
 */
bool planner_next(struct planner *planner, uint64_t now_us, struct planner_request *ret_request,
                  uint64_t *ret_wake_us);

/* The earliest time at which a sign-in may go out; USEC_NEVER while a probe is under way. */
uint64_t planner_sign_in_at(const struct planner *planner, uint64_t now_us);

/* No request before this time: the API asked for it, in an earlier run. */
void planner_pause(struct planner *planner, uint64_t until_us);

/*
 * A sign-in goes out: a request without jobs, that ends like any other. What it spends is said with
 * planner_spend().
 */
void planner_begin_sign_in(struct planner *planner, struct planner_request *ret_request);

/* A request is made that planner_next() did not ask for. */
void planner_spend(struct planner *planner, uint64_t now_us);

/*
 * With reports_sent: a request goes out now, or will not any more. Between planner_next() and this call a
 * connection may have to be made, which takes its time, and what counts for the distance of two requests is
 * when they arrive; so meanwhile no other is asked for.
 */
void planner_note_sent(struct planner *planner, uint64_t now_us);

/* A request that was not made, or was cancelled: its jobs are due again. */
void planner_abort(struct planner *planner, const struct planner_request *request, uint64_t now_us);

/* Nothing is planned or under way any more. */
bool planner_is_idle(const struct planner *planner);

/* ---- answers ---- */

/*
 * A request was answered, whatever with. To be called first, once a request that was made; then the function
 * below that fits the answer, for each of its jobs.
 */
void planner_end_request(struct planner *planner, const struct planner_request *request, uint64_t now_us);

/*
 * The API answered sensibly. Returns true if that ended a trouble of *ret_lasted_us.
 */
bool planner_take_success(struct planner *planner, const struct planner_request *request, uint64_t now_us,
                          uint64_t *ret_lasted_us);

/*
 * The API as a whole did not answer: all jobs of the request are due again, except with `once`. Returns true
 * if this is a new trouble.
 */
bool planner_take_outage(struct planner *planner, const struct planner_request *request, enum outage outage,
                         uint64_t retry_after_us, uint64_t now_us, uint64_t random);

/* It says nothing, neither of the API nor of its jobs, and is to be made again: the token had expired. */
void planner_requeue(struct planner *planner, const struct planner_request *request, uint64_t now_us);

/*
 * A record came: of a single request, or a row that was judged ROW_FIRST or ROW_FIRST_WITHOUT_RESULT. If
 * sight.change is news, it is to be recorded; if it reads a result, that is to be kept. In any case
 * planner_complete() follows, and is told whether that succeeded.
 */
struct observation planner_take_record(struct planner *planner, struct planner_job *job,
                                       const struct job_record *record, uint64_t now_us);

/* A single request was answered 404. As above. */
struct observation planner_take_not_found(struct planner *planner, struct planner_job *job, uint64_t now_us);

/* Ends what planner_take_record() or planner_take_not_found() began. `seen` is job_memory_of() the record. */
void planner_complete(struct planner *planner, struct planner_job *job, const struct observation *observation,
                      bool recorded, const struct job_memory *seen, uint64_t now_us, uint64_t random);

/* A single request was answered with something that makes no sense for this job. */
void planner_take_unexpected(struct planner *planner, struct planner_job *job, uint64_t now_us,
                             uint64_t random);

/* ---- batches ---- */

/*
 * What a row of a batch shows. Judged while the body comes in, and applied only when the document was whole.
 */
enum row_verdict {
        ROW_MISSING = 0,    /* there was no row for the job */
        ROW_UNCHANGED,      /* nothing new */
        ROW_CONFIRM,        /* it may have changed: look singly before that is believed */
        ROW_RESULT_MISSING, /* the same, because the row has no ResultData where there was some */
        ROW_STATUS_MISSING, /* the same, because it has no Status where there was one */
        ROW_UPDATED, /* the same, because UpdatedOn alone differs, and the row may leave out what has changed
                      */
        ROW_FIRST,   /* first sight of an open job, and the row is complete: it can be taken for a record */
        ROW_FIRST_WITHOUT_RESULT, /* … and but for ResultData, of which it says nothing, it can be taken for a
                        record without one: has_result is false in what is recorded */
};

enum row_verdict planner_judge_row(const struct planner *planner, const struct planner_job *job,
                                   const struct job_record *row, uint64_t now_us);

/*
 * A batch was answered with a whole document; with results if some row had a ResultData: then a null in rows
 * is a null.
 */
void planner_take_batch(struct planner *planner, bool with_results);

/*
 * Applies a verdict other than ROW_FIRST and ROW_FIRST_WITHOUT_RESULT, whose record goes to
 * planner_take_record(). `updated` is updated_on_digest() of the row.
 */
void planner_apply_row(struct planner *planner, struct planner_job *job, enum row_verdict verdict,
                       uint64_t updated, uint64_t now_us, uint64_t random);

/*
 * A batch was refused as such (400, 403, 404, 405, 414) or made no sense: singles for a while, then one batch
 * is tried again.
 */
void planner_disable_batches(struct planner *planner, const struct planner_request *request, uint64_t now_us);

/* The answer to a batch was larger than can be taken: fewer at a time from now on. Its jobs are due again. */
void planner_halve_batches(struct planner *planner, const struct planner_request *request, uint64_t now_us);

/*
 * With `once`: nothing more is asked, since nothing would be answered. Calls back for each job that is left
 * out.
 */
void planner_abandon(struct planner *planner, void (*abandoned)(void *userdata, struct planner_job *job),
                     void *userdata);

/* ---- looking at it ---- */

struct rate_limiter *planner_governor(struct planner *planner);
const struct breaker *planner_breaker(const struct planner *planner);

/* True while batches are in use. */
bool planner_batches(const struct planner *planner);

/*
 * How long one look at each of so many jobs takes in the long run, as far as the limits go; 0 without limits.
 */
uint64_t planner_round_us(const struct planner *planner, size_t jobs);

/* When the next look is due; USEC_NEVER if none is planned. */
uint64_t planner_next_due(const struct planner *planner);
