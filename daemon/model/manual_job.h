/* SPDX-License-Identifier: MIT */
#pragma once

#include <stdbool.h>
#include <stdint.h>

/* What was asked for at run time about a job, whatever the configuration says of it. */

enum manual_kind {
        MANUAL_ADDED,     /* it is watched */
        MANUAL_EXTENDED,  /* likewise; it was watched before, and its hooks are beside those that it had */
        MANUAL_REMOVED,   /* it is not watched, as long as it is listed */
        MANUAL_DISMISSED, /* it is not watched, though it was discovered, as long as it is not listed */
        MANUAL_EXCLUDED,  /* both: it is not watched as long as it is listed, and dismissed after that */
};

struct manual_job {
        uint64_t id;
        enum manual_kind kind;
        char *name;  /* NULL: none */
        char *hooks; /* names, separated by commas; NULL: all or, of an extended job, none */
        bool again;  /* it had ended, and is to be read once more */

        /* When it was asked for: by CLOCK_REALTIME as the state has it, by CLOCK_BOOTTIME in the monitor. */
        int64_t since_us;
};

#define MANUAL_JOB_NONE ((struct manual_job){ .id = 0 })

/* Frees the texts and resets the rest. */
void manual_job_clear(struct manual_job *manual);

/* Whether the job is watched for this. */
bool manual_job_is_added(const struct manual_job *manual);

/* "added", "extended", "removed", "dismissed", "excluded". */
const char *manual_kind_to_string(enum manual_kind kind);
bool manual_kind_from_string(const char *word, enum manual_kind *ret_kind);

/*
 * The result of adding a job of which `before` was recorded (NULL: nothing). `was_watched`: by the
 * configuration. Name and hooks (NULL: none were given) are those of the request. `merged` is cleared first.
 */
void manual_job_merge(const struct manual_job *before, const struct manual_job *added, bool was_watched,
                      struct manual_job *merged);
