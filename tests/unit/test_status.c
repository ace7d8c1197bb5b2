/* SPDX-License-Identifier: MIT */

/* Meaning of a Status: order of the lists, unknown and null values, failed results. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "model/status.h"

static char *failure[] = { (char[]){ "Failed" }, (char[]){ "Completed with errors" } };
static char *success[] = { (char[]){ "Completed*" }, (char[]){ "Done" } };
static char *running[] = { (char[]){ "Running" }, (char[]){ "*ing" }, (char[]){ "Done" } };
static char *failed_result[] = { (char[]){ "*\"errors\":[1-9]*" }, (char[]){ "" } };
static struct status_rules status_rules = {
        { failure, 2 }, { success, 2 }, { running, 3 }, { failed_result, 2 }
};

static int rules_setup(void **state)
{
        *state = &status_rules;
        return 0;
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
        static const struct status_rules none;
        (void)state;

        check(&none, "Completed", NULL, OUTCOME_OPEN, false);
        check(&none, NULL, NULL, OUTCOME_OPEN, true);
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
                cmocka_unit_test_setup(test_lists, rules_setup),
                cmocka_unit_test_setup(test_order, rules_setup),
                cmocka_unit_test_setup(test_unknown_is_open, rules_setup),
                cmocka_unit_test_setup(test_null_is_open_and_known, rules_setup),
                cmocka_unit_test_setup(test_failed_result, rules_setup),
                cmocka_unit_test_setup(test_texts_with_nul, rules_setup),
                cmocka_unit_test(test_no_lists),
                cmocka_unit_test(test_names),
        };

        return cmocka_run_group_tests_name("status", tests, NULL, NULL);
}
