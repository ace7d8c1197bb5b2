/* SPDX-License-Identifier: MIT */

/*
 * Which request is next, and what responses mean for that: one rule per test. Their combination is tested by
 * the simulation.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "planning/planner.h"
#include "util/timespan.h"

#define JOBS     6
#define START    (1000 * USEC_PER_SEC)
#define INTERVAL (15 * USEC_PER_SEC)
#define MAX      (2 * USEC_PER_MIN)

struct fixture {
        struct planner *planner;
        struct planner_job *jobs;
        struct status_rules *rules;
};

static const struct planner_settings settings = { .interval_us = INTERVAL, .max_interval_us = MAX };

static int setup(void **state)
{
        static struct fixture fixture;
        char *const success[] = { (char[]){ "Completed" }, NULL };
        const struct planner_limits limits = {
                .max_in_flight = 8,
                .batch_size = 100,
                .batch_bytes = 1890,
                .probe_cap_us = INTERVAL,
        };

        if (status_rules_new(NULL, success, NULL, NULL, &fixture.rules) < 0 ||
            planner_new(&limits, fixture.rules, JOBS, &fixture.planner) < 0)
                return -1;
        fixture.jobs = planner_jobs(fixture.planner);
        for (size_t i = 0; i < JOBS; i++) {
                fixture.jobs[i].id = 100 + i;
                fixture.jobs[i].settings = &settings;
        }
        *state = &fixture;
        return 0;
}

static int teardown(void **state)
{
        struct fixture *fixture = *state;

        planner_free(fixture->planner);
        status_rules_free(fixture->rules);
        return 0;
}

/* A request must be due. */
static struct planner_request next(struct fixture *fixture, uint64_t now)
{
        struct planner_request request;
        uint64_t wake_us;

        assert_true(planner_next(fixture->planner, now, &request, &wake_us));
        return request;
}

/* None must be due; returns when to ask again. */
static uint64_t none(struct fixture *fixture, uint64_t now)
{
        struct planner_request request;
        uint64_t wake_us = 0;

        assert_false(planner_next(fixture->planner, now, &request, &wake_us));
        assert_true(wake_us > now);
        return wake_us;
}

static struct job_record record_of(struct text status, struct text result, struct text updated)
{
        return (struct job_record){ .status = status,
                                    .result = result,
                                    .updated_on = updated,
                                    .has_status = true,
                                    .has_result = true };
}

/* A job was polled: applies the record. `recorded`: recording succeeded. */
static bool apply_record(struct fixture *fixture, struct planner_job *job, const struct job_record *record,
                         bool recorded, uint64_t now)
{
        struct observation observation = planner_take_record(fixture->planner, job, record, now);
        struct job_memory seen = job_memory_of(record, observation.change.outcome);

        planner_complete(fixture->planner, job, &observation, recorded, &seen, now, 0);
        return observation.change.has_event;
}

static void poll_single(struct fixture *fixture, const struct job_record *record, bool recorded, uint64_t now)
{
        struct planner_request request = next(fixture, now);

        assert_false(request.batch);
        planner_end_request(fixture->planner, &request, now);
        apply_record(fixture, request.jobs[0], record, recorded, now);
}

static void test_due_jobs_share_a_batch(void **state)
{
        struct fixture *fixture = *state;

        for (size_t i = 0; i < 3; i++)
                planner_start(fixture->planner, &fixture->jobs[i], START, i * USEC_PER_MSEC);
        planner_start(fixture->planner, &fixture->jobs[3], START, 10 * USEC_PER_SEC);
        struct planner_request request = next(fixture, START);
        assert_true(request.batch);
        assert_int_equal(request.count, 3);
        assert_true(none(fixture, START) == START + 10 * USEC_PER_SEC);
}

static void test_one_due_job_is_polled_individually(void **state)
{
        struct fixture *fixture = *state;

        planner_start(fixture->planner, &fixture->jobs[0], START, 0);
        struct planner_request request = next(fixture, START);
        assert_false(request.batch);
        assert_true(none(fixture, START) == USEC_NEVER);
        assert_false(planner_is_idle(fixture->planner));
}

