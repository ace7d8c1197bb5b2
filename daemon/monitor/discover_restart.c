/* SPDX-License-Identifier: MIT */

/*
 * From one run or configuration to the next: sections and jobs that were discovered continue, and jobs whose
 * sections are gone are dropped, in the state too.
 */

#include "monitor/discover_restart.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "monitor/discover.h"
#include "monitor/discover_created.h"
#include "monitor/job.h"
#include "monitor/requests.h"
#include "planning/feed.h"
#include "util/cleanup.h"
#include "util/container.h"
#include "util/memory.h"
#include "util/message.h"
#include "util/timespan.h"

/* Of jobs that a message names. */
#define NAMED_MAX 10

static void count_jobs(struct monitor *monitor)
{
        struct discover *discover = &monitor->discover;

        discover->watched = discover->unrecorded = 0;
        for (size_t i = 0; i < monitor->jobs.count; i++) {
                const struct job *job = monitor->jobs.jobs[i];

                discover->watched += job_is_discovered(job);
                discover->unrecorded += job->discovery != NULL && !job->planning.watch.memory.recorded;
        }
}

/* ---- what is dropped ---- */

/* Jobs that are not watched any more, for one message. */
struct dropped {
        uint64_t ids[NAMED_MAX];
        size_t count;
};

static void drop(struct dropped *dropped, uint64_t id)
{
        if (dropped->count < NAMED_MAX)
                dropped->ids[dropped->count] = id;
        dropped->count++;
}

static void log_dropped(struct monitor *monitor, const struct dropped *dropped, bool elsewhere)
{
        CLEANUP(cleanup_free) char *ids = NULL;
        size_t size = 0;

        if (dropped->count == 0)
                return;
        FILE *file = memory_need(open_memstream(&ids, &size));
        for (size_t i = 0; i < dropped->count && i < NAMED_MAX; i++)
                (void)fprintf(file, "%s%" PRIu64, i > 0 ? ", " : "", dropped->ids[i]);
        if (dropped->count > NAMED_MAX)
                (void)fprintf(file, " and %zu more", dropped->count - NAMED_MAX);
        if (fclose(file) != 0)
                memory_exhausted();
        journal_print(monitor->parts.journal, LOG_NOTICE, "No longer watching %zu job%s %s: %s.",
                      dropped->count, plural(dropped->count),
                      elsewhere ? "that were discovered at another base_url"
                                : "of [discover] sections that were removed",
                      ids);
}

/* ---- start ---- */

struct loading {
        struct monitor *monitor;
        struct store *store;
        struct dropped dropped;
        bool elsewhere; /* they are jobs of another API */
};

static int take_stored(void *userdata, const struct stored_discovery *stored)
{
        const struct remote_time created = { .form = (enum remote_time_form)stored->created_form,
                                             .ticks = stored->created_ticks };
        struct loading *loading = userdata;
        struct job *wanted = job_table_find(&loading->monitor->jobs, stored->job);

        if (manual_jobs_exclude(&loading->monitor->manual, stored->job))
                return 0;
        if (wanted != NULL) { /* listed, or added */
                discovered_job_note(wanted, &created, stored->sections);
                return 0;
        }
        if (stored->outcome == OUTCOME_SUCCESS || stored->outcome == OUTCOME_FAILURE)
                return 0;
        if (!loading->elsewhere &&
            discovered_job_is_configured(loading->monitor->parts.config, stored->sections))
                return monitor_load_job(loading->monitor,
                                        discovered_job_new(loading->monitor->parts.config, stored->job,
                                                           &created, stored->sections));
        drop(&loading->dropped, stored->job);
        int r = store_drop_discovered(loading->store, stored->job);
        return r == -ENOMEM ? r : 0; /* if it failed, it is done at the next start */
}

int discover_load(struct monitor *monitor)
{
        struct store *store = state_store(monitor->parts.state);
        const struct config *config = monitor->parts.config;
        struct loading loading = { .monitor = monitor,
                                   .store = store,
                                   .elsewhere = discover_sections_are_elsewhere(config, store) };

        monitor->discover = (struct discover){ .round = CREATED_ROUND_INITIAL,
                                               .due_us = monitor_now_us(monitor),
                                               .wanted_us = USEC_NEVER,
                                               .retry_us = USEC_NEVER };
        discover_sections_load(&monitor->discover.sections, config, store);
        int r = store_each_discovered(store, take_stored, &loading);
        if (r == -EUCLEAN) {
                journal_print(monitor->parts.journal, LOG_ERR, "Cannot watch a discovered job: %s.",
                              store_error(store));
                r = 0;
        }
        if (r < 0)
                return r;
        if (loading.elsewhere)
                discover_sections_save(&monitor->discover.sections, config, monitor->parts.state);
        log_dropped(monitor, &loading.dropped, loading.elsewhere);
        count_jobs(monitor);
        return 0;
}

