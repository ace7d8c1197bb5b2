/* SPDX-License-Identifier: MIT */
#pragma once

#include <stdint.h>

/* Of "2026-01-15T10:30:00.123456Z", also with a year of more digits. */
#define TIMESTAMP_TEXT_MAX 48

/*
 * Formats CLOCK_REALTIME microseconds as RFC 3339 does, in UTC and with microseconds. Returns `ret_text`.
 */
const char *timestamp_format(uint64_t time_us, char ret_text[static TIMESTAMP_TEXT_MAX]);
