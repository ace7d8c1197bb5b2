/* SPDX-License-Identifier: MIT */

/* The size of pages of the feed, and pages that shift or do not advance. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "feed_fixture.h"

/* ---- the size of pages ---- */

static void test_pages_grow_while_most_of_their_rows_are_new(void **state)
{
        struct feed_table table;
        (void)state;

        feed_table_setup(&table, 400, true);
        feed_table_start_at(&table, FEED_SECONDS(400));
        assert_int_equal(feed_table_read_round(&table), FEED_ROUND_DONE);
        for (unsigned id = 1; id <= 150; id++)
                feed_table_change(&table, id, FEED_SECONDS(1000 + id));
        assert_int_equal(feed_table_read_round(&table), FEED_ROUND_DONE);
        assert_int_equal(table.again, 2);
        assert_int_equal(table.requests[0].size, 25);
        assert_int_equal(table.requests[1].size, 50);
        for (unsigned i = 2; i < table.pages; i++) {
                assert_int_equal(table.requests[i].size, 100);
                assert_int_equal(table.requests[i].page, i - 1);
        }
        for (unsigned id = 1; id <= 150; id++)
                assert_int_equal(feed_table_get(&table, id)->times, 1);

        /* That round had more rows than four small pages, so that they stay large for another. */
        feed_table_change(&table, 200, FEED_SECONDS(1200));
        assert_int_equal(feed_table_read_round(&table), FEED_ROUND_DONE);
        assert_int_equal(table.requests[0].size, 100);
        assert_int_equal(table.pages, 1);
        assert_int_equal(feed_table_read_round(&table), FEED_ROUND_DONE);
        assert_int_equal(table.requests[0].size, 25);
        feed_table_clear(&table);
}

static void test_pages_stay_large_while_most_of_their_rows_are_new(void **state)
{
        struct feed_table table;
        (void)state;

        feed_table_setup(&table, 300, true);
        feed_table_start_at(&table, FEED_SECONDS(300));
        for (unsigned round = 1; round <= 3; round++) {
                for (unsigned id = 1; id <= 60; id++)
                        feed_table_change(&table, id, FEED_SECONDS(300 + 100 * round));
                assert_int_equal(feed_table_read_round(&table), FEED_ROUND_DONE);
                assert_int_equal(table.again, round == 1 ? 2 : 0);
                assert_int_equal(table.requests[table.pages - 1].size, 100);
        }
        for (unsigned id = 1; id <= 50; id++)
                feed_table_change(&table, id, FEED_SECONDS(700));
        assert_int_equal(feed_table_read_round(&table), FEED_ROUND_DONE);
        assert_int_equal(feed_table_read_round(&table), FEED_ROUND_DONE); /* a half was not most */
        assert_int_equal(table.requests[0].size, 25);
        feed_table_clear(&table);
}

static void test_half_of_a_page_is_not_most_of_it(void **state)
{
        struct feed_table table;
        (void)state;

        feed_table_setup(&table, 50, true);
        feed_table_start_at(&table, FEED_SECONDS(50));
        for (unsigned id = 1; id <= 12; id++)
                feed_table_change(&table, id, FEED_SECONDS(60 + id));
        assert_int_equal(feed_table_read_round(&table), FEED_ROUND_DONE);
        assert_int_equal(table.again, 0);
        for (unsigned id = 1; id <= 13; id++)
                feed_table_change(&table, id, FEED_SECONDS(80 + id));
        assert_int_equal(feed_table_read_round(&table), FEED_ROUND_DONE);
        assert_int_equal(table.again, 1);
        feed_table_clear(&table);
}

static void test_a_page_that_fails_once_is_requested_again(void **state)
{
        struct feed_table table;
        (void)state;

        feed_table_setup(&table, 300, true);
        feed_table_start_at(&table, FEED_SECONDS(300));
        for (unsigned page = 1; page <= 3; page++) { /* each page of a round */
                table.failing = 1;
                enum feed_step step = feed_table_read_page(&table);
                assert_int_equal(step, FEED_AGAIN);
                step = feed_table_read_page(&table);
                assert_int_equal(step, page < 3 ? FEED_NEXT_PAGE : FEED_ROUND_DONE);
                assert_int_equal(table.requests[table.pages - 2].page, page);
                assert_int_equal(table.requests[table.pages - 1].page, page);
                assert_int_equal(table.requests[table.pages - 1].size, 25);
        }
        feed_table_clear(&table);
}

