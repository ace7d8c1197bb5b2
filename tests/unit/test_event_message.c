/* SPDX-License-Identifier: MIT */

/* Messages of events. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "journal/event_message.h"

static void expect(const struct event *event, const char *expected)
{
        char *message = event_message(event, 0);

        assert_non_null(message);
        assert_string_equal(message, expected);
        free(message);
}

/* Job 87654323 (members-import), which goes from Running to Completed. */
static struct event sample(enum event_kind kind)
{
        return (struct event){
                .kind = kind,
                .outcome = OUTCOME_OPEN,
                .job_name = TEXT_LITERAL("members-import"),
                .record = { .id = 87654323, .status = TEXT_LITERAL("Completed") },
                .status_before = TEXT_LITERAL("Running"),
        };
}

static void test_label(void **state)
{
        static const struct {
                uint64_t id;
                const char *name, *label;
        } labels[] = {
                { 1, NULL, "Job 1" },
                { 1, "", "Job 1" },
                { UINT64_MAX, "a.b-c_d", "Job 18446744073709551615 (a.b-c_d)" },
        };
        (void)state;

        for (size_t i = 0; i < sizeof(labels) / sizeof(labels[0]); i++) {
                char *label = job_label(labels[i].id, labels[i].name);
                assert_non_null(label);
                assert_string_equal(label, labels[i].label);
                free(label);
        }
}

static void test_status_changes(void **state)
{
        static const enum event_kind kinds[] = { EVENT_CHANGED, EVENT_SUCCEEDED, EVENT_FAILED };
        (void)state;

        for (size_t i = 0; i < 3; i++) {
                struct event event = sample(kinds[i]);
                expect(&event, "Job 87654323 (members-import): Running → Completed");
                event.job_name = TEXT_NULL;
                expect(&event, "Job 87654323: Running → Completed");
        }
}

static void test_null_and_empty(void **state)
{
        struct event event = sample(EVENT_CHANGED);
        (void)state;

        event.status_before = TEXT_NULL;
        event.record.status = TEXT_LITERAL("");
        expect(&event, "Job 87654323 (members-import): (none) → (empty)");
        event.record.status = TEXT_NULL;
        event.status_before = TEXT_LITERAL("Running");
        expect(&event, "Job 87654323 (members-import): Running → (none)");
}

static void test_only_the_result_changed(void **state)
{
        struct event event = sample(EVENT_CHANGED);
        (void)state;

        event.status_before = event.record.status;
        event.record.result = TEXT_LITERAL("{\"rows\":\n12}");
        expect(&event, "Job 87654323 (members-import): Completed, result is now {\"rows\":\\n12}");
        event.result_before = event.record.result;
        event.record.result = TEXT_NULL;
        expect(&event, "Job 87654323 (members-import): Completed, result is now (none)");
}

static void test_result_is_in_the_message(void **state)
{
        struct event event = sample(EVENT_FAILED);
        (void)state;

        event.record.status = TEXT_LITERAL("Failed");
        event.record.result = TEXT_LITERAL("Row 17: no such\nprice plan");
        expect(&event, "Job 87654323 (members-import): Running → Failed: Row 17: no such\\nprice plan");
        event.result_before = event.record.result;
        expect(&event, "Job 87654323 (members-import): Running → Failed: Row 17: no such\\nprice plan");
        event.first_observation = true;
        expect(&event, "Job 87654323 (members-import): first seen as Failed: Row 17: no such\\nprice plan");

        event.record.result = TEXT_LITERAL("");
        expect(&event, "Job 87654323 (members-import): first seen as Failed");
        event.first_observation = false;
        expect(&event, "Job 87654323 (members-import): Running → Failed");
}

static void test_description_stands_in_for_the_name(void **state)
{
        struct event event = sample(EVENT_CHANGED);
        (void)state;

        event.record.description = TEXT_LITERAL("Import of invoices");
        expect(&event, "Job 87654323 (members-import): Running → Completed");
        event.job_name = TEXT_NULL;
        expect(&event, "Job 87654323 \"Import of invoices\": Running → Completed");
        event.kind = EVENT_GONE;
        expect(&event, "Job 87654323 \"Import of invoices\": Completed → gone (no longer in Nexudus)");
        event.record.description = TEXT_LITERAL("");
        expect(&event, "Job 87654323: Completed → gone (no longer in Nexudus)");
}

