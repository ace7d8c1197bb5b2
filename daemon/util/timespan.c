/* SPDX-License-Identifier: MIT */

/*
 * Time spans and sizes in the syntax of systemd. Parsing is strict: no sign, no exponent, no fractions of a
 * microsecond, no silent overflow. Formatting is exact: the parse functions read the same value back, so that
 * a printed configuration is equal to the original.
 */

#include "util/timespan.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "util/digits.h"

struct unit {
        const char *name;
        uint64_t factor;
};

static const struct unit span_units[] = {
        { "w", 7 * USEC_PER_DAY },
        { "week", 7 * USEC_PER_DAY },
        { "weeks", 7 * USEC_PER_DAY },
        { "d", USEC_PER_DAY },
        { "day", USEC_PER_DAY },
        { "days", USEC_PER_DAY },
        { "h", USEC_PER_HOUR },
        { "hr", USEC_PER_HOUR },
        { "hour", USEC_PER_HOUR },
        { "hours", USEC_PER_HOUR },
        { "min", USEC_PER_MIN },
        { "m", USEC_PER_MIN },
        { "minute", USEC_PER_MIN },
        { "minutes", USEC_PER_MIN },
        { "s", USEC_PER_SEC },
        { "sec", USEC_PER_SEC },
        { "second", USEC_PER_SEC },
        { "seconds", USEC_PER_SEC },
        { "ms", USEC_PER_MSEC },
        { "msec", USEC_PER_MSEC },
        { "us", 1 },
        { "usec", 1 },
        { "\xc2\xb5s", 1 }, /* U+00B5, the micro sign */
        { "\xce\xbcs", 1 }, /* U+03BC, the Greek letter */
};

/* The units used for formatting. */
static const struct unit format_units[] = {
        { "d", USEC_PER_DAY }, { "h", USEC_PER_HOUR },  { "min", USEC_PER_MIN },
        { "s", USEC_PER_SEC }, { "ms", USEC_PER_MSEC }, { "us", 1 },
};

static const char *skip_blanks(const char *at)
{
        return at + strspn(at, " \t");
}

/* Reads digits and advances *at. Returns -EINVAL without a digit, -ERANGE on overflow. */
static int read_digits(const char **at, uint64_t *ret_number)
{
        char *end;

        if (!is_digit(**at))
                return -EINVAL;
        errno = 0;
        uint64_t number = strtoull(*at, &end, 10);
        if (errno != 0)
                return -ERANGE;
        *at = end;
        *ret_number = number;
        return 0;
}

/* Reads a unit and advances *at. A missing unit means seconds and is valid only at the end of the text. */
static int read_unit(const char **at, uint64_t *ret_factor)
{
        const char *start = skip_blanks(*at);
        size_t length = strcspn(start, " \t.0123456789");

        if (*start == '\0') {
                *at = start;
                *ret_factor = USEC_PER_SEC;
                return 0;
        }
        for (size_t i = 0; i < sizeof(span_units) / sizeof(*span_units); i++)
                if (strlen(span_units[i].name) == length && memcmp(span_units[i].name, start, length) == 0) {
                        *at = start + length;
                        *ret_factor = span_units[i].factor;
                        return 0;
                }
        return -EINVAL;
}

/* The value of the digits after a decimal point. Returns -EINVAL for fractions of a microsecond. */
static int fraction_value(const char *digits, size_t count, uint64_t factor, uint64_t *ret_us)
{
        uint64_t value = 0;

        for (size_t i = 0; i < count; i++) {
                if (digits[i] == '0' && factor < 10)
                        continue;
                if (factor % 10 != 0 && digits[i] != '0')
                        return -EINVAL;
                factor /= 10;
                value += (uint64_t)(digits[i] - '0') * factor;
        }
        *ret_us = value;
        return 0;
}

