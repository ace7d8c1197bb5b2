/* SPDX-License-Identifier: MIT */

/* What the feed promises: how soon a change is seen, at what cost, and what follows when it fails. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "planner_pages.h"
#include "planning/batches.h"
#include "planning/feed.h"
#include "planning/feed_rows.h"

/* When a change of the job was reported last; 0: never. */
static uint64_t reported_us(const struct fixture *fixture, size_t index)
{
        for (size_t i = fixture->event_count; i-- > 0;)
                if (fixture->events[i].id == FIRST_ID + index)
                        return fixture->events[i].at_us;
        return 0;
}

/* Changes a job; returns how long it takes until that is reported. */
static uint64_t delay_of(struct fixture *fixture, size_t index, const char *status)
{
        uint64_t changed_us = fixture->now_us;

        server_change(fixture, index, status);
        while (reported_us(fixture, index) < changed_us) {
                run(fixture, 10 * USEC_PER_MSEC);
                assert_true(fixture->now_us < changed_us + USEC_PER_HOUR);
        }
        return reported_us(fixture, index) - changed_us;
}

static int compare(const void *left, const void *right)
{
        uint64_t a = *(const uint64_t *)left, b = *(const uint64_t *)right;

        return a < b ? -1 : a > b;
}

static size_t polls_within(struct fixture *fixture, uint64_t span_us)
{
        size_t from = fixture->sent_count;

        run(fixture, span_us);
        return fixture->sent_count - from;
}

static bool is_off(const struct fixture *fixture)
{
        return planner_feed_phase(fixture->planner) == FEED_PHASE_OFF;
}

/* ---- how soon, and at what cost ---- */

static void test_a_change_of_one_of_10000_jobs_is_seen_within_2_seconds(void **state)
{
        struct fixture *fixture = *state;
        uint64_t delays_us[60];

        start_feed(fixture, 10000, SEC);
        for (size_t i = 0; i < 60; i++) {
                run(fixture, 7 * SEC + i * 70001);
                delays_us[i] = delay_of(fixture, i * 47 % 10000, "Waiting");
        }
        qsort(delays_us, 60, sizeof(delays_us[0]), compare);
        assert_true(delays_us[56] <= 2 * SEC);
}

static void test_10000_jobs_at_15_seconds_take_800_requests_an_hour(void **state)
{
        struct fixture *fixture = *state;

        start_feed(fixture, 10000, INTERVAL);
        size_t from = fixture->sent_count;
        for (size_t i = 0; i < 150; i++) {
                run(fixture, USEC_PER_HOUR / 150 - 10007);
                server_change(fixture, i * 47 % 10000, "Waiting");
        }
        assert_true(fixture->sent_count - from <= 800);
}

static void test_5000_ends_within_a_minute_are_reported_within_3_minutes(void **state)
{
        struct fixture *fixture = *state;

        start_feed(fixture, 5000, SEC);
        for (size_t i = 0; i < 5000; i++) {
                server_change(fixture, i, "Completed");
                run(fixture, MIN / 5000);
        }
        run(fixture, 2 * MIN);
        assert_true(fixture->believed > 4000);
        assert_int_equal(fixture->event_count, 5000);
        for (size_t i = 0; i < 5000; i++)
                assert_int_equal(count_events(fixture, i, EVENT_SUCCEEDED), 1);
}

/* All jobs but the first 30, which have shown that rows are true. */
static void believe_ends(struct fixture *fixture, size_t count)
{
        start_feed(fixture, count, SEC);
        for (size_t i = 0; i < 30; i++)
                (void)delay_of(fixture, i, "Waiting");
        run(fixture, 10 * SEC);
        for (size_t i = 30; i < count; i++)
                server_change(fixture, i, "Completed");
}