static void test_a_page_that_fails_again_is_halved(void **state)
{
        struct feed_table table;
        (void)state;

        feed_table_setup(&table, 300, true);
        feed_table_start_at(&table, FEED_SECONDS(300));
        assert_int_equal(feed_table_read_page(&table), FEED_NEXT_PAGE);
        table.size_max = 6;
        assert_int_equal(feed_table_read_round(&table), FEED_ROUND_DONE);
        assert_int_equal(table.again, 3);
        assert_int_equal(table.requests[0].page, 2);
        assert_int_equal(table.requests[1].page, 2);
        assert_int_equal(table.requests[2].page, 1);
        assert_int_equal(table.requests[2].size, 12);
        assert_int_equal(table.requests[3].size, 6);
        feed_table_clear(&table);
}

static void test_a_page_that_is_too_large_is_halved_at_once(void **state)
{
        struct feed_table table;
        (void)state;

        feed_table_setup(&table, 300, true);
        table.size_max = 12;
        table.too_large = true;
        assert_int_equal(feed_table_read_round(&table), FEED_ROUND_DONE);
        assert_int_equal(table.again, 1);
        assert_int_equal(table.requests[1].size, 12);
        assert_int_equal(table.requests[1].direction, -1);
        feed_table_clear(&table);
}

static void test_pages_stay_small_until_an_hour_after_the_first_failure(void **state)
{
        struct feed_table table;
        (void)state;

        feed_table_setup(&table, 30, true);
        assert_int_equal(feed_table_read_round(&table), FEED_ROUND_DONE);
        table.size_max = 12;
        table.too_large = true;
        assert_int_equal(feed_table_read_page(&table), FEED_AGAIN);
        uint64_t failed_us = table.now_us;
        assert_int_equal(feed_table_read_round(&table), FEED_ROUND_DONE);
        table.now_us += 50 * USEC_PER_MIN;
        table.size_max = 6;
        for (unsigned id = 1; id <= 30; id++) /* they do not grow, though all rows are new */
                feed_table_change(&table, id, FEED_SECONDS(100 + id));
        assert_int_equal(feed_table_read_round(&table), FEED_ROUND_DONE);
        assert_int_equal(table.again, 1);
        assert_int_equal(feed_table_read_round(&table), FEED_ROUND_DONE);
        assert_int_equal(table.again, 0);
        assert_int_equal(table.requests[0].size, 6);

        table.now_us = failed_us + USEC_PER_HOUR;
        table.size_max = 0;
        assert_int_equal(feed_table_read_round(&table), FEED_ROUND_DONE);
        assert_int_equal(table.requests[0].size, 25);
        feed_table_clear(&table);
}

static void test_the_feed_is_off_for_an_hour_if_single_rows_fail(void **state)
{
        struct feed_table table;
        (void)state;

        feed_table_setup(&table, 30, true);
        assert_int_equal(feed_table_read_round(&table), FEED_ROUND_DONE);
        table.size_min = 1000;
        assert_int_equal(feed_table_read_round(&table), FEED_FAILED);
        assert_int_equal(table.pages, 6); /* 25 twice, 12, 6, 3, 1 */
        assert_true(feed_cursor_is_off(&table.cursor, table.now_us + USEC_PER_HOUR - 1));
        assert_false(feed_cursor_is_off(&table.cursor, table.now_us + USEC_PER_HOUR));
        assert_false(table.cursor.works);
        assert_string_equal(table.cursor.off.reason, "pages of a single row fail");

        table.now_us += USEC_PER_HOUR;
        table.size_min = 0;
        assert_int_equal(feed_table_read_round(&table), FEED_ROUND_DONE);
        assert_int_equal(table.requests[0].size, 25);
        feed_table_clear(&table);
}

/* ---- pages that shift or do not advance ---- */

/* The newest job is deleted before each second page, as long as there are any to spare. */
static void delete_newest(struct feed_table *table, const struct feed_page_request *request)
{
        if (request->page == 2 && table->count > 294)
                feed_table_remove(table, table->count);
}

