/* SPDX-License-Identifier: MIT */

/* Points in time as text, for programs. */

#include "util/timestamp.h"

#include <stdio.h>
#include <time.h>

#include "util/timespan.h"

const char *timestamp_format(uint64_t time_us, char ret_text[static TIMESTAMP_TEXT_MAX])
{
        char seconds[TIMESTAMP_TEXT_MAX - sizeof(".123456Z")];
        time_t time = (time_t)(time_us / USEC_PER_SEC);
        struct tm utc;

        if (gmtime_r(&time, &utc) == NULL || strftime(seconds, sizeof(seconds), "%FT%T", &utc) == 0)
                seconds[0] = '\0';
        (void)snprintf(ret_text, TIMESTAMP_TEXT_MAX, "%s.%06uZ", seconds, (unsigned)(time_us % USEC_PER_SEC));
        return ret_text;
}
