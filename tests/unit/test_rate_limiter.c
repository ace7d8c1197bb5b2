/* SPDX-License-Identifier: MIT */

/* The limits, counted: no stretch of any length holds more than is allowed, and not much less. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "planner_fixture.h"
#include "planning/rate_limiter.h"
#include "random.h"

static const struct rate_limiter_limits documented = { 100 * USEC_PER_MSEC, 120, 5000, 200000 };

/* The times of requests; no stretch of one of the documented lengths may hold more than its limit. */
struct history {
        uint64_t *times;
        size_t count;
};

static void history_add(struct history *history, uint64_t at_us)
{
        if (history->count % 4096 == 0) {
                history->times = realloc(history->times, (history->count + 4096) * sizeof(uint64_t));
                assert_non_null(history->times);
        }
        history->times[history->count++] = at_us;
}

static void history_check(const struct history *history, uint64_t stretch_us, size_t limit)
{
        for (size_t i = limit; i < history->count; i++)
                assert_true(history->times[i] - history->times[i - limit] >= stretch_us);
}

static void history_check_documented(const struct history *history)
{
        history_check(history, documented.min_spacing_us, 1);
        history_check(history, USEC_PER_MIN, documented.per_minute);
        history_check(history, USEC_PER_HOUR, documented.per_hour);
        history_check(history, USEC_PER_DAY, documented.per_day);
}

/* Requests as often as is allowed, until a time; returns that time. */
static uint64_t spend_until(struct rate_limiter *limiter, enum rate_limiter_use use, uint64_t now_us,
                            uint64_t end_us, struct history *history)
{
        for (;;) {
                uint64_t next_us = rate_limiter_next(limiter, use, now_us);

                now_us = next_us > now_us ? next_us : now_us;
                if (now_us >= end_us)
                        return end_us;
                rate_limiter_spend(limiter, use, now_us);
                history_add(history, now_us);
        }
}

static size_t count_at_most(const struct rate_limiter_limits *limits, bool empty, enum rate_limiter_use use,
                            uint64_t stretch_us, size_t limit, uint64_t span_us)
{
        struct rate_limiter limiter;
        struct history history = { 0 };

        rate_limiter_init(&limiter, limits);
        if (empty)
                rate_limiter_empty(&limiter, START);
        spend_until(&limiter, use, START, START + span_us, &history);
        history_check(&history, stretch_us, limit);
        free(history.times);
        return history.count;
}

static void test_every_limit_holds(void **state)
{
        static const unsigned limits[] = { 1, 2, 3, 5, 6, 7, 11, 12, 59, 120, 121 };
        (void)state;

        for (size_t i = 0; i < sizeof(limits) / sizeof(limits[0]); i++) {
                const struct rate_limiter_limits minute = { .per_minute = limits[i] };
                const struct rate_limiter_limits hour = { .per_hour = limits[i] };
                const struct rate_limiter_limits day = { .per_day = limits[i] };

                for (unsigned empty = 0; empty < 2; empty++)
                        for (enum rate_limiter_use use = RATE_LIMITER_POLL; use <= RATE_LIMITER_SIGN_IN;
                             use++) {
                                count_at_most(&minute, empty, use, USEC_PER_MIN, limits[i], USEC_PER_HOUR);
                                count_at_most(&hour, empty, use, USEC_PER_HOUR, limits[i], USEC_PER_DAY);
                                count_at_most(&day, empty, use, USEC_PER_DAY, limits[i], 10 * USEC_PER_DAY);
                        }
        }
}

static void test_the_documented_limits_hold_and_are_used(void **state)
{
        struct rate_limiter limiter;
        struct history history = { 0 };
        (void)state;

        rate_limiter_init(&limiter, &documented);
        spend_until(&limiter, RATE_LIMITER_POLL, START, START + 2 * USEC_PER_DAY, &history);
        history_check_documented(&history);
        assert_in_range(history.count, 2 * 24 * 4850, 2 * 24 * 5000);
        free(history.times);
}

static void test_no_limit(void **state)
{
        const struct rate_limiter_limits none = { 0 };
        struct rate_limiter limiter;
        (void)state;

        rate_limiter_init(&limiter, &none);
        rate_limiter_empty(&limiter, START);
        for (size_t i = 0; i < 100000; i++) {
                assert_true(rate_limiter_next(&limiter, RATE_LIMITER_POLL, START) <= START);
                rate_limiter_spend(&limiter, RATE_LIMITER_POLL, START);
        }
        assert_int_equal(rate_limiter_emission_interval(&limiter), 0);
}