static void test_one_believed_row_in_twenty_is_confirmed_after_its_event(void **state)
{
        struct fixture *fixture = *state;
        size_t sampled = 0;

        believe_ends(fixture, 1000);
        size_t from = fixture->sent_count;
        run(fixture, 2 * MIN);
        for (size_t i = 30; i < 1000; i++) {
                size_t reads = count_polls(fixture, from, i);

                assert_int_equal(count_events(fixture, i, EVENT_SUCCEEDED), 1);
                assert_true(reads <= 1 && fixture->jobs[i].done);
                sampled += reads;
        }
        assert_in_range(sampled, 25, 120);
        from = fixture->sent_count;
        run(fixture, 20 * MIN);
        for (size_t i = 30; i < 1000; i++)
                assert_int_equal(count_polls(fixture, from, i), 0);
}

static void test_a_believed_row_that_was_wrong_is_put_right(void **state)
{
        struct fixture *fixture = *state;
        size_t right = 0;

        believe_ends(fixture, 1000);
        while (fixture->believed < 300)
                run(fixture, 10 * USEC_PER_MSEC);
        for (size_t i = 30; i < 1000; i++) /* of the same UpdatedOn */
                fixture->server.jobs[i].status = TEXT_LITERAL("Running");
        run(fixture, 2 * MIN);
        for (size_t i = 30; i < 1000; i++) {
                right += count_events(fixture, i, EVENT_CHANGED);
                assert_true(fixture->jobs[i].done || count_events(fixture, i, EVENT_SUCCEEDED) ==
                                                             count_events(fixture, i, EVENT_CHANGED));
        }
        assert_true(right > 0);
        size_t believed = fixture->believed;
        for (size_t i = 30; i < 1000; i++)
                if (!fixture->jobs[i].done)
                        server_change(fixture, i, "Waiting");
        run(fixture, 10 * MIN);
        assert_int_equal(fixture->believed, believed); /* none for an hour */
}

/* Without the feed, nobody would have read it. */
static void test_what_changes_after_a_believed_end_is_no_event(void **state)
{
        struct fixture *fixture = *state;

        believe_ends(fixture, 1000);
        while (fixture->believed < 500)
                run(fixture, 10 * USEC_PER_MSEC);
        for (size_t i = 30; i < 1000; i++) {
                fixture->server.jobs[i].result = TEXT_LITERAL("more");
                server_touch(fixture, i);
        }
        run(fixture, 5 * MIN);
        for (size_t i = 30; i < 1000; i++) {
                assert_int_equal(count_events(fixture, i, EVENT_SUCCEEDED), 1);
                assert_int_equal(count_events(fixture, i, EVENT_CHANGED), 0);
                assert_true(fixture->jobs[i].done);
        }
}

static void test_an_ended_job_whose_row_cannot_be_confirmed_is_left_alone(void **state)
{
        struct fixture *fixture = *state;

        believe_ends(fixture, 1000);
        while (fixture->believed < 900)
                run(fixture, 10 * USEC_PER_MSEC);
        server_jobs_fail(fixture, 30, 970, FAILURE_NOT_FOUND);
        run(fixture, 2 * MIN);
        size_t from = fixture->sent_count, events = fixture->event_count;
        run(fixture, 20 * MIN);
        for (size_t i = 30; i < 1000; i++)
                if (count_events(fixture, i, EVENT_SUCCEEDED) == 1)
                        assert_int_equal(count_polls(fixture, from, i) + count_events(fixture, i, EVENT_GONE),
                                         0);
        assert_true(events > 900);
}

static void test_each_job_is_read_by_itself_once_in_a_sweep(void **state)
{
        struct fixture *fixture = *state;

        start_feed(fixture, 1000, SEC);
        run(fixture, 20 * MIN);
        size_t from = fixture->sent_count;
        run(fixture, USEC_PER_HOUR);
        for (size_t i = 0; i < 1000; i++) {
                assert_in_range(count_polls(fixture, from, i), 3, 6);
                assert_true(longest_gap(fixture, from, i) <= 15 * MIN + 30 * SEC);
        }
}

static void test_sweeps_are_spread_evenly(void **state)
{
        struct fixture *fixture = *state;

        start_feed(fixture, 5000, INTERVAL);
        for (size_t i = 0; i < 30; i++) /* 3.3 batches and 4 pages on average */
                assert_in_range(polls_within(fixture, MIN), 5, 12);
}

