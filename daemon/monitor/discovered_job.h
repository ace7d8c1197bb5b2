/* SPDX-License-Identifier: MIT */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "config/config.h"
#include "monitor/job.h"

/* A job as the sections [discover NAME] say that found it: the settings of the first, the hooks of all. */

/* Whether one of the sections is in the configuration. */
bool discovered_job_is_configured(const struct config *config, const char *sections);

/* A job that is in no planner and no table, of which nothing is recorded. */
struct job *discovered_job_new(const struct config *config, uint64_t id, const struct remote_time *created,
                               const char *sections);

/*
 * Gives a job name, hooks and origin by the sections that discovered it. Returns how it is polled by them,
 * for planner_update_job().
 */
struct planner_settings discovered_job_update(const struct config *config, struct job *job);

/* Sets by which sections the job was discovered. */
void discovered_job_note(struct job *job, const struct remote_time *created, const char *sections);
