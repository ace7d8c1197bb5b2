/* SPDX-License-Identifier: MIT */

/*
 * Attribution of failures. The subject of a request is its job, or the set of its jobs. A subject is failing
 * from its first failure until a request for it succeeds, and is a witness against the API when it fails
 * without having been failing: so a batch and a job in it, and the parts of one batch, are one witness.
 *
 *   unreachable   opens the breaker at once.
 *   throttled     pauses all requests, or is charged to a subject that alone is throttled (throttle.h).
 *   other classes open it when a second witness fails in the same class and no read succeeded in between.
 *
 * If no second witness will be due within the interval, because there is one job or all others are failing,
 * a check request is made: a batch of one id. It succeeds if it is answered with an array, whatever is in
 * it. In the class "not found" it is made in any case, since two jobs may be missing. Where checks do not
 * work either, the job's own next failure counts as the second witness. After a row of failed requests
 * without a success a check is made too, whoever they were for; where checks do not work, a job that is not
 * failing is polled instead.
 */

#include "planning/attribution.h"

#include <assert.h>

#include "planning/backoff.h"
#include "planning/batches.h"
#include "util/timespan.h"

/* Single reads in a row that a job must succeed in before it is in a batch again. */
#define SINGLE_READS 3

/* How long it is believed that check requests do not work. */
#define NO_CHECKS_US (1 * USEC_PER_HOUR)

/* So many failed requests in a row are a reason to ask about the API. */
#define ROW_MAX 8

/* So many checks for gone fail in a row before other evidence is used: one may fail for any reason. */
#define FAILED_GONE_CHECKS_MAX 2

static bool is_open(const struct planner *planner)
{
        return planner->api.breaker.state != BREAKER_CLOSED;
}

static bool checks_work(const struct planner_api *api, uint64_t now_us)
{
        return api->no_checks_until_us <= now_us && api->batches_from_us <= now_us;
}

/* Requests for them are due again, at the time that they were due at. */
static void requeue(struct planner *planner, const struct planner_request *request, uint64_t due_us)
{
        for (size_t i = 0; i < request->count; i++) {
                request->jobs[i]->polled_us = 0;
                if (planner->limits.once)
                        request->jobs[i]->done = true;
                else
                        planner_put(planner, request->jobs[i], due_us);
        }
}

/* ---- charging ---- */

static void charge(struct planner *planner, struct planner_job *job, const struct planner_failure *failure,
                   uint64_t now_us, uint64_t random)
{
        uint64_t pace_us = job->pace_us > 0 ? job->pace_us : job->settings->interval_us;

        job->failing = true;
        job->failure = failure->failure;
        if (job->failures == 0)
                job->failing_since_us = now_us;
        if (job->failures < UINT8_MAX)
                job->failures++;
        job->charged_us = now_us;
        job->polled_us = 0;
        job->single_left = SINGLE_READS;
        if (failure->failure == FAILURE_SERVER_ERROR || failure->failure == FAILURE_REFUSED ||
            failure->failure == FAILURE_UNEXPECTED)
                job->watch.not_found_count = 0; /* in a row */
        planner_plan(planner, job, poll_backoff(job->failures, pace_us, failure->retry_after_us, random),
                     now_us);
}

/*
 * What was charged since the first witness was not the jobs' fault: they are due again. They remain failing
 * until a request for them succeeds: a broken job among them must not be a witness once more.
 */
static void undo_charges(struct planner *planner, uint64_t since_us, uint64_t now_us)
{
        for (size_t i = 0; i < planner->job_count; i++) {
                struct planner_job *job = &planner->jobs[i];

                if (!job->failing || job->charged_us < since_us || job->in_flight || job->done ||
                    job->part != 0)
                        continue;
                job->failures = job->failing_since_us >= since_us ? 0 : job->failures - 1;
                if (job->failures == 0)
                        job->single_left = 0;
                planner_take_out(planner, job);
                job->gone_check = false;
                job->watch.not_found_count = 0;
                planner_put(planner, job, now_us);
        }
}