static void test_a_round_is_repeated_if_a_job_is_deleted_meanwhile(void **state)
{
        struct feed_table table;
        (void)state;

        feed_table_setup(&table, 297, false);
        feed_table_start_at(&table, FEED_SECONDS(100));
        table.on_page = delete_newest;
        assert_int_equal(feed_table_read_round(&table), FEED_ROUND_DONE);
        assert_int_equal(table.again, 2 + 3); /* and twice for larger pages */
        for (unsigned id = 40; id <= 294; id++)
                assert_int_equal(feed_table_get(&table, id)->times, 1);
        assert_int_equal(table.cursor.newest.ticks, FEED_EPOCH + FEED_SECONDS(294));
        feed_table_clear(&table);
}

/* Another three may follow in the next round. */
static void test_repetitions_are_counted_anew_in_each_round(void **state)
{
        struct feed_table table;
        (void)state;

        feed_table_setup(&table, 297, true);
        feed_table_start_at(&table, FEED_SECONDS(297));
        table.on_page = delete_newest;
        for (unsigned round = 0; round < 2; round++) {
                assert_int_equal(feed_table_read_full_round(&table), FEED_ROUND_DONE);
                assert_int_equal(table.again, 3);
                assert_true(table.cursor.works);
                for (unsigned id = 295; id <= 297; id++)
                        feed_table_add(&table, id, FEED_SECONDS(id), true)->shown = 1;
        }
        feed_table_clear(&table);
}

static void test_after_three_repetitions_the_next_round_reads_as_far_back(void **state)
{
        struct feed_table table;
        (void)state;

        feed_table_setup(&table, 298, true);
        feed_table_start_at(&table, FEED_SECONDS(298));
        table.on_page = delete_newest;
        assert_int_equal(feed_table_read_round(&table), FEED_ROUND_DONE);
        assert_int_equal(table.again, 3);
        assert_int_equal(table.cursor.newest.ticks, FEED_EPOCH + FEED_SECONDS(298));
        assert_false(table.cursor.works);
        assert_int_equal(feed_table_read_round(&table), FEED_ROUND_DONE);
        assert_int_equal(table.again, 0);
        assert_int_equal(table.cursor.newest.ticks, FEED_EPOCH + FEED_SECONDS(294));
        feed_table_clear(&table);
}

static void test_without_totals_no_round_is_repeated(void **state)
{
        struct feed_table table;
        (void)state;

        feed_table_setup(&table, 298, true);
        feed_table_start_at(&table, FEED_SECONDS(298));
        table.on_page = delete_newest;
        table.no_total = true;
        assert_int_equal(feed_table_read_round(&table), FEED_ROUND_DONE);
        assert_int_equal(table.again, 0);
        assert_int_equal(table.cursor.newest.ticks, FEED_EPOCH + FEED_SECONDS(298));
        assert_true(table.cursor.works);
        feed_table_clear(&table);
}

static void test_pages_that_do_not_advance_fail(void **state)
{
        struct feed_table table;
        (void)state;

        feed_table_setup(&table, 300, true);
        feed_table_start_at(&table, FEED_SECONDS(300));
        table.wrong_number = true;
        assert_int_equal(feed_table_read_round(&table), FEED_FAILED);
        assert_int_equal(table.pages, 2);
        assert_string_equal(table.cursor.off.reason, "pages do not advance");
        feed_table_clear(&table);

        /* The same rows may come again once or twice, because new ones pushed them there. */
        feed_table_setup(&table, 300, true);
        feed_table_start_at(&table, FEED_SECONDS(300));
        table.stuck = true;
        assert_int_equal(feed_table_read_round(&table), FEED_FAILED);
        assert_int_equal(table.pages, 8);
        assert_string_equal(table.cursor.off.reason, "pages do not advance");
        feed_table_clear(&table);
}

