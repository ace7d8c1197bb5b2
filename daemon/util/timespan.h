/* SPDX-License-Identifier: MIT */
#pragma once

#include <stddef.h>
#include <stdint.h>

/*
 * Time spans and sizes as people write them, the way systemd does. All spans in this program are uint64_t
 * microseconds and carry the suffix _us.
 */

#define USEC_PER_MSEC UINT64_C(1000)
#define USEC_PER_SEC  UINT64_C(1000000)
#define USEC_PER_MIN  (60 * USEC_PER_SEC)
#define USEC_PER_HOUR (60 * USEC_PER_MIN)
#define USEC_PER_DAY  (24 * USEC_PER_HOUR)

/* "No such time": later than any other. */
#define USEC_NEVER UINT64_MAX

/*
 * Reads "15s", "1min 30s", "2h", "1.5s", "100ms"; a number without a unit is seconds (systemd.time(7)) and
 * stands last. Units: us usec µs ms msec s sec second seconds m min minute minutes h hr hour hours d day days
 * w week weeks. Returns -EINVAL for what is no span or finer than a microsecond, -ERANGE for what does not
 * fit.
 */
int timespan_parse(const char *text, uint64_t *ret_us);

/* Enough for every span and size that is written here. */
#define TIMESPAN_TEXT_MAX 64

/*
 * Writes a span so that timespan_parse() reads the same value back: "1min 30s", "250ms", "0". Returns
 * `buffer`.
 */
char *timespan_format(uint64_t span_us, char buffer[static TIMESPAN_TEXT_MAX]);

/*
 * Writes a span for a person: the two largest units at most, rounded: "8s", "2min 5s", "3h 12min"; "under 1s"
 * below a second, "never" for USEC_NEVER. Returns `buffer`.
 */
char *timespan_format_rough(uint64_t span_us, char buffer[static TIMESPAN_TEXT_MAX]);

/*
 * Reads "1024", "16K", "16M", "1G" (powers of 1024, either case; a trailing B is allowed). -EINVAL, -ERANGE.
 */
int size_parse(const char *text, size_t *ret_size);

/* Writes a size so that size_parse() reads the same value back, with the largest suffix that is exact. */
char *size_format(size_t size, char buffer[static TIMESPAN_TEXT_MAX]);
