/* SPDX-License-Identifier: MIT */

/*
 * What is watched changes: the configuration file is edited, which is read by a reload or only at the next
 * start; and someone asks for jobs at run time.
 */

#include "sim.h"

#include <stdlib.h>

#include "monitor/monitor.h"
#include "monitor/recorder.h"
#include "state/state.h"

/* ---- edits ---- */

static struct sim_job *any_job(struct sim *sim)
{
        return &sim->jobs[chance_below(sim, sim->job_count)];
}

/* One that was forgotten would be new again. */
static void list(struct sim_job *job, bool in_file)
{
        job->watched.in_file = in_file && !job->watched.pruned;
}

static void edit_list(struct sim *sim)
{
        bool in_file = chance_permille(sim, 500);
        size_t count = chance_permille(sim, 700) ? 1 + chance_below(sim, 3) : sim->job_count / 10;

        for (size_t i = 0; i < count; i++)
                list(any_job(sim), in_file);
}

static void draw_filters(struct sim *sim, struct section *section)
{
        section->business = chance_permille(sim, 300) ? 1 + chance_below(sim, 3) : 0;
        section->description = chance_permille(sim, 500) ? 1 + chance_below(sim, 3) : 0;
}

/* Not where jobs are forgotten, which it may find again. */
static uint64_t draw_since(struct sim *sim)
{
        static const uint64_t spans_us[] = { USEC_PER_MIN, 10 * USEC_PER_MIN, USEC_PER_HOUR,
                                             5 * USEC_PER_HOUR, 20 * USEC_PER_HOUR };

        return sim->end_us - sim->start_us < USEC_PER_DAY && chance_permille(sim, 500)
                       ? spans_us[chance_below(sim, 5)]
                       : 0;
}

static void edit_section(struct sim *sim)
{
        struct section *section = &sim->changes.file.sections[chance_below(sim, SECTIONS_MAX)];

        if (section->present && chance_permille(sim, 500)) {
                *section = (struct section){ .present = false };
                return;
        }
        if (!section->present)
                section->since_us = draw_since(sim);
        section->present = true;
        draw_filters(sim, section);
}

static void edit_file(struct sim *sim)
{
        static const unsigned intervals[] = { 5, 15, 15, 15, 60 };
        struct settings *file = &sim->changes.file;

        switch (chance_below(sim, 8)) {
        case 0:
        case 1:
        case 2:
                edit_list(sim);
                break;
        case 3:
        case 4:
                edit_section(sim);
                break;
        case 5:
                file->interval_us = intervals[chance_below(sim, 5)] * USEC_PER_SEC;
                break;
        case 6:
                file->sweep_interval_us = chance_span(sim, 5 * USEC_PER_MIN, 2 * USEC_PER_HOUR);
                break;
        default:
                file->feed = !file->feed;
                break;
        }
}

/* ---- reload ---- */

struct edit {
        struct state_operation operation;
        struct sim *sim;
        struct config *config;
};

static int reload_run(struct state_operation *operation, struct store *store)
{
        (void)operation;
        return monitor_load(simulated->monitor, store);
}

static void reload_done(struct state_operation *operation, int r)
{
        struct edit *edit = (struct edit *)operation;
        struct sim *sim = edit->sim;

        sim->changes.reload = NULL;
        if (r < 0 || sim->changes.stopping) {
                monitor_keep(sim->monitor);
                config_free(edit->config);
                free(edit);
                return;
        }
        watch_adopt(sim, false);
        recorder_reload(sim->recorder, edit->config);
        monitor_reload(sim->monitor);
        config_free(sim->config);
        sim->config = edit->config;
        free(edit);
        sim->figures.reloads++;
}

static void reload(struct sim *sim)
{
        struct edit *edit = calloc(1, sizeof(*edit));

        if (edit == NULL)
                abort();
        edit->operation =
                (struct state_operation){ .run = reload_run, .done = reload_done, .only_reads = true };
        edit->sim = sim;
        edit->config = configure(sim);
        monitor_prepare(sim->monitor, edit->config);
        sim->changes.reload = edit;
        state_queue(sim->state, &edit->operation);
}

/* ---- as time goes by ---- */

void changes_draw(struct sim *sim)
{
        struct account *account = &sim->account;
        struct changes *changes = &sim->changes;

        changes->present = sim->seed >= CHANGE_SEEDS && !sim->well_world;
        if (changes->present) {
                changes->gap_us = (5 * USEC_PER_MIN) << chance_below(sim, 5);
                changes->next_us = sim->now_us + chance_gap(sim, changes->gap_us);
                for (size_t i = 0; i < SECTIONS_MAX; i++)
                        if (account->sections[i].present)
                                account->sections[i].since_us = draw_since(sim);
        } else {
                changes->next_us = USEC_NEVER;
        }
        changes->file = (struct settings){ .feed = account->feed,
                                           .interval_us = account->interval_us,
                                           .sweep_interval_us = account->sweep_interval_us };
        for (size_t i = 0; i < SECTIONS_MAX; i++)
                changes->file.sections[i] = account->sections[i];
        for (size_t i = 0; i < sim->job_count; i++) {
                struct sim_job *job = &sim->jobs[i];

                job->watched.in_file = job->listed;
                if (changes->present) /* as if it were discovered or added */
                        job->settings.stalled_after_us = job->settings.result_wait_us = 0;
        }
}

uint64_t changes_next_us(const struct sim *sim)
{
        return sim->changes.present ? sim->changes.next_us : USEC_NEVER;
}

static void happen(struct sim *sim)
{
        bool up = sim->monitor != NULL && sim->suspended_until_us <= sim->now_us;

        if (up && !sim->changes.once && chance_permille(sim, 600)) {
                run_time_ask(sim);
                return;
        }
        if (sim->changes.reload != NULL) /* it is that of this file */
                return;
        for (uint64_t left = 1 + chance_below(sim, 3); left > 0; left--)
                edit_file(sim);
        if (up && !sim->changes.once && chance_permille(sim, 800))
                reload(sim);
}

void changes_run(struct sim *sim)
{
        struct changes *changes = &sim->changes;

        if (!changes->present || changes->next_us > sim->now_us)
                return;
        changes->next_us = sim->now_us + (chance_permille(sim, 300) ? chance_gap(sim, USEC_PER_SEC / 10)
                                                                    : chance_gap(sim, changes->gap_us));
        happen(sim);
}
