/* SPDX-License-Identifier: MIT */

/* printf() into allocated memory. */

#include "util/reason.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

char *format_message(const char *format, ...)
{
        va_list arguments;
        char *reason;

        va_start(arguments, format);
        int length = vsnprintf(NULL, 0, format, arguments);
        va_end(arguments);
        if (length < 0 || (reason = malloc((size_t)length + 1)) == NULL)
                return NULL;

        va_start(arguments, format);
        (void)vsnprintf(reason, (size_t)length + 1, format, arguments);
        va_end(arguments);
        return reason;
}
