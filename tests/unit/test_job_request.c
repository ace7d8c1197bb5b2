/* SPDX-License-Identifier: MIT */

/* Jobs that are added, removed and polled while the daemon runs: an API on one side, the journal on the
 * other. */

#include <errno.h>
#include <sqlite3.h>

#include "delivery/outbox.h"
#include "monitor/job_request.h"
#include "monitor_fixture.h"
#include "state/sqlite/database.h"
#include "util/container.h"

/* A request and how it ended. */
struct outcome_of {
        unsigned done;
        int r;
        uint64_t unknown;
        enum job_was was[4];
};

static void on_done(void *userdata, const struct job_request_end *end)
{
        struct outcome_of *outcome = userdata;

        outcome->done++;
        outcome->r = end->r;
        outcome->unknown = end->unknown;
        for (size_t i = 0; end->r >= 0 && end->was != NULL && i < 1; i++)
                outcome->was[i] = end->was[i];
}

static void add_named(struct monitor_test *test, uint64_t id, const char *name, const char *hooks,
                      struct outcome_of *outcome)
{
        const struct job_addition addition = {
                .ids = &id, .count = 1, .name = name, .hooks = hooks, .uid = 1000
        };

        monitor_add_jobs(test->monitor, &addition, on_done, outcome);
}

/* Waits for the end of the request. */
static enum job_was add(struct monitor_test *test, uint64_t id)
{
        struct outcome_of outcome = { .done = 0 };

        add_named(test, id, NULL, NULL, &outcome);
        loop_until(test->event, &outcome.done, 1);
        assert_int_equal(outcome.r, 0);
        return outcome.was[0];
}

static int remove_job(struct monitor_test *test, uint64_t id)
{
        struct outcome_of outcome = { .done = 0 };

        monitor_remove_jobs(test->monitor, &id, 1, 1000, on_done, &outcome);
        loop_until(test->event, &outcome.done, 1);
        return outcome.r;
}

/* It is not polled while another is. */
static void expect_not_polled(struct monitor_test *test, size_t id, size_t other)
{
        loop_for(test->event, 50 * USEC_PER_MSEC); /* requests in flight */
        unsigned polls = test->polls[id];
        wait_for_polls(test, other, 5);
        assert_int_equal(test->polls[id], polls);
}

static size_t watched(const struct monitor_test *test)
{
        return monitor_count(test->monitor).watched;
}

/* ---- adding ---- */

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
        unsigned done;
};

static int age_run(struct state_operation *operation, struct store *store)
{
        (void)operation;
        return sqlite3_exec(store->database, "UPDATE jobs SET changed_us = changed_us - 7200000000", NULL,
                            NULL, NULL);
}

static void age_done(struct state_operation *operation, int r)
{
        assert_int_equal(r, SQLITE_OK);
        CONTAINER_OF(operation, struct aging, operation)->done++;
}

static void test_an_added_job_that_has_ended_is_listed_for_a_while(void **state)
{
        struct monitor_test *test = *state;
        const struct monitor_options hour = { .jobs = "1, 2", .more = "keep = 1h\n", .level = LOG_ERR };
        struct aging aging = { .operation = { .run = age_run, .done = age_done } };

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

        state_queue(test->state, &aging.operation);
        loop_until(test->event, &aging.done, 1);
        monitor_restart(state, &hour);
        while (watched(test) == 4)
                loop_for(test->event, 10 * USEC_PER_MSEC);
        assert_int_equal(watched(test), 3);
        monitor_restart(state, &hour);
        assert_int_equal(watched(test), 3);
        wait_for_polls(test, 4, 2); /* that has not ended */
}

/* ---- removing ---- */

static void test_a_removed_job_is_not_polled_though_it_is_listed(void **state)
{
        struct monitor_test *test = *state;
        const struct monitor_options options = { .jobs = "1, 2", .level = LOG_ERR };

        assert_int_equal(remove_job(test, 1), 0);
        expect_not_polled(test, 1, 2);
        assert_int_equal(watched(test), 1);
        reload_to(test, "1, 2, 3");
        loop_until(test->event, &test->reloads, 1);
        expect_not_polled(test, 1, 3);
        monitor_restart(state, &options);
        expect_not_polled(test, 1, 2);
        assert_int_equal(watched(test), 1);

        assert_int_equal(add(test, 1), JOB_REMOVED);
        wait_for_polls(test, 1, 3);
        assert_int_equal(watched(test), 2);
        monitor_restart(state, &options);
        wait_for_polls(test, 1, 3);
}

static void test_a_removal_ends_when_the_job_is_listed_no_more(void **state)
{
        struct monitor_test *test = *state;
        const struct monitor_options with = { .jobs = "1, 2", .level = LOG_ERR },
                                     without = { .jobs = "2", .level = LOG_ERR };

        for (unsigned restarts = 0; restarts < 2; restarts++) {
                assert_int_equal(remove_job(test, 1), 0);
                if (restarts > 0) {
                        monitor_restart(state, &without);
                        monitor_restart(state, &with);
                } else {
                        reload_to(test, "2");
                        loop_until(test->event, &test->reloads, 1);
                        reload_to(test, "1, 2");
                        loop_until(test->event, &test->reloads, 2);
                }
                wait_for_polls(test, 1, 3);
        }
}

