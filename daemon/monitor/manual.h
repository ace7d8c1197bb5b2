/* SPDX-License-Identifier: MIT */
#pragma once

#include "monitor/poll_state.h"

/*
 * Jobs that were added or removed at run time, from one run or configuration to the next; what is asked for
 * itself is in job_request.h.
 */

/* Reads from the state what was asked for, before the first configuration is applied. 0 or a negative errno.
 */
int manual_load(struct monitor *monitor);

/* Adds to the table the jobs that are not listed. Returns 0 or a negative errno. */
int manual_start(struct monitor *monitor);

/* After discovered jobs have been loaded: all are as they were asked for. */
void manual_settle(struct monitor *monitor);

/*
 * A job of the table that was added is as `manual` and the configuration say.
 */
void manual_describe(struct monitor *monitor, const struct manual_job *manual, struct job *job);

/* The configuration is another, or a request has taken effect: removals that it ends are over. */
void manual_follow_config(struct monitor *monitor);

/* To be called before requests are chosen: notes in the state which jobs were read once more. */
void manual_update(struct monitor *monitor);

/* Whether the configuration lists the job; its settings, or NULL. */
const struct job_config *manual_find_listed(const struct config *config, uint64_t id);

/* Those that have waited are carried out, since the reload is over. */
void job_requests_continue(struct monitor *monitor);

/* Added jobs that have ended are not watched any more, as if they had been removed. */
void job_requests_expire(struct monitor *monitor, const uint64_t ids[], size_t count);
