/* SPDX-License-Identifier: MIT */

/*
 * Jobs that are added, removed and polled at run time, as the D-Bus API does it. What was asked for counts
 * from the moment that its end is known: an addition is polled, a removal is silent, also after a restart.
 */

#include "sim.h"

#include <errno.h>
#include <stdlib.h>

#include "monitor/job_request.h"

struct asking {
        struct sim *sim;
        bool adds;
        uint64_t ids[ASKED_JOBS_MAX];
        struct sim_job *jobs[ASKED_JOBS_MAX];
        size_t count;
};

static const char *const was_names[] = {
        [JOB_NEW] = "new",
        [JOB_WATCHED] = "watched",
        [JOB_ENDED] = "ended",
        [JOB_REMOVED] = "removed",
};

/* What an addition says that a job was before: also before an end that one transaction has written after it.
 */
static void check_was(struct sim *sim, struct sim_job *job, enum job_was was)
{
        bool removed = job->watched.removed || job->watched.dismissed;
        bool unsure = job->end_us == sim->now_us;

        if (removed != (was == JOB_REMOVED) ||
            (!removed && !unsure && (was == JOB_ENDED) != job->reported_end) ||
            (was == JOB_WATCHED && !feed_may_read(sim, job)))
                sim_fail(sim, job, "added, and said to have been %s", was_names[was]);
}

/* A state in which none of it is known. */
static void check_unknown(struct sim *sim, const struct asking *asking, uint64_t unknown)
{
        for (size_t i = 0; i < asking->count; i++)
                if (asking->ids[i] == unknown && asking->jobs[i]->reported &&
                    !asking->jobs[i]->watched.pruned)
                        sim_fail(sim, asking->jobs[i], "removed, and said to be unknown");
}

/* The run ends before the answer: what was written counts. */
static bool was_written(const struct asking *asking, const struct sim_job *job)
{
        if (job->manual.id == 0)
                return !asking->adds && !job->listed && job->watched.added;
        return asking->adds == manual_job_is_added(&job->manual);
}

static void on_end(void *userdata, const struct job_request_end *end)
{
        struct asking *asking = userdata;
        struct sim *sim = asking->sim;

        if (end->r == -ENOENT && !sim->changes.stopping)
                check_unknown(sim, asking, end->unknown);
        else if (end->r < 0 && sim->disk_fail_permille == 0 && sim->disk_full_until_us == 0 &&
                 !sim->disk_dead)
                sim_fail(sim, NULL, "a job was neither added nor removed");
        for (size_t i = 0; i < asking->count; i++) {
                struct sim_job *job = asking->jobs[i];

                job->watched.asked = false;
                if (sim->changes.stopping ? !was_written(asking, job) : end->r < 0)
                        continue;
                if (asking->adds) {
                        if (!sim->changes.stopping)
                                check_was(sim, job, end->was[i]);
                        watch_added(sim, job);
                } else {
                        watch_removed(sim, job);
                }
                if (sim->verbose)
                        printf("%12.3f job %zu was %s\n", (double)(sim->now_us - sim->start_us) / 1e6,
                               (size_t)(job - sim->jobs) + 1, asking->adds ? "added" : "removed");
        }
        free(asking);
}

/* ---- polls ---- */

/* One that had ended is read once. */
void watch_requested(struct sim *sim, struct sim_job *job)
{
        struct asked_poll *poll = &sim->changes.poll;

        for (size_t i = 0; i < poll->count; i++)
                if (poll->jobs[i] == job)
                        poll->jobs[i--] = poll->jobs[--poll->count];
}

/* It is read at once, but for what goes first. */
void check_asked_poll(struct sim *sim)
{
        const struct asked_poll *poll = &sim->changes.poll;
        uint64_t bound_us;

        while (poll->count > 0 && poll->jobs[0]->reported_end) /* the change was on its way to the disk */
                watch_requested(sim, poll->jobs[0]);
        if (poll->count == 0)
                return;
        bound_us = feed_span(sim) + USEC_PER_MIN;
        if (sim->account.calm_us > poll->calm_us + bound_us)
                sim_fail(sim, poll->jobs[0], "not polled for %.3f s after that was asked for",
                         (double)(sim->account.calm_us - poll->calm_us) / 1e6);
}

static void poll_now(struct sim *sim, const struct asking *asking)
{
        struct asked_poll *poll = &sim->changes.poll;
        uint64_t unknown = 0;

        int r = monitor_poll_jobs(sim->monitor, asking->ids, asking->count, 0, &unknown);
        for (size_t i = 0; i < asking->count; i++) {
                struct sim_job *job = asking->jobs[i];

                if (r < 0 && asking->ids[i] == unknown && feed_watches(sim, job) && job->watched.found == 0)
                        sim_fail(sim, job, "watched, and cannot be polled");
                if (r < 0)
                        continue;
                if (!feed_may_watch(sim, job) && !feed_may_read(sim, job)) /* or it is to be decided */
                        sim_fail(sim, job, "polled, and nothing watches it");
                job->watched.again |= job->reported_end;
                if (feed_watches(sim, job) && !job->reported_end && job->truth.exists &&
                    !is_in_flight(sim, job))
                        poll->jobs[poll->count++] = job;
        }
        poll->calm_us = sim->account.calm_us;
        feed_work(sim, asking->count);
}

/* ---- asking ---- */

static bool is_among(const struct asking *asking, uint64_t id)
{
        for (size_t i = 0; i < asking->count; i++)
                if (asking->ids[i] == id)
                        return true;
        return false;
}

static void draw_jobs(struct sim *sim, struct asking *asking, bool watched)
{
        size_t count = 1 + chance_below(sim, ASKED_JOBS_MAX);

        for (size_t tries = 0; tries < 20 && asking->count < count; tries++) {
                struct sim_job *job = &sim->jobs[chance_below(sim, sim->job_count)];

                if (is_among(asking, job->id) || job->watched.asked || job->watched.pruned ||
                    (watched && !feed_watches(sim, job) && tries < 15))
                        continue;
                asking->ids[asking->count] = job->id;
                asking->jobs[asking->count++] = job;
        }
}

void run_time_ask(struct sim *sim)
{
        uint64_t kind = chance_below(sim, 3);
        struct asking *asking = calloc(1, sizeof(*asking));

        if (asking == NULL)
                abort();
        asking->sim = sim;
        asking->adds = kind == 0;
        draw_jobs(sim, asking, kind != 0);
        if (asking->count == 0 || (kind == 2 && sim->changes.poll.count > 0)) {
                free(asking);
                return;
        }
        sim->figures.asked++;
        if (kind == 2) {
                poll_now(sim, asking);
                free(asking);
                return;
        }
        for (size_t i = 0; i < asking->count; i++)
                asking->jobs[i]->watched.asked = true;
        feed_work(sim, 2 * asking->count);
        if (asking->adds) {
                const struct job_addition addition = { .ids = asking->ids, .count = asking->count };

                monitor_add_jobs(sim->monitor, &addition, on_end, asking);
        } else {
                monitor_remove_jobs(sim->monitor, asking->ids, asking->count, 0, on_end, asking);
        }
}
