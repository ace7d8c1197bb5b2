/* SPDX-License-Identifier: MIT */

/* Rounds of the feed over a table of jobs: how far they read, what they show, and when the feed is off. */

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "fault_malloc.h"
#include "feed_fixture.h"

#define SECONDS(n) ((int64_t)(n)*REMOTE_TICKS_PER_SEC)

/* Jobs 1 to `count`, of which each is a second newer than the one before. The last is from second `count`. */
/* Rounds that follow each other quickly may be short. */
static enum feed_step read_full_round(struct feed_table *table)
{
        table->now_us += 31 * USEC_PER_SEC;
        return feed_table_read_round(table);
}

static void setup_jobs(struct feed_table *table, unsigned count, bool watched)
{
        feed_table_init(table);
        for (unsigned id = 1; id <= count; id++) {
                struct feed_job *job = feed_table_add(table, id, SECONDS(id), watched);
                if (watched) /* they are recorded */
                        job->shown = job->version;
        }
}

static void start_at(struct feed_table *table, int64_t ticks)
{
        const struct remote_time saved = { REMOTE_TIME_UTC, FEED_EPOCH + ticks, true };

        feed_cursor_start(&table->cursor, &saved);
}

/* ---- how far a round reads ---- */

static void test_a_first_round_reads_one_page(void **state)
{
        struct feed_table table;
        (void)state;

        setup_jobs(&table, 300, false);
        assert_false(feed_cursor_works(&table.cursor));
        assert_int_equal(feed_cursor_newest(&table.cursor).form, REMOTE_TIME_NONE);
        assert_int_equal(feed_table_read_round(&table), FEED_ROUND_DONE);
        assert_int_equal(table.pages, 1);
        assert_int_equal(table.page_new, 25);
        assert_true(feed_cursor_works(&table.cursor));
        assert_int_equal(feed_cursor_newest(&table.cursor).ticks, FEED_EPOCH + SECONDS(300));
        feed_table_clear(&table);
}

static void test_a_first_round_reads_back_to_the_saved_time(void **state)
{
        struct feed_table table;
        (void)state;

        /* Changes of 50 s since, and of the minute before. */
        setup_jobs(&table, 300, false);
        start_at(&table, SECONDS(250));
        assert_int_equal(feed_cursor_newest(&table.cursor).ticks, FEED_EPOCH + SECONDS(250));
        assert_int_equal(feed_table_read_round(&table), FEED_ROUND_DONE);
        for (unsigned id = 1; id <= 300; id++)
                assert_int_equal(feed_table_get(&table, id)->times, id >= 190 ? 1 : 0);
        feed_table_clear(&table);
}

static void test_a_round_ends_behind_a_minute_before_the_newest_of_the_last(void **state)
{
        struct feed_table table;
        (void)state;

        setup_jobs(&table, 300, true);
        start_at(&table, SECONDS(300));
        assert_int_equal(feed_table_read_round(&table), FEED_ROUND_DONE);
        assert_int_equal(table.pages, 3); /* to 240 exactly, so that the row of 239 is needed */

        /* Neither more nor less for a round that starts from it. */
        feed_table_get(&table, 300)->ticks = SECONDS(310);
        assert_int_equal(read_full_round(&table), FEED_ROUND_DONE);
        assert_int_equal(table.pages, 3);
        feed_table_remove(&table, 299);
        feed_table_remove(&table, 298);
        assert_int_equal(read_full_round(&table), FEED_ROUND_DONE);
        assert_int_equal(table.pages, 2); /* 310, and 297 to 249 */
        feed_table_clear(&table);
}

