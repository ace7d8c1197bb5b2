/* SPDX-License-Identifier: MIT */
#pragma once

#include <stdbool.h>

#include "util/string_list.h"
#include "util/text.h"

/*
 * What a Status means. Nexudus documents no list of values, so the meaning comes from configured glob
 * patterns. An unrecognised status is open: a job never ends because of an unknown value.
 */

enum outcome {
        OUTCOME_OPEN,    /* not ended, as far as is known */
        OUTCOME_SUCCESS, /* ended successfully */
        OUTCOME_FAILURE, /* ended with a failure */
        OUTCOME_GONE,    /* the record was removed */
};

/* "open", "success", "failure", "gone": the values of JOBWATCH_OUTCOME. */
const char *outcome_to_string(enum outcome outcome);

/* The reverse, for stored values. Returns false for any other string. */
bool outcome_from_string(const char *word, enum outcome *ret_outcome);

/* True for every outcome but OUTCOME_OPEN. */
bool outcome_is_terminal(enum outcome outcome);

/*
 * Patterns of util/glob.h. They are tried in the order failure, success, running; the first match wins. Of
 * failed_result, see status_classify().
 */
struct status_rules {
        struct string_list failure, success, running, failed_result;
};

struct status_meaning {
        enum outcome outcome; /* never OUTCOME_GONE */
        bool known;           /* false: no pattern matched; the outcome is then OUTCOME_OPEN */
};

/*
 * The meaning of `status` together with `result`: a success whose result matches a failed_result pattern is
 * a failure. A null status is open and known: there is no value to report as unrecognised.
 */
struct status_meaning status_classify(const struct status_rules *rules, const struct text *status,
                                      const struct text *result);
