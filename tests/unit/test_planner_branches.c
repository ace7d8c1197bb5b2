/* SPDX-License-Identifier: MIT */

/* Rules of the planner that apply rarely: a single round, unsent requests, sign-ins, unusual responses. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "planning/planner.h"
#include "util/timespan.h"

#define START    (1000 * USEC_PER_SEC)
#define INTERVAL (15 * USEC_PER_SEC)
#define JOBS     20

static const struct planner_settings settings = { .interval_us = INTERVAL, .max_interval_us = 4 * INTERVAL };

struct fixture {
        struct planner *planner;
        struct planner_job *jobs;
        struct status_rules *rules;
};

static void planner_build(struct fixture *fixture, const struct planner_limits *limits, size_t count)
{
        assert_int_equal(planner_new(limits, fixture->rules, count, &fixture->planner), 0);
        fixture->jobs = planner_jobs(fixture->planner);
        for (size_t i = 0; i < count; i++) {
                fixture->jobs[i].id = 100 + i;
                fixture->jobs[i].settings = &settings;
        }
}

static struct planner_limits limits_of(unsigned batch_size)
{
        return (struct planner_limits){
                .max_in_flight = 8,
                .batch_size = batch_size,
                .batch_bytes = 1890,
                .probe_cap_us = INTERVAL,
        };
}

static int setup(void **state)
{
        static struct fixture fixture;
        char *const success[] = { (char[]){ "Completed" }, NULL };

        if (status_rules_new(NULL, success, NULL, NULL, &fixture.rules) < 0)
                return -1;
        fixture.planner = NULL;
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

static struct planner_request next(struct fixture *fixture, uint64_t now)
{
        struct planner_request request;
        uint64_t wake_us;

        assert_true(planner_next(fixture->planner, now, &request, &wake_us));
        return request;
}

static uint64_t none(struct fixture *fixture, uint64_t now)
{
        struct planner_request request;
        uint64_t wake_us = 0;

        assert_false(planner_next(fixture->planner, now, &request, &wake_us));
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

static void apply_record(struct fixture *fixture, struct planner_job *job, const struct job_record *record,
                         uint64_t now)
{
        struct observation observation = planner_take_record(fixture->planner, job, record, now);
        struct job_memory seen = job_memory_of(record, observation.change.outcome);

        planner_complete(fixture->planner, job, &observation, true, &seen, now, 0);
}

static void count_abandoned(void *userdata, struct planner_job *job)
{
        assert_true(job->done);
        ++*(unsigned *)userdata;
}

static void test_sizes(void **state)
{
        struct fixture *fixture = *state;
        struct planner_limits limits = limits_of(1000);

        planner_build(fixture, &limits, JOBS);
        assert_int_equal(planner_round_us(fixture->planner, JOBS), 0); /* without limits */
        for (size_t i = 0; i < JOBS; i++)
                planner_start(fixture->planner, &fixture->jobs[i], START, 0);
        assert_int_equal(next(fixture, START).count, JOBS);
        planner_free(fixture->planner);

        limits.rate_limiter.per_minute = 60;
        planner_build(fixture, &limits, 0);
        assert_true(planner_is_idle(fixture->planner));
        assert_int_equal(planner_next_due(fixture->planner), USEC_NEVER);
        uint64_t batch_us = planner_round_us(fixture->planner, PLANNER_BATCH_MAX);
        assert_true(batch_us > 0);
        assert_int_equal(planner_round_us(fixture->planner, PLANNER_BATCH_MAX + 1), 2 * batch_us);
        planner_free(fixture->planner);

        limits.batch_size = 1;
        planner_build(fixture, &limits, 1);
        assert_int_equal(planner_round_us(fixture->planner, 5), 5 * batch_us);
}

static void test_next_due(void **state)
{
        struct fixture *fixture = *state;
        struct planner_limits limits = limits_of(100);
        struct planner_request request;

        planner_build(fixture, &limits, 3);
        planner_start(fixture->planner, &fixture->jobs[0], START, 0);
        planner_start(fixture->planner, &fixture->jobs[1], START, 0);
        request = next(fixture, START);
        planner_end_request(fixture->planner, &request, START + 5);
        planner_apply_row(fixture->planner, request.jobs[0], ROW_CONFIRM, 0, START + 5, 0);
        assert_false(planner_is_idle(fixture->planner));
        assert_int_equal(planner_next_due(fixture->planner), START + 5);
        planner_start(fixture->planner, request.jobs[1], START, 9);
        assert_int_equal(planner_next_due(fixture->planner), START + 5);
        planner_start(fixture->planner, &fixture->jobs[2], START, 0);
        assert_int_equal(planner_next_due(fixture->planner), START);
}

