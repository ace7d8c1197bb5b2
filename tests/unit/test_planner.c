/* SPDX-License-Identifier: MIT */

/* Which request is next: order, one round only, sign-ins, and what waits. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "planner_fixture.h"

static struct planner_request next(struct fixture *fixture, uint64_t now)
{
        struct planner_request request;
        uint64_t wake_us;

        assert_true(planner_next(fixture->planner, now, &request, &wake_us));
        return request;
}

/* There must be no request; returns when to ask again. */
static uint64_t none(struct fixture *fixture, uint64_t now)
{
        struct planner_request request;
        uint64_t wake_us = 0;

        assert_false(planner_next(fixture->planner, now, &request, &wake_us));
        assert_true(wake_us > now);
        return wake_us;
}

/* ---- order ---- */

static void test_the_longest_overdue_goes_first(void **state)
{
        struct fixture *fixture = *state;
        struct planner_limits limits = limits_of(1);

        make(fixture, &limits, 6);
        for (size_t i = 0; i < 6; i++)
                planner_start_job(fixture->planner, &fixture->jobs[i], START, (i * 5 % 6) * SEC);
        for (size_t i = 0; i < 6; i++)
                assert_ptr_equal(next(fixture, START + MIN).jobs[0], &fixture->jobs[i * 5 % 6]);
}

static void test_no_job_starves_where_the_limits_do_not_allow_its_pace(void **state)
{
        struct fixture *fixture = *state;
        struct planner_limits limits = limits_of(1);

        limits.rate_limiter.per_minute = 60;
        make(fixture, &limits, 100); /* which wants 400 a minute */
        for (size_t i = 0; i < 100; i++)
                planner_start_job(fixture->planner, &fixture->jobs[i], START, 0);
        run(fixture, 30 * MIN);
        for (size_t i = 0; i < 100; i++)
                assert_true(longest_gap(fixture, 0, i) <= 3 * MIN);
}

static void test_confirmations_go_first_and_alone(void **state)
{
        struct fixture *fixture = *state;

        start_together(fixture, 100, 50);
        run(fixture, MIN);
        fixture->server.jobs[7].status = TEXT_LITERAL("Waiting");
        size_t from = fixture->sent_count;
        while (count_events(fixture, 7, EVENT_CHANGED) == 0)
                run_requests(fixture, 1);
        for (size_t i = from + 1; i < fixture->sent_count; i++)
                if (sent_has(&fixture->sent[i], FIRST_ID + 7) && fixture->sent[i].kind == REQUEST_SINGLE)
                        assert_int_equal(fixture->sent[i].at_us, fixture->sent[i - 1].answered_us);
        assert_int_equal(count_events(fixture, 7, EVENT_CHANGED), 1);
}

static void test_an_ended_job_is_not_polled(void **state)
{
        struct fixture *fixture = *state;

        start_spread(fixture, 100, 2);
        run(fixture, MIN);
        fixture->server.jobs[1].status = TEXT_LITERAL("Completed");
        run(fixture, MIN);
        assert_int_equal(count_events(fixture, 1, EVENT_SUCCEEDED), 1);
        assert_false(planner_is_idle(fixture->planner));
        size_t from = fixture->sent_count;
        fixture->server.jobs[0].status = TEXT_LITERAL("Completed");
        run(fixture, USEC_PER_HOUR);
        assert_int_equal(count_polls(fixture, from, 1), 0);
        assert_true(planner_is_idle(fixture->planner));
        assert_int_equal(planner_next_due(fixture->planner), USEC_NEVER);
}

static void test_the_pace_falls_while_nothing_changes(void **state)
{
        static const struct planner_settings settings = { .interval_us = INTERVAL,
                                                          .max_interval_us = 2 * MIN };
        struct fixture *fixture = *state;
        struct planner_limits limits = limits_of(1);

        make_with(fixture, &limits, 1, &settings);
        planner_start_job(fixture->planner, &fixture->jobs[0], START, 0);
        run(fixture, 30 * MIN);
        size_t from = fixture->sent_count;
        run(fixture, 30 * MIN);
        assert_in_range(fixture->sent_count - from, 15, 17);
        fixture->server.jobs[0].status = TEXT_LITERAL("Waiting");
        run_requests(fixture, 1);
        run(fixture, LATENCY);
        assert_true(planner_next_due(fixture->planner) <= fixture->now_us + INTERVAL);
}

