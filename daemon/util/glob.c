/* SPDX-License-Identifier: MIT */

/*
 * Glob patterns on counted texts, without recursion. On a mismatch only the last `*` is retried, with one
 * more character. Earlier stars need no retry: any characters they could match, the last star can match as
 * well.
 */

#include "util/glob.h"

#include <stdlib.h>

#include "util/memory.h"
#include "util/utf8.h"

/* ASCII only, independent of the locale; other UTF-8 characters are compared byte by byte. */
static unsigned char fold(char byte)
{
        return byte >= 'A' && byte <= 'Z' ? (unsigned char)(byte - 'A' + 'a') : (unsigned char)byte;
}

/* Whether a byte of a pattern matches only itself. */
static bool is_literal(char byte)
{
        return byte != '\0' && byte != '*' && byte != '?' && byte != '[' && byte != '\\';
}

/* Bytes of the character at `text`; 1 for invalid UTF-8. */
static size_t character_size(const char *text, size_t size)
{
        size_t length = utf8_character(text, size, NULL);

        return length > 0 ? length : 1;
}

/* Returns the `]` that closes the set at `pattern`, or NULL. A `]` in first position is a member. */
static const char *set_end(const char *pattern)
{
        const char *at = pattern + 1;

        if (*at == '!')
                at++;
        for (bool is_first = true; *at != '\0'; is_first = false, at++) {
                if (*at == ']' && !is_first)
                        return at;
                if (*at == '\\' && at[1] != '\0')
                        at++;
        }
        return NULL;
}

/* Whether a byte, in lower or upper case, is in a range. */
static bool range_has(char low, char high, char byte)
{
        unsigned char at = (unsigned char)byte, lower = fold(byte);
        unsigned char upper = lower >= 'a' && lower <= 'z' ? (unsigned char)(lower - 'a' + 'A') : at;
        unsigned char from = (unsigned char)low, to = (unsigned char)high;

        return (lower >= from && lower <= to) || (upper >= from && upper <= to);
}

/* Whether a byte is in the set from `[` at `pattern` to `]` at `end`. Only ASCII bytes can be members. */
static bool set_has(const char *pattern, const char *end, char byte)
{
        const char *at = pattern + 1;
        bool negated = *at == '!', found = false;

        if (negated)
                at++;
        while (at < end) {
                char low, high;
                if (*at == '\\' && at + 1 < end)
                        at++;
                low = high = *at++;
                if (at + 1 < end && *at == '-') {
                        at++;
                        if (*at == '\\' && at + 1 < end)
                                at++;
                        high = *at++;
                }
                found = found || ((unsigned char)byte < 0x80 && range_has(low, high, byte));
        }
        return found != negated;
}

/*
 * Matches one pattern item other than `*` at the start of a text of at least one byte. Returns the number of
 * matched bytes, or 0; *ret_next is the next item. *unclosed caches the first `[` that has no `]`, so that
 * the search for `]` is not repeated there or further right.
 */
static size_t item_match(const char *pattern, const char *text, size_t size, const char **unclosed,
                         const char **ret_next)
{
        const char *end;

        switch (*pattern) {
        case '\0':
                return 0;
        case '?':
                *ret_next = pattern + 1;
                return character_size(text, size);
        case '[':
                end = *unclosed == NULL || pattern < *unclosed ? set_end(pattern) : NULL;
                if (end == NULL) {
                        if (*unclosed == NULL || pattern < *unclosed)
                                *unclosed = pattern;
                        break;
                }
                *ret_next = end + 1;
                return set_has(pattern, end, *text) ? character_size(text, size) : 0;
        case '\\':
                if (pattern[1] != '\0')
                        pattern++;
                break;
        }

        *ret_next = pattern + 1;
        return fold(*pattern) == fold(*text) ? 1 : 0;
}

bool glob_matches(const char *pattern, const char *text, size_t size)
{
        const char *star = NULL; /* the item after the last star */
        const char *unclosed = NULL;
        size_t at = 0, star_at = 0;

        /* A fast path: most patterns and texts differ in the first letter. */
        if (size > 0 && is_literal(*pattern) && fold(*pattern) != fold(*text))
                return false;

        while (at < size) {
                if (*pattern == '*') {
                        star = ++pattern;
                        star_at = at;
                        continue;
                }

                const char *next = NULL;
                size_t taken = item_match(pattern, text + at, size - at, &unclosed, &next);
                if (taken > 0) {
                        pattern = next;
                        at += taken;
                } else if (star != NULL) {
                        pattern = star;
                        star_at += character_size(text + star_at, size - star_at);
                        at = star_at;
                } else {
                        return false;
                }
        }

        while (*pattern == '*')
                pattern++;
        return *pattern == '\0';
}

bool glob_any_matches(const struct string_list *patterns, const struct text *text)
{
        for (size_t i = 0; text->data != NULL && i < patterns->count; i++)
                if (glob_matches(patterns->items[i], text->data, text->size))
                        return true;
        return false;
}

char *glob_escape(const char *text, size_t size)
{
        char *pattern = memory_malloc(NULL, size * 2 + 1), *end = pattern;

        for (size_t i = 0; i < size; i++) {
                if (text[i] != '\0' && !is_literal(text[i]))
                        *end++ = '\\';
                *end++ = (char)(text[i] != '\0' ? text[i] : '?');
        }
        *end = '\0';
        return pattern;
}