/* After an outage, all jobs are polled in a row. */
static void test_a_sweep_that_was_late_is_spread_again(void **state)
{
        struct fixture *fixture = *state;

        start_feed(fixture, 5000, INTERVAL);
        fixture->server.all = FAILURE_UNREACHABLE;
        run(fixture, USEC_PER_HOUR);
        fixture->server.all = FAILURE_NONE;
        run(fixture, 40 * MIN);
        for (size_t i = 0; i < 15; i++)
                assert_in_range(polls_within(fixture, MIN), 4, 16);
}

static void test_a_round_goes_on_though_polls_never_catch_up(void **state)
{
        const struct planner_settings settings = { .interval_us = INTERVAL, .max_interval_us = 2 * MIN };
        struct fixture *fixture = *state;
        struct planner_limits limits = feed_limits(8);

        make_with(fixture, &limits, 4000, &settings);
        for (size_t i = 0; i < 4000; i++) {
                fixture->now_us += USEC_PER_MSEC; /* so that there is an order */
                server_touch(fixture, i);
                planner_start_job(fixture->planner, &fixture->jobs[i], fixture->now_us, 0);
        }
        fixture->server.unsorted = true; /* so the round begins again, with another direction */
        while (count_kind(fixture, 0, REQUEST_PAGE) == 0)
                run(fixture, 10 * USEC_PER_MSEC);
        run(fixture, LATENCY);
        fixture->server.unsorted = false;
        planner_pause(fixture->planner, fixture->now_us + 10 * SEC); /* then polls are behind */
        run(fixture, 3 * MIN);
        assert_int_equal(planner_feed_phase(fixture->planner), FEED_PHASE_WORKING);
}

static void test_a_stalled_job_is_noticed_on_time(void **state)
{
        const struct planner_settings settings = { .interval_us = SEC,
                                                   .max_interval_us = SEC,
                                                   .stalled_after_us = 5 * MIN };
        struct fixture *fixture = *state;
        struct planner_limits limits = feed_limits(100);

        make_with(fixture, &limits, 200, &settings);
        for (size_t i = 0; i < 200; i++) {
                server_touch(fixture, i);
                planner_start_job(fixture->planner, &fixture->jobs[i], fixture->now_us, 0);
        }
        run(fixture, 2 * MIN);
        uint64_t changed_us = fixture->now_us;
        server_change(fixture, 7, "Waiting");
        while (count_events(fixture, 7, EVENT_STALLED) == 0)
                run(fixture, SEC);
        assert_true(reported_us(fixture, 7) <= changed_us + 5 * MIN + 10 * SEC);
}

static void test_a_job_is_read_again_where_times_have_whole_seconds(void **state)
{
        struct fixture *fixture = *state;

        start_feed(fixture, 200, SEC);
        fixture->server.whole_seconds = true;
        run(fixture, 30 * SEC + 100);
        (void)delay_of(fixture, 7, "Waiting");
        fixture->server.jobs[7].status = TEXT_LITERAL("Processing"); /* in the same second */
        run(fixture, 4 * SEC);
        assert_int_equal(count_events(fixture, 7, EVENT_CHANGED), 2);
}

/* The page shows nothing new then, but that the job may change once more in that second. */
static void test_a_job_that_a_batch_has_shown_is_read_again_where_times_have_whole_seconds(void **state)
{
        struct fixture *fixture = *state;
        struct planner_job *job = &fixture->jobs[7];

        start_feed(fixture, 200, MIN);
        fixture->server.whole_seconds = true;
        run(fixture, 30 * SEC + 100);
        server_change(fixture, 7, "Waiting");
        struct job_record row = server_record(fixture, job);
        const struct row_shown shown = row_shown_of(&row);

        planner_take_out(fixture->planner, job);
        planner_note_batch_row(job, &shown);
        planner_apply_row(fixture->planner, job, ROW_CONFIRM, updated_on_digest(&row), fixture->now_us, 1);
        planner_note_known_row(job, &row, true);
        while (count_events(fixture, 7, EVENT_CHANGED) == 0)
                run(fixture, 10 * USEC_PER_MSEC);
        size_t from = fixture->sent_count;
        run(fixture, 4 * SEC);
        assert_int_equal(count_kind(fixture, from, REQUEST_SINGLE), 1);
}

