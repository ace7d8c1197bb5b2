/* SPDX-License-Identifier: MIT */

/* What goes into a batch, and what follows when one fails. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "planner_fixture.h"

static size_t requests_of(const struct fixture *fixture, size_t from, enum failure failure)
{
        size_t count = 0;

        for (size_t i = from; i < fixture->sent_count; i++)
                if (fixture->sent[i].failure == failure)
                        count++;
        return count;
}

static size_t largest_batch(const struct fixture *fixture, size_t from)
{
        size_t largest = 0;

        for (size_t i = from; i < fixture->sent_count; i++)
                if (fixture->sent[i].count > largest)
                        largest = fixture->sent[i].count;
        return largest;
}

/* ---- what goes together ---- */

static void test_what_is_due_goes_together(void **state)
{
        struct fixture *fixture = *state;
        struct planner_limits limits = limits_of(100);

        make(fixture, &limits, 4);
        for (size_t i = 0; i < 3; i++)
                planner_start_job(fixture->planner, &fixture->jobs[i], START, i * USEC_PER_MSEC);
        planner_start_job(fixture->planner, &fixture->jobs[3], START, 10 * SEC);
        run(fixture, 9 * SEC);
        assert_int_equal(fixture->sent_count, 1);
        assert_int_equal(fixture->sent[0].kind, REQUEST_BATCH);
        assert_int_equal(fixture->sent[0].count, 3);
        run(fixture, 2 * SEC);
        assert_int_equal(fixture->sent[1].kind, REQUEST_SINGLE);
}

static void test_the_length_of_the_request_is_bounded(void **state)
{
        struct fixture *fixture = *state;
        struct planner_limits limits = limits_of(100);

        limits.batch_bytes = 4 * 40;
        make(fixture, &limits, 100);
        for (size_t i = 0; i < 100; i++)
                planner_start_job(fixture->planner, &fixture->jobs[i], START, 0);
        run(fixture, SEC);
        assert_int_equal(fixture->sent_count, 3);
        assert_int_equal(largest_batch(fixture, 0), 40);
}

static void test_batches_can_be_off(void **state)
{
        struct fixture *fixture = *state;

        start_together(fixture, 1, 20);
        run(fixture, 10 * MIN);
        assert_int_equal(count_kind(fixture, 0, REQUEST_SINGLE), fixture->sent_count);
        assert_int_equal(planner_batch_size(fixture->planner, fixture->now_us), 1);
}

/* ---- one bad record ---- */

static void test_one_bad_record_is_found_by_halving(void **state)
{
        static const size_t bad[] = { 1, 37, 49, 50, 99 };
        static const enum failure classes[] = { FAILURE_SERVER_ERROR, FAILURE_NO_RESPONSE, FAILURE_UNEXPECTED,
                                                FAILURE_NOT_FOUND };

        for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
                for (size_t c = 0; c < sizeof(classes) / sizeof(classes[0]); c++) {
                        planner_teardown(state);
                        assert_int_equal(planner_setup(state), 0);
                        struct fixture *fixture = *state;

                        server_jobs_fail(fixture, bad[i], 1, classes[c]);
                        start_together(fixture, 100, 100);
                        run(fixture, 2 * SEC);

                        /* The batch, two halves for each of seven levels, and perhaps a check. */
                        assert_in_range(fixture->sent_count - count_kind(fixture, 0, REQUEST_CHECK), 8, 15);
                        assert_true(count_kind(fixture, 0, REQUEST_CHECK) <= 1);
                        for (size_t j = 0; j < 100; j++) {
                                assert_int_equal(fixture->jobs[j].failing, j == bad[i]);
                                assert_int_equal(count_events(fixture, j, EVENT_SEEN), j != bad[i]);
                        }
                        assert_int_equal(last_poll(fixture, bad[i])->kind, REQUEST_SINGLE);
                        assert_int_equal(fixture->opened, 0);

                        /* Batches go on without it. */
                        size_t from = fixture->sent_count;
                        run(fixture, 5 * MIN);
                        assert_int_equal(requests_of(fixture, from, FAILURE_NONE) +
                                                 count_polls(fixture, from, bad[i]) +
                                                 count_kind(fixture, from, REQUEST_GONE_CHECK),
                                         fixture->sent_count - from);
                        assert_true(largest_batch(fixture, from) >= 50);
                        for (size_t j = 0; j < 100; j++)
                                if (j != bad[i])
                                        assert_true(longest_gap(fixture, from, j) <= INTERVAL + LATENCY);
                }
}

