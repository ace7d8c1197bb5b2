/* SPDX-License-Identifier: MIT */

/* What was asked for is found by the job, whatever came and went before. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "monitor/manual_jobs.h"
#include "random.h"

#define IDS 100

static void put(struct manual_jobs *jobs, uint64_t id, enum manual_kind kind)
{
        struct manual_job job = { .id = id, .kind = kind, .name = strdup("import"), .hooks = strdup("mail") };

        manual_jobs_put(jobs, &job);
        assert_null(job.name);
}

static void test_jobs_are_found_whatever_came_and_went(void **state)
{
        struct manual_jobs jobs = { .count = 0 };
        int expected[IDS];
        uint64_t seed = 1;

        (void)state;
        for (size_t i = 0; i < IDS; i++)
                expected[i] = -1;
        for (unsigned i = 0; i < 5000; i++) {
                uint64_t id = random_next(&seed) % IDS;
                int kind = (int)(random_next(&seed) % 6) - 1;

                if (kind < 0)
                        manual_jobs_drop(&jobs, id);
                else
                        put(&jobs, id, (enum manual_kind)kind);
                expected[id] = kind;
        }
        for (uint64_t id = 0; id < IDS; id++) {
                const struct manual_job *job = manual_jobs_find(&jobs, id);

                assert_int_equal(job != NULL ? (int)job->kind : -1, expected[id]);
                bool removed = expected[id] == MANUAL_REMOVED || expected[id] == MANUAL_EXCLUDED;
                assert_int_equal(manual_jobs_exclude_listed(&jobs, id), removed);
                assert_int_equal(manual_jobs_exclude(&jobs, id), removed || expected[id] == MANUAL_DISMISSED);
        }
        for (size_t i = 1; i < jobs.count; i++)
                assert_true(jobs.jobs[i - 1].id < jobs.jobs[i].id);
        manual_jobs_clear(&jobs);
        assert_null(manual_jobs_find(&jobs, 1));
}

int main(void)
{
        static const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_jobs_are_found_whatever_came_and_went),
        };

        return cmocka_run_group_tests_name("manual_jobs", tests, NULL, NULL);
}