static void test_changes_are_confirmed_before_rows_with_another_time_alone(void **state)
{
        struct fixture *fixture = *state;

        for (size_t i = 0; i < 1000; i++)
                fixture->server.jobs[i].result = TEXT_NULL; /* so that no row is believed */
        start_feed(fixture, 1000, SEC);
        for (size_t i = 0; i < 500; i++)
                server_touch(fixture, i);
        run(fixture, 20 * SEC);
        assert_true(fixture->planner->confirm.count > 100);
        assert_true(delay_of(fixture, 900, "Waiting") <= 20 * SEC);
        assert_int_equal(fixture->event_count, 1);
}

static void test_rows_of_batches_are_believed_where_many_wait(void **state)
{
        struct fixture *fixture = *state;

        start_spread(fixture, 100, 300);
        run(fixture, MIN);
        for (size_t i = 0; i < 30; i++) {
                server_change(fixture, i, "Waiting");
                run(fixture, INTERVAL);
        }
        assert_int_equal(fixture->believed, 0);
        size_t from = fixture->sent_count;
        for (size_t i = 0; i < 300; i++)
                server_change(fixture, i, "Completed");
        run(fixture, MIN);
        for (size_t i = 0; i < 300; i++)
                assert_int_equal(count_events(fixture, i, EVENT_SUCCEEDED), 1);
        assert_true(fixture->believed > 200);
        assert_in_range(count_kind(fixture, from, REQUEST_SINGLE), 1, 99);
}

/* As when a change could not be recorded, and a batch finds it once more. */
static void test_a_row_of_a_page_is_not_missed_because_a_batch_shows_it_again(void **state)
{
        struct fixture *fixture = *state;
        struct planner_job *job = &fixture->jobs[7];

        start_feed(fixture, 200, SEC);
        server_change(fixture, 7, "Waiting");
        struct job_record row = server_record(fixture, job);
        const struct row_shown shown = row_shown_of(&row);

        planner_note_batch_row(job, &shown);
        assert_false(job->row_on_page);
        planner_note_known_row(job, &row, false);
        planner_note_batch_row(job, &shown);
        assert_true(job->row_on_page);
        run(fixture, USEC_PER_MSEC);
        server_change(fixture, 7, "Processing");
        row = server_record(fixture, job);
        const struct row_shown next = row_shown_of(&row);
        planner_note_batch_row(job, &next);
        assert_false(job->row_on_page);
}

static void test_a_row_that_may_be_older_than_a_read_is_not_believed(void **state)
{
        struct fixture *fixture = *state;
        size_t believed = 0;

        start_feed(fixture, 200, SEC);
        for (size_t i = 0; i < 30; i++) /* rows prove true */
                (void)delay_of(fixture, i, "Waiting");
        for (size_t i = 100; i < 110; i++) {
                (void)delay_of(fixture, i, "Waiting");
                struct job_record row = server_record(fixture, &fixture->jobs[i]);
                assert_false(planner_believes_row(fixture->planner, &fixture->jobs[i], &row, true, 100,
                                                  fixture->now_us));
                run(fixture, 3 * SEC); /* the next page */
                believed += planner_believes_row(fixture->planner, &fixture->jobs[i], &row, true, 100,
                                                 fixture->now_us);
        }
        assert_true(believed > 5);
}

