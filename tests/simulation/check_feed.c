/* SPDX-License-Identifier: MIT */

/*
 * How soon a change of a watched job is noticed, in worlds with a search.
 *
 * The feed's clock runs while the API, the machine and the disk are well and the daemon has nothing to catch
 * up with: each row that was written costs it a confirmation, and each start a poll of every open job, at the
 * steady pace of the limits. On that clock a change is reported
 *
 * - within the interval of the feed, one more for a round that had just begun, and FEED_SLACK_US, if the
 * search was correct so far and the feed has to be on; unless a job was deleted while a round of several
 * pages was read, which may hide a row;
 * - otherwise within sweep_interval, or max_interval if that is longer, and the time that polling all jobs
 *   takes.
 *
 * New jobs are reported in the same time, and others never: see check_watch.c.
 *
 * Where there is no section, and no more jobs are open than a batch takes, no round is read: but for the one
 * that was being read when another job had ended, and those of the minute after.
 */

#include "sim.h"

#define FEED_SLACK_US (10 * USEC_PER_SEC)

/* What becomes visible late may be behind the first page, which is all that is read for so long. */
#define SHORT_ROUNDS_US (30 * USEC_PER_SEC)

/* Rounds that may begin, each perhaps again, until it is noticed that enough jobs have ended. */
#define NEEDLESS_ROUNDS_MAX 20

/* ---- the feed's clock ---- */

static uint64_t step_of(const struct sim *sim)
{
        uint64_t step_us, refill_us;

        emission_of(sim, &step_us, &refill_us);
        return step_us;
}

void feed_work(struct sim *sim, size_t requests)
{
        struct account *account = &sim->account;
        uint64_t span_us = requests * step_of(sim) * 105 / 100;

        if (account->busy_until_us < sim->now_us)
                account->busy_until_us = sim->now_us;
        if (account->work_until_us < sim->now_us)
                account->work_until_us = sim->now_us;
        account->busy_until_us += span_us;
        account->work_until_us += span_us;
}

/* The longest distance of probes, a hanging one, and the limits before it. */
static uint64_t recovery_span(const struct sim *sim)
{
        uint64_t step_us, refill_us;

        emission_of(sim, &step_us, &refill_us);
        return 6 * USEC_PER_MIN + refill_us + 2 * step_us;
}

void feed_calm_run(struct sim *sim, uint64_t until_us)
{
        struct account *account = &sim->account;
        uint64_t from_us = sim->now_us;

        if (!is_calm(sim))
                account->stopped = true;
        if (account->stopped && account->work_until_us > from_us) /* what waits is requested after that */
                account->work_until_us += until_us - from_us;
        if (!is_calm(sim)) {
                if (account->busy_until_us < until_us + recovery_span(sim) && sim->monitor != NULL)
                        account->busy_until_us = until_us + recovery_span(sim);
                return;
        }
        if (account->busy_until_us > from_us)
                from_us = account->busy_until_us;
        if (account->work_until_us > from_us)
                from_us = account->work_until_us;
        if (from_us < until_us)
                account->calm_us += until_us - from_us;
}

/* ---- what is to be noticed ---- */

static bool must_be_on(const struct sim *sim)
{
        return sim->account.feed && (has_sections(sim) || sim->account.open_count > sim->limits.batch_size);
}

/* A job that does not exist is open until it is reported as gone, and in some cases after that. */
static bool may_be_on(const struct sim *sim)
{
        const struct account *account = &sim->account;

        return has_sections(sim) || account->listed_count - account->ended_count > sim->limits.batch_size;
}

static void check_needed(struct sim *sim)
{
        struct account *account = &sim->account;

        if (may_be_on(sim))
                account->needless_rounds = 0;
        else if (++account->needless_rounds > NEEDLESS_ROUNDS_MAX)
                sim_fail(sim, NULL, "feed: it is on, and of %zu jobs %zu have ended", account->listed_count,
                         account->ended_count);
}

