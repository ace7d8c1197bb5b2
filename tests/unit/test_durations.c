/* SPDX-License-Identifier: MIT */

/* Which Descriptions are similar, and the median duration of what is. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "model/durations.h"

static void assert_folded(const char *description, const char *folded)
{
        char text[256];
        size_t size = description_fold(description, strlen(description), text);

        text[size] = '\0';
        assert_string_equal(text, folded);
}

static void test_digits_and_quoted_parts_are_folded(void **state)
{
        (void)state;
        assert_folded("Import of 1200 rows, file 7", "Import of # rows, file #");
        assert_folded("Import of \"members 3.csv\" by 'Ann'", "Import of \"\" by ''");
        assert_folded("Ann's and Bob's tariffs", "Ann's and Bob's tariffs");
        assert_folded("\"never closed 12", "\"never closed #");
        assert_folded("\xc3\x89t\xc3\xa9 '24'", "\xc3\x89t\xc3\xa9 ''");
        assert_folded("", "");
}

static uint64_t kind(const char *description)
{
        return description_kind(description, strlen(description));
}

static void test_kinds(void **state)
{
        static char large[2 * DESCRIPTION_MAX];
        (void)state;

        assert_true(kind("Import of 1 row from \"a\"") == kind("Import of 400 row from \"b c\""));
        assert_true(kind("Import of members") != kind("Import of rooms"));
        assert_true(kind("") == 0 && description_kind(NULL, 0) == 0 && kind("0") != 0);
        memset(large, 'x', sizeof(large));
        assert_true(description_kind(large, sizeof(large)) == description_kind(large, DESCRIPTION_MAX));
}

static struct durations durations;

static uint64_t median(uint64_t wanted)
{
        uint64_t found = UINT64_MAX;

        return durations_median(&durations, wanted, &found) ? found : UINT64_MAX;
}

static void test_the_median_of_three_or_more(void **state)
{
        (void)state;
        durations = (struct durations){ 0 };
        assert_true(median(7) == UINT64_MAX);
        durations_add(&durations, 7, 900);
        durations_add(&durations, 8, 1);
        durations_add(&durations, 7, 100);
        assert_true(median(7) == UINT64_MAX);
        durations_add(&durations, 7, 300);
        assert_true(median(7) == 300);
        durations_add(&durations, 7, 200);
        assert_true(median(7) == 200);
        assert_true(median(8) == UINT64_MAX && median(9) == UINT64_MAX && median(0) == UINT64_MAX);
}

static void test_no_more_than_there_is_room_for(void **state)
{
        (void)state;
        durations = (struct durations){ 0 };
        durations_add(&durations, 0, 5);
        assert_int_equal(durations.count, 0);
        for (uint64_t i = 0; i < 2 * (uint64_t)DURATIONS_MAX; i++)
                durations_add(&durations, 7, i);
        assert_true(median(7) == DURATIONS_MAX / 2 - 1);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_digits_and_quoted_parts_are_folded),
                cmocka_unit_test(test_kinds),
                cmocka_unit_test(test_the_median_of_three_or_more),
                cmocka_unit_test(test_no_more_than_there_is_room_for),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
