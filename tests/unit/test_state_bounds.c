/* SPDX-License-Identifier: MIT */

/*
 * The state is bounded: what is history is cut, what is old expires, and the file stays within max_size. What
 * is still needed is not lost.
 */

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "fault_vfs.h"
#include "state/sqlite/database.h"
#include "state_fixture.h"

#define KIB 1024
#define MIB (1024 * KIB)

static const char *const mail[] = { "mail" };

/* A result of `size` bytes, different for each number. Valid until the third call after this one. */
static struct text result_of(unsigned number, size_t size)
{
        static char *results[3];
        char **result = &results[number % 3];

        free(*result);
        *result = malloc(size + 1);
        assert_non_null(*result);
        memset(*result, 'a' + (int)(number % 26), size);
        (void)snprintf(*result, size, "%u", number);
        return (struct text){ *result, size };
}

/* Records the next event of job 1, with a result of `size` bytes. Logged at once. */
static int record_next(struct fixture *fixture, unsigned number, enum event_kind kind, size_t size, bool hook)
{
        struct event event = fixture_event(number, 1, kind);
        const char *id = fixture_event_id(number);

        if (number > 0)
                event.result_before = result_of(number - 1, size);
        event.record.result = result_of(number, size);
        int r = store_record_event(fixture->state, &event, mail, hook, NULL);
        if (r >= 0)
                assert_int_equal(store_mark_logged(fixture->state, &id, 1), 0);
        return r;
}

static off_t file_size(const struct fixture *fixture, const char *name)
{
        struct stat status;

        assert_int_equal(stat(fixture_path(fixture, name), &status), 0);
        return status.st_size;
}

/* 0 if the event has its whole result, else the size of the whole. */
static uint64_t cut_from(const struct fixture *fixture, unsigned number)
{
        struct event event;

        assert_int_equal(store_get_event(fixture->state, fixture_event_id(number), &event), 1);
        uint64_t size = event.result_size;
        assert_int_equal(event.record.result.size, size == 0 ? event.record.result.size : 4096);
        event_clear(&event);
        return size;
}

static void deliver_all(struct fixture *fixture)
{
        struct delivery delivery;

        while (store_pending_deliveries(fixture->state, "mail", 0, &delivery, 1) == 1)
                assert_int_equal(store_delivery_done(fixture->state, delivery.id, 1), 0);
}

/* ---- history ---- */

static void test_large_results_do_not_add_up(void **state)
{
        struct fixture *fixture = *state;
        struct job_record known;

        for (unsigned number = 0; number < 24; number++) {
                assert_int_equal(record_next(fixture, number, EVENT_CHANGED, 8 * MIB, false), 0);
                assert_true(file_size(fixture, "jobwatchd.db") < 40 * MIB);
        }
        assert_int_equal(store_get_job_record(fixture->state, 1, &known), 1);
        struct text last = result_of(23, 8 * MIB);
        assert_text_equal(&known.result, &last);
        job_record_clear(&known);

        fixture_reopen(fixture);
        for (unsigned number = 0; number < 23; number++)
                assert_int_equal(cut_from(fixture, number), 8 * MIB);
        assert_int_equal(cut_from(fixture, 23), 0);
        assert_true(file_size(fixture, "jobwatchd.db") < 40 * MIB);
}

static void test_a_result_is_whole_while_it_is_needed(void **state)
{
        struct fixture *fixture = *state;
        const char *id = fixture_event_id(1);
        struct event first = fixture_event(1, 1, EVENT_CHANGED);

        /* Until it is logged, delivered, and not the last of its job. */
        first.record.result = result_of(1, 10000);
        assert_int_equal(store_record_event(fixture->state, &first, mail, 1, NULL), 0);
        assert_int_equal(record_next(fixture, 2, EVENT_CHANGED, 10000, false), 0);
        assert_int_equal(record_next(fixture, 3, EVENT_CHANGED, 10000, false), 0);
        fixture_reopen(fixture);
        assert_int_equal(cut_from(fixture, 1), 0);
        assert_int_equal(cut_from(fixture, 2), 10000);
        deliver_all(fixture);
        assert_int_equal(cut_from(fixture, 1), 0);
        assert_int_equal(store_mark_logged(fixture->state, &id, 1), 0);
        fixture_reopen(fixture);
        assert_int_equal(cut_from(fixture, 1), 10000);
        assert_int_equal(cut_from(fixture, 3), 0);

        /* A result that comes back is whole again. */
        assert_int_equal(record_next(fixture, 4, EVENT_CHANGED, 10000, false), 0);
        struct event again = fixture_event(5, 1, EVENT_CHANGED);
        again.record.result = result_of(1, 10000);
        assert_int_equal(store_record_event(fixture->state, &again, NULL, 0, NULL), 0);
        struct job_record known;
        assert_int_equal(store_get_job_record(fixture->state, 1, &known), 1);
        assert_text_equal(&known.result, &again.record.result);
        job_record_clear(&known);
}

