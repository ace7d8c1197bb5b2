/* SPDX-License-Identifier: MIT */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "http/http.h"
#include "model/failure.h"
#include "model/record.h"
#include "nexudus/search_page.h"

/* What a response of the API means that is not a complete 2xx response. */

#define EXPLANATION_SIZE 400

struct nexudus_response {
        enum failure failure;    /* FAILURE_NONE: the record, or a complete document of rows, was received */
        bool too_large;          /* FAILURE_UNEXPECTED: more than response_max bytes */
        bool blocked;            /* FAILURE_REFUSED: by something in front of the API, not by the API */
        int status;              /* 0 without a response */
        uint64_t retry_after_us; /* HTTP_RETRY_NONE without Retry-After */
        uint64_t date_us;        /* by the clock of the server, in whole seconds since 1970; 0: not given */
        struct job_record
                *record; /* of a single request: borrowed, texts to keep are stolen from it; else NULL */
        const struct search_page *page; /* of a search that succeeded: borrowed; else NULL */
        const char *explanation;        /* for a log message: one line without a full stop; never NULL */
};

/*
 * Classifies the end of a request: sets `failure`, `too_large` and `blocked` of a response in which they are
 * 0, and explains it in one line without a full stop. `secrets` (NULL ones are skipped) do not appear in it,
 * although servers may echo them.
 */
void classify_failure(const struct http_end *end, const char *const secrets[static 2], size_t response_max,
                      struct nexudus_response *response, char explanation[static EXPLANATION_SIZE]);

/* The class alone; FAILURE_UNEXPECTED for a complete 2xx response. */
enum failure failure_of_end(const struct http_end *end);

/* Whether the body of a response that is no success begins as an HTML page, which the API does not send. */
bool is_html_page(const struct http_end *end);

/* Formats an explanation, cut to its size. */
void explain(char explanation[static EXPLANATION_SIZE], const char *format, ...)
        __attribute__((format(printf, 2, 3)));
