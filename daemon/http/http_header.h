/* SPDX-License-Identifier: MIT */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

/*
 * The head of a response, checked line by line, since libcurl's releases differ in what they accept: some
 * treat any unknown version as HTTP/1.0 with status 200.
 */
struct http_head {
        enum {
                HTTP_HEAD_STATUS,  /* the status line follows */
                HTTP_HEAD_FIRST,   /* the first header line follows */
                HTTP_HEAD_HEADERS, /* any other line, including trailers */
        } next;
        int status; /* of the last status line; 0: none yet */
};

#define HTTP_HEAD_INITIAL ((struct http_head){ .next = HTTP_HEAD_STATUS })

/*
 * Checks the next line, including its line ending. A status line must be HTTP/1.0 or HTTP/1.1, a blank and
 * three digits, followed by a blank or the line ending. The first header line must not begin with a blank,
 * since there is no line that it could continue. An interim response (1xx) is followed by another status
 * line. Returns false if the response is invalid; `status` is 0 then if the status line is, and no further
 * line must be passed.
 */
bool http_head_parse(struct http_head *head, const char *line, size_t size);

/*
 * Parses the value of Retry-After: seconds (digits only), or a date in the preferred format of RFC 9110
 * ("Sun, 06 Nov 1994 08:49:37 GMT"). Returns the time from `now` in microseconds, at most a day; 0 for 0
 * seconds, a date in the past, or an invalid value.
 */
uint64_t http_retry_after_parse(const char *value, time_t now);
