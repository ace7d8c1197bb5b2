/* SPDX-License-Identifier: MIT */

/* What a throttled response pauses, for how long, and at what rate requests follow. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "planner_fixture.h"

#define JOBS 5

/* ---- the pause and the rate ---- */

static uint64_t pause_after(uint64_t retry_after_us)
{
        struct throttle throttle = THROTTLE_INITIAL;

        throttle_note_throttled(&throttle, retry_after_us, START);
        return throttle.pause_until_us - START;
}

static void test_retry_after_counts_up_to_an_hour(void **state)
{
        (void)state;
        assert_int_equal(pause_after(1), 1);
        assert_int_equal(pause_after(40 * SEC), 40 * SEC);
        assert_int_equal(pause_after(USEC_PER_HOUR), USEC_PER_HOUR);
        assert_int_equal(pause_after(USEC_PER_HOUR + 1), USEC_PER_HOUR);
        assert_int_equal(pause_after(UINT64_MAX), USEC_PER_HOUR);
}

static void test_pauses_without_retry_after_double_up_to_a_minute(void **state)
{
        static const unsigned seconds[] = { 2, 4, 8, 16, 32, 60, 60, 60 };
        struct throttle throttle = THROTTLE_INITIAL;
        uint64_t now = START;
        (void)state;

        for (size_t i = 0; i < sizeof(seconds) / sizeof(seconds[0]); i++) {
                throttle_note_throttled(&throttle, 0, now);
                assert_int_equal(throttle.pause_until_us - now, seconds[i] * SEC);
                now = throttle.pause_until_us;
        }
        throttle_note_answered(&throttle, false);
        throttle_note_throttled(&throttle, 0, now);
        assert_int_equal(throttle.pause_until_us - now, 2 * SEC);
}

static void test_a_pause_is_never_shortened(void **state)
{
        struct throttle throttle = THROTTLE_INITIAL;
        (void)state;

        throttle_note_throttled(&throttle, 40 * SEC, START);
        throttle_note_throttled(&throttle, SEC, START + 1);
        throttle_note_answered(&throttle, false);
        assert_int_equal(throttle_next(&throttle, 0, START + 2), START + 40 * SEC);
}

/* Eight requests in flight are throttled together: that is one reason to pause, not eight. */
static void test_throttled_together_counts_once(void **state)
{
        struct throttle throttle = THROTTLE_INITIAL;
        (void)state;

        for (uint64_t i = 0; i < 8; i++)
                throttle_note_throttled(&throttle, 0, START + i * LATENCY);
        assert_int_equal(throttle.pause_until_us, START + 2 * SEC);
        assert_int_equal(throttle.rate_permille, 500);
        throttle_note_throttled(&throttle, 10 * SEC, START + SEC);
        assert_int_equal(throttle.pause_until_us, START + 11 * SEC);
        throttle_note_throttled(&throttle, 0, START + 11 * SEC);
        assert_int_equal(throttle.pause_until_us, START + 15 * SEC);
        assert_int_equal(throttle.rate_permille, 250);
}

/* From one request to the next. */
static uint64_t distance_at(struct throttle *throttle, uint64_t emission_us, uint64_t now_us)
{
        throttle_note_request(throttle, now_us);
        return throttle_next(throttle, emission_us, now_us) - now_us;
}

static void test_the_rate_halves_down_to_a_sixteenth_and_recovers(void **state)
{
        static const unsigned parts[] = { 2, 4, 8, 16, 16, 16 };
        const uint64_t emission_us = SEC;
        struct throttle throttle = THROTTLE_INITIAL;
        uint64_t now = START;
        (void)state;

        for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
                throttle_note_throttled(&throttle, 0, now);
                now = throttle.pause_until_us;
                assert_in_range(distance_at(&throttle, emission_us, now), emission_us * parts[i],
                                emission_us * parts[i] * 101 / 100);
                throttle_note_answered(&throttle, false); /* so that pauses stay short */
        }

        /* A tenth a minute. */
        for (unsigned minutes = 1; minutes <= 9; minutes++)
                assert_in_range(distance_at(&throttle, emission_us, throttle.rate_us + minutes * MIN),
                                emission_us * 1000 / (63 + minutes * 100),
                                emission_us * 1000 / (62 + minutes * 100));
        assert_int_equal(distance_at(&throttle, emission_us, throttle.rate_us + 10 * MIN), 0);
}

static void test_retry_after_leaves_the_rate(void **state)
{
        struct throttle throttle = THROTTLE_INITIAL;
        (void)state;

        throttle_note_throttled(&throttle, SEC, START);
        throttle_note_request(&throttle, START + SEC);
        assert_int_equal(throttle_next(&throttle, SEC, START + SEC), START + SEC);
}

