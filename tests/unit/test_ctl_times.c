/* SPDX-License-Identifier: MIT */

/* Times as jobwatchctl writes and reads them, in a zone with summer time. */

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <time.h>

#include <cmocka.h>

#include "ctl/times.h"
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

static void expect_text(char *text, const char *expected)
{
        assert_string_equal(text, expected);
        free(text);
}

static void test_formats(void **state)
{
        (void)state;
        expect_text(time_format(NOW_US), "2026-01-15 10:30:00");
        expect_text(time_format_ago(NOW_US, NOW_US), "now");
        expect_text(time_format_ago(NOW_US - 999999, NOW_US), "now");
        expect_text(time_format_ago(NOW_US - 65 * USEC_PER_SEC, NOW_US), "1min 5s ago");
        expect_text(time_format_ago(NOW_US + 8 * USEC_PER_SEC, NOW_US), "in 8s");
        expect_text(time_format_both(NOW_US, NOW_US + 3 * USEC_PER_HOUR),
                    "Thu 2026-01-15 10:30:00 CET; 3h ago");
        expect_text(time_format(UINT64_MAX), "586524-01-19 09:01:49"); /* the greatest */
        expect_text(time_format_ago(UINT64_MAX, NOW_US), "in 213483513d 23h");
}

static void test_estimates(void **state)
{
        static const struct {
                uint64_t span_us;
                const char *text;
        } spans[] = {
                { 0, "soon" },
                { USEC_PER_SEC - 1, "soon" },
                { 59 * USEC_PER_SEC + 1, "~59s" },
                { 4 * USEC_PER_MIN + 59 * USEC_PER_SEC, "~4min" },
                { 130 * USEC_PER_MIN + 1, "~2h 10min" },
                { 50 * USEC_PER_HOUR, "~2d 2h" },
        };

        (void)state;
        for (size_t i = 0; i < sizeof(spans) / sizeof(*spans); i++) {
                char *text = time_format_left(spans[i].span_us);
                assert_string_equal(text, spans[i].text);
                free(text);
        }
}

static void test_what_is_understood(void **state)
{
        static const struct {
                const char *text;
                int64_t seconds; /* relative to now */
        } times[] = {
                { "0", 0 },
                { "2h", -7200 },
                { "1d 30min", -88200 },
                { "today", -37800 },
                { "yesterday", -37800 - 86400 },
                { "10:29", -60 },
                { "10:29:59", -1 },
                { "10:31", 60 },
                { "2026-01-15", -37800 },
                { "2026-01-15 10:30", 0 },
                { "2026-01-15 10:30:05", 5 },
                { "2026-07-15 11:30:00", 181 * 86400 }, /* in summer time */
                { "@1768469399", -1 },
        };

        (void)state;
        for (size_t i = 0; i < sizeof(times) / sizeof(*times); i++) {
                uint64_t time_us = 0;
                assert_int_equal(time_parse(times[i].text, NOW_US, &time_us), 0);
                assert_int_equal((int64_t)(time_us - NOW_US), times[i].seconds * (int64_t)USEC_PER_SEC);
        }
}

static void test_what_is_not(void **state)
{
        static const char *const texts[] = { "",
                                             "soon",
                                             "2h ago",
                                             "tomorrow",
                                             "@",
                                             "@-1",
                                             "@1x",
                                             "2026-13-01",
                                             "2026-01-15T10",
                                             "2026-01-15 25:00",
                                             "10:61",
                                             "-2h",
                                             "1969-01-01",
                                             "@99999999999999999999" };
        uint64_t time_us = 7;

        (void)state;
        for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++)
                assert_int_equal(time_parse(texts[i], NOW_US, &time_us), -EINVAL);
        assert_int_equal(time_us, 7);
}

static void test_more_than_there_has_been(void **state)
{
        uint64_t time_us = 7;

        (void)state;
        assert_int_equal(time_parse("100000w", NOW_US, &time_us), 0);
        assert_int_equal(time_us, 0);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_formats),
                cmocka_unit_test(test_estimates),
                cmocka_unit_test(test_what_is_understood),
                cmocka_unit_test(test_what_is_not),
                cmocka_unit_test(test_more_than_there_has_been),
        };

        return cmocka_run_group_tests(tests, setup, NULL);
}
