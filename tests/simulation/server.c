/* SPDX-License-Identifier: MIT */

/*
 * The API: throttling by the documented limits, whatever the daemon is configured to, over sliding or fixed
 * windows; failures; and batches of several kinds.
 */

#include "sim.h"

#define WINDOWS 3
static const uint64_t windows_us[WINDOWS] = { USEC_PER_MIN, USEC_PER_HOUR, USEC_PER_DAY };
static const unsigned documented[WINDOWS] = { 120, 5000, 200000 };

uint64_t server_latency(struct sim *sim)
{
        if (sim->slow_until_us > sim->now_us)
                return draw_between(sim, 2 * USEC_PER_SEC, 29 * USEC_PER_SEC);
        return draw_between(sim, 20 * USEC_PER_MSEC, 700 * USEC_PER_MSEC);
}

/* Number of requests in the same window as this one, itself included. */
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

        if (times->count >= 2 &&
            times->at_us[times->count - 1] - times->at_us[times->count - 2] < 100 * USEC_PER_MSEC)
                return true;
        for (unsigned i = 0; i < WINDOWS;
             i++) /* counting is expensive, and the sliding window is an upper bound */
                if (times->count - times->tails[i] > documented[i] &&
                    in_window(sim, i, at_us) > documented[i])
                        return true;
        return false;
}

static void fail(struct slot *slot, enum outage outage, uint64_t retry_after_us)
{
        slot->response = RESPONSE_FAILURE;
        slot->outage = outage;
        slot->retry_after_us = retry_after_us;
}

static bool fail_by_outage(struct sim *sim, struct slot *slot)
{
        if (sim->outage_until_us <= slot->start_us)
                return false;
        switch (sim->outage) {
        case SITE_REFUSED:
                slot->end_us = slot->start_us + draw_between(sim, 1, 100) * USEC_PER_MSEC;
                fail(slot, OUTAGE_UNREACHABLE, 0);
                break;
        case SITE_HANGS:
                slot->end_us = slot->start_us + 30 * USEC_PER_SEC;
                fail(slot, OUTAGE_UNREACHABLE, 0);
                break;
        case SITE_UNAVAILABLE:
                fail(slot, OUTAGE_THROTTLED, draw_between(sim, 1, 120) * USEC_PER_SEC);
                break;
        case SITE_UNAUTHORIZED:
                fail(slot, OUTAGE_UNAUTHORIZED, 0);
                break;
        }
        return true;
}

static bool fail_randomly(struct sim *sim, struct slot *slot)
{
        if (is_too_much(sim, slot->start_us)) {
                sim->figures.throttled++;
                if (sim->limits_from_us <= slot->start_us && sim->limits.rate_limiter.per_minute == 120 &&
                    sim->limits.rate_limiter.per_hour == 5000 && sim->limits.rate_limiter.per_day == 200000 &&
                    sim->limits.rate_limiter.min_spacing_us == 100 * USEC_PER_MSEC)
                        sim_fail(sim, NULL,
                                 "the server throttled a request though the documented limits were set");
                fail(slot, OUTAGE_THROTTLED,
                     draw_permille(sim, 800) ? draw_between(sim, 1, 60) * USEC_PER_SEC : 0);
        } else if (fail_by_outage(sim, slot)) {
        } else if (sim->throttled_until_us > slot->start_us) {
                fail(slot, OUTAGE_THROTTLED, sim->throttle_retry_us);
        } else if (draw_permille(sim, sim->fail_permille)) {
                if (draw_permille(sim, 300))
                        slot->end_us = slot->start_us + 30 * USEC_PER_SEC;
                fail(slot, draw_permille(sim, 900) ? OUTAGE_UNREACHABLE : OUTAGE_UNAUTHORIZED, 0);
        } else {
                return false;
        }
        return true;
}

static void shuffle(struct sim *sim, struct slot *slot)
{
        for (size_t i = slot->request.count; sim->shuffled && i > 1; i--) {
                size_t other = draw_below(sim, i), index = slot->order[i - 1];

                slot->order[i - 1] = slot->order[other];
                slot->order[other] = index;
        }
}

/* The response to a request that reaches the API now. */
void server_respond(struct sim *sim, struct slot *slot)
{
        const struct planner_request *request = &slot->request;

        slot->made = true;
        slot->calm_us = sim->calm_us;
        if (fail_randomly(sim, slot)) {
                sim->working_since_us = sim->now_us > slot->end_us ? sim->now_us : slot->end_us;
                sim->disturbances++; /* already now: it may hang for long before the daemon knows that it
                                        failed */
                return;
        }
        for (size_t i = 0; i < request->count; i++) {
                slot->shown[i] = sim->jobs[job_index(sim, request->jobs[i])].truth;
                slot->order[i] = i;
                slot->dropped[i] = !slot->shown[i].exists || draw_permille(sim, sim->miss_permille);
        }
        if (request->batch) {
                bool refused =
                        sim->batch_kind == BATCH_REFUSED || draw_permille(sim, sim->unexpected_permille / 5);

                slot->response = refused ? RESPONSE_BATCH_REFUSED : RESPONSE_ROWS;
                shuffle(sim, slot);
        } else if (draw_permille(sim, sim->unexpected_permille)) {
                slot->response = RESPONSE_UNEXPECTED;
        } else {
                slot->response = slot->shown[0].exists ? RESPONSE_RECORD : RESPONSE_NOT_FOUND;
        }
}

void server_row(struct sim *sim, const struct shown *truth, struct shown *ret_row)
{
        bool ragged = sim->batch_kind == BATCH_RAGGED;

        *ret_row = *truth;
        ret_row->has_status = sim->batch_kind != BATCH_NO_STATUS && !(ragged && draw_permille(sim, 50));
        ret_row->has_result = sim->batch_kind != BATCH_NO_RESULT &&
                              sim->batch_kind != BATCH_NO_RESULT_NOR_UPDATED &&
                              !(ragged && draw_permille(sim, 200));
        if (!ret_row->has_status)
                ret_row->status = 0;
        if (!ret_row->has_result || sim->batch_kind == BATCH_EMPTY_RESULT)
                ret_row->result = 0;
        if (sim->batch_kind == BATCH_NO_RESULT_NOR_UPDATED || (ragged && draw_permille(sim, 100)))
                ret_row->updated = 0;
}
