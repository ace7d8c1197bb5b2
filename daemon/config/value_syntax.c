/* SPDX-License-Identifier: MIT */

/* Reads values character by character. The texts are on a single line and contain no NUL. */

#include "config/value_syntax.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "util/cleanup.h"
#include "util/digits.h"
#include "util/glob.h"
#include "util/memory.h"
#include "util/message.h"

/* The letters of escapes, and the characters they stand for. */
static const char escape_letters[] = "\\\"abfnrtv", escape_meanings[] = "\\\"\a\b\f\n\r\t\v";

static const char hash_hint[] = "\"#\" does not start a comment here; write \" ;\" instead";

static bool is_blank(char c)
{
        return c == ' ' || c == '\t';
}

static bool is_comment_at(const char *line, size_t at)
{
        return line[at] == ';' && at > 0 && is_blank(line[at - 1]);
}

/* A "#" between blanks, or the start and the end of the line. */
static bool is_hash_comment_at(const char *line, size_t at)
{
        return line[at] == '#' && (at == 0 || is_blank(line[at - 1])) &&
               (line[at + 1] == '\0' || is_blank(line[at + 1]));
}

/* The part of a line from `start` to `end` without the blanks around it. */
static const char *trim(const char *line, size_t start, size_t end, size_t *ret_size)
{
        while (start < end && is_blank(line[start]))
                start++;
        while (end > start && is_blank(line[end - 1]))
                end--;
        *ret_size = end - start;
        return line + start;
}

const char *value_text_read(const char *line, char *quote, const char **ret_text, size_t *ret_size)
{
        size_t end = 0, size;

        for (; line[end] != '\0'; end++) {
                const char c = line[end];
                if (quote != NULL && c == '\\') {
                        end += line[end + 1] != '\0';
                } else if (quote != NULL && *quote != '\0') {
                        if (c == *quote)
                                *quote = '\0';
                } else if (is_comment_at(line, end)) {
                        break;
                } else if (is_hash_comment_at(line, end)) {
                        return hash_hint;
                } else if (quote != NULL && (c == '"' || c == '\'')) {
                        *quote = c;
                }
        }

        const char *text = trim(line, 0, end, &size);
        if (quote == NULL && size >= 2 && text[0] == '"' && text[size - 1] == '"')
                return "a single value takes no quotes; remove them";
        *ret_text = text;
        *ret_size = size;
        return NULL;
}

/* The character of the escape after a backslash at *at, which is advanced; -1 if it is invalid. */
static int read_escape(const char *line, size_t *at)
{
        const char *text = line + *at;
        const char *letter = text[0] != '\0' ? strchr(escape_letters, text[0]) : NULL;
        const bool octal = text[0] != 'x';
        int number = 0;

        if (letter != NULL) {
                (*at)++;
                return escape_meanings[letter - escape_letters];
        }
        for (size_t i = octal ? 0 : 1; i < 3; i++) {
                int digit = hex_digit_value(text[i]);
                if (digit < 0 || (octal && digit > 7))
                        return -1;
                number = number * (octal ? 8 : 16) + digit;
        }
        *at += 3;
        return number > 0 && number <= 0xff ? number : -1;
}

/* Reads the item in quotes at *at. */
static char *read_quoted(const char *line, size_t *at, const char **ret_hint)
{
        size_t i = *at + 1;
        CLEANUP(cleanup_free) char *item = memory_need(malloc(strlen(line + *at)));
        char *end = item;

        while (line[i] != '\0' && line[i] != '"') {
                int character = (unsigned char)line[i++];
                if (character == '\\')
                        character = read_escape(line, &i);
                if (character < 0) {
                        *ret_hint =
                                "invalid escape in quotes; write \\\\ for a backslash, or one of \\\" \\a "
                                "\\b \\f \\n \\r \\t \\v \\xHH \\NNN";
                        return NULL;
                }
                *end++ = (char)character;
        }
        if (line[i] == '\0') {
                *ret_hint = "the double quote is not closed; add one, or write \"\\\"\" for the character";
                return NULL;
        }
        *end = '\0';

        i++;
        while (is_blank(line[i]))
                i++;
        if (line[i] != '\0' && line[i] != ',' && !is_comment_at(line, i)) {
                *ret_hint = "text after the closing quote; separate items with commas, and write \\\" for a "
                            "quote inside an item";
                return NULL;
        }
        *at = i;
        return STEAL_POINTER(item);
}

char *list_item_read(const char *line, size_t *at, const char **ret_hint)
{
        size_t end, size;

        *ret_hint = NULL;
        *at += strspn(line + *at, " \t,");
        if (line[*at] == '\0' || is_comment_at(line, *at))
                return NULL;
        if (line[*at] == '"')
                return read_quoted(line, at, ret_hint);

        for (end = *at; line[end] != '\0' && line[end] != ',' && !is_comment_at(line, end); end++)
                if (is_hash_comment_at(line, end)) {
                        *ret_hint = hash_hint;
                        return NULL;
                }
        const char *text = trim(line, *at, end, &size);
        *at = end;
        return memory_need(strndup(text, size));
}

char *list_item_quote(const char *data, size_t size)
{
        /* The longest form of a byte is \xHH. */
        char *quoted = memory_need(malloc(size * 4 + 3)), *end = quoted;

        *end++ = '"';
        for (size_t i = 0, visible = 0; i < size; i++) {
                if (visible == 0)
                        visible = text_visible_size(data + i, size - i);
                const char *letter = strchr(escape_meanings, data[i]);
                assert(data[i] != '\0');
                if (letter != NULL)
                        end += sprintf(end, "\\%c", escape_letters[letter - escape_meanings]);
                else if (visible > 0)
                        *end++ = data[i];
                else
                        end += sprintf(end, "\\x%02x", (unsigned char)data[i]);
                if (visible > 0)
                        visible--;
        }
        memcpy(end, "\"", 2);
        return quoted;
}

bool list_item_is_plain(const char *text)
{
        size_t size = strlen(text);

        return size > 0 && !is_blank(text[0]) && !is_blank(text[size - 1]) &&
               strpbrk(text, ",;#\"=[]\\") == NULL && text_visible_size(text, size) == size;
}

/* ---- a line of [status] ---- */

#define STATUS_BYTES_MAX 1000

char *status_line_write(const struct text *status)
{
        assert(status->data != NULL);

        size_t size = text_cut(status->data, status->size, STATUS_BYTES_MAX);
        CLEANUP(cleanup_free) char *literal = glob_escape(status->data, size);
        CLEANUP(cleanup_free)
        char *pattern = format_message("%s%s", literal, size < status->size ? "*" : "");
        CLEANUP(cleanup_free) char *item = list_item_quote(pattern, strlen(pattern));

        return format_message("success += %s", item);
}
