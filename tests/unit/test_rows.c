/* SPDX-License-Identifier: MIT */

/* What rows of batches show, and what single reads teach about them. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "planner_fixture.h"

#define RUNNING TEXT_LITERAL("Running")
#define MAX     (2 * MIN)

static const struct planner_settings settings = { .interval_us = INTERVAL, .max_interval_us = MAX };

static struct job_record record_of(struct text status, struct text result, struct text updated)
{
        return (struct job_record){ .status = status,
                                    .result = result,
                                    .updated_on = updated,
                                    .has_status = true,
                                    .has_result = true };
}

static void make_rows(struct fixture *fixture, size_t count)
{
        struct planner_limits limits = limits_of(100);

        make_with(fixture, &limits, count, &settings);
}

static enum row_verdict judge(struct fixture *fixture, size_t index, const struct job_record *row,
                              uint64_t now_us)
{
        return planner_judge_row(fixture->planner, &fixture->jobs[index], row, now_us);
}

/* A single read of a job that is in no queue; returns whether it is a change. */
static bool read_job(struct fixture *fixture, size_t index, const struct job_record *record, bool recorded,
                     uint64_t now_us)
{
        struct planner_job *job = &fixture->jobs[index];
        struct planner_request request;
        uint64_t wake_us;

        if (job->entry.position == 0)
                planner_start_job(fixture->planner, job, now_us, 0);
        assert_true(planner_next(fixture->planner, now_us, &request, &wake_us));
        assert_int_equal(request.kind, REQUEST_SINGLE);
        assert_ptr_equal(request.jobs[0], job);
        planner_end_request(fixture->planner, &request, now_us);
        planner_succeeded(fixture->planner, &request, now_us);
        struct observation observation = planner_take_record(fixture->planner, job, record, now_us);
        struct job_memory seen = job_memory_of(record, observation.change.outcome);
        planner_complete(fixture->planner, job, &observation, recorded, &seen, now_us, 0);
        return observation.change.has_event;
}

static void test_a_change_that_was_not_recorded_is_found_again(void **state)
{
        struct fixture *fixture = *state;
        const struct job_record before = record_of(RUNNING, TEXT_NULL, TEXT_LITERAL("1"));
        const struct job_record after = record_of(RUNNING, TEXT_LITERAL("{}"), TEXT_LITERAL("2"));
        const struct job_record row = record_of(RUNNING, TEXT_NULL, TEXT_LITERAL("2"));

        /* The rows of this API have no ResultData: only UpdatedOn shows that there may be a change. */
        make_rows(fixture, 1);
        assert_true(read_job(fixture, 0, &before, true, START));
        assert_int_equal(judge(fixture, 0, &before, START + 1), ROW_UNCHANGED);
        assert_int_equal(judge(fixture, 0, &row, START + 1), ROW_UPDATED);
        assert_true(read_job(fixture, 0, &after, false, START + MAX));
        assert_int_equal(judge(fixture, 0, &row, START + MAX), ROW_UPDATED);
        assert_true(read_job(fixture, 0, &after, true, START + 2 * MAX));
        assert_false(read_job(fixture, 0, &after, true, START + 3 * MAX));
}

static void test_rows_that_omit_fields(void **state)
{
        struct fixture *fixture = *state;
        struct job_record row = record_of(RUNNING, TEXT_NULL, TEXT_LITERAL("1"));
        struct job_record nothing = record_of(TEXT_NULL, TEXT_NULL, TEXT_LITERAL("1"));

        /* First observations: once rows were seen to have ResultData a null is a null; no field is not. */
        make_rows(fixture, 1);
        assert_int_equal(judge(fixture, 0, &row, START), ROW_RESULT_MISSING);
        planner_take_batch(fixture->planner, true);
        assert_int_equal(judge(fixture, 0, &row, START), ROW_FIRST);
        row.has_result = false;
        assert_int_equal(judge(fixture, 0, &row, START), ROW_RESULT_MISSING);

        /* The same for a Status that was null when it was recorded. */
        assert_true(read_job(fixture, 0, &nothing, true, START));
        assert_int_equal(judge(fixture, 0, &nothing, START + 1), ROW_UNCHANGED);
        nothing.has_status = false;
        assert_int_equal(judge(fixture, 0, &nothing, START + 1), ROW_STATUS_MISSING);
}

static void test_a_change_between_row_and_read_proves_nothing(void **state)
{
        struct fixture *fixture = *state;
        const struct job_record row = record_of(RUNNING, TEXT_NULL, TEXT_LITERAL("1"));
        const struct job_record later = record_of(RUNNING, TEXT_LITERAL("{}"), TEXT_LITERAL("2"));

        make_rows(fixture, 2);
        planner_take_batch(fixture->planner, true);
        planner_apply_row(fixture->planner, &fixture->jobs[0], ROW_RESULT_MISSING, updated_on_digest(&row),
                          START, 0);
        assert_true(read_job(fixture, 0, &later, true, START));
        /* Nulls of rows are still believed. */
        assert_int_equal(judge(fixture, 1, &row, START), ROW_FIRST);
}