static void count_job(struct sim *sim, struct sim_job *job)
{
        struct account *account = &sim->account;
        bool open = feed_watches(sim, job) && job->truth.exists && !job->reported_end;
        bool ended = job->listed && job->reported_end && !job->reported_gone;

        account->open_count += open;
        account->open_count -= job->counted_open;
        job->counted_open = open;
        if (ended != job->counted_ended)
                account->needless_rounds = 0;
        account->ended_count += ended;
        account->ended_count -= job->counted_ended;
        job->counted_ended = ended;
}

bool feed_is_due(const struct sim *sim, const struct sim_job *job)
{
        if (!feed_watches(sim, job) || !job->truth.exists)
                return false;
        if (job->reported_end && !job->reported_gone)
                return false;
        return !job->reported || job->reported_gone || job->reported_as.status != job->truth.status ||
               (job->reported_as.result != job->truth.result && job->reported_as.has_result);
}

static uint64_t gap_of(const struct sim *sim, uint64_t interval_us)
{
        size_t polls = batches_work(sim) ? sim->job_count / sim->limits.batch_size + 1 : sim->job_count;

        return interval_us + FEED_SLACK_US + USEC_PER_MIN + 2 * step_of(sim) * polls;
}

uint64_t feed_longest_gap(const struct sim *sim)
{
        uint64_t sweep_us = sim->account.sweep_interval_us;

        return gap_of(sim, sweep_us > sim->longest_max_us ? sweep_us : sim->longest_max_us) +
               recovery_span(sim);
}

uint64_t feed_span(const struct sim *sim)
{
        const struct account *account = &sim->account;
        bool late = account->late_us > 0 || account->skew_us > 0;

        return 2 * sim->limits.shortest_interval_us + FEED_SLACK_US + 8 * step_of(sim) +
               (late ? SHORT_ROUNDS_US : 0);
}

/*
 * Sweeps have found what a search hides, often enough to distrust the feed for the next hour. Only the first
 * time in a run: what is found while the feed is off says nothing of how long it will be.
 */
static bool is_distrusted(const struct sim *sim)
{
        const struct account *account = &sim->account;

        return account->missed_again_us > 0 && sim->run_us < account->missed_us &&
               sim->now_us < account->missed_us + 50 * USEC_PER_MIN;
}

/*
 * The feed is off for an hour if what a poll has found is not shown, with that UpdatedOn or a newer
 * one, a minute or two later: since the job was deleted meanwhile, or was written again by a server whose
 * clock is behind.
 */
static void note_doubt(struct sim *sim, const struct sim_job *job)
{
        const uint64_t span_us = 3 * USEC_PER_MIN + 2 * sim->limits.shortest_interval_us;

        if (feed_watches(sim, job) && (!job->truth.exists || job->regressed) &&
            sim->now_us < job->written_before_us + span_us)
                sim->account.doubted_us = sim->now_us;
}

static bool is_doubted(const struct sim *sim, const struct sim_job *job)
{
        const struct account *account = &sim->account;

        return account->doubted_us != 0 && job->due_us < account->doubted_us + 75 * USEC_PER_MIN;
}

static uint64_t bound_of(const struct sim *sim, const struct sim_job *job)
{
        const struct account *account = &sim->account;

        if (account->sound && job->due_on && must_be_on(sim) && account->excused_us < job->due_us &&
            !is_doubted(sim, job))
                return feed_span(sim);
        if (!account->feed)
                return gap_of(sim, sim->longest_max_us) + recovery_span(sim) +
                       (job->due_gone ? USEC_PER_HOUR : 0);
        if (is_distrusted(sim) && !job->due_gone && job->due_us > account->missed_again_us + 5 * USEC_PER_MIN)
                return gap_of(sim, sim->longest_max_us);
        return feed_longest_gap(sim) + (job->due_gone ? USEC_PER_HOUR : 0);
}

