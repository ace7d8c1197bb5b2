/* SPDX-License-Identifier: MIT */

/*
 * A subject (the job of a request, or the set of its jobs) is a witness against the API when it fails without
 * having been failing. Two witnesses in one class, with no successful read in between, open the breaker.
 *
 * If no second witness will be due within the interval, because there is one job or all others are failing,
 * a check request is made: a batch of one id. It succeeds if it is answered with an array, whatever is in
 * it. In the class "not found" it is made in any case, since two jobs may be missing. Where checks do not
 * work either, the job's own next failure counts as the second witness.
 *
 * After a streak of failures without a success a check is made too, whoever they were for; where checks do
 * not work, jobs that are not failing are polled instead.
 */

#include "planning/witnesses.h"

#include "planning/batches.h"
#include "planning/charges.h"
#include "planning/feed.h"
#include "util/timespan.h"

/* So many failed requests in a row are a reason to ask about the API. */
#define STREAK_MAX 8

/* So many outages in a row that end with the first probe, and it is the checks that fail. */
#define FALSE_CHECKS_MAX 2

/* An ended job may be missing from a list. With `once`, a job may be asked for that is not polled again. */
static bool may_be_checked(const struct planner_job *job)
{
        return !job->watch.memory.recorded || !outcome_is_terminal(job->watch.memory.outcome);
}

/* The job that a check asks about, if possible one that is not failing. NULL: there is none. */
static struct planner_job *job_to_check(const struct planner *planner)
{
        struct planner_job *chosen = NULL;

        for (size_t i = 0; i < planner->job_count; i++) {
                struct planner_job *job = planner->jobs[i];

                if (!may_be_checked(job))
                        continue;
                if (!job->failing)
                        return job;
                if (chosen == NULL)
                        chosen = job;
        }
        return chosen;
}

static bool checks_work(const struct planner *planner, uint64_t now_us)
{
        return planner->api.no_checks_until_us <= now_us && planner->api.batches_from_us <= now_us &&
               job_to_check(planner) != NULL;
}

void witnesses_open_breaker(struct planner *planner, enum failure failure, uint64_t now_us, uint64_t random)
{
        struct planner_api *api = &planner->api;

        if (planner_is_open(planner))
                return;
        breaker_open(&api->breaker, failure, now_us, planner->limits.shortest_interval_us, random);
        api->check_wanted = FAILURE_NONE;
        api->opened_by_check = false;
        api->probe_round++;
        charges_undo(planner, api->breaker.since_us, now_us);
        feed_undo_charge(planner, now_us);
}

bool request_is_witness(const struct planner_request *request)
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
                const struct planner_job *job = planner->jobs[i];

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

void witnesses_accuse(struct planner *planner, enum failure failure, bool witness, bool batch,
                      uint64_t interval_us, uint64_t now_us, uint64_t random)
{
        struct planner_api *api = &planner->api;
        bool accused = api->breaker.witness_us[failure] != 0;
        bool second = witness && breaker_note_witness(&api->breaker, failure, now_us);
        bool checks = checks_work(planner, now_us);

        if (!second && !batch && second_witness_is_due(planner, interval_us, now_us))
                return;
        bool proven = second ? failure != FAILURE_NOT_FOUND || !checks : accused && !checks;
        if (proven)
                witnesses_open_breaker(planner, failure, now_us, random);
        else if (witness && checks)
                want_check(api, failure);
}

/* Of the jobs that are not failing and wait for their poll, the one that is due first. */
static struct planner_job *next_witness(const struct planner *planner)
{
        struct planner_job *first = NULL;

        for (size_t i = 0; i < planner->job_count; i++) {
                struct planner_job *job = planner->jobs[i];

                if (!job->failing && job->entry.position != 0 && !job->confirm && !planner_job_is_gone(job) &&
                    (first == NULL || job->entry.due_us < first->entry.due_us))
                        first = job;
        }
        return first;
}

/* Polls two of them now: two witnesses, or a success. Returns false if there is none. */
static bool hurry_witnesses(struct planner *planner)
{
        bool found = false;

        for (unsigned i = 0; i < 2; i++) {
                struct planner_job *job = next_witness(planner);

                if (job == NULL)
                        return found;
                planner_take_out(planner, job);
                job->confirm = found = true;
                planner_put(planner, job, DUE_FIRST);
        }
        return found;
}

void witnesses_note_streak(struct planner *planner, enum failure failure, uint64_t now_us, uint64_t random)
{
        struct planner_api *api = &planner->api;

        if (api->streak == 0 || api->streak_failure != failure) {
                api->streak = 0;
                api->streak_failure = failure;
                api->streak_since_us = now_us;
        }
        if (++api->streak % STREAK_MAX != 0 || planner_is_open(planner))
                return;
        if (checks_work(planner, now_us)) {
                want_check(api, failure);
        } else if (!hurry_witnesses(planner)) {
                if (api->breaker.witness_us[failure] == 0)
                        api->breaker.witness_us[failure] = api->streak_since_us;
                witnesses_open_breaker(planner, failure, now_us, random);
        }
}

/* ---- checks ---- */

void witnesses_ask(struct planner *planner, enum failure failure, uint64_t now_us)
{
        if (checks_work(planner, now_us))
                want_check(&planner->api, failure);
        else
                (void)hurry_witnesses(planner);
}

bool witnesses_want_check(const struct planner *planner)
{
        return planner->api.check_wanted != FAILURE_NONE && !planner->api.check_in_flight;
}

bool witnesses_next_check(struct planner *planner, struct planner_request *ret_request)
{
        struct planner_job *job = job_to_check(planner);

        if (job == NULL) {
                planner->api.check_wanted = FAILURE_NONE;
                return false;
        }
        *ret_request = (struct planner_request){ .kind = REQUEST_CHECK, .count = 1, .jobs = { job } };
        planner->api.check_in_flight = true;
        return true;
}

enum attribution witnesses_check_failed(struct planner *planner, enum failure failure, uint64_t now_us,
                                        uint64_t random)
{
        struct planner_api *api = &planner->api;
        enum failure wanted = api->check_wanted;

        api->check_wanted = FAILURE_NONE;
        if (wanted == FAILURE_NONE && failure != FAILURE_UNREACHABLE)
                return ATTRIBUTED_TO_NONE; /* a read has succeeded meanwhile */
        if (failure == wanted || failure == FAILURE_UNREACHABLE || api->breaker.witness_us[failure] != 0) {
                if (api->streak > 0 && api->streak_failure == failure &&
                    api->breaker.witness_us[failure] == 0)
                        api->breaker.witness_us[failure] = api->streak_since_us;
                witnesses_open_breaker(planner, failure, now_us, random);
                api->opened_by_check = failure != FAILURE_UNREACHABLE;
                return ATTRIBUTED_TO_API;
        }
        api->no_checks_until_us = now_us + NO_CHECKS_US;
        return ATTRIBUTED_TO_NONE;
}

void witnesses_note_success(struct planner *planner, const struct planner_request *request, uint64_t now_us)
{
        struct planner_api *api = &planner->api;
        bool probe = request->kind == REQUEST_SINGLE && planner_is_open(planner);

        if (request->kind == REQUEST_BATCH || request->kind == REQUEST_CHECK ||
            (probe && api->breaker.failed_probes > 0))
                api->false_checks = 0;
        else if (probe && api->opened_by_check && ++api->false_checks >= FALSE_CHECKS_MAX)
                api->no_checks_until_us = now_us + NO_CHECKS_US;
        if (probe)
                api->opened_by_check = false;
}
