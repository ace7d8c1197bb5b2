/* SPDX-License-Identifier: MIT */

/* An outage of the API: one request at a time, over all open jobs, until one succeeds. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "planner_fixture.h"

#define JOBS 5

/* An outage that began while all jobs were well. */
static size_t begin_outage(struct fixture *fixture, enum failure failure)
{
        start_spread(fixture, 1, JOBS);
        run(fixture, MIN);
        fixture->server.all = failure;
        run_until_open(fixture);
        return fixture->sent_count;
}

static void test_one_request_at_a_time(void **state)
{
        struct fixture *fixture = *state;
        size_t from = begin_outage(fixture, FAILURE_NO_RESPONSE);

        for (size_t i = 0; i < JOBS; i++)
                fixture->server.jobs[i].latency_us = MIN; /* longer than any distance */
        run(fixture, 20 * MIN);
        assert_true(fixture->sent_count > from + 10);
        for (size_t i = from + 1; i < fixture->sent_count; i++) {
                assert_true(fixture->sent[i].probe && fixture->sent[i].kind == REQUEST_SINGLE);
                assert_true(fixture->sent[i].at_us > fixture->sent[i - 1].answered_us);
        }
}

static void check_distances(const struct fixture *fixture, size_t from, uint64_t first_us, uint64_t most_us)
{
        uint64_t expected_us = first_us;

        for (size_t i = from; i < fixture->sent_count; i++) {
                assert_in_range(fixture->sent[i].at_us - fixture->sent[i - 1].answered_us,
                                expected_us * 9 / 10, expected_us);
                expected_us = expected_us * 2 < most_us ? expected_us * 2 : most_us;
        }
}

static void test_distances_double_up_to_the_shortest_interval(void **state)
{
        struct fixture *fixture = *state;
        size_t from = begin_outage(fixture, FAILURE_SERVER_ERROR);

        run(fixture, 10 * MIN);
        assert_true(fixture->sent_count - from > 40);
        check_distances(fixture, from, 2 * SEC, INTERVAL);
}

static void test_an_interval_of_a_second_is_the_distance(void **state)
{
        static const struct planner_settings fast = { .interval_us = SEC, .max_interval_us = SEC };
        struct fixture *fixture = *state;
        struct planner_limits limits = limits_of(1);

        limits.shortest_interval_us = SEC;
        make_with(fixture, &limits, 1, &fast);
        planner_start_job(fixture->planner, &fixture->jobs[0], fixture->now_us, 0);
        fixture->server.all = FAILURE_UNREACHABLE;
        run(fixture, MIN);
        check_distances(fixture, 1, SEC, SEC);
}

static void test_refused_credentials_are_tried_every_few_minutes(void **state)
{
        struct fixture *fixture = *state;
        size_t from = begin_outage(fixture, FAILURE_REFUSED);

        run(fixture, USEC_PER_HOUR);
        assert_true(fixture->sent_count - from > 10);
        check_distances(fixture, from, 10 * SEC, 5 * MIN);
}

static void test_probes_rotate_over_all_jobs(void **state)
{
        struct fixture *fixture = *state;
        size_t from = begin_outage(fixture, FAILURE_SERVER_ERROR);

        run_requests(fixture, 10 * JOBS);
        for (size_t round = 0; round < 10; round++)
                for (size_t i = 0; i < JOBS; i++)
                        for (size_t k = 0; k < i; k++)
                                assert_true(fixture->sent[from + round * JOBS + i].ids[0] !=
                                            fixture->sent[from + round * JOBS + k].ids[0]);
}

static void test_jobs_that_were_failing_are_probed_last(void **state)
{
        struct fixture *fixture = *state;

        start_spread(fixture, 1, JOBS);
        fixture->server.jobs[0].single = FAILURE_UNEXPECTED;
        fixture->server.jobs[1].single = FAILURE_NOT_FOUND;
        run(fixture, 10 * MIN);
        assert_int_equal(fixture->opened, 0);
        fixture->server.all = FAILURE_UNREACHABLE;
        run_until_open(fixture);

        for (size_t round = 0; round < 10; round++) {
                size_t from = fixture->sent_count;

                run_requests(fixture, JOBS);
                for (size_t i = 0; i < JOBS; i++)
                        assert_int_equal(fixture->sent[from + i].ids[0] < FIRST_ID + 2, i >= JOBS - 2);
        }
}

