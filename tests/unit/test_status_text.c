/* SPDX-License-Identifier: MIT */

/* What `systemctl status` shows: the counts, every kind of trouble, and when something happens next. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <time.h>

#include <cmocka.h>

#include "app/status_text.h"
#include "util/timespan.h"

#include "config_helpers.h" /* after cmocka.h */

/* 2026-03-01 12:00:00 UTC, a week after the machine was started. */
#define WALL_US (1772366400 * USEC_PER_SEC)
#define NOW_US  (7 * USEC_PER_DAY)

static int setup(void **state)
{
        assert_int_equal(setenv("TZ", "UTC", 1), 0);
        tzset();
        *state = load_with("limits", "per_hour = 5000");
        return 0;
}

static int teardown(void **state)
{
        config_free(*state);
        return 0;
}

/* All is well: twelve jobs, of which three are open. */
static struct status_facts well(const struct config *config)
{
        return (struct status_facts){
                .config = config,
                .jobs = { .watched = 12,
                          .open = 3,
                          .next_us = NOW_US + 8 * USEC_PER_SEC,
                          .started_us = NOW_US - USEC_PER_DAY,
                          .spent_hour = 23 },
                .now_us = NOW_US,
                .wall_us = WALL_US,
        };
}

static void expect(const struct status_facts *facts, const char *expected)
{
        char *text = status_text(facts);

        assert_non_null(text);
        assert_string_equal(text, expected);
        free(text);
}

static void test_what_is_well_or_zero_is_not_mentioned(void **state)
{
        struct status_facts facts = well(*state);

        expect(&facts, "12 jobs (3 open, 9 finished); next poll at 12:00:08; 23 of 5000 requests in the last "
                       "hour");
        facts.jobs = (struct monitor_counts){ .watched = 1, .next_us = USEC_NEVER };
        expect(&facts, "1 job (0 open, 1 finished); 0 of 5000 requests in the last hour");
}

static void test_a_login_that_is_needed_is_named(void **state)
{
        struct status_facts facts = well(*state);

        facts.jobs.login = "jobwatchctl -i branch login";
        facts.jobs.failure = FAILURE_REFUSED;
        expect(&facts,
               "12 jobs (3 open, 9 finished); API: not signed in, run \"jobwatchctl -i branch login\"; "
               "23 of 5000 requests in the last hour");
        facts.jobs.login_is_due = true;
        facts.jobs.failure = FAILURE_NONE;
        expect(&facts,
               "12 jobs (3 open, 9 finished); API: the sign-in ends soon, run \"jobwatchctl -i branch "
               "login\"; next poll at 12:00:08; 23 of 5000 requests in the last hour");
}

static void test_failing_jobs_and_deliveries_are_counted(void **state)
{
        struct status_facts facts = well(*state);

        facts.jobs.failing = 2;
        facts.deliveries = (struct outbox_counts){ .pending = 1, .abandoned = 2 };
        expect(&facts, "12 jobs (3 open, 9 finished, 2 failing), 1 delivery pending, 2 deliveries abandoned; "
                       "next poll at 12:00:08; 23 of 5000 requests in the last hour");
}

static void test_that_the_feed_is_off_is_shown_with_the_reason(void **state)
{
        struct status_facts facts = well(*state);

        facts.jobs.feed_problem = "pages do not advance";
        expect(&facts, "12 jobs (3 open, 9 finished); change feed off: pages do not advance; next poll at "
                       "12:00:08; 23 of 5000 requests in the last hour");
        facts.jobs.feed_problem = NULL;
        facts.jobs.discovery_problem = "the user lacks a role";
        expect(&facts,
               "12 jobs (3 open, 9 finished); new jobs not found: the user lacks a role; next poll at "
               "12:00:08; 23 of 5000 requests in the last hour");
}

/* The time of the next poll has no meaning then. */
static void test_each_failure_of_the_api_is_named_with_the_next_attempt(void **state)
{
        static const struct {
                enum failure failure;
                bool blocked;
                const char *text;
        } cases[] = {
                { FAILURE_UNREACHABLE, false, "unreachable" },
                { FAILURE_NO_RESPONSE, false, "no response" },
                { FAILURE_SERVER_ERROR, false, "server error" },
                { FAILURE_REFUSED, false, "credentials rejected" },
                { FAILURE_REFUSED, true, "requests blocked" },
                { FAILURE_NOT_FOUND, false, "answers 404 to everything" },
                { FAILURE_THROTTLED, false, "rate limited" },
                { FAILURE_UNEXPECTED, false, "unexpected response" },
        };
        struct status_facts facts = well(*state);
        char expected[256];

        for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
                facts.jobs.failure = cases[i].failure;
                facts.jobs.blocked = cases[i].blocked;
                facts.jobs.retry_us = NOW_US + USEC_PER_HOUR;
                (void)snprintf(expected, sizeof(expected),
                               "12 jobs (3 open, 9 finished); API: %s, next attempt at 13:00:00; 23 of 5000 "
                               "requests in the last hour",
                               cases[i].text);
                expect(&facts, expected);
        }
}