static void test_many_changes_of_the_last_minute_do_not_delay_the_next(void **state)
{
        struct feed_table table;
        (void)state;

        setup_jobs(&table, 2000, true);
        for (unsigned id = 1; id <= 1000; id++)
                feed_table_change(&table, id, SECONDS(3000) + id * REMOTE_TICKS_PER_SEC / 25);
        start_at(&table, SECONDS(3000));
        assert_int_equal(feed_table_read_round(&table), FEED_ROUND_DONE);
        assert_in_range(table.pages, 10, 16);
        for (unsigned id = 1001; id <= 1010; id++) {
                feed_table_change(&table, id, SECONDS(3041 + id - 1000));
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

        setup_jobs(&table, 2000, true);
        for (unsigned id = 1; id <= 1000; id++)
                feed_table_change(&table, id, SECONDS(3000) + id * REMOTE_TICKS_PER_SEC / 25);
        start_at(&table, SECONDS(3000));
        assert_int_equal(feed_table_read_round(&table), FEED_ROUND_DONE);
        feed_table_change(&table, 1500, SECONDS(3001));
        assert_int_equal(read_full_round(&table), FEED_ROUND_DONE);
        assert_int_equal(feed_table_get(&table, 1500)->times, 1);
        feed_table_clear(&table);
}

static void test_rows_of_the_minute_may_go_on_on_the_next_page(void **state)
{
        struct feed_table table;
        (void)state;

        setup_jobs(&table, 300, true);
        start_at(&table,
                 SECONDS(311)); /* so that 251 is the last row that is a minute behind, and of page 2 */
        feed_table_change(&table, 1, SECONDS(251));
        assert_int_equal(feed_table_read_round(&table), FEED_ROUND_DONE);
        assert_int_equal(table.pages, 3);
        assert_int_equal(feed_table_get(&table, 1)->times, 1);
        feed_table_clear(&table);
}

static void test_a_quiet_round_is_one_page_without_new_rows(void **state)
{
        struct feed_table table;
        (void)state;

        setup_jobs(&table, 300, false);
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

        setup_jobs(&table, 1000, true);
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

        setup_jobs(&table, 100, true);
        for (unsigned i = 0; i < table.count; i++)
                table.jobs[i].ticks *= 60;
        assert_int_equal(feed_table_read_round(&table), FEED_ROUND_DONE);
        for (unsigned id = 1; id <= 12; id++)
                feed_table_change(&table, id, SECONDS(6000 + id));
        assert_int_equal(feed_table_read_round(&table), FEED_ROUND_DONE);
        assert_int_equal(table.pages, 1);
        assert_int_equal(table.page_new, 12);
        feed_table_clear(&table);
}

static void test_jobs_that_are_not_watched_are_shown_once(void **state)
{
        struct feed_table table;
        (void)state;

        setup_jobs(&table, 30, false);
        start_at(&table, SECONDS(30));
        for (unsigned round = 0; round < 4; round++)
                assert_int_equal(read_full_round(&table), FEED_ROUND_DONE);
        for (unsigned id = 1; id <= 30; id++)
                assert_int_equal(feed_table_get(&table, id)->times, 1);

        /* Late, with the time of one that was shown: still within the minute. */
        feed_table_add(&table, 31, SECONDS(2), false);
        assert_int_equal(read_full_round(&table), FEED_ROUND_DONE);
        assert_int_equal(feed_table_get(&table, 31)->times, 1);
        feed_table_clear(&table);
}

static void test_an_account_without_jobs_is_read_and_its_first_job_is_shown(void **state)
{
        struct feed_table table;
        (void)state;

        setup_jobs(&table, 0, false);
        assert_int_equal(feed_table_read_round(&table), FEED_ROUND_DONE);
        assert_int_equal(feed_table_read_round(&table), FEED_ROUND_DONE);
        feed_table_add(&table, 1, SECONDS(1), false);
        assert_int_equal(feed_table_read_round(&table), FEED_ROUND_DONE);
        assert_int_equal(table.page_new, 1);

        /* And when the last one is deleted, the newest time stays. */
        feed_table_remove(&table, 1);
        assert_int_equal(feed_table_read_round(&table), FEED_ROUND_DONE);
        assert_int_equal(feed_cursor_newest(&table.cursor).ticks, FEED_EPOCH + SECONDS(1));
        feed_table_clear(&table);
}

static void test_a_request_that_is_repeated_is_for_the_same_page(void **state)
{
        struct feed_page_request first, second;
        struct feed_table table;
        (void)state;

        setup_jobs(&table, 300, true);
        start_at(&table, SECONDS(300));
        assert_int_equal(feed_table_read_page(&table), FEED_NEXT_PAGE);
        feed_cursor_begin_page(&table.cursor, table.now_us, &first);
        feed_cursor_begin_page(&table.cursor, table.now_us + USEC_PER_HOUR, &second);
        assert_int_equal(first.page, 2);
        assert_memory_equal(&first, &second, sizeof(first));
        feed_table_clear(&table);
}

/* ---- the size of pages ---- */

static void test_pages_grow_while_most_of_their_rows_are_new(void **state)
{
        struct feed_table table;
        (void)state;

        setup_jobs(&table, 400, true);
        start_at(&table, SECONDS(400));
        assert_int_equal(feed_table_read_round(&table), FEED_ROUND_DONE);
        for (unsigned id = 1; id <= 150; id++)
                feed_table_change(&table, id, SECONDS(1000 + id));
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
        feed_table_change(&table, 200, SECONDS(1200));
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

        setup_jobs(&table, 300, true);
        start_at(&table, SECONDS(300));
        for (unsigned round = 1; round <= 3; round++) {
                for (unsigned id = 1; id <= 60; id++)
                        feed_table_change(&table, id, SECONDS(300 + 100 * round));
                assert_int_equal(feed_table_read_round(&table), FEED_ROUND_DONE);
                assert_int_equal(table.again, round == 1 ? 2 : 0);
                assert_int_equal(table.requests[table.pages - 1].size, 100);
        }
        for (unsigned id = 1; id <= 50; id++)
                feed_table_change(&table, id, SECONDS(700));
        assert_int_equal(feed_table_read_round(&table), FEED_ROUND_DONE);
        assert_int_equal(feed_table_read_round(&table), FEED_ROUND_DONE); /* a half was not most */
        assert_int_equal(table.requests[0].size, 25);
        feed_table_clear(&table);
}

static void test_half_of_a_page_is_not_most_of_it(void **state)
{
        struct feed_table table;
        (void)state;

        setup_jobs(&table, 50, true);
        start_at(&table, SECONDS(50));
        for (unsigned id = 1; id <= 12; id++)
                feed_table_change(&table, id, SECONDS(60 + id));
        assert_int_equal(feed_table_read_round(&table), FEED_ROUND_DONE);
        assert_int_equal(table.again, 0);
        for (unsigned id = 1; id <= 13; id++)
                feed_table_change(&table, id, SECONDS(80 + id));
        assert_int_equal(feed_table_read_round(&table), FEED_ROUND_DONE);
        assert_int_equal(table.again, 1);
        feed_table_clear(&table);
}

static void test_a_page_that_fails_once_is_requested_again(void **state)
{
        struct feed_table table;
        (void)state;

        setup_jobs(&table, 300, true);
        start_at(&table, SECONDS(300));
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

        setup_jobs(&table, 300, true);
        start_at(&table, SECONDS(300));
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

        setup_jobs(&table, 300, true);
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

        setup_jobs(&table, 30, true);
        assert_int_equal(feed_table_read_round(&table), FEED_ROUND_DONE);
        table.size_max = 12;
        table.too_large = true;
        assert_int_equal(feed_table_read_page(&table), FEED_AGAIN);
        uint64_t failed_us = table.now_us;
        assert_int_equal(feed_table_read_round(&table), FEED_ROUND_DONE);
        table.now_us += 50 * USEC_PER_MIN;
        table.size_max = 6;
        for (unsigned id = 1; id <= 30; id++) /* they do not grow, though all rows are new */
                feed_table_change(&table, id, SECONDS(100 + id));
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

        setup_jobs(&table, 30, true);
        assert_int_equal(feed_table_read_round(&table), FEED_ROUND_DONE);
        table.size_min = 1000;
        assert_int_equal(feed_table_read_round(&table), FEED_FAILED);
        assert_int_equal(table.pages, 6); /* 25 twice, 12, 6, 3, 1 */
        assert_true(feed_cursor_is_off(&table.cursor, table.now_us + USEC_PER_HOUR - 1));
        assert_false(feed_cursor_is_off(&table.cursor, table.now_us + USEC_PER_HOUR));
        assert_false(feed_cursor_works(&table.cursor));
        assert_string_equal(feed_cursor_reason(&table.cursor), "pages of a single row fail");

        table.now_us += USEC_PER_HOUR;
        table.size_min = 0;
        assert_int_equal(feed_table_read_round(&table), FEED_ROUND_DONE);
        assert_int_equal(table.requests[0].size, 25);
        feed_table_clear(&table);
}

/* ---- order ---- */

static void test_the_direction_that_is_newest_first_is_found(void **state)
{
        static const int values[] = { -1, 1, 0 };
        (void)state;

        for (size_t i = 0; i < sizeof(values) / sizeof(*values); i++) {
                struct feed_table table;

                setup_jobs(&table, 300, true);
                table.has_direction = true;
                table.direction = values[i];
                assert_int_equal(feed_table_read_round(&table), FEED_ROUND_DONE);
                assert_int_equal(table.again, i);
                assert_int_equal(feed_cursor_newest(&table.cursor).ticks, FEED_EPOCH + SECONDS(300));
                assert_int_equal(feed_table_read_round(&table), FEED_ROUND_DONE);
                assert_int_equal(table.again, 0);
                feed_table_clear(&table);
        }
}

static void test_a_new_meaning_of_dir_is_found(void **state)
{
        struct feed_table table;
        (void)state;

        setup_jobs(&table, 300, true);
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

        setup_jobs(&table, 300, true);
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

        setup_jobs(&table, 300, true);
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

        setup_jobs(&table, 300, true);
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

        setup_jobs(&table, 300, true);
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

        setup_jobs(&table, 300, true);
        table.has_direction = true;
        table.direction = 7;
        assert_int_equal(feed_table_read_round(&table), FEED_FAILED);
        assert_int_equal(table.pages, 3);
        assert_string_equal(feed_cursor_reason(&table.cursor), "rows are not sorted by UpdatedOn");
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

        setup_jobs(&table, 300, true);
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

        setup_jobs(&table, 300, true);
        start_at(&table, SECONDS(300));
        table.direction = 7;
        table.on_page = sort_first_pages;
        assert_int_equal(feed_table_read_round(&table), FEED_FAILED);
        assert_int_equal(table.pages, 6);
        assert_string_equal(feed_cursor_reason(&table.cursor), "rows are not sorted by UpdatedOn");
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
        assert_int_equal(feed_cursor_take_page(&cursor, rows, 2, &end, new, 1, &step), 0);
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

        setup_jobs(&table, 300, true);
        start_at(&table, SECONDS(300));
        table.on_page = change_form_after_first_page;
        assert_int_equal(feed_table_read_round(&table), FEED_FAILED);
        assert_string_equal(feed_cursor_reason(&table.cursor), "rows are not sorted by UpdatedOn");
        feed_table_clear(&table);
}

static void test_a_new_form_of_times_is_a_new_start(void **state)
{
        struct feed_table table;
        (void)state;

        setup_jobs(&table, 300, true);
        start_at(&table, SECONDS(300));
        table.form = REMOTE_TIME_LOCAL;
        assert_int_equal(feed_table_read_round(&table), FEED_ROUND_CUT);
        assert_int_equal(table.pages, 1);
        assert_int_equal(feed_cursor_newest(&table.cursor).form, REMOTE_TIME_LOCAL);
        feed_table_change(&table, 7, SECONDS(301));
        assert_int_equal(feed_table_read_round(&table), FEED_ROUND_DONE);
        assert_int_equal(feed_table_get(&table, 7)->times, 1);
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

        setup_jobs(&table, 297, false);
        start_at(&table, SECONDS(100));
        table.on_page = delete_newest;
        assert_int_equal(feed_table_read_round(&table), FEED_ROUND_DONE);
        assert_int_equal(table.again, 2 + 3); /* and twice for larger pages */
        for (unsigned id = 40; id <= 294; id++)
                assert_int_equal(feed_table_get(&table, id)->times, 1);
        assert_int_equal(feed_cursor_newest(&table.cursor).ticks, FEED_EPOCH + SECONDS(294));
        feed_table_clear(&table);
}

/* Another three may follow in the next round. */
static void test_repetitions_are_counted_anew_in_each_round(void **state)
{
        struct feed_table table;
        (void)state;

        setup_jobs(&table, 297, true);
        start_at(&table, SECONDS(297));
        table.on_page = delete_newest;
        for (unsigned round = 0; round < 2; round++) {
                assert_int_equal(read_full_round(&table), FEED_ROUND_DONE);
                assert_int_equal(table.again, 3);
                assert_true(feed_cursor_works(&table.cursor));
                for (unsigned id = 295; id <= 297; id++)
                        feed_table_add(&table, id, SECONDS(id), true)->shown = 1;
        }
        feed_table_clear(&table);
}

static void test_after_three_repetitions_the_next_round_reads_as_far_back(void **state)
{
        struct feed_table table;
        (void)state;

        setup_jobs(&table, 298, true);
        start_at(&table, SECONDS(298));
        table.on_page = delete_newest;
        assert_int_equal(feed_table_read_round(&table), FEED_ROUND_DONE);
        assert_int_equal(table.again, 3);
        assert_int_equal(feed_cursor_newest(&table.cursor).ticks, FEED_EPOCH + SECONDS(298));
        assert_false(feed_cursor_works(&table.cursor));
        assert_int_equal(feed_table_read_round(&table), FEED_ROUND_DONE);
        assert_int_equal(table.again, 0);
        assert_int_equal(feed_cursor_newest(&table.cursor).ticks, FEED_EPOCH + SECONDS(294));
        feed_table_clear(&table);
}

static void test_without_totals_no_round_is_repeated(void **state)
{
        struct feed_table table;
        (void)state;

        setup_jobs(&table, 298, true);
        start_at(&table, SECONDS(298));
        table.on_page = delete_newest;
        table.no_total = true;
        assert_int_equal(feed_table_read_round(&table), FEED_ROUND_DONE);
        assert_int_equal(table.again, 0);
        assert_int_equal(feed_cursor_newest(&table.cursor).ticks, FEED_EPOCH + SECONDS(298));
        assert_true(feed_cursor_works(&table.cursor));
        feed_table_clear(&table);
}

static void test_pages_that_do_not_advance_fail(void **state)
{
        struct feed_table table;
        (void)state;

        setup_jobs(&table, 300, true);
        start_at(&table, SECONDS(300));
        table.wrong_number = true;
        assert_int_equal(feed_table_read_round(&table), FEED_FAILED);
        assert_int_equal(table.pages, 2);
        assert_string_equal(feed_cursor_reason(&table.cursor), "pages do not advance");
        feed_table_clear(&table);

        /* The same rows may come again once or twice, because new ones pushed them there. */
        setup_jobs(&table, 300, true);
        start_at(&table, SECONDS(300));
        table.stuck = true;
        assert_int_equal(feed_table_read_round(&table), FEED_FAILED);
        assert_int_equal(table.pages, 8);
        assert_string_equal(feed_cursor_reason(&table.cursor), "pages do not advance");
        feed_table_clear(&table);
}

static void test_pages_without_rows_that_never_end_fail(void **state)
{
        struct feed_table table;
        (void)state;

        setup_jobs(&table, 30, true);
        start_at(&table, SECONDS(30));
        table.endless = true;
        assert_int_equal(feed_table_read_round(&table), FEED_FAILED);
        assert_int_equal(table.pages, 4 * 4); /* of which the third and the fourth are equal */
        assert_string_equal(feed_cursor_reason(&table.cursor), "pages do not advance");
        feed_table_clear(&table);

        /* The same in a short round. */
        setup_jobs(&table, 30, true);
        start_at(&table, SECONDS(30));
        assert_int_equal(feed_table_read_round(&table), FEED_ROUND_DONE);
        for (unsigned id = 1; id <= 30; id++)
                feed_table_get(&table, id)->ticks = SECONDS(30);
        table.endless = true;
        assert_int_equal(feed_table_read_round(&table), FEED_FAILED);
        feed_table_clear(&table);
}

static void push_page_down(struct feed_table *table, const struct feed_page_request *request)
{
        if (request->page == 2 && table->again == 0)
                for (unsigned id = 301; id <= 325; id++)
                        feed_table_add(table, id, SECONDS(id), true)->shown = 1;
}

static void test_a_page_of_new_rows_in_between_is_no_standstill(void **state)
{
        struct feed_table table;
        (void)state;

        setup_jobs(&table, 300, true);
        start_at(&table, SECONDS(300));
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

                feed_table_add(table, id, SECONDS(id), true)->shown = 1;
        }
}