static void test_longest_overdue_first(void **state)
{
        struct fixture *fixture = *state;

        for (size_t i = 0; i < JOBS; i++) {
                fixture->jobs[i].unbatchable = true;
                planner_start(fixture->planner, &fixture->jobs[i], START, (i * 5 % JOBS) * USEC_PER_SEC);
        }
        for (size_t i = 0; i < JOBS; i++)
                assert_ptr_equal(next(fixture, START + USEC_PER_MIN).jobs[0], &fixture->jobs[i * 5 % JOBS]);
}

static void test_confirmation_goes_first_and_individually(void **state)
{
        struct fixture *fixture = *state;

        for (size_t i = 0; i < JOBS; i++)
                planner_start(fixture->planner, &fixture->jobs[i], START, i < 2 ? 0 : USEC_PER_SEC);
        struct planner_request batch = next(fixture, START);
        assert_int_equal(batch.count, 2);
        planner_end_request(fixture->planner, &batch, START + 1);
        planner_apply_row(fixture->planner, batch.jobs[0], ROW_UNCHANGED, 0, START + 1, 0);
        planner_apply_row(fixture->planner, batch.jobs[1], ROW_CONFIRM, 0, START + 1, 0);
        struct planner_request request = next(fixture, START + 2 * USEC_PER_SEC);
        assert_false(request.batch);
        assert_ptr_equal(request.jobs[0], batch.jobs[1]);
        assert_true(next(fixture, START + 2 * USEC_PER_SEC).batch);
}

static void test_refused_batches_are_tried_again_with_one(void **state)
{
        struct fixture *fixture = *state;
        uint64_t later = START + USEC_PER_HOUR + 1;

        for (size_t i = 0; i < JOBS; i++)
                planner_start(fixture->planner, &fixture->jobs[i], START, i < 4 ? 0 : USEC_PER_HOUR);
        struct planner_request request = next(fixture, START);
        planner_end_request(fixture->planner, &request, START);
        planner_disable_batches(fixture->planner, &request, START);
        assert_false(planner_batches(fixture->planner));
        assert_false(next(fixture, START).batch);
        assert_false(next(fixture, START).batch);

        request = next(fixture, later);
        assert_true(request.batch);
        planner_end_request(fixture->planner, &request, later);
        planner_disable_batches(fixture->planner, &request, later);
        assert_false(next(fixture, later).batch);
}

static void test_outage_lets_one_probe_through(void **state)
{
        struct fixture *fixture = *state;
        uint64_t now = START, lasted_us;

        for (size_t i = 0; i < JOBS; i++)
                planner_start(fixture->planner, &fixture->jobs[i], START, 0);
        struct planner_request request = next(fixture, now);
        planner_end_request(fixture->planner, &request, now);
        assert_true(
                planner_take_outage(fixture->planner, &request, OUTAGE_THROTTLED, 7 * USEC_PER_SEC, now, 0));
        now = none(fixture, now);
        assert_true(now == START + 7 * USEC_PER_SEC);
        (void)none(fixture, now - 1);
        request = next(fixture, now);
        assert_true(request.probe);
        assert_int_equal(request.count, 1);
        assert_true(none(fixture, now) == USEC_NEVER);

        planner_end_request(fixture->planner, &request, now);
        assert_true(planner_take_success(fixture->planner, &request, now, &lasted_us));
        assert_true(lasted_us == 7 * USEC_PER_SEC);
        assert_true(next(fixture, now).batch);
}

static void test_retry_after_outlives_the_response_to_another_request(void **state)
{
        struct fixture *fixture = *state;
        uint64_t lasted_us;

        for (size_t i = 0; i < JOBS; i++) {
                fixture->jobs[i].unbatchable = true;
                planner_start(fixture->planner, &fixture->jobs[i], START, 0);
        }
        struct planner_request slow = next(fixture, START), request = next(fixture, START);
        planner_end_request(fixture->planner, &request, START);
        planner_take_outage(fixture->planner, &request, OUTAGE_UNREACHABLE, 0, START, 0);
        uint64_t now = none(fixture, START);
        request = next(fixture, now);
        planner_end_request(fixture->planner, &slow, now);
        planner_take_outage(fixture->planner, &slow, OUTAGE_THROTTLED, USEC_PER_MIN, now, 0);
        planner_end_request(fixture->planner, &request, now + 1);
        assert_true(planner_take_success(fixture->planner, &request, now + 1, &lasted_us));
        assert_true(none(fixture, now + 1) == now + USEC_PER_MIN);
        (void)next(fixture, now + USEC_PER_MIN);
}

