/* SPDX-License-Identifier: MIT */

/* When a job is gone, and what follows. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "planner_fixture.h"

#define JOBS 4

static void delete_job(struct fixture *fixture, size_t index)
{
        fixture->server.jobs[index].single = FAILURE_NOT_FOUND;
        fixture->server.jobs[index].missing = true;
}

static void restore_job(struct fixture *fixture, size_t index)
{
        fixture->server.jobs[index].single = FAILURE_NONE;
        fixture->server.jobs[index].missing = false;
}

static uint64_t gone_at(const struct fixture *fixture, size_t index)
{
        for (size_t i = 0; i < fixture->event_count; i++)
                if (fixture->events[i].id == FIRST_ID + index && fixture->events[i].kind == EVENT_GONE)
                        return fixture->events[i].at_us;
        fail_msg("not gone");
        return 0;
}

/* Single requests for the job that were answered "not found" before a time, and the first of them. */
static size_t not_found_before(const struct fixture *fixture, size_t index, uint64_t before_us,
                               uint64_t *ret_first_us)
{
        size_t count = 0;

        for (size_t i = 0; i < fixture->sent_count; i++) {
                const struct sent *sent = &fixture->sent[i];

                if (sent->kind != REQUEST_SINGLE || !sent_has(sent, FIRST_ID + index) ||
                    sent->failure != FAILURE_NOT_FOUND || sent->answered_us > before_us)
                        continue;
                if (count++ == 0)
                        *ret_first_us = sent->answered_us;
        }
        return count;
}

static void test_not_found_three_times_over_a_minute_and_in_no_batch(void **state)
{
        for (unsigned batch_size = 1; batch_size <= 100; batch_size += 99) {
                uint64_t first_us = 0;

                planner_teardown(state);
                assert_int_equal(planner_setup(state), 0);
                struct fixture *fixture = *state;

                start_spread(fixture, batch_size, JOBS);
                run(fixture, MIN);
                delete_job(fixture, 1);
                size_t from = fixture->sent_count;
                run(fixture, 10 * MIN);

                assert_int_equal(count_events(fixture, 1, EVENT_GONE), 1);
                uint64_t at_us = gone_at(fixture, 1);
                assert_true(not_found_before(fixture, 1, at_us, &first_us) >= 3);
                assert_in_range(at_us - first_us, MIN, 5 * MIN);
                assert_int_equal(count_kind(fixture, from, REQUEST_GONE_CHECK), 1);
                assert_int_equal(fixture->opened, 0);
        }
}

static void test_the_batch_shows_the_job(void **state)
{
        struct fixture *fixture = *state;

        start_spread(fixture, 1, JOBS);
        fixture->server.jobs[1].single = FAILURE_NOT_FOUND;
        run(fixture, 2 * USEC_PER_HOUR);
        assert_int_equal(fixture->event_count, JOBS - 1);
        /* Each time it takes three more single requests. */
        assert_in_range(count_kind(fixture, 0, REQUEST_GONE_CHECK), 1, count_polls(fixture, 0, 1) / 3);
        assert_true(fixture->jobs[1].failing);
        assert_true(count_polls(fixture, 0, 1) > 120 / 5);
        assert_false(planner_is_idle(fixture->planner));
}

static void test_a_success_in_between_starts_the_count_again(void **state)
{
        struct fixture *fixture = *state;

        start_spread(fixture, 1, JOBS);
        for (unsigned i = 0; i < 20; i++) {
                delete_job(fixture, 1);
                for (unsigned polls = 0; polls < 2; polls++) {
                        size_t from = fixture->sent_count;
                        while (count_polls(fixture, from, 1) == 0)
                                run_requests(fixture, 1);
                }
                restore_job(fixture, 1);
                run(fixture, 2 * MIN);
        }
        assert_int_equal(count_events(fixture, 1, EVENT_GONE), 0);
        assert_int_equal(count_kind(fixture, 0, REQUEST_GONE_CHECK), 0);
}

static void test_where_batches_do_not_work_another_job_was_read(void **state)
{
        struct fixture *fixture = *state;

        fixture->server.lists = FAILURE_SERVER_ERROR;
        start_spread(fixture, 1, JOBS);
        run(fixture, MIN);
        delete_job(fixture, 1);
        run(fixture, 20 * MIN);
        assert_int_equal(count_events(fixture, 1, EVENT_GONE), 1);
        assert_int_equal(fixture->opened, 0);
}

