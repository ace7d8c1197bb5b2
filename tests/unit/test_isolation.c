/* SPDX-License-Identifier: MIT */

/* The promises of attribution under random behaviour: bad jobs cost the others little, and outages nobody. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "planner_fixture.h"
#include "random.h"

static const enum failure classes[] = {
        FAILURE_NONE,      FAILURE_NO_RESPONSE, FAILURE_SERVER_ERROR,
        FAILURE_NOT_FOUND, FAILURE_UNEXPECTED,  FAILURE_REFUSED,
};

#define CLASSES (sizeof(classes) / sizeof(classes[0]))

static enum failure any_class(uint64_t *seed)
{
        return classes[random_next(seed) % CLASSES];
}

static struct fixture *begin(void **state, uint64_t *seed, size_t count)
{
        struct planner_limits limits = limits_of(random_next(seed) % 2 ? 1 : 100);

        planner_teardown(state);
        assert_int_equal(planner_setup(state), 0);
        struct fixture *fixture = *state;

        limits.max_in_flight = random_next(seed) % 2 ? 1 : IN_FLIGHT;
        make(fixture, &limits, count);
        for (size_t i = 0; i < count; i++)
                planner_start_job(fixture->planner, &fixture->jobs[i], START, random_next(seed) % INTERVAL);
        run(fixture, MIN);
        return fixture;
}

/* A job fails in some class or none: deleted, in batches as well, or otherwise in batches. */
static void misbehave(struct server_job *job, uint64_t *seed)
{
        job->single = any_class(seed);
        job->batch = FAILURE_NONE;
        job->missing = false;
        switch (random_next(seed) % 3) {
        case 0:
                job->missing = job->single == FAILURE_NOT_FOUND;
                break;
        case 1:
                job->batch = job->single;
                break;
        default:
                if (job->single != FAILURE_NONE)
                        job->batch = any_class(seed);
                break;
        }
        job->too_large = job->single == FAILURE_UNEXPECTED && job->batch == FAILURE_UNEXPECTED &&
                         random_next(seed) % 2;
}

static void all_are_well(struct fixture *fixture, size_t count)
{
        fixture->server.all = fixture->server.lists = FAILURE_NONE;
        for (size_t i = 0; i < count; i++) {
                fixture->server.jobs[i].single = fixture->server.jobs[i].batch = FAILURE_NONE;
                fixture->server.jobs[i].missing = false;
        }
}

static void check_all_polled(struct fixture *fixture, size_t count)
{
        size_t from = fixture->sent_count;

        run(fixture, INTERVAL + SEC);
        assert_false(is_open(fixture));
        for (size_t i = 0; i < count; i++) {
                assert_false(fixture->jobs[i].failing);
                assert_true(count_polls(fixture, from, i) > 0);
        }
}

/* At least half of the jobs are well. Batches as such fail at times, too. */
static void test_bad_jobs_cost_the_others_little(void **state)
{
        uint64_t seed = 42;

        for (unsigned life = 0; life < 60; life++) {
                size_t count = 2 + random_next(&seed) % 40;
                size_t well = count - random_next(&seed) % (count / 2 + 1);
                struct fixture *fixture = begin(state, &seed, count);
                bool lists = random_next(&seed) % 4 == 0;

                for (unsigned i = 0; i < 20; i++) {
                        for (size_t j = well; j < count; j++)
                                if (random_next(&seed) % 3 == 0)
                                        misbehave(&fixture->server.jobs[j], &seed);
                        fixture->server.lists = lists ? any_class(&seed) : FAILURE_NONE;
                        run(fixture, random_next(&seed) % (10 * MIN));
                }
                for (size_t i = 0; i < well; i++)
                        assert_true(longest_gap(fixture, 0, i) <= 2 * INTERVAL);

                all_are_well(fixture, count);
                run(fixture, USEC_PER_HOUR + MIN); /* gone jobs are read hourly */
                check_all_polled(fixture, count);
        }
}

static void test_outages_leave_nothing_behind(void **state)
{
        uint64_t seed = 7;

        for (unsigned life = 0; life < 100; life++) {
                size_t count = 1 + random_next(&seed) % 40;
                struct fixture *fixture = begin(state, &seed, count);

                for (unsigned i = 0; i < 10; i++) {
                        enum failure failure = classes[1 + random_next(&seed) % (CLASSES - 1)];
                        size_t from = fixture->sent_count;

                        fixture->server.all = failure;
                        run(fixture, 10 * MIN);
                        assert_true(is_open(fixture));
                        /* At most a batch and all its parts, a check, and then one request per interval or
                         * so. */
                        assert_true(fixture->sent_count - from <=
                                    2 * count + 10 + 10 * MIN / (INTERVAL * 9 / 10));

                        fixture->server.all = FAILURE_NONE;
                        run(fixture, failure == FAILURE_REFUSED ? 5 * MIN + SEC : INTERVAL + SEC);
                        check_all_polled(fixture, count);
                }
                assert_int_equal(fixture->event_count, count);
        }
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, planner_setup, planner_teardown)
        const struct CMUnitTest tests[] = {
                TEST(test_bad_jobs_cost_the_others_little),
                TEST(test_outages_leave_nothing_behind),
        };

        return cmocka_run_group_tests_name("isolation", tests, NULL, NULL);
}
