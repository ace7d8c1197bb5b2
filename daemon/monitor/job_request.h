/* SPDX-License-Identifier: MIT */
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "monitor/monitor.h"

/*
 * Jobs that are added, removed or polled at run time, whatever the configuration lists. What was asked for is
 * committed before it takes effect, and survives restarts and reloads.
 *
 * An added job is polled until it ends, and stays in the table for `keep` after that. A removed job is not
 * polled until it is added or, if it is listed, until it is listed no more.
 */

/* What an added job was before. */
enum job_was {
        JOB_NEW,     /* not watched */
        JOB_WATCHED, /* watched, and open as far as is known */
        JOB_ENDED,   /* recorded as ended: it is read once more */
        JOB_REMOVED,
};

struct job_request_end {
        int r;                   /* 0; -ENOENT: `unknown` is no known job; -EEXIST: `unknown` has the name; or
                                    an errno of the state */
        const char *error;       /* with the latter */
        uint64_t unknown;        /* see above */
        const enum job_was *was; /* of each added job; NULL: they were removed */
};

/* Called once, from the loop. After an error nothing has changed. `end` is valid during the call only. */
typedef void (*job_request_handler)(void *userdata, const struct job_request_end *end);

struct job_addition {
        const uint64_t *ids; /* each once */
        size_t count;
        const char *name;  /* of the only one; NULL: none */
        const char *hooks; /* names of configured hooks, separated by commas; NULL: none are given: all hooks
                              of a job that is not watched, and those that it has of another */
        uid_t uid;         /* of the user who asks, for the log */
};

/* The addition is borrowed during the call. */
void monitor_add_jobs(struct monitor *monitor, const struct job_addition *addition, job_request_handler done,
                      void *userdata);

/* Each id once. */
void monitor_remove_jobs(struct monitor *monitor, const uint64_t ids[], size_t count, uid_t uid,
                         job_request_handler done, void *userdata);

/*
 * The jobs are due now, one that has ended too; without ids, all that have not ended. Returns 0, or -ENOENT
 * if one is not watched: then nothing is done, and *ret_unknown is that one.
 */
int monitor_poll_jobs(struct monitor *monitor, const uint64_t ids[], size_t count, uid_t uid,
                      uint64_t *ret_unknown);
