/* SPDX-License-Identifier: MIT */

/* Which texts state a progress, and that nothing else is taken for one. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "model/progress.h"

static void assert_progress(const char *text, int progress)
{
        if (progress_detect(text, strlen(text), false) != progress)
                fail_msg("'%s': %d", text, progress_detect(text, strlen(text), false));
}

static void test_a_percentage(void **state)
{
        (void)state;
        assert_progress("45%", 45);
        assert_progress("45.5 %", 45);
        assert_progress("45,9\xc2\xa0%", 45);
        assert_progress("Importing: 0% of the file", 0);
        assert_progress("\xe2\x86\x92"
                        "100%",
                        100);
        assert_progress("{\"state\": \"45%\", \"message\": \"45% done\"}", 45);
        assert_progress("{\"percent\": 45.5}", 45);
        assert_progress("Percentage = 7", 7);
}

static void test_no_percentage(void **state)
{
        (void)state;
        assert_progress("", PROGRESS_NONE);
        assert_progress("101%", PROGRESS_NONE);
        assert_progress("-5%", PROGRESS_NONE);
        assert_progress("1.2.3%", PROGRESS_NONE);
        assert_progress("12345678901234567890%", PROGRESS_NONE);
        assert_progress("v45%", PROGRESS_NONE);
        assert_progress("45", PROGRESS_NONE);
        assert_progress("45 per thousand", PROGRESS_NONE);
        assert_progress("40 to 45%, then 80%", PROGRESS_NONE);
        assert_progress("{\"percent\": 0.45}", PROGRESS_NONE);
        assert_progress("{\"percent\": \"some\", \"code\": 45}", PROGRESS_NONE);
}

static void test_two_numbers_with_names(void **state)
{
        (void)state;
        assert_progress("{\"done\": 260, \"total\": 400}", 65);
        assert_progress("{\"rows\":400,\"done\":399}", 99);
        assert_progress("{\"totalRows\": \"400\", \"rows_processed\": \"0\"}", 0);
        assert_progress("processed=260 records=400", 65);
        assert_progress("Imported: 1\nCount: 3\nErrors: 2\n", 33);
        assert_progress("{\"total\": 4, \"done\": 4, \"pages\": {\"total\": 4}}", 100);
        assert_progress("done: 260 of 400", 65);
        assert_progress("Processed 260 OF 400", 65);
        assert_progress("Rows: 260/400", 65);
        assert_progress("260 / 400 rows", 65);
        assert_progress("260 of 400 records imported", 65);
        assert_progress("260 of 400 rows\nFailed: 3", 65);
        assert_progress("260 of 400 rows done, 3 failed", 65);
        assert_progress("260/400 rows: importing", 65);
}

static void test_two_numbers_without_a_progress(void **state)
{
        (void)state;
        assert_progress("{\"done\": 260}", PROGRESS_NONE);
        assert_progress("{\"total\": 400}", PROGRESS_NONE);
        assert_progress("{\"done\": 3, \"left\": 4}", PROGRESS_NONE);
        assert_progress("{\"done\": true, \"total\": 4, \"errors\": 2}", PROGRESS_NONE);
        assert_progress("{\"done\": 5, \"total\": 4}", PROGRESS_NONE);
        assert_progress("{\"done\": 0, \"total\": 0}", PROGRESS_NONE);
        assert_progress("{\"done\": 1.5, \"total\": 4}", PROGRESS_NONE);
        assert_progress("{\"done\": -1, \"total\": 4}", PROGRESS_NONE);
        assert_progress("{\"done\": 1, \"total\": 4, \"rows\": 5}", PROGRESS_NONE);
        assert_progress("done: 1,000 of 4,000", PROGRESS_NONE);
        assert_progress("done 3/4/2026", PROGRESS_NONE);
        assert_progress("3/4", PROGRESS_NONE);
        assert_progress("3 of 4", PROGRESS_NONE);
        assert_progress("done 3 of course", PROGRESS_NONE);
        assert_progress("2 errors in 400 rows", PROGRESS_NONE);
        assert_progress("3 of 400 rows failed", PROGRESS_NONE);
        assert_progress("Failed: 3 of 400 rows", PROGRESS_NONE);
        assert_progress("3/400 records skipped", PROGRESS_NONE);
        assert_progress("2026-01-15T10:30:00Z Row 17: no such price plan", PROGRESS_NONE);
        assert_progress("{\"abandoned\": 1, \"subtotal\": 4}", PROGRESS_NONE);
}

static void test_a_number_that_is_cut_off(void **state)
{
        const char text[] = "done: 260 of 400";
        (void)state;

        assert_int_equal(progress_detect(text, strlen(text) - 1, true), PROGRESS_NONE);
        assert_int_equal(progress_detect(text, strlen(text), true), PROGRESS_NONE);
        assert_int_equal(progress_detect("done: 260 of 400\n.", 18, true), 65);
        assert_int_equal(progress_detect("a\0b 45%", 7, false), 45);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_a_percentage),
                cmocka_unit_test(test_no_percentage),
                cmocka_unit_test(test_two_numbers_with_names),
                cmocka_unit_test(test_two_numbers_without_a_progress),
                cmocka_unit_test(test_a_number_that_is_cut_off),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