/* A batch has failed, and then rows of all jobs of its parts are shown. */
static void show_parts(struct fixture *fixture, bool shown[200])
{
        size_t count = 0;

        start_feed(fixture, 200, SEC);
        fixture->server.jobs[5].batch = FAILURE_SERVER_ERROR;
        while (fixture->planner->parts.count < 2)
                run(fixture, 10 * USEC_PER_MSEC);
        for (size_t i = 0; i < 200; i++) {
                struct planner_job *job = &fixture->jobs[i];

                shown[i] = job->part != 0;
                if (!shown[i])
                        continue;
                server_touch(fixture, i);
                const struct job_record row = server_record(fixture, job);
                const struct row_shown row_shown = row_shown_of(&row);
                planner_confirm_row(fixture->planner, job, &row_shown, &row, false, fixture->now_us);
                count++;
        }
        assert_true(count > 1);
}

static void test_a_row_of_a_job_in_a_part_of_a_failed_batch_is_confirmed(void **state)
{
        struct fixture *fixture = *state;
        bool shown[200];

        show_parts(fixture, shown);
        size_t from = fixture->sent_count;
        run(fixture, 2 * MIN);
        for (size_t i = from; i < fixture->sent_count; i++)
                if (fixture->sent[i].kind == REQUEST_SINGLE)
                        shown[fixture->sent[i].ids[0] - FIRST_ID] = false;
        for (size_t i = 0; i < 200; i++)
                assert_false(shown[i]);
}

static void test_a_row_of_a_part_is_confirmed_before_polls_when_batches_are_disabled(void **state)
{
        struct fixture *fixture = *state;
        bool shown[200];

        show_parts(fixture, shown);
        batches_disable(fixture->planner, fixture->now_us);
        for (size_t i = 0; i < 200; i++)
                assert_true(!shown[i] || fixture->jobs[i].in_flight ||
                            planner_awaits_confirmation(&fixture->jobs[i]));
}

static void test_a_job_whose_row_came_during_a_check_for_gone_is_read_after_it(void **state)
{
        struct fixture *fixture = *state;
        struct planner_job *job = &fixture->jobs[7];

        start_feed(fixture, 200, SEC);
        fixture->server.jobs[7].single = FAILURE_NOT_FOUND;
        fixture->server.jobs[7].batch = FAILURE_UNREACHABLE;
        server_change(fixture, 7, "Waiting");
        while (count_kind(fixture, 0, REQUEST_GONE_CHECK) == 0)
                run(fixture, 10 * USEC_PER_MSEC);
        server_touch(fixture, 7);
        const struct job_record row = server_record(fixture, job);
        const struct row_shown shown = row_shown_of(&row);
        planner_confirm_row(fixture->planner, job, &shown, &row, false, fixture->now_us);
        assert_true(job->row_waits);
        run(fixture, LATENCY); /* the check has failed */
        assert_true(job->gone_check && !job->confirm);
        fixture->server.jobs[7].single = fixture->server.jobs[7].batch = FAILURE_NONE;
        run(fixture, 5 * MIN);
        assert_int_equal(count_events(fixture, 7, EVENT_CHANGED), 1);
        assert_int_equal(count_events(fixture, 7, EVENT_GONE), 0);
}

/* ---- when it is used ---- */

static void test_few_jobs_need_no_feed(void **state)
{
        struct fixture *fixture = *state;
        struct planner_limits limits = feed_limits(100);

        make(fixture, &limits, 100);
        for (size_t i = 0; i < 100; i++)
                planner_start_job(fixture->planner, &fixture->jobs[i], fixture->now_us, 0);
        run(fixture, 10 * MIN);
        assert_int_equal(count_kind(fixture, 0, REQUEST_PAGE), 0);
        for (size_t i = 0; i < 100; i++)
                assert_true(longest_gap(fixture, 0, i) <= INTERVAL + SEC);
}

static void test_jobs_are_polled_by_their_paces_when_few_are_left(void **state)
{
        struct fixture *fixture = *state;

        start_feed(fixture, 150, INTERVAL);
        for (size_t i = 0; i < 60; i++)
                server_change(fixture, i, "Completed");
        run(fixture, 5 * MIN);
        assert_true(is_off(fixture));
        size_t from = fixture->sent_count;
        run(fixture, 20 * MIN);
        assert_int_equal(count_kind(fixture, from, REQUEST_PAGE), 0);
        for (size_t i = 60; i < 150; i++)
                assert_true(longest_gap(fixture, from, i) <= 2 * MIN + INTERVAL);
}