static void test_where_batches_do_not_work_and_there_is_no_other_job(void **state)
{
        struct fixture *fixture = *state;

        fixture->server.lists = FAILURE_SERVER_ERROR;
        start_spread(fixture, 1, 1);
        run(fixture, MIN);
        delete_job(fixture, 0);
        run(fixture, 5 * USEC_PER_HOUR);
        assert_int_equal(count_events(fixture, 0, EVENT_GONE), 0);
        assert_int_equal(fixture->opened, 1); /* nobody can tell it from an outage */
}

static void test_several_jobs_are_gone_where_batches_do_not_work(void **state)
{
        struct fixture *fixture = *state;

        fixture->server.lists = FAILURE_SERVER_ERROR;
        start_spread(fixture, 1, JOBS);
        run(fixture, MIN);
        delete_job(fixture, 1);
        delete_job(fixture, 2);
        run(fixture, USEC_PER_HOUR);
        assert_int_equal(count_events(fixture, 1, EVENT_GONE), 1);
        assert_int_equal(count_events(fixture, 2, EVENT_GONE), 1);
        assert_true(fixture->opened <= 1);
}

static void test_404_to_everything_is_an_outage(void **state)
{
        for (size_t count = 1; count <= JOBS; count++)
                for (unsigned batch_size = 1; batch_size <= 100; batch_size += 99) {
                        planner_teardown(state);
                        assert_int_equal(planner_setup(state), 0);
                        struct fixture *fixture = *state;

                        start_spread(fixture, batch_size, count);
                        run(fixture, MIN);
                        fixture->server.all = FAILURE_NOT_FOUND;
                        run(fixture, USEC_PER_DAY);
                        assert_true(is_open(fixture));
                        assert_int_equal(fixture->opened, 1);
                        assert_int_equal(planner_breaker(fixture->planner)->failure, FAILURE_NOT_FOUND);
                        for (size_t i = 0; i < count; i++)
                                assert_int_equal(count_events(fixture, i, EVENT_GONE), 0);
                }
}

static void test_a_gone_job_is_read_hourly_for_a_week(void **state)
{
        struct fixture *fixture = *state;

        start_spread(fixture, 1, JOBS);
        delete_job(fixture, 1);
        run(fixture, 10 * MIN);
        size_t from = fixture->sent_count;
        run(fixture, 6 * USEC_PER_DAY);
        assert_in_range(count_polls(fixture, from, 1), 6 * 24 - 3, 6 * 24 + 1);
        assert_int_equal(count_events(fixture, 1, EVENT_GONE), 1);
        assert_false(fixture->jobs[1].failing);
        run(fixture, 2 * USEC_PER_DAY);
        from = fixture->sent_count;
        run(fixture, 2 * USEC_PER_DAY);
        assert_int_equal(count_polls(fixture, from, 1), 0);
        assert_int_equal(fixture->opened, 0);
}

static void test_a_gone_job_is_read_in_batches_where_they_work(void **state)
{
        struct fixture *fixture = *state;

        start_together(fixture, 100, 20);
        delete_job(fixture, 1);
        run(fixture, 10 * MIN);
        assert_int_equal(count_events(fixture, 1, EVENT_GONE), 1);
        size_t from = fixture->sent_count, batches = 0;
        run(fixture, 12 * USEC_PER_HOUR);
        for (size_t i = from; i < fixture->sent_count; i++)
                if (fixture->sent[i].kind == REQUEST_BATCH && sent_has(&fixture->sent[i], FIRST_ID + 1))
                        batches++;
        assert_in_range(count_polls(fixture, from, 1), 10, 20);
        assert_true(batches >= 6); /* unless none of the others is due */
}

static void test_a_gone_job_comes_back(void **state)
{
        static const enum event_kind kinds[] = { EVENT_CHANGED, EVENT_SUCCEEDED };

        for (unsigned batch_size = 1; batch_size <= 100; batch_size += 99)
                for (size_t ended = 0; ended < 2; ended++) {
                        planner_teardown(state);
                        assert_int_equal(planner_setup(state), 0);
                        struct fixture *fixture = *state;

                        start_spread(fixture, batch_size, JOBS);
                        delete_job(fixture, 1);
                        run(fixture, 10 * MIN);
                        assert_int_equal(count_events(fixture, 1, EVENT_GONE), 1);
                        size_t events = fixture->event_count;
                        restore_job(fixture, 1);
                        if (ended)
                                fixture->server.jobs[1].status = TEXT_LITERAL("Completed");
                        run(fixture, 3 * USEC_PER_HOUR);
                        assert_int_equal(fixture->event_count, events + 1);
                        assert_int_equal(count_events(fixture, 1, kinds[ended]), 1);

                        /* Open again, it is polled at its pace. */
                        size_t from = fixture->sent_count;
                        run(fixture, 10 * MIN);
                        assert_int_equal(count_polls(fixture, from, 1) >= 40, !ended);
                }
}

