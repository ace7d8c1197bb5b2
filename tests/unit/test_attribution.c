/* SPDX-License-Identifier: MIT */

/* Whose failure a failure is: the job's, or the API's. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "planner_fixture.h"

#define JOBS 5

/* Every class that needs two witnesses. */
static const enum failure classes[] = {
        FAILURE_NO_RESPONSE, FAILURE_SERVER_ERROR, FAILURE_REFUSED, FAILURE_NOT_FOUND, FAILURE_UNEXPECTED,
};

#define CLASSES (sizeof(classes) / sizeof(classes[0]))

static uint64_t smaller(uint64_t a, uint64_t b)
{
        return a < b ? a : b;
}

static uint64_t larger(uint64_t a, uint64_t b)
{
        return a > b ? a : b;
}

/* A fixture for each round of a loop over classes. */
static struct fixture *renew(void **state)
{
        planner_teardown(state);
        assert_int_equal(planner_setup(state), 0);
        return *state;
}

static void test_a_failing_job_does_not_concern_others(void **state)
{
        for (size_t c = 0; c < CLASSES; c++) {
                struct fixture *fixture = renew(state);

                start_spread(fixture, 1, JOBS);
                run(fixture, MIN);
                fixture->server.jobs[0].single = classes[c];
                size_t from = fixture->sent_count;
                run(fixture, 30 * MIN);

                assert_int_equal(fixture->opened, 0);
                for (size_t i = 1; i < JOBS; i++)
                        assert_true(longest_gap(fixture, from, i) <= INTERVAL + LATENCY);
                assert_true(fixture->jobs[0].failing && fixture->jobs[0].failure == classes[c]);
                assert_int_equal(count_events(fixture, 0, EVENT_GONE), 0); /* batches show it */
        }
}

static void test_a_failing_job_backs_off(void **state)
{
        for (size_t c = 0; c < CLASSES; c++) {
                struct fixture *fixture = renew(state);
                uint64_t answered_us = 0;
                unsigned failures = 0;

                if (classes[c] == FAILURE_NOT_FOUND)
                        continue; /* see test_gone.c */
                start_spread(fixture, 1, JOBS);
                fixture->server.jobs[0].single = classes[c];
                run(fixture, USEC_PER_HOUR);
                for (size_t i = 0; i < fixture->sent_count; i++) {
                        const struct sent *sent = &fixture->sent[i];
                        uint64_t most_us = smaller(5 * MIN, INTERVAL << smaller(failures, 10));

                        if (!sent_has(sent, FIRST_ID))
                                continue;
                        if (answered_us != 0)
                                assert_in_range(sent->at_us - answered_us + LATENCY,
                                                larger(INTERVAL, most_us / 2),
                                                larger(INTERVAL, most_us) + LATENCY);
                        assert_int_equal(sent->attribution, ATTRIBUTED_TO_JOB);
                        answered_us = sent->answered_us;
                        failures++;
                }
                assert_true(failures >= 12);
        }
}

static void test_a_slow_pace_is_kept_while_failing(void **state)
{
        static const struct planner_settings slow = { .interval_us = 10 * MIN, .max_interval_us = 10 * MIN };
        struct fixture *fixture = *state;
        struct planner_limits limits = limits_of(1);

        make_with(fixture, &limits, 2, &slow);
        planner_start_job(fixture->planner, &fixture->jobs[0], fixture->now_us, 0);
        planner_start_job(fixture->planner, &fixture->jobs[1], fixture->now_us, MIN);
        fixture->server.jobs[0].single = FAILURE_SERVER_ERROR;
        run(fixture, USEC_PER_HOUR);
        assert_in_range(count_polls(fixture, 0, 0), 6, 7);
}

static void test_a_success_ends_the_backoff(void **state)
{
        struct fixture *fixture = *state;

        start_spread(fixture, 1, JOBS);
        fixture->server.jobs[0].single = FAILURE_SERVER_ERROR;
        run(fixture, 30 * MIN);
        fixture->server.jobs[0].single = FAILURE_NONE;
        run(fixture, 5 * MIN + SEC);
        assert_false(fixture->jobs[0].failing);
        size_t from = fixture->sent_count;
        run(fixture, 2 * MIN);
        assert_true(longest_gap(fixture, from, 0) <= INTERVAL + LATENCY);
}

static void test_two_jobs_that_fail_alike_are_an_outage(void **state)
{
        for (size_t c = 0; c < CLASSES; c++) {
                struct fixture *fixture = renew(state);

                start_spread(fixture, 1, JOBS);
                run(fixture, MIN);
                fixture->server.all = classes[c];
                size_t from = fixture->sent_count;
                run_until_open(fixture);

                /* With "not found" a check comes before. */
                size_t checks = classes[c] == FAILURE_NOT_FOUND ? 1 : 0;
                assert_int_equal(fixture->sent_count - from, 2 + checks);
                assert_int_equal(count_kind(fixture, from, REQUEST_CHECK), checks);
                assert_int_equal(planner_breaker(fixture->planner)->failure, classes[c]);
        }
}

