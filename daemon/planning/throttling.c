/* SPDX-License-Identifier: MIT */

/* Subjects of throttled responses. */

#include "planning/throttling.h"

#include "planning/charges.h"
#include "planning/witnesses.h"
#include "util/timespan.h"

static bool is_marked(const struct planner *planner, const struct planner_request *request)
{
        for (size_t i = 0; i < request->count; i++)
                if (request->jobs[i]->throttle_mark != planner->api.throttle.mark)
                        return false;
        return request->count > 0 && planner->api.throttle.mark != 0;
}

static bool was_throttled(const struct planner_request *request)
{
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
        for (size_t i = 0; i < request->count; i++)
                request->jobs[i]->throttled = false;
}

enum attribution request_throttled(struct planner *planner, const struct planner_request *request,
                                   const struct planner_failure *failure, uint64_t now_us, uint64_t random)
{
        struct throttle *throttle = &planner->api.throttle;
        bool check = request->kind == REQUEST_CHECK;

        if (request->probe)
                breaker_cancel_probe(&planner->api.breaker);
        if (!check && throttle->others_answered && was_throttled(request)) {
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
        for (size_t i = 0; i < request->count; i++) {
                request->jobs[i]->throttle_mark = throttle->mark;
                request->jobs[i]->throttled = true;
                request->jobs[i]->part = 0; /* the other parts are first */
        }
        request_give_back(planner, request, throttle->pause_until_us);
        return ATTRIBUTED_TO_API;
}
