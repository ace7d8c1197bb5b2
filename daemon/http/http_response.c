/* SPDX-License-Identifier: MIT */

/*
 * Receives a response: checks its status line, passes on the body of a 2xx one, and keeps the beginning
 * of any other as an excerpt. Status lines and Retry-After are parsed here, since libcurl's releases do so
 * differently.
 *
 * The body is counted as it leaves the decoder, since CURLOPT_MAXFILESIZE limits neither chunked nor
 * compressed bodies.
 */

#include "http/http_response.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "http/http_proxy.h"
#include "util/digits.h"
#include "util/timespan.h"

/* An error page up to this size is read to its end, so that the connection can be reused. */
#define ERROR_PAGE_MAX (64 * 1024)

/* Header lines, all together. */
#define HEAD_MAX ((size_t)256 * 1024)

#define VERSION_SIZE (sizeof("HTTP/1.1") - 1)

static bool is_line_end(char byte)
{
        return byte == '\r' || byte == '\n';
}

bool http_line_is_valid(const char *line, size_t size)
{
        const char *digits = line + VERSION_SIZE + 1;

        if (size < strlen("HTTP/") || strncasecmp(line, "HTTP/", strlen("HTTP/")) != 0)
                return true;
        if (size < VERSION_SIZE + 5 || line[VERSION_SIZE] != ' ' ||
            (memcmp(line, "HTTP/1.1", VERSION_SIZE) != 0 && memcmp(line, "HTTP/1.0", VERSION_SIZE) != 0))
                return false;
        return digits[0] >= '1' && digits[0] <= '9' && is_digit(digits[1]) && is_digit(digits[2]) &&
               (digits[3] == ' ' || is_line_end(digits[3]));
}

static int status_of(const struct http_response *response)
{
        long status = 0;

        (void)curl_easy_getinfo(response->easy, CURLINFO_RESPONSE_CODE, &status);
        /* Of a status line that libcurl refuses itself, it may keep a part of the version. */
        if (!response->head_begun || response->head_invalid || status < 100 || status > 999)
                return 0;
        return (int)status;
}

/*
 * An invalid head ends the request at once, so that its body is not taken for that of a success. libcurl
 * keeps every line, and does not limit trailers.
 */
static size_t on_curl_header(char *data, size_t unit, size_t count, void *userdata)
{
        struct http_response *response = userdata;

        response->head_size += unit * count;
        if (response->head_size > HEAD_MAX || !http_line_is_valid(data, unit * count)) {
                response->head_invalid = true;
                return 0;
        }
        response->head_begun = true; /* the status line is the first */
        return unit * count;
}

static void excerpt_add(struct http_response *response, const char *data, size_t size)
{
        size_t room = HTTP_EXCERPT_MAX - response->excerpt_size;

        if (size > room)
                size = room;
        memcpy(response->excerpt + response->excerpt_size, data, size);
        response->excerpt_size += size;
}

static size_t on_curl_write(char *data, size_t unit, size_t count, void *userdata)
{
        struct http_response *response = userdata;
        size_t size = unit * count;

        if (!http_status_is_success(status_of(response))) {
                response->body_size += size;
                excerpt_add(response, data, size);
                response->page_cut = response->body_size > ERROR_PAGE_MAX;
                return response->page_cut ? 0 : size;
        }

        if (size > response->body_max || response->body_size > response->body_max - size) {
                response->too_large = true;
                return 0;
        }
        response->body_size += size;

        if (response->on_body == NULL) {
                excerpt_add(response, data, size);
                return size;
        }

        response->error = response->on_body(response->userdata, data, size);
        return response->error < 0 ? 0 : size;
}

CURLcode http_response_attach(struct http_response *response, CURL *easy)
{
        CURLcode code;

        response->easy = easy;
        /* The head of a proxy's response to CONNECT is not part of the response. */
        if ((code = curl_easy_setopt(easy, CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L)) != CURLE_OK ||
            (code = curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, on_curl_header)) != CURLE_OK ||
            (code = curl_easy_setopt(easy, CURLOPT_HEADERDATA, response)) != CURLE_OK ||
            (code = curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_curl_write)) != CURLE_OK)
                return code;
        return curl_easy_setopt(easy, CURLOPT_WRITEDATA, response);
}

static enum http_outcome outcome_of(const struct http_response *response,
                                    const struct http_curl_result *result)
{
        if (response->head_invalid)
                return HTTP_BROKEN;
        if (response->too_large)
                return HTTP_TOO_LARGE;
        if (response->error < 0)
                return HTTP_STOPPED;
        if (response->page_cut)
                return HTTP_ANSWERED;

        enum http_outcome outcome = http_outcome_from_curl(result);
        /* The status of an error page counts, however long the page is. */
        if (outcome == HTTP_TOO_LARGE && !http_status_is_success(status_of(response)))
                outcome = HTTP_ANSWERED;
        return outcome == HTTP_ANSWERED && status_of(response) == 0 ? HTTP_BROKEN : outcome;
}

