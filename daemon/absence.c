/* SPDX-License-Identifier: MIT */

/*
 * One small value a missing job, dated by the wall clock, since that is the one that goes on between two
 * runs.
 */

#include "absence.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/span.h"
#include "host/clock.h"

#define KEY_SIZE 40

struct stored_absence {
        uint64_t first_us; /* CLOCK_REALTIME of the first time in a row */
        uint64_t count;
};

static const char *key_of(uint64_t job_id, char key[static KEY_SIZE])
{
        (void)snprintf(key, KEY_SIZE, "absence of %" PRIu64, job_id);
        return key;
}

void absence_recall(struct store *store, uint64_t job_id, struct job_watch *watch, uint64_t now_us)
{
        CLEANUP(cleanup_free) void *data = NULL;
        struct stored_absence stored;
        char key[KEY_SIZE];
        size_t size = 0;

        if (store_get_value(store, key_of(job_id, key), &data, &size) <= 0 || size != sizeof(stored))
                return;
        memcpy(&stored, data, sizeof(stored));

        uint64_t now = clock_wall_us();
        uint64_t age_us = now > stored.first_us ? now - stored.first_us : 0;
        watch->absences = stored.count < GONE_ABSENCES ? (unsigned)stored.count : GONE_ABSENCES;
        watch->absent_since_us = now_us > age_us ? now_us - age_us : 0;
}

void absence_keep(struct store *store, uint64_t job_id, const struct job_watch *watch, uint64_t now_us)
{
        const struct stored_absence stored = {
                .first_us = clock_wall_us() - (now_us - watch->absent_since_us),
                .count = watch->absences,
        };
        char key[KEY_SIZE];

        (void)store_put_value(store, key_of(job_id, key), &stored, sizeof(stored));
}

void absence_forget(struct store *store, uint64_t job_id)
{
        char key[KEY_SIZE];

        (void)store_put_value(store, key_of(job_id, key), NULL, 0);
}
