/* SPDX-License-Identifier: MIT */

/*
 * Which request is next. In this order: checks of the API, parts of a failed batch, confirmations, pages of
 * the feed, polls. A sweep that is behind goes before a page. A check is first: if the API fails, splitting a
 * batch would only repeat that for each of its jobs. Polls go out in the order in which they are due, so that
 * under scarcity the longest overdue is first and no job starves. All but polls may spend what the rate
 * limiter reserves.
 *
 * While the circuit breaker is open, only probes go out: single requests, rotating over all open jobs, those
 * that are not failing first. Without a job to be probed, a page is the probe.
 */

#include "planning/planner.h"

#include <assert.h>
#include <stdlib.h>

#include "planning/batches.h"
#include "planning/feed.h"
#include "planning/witnesses.h"
#include "util/memory.h"
#include "util/timespan.h"

/* Due this soon is due now: a wake-up costs more than a request. */
#define COALESCING_US (50 * USEC_PER_MSEC)

struct planner *planner_new(const struct planner_limits *limits, const struct status_rules *rules)
{
        struct planner *planner = memory_need(calloc(1, sizeof(*planner)));
        planner_take_limits(planner, limits, rules);
        planner->api.batch_size = planner->limits.batch_size;
        planner->api.breaker = BREAKER_INITIAL;
        planner->api.throttle = THROTTLE_INITIAL;
        rate_limiter_init(&planner->api.rate_limiter, &limits->rate_limiter);
        feed_cursor_init(&planner->feed.cursor);
        return planner;
}

struct planner *planner_free(struct planner *planner)
{
        if (planner == NULL)
                return NULL;
        queue_clear(&planner->due);
        queue_clear(&planner->gone);
        queue_clear(&planner->confirm);
        queue_clear(&planner->parts);
        feed_cursor_clear(&planner->feed.cursor);
        free(planner->jobs);
        free(planner);
        return NULL;
}

void planner_begin_empty(struct planner *planner, uint64_t now_us)
{
        rate_limiter_empty(&planner->api.rate_limiter, now_us);
}

void planner_pause(struct planner *planner, uint64_t until_us)
{
        planner->api.throttle.pause_until_us = until_us;
}

bool planner_is_idle(const struct planner *planner)
{
        return planner->api.in_flight == 0 && planner->due.count == 0 && planner->confirm.count == 0 &&
               planner->parts.count == 0 && !witnesses_want_check(planner) && !feed_is_needed(planner);
}

/* ---- the next request ---- */

static uint64_t later(uint64_t a_us, uint64_t b_us)
{
        return a_us > b_us ? a_us : b_us;
}

/* When a request may go out, as far as throttling and limits are concerned. */
static uint64_t unlimited_us(const struct planner *planner, enum rate_limiter_use use, uint64_t now_us)
{
        const struct planner_api *api = &planner->api;
        uint64_t spacing_us = rate_limiter_emission_interval(&api->rate_limiter);

        return later(later(throttle_next(&api->throttle, spacing_us, now_us),
                           rate_limiter_next(&api->rate_limiter, use, now_us)),
                     now_us);
}

/* The same, and the breaker is concerned, too. */
static uint64_t allowed_us(const struct planner *planner, enum rate_limiter_use use, uint64_t now_us)
{
        return later(breaker_next(&planner->api.breaker, now_us), unlimited_us(planner, use, now_us));
}

/* When the first job of a queue can be requested, if requests are allowed from then on. */
static uint64_t queue_ready_us(const struct queue *queue, uint64_t at_us)
{
        const struct queue_entry *first = queue_first(queue);

        if (first == NULL)
                return USEC_NEVER;
        return at_us > first->due_us ? at_us : first->due_us;
}

/* A job that is due a moment later is due now; a limit that ends a moment later has not ended. */
static bool queue_is_ready(const struct queue *queue, uint64_t at_us, uint64_t now_us)
{
        const struct queue_entry *first = queue_first(queue);

        return first != NULL && at_us <= now_us && first->due_us <= now_us + COALESCING_US;
}

static void request_begin(struct planner *planner, struct planner_request *request, enum rate_limiter_use use,
                          uint64_t now_us)
{
        struct planner_api *api = &planner->api;

        if (request->kind != REQUEST_CHECK)
                for (size_t i = 0; i < request->count; i++)
                        request->jobs[i]->in_flight = true;
        api->in_flight++;
        if (planner->limits.reports_sent && planner->limits.rate_limiter.min_spacing_us > 0)
                api->unsent++;
        rate_limiter_spend(&api->rate_limiter, use, now_us);
        throttle_note_request(&api->throttle, now_us);
        request->probe = breaker_start_request(&api->breaker);
}

