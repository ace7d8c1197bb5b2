/* SPDX-License-Identifier: MIT */

/* Which observations are events: every pair of recorded and observed state. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "model/change.h"

static const struct job_memory nothing = { .recorded = false };

static char *failure[] = { (char[]){ "Failed" } };
static char *success[] = { (char[]){ "Completed" } };
static char *running[] = { (char[]){ "Running" }, (char[]){ "Pending" } };
static char *failed_result[] = { (char[]){ "bad*" } };
static struct status_rules status_rules = {
        { failure, 1 }, { success, 1 }, { running, 2 }, { failed_result, 1 }
};

static int rules_setup(void **state)
{
        *state = &status_rules;
        return 0;
}

static struct job_record record_of(struct text status, struct text result)
{
        return (struct job_record){
                .id = 7, .status = status, .result = result, .has_status = true, .has_result = true
        };
}

static struct job_memory memory_of(struct text status, struct text result, enum outcome outcome)
{
        const struct job_record record = record_of(status, result);

        return job_memory_of(&record, outcome);
}

static void expect_event(const struct status_rules *rules, const struct job_memory *memory,
                         struct text status, struct text result, enum event_kind kind, enum outcome outcome)
{
        const struct job_record record = record_of(status, result);
        struct change change = change_detect(memory, &record, rules);

        assert_true(change.has_event);
        assert_int_equal(change.kind, kind);
        assert_int_equal(change.outcome, outcome);

        /* Once recorded, the same observation has no event. */
        struct job_memory recorded = job_memory_of(&record, change.outcome);
        assert_false(change_detect(&recorded, &record, rules).has_event);
}

static void expect_no_event(const struct status_rules *rules, const struct job_memory *memory,
                            struct text status, struct text result)
{
        const struct job_record record = record_of(status, result);

        assert_false(change_detect(memory, &record, rules).has_event);
}

static void test_first_observation(void **state)
{
        expect_event(*state, &nothing, TEXT_LITERAL("Running"), TEXT_NULL, EVENT_SEEN, OUTCOME_OPEN);
        expect_event(*state, &nothing, TEXT_NULL, TEXT_NULL, EVENT_SEEN, OUTCOME_OPEN);
        expect_event(*state, &nothing, TEXT_LITERAL("Whatever"), TEXT_NULL, EVENT_SEEN, OUTCOME_OPEN);
        expect_event(*state, &nothing, TEXT_LITERAL("Completed"), TEXT_NULL, EVENT_SUCCEEDED,
                     OUTCOME_SUCCESS);
        expect_event(*state, &nothing, TEXT_LITERAL("Failed"), TEXT_NULL, EVENT_FAILED, OUTCOME_FAILURE);
        expect_event(*state, &nothing, TEXT_LITERAL("Completed"), TEXT_LITERAL("bad rows"), EVENT_FAILED,
                     OUTCOME_FAILURE);
}

static void test_changes_of_an_open_job(void **state)
{
        struct job_memory memory = memory_of(TEXT_LITERAL("Running"), TEXT_NULL, OUTCOME_OPEN);

        expect_no_event(*state, &memory, TEXT_LITERAL("Running"), TEXT_NULL);
        expect_event(*state, &memory, TEXT_LITERAL("Pending"), TEXT_NULL, EVENT_CHANGED, OUTCOME_OPEN);
        expect_event(*state, &memory, TEXT_NULL, TEXT_NULL, EVENT_CHANGED, OUTCOME_OPEN);
        expect_event(*state, &memory, TEXT_LITERAL("Completed"), TEXT_NULL, EVENT_SUCCEEDED, OUTCOME_SUCCESS);
        expect_event(*state, &memory, TEXT_LITERAL("Failed"), TEXT_NULL, EVENT_FAILED, OUTCOME_FAILURE);

        /* Patterns ignore case, yet a different case is a change. */
        expect_event(*state, &memory, TEXT_LITERAL("running"), TEXT_NULL, EVENT_CHANGED, OUTCOME_OPEN);
}

