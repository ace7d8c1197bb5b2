/* SPDX-License-Identifier: MIT */

/* The order of the rows of the feed. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "feed_fixture.h"

/* ---- order ---- */

static void test_the_direction_that_is_newest_first_is_found(void **state)
{
        static const int values[] = { -1, 1, 0 };
        (void)state;

        for (size_t i = 0; i < sizeof(values) / sizeof(*values); i++) {
                struct feed_table table;

                feed_table_setup(&table, 300, true);
                table.has_direction = true;
                table.direction = values[i];
                assert_int_equal(feed_table_read_round(&table), FEED_ROUND_DONE);
                assert_int_equal(table.again, i);
                assert_int_equal(table.cursor.newest.ticks, FEED_EPOCH + FEED_SECONDS(300));
                assert_int_equal(feed_table_read_round(&table), FEED_ROUND_DONE);
                assert_int_equal(table.again, 0);
                feed_table_clear(&table);
        }
}

static void test_a_new_meaning_of_dir_is_found(void **state)
{
        struct feed_table table;
        (void)state;

        feed_table_setup(&table, 300, true);
        table.has_direction = true;
        table.direction = 1;
        assert_int_equal(feed_table_read_round(&table), FEED_ROUND_DONE);
        table.direction = -1;
        assert_int_equal(feed_table_read_round(&table), FEED_ROUND_DONE);
        assert_int_equal(table.again, 2);
        table.direction = 0;
        assert_int_equal(feed_table_read_round(&table), FEED_ROUND_DONE);
        assert_int_equal(table.again, 2);
        feed_table_clear(&table);
}

static void test_after_a_time_off_all_values_of_dir_are_tried(void **state)
{
        struct feed_table table;
        (void)state;

        feed_table_setup(&table, 300, true);
        table.has_direction = true;
        table.direction = 1;
        assert_int_equal(feed_table_read_round(&table), FEED_ROUND_DONE);
        feed_cursor_turn_off(&table.cursor, "a reason", table.now_us);
        table.now_us += USEC_PER_HOUR;
        table.size_max = 20; /* each value fails twice, or once */
        assert_int_equal(feed_table_read_round(&table), FEED_ROUND_DONE);
        assert_int_equal(table.requests[0].direction, -1);
        assert_int_equal(table.requests[1].direction, -1);
        assert_int_equal(table.requests[2].direction, 1);
        assert_int_equal(table.requests[3].direction, 0);
        assert_int_equal(table.requests[4].direction, -1);
        assert_int_equal(table.requests[4].size, 12);
        assert_int_equal(table.requests[5].direction, 1);
        feed_table_clear(&table);
}

static void test_after_an_unsorted_search_each_value_of_dir_is_tried_again(void **state)
{
        struct feed_table table;
        (void)state;

        feed_table_setup(&table, 300, true);
        table.has_direction = true;
        table.direction = 7;
        assert_int_equal(feed_table_read_round(&table), FEED_FAILED);
        table.now_us += USEC_PER_HOUR;
        table.direction = 0;
        assert_int_equal(feed_table_read_round(&table), FEED_ROUND_DONE);
        assert_int_equal(table.again, 2);
        feed_table_clear(&table);
}

static void fail_other_directions(struct feed_table *table, const struct feed_page_request *request)
{
        table->size_max = request->direction == 0 ? 0 : 1;
}

static void test_a_value_of_dir_that_fails_is_not_used(void **state)
{
        struct feed_table table;
        (void)state;

        feed_table_setup(&table, 300, true);
        table.on_page = fail_other_directions;
        assert_int_equal(feed_table_read_round(&table), FEED_ROUND_DONE);
        assert_int_equal(table.requests[table.pages - 1].direction, 0);
        assert_int_equal(table.requests[table.pages - 1].size, 25);
        feed_table_clear(&table);
}

static void test_small_pages_are_found_with_any_dir(void **state)
{
        struct feed_table table;
        (void)state;

        feed_table_setup(&table, 300, true);
        table.size_max = 10;
        assert_int_equal(feed_table_read_round(&table), FEED_ROUND_DONE);
        assert_int_equal(table.requests[table.pages - 1].direction, -1);
        assert_int_equal(table.requests[table.pages - 1].size, 6);
        feed_table_clear(&table);
}

static void test_a_search_that_ignores_the_order_fails(void **state)
{
        struct feed_table table;
        (void)state;

        feed_table_setup(&table, 300, true);
        table.has_direction = true;
        table.direction = 7;
        assert_int_equal(feed_table_read_round(&table), FEED_FAILED);
        assert_int_equal(table.pages, 3);
        assert_string_equal(table.cursor.off.reason, "rows are not sorted by UpdatedOn");
        feed_table_clear(&table);
}

static void fail_after_unsorted(struct feed_table *table, const struct feed_page_request *request)
{
        table->size_max = request->direction == -1 ? 0 : 1;
        assert_true(request->direction != -1 || table->pages == 0);
}

/* Smaller pages look sorted, so such a value must not be tried with them. */
static void test_a_value_of_dir_that_did_not_sort_is_not_used_with_smaller_pages(void **state)
{
        struct feed_table table;
        (void)state;

        feed_table_setup(&table, 300, true);
        table.has_direction = true;
        table.direction = 1;
        table.on_page = fail_after_unsorted;
        assert_int_equal(feed_table_read_round(&table), FEED_ROUND_DONE);
        assert_int_equal(table.requests[table.pages - 1].size, 1);
        feed_table_clear(&table);
}