static void test_nor_are_many_pages_of_new_rows(void **state)
{
        struct feed_table table;
        (void)state;

        setup_jobs(&table, 300, true);
        start_at(&table, SECONDS(300));
        table.on_page = push_pages_down;
        assert_int_equal(feed_table_read_round(&table), FEED_ROUND_DONE);
        assert_true(table.again >= 3);
        feed_table_clear(&table);
}

static void test_rows_without_a_status_fail(void **state)
{
        struct feed_table table;
        (void)state;

        setup_jobs(&table, 300, true);
        table.no_status = true;
        assert_int_equal(feed_table_read_round(&table), FEED_FAILED);
        assert_int_equal(table.pages, 1);
        assert_string_equal(feed_cursor_reason(&table.cursor), "rows have no Status");
        feed_table_clear(&table);
}

/* ---- too much ---- */

static void test_a_round_is_cut_after_two_hundred_pages_and_not_tried_again(void **state)
{
        struct feed_table table;
        (void)state;

        setup_jobs(&table, 21000, true);
        start_at(&table, SECONDS(21000));
        /* Something gave all jobs the same time. */
        for (size_t i = 0; i < table.count; i++) {
                table.jobs[i].ticks = SECONDS(22000);
                table.jobs[i].version++;
        }
        assert_int_equal(feed_table_read_round(&table), FEED_ROUND_CUT);
        assert_int_equal(table.pages - table.again, 200);
        assert_false(feed_cursor_works(&table.cursor));
        assert_int_equal(feed_table_read_round(&table), FEED_ROUND_DONE); /* nothing has changed since */
        assert_int_equal(table.pages, 1);
        for (unsigned round = 0; round < 3; round++) {
                struct feed_job *job = feed_table_get(&table, 1 + round);
                feed_table_change(&table, job->id, SECONDS(22001 + round));
                assert_int_equal(feed_table_read_round(&table), FEED_ROUND_DONE);
                assert_int_equal(table.pages, 1);
                assert_int_equal(job->shown, job->version);
        }
        /* When that time is a minute ago, rounds read a minute back again. */
        feed_table_change(&table, 4, SECONDS(22100));
        feed_table_change(&table, 5, SECONDS(22070));
        assert_int_equal(feed_table_read_round(&table), FEED_ROUND_DONE);
        feed_table_add(&table, 30000, SECONDS(22041), false);
        assert_int_equal(feed_table_read_round(&table), FEED_ROUND_DONE);
        assert_int_equal(feed_table_get(&table, 30000)->times, 1);
        feed_table_clear(&table);
}