static void test_the_end_of_a_job_that_comes_back_waits_for_its_result_and_no_longer(void **state)
{
        static const struct planner_settings settings = {
                .interval_us = INTERVAL,
                .max_interval_us = INTERVAL,
                .result_wait_us = MIN,
        };

        for (unsigned again = 0; again < 2; again++) { /* it goes again, or it does not */
                planner_teardown(state);
                assert_int_equal(planner_setup(state), 0);
                struct fixture *fixture = *state;
                struct planner_limits limits = limits_of(1);

                make_with(fixture, &limits, JOBS, &settings);
                for (size_t i = 0; i < JOBS; i++)
                        planner_start_job(fixture->planner, &fixture->jobs[i], fixture->now_us,
                                          i * INTERVAL / JOBS);
                delete_job(fixture, 1);
                run(fixture, 10 * MIN);
                assert_int_equal(count_events(fixture, 1, EVENT_GONE), 1);
                size_t from = fixture->sent_count;
                restore_job(fixture, 1);
                fixture->server.jobs[1].status = TEXT_LITERAL("Completed");
                fixture->server.jobs[1].result = (struct text){ 0 };
                while (count_polls(fixture, from, 1) == 0)
                        run_requests(fixture, 1);
                run(fixture, SEC);
                assert_int_equal(count_events(fixture, 1, EVENT_SUCCEEDED), 0);
                if (again)
                        delete_job(fixture, 1);
                from = fixture->sent_count;
                run(fixture, 10 * MIN);
                assert_int_equal(count_events(fixture, 1, EVENT_SUCCEEDED), !again);
                assert_in_range(count_polls(fixture, from, 1), 1, again ? 1 : 2 + MIN / INTERVAL);
        }
}

static void test_gone_jobs_do_not_hold_up_the_end(void **state)
{
        struct fixture *fixture = *state;

        start_spread(fixture, 1, 3);
        for (size_t i = 0; i < 3; i++)
                delete_job(fixture, i);
        run(fixture, 20 * MIN);
        assert_true(planner_is_idle(fixture->planner));
        size_t from = fixture->sent_count;
        run(fixture, 3 * USEC_PER_HOUR);
        assert_in_range(fixture->sent_count - from, 6, 9);
        assert_int_equal(fixture->opened, 0);
}

static void test_gone_jobs_are_no_evidence_of_an_outage(void **state)
{
        struct fixture *fixture = *state;

        start_spread(fixture, 1, JOBS);
        for (size_t i = 1; i < JOBS; i++)
                delete_job(fixture, i);
        run(fixture, 30 * MIN);
        for (size_t i = 1; i < JOBS; i++)
                assert_int_equal(count_events(fixture, i, EVENT_GONE), 1);
        run(fixture, USEC_PER_DAY);
        assert_int_equal(fixture->opened, 0);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, planner_setup, planner_teardown)
        const struct CMUnitTest tests[] = {
                TEST(test_not_found_three_times_over_a_minute_and_in_no_batch),
                TEST(test_the_batch_shows_the_job),
                TEST(test_a_success_in_between_starts_the_count_again),
                TEST(test_where_batches_do_not_work_another_job_was_read),
                TEST(test_where_batches_do_not_work_and_there_is_no_other_job),
                TEST(test_several_jobs_are_gone_where_batches_do_not_work),
                TEST(test_404_to_everything_is_an_outage),
                TEST(test_a_gone_job_is_read_hourly_for_a_week),
                TEST(test_a_gone_job_is_read_in_batches_where_they_work),
                TEST(test_a_gone_job_comes_back),
                TEST(test_the_end_of_a_job_that_comes_back_waits_for_its_result_and_no_longer),
                TEST(test_gone_jobs_do_not_hold_up_the_end),
                TEST(test_gone_jobs_are_no_evidence_of_an_outage),
        };

        return cmocka_run_group_tests_name("gone", tests, NULL, NULL);
}
