/* SPDX-License-Identifier: MIT */

/* What is logged of jobs that start to fail and recover before the line about them is due. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "journal_capture.h"
#include "monitor/failing.h"

#define JOBS 6

struct fixture {
        sd_event *event;
        struct journal *journal;
        struct failing_log *log;
};

static int setup(void **state)
{
        const struct log_config settings = capture_settings();
        static struct fixture fixture;

        capture_socket(true);
        capture_result(0);
        assert_true(sd_event_new(&fixture.event) >= 0);
        assert_int_equal(journal_open(&settings, &fixture.journal), 0);
        fixture.log = failing_log_new(fixture.event, fixture.journal);
        for (uint64_t job = 1; job <= JOBS; job++)
                failing_log_start(fixture.log, job, NULL, FAILURE_SERVER_ERROR, "HTTP 500");
        capture_reset();
        *state = &fixture;
        return 0;
}

static int teardown(void **state)
{
        struct fixture *fixture = *state;

        failing_log_free(fixture->log);
        journal_close(fixture->journal);
        sd_event_unref(fixture->event);
        return 0;
}

/* The first jobs recover, and what waits is logged: one entry, which says how many others still fail. */
static void expect_after_recovery(struct fixture *fixture, uint64_t recovered, const char *expected)
{
        for (uint64_t job = 1; job <= recovered; job++)
                failing_log_end(fixture->log, job, NULL);
        fixture->log = failing_log_free(fixture->log);
        assert_int_equal(capture_count(), 1);
        expect_field("MESSAGE", expected);
}

static void test_more_than_five(void **state)
{
        expect_after_recovery(
                *state, 0,
                "6 jobs cannot be polled (server error); polling less often. One of them: Job 1: "
                "cannot be polled: HTTP 500. Polling it less often.");
}

static void test_five_of_six(void **state)
{
        expect_after_recovery(
                *state, 1,
                "5 jobs cannot be polled (server error); polling less often. One of them: Job 2: "
                "cannot be polled: HTTP 500. Polling it less often.");
}

static void test_one_of_six(void **state)
{
        expect_after_recovery(*state, 5, "1 job cannot be polled (server error); polling less often.");
}

static void test_a_job_that_fails_again_has_one_line(void **state)
{
        struct fixture *fixture = *state;

        failing_log_free(fixture->log);
        capture_reset();
        fixture->log = failing_log_new(fixture->event, fixture->journal);
        failing_log_start(fixture->log, 1, NULL, FAILURE_SERVER_ERROR, "HTTP 500");
        failing_log_start(fixture->log, 1, NULL, FAILURE_NO_RESPONSE, "timeout");
        expect_after_recovery(fixture, 0, "Job 1: cannot be polled: timeout. Polling it less often.");
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(test_more_than_five, setup, teardown),
                cmocka_unit_test_setup_teardown(test_five_of_six, setup, teardown),
                cmocka_unit_test_setup_teardown(test_one_of_six, setup, teardown),
                cmocka_unit_test_setup_teardown(test_a_job_that_fails_again_has_one_line, setup, teardown),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