static void test_rounds_read_a_minute_back_again_if_the_newest_jobs_are_deleted_after_a_cut(void **state)
{
        struct feed_table table;
        (void)state;

        setup_jobs(&table, 300, true);
        start_at(&table, SECONDS(300));
        table.form = REMOTE_TIME_LOCAL; /* this cuts a round at once */
        assert_int_equal(read_full_round(&table), FEED_ROUND_CUT);
        feed_table_remove(&table, 300);
        feed_table_remove(&table, 299);
        assert_int_equal(read_full_round(&table), FEED_ROUND_DONE);
        feed_table_add(&table, 301, SECONDS(240), false);
        assert_int_equal(read_full_round(&table), FEED_ROUND_DONE);
        assert_int_equal(feed_table_get(&table, 301)->times, 1);
        feed_table_clear(&table);
}

/* ---- off ---- */

static void test_the_time_off_doubles_up_to_a_day(void **state)
{
        static const unsigned hours[] = { 1, 2, 4, 8, 16, 24, 24, 24 };
        struct feed_table table;
        (void)state;

        setup_jobs(&table, 300, true);
        table.no_status = true;
        for (size_t i = 0; i < sizeof(hours) / sizeof(*hours); i++) {
                assert_int_equal(feed_table_read_round(&table), FEED_FAILED);
                assert_true(feed_cursor_is_off(&table.cursor, table.now_us + hours[i] * USEC_PER_HOUR - 1));
                assert_false(feed_cursor_is_off(&table.cursor, table.now_us + hours[i] * USEC_PER_HOUR));
                table.now_us += hours[i] * USEC_PER_HOUR;
        }

        /* A complete round alone does not shorten the next time. */
        table.no_status = false;
        assert_int_equal(feed_table_read_round(&table), FEED_ROUND_DONE);
        table.no_status = true;
        assert_int_equal(feed_table_read_round(&table), FEED_FAILED);
        assert_true(feed_cursor_is_off(&table.cursor, table.now_us + 24 * USEC_PER_HOUR - 1));

        /* Those of as long a time do. */
        table.no_status = false;
        table.now_us += 24 * USEC_PER_HOUR;
        assert_int_equal(feed_table_read_round(&table), FEED_ROUND_DONE);
        table.now_us += 24 * USEC_PER_HOUR;
        assert_int_equal(feed_table_read_round(&table), FEED_ROUND_DONE);
        table.no_status = true;
        assert_int_equal(feed_table_read_round(&table), FEED_FAILED);
        assert_false(feed_cursor_is_off(&table.cursor, table.now_us + USEC_PER_HOUR));
        feed_table_clear(&table);
}

