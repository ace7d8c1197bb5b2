/* SPDX-License-Identifier: MIT */
#pragma once

#include <stddef.h>

/* The ending of a noun after a number: "" or "s" as in "2 jobs", "y" or "ies" as in "2 deliveries". */
static inline const char *plural(size_t count)
{
        return count == 1 ? "" : "s";
}

static inline const char *plural_y(size_t count)
{
        return count == 1 ? "y" : "ies";
}

/* Formats like printf() into a malloc()ed string. Returns NULL when out of memory. */
char *format_message(const char *format, ...) __attribute__((format(printf, 1, 2)));

/*
 * Sets *ret_message to the formatted message, or NULL when out of memory, and returns `r`. For functions that
 * return a message with their error; callers that get NULL report the errno instead.
 */
int fail_with_message(int r, char **ret_message, const char *format, ...)
        __attribute__((format(printf, 3, 4)));
