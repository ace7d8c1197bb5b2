/* SPDX-License-Identifier: MIT */

/* Times of the API: which texts are times, of which form, and in which order they are. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "model/remote_time.h"
#include "random.h"

static struct remote_time parse(const char *string)
{
        struct text text = { (char *)(uintptr_t)string, strlen(string) };

        return remote_time_parse(&text);
}

static void test_each_form_is_recognised(void **state)
{
        static const struct {
                const char *text;
                enum remote_time_form form;
                int64_t ticks;
                bool whole_second;
        } cases[] = {
                { "2024-01-15T10:30:00", REMOTE_TIME_LOCAL, 17053146000000000, true },
                { "2024-01-15T10:30:00Z", REMOTE_TIME_UTC, 17053146000000000, true },
                { "2024-01-15T11:30:00+01:00", REMOTE_TIME_UTC, 17053146000000000, true },
                { "2024-01-15T04:00:00-0630", REMOTE_TIME_UTC, 17053146000000000, true },
                { "/Date(1705314600000)/", REMOTE_TIME_DATE, 17053146000000000, true },
                { "/Date(1705314600000+0100)/", REMOTE_TIME_DATE, 17053146000000000, true },
                { "/Date(1705314600000-0800)/", REMOTE_TIME_DATE, 17053146000000000, true },
                { "/Date(1705314600001)/", REMOTE_TIME_DATE, 17053146000010000, false },
                { "/Date(-1)/", REMOTE_TIME_DATE, -10000, false },
                { "/Date(0)/", REMOTE_TIME_DATE, 0, true },
                { "2024-01-15T10:30:00.1", REMOTE_TIME_LOCAL, 17053146001000000, false },
                { "2024-01-15T10:30:00.12Z", REMOTE_TIME_UTC, 17053146001200000, false },
                { "2024-01-15T10:30:00.1234567Z", REMOTE_TIME_UTC, 17053146001234567, false },
                { "2024-01-15T10:30:00.0000000", REMOTE_TIME_LOCAL, 17053146000000000, true },
                { "2024-01-15T10:30:60", REMOTE_TIME_LOCAL, 17053146600000000, true },
                { "2024-02-29T00:00:00Z", REMOTE_TIME_UTC, 17091648000000000, true },
                { "2000-02-29T00:00:00Z", REMOTE_TIME_UTC, 9517824000000000, true },
                { "1969-12-31T23:59:59.9999999Z", REMOTE_TIME_UTC, -1, false },
                { "0001-01-01T00:00:00", REMOTE_TIME_LOCAL, -621355968000000000, true },
                { "9999-12-31T23:59:59.9999999", REMOTE_TIME_LOCAL, 2534023007999999999, false },
                { "/Date(-62135596800000)/", REMOTE_TIME_DATE, -621355968000000000, true },
                { "/Date(253402300799999)/", REMOTE_TIME_DATE, 2534023007999990000, false },
        };

        (void)state;
        for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
                struct remote_time time = parse(cases[i].text);
                if (time.form != cases[i].form || time.ticks != cases[i].ticks ||
                    time.whole_second != cases[i].whole_second)
                        fail_msg("%s: form %d, ticks %lld", cases[i].text, (int)time.form,
                                 (long long)time.ticks);
        }
}

static void test_what_is_no_time_has_none(void **state)
{
        static const char *const wrong[] = {
                "",
                "now",
                "2024-01-15",
                "2024-01-15 10:30:00",
                "2024-1-15T10:30:00",
                "24-01-15T10:30:00",
                "0000-01-01T00:00:00",
                "10000-01-01T00:00:00",
                "2024-00-15T10:30:00",
                "2024-13-15T10:30:00",
                "2024-01-00T10:30:00",
                "2024-01-32T10:30:00",
                "2024-04-31T10:30:00",
                "2023-02-29T10:30:00",
                "1900-02-29T10:30:00",
                "2024-12-32T10:30:00",
                "2024-01-15T24:00:00",
                "2024-01-15T10:60:00",
                "2024-01-15T10:30:61",
                "2024-01-15T10:30",
                "2024-01-15T10:30:",
                "2024-01-15T10-30:00",
                "2024/01-15T10:30:00",
                "2024-01/15T10:30:00",
                "2024-01-15T10:30:00.",
                "2024-01-15T10:30:00.Z",
                "2024-01-15T10:30:00,5Z",
                "2024-01-15T10:30:00.12345678",
                "2024-01-15T10:30:00z",
                "2024-01-15T10:30:00ZZ",
                "2024-01-15T10:30:00Z ",
                " 2024-01-15T10:30:00Z",
                "2024-01-15T10:30:00+",
                "2024-01-15T10:30:00+1:00",
                "2024-01-15T10:30:00+24:00",
                "2024-01-15T10:30:00+01:60",
                "2024-01-15T10:30:00+01",
                "2024-01-15T10:30:00+01:00Z",
                "+024-01-15T10:30:00",
                "/Date()/",
                "/Date(-)/",
                "/Date(1705314600000)",
                "/Date(1705314600000)/ ",
                "/Date(1705314600000+01)/",
                "/Date(17053146000.5)/",
                "/Date(253402300800000)/",
                "/Date(-62135596800001)/",
                "/Date(1705314600000000)/",
                "/date(1705314600000)/",
                "1705314600000",
        };
        static const struct text with_nul = TEXT_LITERAL("2024-01-15T10:30:00\0Z");

        (void)state;
        for (size_t i = 0; i < sizeof(wrong) / sizeof(*wrong); i++) {
                struct remote_time time = parse(wrong[i]);
                if (time.form != REMOTE_TIME_NONE || time.ticks != 0 || time.whole_second)
                        fail_msg("%s: form %d", wrong[i], (int)time.form);
        }
        assert_int_equal(remote_time_parse(&TEXT_NULL).form, REMOTE_TIME_NONE);
        assert_int_equal(remote_time_parse(&with_nul).form, REMOTE_TIME_NONE);
}

/* The C library counts the days here. */
static void test_days_are_those_of_the_calendar(void **state)
{
        (void)state;
        for (time_t seconds = -62135596800; seconds < 253402300800; seconds += 86400 * 11 + 3607) {
                char text[64];
                struct tm tm;

                assert_non_null(gmtime_r(&seconds, &tm));
                (void)snprintf(text, sizeof(text), "%04d-%02d-%02dT%02d:%02d:%02dZ", tm.tm_year + 1900,
                               tm.tm_mon + 1, tm.tm_mday, tm.tm_hour, tm.tm_min, tm.tm_sec);
                struct remote_time time = parse(text);
                assert_int_equal(time.form, REMOTE_TIME_UTC);
                assert_int_equal(time.ticks, seconds * REMOTE_TICKS_PER_SEC);
        }
}