static void check_due(struct sim *sim, const struct sim_job *job)
{
        const struct account *account = &sim->account;
        uint64_t bound_us;

        if (!job->due || job->due_calm_us > account->calm_us)
                return;
        if (job->due_gone && job->due_us > job->gone_us + 7 * USEC_PER_DAY &&
            !(job->due_on && account->sound))
                return; /* nothing reads it any more, but a feed that can be on */
        bound_us = bound_of(sim, job);
        if (!account->sound && !job->listed) /* nothing else shows new jobs */
                return;
        if (job->due_emptied && (!account->sound || job->truth.updated == job->reported_as.updated))
                return; /* nothing but UpdatedOn may show that */
        if (job->due_held)
                bound_us += job->settings.result_wait_us;
        if (job->due_returned)
                bound_us += USEC_PER_HOUR;
        if (job->due_missing)
                bound_us += 10 * USEC_PER_MIN;
        if (account->calm_us - job->due_calm_us > bound_us)
                sim_fail(sim, job, "feed: %s was not reported for %.3f s; the bound is %.3f s",
                         job->reported ? "a change" : "a job",
                         (double)(account->calm_us - job->due_calm_us) / 1e6, (double)bound_us / 1e6);
}

/* It was reported as it is, or does not exist any more. */
static void note_delay(struct sim *sim, struct sim_job *job)
{
        uint64_t place = (sim->now_us - job->waits_since_us) / DELAY_US;

        if (job->truth.exists)
                sim->account.delays[place < DELAYS ? place : DELAYS - 1]++;
        job->waits_since_us = 0;
}

/* Something may have become, or ceased to be, due: the job was written, or something was reported of it. */
void feed_job_changed(struct sim *sim, struct sim_job *job)
{
        struct account *account = &sim->account;

        count_job(sim, job);
        check_due(sim, job);
        job->due = feed_is_due(sim, job);
        if (job->due && job->waits_since_us == 0 && (job->reported || job->visible_us > 1))
                job->waits_since_us = sim->now_us;
        if (!job->due && job->waits_since_us != 0)
                note_delay(sim, job);
        job->due_gone = job->reported_gone;
        job->due_emptied =
                job->reported && job->reported_as.status == job->truth.status && job->truth.result == 0;
        job->due_missing = job->not_found > 0 && !job->reported_gone;
        job->due_returned = false;
        job->due_held = status_is_end(job->truth.status) && job->truth.result == 0;
        if (!job->due)
                return;
        job->due_us = sim->now_us;
        job->due_calm_us = account->calm_us;
        job->due_on = must_be_on(sim);
}

void feed_happened(struct sim *sim, struct sim_job *job)
{
        struct account *account = &sim->account;
        bool watched = feed_may_read(sim, job) && !job->reported_end;

        account->rows_written++;
        note_doubt(sim, job);
        if (watched) /* with whole seconds it is read again */
                feed_work(sim, account->digits == 0 ? 2 : 1);
        if (account->rows_written % 16 == 0)
                feed_work(sim, 1);
        feed_job_changed(sim, job);
}

/* ---- what is seen ---- */

static bool feed_is_on(const struct sim *sim)
{
        const struct account *account = &sim->account;

        return account->feed_made_us > sim->run_us &&
               sim->now_us < account->feed_made_us + 2 * sim->limits.shortest_interval_us + USEC_PER_MIN;
}

void feed_page_shown(struct sim *sim)
{
        struct account *account = &sim->account;

        if (account->kind != SEARCH_WELL && account->bad_from_us <= sim->now_us)
                account->sound = false;
}

void feed_page_made(struct sim *sim, const struct page *page)
{
        struct account *account = &sim->account;

        feed_page_shown(sim);
        if (!page->by_created && !feed_is_on(sim))
                account->feed_since_us = sim->now_us;
        if (!page->by_created)
                account->feed_made_us = sim->now_us;
        if (!page->by_created && page->number == 1 && account->sound && !sim->changes.present)
                check_needed(sim);
        if (page->number == 1)
                account->round_made_us = sim->now_us;
        else if (account->deleted_us >= account->round_made_us)
                account->excused_us = sim->now_us;
}