static void test_the_caller_turns_the_feed_off_for_an_hour(void **state)
{
        struct feed_table table;
        (void)state;

        setup_jobs(&table, 300, true);
        start_at(&table, SECONDS(250));
        assert_int_equal(feed_table_read_page(&table), FEED_NEXT_PAGE);
        feed_cursor_turn_off(&table.cursor, "the role is missing", table.now_us);
        assert_string_equal(feed_cursor_reason(&table.cursor), "the role is missing");
        assert_true(feed_cursor_is_off(&table.cursor, table.now_us + USEC_PER_HOUR - 1));
        table.now_us += USEC_PER_HOUR;
        assert_false(feed_cursor_is_off(&table.cursor, table.now_us));

        /* Then a round begins where the last complete one ended. */
        feed_table_change(&table, 300, SECONDS(300));
        assert_int_equal(feed_table_read_round(&table), FEED_ROUND_DONE);
        assert_int_equal(table.requests[0].page, 1);
        assert_int_equal(table.pages, 5); /* 300 to 190 */
        feed_table_clear(&table);
}

/* ---- changes that are not shown ---- */

/* A complete round, and a minute later a change that the feed does not show, of an hour ago. */
static void setup_missed(struct feed_table *table)
{
        setup_jobs(table, 30, true);
        for (unsigned i = 0; i < table->count; i++)
                table->jobs[i].ticks *= 600;
        assert_int_equal(feed_table_read_round(table), FEED_ROUND_DONE);
        table->now_us += USEC_PER_MIN;
}