/* Reads one number with its unit, such as "1.5s" of "1.5s 3ms". */
static int read_part(const char **at, uint64_t *ret_us)
{
        const char *next = *at, *fraction = NULL;
        size_t fraction_digits = 0;
        uint64_t whole, factor, value, part = 0;

        int r = read_digits(&next, &whole);
        if (r < 0)
                return r;
        if (*next == '.') {
                fraction = next + 1;
                fraction_digits = strspn(fraction, "0123456789");
                if (fraction_digits == 0)
                        return -EINVAL;
                next = fraction + fraction_digits;
        }
        r = read_unit(&next, &factor);
        if (r < 0)
                return r;
        r = fraction_value(fraction, fraction_digits, factor, &part);
        if (r < 0)
                return r;
        if (__builtin_mul_overflow(whole, factor, &value) || __builtin_add_overflow(value, part, &value))
                return -ERANGE;

        *at = next;
        *ret_us = value;
        return 0;
}

int timespan_parse(const char *text, uint64_t *ret_us)
{
        const char *at = skip_blanks(text);
        uint64_t total = 0, part = 0;

        do {
                int r = read_part(&at, &part);
                if (r < 0)
                        return r;
                if (__builtin_add_overflow(total, part, &total))
                        return -ERANGE;
                at = skip_blanks(at);
        } while (*at != '\0');

        *ret_us = total;
        return 0;
}

char *timespan_format(uint64_t span_us, char buffer[static TIMESPAN_TEXT_MAX])
{
        char *end = buffer;

        if (span_us == 0)
                return memcpy(buffer, "0", sizeof("0"));
        for (size_t i = 0; i < sizeof(format_units) / sizeof(*format_units); i++) {
                uint64_t count = span_us / format_units[i].factor;
                if (count == 0)
                        continue;
                end += sprintf(end, "%s%" PRIu64 "%s", end == buffer ? "" : " ", count, format_units[i].name);
                span_us %= format_units[i].factor;
        }
        return buffer;
}

char *timespan_format_rough(uint64_t span_us, char buffer[static TIMESPAN_TEXT_MAX])
{
        if (span_us == USEC_NEVER)
                return memcpy(buffer, "never", sizeof("never"));
        if (span_us < USEC_PER_SEC)
                return memcpy(buffer, "under 1s", sizeof("under 1s"));

        /* Rounding to seconds, minutes or hours leaves two units. */
        uint64_t precision = span_us < USEC_PER_HOUR  ? USEC_PER_SEC
                             : span_us < USEC_PER_DAY ? USEC_PER_MIN
                                                      : USEC_PER_HOUR;
        uint64_t rest = span_us % precision;
        span_us -= rest;
        if (rest >= precision / 2 && span_us <= UINT64_MAX - precision)
                span_us += precision;
        return timespan_format(span_us, buffer);
}

int size_parse(const char *text, uint64_t *ret_size)
{
        const char *at = skip_blanks(text);
        uint64_t number;
        unsigned shift = 0;

        int r = read_digits(&at, &number);
        if (r < 0)
                return r;
        at = skip_blanks(at);
        switch (toupper((unsigned char)*at)) {
        case 'K':
                shift = 10;
                break;
        case 'M':
                shift = 20;
                break;
        case 'G':
                shift = 30;
                break;
        }
        if (shift > 0)
                at++;
        if (*at == 'B')
                at++;
        if (*skip_blanks(at) != '\0')
                return -EINVAL;
        if (number > (UINT64_MAX >> shift))
                return -ERANGE;

        *ret_size = number << shift;
        return 0;
}

char *size_format(uint64_t size, char buffer[static TIMESPAN_TEXT_MAX])
{
        static const char suffixes[] = { '\0', 'K', 'M', 'G' };
        size_t suffix = 0;

        while (size > 0 && size % 1024 == 0 && suffix + 1 < sizeof(suffixes)) {
                size /= 1024;
                suffix++;
        }
        (void)snprintf(buffer, TIMESPAN_TEXT_MAX, "%" PRIu64 "%.1s", size, &suffixes[suffix]);
        return buffer;
}

/* Points in time as text, for programs. */

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