static void test_pages_without_rows_that_never_end_fail(void **state)
{
        struct feed_table table;
        (void)state;

        feed_table_setup(&table, 30, true);
        feed_table_start_at(&table, FEED_SECONDS(30));
        table.endless = true;
        assert_int_equal(feed_table_read_round(&table), FEED_FAILED);
        assert_int_equal(table.pages, 4 * 4); /* of which the third and the fourth are equal */
        assert_string_equal(table.cursor.off.reason, "pages do not advance");
        feed_table_clear(&table);

        /* The same in a short round. */
        feed_table_setup(&table, 30, true);
        feed_table_start_at(&table, FEED_SECONDS(30));
        assert_int_equal(feed_table_read_round(&table), FEED_ROUND_DONE);
        for (unsigned id = 1; id <= 30; id++)
                feed_table_get(&table, id)->ticks = FEED_SECONDS(30);
        table.endless = true;
        assert_int_equal(feed_table_read_round(&table), FEED_FAILED);
        feed_table_clear(&table);
}

static void push_page_down(struct feed_table *table, const struct feed_page_request *request)
{
        if (request->page == 2 && table->again == 0)
                for (unsigned id = 301; id <= 325; id++)
                        feed_table_add(table, id, FEED_SECONDS(id), true)->shown = 1;
}

static void test_a_page_of_new_rows_in_between_is_no_standstill(void **state)
{
        struct feed_table table;
        (void)state;

        feed_table_setup(&table, 300, true);
        feed_table_start_at(&table, FEED_SECONDS(300));
        table.on_page = push_page_down;
        assert_int_equal(feed_table_read_round(&table), FEED_ROUND_DONE);
        assert_int_equal(table.again, 1);
        feed_table_clear(&table);
}

static void push_pages_down(struct feed_table *table, const struct feed_page_request *request)
{
        if (request->page != 2 || table->count > 300 + 10 * request->size)
                return;
        for (unsigned i = 0; i < request->size; i++) {
                unsigned id = (unsigned)table->count + 1;

                feed_table_add(table, id, FEED_SECONDS(id), true)->shown = 1;
        }
}

static void test_nor_are_many_pages_of_new_rows(void **state)
{
        struct feed_table table;
        (void)state;

        feed_table_setup(&table, 300, true);
        feed_table_start_at(&table, FEED_SECONDS(300));
        table.on_page = push_pages_down;
        assert_int_equal(feed_table_read_round(&table), FEED_ROUND_DONE);
        assert_true(table.again >= 3);
        feed_table_clear(&table);
}

static void test_rows_without_a_status_fail(void **state)
{
        struct feed_table table;
        (void)state;

        feed_table_setup(&table, 300, true);
        table.no_status = true;
        assert_int_equal(feed_table_read_round(&table), FEED_FAILED);
        assert_int_equal(table.pages, 1);
        assert_string_equal(table.cursor.off.reason, "rows have no Status");
        feed_table_clear(&table);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_pages_grow_while_most_of_their_rows_are_new),
                cmocka_unit_test(test_pages_stay_large_while_most_of_their_rows_are_new),
                cmocka_unit_test(test_half_of_a_page_is_not_most_of_it),
                cmocka_unit_test(test_a_page_that_fails_once_is_requested_again),
                cmocka_unit_test(test_a_page_that_fails_again_is_halved),
                cmocka_unit_test(test_a_page_that_is_too_large_is_halved_at_once),
                cmocka_unit_test(test_pages_stay_small_until_an_hour_after_the_first_failure),
                cmocka_unit_test(test_the_feed_is_off_for_an_hour_if_single_rows_fail),
                cmocka_unit_test(test_a_round_is_repeated_if_a_job_is_deleted_meanwhile),
                cmocka_unit_test(test_repetitions_are_counted_anew_in_each_round),
                cmocka_unit_test(test_after_three_repetitions_the_next_round_reads_as_far_back),
                cmocka_unit_test(test_without_totals_no_round_is_repeated),
                cmocka_unit_test(test_pages_that_do_not_advance_fail),
                cmocka_unit_test(test_pages_without_rows_that_never_end_fail),
                cmocka_unit_test(test_a_page_of_new_rows_in_between_is_no_standstill),
                cmocka_unit_test(test_nor_are_many_pages_of_new_rows),
                cmocka_unit_test(test_rows_without_a_status_fail),
        };

        return cmocka_run_group_tests_name("feed_page_size", tests, NULL, NULL);
}