static void test_a_read_that_shows_what_the_row_omitted(void **state)
{
        struct fixture *fixture = *state;
        const struct job_record row = record_of(RUNNING, TEXT_NULL, TEXT_LITERAL("1"));
        const struct job_record same = record_of(RUNNING, TEXT_LITERAL("{}"), TEXT_LITERAL("1"));

        make_rows(fixture, 2);
        planner_take_batch(fixture->planner, true);
        planner_apply_row(fixture->planner, &fixture->jobs[0], ROW_RESULT_MISSING, updated_on_digest(&row),
                          START, 0);
        assert_true(read_job(fixture, 0, &same, true, START));
        assert_int_equal(judge(fixture, 0, &row, START), ROW_UNCHANGED);
        assert_int_equal(judge(fixture, 1, &row, START), ROW_RESULT_MISSING);
}

/* More jobs than can each be read individually at once. */
static void test_first_observations_without_a_result(void **state)
{
        struct fixture *fixture = *state;
        struct planner_limits limits = limits_of(100);
        struct job_record row = record_of(RUNNING, TEXT_NULL, TEXT_LITERAL("1"));
        const struct job_record record = record_of(RUNNING, TEXT_LITERAL("half"), TEXT_LITERAL("1"));

        limits.rate_limiter.per_hour = 3600;
        make_with(fixture, &limits, 100, &settings);
        assert_int_equal(judge(fixture, 0, &row, START), ROW_FIRST_WITHOUT_RESULT);
        row.has_result = false;
        assert_true(read_job(fixture, 0, &row, true, START));
        assert_true(fixture->jobs[0].watch.memory.result_unread);

        /* No change; and in its turn it is read. An eighth of one request a second is spent on that. */
        assert_int_equal(judge(fixture, 0, &row, START + 1), ROW_UNCHANGED);
        assert_int_equal(judge(fixture, 0, &row, START + 10 * SEC), ROW_UNREAD);
        row.updated_on = TEXT_LITERAL("2");
        assert_int_equal(judge(fixture, 0, &row, START + 1), ROW_UPDATED);
        row.updated_on = TEXT_LITERAL("1");

        /* What could not be kept is read again. */
        uint64_t now = START + INTERVAL;
        assert_false(read_job(fixture, 0, &record, false, now));
        assert_int_equal(judge(fixture, 0, &row, now + 10 * SEC), ROW_UNREAD);
        now += MAX;
        assert_false(read_job(fixture, 0, &record, true, now));
        assert_false(fixture->jobs[0].watch.memory.result_unread);
        assert_int_equal(judge(fixture, 0, &row, now + 10 * SEC), ROW_UNCHANGED);

        /* Without UpdatedOn a result could not be told from a new one later. */
        row.updated_on = TEXT_NULL;
        assert_int_equal(judge(fixture, 1, &row, START), ROW_RESULT_MISSING);
}

static void test_an_updated_on_that_moves_without_a_change(void **state)
{
        struct fixture *fixture = *state;
        struct job_record record = record_of(RUNNING, TEXT_NULL, TEXT_LITERAL("1"));
        uint64_t now = START;

        make_rows(fixture, 1);
        assert_true(read_job(fixture, 0, &record, true, now));
        for (unsigned i = 0; i < 10; i++) {
                struct planner_request request;
                uint64_t wake_us;

                now += MAX;
                assert_true(planner_next(fixture->planner, now, &request, &wake_us));
                planner_end_request(fixture->planner, &request, now);
                planner_apply_row(fixture->planner, &fixture->jobs[0], ROW_UPDATED, 0, now, 0);
                assert_false(read_job(fixture, 0, &record, true, now));
        }
        /* It alone is no reason for a confirmation any more, but once per max_interval. */
        record.updated_on = TEXT_LITERAL("2");
        assert_int_equal(judge(fixture, 0, &record, now), ROW_UNCHANGED);
        assert_int_equal(judge(fixture, 0, &record, now + MAX), ROW_CONFIRM);
}

static void test_an_end_in_a_row_is_confirmed(void **state)
{
        struct fixture *fixture = *state;
        const struct job_record end =
                record_of(TEXT_LITERAL("Completed"), TEXT_LITERAL("{}"), TEXT_LITERAL("1"));

        make_rows(fixture, 1);
        assert_int_equal(judge(fixture, 0, &end, START), ROW_CONFIRM); /* at first */
        fixture->jobs[0].watch.memory = job_memory_of(&end, OUTCOME_SUCCESS);
        assert_int_equal(judge(fixture, 0, &end, START), ROW_CONFIRM);
        /* Open until the configuration knew its Status. */
        fixture->jobs[0].watch.memory = job_memory_of(&end, OUTCOME_OPEN);
        assert_int_equal(judge(fixture, 0, &end, START), ROW_CONFIRM);
}

