/* SPDX-License-Identifier: MIT */

/* When a lasting outage is logged again. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "monitor/outage.h"
#include "util/timespan.h"

static void test_hourly(void **state)
{
        static const uint64_t minutes[] = { 60, 120, 180, 240 };
        uint64_t lasted_us = 0;
        (void)state;

        for (size_t i = 0; i < sizeof(minutes) / sizeof(minutes[0]); i++) {
                lasted_us = outage_reminder_after(lasted_us);
                assert_true(lasted_us == minutes[i] * USEC_PER_MIN);
        }
}

/* A timer may be late, or the machine asleep. */
static void test_late_reminders_are_not_made_up_for(void **state)
{
        (void)state;
        assert_true(outage_reminder_after(10 * USEC_PER_MIN + 1) == USEC_PER_HOUR);
        assert_true(outage_reminder_after(59 * USEC_PER_MIN) == USEC_PER_HOUR);
        assert_true(outage_reminder_after(5 * USEC_PER_HOUR + 1) == 6 * USEC_PER_HOUR);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_hourly),
                cmocka_unit_test(test_late_reminders_are_not_made_up_for),
        };

        return cmocka_run_group_tests_name("outage_reminder", tests, NULL, NULL);
}