static void test_a_success_between_two_failures(void **state)
{
        for (size_t c = 0; c < CLASSES; c++) {
                struct fixture *fixture = renew(state);

                /* Jobs 0 and 2 fail, and 1 is polled between; 3 and 4 between them the other way round. */
                start_spread(fixture, 1, JOBS);
                fixture->server.jobs[0].single = fixture->server.jobs[2].single = classes[c];
                run(fixture, 12 * SEC);
                assert_int_equal(fixture->opened, 0);
                assert_int_equal(count_kind(fixture, 0, REQUEST_CHECK), 0);
                assert_true(fixture->jobs[0].failing && fixture->jobs[2].failing);
        }
}

static void test_two_jobs_that_fail_differently_are_no_outage(void **state)
{
        struct fixture *fixture = *state;

        start_spread(fixture, 1, JOBS);
        fixture->server.jobs[0].single = FAILURE_SERVER_ERROR;
        fixture->server.jobs[1].single = FAILURE_NO_RESPONSE;
        run(fixture, 10 * MIN);
        assert_int_equal(fixture->opened, 0);
}

static void test_unreachable_is_an_outage_at_once(void **state)
{
        struct fixture *fixture = *state;

        start_spread(fixture, 1, JOBS);
        run(fixture, MIN);
        fixture->server.all = FAILURE_UNREACHABLE;
        const struct sent *sent = run_requests(fixture, 1);
        run(fixture, LATENCY);
        assert_true(is_open(fixture));
        assert_int_equal(sent->attribution, ATTRIBUTED_TO_API);
        for (size_t i = 0; i < JOBS; i++)
                assert_false(fixture->jobs[i].failing);
}

static void test_a_batch_and_its_jobs_are_one_witness(void **state)
{
        struct fixture *fixture = *state;
        struct planner_limits limits = limits_of(100);

        /* The second half of the jobs is due later, and is the second witness that there could be. */
        make(fixture, &limits, 8);
        for (size_t i = 0; i < 8; i++)
                planner_start_job(fixture->planner, &fixture->jobs[i], fixture->now_us, i < 4 ? 0 : 10 * SEC);
        server_jobs_fail(fixture, 0, 4, FAILURE_SERVER_ERROR);
        run(fixture, 10 * SEC - MIN / 60);
        assert_int_equal(count_kind(fixture, 0, REQUEST_BATCH), 3); /* 4, 2, 2 */
        assert_int_equal(count_kind(fixture, 0, REQUEST_SINGLE), 4);
        assert_int_equal(fixture->opened, 0);
        for (size_t i = 0; i < 4; i++)
                assert_true(fixture->jobs[i].failing && fixture->jobs[i].failures == 1);

        /* And it is one: another batch that fails is the second. */
        server_jobs_fail(fixture, 4, 4, FAILURE_SERVER_ERROR);
        run(fixture, 2 * SEC);
        assert_int_equal(fixture->opened, 1);
}

static void test_a_job_that_was_failing_before_is_no_witness(void **state)
{
        struct fixture *fixture = *state;

        start_spread(fixture, 1, JOBS);
        fixture->server.jobs[0].single = FAILURE_SERVER_ERROR;
        run(fixture, 10 * MIN);
        /* The next failure of another job stands alone until a third one fails. */
        fixture->server.all = FAILURE_SERVER_ERROR;
        size_t from = fixture->sent_count;
        run_until_open(fixture);
        size_t polls = 0;
        for (size_t i = 1; i < JOBS; i++)
                polls += count_polls(fixture, from, i);
        assert_int_equal(polls, 2);
}

static void test_backoffs_are_undone_when_it_opens(void **state)
{
        struct fixture *fixture = *state;

        start_spread(fixture, 1, JOBS);
        fixture->server.jobs[4].single = FAILURE_UNEXPECTED;
        run(fixture, 10 * MIN);
        uint64_t charged_us = fixture->jobs[4].charged_us;
        fixture->server.all = FAILURE_SERVER_ERROR;
        run_until_open(fixture);
        fixture->server.all = FAILURE_NONE;

        for (size_t i = 0; i < 4; i++)
                assert_int_equal(fixture->jobs[i].failures, 0);
        if (fixture->jobs[4].charged_us == charged_us)
                assert_true(fixture->jobs[4].failures > 0); /* it failed before */
        run_until_closed(fixture);
        size_t from = fixture->sent_count;
        run(fixture, INTERVAL + SEC);
        for (size_t i = 0; i < 4; i++)
                assert_true(count_polls(fixture, from, i) + (last_poll(fixture, i)->probe ? 1 : 0) >= 1);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, planner_setup, planner_teardown)
        const struct CMUnitTest tests[] = {
                TEST(test_a_failing_job_does_not_concern_others),
                TEST(test_a_failing_job_backs_off),
                TEST(test_a_slow_pace_is_kept_while_failing),
                TEST(test_a_success_ends_the_backoff),
                TEST(test_two_jobs_that_fail_alike_are_an_outage),
                TEST(test_a_success_between_two_failures),
                TEST(test_two_jobs_that_fail_differently_are_no_outage),
                TEST(test_unreachable_is_an_outage_at_once),
                TEST(test_a_batch_and_its_jobs_are_one_witness),
                TEST(test_a_job_that_was_failing_before_is_no_witness),
                TEST(test_backoffs_are_undone_when_it_opens),
        };

        return cmocka_run_group_tests_name("attribution", tests, NULL, NULL);
}