/* ---- witnesses ---- */

static void open_breaker(struct planner *planner, enum failure failure, uint64_t now_us, uint64_t random)
{
        struct planner_api *api = &planner->api;

        if (is_open(planner))
                return;
        breaker_open(&api->breaker, failure, now_us, planner->limits.shortest_interval_us, random);
        api->check_wanted = FAILURE_NONE;
        api->probe_round++;
        undo_charges(planner, api->breaker.since_us, now_us);
}

static bool is_witness(const struct planner_request *request)
{
        for (size_t i = 0; i < request->count; i++)
                if (request->jobs[i]->failing)
                        return false;
        return true;
}

/* Whether a job that is not failing is polled, or in flight, within the interval. */
static bool second_witness_is_due(const struct planner *planner, uint64_t interval_us, uint64_t now_us)
{
        for (size_t i = 0; i < planner->job_count; i++) {
                const struct planner_job *job = &planner->jobs[i];

                if (job->failing || job->done || planner_job_is_gone(job))
                        continue;
                if (job->in_flight || job->part != 0 ||
                    (job->entry.position != 0 && job->entry.due_us <= now_us + interval_us))
                        return true;
        }
        return false;
}

static void want_check(struct planner_api *api, enum failure failure)
{
        if (!api->check_in_flight)
                api->check_wanted = failure;
}

/*
 * A job or a batch failed that was failing, or not, before. After a batch no second witness is awaited: its
 * parts would all be requested before that.
 */
static void accuse(struct planner *planner, enum failure failure, bool witness, bool batch,
                   uint64_t interval_us, uint64_t now_us, uint64_t random)
{
        struct planner_api *api = &planner->api;
        bool accused = api->breaker.witness_us[failure] != 0;
        bool second = witness && breaker_note_witness(&api->breaker, failure, now_us);

        if (second && (failure != FAILURE_NOT_FOUND || !checks_work(api, now_us)))
                open_breaker(planner, failure, now_us, random);
        else if (second)
                want_check(api, failure);
        else if (!batch && second_witness_is_due(planner, interval_us, now_us))
                return;
        else if (witness && checks_work(api, now_us))
                want_check(api, failure);
        else if (accused && !checks_work(api, now_us))
                open_breaker(planner, failure, now_us, random);
}

/* A poll of a job that is not failing, now: the second witness, or a success. */
static bool hurry_witness(struct planner *planner, uint64_t now_us)
{
        for (size_t i = 0; i < planner->job_count; i++) {
                struct planner_job *job = &planner->jobs[i];

                if (job->failing || job->entry.position == 0 || planner_job_is_gone(job))
                        continue;
                planner_take_out(planner, job);
                job->confirm = true;
                planner_put(planner, job, now_us);
                return true;
        }
        return false;
}

/*
 * Many requests failed in one class and none succeeded in between. Each may be for a job that was failing
 * before; all the same, it is time to ask about the API, before the others have failed too.
 */
static void note_row(struct planner *planner, enum failure failure, uint64_t now_us, uint64_t random)
{
        struct planner_api *api = &planner->api;

        if (api->row == 0 || api->row_failure != failure) {
                api->row = 0;
                api->row_failure = failure;
                api->row_since_us = now_us;
        }
        if (++api->row % ROW_MAX != 0 || is_open(planner))
                return;
        if (checks_work(api, now_us)) {
                want_check(api, failure);
        } else if (!hurry_witness(planner, now_us)) {
                if (api->breaker.witness_us[failure] == 0)
                        api->breaker.witness_us[failure] = api->row_since_us;
                open_breaker(planner, failure, now_us, random);
        }
}

/* ---- checks ---- */

bool attribution_wants_check(const struct planner *planner)
{
        return planner->api.check_wanted != FAILURE_NONE && !planner->api.check_in_flight;
}

