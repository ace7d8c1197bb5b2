/* SPDX-License-Identifier: MIT */

/* Jobs are added, removed and changed, as by a reload: what that changes, and what goes on as before. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "planner_fixture.h"

static const struct planner_settings fast = { .interval_us = SEC, .max_interval_us = 2 * SEC };
static const struct planner_settings slow = { .interval_us = USEC_PER_HOUR,
                                              .max_interval_us = USEC_PER_HOUR };

/* All jobs of the fixture stay, with other settings or (NULL) the same. */
static void reload_all(struct fixture *fixture, unsigned batch_size, size_t count,
                       const struct planner_settings *settings)
{
        struct planner_limits limits = limits_of(batch_size);

        reload(fixture, &limits, FIRST_ID, count, settings);
}

static void test_jobs_go_on(void **state)
{
        struct fixture *fixture = *state;
        struct planner_limits limits = limits_of(1);

        start_spread(fixture, 1, 5);
        run(fixture, 10 * MIN);
        size_t from = fixture->sent_count, events = fixture->event_count;
        for (unsigned i = 0; i < 100; i++) {
                run(fixture, 2700 * USEC_PER_MSEC);
                reload(fixture, &limits, FIRST_ID, 5, NULL);
        }
        assert_int_equal(fixture->event_count, events);
        for (size_t i = 0; i < 5; i++) {
                assert_true(longest_gap(fixture, from, i) <= INTERVAL + LATENCY);
                assert_in_range(count_polls(fixture, from, i), 18, 20);
        }
}

static void test_jobs_leave_and_new_ones_are_polled_at_once(void **state)
{
        struct fixture *fixture = *state;
        struct planner_limits limits = limits_of(1);

        start_spread(fixture, 1, 4);
        run(fixture, MIN);
        reload(fixture, &limits, FIRST_ID + 2, 4, NULL); /* 2 and 3 stay, 4 and 5 are new */
        size_t from = fixture->sent_count;
        run(fixture, SEC);
        assert_int_equal(count_polls(fixture, from, 4), 1);
        assert_int_equal(count_polls(fixture, from, 5), 1);
        run(fixture, MIN);
        assert_int_equal(count_polls(fixture, from, 0) + count_polls(fixture, from, 1), 0);
        for (size_t i = 2; i < 6; i++)
                assert_int_equal(count_events(fixture, i, EVENT_SEEN), 1);
}

static void test_a_shorter_interval_takes_effect_at_once(void **state)
{
        struct fixture *fixture = *state;
        struct planner_limits limits = limits_of(1);

        make_with(fixture, &limits, 1, &slow);
        planner_start_job(fixture->planner, &fixture->jobs[0], START, 0);
        run(fixture, MIN);
        reload_all(fixture, 1, 1, &fast);
        size_t from = fixture->sent_count;
        run(fixture, SEC + LATENCY);
        assert_int_equal(count_polls(fixture, from, 0), 1);
        run(fixture, MIN);
        assert_true(longest_gap(fixture, from, 0) <= 2 * SEC + LATENCY);
}

/* … and counts for what follows a failure. */
static void test_a_job_is_polled_when_someone_wants_to_know(void **state)
{
        struct fixture *fixture = *state;
        struct planner_limits limits = limits_of(1);

        make_with(fixture, &limits, 2, &slow);
        for (size_t i = 0; i < 2; i++)
                planner_start_job(fixture->planner, &fixture->jobs[i], START, 0);
        run(fixture, MIN);
        size_t from = fixture->sent_count;
        planner_poll_job(fixture->planner, &fixture->jobs[0], fixture->now_us);
        run(fixture, MIN);
        assert_int_equal(count_polls(fixture, from, 0), 1);
        assert_int_equal(count_polls(fixture, from, 1), 0);

        /* One that has ended, too: once. */
        fixture->server.jobs[0].status = TEXT_LITERAL("Completed");
        planner_poll_job(fixture->planner, &fixture->jobs[0], fixture->now_us);
        run(fixture, MIN);
        assert_true(fixture->jobs[0].done);
        from = fixture->sent_count;
        planner_poll_job(fixture->planner, &fixture->jobs[0], fixture->now_us);
        run(fixture, 3 * USEC_PER_HOUR);
        assert_int_equal(count_polls(fixture, from, 0), 1);
}