static void test_an_added_job_is_removed(void **state)
{
        struct monitor_test *test = *state;
        const struct monitor_options options = { .jobs = "1, 2", .level = LOG_ERR };

        (void)add(test, 3);
        wait_for_polls(test, 3, 2);
        assert_int_equal(remove_job(test, 3), 0);
        expect_not_polled(test, 3, 1);
        monitor_restart(state, &options);
        expect_not_polled(test, 3, 1);
        assert_int_equal(watched(test), 2);
        assert_int_equal(add(test, 3), JOB_NEW);
        wait_for_polls(test, 3, 2);
}

static void test_nothing_is_removed_if_one_is_unknown(void **state)
{
        struct monitor_test *test = *state;
        const uint64_t ids[] = { 1, 9, 2 };
        struct outcome_of outcome = { .done = 0 };

        monitor_remove_jobs(test->monitor, ids, 3, 1000, on_done, &outcome);
        loop_until(test->event, &outcome.done, 1);
        assert_int_equal(outcome.r, -ENOENT);
        assert_int_equal(outcome.unknown, 9);
        wait_for_polls(test, 1, 2);
        wait_for_polls(test, 2, 2);
        assert_int_equal(watched(test), 2);
}

static void test_a_job_is_removed_while_its_change_is_committed(void **state)
{
        struct monitor_test *test = *state;
        struct outcome_of outcome = { .done = 0 };
        const uint64_t id = 1;

        hold(test);
        change(test, 1, "Queued");
        monitor_remove_jobs(test->monitor, &id, 1, 1000, on_done, &outcome);
        add_named(test, 1, NULL, NULL, &outcome);
        release(test);
        loop_until(test->event, &outcome.done, 2);
        wait_for_polls(test, 1, 3);
        assert_int_equal(capture_count(), 3); /* what was recorded is known */
        expect_field("JOBWATCH_STATUS", "Queued");
}

/* ---- what happens at the same time ---- */

static void test_requests_take_effect_after_a_reload_that_is_being_prepared(void **state)
{
        struct monitor_test *test = *state;
        struct outcome_of added = { .done = 0 }, removed = { .done = 0 };
        const uint64_t two = 2;

        hold(test);
        add_named(test, 4, NULL, NULL, &added);
        monitor_remove_jobs(test->monitor, &two, 1, 1000, on_done, &removed);
        reload_to(test, "1, 2, 3");
        release(test);
        loop_until(test->event, &test->reloads, 1);
        loop_until(test->event, &added.done, 1);
        loop_until(test->event, &removed.done, 1);
        assert_int_equal(added.r + removed.r, 0);
        wait_for_polls(test, 4, 2);
        wait_for_polls(test, 3, 2);
        expect_not_polled(test, 2, 1);
        assert_int_equal(watched(test), 3);
}

static void test_requests_take_effect_after_a_reload_that_fails(void **state)
{
        struct monitor_test *test = *state;
        struct outcome_of added = { .done = 0 };

        hold(test);
        add_named(test, 3, NULL, NULL, &added);
        reload_to(test, "1, 3");
        reload_stop(test->reload);
        release(test);
        loop_until(test->event, &added.done, 1);
        wait_for_polls(test, 3, 2);
        wait_for_polls(test, 2, 2);
}

static void test_nothing_takes_effect_before_it_is_on_disk(void **state)
{
        struct monitor_test *test = *state;
        struct outcome_of added = { .done = 0 };

        hold(test);
        add_named(test, 3, NULL, NULL, &added);
        wait_for_polls(test, 1, 5);
        assert_int_equal(test->polls[3], 0);
        assert_int_equal(added.done, 0);
        release(test);
        wait_for_polls(test, 3, 1);
        assert_int_equal(added.done, 1);
}

static void test_a_discovered_job_stays_removed(void **state)
{
        struct monitor_test *test = *state;
        const struct monitor_options options = { .jobs = "1",
                                                 .more = "[discover imports]\ndescription = *import*\n",
                                                 .level = LOG_ERR };
        struct account_job *job = &test->account[0];

        monitor_restart(state, &options);
        loop_until(test->event, &test->searches[0], 3);
        test->account[test->account_count++] = (struct account_job){ .id = 105,
                                                                     .created = "2026-01-15T10:01:00",
                                                                     .updated = "2026-01-15T10:01:00",
                                                                     .description = "Import of members",
                                                                     .status = "Running" };
        loop_until(test->event, &job->polls, 1);
        while (watched(test) < 2)
                loop_for(test->event, 10 * USEC_PER_MSEC);
        wait_for_entries(test, 3);
        assert_int_equal(remove_job(test, 105), 0);
        loop_for(test->event, 50 * USEC_PER_MSEC);
        unsigned polls = job->polls;
        job->updated = "2026-01-15T10:02:00"; /* a new row */
        loop_until(test->event, &test->searches[0], test->searches[0] + 3);
        monitor_restart(state, &options);
        job->updated = "2026-01-15T10:03:00";
        loop_until(test->event, &test->searches[0], test->searches[0] + 3);
        assert_int_equal(job->polls, polls);
        assert_int_equal(watched(test), 1);

        assert_int_equal(add(test, 105), JOB_REMOVED);
        loop_until(test->event, &job->polls, polls + 1);
        assert_int_equal(watched(test), 2);
}