/* As far as the daemon can see, since the search is no evidence against that. */
static bool answers_404_to_all(const struct sim *sim)
{
        for (size_t i = 0; i < sim->job_count; i++)
                if (sim->jobs[i].reported && !sim->jobs[i].reported_end && sim->jobs[i].truth.exists &&
                    feed_watches(sim, &sim->jobs[i]))
                        return false;
        return true;
}

/* A pause, or until the API has been found to be well. */
void feed_failed(struct sim *sim, const struct slot *slot)
{
        uint64_t span_us = slot->failure == FAILURE_THROTTLED ? slot->retry_after_us : 0;

        sim->failures++;
        if (span_us > USEC_PER_HOUR)
                span_us = USEC_PER_HOUR;
        feed_work(sim, 2); /* what was requested is requested again, or checked */
        if ((slot->cause == CAUSE_MISSING && !answers_404_to_all(sim)) || slot->cause == CAUSE_BATCH ||
            slot->cause == CAUSE_SEARCH)
                return;
        if (sim->account.busy_until_us < sim->now_us + span_us + recovery_span(sim))
                sim->account.busy_until_us = sim->now_us + span_us + recovery_span(sim);
}

/* A change that the search hides was found by a sweep. */
static void note_missed(struct sim *sim, const struct sim_job *job)
{
        struct account *account = &sim->account;

        if (!search_is(sim, SEARCH_HIDES) || !search_hides(job) || !job->due || !job->listed ||
            job->reported_gone || account->calm_us < job->due_calm_us + feed_span(sim) ||
            job->due_us < account->feed_since_us + account->sweep_interval_us || !feed_is_on(sim))
                return;
        if (account->missed_us < sim->run_us) {
                account->missed_us = sim->now_us;
                account->missed_again_us = 0;
        } else if (account->missed_again_us == 0) {
                account->missed_again_us = sim->now_us;
        }
}

void feed_reported(struct sim *sim, struct sim_job *job)
{
        if (!sim->account.present)
                return;
        note_missed(sim, job);
        if (!feed_may_watch(sim, job) && (sim->account.sound || job->watched.silent))
                sim_fail(sim, job, "discovery: reported, and nothing watches it");
        feed_job_changed(sim, job);
        job->due_returned = job->reported_gone;
}

/* Every open job may have to be polled, and confirmed if it has changed. */
void feed_start(struct sim *sim)
{
        struct account *account = &sim->account;
        size_t open = 0;

        if (!account->present)
                return;
        for (size_t i = 0; i < sim->job_count; i++) {
                struct sim_job *job = &sim->jobs[i];

                if (!feed_watches(sim, job) || (job->reported_end && !job->reported_gone))
                        continue;
                open += 1;
                if (feed_is_due(sim, job))
                        feed_work(sim, 1);
        }
        feed_work(sim, 10 + 2 * (batches_work(sim) ? open / sim->limits.batch_size : open) +
                               (account->rows_written - account->rows_at_stop) / 20);
        account->busy_until_us += recovery_span(sim);
        account->needless_rounds = 0;
}

void feed_check(struct sim *sim)
{
        for (size_t i = 0; i < sim->job_count && !sim->failed; i++)
                check_due(sim, &sim->jobs[i]);
}

/* The time in which changes are to be noticed begins anew. */
void feed_changed(struct sim *sim)
{
        for (size_t i = 0; i < sim->job_count && !sim->failed; i++) {
                sim->jobs[i].due = false;
                feed_job_changed(sim, &sim->jobs[i]);
        }
        feed_start(sim);
}

void feed_stop(struct sim *sim)
{
        sim->account.rows_at_stop = sim->account.rows_written;
        sim->account.work_until_us = 0; /* feed_start() counts it anew */
}

void feed_end(struct sim *sim)
{
        if (sim->account.present)
                feed_check(sim);
}