static void test_many_unbatchable_jobs_end_a_batch(void **state)
{
        struct fixture *fixture = *state;
        struct planner_limits limits = limits_of(100);

        planner_build(fixture, &limits, JOBS);
        /* The first starts a batch, 18 unbatchable ones follow, and the last is within the fill window. */
        for (size_t i = 0; i < JOBS; i++) {
                fixture->jobs[i].unbatchable = i > 0 && i < JOBS - 1;
                planner_start(fixture->planner, &fixture->jobs[i], START, i);
        }
        assert_int_equal(next(fixture, START).count, 1);
}

/* ---- a single round ---- */

static void test_once(void **state)
{
        struct fixture *fixture = *state;
        const struct job_record running = record_of(TEXT_LITERAL("Running"), TEXT_NULL, TEXT_NULL);
        struct planner_limits limits = limits_of(1);
        struct planner_request request;
        unsigned abandoned = 0;

        limits.once = true;
        planner_build(fixture, &limits, 4);
        for (size_t i = 0; i < 4; i++)
                planner_start(fixture->planner, &fixture->jobs[i], START, 0);
        request = next(fixture, START);
        planner_end_request(fixture->planner, &request, START);
        apply_record(fixture, request.jobs[0], &running, START);
        assert_true(request.jobs[0]->done);
        request = next(fixture, START);
        planner_end_request(fixture->planner, &request, START);
        assert_true(planner_take_outage(fixture->planner, &request, OUTAGE_UNREACHABLE, 0, START, 0));
        assert_true(request.jobs[0]->done);
        planner_abandon(fixture->planner, count_abandoned, &abandoned);
        assert_int_equal(abandoned, 2);
        assert_true(planner_is_idle(fixture->planner));
}

/* ---- sending ---- */

static void test_unsent_request_blocks_the_next(void **state)
{
        struct fixture *fixture = *state;
        struct planner_limits limits = limits_of(1);

        limits.reports_sent = true;
        limits.rate_limiter.min_spacing_us = 100 * USEC_PER_MSEC;
        planner_build(fixture, &limits, 2);
        planner_start(fixture->planner, &fixture->jobs[0], START, 0);
        planner_start(fixture->planner, &fixture->jobs[1], START, 0);
        (void)next(fixture, START);
        assert_int_equal(none(fixture, START + USEC_PER_SEC), USEC_NEVER);
        planner_note_sent(fixture->planner, START + USEC_PER_SEC);
        assert_true(none(fixture, START + USEC_PER_SEC) > START + USEC_PER_SEC + 100 * USEC_PER_MSEC);
        planner_note_sent(fixture->planner, START + USEC_PER_MIN); /* nothing waits: ignored */
        (void)next(fixture, START + 2 * USEC_PER_SEC);
        planner_note_sent(fixture->planner,
                          START + 2 * USEC_PER_SEC - 1); /* earlier than it was handed out */
}

static void test_without_spacing_nothing_blocks(void **state)
{
        struct fixture *fixture = *state;
        struct planner_limits limits = limits_of(1);

        limits.reports_sent = true;
        planner_build(fixture, &limits, 2);
        planner_start(fixture->planner, &fixture->jobs[0], START, 0);
        planner_start(fixture->planner, &fixture->jobs[1], START, 0);
        (void)next(fixture, START);
        (void)next(fixture, START);
}

