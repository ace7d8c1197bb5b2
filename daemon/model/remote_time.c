/* SPDX-License-Identifier: MIT */

/* Times of the API, in the three forms that it has been seen to use. */

#include "model/remote_time.h"

#include <assert.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

/* Seconds of 0001-01-01T00:00:00 and of 9999-12-31T23:59:59, since 1970. */
#define FIRST_SECOND INT64_C(-62135596800)
#define LAST_SECOND  INT64_C(253402300799)

#define FRACTION_DIGITS 7

/* What remains to be read. A text may contain NUL, which is no character of a time. */
struct reader {
        const char *at;
        size_t size;
};

static bool skip(struct reader *reader, const char *word)
{
        size_t size = strlen(word);

        if (reader->size < size || memcmp(reader->at, word, size) != 0)
                return false;
        reader->at += size;
        reader->size -= size;
        return true;
}

/* Reads up to `most` digits, at most 19; returns how many there were. */
static unsigned read_digits(struct reader *reader, unsigned most, int64_t *ret_number)
{
        uint64_t number = 0;
        unsigned count = 0;

        for (; count < most && reader->size > 0 && *reader->at >= '0' && *reader->at <= '9'; count++) {
                number = number * 10 + (uint64_t)(*reader->at - '0');
                reader->at++;
                reader->size--;
        }
        *ret_number = number > INT64_MAX ? INT64_MAX : (int64_t)number;
        return count;
}

static bool read_number(struct reader *reader, unsigned digits, int64_t least, int64_t most,
                        int64_t *ret_number)
{
        return read_digits(reader, digits, ret_number) == digits && *ret_number >= least &&
               *ret_number <= most;
}

/* Days since 1970 of a date in the Gregorian calendar. Years begin in March here, so leap days come last. */
static int64_t days_since_1970(int64_t year, int64_t month, int64_t day)
{
        int64_t years = month <= 2 ? year - 1 : year;
        int64_t months = (month + 9) % 12;

        return years * 365 + years / 4 - years / 100 + years / 400 + (months * 153 + 2) / 5 + day - 719469;
}

static int64_t days_of_month(int64_t year, int64_t month)
{
        return month == 12 ? 31 : days_since_1970(year, month + 1, 1) - days_since_1970(year, month, 1);
}

static bool read_date(struct reader *reader, int64_t *ret_days)
{
        int64_t year, month, day;

        if (!read_number(reader, 4, 1, 9999, &year) || !skip(reader, "-") ||
            !read_number(reader, 2, 1, 12, &month) || !skip(reader, "-") ||
            !read_number(reader, 2, 1, days_of_month(year, month), &day))
                return false;
        *ret_days = days_since_1970(year, month, day);
        return true;
}

/* A leap second is the first one of the next minute. */
static bool read_time_of_day(struct reader *reader, int64_t *ret_seconds)
{
        int64_t hour, minute, second;

        if (!read_number(reader, 2, 0, 23, &hour) || !skip(reader, ":") ||
            !read_number(reader, 2, 0, 59, &minute) || !skip(reader, ":") ||
            !read_number(reader, 2, 0, 60, &second))
                return false;
        *ret_seconds = (hour * 60 + minute) * 60 + second;
        return true;
}

static bool read_fraction(struct reader *reader, int64_t *ret_ticks)
{
        *ret_ticks = 0;
        if (!skip(reader, "."))
                return true;

        unsigned digits = read_digits(reader, FRACTION_DIGITS, ret_ticks);
        for (unsigned i = digits; i < FRACTION_DIGITS; i++)
                *ret_ticks *= 10;
        return digits > 0;
}

/* "Z", an offset, or nothing, at the end of the text. */
static bool read_zone(struct reader *reader, enum remote_time_form *ret_form, int64_t *ret_seconds)
{
        int64_t hours, minutes;
        bool east = skip(reader, "+"), offset = east || skip(reader, "-");

        *ret_form = REMOTE_TIME_UTC;
        *ret_seconds = 0;
        if (!offset) {
                if (!skip(reader, "Z"))
                        *ret_form = REMOTE_TIME_LOCAL;
                return reader->size == 0;
        }
        if (!read_number(reader, 2, 0, 23, &hours))
                return false;
        (void)skip(reader, ":");
        if (!read_number(reader, 2, 0, 59, &minutes) || reader->size > 0)
                return false;
        *ret_seconds = (hours * 60 + minutes) * 60 * (east ? 1 : -1);
        return true;
}

