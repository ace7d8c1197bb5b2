/* SPDX-License-Identifier: MIT */

/* Time spans and sizes: valid and invalid texts, and round trips. */

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "util/timespan.h"

static void test_span_parse(void **state)
{
        static const struct {
                const char *text;
                uint64_t span_us;
        } cases[] = {
                { "0", 0 },
                { "0s", 0 },
                { "15s", 15 * USEC_PER_SEC },
                { "15", 15 * USEC_PER_SEC },
                { "15 s", 15 * USEC_PER_SEC },
                { " 15s\t", 15 * USEC_PER_SEC },
                { "1min 30s", 90 * USEC_PER_SEC },
                { "1min30s", 90 * USEC_PER_SEC },
                { "1min 30", 90 * USEC_PER_SEC },
                { "2h", 2 * USEC_PER_HOUR },
                { "1.5s", 1500 * USEC_PER_MSEC },
                { "0.000001s", 1 },
                { "1.50000000s", 1500 * USEC_PER_MSEC },
                { "100ms", 100 * USEC_PER_MSEC },
                { "7us 3msec 2usec", 3009 },
                { "5\xc2\xb5s", 5 },
                { "5\xce\xbcs", 5 },
                { "1m 1minute 2minutes", 4 * USEC_PER_MIN },
                { "1sec 1second 2seconds", 4 * USEC_PER_SEC },
                { "1hr 1hour 2hours", 4 * USEC_PER_HOUR },
                { "1d 1day 2days", 4 * USEC_PER_DAY },
                { "1w 1week 2weeks", 28 * USEC_PER_DAY },
                { "18446744073709551615us", UINT64_MAX },
        };

        (void)state;
        for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
                uint64_t span = 42;
                assert_int_equal(timespan_parse(cases[i].text, &span), 0);
                assert_int_equal(span, cases[i].span_us);
        }
}

static void test_span_invalid(void **state)
{
        static const char *const wrong[] = {
                "",     " ",     "s",     "-1s", "+1s",        "1x",       "1S",      "1M",       "1e3s",
                "0x10", "1,5s",  "1.s",   ".5s", "5 10",       "1s,",      "1..5s",   "1.2.3s",   "1ss",
                "1s s", "never", "0.1us", "1µ",  "1.0000001s", "infinity", "15s # c", "0.5us 1us"
        };
        static const char *const large[] = { "18446744073709551616us", "18446744073709551615us 1us",
                                             "18446744073709551615s", "99999999999999999999999999",
                                             "30500000w 30500000w" };

        (void)state;
        for (size_t i = 0; i < sizeof(wrong) / sizeof(*wrong); i++) {
                uint64_t span = 42;
                assert_int_equal(timespan_parse(wrong[i], &span), -EINVAL);
                assert_int_equal(span, 42);
        }
        for (size_t i = 0; i < sizeof(large) / sizeof(*large); i++) {
                uint64_t span = 42;
                assert_int_equal(timespan_parse(large[i], &span), -ERANGE);
                assert_int_equal(span, 42);
        }
}

static void test_span_format(void **state)
{
        char text[TIMESPAN_TEXT_MAX];

        (void)state;
        assert_string_equal(timespan_format(0, text), "0");
        assert_string_equal(timespan_format(90 * USEC_PER_SEC, text), "1min 30s");
        assert_string_equal(timespan_format(250 * USEC_PER_MSEC, text), "250ms");
        assert_string_equal(timespan_format(1500 * USEC_PER_MSEC, text), "1s 500ms");
        assert_string_equal(timespan_format(9 * USEC_PER_DAY + 1, text), "9d 1us");
}

static void test_span_round_trip(void **state)
{
        char text[TIMESPAN_TEXT_MAX];

        (void)state;
        for (uint64_t span = 1, i = 0; i < 20000; i++) {
                uint64_t back = 0;
                assert_int_equal(timespan_parse(timespan_format(span, text), &back), 0);
                assert_int_equal(back, span);
                span = span * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
                if (i % 2 == 1)
                        span >>= i % 60;
        }
        uint64_t back = 0;
        assert_int_equal(timespan_parse(timespan_format(UINT64_MAX, text), &back), 0);
        assert_int_equal(back, UINT64_MAX);
}

static void test_span_format_rough(void **state)
{
        static const struct {
                uint64_t span_us;
                const char *text;
        } cases[] = {
                { 0, "under 1s" },
                { USEC_PER_SEC - 1, "under 1s" },
                { 8 * USEC_PER_SEC, "8s" },
                { 8 * USEC_PER_SEC + 499999, "8s" },
                { 8 * USEC_PER_SEC + 500000, "9s" },
                { 59 * USEC_PER_SEC + 600000, "1min" },
                { 125 * USEC_PER_SEC, "2min 5s" },
                { USEC_PER_HOUR - 1, "1h" },
                { 3 * USEC_PER_HOUR + 12 * USEC_PER_MIN + 29 * USEC_PER_SEC, "3h 12min" },
                { USEC_PER_DAY - 1, "1d" },
                { 2 * USEC_PER_DAY + 3 * USEC_PER_HOUR + 40 * USEC_PER_MIN, "2d 4h" },
                { USEC_NEVER, "never" },
        };
        char text[TIMESPAN_TEXT_MAX];

        (void)state;
        for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++)
                assert_string_equal(timespan_format_rough(cases[i].span_us, text), cases[i].text);
        assert_non_null(timespan_format_rough(UINT64_MAX - 1, text));
}

static void test_size(void **state)
{
        static const struct {
                const char *text;
                size_t size;
        } cases[] = {
                { "0", 0 },
                { "1024", 1024 },
                { "16K", 16384 },
                { "16k", 16384 },
                { "16KB", 16384 },
                { "16 K", 16384 },
                { "7B", 7 },
                { "16M", (size_t)16 << 20 },
                { "1G", (size_t)1 << 30 },
                { "18446744073709551615", SIZE_MAX },
        };
        static const char *const wrong[] = {
                "", "K", "-1", "1.5K", "1T", "1KK", "1KiB", "0x10", "1 2", "1K ;"
        };
        char text[TIMESPAN_TEXT_MAX];

        (void)state;
        for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
                size_t size = 42;
                assert_int_equal(size_parse(cases[i].text, &size), 0);
                assert_int_equal(size, cases[i].size);
                assert_int_equal(size_parse(size_format(size, text), &size), 0);
                assert_int_equal(size, cases[i].size);
        }
        for (size_t i = 0; i < sizeof(wrong) / sizeof(*wrong); i++) {
                size_t size = 42;
                assert_int_equal(size_parse(wrong[i], &size), -EINVAL);
                assert_int_equal(size, 42);
        }
        size_t size = 42;
        assert_int_equal(size_parse("18446744073709551616", &size), -ERANGE);
        assert_int_equal(size_parse("18014398509481984K", &size), -ERANGE);
        assert_int_equal(size, 42);
        assert_string_equal(size_format(16 << 20, text), "16M");
        assert_string_equal(size_format(1025, text), "1025");
        assert_string_equal(size_format(0, text), "0");
        assert_string_equal(size_format((size_t)1 << 40, text), "1024G");
}

int main(void)
{
        static const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_span_parse),        cmocka_unit_test(test_span_invalid),
                cmocka_unit_test(test_span_format),       cmocka_unit_test(test_span_round_trip),
                cmocka_unit_test(test_span_format_rough), cmocka_unit_test(test_size),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
