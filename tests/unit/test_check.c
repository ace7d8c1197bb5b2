/* SPDX-License-Identifier: MIT */

/* Check requests: where no second witness will fail within the interval, a batch of one id decides. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "planner_fixture.h"

static void test_the_only_job_fails_and_the_check_succeeds(void **state)
{
        struct fixture *fixture = *state;

        start_spread(fixture, 1, 1);
        fixture->server.jobs[0].single = FAILURE_SERVER_ERROR;
        run(fixture, SEC);
        assert_int_equal(fixture->sent_count, 2);
        assert_int_equal(fixture->sent[1].kind, REQUEST_CHECK);
        assert_int_equal(fixture->sent[1].count, 1);
        assert_int_equal(fixture->jobs[0].failures, 1);
        run(fixture, 5 * MIN);
        assert_int_equal(count_kind(fixture, 0, REQUEST_CHECK), 1);
        run(fixture, USEC_PER_HOUR);
        assert_int_equal(fixture->opened, 0);
}

static void test_a_check_succeeds_without_the_record_too(void **state)
{
        struct fixture *fixture = *state;

        start_spread(fixture, 1, 1);
        fixture->server.jobs[0].single = FAILURE_SERVER_ERROR;
        fixture->server.jobs[0].missing = true;
        run(fixture, USEC_PER_HOUR);
        assert_int_equal(fixture->opened, 0);
        assert_true(fixture->jobs[0].failing);
        assert_int_equal(fixture->event_count, 0);
}

static void test_the_check_fails_in_the_same_class(void **state)
{
        struct fixture *fixture = *state;

        start_spread(fixture, 1, 1);
        fixture->server.all = FAILURE_NOT_FOUND;
        run(fixture, SEC);
        assert_int_equal(fixture->sent_count, 2);
        assert_true(is_open(fixture));
        assert_int_equal(fixture->jobs[0].failures, 0);

        /* With one job the probe is that job. An outage of this class makes no job gone. */
        size_t from = fixture->sent_count;
        run(fixture, USEC_PER_HOUR);
        assert_int_equal(count_polls(fixture, from, 0), fixture->sent_count - from);
        assert_int_equal(fixture->event_count, 0);
}

static void test_the_check_is_unreachable(void **state)
{
        struct fixture *fixture = *state;

        start_spread(fixture, 1, 1);
        fixture->server.jobs[0].single = FAILURE_NO_RESPONSE;
        fixture->server.lists = FAILURE_UNREACHABLE;
        run(fixture, SEC);
        assert_true(is_open(fixture));
}

static void test_checks_do_not_work(void **state)
{
        struct fixture *fixture = *state;

        start_spread(fixture, 1, 1);
        run(fixture, 10 * SEC);
        fixture->server.jobs[0].single = FAILURE_SERVER_ERROR;
        fixture->server.lists = FAILURE_NOT_FOUND;
        run(fixture, 10 * SEC);
        assert_int_equal(count_kind(fixture, 0, REQUEST_CHECK), 1);
        assert_false(is_open(fixture));
        assert_int_equal(fixture->jobs[0].failures, 1);

        /* The job's own next failure is the second witness. */
        run(fixture, 2 * INTERVAL);
        assert_true(is_open(fixture));
        assert_int_equal(count_kind(fixture, 0, REQUEST_CHECK), 1);
        assert_int_equal(fixture->jobs[0].failures, 0);
}

static void test_checks_do_not_work_and_the_job_recovers(void **state)
{
        struct fixture *fixture = *state;

        start_spread(fixture, 1, 1);
        fixture->server.lists = FAILURE_UNEXPECTED;
        for (unsigned i = 0; i < 10; i++) {
                fixture->server.jobs[0].single = FAILURE_SERVER_ERROR;
                run_requests(fixture, i == 0 ? 2 : 1);
                run(fixture, LATENCY);
                fixture->server.jobs[0].single = FAILURE_NONE;
                run_requests(fixture, 1);
                run(fixture, LATENCY);
        }
        assert_int_equal(fixture->opened, 0);
}

