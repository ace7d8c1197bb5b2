/* SPDX-License-Identifier: MIT */

/* Which jobs were discovered is kept as long as it is needed, and their events say so. */

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "state_fixture.h"

#define DAY_US UINT64_C(86400000000)
#define START  UINT64_C(1700000000000000)

enum { FORM_LOCAL = 1, FORM_UTC };

/* Records an event of a job as the recorder does; with `sections`, it is the first one of a discovered job.
 */
static void record(struct fixture *fixture, unsigned number, uint64_t job, enum event_kind kind,
                   const char *sections, int64_t created_ticks)
{
        const struct stored_discovery discovery = {
                .job = job, .sections = sections, .created_ticks = created_ticks, .created_form = FORM_UTC
        };
        struct event event = {
                .kind = kind,
                .outcome = kind == EVENT_SUCCEEDED ? OUTCOME_SUCCESS : OUTCOME_OPEN,
                .time_us = START + number,
                .record.id = job,
        };

        memcpy(event.id, fixture_event_id(number), EVENT_ID_SIZE);
        assert_int_equal(store_batch_begin(fixture->state), 0);
        if (sections != NULL)
                assert_int_equal(store_put_discovered(fixture->state, &discovery), 0);
        assert_int_equal(store_fill_event(fixture->state, &event), 0);
        assert_int_equal(store_record_event(fixture->state, &event, NULL, 0, NULL), 0);
        assert_int_equal(store_batch_end(fixture->state, true), 0);
        event_clear(&event);
}

static void expect_sections(struct fixture *fixture, unsigned number, const char *sections)
{
        struct event event;

        assert_int_equal(store_get_event(fixture->state, fixture_event_id(number), &event), 1);
        if (sections == NULL)
                assert_null(event.discover.data);
        else
                assert_string_equal(event.discover.data, sections);
        event_clear(&event);
}

/* What was discovered, as "JOB:SECTIONS:OUTCOME " each. */
static int collect(void *userdata, const struct stored_discovery *discovery)
{
        char *list = userdata;

        snprintf(list + strlen(list), 200 - strlen(list), "%d:%s:%s ", (int)discovery->job,
                 discovery->sections, outcome_to_string(discovery->outcome));
        assert_int_equal(discovery->created_form, FORM_UTC);
        assert_int_equal(discovery->created_ticks, -(int64_t)discovery->job);
        return 0;
}

static void expect_discovered(struct fixture *fixture, const char *expected)
{
        char list[200] = "";

        assert_int_equal(store_each_discovered(fixture->state, collect, list), 0);
        assert_string_equal(list, expected);
}

static void test_discovered_jobs_are_known_at_the_next_start(void **state)
{
        struct fixture *fixture = *state;

        expect_discovered(fixture, "");
        record(fixture, 1, 7, EVENT_SEEN, "imports", -7);
        record(fixture, 2, 5, EVENT_SUCCEEDED, "imports,all", -5);
        record(fixture, 3, 6, EVENT_SEEN, NULL, 0);
        fixture_reopen(fixture);
        expect_discovered(fixture, "5:imports,all:success 7:imports:open ");

        record(fixture, 4, 7, EVENT_SUCCEEDED, "other", -7);
        fixture_reopen(fixture);
        expect_discovered(fixture, "5:imports,all:success 7:other:success ");
        assert_int_equal(store_drop_discovered(fixture->state, 5), 0);
        assert_int_equal(store_drop_discovered(fixture->state, 999), 0);
        fixture_reopen(fixture);
        expect_discovered(fixture, "7:other:success ");
}

/* Also once the job is not watched any more, since deliveries may be pending. */
static void test_events_keep_the_sections_they_were_recorded_with(void **state)
{
        struct fixture *fixture = *state;

        record(fixture, 1, 7, EVENT_SEEN, "imports,all", -7);
        record(fixture, 2, 7, EVENT_CHANGED, NULL, 0);
        record(fixture, 3, 6, EVENT_SEEN, NULL, 0);
        assert_int_equal(store_drop_discovered(fixture->state, 7), 0);
        record(fixture, 4, 7, EVENT_SUCCEEDED, NULL, 0);
        fixture_reopen(fixture);
        expect_sections(fixture, 1, "imports,all");
        expect_sections(fixture, 2, "imports,all");
        expect_sections(fixture, 3, NULL);
        expect_sections(fixture, 4, NULL);
}

static bool is_known(struct fixture *fixture, uint64_t job)
{
        struct stored_job found;

        int r = store_get_job(fixture->state, job, &found);
        assert_in_range(r, 0, 1);
        return r > 0;
}

/* Prunes with an age of one hour. */
static void prune(struct fixture *fixture, uint64_t now_us, const struct store_configured *configured)
{
        struct event latest = fixture_event(900, 900, EVENT_CHANGED); /* time passes by events only */
        static unsigned number = 900;

        memcpy(latest.id, fixture_event_id(number++), EVENT_ID_SIZE);
        latest.time_us = now_us;
        assert_int_equal(store_record_event(fixture->state, &latest, NULL, 0, NULL), 0);
        assert_int_equal(store_prune(fixture->state, now_us, DAY_US / 24, configured), 0);
        fixture_reopen(fixture);
}

