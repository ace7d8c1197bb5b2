/* SPDX-License-Identifier: MIT */
#pragma once

#include <curl/curl.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

#include "http/http_outcome.h"

#define HTTP_DETAIL_SIZE 360

/*
 * A response while it is received. The owner sets the first group of members, keeps it as long as the easy
 * handle, and reads the other members at the end.
 */
struct http_response {
        size_t body_max; /* decoded bytes of a 2xx response */
        /* Receives the body of a 2xx response; a negative errno aborts. NULL: it goes to the excerpt. */
        int (*on_body)(void *userdata, const void *data, size_t size);
        void *userdata;

        CURL *easy;
        uint64_t body_size; /* decoded bytes received */
        int error;          /* what on_body() returned */
        char excerpt[HTTP_EXCERPT_MAX];
        size_t excerpt_size;
        size_t head_size;  /* of all header lines: of interim responses, the head, and trailers */
        bool head_invalid; /* not HTTP/1.1, or too long */
        bool head_begun;   /* a valid status line was received; libcurl has a status before */
        bool too_large;
        bool page_cut; /* aborted, since an error page is too long */
        char detail[HTTP_DETAIL_SIZE];
};

/* Has the easy handle pass what it receives to the response. */
CURLcode http_response_attach(struct http_response *response, CURL *easy);

/*
 * How the request ended, to be called once at the end of the transfer: all but `shortage` and `untrusted`.
 * The texts point into `result` or `response`.
 */
struct http_end http_response_end(struct http_response *response, const struct http_curl_result *result);

/*
 * Checks a line of the head of a response, including its line ending. A status line must be HTTP/1.0 or
 * HTTP/1.1, a blank and three digits, followed by a blank or the line ending; any other line is valid.
 * libcurl takes a status line whose version it does not know for HTTP/1.0 with status 200.
 */
bool http_line_is_valid(const char *line, size_t size);

/*
 * Parses the value of Retry-After: seconds (digits only), or a date in the preferred format of RFC 9110
 * ("Sun, 06 Nov 1994 08:49:37 GMT"). Returns the time from `now` in microseconds, at most a day; 0 for 0
 * seconds, a date in the past, or an invalid value.
 */
uint64_t http_retry_after_parse(const char *value, time_t now);
