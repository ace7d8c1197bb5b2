/* SPDX-License-Identifier: MIT */

/* What a world with a search is like: the account, which of its jobs are watched, and what its search does.
 */

#include "sim.h"

/* Days are needed until anything may be forgotten. */
static void draw_changing_size(struct sim *sim)
{
        uint64_t kind = chance_below(sim, 1000), hours;

        if (kind < 150) {
                sim->job_count = 10 + chance_below(sim, 50);
                hours = 24 * (2 + chance_below(sim, 3));
        } else if (kind < 900) {
                sim->job_count = 10 + chance_below(sim, 190);
                hours = 2 + chance_below(sim, 10);
        } else {
                sim->job_count = 200 + chance_below(sim, 2000);
                hours = 1 + chance_below(sim, 5);
        }
        sim->end_us = sim->now_us + hours * USEC_PER_HOUR;
}

void account_draw_size(struct sim *sim)
{
        uint64_t kind, hours;

        if (sim->seed >= CHANGE_SEEDS) {
                draw_changing_size(sim);
                return;
        }
        kind = chance_below(sim, 1000);
        if (kind < 20) { /* with stops of days */
                sim->job_count = 10 + chance_below(sim, 50);
                hours = 24 * 14;
        } else if (kind < 600) {
                sim->job_count = 10 + chance_below(sim, 190);
                hours = 2 + chance_below(sim, 10);
        } else if (kind < 900) {
                sim->job_count = 200 + chance_below(sim, 2000);
                hours = 1 + chance_below(sim, 5);
        } else if (kind < 990) {
                sim->job_count = 2000 + chance_below(sim, 18000);
                hours = 1 + chance_below(sim, 2);
        } else {
                sim->job_count = 20000 + chance_below(sim, 80000);
                hours = 1;
        }
        sim->end_us = sim->now_us + hours * USEC_PER_HOUR;
}

/* Batches that show everything, as others are a subject of their own, or none. */
static void draw_api(struct sim *sim)
{
        sim->batch_kind = chance_permille(sim, 900) ? BATCH_FULL : BATCH_NEVER;
        sim->batch_failure = FAILURE_NOT_FOUND;
        sim->batch_most = PLANNER_BATCH_MAX;
        sim->shuffled = chance_permille(sim, 500);
        sim->fixed_windows = chance_permille(sim, 500);
        sim->window_offset_us = chance_below(sim, USEC_PER_DAY);
        sim->result_permille = chance_permille(sim, 300) ? 0 : 200;
        sim->beat_permille = chance_permille(sim, 100) ? 1000 : 100;
        sim->disk_fail_permille = chance_permille(sim, 200) ? 5 : 0;
        sim->well_only = chance_permille(sim, 500);
        sim->mischief_gap_us = (20 * USEC_PER_MIN) << chance_below(sim, 5);
        sim->mischief_us = sim->well_only ? USEC_NEVER : sim->now_us + chance_gap(sim, sim->mischief_gap_us);
        sim->fault_next_us = USEC_NEVER;
}

static void draw_search(struct sim *sim)
{
        struct account *account = &sim->account;
        bool bad = chance_permille(sim, 350);

        account->present = account->sound = true;
        account->kind = bad ? (enum search_kind)(1 + chance_below(sim, SEARCH_KINDS - 1)) : SEARCH_WELL;
        if ((account->kind == SEARCH_BY_ID || account->kind == SEARCH_PAGE_ONE) && sim->seed % 2 == 0)
                account->kind = SEARCH_HIDES; /* these are few, and say less */
        if (bad && account->kind != SEARCH_MIXED_FORMS && chance_permille(sim, 500))
                account->bad_from_us = sim->now_us + chance_gap(sim, USEC_PER_HOUR);
        account->bad_until_us = chance_permille(sim, 700) || account->kind == SEARCH_MIXED_FORMS
                                        ? USEC_NEVER
                                        : sim->now_us + account->bad_from_us + chance_gap(sim, USEC_PER_HOUR);
        account->direction = (enum search_direction)chance_below(sim, DIRECTION_KINDS);
        account->form = (enum stamp_form)chance_below(sim, STAMP_FORMS);
        account->digits = chance_permille(sim, 400) ? 0 : (unsigned)chance_below(sim, 8);
        account->shows_results = chance_permille(sim, 800);
        account->shows_details = chance_permille(sim, 800);
        account->shows_totals = chance_permille(sim, 800);
        account->shows_number = chance_permille(sim, 800);
        account->low_ids_first = chance_permille(sim, 500);
        account->skew_us = chance_permille(sim, 300) ? 5 * USEC_PER_SEC : 0;
        account->late_us =
                chance_permille(sim, 500)
                        ? (chance_permille(sim, 500) ? USEC_PER_MIN - account->skew_us : 3 * USEC_PER_SEC)
                        : 0;
        /* With two clocks its row may not be among the newest: then it is left to the next sweep. */
        account->writes_twice = account->digits == 0 && account->form != STAMP_DATE &&
                                !account->shows_results && account->skew_us == 0;
        account->gap_us = (20 * USEC_PER_MIN) << chance_below(sim, 5);
        account->next_us =
                chance_permille(sim, 500) ? sim->now_us + chance_gap(sim, account->gap_us) : USEC_NEVER;
}

