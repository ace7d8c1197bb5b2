/* SPDX-License-Identifier: MIT */

/* What the feed promises the next run, and a reload: nothing is read twice, and nothing is left out. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "planner_pages.h"
#include "planning/feed.h"

/* The next run, with the same jobs. */
static void restart(struct fixture *fixture, size_t count, unsigned batch_size,
                    const struct remote_time *position)
{
        const struct planner_settings settings = { .interval_us = INTERVAL, .max_interval_us = 2 * MIN };
        struct planner_limits limits = feed_limits(batch_size);
        static struct job_watch watches[1000];

        assert_true(count <= 1000);
        for (size_t i = 0; i < count; i++)
                watches[i] = fixture->jobs[i].watch;
        make_with(fixture, &limits, count, &settings);
        memset(fixture->in_flight, 0, sizeof(fixture->in_flight));
        planner_resume_feed(fixture->planner, position);
        for (size_t i = 0; i < count; i++) {
                fixture->jobs[i].watch = watches[i];
                fixture->jobs[i].updated = watches[i].memory.updated;
                planner_start_job(fixture->planner, &fixture->jobs[i], fixture->now_us, 0);
        }
}

static void test_a_restart_does_not_poll_jobs_that_are_recorded(void **state)
{
        struct fixture *fixture = *state;

        start_feed(fixture, 1000, INTERVAL);
        const struct remote_time position = planner_feed_position(fixture->planner);
        server_change(fixture, 77, "Waiting"); /* while it was not running */
        restart(fixture, 1000, 100, &position);
        size_t from = fixture->sent_count;
        run(fixture, 5 * SEC);
        assert_int_equal(count_events(fixture, 77, EVENT_CHANGED), 1);
        assert_true(fixture->sent_count - from <= 6);
        run(fixture, 16 * MIN);
        for (size_t i = 0; i < 1000; i++)
                assert_true(count_polls(fixture, from, i) > 0);
}

/* Its changes may be older than the position: rounds do not show them. */
static void test_a_job_that_was_not_watched_for_some_time_is_polled_at_once(void **state)
{
        struct fixture *fixture = *state;

        start_feed(fixture, 1000, INTERVAL);
        const struct remote_time position = planner_feed_position(fixture->planner);
        restart(fixture, 1000, 100, &position);
        fixture->jobs[77].unwatched = true;
        size_t from = fixture->sent_count;
        run(fixture, 5 * SEC);
        assert_true(count_polls(fixture, from, 77) > 0);
        assert_true(fixture->sent_count - from <= 6); /* it, and pages */
}

static void test_there_is_no_position_before_every_job_was_read(void **state)
{
        const struct remote_time none = { .form = REMOTE_TIME_NONE };
        struct fixture *fixture = *state;

        start_feed(fixture, 300, INTERVAL);
        restart(fixture, 300, 0, &none);
        run(fixture, 10 * SEC);
        assert_int_equal(planner_feed_phase(fixture->planner), FEED_PHASE_WORKING);
        assert_int_equal(planner_feed_position(fixture->planner).form, REMOTE_TIME_NONE);
        run(fixture, 10 * MIN);
        assert_int_not_equal(planner_feed_position(fixture->planner).form, REMOTE_TIME_NONE);
}

static void test_a_change_from_before_the_run_is_no_fault_of_the_feed(void **state)
{
        struct fixture *fixture = *state;

        start_feed(fixture, 300, INTERVAL);
        const struct remote_time position = planner_feed_position(fixture->planner);
        fixture->server.jobs[200].status = TEXT_LITERAL("Waiting"); /* its row is too old for pages */
        restart(fixture, 300, 100, &position);
        run(fixture, 16 * MIN); /* a sweep */
        assert_int_equal(count_events(fixture, 200, EVENT_CHANGED), 1);
        run(fixture, 3 * MIN);
        assert_int_equal(planner_feed_phase(fixture->planner), FEED_PHASE_WORKING);
}

static void test_a_reload_leaves_a_feed_alone_that_works_again(void **state)
{
        struct fixture *fixture = *state;

        start_feed(fixture, 200, INTERVAL);
        fixture->server.search = FAILURE_REFUSED;
        run(fixture, 5 * MIN);
        assert_int_equal(planner_feed_phase(fixture->planner), FEED_PHASE_OFF);
        fixture->server.search = FAILURE_NONE;
        run(fixture, 70 * MIN);
        const struct remote_time position = planner_feed_position(fixture->planner);
        assert_int_not_equal(position.form, REMOTE_TIME_NONE);
        planner_hurry(fixture->planner, fixture->now_us);
        assert_int_equal(planner_feed_phase(fixture->planner), FEED_PHASE_WORKING);
        assert_true(planner_feed_position(fixture->planner).ticks == position.ticks);
}

static void test_the_position_waits_for_what_is_not_recorded(void **state)
{
        struct fixture *fixture = *state;

        start_feed(fixture, 200, SEC);
        const struct remote_time before = planner_feed_position(fixture->planner);
        fixture->server.jobs[7].latency_us = 30 * SEC;
        server_change(fixture, 7, "Waiting");
        run(fixture, 3 * SEC);
        const struct remote_time shown = planner_feed_position(fixture->planner);
        server_change(fixture, 8, "Waiting");
        run(fixture, 20 * SEC);
        assert_int_equal(count_events(fixture, 8, EVENT_CHANGED), 1);
        assert_int_equal(count_events(fixture, 7, EVENT_CHANGED), 0);
        assert_true(planner_feed_position(fixture->planner).ticks == shown.ticks);
        run(fixture, 20 * SEC);
        assert_int_equal(count_events(fixture, 7, EVENT_CHANGED), 1);
        assert_true(planner_feed_position(fixture->planner).ticks > shown.ticks);
        assert_true(shown.ticks >= before.ticks);
}

static void test_the_position_does_not_wait_for_a_job_that_has_ended(void **state)
{
        struct fixture *fixture = *state;

        start_feed(fixture, 200, SEC);
        fixture->server.jobs[7].latency_us = 30 * SEC;
        server_change(fixture, 7, "Waiting");
        size_t from = fixture->sent_count;
        while (count_polls(fixture, from, 7) == 0)
                run(fixture, 1);
        uint64_t answer_us = fixture->now_us + 30 * SEC;
        server_change(fixture, 7, "Completed");
        run(fixture, answer_us - fixture->now_us - 20 * USEC_PER_MSEC); /* a page shows it */
        server_touch(fixture, 7); /* so that the record is not what the page showed */
        run(fixture, SEC);
        assert_int_equal(count_events(fixture, 7, EVENT_SUCCEEDED), 1);
        const struct remote_time before = planner_feed_position(fixture->planner);
        server_change(fixture, 8, "Waiting");
        run(fixture, 5 * SEC);
        assert_true(planner_feed_position(fixture->planner).ticks > before.ticks);
        assert_true(fixture->jobs[7].row_ticks < planner_feed_position(fixture->planner).ticks);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, planner_setup, planner_teardown)

int main(void)
{
        const struct CMUnitTest tests[] = {
                TEST(test_a_restart_does_not_poll_jobs_that_are_recorded),
                TEST(test_a_job_that_was_not_watched_for_some_time_is_polled_at_once),
                TEST(test_there_is_no_position_before_every_job_was_read),
                TEST(test_a_change_from_before_the_run_is_no_fault_of_the_feed),
                TEST(test_a_reload_leaves_a_feed_alone_that_works_again),
                TEST(test_the_position_waits_for_what_is_not_recorded),
                TEST(test_the_position_does_not_wait_for_a_job_that_has_ended),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
