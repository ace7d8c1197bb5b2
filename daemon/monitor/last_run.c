/* SPDX-License-Identifier: MIT */

/* Two values of the state, as text: "running" or "ended AT", and "AT SPAN", in microseconds. */

#include "monitor/last_run.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "planning/backoff.h"
#include "platform/clock.h"
#include "util/cleanup.h"
#include "util/timespan.h"

#define KEY_RUN   "last run"
#define RUNNING   "running"
#define KEY_PAUSE "retry after"

#define ENDED "ended "

#define VALUE_SIZE 64

static void put(struct state *state, const char *key, const char *value)
{
        state_put_value(state, key, value, strlen(value));
}

/* Reads a decimal number at the start of *text, and moves *text behind it. */
static bool read_number(const char **text, uint64_t *ret_number)
{
        char *end = NULL;

        if (**text < '0' || **text > '9')
                return false;
        errno = 0;
        *ret_number = strtoull(*text, &end, 10);
        *text = end;
        return errno == 0;
}

bool last_run_was_recent(struct store *store)
{
        CLEANUP(cleanup_free) void *data = NULL;
        uint64_t ended_us, now_us = clock_wall_us();
        size_t size = 0;

        int r = store_get_value(store, KEY_RUN, &data, &size);
        if (r <= 0)
                return r < 0; /* a state without one was never used */
        const char *text = data;
        if (strncmp(text, ENDED, strlen(ENDED)) != 0)
                return true;
        text += strlen(ENDED);
        if (!read_number(&text, &ended_us))
                return true;
        return now_us < ended_us || now_us - ended_us < USEC_PER_DAY;
}

bool last_run_crashed(struct store *store)
{
        CLEANUP(cleanup_free) void *data = NULL;
        size_t size = 0;

        return store_get_value(store, KEY_RUN, &data, &size) > 0 && strcmp(data, RUNNING) == 0;
}

void last_run_begin(struct state *state)
{
        put(state, KEY_RUN, RUNNING);
}

void last_run_end(struct state *state)
{
        char value[VALUE_SIZE];

        (void)snprintf(value, sizeof(value), ENDED "%" PRIu64, clock_wall_us());
        put(state, KEY_RUN, value);
}

void last_run_save_pause(struct state *state, uint64_t now_us, uint64_t until_us)
{
        uint64_t span_us = until_us > now_us ? until_us - now_us : 0;
        char value[VALUE_SIZE];

        (void)snprintf(value, sizeof(value), "%" PRIu64 " %" PRIu64, clock_wall_us(), span_us);
        put(state, KEY_PAUSE, value);
}

uint64_t last_run_load_pause(struct store *store)
{
        CLEANUP(cleanup_free) void *data = NULL;
        uint64_t saved_us, span_us, now_us = clock_wall_us();
        size_t size = 0;

        if (store_get_value(store, KEY_PAUSE, &data, &size) <= 0)
                return 0;
        const char *text = data;
        if (!read_number(&text, &saved_us) || *text++ != ' ' || !read_number(&text, &span_us))
                return 0;
        if (span_us > RETRY_AFTER_MAX_US)
                span_us = RETRY_AFTER_MAX_US;
        if (now_us < saved_us)
                return span_us;
        return now_us - saved_us < span_us ? span_us - (now_us - saved_us) : 0;
}

/* ---- missing jobs: one small value each ---- */

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