static void sort_first_pages(struct feed_table *table, const struct feed_page_request *request)
{
        table->has_direction = request->page > 1;
}

static void test_a_search_that_sorts_some_pages_fails(void **state)
{
        struct feed_table table;
        (void)state;

        feed_table_setup(&table, 300, true);
        feed_table_start_at(&table, FEED_SECONDS(300));
        table.direction = 7;
        table.on_page = sort_first_pages;
        assert_int_equal(feed_table_read_round(&table), FEED_FAILED);
        assert_int_equal(table.pages, 6);
        assert_string_equal(table.cursor.off.reason, "rows are not sorted by UpdatedOn");
        feed_table_clear(&table);
}

/* Takes one page of two rows with these times, on a first page; returns the step. */
static enum feed_step take_two(struct remote_time first, struct remote_time second)
{
        const struct feed_row rows[] = {
                { .id = 1, .updated = first, .digest = 1, .has_status = true },
                { .id = 2, .updated = second, .digest = 2, .has_status = true },
        };
        const struct feed_page_end end = { .number = 0 };
        struct feed_page_request request;
        struct feed_cursor cursor;
        enum feed_step step;
        bool new[2];

        feed_cursor_init(&cursor);
        feed_cursor_begin_page(&cursor, 1, &request);
        step = feed_cursor_take_page(&cursor, rows, 2, &end, new, 1);
        assert_int_equal(new[0] && new[1], step == FEED_ROUND_DONE);
        feed_cursor_clear(&cursor);
        return step;
}

static void test_times_of_two_forms_or_none_are_not_sorted(void **state)
{
        const struct remote_time none = { .form = REMOTE_TIME_NONE }, utc = { REMOTE_TIME_UTC, 20, false },
                                 older = { REMOTE_TIME_UTC, 19, false },
                                 local = { REMOTE_TIME_LOCAL, 10, false };
        (void)state;

        assert_int_equal(take_two(utc, older), FEED_ROUND_DONE);
        assert_int_equal(take_two(utc, utc), FEED_ROUND_DONE);
        assert_int_equal(take_two(older, utc), FEED_AGAIN);
        assert_int_equal(take_two(utc, local), FEED_AGAIN);
        assert_int_equal(take_two(utc, none), FEED_AGAIN);
        assert_int_equal(take_two(none, utc), FEED_AGAIN);
        assert_int_equal(take_two(none, none), FEED_AGAIN);
}

static void change_form_after_first_page(struct feed_table *table, const struct feed_page_request *request)
{
        table->form = request->page == 1 ? REMOTE_TIME_UTC : REMOTE_TIME_LOCAL;
}

static void test_a_page_in_another_form_than_the_first_is_not_sorted(void **state)
{
        struct feed_table table;
        (void)state;

        feed_table_setup(&table, 300, true);
        feed_table_start_at(&table, FEED_SECONDS(300));
        table.on_page = change_form_after_first_page;
        assert_int_equal(feed_table_read_round(&table), FEED_FAILED);
        assert_string_equal(table.cursor.off.reason, "rows are not sorted by UpdatedOn");
        feed_table_clear(&table);
}

static void test_a_new_form_of_times_is_a_new_start(void **state)
{
        struct feed_table table;
        (void)state;

        feed_table_setup(&table, 300, true);
        feed_table_start_at(&table, FEED_SECONDS(300));
        table.form = REMOTE_TIME_LOCAL;
        assert_int_equal(feed_table_read_round(&table), FEED_ROUND_CUT);
        assert_int_equal(table.pages, 1);
        assert_int_equal(table.cursor.newest.form, REMOTE_TIME_LOCAL);
        feed_table_change(&table, 7, FEED_SECONDS(301));
        assert_int_equal(feed_table_read_round(&table), FEED_ROUND_DONE);
        assert_int_equal(feed_table_get(&table, 7)->times, 1);
        feed_table_clear(&table);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_the_direction_that_is_newest_first_is_found),
                cmocka_unit_test(test_a_new_meaning_of_dir_is_found),
                cmocka_unit_test(test_after_a_time_off_all_values_of_dir_are_tried),
                cmocka_unit_test(test_after_an_unsorted_search_each_value_of_dir_is_tried_again),
                cmocka_unit_test(test_a_value_of_dir_that_fails_is_not_used),
                cmocka_unit_test(test_small_pages_are_found_with_any_dir),
                cmocka_unit_test(test_a_search_that_ignores_the_order_fails),
                cmocka_unit_test(test_a_value_of_dir_that_did_not_sort_is_not_used_with_smaller_pages),
                cmocka_unit_test(test_a_search_that_sorts_some_pages_fails),
                cmocka_unit_test(test_times_of_two_forms_or_none_are_not_sorted),
                cmocka_unit_test(test_a_page_in_another_form_than_the_first_is_not_sorted),
                cmocka_unit_test(test_a_new_form_of_times_is_a_new_start),
        };

        return cmocka_run_group_tests_name("feed_order", tests, NULL, NULL);
}