/* No limits at which it could do nothing else. */
static void draw_limits(struct sim *sim)
{
        struct rate_limiter_limits *limits = &sim->limits.rate_limiter;

        *limits = (struct rate_limiter_limits){ 100 * USEC_PER_MSEC, 120, 5000, 200000 };
        if (chance_permille(sim, 750))
                return;
        limits->min_spacing_us = chance_span(sim, 100, 1000) * USEC_PER_MSEC;
        limits->per_minute = (unsigned)chance_span(sim, 30, 120);
        limits->per_hour = (unsigned)chance_span(sim, 1000, 5000);
        limits->per_day = (unsigned)chance_span(sim, 20000, 200000);
}

static void draw_watching(struct sim *sim)
{
        static const unsigned intervals[] = { 5, 15, 15, 15, 60 };
        struct account *account = &sim->account;
        size_t section_count;

        sim->limits.batch_size = chance_permille(sim, 500) ? 100 : 2 + (unsigned)chance_below(sim, 99);
        account->interval_us = intervals[chance_below(sim, 5)] * USEC_PER_SEC;
        account->sweep_interval_us = chance_permille(sim, 700)
                                             ? 15 * USEC_PER_MIN
                                             : chance_span(sim, 5 * USEC_PER_MIN, 2 * USEC_PER_HOUR);
        account->listed_permille = (unsigned[]){ 0, 100, 500, 1000 }[chance_below(sim, 4)];
        section_count = chance_permille(sim, 600) || account->listed_permille == 0
                                ? 1 + chance_below(sim, SECTIONS_MAX)
                                : 0;
        account->feed = true;
        for (size_t i = 0; i < section_count; i++)
                account->sections[i] = (struct section){
                        .present = true,
                        .business = chance_permille(sim, 300) ? 1 + chance_below(sim, 3) : 0,
                        .description = chance_permille(sim, 500) ? 1 + chance_below(sim, 3) : 0,
                };
}

/* Some exist, and some will be created; as often as not several at once. */
static void draw_existence(struct sim *sim, struct sim_job *job, size_t index)
{
        struct account *account = &sim->account;
        size_t existing = sim->job_count - sim->job_count * account->new_permille / 1000;

        if (index < existing)
                return;
        job->truth.exists = false;
        job->listed = job->listed && chance_permille(sim, 50);
        if (index == existing || chance_permille(sim, account->alone_permille))
                account->appears_us = chance_span(sim, sim->now_us, sim->end_us);
        job->next_us = account->appears_us + chance_below(sim, USEC_PER_SEC);
}

