/* SPDX-License-Identifier: MIT */

/* Jobs that are removed and polled while the daemon runs, and requests that meet others: an API on one side,
 * the journal on the other. Additions are in test_added_jobs.c. */

#include "job_request_fixture.h"

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

/* It was added; when it is removed, the configuration that is read lists it. */
static void test_a_removal_is_of_what_the_reload_lists(void **state)
{
        struct monitor_test *test = *state;
        const struct monitor_options options = { .jobs = "1, 2, 3", .level = LOG_ERR };
        struct outcome_of removed = { .done = 0 };
        const uint64_t three = 3;

        (void)add(test, 3);
        hold(test);
        monitor_remove_jobs(test->monitor, &three, 1, 1000, on_done, &removed);
        reload_to(test, "1, 2, 3");
        release(test);
        loop_until(test->event, &test->reloads, 1);
        loop_until(test->event, &removed.done, 1);
        assert_int_equal(removed.r, 0);
        assert_int_equal(watched(test), 2);
        expect_not_polled(test, 3, 1);
        monitor_restart(state, &options);
        expect_not_polled(test, 3, 1);
        assert_int_equal(watched(test), 2);
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

static void test_a_discovered_job_is_removed_until_it_is_listed(void **state)
{
        struct monitor_test *test = *state;
        const char *discover = "[discover imports]\ndescription = *import*\n";
        const struct monitor_options discovered = { .jobs = "1", .more = discover, .level = LOG_ERR };
        const struct monitor_options both = { .jobs = "1, 105", .more = discover, .level = LOG_ERR };
        struct account_job *job = &test->account[0];

        monitor_restart(state, &discovered);
        loop_until(test->event, &test->searches[0], 3);
        test->account[test->account_count++] = (struct account_job){ .id = 105,
                                                                     .created = "2026-01-15T10:01:00",
                                                                     .updated = "2026-01-15T10:01:00",
                                                                     .description = "Import of members",
                                                                     .status = "Running" };
        while (watched(test) < 2)
                loop_for(test->event, 10 * USEC_PER_MSEC);
        wait_for_entries(test, 3);
        reload_to_options(test, &both);
        loop_until(test->event, &test->reloads, 1);
        assert_int_equal(remove_job(test, 105), 0);
        assert_int_equal(watched(test), 1);
        monitor_restart(state, &both);
        assert_int_equal(watched(test), 1);

        /* As one that is only discovered, too. */
        reload_to_options(test, &discovered);
        loop_until(test->event, &test->reloads, 2);
        monitor_restart(state, &discovered);
        unsigned polls = job->polls;
        job->updated = "2026-01-15T10:02:00"; /* a new row */
        loop_until(test->event, &test->searches[0], test->searches[0] + 3);
        assert_int_equal(watched(test), 1);
        assert_int_equal(job->polls, polls);

        /* Listed again, it is watched. */
        reload_to_options(test, &both);
        loop_until(test->event, &test->reloads, 3);
        assert_int_equal(watched(test), 2);
        loop_until(test->event, &job->polls, polls + 1);
        monitor_restart(state, &both);
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
        const struct CMUnitTest tests[] = {
                TEST(test_a_removed_job_is_not_polled_though_it_is_listed),
                TEST(test_a_removal_ends_when_the_job_is_listed_no_more),
                TEST(test_an_added_job_is_removed),
                TEST(test_nothing_is_removed_if_one_is_unknown),
                TEST(test_a_job_is_removed_while_its_change_is_committed),
                TEST(test_requests_take_effect_after_a_reload_that_is_being_prepared),
                TEST(test_a_removal_is_of_what_the_reload_lists),
                TEST(test_requests_take_effect_after_a_reload_that_fails),
                TEST(test_nothing_takes_effect_before_it_is_on_disk),
                TEST(test_a_discovered_job_stays_removed),
                TEST(test_a_discovered_job_is_removed_until_it_is_listed),
                TEST(test_jobs_are_polled_at_once),
                TEST(test_requests_are_logged_with_the_user),
        };

        return cmocka_run_group_tests_name("job_request", tests, NULL, NULL);
}