static struct planner_job *take_first(struct planner *planner, struct queue *queue)
{
        struct planner_job *job = (struct planner_job *)queue_first(queue);

        planner_take_out(planner, job);
        return job;
}

/* After a pause the subject that was throttled must not be the first. */
static bool is_throttled_job(const struct planner *planner, const struct planner_job *job)
{
        return planner->api.throttle.throttled_job_waits && job->throttle_mark == planner->api.throttle.mark;
}

/*
 * Which jobs of a round are probed first: those that are not failing, then those that fail because all do,
 * then those that a failure was charged to, then gone ones, and last one that was throttled just now.
 */
static unsigned probe_rank(const struct planner *planner, const struct planner_job *job)
{
        if (is_throttled_job(planner, job))
                return 4;
        if (planner_job_is_gone(job))
                return 3;
        if (job->failures > 0)
                return 2;
        return job->failing ? 1 : 0;
}

/* A gone job is not probed before it is due, nor one that the API asked to wait for. */
static bool may_be_probed(const struct planner_job *job, uint64_t now_us)
{
        if (job->entry.position == 0)
                return false;
        if (job->part != 0 || job->entry.due_us <= now_us)
                return true;
        return !planner_job_is_gone(job) && !(job->failures > 0 && job->failure == FAILURE_THROTTLED);
}

/* The next job of this round of probes; NULL if none is left. */
static struct planner_job *next_of_round(struct planner *planner, uint64_t now_us)
{
        struct planner_job *best = NULL;

        for (size_t i = 0; i < planner->job_count; i++) {
                struct planner_job *job = planner->jobs[(planner->probe_position + i) % planner->job_count];

                if (job->probe_round == planner->api.probe_round || !may_be_probed(job, now_us))
                        continue;
                if (best == NULL || probe_rank(planner, job) < probe_rank(planner, best))
                        best = job;
                if (probe_rank(planner, best) == 0)
                        break;
        }
        return best;
}

/* The next job of the rotation; NULL if none may be probed. */
static struct planner_job *next_probe_job(struct planner *planner, uint64_t now_us)
{
        struct planner_job *job = next_of_round(planner, now_us);

        if (job == NULL) {
                planner->api.probe_round++;
                job = next_of_round(planner, now_us);
        }
        if (job != NULL) {
                job->probe_round = planner->api.probe_round;
                planner->probe_position = job->index + 1;
        }
        return job;
}

static bool next_probe(struct planner *planner, uint64_t now_us, struct planner_request *ret_request,
                       uint64_t *ret_wake_us)
{
        uint64_t at_us = allowed_us(planner, RATE_LIMITER_CONFIRM, now_us);
        struct planner_job *job;

        *ret_wake_us = at_us;
        if (at_us > now_us)
                return false;
        *ret_wake_us = USEC_NEVER;
        job = next_probe_job(planner, now_us);
        if (job == NULL && feed_is_alone(planner) && feed_ready_us(planner, at_us, now_us) <= now_us) {
                feed_begin_page(planner, ret_request, now_us);
                request_begin(planner, ret_request, RATE_LIMITER_CONFIRM, now_us);
                return true;
        }
        if (job == NULL) {
                *ret_wake_us = time_earlier(queue_ready_us(&planner->gone, at_us),
                                            queue_ready_us(&planner->due, at_us));
                if (feed_is_alone(planner))
                        *ret_wake_us = time_earlier(*ret_wake_us, feed_wake_us(planner, at_us, now_us));
                return false;
        }
        *ret_request = (struct planner_request){
                .kind = REQUEST_SINGLE, .due_us = job->entry.due_us, .count = 1, .jobs = { job }
        };
        planner_take_out(planner, job);
        request_begin(planner, ret_request, RATE_LIMITER_CONFIRM, now_us);
        return true;
}

/* The queue of polls whose first job is due first. */
static struct queue *poll_queue(struct planner *planner)
{
        const struct queue_entry *due = queue_first(&planner->due), *gone = queue_first(&planner->gone);

        if (due == NULL || (gone != NULL && gone->due_us < due->due_us))
                return &planner->gone;
        return &planner->due;
}

