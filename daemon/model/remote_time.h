/* SPDX-License-Identifier: MIT */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "util/text.h"

/*
 * A time that the API wrote: UpdatedOn or CreatedOn. Nobody knows whose clock it is, or in which zone if it
 * names none. So it is compared only with other times of the same form, and never with our clock.
 */
enum remote_time_form {
        REMOTE_TIME_NONE,  /* null, or not a time */
        REMOTE_TIME_LOCAL, /* 2026-01-15T10:30:00, without a zone */
        REMOTE_TIME_UTC,   /* 2026-01-15T10:30:00Z, or with an offset such as +01:00 */
        REMOTE_TIME_DATE,  /* "/Date(1705314600000)/", in milliseconds */
};

#define REMOTE_TIME_FORMS (REMOTE_TIME_DATE + 1)

struct remote_time {
        enum remote_time_form form;
        int64_t ticks;     /* of 100 ns since 1970; 0 if there is no time */
        bool whole_second; /* no part of a second, as in times that are rounded */
};

#define REMOTE_TICKS_PER_SEC INT64_C(10000000)
#define REMOTE_TICKS_PER_MIN (60 * REMOTE_TICKS_PER_SEC)
#define REMOTE_TICKS_PER_DAY (24 * 60 * REMOTE_TICKS_PER_MIN)

/* No time is before 0001-01-01T00:00:00, but for what an offset adds. */
#define REMOTE_TICKS_FIRST (INT64_C(-62135596800) * REMOTE_TICKS_PER_SEC)

/*
 * Reads a time. Fractions of up to seven digits do not make a form of their own: servers leave out zeros at
 * the end. Years are 1 to 9999, so that a few days more or less do not overflow `ticks`.
 */
struct remote_time remote_time_parse(const struct text *text);

/* Whether both are times of the same form, which may be compared by their ticks. */
static inline bool remote_time_comparable(const struct remote_time *left, const struct remote_time *right)
{
        return left->form != REMOTE_TIME_NONE && left->form == right->form;
}

/* The size of "local -621355968000000000", NUL included. */
#define REMOTE_TIME_TEXT_MAX 32

/* Formats a time for remote_time_read(), as a word and a number. Returns `buffer`. */
char *remote_time_write(const struct remote_time *time, char buffer[static REMOTE_TIME_TEXT_MAX]);

/*
 * Reads what remote_time_write() wrote, at the start of a text. Returns what follows it, or NULL if it is
 * something else, with *ret_time untouched.
 */
const char *remote_time_read(const char *text, struct remote_time *ret_time);
