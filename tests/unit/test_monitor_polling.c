/* SPDX-License-Identifier: MIT */

/* From a poll to what is recorded and logged, seen from outside: an API on one side, the journal on the
 * other. */

#include "monitor_fixture.h"

#include "app/status_text.h"
#include "monitor/poll_state.h"
#include "monitor/request_slot.h"

static void begin(void **state, const struct monitor_options *options)
{
        assert_int_equal(monitor_teardown(state), 0);
        monitor_begin(state, options);
}

/* ---- changes ---- */

static void test_a_change_is_recorded_once(void **state)
{
        struct monitor_test *test = *state;

        test->status[1] = "Queued";
        wait_for_polls(test, 1, 5);
        assert_int_equal(capture_count(), 3);
        expect_field("JOBWATCH_EVENT", "changed");
        test->status[1] = "Running"; /* and back */
        wait_for_polls(test, 1, 5);
        assert_int_equal(capture_count(), 4);
        expect_field("JOBWATCH_STATUS_BEFORE", "Queued");
}

static void test_an_ended_job_is_not_polled_any_more(void **state)
{
        struct monitor_test *test = *state;

        test->status[1] = "Completed";
        wait_for_entries(test, 3);
        expect_field("JOBWATCH_EVENT", "succeeded");
        unsigned polls = test->polls[1];
        wait_for_polls(test, 2, 5);
        assert_int_equal(test->polls[1], polls);
        assert_int_equal(test->idle, 0);

        test->status[2] = "Failed";
        loop_until(test->event, &test->idle, 1);
        assert_int_equal(capture_count(), 4);
        expect_field("JOBWATCH_EVENT", "failed");
}

/* ---- requests ---- */

static void test_requests_in_flight_are_bounded(void **state)
{
        const struct monitor_options options = { .jobs = "1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12",
                                                 .level = LOG_ERR };

        begin(state, &options);
        struct monitor_test *test = *state;
        for (size_t id = 1; id <= 12; id++)
                test->is_withheld[id] = true;
        loop_until(test->event, &test->requests, MAX_IN_FLIGHT);
        loop_for(test->event, 300 * USEC_PER_MSEC);
        assert_int_equal(test->requests, MAX_IN_FLIGHT);

        for (size_t id = 1; id <= 12; id++) {
                test->is_withheld[id] = false;
                if (test->withheld[id] != NULL)
                        monitor_answer(test, id);
        }
        wait_for_entries(test, 12);
}

static void test_the_response_for_a_removed_job_is_ignored(void **state)
{
        struct monitor_test *test = *state;

        test->is_withheld[1] = true;
        wait_for_polls(test, 1, 1);
        struct loopback_peer *peer = test->withheld[1];
        test->status[1] = "Completed";
        reload_to(test, "2");
        loop_until(test->event, &test->reloads, 1);
        if (loopback_is_open(test->server, peer))
                monitor_answer(test, 1);
        wait_for_polls(test, 2, 5);
        assert_int_equal(capture_count(), 2);
        assert_int_equal(monitor_count(test->monitor).watched, 1);
        assert_int_equal(monitor_count(test->monitor).succeeded, 0);
}

static void test_after_a_stop_nothing_is_sent_and_nothing_is_recorded(void **state)
{
        struct monitor_test *test = *state;

        test->is_withheld[1] = true;
        wait_for_polls(test, 1, 1);
        struct loopback_peer *peer = test->withheld[1];
        test->status[1] = "Completed";
        monitor_stop(test->monitor);
        loop_settle(test->event);
        unsigned requests = test->requests;
        if (loopback_is_open(test->server, peer))
                monitor_answer(test, 1);
        loop_for(test->event, 300 * USEC_PER_MSEC);
        assert_int_equal(test->requests, requests);
        assert_int_equal(capture_count(), 2);
        assert_int_equal(test->idle, 0);
}

static void test_a_request_is_repeated_with_a_new_token(void **state)
{
        struct monitor_test *test = *state;

        test->has_new_token = true;
        test->failure[1] = "401 Unauthorized";
        wait_for_polls(test, 1, 1);
        test->failure[1] = NULL;
        test->status[1] = "Queued";
        wait_for_entries(test, 3);
        expect_field("JOBWATCH_STATUS", "Queued");
        assert_int_equal(monitor_count(test->monitor).failure, FAILURE_NONE);
}

/* ---- one round ---- */

static void test_a_single_round_answers_every_job(void **state)
{
        const struct monitor_options options = { .jobs = "1, 2, 3, 4, 5", .once = true, .level = LOG_EMERG };

        begin(state, &options);
        struct monitor_test *test = *state;
        test->status[2] = "Completed";
        test->status[3] = "Failed";
        test->failure[4] = "404 Not Found";
        test->failure[5] = "500 Internal Server Error";
        loop_until(test->event, &test->idle, 1);

        const struct monitor_counts counts = monitor_count(test->monitor);
        assert_int_equal(counts.watched, 5);
        assert_int_equal(counts.succeeded, 1);
        assert_int_equal(counts.failed, 1);
        assert_int_equal(counts.not_found, 1);
        assert_int_equal(counts.unanswered, 1); /* only that which has failed */
        for (size_t id = 1; id <= 4; id++)
                assert_int_equal(test->polls[id], 1);
}

