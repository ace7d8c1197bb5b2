/* SPDX-License-Identifier: MIT */

/* Evidence that a record is gone, and requests for gone jobs. */

#include "planning/gone.h"

#include "planning/charges.h"
#include "planning/witnesses.h"
#include "util/timespan.h"

/* So many checks for gone fail in a row before other evidence is used: one may fail for any reason. */
#define FAILED_GONE_CHECKS_MAX 2

void gone_note_read(struct planner_api *api, const struct planner_job *job, uint64_t now_us)
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

enum attribution gone_note_not_found(struct planner *planner, struct planner_job *job, uint64_t before_us,
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
        job_charge(planner, job, &failure, now_us, random);
        return false;
}

enum attribution gone_check_failed(struct planner *planner, const struct planner_request *request,
                                   uint64_t now_us, uint64_t random)
{
        struct planner_job *job = request->jobs[0];
        const struct planner_failure again = { .failure = FAILURE_NOT_FOUND };

        if (++planner->api.failed_gone_checks >= FAILED_GONE_CHECKS_MAX)
                planner->api.no_gone_checks_until_us = now_us + NO_CHECKS_US;
        if (planner->api.no_gone_checks_until_us > now_us && job->others_read) {
                job->gone_check = false;
                return ATTRIBUTED_AS_GONE;
        }
        job_charge(planner, job, &again, now_us, random);
        return ATTRIBUTED_TO_NONE;
}

bool gone_is_expected(const struct planner_request *request, enum failure failure)
{
        return failure == FAILURE_NOT_FOUND && request->kind == REQUEST_SINGLE &&
               planner_job_is_gone(request->jobs[0]);
}

void gone_note_expected(struct planner *planner, struct planner_job *job, uint64_t now_us)
{
        job->failing = false; /* perhaps since a batch of it failed */
        job->failures = 0;
        planner_plan_gone(planner, job, now_us);
}

void gone_note_probed(struct planner *planner, const struct planner_request *request, uint64_t now_us,
                      uint64_t random)
{
        struct breaker *breaker = &planner->api.breaker;

        gone_note_expected(planner, request->jobs[0], now_us);
        if (breaker->failure != FAILURE_NOT_FOUND)
                breaker_note_success(breaker);
        else if (request->probe)
                breaker_note_failed_probe(breaker, FAILURE_NOT_FOUND, now_us,
                                          planner->limits.shortest_interval_us, random);
}