/* The check is made with the very record that is bad: a success of any other ends what follows. */
static void test_a_check_of_the_bad_record(void **state)
{
        struct fixture *fixture = *state;
        struct planner_limits limits = limits_of(100);

        limits.max_in_flight = 1;
        make(fixture, &limits, 100);
        for (size_t i = 0; i < 100; i++)
                planner_start_job(fixture->planner, &fixture->jobs[i], START, 0);
        server_jobs_fail(fixture, 0, 1, FAILURE_SERVER_ERROR);
        run(fixture, 10 * SEC);
        for (size_t i = 0; i < 100; i++)
                assert_int_equal(count_events(fixture, i, EVENT_SEEN), i != 0);
        assert_false(is_open(fixture));
        assert_true(fixture->opened <= 1);
        run(fixture, 10 * MIN);
        assert_true(fixture->opened <= 1);
}

static void test_a_bad_record_that_can_be_read_alone(void **state)
{
        struct fixture *fixture = *state;

        fixture->server.jobs[5].batch = FAILURE_SERVER_ERROR;
        start_together(fixture, 100, 50);
        run(fixture, 30 * MIN);
        assert_false(fixture->jobs[5].failing);
        assert_int_equal(fixture->opened, 0);
        assert_int_equal(count_events(fixture, 5, EVENT_SEEN), 1);
        for (size_t i = 0; i < 50; i++)
                assert_true(longest_gap(fixture, 0, i) <= INTERVAL + 2 * SEC);
}

static void test_three_single_reads_bring_it_back_into_batches(void **state)
{
        struct fixture *fixture = *state;

        server_jobs_fail(fixture, 0, 1, FAILURE_SERVER_ERROR);
        start_together(fixture, 100, 2);
        run(fixture, SEC);
        server_jobs_fail(fixture, 0, 1, FAILURE_NONE);
        for (unsigned reads = 0; reads < 4; reads++) {
                size_t from = fixture->sent_count;

                fixture->now_us += 5 * MIN; /* both are overdue */
                run(fixture, 2 * LATENCY);
                assert_int_equal(count_kind(fixture, from, REQUEST_SINGLE), reads < 3 ? 2 : 0);
                assert_int_equal(count_kind(fixture, from, REQUEST_BATCH), reads < 3 ? 0 : 1);
        }
}

/* With one request at a time, the halves of a batch come before what is left of the one that it is half of.
 */
static void test_halves_are_requested_next(void **state)
{
        struct fixture *fixture = *state;
        struct planner_limits limits = limits_of(100);

        limits.max_in_flight = 1;
        make(fixture, &limits, 64);
        for (size_t i = 0; i < 64; i++)
                planner_start_job(fixture->planner, &fixture->jobs[i], START, 0);
        server_jobs_fail(fixture, 20, 2, FAILURE_SERVER_ERROR);
        run(fixture, 3 * SEC);
        for (size_t i = 0; i < fixture->sent_count; i++) {
                const struct sent *sent = &fixture->sent[i];

                if (sent->failure == FAILURE_NONE || sent->kind != REQUEST_BATCH)
                        continue;
                do
                        i++;
                while (fixture->sent[i].kind == REQUEST_CHECK);
                assert_int_equal(fixture->sent[i].count, sent->count / 2);
                for (size_t k = 0; k < fixture->sent[i].count; k++)
                        assert_true(sent_has(sent, fixture->sent[i].ids[k]));
                i--;
        }
}

