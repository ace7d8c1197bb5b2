/* SPDX-License-Identifier: MIT */

/* Jobs that are added while the daemon runs, until they have ended long ago: an API on one side, the journal
 * on the other. */

#include <sqlite3.h>

#include "delivery/outbox.h"
#include "job_request_fixture.h"
#include "monitor/manual.h"
#include "state/sqlite/database.h"
#include "util/container.h"

static void test_an_added_job_is_polled_until_it_ends(void **state)
{
        struct monitor_test *test = *state;

        assert_int_equal(add(test, 3), JOB_NEW);
        wait_for_polls(test, 3, 3);
        assert_int_equal(watched(test), 3);
        test->status[3] = "Completed";
        wait_for_entries(test, 4);
        expect_field("JOBWATCH_EVENT", "succeeded");
        expect_not_polled(test, 3, 1);
        assert_int_equal(monitor_count(test->monitor).succeeded, 1);
}

static void test_an_added_job_survives_restarts(void **state)
{
        struct monitor_test *test = *state;
        const struct monitor_options options = { .jobs = "1, 2", .level = LOG_ERR };
        struct outcome_of outcome = { .done = 0 };

        add_named(test, 3, "members-import", NULL, &outcome);
        loop_until(test->event, &outcome.done, 1);
        monitor_restart(state, &options);
        wait_for_polls(test, 3, 2);
        test->status[3] = "Failed";
        wait_for_entries(test, 4);
        expect_field("JOBWATCH_EVENT", "failed");
        expect_field("JOBWATCH_JOB_NAME", "members-import");

        /* It is listed still, and not polled. */
        monitor_restart(state, &options);
        expect_not_polled(test, 3, 1);
        assert_int_equal(watched(test), 3);
}

static void test_an_added_job_survives_reloads(void **state)
{
        struct monitor_test *test = *state;

        (void)add(test, 3);
        reload_to(test, "1");
        loop_until(test->event, &test->reloads, 1);
        wait_for_polls(test, 3, 3);
        assert_int_equal(watched(test), 2);
}

static void test_a_listed_job_may_be_added_and_stays_when_it_is_listed_no_more(void **state)
{
        struct monitor_test *test = *state;

        assert_int_equal(add(test, 1), JOB_WATCHED);
        assert_int_equal(watched(test), 2);
        reload_to(test, "2");
        loop_until(test->event, &test->reloads, 1);
        wait_for_polls(test, 1, 3);
        reload_to(test, "1, 2");
        loop_until(test->event, &test->reloads, 2);
        wait_for_polls(test, 1, 3);
        assert_int_equal(watched(test), 2);
}

static void test_an_ended_job_is_read_once_more(void **state)
{
        struct monitor_test *test = *state;

        test->status[1] = "Completed";
        wait_for_entries(test, 3);
        expect_not_polled(test, 1, 2);
        unsigned polls = test->polls[1];
        assert_int_equal(add(test, 1), JOB_ENDED);
        wait_for_polls(test, 1, 1);
        expect_not_polled(test, 1, 2);
        assert_int_equal(test->polls[1], polls + 1);
        assert_int_equal(capture_count(), 3);

        test->status[1] = "Running"; /* it has begun again */
        assert_int_equal(add(test, 1), JOB_ENDED);
        wait_for_entries(test, 4);
        expect_field("JOBWATCH_EVENT", "changed");
        wait_for_polls(test, 1, 3);
}

/* What was recorded of it is known, though it is not watched. */
static void test_a_job_that_ended_and_was_forgotten_is_read_once_more(void **state)
{
        struct monitor_test *test = *state;

        test->status[1] = "Completed";
        wait_for_entries(test, 3);
        reload_to(test, "2");
        loop_until(test->event, &test->reloads, 1);
        unsigned polls = test->polls[1];
        assert_int_equal(add(test, 1), JOB_ENDED);
        wait_for_polls(test, 1, 1);
        expect_not_polled(test, 1, 2);
        assert_int_equal(test->polls[1], polls + 1);
        assert_int_equal(capture_count(), 3);
}

