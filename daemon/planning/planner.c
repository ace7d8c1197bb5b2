/* SPDX-License-Identifier: MIT */

/*
 * What to ask next. Looks are taken in the order in which they are due, so that under scarcity the longest
 * overdue goes first and nobody starves; a closer look, which a batch has led to, goes before all of them and
 * may use what the governor keeps back from polls.
 *
 * A request for many jobs costs no more than one for a single job. So whenever one goes out, it is filled up
 * with jobs that will be due soon.
 */

#include "planning/planner_internal.h"

#include <errno.h>
#include <stdlib.h>

#include "util/cleanup.h"
#include "util/timespan.h"

/*
 * A job rides along in a batch that goes out anyway when this part of its pace is all that is left to wait.
 */
#define RIDE_ALONG_PART 4

/* Due this soon is due now: a wake-up costs more than a request. */
#define TOGETHER_US (50 * USEC_PER_MSEC)

/* So many jobs that are to be asked for alone do not end a batch that they stand in the way of. */
#define PASSED_OVER_MAX 16

DEFINE_CLEANUP(struct planner, planner_free)

int planner_new(const struct planner_limits *limits, const struct status_rules *rules, size_t job_count,
                struct planner **ret_planner)
{
        CLEANUP(cleanup_planner_free) struct planner *planner = calloc(1, sizeof(*planner));

        if (planner == NULL)
                return -ENOMEM;
        planner->limits = *limits;
        if (planner->limits.batch_size > PLANNER_BATCH_MAX)
                planner->limits.batch_size = PLANNER_BATCH_MAX;
        planner->batch_size = planner->limits.batch_size;
        planner->rules = rules;
        planner->breaker = BREAKER_INITIAL;
        rate_limiter_init(&planner->rate_limiter, &limits->rate_limiter);

        planner->job_count = job_count;
        planner->jobs = calloc(job_count > 0 ? job_count : 1, sizeof(*planner->jobs));
        if (planner->jobs == NULL || queue_reserve(&planner->due, job_count) < 0 ||
            queue_reserve(&planner->confirm, job_count) < 0)
                return -ENOMEM;

        *ret_planner = STEAL_POINTER(planner);
        return 0;
}

struct planner *planner_free(struct planner *planner)
{
        if (planner == NULL)
                return NULL;
        queue_clear(&planner->due);
        queue_clear(&planner->confirm);
        free(planner->jobs);
        free(planner->by_id);
        free(planner);
        return NULL;
}

struct planner_job *planner_jobs(struct planner *planner)
{
        return planner->jobs;
}

void planner_put(struct planner *planner, struct planner_job *job, uint64_t due_us)
{
        /* Room was reserved for every job in both. */
        (void)queue_put(job->confirm ? &planner->confirm : &planner->due, &job->entry, due_us);
}

void planner_start(struct planner *planner, struct planner_job *job, uint64_t now_us, uint64_t span_us)
{
        job->done = false;
        planner_put(planner, job, now_us + span_us);
}

bool planner_is_idle(const struct planner *planner)
{
        return planner->slots == 0 && planner->due.count == 0 && planner->confirm.count == 0;
}

/* ---- what goes into a request ---- */

static size_t digits_of(uint64_t id)
{
        size_t digits = 1;

        while (id >= 10) {
                id /= 10;
                digits++;
        }
        return digits;
}

static void request_add(struct planner_request *request, struct planner_job *job)
{
        request->jobs[request->count++] = job;
}

/* Due so soon that it can ride along in a request that goes out now. */
static bool is_soon(const struct planner_job *job, uint64_t now_us)
{
        return job->entry.due_us <= now_us + TOGETHER_US + job->pace_us / RIDE_ALONG_PART;
}

/* Adds jobs in the order in which they are due. Those that are to be asked for alone are passed over and stay
 * due. */
static void fill_batch(struct planner *planner, struct planner_request *request, uint64_t now_us)
{
        size_t bytes = digits_of(request->jobs[0]->id) + 1, passed_count = 0;
        struct planner_job *passed[PASSED_OVER_MAX];
        struct queue_entry *entry;

        while (request->count < planner->batch_size && (entry = queue_first(&planner->due)) != NULL) {
                struct planner_job *job = (struct planner_job *)entry;
                size_t size = digits_of(job->id) + 1;

                if (!is_soon(job, now_us) || (job->unbatchable && passed_count == PASSED_OVER_MAX) ||
                    (!job->unbatchable && bytes + size > planner->limits.batch_bytes))
                        break;
                queue_remove(&planner->due, entry);
                if (job->unbatchable) {
                        passed[passed_count++] = job;
                } else {
                        bytes += size;
                        request_add(request, job);
                }
        }
        for (size_t i = 0; i < passed_count; i++)
                planner_put(planner, passed[i], passed[i]->entry.due_us);
        request->batch = request->count > 1;
}

bool planner_batches(const struct planner *planner)
{
        return planner->batch_size >= 2 && planner->batches_from_us == 0;
}

static bool batches_now(struct planner *planner, uint64_t now_us)
{
        if (planner->batches_from_us != 0 && now_us >= planner->batches_from_us) {
                planner->batches_from_us = 0;
                planner->batches_on_trial = true;
        } else if (planner->batches_on_trial) {
                return false; /* the one that is tried is under way */
        }
        return planner_batches(planner);
}

/* When a request may go out, as far as the API's health and the governor are concerned. */
static uint64_t allowed_us(const struct planner *planner, enum rate_limiter_use use, uint64_t now_us)
{
        uint64_t breaker_us = breaker_next(&planner->breaker, now_us);
        uint64_t rate_limiter_us;

        if (planner->slots >= planner->limits.max_in_flight || planner->unsent > 0 ||
            breaker_us == USEC_NEVER)
                return USEC_NEVER;
        rate_limiter_us = rate_limiter_next(&planner->rate_limiter, use, now_us);
        return breaker_us > rate_limiter_us ? breaker_us : rate_limiter_us;
}

