/* SPDX-License-Identifier: MIT */

/* What the journal, the last STATUS= and the exit status say of all jobs together. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "app/exit_status.h"
#include "app/summary.h"
#include "journal_capture.h"
#include "util/timespan.h"
#include "version.h"

#include "config_helpers.h" /* after cmocka.h */

struct summary_test {
        struct config *config;
        struct journal *journal;
};

static struct config *load(const char *poll)
{
        char text[512];

        (void)snprintf(text, sizeof(text),
                       "[jobs]\nids = 1\n[api]\nbase_url = https://example.org\n[state]\ndirectory = /state\n"
                       "[poll]\n%s\n",
                       poll);
        return load_text(text);
}

static int setup(void **state)
{
        const struct log_config settings = capture_settings();
        static struct summary_test test;

        capture_socket(true);
        capture_result(0);
        capture_reset();
        test.config = load("interval = 15s\nmax_interval = 2min");
        assert_int_equal(journal_open(&settings, &test.journal), 0);
        *state = &test;
        return 0;
}

static int teardown(void **state)
{
        struct summary_test *test = *state;

        journal_close(test->journal);
        config_free(test->config);
        return 0;
}

/* The only entry since the last call. */
static void expect_message(const char *expected)
{
        assert_int_equal(capture_count(), 1);
        expect_field("MESSAGE", expected);
        capture_reset();
}

static void test_the_start(void **state)
{
        const struct summary_test *test = *state;
        const struct monitor_counts counts = { .watched = 12, .open = 3 }, one = { .watched = 1 };

        summary_log_start(test->journal, test->config, &counts, 2);
        expect_message("jobwatchd " JOBWATCH_VERSION " started: watching 12 jobs (3 open, 9 finished) at "
                       "https://example.org, polling every 15s to 2min, state in /state, 2 deliveries "
                       "pending");
        summary_log_start(test->journal, test->config, &one, 0);
        expect_message("jobwatchd " JOBWATCH_VERSION " started: watching 1 job (0 open, 1 finished) at "
                       "https://example.org, polling every 15s to 2min, state in /state");
}

static void test_an_interval_that_never_grows_is_shown_alone(void **state)
{
        const struct summary_test *test = *state;
        const struct monitor_counts counts = { .watched = 1, .open = 1 };
        struct config *config = load("interval = 15s\nmax_interval = 15s");

        summary_log_start(test->journal, config, &counts, 1);
        expect_message("jobwatchd " JOBWATCH_VERSION " started: watching 1 job (1 open, 0 finished) at "
                       "https://example.org, polling every 15s, state in /state, 1 delivery pending");
        config_free(config);
}

/* With the interval that is possible, at the start and after a reload. */
static void test_an_interval_beyond_the_limits_is_a_warning(void **state)
{
        const struct summary_test *test = *state;
        struct monitor_counts counts = { .watched = 200, .open = 100, .round_us = 15 * USEC_PER_SEC };

        summary_log_reload(test->journal, test->config, &counts, "the same jobs");
        expect_message("Configuration reloaded: watching the same jobs");

        counts.round_us = 60 * USEC_PER_SEC;
        summary_log_reload(test->journal, test->config, &counts, "the same jobs");
        assert_int_equal(capture_count(), 2);
        expect_field("PRIORITY", "4");
        expect_field("MESSAGE", "interval = 15s is too short for 100 open jobs under [limits]; polling each "
                                "every 1min instead.");
        summary_log_start(test->journal, test->config, &counts, 0);
        assert_int_equal(capture_count(), 4);
        expect_field("PRIORITY", "4");
}

static void test_an_interval_that_is_nearly_met_is_no_reason_for_a_warning(void **state)
{
        const struct summary_test *test = *state;
        const struct monitor_counts counts = { .watched = 2, .open = 2, .round_us = 16 * USEC_PER_SEC };

        summary_log_reload(test->journal, test->config, &counts, "2 jobs");
        assert_int_equal(capture_count(), 1);
}

/* Not "polling each every 0s instead of 0s". */
static void test_short_intervals_can_be_distinguished(void **state)
{
        const struct summary_test *test = *state;
        const struct monitor_counts counts = { .watched = 2, .open = 2, .round_us = 250 * USEC_PER_MSEC };
        struct config *config = load("interval = 100ms\nmax_interval = 1s");

        summary_log_reload(test->journal, config, &counts, "2 jobs");
        assert_int_equal(capture_count(), 2);
        expect_field("MESSAGE", "interval = 100ms is too short for 2 open jobs under [limits]; polling each "
                                "every 250ms instead.");
        config_free(config);
}

static void test_the_daily_summary(void **state)
{
        const struct summary_test *test = *state;
        struct monitor_counts counts = { .watched = 12,
                                         .open = 3,
                                         .succeeded = 8,
                                         .failed = 1,
                                         .spent_hour = 23,
                                         .round_us = USEC_PER_SEC };

        summary_log_daily(test->journal, test->config, &counts);
        expect_message(
                "Watching 12 jobs: 3 open, 8 succeeded, 1 failed or gone; open jobs are polled at least "
                "every 2min; 23 requests in the last hour.");
        counts.round_us = USEC_PER_HOUR; /* the limits do not allow max_interval */
        summary_log_daily(test->journal, test->config, &counts);
        expect_message(
                "Watching 12 jobs: 3 open, 8 succeeded, 1 failed or gone; open jobs are polled at least "
                "every 1h; 23 requests in the last hour.");
}