/* The process dies after the commit, and before the job is read. */
static void test_it_is_read_once_more_by_the_next_run(void **state)
{
        struct monitor_test *test = *state;
        const struct monitor_options options = { .jobs = "1, 2", .level = LOG_ERR };

        test->status[1] = "Completed";
        wait_for_entries(test, 3);
        test->is_withheld[1] = true;
        (void)add(test, 1);
        wait_for_polls(test, 1, 1);
        test->is_withheld[1] = false;
        monitor_restart(state, &options);
        unsigned polls = test->polls[1];
        wait_for_polls(test, 1, 1);
        expect_not_polled(test, 1, 2);
        assert_int_equal(test->polls[1], polls + 1);

        monitor_restart(state, &options);
        expect_not_polled(test, 1, 2);
        assert_int_equal(test->polls[1], polls + 1);
}

static void test_the_hooks_of_an_addition_get_its_events(void **state)
{
        struct monitor_test *test = *state;
        const struct monitor_options options = {
                .jobs = "1",
                .more = "[job import]\nid = 2\nhooks = web\n"
                        "[hook mail]\nurl = http://127.0.0.1:1/\nretries = 100\n"
                        "[hook web]\nurl = http://127.0.0.1:1/\nretries = 100\n",
                .level = LOG_ERR
        };
        struct outcome_of outcome = { .done = 0 };

        monitor_restart(state, &options);
        test->status[3] = test->status[4] = "Completed";
        add_named(test, 3, NULL, "mail", &outcome);
        add_named(test, 4, NULL, NULL, &outcome);
        add_named(test, 2, NULL, "mail", &outcome); /* beside its own */
        loop_until(test->event, &outcome.done, 3);
        test->status[2] = "Completed";
        wait_for_entries(test, 5);
        assert_int_equal(outbox_count(test->outbox).pending, 1 + 2 + 2);

        /* Those of a listed job too, across restarts and reloads. */
        monitor_restart(state, &options);
        reload_to_options(test, &options);
        loop_until(test->event, &test->reloads, 1);
        test->status[2] = "Failed";
        assert_int_equal(add(test, 2), JOB_ENDED);
        wait_for_entries(test, 6);
        assert_int_equal(outbox_count(test->outbox).pending, 5 + 2);
}

/* Time passes for what is recorded. */
struct aging {
        struct state_operation operation;
        const char *sql;
        unsigned done;
};

#define AGE_JOBS      "UPDATE jobs SET changed_us = changed_us - 7200000000;"
#define AGE_ADDITIONS "UPDATE manual SET written = written - 7200;"

static int age_run(struct state_operation *operation, struct store *store)
{
        return sqlite3_exec(sqlite_of(store)->database, CONTAINER_OF(operation, struct aging, operation)->sql,
                            NULL, NULL, NULL);
}

static void age_done(struct state_operation *operation, int r)
{
        assert_int_equal(r, SQLITE_OK);
        CONTAINER_OF(operation, struct aging, operation)->done++;
}

static void age(struct monitor_test *test, const char *sql)
{
        struct aging aging = { .operation = { .run = age_run, .done = age_done }, .sql = sql };

        state_queue(test->state, &aging.operation);
        loop_until(test->event, &aging.done, 1);
}

static const struct monitor_options hour = { .jobs = "1, 2", .more = "keep = 1h\n", .level = LOG_ERR };

static void test_an_added_job_that_has_ended_is_listed_for_a_while(void **state)
{
        struct monitor_test *test = *state;

        test->status[3] = "Completed";
        (void)add(test, 3);
        (void)add(test, 4);
        (void)add(test, 1); /* is listed */
        wait_for_entries(test, 4);
        test->status[1] = "Completed";
        wait_for_entries(test, 5);
        monitor_restart(state, &hour);
        loop_for(test->event, 3 * USEC_PER_SEC); /* the first check is over */
        assert_int_equal(watched(test), 4);

        age(test, AGE_JOBS AGE_ADDITIONS);
        monitor_restart(state, &hour);
        while (watched(test) == 4)
                loop_for(test->event, 10 * USEC_PER_MSEC);
        assert_int_equal(watched(test), 3);
        monitor_restart(state, &hour);
        assert_int_equal(watched(test), 3);
        wait_for_polls(test, 4, 2); /* that has not ended */
}