static void test_sign_ins(void **state)
{
        struct fixture *fixture = *state;
        struct planner_limits limits = limits_of(1);
        struct planner_request request;
        uint64_t lasted_us;

        limits.rate_limiter.min_spacing_us = 100 * USEC_PER_MSEC;
        planner_build(fixture, &limits, 1);
        assert_int_equal(planner_sign_in_at(fixture->planner, START), START);
        planner_begin_sign_in(fixture->planner, &request);
        planner_spend(fixture->planner, START);
        assert_false(request.probe || request.batch || request.count > 0);
        assert_false(planner_is_idle(fixture->planner));
        assert_true(planner_sign_in_at(fixture->planner, START) > START); /* spacing */

        planner_end_request(fixture->planner, &request, START);
        assert_true(
                planner_take_outage(fixture->planner, &request, OUTAGE_THROTTLED, USEC_PER_MIN, START, 0));
        assert_int_equal(planner_sign_in_at(fixture->planner, START), START + USEC_PER_MIN);
        planner_begin_sign_in(fixture->planner, &request);
        assert_true(request.probe);
        assert_int_equal(planner_sign_in_at(fixture->planner, START), USEC_NEVER);
        planner_end_request(fixture->planner, &request, START + USEC_PER_MIN);
        assert_true(planner_take_success(fixture->planner, &request, START + USEC_PER_MIN, &lasted_us));
}

static void test_retry_after_of_an_earlier_run(void **state)
{
        struct fixture *fixture = *state;
        struct planner_limits limits = limits_of(1);

        planner_build(fixture, &limits, 1);
        planner_start(fixture->planner, &fixture->jobs[0], START, 0);
        assert_false(planner_is_idle(fixture->planner));
        planner_pause(fixture->planner, START + USEC_PER_MIN);
        assert_int_equal(none(fixture, START), START + USEC_PER_MIN);
        planner_reset_breaker(fixture->planner);
        (void)next(fixture, START);
}

static void test_aborted_single_request(void **state)
{
        struct fixture *fixture = *state;
        struct planner_limits limits = limits_of(1);

        planner_build(fixture, &limits, 1);
        planner_start(fixture->planner, &fixture->jobs[0], START, 0);
        struct planner_request request = next(fixture, START);
        planner_abort(fixture->planner, &request, START);
        assert_ptr_equal(next(fixture, START).jobs[0], request.jobs[0]);
}

/* The token had expired: no evidence, and the request is due again at once. */
static void test_requeued_requests(void **state)
{
        struct fixture *fixture = *state;

        for (unsigned batch_size = 1; batch_size <= 100; batch_size += 99) {
                struct planner_limits limits = limits_of(batch_size);

                planner_build(fixture, &limits, 2);
                planner_start(fixture->planner, &fixture->jobs[0], START, 0);
                planner_start(fixture->planner, &fixture->jobs[1], START, 0);
                struct planner_request request = next(fixture, START);
                assert_int_equal(request.batch, batch_size > 1);
                planner_end_request(fixture->planner, &request, START);
                planner_requeue(fixture->planner, &request, START);
                assert_int_equal(planner_breaker(fixture->planner)->outage, OUTAGE_NONE);
                assert_int_equal(next(fixture, START).count, request.count);
                if (batch_size == 1)
                        fixture->planner = planner_free(fixture->planner);
        }
}

static void test_smaller_batches(void **state)
{
        struct fixture *fixture = *state;
        struct planner_limits limits = limits_of(100);
        static const size_t counts[] = { 5, 2, 1, 1 };

        planner_build(fixture, &limits, 5);
        for (size_t i = 0; i < 5; i++)
                planner_start(fixture->planner, &fixture->jobs[i], START, 0);
        for (size_t i = 0; i < 3; i++) {
                struct planner_request request = next(fixture, START);
                assert_int_equal(request.count, counts[i]);
                planner_end_request(fixture->planner, &request, START);
                planner_halve_batches(fixture->planner, &request, START);
        }
        assert_false(planner_batches(fixture->planner));
}

/* ---- reload ---- */

static void test_reload_ends_backoff_but_not_retry_after(void **state)
{
        struct fixture *fixture = *state;
        struct planner_limits limits = limits_of(1);

        for (unsigned requested = 0; requested < 2; requested++) {
                uint64_t retry_after_us = requested ? USEC_PER_MIN : 0;

                planner_build(fixture, &limits, 1);
                planner_start(fixture->planner, &fixture->jobs[0], START, 0);
                struct planner_request request = next(fixture, START);
                planner_end_request(fixture->planner, &request, START);
                (void)planner_take_outage(fixture->planner, &request, OUTAGE_UNAUTHORIZED, retry_after_us,
                                          START, UINT64_MAX);
                assert_true(none(fixture, START) > START);

                struct planner *old = fixture->planner;
                planner_build(fixture, &limits, 1);
                assert_int_equal(planner_adopt(fixture->planner, old, START + 1), 0);
                planner_free(old);
                planner_start(fixture->planner, &fixture->jobs[0], START + 1, 0);
                if (requested)
                        assert_int_equal(none(fixture, START + 1), START + USEC_PER_MIN);
                else
                        (void)next(fixture, START + 1);
                if (!requested)
                        fixture->planner = planner_free(fixture->planner);
        }
}

