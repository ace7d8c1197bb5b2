/* SPDX-License-Identifier: MIT */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "config/config.h"
#include "model/manual_job.h"
#include "model/remote_time.h"
#include "planning/planner.h"
#include "state/store.h"

struct commit;

/* Of a job that was found by sections [discover NAME]. */
struct job_discovery {
        struct remote_time created; /* its CreatedOn */
        bool rejected;              /* to be decided, it was: it matches none */
        char sections[]; /* the names of those that it matched, separated by commas; "": to be decided */
};

/* A watched job: the only object that knows it. Found by its id in the table of the monitor (job_table.h). */
struct job {
        struct planner_job planning; /* must be first: the planner hands it back. Its id, how it is polled,
                                        and what is recorded of it */
        char *name;                  /* NULL: none */
        struct string_list *hooks;   /* names; NULL: all hooks */
        struct job_discovery *discovery; /* NULL: it is listed, and was not discovered before */
        bool listed;                     /* in the configuration or on the command line */
        bool added;                      /* at run time, see model/manual_job.h */
        bool again;                      /* likewise, after it had ended: it is still to be read once more */
        bool from_command_line;          /* polled even if it is recorded as ended */
        bool answered;                   /* it has had a usable response */
        const struct commit *commit;     /* its commit in progress, see observe.c; NULL: none */
};

/* Watched only since it was discovered; or not even decided yet. */
static inline bool job_is_discovered(const struct job *job)
{
        return job->discovery != NULL && !job->listed && !job->added;
}

static inline bool job_is_undecided(const struct job *job)
{
        return job->discovery != NULL && job->discovery->sections[0] == '\0';
}

/* The job that this is part of. */
static inline struct job *job_of(const struct planner_job *planning)
{
        union {
                const struct planner_job *planning;
                struct job *job;
        } part = { .planning = planning };

        return part.job;
}

/* A job as it is configured. Nothing is recorded of it, no planner has it, and it is not listed. */
struct job *job_new(const struct job_config *config);

/* The job is in no planner and no request. Takes NULL, returns NULL. */
struct job *job_free(struct job *job);

/* Loads from the state what is recorded of a job. `now_us` is CLOCK_BOOTTIME. 0 or a negative errno. */
int job_load(struct job *job, struct store *store, uint64_t now_us);

/* Gives a job name, hooks and origin of another, which is freed. Returns how that one is polled. */
struct planner_settings job_describe(struct job *job, struct job *described);

/*
 * A job as the sections [discover NAME] say that found it: the settings of the first, the hooks of all.
 */

/* Whether one of the sections is in the configuration. */
bool discovered_job_is_configured(const struct config *config, const char *sections);

/* Likewise as job_new(). */
struct job *discovered_job_new(const struct config *config, uint64_t id, const struct remote_time *created,
                               const char *sections);

/*
 * Gives a job name, hooks and origin by the sections that discovered it. Returns how it is polled by them,
 * for planner_update_job().
 */
struct planner_settings discovered_job_update(const struct config *config, struct job *job);

/* Sets by which sections the job was discovered. */
void discovered_job_note(struct job *job, const struct remote_time *created, const char *sections);

/*
 * A job as someone has added it at run time. What the configuration says of it wins: if it is listed, its
 * name and how it is polled; if it was discovered and then extended, all of that. An extended job has its
 * hooks beside those of the configuration.
 */

/* Likewise as job_new(). */
struct job *added_job_new(const struct config *config, const struct manual_job *manual);

/* Gives a job that is not listed name and hooks. Returns how it is polled, for planner_update_job(). */
struct planner_settings added_job_update(const struct config *config, const struct manual_job *manual,
                                         struct job *job);

/* Gives a job that was extended its additional hooks, after others by its section. */
void added_job_extend(const struct manual_job *manual, struct job *job);