/* Not before the time that the API has named. */
static void test_a_throttled_job_waits_whoever_wants_to_know(void **state)
{
        struct fixture *fixture = *state;
        struct planner_limits limits = limits_of(1);

        make_with(fixture, &limits, 2, &fast);
        fixture->server.jobs[0].single = FAILURE_THROTTLED;
        fixture->server.retry_after_us = 20 * MIN;
        for (size_t i = 0; i < 2; i++)
                planner_start_job(fixture->planner, &fixture->jobs[i], START, 0);
        run(fixture, 30 * MIN); /* the pause for all, and then that job is charged */
        assert_int_equal(fixture->jobs[0].failure, FAILURE_THROTTLED);
        assert_true(fixture->jobs[0].failures > 0);
        size_t from = fixture->sent_count;
        planner_poll_job(fixture->planner, &fixture->jobs[0], fixture->now_us);
        run(fixture, SEC);
        assert_int_equal(count_polls(fixture, from, 0), 0);
}

static void test_a_failing_job_waits_by_its_new_interval(void **state)
{
        struct fixture *fixture = *state;
        struct planner_limits limits = limits_of(1);

        make_with(fixture, &limits, 1, &slow);
        planner_start_job(fixture->planner, &fixture->jobs[0], START, 0);
        run(fixture, MIN);
        reload_all(fixture, 1, 1, &fast);
        fixture->server.jobs[0].single = FAILURE_SERVER_ERROR;
        size_t from = fixture->sent_count;
        run(fixture, MIN);
        assert_in_range(count_polls(fixture, from, 0), 3, 10);
}

static void test_jobs_in_flight_are_not_polled_twice(void **state)
{
        struct fixture *fixture = *state;

        for (unsigned batch_size = 1; batch_size <= 100; batch_size += 99) {
                planner_teardown(state);
                assert_int_equal(planner_setup(state), 0);
                fixture = *state;
                for (size_t i = 0; i < 4; i++)
                        fixture->server.jobs[i].latency_us = 10 * SEC;
                start_together(fixture, batch_size, 4);
                run(fixture, LATENCY / 2);
                size_t sent = fixture->sent_count;
                assert_int_equal(sent, batch_size == 1 ? 4 : 1);
                reload_all(fixture, batch_size, 4, NULL);
                assert_false(planner_is_idle(fixture->planner));
                run(fixture, 9 * SEC);
                assert_int_equal(fixture->sent_count, sent);
                run(fixture, MIN);
                for (size_t i = 0; i < 4; i++)
                        assert_int_equal(count_events(fixture, i, EVENT_SEEN), 1);
        }
}

static void test_a_failing_job_stays_failing(void **state)
{
        struct fixture *fixture = *state;

        start_spread(fixture, 1, 3);
        fixture->server.jobs[1].single = FAILURE_SERVER_ERROR;
        run(fixture, 20 * MIN);
        unsigned failures = fixture->jobs[1].failures;
        uint64_t due_us = fixture->jobs[1].entry.due_us;
        reload_all(fixture, 1, 3, NULL);
        assert_true(fixture->jobs[1].failing);
        assert_int_equal(fixture->jobs[1].failures, failures);
        assert_int_equal(fixture->jobs[1].entry.due_us, due_us);
        run(fixture, 20 * MIN);
        assert_int_equal(fixture->opened, 0);
}

static void test_the_parts_of_a_failed_batch_go_on(void **state)
{
        struct fixture *fixture = *state;

        server_jobs_fail(fixture, 11, 1, FAILURE_SERVER_ERROR);
        start_together(fixture, 100, 64);
        run(fixture, 3 * LATENCY + 1);
        reload_all(fixture, 100, 64, NULL);
        run(fixture, 2 * SEC);
        for (size_t i = 0; i < 64; i++) {
                assert_int_equal(fixture->jobs[i].failing, i == 11);
                assert_int_equal(count_events(fixture, i, EVENT_SEEN), i != 11);
        }
}

static void test_gone_jobs_are_polled(void **state)
{
        struct fixture *fixture = *state;

        start_spread(fixture, 1, 3);
        fixture->server.jobs[1].single = FAILURE_NOT_FOUND;
        fixture->server.jobs[1].missing = true;
        run(fixture, 20 * MIN);
        for (unsigned days = 0; days <= 10; days += 5) { /* after a week as well */
                size_t from = fixture->sent_count;
                reload_all(fixture, 1, 3, NULL);
                run(fixture, SEC);
                assert_int_equal(count_polls(fixture, from, 1), 1);
                run(fixture, 5 * USEC_PER_DAY);
        }
        assert_int_equal(count_events(fixture, 1, EVENT_GONE), 1);
}

