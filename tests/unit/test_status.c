/* SPDX-License-Identifier: MIT */

/* Meaning of a Status: order of the lists, unknown and null values, failed results. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "model/status.h"

static char *const failure[] = { (char[]){ "Failed" }, (char[]){ "Completed with errors" }, NULL };
static char *const success[] = { (char[]){ "Completed*" }, (char[]){ "Done" }, NULL };
static char *const running[] = { (char[]){ "Running" }, (char[]){ "*ing" }, (char[]){ "Done" }, NULL };
static char *const failed_result[] = { (char[]){ "*\"errors\":[1-9]*" }, (char[]){ "" }, NULL };

static int rules_setup(void **state)
{
        *state = status_rules_new(failure, success, running, failed_result);
        return 0;
}

static int rules_teardown(void **state)
{
        return status_rules_free(*state) == NULL ? 0 : -1;
}

static void check(const struct status_rules *rules, const char *status, const char *result,
                  enum outcome outcome, bool known)
{
        struct text status_text = { (char *)(uintptr_t)status, status != NULL ? strlen(status) : 0 };
        struct text result_text = { (char *)(uintptr_t)result, result != NULL ? strlen(result) : 0 };
        struct status_meaning meaning = status_classify(rules, &status_text, &result_text);

        if (meaning.outcome != outcome || meaning.known != known)
                fail_msg("'%s' with '%s' is %s and %s", status != NULL ? status : "(null)",
                         result != NULL ? result : "(null)", outcome_to_string(meaning.outcome),
                         meaning.known ? "known" : "unknown");
}

static void test_lists(void **state)
{
        check(*state, "Failed", NULL, OUTCOME_FAILURE, true);
        check(*state, "fAILED", NULL, OUTCOME_FAILURE, true);
        check(*state, "Completed", NULL, OUTCOME_SUCCESS, true);
        check(*state, "COMPLETED AT LAST", NULL, OUTCOME_SUCCESS, true);
        check(*state, "Running", NULL, OUTCOME_OPEN, true);
        check(*state, "Thinking", NULL, OUTCOME_OPEN, true);
}

static void test_order(void **state)
{
        /* "Completed*" matches too, but failure is matched first; "Done" is in success and in running. */
        check(*state, "Completed with errors", NULL, OUTCOME_FAILURE, true);
        check(*state, "Done", NULL, OUTCOME_SUCCESS, true);
}

static void test_unknown_is_open(void **state)
{
        check(*state, "Failed?", NULL, OUTCOME_OPEN, false);
        check(*state, "Incompleted", NULL, OUTCOME_OPEN, false);
        check(*state, " Failed", NULL, OUTCOME_OPEN, false);
        check(*state, "", NULL, OUTCOME_OPEN, false);
}

static void test_null_is_open_and_known(void **state)
{
        check(*state, NULL, NULL, OUTCOME_OPEN, true);
        check(*state, NULL, "{\"errors\":3}", OUTCOME_OPEN, true);
}

static void test_failed_result(void **state)
{
        check(*state, "Completed", "{\"errors\":3}", OUTCOME_FAILURE, true);
        check(*state, "Completed", "{\"errors\":0}", OUTCOME_SUCCESS, true);
        check(*state, "Completed", "", OUTCOME_FAILURE, true);
        check(*state, "Completed", NULL, OUTCOME_SUCCESS, true);

        /* Only a success is affected. */
        check(*state, "Running", "{\"errors\":3}", OUTCOME_OPEN, true);
        check(*state, "Nobody knows", "{\"errors\":3}", OUTCOME_OPEN, false);
        check(*state, "Failed", "{\"errors\":0}", OUTCOME_FAILURE, true);
}

static void test_texts_with_nul(void **state)
{
        const struct text status = TEXT_LITERAL("Failed\0");
        const struct text result = TEXT_NULL;

        struct status_meaning meaning = status_classify(*state, &status, &result);
        assert_int_equal(meaning.outcome, OUTCOME_OPEN);
        assert_false(meaning.known);
}

static void test_no_lists(void **state)
{
        char *const empty[] = { NULL };
        struct status_rules *rules = NULL;
        (void)state;

        rules = status_rules_new(NULL, NULL, empty, NULL);
        check(rules, "Completed", NULL, OUTCOME_OPEN, false);
        check(rules, NULL, NULL, OUTCOME_OPEN, true);
        assert_null(status_rules_free(rules));
        assert_null(status_rules_free(NULL));
}

static void test_patterns_are_copied(void **state)
{
        char pattern[] = "Late";
        char *const list[] = { pattern, NULL };
        struct status_rules *rules = NULL;
        (void)state;

        rules = status_rules_new(list, NULL, NULL, NULL);
        memset(pattern, 'x', sizeof(pattern) - 1);
        check(rules, "Late", NULL, OUTCOME_FAILURE, true);
        check(rules, "xxxx", NULL, OUTCOME_OPEN, false);
        status_rules_free(rules);
}

static void test_names(void **state)
{
        static const char *const names[] = { "open", "success", "failure", "gone" };
        (void)state;

        for (unsigned outcome = OUTCOME_OPEN; outcome <= OUTCOME_GONE; outcome++) {
                enum outcome back = OUTCOME_OPEN;

                assert_string_equal(outcome_to_string((enum outcome)outcome), names[outcome]);
                assert_true(outcome_from_string(names[outcome], &back));
                assert_int_equal(back, outcome);
                assert_int_equal(outcome_is_terminal((enum outcome)outcome), outcome != OUTCOME_OPEN);
        }

        enum outcome untouched = OUTCOME_GONE;
        assert_false(outcome_from_string("Open", &untouched));
        assert_false(outcome_from_string("", &untouched));
        assert_false(outcome_from_string("success ", &untouched));
        assert_int_equal(untouched, OUTCOME_GONE);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(test_lists, rules_setup, rules_teardown),
                cmocka_unit_test_setup_teardown(test_order, rules_setup, rules_teardown),
                cmocka_unit_test_setup_teardown(test_unknown_is_open, rules_setup, rules_teardown),
                cmocka_unit_test_setup_teardown(test_null_is_open_and_known, rules_setup, rules_teardown),
                cmocka_unit_test_setup_teardown(test_failed_result, rules_setup, rules_teardown),
                cmocka_unit_test_setup_teardown(test_texts_with_nul, rules_setup, rules_teardown),
                cmocka_unit_test(test_no_lists),
                cmocka_unit_test(test_patterns_are_copied),
                cmocka_unit_test(test_names),
        };

        return cmocka_run_group_tests_name("status", tests, NULL, NULL);
}