/* ---- rows and records ---- */

static void test_unexpected_responses_are_counted_up_to_a_bound(void **state)
{
        struct fixture *fixture = *state;
        struct planner_limits limits = limits_of(1);
        uint64_t now = START;

        planner_build(fixture, &limits, 1);
        planner_start(fixture->planner, &fixture->jobs[0], now, 0);
        for (unsigned i = 0; i < 300; i++) {
                struct planner_request request = next(fixture, now);
                planner_end_request(fixture->planner, &request, now);
                planner_take_unexpected(fixture->planner, request.jobs[0], now, i);
                uint64_t due_us = planner_next_due(fixture->planner);
                assert_in_range(due_us - now, INTERVAL, 4 * INTERVAL);
                now = due_us;
        }
        assert_in_range(fixture->jobs[0].unexpected_responses, 1, 100);
}

static void test_fruitless_confirms(void **state)
{
        struct fixture *fixture = *state;
        struct planner_limits limits = limits_of(1);
        struct job_record record = record_of(TEXT_LITERAL("Running"), TEXT_NULL, TEXT_LITERAL("1"));
        struct planner_job *job;

        planner_build(fixture, &limits, 1);
        job = &fixture->jobs[0];
        apply_record(fixture, job, &record, START);
        for (unsigned i = 0; i < 10; i++) {
                planner_apply_row(fixture->planner, job, ROW_UPDATED, 0, START, 0);
                apply_record(fixture, job, &record, START);
        }
        job->polled_us = START;
        /* A new UpdatedOn alone no longer leads to a confirmation. */
        record.updated_on = TEXT_LITERAL("2");
        assert_int_equal(planner_judge_row(fixture->planner, job, &record, START), ROW_UNCHANGED);
        /* A missing UpdatedOn is no evidence about rows. */
        record.updated_on = TEXT_NULL;
        apply_record(fixture, job, &record, START);
        assert_int_equal(job->updated, 0);
}

static void test_rows_of_jobs_that_have_ended(void **state)
{
        struct fixture *fixture = *state;
        struct planner_limits limits = limits_of(1);
        const struct job_record record =
                record_of(TEXT_LITERAL("Completed"), TEXT_LITERAL("{}"), TEXT_LITERAL("1"));
        struct planner_job *job;

        planner_build(fixture, &limits, 1);
        job = &fixture->jobs[0];
        job->watch.memory = job_memory_of(&record, OUTCOME_SUCCESS);
        assert_int_equal(planner_judge_row(fixture->planner, job, &record, START), ROW_CONFIRM);
        /* It was open before the configuration recognised its Status. */
        job->watch.memory = job_memory_of(&record, OUTCOME_OPEN);
        assert_int_equal(planner_judge_row(fixture->planner, job, &record, START), ROW_CONFIRM);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
        const struct CMUnitTest tests[] = {
                TEST(test_sizes),
                TEST(test_next_due),
                TEST(test_many_unbatchable_jobs_end_a_batch),
                TEST(test_once),
                TEST(test_unsent_request_blocks_the_next),
                TEST(test_without_spacing_nothing_blocks),
                TEST(test_sign_ins),
                TEST(test_retry_after_of_an_earlier_run),
                TEST(test_aborted_single_request),
                TEST(test_requeued_requests),
                TEST(test_smaller_batches),
                TEST(test_reload_ends_backoff_but_not_retry_after),
                TEST(test_unexpected_responses_are_counted_up_to_a_bound),
                TEST(test_fruitless_confirms),
                TEST(test_rows_of_jobs_that_have_ended),
        };

        return cmocka_run_group_tests_name("planner_branches", tests, NULL, NULL);
}