/* ---- subjects ---- */

static void test_everything_pauses(void **state)
{
        struct fixture *fixture = *state;

        start_spread(fixture, 1, JOBS);
        run(fixture, MIN);
        fixture->server.all = FAILURE_THROTTLED;
        fixture->server.retry_after_us = 2 * MIN;
        run_requests(fixture, 1);
        fixture->server.all = FAILURE_NONE;
        size_t from = fixture->sent_count;
        run(fixture, 2 * MIN);
        assert_int_equal(fixture->sent_count, from);
        run(fixture, SEC);
        for (size_t i = 0; i < JOBS; i++) {
                assert_int_equal(count_polls(fixture, from, i), 1);
                assert_false(fixture->jobs[i].failing);
        }
        assert_int_equal(fixture->opened, 0);
}

static void test_the_throttled_job_is_not_first_after_the_pause(void **state)
{
        struct fixture *fixture = *state;

        start_spread(fixture, 1, JOBS);
        run(fixture, MIN);
        fixture->server.all = FAILURE_THROTTLED;
        fixture->server.retry_after_us = MIN;
        uint64_t throttled = run_requests(fixture, 1)->ids[0];
        fixture->server.all = FAILURE_NONE;
        assert_true(run_requests(fixture, 1)->ids[0] != throttled);
}

static void test_a_throttled_confirmation_is_not_first_after_the_pause(void **state)
{
        struct fixture *fixture = *state;

        start_together(fixture, 100, 3);
        run(fixture, MIN);
        fixture->server.jobs[1].status = TEXT_LITERAL("Waiting");
        fixture->server.jobs[1].single = FAILURE_THROTTLED;
        fixture->server.jobs[1].retry_after_us = MIN;
        const struct sent *sent;
        do
                sent = run_requests(fixture, 1);
        while (sent->kind != REQUEST_SINGLE);
        assert_int_equal(sent->ids[0], FIRST_ID + 1);
        assert_false(sent_has(run_requests(fixture, 1), FIRST_ID + 1));
}

static void test_a_throttled_part_of_a_batch_is_not_first_after_the_pause(void **state)
{
        struct fixture *fixture = *state;

        struct planner_limits limits = limits_of(2);

        limits.max_in_flight = 1;
        make(fixture, &limits, 4);
        for (size_t i = 0; i < 4; i++)
                planner_start_job(fixture->planner, &fixture->jobs[i], START, i < 2 ? 0 : 5 * SEC);
        fixture->server.jobs[0].batch = FAILURE_SERVER_ERROR;
        fixture->server.jobs[0].single = FAILURE_THROTTLED;
        fixture->server.jobs[0].retry_after_us = MIN;
        const struct sent *sent;
        do
                sent = run_requests(fixture, 1);
        while (sent->failure != FAILURE_THROTTLED);
        uint64_t at_us = sent->at_us;
        sent = run_requests(fixture, 1);
        assert_int_equal(sent->at_us, at_us + LATENCY + MIN);
        assert_false(sent_has(sent, FIRST_ID));
}

static void test_one_job_that_is_always_throttled_costs_one_pause(void **state)
{
        struct fixture *fixture = *state;

        start_spread(fixture, 1, JOBS);
        run(fixture, MIN);
        fixture->server.jobs[2].single = FAILURE_THROTTLED;
        fixture->server.jobs[2].retry_after_us = 7 * MIN;
        while (last_poll(fixture, 2)->failure == FAILURE_NONE)
                run_requests(fixture, 1);
        run(fixture, 7 * MIN + 2 * INTERVAL);
        size_t from = fixture->sent_count;
        run(fixture, USEC_PER_HOUR);

        for (size_t i = 0; i < JOBS; i++)
                if (i != 2)
                        assert_true(longest_gap(fixture, from, i) <= INTERVAL + LATENCY);
        assert_true(fixture->jobs[2].failing);
        assert_int_equal(fixture->jobs[2].failure, FAILURE_THROTTLED);
        /* It waits for Retry-After at least. */
        assert_in_range(count_polls(fixture, from, 2), 7, 9);
        assert_int_equal(fixture->opened, 0);
}

/* A batch of all jobs is throttled because of one: no other subject would ever be requested. */
static void test_a_job_that_throttles_its_batches_does_not_stop_the_others(void **state)
{
        for (size_t bad = 0; bad < JOBS; bad++) {
                planner_teardown(state);
                assert_int_equal(planner_setup(state), 0);
                struct fixture *fixture = *state;

                server_jobs_fail(fixture, bad, 1, FAILURE_THROTTLED);
                fixture->server.jobs[bad].retry_after_us = 2 * SEC;
                start_together(fixture, 100, JOBS);
                run(fixture, 3 * MIN);
                size_t from = fixture->sent_count;
                run(fixture, USEC_PER_HOUR);
                for (size_t i = 0; i < JOBS; i++)
                        if (i != bad)
                                assert_true(longest_gap(fixture, from, i) <= INTERVAL + LATENCY);
                assert_true(fixture->jobs[bad].failing);
                assert_in_range(count_polls(fixture, from, bad), 11, 30);
        }
}