bool attribution_next_check(struct planner *planner, uint64_t now_us, struct planner_request *ret_request)
{
        struct planner_job *chosen = NULL;

        (void)now_us;
        for (size_t i = 0; i < planner->job_count; i++) {
                struct planner_job *job = &planner->jobs[i];

                if (job->watch.memory.recorded && outcome_is_terminal(job->watch.memory.outcome))
                        continue;
                if (chosen == NULL || (chosen->failing && !job->failing))
                        chosen = job;
                if (!chosen->failing)
                        break;
        }
        if (chosen == NULL) {
                planner->api.check_wanted = FAILURE_NONE;
                return false;
        }
        *ret_request = (struct planner_request){ .kind = REQUEST_CHECK, .count = 1, .jobs = { chosen } };
        planner->api.check_in_flight = true;
        return true;
}

static enum attribution check_failed(struct planner *planner, enum failure failure, uint64_t now_us,
                                     uint64_t random)
{
        struct planner_api *api = &planner->api;
        enum failure wanted = api->check_wanted;

        api->check_wanted = FAILURE_NONE;
        if (failure == wanted || failure == FAILURE_UNREACHABLE) {
                if (api->row > 0 && api->row_failure == failure && api->breaker.witness_us[failure] == 0)
                        api->breaker.witness_us[failure] = api->row_since_us;
                open_breaker(planner, failure, now_us, random);
                return ATTRIBUTED_TO_API;
        }
        api->no_checks_until_us = now_us + NO_CHECKS_US;
        return ATTRIBUTED_TO_NONE;
}

/* ---- gone ---- */

static void note_read(struct planner_api *api, const struct planner_job *job, uint64_t now_us)
{
        if (api->read_id[0] != job->id) {
                api->read_us[1] = api->read_us[0];
                api->read_id[1] = api->read_id[0];
                api->read_id[0] = job->id;
        }
        api->read_us[0] = now_us;
}

/*
 * Whether another job was read by a single request since the last time but one that this one was not found.
 * An earlier read would not show that the API does not answer 404 to everything.
 */
static bool another_was_read(const struct planner_api *api, const struct planner_job *job, uint64_t before_us)
{
        for (size_t i = 0; i < 2; i++)
                if (api->read_us[i] != 0 && api->read_id[i] != job->id && api->read_us[i] >= before_us)
                        return true;
        return false;
}

/* A single request for the job was answered 404 or 410, as before at `before_us`, and that was charged to it.
 */
static enum attribution not_found(struct planner *planner, struct planner_job *job, uint64_t before_us,
                                  uint64_t now_us)
{
        if (!watch_note_not_found(&job->watch, now_us))
                return ATTRIBUTED_TO_JOB;
        if (planner->api.no_gone_checks_until_us <= now_us) { /* also while batches are disabled */
                planner_take_out(planner, job);
                job->done = false;
                job->gone_check = true;
                job->others_read = another_was_read(&planner->api, job, before_us);
                planner_put(planner, job, now_us);
                return ATTRIBUTED_TO_JOB;
        }
        if (!another_was_read(&planner->api, job, before_us))
                return ATTRIBUTED_TO_JOB;
        planner_take_out(planner, job);
        return ATTRIBUTED_AS_GONE;
}

bool planner_take_gone_check(struct planner *planner, const struct planner_request *request, bool shown,
                             uint64_t now_us, uint64_t random)
{
        const struct planner_failure failure = { .failure = FAILURE_NOT_FOUND };
        struct planner_job *job = request->jobs[0];

        if (!shown)
                return true;
        job->watch.not_found_count = 0;
        charge(planner, job, &failure, now_us, random);
        return false;
}

static enum attribution gone_check_failed(struct planner *planner, const struct planner_request *request,
                                          enum failure failure, uint64_t now_us, uint64_t random)
{
        struct planner_job *job = request->jobs[0];
        const struct planner_failure again = { .failure = FAILURE_NOT_FOUND };