/* Two jobs broke at once, and the only other one was failing before: it is probed too, and closes. */
static void test_a_coincidence_closes_and_does_not_come_again(void **state)
{
        struct fixture *fixture = *state;

        start_spread(fixture, 1, 3);
        fixture->server.jobs[2].single = FAILURE_UNEXPECTED;
        run(fixture, 10 * MIN);
        fixture->server.jobs[0].single = fixture->server.jobs[1].single = FAILURE_SERVER_ERROR;
        fixture->server.jobs[2].single = FAILURE_NONE;
        run_until_open(fixture);
        run(fixture, 2 * MIN);
        assert_false(is_open(fixture));
        size_t from = fixture->sent_count;
        run(fixture, 30 * MIN);
        assert_true(longest_gap(fixture, from, 2) <= INTERVAL + LATENCY);
        assert_int_equal(fixture->opened, 1);
}

static void test_any_success_closes_it(void **state)
{
        struct fixture *fixture = *state;

        begin_outage(fixture, FAILURE_SERVER_ERROR);
        run(fixture, 10 * MIN);
        fixture->server.all = FAILURE_NONE;
        size_t from = fixture->sent_count;
        run_until_closed(fixture);
        assert_int_equal(fixture->sent_count - from, 1);
}

static void test_a_late_success_closes_it(void **state)
{
        struct fixture *fixture = *state;

        start_spread(fixture, 1, JOBS);
        run(fixture, MIN);
        /* A slow request is in flight when the API becomes unreachable for all others. */
        for (size_t i = 0; i < JOBS; i++)
                fixture->server.jobs[i].latency_us = 20 * SEC;
        run_requests(fixture, 1);
        for (size_t i = 0; i < JOBS; i++)
                fixture->server.jobs[i].latency_us = 0;
        fixture->server.all = FAILURE_UNREACHABLE;
        run_until_open(fixture);
        size_t failed = fixture->sent_count;
        run_until_closed(fixture);
        assert_true(fixture->sent_count > failed);
        for (size_t i = failed; i < fixture->sent_count; i++)
                assert_int_equal(fixture->sent[i].failure, FAILURE_UNREACHABLE);
}

static void test_a_late_failure_does_not_prolong_it(void **state)
{
        struct fixture *fixture = *state;

        start_together(fixture, 1, JOBS);
        fixture->server.all = FAILURE_UNREACHABLE;
        for (size_t i = 1; i < JOBS; i++)
                fixture->server.jobs[i].latency_us = SEC;
        run_until_open(fixture);
        uint64_t probe_us = planner_breaker(fixture->planner)->probe_us;
        run(fixture, SEC + LATENCY);
        assert_int_equal(fixture->sent_count, JOBS);
        assert_true(planner_breaker(fixture->planner)->probe_us == probe_us);
        for (size_t i = 0; i < JOBS; i++)
                assert_int_equal(fixture->jobs[i].failures, 0);
}

/* What is throttled late does not let a second probe out. */
static void test_a_late_throttled_response_is_not_the_probe(void **state)
{
        struct fixture *fixture = *state;

        start_together(fixture, 1, 2);
        fixture->server.jobs[0].single = FAILURE_UNREACHABLE;
        fixture->server.jobs[1].single = FAILURE_THROTTLED;
        fixture->server.jobs[1].retry_after_us = SEC;
        fixture->server.jobs[1].latency_us = 5 * SEC;
        run_until_open(fixture);
        fixture->server.jobs[0].latency_us = 20 * SEC;
        const struct sent *probe = run_requests(fixture, 1);
        assert_true(probe->probe);
        run(fixture, 15 * SEC);
        assert_int_equal(fixture->sent_count, 3);
}

