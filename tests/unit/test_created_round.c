/* SPDX-License-Identifier: MIT */

/* How far the search by CreatedOn is read, and how sections that discover jobs begin with it. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "planning/created_round.h"
#include "util/timespan.h"

#define SECTIONS_MAX 2
#define MINUTE       60
#define ROWS_MAX     100

/* Jobs 1 to `count`, of which each was created a second, or `spacing` seconds, after the one before. */
struct search {
        struct created_round round;
        enum remote_time_form form;
        unsigned count, spacing;
        int direction;          /* newest first with this one; 7: with none */
        bool same, same_number; /* pages do not advance */
        bool no_number, endless;
        unsigned size_max; /* larger pages fail; 0: none do */
        unsigned lost;     /* from this row on they do; 0: none do */
        bool too_large;    /* because of their size */
        bool all_fail;
        struct discovery discoveries[SECTIONS_MAX];
        struct created_section sections[SECTIONS_MAX];
        size_t section_count;

        /* what was read and found */
        unsigned pages;
        unsigned found[SECTIONS_MAX]; /* rows that were new, also those of older rounds */
        uint64_t oldest_found[SECTIONS_MAX];
};

static struct remote_time at(const struct search *search, int64_t seconds)
{
        return (struct remote_time){ search->form, seconds * REMOTE_TICKS_PER_SEC, true };
}

static struct search search_of(unsigned count)
{
        return (struct search){ CREATED_ROUND_INITIAL, .form = REMOTE_TIME_UTC, .count = count, .spacing = 1,
                                .direction = -1 };
}

static void add_section(struct search *search, uint64_t since_us)
{
        struct discovery *discovery = &search->discoveries[search->section_count];

        assert_in_range(search->section_count, 0, SECTIONS_MAX - 1);
        search->sections[search->section_count++] =
                (struct created_section){ .discovery = discovery, .since_us = since_us };
}

/* A section that needs the rows from this second on. */
static void add_section_from(struct search *search, int64_t seconds)
{
        const struct remote_time newest = at(search, seconds + MINUTE);

        add_section(search, 0);
        discovery_begin(&search->discoveries[search->section_count - 1], &newest, 0);
        discovery_complete(&search->discoveries[search->section_count - 1], NULL);
}

static void clear(struct search *search)
{
        for (size_t i = 0; i < search->section_count; i++)
                discovery_clear(&search->discoveries[i]);
}

static void judge(struct search *search, const struct feed_row rows[], size_t count)
{
        for (size_t i = 0; i < search->section_count; i++)
                for (size_t j = 0; j < count; j++)
                        if (discovery_is_new(&search->discoveries[i], rows[j].id, &rows[j].updated)) {
                                search->found[i]++;
                                search->oldest_found[i] = rows[j].id;
                        }
}

static enum feed_step read_page(struct search *search)
{
        struct feed_page_request request = created_round_page(&search->round);
        unsigned skipped = search->same ? 0 : (request.page - 1) * request.size, count = 0;
        struct feed_row rows[ROWS_MAX];

        if (search->all_fail || (search->lost > 0 && request.page * request.size >= search->lost) ||
            (search->size_max > 0 && request.size > search->size_max)) {
                search->pages++;
                return created_round_fail_page(&search->round, search->too_large);
        }
        assert_in_range(request.size, 1, ROWS_MAX);
        for (; count < request.size && skipped + count < search->count; count++) {
                unsigned place = skipped + count, id = search->count - place;
                if (request.direction != search->direction)
                        id = place + 1;
                rows[count] = (struct feed_row){ .id = id,
                                                 .updated = at(search, (int64_t)id * search->spacing),
                                                 .digest = id };
        }
        const struct feed_page_end end = {
                .number = search->no_number     ? 0
                          : search->same_number ? 1
                                                : request.page,
                .has_next = search->same || search->endless || skipped + count < search->count,
        };
        search->pages++;
        enum feed_step step = created_round_take_page(&search->round, search->sections, search->section_count,
                                                      rows, count, &end);
        if (step != FEED_AGAIN && step != FEED_FAILED) {
                judge(search, rows, count);
                created_round_finish_page(search->sections, search->section_count, rows, count, step);
        }
        return step;
}

static enum feed_step read_round(struct search *search)
{
        enum feed_step step;

        search->pages = 0;
        do
                step = read_page(search);
        while (step == FEED_NEXT_PAGE || step == FEED_AGAIN);
        return step;
}

/* ---- pages ---- */

static void test_a_round_reads_as_far_as_a_section_needs(void **state)
{
        struct search search = search_of(100);
        (void)state;

        assert_int_equal(read_round(&search), FEED_ROUND_DONE); /* without a section */
        assert_int_equal(search.pages, 1);
        add_section_from(&search, 77);
        assert_int_equal(read_round(&search), FEED_ROUND_DONE);
        assert_int_equal(search.pages, 1); /* 100 to 76 */
        add_section_from(&search, 76);
        assert_int_equal(read_round(&search), FEED_ROUND_DONE);
        assert_int_equal(search.pages, 2);
        search.count = 0;
        assert_int_equal(read_round(&search), FEED_ROUND_DONE);
        assert_int_equal(search.pages, 1);
        clear(&search);
}