static void test_changes_of_the_result(void **state)
{
        struct job_memory memory = memory_of(TEXT_LITERAL("Running"), TEXT_LITERAL("50%"), OUTCOME_OPEN);

        expect_no_event(*state, &memory, TEXT_LITERAL("Running"), TEXT_LITERAL("50%"));
        expect_event(*state, &memory, TEXT_LITERAL("Running"), TEXT_LITERAL("60%"), EVENT_CHANGED,
                     OUTCOME_OPEN);
        expect_event(*state, &memory, TEXT_LITERAL("Running"), TEXT_LITERAL("50%\0"), EVENT_CHANGED,
                     OUTCOME_OPEN);
        expect_event(*state, &memory, TEXT_LITERAL("Running"), TEXT_NULL, EVENT_CHANGED, OUTCOME_OPEN);
        expect_event(*state, &memory, TEXT_LITERAL("Running"), TEXT_LITERAL(""), EVENT_CHANGED, OUTCOME_OPEN);
}

static void test_null_and_empty_differ(void **state)
{
        struct job_memory null = memory_of(TEXT_LITERAL("Running"), TEXT_NULL, OUTCOME_OPEN);
        struct job_memory empty = memory_of(TEXT_LITERAL("Running"), TEXT_LITERAL(""), OUTCOME_OPEN);

        expect_event(*state, &null, TEXT_LITERAL("Running"), TEXT_LITERAL(""), EVENT_CHANGED, OUTCOME_OPEN);
        expect_event(*state, &empty, TEXT_LITERAL("Running"), TEXT_NULL, EVENT_CHANGED, OUTCOME_OPEN);
        expect_no_event(*state, &null, TEXT_LITERAL("Running"), TEXT_NULL);
        expect_no_event(*state, &empty, TEXT_LITERAL("Running"), TEXT_LITERAL(""));
}

static void test_ended_jobs(void **state)
{
        struct job_memory memory = memory_of(TEXT_LITERAL("Completed"), TEXT_LITERAL("ok"), OUTCOME_SUCCESS);

        expect_no_event(*state, &memory, TEXT_LITERAL("Completed"), TEXT_LITERAL("ok"));
        expect_event(*state, &memory, TEXT_LITERAL("Completed"), TEXT_LITERAL("ok 2"), EVENT_SUCCEEDED,
                     OUTCOME_SUCCESS);
        expect_event(*state, &memory, TEXT_LITERAL("Completed"), TEXT_LITERAL("bad"), EVENT_FAILED,
                     OUTCOME_FAILURE);

        /* It was recorded as ended and continues. */
        expect_event(*state, &memory, TEXT_LITERAL("Running"), TEXT_LITERAL("ok"), EVENT_CHANGED,
                     OUTCOME_OPEN);
}

static void test_changed_patterns(void **state)
{
        /* The texts are the same, but their meaning has changed. */
        struct job_memory open = memory_of(TEXT_LITERAL("Completed"), TEXT_NULL, OUTCOME_OPEN);
        struct job_memory ended = memory_of(TEXT_LITERAL("Running"), TEXT_NULL, OUTCOME_SUCCESS);
        struct job_memory gone = memory_of(TEXT_LITERAL("Failed"), TEXT_NULL, OUTCOME_GONE);

        expect_event(*state, &open, TEXT_LITERAL("Completed"), TEXT_NULL, EVENT_SUCCEEDED, OUTCOME_SUCCESS);
        expect_event(*state, &ended, TEXT_LITERAL("Running"), TEXT_NULL, EVENT_CHANGED, OUTCOME_OPEN);
        expect_event(*state, &gone, TEXT_LITERAL("Failed"), TEXT_NULL, EVENT_FAILED, OUTCOME_FAILURE);
}

