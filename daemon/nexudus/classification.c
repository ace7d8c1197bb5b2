/* SPDX-License-Identifier: MIT */

/*
 * From the end of an HTTP request to a class of failure. All knowledge of which status means what at this API
 * is here.
 */

#include "nexudus/classification.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "util/cleanup.h"
#include "util/text.h"

/* Bytes of an error page that are shown. */
#define EXCERPT_SHOWN 160

/* The least part of a secret to search for: the excerpt may begin or end in the middle of one. */
#define FRAGMENT_SIZE 8

void explain(char explanation[static EXPLANATION_SIZE], const char *format, ...)
{
        va_list arguments;

        va_start(arguments, format);
        (void)vsnprintf(explanation, EXPLANATION_SIZE, format, arguments);
        va_end(arguments);
        text_strip_full_stop(explanation);
}

bool is_html_page(const struct http_end *end)
{
        size_t start = 0;

        while (start < end->excerpt_size && strchr(" \t\r\n", end->excerpt[start]) != NULL)
                start++;
        return start < end->excerpt_size && end->excerpt[start] == '<';
}

static bool excerpt_contains(const struct http_end *end, const char *needle, size_t size)
{
        return size > 0 && memmem(end->excerpt, end->excerpt_size, needle, size) != NULL;
}

static bool contains_secret(const struct http_end *end, const char *secret)
{
        if (secret == NULL)
                return false;

        size_t size = strlen(secret);
        for (size_t i = 0; i + FRAGMENT_SIZE <= size; i++)
                if (excerpt_contains(end, secret + i, FRAGMENT_SIZE))
                        return true;
        return size < FRAGMENT_SIZE && excerpt_contains(end, secret, size);
}

/* Some servers and proxies echo the request, and with it the credentials, in their error pages. */
static bool echoes_credentials(const struct http_end *end, const char *const secrets[static 2])
{
        return excerpt_contains(end, "uthorization:", 13) || contains_secret(end, secrets[0]) ||
               contains_secret(end, secrets[1]);
}

/* The status, with the beginning of the body, escaped. */
static void explain_status(const struct http_end *end, const char *const secrets[static 2],
                           char explanation[static EXPLANATION_SIZE])
{
        CLEANUP(cleanup_free) char *excerpt = text_escape(end->excerpt, end->excerpt_size, EXCERPT_SHOWN);

        if (end->status >= 300 && end->status <= 399)
                explain(explanation,
                        "HTTP %d: redirects are not followed, to protect the credentials; check base_url",
                        end->status);
        else if (echoes_credentials(end, secrets))
                explain(explanation, "HTTP %d; the response contains the credentials and is not shown",
                        end->status);
        else if (is_html_page(end))
                explain(explanation, "HTTP %d with an HTML page", end->status);
        else if (*excerpt != '\0')
                explain(explanation, "HTTP %d: %s", end->status, excerpt);
        else
                explain(explanation, "HTTP %d", end->status);
}

static enum failure failure_of_status(const struct http_end *end)
{
        switch (end->status) {
        case 401:
        case 403:
                return FAILURE_REFUSED;
        case 404:
        case 410:
                return FAILURE_NOT_FOUND;
        case 408:
                return FAILURE_SERVER_ERROR;
        case 409: /* documented for exceeded limits, instead of 429 */
        case 429:
                return FAILURE_THROTTLED;
        case 503:
                return end->retry_after_us != HTTP_RETRY_NONE ? FAILURE_THROTTLED : FAILURE_SERVER_ERROR;
        default:
                return end->status >= 500 && end->status <= 599 ? FAILURE_SERVER_ERROR : FAILURE_UNEXPECTED;
        }
}

enum failure failure_of_end(const struct http_end *end)
{
        switch (end->outcome) {
        case HTTP_ANSWERED:
                return failure_of_status(end);
        case HTTP_TIMED_OUT:
        case HTTP_BROKEN:
                return FAILURE_NO_RESPONSE;
        case HTTP_TOO_LARGE:
        case HTTP_STOPPED:
                return FAILURE_UNEXPECTED;
        case HTTP_UNRESOLVED:
        case HTTP_UNCONNECTED:
        case HTTP_TLS_FAILED:
        case HTTP_IMPOSSIBLE:
                break;
        }
        return FAILURE_UNREACHABLE;
}

void classify_failure(const struct http_end *end, const char *const secrets[static 2], size_t response_max,
                      struct nexudus_response *response, char explanation[static EXPLANATION_SIZE])
{
        response->failure = failure_of_end(end);
        response->too_large = end->outcome == HTTP_TOO_LARGE;
        response->blocked = response->failure == FAILURE_REFUSED && is_html_page(end);
        if (end->outcome == HTTP_ANSWERED)
                explain_status(end, secrets, explanation);
        else if (response->too_large)
                explain(explanation, "response larger than max_response (%zu bytes)", response_max);
        else
                explain(explanation, "%s (%s)", http_outcome_to_string(end->outcome), end->detail);
}
