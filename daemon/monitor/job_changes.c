/* SPDX-License-Identifier: MIT */

/* From one configuration to the next: which jobs are added, removed and changed. */

#include "monitor/job_changes.h"

#include <stdlib.h>

#include "monitor/job.h"
#include "util/array.h"

/* ---- preparing ---- */

void job_changes_prepare(struct job_changes *changes, const struct job_table *table,
                         const struct manual_jobs *manual, const struct config *config, uint64_t now_us)
{
        *changes = (struct job_changes){ .config = config, .manual = manual, .now_us = now_us };
        for (size_t i = 0; i < config->job_count; i++) {
                struct job *job = job_table_find(table, config->jobs[i].id);

                if (manual_jobs_exclude_listed(manual, config->jobs[i].id))
                        continue;
                if (job == NULL) {
                        job = job_new(&config->jobs[i]);
                        changes->added =
                                array_grow(changes->added, changes->added_count, sizeof(struct job *));
                        changes->added[changes->added_count++] = job;
                }
                job_table_append(&changes->next, job);
        }
        job_table_sort(&changes->next);
}

int job_changes_load(struct job_changes *changes, struct store *store)
{
        int r = 0;

        for (size_t i = 0; r >= 0 && i < changes->added_count; i++)
                r = job_load(changes->added[i], store, changes->now_us);
        return r;
}

/* ---- making ---- */

/* Whether a job that is not listed stays: it was added, or one of the sections that discovered it stays. */
static bool is_kept(const struct job *job, const struct config *config)
{
        if (job->added)
                return true;
        if (job->discovery == NULL)
                return false;
        return job_is_undecided(job) ? config->discover_count > 0
                                     : discovered_job_is_configured(config, job->discovery->sections);
}

static void keep_job(struct job_changes *changes, struct job *job, struct planner *planner, uint64_t now_us)
{
        const struct config *config = changes->config;
        const struct planner_settings settings =
                job->added
                        ? added_job_update(config, manual_jobs_find(changes->manual, job->planning.id), job)
                        : discovered_job_update(config, job);

        job_table_add(&changes->next, job);
        planner_update_job(planner, &job->planning, &settings, now_us);
        job->listed = false;
}

/* A new job that was discovered since the changes were prepared is the one in the table. */
static void drop_added_twice(struct job_changes *changes, const struct job_table *table)
{
        size_t kept = 0;

        for (size_t i = 0; i < changes->added_count; i++) {
                struct job *added = changes->added[i], *job = job_table_find(table, added->planning.id);

                if (job == NULL) {
                        changes->added[kept++] = added;
                        continue;
                }
                job_table_remove(&changes->next, added);
                job_table_add(&changes->next, job);
                job_free(added);
        }
        changes->added_count = kept;
}

/* Leaves in the old table the jobs that are removed. */
static void remove_jobs(struct job_changes *changes, struct job_table *old, struct planner *planner,
                        uint64_t now_us)
{
        size_t removed = 0;

        for (size_t i = 0; i < old->count; i++) {
                struct job *job = old->jobs[i];

                if (job_table_find(&changes->next, job->planning.id) != NULL)
                        continue;
                if (is_kept(job, changes->config)) {
                        keep_job(changes, job, planner, now_us);
                        continue;
                }
                planner_remove_job(planner, &job->planning);
                old->jobs[removed++] = job;
        }
        old->count = removed;
}

static void extend_listed(const struct job_changes *changes, const struct job_table *table)
{
        for (size_t i = 0; i < changes->manual->count; i++) {
                const struct manual_job *manual = &changes->manual->jobs[i];
                struct job *job = job_table_find(table, manual->id);

                if (job != NULL && job->listed)
                        added_job_extend(manual, job);
        }
}

void job_changes_make(struct job_changes *changes, struct job_table *table, struct planner *planner,
                      uint64_t now_us)
{
        const struct config *config = changes->config;
        struct job_table old = *table;

        drop_added_twice(changes, table);
        remove_jobs(changes, &old, planner, now_us);
        *table = changes->next;
        changes->next = old;
        changes->made = true;

        for (size_t i = 0; i < changes->added_count; i++)
                planner_add_job(planner, &changes->added[i]->planning);
        for (size_t i = 0; i < config->job_count; i++) {
                struct job *job = job_table_find(table, config->jobs[i].id);

                if (job == NULL) /* it was removed */
                        continue;
                const struct planner_settings settings = job_describe(job, job_new(&config->jobs[i]));
                planner_update_job(planner, &job->planning, &settings, now_us);
                job->listed = true;
        }
        extend_listed(changes, table);
}

void job_changes_clear(struct job_changes *changes)
{
        if (changes->made)
                job_table_clear(&changes->next);
        else
                for (size_t i = 0; i < changes->added_count; i++)
                        job_free(changes->added[i]);
        if (!changes->made)
                free(changes->next.jobs);
        free(changes->added);
        *changes = (struct job_changes){ .config = NULL };
}
