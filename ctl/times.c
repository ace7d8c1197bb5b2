/* SPDX-License-Identifier: MIT */

/* Times for people. */

#include "ctl/times.h"

#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>
#include <time.h>

#include "util/digits.h"
#include "util/message.h"
#include "util/timespan.h"

static uint64_t now_of(clockid_t clock)
{
        struct timespec now;

        (void)clock_gettime(clock, &now);
        return (uint64_t)now.tv_sec * USEC_PER_SEC + (uint64_t)now.tv_nsec / 1000;
}

uint64_t realtime_now(void)
{
        return now_of(CLOCK_REALTIME);
}

uint64_t monotonic_now(void)
{
        return now_of(CLOCK_MONOTONIC);
}

/* ---- formatting ---- */

static bool local_parts(uint64_t time_us, struct tm *ret_parts)
{
        const time_t seconds = (time_t)(time_us / USEC_PER_SEC);

        return localtime_r(&seconds, ret_parts) != NULL;
}

char *time_format(uint64_t time_us)
{
        struct tm parts;
        char text[64];

        if (!local_parts(time_us, &parts) || strftime(text, sizeof(text), "%F %T", &parts) == 0)
                return format_message("@%" PRIu64, time_us / USEC_PER_SEC);
        return format_message("%s", text);
}

char *time_format_ago(uint64_t time_us, uint64_t now_us)
{
        char span[TIMESPAN_TEXT_MAX];

        if (time_us <= now_us && now_us - time_us >= USEC_PER_SEC)
                return format_message("%s ago", timespan_format_rough(now_us - time_us, span));
        if (time_us > now_us && time_us - now_us >= USEC_PER_SEC)
                return format_message("in %s", timespan_format_rough(time_us - now_us, span));
        return format_message("now");
}

/* It is an estimate: minutes are precise enough, except for the last one. */
char *time_format_left(uint64_t span_us)
{
        char span[TIMESPAN_TEXT_MAX];

        if (span_us < USEC_PER_SEC)
                return format_message("soon");
        uint64_t precision = span_us < USEC_PER_MIN ? USEC_PER_SEC : USEC_PER_MIN;
        return format_message("~%s", timespan_format_rough(span_us - span_us % precision, span));
}

char *time_format_both(uint64_t time_us, uint64_t now_us)
{
        struct tm parts;
        char text[80];

        if (!local_parts(time_us, &parts) || strftime(text, sizeof(text), "%a %F %T %Z", &parts) == 0)
                return time_format(time_us);
        char *ago = time_format_ago(time_us, now_us), *both = format_message("%s; %s", text, ago);
        free(ago);
        return both;
}

/* ---- parsing ---- */

/* Midnight of the local day that is `days` before the one of `now`. */
static time_t midnight(time_t now, int days)
{
        struct tm parts;

        if (localtime_r(&now, &parts) == NULL)
                return -1;
        parts.tm_mday -= days;
        parts.tm_hour = parts.tm_min = parts.tm_sec = 0;
        parts.tm_isdst = -1;
        return mktime(&parts);
}

static int parse_calendar(const char *text, time_t now, time_t *ret_time)
{
        static const char *const formats[] = { "%Y-%m-%d %H:%M:%S", "%Y-%m-%d %H:%M", "%Y-%m-%d", "%H:%M:%S",
                                               "%H:%M" };

        for (size_t i = 0; i < sizeof(formats) / sizeof(*formats); i++) {
                const time_t today = midnight(now, 0);
                struct tm parts;
                if (localtime_r(&today, &parts) == NULL)
                        return -EINVAL;
                const char *end = strptime(text, formats[i], &parts);
                if (end == NULL || *end != '\0')
                        continue;
                parts.tm_isdst = -1;
                *ret_time = mktime(&parts);
                return *ret_time < 0 ? -EINVAL : 0;
        }
        return -EINVAL;
}

int time_parse(const char *text, uint64_t now_us, uint64_t *ret_time_us)
{
        const time_t now = (time_t)(now_us / USEC_PER_SEC);
        uint64_t span_us, seconds;
        time_t time = -1;

        if (timespan_parse(text, &span_us) >= 0) {
                *ret_time_us = span_us < now_us ? now_us - span_us : 0;
                return 0;
        }
        if (*text == '@') {
                if (digits_parse(text + 1, &seconds) < 0 || seconds > UINT64_MAX / USEC_PER_SEC)
                        return -EINVAL;
                *ret_time_us = seconds * USEC_PER_SEC;
                return 0;
        }
        if (strcmp(text, "today") == 0)
                time = midnight(now, 0);
        else if (strcmp(text, "yesterday") == 0)
                time = midnight(now, 1);
        else if (parse_calendar(text, now, &time) < 0)
                return -EINVAL;
        if (time < 0)
                return -EINVAL;
        *ret_time_us = (uint64_t)time * USEC_PER_SEC;
        return 0;
}