/* ---- max_size ---- */

static void test_history_goes_first(void **state)
{
        struct fixture *fixture = *state;
        struct event event;

        store_set_max_size(fixture->state, MIB);
        for (unsigned number = 0; number < 2000; number++)
                assert_int_equal(record_next(fixture, number, EVENT_CHANGED, 3 * KIB, number == 5), 0);
        fixture_reopen(fixture);
        assert_true(file_size(fixture, "jobwatchd.db") <= MIB + MIB / 2);
        assert_int_equal(store_get_event(fixture->state, fixture_event_id(4), &event), 0);
        assert_int_equal(cut_from(fixture, 5), 0); /* pending */
        assert_int_equal(store_get_event(fixture->state, fixture_event_id(1000), &event), 0);
        for (unsigned number = 1900; number < 2000; number++)
                assert_int_equal(cut_from(fixture, number), 0);
}

static void test_pending_deliveries_take_half(void **state)
{
        struct fixture *fixture = *state;
        uint64_t whole = 0;

        store_set_max_size(fixture->state, 8 * MIB);
        assert_int_equal(record_next(fixture, 0, EVENT_FAILED, 200 * KIB, true), 0);
        for (unsigned number = 1; number < 100; number++)
                assert_int_equal(record_next(fixture, number, EVENT_CHANGED, 200 * KIB, true), 0);
        fixture_reopen(fixture);
        assert_int_equal(fixture_pending(fixture->state, "mail"), 100);
        assert_int_equal(cut_from(fixture, 0), 0); /* ends keep their texts */
        assert_int_equal(cut_from(fixture, 1), 200 * KIB);
        for (unsigned number = 1; number < 100; number++) {
                uint64_t cut = cut_from(fixture, number);
                assert_true(cut != 0 || number > 70); /* the oldest are cut */
                whole += cut == 0 ? 200 * KIB : 0;
        }
        assert_in_range(whole, 2 * MIB, 4 * MIB + 200 * KIB);
        assert_true(file_size(fixture, "jobwatchd.db") <= 12 * MIB);
}

static void test_nothing_is_recorded_beyond_max_size(void **state)
{
        struct fixture *fixture = *state;
        struct stored_job job, before = { .id = 0 };
        unsigned number = 0;
        int r;

        store_set_max_size(fixture->state, 2 * MIB);
        while ((r = record_next(fixture, number, EVENT_SUCCEEDED, 300 * KIB, true)) == 0) {
                assert_int_equal(store_get_job(fixture->state, 1, &before), 1);
                number++;
        }
        assert_int_equal(r, -EDQUOT);
        assert_non_null(strstr(store_error(fixture->state), "max_size"));
        assert_in_range(number, 4, 7);
        assert_int_equal(store_get_job(fixture->state, 1, &job), 1);
        assert_true(text_digest_equal(job.result, before.result));
        assert_int_equal(fixture_pending(fixture->state, "mail"), number);

        deliver_all(fixture);
        assert_int_equal(record_next(fixture, number, EVENT_SUCCEEDED, 300 * KIB, true), 0);
}

/* The file shrinks when its contents have expired. */
static void test_free_pages_are_given_back(void **state)
{
        skip_on_server();
        struct fixture *fixture = *state;

        for (unsigned number = 0; number < 1500; number++)
                assert_int_equal(record_next(fixture, number, EVENT_CHANGED, 3 * KIB, false), 0);
        fixture_reopen(fixture);
        assert_true(file_size(fixture, "jobwatchd.db") > 5 * MIB);
        assert_int_equal(store_prune(fixture->state, UINT64_MAX, 0, &NOTHING_CONFIGURED), 0);
        while (store_tidy(fixture->state))
                ;
        fixture_reopen(fixture);
        assert_true(file_size(fixture, "jobwatchd.db") < MIB);
}

