/* SPDX-License-Identifier: MIT */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "util/text.h"

/*
 * What a Status means. Nexudus documents no vocabulary, so the meaning comes from configured glob patterns,
 * and a value that none of them matches is open: a job is never taken for ended because of a word nobody
 * knows.
 */

enum outcome {
        OUTCOME_OPEN,    /* not ended, as far as is known */
        OUTCOME_SUCCESS, /* ended well */
        OUTCOME_FAILURE, /* ended badly */
        OUTCOME_GONE,    /* the record is no longer there */
};

/* "open", "success", "failure", "gone": the words of JOBWATCH_OUTCOME. */
const char *outcome_to_string(enum outcome outcome);

/* The reverse, for what was stored. Returns false for any other word. */
bool outcome_from_string(const char *word, enum outcome *ret_outcome);

/* True for every outcome but OUTCOME_OPEN. */
bool outcome_is_terminal(enum outcome outcome);

struct status_rules;

/*
 * Compiles the four lists of patterns (each NULL-terminated, or NULL for none); the strings are copied. They
 * are tried in the order failure, success, running, and the first match wins. Returns -ENOMEM.
 */
int status_rules_new(char *const failure[], char *const success[], char *const running[],
                     char *const failed_result[], struct status_rules **ret_rules);
struct status_rules *status_rules_free(struct status_rules *rules);

struct status_meaning {
        enum outcome outcome; /* never OUTCOME_GONE */
        bool known;           /* false: no pattern matched; the outcome is then OUTCOME_OPEN */
};

/*
 * What `status` means, together with `result`: a success whose result matches a failed_result pattern is a
 * failure. A null status is open and known: a record that says nothing is not a word to warn about.
 */
struct status_meaning status_classify(const struct status_rules *rules, const struct text *status,
                                      const struct text *result);