static void test_all_others_are_failing(void **state)
{
        struct fixture *fixture = *state;

        start_spread(fixture, 1, 3);
        fixture->server.jobs[1].single = FAILURE_SERVER_ERROR;
        fixture->server.jobs[2].single = FAILURE_UNEXPECTED;
        run(fixture, 10 * MIN);
        size_t from = fixture->sent_count;
        assert_int_equal(count_kind(fixture, 0, REQUEST_CHECK), 0);

        /* The last that was not failing: nobody but a check can say more. */
        fixture->server.jobs[0].single = FAILURE_NO_RESPONSE;
        run(fixture, MIN);
        assert_int_equal(count_kind(fixture, from, REQUEST_CHECK), 1);
        assert_int_equal(fixture->opened, 0);
        run(fixture, USEC_PER_HOUR);
        assert_int_equal(fixture->opened, 0);
}

static void test_the_check_uses_another_job(void **state)
{
        static const struct planner_settings slow = { .interval_us = USEC_PER_HOUR,
                                                      .max_interval_us = USEC_PER_HOUR };
        struct fixture *fixture = *state;

        start_spread(fixture, 1, 3);
        fixture->jobs[2].settings = slow;
        fixture->server.jobs[0].single = FAILURE_UNEXPECTED;
        run(fixture, 5 * MIN);
        fixture->server.jobs[1].single = FAILURE_SERVER_ERROR;
        size_t from = fixture->sent_count;
        run(fixture, MIN);
        assert_int_equal(count_kind(fixture, from, REQUEST_CHECK), 1);
        for (size_t i = from; i < fixture->sent_count; i++)
                if (fixture->sent[i].kind == REQUEST_CHECK)
                        assert_int_equal(fixture->sent[i].ids[0], FIRST_ID + 2);
}

static void test_two_missing_jobs_are_checked_before_it_opens(void **state)
{
        struct fixture *fixture = *state;

        start_spread(fixture, 1, 4);
        run(fixture, MIN);
        for (size_t i = 0; i < 4; i++) {
                fixture->server.jobs[i].single = FAILURE_NOT_FOUND;
                fixture->server.jobs[i].missing = i < 2;
        }
        fixture->server.jobs[2].single = fixture->server.jobs[3].single = FAILURE_NONE;
        run(fixture, 10 * MIN);
        assert_int_equal(fixture->opened, 0);
        assert_int_equal(count_events(fixture, 0, EVENT_GONE), 1);
        assert_int_equal(count_events(fixture, 1, EVENT_GONE), 1);
        assert_int_equal(count_events(fixture, 2, EVENT_GONE) + count_events(fixture, 3, EVENT_GONE), 0);
}

/* With one request at a time, too, one check comes before the many parts of a batch. */
static void test_an_outage_costs_few_requests_of_a_large_batch(void **state)
{
        struct fixture *fixture = *state;
        struct planner_limits limits = limits_of(100);

        for (limits.max_in_flight = 1; limits.max_in_flight <= 8; limits.max_in_flight *= 8) {
                make(fixture, &limits, 100);
                for (size_t i = 0; i < 100; i++)
                        planner_start_job(fixture->planner, &fixture->jobs[i], fixture->now_us, 0);
                fixture->server.all = FAILURE_SERVER_ERROR;
                size_t from = fixture->sent_count;
                run(fixture, 2 * SEC);
                assert_true(is_open(fixture));
                assert_in_range(fixture->sent_count - from, 2, 10);
        }
}

/* A check that is throttled pauses the polls once, not again and again. */
static void test_checks_that_are_throttled(void **state)
{
        struct fixture *fixture = *state;

        start_spread(fixture, 1, 2);
        fixture->server.jobs[1].single = FAILURE_UNEXPECTED;
        run(fixture, 10 * MIN);
        fixture->server.jobs[0].single = FAILURE_SERVER_ERROR;
        fixture->server.lists = FAILURE_THROTTLED;
        run(fixture, 5 * MIN);
        fixture->server.jobs[0].single = FAILURE_NONE;
        run(fixture, 15 * MIN); /* until the rate has recovered */
        assert_int_equal(count_kind(fixture, 0, REQUEST_CHECK), 1);
        size_t from = fixture->sent_count;
        run(fixture, 20 * MIN);
        assert_in_range(count_polls(fixture, from, 0), 20 * 4, 20 * 5);
}