static void test_two_bad_records_are_both_found(void **state)
{
        struct fixture *fixture = *state;

        server_jobs_fail(fixture, 10, 1, FAILURE_SERVER_ERROR);
        server_jobs_fail(fixture, 80, 1, FAILURE_SERVER_ERROR);
        start_together(fixture, 100, 100);
        run(fixture, 3 * SEC);
        for (size_t i = 0; i < 100; i++)
                assert_int_equal(fixture->jobs[i].failing, i == 10 || i == 80);
        assert_int_equal(fixture->opened, 0);
        assert_int_equal(planner_batch_size(fixture->planner, fixture->now_us), 100);
}

static void test_unreachable_and_throttled_batches_are_not_split(void **state)
{
        static const enum failure classes[] = { FAILURE_UNREACHABLE, FAILURE_THROTTLED };

        for (size_t c = 0; c < 2; c++) {
                planner_teardown(state);
                assert_int_equal(planner_setup(state), 0);
                struct fixture *fixture = *state;

                start_together(fixture, 100, 60);
                fixture->server.all = classes[c];
                run_requests(fixture, 1);
                run(fixture, LATENCY);
                fixture->server.all = FAILURE_NONE;
                size_t from = fixture->sent_count;
                run(fixture, 10 * SEC);
                assert_true(largest_batch(fixture, from) >= 59); /* without the probe */
                assert_true(fixture->sent_count - from <= 3);
        }
}

/* ---- too large ---- */

static void test_both_halves_too_large_halve_the_size(void **state)
{
        struct fixture *fixture = *state;

        fixture->server.too_large_from = 40;
        start_together(fixture, 100, 100);
        run(fixture, 3 * SEC);
        assert_int_equal(planner_batch_size(fixture->planner, fixture->now_us), 50);
        for (size_t i = 0; i < 100; i++) {
                assert_false(fixture->jobs[i].failing);
                assert_int_equal(count_events(fixture, i, EVENT_SEEN), 1);
        }
        assert_int_equal(fixture->opened, 0);
        assert_int_equal(count_kind(fixture, 0, REQUEST_CHECK), 0);

        /* It stays so: batches of 50 are too large, and their halves are not. */
        run(fixture, 10 * MIN);
        assert_int_equal(planner_batch_size(fixture->planner, fixture->now_us), 50);
        for (size_t i = 0; i < 100; i++)
                assert_true(longest_gap(fixture, 0, i) <= INTERVAL + SEC);
}

static void test_one_half_too_large_leaves_the_size(void **state)
{
        struct fixture *fixture = *state;

        fixture->server.jobs[7].batch = fixture->server.jobs[7].single = FAILURE_UNEXPECTED;
        fixture->server.jobs[7].too_large = true;
        start_together(fixture, 100, 100);
        run(fixture, 10 * MIN);
        assert_int_equal(planner_batch_size(fixture->planner, fixture->now_us), 100);
        for (size_t i = 0; i < 100; i++)
                assert_int_equal(fixture->jobs[i].failing, i == 7);
        assert_int_equal(fixture->opened, 0);
}

static size_t place_in(const struct sent *sent, uint64_t id)
{
        size_t place = 0;

        while (place < sent->count && sent->ids[place] != id)
                place++;
        return place;
}

/* Two records that are too large by themselves: the smallest part with both of them does not decide. */
static void test_two_records_that_are_too_large_halve_the_size_at_most(void **state)
{
        size_t kept = 0;

        for (size_t other = 1; other < 100; other++) {
                planner_teardown(state);
                assert_int_equal(planner_setup(state), 0);
                struct fixture *fixture = *state;

                for (size_t i = 0; i <= other; i += other) {
                        fixture->server.jobs[i].batch = fixture->server.jobs[i].single = FAILURE_UNEXPECTED;
                        fixture->server.jobs[i].too_large = true;
                }
                start_together(fixture, 100, 100);
                run(fixture, 10 * MIN);
                const struct sent *batch = &fixture->sent[0];
                bool in_one_half =
                        (place_in(batch, FIRST_ID) < 50) == (place_in(batch, FIRST_ID + other) < 50);
                assert_int_equal(batch->count, 100);
                assert_int_equal(planner_batch_size(fixture->planner, fixture->now_us),
                                 in_one_half ? 100 : 50);
                kept += in_one_half;
                for (size_t i = 0; i < 100; i++)
                        assert_int_equal(fixture->jobs[i].failing, i == 0 || i == other);
        }
        assert_int_equal(kept, 49);
}