/* ---- a full disk ---- */

/* A limit of SQLite stands for the end of the disk. */
static void test_history_makes_room_on_a_full_disk(void **state)
{
        skip_on_server();
        struct fixture *fixture = *state;
        unsigned failures = 0, number = 0;
        struct event event;

        assert_false(store_disk_is_low(fixture->state));
        assert_int_equal(fixture_execute(fixture->state, "PRAGMA max_page_count = 200", NULL), 0);
        for (; number < 500; number++) {
                int r = record_next(fixture, number, EVENT_CHANGED, 3 * KIB, number == 5);
                if (r == -ENOSPC) /* as the writer does */
                        r = record_next(fixture, number, EVENT_CHANGED, 3 * KIB, number == 5);
                if (r < 0) {
                        assert_int_equal(r, -ENOSPC);
                        assert_true(store_disk_is_low(fixture->state));
                        assert_int_equal(access(fixture_path(fixture, "reserve"), F_OK), -1);
                        r = record_next(fixture, number, EVENT_CHANGED, 3 * KIB,
                                        false); /* as by the next poll */
                        failures++;
                }
                assert_int_equal(r, 0);
                assert_false(store_disk_is_low(fixture->state));
                assert_int_equal(access(fixture_path(fixture, "reserve"), F_OK), 0);
        }
        assert_in_range(failures, 1, 100);
        fixture_reopen(fixture);
        assert_int_equal(store_get_event(fixture->state, fixture_event_id(10), &event), 0);
        assert_int_equal(cut_from(fixture, 5), 0); /* pending */
        for (number = 480; number < 500; number++)
                assert_int_equal(cut_from(fixture, number), 0);
}

/* A batch is lost, but the next one is not. */
static void test_a_batch_on_a_full_disk(void **state)
{
        skip_on_server();
        struct fixture *fixture = *state;
        int r = 0;

        assert_int_equal(fixture_execute(fixture->state, "PRAGMA max_page_count = 200", NULL), 0);
        for (unsigned number = 0; number < 200; number += 10)
                for (unsigned attempt = 0; attempt < 4; attempt++) {
                        assert_int_equal(store_batch_begin(fixture->state), 0);
                        for (unsigned i = 0; i < 10; i++)
                                (void)record_next(fixture, number + i, EVENT_CHANGED, 3 * KIB, false);
                        r = store_batch_end(fixture->state, true);
                        if (r == 0)
                                break;
                        assert_int_equal(r, -ENOSPC);
                }
        assert_int_equal(r, 0);
        fixture_reopen(fixture);
        for (unsigned number = 190; number < 200; number++)
                assert_int_equal(cut_from(fixture, number), 0);
}

/* Neither is an error at opening, and recording works. */
static void test_no_reserve(void **state)
{
        skip_on_server();
        struct fixture *fixture = *state;
        const struct rlimit limit = { 4 * MIB, RLIM_INFINITY }, unlimited = { RLIM_INFINITY, RLIM_INFINITY };

        fixture_close(fixture);
        assert_int_equal(remove(fixture_path(fixture, "reserve")), 0);
        assert_int_equal(mkdir(fixture_path(fixture, "reserve"), 0700), 0);
        fixture_open(fixture);
        assert_true(store_disk_is_low(fixture->state));
        assert_int_equal(record_next(fixture, 1, EVENT_CHANGED, KIB, false), 0);
        fixture_close(fixture);
        assert_int_equal(rmdir(fixture_path(fixture, "reserve")), 0);

        assert_true(signal(SIGXFSZ, SIG_IGN) != SIG_ERR);
        assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
        fixture_open(fixture);
        assert_true(store_disk_is_low(fixture->state));
        assert_int_equal(access(fixture_path(fixture, "reserve"), F_OK), -1);
        assert_int_equal(setrlimit(RLIMIT_FSIZE, &unlimited), 0);
        assert_int_equal(record_next(fixture, 2, EVENT_CHANGED, KIB, false), 0);
        assert_false(store_disk_is_low(fixture->state));
}

/* ---- keep ---- */

