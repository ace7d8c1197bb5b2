/* SPDX-License-Identifier: MIT */

/*
 * The limits, counted independently: no window of any length contains more requests than allowed, and not
 * much fewer.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "planning/rate_limiter.h"
#include "random.h"
#include "util/timespan.h"

#define START (1000 * USEC_PER_SEC)

static const struct rate_limiter_limits documented = { 100 * USEC_PER_MSEC, 120, 5000, 200000 };

/* Sends as fast as allowed, and checks that no `limit` + 1 requests in a row are within a window. */
static size_t count_at_most(const struct rate_limiter_limits *limits, enum rate_limiter_use use,
                            uint64_t window_us, size_t limit, uint64_t span_us)
{
        static uint64_t times[20000];
        struct rate_limiter rate_limiter;
        uint64_t now = START;
        size_t count = 0;

        rate_limiter_init(&rate_limiter, limits);
        for (;; count++) {
                uint64_t next = rate_limiter_next(&rate_limiter, use, now);

                now = next > now ? next : now;
                if (now >= START + span_us)
                        return count;
                assert_true(count < sizeof(times) / sizeof(times[0]));
                times[count] = now;
                if (count >= limit)
                        assert_true(now - times[count - limit] >= window_us);
                rate_limiter_spend(&rate_limiter, now);
        }
}

static void test_every_limit_holds(void **state)
{
        static const unsigned limits[] = { 1, 2, 3, 5, 6, 7, 11, 12, 59, 120, 121 };
        (void)state;

        for (size_t i = 0; i < sizeof(limits) / sizeof(limits[0]); i++) {
                const struct rate_limiter_limits minute = { .per_minute = limits[i] };
                const struct rate_limiter_limits hour = { .per_hour = limits[i] };
                const struct rate_limiter_limits day = { .per_day = limits[i] };

                for (enum rate_limiter_use use = RATE_LIMITER_POLL; use <= RATE_LIMITER_SIGN_IN; use++) {
                        count_at_most(&minute, use, USEC_PER_MIN, limits[i], USEC_PER_HOUR);
                        count_at_most(&hour, use, USEC_PER_HOUR, limits[i], USEC_PER_DAY);
                        count_at_most(&day, use, USEC_PER_DAY, limits[i], 30 * USEC_PER_DAY);
                }
        }
}

static void test_the_documented_limits_hold_and_are_used(void **state)
{
        (void)state;

        count_at_most(&documented, RATE_LIMITER_SIGN_IN, 100 * USEC_PER_MSEC, 1, USEC_PER_HOUR);
        count_at_most(&documented, RATE_LIMITER_SIGN_IN, USEC_PER_MIN, 120, USEC_PER_HOUR);
        size_t count = count_at_most(&documented, RATE_LIMITER_POLL, USEC_PER_HOUR, 5000, 3 * USEC_PER_HOUR);
        assert_in_range(count, 3 * 4800, 3 * 5000);
}

static void test_no_limit(void **state)
{
        const struct rate_limiter_limits none = { 0 };
        struct rate_limiter rate_limiter;
        (void)state;

        rate_limiter_init(&rate_limiter, &none);
        for (size_t i = 0; i < 100000; i++) {
                assert_true(rate_limiter_next(&rate_limiter, RATE_LIMITER_POLL, START) <= START);
                rate_limiter_spend(&rate_limiter, START);
        }
        assert_true(rate_limiter_emission_interval(&rate_limiter) == 0);
}

static void test_urgent_requests_have_a_reserve(void **state)
{
        const struct rate_limiter_limits minute = { .per_minute = 120 };
        struct rate_limiter rate_limiter;
        size_t count[3] = { 0 };
        (void)state;

        rate_limiter_init(&rate_limiter, &minute);
        for (enum rate_limiter_use use = RATE_LIMITER_POLL; use <= RATE_LIMITER_SIGN_IN; use++)
                for (; rate_limiter_next(&rate_limiter, use, START) <= START; count[use]++)
                        rate_limiter_spend(&rate_limiter, START);
        assert_true(count[RATE_LIMITER_POLL] > count[RATE_LIMITER_CONFIRM]);
        assert_true(count[RATE_LIMITER_CONFIRM] > 0);
        assert_true(count[RATE_LIMITER_SIGN_IN] > 0);
        assert_int_equal(count[0] + count[1] + count[2], 20);
}