static void test_ended_jobs_are_not_polled(void **state)
{
        struct fixture *fixture = *state;

        start_spread(fixture, 1, 3);
        fixture->server.jobs[1].status = TEXT_LITERAL("Completed");
        run(fixture, MIN);
        reload_all(fixture, 1, 3, NULL);
        size_t from = fixture->sent_count;
        run(fixture, USEC_PER_HOUR);
        assert_int_equal(count_polls(fixture, from, 1), 0);
}

/* The requests with reloads that change nothing are those without. */
static void test_a_reload_without_changes_changes_nothing(void **state)
{
        static const struct planner_settings slowing = { .interval_us = 10 * SEC,
                                                         .max_interval_us = 10 * MIN };
        struct planner_limits limits = limits_of(100);
        struct sent *before = NULL;
        size_t count = 0;

        for (unsigned reloading = 0; reloading < 2; reloading++) {
                planner_teardown(state);
                assert_int_equal(planner_setup(state), 0);
                struct fixture *fixture = *state;

                fixture->server.jobs[3].single = fixture->server.jobs[3].batch = FAILURE_SERVER_ERROR;
                make_with(fixture, &limits, 20, &slowing);
                for (size_t i = 0; i < 20; i++)
                        planner_start_job(fixture->planner, &fixture->jobs[i], START, i * SEC);
                for (unsigned i = 0; i < 600; i++) {
                        run(fixture, 7 * SEC);
                        if (reloading)
                                reload(fixture, &limits, FIRST_ID, 20, &slowing);
                }
                if (!reloading) {
                        count = fixture->sent_count;
                        before = fixture->sent;
                        fixture->sent = NULL;
                        fixture->sent_count = 0;
                        continue;
                }
                assert_int_equal(fixture->sent_count, count);
                for (size_t i = 0; i < count; i++) {
                        assert_int_equal(fixture->sent[i].at_us, before[i].at_us);
                        assert_int_equal(fixture->sent[i].count, before[i].count);
                        assert_int_equal(fixture->sent[i].ids[0], before[i].ids[0]);
                }
        }
        sent_free(before, count);
}

/* ---- jobs that are removed ---- */

/* All but the first `kept` jobs are removed. */
static void keep(struct fixture *fixture, unsigned batch_size, size_t kept)
{
        reload_all(fixture, batch_size, kept, NULL);
}

static void test_requests_for_removed_jobs_end(void **state)
{
        struct fixture *fixture = *state;

        for (unsigned batch_size = 1; batch_size <= 100; batch_size += 99) {
                planner_teardown(state);
                assert_int_equal(planner_setup(state), 0);
                fixture = *state;
                for (size_t i = 0; i < 4; i++)
                        fixture->server.jobs[i].latency_us = 10 * SEC;
                start_together(fixture, batch_size, 4);
                run(fixture, LATENCY / 2); /* all are in flight */
                keep(fixture, batch_size, 1);
                size_t from = fixture->sent_count;
                run(fixture, 10 * MIN);
                assert_in_range(count_polls(fixture, from, 0), 20, 45);
                for (size_t i = 0; i < 4; i++) {
                        assert_int_equal(count_events(fixture, i, EVENT_SEEN), i == 0);
                        assert_true(i == 0 || count_polls(fixture, from, i) == 0);
                }
                keep(fixture, batch_size, 0);
                assert_true(planner_is_idle(fixture->planner));
        }
}

/* Whatever stage of a split the removal comes at: the others are read, and the removed ones are not. */
static void test_the_others_of_a_failed_batch_go_on(void **state)
{
        for (unsigned stage = 0; stage < 16; stage++) {
                planner_teardown(state);
                assert_int_equal(planner_setup(state), 0);
                struct fixture *fixture = *state;

                server_jobs_fail(fixture, 11, 1, FAILURE_SERVER_ERROR);
                start_together(fixture, 100, 64);
                run(fixture, stage * LATENCY / 2 + 1);
                keep(fixture, 100, 32);
                size_t from = fixture->sent_count;
                run(fixture, 5 * SEC);
                for (size_t i = 0; i < 64; i++) {
                        assert_true(i < 32 || count_polls(fixture, from, i) == 0);
                        assert_true(i >= 32 || count_events(fixture, i, EVENT_SEEN) == (i != 11));
                }
                assert_false(is_open(fixture));
        }
}