static void test_an_attempt_that_is_due_is_made_now(void **state)
{
        struct status_facts facts = well(*state);

        facts.jobs.failure = FAILURE_UNREACHABLE;
        facts.jobs.retry_us = NOW_US - 1;
        expect(&facts,
               "12 jobs (3 open, 9 finished); API: unreachable, next attempt now; 23 of 5000 requests "
               "in the last hour");
}

/* Of the troubles of the state, the cause is shown rather than its effects. */
static void test_trouble_of_the_state(void **state)
{
        static const char rest[] = "; next poll at 12:00:08; 23 of 5000 requests in the last hour";
        struct status_facts facts = well(*state);
        char expected[256];

        facts.deliveries.state_error = true;
        (void)snprintf(expected, sizeof(expected),
                       "12 jobs (3 open, 9 finished); state: results of hooks cannot be recorded%s", rest);
        expect(&facts, expected);

        facts.state_error = "disk full";
        (void)snprintf(expected, sizeof(expected), "12 jobs (3 open, 9 finished); state: disk full%s", rest);
        expect(&facts, expected);

        facts.state_slow = true;
        (void)snprintf(expected, sizeof(expected),
                       "12 jobs (3 open, 9 finished); state: the disk does not respond%s", rest);
        expect(&facts, expected);
}

static void test_trouble_of_the_log(void **state)
{
        struct status_facts facts = well(*state);

        facts.journal_stuck = true;
        expect(&facts,
               "12 jobs (3 open, 9 finished); log: entries cannot be written at present; next poll at "
               "12:00:08; 23 of 5000 requests in the last hour");
}

static void test_a_failed_reload(void **state)
{
        struct status_facts facts = well(*state);

        facts.reload_failed = true;
        expect(&facts, "12 jobs (3 open, 9 finished); last reload failed, previous configuration in effect; "
                       "next poll at 12:00:08; 23 of 5000 requests in the last hour");
}

/* One trouble does not hide another. */
static void test_all_troubles_at_once(void **state)
{
        struct status_facts facts = well(*state);

        facts.jobs.failing = 1;
        facts.jobs.failure = FAILURE_NO_RESPONSE;
        facts.jobs.retry_us = NOW_US + 2 * USEC_PER_SEC;
        facts.deliveries.pending = 2;
        facts.state_error = "disk full";
        facts.reload_failed = true;
        expect(&facts,
               "12 jobs (3 open, 9 finished, 1 failing), 2 deliveries pending; API: no response, next "
               "attempt at 12:00:02; state: disk full; last reload failed, previous configuration in "
               "effect; 23 of 5000 requests in the last hour");
}

/* The text stays while nothing happens, so a time of another day has its date. */
static void test_a_time_of_another_day_has_its_date(void **state)
{
        struct status_facts facts = well(*state);

        facts.jobs.next_us = NOW_US + 13 * USEC_PER_HOUR;
        expect(&facts,
               "12 jobs (3 open, 9 finished); next poll at 2026-03-02 01:00:00; 23 of 5000 requests in "
               "the last hour");
        facts.jobs.next_us = NOW_US + 365 * USEC_PER_DAY; /* the same day of another year */
        expect(&facts,
               "12 jobs (3 open, 9 finished); next poll at 2027-03-01 12:00:00; 23 of 5000 requests in "
               "the last hour");
}

/* Those of earlier runs are not known. */
static void test_requests_of_the_first_hour_count_from_the_start(void **state)
{
        struct status_facts facts = well(*state);

        facts.jobs.started_us = NOW_US - USEC_PER_HOUR + 1;
        expect(&facts, "12 jobs (3 open, 9 finished); next poll at 12:00:08; 23 requests since the start");
        facts.jobs.spent_hour = 1;
        expect(&facts, "12 jobs (3 open, 9 finished); next poll at 12:00:08; 1 request since the start");
}

static void test_without_a_limit_requests_are_counted_alone(void **state)
{
        (void)state;
        struct config *config = load_with("limits", "per_hour = 0");
        struct status_facts facts = well(config);

        expect(&facts, "12 jobs (3 open, 9 finished); next poll at 12:00:08; 23 requests in the last hour");
        config_free(config);
}

int main(void)
{
#define TEST(function) cmocka_unit_test_setup_teardown(function, setup, teardown)
        static const struct CMUnitTest tests[] = {
                TEST(test_what_is_well_or_zero_is_not_mentioned),
                TEST(test_a_login_that_is_needed_is_named),
                TEST(test_failing_jobs_and_deliveries_are_counted),
                TEST(test_that_the_feed_is_off_is_shown_with_the_reason),
                TEST(test_each_failure_of_the_api_is_named_with_the_next_attempt),
                TEST(test_an_attempt_that_is_due_is_made_now),
                TEST(test_trouble_of_the_state),
                TEST(test_trouble_of_the_log),
                TEST(test_a_failed_reload),
                TEST(test_all_troubles_at_once),
                TEST(test_a_time_of_another_day_has_its_date),
                TEST(test_requests_of_the_first_hour_count_from_the_start),
                TEST(test_without_a_limit_requests_are_counted_alone),
        };

        return cmocka_run_group_tests_name("status_text", tests, NULL, NULL);
}
