/* SPDX-License-Identifier: MIT */

/* Which jobs are new, judged by CreatedOn. */

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "planning/discovery.h"
#include "util/timespan.h"

#define SECONDS(n) ((int64_t)(n)*REMOTE_TICKS_PER_SEC)
#define MINUTE     60
#define HOUR       3600
#define DAY        86400

/* The newest job when the section begins is from this second. */
#define START (1000 * DAY)

static struct remote_time at(int64_t seconds)
{
        return (struct remote_time){ REMOTE_TIME_UTC, SECONDS(seconds), true };
}

static bool is_new(const struct discovery *discovery, uint64_t id, int64_t seconds)
{
        const struct remote_time created = at(seconds);

        return discovery_is_new(discovery, id, &created);
}

static void take_row(struct discovery *discovery, uint64_t id, int64_t seconds)
{
        const struct remote_time created = at(seconds);

        discovery_take_row(discovery, id, &created);
}

static void note(struct discovery *discovery, int64_t seconds)
{
        const struct remote_time created = at(seconds);

        assert_true(discovery_note(discovery, &created));
}

static void begin(struct discovery *discovery, uint64_t since_us)
{
        const struct remote_time newest = at(START);

        discovery_begin(discovery, &newest, since_us);
}

/* A section that began when there were jobs 1 to 100, one a second, of which 100 is the newest. */
static struct discovery begun(void)
{
        struct discovery discovery = DISCOVERY_INITIAL;

        begin(&discovery, 0);
        for (unsigned id = 100; id > 0; id--)
                take_row(&discovery, id, START - 100 + id);
        discovery_complete(&discovery, NULL);
        return discovery;
}

/* ---- new jobs ---- */

static void test_before_the_first_round_no_job_is_new(void **state)
{
        const struct discovery discovery = DISCOVERY_INITIAL;
        (void)state;

        assert_false(is_new(&discovery, 1, START));
}

static void test_jobs_that_were_there_are_not_new(void **state)
{
        struct discovery discovery = begun();
        (void)state;

        for (unsigned id = 1; id <= 100; id++)
                assert_false(is_new(&discovery, id, START - 100 + id));
        assert_int_equal(discovery.id_count, 61); /* of the last minute, to its end */
        discovery_clear(&discovery);
}

static void test_later_jobs_are_new(void **state)
{
        struct discovery discovery = begun();
        (void)state;

        assert_true(is_new(&discovery, 101, START));
        assert_true(is_new(&discovery, 101, START + 1));
        assert_true(is_new(&discovery, 101, START + 100 * DAY));
        discovery_clear(&discovery);
}

static void test_a_job_that_appears_late_is_new_up_to_a_minute_before_the_first_round(void **state)
{
        struct discovery discovery = begun();
        (void)state;

        assert_true(is_new(&discovery, 101, START - MINUTE));
        assert_false(is_new(&discovery, 101, START - MINUTE - 1));
        discovery_clear(&discovery);
}

static void test_a_job_is_new_for_a_day_behind_the_newest(void **state)
{
        struct discovery discovery = begun();
        (void)state;

        note(&discovery, START + 10 * DAY);
        assert_true(discovery_is_behind(&discovery));
        assert_true(
                is_new(&discovery, 101, START + HOUR)); /* the round judges by what was the newest before */
        discovery_raise(&discovery);
        assert_false(discovery_is_behind(&discovery));
        assert_false(is_new(&discovery, 101, START + 9 * DAY));
        assert_true(is_new(&discovery, 101, START + 9 * DAY + 1));

        note(&discovery, START + 9 * DAY);
        assert_false(discovery_is_behind(&discovery));
        discovery_clear(&discovery);
}

static void test_since_counts_from_the_newest_job(void **state)
{
        struct discovery discovery = DISCOVERY_INITIAL;
        (void)state;

        begin(&discovery, 3 * USEC_PER_DAY);
        assert_int_equal(discovery_depth(&discovery), SECONDS(START - 3 * DAY - MINUTE));
        for (unsigned days = 0; days <= 5; days++) {
                take_row(&discovery, 100 + days, START - days * DAY);
                assert_int_equal(is_new(&discovery, 100 + days, START - days * DAY), days <= 3);
        }
        assert_true(is_new(&discovery, 1, START - 3 * DAY - MINUTE));
        assert_false(is_new(&discovery, 1, START - 3 * DAY - MINUTE - 1));

        /* Later rounds do not reach so far. */
        discovery_complete(&discovery, NULL);
        assert_int_equal(discovery_depth(&discovery), SECONDS(START - MINUTE));
        assert_false(is_new(&discovery, 1, START - DAY));
        assert_true(is_new(&discovery, 1, START - DAY + 1));
        discovery_clear(&discovery);
}

