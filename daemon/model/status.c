/* SPDX-License-Identifier: MIT */

/*
 * Failure patterns are matched first, so that "Completed with errors" never counts as the "Completed*" of a
 * success pattern.
 */

#include "model/status.h"

#include <stdlib.h>
#include <string.h>

#include "util/glob.h"
#include "util/memory.h"
#include "util/string_list.h"

enum pattern_list {
        PATTERNS_FAILURE,
        PATTERNS_SUCCESS,
        PATTERNS_RUNNING,
        PATTERNS_FAILED_RESULT,
        PATTERN_LIST_COUNT,
};

struct status_rules {
        char **patterns[PATTERN_LIST_COUNT]; /* each NULL-terminated */
};

static const char *const outcome_names[] = {
        [OUTCOME_OPEN] = "open",
        [OUTCOME_SUCCESS] = "success",
        [OUTCOME_FAILURE] = "failure",
        [OUTCOME_GONE] = "gone",
};

const char *outcome_to_string(enum outcome outcome)
{
        return outcome_names[outcome];
}

bool outcome_from_string(const char *word, enum outcome *ret_outcome)
{
        for (unsigned outcome = OUTCOME_OPEN; outcome <= OUTCOME_GONE; outcome++)
                if (strcmp(word, outcome_names[outcome]) == 0) {
                        *ret_outcome = (enum outcome)outcome;
                        return true;
                }
        return false;
}

bool outcome_is_terminal(enum outcome outcome)
{
        return outcome != OUTCOME_OPEN;
}

static char **patterns_copy(char *const patterns[])
{
        struct string_list copy = { .items = memory_need(calloc(1, sizeof(char *))) }; /* if there is none */

        for (; patterns != NULL && *patterns != NULL; patterns++)
                string_list_add(&copy, *patterns);
        return copy.items;
}

struct status_rules *status_rules_new(char *const failure[], char *const success[], char *const running[],
                                      char *const failed_result[])
{
        struct status_rules *rules = memory_need(calloc(1, sizeof(*rules)));

        rules->patterns[PATTERNS_FAILURE] = patterns_copy(failure);
        rules->patterns[PATTERNS_SUCCESS] = patterns_copy(success);
        rules->patterns[PATTERNS_RUNNING] = patterns_copy(running);
        rules->patterns[PATTERNS_FAILED_RESULT] = patterns_copy(failed_result);
        return rules;
}

struct status_rules *status_rules_free(struct status_rules *rules)
{
        if (rules == NULL)
                return NULL;

        for (unsigned list = 0; list < PATTERN_LIST_COUNT; list++) {
                for (char **pattern = rules->patterns[list]; pattern != NULL && *pattern != NULL; pattern++)
                        free(*pattern);
                free(rules->patterns[list]);
        }
        free(rules);
        return NULL;
}

static bool any_matches(char *const patterns[], const struct text *text)
{
        if (text->data == NULL)
                return false;

        for (; *patterns != NULL; patterns++)
                if (glob_matches(*patterns, text->data, text->size))
                        return true;
        return false;
}

struct status_meaning status_classify(const struct status_rules *rules, const struct text *status,
                                      const struct text *result)
{
        if (any_matches(rules->patterns[PATTERNS_FAILURE], status))
                return (struct status_meaning){ .outcome = OUTCOME_FAILURE, .known = true };

        if (any_matches(rules->patterns[PATTERNS_SUCCESS], status)) {
                bool failed = any_matches(rules->patterns[PATTERNS_FAILED_RESULT], result);
                return (struct status_meaning){ .outcome = failed ? OUTCOME_FAILURE : OUTCOME_SUCCESS,
                                                .known = true };
        }

        bool known = status->data == NULL || any_matches(rules->patterns[PATTERNS_RUNNING], status);
        return (struct status_meaning){ .outcome = OUTCOME_OPEN, .known = known };
}
