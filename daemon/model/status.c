/* SPDX-License-Identifier: MIT */

/*
 * Failure patterns are matched first, so that "Completed with errors" never counts as the "Completed*" of a
 * success pattern.
 */

#include "model/status.h"

#include <string.h>

#include "util/glob.h"

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

struct status_meaning status_classify(const struct status_rules *rules, const struct text *status,
                                      const struct text *result)
{
        if (glob_any_matches(&rules->failure, status))
                return (struct status_meaning){ .outcome = OUTCOME_FAILURE, .known = true };

        if (glob_any_matches(&rules->success, status)) {
                bool failed = glob_any_matches(&rules->failed_result, result);
                return (struct status_meaning){ .outcome = failed ? OUTCOME_FAILURE : OUTCOME_SUCCESS,
                                                .known = true };
        }

        bool known = status->data == NULL || glob_any_matches(&rules->running, status);
        return (struct status_meaning){ .outcome = OUTCOME_OPEN, .known = known };
}
