/* SPDX-License-Identifier: MIT */

/* Status lines and Retry-After, which libcurl's releases parse differently. */

#include "http/http_header.h"

#include <string.h>

#include "util/timespan.h"

#define VERSION_SIZE (sizeof("HTTP/1.1") - 1)

static bool is_digit(char byte)
{
        return byte >= '0' && byte <= '9';
}

static bool is_line_end(char byte)
{
        return byte == '\r' || byte == '\n';
}

bool http_line_is_valid(const char *line, size_t size)
{
        const char *digits = line + VERSION_SIZE + 1;

        if (size < strlen("HTTP/") || strncasecmp(line, "HTTP/", strlen("HTTP/")) != 0)
                return true;
        if (size < VERSION_SIZE + 5 || line[VERSION_SIZE] != ' ' ||
            (memcmp(line, "HTTP/1.1", VERSION_SIZE) != 0 && memcmp(line, "HTTP/1.0", VERSION_SIZE) != 0))
                return false;
        return digits[0] >= '1' && digits[0] <= '9' && is_digit(digits[1]) && is_digit(digits[2]) &&
               (digits[3] == ' ' || is_line_end(digits[3]));
}

/* -1: not a valid date. */
static time_t date_parse(const char *value)
{
        static const char form[] = "%a, %d %b %Y %H:%M:%S GMT";
        struct tm parts = { .tm_sec = 0 };
        char again[sizeof("Sun, 06 Nov 1994 08:49:37 GMT")];

        const char *end = strptime(value, form, &parts);
        if (end == NULL || *end != '\0')
                return -1;
        time_t date = timegm(&parts);
        /* strptime() accepts other spellings, and days that do not exist; the day of the week does not
         * matter. */
        if (strftime(again, sizeof(again), form, &parts) == 0 || strcmp(again + 3, value + 3) != 0)
                return -1;
        return date;
}

uint64_t http_retry_after_parse(const char *value, time_t now)
{
        static const uint64_t seconds_max = USEC_PER_DAY / USEC_PER_SEC;
        size_t digits = strspn(value, "0123456789");
        uint64_t seconds = 0;

        if (digits > 0 && value[digits] == '\0') {
                for (; *value != '\0' && seconds < seconds_max; value++)
                        seconds = seconds * 10 + (uint64_t)(*value - '0');
        } else {
                time_t date = date_parse(value);
                seconds = date > now ? (uint64_t)date - (uint64_t)now : 0;
        }

        return (seconds < seconds_max ? seconds : seconds_max) * USEC_PER_SEC;
}