/* The same, if a poll of another can be. */
static bool must_wait(const struct planner *planner, const struct queue *queue, uint64_t poll_at_us,
                      uint64_t now_us)
{
        return is_throttled_job(planner, (struct planner_job *)queue_first(queue)) &&
               queue_is_ready(&planner->due, poll_at_us, now_us) &&
               !is_throttled_job(planner, (struct planner_job *)queue_first(&planner->due));
}

/* Whether a part of a failed batch is next; only witnesses go before. */
static bool part_is_next(const struct planner *planner, uint64_t urgent_us, uint64_t poll_us, uint64_t now_us)
{
        const struct queue_entry *confirm = queue_first(&planner->confirm);

        return planner->parts.count > 0 && urgent_us <= now_us &&
               (confirm == NULL || confirm->due_us != DUE_FIRST) &&
               !must_wait(planner, &planner->parts, poll_us, now_us);
}

bool planner_next(struct planner *planner, uint64_t now_us, struct planner_request *ret_request,
                  uint64_t *ret_wake_us)
{
        struct planner_api *api = &planner->api;

        assert(now_us > 0);

        *ret_wake_us = USEC_NEVER;
        if (api->in_flight >= planner->limits.max_in_flight || api->unsent > 0)
                return false;
        feed_update(planner, now_us);
        if (api->breaker.state != BREAKER_CLOSED)
                return next_probe(planner, now_us, ret_request, ret_wake_us);

        uint64_t urgent_us = allowed_us(planner, RATE_LIMITER_CONFIRM, now_us);
        uint64_t poll_us = allowed_us(planner, RATE_LIMITER_POLL, now_us);
        uint64_t page_us = feed_ready_us(planner, later(urgent_us, feed_urgent_us(planner)), now_us);
        struct queue *polls = poll_queue(planner);

        *ret_request = (struct planner_request){ .kind = REQUEST_SINGLE, .count = 1 };
        if (witnesses_want_check(planner) && urgent_us <= now_us &&
            witnesses_next_check(planner, ret_request)) {
        } else if (part_is_next(planner, urgent_us, poll_us, now_us)) {
                ret_request->jobs[0] = take_first(planner, &planner->parts);
                batches_fill_part(planner, ret_request);
        } else if (page_us <= now_us) {
                feed_begin_page(planner, ret_request, now_us);
        } else if (queue_is_ready(&planner->confirm, urgent_us, now_us) &&
                   !must_wait(planner, &planner->confirm, poll_us, now_us)) {
                ret_request->jobs[0] = take_first(planner, &planner->confirm);
                if (ret_request->jobs[0]->gone_check)
                        ret_request->kind = REQUEST_GONE_CHECK;
        } else if (feed_ready_us(planner, poll_us, now_us) <= now_us &&
                   (feed_is_first(planner, now_us) || !queue_is_ready(polls, poll_us, now_us))) {
                feed_begin_page(planner, ret_request, now_us);
                request_begin(planner, ret_request, RATE_LIMITER_POLL, now_us);
                return true;
        } else if (queue_is_ready(polls, poll_us, now_us)) {
                ret_request->jobs[0] = take_first(planner, polls);
                if (ret_request->jobs[0]->single_left == 0 && batches_enabled(api, now_us))
                        batches_fill(planner, ret_request, now_us);
                request_begin(planner, ret_request, RATE_LIMITER_POLL, now_us);
                return true;
        } else {
                *ret_wake_us = time_earlier(queue_ready_us(&planner->confirm, urgent_us),
                                            queue_ready_us(polls, poll_us));
                *ret_wake_us = time_earlier(*ret_wake_us, feed_wake_us(planner, poll_us, now_us));
                *ret_wake_us = time_earlier(*ret_wake_us, page_us);
                if (planner->parts.count > 0 || witnesses_want_check(planner))
                        *ret_wake_us = time_earlier(*ret_wake_us, urgent_us);
                return false;
        }
        request_begin(planner, ret_request, RATE_LIMITER_CONFIRM, now_us);
        return true;
}

bool planner_begin_search(struct planner *planner, uint64_t now_us, struct planner_request *ret_request,
                          uint64_t *ret_wake_us)
{
        struct planner_api *api = &planner->api;
        uint64_t at_us = allowed_us(planner, RATE_LIMITER_CONFIRM, now_us);

        *ret_wake_us = USEC_NEVER;
        if (api->in_flight >= planner->limits.max_in_flight || api->unsent > 0 ||
            api->breaker.state != BREAKER_CLOSED)
                return false;
        *ret_wake_us = at_us;
        if (at_us > now_us)
                return false;
        *ret_wake_us = USEC_NEVER;
        *ret_request = (struct planner_request){ .kind = REQUEST_SEARCH };
        request_begin(planner, ret_request, RATE_LIMITER_CONFIRM, now_us);
        return true;
}