static void test_jobs_that_are_not_configured_expire(void **state)
{
        struct fixture *fixture = *state;
        static const uint64_t jobs[] = { 1, 2 };
        const struct store_configured both = { .jobs = jobs, .job_count = 2 };
        const struct store_configured one = { .jobs = jobs, .job_count = 1 };
        const uint64_t keep_us = 1000000;
        struct stored_job job;
        uint64_t now_us = 0;

        for (unsigned number = 1; number <= 3; number++) {
                struct event event = fixture_event(number, number, EVENT_SUCCEEDED);
                assert_int_equal(store_record_event(fixture->state, &event, NULL, 0, NULL), 0);
                now_us = event.time_us;
        }
        assert_int_equal(store_prune(fixture->state, now_us, keep_us, &both), 0);
        struct event later = fixture_event(4, 1, EVENT_CHANGED);
        later.time_us = now_us + 10 * keep_us;
        assert_int_equal(store_record_event(fixture->state, &later, NULL, 0, NULL), 0);

        /* Job 2 was configured so far, 3 was not. */
        assert_int_equal(store_prune(fixture->state, now_us + keep_us, keep_us, &one), 0);
        fixture_reopen(fixture);
        assert_int_equal(store_get_job(fixture->state, 2, &job), 1);
        assert_true(job.unwatched);
        assert_int_equal(store_get_job(fixture->state, 1, &job), 1);
        assert_false(job.unwatched);
        assert_int_equal(store_get_job(fixture->state, 3, &job), 0);
        assert_int_equal(store_prune(fixture->state, now_us + 2 * keep_us - 1, keep_us, &both), 0);
        assert_int_equal(store_get_job(fixture->state, 2, &job), 1);
        assert_false(job.unwatched);
        assert_int_equal(store_prune(fixture->state, now_us + 3 * keep_us, keep_us, &one), 0);
        assert_int_equal(store_get_job(fixture->state, 2, &job), 1);
        assert_int_equal(store_prune(fixture->state, now_us + 4 * keep_us, keep_us, &one), 0);
        fixture_reopen(fixture);
        assert_int_equal(store_get_job(fixture->state, 2, &job), 0);
        assert_int_equal(store_get_job(fixture->state, 1, &job), 1);
}

static void test_tokens_of_former_accounts_expire(void **state)
{
        struct fixture *fixture = *state;
        const uint64_t day_us = UINT64_C(86400000000);
        struct event event = fixture_event(1, 1, EVENT_SEEN);
        void *data;
        size_t size;

        event.time_us = (uint64_t)time(NULL) * 1000000 + day_us;
        assert_int_equal(store_record_event(fixture->state, &event, NULL, 0, NULL), 0);
        assert_int_equal(store_put_value(fixture->state, "grant of A for B at C", "token", 5), 0);
        assert_int_equal(store_put_value(fixture->state, "last run", "running", 7), 0);
        assert_int_equal(store_prune(fixture->state, event.time_us, 2 * day_us, &NOTHING_CONFIGURED), 0);
        assert_int_equal(store_get_value(fixture->state, "grant of A for B at C", &data, &size), 1);
        free(data);
        assert_int_equal(store_prune(fixture->state, event.time_us, day_us / 2, &NOTHING_CONFIGURED), 0);
        assert_int_equal(store_get_value(fixture->state, "grant of A for B at C", &data, &size), 0);
        assert_int_equal(store_get_value(fixture->state, "last run", &data, &size), 1);
        free(data);
}

int main(void)
{
#define TEST(function) cmocka_unit_test_setup_teardown(function, fixture_setup, fixture_teardown)
        const struct CMUnitTest tests[] = {
                TEST(test_large_results_do_not_add_up),
                TEST(test_a_result_is_whole_while_it_is_needed),
                TEST(test_history_goes_first),
                TEST(test_pending_deliveries_take_half),
                TEST(test_nothing_is_recorded_beyond_max_size),
                TEST(test_free_pages_are_given_back),
                TEST(test_history_makes_room_on_a_full_disk),
                TEST(test_a_batch_on_a_full_disk),
                TEST(test_no_reserve),
                TEST(test_jobs_that_are_not_configured_expire),
                TEST(test_tokens_of_former_accounts_expire),
        };

        assert_int_equal(fault_vfs_register(), 0); /* which does not sync */
        return cmocka_run_group_tests(tests, NULL, NULL);
}
