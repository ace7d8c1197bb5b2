/* SPDX-License-Identifier: MIT */

/*
 * A discovered job leaves the table when it has ended, and one to be decided if no section matches.
 *
 * The sections judge by a newest time that is raised and stored between rounds, when no new job waits for its
 * first event. So after a crash such a job is found again.
 */

#include "monitor/discover_update.h"

#include "monitor/discover.h"
#include "monitor/discover_created.h"
#include "monitor/requests.h"
#include "planning/feed.h"
#include "util/timespan.h"

static void remove_job(struct monitor *monitor, struct job *job)
{
        planner_remove_job(monitor->planner, &job->planning);
        requests_drop_removed(monitor);
        job_table_remove(&monitor->jobs, job);
        job_free(job);
}

static void count_ended(struct discover *discover, enum outcome outcome)
{
        if (outcome == OUTCOME_SUCCESS)
                discover->succeeded++;
        else
                discover->failed++;
        if (outcome == OUTCOME_GONE)
                discover->gone++;
}

/*
 * Takes out jobs that have ended, and those that no section matches after all. Of gone jobs it is seen within
 * the hour that they are not polled any more.
 */
static void take_out_ended(struct monitor *monitor)
{
        struct discover *discover = &monitor->discover;
        uint64_t now_us = monitor_now_us(monitor);

        /* A reload has compared the table with another configuration: it must not change now. */
        if ((!discover->some_ended && now_us < discover->taken_out_us + USEC_PER_HOUR) ||
            monitor->changes.config != NULL)
                return;
        discover->some_ended = false;
        discover->taken_out_us = now_us;
        for (size_t i = monitor->jobs.count; i-- > 0;) {
                struct job *job = monitor->jobs.jobs[i];
                const struct job_memory *memory = &job->planning.watch.memory;

                if (!job_is_discovered(job) || job->commit != NULL)
                        continue;
                if (job->planning.done && memory->recorded && outcome_is_terminal(memory->outcome) &&
                    !monitor->parts.once)
                        count_ended(discover, memory->outcome);
                else if (job->discovery->rejected)
                        discover->unrecorded--;
                else
                        continue;
                known_ids_add(&discover->known, job->planning.id, job->discovery->created.ticks);
                remove_job(monitor, job);
                discover->watched--;
        }
}

/* ---- between rounds ---- */

static bool is_behind(const struct discover_sections *sections)
{
        for (size_t i = 0; i < sections->count; i++) {
                const struct discovery *discovery = &sections->sections[i].discovery;
                if (discovery->phase == DISCOVERY_BEGUN && discovery_is_behind(discovery))
                        return true;
        }
        return false;
}

/* A round of the feed was broken off: what it has not shown is found by CreatedOn. */
static void note_broken_round(struct monitor *monitor)
{
        if (!monitor->discover.in_feed_round || planner_feed_phase(monitor->planner) != FEED_PHASE_OFF)
                return;
        monitor->discover.in_feed_round = false;
        discover_want_round(monitor);
}

/* All jobs that were found are recorded: those that follow are judged by the newest time so far. */
static void raise_sections(struct monitor *monitor)
{
        struct discover *discover = &monitor->discover;

        if (discover->looking_up > 0 || discover->unrecorded > 0 || discover->in_feed_round ||
            discover_created_is_outstanding(discover) ||
            (!discover->unsaved && !is_behind(&discover->sections)))
                return;
        for (size_t i = 0; i < discover->sections.count; i++)
                if (discover->sections.sections[i].discovery.phase == DISCOVERY_BEGUN)
                        discovery_raise(&discover->sections.sections[i].discovery);
        discover_sections_save(&discover->sections, monitor->parts.config, monitor->parts.state);
        discover->unsaved = false;
        const struct remote_time horizon = discover_sections_horizon(&discover->sections);
        if (horizon.form != REMOTE_TIME_NONE)
                known_ids_forget(&discover->known, horizon.ticks);
}

void discover_update(struct monitor *monitor)
{
        discover_repeat_lookups(monitor);
        take_out_ended(monitor);
        note_broken_round(monitor);
        raise_sections(monitor);
        discover_created_plan(monitor);
}