/* Returns NULL if there was no proxy or if it is not the cause. */
static const char *describe_proxy_failure(struct http_response *response,
                                          const struct http_curl_result *result)
{
        const char *cause = http_curl_result_to_string(result);
        struct http_proxy proxy = http_proxy_find();
        long connect_status = 0;
        char status[64];

        (void)curl_easy_getinfo(response->easy, CURLINFO_HTTP_CONNECTCODE, &connect_status);
        if (!http_proxy_has_failed(&proxy, result, connect_status))
                return NULL;
        if (connect_status > 0) {
                (void)snprintf(status, sizeof(status), "HTTP %ld%s", connect_status,
                               connect_status == 407 ? ", user name and password required" : "");
                cause = status;
        }
        if (*proxy.address != '\0')
                (void)snprintf(response->detail, sizeof(response->detail), "proxy %s: %s", proxy.address,
                               cause);
        else
                (void)snprintf(response->detail, sizeof(response->detail), "invalid proxy URL in %s",
                               proxy.variable);
        return response->detail;
}

static const char *detail_of(struct http_response *response, enum http_outcome outcome,
                             const struct http_curl_result *result)
{
        if (response->head_size > HEAD_MAX)
                return "more than 256 KiB of header lines";
        if (response->head_invalid)
                return "not an HTTP/1.1 response";
        if (outcome == HTTP_ANSWERED || outcome == HTTP_TOO_LARGE || outcome == HTTP_STOPPED ||
            result->code == CURLE_OK)
                return http_outcome_to_string(outcome);
        const char *proxy = describe_proxy_failure(response, result);
        return proxy != NULL ? proxy : http_curl_result_to_string(result);
}

/* -1: not a valid date. */
static time_t date_parse(const char *value)
{
        static const char form[] = "%a, %d %b %Y %H:%M:%S GMT";
        struct tm parts = { .tm_sec = 0 };
        char again[sizeof("Sun, 06 Nov 1994 08:49:37 GMT")];

        const char *end = strptime(value, form, &parts);
        if (end == NULL || *end != '\0')
                return -1;
        time_t date = timegm(&parts);
        /* strptime() accepts other spellings, and days that do not exist; the day of the week does not
         * matter. */
        if (strftime(again, sizeof(again), form, &parts) == 0 || strcmp(again + 3, value + 3) != 0)
                return -1;
        return date;
}

uint64_t http_retry_after_parse(const char *value, time_t now)
{
        static const uint64_t seconds_max = USEC_PER_DAY / USEC_PER_SEC;
        size_t digits = strspn(value, "0123456789");
        uint64_t seconds = 0;

        if (digits > 0 && value[digits] == '\0') {
                for (; *value != '\0' && seconds < seconds_max; value++)
                        seconds = seconds * 10 + (uint64_t)(*value - '0');
        } else {
                time_t date = date_parse(value);
                seconds = date > now ? (uint64_t)date - (uint64_t)now : 0;
        }

        return (seconds < seconds_max ? seconds : seconds_max) * USEC_PER_SEC;
}

/* That of the final response, not of an interim one or a trailer. The last header counts. */
static uint64_t retry_after_of(const struct http_response *response)
{
        struct curl_header *header = NULL;

        if (curl_easy_header(response->easy, "Retry-After", 0, CURLH_HEADER, -1, &header) != CURLHE_OK ||
            curl_easy_header(response->easy, "Retry-After", header->amount - 1, CURLH_HEADER, -1, &header) !=
                    CURLHE_OK)
                return HTTP_RETRY_NONE;
        return http_retry_after_parse(header->value, time(NULL));
}

static uint64_t date_of(const struct http_response *response)
{
        struct curl_header *header = NULL;

        if (curl_easy_header(response->easy, "Date", 0, CURLH_HEADER, -1, &header) != CURLHE_OK)
                return 0;
        time_t date = curl_getdate(header->value, NULL);
        return date > 0 ? (uint64_t)date * USEC_PER_SEC : 0;
}

struct http_end http_response_end(struct http_response *response, const struct http_curl_result *result)
{
        enum http_outcome outcome = outcome_of(response, result);

        return (struct http_end){
                .outcome = outcome,
                .status = status_of(response),
                .retry_after_us = retry_after_of(response),
                .date_us = date_of(response),
                .body_size = response->body_size,
                .detail = detail_of(response, outcome, result),
                .excerpt = response->excerpt,
                .excerpt_size = response->excerpt_size,
        };
}