static void test_another_throttled_job_pauses_again(void **state)
{
        struct fixture *fixture = *state;

        start_spread(fixture, 1, JOBS);
        run(fixture, MIN);
        fixture->server.all = FAILURE_THROTTLED;
        fixture->server.retry_after_us = MIN;
        uint64_t first = run_requests(fixture, 1)->ids[0];
        fixture->server.all = FAILURE_NONE;
        while (run_requests(fixture, 1)->ids[0] != first)
                ;
        fixture->server.all = FAILURE_THROTTLED;
        const struct sent *sent = run_requests(fixture, 1);
        assert_true(sent->ids[0] != first);
        uint64_t at_us = sent->at_us;
        assert_int_equal(run_requests(fixture, 1)->at_us, at_us + LATENCY + MIN);
}

static void test_a_job_that_was_answered_in_between_pauses_again(void **state)
{
        struct fixture *fixture = *state;

        start_spread(fixture, 1, 2);
        for (unsigned i = 0; i < 4; i++) {
                fixture->server.jobs[0].single = FAILURE_THROTTLED;
                fixture->server.jobs[0].retry_after_us = MIN;
                while (!sent_has(run_requests(fixture, 1), FIRST_ID))
                        ;
                uint64_t at_us = last_poll(fixture, 0)->at_us;
                fixture->server.jobs[0].single = FAILURE_NONE;
                assert_true(run_requests(fixture, 1)->at_us >= at_us + MIN);
                run(fixture, MIN);
                assert_int_equal(last_poll(fixture, 0)->failure, FAILURE_NONE);
        }
        assert_false(fixture->jobs[0].failing);
}

/* Nobody else was answered since: it may be the API. */
static void test_a_throttled_job_that_is_polled_alone_is_not_charged(void **state)
{
        static const struct planner_settings slow = { .interval_us = 10 * USEC_PER_HOUR,
                                                      .max_interval_us = 10 * USEC_PER_HOUR };
        struct fixture *fixture = *state;

        start_spread(fixture, 1, 2);
        fixture->jobs[1].settings = slow;
        run(fixture, MIN);
        fixture->server.jobs[0].single = FAILURE_THROTTLED;
        fixture->server.jobs[0].retry_after_us = MIN;
        run(fixture, INTERVAL);
        size_t from = fixture->sent_count;
        run(fixture, USEC_PER_HOUR);
        assert_false(fixture->jobs[0].failing);
        assert_in_range(fixture->sent_count - from, 59, 60);
        for (size_t i = from; i < fixture->sent_count; i++)
                assert_int_equal(fixture->sent[i].at_us, fixture->sent[i - 1].answered_us + MIN);
}

static void test_a_pause_of_an_earlier_run(void **state)
{
        struct fixture *fixture = *state;

        start_together(fixture, 1, JOBS);
        planner_pause(fixture->planner, START + 5 * MIN);
        assert_int_equal(planner_sign_in_at(fixture->planner, START), START + 5 * MIN);
        assert_int_equal(run_requests(fixture, 1)->at_us, START + 5 * MIN);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, planner_setup, planner_teardown)
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_retry_after_counts_up_to_an_hour),
                cmocka_unit_test(test_pauses_without_retry_after_double_up_to_a_minute),
                cmocka_unit_test(test_a_pause_is_never_shortened),
                cmocka_unit_test(test_throttled_together_counts_once),
                cmocka_unit_test(test_the_rate_halves_down_to_a_sixteenth_and_recovers),
                cmocka_unit_test(test_retry_after_leaves_the_rate),
                TEST(test_everything_pauses),
                TEST(test_the_throttled_job_is_not_first_after_the_pause),
                TEST(test_a_throttled_confirmation_is_not_first_after_the_pause),
                TEST(test_a_throttled_part_of_a_batch_is_not_first_after_the_pause),
                TEST(test_one_job_that_is_always_throttled_costs_one_pause),
                TEST(test_a_job_that_throttles_its_batches_does_not_stop_the_others),
                TEST(test_another_throttled_job_pauses_again),
                TEST(test_a_job_that_was_answered_in_between_pauses_again),
                TEST(test_a_throttled_job_that_is_polled_alone_is_not_charged),
                TEST(test_a_pause_of_an_earlier_run),
        };

        return cmocka_run_group_tests_name("throttle", tests, NULL, NULL);
}