        if (failure == FAILURE_UNREACHABLE) {
                planner_put(planner, job, now_us);
                open_breaker(planner, failure, now_us, random);
                return ATTRIBUTED_TO_API;
        }
        if (++planner->api.failed_gone_checks >= FAILED_GONE_CHECKS_MAX)
                planner->api.no_gone_checks_until_us = now_us + NO_CHECKS_US;
        if (planner->api.no_gone_checks_until_us > now_us && job->others_read) {
                job->gone_check = false;
                return ATTRIBUTED_AS_GONE;
        }
        charge(planner, job, &again, now_us, random);
        return ATTRIBUTED_TO_NONE;
}

/* ---- throttling ---- */

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

/* A request was answered, be it with a failure. */
static void note_answered(struct planner *planner, const struct planner_request *request)
{
        if (request->kind == REQUEST_CHECK) { /* not of its job */
                throttle_note_answered(&planner->api.throttle, false);
                return;
        }
        throttle_note_answered(&planner->api.throttle, is_marked(planner, request));
        for (size_t i = 0; i < request->count; i++)
                request->jobs[i]->throttled = false;
}

/* Whether a job that is not part of the request will be due. */
static bool another_is_due(const struct planner *planner, const struct planner_request *request,
                           uint64_t at_us)
{
        size_t due = 0, own = 0;

        for (size_t i = 0; i < planner->job_count; i++)
                due += planner->jobs[i].in_flight ||
                       (planner->jobs[i].entry.position != 0 && planner->jobs[i].entry.due_us <= at_us);
        for (size_t i = 0; i < request->count; i++)
                own += request->jobs[i]->entry.position != 0 && request->jobs[i]->entry.due_us <= at_us;
        return due > own;
}

/*
 * After the pause the throttled subject must not be the first. A batch of all that is due would be, for ever
 * if one of its jobs is the cause: so one of them is requested alone, and counts as another subject.
 */
static void single_out(struct planner *planner, const struct planner_request *request, uint64_t at_us,
                       uint64_t random)
{
        struct planner_job *job = request->jobs[random % request->count];

        if (planner->limits.once || another_is_due(planner, request, at_us))
                return;
        planner_take_out(planner, job);
        job->throttle_mark = 0;
        job->throttled = false;
        job->confirm = true;
        planner_put(planner, job, at_us);
}

/*
 * Charged to its subject alone if that was throttled before and others were answered since. It need not be
 * the subject that was throttled last: two jobs that are always throttled would take turns at pausing all
 * others.
 */
static enum attribution throttled(struct planner *planner, const struct planner_request *request,
                                  const struct planner_failure *failure, uint64_t now_us, uint64_t random)
{
        struct throttle *throttle = &planner->api.throttle;
        bool check = request->kind == REQUEST_CHECK;

        if (request->probe)
                breaker_cancel_probe(&planner->api.breaker);
        if (!check && throttle->others_answered && was_throttled(request)) {
                for (size_t i = 0; i < request->count; i++)
                        charge(planner, request->jobs[i], failure, now_us, random);
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
        }
        requeue(planner, request, throttle->pause_until_us);
        if (request->kind == REQUEST_BATCH)
                single_out(planner, request, throttle->pause_until_us, random);
        return ATTRIBUTED_TO_API;
}

/* ---- any request ---- */

/* A gone job was not found. */
static bool is_expected(const struct planner_request *request, enum failure failure)
{
        return failure == FAILURE_NOT_FOUND && request->kind == REQUEST_SINGLE &&
               planner_job_is_gone(request->jobs[0]);
}

/* While the breaker is open: that ends an outage of another class, and says nothing of one that looks alike.
 */
static void gone_was_probed(struct planner *planner, const struct planner_request *request, uint64_t now_us,
                            uint64_t random)
{
        struct breaker *breaker = &planner->api.breaker;

        planner_plan(planner, request->jobs[0], 0, now_us);
        if (breaker->failure != FAILURE_NOT_FOUND)
                breaker_note_success(breaker);
        else if (request->probe)
                breaker_note_failed_probe(breaker, FAILURE_NOT_FOUND, now_us,
                                          planner->limits.shortest_interval_us, random);
}

