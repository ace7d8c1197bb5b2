/* SPDX-License-Identifier: MIT */

/* Which rows were shown in this round or the one before. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "planning/seen_rows.h"
#include "random.h"

static void test_a_row_is_forgotten_after_a_round_that_did_not_show_it(void **state)
{
        struct seen_rows seen = SEEN_ROWS_EMPTY;
        (void)state;

        assert_false(seen_rows_has(&seen, 7));
        seen_rows_note(&seen, 7);
        for (unsigned round = 0; round < 5; round++) { /* odd and even ones */
                assert_true(seen_rows_has(&seen, 7));
                seen_rows_end_round(&seen);
                assert_true(seen_rows_has(&seen, 7));
                seen_rows_note(&seen, 7);
        }
        seen_rows_end_round(&seen);
        assert_true(seen_rows_has(&seen, 7));
        seen_rows_end_round(&seen);
        assert_false(seen_rows_has(&seen, 7));
        assert_int_equal(seen.count, 0);
        seen_rows_clear(&seen);
}

static void test_any_two_digests_are_told_apart(void **state)
{
        struct seen_rows seen = SEEN_ROWS_EMPTY;
        (void)state;

        for (unsigned bit = 0; bit < 64; bit++)
                seen_rows_note(&seen, UINT64_C(1) << bit);
        seen_rows_note(&seen, 0);
        assert_int_equal(seen.count, 65);
        assert_true(seen_rows_has(&seen, 0));
        assert_false(seen_rows_has(&seen, 3));
        seen_rows_clear(&seen);
        assert_false(seen_rows_has(&seen, 0));
}

#define DIGESTS 600

/* The rounds in which each digest was noted are kept beside those that are remembered.
 */
static void test_rows_are_those_of_two_rounds(void **state)
{
        struct seen_rows seen = SEEN_ROWS_EMPTY;
        unsigned noted[DIGESTS] = { 0 };
        uint64_t seed = 11;
        (void)state;

        for (unsigned round = 1; round < 300; round++) {
                unsigned from = (unsigned)(random_next(&seed) % DIGESTS);
                for (unsigned n = (unsigned)(random_next(&seed) % DIGESTS); n > 0; n--) {
                        unsigned digest = (from + n * 7) % DIGESTS;
                        seen_rows_note(&seen, digest);
                        noted[digest] = round + 1;
                }
                seen_rows_end_round(&seen);
                size_t count = 0;
                for (unsigned digest = 0; digest < DIGESTS; digest++) {
                        bool kept = noted[digest] >= round + 1;
                        if (seen_rows_has(&seen, digest) != kept)
                                fail_msg("round %u, digest %u: %d is expected", round, digest, kept);
                        count += kept;
                }
                assert_int_equal(seen.count, count);
        }
        seen_rows_clear(&seen);
}

static void test_no_more_than_a_number_of_rows_are_remembered(void **state)
{
        struct seen_rows seen = SEEN_ROWS_EMPTY;
        size_t kept = 0;
        (void)state;

        for (uint64_t digest = 0; digest < SEEN_ROWS_MAX + 1000; digest++)
                seen_rows_note(&seen, digest);
        for (uint64_t digest = 0; digest < SEEN_ROWS_MAX + 1000; digest++)
                kept += seen_rows_has(&seen, digest);
        assert_int_equal(kept, SEEN_ROWS_MAX);
        assert_true(seen.count * sizeof(*seen.rows) <= 512 * 1024);

        /* Those that are remembered are still noted, and make room when they are forgotten. */
        seen_rows_end_round(&seen);
        seen_rows_note(&seen, 0);
        seen_rows_note(&seen, UINT64_MAX);
        assert_false(seen_rows_has(&seen, UINT64_MAX));
        seen_rows_end_round(&seen);
        assert_true(seen_rows_has(&seen, 0));
        seen_rows_note(&seen, UINT64_MAX);
        assert_true(seen_rows_has(&seen, UINT64_MAX));
        assert_int_equal(seen.count, 2);
        seen_rows_clear(&seen);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_a_row_is_forgotten_after_a_round_that_did_not_show_it),
                cmocka_unit_test(test_any_two_digests_are_told_apart),
                cmocka_unit_test(test_rows_are_those_of_two_rounds),
                cmocka_unit_test(test_no_more_than_a_number_of_rows_are_remembered),
        };

        return cmocka_run_group_tests_name("seen_rows", tests, NULL, NULL);
}
