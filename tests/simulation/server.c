/* SPDX-License-Identifier: MIT */

/*
 * The API: its throttling, by the documented limits whatever the daemon is configured to, over windows that
 * slide or that begin at fixed times; its outages; its broken jobs; and its batches, of several kinds.
 */

#include "sim.h"

#define WINDOWS 3
static const uint64_t windows_us[WINDOWS] = { USEC_PER_MIN, USEC_PER_HOUR, USEC_PER_DAY };
static const unsigned documented[WINDOWS] = { 120, 5000, 200000 };

#define TIME_OUT_US (30 * USEC_PER_SEC)

uint64_t server_latency(struct sim *sim)
{
        if (sim->slow_until_us > sim->now_us)
                return chance_span(sim, 2 * USEC_PER_SEC, 29 * USEC_PER_SEC);
        return chance_span(sim, 20 * USEC_PER_MSEC, 700 * USEC_PER_MSEC);
}

/* How many requests fell into the window that this one falls into, itself included. */
static size_t in_window(const struct sim *sim, unsigned window, uint64_t at_us)
{
        const struct request_times *times = &sim->times;
        size_t count = 0;

        if (!sim->fixed_windows)
                return times->count - times->tails[window];
        uint64_t begin_us = at_us - (at_us + sim->window_offset_us) % windows_us[window];
        for (size_t i = times->count; i > times->tails[window] && times->at_us[i - 1] >= begin_us; i--)
                count++;
        return count;
}

static bool is_too_much(const struct sim *sim, uint64_t at_us)
{
        const struct request_times *times = &sim->times;

        if (times->count >= times->first + 2 &&
            times->at_us[times->count - 1] - times->at_us[times->count - 2] < 100 * USEC_PER_MSEC)
                return true;
        for (unsigned i = 0; i < WINDOWS; i++) /* the sliding window is an upper bound, and cheap */
                if (times->count - times->tails[i] > documented[i] &&
                    in_window(sim, i, at_us) > documented[i])
                        return true;
        return false;
}

static void fail(struct slot *slot, enum failure failure, enum cause cause)
{
        slot->failure = failure;
        slot->cause = cause;
}

static void throttle(struct slot *slot, enum cause cause, uint64_t retry_after_us)
{
        fail(slot, FAILURE_THROTTLED, cause);
        slot->retry_after_us = retry_after_us;
}

static void hang(struct slot *slot, enum cause cause)
{
        fail(slot, FAILURE_NO_RESPONSE, cause);
        slot->end_us = slot->start_us + TIME_OUT_US;
}

static void fail_by_site(struct sim *sim, struct slot *slot)
{
        switch (sim->site) {
        case SITE_UNREACHABLE:
                slot->end_us = slot->start_us + chance_span(sim, 1, 100) * USEC_PER_MSEC;
                fail(slot, FAILURE_UNREACHABLE, CAUSE_SITE);
                break;
        case SITE_HANGS:
                hang(slot, CAUSE_SITE);
                break;
        case SITE_SERVER_ERROR:
                fail(slot, FAILURE_SERVER_ERROR, CAUSE_SITE);
                break;
        case SITE_REFUSED:
                fail(slot, FAILURE_REFUSED, CAUSE_SITE);
                break;
        case SITE_NOT_FOUND:
                fail(slot, FAILURE_NOT_FOUND, CAUSE_SITE);
                break;
        case SITE_PAGE:
                fail(slot, FAILURE_UNEXPECTED, CAUSE_SITE);
                break;
        case SITE_THROTTLED:
                throttle(slot, CAUSE_SITE, sim->site_retry_after_us);
                break;
        case SITE_WELL:
        case SITE_KINDS:
                break;
        }
}

static void fail_at_random(struct sim *sim, struct slot *slot)
{
        switch (chance_below(sim, 10)) {
        case 0:
        case 1:
                hang(slot, CAUSE_NOISE);
                break;
        case 2:
                fail(slot, FAILURE_REFUSED, CAUSE_NOISE);
                break;
        case 3:
        case 4:
                fail(slot, FAILURE_NO_RESPONSE, CAUSE_NOISE);
                break;
        case 5:
        case 6:
                fail(slot, FAILURE_UNREACHABLE, CAUSE_NOISE);
                break;
        default:
                fail(slot, FAILURE_SERVER_ERROR, CAUSE_NOISE);
                break;
        }
}

static void fail_as_a_whole(struct sim *sim, struct slot *slot)
{
        if (is_too_much(sim, slot->start_us)) {
                sim->figures.throttled++;
                if (sim->limits.rate_limiter.per_minute == 120 && sim->limits.rate_limiter.per_hour == 5000 &&
                    sim->limits.rate_limiter.per_day == 200000 &&
                    sim->limits.rate_limiter.min_spacing_us == 100 * USEC_PER_MSEC)
                        sim_fail(sim, NULL, "the server throttled a request below its documented limits");
                throttle(slot, CAUSE_LIMITS,
                         chance_permille(sim, 800) ? chance_span(sim, 1, 60) * USEC_PER_SEC : 0);
        } else if (sim->site != SITE_WELL) {
                fail_by_site(sim, slot);
        } else if (chance_permille(sim, sim->limit_permille)) {
                if (chance_permille(sim, 500))
                        throttle(slot, CAUSE_NOISE, 0);
                else
                        fail(slot, FAILURE_SERVER_ERROR, CAUSE_NOISE); /* 503 without Retry-After */
        } else if (chance_permille(sim, sim->fail_permille)) {
                fail_at_random(sim, slot);
        }
}