void discover_clear(struct monitor *monitor)
{
        discover_drop_lookups(monitor);
        assert(monitor->discover.looking_up == 0);
        discover_sections_clear(&monitor->discover.sections);
        marked_set_clear(&monitor->discover.known);
}

/* ---- reload ---- */

/* Forgets in the state what discovered the jobs that are not watched any more. */
struct forgetting {
        struct state_operation operation;
        size_t count;
        uint64_t ids[];
};

static int forgetting_run(struct state_operation *operation, struct store *store)
{
        const struct forgetting *forgetting = CONTAINER_OF(operation, struct forgetting, operation);
        int r = 0;

        for (size_t i = 0; i < forgetting->count && r >= 0; i++)
                r = store_drop_discovered(store, forgetting->ids[i]);
        return r;
}

/* If it failed, it is done at the next start. */
static void forgetting_done(struct state_operation *operation, int r)
{
        (void)r;
        free(CONTAINER_OF(operation, struct forgetting, operation));
}

static void forget_removed(struct monitor *monitor, const struct job_table *removed, bool elsewhere)
{
        struct forgetting *forgetting =
                memory_need(calloc(1, sizeof(*forgetting) + removed->count * sizeof(forgetting->ids[0])));
        struct dropped dropped = { .count = 0 };

        forgetting->operation = (struct state_operation){ .run = forgetting_run, .done = forgetting_done };
        for (size_t i = 0; i < removed->count; i++) {
                const struct job *job = removed->jobs[i];

                if (job->discovery == NULL || job_is_undecided(job))
                        continue;
                forgetting->ids[forgetting->count++] = job->planning.id;
                drop(&dropped, job->planning.id);
        }
        log_dropped(monitor, &dropped, elsewhere);
        if (forgetting->count > 0)
                state_queue(monitor->parts.state, &forgetting->operation);
        else
                free(forgetting);
}

/* Jobs that were to be decided, and are listed or were added now. */
static void settle_wanted(struct monitor *monitor)
{
        for (size_t i = 0; i < monitor->jobs.count; i++) {
                struct job *job = monitor->jobs.jobs[i];

                if (!job_is_undecided(job) || job_is_discovered(job))
                        continue;
                job->planning.single_left = 0;
                if (job->discovery->rejected)
                        planner_start_job(monitor->planner, &job->planning, monitor_now_us(monitor), 0);
                free(job->discovery);
                job->discovery = NULL;
        }
}

void discover_reload(struct monitor *monitor, const struct job_table *removed)
{
        struct discover *discover = &monitor->discover;
        size_t before = discover->sections.count;

        discover_sections_reload(&discover->sections, monitor->parts.config);
        settle_wanted(monitor);
        forget_removed(monitor, removed, false);
        marked_set_clear(&discover->known); /* another section may match */
        count_jobs(monitor);
        discover->some_ended = true;
        discover->unsaved |= before > 0 || discover->sections.count > 0;
        discover_created_soon(monitor);
}

void discover_forget(struct monitor *monitor, const struct job *job)
{
        discover_remember(monitor, job->planning.id, job->discovery->created.ticks);
}

void discover_recount(struct monitor *monitor)
{
        settle_wanted(monitor);
        count_jobs(monitor);
        monitor->discover.some_ended = true;
}

/* They are jobs of another API. No request is in flight. */
static void drop_discovered(struct monitor *monitor)
{
        CLEANUP(job_table_clear) struct job_table dropped = { .count = 0 };
        struct job_table *jobs = &monitor->jobs;
        size_t kept = 0;

        for (size_t i = 0; i < jobs->count; i++) {
                struct job *job = jobs->jobs[i];

                if (!job_is_discovered(job)) {
                        jobs->jobs[kept++] = job;
                        continue;
                }
                planner_remove_job(monitor->planner, &job->planning);
                job_table_append(&dropped, job);
        }
        jobs->count = kept;
        forget_removed(monitor, &dropped, true);
        discover_drop_lookups(monitor);
        count_jobs(monitor);
}

void discover_reset(struct monitor *monitor)
{
        struct discover *discover = &monitor->discover;

        drop_discovered(monitor);

        for (size_t i = 0; i < discover->sections.count; i++)
                discovery_clear(&discover->sections.sections[i].discovery);
        marked_set_clear(&discover->known);
        discover->round = CREATED_ROUND_INITIAL;
        discover->in_feed_round = false;
        discover->resets++;
        discover_created_soon(monitor);
        discover_sections_save(&discover->sections, monitor->parts.config, monitor->parts.state);
}

/*
 * A discovered job leaves the table when it has ended, and one to be decided if no section matches.
 *
 * The sections judge by a newest time that is raised and stored between rounds, when no new job waits for its
 * first event. So after a crash such a job is found again.
 */

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
                discover_forget(monitor, job);
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
                marked_set_forget(&discover->known, horizon.ticks);
}

void discover_update(struct monitor *monitor)
{
        discover_repeat_lookups(monitor);
        take_out_ended(monitor);
        note_broken_round(monitor);
        raise_sections(monitor);
        discover_created_plan(monitor);
}
