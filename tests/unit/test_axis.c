/* SPDX-License-Identifier: MIT */

/* The marks of an axis of time, in a zone with summer time. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "ctl/axis.h"
#include "util/timespan.h"

/* Thursday, 2026-01-15 10:30:00 in Berlin */
#define NOW_US (UINT64_C(1768469400) * USEC_PER_SEC)

static int setup(void **state)
{
        (void)state;
        assert_int_equal(setenv("TZ", "Europe/Berlin", 1), 0);
        tzset();
        return 0;
}

static void expect_marks(uint64_t begin_us, uint64_t span_us, const char *expected)
{
        struct tick ticks[TICKS_MAX];
        char shown[512] = "";

        const size_t count = axis_ticks(begin_us, begin_us + span_us, 6, ticks);
        for (size_t i = 0; i < count; i++) {
                assert_true(ticks[i].time_us >= begin_us && ticks[i].time_us <= begin_us + span_us);
                (void)snprintf(shown + strlen(shown), sizeof(shown) - strlen(shown), "%s%s%s%s",
                               i > 0 ? " " : "", ticks[i].date, *ticks[i].date != '\0' ? "," : "",
                               ticks[i].text);
        }
        assert_string_equal(shown, expected);
}

static void test_round_times(void **state)
{
        (void)state;
        expect_marks(NOW_US, 10 * USEC_PER_SEC,
                     "15 Jan,10:30:00 10:30:02 10:30:04 10:30:06 10:30:08 10:30:10");
        expect_marks(NOW_US + USEC_PER_SEC, 50 * USEC_PER_SEC,
                     "15 Jan,10:30:10 10:30:20 10:30:30 10:30:40 10:30:50");
        expect_marks(NOW_US, USEC_PER_HOUR, "15 Jan,10:30 10:45 11:00 11:15 11:30");
        expect_marks(NOW_US, USEC_PER_DAY, "15 Jan,12:00 18:00 16 Jan,00:00 06:00");
        expect_marks(NOW_US, 5 * USEC_PER_DAY, "16 Jan 17 Jan 18 Jan 19 Jan 20 Jan");
}

/* On 29 March the clock is put forward: the marks of days stay at midnight. */
static void test_days_of_another_length(void **state)
{
        (void)state;
        expect_marks(NOW_US + 71 * USEC_PER_DAY, 4 * USEC_PER_DAY, "28 Mar 29 Mar 30 Mar 31 Mar");
        expect_marks(NOW_US + 72 * USEC_PER_DAY + 12 * USEC_PER_HOUR, 10 * USEC_PER_HOUR,
                     "29 Mar,00:00 03:00 05:00 07:00 09:00");
}

static void test_any_span_has_marks(void **state)
{
        struct tick ticks[TICKS_MAX];

        (void)state;
        for (uint64_t span_us = 10 * USEC_PER_SEC; span_us < 20000 * USEC_PER_DAY; span_us += span_us / 7)
                for (size_t most = 2; most <= TICKS_MAX; most++) {
                        const size_t count = axis_ticks(NOW_US, NOW_US + span_us, most, ticks);
                        assert_true(count <= most);
                        assert_true(count > 0 || most < 4);
                        for (size_t i = 1; i < count; i++)
                                assert_true(ticks[i].time_us > ticks[i - 1].time_us);
                }
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_round_times),
                cmocka_unit_test(test_days_of_another_length),
                cmocka_unit_test(test_any_span_has_marks),
        };

        return cmocka_run_group_tests(tests, setup, NULL);
}