/* ---- the end ---- */

/* Journal, STATUS= and exit status of a run that has nothing left to do. */
static void expect_end(const struct summary_test *test, const struct monitor_counts *counts, size_t abandoned,
                       const char *status_text, enum exit_status status)
{
        char *text = summary_of_end(counts, abandoned);

        assert_string_equal(text, status_text);
        free(text);
        assert_int_equal(exit_status_when_done(counts, abandoned), status);
        capture_reset();
        summary_log_abandoned(test->journal, abandoned);
        assert_int_equal(capture_count(), abandoned > 0 ? 1 : 0);
        capture_reset();
}

static void test_all_jobs_have_ended(void **state)
{
        const struct summary_test *test = *state;
        const struct monitor_counts good = { .watched = 9, .succeeded = 9 },
                                    bad = { .watched = 9, .succeeded = 8, .failed = 1 };

        summary_log_finished(test->journal, &bad, "Exiting.");
        expect_message("All jobs finished: 8 succeeded, 1 failed or gone. Exiting.");
        expect_end(test, &good, 0, "All jobs finished: 9 succeeded, 0 failed or gone", EXIT_STATUS_SUCCESS);
        expect_end(test, &bad, 0, "All jobs finished: 8 succeeded, 1 failed or gone", EXIT_STATUS_JOB_FAILED);
}

/* The only reason for the exit status is logged with it. */
static void test_an_abandoned_delivery_is_a_failure(void **state)
{
        const struct summary_test *test = *state;
        const struct monitor_counts counts = { .watched = 9, .succeeded = 9 };

        expect_end(test, &counts, 2,
                   "All jobs finished: 9 succeeded, 0 failed or gone; 2 deliveries abandoned",
                   EXIT_STATUS_JOB_FAILED);
        summary_log_abandoned(test->journal, 1);
        expect_message("1 delivery was abandoned. Exiting with status 1.");
        summary_log_abandoned(test->journal, 2);
        expect_message("2 deliveries were abandoned. Exiting with status 1.");
}

static void test_jobs_that_are_open_after_a_single_round(void **state)
{
        const struct monitor_counts counts = { .watched = 9, .open = 3, .succeeded = 6 };
        (void)state;
        char *text = summary_of_end(&counts, 1);

        assert_string_equal(text, "3 of 9 jobs still open; 1 delivery abandoned");
        free(text);
}

/* The worst that happened decides. */
static void test_the_exit_status_of_a_single_round(void **state)
{
        (void)state;
        struct monitor_counts counts = { .watched = 9, .open = 3, .succeeded = 5, .failed = 1 };

        assert_int_equal(exit_status_of_round(&counts, false),
                         EXIT_STATUS_SUCCESS); /* every job was answered */
        counts.not_found = 1;
        assert_int_equal(exit_status_of_round(&counts, false), EXIT_STATUS_JOB_FAILED);
        counts.unanswered = 1;
        assert_int_equal(exit_status_of_round(&counts, false), EXIT_STATUS_API);
        counts.failure = FAILURE_UNREACHABLE;
        assert_int_equal(exit_status_of_round(&counts, false), EXIT_STATUS_API);
        counts.failure = FAILURE_THROTTLED;
        assert_int_equal(exit_status_of_round(&counts, false), EXIT_STATUS_API);
        counts.failure = FAILURE_REFUSED;
        assert_int_equal(exit_status_of_round(&counts, false), EXIT_STATUS_REFUSED);
        assert_int_equal(exit_status_of_round(&counts, true), EXIT_STATUS_STATE);
        counts.report_error = -EPIPE;
        assert_int_equal(exit_status_of_round(&counts, false), EXIT_STATUS_STATE);
        counts.report_error = 0;
        counts.unrecorded = 1;
        assert_int_equal(exit_status_of_round(&counts, false), EXIT_STATUS_STATE);
}

int main(void)
{
#define TEST(function) cmocka_unit_test_setup_teardown(function, setup, teardown)
        static const struct CMUnitTest tests[] = {
                TEST(test_the_start),
                TEST(test_an_interval_that_never_grows_is_shown_alone),
                TEST(test_an_interval_beyond_the_limits_is_a_warning),
                TEST(test_an_interval_that_is_nearly_met_is_no_reason_for_a_warning),
                TEST(test_short_intervals_can_be_distinguished),
                TEST(test_the_daily_summary),
                TEST(test_all_jobs_have_ended),
                TEST(test_an_abandoned_delivery_is_a_failure),
                TEST(test_jobs_that_are_open_after_a_single_round),
                TEST(test_the_exit_status_of_a_single_round),
        };

        return cmocka_run_group_tests_name("summary", tests, NULL, NULL);
}
