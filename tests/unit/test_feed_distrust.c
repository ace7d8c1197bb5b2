/* SPDX-License-Identifier: MIT */

/* When the feed is off, and changes that it does not show. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "feed_fixture.h"

/* ---- off ---- */

static void test_the_time_off_doubles_up_to_a_day(void **state)
{
        static const unsigned hours[] = { 1, 2, 4, 8, 16, 24, 24, 24 };
        struct feed_table table;
        (void)state;

        feed_table_setup(&table, 300, true);
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

        feed_table_setup(&table, 300, true);
        feed_table_start_at(&table, FEED_SECONDS(250));
        assert_int_equal(feed_table_read_page(&table), FEED_NEXT_PAGE);
        feed_cursor_turn_off(&table.cursor, "the role is missing", table.now_us);
        assert_string_equal(table.cursor.off.reason, "the role is missing");
        assert_true(feed_cursor_is_off(&table.cursor, table.now_us + USEC_PER_HOUR - 1));
        table.now_us += USEC_PER_HOUR;
        assert_false(feed_cursor_is_off(&table.cursor, table.now_us));

        /* Then a round begins where the last complete one ended. */
        feed_table_change(&table, 300, FEED_SECONDS(300));
        assert_int_equal(feed_table_read_round(&table), FEED_ROUND_DONE);
        assert_int_equal(table.requests[0].page, 1);
        assert_int_equal(table.pages, 5); /* 300 to 190 */
        feed_table_clear(&table);
}

/* ---- changes that are not shown ---- */

/* A complete round, and a minute later a change that the feed does not show, of an hour ago. */
static void setup_missed(struct feed_table *table)
{
        feed_table_setup(table, 30, true);
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
        note_missed(&table, 77, FEED_SECONDS(18001));
        assert_int_equal(read_round_after(&table, 0), FEED_ROUND_DONE);
        assert_int_equal(read_round_after(&table, 58 * USEC_PER_SEC), FEED_ROUND_DONE); /* began after 59 s */
        assert_int_equal(read_round_after(&table, 0), FEED_ROUND_DONE);                 /* after 60 s */
        assert_int_equal(feed_table_read_round(&table), FEED_FAILED);
        assert_string_equal(table.cursor.off.reason, "it did not show a change of job 77");
        assert_true(feed_cursor_is_off(&table.cursor, table.now_us));
        feed_table_clear(&table);
}

static void test_a_row_that_is_as_new_clears_the_suspicion(void **state)
{
        struct feed_table table;
        (void)state;

        for (int64_t later = -1; later <= 1; later++) {
                setup_missed(&table);
                note_missed(&table, 77, FEED_SECONDS(18001));
                feed_table_add(&table, 77, FEED_SECONDS(18001 + later), true);
                feed_table_add(&table, 78, FEED_SECONDS(18001), true);
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
        feed_table_setup(&table, 30, true);
        feed_cursor_note_missed(&table.cursor, 77, &time, table.now_us);
        for (unsigned round = 0; round < 4; round++)
                assert_int_equal(read_round_after(&table, USEC_PER_MIN), FEED_ROUND_DONE);
        feed_cursor_note_missed(&table.cursor, 77, &none, table.now_us);
        /* One of a job that is gone since. */
        note_missed(&table, 78, FEED_SECONDS(1));
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
                feed_table_setup(&table, 2000, true);
                assert_int_equal(feed_table_read_round(&table), FEED_ROUND_DONE);
                table.now_us += USEC_PER_MIN;
                assert_int_equal(feed_table_read_round(&table), FEED_ROUND_DONE);
                assert_int_equal(table.pages, 3);
                note_missed(&table, 1400 - over, FEED_SECONDS(1400 - over));
                note_missed(&table, 1400 - over, FEED_SECONDS(1500)); /* only the first counts */
                note_missed(&table, 1800, FEED_SECONDS(1800));
                assert_int_equal(read_round_after(&table, USEC_PER_MIN), FEED_ROUND_DONE);
                assert_int_equal(table.pages, over ? 9 : 25); /* 2000 to 1800, or to 1400 */
                assert_int_equal(feed_table_read_full_round(&table), over ? FEED_FAILED : FEED_ROUND_DONE);
                assert_int_equal(table.pages, 1); /* a large one */
                feed_table_clear(&table);
        }
}

static void test_after_a_cut_missed_changes_are_forgotten(void **state)
{
        struct feed_table table;
        (void)state;

        setup_missed(&table);
        note_missed(&table, 77, FEED_SECONDS(18000));
        table.form = REMOTE_TIME_LOCAL; /* this cuts a round at once */
        assert_int_equal(read_round_after(&table, USEC_PER_MIN), FEED_ROUND_CUT);
        assert_false(table.cursor.works);
        note_missed(&table, 78, FEED_SECONDS(18000)); /* what was not reached is found by polls */
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
                note_missed(&table, id, FEED_SECONDS(18000));
        assert_int_equal(read_round_after(&table, USEC_PER_MIN), FEED_ROUND_DONE);
        assert_int_equal(feed_table_read_round(&table), FEED_FAILED);

        /* After the time off all is forgotten. */
        table.now_us += USEC_PER_HOUR;
        assert_int_equal(read_round_after(&table, USEC_PER_MIN), FEED_ROUND_DONE);
        assert_int_equal(read_round_after(&table, USEC_PER_MIN), FEED_ROUND_DONE);
        feed_table_clear(&table);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_the_time_off_doubles_up_to_a_day),
                cmocka_unit_test(test_the_caller_turns_the_feed_off_for_an_hour),
                cmocka_unit_test(test_a_change_that_two_later_rounds_do_not_show_fails),
                cmocka_unit_test(test_a_row_that_is_as_new_clears_the_suspicion),
                cmocka_unit_test(test_a_row_of_another_form_clears_nothing),
                cmocka_unit_test(test_what_the_feed_could_not_show_is_no_failure),
                cmocka_unit_test(test_rounds_read_back_to_a_missed_change_of_ten_minutes),
                cmocka_unit_test(test_after_a_cut_missed_changes_are_forgotten),
                cmocka_unit_test(test_many_missed_changes_fail_like_one),
        };

        return cmocka_run_group_tests_name("feed_distrust", tests, NULL, NULL);
}
