/* SPDX-License-Identifier: MIT */

/* The bounds and the distribution of retry delays. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "planning/backoff.h"
#include "random.h"
#include "util/timespan.h"

#define CAP (2 * USEC_PER_MIN)

static uint64_t max_delay_of(unsigned failures, uint64_t base_us, uint64_t cap_us)
{
        unsigned doublings = failures > 0 ? failures - 1 : 0;

        if (doublings >= 64 || base_us > (UINT64_MAX >> doublings))
                return cap_us;
        return (base_us << doublings) < cap_us ? base_us << doublings : cap_us;
}

static void test_backoff_stays_in_bounds(void **state)
{
        static const uint64_t values[] = {
                1,          3, 4, 1000, 2 * USEC_PER_SEC, CAP, USEC_PER_DAY, UINT64_MAX / 2, UINT64_MAX - 1,
                UINT64_MAX,
        };
        const size_t count = sizeof(values) / sizeof(values[0]);
        uint64_t seed = 1;
        (void)state;

        for (size_t b = 0; b < count; b++)
                for (size_t c = 0; c < count; c++)
                        for (unsigned failures = 0; failures <= 70; failures++) {
                                uint64_t maximum = max_delay_of(failures, values[b], values[c]);
                                uint64_t minimum = values[b] / 4 < maximum ? values[b] / 4 : maximum;

                                for (unsigned i = 0; i < 20; i++) {
                                        uint64_t delay = backoff_delay(failures, values[b], values[c],
                                                                       random_next(&seed));
                                        assert_in_range(delay, minimum, maximum);
                                }
                                /* Both ends are reached. */
                                assert_true(backoff_delay(failures, values[b], values[c], 0) == minimum);
                                assert_true(backoff_delay(failures, values[b], values[c],
                                                          maximum - minimum) == maximum);
                        }
}

static void test_backoff_spreads(void **state)
{
        unsigned tenths[10] = { 0 };
        uint64_t seed = 7;
        (void)state;

        for (unsigned i = 0; i < 10000; i++) {
                uint64_t delay = backoff_delay(20, USEC_PER_SEC, 1000 * USEC_PER_SEC, random_next(&seed));
                tenths[delay / (100 * USEC_PER_SEC) > 9 ? 9 : delay / (100 * USEC_PER_SEC)]++;
        }
        for (unsigned i = 0; i < 10; i++)
                assert_in_range(tenths[i], 800, 1200);
}

static void test_delays_of_deliveries(void **state)
{
        static const uint64_t seconds[] = { 5, 5, 30, 120, 600, 1800, 3600, 3600 };
        (void)state;

        for (unsigned made = 0; made < sizeof(seconds) / sizeof(seconds[0]); made++)
                for (uint64_t random = 0; random < 10 * USEC_PER_SEC; random += USEC_PER_SEC / 3) {
                        uint64_t delay_us = delivery_delay(made, 0, random);
                        assert_in_range(delay_us, seconds[made] * USEC_PER_SEC,
                                        seconds[made] * USEC_PER_SEC * 11 / 10);
                }
        /* The Retry-After of the receiver is a lower bound and is clamped. */
        assert_int_equal(delivery_delay(1, 40 * USEC_PER_SEC, 0), 40 * USEC_PER_SEC);
        assert_int_equal(delivery_delay(1, 1, 0), 5 * USEC_PER_SEC);
        assert_int_equal(delivery_delay(1, UINT64_MAX, 0), USEC_PER_HOUR);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_backoff_stays_in_bounds),
                cmocka_unit_test(test_backoff_spreads),
                cmocka_unit_test(test_delays_of_deliveries),
        };

        return cmocka_run_group_tests_name("backoff", tests, NULL, NULL);
}