static void note_missed(struct feed_table *table, uint64_t id, int64_t ticks)
{
        const struct remote_time updated = { REMOTE_TIME_UTC, FEED_EPOCH + ticks, true };

        feed_cursor_note_missed(&table->cursor, id, &updated, table->now_us);
}

static enum feed_step read_round_after(struct feed_table *table, uint64_t span_us)
{
        table->now_us += span_us;
        return feed_table_read_round(table);
}

static void test_a_change_that_two_later_rounds_do_not_show_fails(void **state)
{
        struct feed_table table;
        (void)state;

        setup_missed(&table);
        note_missed(&table, 77, SECONDS(18001));
        assert_int_equal(read_round_after(&table, 0), FEED_ROUND_DONE);
        assert_int_equal(read_round_after(&table, 58 * USEC_PER_SEC), FEED_ROUND_DONE); /* began after 59 s */
        assert_int_equal(read_round_after(&table, 0), FEED_ROUND_DONE);                 /* after 60 s */
        assert_int_equal(feed_table_read_round(&table), FEED_FAILED);
        assert_string_equal(feed_cursor_reason(&table.cursor), "it did not show a change of job 77");
        assert_true(feed_cursor_is_off(&table.cursor, table.now_us));
        feed_table_clear(&table);
}

static void test_a_row_that_is_as_new_clears_the_suspicion(void **state)
{
        struct feed_table table;
        (void)state;

        for (int64_t later = -1; later <= 1; later++) {
                setup_missed(&table);
                note_missed(&table, 77, SECONDS(18001));
                feed_table_add(&table, 77, SECONDS(18001 + later), true);
                feed_table_add(&table, 78, SECONDS(18001), true);
                assert_int_equal(read_round_after(&table, USEC_PER_MIN), FEED_ROUND_DONE);
                assert_int_equal(read_round_after(&table, USEC_PER_MIN),
                                 later < 0 ? FEED_FAILED : FEED_ROUND_DONE);
                feed_table_clear(&table);
        }
}

