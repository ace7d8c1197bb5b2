/* SPDX-License-Identifier: MIT */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

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
