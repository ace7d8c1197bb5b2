/* SPDX-License-Identifier: MIT */

/* The bounds of every delay after a failure. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "planning/backoff.h"
#include "random.h"

#define LONGEST_BACKOFF (5 * USEC_PER_MIN)

static uint64_t longest_of(unsigned failures, uint64_t pace_us)
{
        if (failures >= 40 || pace_us > LONGEST_BACKOFF >> failures)
                return LONGEST_BACKOFF;
        return pace_us << failures;
}

static void test_polls_back_off_between_half_and_all_and_never_below_the_pace(void **state)
{
        static const uint64_t paces[] = {
                1, 3, USEC_PER_SEC, 15 * USEC_PER_SEC, LONGEST_BACKOFF, USEC_PER_HOUR, UINT64_MAX / 2,
        };
        uint64_t seed = 1;
        (void)state;

        for (size_t p = 0; p < sizeof(paces) / sizeof(paces[0]); p++)
                for (unsigned failures = 1; failures <= 300; failures++) {
                        uint64_t longest_us = longest_of(failures, paces[p]);
                        uint64_t least_us = paces[p] > longest_us / 2 ? paces[p] : longest_us / 2;
                        uint64_t most_us = paces[p] > longest_us ? paces[p] : longest_us;

                        for (unsigned i = 0; i < 20; i++)
                                assert_in_range(poll_backoff(failures, paces[p], 0, random_next(&seed)),
                                                least_us, most_us);
                        assert_true(poll_backoff(failures, paces[p], 0, 0) == least_us);
                        assert_true(poll_backoff(failures, paces[p], 0, longest_us / 2) >= most_us - 1);
                }
}

static void test_polls_spread(void **state)
{
        unsigned tenths[10] = { 0 };
        uint64_t seed = 7;
        (void)state;

        for (unsigned i = 0; i < 10000; i++) {
                uint64_t above_us =
                        poll_backoff(20, USEC_PER_SEC, 0, random_next(&seed)) - LONGEST_BACKOFF / 2;
                size_t tenth = above_us / (LONGEST_BACKOFF / 20);
                tenths[tenth > 9 ? 9 : tenth]++;
        }
        for (unsigned i = 0; i < 10; i++)
                assert_in_range(tenths[i], 800, 1200);
}

static void test_retry_after_is_a_lower_bound_of_at_most_an_hour(void **state)
{
        (void)state;
        assert_int_equal(poll_backoff(1, USEC_PER_SEC, 20 * USEC_PER_MIN, 0), 20 * USEC_PER_MIN);
        assert_int_equal(poll_backoff(1, USEC_PER_SEC, UINT64_MAX, 0), USEC_PER_HOUR);
        assert_int_equal(poll_backoff(1, 2 * USEC_PER_HOUR, UINT64_MAX, 0), 2 * USEC_PER_HOUR);
        assert_int_equal(poll_backoff(1, 10 * USEC_PER_SEC, 1, 0), 10 * USEC_PER_SEC);
}

#define LONGEST_DELIVERY_DELAY (70 * USEC_PER_MIN)

static void test_deliveries_back_off(void **state)
{
        static const uint64_t seconds[] = { 5, 5, 30, 120, 600, 1800, 3600, 3600 };
        (void)state;

        for (unsigned made = 0; made < sizeof(seconds) / sizeof(seconds[0]); made++)
                for (uint64_t random = 0; random < 10 * USEC_PER_SEC; random += USEC_PER_SEC / 3) {
                        uint64_t delay_us = delivery_delay(made, 0, random);
                        assert_in_range(delay_us, seconds[made] * USEC_PER_SEC,
                                        seconds[made] * USEC_PER_SEC * 11 / 10);
                        assert_true(delay_us <= LONGEST_DELIVERY_DELAY);
                }
        /* What the receiver asks for is a lower bound, and has one above. */
        assert_int_equal(delivery_delay(1, 40 * USEC_PER_SEC, 0), 40 * USEC_PER_SEC);
        assert_int_equal(delivery_delay(1, 1, 0), 5 * USEC_PER_SEC);
        assert_int_equal(delivery_delay(1, UINT64_MAX, 0), USEC_PER_HOUR);
}

/* Whatever clock dated it: what remains of its delay, at least 0 and at most all of it. */
static void test_deliveries_wait_for_what_remains_of_their_delay(void **state)
{
        const uint64_t now_us = 1000 * USEC_PER_HOUR, delay_us = 30 * USEC_PER_SEC;
        (void)state;

        assert_int_equal(delivery_due(0, 0, now_us), 0);
        for (uint64_t passed_us = 0; passed_us < 60 * USEC_PER_SEC; passed_us += USEC_PER_SEC)
                assert_int_equal(delivery_due(now_us - passed_us + delay_us, delay_us, now_us),
                                 now_us - passed_us + delay_us);
        for (uint64_t back_us = 1; back_us < 100 * USEC_PER_HOUR; back_us *= 3)
                assert_int_equal(delivery_due(now_us + back_us + delay_us, delay_us, now_us),
                                 now_us + delay_us);
        assert_int_equal(delivery_due(UINT64_MAX, UINT64_MAX, now_us), now_us + LONGEST_DELIVERY_DELAY);
        assert_int_equal(delivery_due(now_us + 2 * USEC_PER_HOUR, 0, now_us),
                         now_us + LONGEST_DELIVERY_DELAY);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_polls_back_off_between_half_and_all_and_never_below_the_pace),
                cmocka_unit_test(test_polls_spread),
                cmocka_unit_test(test_retry_after_is_a_lower_bound_of_at_most_an_hour),
                cmocka_unit_test(test_deliveries_back_off),
                cmocka_unit_test(test_deliveries_wait_for_what_remains_of_their_delay),
        };

        return cmocka_run_group_tests_name("backoff", tests, NULL, NULL);
}