static void test_what_is_urgent_has_a_reserve(void **state)
{
        const struct rate_limiter_limits minute = { .per_minute = 120 };
        struct rate_limiter limiter;
        size_t count[3] = { 0 };
        (void)state;

        rate_limiter_init(&limiter, &minute);
        for (enum rate_limiter_use use = RATE_LIMITER_POLL; use <= RATE_LIMITER_SIGN_IN; use++)
                for (; rate_limiter_next(&limiter, use, START) <= START; count[use]++)
                        rate_limiter_spend(&limiter, use, START);
        assert_true(count[RATE_LIMITER_POLL] > count[RATE_LIMITER_CONFIRM]);
        assert_true(count[RATE_LIMITER_CONFIRM] > 0);
        assert_true(count[RATE_LIMITER_SIGN_IN] > 0);
        assert_int_equal(count[0] + count[1] + count[2], 20);
}

/* ---- empty buckets ---- */

static void test_empty_buckets_allow_the_first_poll_within_a_second(void **state)
{
        struct rate_limiter limiter;
        (void)state;

        rate_limiter_init(&limiter, &documented);
        rate_limiter_empty(&limiter, START);
        for (enum rate_limiter_use use = RATE_LIMITER_POLL; use <= RATE_LIMITER_SIGN_IN; use++)
                assert_in_range(rate_limiter_next(&limiter, use, START), START + 1, START + SEC);
}

static void test_polls_use_every_second_request_while_a_bucket_fills(void **state)
{
        struct rate_limiter limiter;
        struct history history = { 0 };
        (void)state;

        rate_limiter_init(&limiter, &documented);
        rate_limiter_empty(&limiter, START);
        uint64_t step_us = rate_limiter_emission_interval(&limiter);
        uint64_t now = spend_until(&limiter, RATE_LIMITER_POLL, START, START + MIN, &history);
        size_t usable = MIN / step_us;
        assert_in_range(history.count, usable / 2 - 1, usable / 2 + 1);

        /* What they left is there for confirmations, without a reserve. */
        size_t polls = history.count;
        spend_until(&limiter, RATE_LIMITER_CONFIRM, now, now + SEC, &history);
        assert_true(history.count - polls >= 8); /* 100 ms apart */
        history_check_documented(&history);
        free(history.times);
}

static void test_once_a_bucket_was_full_its_reserve_is_kept(void **state)
{
        const struct rate_limiter_limits minute = { .per_minute = 120 };
        struct rate_limiter limiter;
        (void)state;

        rate_limiter_init(&limiter, &minute);
        rate_limiter_empty(&limiter, START);
        uint64_t now = START + MIN, polls = 0, others = 0;
        for (; rate_limiter_next(&limiter, RATE_LIMITER_POLL, now) <= now; polls++)
                rate_limiter_spend(&limiter, RATE_LIMITER_POLL, now);
        for (; rate_limiter_next(&limiter, RATE_LIMITER_SIGN_IN, now) <= now; others++)
                rate_limiter_spend(&limiter, RATE_LIMITER_SIGN_IN, now);
        assert_int_equal(polls, 15);
        assert_int_equal(others, 5);
}

static void test_the_limits_hold_over_restarts(void **state)
{
        uint64_t seed = 3;
        (void)state;

        for (unsigned round = 0; round < 10; round++) {
                struct history history = { 0 };
                uint64_t now = START;

                for (unsigned restarts = 0; restarts < 40; restarts++) {
                        struct rate_limiter limiter;
                        enum rate_limiter_use use = random_next(&seed) % 3;

                        rate_limiter_init(&limiter, &documented);
                        if (restarts > 0)
                                rate_limiter_empty(&limiter, now);
                        now = spend_until(&limiter, use, now, now + random_next(&seed) % (20 * USEC_PER_MIN),
                                          &history);
                        if (random_next(&seed) % 4 == 0)
                                now += random_next(&seed) % USEC_PER_HOUR;
                }
                history_check_documented(&history);
                free(history.times);
        }
}

static void test_the_planner_polls_within_a_second_of_a_restart(void **state)
{
        struct fixture *fixture = *state;
        struct planner_limits limits = limits_of(1);

        limits.rate_limiter = documented;
        make(fixture, &limits, 200);
        planner_begin_empty(fixture->planner, START);
        for (size_t i = 0; i < 200; i++)
                planner_start_job(fixture->planner, &fixture->jobs[i], START, 0);
        assert_true(run_requests(fixture, 1)->at_us <= START + SEC);
        run(fixture, 10 * MIN);
        struct history history = { 0 };
        for (size_t i = 0; i < fixture->sent_count; i++)
                history_add(&history, fixture->sent[i].at_us);
        history_check_documented(&history);
        assert_true(history.count > 10 * 60 / 2);
        free(history.times);
}

