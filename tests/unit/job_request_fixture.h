/* SPDX-License-Identifier: MIT */
#pragma once

/* Requests about jobs at run time, and how they end, for tests of the monitor. */

#include <errno.h>

#include "monitor/job_request.h"
#include "monitor_fixture.h"

/* A request and how it ended. */
struct outcome_of {
        unsigned done;
        int r;
        uint64_t unknown;
        enum job_was was[4];
};

static inline void on_done(void *userdata, const struct job_request_end *end)
{
        struct outcome_of *outcome = userdata;

        outcome->done++;
        outcome->r = end->r;
        outcome->unknown = end->unknown;
        for (size_t i = 0; end->r >= 0 && end->was != NULL && i < 1; i++)
                outcome->was[i] = end->was[i];
}

static inline void add_named(struct monitor_test *test, uint64_t id, const char *name, const char *hooks,
                             struct outcome_of *outcome)
{
        const struct job_addition addition = {
                .ids = &id, .count = 1, .name = name, .hooks = hooks, .uid = 1000
        };

        monitor_add_jobs(test->monitor, &addition, on_done, outcome);
}

/* Waits for the end of the request. */
static inline enum job_was add(struct monitor_test *test, uint64_t id)
{
        struct outcome_of outcome = { .done = 0 };

        add_named(test, id, NULL, NULL, &outcome);
        loop_until(test->event, &outcome.done, 1);
        assert_int_equal(outcome.r, 0);
        return outcome.was[0];
}

static inline int remove_job(struct monitor_test *test, uint64_t id)
{
        struct outcome_of outcome = { .done = 0 };

        monitor_remove_jobs(test->monitor, &id, 1, 1000, on_done, &outcome);
        loop_until(test->event, &outcome.done, 1);
        return outcome.r;
}

/* It is not polled while another is. */
static inline void expect_not_polled(struct monitor_test *test, size_t id, size_t other)
{
        loop_for(test->event, 50 * USEC_PER_MSEC); /* requests in flight */
        unsigned polls = test->polls[id];
        wait_for_polls(test, other, 5);
        assert_int_equal(test->polls[id], polls);
}

static inline size_t watched(const struct monitor_test *test)
{
        return monitor_count(test->monitor).watched;
}