/*
 * When the first look of a schedule can be taken, if requests are allowed from then on; USEC_NEVER if there
 * is none.
 */
static uint64_t takable_us(const struct queue *queue, uint64_t allowed)
{
        const struct queue_entry *first = queue_first(queue);

        if (first == NULL)
                return USEC_NEVER;
        return allowed > first->due_us ? allowed : first->due_us;
}

/* Due a moment later is due now, but what the governor allows a moment later is not allowed now. */
static bool is_due(const struct queue *queue, uint64_t allowed, uint64_t now_us)
{
        const struct queue_entry *first = queue_first(queue);

        return first != NULL && allowed <= now_us && first->due_us <= now_us + TOGETHER_US;
}

bool planner_next(struct planner *planner, uint64_t now_us, struct planner_request *ret_request,
                  uint64_t *ret_wake_us)
{
        bool troubled = planner->breaker.outage != OUTAGE_NONE;
        uint64_t confirm_us = allowed_us(planner, RATE_LIMITER_CONFIRM, now_us);
        /* A probe of an API in trouble may use what is kept back: everything else waits for it. */
        uint64_t poll_us = troubled ? confirm_us : allowed_us(planner, RATE_LIMITER_POLL, now_us);
        bool confirm = is_due(&planner->confirm, confirm_us, now_us);
        bool trial_before = planner->batches_on_trial;

        if (!confirm && !is_due(&planner->due, poll_us, now_us)) {
                uint64_t closer_us = takable_us(&planner->confirm, confirm_us);
                uint64_t due_us = takable_us(&planner->due, poll_us);

                *ret_wake_us = closer_us < due_us ? closer_us : due_us;
                return false;
        }

        struct queue *queue = confirm ? &planner->confirm : &planner->due;
        struct planner_job *job = (struct planner_job *)queue_first(queue);

        queue_remove(queue, &job->entry);
        *ret_request = (struct planner_request){ .probe = troubled };
        request_add(ret_request, job);
        if (!confirm && !troubled && !job->unbatchable && batches_now(planner, now_us))
                fill_batch(planner, ret_request, now_us);
        if (!ret_request->batch && planner->batches_on_trial && !trial_before)
                planner->batches_on_trial = false; /* there was nothing to try it with */

        planner->slots++;
        if (planner->limits.reports_sent && planner->limits.rate_limiter.min_spacing_us > 0)
                planner->unsent++;
        rate_limiter_spend(&planner->rate_limiter, now_us);
        breaker_started(&planner->breaker);
        return true;
}

void planner_note_sent(struct planner *planner, uint64_t now_us)
{
        if (planner->unsent == 0)
                return;
        planner->unsent--;
        rate_limiter_note_sent(&planner->rate_limiter, now_us);
}

uint64_t planner_sign_in_at(const struct planner *planner, uint64_t now_us)
{
        uint64_t breaker_us = breaker_next(&planner->breaker, now_us);
        uint64_t rate_limiter_us = rate_limiter_next(&planner->rate_limiter, RATE_LIMITER_SIGN_IN, now_us);

        return breaker_us > rate_limiter_us ? breaker_us : rate_limiter_us;
}

void planner_pause(struct planner *planner, uint64_t until_us)
{
        planner->breaker.retry_after_until_us = until_us;
}

void planner_begin_sign_in(struct planner *planner, struct planner_request *ret_request)
{
        *ret_request = (struct planner_request){ .probe = planner->breaker.outage != OUTAGE_NONE };
        planner->slots++;
        breaker_started(&planner->breaker);
}

void planner_spend(struct planner *planner, uint64_t now_us)
{
        rate_limiter_spend(&planner->rate_limiter, now_us);
}

void planner_abort(struct planner *planner, const struct planner_request *request, uint64_t now_us)
{
        planner->slots--;
        if (request->batch)
                planner->batches_on_trial = false;
        breaker_cancelled(&planner->breaker, request->probe);
        for (size_t i = 0; i < request->count; i++)
                planner_put(planner, request->jobs[i], now_us);
}

void planner_abandon(struct planner *planner, void (*abandoned)(void *userdata, struct planner_job *job),
                     void *userdata)
{
        struct queue *const schedules[] = { &planner->confirm, &planner->due };
        struct queue_entry *entry;

        for (size_t i = 0; i < 2; i++)
                while ((entry = queue_first(schedules[i])) != NULL) {
                        struct planner_job *job = (struct planner_job *)entry;

                        queue_remove(schedules[i], entry);
                        job->done = true;
                        abandoned(userdata, job);
                }
}

/* ---- looking at it ---- */

struct rate_limiter *planner_governor(struct planner *planner)
{
        return &planner->rate_limiter;
}

const struct breaker *planner_breaker(const struct planner *planner)
{
        return &planner->breaker;
}

uint64_t planner_next_due(const struct planner *planner)
{
        const struct queue_entry *confirm = queue_first(&planner->confirm);
        const struct queue_entry *due = queue_first(&planner->due);
        uint64_t next_us = due != NULL ? due->due_us : USEC_NEVER;

        return confirm != NULL && confirm->due_us < next_us ? confirm->due_us : next_us;
}

uint64_t planner_round_us(const struct planner *planner, size_t jobs)
{
        size_t at_once = planner_batches(planner) ? planner->batch_size : 1;

        return (jobs + at_once - 1) / at_once * rate_limiter_emission_interval(&planner->rate_limiter);
}