static void test_open_discovered_jobs_never_expire(void **state)
{
        struct fixture *fixture = *state;
        const struct store_configured configured = { .discovered_ticks = INT64_MAX };

        record(fixture, 1, 7, EVENT_SEEN, "imports", -7);
        record(fixture, 2, 6, EVENT_SEEN, NULL, 0);
        for (unsigned day = 1; day < 1000; day += 100)
                prune(fixture, START + day * DAY_US, &configured);
        assert_true(is_known(fixture, 7));
        assert_false(is_known(fixture, 6));
        expect_discovered(fixture, "7:imports:open ");
}

static void test_ended_discovered_jobs_are_kept_for_seven_days(void **state)
{
        struct fixture *fixture = *state;
        const struct store_configured configured = { .discovered_ticks = INT64_MAX };

        record(fixture, 1, 7, EVENT_SUCCEEDED, "imports", -7);
        record(fixture, 2, 6, EVENT_SUCCEEDED, NULL, 0);
        prune(fixture, START + DAY_US, &configured);
        prune(fixture, START + 2 * DAY_US, &configured);
        assert_false(is_known(fixture, 6));
        prune(fixture, START + 8 * DAY_US - 1, &configured);
        assert_true(is_known(fixture, 7));
        prune(fixture, START + 8 * DAY_US, &configured);
        assert_false(is_known(fixture, 7));
        expect_discovered(fixture, "");
}

static void test_ended_discovered_jobs_are_kept_while_they_could_be_taken_for_new_ones(void **state)
{
        struct fixture *fixture = *state;
        struct store_configured configured = { .discovered_ticks = -8, .discovered_form = FORM_UTC };

        record(fixture, 1, 7, EVENT_SUCCEEDED, "imports", -7);
        record(fixture, 2, 8, EVENT_SUCCEEDED, "imports", -8);
        prune(fixture, START + DAY_US, &configured);
        prune(fixture, START + 100 * DAY_US, &configured);
        assert_true(is_known(fixture, 7));
        assert_false(is_known(fixture, 8));

        /* Times of different forms are not compared. */
        configured.discovered_form = FORM_LOCAL;
        prune(fixture, START + 101 * DAY_US, &configured);
        assert_false(is_known(fixture, 7));
}

static void test_a_job_that_is_listed_too_stays(void **state)
{
        struct fixture *fixture = *state;
        static const uint64_t jobs[] = { 7 };
        const struct store_configured configured = { .jobs = jobs,
                                                     .job_count = 1,
                                                     .discovered_ticks = INT64_MAX };

        record(fixture, 1, 7, EVENT_SUCCEEDED, "imports", -7);
        prune(fixture, START + DAY_US, &configured);
        prune(fixture, START + 100 * DAY_US, &configured);
        assert_true(is_known(fixture, 7));
}

static void test_a_damaged_row_does_not_hide_others(void **state)
{
        skip_on_server();
        struct fixture *fixture = *state;
        char list[200] = "";

        for (unsigned job = 1; job <= 4; job++)
                record(fixture, job, job, EVENT_SEEN, "imports", -(int64_t)job);
        assert_int_equal(fixture_execute(fixture->state,
                                         "UPDATE discovered SET sections = 'text' WHERE job = 2;"
                                         "UPDATE jobs SET outcome = 'unknown' WHERE id = 3",
                                         NULL),
                         0);
        assert_int_equal(store_each_discovered(fixture->state, collect, list), -EUCLEAN);
        assert_string_equal(list, "1:imports:open 4:imports:open ");

        /* An event of that job can be recorded all the same. */
        record(fixture, 5, 2, EVENT_CHANGED, NULL, 0);
        expect_sections(fixture, 5, NULL);
}

/* Drops the job, and ends the iteration. */
static int drop(void *userdata, const struct stored_discovery *discovery)
{
        assert_int_equal(store_drop_discovered(userdata, discovery->job), 0);
        return -ECANCELED;
}

static void test_the_handler_can_use_the_state_and_end_the_iteration(void **state)
{
        struct fixture *fixture = *state;

        record(fixture, 1, 7, EVENT_SEEN, "imports", -7);
        record(fixture, 2, 8, EVENT_SEEN, "imports", -8);
        assert_int_equal(store_each_discovered(fixture->state, drop, fixture->state), -ECANCELED);
        expect_discovered(fixture, "8:imports:open ");
}

int main(void)
{
#define TEST(function) cmocka_unit_test_setup_teardown(function, fixture_setup, fixture_teardown)
        const struct CMUnitTest tests[] = {
                TEST(test_discovered_jobs_are_known_at_the_next_start),
                TEST(test_events_keep_the_sections_they_were_recorded_with),
                TEST(test_open_discovered_jobs_never_expire),
                TEST(test_ended_discovered_jobs_are_kept_for_seven_days),
                TEST(test_ended_discovered_jobs_are_kept_while_they_could_be_taken_for_new_ones),
                TEST(test_a_job_that_is_listed_too_stays),
                TEST(test_a_damaged_row_does_not_hide_others),
                TEST(test_the_handler_can_use_the_state_and_end_the_iteration),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