static void test_a_round_reads_a_thousand_rows(void **state)
{
        struct search search = search_of(1001);
        (void)state;

        add_section_from(&search, 0);
        assert_int_equal(read_round(&search), FEED_ROUND_CUT);
        assert_int_equal(search.pages, 40);
        search.count = 1000;
        assert_int_equal(read_round(&search), FEED_ROUND_DONE);
        clear(&search);
}

static void test_the_direction_is_found_once(void **state)
{
        static const int values[] = { -1, 1, 0 };
        (void)state;

        for (unsigned i = 0; i < 3; i++) {
                struct search search = search_of(100);

                add_section_from(&search, 90);
                search.direction = values[i];
                assert_int_equal(read_round(&search), FEED_ROUND_DONE);
                assert_int_equal(search.pages, i + 1);
                assert_int_equal(read_round(&search), FEED_ROUND_DONE);
                assert_int_equal(search.pages, 1);
                clear(&search);
        }
}

static void test_a_search_without_order_fails(void **state)
{
        struct search search = search_of(100);
        (void)state;

        add_section(&search, 0);
        search.direction = 7;
        assert_int_equal(read_round(&search), FEED_FAILED);
        assert_int_equal(search.pages, 3);
        assert_int_equal(search.discoveries[0].phase, DISCOVERY_NOT_BEGUN);
        clear(&search);
}

static void test_pages_must_advance(void **state)
{
        struct search same = search_of(100), number = search_of(100), endless = search_of(30),
                      none = search_of(30);
        (void)state;

        add_section_from(&same, 10);
        same.same = true;
        assert_int_equal(read_round(&same), FEED_FAILED);
        assert_int_equal(same.pages, 2);

        add_section_from(&number, 10);
        number.same_number = true;
        assert_int_equal(read_round(&number), FEED_FAILED);
        assert_int_equal(number.pages, 2);

        add_section_from(&endless, 0);
        endless.endless = true;
        assert_int_equal(read_round(&endless), FEED_FAILED);
        assert_int_equal(endless.pages, 4); /* the last two are empty */

        add_section_from(&none, 0);
        none.no_number = true;
        assert_int_equal(read_round(&none), FEED_ROUND_DONE);
        assert_int_equal(none.pages, 2);
        clear(&same);
        clear(&number);
        clear(&endless);
        clear(&none);
}

static void test_pages_that_fail_become_smaller(void **state)
{
        (void)state;

        for (unsigned too_large = 0; too_large < 2; too_large++) {
                struct search search = search_of(100);

                add_section(&search, 0);
                search.size_max = 6;
                search.too_large = too_large != 0;
                assert_int_equal(read_round(&search), FEED_ROUND_DONE);
                assert_int_equal(search.pages, (too_large != 0 ? 2 : 4) + 11); /* 25, 12, then 6: until 39 */
                search.size_max = 0;
                search.count = 101;
                assert_int_equal(read_round(&search), FEED_ROUND_DONE);
                assert_int_equal(search.found[0], 1);
                assert_int_equal(created_round_page(&search.round).size, CREATED_PAGE_SIZE - 1);
                clear(&search);
        }
}

static void test_if_pages_of_a_single_row_fail_the_round_does(void **state)
{
        struct search search = search_of(100);
        (void)state;

        add_section(&search, 0);
        search.all_fail = true;
        assert_int_equal(read_round(&search), FEED_FAILED);
        assert_int_equal(search.pages, 10); /* 25, 12, 6, 3, 1 */
        assert_string_equal(search.round.problem, "pages of a single row fail");
        search.all_fail = false;
        assert_int_equal(read_round(&search), FEED_ROUND_DONE);
        clear(&search);
}

/* ---- sections ---- */

static void test_what_is_there_in_the_first_round_is_not_new(void **state)
{
        struct search search = search_of(100);
        (void)state;

        add_section(&search, 0);
        assert_int_equal(read_round(&search), FEED_ROUND_DONE);
        assert_int_equal(search.pages, 3); /* a minute, and one row that is older */
        assert_int_equal(read_round(&search), FEED_ROUND_DONE);
        assert_int_equal(search.found[0], 0);
        search.count = 102;
        assert_int_equal(read_round(&search), FEED_ROUND_DONE);
        assert_int_equal(search.found[0], 2);
        clear(&search);
}

static void test_a_span_is_read_back_by_the_first_round_only(void **state)
{
        struct search search = search_of(500);
        (void)state;

        add_section(&search, 0);
        add_section(&search, 200 * USEC_PER_SEC);
        assert_int_equal(read_round(&search), FEED_ROUND_DONE);
        assert_int_equal(search.pages, 11); /* 500 to 226, of which 240 is the first */
        assert_int_equal(search.found[0], 0);
        assert_int_equal(search.found[1], 261);
        assert_int_equal(search.oldest_found[1], 240);
        assert_int_equal(read_round(&search), FEED_ROUND_DONE);
        assert_int_equal(search.pages, 3);
        clear(&search);
}

