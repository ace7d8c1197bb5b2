/* SPDX-License-Identifier: MIT */

/* Rounds of the feed over a table of jobs: how far they read, and what they show. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "feed_fixture.h"

/* ---- how far a round reads ---- */

static void test_a_first_round_reads_one_page(void **state)
{
        struct feed_table table;
        (void)state;

        feed_table_setup(&table, 300, false);
        assert_false(table.cursor.works);
        assert_int_equal(table.cursor.newest.form, REMOTE_TIME_NONE);
        assert_int_equal(feed_table_read_round(&table), FEED_ROUND_DONE);
        assert_int_equal(table.pages, 1);
        assert_int_equal(table.page_new, 25);
        assert_true(table.cursor.works);
        assert_int_equal(table.cursor.newest.ticks, FEED_EPOCH + FEED_SECONDS(300));
        feed_table_clear(&table);
}

static void test_a_first_round_reads_back_to_the_saved_time(void **state)
{
        struct feed_table table;
        (void)state;

        /* Changes of 50 s since, and of the minute before. */
        feed_table_setup(&table, 300, false);
        feed_table_start_at(&table, FEED_SECONDS(250));
        assert_int_equal(table.cursor.newest.ticks, FEED_EPOCH + FEED_SECONDS(250));
        assert_int_equal(feed_table_read_round(&table), FEED_ROUND_DONE);
        for (unsigned id = 1; id <= 300; id++)
                assert_int_equal(feed_table_get(&table, id)->times, id >= 190 ? 1 : 0);
        feed_table_clear(&table);
}

static void test_a_round_ends_behind_a_minute_before_the_newest_of_the_last(void **state)
{
        struct feed_table table;
        (void)state;

        feed_table_setup(&table, 300, true);
        feed_table_start_at(&table, FEED_SECONDS(300));
        assert_int_equal(feed_table_read_round(&table), FEED_ROUND_DONE);
        assert_int_equal(table.pages, 3); /* to 240 exactly, so that the row of 239 is needed */

        /* Neither more nor less for a round that starts from it. */
        feed_table_get(&table, 300)->ticks = FEED_SECONDS(310);
        assert_int_equal(feed_table_read_full_round(&table), FEED_ROUND_DONE);
        assert_int_equal(table.pages, 3);
        feed_table_remove(&table, 299);
        feed_table_remove(&table, 298);
        assert_int_equal(feed_table_read_full_round(&table), FEED_ROUND_DONE);
        assert_int_equal(table.pages, 2); /* 310, and 297 to 249 */
        feed_table_clear(&table);
}

static void test_many_changes_of_the_last_minute_do_not_delay_the_next(void **state)
{
        struct feed_table table;
        (void)state;

        feed_table_setup(&table, 2000, true);
        for (unsigned id = 1; id <= 1000; id++)
                feed_table_change(&table, id, FEED_SECONDS(3000) + id * REMOTE_TICKS_PER_SEC / 25);
        feed_table_start_at(&table, FEED_SECONDS(3000));
        assert_int_equal(feed_table_read_round(&table), FEED_ROUND_DONE);
        assert_in_range(table.pages, 10, 16);
        for (unsigned id = 1001; id <= 1010; id++) {
                feed_table_change(&table, id, FEED_SECONDS(3041 + id - 1000));
                assert_int_equal(feed_table_read_round(&table), FEED_ROUND_DONE);
                assert_int_equal(feed_table_get(&table, id)->times, 1);
                assert_in_range(table.pages, 1, 4);
        }
        feed_table_clear(&table);
}

static void test_what_becomes_visible_late_among_many_is_shown_after_half_a_minute(void **state)
{
        struct feed_table table;
        (void)state;

        feed_table_setup(&table, 2000, true);
        for (unsigned id = 1; id <= 1000; id++)
                feed_table_change(&table, id, FEED_SECONDS(3000) + id * REMOTE_TICKS_PER_SEC / 25);
        feed_table_start_at(&table, FEED_SECONDS(3000));
        assert_int_equal(feed_table_read_round(&table), FEED_ROUND_DONE);
        feed_table_change(&table, 1500, FEED_SECONDS(3001));
        assert_int_equal(feed_table_read_full_round(&table), FEED_ROUND_DONE);
        assert_int_equal(feed_table_get(&table, 1500)->times, 1);
        feed_table_clear(&table);
}

static void test_rows_of_the_minute_may_go_on_on_the_next_page(void **state)
{
        struct feed_table table;
        (void)state;

        feed_table_setup(&table, 300, true);
        feed_table_start_at(
                &table,
                FEED_SECONDS(311)); /* so that 251 is the last row that is a minute behind, and of page 2 */
        feed_table_change(&table, 1, FEED_SECONDS(251));
        assert_int_equal(feed_table_read_round(&table), FEED_ROUND_DONE);
        assert_int_equal(table.pages, 3);
        assert_int_equal(feed_table_get(&table, 1)->times, 1);
        feed_table_clear(&table);
}

