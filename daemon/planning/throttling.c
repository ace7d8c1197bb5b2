/* SPDX-License-Identifier: MIT */

/* Subjects of throttled responses. */

#include "planning/throttling.h"

#include <assert.h>

#include "planning/batches.h"
#include "planning/charges.h"
#include "planning/feed.h"
#include "planning/feed_failures.h"
#include "planning/witnesses.h"
#include "util/timespan.h"

static bool is_marked(const struct planner *planner, const struct planner_request *request)
{
        if (request->kind == REQUEST_PAGE)
                return planner->feed.throttle_mark == planner->api.throttle.mark &&
                       planner->api.throttle.mark != 0;
        for (size_t i = 0; i < request->count; i++)
                if (request->jobs[i]->throttle_mark != planner->api.throttle.mark)
                        return false;
        return request->count > 0 && planner->api.throttle.mark != 0;
}

static bool was_throttled(const struct planner *planner, const struct planner_request *request)
{
        if (request->kind == REQUEST_PAGE)
                return planner->feed.throttled;
        for (size_t i = 0; i < request->count; i++)
                if (!request->jobs[i]->throttled)
                        return false;
        return request->count > 0;
}

void throttling_note_answered(struct planner *planner, const struct planner_request *request)
{
        if (request->kind == REQUEST_CHECK) { /* not of its job */
                throttle_note_answered(&planner->api.throttle, false);
                return;
        }
        throttle_note_answered(&planner->api.throttle, is_marked(planner, request));
        if (request->kind == REQUEST_PAGE)
                planner->feed.throttled = false;
        for (size_t i = 0; i < request->count; i++)
                request->jobs[i]->throttled = false;
}

/* Whether a job will be due. Those of a request that has just ended are in no queue. */
static bool another_is_due(const struct planner *planner, uint64_t at_us)
{
        for (size_t i = 0; i < planner->job_count; i++) {
                const struct planner_job *job = planner->jobs[i];

                if (job->in_flight ||
                    (job->entry.position != 0 && (job->part != 0 || job->entry.due_us <= at_us)))
                        return true;
        }
        return false;
}

/*
 * After the pause the throttled subject must not be the first. A batch of all that is due would be, for ever
 * if one of its jobs is the cause: so one of them is requested alone, and counts as another subject.
 */
static void single_out(struct planner *planner, const struct planner_request *request, uint64_t at_us,
                       uint64_t random)
{
        assert(request->count > 0);

        struct planner_job *job = request->jobs[random % request->count];

        planner_take_out(planner, job);
        job->throttle_mark = 0;
        job->throttled = false;
        job->confirm = true;
        planner_put(planner, job, at_us);
}

/*
 * A part of a failed batch stays one: put into a batch with the others again, it would fail again. Only the
 * other parts and jobs are first.
 */
static void requeue(struct planner *planner, const struct planner_request *request, uint64_t now_us,
                    uint64_t random)
{
        uint64_t at_us = planner->api.throttle.pause_until_us;
        bool last = !another_is_due(planner, at_us);

        if (request->part != 0 && !last && batches_enabled(&planner->api, now_us) && !planner->limits.once) {
                batches_requeue_part(planner, request, now_us);
                return;
        }
        for (size_t i = 0; i < request->count; i++)
                request->jobs[i]->part = 0;
        request_give_back(planner, request, at_us);
        if (request->kind == REQUEST_BATCH && last && !planner->limits.once)
                single_out(planner, request, at_us, random);
}

enum attribution request_throttled(struct planner *planner, const struct planner_request *request,
                                   const struct planner_failure *failure, uint64_t now_us, uint64_t random)
{
        struct throttle *throttle = &planner->api.throttle;
        bool check = request->kind == REQUEST_CHECK;

        if (request->probe)
                breaker_cancel_probe(&planner->api.breaker);
        if (request->kind == REQUEST_PAGE && throttle->others_answered && was_throttled(planner, request)) {
                feed_postpone(planner, request, failure, now_us, random);
                return ATTRIBUTED_TO_NONE;
        }
        if (!check && throttle->others_answered && was_throttled(planner, request)) {
                for (size_t i = 0; i < request->count; i++)
                        job_charge(planner, request->jobs[i], failure, now_us, random);
                return request->kind == REQUEST_SINGLE ? ATTRIBUTED_TO_JOB : ATTRIBUTED_TO_NONE;
        }
        throttle_note_throttled(throttle, failure->retry_after_us, now_us);
        if (check) {
                /* Made again, it could pause all polls for ever. */
                planner->api.check_wanted = FAILURE_NONE;
                planner->api.no_checks_until_us = now_us + NO_CHECKS_US;
                return ATTRIBUTED_TO_API;
        }
        if (request->kind == REQUEST_PAGE) {
                planner->feed.throttle_mark = throttle->mark;
                planner->feed.throttled = true;
                feed_requeue(planner, request, throttle->pause_until_us);
        }
        for (size_t i = 0; i < request->count; i++) {
                request->jobs[i]->throttle_mark = throttle->mark;
                request->jobs[i]->throttled = true;
                request->jobs[i]->probe_round = 0; /* a throttled probe shows nothing */
        }
        requeue(planner, request, now_us, random);
        return ATTRIBUTED_TO_API;
}