/* ---- the rest ---- */

static void test_other_limits_keep_what_was_spent(void **state)
{
        const struct rate_limiter_limits less = { .per_minute = 60 }, more = { .per_minute = 120 };
        struct rate_limiter limiter;
        (void)state;

        rate_limiter_init(&limiter, &more);
        while (rate_limiter_next(&limiter, RATE_LIMITER_SIGN_IN, START) <= START)
                rate_limiter_spend(&limiter, RATE_LIMITER_SIGN_IN, START);
        rate_limiter_set_limits(&limiter, &less, START);
        assert_true(rate_limiter_next(&limiter, RATE_LIMITER_SIGN_IN, START) > START);

        /* A bucket is never emptier than empty. */
        const struct rate_limiter_limits day = { .per_day = 100 };
        rate_limiter_init(&limiter, &day);
        for (unsigned i = 0; i < 1000; i++)
                rate_limiter_spend(&limiter, RATE_LIMITER_SIGN_IN, START);
        rate_limiter_set_limits(&limiter, &day, START);
        assert_true(rate_limiter_next(&limiter, RATE_LIMITER_SIGN_IN, START) <=
                    START + USEC_PER_DAY / 99 + 1);
}

static void test_the_distance_counts_from_when_a_request_was_sent(void **state)
{
        struct rate_limiter limiter;
        (void)state;

        rate_limiter_init(&limiter, &documented);
        rate_limiter_spend(&limiter, RATE_LIMITER_POLL, START);
        rate_limiter_note_sent(&limiter, START + SEC);
        assert_in_range(rate_limiter_next(&limiter, RATE_LIMITER_POLL, START + SEC) - START - SEC,
                        115 * USEC_PER_MSEC, 125 * USEC_PER_MSEC);
        rate_limiter_note_sent(&limiter, START + SEC - 1); /* earlier */
        assert_true(rate_limiter_next(&limiter, RATE_LIMITER_POLL, START + SEC) > START + SEC);
}

static void test_the_last_minute_hour_and_day_are_counted(void **state)
{
        struct rate_limiter limiter;
        (void)state;

        rate_limiter_init(&limiter, &documented);
        for (unsigned i = 0; i < 120; i++)
                rate_limiter_spend(&limiter, RATE_LIMITER_POLL, START + i * USEC_PER_MIN);
        assert_in_range(rate_limiter_spent(&limiter, RATE_LIMITER_HOUR, START + 119 * USEC_PER_MIN), 59, 60);
        assert_in_range(rate_limiter_spent(&limiter, RATE_LIMITER_HOUR, START + 149 * USEC_PER_MIN), 29, 31);
        assert_int_equal(rate_limiter_spent(&limiter, RATE_LIMITER_HOUR, START + USEC_PER_DAY), 0);
        assert_int_equal(rate_limiter_spent(&limiter, RATE_LIMITER_MINUTE, START + 119 * USEC_PER_MIN), 1);
        assert_int_equal(rate_limiter_spent(&limiter, RATE_LIMITER_MINUTE, START + 120 * USEC_PER_MIN), 0);
        assert_int_equal(rate_limiter_spent(&limiter, RATE_LIMITER_DAY, START + 23 * USEC_PER_HOUR), 120);
        assert_in_range(rate_limiter_spent(&limiter, RATE_LIMITER_DAY, START + 25 * USEC_PER_HOUR), 36, 60);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, planner_setup, planner_teardown)
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_every_limit_holds),
                cmocka_unit_test(test_the_documented_limits_hold_and_are_used),
                cmocka_unit_test(test_no_limit),
                cmocka_unit_test(test_what_is_urgent_has_a_reserve),
                cmocka_unit_test(test_empty_buckets_allow_the_first_poll_within_a_second),
                cmocka_unit_test(test_polls_use_every_second_request_while_a_bucket_fills),
                cmocka_unit_test(test_once_a_bucket_was_full_its_reserve_is_kept),
                cmocka_unit_test(test_the_limits_hold_over_restarts),
                TEST(test_the_planner_polls_within_a_second_of_a_restart),
                cmocka_unit_test(test_other_limits_keep_what_was_spent),
                cmocka_unit_test(test_the_distance_counts_from_when_a_request_was_sent),
                cmocka_unit_test(test_the_last_minute_hour_and_day_are_counted),
        };

        return cmocka_run_group_tests_name("rate_limiter", tests, NULL, NULL);
}