/* A read succeeds while the check is in flight: no two failures in a row are left. */
static void test_a_success_overtakes_the_check(void **state)
{
        static const struct planner_failure failure = { .failure = FAILURE_NO_RESPONSE };
        struct fixture *fixture = *state;
        struct planner_request poll, check, again;
        uint64_t wake_us, now_us = fixture->now_us;

        start_spread(fixture, 1, 1);
        struct planner *planner = fixture->planner;
        assert_true(planner_next(planner, now_us, &poll, &wake_us));
        planner_end_request(planner, &poll, ++now_us);
        assert_int_equal(planner_failed(planner, &poll, &failure, false, now_us, 0), ATTRIBUTED_TO_JOB);
        assert_true(planner_next(planner, now_us, &check, &wake_us));
        assert_int_equal(check.kind, REQUEST_CHECK);

        now_us += 2 * INTERVAL;
        assert_true(planner_next(planner, now_us, &again, &wake_us));
        assert_int_equal(again.kind, REQUEST_SINGLE);
        planner_end_request(planner, &again, ++now_us);
        planner_succeeded(planner, &again, now_us);
        planner_end_request(planner, &check, ++now_us);
        assert_int_equal(planner_failed(planner, &check, &failure, false, now_us, 0), ATTRIBUTED_TO_NONE);
        assert_false(is_open(fixture));
}

/* With `once`, where batches do not work: each job has its one poll all the same. */
static void test_once_with_failing_batches(void **state)
{
        struct fixture *fixture = *state;
        struct planner_limits limits = limits_of(100);

        limits.once = true;
        make(fixture, &limits, 20);
        for (size_t i = 0; i < 20; i++)
                planner_start_job(fixture->planner, &fixture->jobs[i], fixture->now_us, 0);
        fixture->server.lists = FAILURE_UNEXPECTED;
        run(fixture, MIN);
        assert_true(planner_is_idle(fixture->planner));
        for (size_t i = 0; i < 20; i++) {
                assert_true(fixture->jobs[i].done);
                assert_int_equal(last_poll(fixture, i)->kind, REQUEST_SINGLE);
                assert_int_equal(last_poll(fixture, i)->failure, FAILURE_NONE);
        }
}

/* With `once` the only job has had its one poll: whether the API or the job fails is asked for all the same.
 */
static void test_once_asks_about_the_api(void **state)
{
        struct fixture *fixture = *state;
        struct planner_limits limits = limits_of(100);

        limits.once = true;
        limits.rate_limiter.min_spacing_us = SEC;
        make(fixture, &limits, 1);
        planner_start_job(fixture->planner, &fixture->jobs[0], fixture->now_us, 0);
        fixture->server.all = FAILURE_REFUSED;
        (void)run_requests(fixture, 1);
        run(fixture, SEC / 2);
        assert_true(fixture->jobs[0].done);
        assert_false(planner_is_idle(fixture->planner)); /* the check waits for its turn */
        run(fixture, MIN);
        assert_int_equal(count_kind(fixture, 0, REQUEST_CHECK), 1);
        assert_int_equal(fixture->sent_count, 2);
        assert_true(is_open(fixture));
        assert_true(planner_is_idle(fixture->planner));
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, planner_setup, planner_teardown)
        const struct CMUnitTest tests[] = {
                TEST(test_the_only_job_fails_and_the_check_succeeds),
                TEST(test_a_check_succeeds_without_the_record_too),
                TEST(test_the_check_fails_in_the_same_class),
                TEST(test_the_check_is_unreachable),
                TEST(test_checks_do_not_work),
                TEST(test_checks_do_not_work_and_the_job_recovers),
                TEST(test_all_others_are_failing),
                TEST(test_the_check_uses_another_job),
                TEST(test_two_missing_jobs_are_checked_before_it_opens),
                TEST(test_an_outage_costs_few_requests_of_a_large_batch),
                TEST(test_checks_that_are_throttled),
                TEST(test_a_success_overtakes_the_check),
                TEST(test_once_with_failing_batches),
                TEST(test_once_asks_about_the_api),
        };

        return cmocka_run_group_tests_name("check", tests, NULL, NULL);
}