static void test_unrecognised_status_is_noted_with_or_without_an_event(void **state)
{
        const struct job_record record = record_of(TEXT_LITERAL("Zzz"), TEXT_NULL);
        const struct job_record known = record_of(TEXT_LITERAL("Running"), TEXT_NULL);
        const struct job_record null = record_of(TEXT_NULL, TEXT_NULL);
        struct job_memory memory = job_memory_of(&record, OUTCOME_OPEN);

        assert_true(change_detect(&nothing, &record, *state).unrecognised_status);
        assert_true(change_detect(&memory, &record, *state).unrecognised_status);
        assert_false(change_detect(&memory, &record, *state).has_event);
        assert_false(change_detect(&memory, &known, *state).unrecognised_status);
        assert_false(change_detect(&memory, &null, *state).unrecognised_status);
}

static void test_other_fields_cause_no_event(void **state)
{
        struct job_record record = record_of(TEXT_LITERAL("Running"), TEXT_LITERAL("x"));
        struct job_memory memory = job_memory_of(&record, OUTCOME_OPEN);

        record.updated_on = TEXT_LITERAL("2026-01-01");
        record.description = TEXT_LITERAL("Another");
        record.business_id = 9;
        assert_false(change_detect(&memory, &record, *state).has_event);
}

static void test_unread_result(void **state)
{
        const struct status_rules *rules = *state;
        struct job_record row = record_of(TEXT_LITERAL("Running"), TEXT_NULL);
        struct job_record record = record_of(TEXT_LITERAL("Running"), TEXT_LITERAL("50%"));
        row.updated_on = record.updated_on = TEXT_LITERAL("1");
        row.has_result = false;
        struct job_memory memory = job_memory_of(&row, OUTCOME_OPEN);

        /*
         * Another row without ResultData shows nothing; a record of the same version had its ResultData
         * before.
         */
        struct change change = change_detect(&memory, &row, rules);
        assert_false(change.has_event || change.result_read);
        change = change_detect(&memory, &record, rules);
        assert_false(change.has_event);
        assert_true(change.result_read);

        /* With another version, or one that cannot be compared, it may be new. */
        record.updated_on = TEXT_LITERAL("2");
        change = change_detect(&memory, &record, rules);
        assert_true(change.has_event && change.kind == EVENT_CHANGED && !change.result_read);
        record.updated_on = TEXT_NULL;
        assert_true(change_detect(&memory, &record, rules).has_event);
        row.updated_on = TEXT_NULL;
        memory = job_memory_of(&row, OUTCOME_OPEN);
        assert_true(change_detect(&memory, &record, rules).has_event);

        /* Null has no event, whatever the version; another Status always has one. */
        record = record_of(TEXT_LITERAL("Running"), TEXT_NULL);
        change = change_detect(&memory, &record, rules);
        assert_true(!change.has_event && change.result_read);
        expect_event(rules, &memory, TEXT_LITERAL("Pending"), TEXT_NULL, EVENT_CHANGED, OUTCOME_OPEN);
        expect_event(rules, &memory, TEXT_LITERAL("Completed"), TEXT_NULL, EVENT_SUCCEEDED, OUTCOME_SUCCESS);
}

static void test_memory_is_small(void **state)
{
        (void)state;

        /* It exists once per job, and there may be ten thousand. */
        assert_true(sizeof(struct job_memory) <= 48);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_first_observation),
                cmocka_unit_test(test_changes_of_an_open_job),
                cmocka_unit_test(test_changes_of_the_result),
                cmocka_unit_test(test_null_and_empty_differ),
                cmocka_unit_test(test_ended_jobs),
                cmocka_unit_test(test_changed_patterns),
                cmocka_unit_test(test_unrecognised_status_is_noted_with_or_without_an_event),
                cmocka_unit_test(test_other_fields_cause_no_event),
                cmocka_unit_test(test_unread_result),
                cmocka_unit_test(test_memory_is_small),
        };

        return cmocka_run_group_tests_name("change", tests, rules_setup, NULL);
}