/* One request at a time: the parts of the first half are requested before the second half. */
static void test_a_size_of_a_few_is_found_in_one_batch(void **state)
{
        struct fixture *fixture = *state;
        struct planner_limits limits = limits_of(100);

        limits.max_in_flight = 1;
        fixture->server.too_large_from = 7;
        make(fixture, &limits, 100);
        for (size_t i = 0; i < 100; i++)
                planner_start_job(fixture->planner, &fixture->jobs[i], fixture->now_us, 0);
        run(fixture, 10 * SEC);
        assert_int_equal(planner_batch_size(fixture->planner, fixture->now_us), 12);

        /* So the second half of the batch is too large, but none of its parts is larger than that. */
        size_t i = 1;
        while (fixture->sent[i].count < 50 || i == 1)
                i++;
        while (++i < fixture->sent_count)
                assert_true(fixture->sent[i].count <= 12);
}

/* ---- batches that do not work ---- */

static void test_batches_are_disabled_where_single_reads_succeed(void **state)
{
        struct fixture *fixture = *state;

        fixture->server.lists = FAILURE_SERVER_ERROR;
        start_together(fixture, 100, 30);
        run(fixture, MIN);
        assert_int_equal(planner_batch_size(fixture->planner, fixture->now_us), 1);
        for (size_t i = 0; i < 30; i++) {
                assert_int_equal(count_events(fixture, i, EVENT_SEEN), 1);
                assert_false(fixture->jobs[i].failing);
        }

        /* For an hour; then one is tried. */
        size_t from = fixture->sent_count;
        run(fixture, 50 * MIN);
        assert_int_equal(count_kind(fixture, from, REQUEST_BATCH), 0);
        for (size_t i = 0; i < 30; i++)
                assert_true(longest_gap(fixture, from, i) <= INTERVAL + LATENCY);
        fixture->server.lists = FAILURE_NONE;
        run(fixture, 15 * MIN);
        assert_int_equal(planner_batch_size(fixture->planner, fixture->now_us), 100);
        from = fixture->sent_count;
        run(fixture, MIN);
        assert_true(count_kind(fixture, from, REQUEST_BATCH) > 0);
}

static void test_a_failing_job_does_not_disable_batches(void **state)
{
        struct fixture *fixture = *state;

        start_together(fixture, 100, 30);
        for (unsigned i = 0; i < 20; i++) {
                server_jobs_fail(fixture, 4, 1, FAILURE_SERVER_ERROR);
                run(fixture, MIN);
                server_jobs_fail(fixture, 4, 1, FAILURE_NONE);
                run(fixture, 8 * MIN);
                assert_false(fixture->jobs[4].failing);
                assert_int_equal(planner_batch_size(fixture->planner, fixture->now_us), 100);
        }
        assert_int_equal(fixture->opened, 0);
}

static void test_an_answered_batch_resets_the_count(void **state)
{
        struct fixture *fixture = *state;

        /* Large batches fail, and small ones do not: the jobs are read in parts, for ever. */
        fixture->server.lists = FAILURE_SERVER_ERROR;
        fixture->server.lists_from = 4;
        start_together(fixture, 8, 8);
        run(fixture, 10 * MIN);
        assert_int_equal(planner_batch_size(fixture->planner, fixture->now_us), 8);
        assert_int_equal(fixture->opened, 0);
        for (size_t i = 0; i < 8; i++)
                assert_true(longest_gap(fixture, 0, i) <= INTERVAL + SEC);
}