static void test_what_was_down_before_a_single_round_that_is_answered_is_not_down_since_then(void **state)
{
        const struct monitor_options once = { .jobs = "1", .once = true, .level = LOG_EMERG },
                                     after = { .jobs = "1", .level = LOG_EMERG };
        const struct api_events_kept outage = { .since_us = 1 };
        struct monitor_test *test = *state;

        for (unsigned i = 0; i < 2; i++) {
                state_put_value(test->state, "outage", &outage, sizeof(outage));
                test->all = i == 0 ? "500 Internal Server Error" : NULL;
                monitor_restart(state, &once);
                loop_until(test->event, &test->idle, i + 1);
                monitor_restart(state, &after);
                assert_int_equal(test->monitor->outage_events.kept.since_us, i == 0 ? 1 : 0);
        }
}

/* ---- failures ---- */

static void test_a_failing_job_does_not_concern_the_others(void **state)
{
        struct monitor_test *test = *state;

        test->failure[1] = "500 Internal Server Error";
        wait_for_polls(test, 1, 3);
        struct monitor_counts counts = monitor_count(test->monitor);
        assert_int_equal(counts.failure, FAILURE_NONE);
        assert_int_equal(counts.failing, 1);
        unsigned polls = test->polls[1];
        wait_for_polls(test, 2, 10);
        assert_true(test->polls[1] - polls < 10); /* it is polled less often */

        test->failure[1] = NULL;
        test->status[1] = "Queued";
        wait_for_entries(test, 3);
        expect_field("JOBWATCH_STATUS", "Queued");
        loop_settle(test->event);
        assert_int_equal(monitor_count(test->monitor).failing, 0);
}

/* An API that refuses takes 10 s until that is certain; test_status_line.py has that. */
static void test_an_outage_is_named_alike_in_the_journal_and_the_status(void **state)
{
        static const struct {
                const char *answer, *headers, *logged, *shown;
        } cases[] = {
                { "500 Internal Server Error", "", "Server error of the API at ", "; API: server error, " },
                { "404 Not Found", "", " answers 404 to everything", "; API: answers 404 to everything, " },
                { "418 I'm a teapot", "", "Cannot use the API at ", "; API: unexpected response, " },
                { "429 Too Many Requests", "Retry-After: 60\r\n",
                  "Rate limited by the API: ", "; API: rate limited, " },
        };
        const struct monitor_options options = { .jobs = "1, 2", .level = LOG_WARNING };

        for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
                size_t size;

                begin(state, &options);
                struct monitor_test *test = *state;
                test->all = cases[i].answer;
                test->headers = cases[i].headers;
                wait_for_entries(test, 1);
                const char *message = capture_field("MESSAGE", &size);
                assert_non_null(message);
                if (memmem(message, size, cases[i].logged, strlen(cases[i].logged)) == NULL)
                        fail_msg("logged: %.*s", (int)size, message);

                const struct status_facts facts = { .config = test->parts.config,
                                                    .jobs = monitor_count(test->monitor) };
                char *text = status_text(&facts);
                if (strstr(text, cases[i].shown) == NULL)
                        fail_msg("shown: %s", text);
                free(text);
        }
}

static void test_the_end_of_an_outage_brings_all_jobs_back(void **state)
{
        struct monitor_test *test = *state;

        test->all = "500 Internal Server Error";
        while (monitor_count(test->monitor).failure == FAILURE_NONE)
                assert_true(sd_event_run(test->event, UINT64_MAX) > 0);
        test->all = NULL;
        wait_for_polls(test, 1, 3);
        wait_for_polls(test, 2, 3);
        assert_int_equal(monitor_count(test->monitor).failure, FAILURE_NONE);
        assert_int_equal(monitor_count(test->monitor).failing, 0);
}

int main(void)
{
#define TEST(function) cmocka_unit_test_setup_teardown(function, monitor_setup, monitor_teardown)
        static const struct CMUnitTest tests[] = {
                TEST(test_a_change_is_recorded_once),
                TEST(test_an_ended_job_is_not_polled_any_more),
                TEST(test_requests_in_flight_are_bounded),
                TEST(test_the_response_for_a_removed_job_is_ignored),
                TEST(test_after_a_stop_nothing_is_sent_and_nothing_is_recorded),
                TEST(test_a_request_is_repeated_with_a_new_token),
                TEST(test_a_single_round_answers_every_job),
                TEST(test_what_was_down_before_a_single_round_that_is_answered_is_not_down_since_then),
                TEST(test_a_failing_job_does_not_concern_the_others),
                TEST(test_an_outage_is_named_alike_in_the_journal_and_the_status),
                TEST(test_the_end_of_an_outage_brings_all_jobs_back),
        };

        return cmocka_run_group_tests_name("monitor_polling", tests, NULL, NULL);
}
