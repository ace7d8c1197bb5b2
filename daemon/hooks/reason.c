/* SPDX-License-Identifier: MIT */

/* Reasons are told with what memory there is: a caller that gets none falls back on errno. */

#include "hooks/reason.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

char *reason_format(const char *format, ...)
{
        va_list arguments;
        char *reason;

        va_start(arguments, format);
        int r = vasprintf(&reason, format, arguments);
        va_end(arguments);
        return r < 0 ? NULL : reason;
}
