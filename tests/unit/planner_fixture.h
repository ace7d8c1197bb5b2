/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * What the tests of the planner share: rules by which "Completed" is success, and looks at what the planner
 * wants. Include after cmocka.h.
 */

#include "planning/planner.h"
#include "util/timespan.h"

#define START    (1000 * USEC_PER_SEC)
#define INTERVAL (15 * USEC_PER_SEC)

struct fixture {
        struct planner *planner; /* NULL until fixture_make() */
        struct planner_job *jobs;
        struct status_rules *rules;
};

/* Limits that nothing comes near, but for the size of a batch. */
static inline struct planner_limits limits_of(unsigned batch_size)
{
        return (struct planner_limits){
                .max_in_flight = 8,
                .batch_size = batch_size,
                .batch_bytes = 1890,
                .probe_cap_us = INTERVAL,
        };
}

/* A planner of `count` jobs with the ids from 100 on, none of them started. `settings` is borrowed. */
static inline void fixture_make(struct fixture *fixture, const struct planner_limits *limits, size_t count,
                                const struct planner_settings *settings)
{
        assert_int_equal(planner_new(limits, fixture->rules, count, &fixture->planner), 0);
        fixture->jobs = planner_jobs(fixture->planner);
        for (size_t i = 0; i < count; i++) {
                fixture->jobs[i].id = 100 + i;
                fixture->jobs[i].settings = settings;
        }
}

/* For cmocka: the rules only. */
static inline int fixture_setup(void **state)
{
        static struct fixture fixture;
        char *const success[] = { (char[]){ "Completed" }, NULL };

        if (status_rules_new(NULL, success, NULL, NULL, &fixture.rules) < 0)
                return -1;
        fixture.planner = NULL;
        *state = &fixture;
        return 0;
}

static inline int fixture_teardown(void **state)
{
        struct fixture *fixture = *state;

        planner_free(fixture->planner);
        status_rules_free(fixture->rules);
        return 0;
}

/* A request must be there. */
static inline struct planner_request next(struct fixture *fixture, uint64_t now)
{
        struct planner_request request;
        uint64_t wake_us;

        assert_true(planner_next(fixture->planner, now, &request, &wake_us));
        return request;
}

/* None must be there; returns when to ask again. */
static inline uint64_t none(struct fixture *fixture, uint64_t now)
{
        struct planner_request request;
        uint64_t wake_us = 0;

        assert_false(planner_next(fixture->planner, now, &request, &wake_us));
        assert_true(wake_us > now);
        return wake_us;
}

static inline struct job_record record_of(struct text status, struct text result, struct text updated)
{
        return (struct job_record){ .status = status,
                                    .result = result,
                                    .updated_on = updated,
                                    .has_status = true,
                                    .has_result = true };
}

/*
 * A job was looked at and its record taken, with or without success in recording. Returns whether that was
 * news.
 */
static inline bool take(struct fixture *fixture, struct planner_job *job, const struct job_record *record,
                        bool recorded, uint64_t now)
{
        struct observation observation = planner_take_record(fixture->planner, job, record, now);
        struct job_memory seen = job_memory_of(record, observation.change.outcome);

        planner_complete(fixture->planner, job, &observation, recorded, &seen, now, 0);
        return observation.change.news;
}