static void test_any_span_can_be_since(void **state)
{
        const struct remote_time first_year = { REMOTE_TIME_UTC, REMOTE_TICKS_FIRST - 1, false };
        struct discovery discovery = DISCOVERY_INITIAL;
        (void)state;

        begin(&discovery, UINT64_MAX);
        assert_true(is_new(&discovery, 1, -1000 * 365 * (int64_t)DAY));
        assert_in_range(discovery.first.ticks - REMOTE_TICKS_FIRST, 0, 9);
        discovery_begin(&discovery, &first_year, UINT64_MAX);
        assert_int_equal(discovery.first.ticks, first_year.ticks);
        discovery_clear(&discovery);
}

static void test_a_job_that_appears_during_the_first_round_is_new(void **state)
{
        struct discovery discovery = DISCOVERY_INITIAL;
        (void)state;

        begin(&discovery, 0);
        take_row(&discovery, 2, START);
        take_row(&discovery, 3, START + 1);
        take_row(&discovery, 1, START - MINUTE);
        take_row(&discovery, 1, START - MINUTE); /* shifted to the next page */
        assert_int_equal(discovery.id_count, 2);
        assert_true(is_new(&discovery, 3, START + 1));
        discovery_clear(&discovery);
}

/* A feed that runs beside the first round may show jobs that this has not reached. */
static void test_during_a_first_round_without_a_span_only_younger_jobs_are_new(void **state)
{
        struct discovery discovery = DISCOVERY_INITIAL;
        (void)state;

        begin(&discovery, 0);
        take_row(&discovery, 2, START);
        assert_false(is_new(&discovery, 1, START));
        assert_false(is_new(&discovery, 1, START - 1));
        assert_true(is_new(&discovery, 3, START + 1));
        discovery_clear(&discovery);
}

static void test_older_jobs_than_a_first_round_could_read_were_there(void **state)
{
        const struct remote_time oldest = at(START - 2 * HOUR);
        struct discovery discovery = DISCOVERY_INITIAL;
        (void)state;

        begin(&discovery, USEC_PER_DAY);
        discovery_complete(&discovery, &oldest);
        assert_false(is_new(&discovery, 1, START - 2 * HOUR));
        assert_true(is_new(&discovery, 1, START - 2 * HOUR + 1));

        /* Not if it read further than it had to. */
        begin(&discovery, USEC_PER_HOUR);
        discovery_complete(&discovery, &oldest);
        assert_true(is_new(&discovery, 1, START - HOUR - MINUTE));
        discovery_clear(&discovery);
}

static void test_a_thousand_jobs_of_the_last_minute_are_remembered(void **state)
{
        struct discovery discovery = DISCOVERY_INITIAL;
        (void)state;

        begin(&discovery, 0);
        for (unsigned id = 1; id <= 1000; id++)
                take_row(&discovery, id, id <= 999 ? START : START - 1);
        take_row(&discovery, 1001, START - 2); /* this one is not: so all that are as old were there */
        take_row(&discovery, 1002, START - 2);
        take_row(&discovery, 1003, START - 3);
        assert_int_equal(discovery.id_count, DISCOVERY_IDS_MAX);
        discovery_complete(&discovery, NULL);
        for (unsigned id = 1; id <= 1003; id++)
                assert_false(is_new(&discovery, id, id <= 999 ? START : START + 999 - id));
        assert_true(is_new(&discovery, 2000, START));
        assert_true(is_new(&discovery, 2000, START - 1));
        assert_false(is_new(&discovery, 2000, START - 2));
        discovery_clear(&discovery);
}

static void test_in_an_account_without_jobs_every_job_is_new(void **state)
{
        const struct remote_time none = { .form = REMOTE_TIME_NONE };
        struct discovery discovery = DISCOVERY_INITIAL;
        char *text;
        (void)state;

        discovery_begin(&discovery, &none, USEC_PER_HOUR);
        assert_int_equal(discovery_depth(&discovery), INT64_MIN);
        discovery_complete(&discovery, &none);
        assert_false(discovery_is_behind(&discovery));
        assert_true(is_new(&discovery, 1, 0));
        text = discovery_write(&discovery);
        discovery_clear(&discovery);
        assert_int_equal(discovery_read(text, &discovery), 0);
        free(text);

        note(&discovery, START);
        assert_true(discovery_is_behind(&discovery));
        discovery_raise(&discovery);
        assert_true(is_new(&discovery, 2, START - DAY + 1));
        assert_false(is_new(&discovery, 2, START - DAY));
        discovery_clear(&discovery);
}

static void test_a_job_without_a_time_is_never_new(void **state)
{
        const struct remote_time none = { .form = REMOTE_TIME_NONE };
        struct discovery discovery = begun();
        (void)state;

        assert_false(discovery_is_new(&discovery, 101, &none));
        assert_true(discovery_note(&discovery, &none));
        assert_false(discovery_is_behind(&discovery));
        discovery_clear(&discovery);
}