static void test_a_removed_probe_is_followed_by_another(void **state)
{
        struct fixture *fixture = *state;

        start_together(fixture, 1, 3);
        fixture->server.all = FAILURE_UNREACHABLE;
        run_until_open(fixture);
        fixture->server.all = FAILURE_NONE;
        for (size_t i = 0; i < 3; i++)
                fixture->server.jobs[i].latency_us = MIN;
        for (unsigned i = 0; i < 100 && !fixture->sent[fixture->sent_count - 1].probe; i++)
                run(fixture, 100 * USEC_PER_MSEC);
        assert_true(fixture->sent[fixture->sent_count - 1].probe);
        size_t from = fixture->sent_count, probed = (size_t)(fixture->sent[from - 1].ids[0] - FIRST_ID);
        struct planner_limits limits = limits_of(1);
        /* Also jobs before it are removed. */
        reload(fixture, &limits, FIRST_ID + probed + 1, 2, NULL);
        run(fixture, SEC);
        assert_true(fixture->sent_count > from && fixture->sent[from].probe);
        assert_false(sent_has(&fixture->sent[from], FIRST_ID + probed));
        run_until_closed(fixture);
}

/* A check, too, is made with another job. */
static void test_a_removed_job_of_a_check_is_replaced(void **state)
{
        struct fixture *fixture = *state;

        struct planner_limits limits = limits_of(1);

        start_together(fixture, 1, 1);
        run(fixture, MIN);
        fixture->server.jobs[0].single = FAILURE_SERVER_ERROR;
        fixture->server.lists = FAILURE_NO_RESPONSE;
        fixture->server.failing_us = 10 * SEC;
        for (unsigned i = 0; i < 60 && count_kind(fixture, 0, REQUEST_CHECK) == 0; i++)
                run(fixture, SEC);
        assert_int_equal(count_kind(fixture, 0, REQUEST_CHECK), 1); /* in flight */
        size_t from = fixture->sent_count;
        reload(fixture, &limits, FIRST_ID + 1, 1, NULL);
        run(fixture, 10 * MIN);
        for (size_t i = from; i < fixture->sent_count; i++)
                assert_int_equal(fixture->sent[i].ids[0], FIRST_ID + 1);
        assert_int_equal(count_kind(fixture, from, REQUEST_CHECK), 1);
        assert_int_equal(count_events(fixture, 1, EVENT_SEEN), 1);
}

static void test_parts_of_a_batch_are_singles_without_batches(void **state)
{
        struct fixture *fixture = *state;
        struct planner_limits limits = limits_of(100);

        limits.max_in_flight = 1;
        server_jobs_fail(fixture, 11, 1, FAILURE_SERVER_ERROR);
        make(fixture, &limits, 64);
        for (size_t i = 0; i < 64; i++)
                planner_start_job(fixture->planner, &fixture->jobs[i], START, 0);
        run(fixture, LATENCY + 1);
        limits.batch_size = 0;
        reload(fixture, &limits, FIRST_ID, 64, NULL);
        size_t from = fixture->sent_count;
        run(fixture, MIN);
        assert_int_equal(count_kind(fixture, from, REQUEST_BATCH), 0);
        for (size_t i = 0; i < 64; i++)
                assert_int_equal(count_events(fixture, i, EVENT_SEEN), i != 11);
}

/* ---- what is known of the API ---- */

static void test_an_outage_is_probed_at_once(void **state)
{
        struct fixture *fixture = *state;

        start_spread(fixture, 1, 3);
        fixture->server.all = FAILURE_REFUSED;
        run(fixture, 20 * MIN);
        size_t from = fixture->sent_count;
        reload_all(fixture, 1, 3, NULL);
        run(fixture, SEC);
        assert_int_equal(fixture->sent_count, from + 1);
        assert_true(is_open(fixture) && fixture->sent[from].probe);
}

static void test_a_pause_goes_on(void **state)
{
        struct fixture *fixture = *state;

        start_spread(fixture, 1, 3);
        fixture->server.all = FAILURE_THROTTLED;
        fixture->server.retry_after_us = 10 * MIN;
        run(fixture, MIN);
        size_t from = fixture->sent_count;
        reload_all(fixture, 1, 3, NULL);
        run(fixture, 8 * MIN);
        assert_int_equal(fixture->sent_count, from);
}