/* ---- failures ---- */

static void test_unsorted_rows_turn_the_feed_off_for_an_hour(void **state)
{
        struct fixture *fixture = *state;

        start_feed(fixture, 500, INTERVAL);
        fixture->server.unsorted = true;
        run(fixture, MIN);
        assert_true(is_off(fixture));
        assert_non_null(planner_feed_problem(fixture->planner, fixture->now_us));
        size_t from = fixture->sent_count;
        fixture->server.unsorted = false;
        run(fixture, 50 * MIN);
        assert_int_equal(count_kind(fixture, from, REQUEST_PAGE), 0);
        for (size_t i = 0; i < 500; i++)
                assert_true(longest_gap(fixture, from, i) <= 2 * MIN + INTERVAL);
        run(fixture, 15 * MIN);
        assert_int_equal(planner_feed_phase(fixture->planner), FEED_PHASE_WORKING);
        assert_null(planner_feed_problem(fixture->planner, fixture->now_us));
}

static void test_a_feed_that_does_not_show_a_change_is_not_trusted(void **state)
{
        struct fixture *fixture = *state;

        start_feed(fixture, 500, SEC);
        fixture->server.jobs[300].hidden = true; /* on no page that is read */
        server_change(fixture, 300, "Waiting");
        run(fixture, 16 * MIN); /* a sweep */
        assert_int_equal(count_events(fixture, 300, EVENT_CHANGED), 1);
        run(fixture, 3 * MIN);
        assert_true(is_off(fixture));
        assert_non_null(
                strstr(planner_feed_problem(fixture->planner, fixture->now_us), "it did not show a change"));
}

static void test_a_missing_role_for_the_search_leaves_the_polls_alone(void **state)
{
        struct fixture *fixture = *state;

        start_feed(fixture, 500, INTERVAL);
        fixture->server.search = FAILURE_REFUSED;
        run(fixture, 5 * MIN);
        assert_int_equal(fixture->opened, 0);
        assert_true(is_off(fixture));
        assert_non_null(planner_feed_problem(fixture->planner, fixture->now_us));
        size_t from = fixture->sent_count;
        run(fixture, 50 * MIN);
        assert_int_equal(count_kind(fixture, from, REQUEST_PAGE), 0);
        for (size_t i = 0; i < 500; i++)
                assert_true(longest_gap(fixture, from, i) <= 2 * MIN + INTERVAL);
        fixture->server.search = FAILURE_NONE;
        run(fixture, 15 * MIN);
        assert_int_equal(planner_feed_phase(fixture->planner), FEED_PHASE_WORKING);
}

static void test_a_failing_search_is_no_outage(void **state)
{
        static const enum failure failures[] = { FAILURE_SERVER_ERROR, FAILURE_NO_RESPONSE, FAILURE_NOT_FOUND,
                                                 FAILURE_UNEXPECTED };
        struct fixture *fixture = *state;

        for (size_t i = 0; i < sizeof(failures) / sizeof(failures[0]); i++) {
                fixture->server.search = FAILURE_NONE;
                start_feed(fixture, 500, INTERVAL);
                fixture->server.search = failures[i];
                run(fixture, 30 * MIN);
                assert_int_equal(fixture->opened, 0);
                assert_true(is_off(fixture));
                size_t from = fixture->sent_count;
                run(fixture, 20 * MIN);
                for (size_t j = 0; j < 500; j++)
                        assert_true(longest_gap(fixture, from, j) <= 2 * MIN + INTERVAL);
        }
}

