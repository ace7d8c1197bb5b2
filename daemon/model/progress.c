/* SPDX-License-Identifier: MIT */

/*
 * Finds progress in a text of any form: JSON, lines, sentences. The text is read once from the start, as
 * words, numbers and what is between them; a name counts for the next number.
 */

#include "model/progress.h"

#include <stdint.h>
#include <string.h>
#include <strings.h>

#include "util/digits.h"

enum name {
        NAME_OTHER,
        NAME_DONE,
        NAME_TOTAL,
        NAME_PERCENT,
        NAME_NOT_DONE, /* of others than those that are done, though they may be "of 400 rows" too */
};

/* Numbers beyond this are none that somebody counts. */
#define DIGITS_MAX 15

/* Of a number that is not a whole one, such as 1.5 or -3, or is too long. */
#define NOT_WHOLE UINT64_MAX

/* A fact that has been found several times, equal or not. */
struct fact {
        uint64_t value;
        bool known, contradicted;
};

struct reading {
        const char *at, *end;
        bool cut;
        struct fact percent, done, total;
};

static void learn(struct fact *fact, uint64_t value)
{
        if (fact->known && fact->value != value)
                fact->contradicted = true;
        fact->value = value;
        fact->known = true;
}

/* ---- characters ---- */

static bool is_letter(char c)
{
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static bool is_word(char c)
{
        return is_letter(c) || c == '_';
}

/* The character at an offset; NUL beyond the end. */
static char peek(const struct reading *reading, size_t offset)
{
        if ((size_t)(reading->end - reading->at) <= offset)
                return '\0';
        return reading->at[offset];
}

static void skip_blanks(struct reading *reading)
{
        while (reading->at < reading->end && strchr(" \t\r\n", *reading->at) != NULL && *reading->at != '\0')
                reading->at++;
}

/* ---- names ---- */

static bool is_one_of(const char *name, const char *const names[])
{
        for (; *names != NULL; names++)
                if (strcmp(name, *names) == 0)
                        return true;
        return false;
}

/* Removes a word from the start or the end of a name, unless it is all of it. */
static void strip(char *name, const char *word)
{
        size_t size = strlen(name), part = strlen(word);

        if (size <= part)
                return;
        if (strncmp(name, word, part) == 0)
                memmove(name, name + part, size - part + 1);
        else if (strcmp(name + size - part, word) == 0)
                name[size - part] = '\0';
}

/* "rowsProcessed", "processed_rows" and "Processed" are the same name. */
static enum name classify(const char *word, size_t size)
{
        static const char *const done[] = { "done", "processed", "completed", "finished", "imported", NULL };
        static const char *const total[] = { "total", "rows", "records", "count", NULL };
        static const char *const percent[] = { "percent", "percentage", NULL };
        static const char *const not_done[] = { "failed",   "failures",  "errors", "skipped",
                                                "rejected", "remaining", "left",   NULL };
        char name[32];
        size_t length = 0;

        for (size_t i = 0; i < size; i++) {
                if (word[i] == '_' || word[i] == '-')
                        continue;
                if (!is_letter(word[i]) || length == sizeof(name) - 1)
                        return NAME_OTHER;
                name[length++] = (char)(word[i] | 0x20);
        }
        name[length] = '\0';
        if (is_one_of(name, percent))
                return NAME_PERCENT;
        strip(name, "rows");
        strip(name, "records");
        if (is_one_of(name, done))
                return NAME_DONE;
        if (is_one_of(name, not_done))
                return NAME_NOT_DONE;
        return is_one_of(name, total) ? NAME_TOTAL : NAME_OTHER;
}

static enum name read_name(struct reading *reading)
{
        const char *start = reading->at;

        while (reading->at < reading->end && (is_word(*reading->at) || is_digit(*reading->at) ||
                                              (*reading->at == '-' && is_letter(peek(reading, 1)))))
                reading->at++;
        return classify(start, (size_t)(reading->at - start));
}

/* ---- numbers ---- */

/* Reads a number with its fraction and whatever else belongs to it, such as the rest of a date or a version.
 * *ret_whole is its integer part, NOT_WHOLE if it has more than a fraction; returns whether it is whole. */
static bool read_number(struct reading *reading, uint64_t *ret_whole)
{
        uint64_t whole = 0;
        unsigned digits = 0, parts = 0;

        for (; is_digit(peek(reading, 0)); reading->at++)
                if (++digits <= DIGITS_MAX)
                        whole = whole * 10 + (uint64_t)(*reading->at - '0');
        while ((peek(reading, 0) == '.' || peek(reading, 0) == ',') && is_digit(peek(reading, 1))) {
                parts++;
                for (reading->at++; is_digit(peek(reading, 0)); reading->at++)
                        ;
        }
        if (digits > DIGITS_MAX || parts > 1 || is_word(peek(reading, 0)) ||
            (reading->cut && (size_t)(reading->end - reading->at) <= 1))
                whole = NOT_WHOLE;
        *ret_whole = whole;
        return parts == 0 && whole != NOT_WHOLE;
}

/* After a number: skips "of", "/" or "out of". */
static bool read_of(struct reading *reading)
{
        const struct reading before = *reading;

        skip_blanks(reading);
        if (peek(reading, 0) == '/') {
                reading->at++;
        } else if (reading->end - reading->at > 2 && strncasecmp(reading->at, "of", 2) == 0 &&
                   strchr(" \t", reading->at[2]) != NULL) {
                reading->at += 2;
        } else {
                *reading = before;
                return false;
        }
        skip_blanks(reading);
        if (is_digit(peek(reading, 0)))
                return true;
        *reading = before;
        return false;
}

/* Of the percent sign after a number, which a no-break space may precede. */
static bool read_percent_sign(struct reading *reading)
{
        struct reading ahead = *reading;

        if (peek(&ahead, 0) == '\xc2' && peek(&ahead, 1) == '\xa0')
                ahead.at += 2;
        else if (peek(&ahead, 0) == ' ')
                ahead.at++;
        if (peek(&ahead, 0) != '%')
                return false;
        ahead.at++;
        *reading = ahead;
        return true;
}

/* The next word after a number. "failed: 3" begins something else. */
static enum name read_next_name(struct reading *reading)
{
        skip_blanks(reading);
        if (!is_letter(peek(reading, 0)))
                return NAME_OTHER;
        enum name name = read_name(reading);
        const bool assigned = peek(reading, 0) == ':' || peek(reading, 0) == '=';
        return name == NAME_NOT_DONE && assigned ? NAME_OTHER : name;
}

static bool is_count(enum name name)
{
        return name == NAME_DONE || name == NAME_TOTAL;
}

static void read_pair(struct reading *reading, uint64_t done, enum name before)
{
        uint64_t total;
        bool whole = read_number(reading, &total);
        struct reading ahead = *reading;
        enum name after = read_next_name(&ahead), last = read_next_name(&ahead);

        if (peek(reading, 0) == '/' || !whole) /* a date */
                return;
        if (before == NAME_NOT_DONE || last == NAME_NOT_DONE) /* "3 of 400 rows failed" */
                return;
        if (!is_count(before) && !is_count(after))
                return;
        learn(&reading->done, done);
        learn(&reading->total, total);
}

/* `assigned`: the name and a colon or an equals sign precede it. */
static void read_value(struct reading *reading, enum name before, bool assigned)
{
        uint64_t number;
        bool whole = read_number(reading, &number);

        if (read_percent_sign(reading)) {
                learn(&reading->percent, number);
        } else if (whole && read_of(reading)) {
                read_pair(reading, number, before);
        } else if (assigned && before == NAME_PERCENT) {
                /* 0.45 may be meant as 45%. */
                learn(&reading->percent, whole || number > 0 ? number : NOT_WHOLE);
        } else if (assigned && is_count(before)) {
                learn(before == NAME_DONE ? &reading->done : &reading->total, whole ? number : NOT_WHOLE);
        }
}

/* ---- the text ---- */

/* What follows a name, up to its value: a quote, blanks, and a colon or an equals sign, which is returned. */
static bool read_assignment(struct reading *reading)
{
        if (peek(reading, 0) == '"' || peek(reading, 0) == '\'')
                reading->at++;
        skip_blanks(reading);
        if (peek(reading, 0) != ':' && peek(reading, 0) != '=')
                return false;
        reading->at++;
        skip_blanks(reading);
        if (peek(reading, 0) == '"' || peek(reading, 0) == '\'')
                reading->at++;
        return true;
}

static void read_all(struct reading *reading)
{
        enum name name = NAME_OTHER;
        bool assigned = false, is_part = false; /* of a number: it follows a sign or a point */

        while (reading->at < reading->end) {
                char c = *reading->at;

                if (is_word(c)) {
                        name = read_name(reading);
                        assigned = read_assignment(reading);
                        is_part = false;
                        continue;
                }
                if (is_digit(c)) {
                        uint64_t ignored;
                        if (is_part)
                                (void)read_number(reading, &ignored);
                        else
                                read_value(reading, name, assigned);
                } else {
                        reading->at++;
                }
                is_part = c != '\0' && strchr("-+./\\", c) != NULL;
                name = NAME_OTHER;
                assigned = false;
        }
}

static int conclude(const struct reading *reading)
{
        const struct fact *percent = &reading->percent, *done = &reading->done, *total = &reading->total;

        if (percent->known)
                return !percent->contradicted && percent->value <= 100 ? (int)percent->value : PROGRESS_NONE;
        if (!done->known || !total->known || done->contradicted || total->contradicted)
                return PROGRESS_NONE;
        if (total->value == 0 || total->value == NOT_WHOLE || done->value > total->value)
                return PROGRESS_NONE;
        return (int)(done->value * 100 / total->value);
}

int progress_detect(const char *text, size_t size, bool cut)
{
        struct reading reading = { .at = text, .end = text + size, .cut = cut };

        if (size == 0)
                return PROGRESS_NONE;
        read_all(&reading);
        return conclude(&reading);
}