static void test_a_row_of_another_form_clears_nothing(void **state)
{
        const struct remote_time local = { REMOTE_TIME_LOCAL, FEED_EPOCH, true };
        struct feed_table table;
        (void)state;

        setup_missed(&table);
        feed_cursor_note_missed(&table.cursor, 30, &local, table.now_us);
        assert_int_equal(read_round_after(&table, USEC_PER_MIN), FEED_ROUND_DONE);
        assert_int_equal(feed_table_read_round(&table), FEED_FAILED);
        feed_table_clear(&table);
}

static void test_what_the_feed_could_not_show_is_no_failure(void **state)
{
        const struct remote_time none = { .form = REMOTE_TIME_NONE },
                                 time = { REMOTE_TIME_UTC, FEED_EPOCH, true };
        struct feed_table table;
        (void)state;

        /* Before the first complete round, a change since a poll before that round, and one without a time.
         */
        setup_jobs(&table, 30, true);
        feed_cursor_note_missed(&table.cursor, 77, &time, table.now_us);
        for (unsigned round = 0; round < 4; round++)
                assert_int_equal(read_round_after(&table, USEC_PER_MIN), FEED_ROUND_DONE);
        feed_cursor_note_missed(&table.cursor, 77, &none, table.now_us);
        /* One of a job that is gone since. */
        note_missed(&table, 78, SECONDS(1));
        feed_cursor_forget_job(&table.cursor, 78);
        feed_cursor_forget_job(&table.cursor, 79);
        for (unsigned round = 0; round < 4; round++)
                assert_int_equal(read_round_after(&table, USEC_PER_MIN), FEED_ROUND_DONE);
        feed_table_clear(&table);
}

static void test_rounds_read_back_to_a_missed_change_of_ten_minutes(void **state)
{
        struct feed_table table;
        (void)state;

        for (unsigned over = 0; over <= 1; over++) {
                setup_jobs(&table, 2000, true);
                assert_int_equal(feed_table_read_round(&table), FEED_ROUND_DONE);
                table.now_us += USEC_PER_MIN;
                assert_int_equal(feed_table_read_round(&table), FEED_ROUND_DONE);
                assert_int_equal(table.pages, 3);
                note_missed(&table, 1400 - over, SECONDS(1400 - over));
                note_missed(&table, 1400 - over, SECONDS(1500)); /* only the first counts */
                note_missed(&table, 1800, SECONDS(1800));
                assert_int_equal(read_round_after(&table, USEC_PER_MIN), FEED_ROUND_DONE);
                assert_int_equal(table.pages, over ? 9 : 25); /* 2000 to 1800, or to 1400 */
                assert_int_equal(read_full_round(&table), over ? FEED_FAILED : FEED_ROUND_DONE);
                assert_int_equal(table.pages, 1); /* a large one */
                feed_table_clear(&table);
        }
}

static void test_after_a_cut_missed_changes_are_forgotten(void **state)
{
        struct feed_table table;
        (void)state;

        setup_missed(&table);
        note_missed(&table, 77, SECONDS(18000));
        table.form = REMOTE_TIME_LOCAL; /* this cuts a round at once */
        assert_int_equal(read_round_after(&table, USEC_PER_MIN), FEED_ROUND_CUT);
        assert_false(feed_cursor_works(&table.cursor));
        note_missed(&table, 78, SECONDS(18000)); /* what was not reached is found by polls */
        for (unsigned round = 0; round < 3; round++)
                assert_int_equal(read_round_after(&table, USEC_PER_MIN), FEED_ROUND_DONE);
        feed_table_clear(&table);
}