static void test_a_quiet_round_is_one_page_without_new_rows(void **state)
{
        struct feed_table table;
        (void)state;

        feed_table_setup(&table, 300, false);
        for (unsigned i = 0; i < table.count; i++)
                table.jobs[i].ticks *= 10;
        assert_int_equal(feed_table_read_round(&table), FEED_ROUND_DONE);
        for (unsigned round = 0; round < 5; round++) {
                assert_int_equal(feed_table_read_round(&table), FEED_ROUND_DONE);
                assert_int_equal(table.pages, 1);
                assert_int_equal(table.page_new, 0);
        }
        feed_table_clear(&table);
}

static void test_an_unknown_row_behind_the_boundary_asks_for_another_page(void **state)
{
        struct feed_table table;
        (void)state;

        feed_table_setup(&table, 1000, true);
        for (unsigned i = 0; i < table.count; i++)
                table.jobs[i].ticks *= 60;
        assert_int_equal(feed_table_read_round(&table), FEED_ROUND_DONE);

        /* A commit that is visible an hour late, and one on the page after it. */
        feed_table_get(&table, 990)->version++;
        feed_table_get(&table, 970)->version++;
        assert_int_equal(feed_table_read_round(&table), FEED_ROUND_DONE);
        assert_int_equal(table.pages, 3);
        assert_int_equal(feed_table_get(&table, 970)->times, 1);
        feed_table_clear(&table);
}

static void test_new_rows_before_the_boundary_ask_for_no_other_page(void **state)
{
        struct feed_table table;
        (void)state;

        feed_table_setup(&table, 100, true);
        for (unsigned i = 0; i < table.count; i++)
                table.jobs[i].ticks *= 60;
        assert_int_equal(feed_table_read_round(&table), FEED_ROUND_DONE);
        for (unsigned id = 1; id <= 12; id++)
                feed_table_change(&table, id, FEED_SECONDS(6000 + id));
        assert_int_equal(feed_table_read_round(&table), FEED_ROUND_DONE);
        assert_int_equal(table.pages, 1);
        assert_int_equal(table.page_new, 12);
        feed_table_clear(&table);
}

static void test_jobs_that_are_not_watched_are_shown_once(void **state)
{
        struct feed_table table;
        (void)state;

        feed_table_setup(&table, 30, false);
        feed_table_start_at(&table, FEED_SECONDS(30));
        for (unsigned round = 0; round < 4; round++)
                assert_int_equal(feed_table_read_full_round(&table), FEED_ROUND_DONE);
        for (unsigned id = 1; id <= 30; id++)
                assert_int_equal(feed_table_get(&table, id)->times, 1);

        /* Late, with the time of one that was shown: still within the minute. */
        feed_table_add(&table, 31, FEED_SECONDS(2), false);
        assert_int_equal(feed_table_read_full_round(&table), FEED_ROUND_DONE);
        assert_int_equal(feed_table_get(&table, 31)->times, 1);
        feed_table_clear(&table);
}

static void test_an_account_without_jobs_is_read_and_its_first_job_is_shown(void **state)
{
        struct feed_table table;
        (void)state;

        feed_table_setup(&table, 0, false);
        assert_int_equal(feed_table_read_round(&table), FEED_ROUND_DONE);
        assert_int_equal(feed_table_read_round(&table), FEED_ROUND_DONE);
        feed_table_add(&table, 1, FEED_SECONDS(1), false);
        assert_int_equal(feed_table_read_round(&table), FEED_ROUND_DONE);
        assert_int_equal(table.page_new, 1);

        /* And when the last one is deleted, the newest time stays. */
        feed_table_remove(&table, 1);
        assert_int_equal(feed_table_read_round(&table), FEED_ROUND_DONE);
        assert_int_equal(table.cursor.newest.ticks, FEED_EPOCH + FEED_SECONDS(1));
        feed_table_clear(&table);
}

static void test_a_request_that_is_repeated_is_for_the_same_page(void **state)
{
        struct feed_page_request first, second;
        struct feed_table table;
        (void)state;

        feed_table_setup(&table, 300, true);
        feed_table_start_at(&table, FEED_SECONDS(300));
        assert_int_equal(feed_table_read_page(&table), FEED_NEXT_PAGE);
        feed_cursor_begin_page(&table.cursor, table.now_us, &first);
        feed_cursor_begin_page(&table.cursor, table.now_us + USEC_PER_HOUR, &second);
        assert_int_equal(first.page, 2);
        assert_memory_equal(&first, &second, sizeof(first));
        feed_table_clear(&table);
}

