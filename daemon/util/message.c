/* SPDX-License-Identifier: MIT */

/* Messages that are as long as they need be. */

#include "util/message.h"

#include <stdio.h>

#include "util/memory.h"

char *format_message_list(const char *format, va_list arguments)
{
        va_list again;

        va_copy(again, arguments);
        /* The analyzer of clang 14 does not see va_copy() here. */
        size_t size = (size_t)vsnprintf(NULL, 0, format, again) + 1; /* NOLINT(clang-analyzer-valist.*) */
        va_end(again);
        char *message = memory_malloc(NULL, size);
        (void)vsnprintf(message, size, format, arguments);
        return message;
}

char *format_message(const char *format, ...)
{
        va_list arguments;

        va_start(arguments, format);
        char *message = format_message_list(format, arguments);
        va_end(arguments);
        return message;
}

int fail_with_message(int r, char **ret_message, const char *format, ...)
{
        va_list arguments;

        va_start(arguments, format);
        *ret_message = format_message_list(format, arguments);
        va_end(arguments);
        return r;
}
