/* SPDX-License-Identifier: MIT */
#pragma once

#include <stdarg.h>
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

/* Format like printf() into a malloc()ed string. */
char *format_message(const char *format, ...) __attribute__((format(printf, 1, 2)));
char *format_message_list(const char *format, va_list arguments) __attribute__((format(printf, 1, 0)));

/* Sets *ret_message to the formatted message and returns `r`. For functions that return one with their error.
 */
int fail_with_message(int r, char **ret_message, const char *format, ...)
        __attribute__((format(printf, 3, 4)));
