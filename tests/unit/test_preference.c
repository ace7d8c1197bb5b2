/* SPDX-License-Identifier: MIT */

/* When the preferred host asks for a handover. The clock is an argument. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "planning/preference.h"

#define START (1000 * USEC_PER_SEC)

static void test_after_a_minute_and_then_every_minute(void **state)
{
        struct preference preference = { .since_us = 0 };
        (void)state;

        for (unsigned second = 0; second <= 180; second++)
                assert_int_equal(preference_asks(&preference, true, START + second * USEC_PER_SEC),
                                 second > 0 && second % 60 == 0);
}

static void test_trouble_begins_the_minute_again(void **state)
{
        struct preference preference = { .since_us = 0 };
        (void)state;

        assert_false(preference_asks(&preference, true, START));
        assert_false(preference_asks(&preference, false, START + 59 * USEC_PER_SEC));
        assert_false(preference_asks(&preference, true, START + 60 * USEC_PER_SEC));
        assert_false(preference_asks(&preference, true, START + 119 * USEC_PER_SEC));
        assert_true(preference_asks(&preference, true, START + 120 * USEC_PER_SEC));
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_after_a_minute_and_then_every_minute),
                cmocka_unit_test(test_trouble_begins_the_minute_again),
        };

        return cmocka_run_group_tests_name("preference", tests, NULL, NULL);
}