static void fail_by_fault(struct slot *slot, const struct sim_job *job)
{
        switch (job->fault) {
        case FAULT_ERROR:
                fail(slot, FAILURE_SERVER_ERROR, CAUSE_JOB);
                break;
        case FAULT_REFUSED:
        case FAULT_CREDENTIALS:
                fail(slot, FAILURE_REFUSED, CAUSE_JOB);
                break;
        case FAULT_RESET:
                fail(slot, FAILURE_NO_RESPONSE, CAUSE_JOB);
                break;
        case FAULT_HANGS:
                hang(slot, CAUSE_JOB);
                break;
        case FAULT_PAGE:
                fail(slot, FAILURE_UNEXPECTED, CAUSE_JOB);
                break;
        case FAULT_TOO_LARGE:
                fail(slot, FAILURE_UNEXPECTED, CAUSE_JOB);
                slot->too_large = true;
                break;
        case FAULT_THROTTLED:
                throttle(slot, CAUSE_JOB, 0);
                break;
        case FAULT_THROTTLED_SPAN:
                throttle(slot, CAUSE_JOB, job->retry_after_us);
                break;
        case FAULT_HIDDEN:
                fail(slot, FAILURE_NOT_FOUND, CAUSE_JOB);
                break;
        case FAULT_NONE:
        case FAULTS:
                break;
        }
}

bool batches_work(const struct sim *sim)
{
        return sim->batch_kind != BATCH_NEVER;
}

static void shuffle(struct sim *sim, struct slot *slot)
{
        for (size_t i = slot->request.count; sim->shuffled && i > 1; i--) {
                size_t other = chance_below(sim, i), place = slot->order[i - 1];

                slot->order[i - 1] = slot->order[other];
                slot->order[other] = place;
        }
}

static void answer_batch(struct sim *sim, struct slot *slot)
{
        const struct request *request = &slot->request;

        if (!batches_work(sim)) {
                fail(slot, sim->batch_failure, CAUSE_BATCH);
                return;
        }
        if (request->count > sim->batch_most) {
                fail(slot, FAILURE_UNEXPECTED, CAUSE_BATCH);
                slot->too_large = true;
                return;
        }
        for (size_t i = 0; i < request->count && slot->failure == FAILURE_NONE; i++) {
                const struct sim_job *job = request->jobs[i];

                if (sim->spoils_batches && slot->shown[i].exists && job->fault < FAULT_THROTTLED)
                        fail_by_fault(slot, job);
        }
        if (slot->failure == FAILURE_NONE && chance_permille(sim, sim->odd_permille / 5))
                fail(slot, FAILURE_UNEXPECTED, CAUSE_NOISE);
        shuffle(sim, slot);
}

static void answer_single(struct sim *sim, struct slot *slot)
{
        const struct sim_job *job = slot->request.jobs[0];

        if (!slot->shown[0].exists)
                fail(slot, FAILURE_NOT_FOUND, CAUSE_MISSING);
        else if (job->fault != FAULT_NONE)
                fail_by_fault(slot, job);
        else if (chance_permille(sim, sim->odd_permille))
                fail(slot, FAILURE_UNEXPECTED, CAUSE_NOISE);
}

/* The response to a request that has reached the API. */
void server_answer(struct sim *sim, struct slot *slot)
{
        const struct request *request = &slot->request;

        slot->made = true;
        slot->calm_us = sim->calm_us;
        slot->failure = FAILURE_NONE;
        slot->cause = CAUSE_NONE;
        slot->too_large = false;
        slot->retry_after_us = 0;
        for (size_t i = 0; i < request->count; i++) {
                slot->shown[i] = request->jobs[i]->truth;
                slot->order[i] = i;
                slot->dropped[i] = !slot->shown[i].exists || chance_permille(sim, sim->miss_permille);
        }
        fail_as_a_whole(sim, slot);
        if (slot->failure == FAILURE_NONE && slot->page.number > 0)
                page_answer(sim, slot);
        else if (slot->failure == FAILURE_NONE && request->kind == REQUEST_SINGLE)
                answer_single(sim, slot);
        else if (slot->failure == FAILURE_NONE)
                answer_batch(sim, slot);
        if (slot->end_us - slot->start_us >= TIME_OUT_US)
                sim->hung_us = slot->end_us;
        if (slot->failure == FAILURE_NONE && request->kind == REQUEST_SINGLE)
                account_job_read(sim, request->jobs[0]);
}

void server_row(struct sim *sim, const struct shown *truth, struct shown *ret_row)
{
        bool ragged = sim->batch_kind == BATCH_RAGGED;

        *ret_row = *truth;
        ret_row->has_status = sim->batch_kind != BATCH_NO_STATUS && !(ragged && chance_permille(sim, 50));
        ret_row->has_result = sim->batch_kind != BATCH_NO_RESULT &&
                              sim->batch_kind != BATCH_NO_RESULT_NOR_UPDATED &&
                              !(ragged && chance_permille(sim, 200));
        if (!ret_row->has_status)
                ret_row->status = 0;
        if (!ret_row->has_result || sim->batch_kind == BATCH_EMPTY_RESULT)
                ret_row->result = 0;
        if (sim->batch_kind == BATCH_NO_RESULT_NOR_UPDATED || (ragged && chance_permille(sim, 100)))
                ret_row->updated = 0;
}
