/* SPDX-License-Identifier: MIT */

/* Which rows are believed without a confirmation. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "planning/row_trust.h"
#include "random.h"
#include "util/timespan.h"

#define NOW (500 * USEC_PER_HOUR)

/* `count` confirmations that were equal, with 100 bytes of ResultData. */
static struct row_trust trust_after(unsigned count)
{
        struct row_trust trust = ROW_TRUST_INITIAL;

        for (unsigned i = 0; i < count; i++)
                row_trust_note(&trust, ROW_EQUAL, 100, NOW);
        return trust;
}

static void test_no_row_is_believed_before_twenty_were_equal(void **state)
{
        (void)state;
        for (unsigned count = 0; count < 40; count++) {
                struct row_trust trust = trust_after(count);
                assert_int_equal(row_trust_believes(&trust, 1000, true, 100, NOW), count >= 20);
        }
}

static void test_up_to_fifty_that_wait_are_all_confirmed(void **state)
{
        struct row_trust trust = trust_after(20);
        (void)state;

        for (size_t waiting = 0; waiting < 100; waiting++)
                assert_int_equal(row_trust_believes(&trust, waiting, true, 100, NOW), waiting > 50);
}

static void test_a_row_without_result_data_is_confirmed(void **state)
{
        struct row_trust trust = trust_after(20);
        (void)state;

        assert_false(row_trust_believes(&trust, 1000, false, 0, NOW));
        assert_true(row_trust_believes(&trust, 1000, true, 0, NOW)); /* an empty text is one */
}

/* Texts may be cut at a length that no confirmed row had yet. */
static void test_a_longer_result_than_was_ever_equal_is_confirmed(void **state)
{
        struct row_trust trust = trust_after(20);
        (void)state;

        assert_true(row_trust_believes(&trust, 1000, true, 100, NOW));
        assert_false(row_trust_believes(&trust, 1000, true, 101, NOW));
        row_trust_note(&trust, ROW_EQUAL, 101, NOW);
        row_trust_note(&trust, ROW_EQUAL, 5, NOW);
        assert_true(row_trust_believes(&trust, 1000, true, 101, NOW));
        assert_false(row_trust_believes(&trust, 1000, true, 102, NOW));
}

static void test_one_in_twenty_is_confirmed_all_the_same(void **state)
{
        unsigned confirmed = 0;
        uint64_t seed = 5;
        (void)state;

        for (unsigned i = 0; i < 100000; i++)
                confirmed += row_trust_samples(random_next(&seed));
        assert_in_range(confirmed, 4500, 5500);
}

static void test_one_wrong_row_ends_that_for_an_hour(void **state)
{
        struct row_trust trust = trust_after(30);
        (void)state;

        row_trust_note(&trust, ROW_WRONG, 100, NOW);
        for (unsigned i = 0; i < 30; i++)
                row_trust_note(&trust, ROW_EQUAL, 100, NOW + 1);
        assert_false(row_trust_believes(&trust, 1000, true, 100, NOW + USEC_PER_HOUR - 1));
        assert_true(row_trust_believes(&trust, 1000, true, 100, NOW + USEC_PER_HOUR));
}

/* A busy job changes between its row and its confirmation. */
static void test_a_record_that_changed_since_its_row_says_nothing(void **state)
{
        struct row_trust trust = trust_after(19);
        (void)state;

        row_trust_note(&trust, ROW_OLDER, 100, NOW);
        assert_false(row_trust_believes(&trust, 1000, true, 100, NOW));
        row_trust_note(&trust, ROW_EQUAL, 100, NOW);
        row_trust_note(&trust, ROW_OLDER, 200, NOW);
        assert_true(row_trust_believes(&trust, 1000, true, 100, NOW));
        assert_false(row_trust_believes(&trust, 1000, true, 200, NOW));
}

static void test_after_a_wrong_row_twenty_must_be_equal_again(void **state)
{
        struct row_trust trust = trust_after(30);
        (void)state;

        row_trust_note(&trust, ROW_WRONG, 0, NOW);
        for (unsigned count = 0; count < 20; count++) {
                assert_false(row_trust_believes(&trust, 1000, true, 7, NOW + USEC_PER_DAY));
                row_trust_note(&trust, ROW_EQUAL, 7, NOW + USEC_PER_DAY);
        }
        assert_true(row_trust_believes(&trust, 1000, true, 7, NOW + USEC_PER_DAY));
        /* What was the longest before may be what was wrong. */
        assert_false(row_trust_believes(&trust, 1000, true, 100, NOW + USEC_PER_DAY));
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_no_row_is_believed_before_twenty_were_equal),
                cmocka_unit_test(test_up_to_fifty_that_wait_are_all_confirmed),
                cmocka_unit_test(test_a_row_without_result_data_is_confirmed),
                cmocka_unit_test(test_a_longer_result_than_was_ever_equal_is_confirmed),
                cmocka_unit_test(test_one_in_twenty_is_confirmed_all_the_same),
                cmocka_unit_test(test_one_wrong_row_ends_that_for_an_hour),
                cmocka_unit_test(test_a_record_that_changed_since_its_row_says_nothing),
                cmocka_unit_test(test_after_a_wrong_row_twenty_must_be_equal_again),
        };

        return cmocka_run_group_tests_name("row_trust", tests, NULL, NULL);
}