static void test_the_search_is_a_witness_against_the_api(void **state)
{
        struct fixture *fixture = *state;

        start_feed(fixture, 500, SEC);
        fixture->server.all = FAILURE_SERVER_ERROR;
        uint64_t from_us = fixture->now_us;
        run_until_open(fixture);
        assert_true(fixture->now_us - from_us <= 5 * SEC);
        fixture->server.all = FAILURE_NONE;
        run_until_closed(fixture);
        run(fixture, 5 * SEC);
        run(fixture, 1);
        assert_true(delay_of(fixture, 7, "Waiting") <= 2 * SEC);
}

static void test_without_jobs_the_search_is_witness_and_probe(void **state)
{
        static const enum failure failures[] = { FAILURE_SERVER_ERROR, FAILURE_REFUSED, FAILURE_UNREACHABLE };
        struct fixture *fixture = *state;
        struct planner_limits limits = feed_limits(100);

        limits.discovers = true;
        limits.discover_interval_us = INTERVAL;
        for (size_t i = 0; i < sizeof(failures) / sizeof(failures[0]); i++) {
                make(fixture, &limits, 0);
                fixture->server.all = FAILURE_NONE;
                run(fixture, MIN);
                assert_in_range(count_kind(fixture, fixture->sent_count - 3, REQUEST_PAGE), 3, 3);
                fixture->server.all = failures[i];
                run_until_open(fixture);
                fixture->server.all = FAILURE_NONE;
                run_until_closed(fixture);
                run(fixture, MIN);
                assert_int_equal(planner_feed_phase(fixture->planner), FEED_PHASE_WORKING);
        }
}

static void test_a_refused_search_is_tried_again_when_the_last_job_is_removed(void **state)
{
        struct fixture *fixture = *state;
        struct planner_limits limits = feed_limits(100);

        limits.discovers = true;
        limits.discover_interval_us = INTERVAL;
        make(fixture, &limits, 1);
        planner_start_job(fixture->planner, &fixture->jobs[0], fixture->now_us, 0);
        run(fixture, MIN);
        fixture->server.search = FAILURE_REFUSED;
        size_t from = fixture->sent_count;
        while (count_kind(fixture, from, REQUEST_CHECK) == 0) /* whether it is for the credentials */
                run(fixture, 1);
        reload(fixture, &limits, FIRST_ID, 0, NULL);
        fixture->server.search = FAILURE_NONE;
        run(fixture, 5 * MIN);
        assert_int_equal(planner_feed_phase(fixture->planner), FEED_PHASE_WORKING);
        assert_true(count_kind(fixture, from, REQUEST_PAGE) > 5);
}

/* As discovery asks for it while the feed is off: no other poll is due in the meantime. */
static void test_a_refused_search_for_new_jobs_is_tried_again_after_an_hour(void **state)
{
        const struct planner_settings settings = { .interval_us = 6 * USEC_PER_HOUR,
                                                   .max_interval_us = 6 * USEC_PER_HOUR };
        const struct feed_page_request page = { .page = 1, .size = 25 };
        struct planner_limits limits = limits_of(1);
        struct fixture *fixture = *state;

        limits.discovers = true;
        limits.discover_interval_us = INTERVAL;
        make_with(fixture, &limits, 1, &settings);
        planner_start_job(fixture->planner, &fixture->jobs[0], fixture->now_us, 0);
        run(fixture, MIN);
        fixture->server.search = FAILURE_REFUSED;
        planner_want_created(fixture->planner, &page, fixture->now_us);
        run(fixture, MIN); /* it is for the role: the job can be read */
        size_t from = fixture->sent_count;
        assert_int_equal(count_kind(fixture, 0, REQUEST_PAGE), 1);
        run(fixture, 58 * MIN);
        assert_int_equal(count_kind(fixture, from, REQUEST_PAGE), 0);
        run(fixture, 2 * MIN);
        assert_int_equal(count_kind(fixture, from, REQUEST_PAGE), 1);
}