static void test_sizes(void **state)
{
        struct fixture *fixture = *state;
        struct planner_limits limits = limits_of(1000);

        make(fixture, &limits, 0);
        assert_true(planner_is_idle(fixture->planner));
        assert_int_equal(planner_next_due(fixture->planner), USEC_NEVER);
        assert_int_equal(planner_batch_size(fixture->planner, START), PLANNER_BATCH_MAX);
        assert_int_equal(planner_round_us(fixture->planner, 5, START), 0); /* without limits */

        limits.rate_limiter.per_minute = 60;
        make(fixture, &limits, 0);
        uint64_t batch_us = planner_round_us(fixture->planner, PLANNER_BATCH_MAX, START);
        assert_true(batch_us > 0);
        assert_int_equal(planner_round_us(fixture->planner, PLANNER_BATCH_MAX + 1, START), 2 * batch_us);
        limits.batch_size = 1;
        make(fixture, &limits, 0);
        assert_int_equal(planner_round_us(fixture->planner, 5, START), 5 * batch_us);
}

/* ---- one round ---- */

static void make_once(struct fixture *fixture, unsigned batch_size, size_t count)
{
        struct planner_limits limits = limits_of(batch_size);

        limits.once = true;
        make(fixture, &limits, count);
        for (size_t i = 0; i < count; i++)
                planner_start_job(fixture->planner, &fixture->jobs[i], START, 0);
}

static void test_once_polls_every_job_once(void **state)
{
        for (unsigned batch_size = 1; batch_size <= 100; batch_size += 99) {
                planner_teardown(state);
                assert_int_equal(planner_setup(state), 0);
                struct fixture *fixture = *state;

                make_once(fixture, batch_size, 30);
                run(fixture, MIN);
                assert_true(planner_is_idle(fixture->planner));
                for (size_t i = 0; i < 30; i++) {
                        assert_int_equal(count_polls(fixture, 0, i), 1);
                        assert_int_equal(count_events(fixture, i, EVENT_SEEN), 1);
                }
        }
}

static void test_once_judges_each_job_by_itself(void **state)
{
        static const enum failure classes[] = { FAILURE_SERVER_ERROR, FAILURE_NO_RESPONSE, FAILURE_NOT_FOUND,
                                                FAILURE_UNEXPECTED, FAILURE_REFUSED };

        for (size_t c = 0; c < sizeof(classes) / sizeof(classes[0]); c++)
                for (unsigned batch_size = 1; batch_size <= 100; batch_size += 99) {
                        planner_teardown(state);
                        assert_int_equal(planner_setup(state), 0);
                        struct fixture *fixture = *state;

                        server_jobs_fail(fixture, 8, 3, classes[c]);
                        make_once(fixture, batch_size, 30);
                        run(fixture, 5 * MIN);
                        assert_true(planner_is_idle(fixture->planner));
                        for (size_t i = 0; i < 30; i++) {
                                bool fails = i >= 8 && i < 11;

                                assert_int_equal(count_events(fixture, i, EVENT_SEEN), fails ? 0 : 1);
                                if (fails)
                                        assert_int_equal(last_poll(fixture, i)->failure, classes[c]);
                                assert_int_equal(count_events(fixture, i, EVENT_GONE), 0);
                        }
                }
}

static void test_once_ends_in_an_outage(void **state)
{
        struct fixture *fixture = *state;

        make_once(fixture, 1, 30);
        fixture->server.all = FAILURE_UNREACHABLE;
        run(fixture, 30 * MIN);
        assert_true(planner_is_idle(fixture->planner));
        for (size_t i = 0; i < 30; i++)
                assert_int_equal(count_polls(fixture, 0, i), 1);
}

static void count_abandoned(void *userdata, struct planner_job *job)
{
        assert_true(job->done);
        ++*(unsigned *)userdata;
}

