/* SPDX-License-Identifier: MIT */

/*
 * One small value per missing job, dated by the wall clock, the only clock that continues between two runs.
 */

#include "monitor/not_found.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "platform/clock.h"
#include "util/cleanup.h"
#include "util/timespan.h"

#define KEY_SIZE 40

struct stored_not_found {
        uint64_t first_us; /* CLOCK_REALTIME of the first not-found response in a row */
        uint64_t count;
};

static const char *key_of(uint64_t job_id, char key[static KEY_SIZE])
{
        (void)snprintf(key, KEY_SIZE, "absence of %" PRIu64, job_id);
        return key;
}

void not_found_load(struct store *store, uint64_t job_id, struct job_watch *watch, uint64_t now_us)
{
        CLEANUP(cleanup_free) void *data = NULL;
        struct stored_not_found stored;
        char key[KEY_SIZE];
        size_t size = 0;

        if (store_get_value(store, key_of(job_id, key), &data, &size) <= 0 || size != sizeof(stored))
                return;
        memcpy(&stored, data, sizeof(stored));

        uint64_t now = clock_wall_us();
        uint64_t age_us = now > stored.first_us ? now - stored.first_us : 0;
        watch->not_found_count =
                stored.count < GONE_NOT_FOUND_COUNT ? (unsigned)stored.count : GONE_NOT_FOUND_COUNT;
        watch->not_found_since_us = now_us > age_us ? now_us - age_us : 0;
}

void not_found_save(struct state *state, uint64_t job_id, const struct job_watch *watch, uint64_t now_us)
{
        const struct stored_not_found stored = {
                .first_us = clock_wall_us() - (now_us - watch->not_found_since_us),
                .count = watch->not_found_count,
        };
        char key[KEY_SIZE];

        state_put_value(state, key_of(job_id, key), &stored, sizeof(stored));
}

void not_found_clear(struct state *state, uint64_t job_id)
{
        char key[KEY_SIZE];

        state_put_value(state, key_of(job_id, key), NULL, 0);
}