static void test_another_api_has_no_outage_and_no_pause(void **state)
{
        struct fixture *fixture = *state;

        for (unsigned throttled = 0; throttled < 2; throttled++) {
                planner_teardown(state);
                assert_int_equal(planner_setup(state), 0);
                fixture = *state;
                fixture->server.all = throttled ? FAILURE_THROTTLED : FAILURE_UNREACHABLE;
                fixture->server.retry_after_us = 10 * MIN;
                start_together(fixture, 1, 3);
                run(fixture, MIN);
                fixture->server.all = FAILURE_NONE;
                reload_all(fixture, 1, 3, NULL);
                planner_reset_api(fixture->planner, fixture->now_us);
                run(fixture, INTERVAL + SEC);
                for (size_t i = 0; i < 3; i++)
                        assert_int_equal(count_events(fixture, i, EVENT_SEEN), 1);
        }
}

static void test_the_batch_size_that_was_learned_is_kept(void **state)
{
        struct fixture *fixture = *state;

        fixture->server.too_large_from = 50;
        start_together(fixture, 100, 100);
        run(fixture, MIN);
        assert_int_equal(planner_batch_size(fixture->planner, fixture->now_us), 50);
        reload_all(fixture, 100, 100, NULL);
        assert_int_equal(planner_batch_size(fixture->planner, fixture->now_us), 50);
        reload_all(fixture, 30, 100, NULL);
        assert_int_equal(planner_batch_size(fixture->planner, fixture->now_us), 30);
        reload_all(fixture, 80, 100, NULL);
        assert_int_equal(planner_batch_size(fixture->planner, fixture->now_us), 80);
}

static void test_another_api_has_a_batch_size_of_its_own(void **state)
{
        struct fixture *fixture = *state;

        fixture->server.too_large_from = 7;
        start_together(fixture, 100, 100);
        run(fixture, MIN);
        assert_int_equal(planner_batch_size(fixture->planner, fixture->now_us), 12);
        fixture->server.too_large_from = 40;
        planner_reset_api(fixture->planner, fixture->now_us);
        assert_int_equal(planner_batch_size(fixture->planner, fixture->now_us), 100);
        run(fixture, 10 * MIN);
        assert_in_range(planner_batch_size(fixture->planner, fixture->now_us), 20, 50); /* half of one */
}

static void test_what_was_spent_is_kept(void **state)
{
        struct fixture *fixture = *state;
        struct planner_limits limits = limits_of(1);

        limits.rate_limiter.per_hour = 5000;
        make(fixture, &limits, 100);
        for (size_t i = 0; i < 100; i++)
                planner_start_job(fixture->planner, &fixture->jobs[i], START, 0);
        run(fixture, 10 * MIN);
        for (unsigned i = 0; i < 100; i++) {
                reload(fixture, &limits, FIRST_ID, 100, NULL);
                run(fixture, 10 * SEC);
        }
        /* The 125 of a full bucket, and one for each step. */
        uint64_t step_us = rate_limiter_emission_interval(planner_rate_limiter(fixture->planner));
        assert_true(fixture->sent_count <= 126 + (fixture->now_us - START) / step_us);
        assert_true(rate_limiter_spent(planner_rate_limiter(fixture->planner), RATE_LIMITER_HOUR,
                                       fixture->now_us) > 1000);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, planner_setup, planner_teardown)
        const struct CMUnitTest tests[] = {
                TEST(test_jobs_go_on),
                TEST(test_a_reload_without_changes_changes_nothing),
                TEST(test_jobs_leave_and_new_ones_are_polled_at_once),
                TEST(test_a_shorter_interval_takes_effect_at_once),
                TEST(test_a_job_is_polled_when_someone_wants_to_know),
                TEST(test_a_throttled_job_waits_whoever_wants_to_know),
                TEST(test_a_failing_job_waits_by_its_new_interval),
                TEST(test_jobs_in_flight_are_not_polled_twice),
                TEST(test_a_failing_job_stays_failing),
                TEST(test_the_parts_of_a_failed_batch_go_on),
                TEST(test_gone_jobs_are_polled),
                TEST(test_ended_jobs_are_not_polled),
                TEST(test_requests_for_removed_jobs_end),
                TEST(test_the_others_of_a_failed_batch_go_on),
                TEST(test_a_removed_probe_is_followed_by_another),
                TEST(test_a_removed_job_of_a_check_is_replaced),
                TEST(test_parts_of_a_batch_are_singles_without_batches),
                TEST(test_an_outage_is_probed_at_once),
                TEST(test_a_pause_goes_on),
                TEST(test_another_api_has_no_outage_and_no_pause),
                TEST(test_the_batch_size_that_was_learned_is_kept),
                TEST(test_another_api_has_a_batch_size_of_its_own),
                TEST(test_what_was_spent_is_kept),
        };

        return cmocka_run_group_tests_name("planner_jobs", tests, NULL, NULL);
}
