/* SPDX-License-Identifier: MIT */

/*
 * Where every failed and every successful request is attributed.
 *
 *   unreachable   opens the breaker at once.
 *   throttled     pauses all requests, or is charged to a subject that alone is throttled (throttling.h).
 *   other classes are charged to the job (charges.h) or split the batch (batches.h), and may accuse the API
 *                 (witnesses.h); not found may mean that the job is gone (gone.h).
 *
 * A job is failing from its first failure until a request for it succeeds. So a batch and a job in it, and
 * the parts of one batch, are one witness. The search is a subject of its own (feed.c): its success says
 * nothing about reads of jobs, except that the API can be reached.
 */

#include "planning/attribution.h"

#include <assert.h>

#include "planning/batches.h"
#include "planning/charges.h"
#include "planning/feed.h"
#include "planning/feed_failures.h"
#include "planning/throttling.h"
#include "planning/witnesses.h"

/* While the breaker is open a failure is not charged to a job. But the job is failing, and no witness later.
 */
static enum attribution failed_while_open(struct planner *planner, const struct planner_request *request,
                                          enum failure failure, uint64_t now_us, uint64_t random)
{
        if (request->kind == REQUEST_CHECK)
                return ATTRIBUTED_TO_API;
        if (request->kind == REQUEST_PAGE)
                planner->feed.failing = true;
        if (gone_is_expected(request, failure)) {
                gone_note_probed(planner, request, now_us, random);
                return ATTRIBUTED_TO_NONE;
        }
        for (size_t i = 0; i < request->count; i++)
                request->jobs[i]->failing = true;
        /* What was in flight when the breaker opened says no more than the request that opened it. */
        if (request->probe) {
                batches_note_answered(&planner->api); /* the API fails, and not its batches */
                breaker_note_failed_probe(&planner->api.breaker, failure, now_us,
                                          planner->limits.shortest_interval_us, random);
        }
        if (request->probe)
                request_give_back(planner, request, request->due_us);
        else if (failure == FAILURE_UNREACHABLE)
                request_give_back(planner, request, now_us);
        else
                request_requeue(planner, request, now_us);
        return ATTRIBUTED_TO_API;
}

/* May open the breaker. A response that is too large accuses nobody. */
static void accuse(struct planner *planner, const struct planner_request *request,
                   const struct planner_failure *failure, bool witness, uint64_t now_us, uint64_t random)
{
        if (failure->too_large)
                return;
        witnesses_accuse(planner, failure->failure, witness, request->kind == REQUEST_BATCH,
                         request->jobs[0]->settings.interval_us, now_us, random);
        witnesses_note_streak(planner, failure->failure, now_us, random);
}

static enum attribution batch_failed(struct planner *planner, const struct planner_request *request,
                                     const struct planner_failure *failure, uint64_t now_us, uint64_t random)
{
        bool witness = request_is_witness(request);

        for (size_t i = 0; i < request->count; i++)
                request->jobs[i]->failing = true;
        batches_note_failed(planner, request, failure->too_large, now_us);
        accuse(planner, request, failure, witness, now_us, random);
        return planner_is_open(planner) ? ATTRIBUTED_TO_API : ATTRIBUTED_TO_NONE;
}

static enum attribution single_failed(struct planner *planner, const struct planner_request *request,
                                      const struct planner_failure *failure, uint64_t now_us, uint64_t random)
{
        struct planner_job *job = request->jobs[0];
        uint64_t before_us = job->charged_us;
        bool witness = request_is_witness(request), is_sample = job->end_sampled;

        if (gone_is_expected(request, failure->failure)) {
                gone_note_expected(planner, job, now_us);
                return ATTRIBUTED_TO_NONE;
        }
        job->end_sampled = false;
        if (is_sample) /* its row was to be confirmed, as others are */
                job->done = true;
        else
                job_charge(planner, job, failure, now_us, random);
        accuse(planner, request, failure, witness, now_us, random);
        if (planner_is_open(planner))
                return ATTRIBUTED_TO_API;
        if (is_sample)
                return ATTRIBUTED_TO_NONE;
        if (failure->failure == FAILURE_NOT_FOUND && !planner->limits.once)
                return gone_note_not_found(planner, job, before_us, now_us);
        return ATTRIBUTED_TO_JOB;
}

