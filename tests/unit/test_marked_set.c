/* SPDX-License-Identifier: MIT */

/* Which numbers are in a set, whatever was added and forgotten before. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "random.h"
#include "util/marked_set.h"

#define NUMBERS 600

static void test_any_two_numbers_are_told_apart(void **state)
{
        struct marked_set set = { .count = 0 };
        (void)state;

        for (unsigned bit = 0; bit < 64; bit++)
                marked_set_put(&set, 100, UINT64_C(1) << bit, 0);
        marked_set_put(&set, 100, 0, 0);
        assert_int_equal(set.count, 65);
        assert_true(marked_set_has(&set, 0));
        assert_false(marked_set_has(&set, 3));
        marked_set_clear(&set);
        assert_false(marked_set_has(&set, 0));
}

/* The mark that each number was given last is kept beside the set. */
static void test_numbers_are_there_until_their_mark_is_forgotten(void **state)
{
        struct marked_set set = { .count = 0 };
        unsigned marks[NUMBERS] = { 0 };
        uint64_t seed = 11;
        (void)state;

        for (unsigned round = 1; round < 300; round++) {
                unsigned from = (unsigned)(random_next(&seed) % NUMBERS);
                for (unsigned n = (unsigned)(random_next(&seed) % NUMBERS); n > 0; n--) {
                        unsigned number = (from + n * 7) % NUMBERS;
                        marked_set_put(&set, NUMBERS, number, round);
                        marks[number] = round;
                }
                marked_set_forget(&set, (int64_t)round - 2);
                size_t count = 0;
                for (unsigned number = 0; number < NUMBERS; number++) {
                        bool kept = marks[number] > 0 && marks[number] + 2 > round;
                        if (marked_set_has(&set, number) != kept)
                                fail_msg("round %u, number %u: %d is expected", round, number, kept);
                        count += kept;
                }
                assert_int_equal(set.count, count);
        }
        marked_set_clear(&set);
}

static void test_no_more_numbers_than_allowed_are_remembered(void **state)
{
        struct marked_set set = { .count = 0 };
        size_t kept = 0;
        (void)state;

        for (uint64_t number = 0; number < 4096; number++)
                marked_set_put(&set, 1024, number, 0);
        for (uint64_t number = 0; number < 4096; number++)
                kept += marked_set_has(&set, number);
        assert_int_equal(kept, 1024);

        /* Those that are remembered are still marked, and make room when they are forgotten. */
        marked_set_put(&set, 1024, 0, 1);
        marked_set_put(&set, 1024, UINT64_MAX, 1);
        assert_false(marked_set_has(&set, UINT64_MAX));
        marked_set_forget(&set, 0);
        assert_true(marked_set_has(&set, 0));
        marked_set_put(&set, 1024, UINT64_MAX, 1);
        assert_true(marked_set_has(&set, UINT64_MAX));
        assert_int_equal(set.count, 2);
        marked_set_clear(&set);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_any_two_numbers_are_told_apart),
                cmocka_unit_test(test_numbers_are_there_until_their_mark_is_forgotten),
                cmocka_unit_test(test_no_more_numbers_than_allowed_are_remembered),
        };

        return cmocka_run_group_tests_name("marked_set", tests, NULL, NULL);
}