static void test_only_times_of_one_form_are_compared(void **state)
{
        static const char *const texts[] = {
                "null",
                "2024-01-15T10:30:00",
                "2024-01-15T10:30:00Z",
                "/Date(1705314600000)/",
        };

        (void)state;
        for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++)
                for (size_t j = 0; j < sizeof(texts) / sizeof(*texts); j++) {
                        struct remote_time left = parse(texts[i]), right = parse(texts[j]);
                        assert_int_equal(remote_time_comparable(&left, &right), i == j && i > 0);
                }
        struct remote_time with = parse("2024-01-15T10:30:00.5"), without = parse("2024-01-15T10:30:00");
        assert_true(remote_time_comparable(&with, &without));
}

static void test_a_written_time_is_read_again(void **state)
{
        static const char *const texts[] = {
                "no time",
                "2024-01-15T10:30:00.1234567",
                "2024-01-15T10:30:00Z",
                "/Date(-1705314600000)/",
                "0001-01-01T00:00:00+23:59",
                "9999-12-31T23:59:60.9999999-23:59",
        };
        char buffer[REMOTE_TIME_TEXT_MAX + sizeof(" and more")];

        (void)state;
        for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++) {
                struct remote_time time = parse(texts[i]), again = { .ticks = 42 };

                strcat(remote_time_write(&time, buffer), " and more");
                assert_string_equal(remote_time_read(buffer, &again), " and more");
                assert_int_equal(again.form, time.form);
                assert_int_equal(again.ticks, time.ticks);
                assert_int_equal(again.whole_second, time.whole_second);
        }
}

static void test_what_was_not_written_is_not_read(void **state)
{
        static const char *const wrong[] = {
                "",
                "utc",
                "utc ",
                "utc -",
                "utc x",
                "utc  1",
                "utc +1",
                "utc --1",
                "UTC 1",
                "zone 1",
                "none 1",
                "utc1",
                "utc 2534023872000000000",
                "utc 9223372036854775807",
                "utc 9999999999999999999",
                "utc -9999999999999999999",
                "utc -621356832000000001",
        };

        (void)state;
        for (size_t i = 0; i < sizeof(wrong) / sizeof(*wrong); i++) {
                struct remote_time time = { .ticks = 42 };
                if (remote_time_read(wrong[i], &time) != NULL || time.ticks != 42)
                        fail_msg("%s was read", wrong[i]);
        }
}

/* Bytes of a time changed at random never become one out of range. */
static void test_any_text_is_a_time_in_range_or_none(void **state)
{
        uint64_t seed = 3;
        (void)state;

        for (unsigned i = 0; i < 200000; i++) {
                static const char *const from[] = { "2024-01-15T10:30:00.1234567+01:30",
                                                    "/Date(-62135596800000-0100)/" };
                static const char bytes[] = "0123456789-+:.TZ/()D";
                char string[64];

                strcpy(string, from[i % 2]);
                for (unsigned changes = 1 + random_next(&seed) % 3; changes > 0; changes--)
                        string[random_next(&seed) % strlen(from[i % 2])] =
                                bytes[random_next(&seed) % (sizeof(bytes) - 1)];
                struct remote_time time = parse(string);
                assert_in_range(time.ticks + 621356832000000000, 0, 2534023872000000000 + 621356832000000000);
                assert_true(time.form != REMOTE_TIME_NONE || time.ticks == 0);
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_each_form_is_recognised),
                cmocka_unit_test(test_what_is_no_time_has_none),
                cmocka_unit_test(test_days_are_those_of_the_calendar),
                cmocka_unit_test(test_only_times_of_one_form_are_compared),
                cmocka_unit_test(test_a_written_time_is_read_again),
                cmocka_unit_test(test_what_was_not_written_is_not_read),
                cmocka_unit_test(test_any_text_is_a_time_in_range_or_none),
        };

        return cmocka_run_group_tests_name("remote_time", tests, NULL, NULL);
}
