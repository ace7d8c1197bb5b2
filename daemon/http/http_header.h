/* SPDX-License-Identifier: MIT */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

/*
 * The head of a response, checked line by line. libcurl's releases differ in what they accept: some take any
 * unknown version for HTTP/1.0 with status 200, some cap Retry-After. What is accepted here is the same with
 * all of them.
 */
struct http_head {
        enum {
                HTTP_HEAD_STATUS,  /* the status line is next */
                HTTP_HEAD_FIRST,   /* the first header line is next */
                HTTP_HEAD_HEADERS, /* any further line, trailers included */
        } next;
        int status; /* of the last status line; 0: none yet */
};

#define HTTP_HEAD_INITIAL ((struct http_head){ .next = HTTP_HEAD_STATUS })

/*
 * Takes the next line, with its line ending. The status line has to be HTTP/1.0 or HTTP/1.1, one blank, and a
 * status of three digits, then the end or a blank. The first header line must not begin with a blank, since
 * it would continue nothing. An interim response (1xx) is followed by another status line. False: the
 * response is invalid, and no further line must be passed; `status` is then 0 if the status line was the
 * reason.
 */
bool http_head_take(struct http_head *head, const char *line, size_t size);

/*
 * Reads the value of Retry-After: seconds (digits only), or a date as RFC 9110 wants it written
 * ("Sun, 06 Nov 1994 08:49:37 GMT"). Returns the span from `now` in microseconds, at most a day; 0 for 0
 * seconds, a date that has passed, and anything else.
 */
uint64_t http_retry_after_parse(const char *value, time_t now);