enum attribution planner_failed(struct planner *planner, const struct planner_request *request,
                                const struct planner_failure *failure, bool api_wide, uint64_t now_us,
                                uint64_t random)
{
        assert(failure->failure != FAILURE_NONE);
        assert(planner_request_has_ended(request));

        if (request->kind == REQUEST_CHECK)
                planner->api.check_in_flight = false;
        if (failure->failure == FAILURE_THROTTLED)
                return request_throttled(planner, request, failure, now_us, random);
        if (failure->failure != FAILURE_UNREACHABLE && failure->failure != FAILURE_NO_RESPONSE)
                throttling_note_answered(planner, request);
        if (planner_is_open(planner))
                return failed_while_open(planner, request, failure->failure, now_us, random);

        if (request->kind == REQUEST_CHECK && failure->failure != FAILURE_UNREACHABLE)
                batches_note_check_failed(&planner->api, request);
        if (request->kind == REQUEST_CHECK)
                return witnesses_check_failed(planner, failure->failure, now_us, random);
        if (failure->failure == FAILURE_UNREACHABLE || api_wide) {
                request_give_back(planner, request, now_us);
                witnesses_open_breaker(planner, failure->failure, now_us, random);
                return ATTRIBUTED_TO_API;
        }
        if (request->kind == REQUEST_SIGN_IN || planner_request_is_for_client(request))
                return ATTRIBUTED_TO_NONE;
        if (request->kind == REQUEST_GONE_CHECK)
                return gone_check_failed(planner, request, now_us, random);
        if (request->kind == REQUEST_PAGE)
                return feed_page_failed(planner, request, failure, now_us, random);
        return request->kind == REQUEST_BATCH ? batch_failed(planner, request, failure, now_us, random)
                                              : single_failed(planner, request, failure, now_us, random);
}

/* Without open jobs there is no read that could say more. */
static void page_succeeded(struct planner *planner, const struct planner_request *request)
{
        struct breaker *breaker = &planner->api.breaker;

        feed_note_answered(planner);
        if (request->probe || breaker->failure == FAILURE_UNREACHABLE || feed_is_alone(planner))
                breaker_note_success(breaker);
}

void planner_succeeded(struct planner *planner, const struct planner_request *request, uint64_t now_us)
{
        struct planner_api *api = &planner->api;

        assert(planner_request_has_ended(request));
        throttling_note_answered(planner, request);
        if (request->kind == REQUEST_PAGE) {
                page_succeeded(planner, request);
                return;
        }
        if (planner_request_is_for_client(request)) /* it says nothing about reads of jobs */
                return;
        witnesses_note_success(planner, request, now_us);
        breaker_note_success(&api->breaker);
        if (request->kind != REQUEST_SIGN_IN) {
                api->streak = 0;
                api->check_wanted = FAILURE_NONE; /* it could not accuse the API any more */
                feed_note_read(planner, now_us);
        }
        switch (request->kind) {
        case REQUEST_CHECK:
                api->check_in_flight = false;
                api->failed_gone_checks = 0;
                break;
        case REQUEST_GONE_CHECK:
                api->failed_gone_checks = 0;
                break;
        case REQUEST_PAGE:
        case REQUEST_SEARCH:
        case REQUEST_DIAGNOSIS:
        case REQUEST_SIGN_IN:
                break;
        case REQUEST_BATCH:
                api->failed_gone_checks = 0;
                batches_note_batch_answered(api, request);
                for (size_t i = 0; i < request->count; i++) {
                        request->jobs[i]->failing = false;
                        request->jobs[i]->token_renewed = false;
                        request->jobs[i]->failures = 0;
                }
                break;
        case REQUEST_SINGLE: {
                struct planner_job *job = request->jobs[0];

                job->failing = false;
                job->token_renewed = false;
                job->failures = 0;
                if (job->single_left > 0)
                        job->single_left--;
                gone_note_read(api, job, now_us);
                batches_note_single_read(planner, job, now_us);
                break;
        }
        }
}