static void draw_job(struct sim *sim, struct sim_job *job, size_t index, uint64_t gap_us)
{
        struct account *account = &sim->account;

        job->id = 87654321 + index;
        job->settings = (struct planner_settings){
                .interval_us = account->interval_us,
                .max_interval_us = account->interval_us * 8,
                .stalled_after_us = index % 7 == 0 ? 20 * USEC_PER_MIN : 0,
                .result_wait_us = index % 11 == 0 ? 30 * USEC_PER_SEC : 0,
        };
        job->listed = chance_permille(sim, account->listed_permille);
        job->business = (uint8_t)(1 + chance_below(sim, 4));
        job->description = (uint8_t)(1 + chance_below(sim, 4));
        job->gap_us = gap_us;
        job->beats = chance_permille(sim, sim->beat_permille);
        job->truth = (struct shown){
                .status = (uint8_t)chance_below(sim, chance_permille(sim, 100) ? STATUSES : FIRST_END),
                .result = (uint8_t)(chance_permille(sim, sim->result_permille) ? chance_below(sim, RESULTS)
                                                                               : 0),
                .exists = true,
                .version = 1,
        };
        job->ended = status_is_end(job->truth.status);
        job->since_us = sim->now_us;
        job->fault_from_us = job->fault_until_us = USEC_NEVER;
        job->next_us = job->ended ? USEC_NEVER : sim->now_us + chance_gap(sim, job->gap_us);
        draw_existence(sim, job, index);
        if (!job->listed) /* as in the sections */
                job->settings.stalled_after_us = job->settings.result_wait_us = 0;
        account->listed_count += job->listed;
}

/* As many jobs of the list will end as it takes until the feed is not needed any more. */
static void fit_batch_size(struct sim *sim)
{
        size_t size = sim->account.listed_count * 3 / 4;

        if (sim->seed % 2 == 0 && sim->seed < CHANGE_SEEDS && !has_sections(sim) && size >= 2 &&
            size <= PLANNER_BATCH_MAX)
                sim->limits.batch_size = (unsigned)size;
}

void account_draw(struct sim *sim)
{
        struct account *account = &sim->account;
        uint64_t gap_us, step_us, refill_us;

        draw_limits(sim);
        draw_api(sim);
        draw_search(sim);
        draw_watching(sim);
        emission_of(sim, &step_us, &refill_us);
        account->new_permille = chance_permille(sim, 300) ? 0 : (unsigned)chance_below(sim, 500);
        account->alone_permille = chance_permille(sim, 500) ? 1000 : 50;
        /* One job of the account changes in so many steps of the limits. */
        gap_us = sim->job_count * (step_us << (2 + chance_below(sim, 6)));
        sim->limits.shortest_interval_us = account->interval_us;
        sim->longest_max_us = 8 * account->interval_us;
        for (size_t i = 0; i < sim->job_count; i++) {
                draw_job(sim, &sim->jobs[i], i, gap_us);
                heap_add(sim, &sim->jobs[i]);
        }
        fit_batch_size(sim);
        account_begin(sim);
        changes_draw(sim);
}

void account_draw_well(struct sim *sim)
{
        struct account *account = &sim->account;

        sim->limits.rate_limiter = (struct rate_limiter_limits){ 100 * USEC_PER_MSEC, 120, 5000, 200000 };
        sim->limits.batch_size = 100;
        sim->batch_kind = BATCH_FULL;
        sim->batch_most = PLANNER_BATCH_MAX;
        sim->result_permille = 1000;
        sim->well_only = sim->well_world = true;
        sim->mischief_us = sim->fault_next_us = USEC_NEVER;
        *account = (struct account){
                .present = true,
                .sound = true,
                .form = STAMP_UTC,
                .digits = 7,
                .shows_results = true,
                .shows_details = true,
                .shows_totals = true,
                .shows_number = true,
                .bad_until_us = USEC_NEVER,
                .next_us = USEC_NEVER,
                .interval_us = 15 * USEC_PER_SEC,
                .sweep_interval_us = 15 * USEC_PER_MIN,
                .listed_permille = 1000,
                .feed = true,
                .sections = { { .present = true } },
                .new_permille = 50,
                .alone_permille = 1000,
        };
        sim->limits.shortest_interval_us = account->interval_us;
        sim->longest_max_us = 8 * account->interval_us;
        for (size_t i = 0; i < sim->job_count; i++) {
                struct sim_job *job = &sim->jobs[i];

                draw_job(sim, job, i, sim->job_count * 30 * USEC_PER_SEC);
                if (job->truth.status == 0 || job->ended) /* each of these is read by itself at first */
                        job->truth.status = 1;
                job->ended = false;
                job->settings.stalled_after_us = job->settings.result_wait_us = 0;
                account->listed_count -= job->listed && !job->truth.exists;
                job->listed = job->truth.exists;
                if (job->truth.exists)
                        job->next_us = sim->now_us + chance_gap(sim, job->gap_us);
                heap_add(sim, &sim->jobs[i]);
        }
        account_begin(sim);
        changes_draw(sim);
}