static void test_overdue_polls_are_due_when_it_closes(void **state)
{
        struct fixture *fixture = *state;

        begin_outage(fixture, FAILURE_SERVER_ERROR);
        run(fixture, 10 * MIN);
        fixture->server.all = FAILURE_NONE;
        run_until_closed(fixture);
        size_t from = fixture->sent_count;
        run(fixture, SEC);
        for (size_t i = 0; i < JOBS; i++)
                assert_int_equal(count_polls(fixture, from - 1, i), 1);
        from = fixture->sent_count;
        run(fixture, 10 * MIN);
        for (size_t i = 0; i < JOBS; i++)
                assert_true(longest_gap(fixture, from, i) <= INTERVAL + LATENCY);
}

static void test_a_batch_outage_is_probed_by_single_requests(void **state)
{
        struct fixture *fixture = *state;

        start_together(fixture, 100, 100);
        fixture->server.all = FAILURE_UNREACHABLE;
        run(fixture, 10 * MIN);
        for (size_t i = 1; i < fixture->sent_count; i++)
                assert_true(fixture->sent[i].probe && fixture->sent[i].kind == REQUEST_SINGLE);
        fixture->server.all = FAILURE_NONE;
        run_until_closed(fixture);
        size_t from = fixture->sent_count;
        run(fixture, SEC);
        assert_int_equal(fixture->sent_count - from, 1);
        assert_int_equal(fixture->sent[from].kind, REQUEST_BATCH);
        assert_int_equal(fixture->sent[from].count, 99);
}

static void test_a_sign_in_may_be_the_probe(void **state)
{
        struct fixture *fixture = *state;
        const struct planner_failure refused = { .failure = FAILURE_REFUSED };
        struct planner_request request;
        uint64_t wake_us;

        start_together(fixture, 1, 1);
        planner_begin_sign_in(fixture->planner, &request);
        planner_spend(fixture->planner, START);
        assert_false(request.probe);
        planner_end_request(fixture->planner, &request, START);
        assert_int_equal(planner_failed(fixture->planner, &request, &refused, true, START, 0),
                         ATTRIBUTED_TO_API);
        uint64_t at_us = planner_sign_in_at(fixture->planner, START);
        assert_int_equal(at_us, START + 10 * SEC);

        planner_begin_sign_in(fixture->planner, &request);
        assert_true(request.probe);
        assert_int_equal(planner_sign_in_at(fixture->planner, at_us), USEC_NEVER);
        assert_false(planner_next(fixture->planner, at_us, &(struct planner_request){ 0 }, &wake_us));
        planner_end_request(fixture->planner, &request, at_us);
        planner_requeue(fixture->planner, &request, at_us); /* cancelled */
        assert_int_equal(planner_sign_in_at(fixture->planner, at_us), at_us);

        planner_begin_sign_in(fixture->planner, &request);
        planner_end_request(fixture->planner, &request, at_us);
        planner_succeeded(fixture->planner, &request, at_us);
        assert_false(is_open(fixture));
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, planner_setup, planner_teardown)
        const struct CMUnitTest tests[] = {
                TEST(test_one_request_at_a_time),
                TEST(test_distances_double_up_to_the_shortest_interval),
                TEST(test_an_interval_of_a_second_is_the_distance),
                TEST(test_refused_credentials_are_tried_every_few_minutes),
                TEST(test_probes_rotate_over_all_jobs),
                TEST(test_jobs_that_were_failing_are_probed_last),
                TEST(test_a_coincidence_closes_and_does_not_come_again),
                TEST(test_any_success_closes_it),
                TEST(test_a_late_success_closes_it),
                TEST(test_a_late_failure_does_not_prolong_it),
                TEST(test_a_late_throttled_response_is_not_the_probe),
                TEST(test_overdue_polls_are_due_when_it_closes),
                TEST(test_a_batch_outage_is_probed_by_single_requests),
                TEST(test_a_sign_in_may_be_the_probe),
        };

        return cmocka_run_group_tests_name("breaker", tests, NULL, NULL);
}