static void test_unrecorded_change_is_detected_again(void **state)
{
        struct fixture *fixture = *state;
        struct planner_job *job = &fixture->jobs[0];
        const struct job_record before = record_of(TEXT_LITERAL("Running"), TEXT_NULL, TEXT_LITERAL("1"));
        const struct job_record after =
                record_of(TEXT_LITERAL("Running"), TEXT_LITERAL("{}"), TEXT_LITERAL("2"));
        const struct job_record row = record_of(TEXT_LITERAL("Running"), TEXT_NULL, TEXT_LITERAL("2"));

        /* The rows of this API omit ResultData: only UpdatedOn shows a possible change. */
        planner_start(fixture->planner, job, START, 0);
        poll_single(fixture, &before, true, START);
        assert_int_equal(planner_judge_row(fixture->planner, job, &before, START + 1), ROW_UNCHANGED);
        assert_int_equal(planner_judge_row(fixture->planner, job, &row, START + 1), ROW_UPDATED);
        poll_single(fixture, &after, false, START + MAX);
        assert_int_equal(planner_judge_row(fixture->planner, job, &row, START + MAX), ROW_UPDATED);
        poll_single(fixture, &after, true, START + 2 * MAX);
        assert_false(apply_record(fixture, job, &after, true, START + 3 * MAX));
}

static void test_rows_that_omit_fields(void **state)
{
        struct fixture *fixture = *state;
        struct planner_job *job = &fixture->jobs[0];
        struct job_record row = record_of(TEXT_LITERAL("Running"), TEXT_NULL, TEXT_LITERAL("1"));
        struct job_record nothing = record_of(TEXT_NULL, TEXT_NULL, TEXT_LITERAL("1"));

        /*
         * First observations: once rows were observed to have ResultData a null is true, but a missing field
         * is not.
         */
        assert_int_equal(planner_judge_row(fixture->planner, job, &row, START), ROW_RESULT_MISSING);
        planner_take_batch(fixture->planner, true);
        assert_int_equal(planner_judge_row(fixture->planner, job, &row, START), ROW_FIRST);
        row.has_result = false;
        assert_int_equal(planner_judge_row(fixture->planner, job, &row, START), ROW_RESULT_MISSING);

        /* Likewise a Status that was null when it was recorded. */
        planner_start(fixture->planner, job, START, 0);
        poll_single(fixture, &nothing, true, START);
        assert_int_equal(planner_judge_row(fixture->planner, job, &nothing, START + 1), ROW_UNCHANGED);
        nothing.has_status = false;
        assert_int_equal(planner_judge_row(fixture->planner, job, &nothing, START + 1), ROW_STATUS_MISSING);
}

static void test_record_updated_in_between_is_no_evidence(void **state)
{
        struct fixture *fixture = *state;
        struct planner_job *job = &fixture->jobs[0];
        const struct job_record row = record_of(TEXT_LITERAL("Running"), TEXT_NULL, TEXT_LITERAL("1"));
        const struct job_record later =
                record_of(TEXT_LITERAL("Running"), TEXT_LITERAL("{}"), TEXT_LITERAL("2"));

        planner_take_batch(fixture->planner, true);
        planner_apply_row(fixture->planner, job, ROW_RESULT_MISSING, updated_on_digest(&row), START, 0);
        poll_single(fixture, &later, true, START);
        /* Nulls in rows still count as true. */
        assert_int_equal(planner_judge_row(fixture->planner, &fixture->jobs[1], &row, START), ROW_FIRST);
}