static void test_a_span_of_days_is_judged_until_its_last_page(void **state)
{
        struct search search = search_of(60);
        (void)state;

        search.spacing = 24 * 60 * MINUTE;
        add_section(&search, 100 * USEC_PER_DAY);
        assert_int_equal(read_round(&search), FEED_ROUND_DONE);
        assert_int_equal(search.found[0], 60);
        clear(&search);
}

static void test_a_section_begins_whatever_becomes_of_rows_that_another_needs(void **state)
{
        struct search search = search_of(500);
        (void)state;

        add_section(&search, 0);
        add_section(&search, 200 * USEC_PER_SEC);
        search.lost = 150;
        assert_int_equal(read_round(&search), FEED_FAILED);
        assert_int_equal(search.discoveries[0].phase, DISCOVERY_BEGUN);
        assert_int_not_equal(search.discoveries[1].phase, DISCOVERY_BEGUN);
        search.found[0] = 0;
        search.count = 502;
        search.lost = 0;
        assert_int_equal(read_round(&search), FEED_ROUND_DONE);
        assert_int_equal(search.found[0], 2);
        assert_int_equal(search.discoveries[1].phase, DISCOVERY_BEGUN);
        clear(&search);
}

static void test_of_more_jobs_than_a_round_reads_the_older_ones_were_there(void **state)
{
        struct search search = search_of(3000);
        (void)state;

        add_section(&search, USEC_PER_DAY);
        assert_int_equal(read_round(&search), FEED_ROUND_CUT);
        assert_int_equal(search.found[0], 1000);
        assert_int_equal(search.oldest_found[0], 2001);
        const struct remote_time first = at(&search, 2001), older = at(&search, 2000);
        assert_false(discovery_is_new(&search.discoveries[0], 5000, &older));
        assert_false(discovery_is_new(&search.discoveries[0], 5000, &first));
        clear(&search);
}

static void test_in_an_empty_account_the_first_job_is_new(void **state)
{
        struct search search = search_of(0);
        (void)state;

        add_section(&search, 0);
        assert_int_equal(read_round(&search), FEED_ROUND_DONE);
        assert_int_equal(search.discoveries[0].phase, DISCOVERY_BEGUN);
        search.count = 1;
        assert_int_equal(read_round(&search), FEED_ROUND_DONE);
        assert_int_equal(search.found[0], 1);
        clear(&search);
}

static void test_a_section_that_is_added_during_a_round_begins_with_the_next(void **state)
{
        struct search search = search_of(100);
        (void)state;

        add_section_from(&search, 10);
        assert_int_equal(read_page(&search), FEED_NEXT_PAGE);
        add_section(&search, 0);
        assert_int_equal(read_round(&search), FEED_ROUND_DONE);
        assert_int_equal(search.discoveries[1].phase, DISCOVERY_NOT_BEGUN);
        assert_int_equal(read_round(&search), FEED_ROUND_DONE);
        assert_int_equal(search.discoveries[1].phase, DISCOVERY_BEGUN);
        assert_int_equal(search.found[1], 0);
        clear(&search);
}

static void test_sections_begin_again_with_times_of_another_form(void **state)
{
        struct search search = search_of(100);
        (void)state;

        add_section(&search, 0);
        assert_int_equal(read_round(&search), FEED_ROUND_DONE);
        search.form = REMOTE_TIME_DATE;
        search.count = 110;
        assert_int_equal(read_round(&search), FEED_ROUND_DONE);
        assert_int_equal(search.found[0], 0);
        assert_int_equal(search.discoveries[0].newest.form, REMOTE_TIME_DATE);
        search.count = 111;
        assert_int_equal(read_round(&search), FEED_ROUND_DONE);
        assert_int_equal(search.found[0], 1);
        clear(&search);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_a_round_reads_as_far_as_a_section_needs),
                cmocka_unit_test(test_a_round_reads_a_thousand_rows),
                cmocka_unit_test(test_the_direction_is_found_once),
                cmocka_unit_test(test_a_search_without_order_fails),
                cmocka_unit_test(test_pages_must_advance),
                cmocka_unit_test(test_pages_that_fail_become_smaller),
                cmocka_unit_test(test_if_pages_of_a_single_row_fail_the_round_does),
                cmocka_unit_test(test_what_is_there_in_the_first_round_is_not_new),
                cmocka_unit_test(test_a_span_is_read_back_by_the_first_round_only),
                cmocka_unit_test(test_a_span_of_days_is_judged_until_its_last_page),
                cmocka_unit_test(test_a_section_begins_whatever_becomes_of_rows_that_another_needs),
                cmocka_unit_test(test_of_more_jobs_than_a_round_reads_the_older_ones_were_there),
                cmocka_unit_test(test_in_an_empty_account_the_first_job_is_new),
                cmocka_unit_test(test_a_section_that_is_added_during_a_round_begins_with_the_next),
                cmocka_unit_test(test_sections_begin_again_with_times_of_another_form),
        };

        return cmocka_run_group_tests_name("created_round", tests, NULL, NULL);
}