/* ---- too much ---- */

static void test_a_round_is_cut_after_two_hundred_pages_and_not_tried_again(void **state)
{
        struct feed_table table;
        (void)state;

        feed_table_setup(&table, 21000, true);
        feed_table_start_at(&table, FEED_SECONDS(21000));
        /* Something gave all jobs the same time. */
        for (size_t i = 0; i < table.count; i++) {
                table.jobs[i].ticks = FEED_SECONDS(22000);
                table.jobs[i].version++;
        }
        assert_int_equal(feed_table_read_round(&table), FEED_ROUND_CUT);
        assert_int_equal(table.pages - table.again, 200);
        assert_false(table.cursor.works);
        assert_int_equal(feed_table_read_round(&table), FEED_ROUND_DONE); /* nothing has changed since */
        assert_int_equal(table.pages, 1);
        for (unsigned round = 0; round < 3; round++) {
                struct feed_job *job = feed_table_get(&table, 1 + round);
                feed_table_change(&table, job->id, FEED_SECONDS(22001 + round));
                assert_int_equal(feed_table_read_round(&table), FEED_ROUND_DONE);
                assert_int_equal(table.pages, 1);
                assert_int_equal(job->shown, job->version);
        }
        /* When that time is a minute ago, rounds read a minute back again. */
        feed_table_change(&table, 4, FEED_SECONDS(22100));
        feed_table_change(&table, 5, FEED_SECONDS(22070));
        assert_int_equal(feed_table_read_round(&table), FEED_ROUND_DONE);
        feed_table_add(&table, 30000, FEED_SECONDS(22041), false);
        assert_int_equal(feed_table_read_round(&table), FEED_ROUND_DONE);
        assert_int_equal(feed_table_get(&table, 30000)->times, 1);
        feed_table_clear(&table);
}

static void test_rounds_read_a_minute_back_again_if_the_newest_jobs_are_deleted_after_a_cut(void **state)
{
        struct feed_table table;
        (void)state;

        feed_table_setup(&table, 300, true);
        feed_table_start_at(&table, FEED_SECONDS(300));
        table.form = REMOTE_TIME_LOCAL; /* this cuts a round at once */
        assert_int_equal(feed_table_read_full_round(&table), FEED_ROUND_CUT);
        feed_table_remove(&table, 300);
        feed_table_remove(&table, 299);
        assert_int_equal(feed_table_read_full_round(&table), FEED_ROUND_DONE);
        feed_table_add(&table, 301, FEED_SECONDS(240), false);
        assert_int_equal(feed_table_read_full_round(&table), FEED_ROUND_DONE);
        assert_int_equal(feed_table_get(&table, 301)->times, 1);
        feed_table_clear(&table);
}

/* ---- memory ---- */

static void test_only_rows_of_two_rounds_are_remembered(void **state)
{
        struct feed_table table;
        (void)state;

        feed_table_setup(&table, 300, false);
        for (unsigned round = 1; round <= 100; round++) {
                feed_table_change(&table, round, FEED_SECONDS(300 + 100 * round));
                assert_int_equal(feed_table_read_round(&table), FEED_ROUND_DONE);
                assert_in_range(table.cursor.seen.count, 1, 2 * 25);
        }
        feed_table_clear(&table);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_a_first_round_reads_one_page),
                cmocka_unit_test(test_a_first_round_reads_back_to_the_saved_time),
                cmocka_unit_test(test_a_round_ends_behind_a_minute_before_the_newest_of_the_last),
                cmocka_unit_test(test_many_changes_of_the_last_minute_do_not_delay_the_next),
                cmocka_unit_test(test_what_becomes_visible_late_among_many_is_shown_after_half_a_minute),
                cmocka_unit_test(test_rows_of_the_minute_may_go_on_on_the_next_page),
                cmocka_unit_test(test_a_quiet_round_is_one_page_without_new_rows),
                cmocka_unit_test(test_an_unknown_row_behind_the_boundary_asks_for_another_page),
                cmocka_unit_test(test_new_rows_before_the_boundary_ask_for_no_other_page),
                cmocka_unit_test(test_jobs_that_are_not_watched_are_shown_once),
                cmocka_unit_test(test_an_account_without_jobs_is_read_and_its_first_job_is_shown),
                cmocka_unit_test(test_a_request_that_is_repeated_is_for_the_same_page),
                cmocka_unit_test(test_a_round_is_cut_after_two_hundred_pages_and_not_tried_again),
                cmocka_unit_test(
                        test_rounds_read_a_minute_back_again_if_the_newest_jobs_are_deleted_after_a_cut),
                cmocka_unit_test(test_only_rows_of_two_rounds_are_remembered),
        };

        return cmocka_run_group_tests_name("feed_cursor", tests, NULL, NULL);
}