static bool read_iso(struct reader reader, struct remote_time *ret_time)
{
        int64_t days, seconds, fraction, offset;
        enum remote_time_form form;

        if (!read_date(&reader, &days) || !skip(&reader, "T") || !read_time_of_day(&reader, &seconds) ||
            !read_fraction(&reader, &fraction) || !read_zone(&reader, &form, &offset))
                return false;
        ret_time->form = form;
        ret_time->ticks = (days * 86400 + seconds - offset) * REMOTE_TICKS_PER_SEC + fraction;
        return true;
}

/* The offset that some servers add says in which zone to show the time; the number is UTC all the same. */
static bool read_milliseconds(struct reader reader, struct remote_time *ret_time)
{
        int64_t number, offset;

        if (!skip(&reader, "/Date("))
                return false;
        bool negative = skip(&reader, "-");
        if (read_digits(&reader, 15, &number) == 0)
                return false;
        if ((skip(&reader, "+") || skip(&reader, "-")) && read_digits(&reader, 4, &offset) != 4)
                return false;
        if (!skip(&reader, ")/") || reader.size > 0)
                return false;

        int64_t milliseconds = negative ? -number : number;
        if (milliseconds < FIRST_SECOND * 1000 || milliseconds > LAST_SECOND * 1000 + 999)
                return false;
        ret_time->form = REMOTE_TIME_DATE;
        ret_time->ticks = milliseconds * (REMOTE_TICKS_PER_SEC / 1000);
        return true;
}

struct remote_time remote_time_parse(const struct text *text)
{
        struct reader reader = { text->data, text->size };
        struct remote_time time = { .form = REMOTE_TIME_NONE };

        if (text->data != NULL && (read_iso(reader, &time) || read_milliseconds(reader, &time)))
                time.whole_second = time.ticks % REMOTE_TICKS_PER_SEC == 0;
        return time;
}

/* ---- text for the state ---- */

static const char *const form_words[] = {
        [REMOTE_TIME_NONE] = "none",
        [REMOTE_TIME_LOCAL] = "local",
        [REMOTE_TIME_UTC] = "utc",
        [REMOTE_TIME_DATE] = "date",
};

char *remote_time_write(const struct remote_time *time, char buffer[static REMOTE_TIME_TEXT_MAX])
{
        int length = snprintf(buffer, REMOTE_TIME_TEXT_MAX, "%s %lld", form_words[time->form],
                              (long long)time->ticks);

        assert(length > 0 && length < REMOTE_TIME_TEXT_MAX);
        return buffer;
}

/* A day more than what years allow, since an offset may lead beyond the first and the last. */
static bool is_in_range(int64_t ticks)
{
        return ticks >= FIRST_SECOND * REMOTE_TICKS_PER_SEC - REMOTE_TICKS_PER_DAY &&
               ticks < (LAST_SECOND + 1) * REMOTE_TICKS_PER_SEC + REMOTE_TICKS_PER_DAY;
}

static bool read_form(struct reader *reader, enum remote_time_form *ret_form)
{
        for (size_t i = 0; i < sizeof(form_words) / sizeof(*form_words); i++)
                if (skip(reader, form_words[i])) {
                        *ret_form = (enum remote_time_form)i;
                        return skip(reader, " ");
                }
        return false;
}

const char *remote_time_read(const char *text, struct remote_time *ret_time)
{
        struct reader reader = { text, strlen(text) };
        struct remote_time time = { .form = REMOTE_TIME_NONE };
        int64_t number;

        if (!read_form(&reader, &time.form))
                return NULL;
        bool negative = skip(&reader, "-");
        if (read_digits(&reader, 19, &number) == 0)
                return NULL;
        time.ticks = negative ? -number : number;
        if (!is_in_range(time.ticks) || (time.form == REMOTE_TIME_NONE && time.ticks != 0))
                return NULL;
        time.whole_second = time.form != REMOTE_TIME_NONE && time.ticks % REMOTE_TICKS_PER_SEC == 0;
        *ret_time = time;
        return reader.at;
}