/* ---- polls ---- */

static void test_jobs_are_polled_at_once(void **state)
{
        struct monitor_test *test = *state;
#define SLOW(name, id) "[job " name "]\nid = " id "\ninterval = 1h\nmax_interval = 1h\n"
        const struct monitor_options slow = { .more = SLOW("a", "1") SLOW("b", "2") SLOW("c", "3"),
                                              .level = LOG_ERR };
        const uint64_t one = 1, unknown[] = { 2, 9 };
        uint64_t found;

        monitor_restart(state, &slow);
        wait_for_entries(test, 3); /* the third is seen */
        test->status[3] = "Completed";
        loop_for(test->event, 300 * USEC_PER_MSEC);
        unsigned polls[4];
        memcpy(polls, test->polls, sizeof(polls));
        assert_int_equal(monitor_poll_jobs(test->monitor, &one, 1, 1000, &found), 0);
        loop_until(test->event, &test->polls[1], polls[1] + 1);
        assert_int_equal(test->polls[2], polls[2]);

        assert_int_equal(monitor_poll_jobs(test->monitor, NULL, 0, 1000, &found), 0);
        loop_until(test->event, &test->polls[2], polls[2] + 1);
        loop_until(test->event, &test->polls[3], polls[3] + 1);
        wait_for_entries(test, 4);
        expect_field("JOBWATCH_EVENT", "succeeded");

        assert_int_equal(monitor_poll_jobs(test->monitor, unknown, 2, 1000, &found), -ENOENT);
        assert_int_equal(found, 9);
        loop_for(test->event, 300 * USEC_PER_MSEC);
        assert_int_equal(test->polls[2], polls[2] + 1);
}

/* ---- the log ---- */

static void test_requests_are_logged_with_the_user(void **state)
{
        struct monitor_test *test = *state;
        const struct monitor_options options = { .jobs = "1, 2", .level = LOG_NOTICE };
        struct outcome_of outcome = { .done = 0 };
        uint64_t one = 1;

        monitor_restart(state, &options);
        test->is_withheld[3] = true;
        add_named(test, 3, "members-import", NULL, &outcome);
        while (outcome.done < 1)
                assert_true(sd_event_run(test->event, USEC_PER_SEC) >= 0);
        expect_field("MESSAGE", "Job 3 (members-import): added by user 1000.");
        expect_field("JOBWATCH_UID", "1000");
        expect_field("JOBWATCH_JOB", "3");
        expect_field("JOBWATCH_JOB_NAME", "members-import");
        expect_field("PRIORITY", "5");
        monitor_remove_jobs(test->monitor, &one, 1, 0, on_done, &outcome);
        while (outcome.done < 2)
                assert_true(sd_event_run(test->event, USEC_PER_SEC) >= 0);
        expect_field("MESSAGE", "Job 1: removed by user 0; it is not polled any more.");
        expect_field("JOBWATCH_UID", "0");
        expect_field("JOBWATCH_JOB", "1");
}

int main(void)
{
#define TEST(function) cmocka_unit_test_setup_teardown(function, monitor_setup, monitor_teardown)
        static const struct CMUnitTest tests[] = {
                TEST(test_an_added_job_is_polled_until_it_ends),
                TEST(test_an_added_job_survives_restarts),
                TEST(test_an_added_job_survives_reloads),
                TEST(test_a_listed_job_may_be_added_and_stays_when_it_is_listed_no_more),
                TEST(test_an_ended_job_is_read_once_more),
                TEST(test_a_job_that_ended_and_was_forgotten_is_read_once_more),
                TEST(test_it_is_read_once_more_by_the_next_run),
                TEST(test_the_hooks_of_an_addition_get_its_events),
                TEST(test_an_added_job_that_has_ended_is_listed_for_a_while),
                TEST(test_a_removed_job_is_not_polled_though_it_is_listed),
                TEST(test_a_removal_ends_when_the_job_is_listed_no_more),
                TEST(test_an_added_job_is_removed),
                TEST(test_nothing_is_removed_if_one_is_unknown),
                TEST(test_a_job_is_removed_while_its_change_is_committed),
                TEST(test_requests_take_effect_after_a_reload_that_is_being_prepared),
                TEST(test_requests_take_effect_after_a_reload_that_fails),
                TEST(test_nothing_takes_effect_before_it_is_on_disk),
                TEST(test_a_discovered_job_stays_removed),
                TEST(test_jobs_are_polled_at_once),
                TEST(test_requests_are_logged_with_the_user),
        };

        return cmocka_run_group_tests_name("job_request", tests, NULL, NULL);
}
