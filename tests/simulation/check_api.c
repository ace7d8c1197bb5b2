/* SPDX-License-Identifier: MIT */

/*
 * Events of the API. In an outage there is at most one api_down and one api_refused, and after them one
 * api_ok; what was written before a crash counts.
 *
 * api_down: nothing was read for ten minutes. If a job was read in an earlier run, and that may not have been
 * written, or the wall clock was set since: for a minute of this run. It is there when the API has surely
 * been down for longer than that. api_refused: a request was refused since anything was read. It is there
 * when a probe was refused. api_ok: something was read since, or a job was not found, as expected. It is
 * there when a job was read and nothing has failed for longer than ten seconds after that.
 */

#include "sim.h"

/* For a commit, and for another one if the first could not be made. */
#define PATIENCE_US (1 * USEC_PER_MIN)

static bool is_disk_well(const struct sim *sim)
{
        return sim->disk_fail_permille == 0 && sim->disk_full_until_us + PATIENCE_US < sim->now_us &&
               sim->disk_slow_until_us + PATIENCE_US < sim->now_us;
}

void check_api_response(struct sim *sim, const struct slot *slot)
{
        struct api_seen *seen = &sim->api_seen;

        if (slot->failure == FAILURE_NONE || slot->failure == FAILURE_NOT_FOUND) {
                if (seen->failed_us > seen->answered_us) {
                        seen->read_before_us = seen->read_us;
                        seen->answered_again_us = sim->now_us;
                }
                seen->answered_us = sim->now_us;
        }
        if (slot->failure != FAILURE_NONE)
                seen->failed_us = sim->now_us;
        if (slot->failure == FAILURE_REFUSED) {
                seen->refused_us = sim->now_us;
        } else if (slot->failure == FAILURE_NONE && slot->page.number == 0) {
                seen->read_us = sim->now_us;
                seen->read_jumps = sim->wall_jumps;
        }
}

static void check_down(struct sim *sim)
{
        const struct api_seen *seen = &sim->api_seen;
        /* It was due before that, and is recorded now. */
        bool late = sim->now_us - seen->answered_again_us < 2 * DISK_SLOW_US;
        uint64_t read_us = late ? seen->read_before_us : seen->read_us;
        if (read_us < sim->start_us)
                read_us = sim->start_us;
        bool lost =
                sim->ended_wall_us == 0 || sim->disk_fail_permille > 0 || sim->disk_full_until_us > read_us;
        bool unsure = read_us < sim->run_us && (lost || seen->read_jumps != sim->wall_jumps);

        if (seen->down)
                sim_fail(sim, NULL, "api_down again in the same outage");
        if (unsure)
                read_us = sim->run_us;
        if (sim->now_us - read_us < (unsure ? 1 : 10) * USEC_PER_MIN)
                sim_fail(sim, NULL, "api_down, %.3f s after a job was read",
                         (double)(sim->now_us - read_us) / 1e6);
}

static void check_refused(struct sim *sim)
{
        const struct api_seen *seen = &sim->api_seen;

        if (seen->refused)
                sim_fail(sim, NULL, "api_refused again in the same outage");
        if (seen->refused_us < sim->run_us || seen->refused_us + DISK_SLOW_US < seen->read_us)
                sim_fail(sim, NULL, "api_refused, and nothing was refused");
}

static void check_ok(struct sim *sim)
{
        const struct api_seen *seen = &sim->api_seen;

        if (!seen->down && !seen->refused)
                sim_fail(sim, NULL, "api_ok after neither api_down nor api_refused");
        if (seen->answered_us + 2 * DISK_SLOW_US < seen->reported_us)
                sim_fail(sim, NULL, "api_ok, and nothing was answered");
}

void check_api_event(struct sim *sim, enum event_kind kind)
{
        struct api_seen *seen = &sim->api_seen;

        if (kind == EVENT_API_DOWN)
                check_down(sim);
        else if (kind == EVENT_API_REFUSED)
                check_refused(sim);
        else
                check_ok(sim);
        seen->down = kind == EVENT_API_DOWN || (seen->down && kind != EVENT_API_OK);
        seen->refused = kind == EVENT_API_REFUSED || (seen->refused && kind != EVENT_API_OK);
        seen->reported_us = sim->now_us;
        sim->figures.api_events++;
}

/* How long a condition has been true in this run; 0: it is not. */
static uint64_t lasts(const struct sim *sim, bool is_true, uint64_t *since_us)
{
        if (!is_true)
                *since_us = 0;
        else if (*since_us == 0)
                *since_us = sim->now_us;
        return is_true ? sim->now_us - *since_us : 0;
}

void check_api(struct sim *sim)
{
        struct api_seen *seen = &sim->api_seen;
        const struct wire *wire = &sim->wire;
        bool up = sim->monitor != NULL && !sim->account.present, open = up && wire->open && wire->surely;
        bool refused = open && wire->failure == FAILURE_REFUSED && wire->failed > 0;
        bool down = open && wire->failure != FAILURE_REFUSED;
        bool well = up && !wire->open && seen->read_us >= sim->run_us && seen->read_us > seen->failed_us;
        uint64_t down_us = lasts(sim, down, &seen->down_since_us);
        uint64_t refused_us = lasts(sim, refused, &seen->refused_since_us);
        uint64_t well_us = lasts(sim, well, &seen->well_since_us);

        if (sim->suspended_until_us + PATIENCE_US > sim->now_us || !is_disk_well(sim))
                return;
        if (!seen->down && down_us > 10 * USEC_PER_MIN + PATIENCE_US)
                sim_fail(sim, NULL, "down for more than ten minutes, and no api_down");
        if (!seen->refused && refused_us > PATIENCE_US)
                sim_fail(sim, NULL, "a probe was refused, and no api_refused");
        if ((seen->down || seen->refused) && well_us > 10 * USEC_PER_SEC + PATIENCE_US)
                sim_fail(sim, NULL, "well for more than ten seconds, and no api_ok");
}
