/* SPDX-License-Identifier: MIT */

/* Wrappers of vasprintf(), which leaves its result undefined when out of memory. */

#include "util/message.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

static char *format_list(const char *format, va_list arguments) __attribute__((format(printf, 1, 0)));

static char *format_list(const char *format, va_list arguments)
{
        char *message;

        return vasprintf(&message, format, arguments) < 0 ? NULL : message;
}

char *format_message(const char *format, ...)
{
        va_list arguments;

        va_start(arguments, format);
        char *message = format_list(format, arguments);
        va_end(arguments);
        return message;
}

int fail_with_message(int r, char **ret_message, const char *format, ...)
{
        va_list arguments;

        va_start(arguments, format);
        *ret_message = format_list(format, arguments);
        va_end(arguments);
        return r;
}