static void test_many_missed_changes_fail_like_one(void **state)
{
        struct feed_table table;
        (void)state;

        setup_missed(&table);
        for (unsigned id = 100; id < 200; id++)
                note_missed(&table, id, SECONDS(18000));
        assert_int_equal(read_round_after(&table, USEC_PER_MIN), FEED_ROUND_DONE);
        assert_int_equal(feed_table_read_round(&table), FEED_FAILED);

        /* After the time off all is forgotten. */
        table.now_us += USEC_PER_HOUR;
        assert_int_equal(read_round_after(&table, USEC_PER_MIN), FEED_ROUND_DONE);
        assert_int_equal(read_round_after(&table, USEC_PER_MIN), FEED_ROUND_DONE);
        feed_table_clear(&table);
}

/* ---- memory ---- */

static void test_only_rows_of_two_rounds_are_remembered(void **state)
{
        struct feed_table table;
        (void)state;

        setup_jobs(&table, 300, false);
        for (unsigned round = 1; round <= 100; round++) {
                feed_table_change(&table, round, SECONDS(300 + 100 * round));
                assert_int_equal(feed_table_read_round(&table), FEED_ROUND_DONE);
                assert_in_range(table.cursor.seen.count, 1, 2 * 25);
        }
        feed_table_clear(&table);
}

static void test_no_memory_leaves_a_page_untaken(void **state)
{
        const struct feed_page_end end = { .number = 1 };
        const struct feed_row row = {
                .id = 1, .updated = { REMOTE_TIME_UTC, 1, false }, .digest = 3, .has_status = true
        };
        struct feed_page_request request;
        struct feed_cursor cursor;
        enum feed_step step = FEED_FAILED;
        bool new = false;
        (void)state;

        feed_cursor_init(&cursor);
        feed_cursor_begin_page(&cursor, 1, &request);
        fault_malloc_arm(1, false);
        assert_int_equal(feed_cursor_take_page(&cursor, &row, 1, &end, &new, 1, &step), -ENOMEM);
        assert_true(fault_malloc_disarm());
        assert_int_equal(step, FEED_FAILED);
        assert_int_equal(feed_cursor_take_page(&cursor, &row, 1, &end, &new, 1, &step), 0);
        assert_int_equal(step, FEED_ROUND_DONE);
        assert_true(new);
        feed_cursor_clear(&cursor);
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
                cmocka_unit_test(test_pages_grow_while_most_of_their_rows_are_new),
                cmocka_unit_test(test_pages_stay_large_while_most_of_their_rows_are_new),
                cmocka_unit_test(test_half_of_a_page_is_not_most_of_it),
                cmocka_unit_test(test_a_page_that_fails_once_is_requested_again),
                cmocka_unit_test(test_a_page_that_fails_again_is_halved),
                cmocka_unit_test(test_a_page_that_is_too_large_is_halved_at_once),
                cmocka_unit_test(test_pages_stay_small_until_an_hour_after_the_first_failure),
                cmocka_unit_test(test_the_feed_is_off_for_an_hour_if_single_rows_fail),
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
                cmocka_unit_test(test_a_round_is_repeated_if_a_job_is_deleted_meanwhile),
                cmocka_unit_test(test_repetitions_are_counted_anew_in_each_round),
                cmocka_unit_test(test_after_three_repetitions_the_next_round_reads_as_far_back),
                cmocka_unit_test(test_without_totals_no_round_is_repeated),
                cmocka_unit_test(test_pages_that_do_not_advance_fail),
                cmocka_unit_test(test_pages_without_rows_that_never_end_fail),
                cmocka_unit_test(test_a_page_of_new_rows_in_between_is_no_standstill),
                cmocka_unit_test(test_nor_are_many_pages_of_new_rows),
                cmocka_unit_test(test_rows_without_a_status_fail),
                cmocka_unit_test(test_a_round_is_cut_after_two_hundred_pages_and_not_tried_again),
                cmocka_unit_test(
                        test_rounds_read_a_minute_back_again_if_the_newest_jobs_are_deleted_after_a_cut),
                cmocka_unit_test(test_the_time_off_doubles_up_to_a_day),
                cmocka_unit_test(test_the_caller_turns_the_feed_off_for_an_hour),
                cmocka_unit_test(test_a_change_that_two_later_rounds_do_not_show_fails),
                cmocka_unit_test(test_a_row_that_is_as_new_clears_the_suspicion),
                cmocka_unit_test(test_a_row_of_another_form_clears_nothing),
                cmocka_unit_test(test_what_the_feed_could_not_show_is_no_failure),
                cmocka_unit_test(test_rounds_read_back_to_a_missed_change_of_ten_minutes),
                cmocka_unit_test(test_after_a_cut_missed_changes_are_forgotten),
                cmocka_unit_test(test_many_missed_changes_fail_like_one),
                cmocka_unit_test(test_only_rows_of_two_rounds_are_remembered),
                cmocka_unit_test(test_no_memory_leaves_a_page_untaken),
        };

        return cmocka_run_group_tests_name("feed_cursor", tests, NULL, NULL);
}
