/* SPDX-License-Identifier: MIT */
#pragma once

#include <stdbool.h>

#include "config/config.h"
#include "model/manual_job.h"
#include "monitor/job.h"

/*
 * A job as someone has added it at run time. What the configuration says of it wins: if it is listed, its
 * name and how it is polled; if it was discovered and then extended, all of that. An extended job has its
 * hooks beside those of the configuration.
 */

/* A job that is in no planner and no table, of which nothing is recorded. */
struct job *added_job_new(const struct config *config, const struct manual_job *manual);

/* Gives a job that is not listed name and hooks. Returns how it is polled, for planner_update_job(). */
struct planner_settings added_job_update(const struct config *config, const struct manual_job *manual,
                                         struct job *job);

/* Gives a job that was extended its additional hooks, after others by its section. */
void added_job_extend(const struct manual_job *manual, struct job *job);