static void test_once_can_be_abandoned(void **state)
{
        struct fixture *fixture = *state;
        unsigned abandoned = 0;

        make_once(fixture, 1, 30);
        fixture->server.all = FAILURE_UNREACHABLE;
        run(fixture, SEC);
        planner_abandon(fixture->planner, count_abandoned, &abandoned);
        assert_int_equal(abandoned, 30 - fixture->sent_count);
        assert_true(planner_is_idle(fixture->planner));
}

/* ---- requests that wait, or are not made ---- */

static void test_a_request_waits_to_be_sent(void **state)
{
        struct fixture *fixture = *state;
        struct planner_limits limits = limits_of(1);

        limits.reports_sent = true;
        limits.rate_limiter.min_spacing_us = 100 * USEC_PER_MSEC;
        make(fixture, &limits, 2);
        planner_start_job(fixture->planner, &fixture->jobs[0], START, 0);
        planner_start_job(fixture->planner, &fixture->jobs[1], START, 0);
        (void)next(fixture, START);
        assert_int_equal(none(fixture, START + SEC), USEC_NEVER);
        planner_note_sent(fixture->planner, START + SEC);
        assert_true(none(fixture, START + SEC) > START + SEC + 100 * USEC_PER_MSEC);
        planner_note_sent(fixture->planner, START + MIN); /* nothing waits */
        (void)next(fixture, START + 2 * SEC);
}

static void test_without_spacing_nothing_waits(void **state)
{
        struct fixture *fixture = *state;
        struct planner_limits limits = limits_of(1);

        limits.reports_sent = true;
        make(fixture, &limits, 2);
        planner_start_job(fixture->planner, &fixture->jobs[0], START, 0);
        planner_start_job(fixture->planner, &fixture->jobs[1], START, 0);
        (void)next(fixture, START);
        (void)next(fixture, START);
}

static void test_so_many_requests_at_a_time(void **state)
{
        struct fixture *fixture = *state;
        struct planner_limits limits = limits_of(1);

        limits.max_in_flight = 3;
        make(fixture, &limits, 10);
        for (size_t i = 0; i < 10; i++)
                planner_start_job(fixture->planner, &fixture->jobs[i], START, 0);
        for (size_t i = 0; i < 3; i++)
                (void)next(fixture, START);
        assert_int_equal(none(fixture, START + MIN), USEC_NEVER);
}

/* The token had expired: nothing is known, and the same is requested again. */
static void test_a_request_that_says_nothing_is_made_again(void **state)
{
        for (unsigned batch_size = 1; batch_size <= 100; batch_size += 99) {
                struct fixture *fixture = *state;

                start_together(fixture, batch_size, 2);
                struct planner_request request = next(fixture, START);
                planner_end_request(fixture->planner, &request, START);
                planner_requeue(fixture->planner, &request, START);
                assert_false(is_open(fixture));
                assert_false(request.jobs[0]->failing);
                assert_int_equal(next(fixture, START).count, request.count);
        }
}

static void test_the_lag_is_that_of_the_most_overdue_poll(void **state)
{
        struct fixture *fixture = *state;
        const struct planner_limits limits = limits_of(1);

        make(fixture, &limits, 2);
        assert_int_equal(planner_lag_us(fixture->planner, START + MIN), 0); /* no poll is planned */
        planner_start_job(fixture->planner, &fixture->jobs[0], START, SEC);
        planner_start_job(fixture->planner, &fixture->jobs[1], START, 2 * SEC);
        assert_int_equal(planner_lag_us(fixture->planner, START + SEC), 0);
        assert_int_equal(planner_lag_us(fixture->planner, START + 3 * SEC), 2 * SEC);
}

static void test_sign_ins_are_counted(void **state)
{
        struct fixture *fixture = *state;
        struct planner_limits limits = limits_of(1);
        const struct planner_failure throttled = { .failure = FAILURE_THROTTLED, .retry_after_us = MIN };
        struct planner_request request;

        limits.rate_limiter.min_spacing_us = 100 * USEC_PER_MSEC;
        make(fixture, &limits, 1);
        assert_int_equal(planner_sign_in_at(fixture->planner, START), START);
        planner_begin_sign_in(fixture->planner, &request);
        planner_spend(fixture->planner, START);
        assert_int_equal(request.kind, REQUEST_SIGN_IN);
        assert_false(planner_is_idle(fixture->planner));
        assert_true(planner_sign_in_at(fixture->planner, START) > START); /* its distance */
        assert_int_equal(rate_limiter_spent(planner_rate_limiter(fixture->planner), RATE_LIMITER_HOUR, START),
                         1);

        planner_end_request(fixture->planner, &request, START);
        assert_int_equal(planner_failed(fixture->planner, &request, &throttled, true, START, 0),
                         ATTRIBUTED_TO_API);
        assert_int_equal(planner_sign_in_at(fixture->planner, START), START + MIN);
}

