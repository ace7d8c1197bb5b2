/* SPDX-License-Identifier: MIT */

/* Durations fall into ranges, whichever thread adds them. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <pthread.h>

#include "util/histogram.h"
#include "util/timespan.h"

static void test_a_bound_belongs_to_its_range(void **state)
{
        struct histogram histogram = { .sum_us = 0 };
        (void)state;

        for (size_t i = 1; i < HISTOGRAM_BOUNDS; i++)
                assert_true(histogram_bounds_us[i] > histogram_bounds_us[i - 1]);
        for (size_t i = 0; i < HISTOGRAM_BOUNDS; i++) {
                histogram_add(&histogram, histogram_bounds_us[i]);
                histogram_add(&histogram, histogram_bounds_us[i] + 1);
                assert_int_equal(histogram_count(&histogram, i), 2 * i + 1);
                assert_int_equal(histogram_count(&histogram, HISTOGRAM_BOUNDS), 2 * i + 2);
        }
}

static void test_the_sum_is_exact(void **state)
{
        struct histogram histogram = { .sum_us = 0 };
        (void)state;

        histogram_add(&histogram, 0);
        histogram_add(&histogram, 7);
        histogram_add(&histogram, USEC_PER_DAY);
        assert_int_equal(histogram_sum_us(&histogram), USEC_PER_DAY + 7);
        assert_int_equal(histogram_count(&histogram, 0), 2);
        assert_int_equal(histogram_count(&histogram, HISTOGRAM_BOUNDS - 1), 2);
        assert_int_equal(histogram_count(&histogram, HISTOGRAM_BOUNDS), 3);
}

#define ADDED 200000

static void *add_many(void *userdata)
{
        for (unsigned i = 0; i < ADDED; i++)
                histogram_add(userdata, i % 2 == 0 ? 10 : USEC_PER_MIN);
        return NULL;
}

static void test_a_reader_sees_no_count_decrease_while_another_thread_adds(void **state)
{
        struct histogram histogram = { .sum_us = 0 };
        uint64_t total = 0;
        pthread_t thread;
        (void)state;

        assert_int_equal(pthread_create(&thread, NULL, add_many, &histogram), 0);
        while (total < ADDED) {
                uint64_t before = 0;
                for (size_t i = 0; i <= HISTOGRAM_BOUNDS; i++) {
                        uint64_t now = histogram_count(&histogram, i);
                        assert_true(now >= before);
                        before = now;
                }
                assert_true(before >= total);
                total = before;
        }
        assert_int_equal(pthread_join(thread, NULL), 0);
        assert_int_equal(total, ADDED);
        assert_int_equal(histogram_count(&histogram, 0), ADDED / 2);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_a_bound_belongs_to_its_range),
                cmocka_unit_test(test_the_sum_is_exact),
                cmocka_unit_test(test_a_reader_sees_no_count_decrease_while_another_thread_adds),
        };

        return cmocka_run_group_tests_name("histogram", tests, NULL, NULL);
}