/* More jobs than can each be confirmed at once. */
static void test_first_observations_without_a_result(void **state)
{
        const struct planner_limits limits = { .rate_limiter = { .per_hour = 3600 },
                                               .max_in_flight = 1,
                                               .batch_size = 100,
                                               .batch_bytes = 1890,
                                               .probe_cap_us = INTERVAL };
        struct fixture fixture = *(struct fixture *)*state;
        struct job_record row = record_of(TEXT_LITERAL("Running"), TEXT_NULL, TEXT_LITERAL("1"));
        const struct job_record record =
                record_of(TEXT_LITERAL("Running"), TEXT_LITERAL("half"), TEXT_LITERAL("1"));

        assert_int_equal(planner_new(&limits, fixture.rules, 100, &fixture.planner), 0);
        struct planner_job *job = planner_jobs(fixture.planner);
        job->settings = &settings;
        assert_int_equal(planner_judge_row(fixture.planner, job, &row, START), ROW_FIRST_WITHOUT_RESULT);
        row.has_result = false;
        assert_true(apply_record(&fixture, job, &row, true, START));
        assert_true(job->watch.memory.result_unread);

        /* Unchanged, and read in its turn: an eighth of one request a second is spent on that. */
        assert_int_equal(planner_judge_row(fixture.planner, job, &row, START + 1), ROW_UNCHANGED);
        assert_int_equal(planner_judge_row(fixture.planner, job, &row, START + 10 * USEC_PER_SEC),
                         ROW_CONFIRM);
        row.updated_on = TEXT_LITERAL("2");
        assert_int_equal(planner_judge_row(fixture.planner, job, &row, START + 1), ROW_UPDATED);
        row.updated_on = TEXT_LITERAL("1");

        /* A ResultData that could not be stored is read again. */
        assert_false(apply_record(&fixture, job, &record, false, START + 10 * USEC_PER_SEC));
        assert_int_equal(planner_judge_row(fixture.planner, job, &row, START + 20 * USEC_PER_SEC),
                         ROW_CONFIRM);
        assert_false(apply_record(&fixture, job, &record, true, START + 20 * USEC_PER_SEC));
        assert_false(job->watch.memory.result_unread);
        assert_int_equal(planner_judge_row(fixture.planner, job, &row, START + 30 * USEC_PER_SEC),
                         ROW_UNCHANGED);

        /* Without UpdatedOn it would be unknown later whether a result is new. */
        row.updated_on = TEXT_NULL;
        assert_int_equal(planner_judge_row(fixture.planner, &planner_jobs(fixture.planner)[1], &row, START),
                         ROW_RESULT_MISSING);
        planner_free(fixture.planner);
}

static void test_gone_and_ended_jobs_are_not_polled(void **state)
{
        struct fixture *fixture = *state;
        const struct job_record end = record_of(TEXT_LITERAL("Completed"), TEXT_LITERAL("{}"), TEXT_NULL);
        uint64_t now = START;

        planner_start(fixture->planner, &fixture->jobs[0], now, 0);
        poll_single(fixture, &end, true, now);
        assert_true(planner_is_idle(fixture->planner));

        planner_start(fixture->planner, &fixture->jobs[1], now, 0);
        for (unsigned count = 1;; count++) {
                struct planner_request request = next(fixture, now);

                planner_end_request(fixture->planner, &request, now);
                struct observation observation =
                        planner_take_not_found(fixture->planner, request.jobs[0], now);
                planner_complete(fixture->planner, request.jobs[0], &observation, true, NULL, now, 0);
                if (observation.change.has_event) {
                        assert_true(count >= GONE_NOT_FOUND_COUNT && now - START >= GONE_SPAN_US);
                        break;
                }
                now = none(fixture, now);
        }
        assert_true(now - START <= GONE_SPAN_US + INTERVAL);
        assert_true(planner_is_idle(fixture->planner));
}

static void test_aborted_batch(void **state)
{
        struct fixture *fixture = *state;

        for (size_t i = 0; i < JOBS; i++)
                planner_start(fixture->planner, &fixture->jobs[i], START, 0);
        struct planner_request request = next(fixture, START);
        planner_abort(fixture->planner, &request, START);
        assert_int_equal(next(fixture, START).count, JOBS);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
        const struct CMUnitTest tests[] = {
                TEST(test_due_jobs_share_a_batch),
                TEST(test_one_due_job_is_polled_individually),
                TEST(test_longest_overdue_first),
                TEST(test_confirmation_goes_first_and_individually),
                TEST(test_refused_batches_are_tried_again_with_one),
                TEST(test_outage_lets_one_probe_through),
                TEST(test_retry_after_outlives_the_response_to_another_request),
                TEST(test_unrecorded_change_is_detected_again),
                TEST(test_rows_that_omit_fields),
                TEST(test_record_updated_in_between_is_no_evidence),
                TEST(test_first_observations_without_a_result),
                TEST(test_gone_and_ended_jobs_are_not_polled),
                TEST(test_aborted_batch),
        };

        return cmocka_run_group_tests_name("planner", tests, NULL, NULL);
}
