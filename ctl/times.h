/* SPDX-License-Identifier: MIT */
#pragma once

#include <stdint.h>

/* Times for people, in the local time zone. All are CLOCK_REALTIME microseconds, but for the second. */

uint64_t realtime_now(void);
uint64_t monotonic_now(void);

/* Returned texts are owned by the caller; without memory the process ends. */
char *time_format(uint64_t time_us);                       /* "2026-01-15 10:30:00" */
char *time_format_ago(uint64_t time_us, uint64_t now_us);  /* "3min 5s ago", "in 8s", "now" */
char *time_format_left(uint64_t span_us);                  /* "~4min", "~2h 10min", "soon" for 0 */
char *time_format_both(uint64_t time_us, uint64_t now_us); /* "Thu 2026-01-15 10:30:00 CET; 3min ago" */

/*
 * Parses a time of the past: a span before now such as "2h"; "2026-01-15", "2026-01-15 10:30",
 * "2026-01-15 10:30:00" or "10:30"; "today", "yesterday"; "@" and seconds since 1970. Returns 0 or -EINVAL.
 */
int time_parse(const char *text, uint64_t now_us, uint64_t *ret_time_us);