void planner_note_sent(struct planner *planner, uint64_t now_us)
{
        if (planner->api.unsent == 0)
                return;
        planner->api.unsent--;
        rate_limiter_note_sent(&planner->api.rate_limiter, now_us);
}

/* ---- signing in ---- */

uint64_t planner_sign_in_at(const struct planner *planner, uint64_t now_us)
{
        return allowed_us(planner, RATE_LIMITER_SIGN_IN, now_us);
}

uint64_t planner_login_at(const struct planner *planner, uint64_t now_us)
{
        if (planner->api.breaker.state == BREAKER_HALF_OPEN)
                return USEC_NEVER;
        return unlimited_us(planner, RATE_LIMITER_SIGN_IN, now_us);
}

void planner_begin_sign_in(struct planner *planner, struct planner_request *ret_request)
{
        *ret_request = (struct planner_request){ .kind = REQUEST_SIGN_IN };
        planner->api.in_flight++;
        ret_request->probe = breaker_start_request(&planner->api.breaker);
}

void planner_spend(struct planner *planner, uint64_t now_us)
{
        rate_limiter_spend(&planner->api.rate_limiter, RATE_LIMITER_SIGN_IN, now_us);
        throttle_note_request(&planner->api.throttle, now_us);
}

/* ---- ends ---- */

void planner_end_request(struct planner *planner, const struct planner_request *request, uint64_t now_us)
{
        assert(planner->api.in_flight > 0);

        planner->api.in_flight--;
        if (request->kind == REQUEST_PAGE)
                planner->feed.in_flight = false;
        if (request->kind == REQUEST_CHECK)
                return;
        for (size_t i = 0; i < request->count; i++) {
                request->jobs[i]->in_flight = false;
                if (request->kind == REQUEST_SINGLE)
                        request->jobs[i]->polled_us = now_us;
        }
}

void planner_requeue(struct planner *planner, const struct planner_request *request, uint64_t now_us)
{
        assert(planner_request_has_ended(request));

        if (request->probe)
                breaker_cancel_probe(&planner->api.breaker);
        if (request->kind == REQUEST_CHECK) {
                planner->api.check_in_flight = false;
                return;
        }
        for (size_t i = 0; i < request->count; i++)
                planner_put(planner, request->jobs[i], now_us);
}

void planner_abandon(struct planner *planner, void (*abandoned)(void *userdata, struct planner_job *job),
                     void *userdata)
{
        for (size_t i = 0; i < planner->job_count; i++) {
                struct planner_job *job = planner->jobs[i];

                if (job->entry.position == 0)
                        continue;
                planner_take_out(planner, job);
                job->done = true;
                abandoned(userdata, job);
        }
        planner->api.check_wanted = FAILURE_NONE;
        planner->feed.ended = true;
}

/* ---- what it knows ---- */

const struct rate_limiter *planner_rate_limiter(const struct planner *planner)
{
        return &planner->api.rate_limiter;
}

const struct breaker *planner_breaker(const struct planner *planner)
{
        return &planner->api.breaker;
}

const struct throttle *planner_throttle(const struct planner *planner)
{
        return &planner->api.throttle;
}

unsigned planner_batch_size(const struct planner *planner, uint64_t now_us)
{
        return batches_enabled(&planner->api, now_us) ? planner->api.batch_size : 1;
}

uint64_t planner_next_due(const struct planner *planner)
{
        const struct queue *queues[] = { &planner->due, &planner->confirm };
        uint64_t next_us = planner->parts.count > 0 ? 0 : feed_due_us(planner);

        for (size_t i = 0; i < 2; i++)
                next_us = time_earlier(next_us, queue_ready_us(queues[i], 0));
        return next_us;
}

uint64_t planner_lag_us(const struct planner *planner, uint64_t now_us)
{
        uint64_t due_us = queue_ready_us(&planner->due, 0);

        return due_us < now_us ? now_us - due_us : 0;
}

uint64_t planner_round_us(const struct planner *planner, size_t jobs, uint64_t now_us)
{
        size_t size = planner_batch_size(planner, now_us);

        if (feed_shows(planner, jobs, now_us))
                return feed_page_interval_us(planner);
        return (jobs + size - 1) / size * rate_limiter_emission_interval(&planner->api.rate_limiter);
}