static void test_a_job_that_ended_long_before_it_is_added_is_listed_as_long(void **state)
{
        struct monitor_test *test = *state;

        test->status[3] = "Completed";
        (void)add(test, 3);
        wait_for_entries(test, 3);
        assert_int_equal(remove_job(test, 3), 0);
        age(test, AGE_JOBS);
        monitor_restart(state, &hour);
        assert_int_equal(add(test, 3), JOB_ENDED);
        loop_for(test->event, 3 * USEC_PER_SEC); /* the first check is over */
        assert_int_equal(watched(test), 3);
        monitor_restart(state, &hour);
        loop_for(test->event, 3 * USEC_PER_SEC);
        assert_int_equal(watched(test), 3);

        age(test, AGE_ADDITIONS);
        monitor_restart(state, &hour);
        while (watched(test) == 3)
                loop_for(test->event, 10 * USEC_PER_MSEC);
}

static void test_a_job_that_is_added_when_it_expires_stays(void **state)
{
        struct monitor_test *test = *state;
        struct outcome_of added = { .done = 0 };
        const uint64_t three = 3;

        test->status[3] = "Completed";
        (void)add(test, 3);
        wait_for_entries(test, 3);
        unsigned polls = test->polls[3];
        hold(test);
        add_named(test, 3, NULL, NULL, &added);
        job_requests_expire(test->monitor, &three, 1);
        release(test);
        loop_until(test->event, &added.done, 1);
        assert_int_equal(added.was[0], JOB_ENDED);
        while (test->polls[3] == polls)
                loop_for(test->event, 10 * USEC_PER_MSEC);
        assert_int_equal(remove_job(test, 1), 0); /* what was queued before is over */
        assert_int_equal(watched(test), 2);
        monitor_restart(state, &hour);
        assert_int_equal(watched(test), 2);
}

static void test_two_jobs_do_not_get_one_name(void **state)
{
        struct monitor_test *test = *state;
        struct outcome_of first = { .done = 0 }, second = { .done = 0 };

        hold(test);
        add_named(test, 3, "plans", NULL, &first);
        add_named(test, 4, "plans", NULL, &second);
        release(test);
        loop_until(test->event, &first.done, 1);
        loop_until(test->event, &second.done, 1);
        assert_int_equal(first.r, 0);
        assert_int_equal(second.r, -EEXIST);
        assert_int_equal(second.unknown, 3);
        assert_int_equal(watched(test), 3);
        add_named(test, 3, "plans", NULL, &first); /* its own */
        loop_until(test->event, &first.done, 2);
        assert_int_equal(first.r, 0);
}

int main(void)
{
#define TEST(function) cmocka_unit_test_setup_teardown(function, monitor_setup, monitor_teardown)
        const struct CMUnitTest tests[] = {
                TEST(test_an_added_job_is_polled_until_it_ends),
                TEST(test_an_added_job_survives_restarts),
                TEST(test_an_added_job_survives_reloads),
                TEST(test_a_listed_job_may_be_added_and_stays_when_it_is_listed_no_more),
                TEST(test_an_ended_job_is_read_once_more),
                TEST(test_a_job_that_ended_and_was_forgotten_is_read_once_more),
                TEST(test_it_is_read_once_more_by_the_next_run),
                TEST(test_the_hooks_of_an_addition_get_its_events),
                TEST(test_an_added_job_that_has_ended_is_listed_for_a_while),
                TEST(test_a_job_that_ended_long_before_it_is_added_is_listed_as_long),
                TEST(test_a_job_that_is_added_when_it_expires_stays),
                TEST(test_two_jobs_do_not_get_one_name),
        };

        return cmocka_run_group_tests_name("added_jobs", tests, NULL, NULL);
}