enum attribution planner_failed(struct planner *planner, const struct planner_request *request,
                                const struct planner_failure *failure, bool api_wide, uint64_t now_us,
                                uint64_t random)
{
        struct planner_api *api = &planner->api;
        bool once = planner->limits.once;

        assert(failure->failure != FAILURE_NONE);

        if (request->kind == REQUEST_CHECK)
                api->check_in_flight = false;
        if (failure->failure == FAILURE_THROTTLED)
                return throttled(planner, request, failure, now_us, random);
        if (failure->failure != FAILURE_UNREACHABLE && failure->failure != FAILURE_NO_RESPONSE)
                note_answered(planner, request);

        if (is_open(planner)) {
                if (request->kind == REQUEST_CHECK)
                        return ATTRIBUTED_TO_API;
                if (is_expected(request, failure->failure)) {
                        gone_was_probed(planner, request, now_us, random);
                        return ATTRIBUTED_TO_NONE;
                }
                /* What was in flight when the breaker opened says no more than the request that opened it. */
                if (request->probe)
                        breaker_note_failed_probe(&api->breaker, failure->failure, now_us,
                                                  planner->limits.shortest_interval_us, random);
                requeue(planner, request, request->probe ? request->due_us : now_us);
                return ATTRIBUTED_TO_API;
        }
        if (request->kind == REQUEST_CHECK)
                return check_failed(planner, failure->failure, now_us, random);
        if (request->kind == REQUEST_GONE_CHECK)
                return gone_check_failed(planner, request, failure->failure, now_us, random);
        if (failure->failure == FAILURE_UNREACHABLE || api_wide) {
                requeue(planner, request, now_us);
                open_breaker(planner, failure->failure, now_us, random);
                return ATTRIBUTED_TO_API;
        }
        if (request->kind == REQUEST_SIGN_IN)
                return ATTRIBUTED_TO_NONE;

        struct planner_job *first = request->jobs[0];
        uint64_t interval_us = first->settings->interval_us;
        bool witness = is_witness(request);

        if (request->kind == REQUEST_BATCH) {
                for (size_t i = 0; i < request->count; i++)
                        request->jobs[i]->failing = true;
                batches_note_failed(planner, request, failure->too_large, now_us);
                if (!failure->too_large) {
                        accuse(planner, failure->failure, witness, true, interval_us, now_us, random);
                        note_row(planner, failure->failure, now_us, random);
                }
                return is_open(planner) ? ATTRIBUTED_TO_API : ATTRIBUTED_TO_NONE;
        }
        if (is_expected(request, failure->failure)) {
                planner_plan(planner, first, 0, now_us);
                return ATTRIBUTED_TO_NONE;
        }
        uint64_t before_us = first->charged_us;
        charge(planner, first, failure, now_us, random);
        if (!failure->too_large) {
                accuse(planner, failure->failure, witness, false, interval_us, now_us, random);
                note_row(planner, failure->failure, now_us, random);
        }
        if (is_open(planner))
                return ATTRIBUTED_TO_API;
        if (failure->failure == FAILURE_NOT_FOUND && !once)
                return not_found(planner, first, before_us, now_us);
        return ATTRIBUTED_TO_JOB;
}

void planner_succeeded(struct planner *planner, const struct planner_request *request, uint64_t now_us)
{
        struct planner_api *api = &planner->api;

        note_answered(planner, request);
        breaker_note_success(&api->breaker);
        api->row = 0;
        switch (request->kind) {
        case REQUEST_CHECK:
                api->check_in_flight = false;
                api->check_wanted = FAILURE_NONE;
                api->failed_gone_checks = 0;
                break;
        case REQUEST_GONE_CHECK:
                api->failed_gone_checks = 0;
                break;
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
                note_read(api, job, now_us);
                batches_note_single_read(planner, job, now_us);
                break;
        }
        }
}
