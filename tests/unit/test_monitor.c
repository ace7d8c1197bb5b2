/* SPDX-License-Identifier: MIT */

/* The monitor while the state writer is held up, as a slow disk does, or fails; and reloads meanwhile. */

#include "monitor_fixture.h"

/* ---- a slow disk ---- */

static void test_only_the_job_that_changed_waits_for_the_disk(void **state)
{
        struct monitor_test *test = *state;

        hold(test);
        change(test, 1, "Queued");
        unsigned polls = test->polls[1];
        wait_for_polls(test, 2, 10);
        assert_int_equal(test->polls[1], polls);
        assert_int_equal(capture_count(), 2); /* nothing is reported */

        release(test);
        wait_for_polls(test, 1, 3);
        assert_int_equal(capture_count(), 3);
        expect_field("JOBWATCH_JOB", "1");
        expect_field("JOBWATCH_STATUS", "Queued");
        expect_field("JOBWATCH_STATUS_BEFORE", "Running");
}

static void test_the_end_waits_for_the_disk(void **state)
{
        struct monitor_test *test = *state;

        test->status[2] = "Failed";
        wait_for_entries(test, 3);
        hold(test);
        test->status[1] = "Completed";
        wait_for_polls(test, 1, 1);
        loop_for(test->event, 300 * USEC_PER_MSEC); /* longer than the interval: it is not polled again */
        assert_int_equal(test->idle, 0);
        assert_false(monitor_is_idle(test->monitor));
        assert_int_equal(monitor_count(test->monitor).succeeded, 0);

        release(test);
        loop_until(test->event, &test->idle, 1);
        assert_true(monitor_is_idle(test->monitor));
        assert_int_equal(monitor_count(test->monitor).succeeded, 1);
        expect_field("JOBWATCH_EVENT", "succeeded");
}

static void test_a_change_that_was_not_recorded_is_found_by_the_next_poll(void **state)
{
        struct monitor_test *test = *state;

        limit(test, 1);
        test->status[1] = "Queued";
        wait_for_polls(test, 1, 4);
        assert_int_equal(capture_count(), 3);
        expect_field("PRIORITY", "3"); /* the state cannot be saved: once */

        limit(test, 0);
        wait_for_polls(test, 1, 4);
        assert_int_equal(capture_count(), 4);
        expect_field("JOBWATCH_STATUS", "Queued");
        expect_field("JOBWATCH_STATUS_BEFORE", "Running");
}

/* ---- reloads ---- */

static void test_a_reload_waits_for_the_state_and_polling_goes_on(void **state)
{
        struct monitor_test *test = *state;

        hold(test);
        reload_to(test, "1, 2, 3");
        wait_for_polls(test, 1, 5);
        assert_int_equal(test->reloads, 0);
        assert_int_equal(test->polls[3], 0);
        assert_int_equal(monitor_count(test->monitor).watched, 2);

        release(test);
        wait_for_polls(test, 3, 2);
        assert_int_equal(test->reloads, 1);
        assert_int_equal(monitor_count(test->monitor).watched, 3);
}

static void test_a_reload_that_is_requested_meanwhile_follows(void **state)
{
        struct monitor_test *test = *state;

        hold(test);
        reload_to(test, "1, 2, 3");
        reload_to(test, "2, 4");
        reload_to(test, "2, 5");
        release(test);
        loop_until(test->event, &test->reloads, 2);
        wait_for_polls(test, 5, 2);
        assert_int_equal(test->polls[4], 0);
        assert_int_equal(test->reloads, 2);
        assert_int_equal(monitor_count(test->monitor).watched, 2);
}

static void test_a_stop_abandons_the_reload(void **state)
{
        struct monitor_test *test = *state;

        hold(test);
        reload_to(test, "1, 2, 3");
        reload_to(test, "3");
        reload_stop(test->reload);
        release(test);
        loop_until(test->event, &test->held, 1);
        wait_for_polls(test, 1, 3);
        assert_int_equal(test->reloads + test->refusals, 0);
        assert_int_equal(monitor_count(test->monitor).watched, 2);
}

static void test_a_refused_reload_is_followed_by_the_next(void **state)
{
        struct monitor_test *test = *state;

        reload_to(test, "nonsense");
        assert_int_equal(test->refusals, 1);
        reload_to(test, "1, 2, 3");
        wait_for_polls(test, 3, 1);
        assert_int_equal(test->reloads, 1);
}

/* The event was true, and is recorded; nothing is left to be planned. */
static void test_a_job_is_removed_while_its_change_is_committed(void **state)
{
        struct monitor_test *test = *state;

        hold(test);
        change(test, 1, "Queued");
        unsigned polls = test->polls[1];
        reload_to(test, "2");
        release(test);
        loop_until(test->event, &test->reloads, 1);
        wait_for_polls(test, 2, 5);
        assert_int_equal(test->polls[1], polls);
        assert_int_equal(capture_count(), 3);
        expect_field("JOBWATCH_STATUS", "Queued");

        /* What was recorded of it is known when it returns. */
        reload_to(test, "1, 2");
        wait_for_polls(test, 1, 3);
        assert_int_equal(capture_count(), 3);
}

/* The commit is not that of the new object. */
static void test_a_job_that_returns_is_loaded_after_its_commit(void **state)
{
        struct monitor_test *test = *state;

        hold(test);
        change(test, 1, "Queued");
        reload_to(test, "2");
        reload_to(test, "1, 2");
        release(test);
        loop_until(test->event, &test->reloads, 2);
        wait_for_polls(test, 1, 3);
        assert_int_equal(capture_count(), 3);
        expect_field("JOBWATCH_STATUS", "Queued");
}

int main(void)
{
#define TEST(function) cmocka_unit_test_setup_teardown(function, monitor_setup, monitor_teardown)
        static const struct CMUnitTest tests[] = {
                TEST(test_only_the_job_that_changed_waits_for_the_disk),
                TEST(test_the_end_waits_for_the_disk),
                TEST(test_a_change_that_was_not_recorded_is_found_by_the_next_poll),
                TEST(test_a_reload_waits_for_the_state_and_polling_goes_on),
                TEST(test_a_reload_that_is_requested_meanwhile_follows),
                TEST(test_a_stop_abandons_the_reload),
                TEST(test_a_refused_reload_is_followed_by_the_next),
                TEST(test_a_job_is_removed_while_its_change_is_committed),
                TEST(test_a_job_that_returns_is_loaded_after_its_commit),
        };

        return cmocka_run_group_tests_name("monitor", tests, NULL, NULL);
}
