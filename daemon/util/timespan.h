/* SPDX-License-Identifier: MIT */
#pragma once

#include <stddef.h>
#include <stdint.h>

/* Of "2026-01-15T10:30:00.123456Z", also with a year of more digits. */
#define TIMESTAMP_TEXT_MAX 48

/*
 * Time spans and sizes in the syntax of systemd. All spans in this program are uint64_t microseconds; their
 * names end in _us.
 */

#define USEC_PER_MSEC UINT64_C(1000)
#define USEC_PER_SEC  UINT64_C(1000000)
#define USEC_PER_MIN  (60 * USEC_PER_SEC)
#define USEC_PER_HOUR (60 * USEC_PER_MIN)
#define USEC_PER_DAY  (24 * USEC_PER_HOUR)

/* No time: later than any other. */
#define USEC_NEVER UINT64_MAX

static inline uint64_t time_earlier(uint64_t a_us, uint64_t b_us)
{
        return a_us < b_us ? a_us : b_us;
}

/*
 * Parses "15s", "1min 30s", "2h", "1.5s", "100ms"; a number without a unit means seconds (systemd.time(7))
 * and must be the last. Units: us usec µs ms msec s sec second seconds m min minute minutes h hr hour hours d
 * day days w week weeks. Returns 0, -EINVAL if the text is not a span or has fractions of a microsecond,
 * -ERANGE on overflow; *ret_us is untouched on failure.
 */
int timespan_parse(const char *text, uint64_t *ret_us);

/* The size of the buffers below, NUL included. */
#define TIMESPAN_TEXT_MAX 64

/* Formats a span exactly, for timespan_parse(): "1min 30s", "250ms", "0". Returns `buffer`. */
char *timespan_format(uint64_t span_us, char buffer[static TIMESPAN_TEXT_MAX]);

/*
 * Formats a span for messages, rounded to at most two units: "8s", "2min 5s", "3h 12min"; "under 1s" below a
 * second, "never" for USEC_NEVER. Returns `buffer`.
 */
char *timespan_format_rough(uint64_t span_us, char buffer[static TIMESPAN_TEXT_MAX]);

/*
 * Parses "1024", "16K", "16M", "1G": powers of 1024, either case, with an optional trailing B. Returns 0,
 * -EINVAL, or -ERANGE on overflow; *ret_size is untouched on failure.
 */
int size_parse(const char *text, uint64_t *ret_size);

/* Formats a size exactly, for size_parse(), with the largest suffix possible. Returns `buffer`. */
char *size_format(uint64_t size, char buffer[static TIMESPAN_TEXT_MAX]);

/*
 * Formats CLOCK_REALTIME microseconds as RFC 3339 does, in UTC and with microseconds. Returns `ret_text`.
 */
const char *timestamp_format(uint64_t time_us, char ret_text[static TIMESTAMP_TEXT_MAX]);
