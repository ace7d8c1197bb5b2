/* SPDX-License-Identifier: MIT */

/* An event of the API is of no job: in the state, in the journal, and for hooks. */

#include <stdlib.h>
#include <string.h>

#include "state_fixture.h"

#include "delivery/outbox.h"
#include "delivery/outbox_load.h"
#include "delivery/payload.h"
#include "delivery/variables.h"
#include "journal/event_message.h"
#include "journal_capture.h"
#include "util/cleanup.h"

#define WHAT "API at https://spaces.nexudus.com has been down for over 10min: no\nroute"

static struct event sample(unsigned number, enum event_kind kind)
{
        struct event event = {
                .sequence = 17,
                .kind = kind,
                .outcome = kind == EVENT_API_OK ? OUTCOME_SUCCESS : OUTCOME_FAILURE,
                .time_us = UINT64_C(1769860800123456) + number,
                .record.description = TEXT_LITERAL(WHAT),
                .first_observation = true,
        };

        memcpy(event.id, fixture_event_id(number), EVENT_ID_SIZE);
        return event;
}

/* ---- the state ---- */

static void test_nothing_else_is_stored_of_it(void **state)
{
        static const char *const hooks[] = { "mail" };
        struct fixture *fixture = *state;
        struct delivery deliveries[3];
        struct stored_job job;

        for (unsigned number = 1; number < 3; number++) {
                struct event event = sample(number, number == 1 ? EVENT_API_DOWN : EVENT_API_OK), stored;

                assert_int_equal(store_fill_event(fixture->state, &event), 0);
                assert_int_equal(store_record_event(fixture->state, &event, hooks, 1, NULL), 0);
                assert_int_equal(event.sequence, number);
                fixture_reopen(fixture);
                assert_int_equal(store_get_event(fixture->state, event.id, &stored), 1);
                assert_event_equal(&stored, &event);
                event_clear(&stored);
        }
        assert_int_equal(store_get_job(fixture->state, 0, &job), 0);
        assert_int_equal(store_pending_deliveries(fixture->state, "mail", 0, deliveries, 3), 2);
        assert_int_equal(deliveries[0].job_id, 0);
        assert_int_equal(deliveries[1].job_id, 0);
}

static void test_it_is_pruned_as_others_are(void **state)
{
        struct fixture *fixture = *state;
        struct event event;

        for (unsigned number = 1; number < 4; number++) {
                const char *const id = fixture_event_id(number);

                event = sample(number, EVENT_API_DOWN);
                assert_int_equal(store_record_event(fixture->state, &event, NULL, 0, NULL), 0);
                if (number != 2)
                        assert_int_equal(store_mark_logged(fixture->state, &id, 1), 0);
        }
        assert_int_equal(store_prune(fixture->state, UINT64_C(1800000000000000), 0, &NOTHING_CONFIGURED), 0);
        assert_int_equal(store_get_event(fixture->state, fixture_event_id(1), &event), 0);
        for (unsigned number = 2; number < 4; number++) { /* it is not logged; it is the latest */
                assert_int_equal(store_get_event(fixture->state, fixture_event_id(number), &event), 1);
                event_clear(&event);
        }
}

/* ---- the journal ---- */

static void test_it_is_logged_without_a_job(void **state)
{
        const struct log_config settings = capture_settings();
        struct event event = sample(1, EVENT_API_REFUSED);
        struct journal *journal;
        (void)state;

        capture_reset();
        assert_int_equal(journal_open(&settings, &journal), 0);
        assert_int_equal(journal_event(journal, &event), 0);
        expect_field("MESSAGE", "API at https://spaces.nexudus.com has been down for over 10min: no\\nroute");
        expect_field("JOBWATCH_EVENT", "api_refused");
        expect_field("JOBWATCH_SEQUENCE", "17");
        expect_field("JOBWATCH_OUTCOME", "failure");
        expect_field("JOBWATCH_DESCRIPTION", WHAT);
        expect_field("JOBWATCH_JOB", NULL);
        expect_field("JOBWATCH_JOB_NAME", NULL);
        expect_field("JOBWATCH_STATUS", NULL);
        expect_field("JOBWATCH_RESULT_BYTES", NULL);
        journal_close(journal);

        CLEANUP(cleanup_free) char *label = job_label(0, NULL);
        assert_string_equal(label, "API");
}

/* ---- hooks ---- */

static void test_its_document_has_no_job(void **state)
{
        const struct event event = sample(1, EVENT_API_OK);
        (void)state;

        CLEANUP(cleanup_free) char *document = payload_write(&event, 2, true);
        assert_string_equal(
                document, "{\"schema\":1,\"event\":\"api_ok\","
                          "\"event_id\":\"00000000-0000-4000-8000-000000000001\",\"sequence\":17,"
                          "\"time\":\"2026-01-31T12:00:00.123457Z\",\"job\":null,"
                          "\"description\":\"API at https://spaces.nexudus.com has been down for over 10min: "
                          "no\\nroute\",\"status\":null,\"status_before\":null,\"outcome\":\"success\","
                          "\"result\":null,\"result_before\":null,\"result_known\":false,\"attempt\":2}\n");
}

static void test_its_variables_are_set_and_that_of_the_job_is_empty(void **state)
{
        static const char *const expected[EVENT_VARIABLE_COUNT] = {
                "JOBWATCH_EVENT=api_down",  "JOBWATCH_EVENT_ID=00000000-0000-4000-8000-000000000001",
                "JOBWATCH_SEQUENCE=17",     "JOBWATCH_JOB=",
                "JOBWATCH_JOB_NAME=",       "JOBWATCH_DISCOVER=",
                "JOBWATCH_STATUS=",         "JOBWATCH_STATUS_BEFORE=",
                "JOBWATCH_OUTCOME=failure", "JOBWATCH_RESULT_BYTES=0",
                "JOBWATCH_ATTEMPT=3",       "JOBWATCH_TEST=",
        };
        const struct event event = sample(1, EVENT_API_DOWN);
        char *variables[EVENT_VARIABLE_COUNT];
        (void)state;

        event_variables_get(&event, 3, variables);
        for (size_t i = 0; i < EVENT_VARIABLE_COUNT; i++) {
                assert_string_equal(variables[i], expected[i]);
                free(variables[i]);
        }
}

int main(void)
{
#define TEST(function) cmocka_unit_test_setup_teardown(function, fixture_setup, fixture_teardown)
        const struct CMUnitTest tests[] = {
                TEST(test_nothing_else_is_stored_of_it),
                TEST(test_it_is_pruned_as_others_are),
                cmocka_unit_test(test_it_is_logged_without_a_job),
                cmocka_unit_test(test_its_document_has_no_job),
                cmocka_unit_test(test_its_variables_are_set_and_that_of_the_job_is_empty),
        };

        return cmocka_run_group_tests_name("api_event", tests, NULL, NULL);
}
