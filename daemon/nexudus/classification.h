/* SPDX-License-Identifier: MIT */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "http/http.h"
#include "model/failure.h"

/* What a response of the API means that is not a complete 2xx response. */

#define EXPLANATION_SIZE 400

struct response_class {
        enum failure failure;
        bool too_large; /* FAILURE_UNEXPECTED */
        bool blocked;   /* FAILURE_REFUSED: the body is an HTML page, which the API does not send */
};

/*
 * Classifies the end of a request, and explains it in one line without a full stop. `secrets` (NULL ones are
 * skipped) do not appear in it, although servers may echo them.
 */
struct response_class classify_failure(const struct http_end *end, const char *const secrets[static 2],
                                       size_t response_max, char explanation[static EXPLANATION_SIZE]);

/* The class alone; FAILURE_UNEXPECTED for a complete 2xx response. */
enum failure failure_of_end(const struct http_end *end);

/* Whether the body of a response that is no success begins as an HTML page, which the API does not send. */
bool is_html_page(const struct http_end *end);

/* Formats an explanation, cut to its size. */
void explain(char explanation[static EXPLANATION_SIZE], const char *format, ...)
        __attribute__((format(printf, 2, 3)));