/* A search of a client keeps to the limits, and what becomes of it says nothing about jobs. */
static void test_searches_of_clients(void **state)
{
        struct fixture *fixture = *state;
        struct planner_limits limits = limits_of(1);
        const struct planner_failure refused = { .failure = FAILURE_REFUSED },
                                     unreachable = { .failure = FAILURE_UNREACHABLE };
        struct planner_request request;
        uint64_t wake_us = 0;

        limits.rate_limiter.min_spacing_us = 100 * USEC_PER_MSEC;
        limits.reports_sent = true;
        make(fixture, &limits, 1);
        struct planner *planner = fixture->planner;
        assert_true(planner_begin_search(planner, START, &request, &wake_us));
        assert_int_equal(request.kind, REQUEST_SEARCH);
        assert_int_equal(request.count, 0);
        assert_false(planner_begin_search(planner, START, &request, &wake_us)); /* it is not sent */
        assert_true(wake_us == USEC_NEVER);
        planner_note_sent(planner, START);
        planner_end_request(planner, &request, START);
        assert_false(planner_begin_search(planner, START, &request, &wake_us));
        assert_in_range(wake_us, START + 100 * USEC_PER_MSEC, START + 200 * USEC_PER_MSEC);

        /* It has succeeded, or failed in its own right. */
        planner_succeeded(planner, &request, START);
        for (unsigned i = 1; i <= 3; i++) {
                uint64_t now_us = START + i * USEC_PER_SEC;
                assert_true(planner_begin_search(planner, now_us, &request, &wake_us));
                request.kind = i == 2 ? REQUEST_DIAGNOSIS : REQUEST_SEARCH;
                planner_note_sent(planner, now_us);
                planner_end_request(planner, &request, now_us);
                assert_int_equal(planner_failed(planner, &request, &refused, false, now_us, 0),
                                 ATTRIBUTED_TO_NONE);
                assert_int_equal(planner_breaker(planner)->state, BREAKER_CLOSED);
        }

        request.kind = REQUEST_DIAGNOSIS;
        planner_succeeded(planner, &request, START + 4 * USEC_PER_SEC);

        /* None is made while the API is down. */
        assert_true(planner_begin_search(planner, START + MIN, &request, &wake_us));
        planner_note_sent(planner, START + MIN);
        planner_end_request(planner, &request, START + MIN);
        assert_int_equal(planner_failed(planner, &request, &unreachable, false, START + MIN, 0),
                         ATTRIBUTED_TO_API);
        assert_false(planner_begin_search(planner, START + 2 * MIN, &request, &wake_us));
        assert_true(wake_us == USEC_NEVER);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, planner_setup, planner_teardown)
        const struct CMUnitTest tests[] = {
                TEST(test_the_longest_overdue_goes_first),
                TEST(test_no_job_starves_where_the_limits_do_not_allow_its_pace),
                TEST(test_confirmations_go_first_and_alone),
                TEST(test_an_ended_job_is_not_polled),
                TEST(test_the_pace_falls_while_nothing_changes),
                TEST(test_sizes),
                TEST(test_once_polls_every_job_once),
                TEST(test_once_judges_each_job_by_itself),
                TEST(test_once_ends_in_an_outage),
                TEST(test_once_can_be_abandoned),
                TEST(test_a_request_waits_to_be_sent),
                TEST(test_without_spacing_nothing_waits),
                TEST(test_so_many_requests_at_a_time),
                TEST(test_a_request_that_says_nothing_is_made_again),
                TEST(test_the_lag_is_that_of_the_most_overdue_poll),
                TEST(test_sign_ins_are_counted),
                TEST(test_searches_of_clients),
        };

        return cmocka_run_group_tests_name("planner", tests, NULL, NULL);
}