static void test_a_throttled_search_costs_the_others_one_pause(void **state)
{
        struct fixture *fixture = *state;

        start_feed(fixture, 500, SEC);
        fixture->server.search = FAILURE_THROTTLED;
        fixture->server.retry_after_us = MIN;
        run(fixture, 3 * MIN);
        size_t from = fixture->sent_count;
        run(fixture, 30 * MIN);
        for (size_t i = 0; i < 500; i++)
                assert_true(longest_gap(fixture, from, i) <= 15 * MIN + 30 * SEC);
        assert_true(count_kind(fixture, from, REQUEST_PAGE) <= 31);
}

static void test_a_failing_job_is_not_read_because_of_its_rows(void **state)
{
        struct fixture *fixture = *state;

        start_feed(fixture, 200, SEC);
        fixture->server.jobs[7].single = fixture->server.jobs[7].batch = FAILURE_SERVER_ERROR;
        server_change(fixture, 7, "Waiting");
        run(fixture, 10 * MIN);
        size_t from = fixture->sent_count;
        for (size_t i = 0; i < 60; i++) {
                server_touch(fixture, 7);
                run(fixture, MIN);
        }
        assert_in_range(count_polls(fixture, from, 7), 10, 30);
        fixture->server.jobs[7].single = fixture->server.jobs[7].batch = FAILURE_NONE;
        run(fixture, 5 * MIN);
        assert_int_equal(count_events(fixture, 7, EVENT_CHANGED), 1);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, planner_setup, planner_teardown)

int main(void)
{
        const struct CMUnitTest tests[] = {
                TEST(test_a_change_of_one_of_10000_jobs_is_seen_within_2_seconds),
                TEST(test_10000_jobs_at_15_seconds_take_800_requests_an_hour),
                TEST(test_5000_ends_within_a_minute_are_reported_within_3_minutes),
                TEST(test_one_believed_row_in_twenty_is_confirmed_after_its_event),
                TEST(test_a_believed_row_that_was_wrong_is_put_right),
                TEST(test_what_changes_after_a_believed_end_is_no_event),
                TEST(test_an_ended_job_whose_row_cannot_be_confirmed_is_left_alone),
                TEST(test_each_job_is_read_by_itself_once_in_a_sweep),
                TEST(test_sweeps_are_spread_evenly),
                TEST(test_a_sweep_that_was_late_is_spread_again),
                TEST(test_a_round_goes_on_though_polls_never_catch_up),
                TEST(test_a_stalled_job_is_noticed_on_time),
                TEST(test_a_job_is_read_again_where_times_have_whole_seconds),
                TEST(test_a_job_that_a_batch_has_shown_is_read_again_where_times_have_whole_seconds),
                TEST(test_changes_are_confirmed_before_rows_with_another_time_alone),
                TEST(test_rows_of_batches_are_believed_where_many_wait),
                TEST(test_a_row_of_a_page_is_not_missed_because_a_batch_shows_it_again),
                TEST(test_a_row_that_may_be_older_than_a_read_is_not_believed),
                TEST(test_a_row_of_a_job_in_a_part_of_a_failed_batch_is_confirmed),
                TEST(test_a_row_of_a_part_is_confirmed_before_polls_when_batches_are_disabled),
                TEST(test_a_job_whose_row_came_during_a_check_for_gone_is_read_after_it),
                TEST(test_few_jobs_need_no_feed),
                TEST(test_jobs_are_polled_by_their_paces_when_few_are_left),
                TEST(test_unsorted_rows_turn_the_feed_off_for_an_hour),
                TEST(test_a_feed_that_does_not_show_a_change_is_not_trusted),
                TEST(test_a_missing_role_for_the_search_leaves_the_polls_alone),
                TEST(test_a_failing_search_is_no_outage),
                TEST(test_the_search_is_a_witness_against_the_api),
                TEST(test_without_jobs_the_search_is_witness_and_probe),
                TEST(test_a_refused_search_is_tried_again_when_the_last_job_is_removed),
                TEST(test_a_refused_search_for_new_jobs_is_tried_again_after_an_hour),
                TEST(test_a_throttled_search_costs_the_others_one_pause),
                TEST(test_a_failing_job_is_not_read_because_of_its_rows),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