static void test_a_missing_row_is_read_individually(void **state)
{
        struct fixture *fixture = *state;

        start_together(fixture, 100, 10);
        run(fixture, MIN);
        fixture->server.jobs[4].missing = true;
        size_t from = fixture->sent_count;
        run(fixture, 2 * MIN);
        assert_int_equal(fixture->opened, 0);
        assert_false(fixture->jobs[4].failing);
        assert_int_equal(fixture->event_count, 10);
        assert_true(longest_gap(fixture, from, 4) <= INTERVAL + SEC);
        assert_int_equal(last_poll(fixture, 4)->kind, REQUEST_SINGLE);
}

/* Rows without a Status make batches useless. Without UpdatedOn it may be newer than the row. */
static void test_rows_without_a_status_disable_batches(void **state)
{
        struct fixture *fixture = *state;
        const struct job_record record = record_of(RUNNING, TEXT_NULL, TEXT_LITERAL("1"));

        make_rows(fixture, 6);
        for (size_t i = 0; i < 6; i++) {
                uint64_t updated = i < 3 ? 0 : updated_on_digest(&record);

                assert_int_equal(planner_batch_size(fixture->planner, START), 100);
                planner_apply_row(fixture->planner, &fixture->jobs[i], ROW_STATUS_MISSING, updated, START, 0);
                assert_true(read_job(fixture, i, &record, true, START));
        }
        assert_int_equal(planner_batch_size(fixture->planner, START), 1);
}

/* The same for a Status that is recorded, unless it has changed. */
static void test_rows_without_the_recorded_status_disable_batches(void **state)
{
        struct fixture *fixture = *state;
        const struct job_record bare = record_of(TEXT_NULL, TEXT_NULL, TEXT_NULL);
        const struct job_record queued = record_of(TEXT_LITERAL("Queued"), TEXT_NULL, TEXT_LITERAL("1"));
        const struct job_record running = record_of(RUNNING, TEXT_NULL, TEXT_LITERAL("1"));

        make_rows(fixture, 6);
        for (size_t i = 0; i < 6; i++) {
                struct planner_job *job = &fixture->jobs[i];

                assert_int_equal(planner_batch_size(fixture->planner, START), 100);
                job->watch.memory = job_memory_of(i < 3 ? &queued : &running, OUTCOME_OPEN);
                assert_int_equal(judge(fixture, i, &bare, START), ROW_STATUS_MISSING);
                planner_apply_row(fixture->planner, job, ROW_STATUS_MISSING, 0, START, 0);
                assert_int_equal(read_job(fixture, i, &running, true, START), i < 3);
        }
        assert_int_equal(planner_batch_size(fixture->planner, START), 1);
}

/* With the sweep: pages wait for confirmations. */
static void test_where_the_feed_works_a_result_that_was_never_read_is_read_with_the_sweep(void **state)
{
        struct fixture *fixture = *state;
        struct planner_job *job = &fixture->jobs[3];

        make_rows(fixture, 100);
        fixture->planner->limits.sweep_interval_us = 15 * MIN;
        job->spread = true;
        planner_apply_row(fixture->planner, job, ROW_UNREAD, 0, fixture->now_us, 5 * MIN);
        assert_true(!job->confirm && job->single_left == 1);
        assert_true(job->entry.due_us == fixture->now_us + 5 * MIN);
}

/* Polls of thousands of jobs take hours then. */
static void test_without_batches_a_change_that_was_not_recorded_does_not_wait_for_its_turn(void **state)
{
        struct fixture *fixture = *state;
        const struct job_record before = record_of(RUNNING, TEXT_NULL, TEXT_LITERAL("1"));
        const struct job_record after = record_of(RUNNING, TEXT_LITERAL("{}"), TEXT_LITERAL("2"));
        const struct planner_job *job = &fixture->jobs[0];
        struct planner_limits limits = limits_of(1);

        make_with(fixture, &limits, 1, &settings);
        assert_true(read_job(fixture, 0, &before, true, START));
        assert_true(read_job(fixture, 0, &after, false, START + MAX));
        assert_true(job->confirm && job->entry.due_us <= START + MAX + INTERVAL);
        assert_true(read_job(fixture, 0, &after, true, START + MAX + INTERVAL));
        assert_false(job->confirm);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, planner_setup, planner_teardown)
        const struct CMUnitTest tests[] = {
                TEST(test_a_change_that_was_not_recorded_is_found_again),
                TEST(test_where_the_feed_works_a_result_that_was_never_read_is_read_with_the_sweep),
                TEST(test_without_batches_a_change_that_was_not_recorded_does_not_wait_for_its_turn),
                TEST(test_rows_that_omit_fields),
                TEST(test_a_change_between_row_and_read_proves_nothing),
                TEST(test_a_read_that_shows_what_the_row_omitted),
                TEST(test_first_observations_without_a_result),
                TEST(test_an_updated_on_that_moves_without_a_change),
                TEST(test_an_end_in_a_row_is_confirmed),
                TEST(test_a_missing_row_is_read_individually),
                TEST(test_rows_without_a_status_disable_batches),
                TEST(test_rows_without_the_recorded_status_disable_batches),
        };

        return cmocka_run_group_tests_name("rows", tests, NULL, NULL);
}