/* All batches fail at first, some of their parts late and in a row. */
static void test_slow_failures_of_many_bad_records_do_not_disable_batches(void **state)
{
        static const uint64_t latencies[] = { LATENCY, SEC, 10 * SEC };

        for (size_t l = 0; l < sizeof(latencies) / sizeof(latencies[0]); l++)
                for (size_t offset = 0; offset < 10; offset++) {
                        planner_teardown(state);
                        assert_int_equal(planner_setup(state), 0);
                        struct fixture *fixture = *state;

                        fixture->server.failing_us = latencies[l];
                        for (size_t i = 0; i < 10; i++)
                                server_jobs_fail(fixture, 50 * i + (7 * i + 5 * offset) % 50, 1,
                                                 FAILURE_NO_RESPONSE);
                        start_together(fixture, 50, 500);
                        run(fixture, 5 * MIN);
                        assert_int_equal(planner_batch_size(fixture->planner, fixture->now_us), 50);
                        size_t from = fixture->sent_count;
                        run(fixture, 5 * MIN);
                        assert_int_equal(planner_batch_size(fixture->planner, fixture->now_us), 50);
                        for (size_t i = 0; i < 500; i++)
                                assert_true(fixture->jobs[i].failing ||
                                            longest_gap(fixture, from, i) <= INTERVAL + SEC);
                }
}

static void test_a_reload_leaves_one_job_of_a_batch_that_fails(void **state)
{
        static const struct planner_settings settings = { .interval_us = INTERVAL,
                                                          .max_interval_us = INTERVAL };
        struct fixture *fixture = *state;
        struct planner_limits limits = limits_of(100);

        start_together(fixture, 100, 10);
        run(fixture, SEC);
        fixture->server.lists = FAILURE_SERVER_ERROR;
        fixture->server.failing_us = 5 * SEC;
        while (fixture->sent[fixture->sent_count - 1].answered_us != 0)
                run(fixture, SEC);
        assert_int_equal(fixture->sent[fixture->sent_count - 1].kind, REQUEST_BATCH);
        reload(fixture, &limits, FIRST_ID, 1, &settings);
        size_t from = fixture->sent_count;
        run(fixture, 6 * SEC);
        assert_true(fixture->sent_count > from);
        assert_int_equal(last_poll(fixture, 0)->kind, REQUEST_SINGLE);
        assert_int_equal(last_poll(fixture, 0)->failure, FAILURE_NONE);
        assert_int_equal(fixture->opened, 0);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, planner_setup, planner_teardown)
        const struct CMUnitTest tests[] = {
                TEST(test_what_is_due_goes_together),
                TEST(test_the_length_of_the_request_is_bounded),
                TEST(test_batches_can_be_off),
                TEST(test_one_bad_record_is_found_by_halving),
                TEST(test_a_check_of_the_bad_record),
                TEST(test_a_bad_record_that_can_be_read_alone),
                TEST(test_three_single_reads_bring_it_back_into_batches),
                TEST(test_halves_are_requested_next),
                TEST(test_two_bad_records_are_both_found),
                TEST(test_unreachable_and_throttled_batches_are_not_split),
                TEST(test_both_halves_too_large_halve_the_size),
                TEST(test_one_half_too_large_leaves_the_size),
                TEST(test_two_records_that_are_too_large_halve_the_size_at_most),
                TEST(test_a_size_of_a_few_is_found_in_one_batch),
                TEST(test_batches_are_disabled_where_single_reads_succeed),
                TEST(test_a_failing_job_does_not_disable_batches),
                TEST(test_an_answered_batch_resets_the_count),
                TEST(test_a_reload_leaves_one_job_of_a_batch_that_fails),
                TEST(test_slow_failures_of_many_bad_records_do_not_disable_batches),
        };

        return cmocka_run_group_tests_name("batches", tests, NULL, NULL);
}