static void test_only_the_outcome_changed(void **state)
{
        struct event event = sample(EVENT_SUCCEEDED);
        (void)state;

        event.status_before = event.record.status;
        event.outcome = OUTCOME_SUCCESS;
        expect(&event, "Job 87654323 (members-import): Completed now counts as success");
        event.record.result = event.result_before = TEXT_LITERAL("12 rows");
        expect(&event, "Job 87654323 (members-import): Completed now counts as success: 12 rows");
}

static void test_first_observation(void **state)
{
        static const enum event_kind kinds[] = { EVENT_SEEN, EVENT_SUCCEEDED, EVENT_FAILED };
        (void)state;

        for (size_t i = 0; i < 3; i++) {
                struct event event = sample(kinds[i]);
                event.first_observation = true;
                event.status_before = TEXT_NULL;
                expect(&event, "Job 87654323 (members-import): first seen as Completed");
        }
}

static void test_gone_and_stalled(void **state)
{
        struct event event = sample(EVENT_GONE);
        (void)state;

        event.record.status = TEXT_LITERAL("Running");
        expect(&event, "Job 87654323 (members-import): Running → gone (no longer in Nexudus)");
        event.first_observation = true;
        expect(&event, "Job 87654323 (members-import): gone (no such job in Nexudus)");

        event = sample(EVENT_STALLED);
        event.record.status = TEXT_LITERAL("Running");
        expect(&event,
               "Job 87654323 (members-import): still Running, unchanged for longer than stalled_after");
}

static void test_remote_texts_are_escaped_and_cut(void **state)
{
        static char status[1000], result[4000];
        struct event event = sample(EVENT_CHANGED);
        (void)state;

        event.status_before = TEXT_LITERAL("a\x1b[31m\nb\0c");
        expect(&event, "Job 87654323 (members-import): a\\x1b[31m\\nb\\x00c → Completed");

        memset(status, 's', sizeof(status));
        memset(result, '\x01', sizeof(result));
        event.record.status = event.status_before = (struct text){ status, sizeof(status) };
        event.record.result = (struct text){ result, sizeof(result) };
        char *message = event_message(&event, 0);
        assert_non_null(message);
        assert_non_null(strstr(message, "s…, result is now \\x01"));
        assert_null(strchr(message, '\x01'));
        assert_true(strlen(message) < 1000);
        free(message);
}

/* 199 bytes and a character of two: it would begin at the last byte that is allowed. */
static void test_result_is_cut_at_200_bytes_between_characters(void **state)
{
        static const char before[] = "Job 87654323 (members-import): Running → Completed: ";
        char result[300], expected[400];
        struct event event = sample(EVENT_SUCCEEDED);
        (void)state;

        memset(result, 'x', sizeof(result));
        memcpy(result + 199, "é", 2);
        event.record.result = (struct text){ result, sizeof(result) };
        (void)snprintf(expected, sizeof(expected), "%s%.*s…", before, 199, result);
        expect(&event, expected);

        event.record.result.size = 200;
        result[199] = 'y';
        (void)snprintf(expected, sizeof(expected), "%s%.*sy", before, 199, result);
        expect(&event, expected);
}

static void test_result_is_cut_at_result_bytes(void **state)
{
        struct event event = sample(EVENT_SUCCEEDED);
        (void)state;

        event.record.result = TEXT_LITERAL("secret");
        char *message = event_message(&event, 2);
        assert_non_null(message);
        assert_string_equal(message, "Job 87654323 (members-import): Running → Completed: se…");
        free(message);

        event.status_before = event.record.status;
        message = event_message(&event, 1);
        assert_non_null(message);
        assert_string_equal(message, "Job 87654323 (members-import): Completed, result is now s…");
        free(message);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_label),
                cmocka_unit_test(test_status_changes),
                cmocka_unit_test(test_null_and_empty),
                cmocka_unit_test(test_only_the_result_changed),
                cmocka_unit_test(test_result_is_in_the_message),
                cmocka_unit_test(test_description_stands_in_for_the_name),
                cmocka_unit_test(test_only_the_outcome_changed),
                cmocka_unit_test(test_first_observation),
                cmocka_unit_test(test_gone_and_stalled),
                cmocka_unit_test(test_remote_texts_are_escaped_and_cut),
                cmocka_unit_test(test_result_is_cut_at_200_bytes_between_characters),
                cmocka_unit_test(test_result_is_cut_at_result_bytes),
        };

        return cmocka_run_group_tests_name("event_message", tests, NULL, NULL);
}