static uint64_t spend_when_allowed(struct rate_limiter *rate_limiter, uint64_t now, uint64_t pause_us)
{
        uint64_t next = rate_limiter_next(rate_limiter, RATE_LIMITER_SIGN_IN, now + pause_us);

        now = next > now + pause_us ? next : now + pause_us;
        rate_limiter_spend(rate_limiter, now);
        return now;
}

/* Requests are sent, then the process stops at any time after the deficit was stored for several of them. */
static void test_restart_forgets_no_request(void **state)
{
        const struct rate_limiter_limits minute = { .per_minute = 120 };
        uint64_t seed = 3;
        (void)state;

        for (unsigned round = 0; round < 2000; round++) {
                struct rate_limiter before, after;
                uint64_t now = START, stored_us;

                rate_limiter_init(&before, &minute);
                for (uint64_t i = random_next(&seed) % 30; i > 0; i--)
                        now = spend_when_allowed(&before, now, random_next(&seed) % USEC_PER_SEC);
                stored_us = now;
                const struct rate_limiter_deficit deficit = rate_limiter_deficit(&before, 20, now);
                for (uint64_t i = random_next(&seed) % 21; i > 0; i--)
                        now = spend_when_allowed(&before, now, random_next(&seed) % (2 * USEC_PER_SEC));

                /* The clock of the new run is unrelated to that of the old one. */
                rate_limiter_init(&after, &minute);
                rate_limiter_restore(&after, &deficit, now - stored_us, 5);
                assert_true(after.buckets[1].full_us - 5 >=
                            (before.buckets[1].full_us > now ? before.buckets[1].full_us - now : 0));
        }
}

static void test_absurd_stored_deficit_is_clamped(void **state)
{
        const struct rate_limiter_deficit absurd = {
                .spans_us = { UINT64_MAX, UINT64_MAX, UINT64_MAX, UINT64_MAX }, .ahead = UINT64_MAX
        };
        struct rate_limiter rate_limiter;
        (void)state;

        rate_limiter_init(&rate_limiter, &documented);
        rate_limiter_restore(&rate_limiter, &absurd, 0, START);
        assert_true(rate_limiter_next(&rate_limiter, RATE_LIMITER_POLL, START) <= START + 10 * USEC_PER_MIN);
}

static void test_new_limits_keep_what_was_spent(void **state)
{
        const struct rate_limiter_limits less = { .per_minute = 60 }, more = { .per_minute = 120 };
        struct rate_limiter rate_limiter;
        (void)state;

        rate_limiter_init(&rate_limiter, &more);
        while (rate_limiter_next(&rate_limiter, RATE_LIMITER_SIGN_IN, START) <= START)
                rate_limiter_spend(&rate_limiter, START);
        rate_limiter_set_limits(&rate_limiter, &less);
        assert_true(rate_limiter_next(&rate_limiter, RATE_LIMITER_SIGN_IN, START) > START);
}

static void test_the_last_hour_is_counted(void **state)
{
        struct rate_limiter rate_limiter;
        (void)state;

        rate_limiter_init(&rate_limiter, &documented);
        for (unsigned i = 0; i < 120; i++)
                rate_limiter_spend(&rate_limiter, START + i * USEC_PER_MIN);
        assert_in_range(rate_limiter_spent_hour(&rate_limiter, START + 119 * USEC_PER_MIN), 59, 60);
        assert_in_range(rate_limiter_spent_hour(&rate_limiter, START + 149 * USEC_PER_MIN), 29, 31);
        assert_int_equal(rate_limiter_spent_hour(&rate_limiter, START + USEC_PER_DAY), 0);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_every_limit_holds),
                cmocka_unit_test(test_the_documented_limits_hold_and_are_used),
                cmocka_unit_test(test_no_limit),
                cmocka_unit_test(test_urgent_requests_have_a_reserve),
                cmocka_unit_test(test_restart_forgets_no_request),
                cmocka_unit_test(test_absurd_stored_deficit_is_clamped),
                cmocka_unit_test(test_new_limits_keep_what_was_spent),
                cmocka_unit_test(test_the_last_hour_is_counted),
        };

        return cmocka_run_group_tests_name("rate_limiter", tests, NULL, NULL);
}
