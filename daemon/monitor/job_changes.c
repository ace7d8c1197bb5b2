/* SPDX-License-Identifier: MIT */

/* From one configuration to the next: which jobs are added, removed and changed. */

#include "monitor/job_changes.h"

#include <errno.h>
#include <stdlib.h>

#include "monitor/added_job.h"
#include "monitor/discovered_job.h"
#include "util/memory.h"

/* ---- preparing ---- */

static int add_job(struct job_changes *changes, const struct job_config *config, struct job **ret_job)
{
        int r = job_new(config, ret_job);

        if (r >= 0)
                changes->added[changes->added_count++] = *ret_job;
        return r;
}

static int rename_job(struct job_changes *changes, const struct job *job, const struct job_config *config)
{
        if (job_is_named(job, config))
                return 0;
        int r = job_new(config, &changes->renamed[changes->renamed_count]);
        if (r >= 0)
                changes->renamed_count++;
        return r;
}

static int prepare(struct job_changes *changes, const struct job_table *table)
{
        const struct config *config = changes->config;
        size_t room = config->job_count + 1;

        changes->next.jobs = calloc(room, sizeof(struct job *));
        changes->next.capacity = room;
        changes->added = calloc(room, sizeof(struct job *));
        changes->renamed = calloc(room, sizeof(struct job *));
        if (changes->next.jobs == NULL || changes->added == NULL || changes->renamed == NULL)
                return -ENOMEM;

        for (size_t i = 0; i < config->job_count; i++) {
                struct job *job = job_table_find(table, config->jobs[i].id);

                if (manual_jobs_exclude(changes->manual, config->jobs[i].id))
                        continue;
                int r = job != NULL ? rename_job(changes, job, &config->jobs[i])
                                    : add_job(changes, &config->jobs[i], &job);
                if (r < 0)
                        return r;
                changes->next.jobs[changes->next.count++] = job;
        }
        job_table_sort(&changes->next);
        return 0;
}

int job_changes_prepare(struct job_changes *changes, const struct job_table *table,
                        const struct manual_jobs *manual, const struct config *config, uint64_t now_us)
{
        *changes = (struct job_changes){ .config = config, .manual = manual, .now_us = now_us };
        int r = prepare(changes, table);

        if (r < 0)
                job_changes_clear(changes);
        return r;
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

static int update_job(const struct job_changes *changes, struct job *job,
                      struct planner_settings *ret_settings)
{
        if (!job->added)
                return discovered_job_update(changes->config, job, ret_settings);
        return added_job_update(changes->config, manual_jobs_find(changes->manual, job->planning.id), job,
                                ret_settings);
}

static void keep_job(struct job_changes *changes, struct job *job, struct planner *planner, uint64_t now_us)
{
        struct planner_settings settings;

        if (job_table_reserve(&changes->next, changes->next.count + 1) < 0 ||
            update_job(changes, job, &settings) < 0)
                memory_exhausted();
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
                job_swap_names(job, added);
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

                if (job != NULL && job->listed && added_job_extend(manual, job) < 0)
                        memory_exhausted();
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
                const struct planner_settings settings = job_settings(&config->jobs[i]);
                struct job *job = job_table_find(table, config->jobs[i].id);

                if (job == NULL) /* it was removed */
                        continue;
                planner_update_job(planner, &job->planning, &settings, now_us);
                job->listed = true;
        }
        for (size_t i = 0; i < changes->renamed_count; i++)
                job_swap_names(job_table_find(table, changes->renamed[i]->planning.id), changes->renamed[i]);
        extend_listed(changes, table);
}

void job_changes_clear(struct job_changes *changes)
{
        if (changes->made)
                job_table_clear(&changes->next);
        else
                for (size_t i = 0; i < changes->added_count; i++)
                        job_free(changes->added[i]);
        for (size_t i = 0; i < changes->renamed_count; i++)
                job_free(changes->renamed[i]);
        if (!changes->made)
                free(changes->next.jobs);
        free(changes->added);
        free(changes->renamed);
        *changes = (struct job_changes){ .config = NULL };
}