static void test_times_of_another_form_need_a_new_beginning(void **state)
{
        const struct remote_time local = { REMOTE_TIME_LOCAL, SECONDS(START + 5), true };
        struct discovery discovery = begun();
        (void)state;

        assert_false(discovery_is_new(&discovery, 101, &local));
        assert_false(discovery_note(&discovery, &local));
        discovery_begin(&discovery, &local, 0);
        assert_int_equal(discovery.id_count, 0);
        take_row(&discovery, 1, START); /* of the old form */
        assert_int_equal(discovery.id_count, 0);
        assert_true(discovery_note(&discovery, &local));
        discovery_clear(&discovery);
}

static void test_ids_are_forgotten_when_they_cannot_matter(void **state)
{
        struct discovery discovery = begun();
        char *text;
        (void)state;

        note(&discovery, START + DAY - 1);
        discovery_raise(&discovery);
        assert_int_equal(discovery.id_count, 61);
        note(&discovery, START + DAY);
        text = discovery_write(&discovery);
        assert_null(strstr(text, " 100"));
        discovery_raise(&discovery);
        assert_int_equal(discovery.id_count, 0);
        assert_false(is_new(&discovery, 100, START));
        free(text);
        discovery_clear(&discovery);
}

/* ---- in the state ---- */

static void test_a_written_section_judges_as_before(void **state)
{
        struct discovery discovery = begun(), again = DISCOVERY_INITIAL;
        char *text;
        (void)state;

        note(&discovery, START + HOUR); /* what is written is what the next round judges by */
        text = discovery_write(&discovery);
        discovery_raise(&discovery);
        assert_int_equal(discovery_read(text, &again), 0);
        for (unsigned id = 1; id <= 200; id++)
                for (int64_t seconds = START - DAY; seconds < START + 2 * DAY; seconds += 1009)
                        assert_int_equal(is_new(&again, id, seconds), is_new(&discovery, id, seconds));
        assert_int_equal(again.id_count, discovery.id_count);
        assert_int_equal(discovery_depth(&again), discovery_depth(&discovery));
        assert_false(discovery_is_behind(&again));
        free(text);
        discovery_clear(&discovery);
        discovery_clear(&again);
}

static void test_a_damaged_text_is_not_read(void **state)
{
        static const char *const wrong[] = {
                "",
                "utc",
                "utc 5",
                "utc 5 ",
                "utc 5 utc",
                "utc 5,utc 5",
                "utc 5 local 5",
                "none 0 utc 5",
                "utc 5 utc 5 x",
                "utc 5 utc 5 1 ",
                "utc 5 utc 5 -1",
                "utc 5 utc 5 1,2",
                "utc 5 utc 5 99999999999999999999",
        };
        char many[8 + 8 + 2 * DISCOVERY_IDS_MAX + 3] = "utc 5 utc 5";
        struct discovery discovery = DISCOVERY_INITIAL;
        (void)state;

        for (size_t i = 0; i < sizeof(wrong) / sizeof(*wrong); i++)
                if (discovery_read(wrong[i], &discovery) != -EINVAL || discovery.phase != DISCOVERY_NOT_BEGUN)
                        fail_msg("%s was read", wrong[i]);
        for (unsigned i = 0; i < DISCOVERY_IDS_MAX; i++)
                strcat(many, " 7");
        assert_int_equal(discovery_read(many, &discovery), 0);
        discovery_clear(&discovery);
        strcat(many, " 7");
        assert_int_equal(discovery_read(many, &discovery), -EINVAL);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_before_the_first_round_no_job_is_new),
                cmocka_unit_test(test_jobs_that_were_there_are_not_new),
                cmocka_unit_test(test_later_jobs_are_new),
                cmocka_unit_test(test_a_job_that_appears_late_is_new_up_to_a_minute_before_the_first_round),
                cmocka_unit_test(test_a_job_is_new_for_a_day_behind_the_newest),
                cmocka_unit_test(test_since_counts_from_the_newest_job),
                cmocka_unit_test(test_any_span_can_be_since),
                cmocka_unit_test(test_a_job_that_appears_during_the_first_round_is_new),
                cmocka_unit_test(test_during_a_first_round_without_a_span_only_younger_jobs_are_new),
                cmocka_unit_test(test_older_jobs_than_a_first_round_could_read_were_there),
                cmocka_unit_test(test_a_thousand_jobs_of_the_last_minute_are_remembered),
                cmocka_unit_test(test_in_an_account_without_jobs_every_job_is_new),
                cmocka_unit_test(test_a_job_without_a_time_is_never_new),
                cmocka_unit_test(test_times_of_another_form_need_a_new_beginning),
                cmocka_unit_test(test_ids_are_forgotten_when_they_cannot_matter),
                cmocka_unit_test(test_a_written_section_judges_as_before),
                cmocka_unit_test(test_a_damaged_text_is_not_read),
        };

        return cmocka_run_group_tests_name("discovery", tests, NULL, NULL);
}
