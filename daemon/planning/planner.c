/* SPDX-License-Identifier: MIT */

/*
 * Polls are taken in the order in which they are due, so that under scarcity the longest overdue goes first
 * and no job starves. Confirmations go before polls and may use the reserve of the rate limiter.
 *
 * A request for many jobs costs as much as one for a single job, so each batch is filled with jobs that are
 * due soon.
 */

#include "planning/planner.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>

#include "planning/planner_state.h"
#include "util/cleanup.h"
#include "util/timespan.h"

/* Fill window of a batch: jobs are included this part of their pace before they are due. */
#define FILL_WINDOW_PART 4

/* Coalescing slack: what is due this soon is due now, since a wake-up costs more than a request. */
#define COALESCING_SLACK_US (50 * USEC_PER_MSEC)

/* At most this many unbatchable jobs are skipped while a batch is filled. */
#define SKIPPED_MAX 16

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

void planner_start(struct planner *planner, struct planner_job *job, uint64_t now_us, uint64_t delay_us)
{
        job->done = false;
        planner_put(planner, job, now_us + delay_us);
}

bool planner_is_idle(const struct planner *planner)
{
        return planner->in_flight == 0 && planner->due.count == 0 && planner->confirm.count == 0;
}

/* ---- batches ---- */

static size_t count_digits(uint64_t id)
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
        job->in_flight = true;
        request->jobs[request->count++] = job;
}

/* Due soon enough for a batch that is sent now. */
static bool is_soon(const struct planner_job *job, uint64_t now_us)
{
        return job->entry.due_us <= now_us + COALESCING_SLACK_US + job->pace_us / FILL_WINDOW_PART;
}

/* Adds jobs in the order in which they are due. Unbatchable ones are skipped and stay due. */
static void fill_batch(struct planner *planner, struct planner_request *request, uint64_t now_us)
{
        size_t bytes = count_digits(request->jobs[0]->id) + 1, skipped_count = 0;
        struct planner_job *skipped[SKIPPED_MAX];
        struct queue_entry *entry;

        while (request->count < planner->batch_size && (entry = queue_first(&planner->due)) != NULL) {
                struct planner_job *job = (struct planner_job *)entry;
                size_t size = count_digits(job->id) + 1;

                if (!is_soon(job, now_us) || (job->unbatchable && skipped_count == SKIPPED_MAX) ||
                    (!job->unbatchable && bytes + size > planner->limits.batch_bytes))
                        break;
                queue_remove(&planner->due, entry);
                if (job->unbatchable) {
                        skipped[skipped_count++] = job;
                } else {
                        bytes += size;
                        request_add(request, job);
                }
        }
        for (size_t i = 0; i < skipped_count; i++)
                planner_put(planner, skipped[i], skipped[i]->entry.due_us);
        request->batch = request->count > 1;
}

bool planner_batches(const struct planner *planner)
{
        return planner->batch_size >= 2 && planner->batches_from_us == 0;
}

static bool may_batch(struct planner *planner, uint64_t now_us)
{
        if (planner->batches_from_us != 0 && now_us >= planner->batches_from_us) {
                planner->batches_from_us = 0;
                planner->batches_on_trial = true;
        } else if (planner->batches_on_trial) {
                return false; /* the batch on trial is in flight */
        }
        return planner_batches(planner);
}

/* When a request may be sent, as far as concurrency, circuit breaker and rate limiter are concerned. */
static uint64_t allowed_us(const struct planner *planner, enum rate_limiter_use use, uint64_t now_us)
{
        uint64_t breaker_us = breaker_next(&planner->breaker, now_us);
        uint64_t rate_limiter_us;

        if (planner->in_flight >= planner->limits.max_in_flight || planner->unsent > 0 ||
            breaker_us == USEC_NEVER)
                return USEC_NEVER;
        rate_limiter_us = rate_limiter_next(&planner->rate_limiter, use, now_us);
        return breaker_us > rate_limiter_us ? breaker_us : rate_limiter_us;
}

/*
 * When the first entry of a queue can be polled if requests are allowed from `allowed` on; USEC_NEVER if
 * there is none.
 */
static uint64_t ready_us(const struct queue *queue, uint64_t allowed)
{
        const struct queue_entry *first = queue_first(queue);

        if (first == NULL)
                return USEC_NEVER;
        return allowed > first->due_us ? allowed : first->due_us;
}

/* The coalescing slack applies to due times, never to the rate limiter. */
static bool is_due(const struct queue *queue, uint64_t allowed, uint64_t now_us)
{
        const struct queue_entry *first = queue_first(queue);

        return first != NULL && allowed <= now_us && first->due_us <= now_us + COALESCING_SLACK_US;
}

bool planner_next(struct planner *planner, uint64_t now_us, struct planner_request *ret_request,
                  uint64_t *ret_wake_us)
{
        bool in_outage = planner->breaker.outage != OUTAGE_NONE;
        uint64_t confirm_us = allowed_us(planner, RATE_LIMITER_CONFIRM, now_us);
        /* A probe may use the reserve: everything else waits for it. */
        uint64_t poll_us = in_outage ? confirm_us : allowed_us(planner, RATE_LIMITER_POLL, now_us);
        bool confirm = is_due(&planner->confirm, confirm_us, now_us);
        bool was_on_trial = planner->batches_on_trial;

        if (!confirm && !is_due(&planner->due, poll_us, now_us)) {
                uint64_t confirm_ready_us = ready_us(&planner->confirm, confirm_us);
                uint64_t poll_ready_us = ready_us(&planner->due, poll_us);

                *ret_wake_us = confirm_ready_us < poll_ready_us ? confirm_ready_us : poll_ready_us;
                return false;
        }

        struct queue *queue = confirm ? &planner->confirm : &planner->due;
        struct planner_job *job = (struct planner_job *)queue_first(queue);

        queue_remove(queue, &job->entry);
        *ret_request = (struct planner_request){ .probe = in_outage };
        request_add(ret_request, job);
        if (!confirm && !in_outage && !job->unbatchable && may_batch(planner, now_us))
                fill_batch(planner, ret_request, now_us);
        if (!ret_request->batch && planner->batches_on_trial && !was_on_trial)
                planner->batches_on_trial = false; /* there were no jobs for a trial */

        planner->in_flight++;
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
        planner->in_flight++;
        breaker_started(&planner->breaker);
}

void planner_spend(struct planner *planner, uint64_t now_us)
{
        rate_limiter_spend(&planner->rate_limiter, now_us);
}

void planner_abort(struct planner *planner, const struct planner_request *request, uint64_t now_us)
{
        assert(planner->in_flight > 0);
        planner->in_flight--;
        if (request->batch)
                planner->batches_on_trial = false;
        breaker_cancelled(&planner->breaker, request->probe);
        for (size_t i = 0; i < request->count; i++) {
                request->jobs[i]->in_flight = false;
                planner_put(planner, request->jobs[i], now_us);
        }
}

void planner_abandon(struct planner *planner, void (*abandoned)(void *userdata, struct planner_job *job),
                     void *userdata)
{
        struct queue *const queues[] = { &planner->confirm, &planner->due };
        struct queue_entry *entry;

        for (size_t i = 0; i < 2; i++)
                while ((entry = queue_first(queues[i])) != NULL) {
                        struct planner_job *job = (struct planner_job *)entry;

                        queue_remove(queues[i], entry);
                        job->done = true;
                        abandoned(userdata, job);
                }
}

/* ---- inspection ---- */

struct rate_limiter *planner_rate_limiter(struct planner *planner)
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
