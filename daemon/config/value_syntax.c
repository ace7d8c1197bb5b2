/* SPDX-License-Identifier: MIT */

/* Reads values character by character. The texts are on a single line and contain no NUL. */

#include "config/value_syntax.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "util/cleanup.h"
#include "util/digits.h"
#include "util/text.h"

/* The letters of escapes, and the characters they stand for. */
static const char escape_letters[] = "\\\"abfnrtv", escape_meanings[] = "\\\"\a\b\f\n\r\t\v";

static const char hash_hint[] = "\"#\" does not start a comment here; write \" ;\" instead";

static bool is_blank(char c)
{
        return c == ' ' || c == '\t';
}

static bool is_blank_at(const struct ini_line *line, size_t at)
{
        return at < line->size && is_blank(line->text[at]);
}

static bool is_comment_at(const struct ini_line *line, size_t at)
{
        return line->text[at] == ';' && at > 0 && is_blank_at(line, at - 1);
}

/* A "#" between blanks, or the start and the end of the line. */
static bool is_hash_comment_at(const struct ini_line *line, size_t at)
{
        return line->text[at] == '#' && (at == 0 || is_blank_at(line, at - 1)) &&
               (at + 1 == line->size || is_blank_at(line, at + 1));
}

static int refuse(const char *hint, const char **ret_hint)
{
        *ret_hint = hint;
        return -EINVAL;
}

/* A part of a line without the blanks around it. */
static struct ini_line trim(const struct ini_line *line, size_t start, size_t end)
{
        while (start < end && is_blank(line->text[start]))
                start++;
        while (end > start && is_blank(line->text[end - 1]))
                end--;
        return (struct ini_line){ .text = line->text + start, .size = end - start };
}

const char *value_text_read(const struct ini_line *line, char *quote, struct ini_line *ret_text)
{
        size_t i;

        for (i = 0; i < line->size; i++) {
                char c = line->text[i];
                if (quote != NULL && *quote != '\0') {
                        if (c == '\\')
                                i++;
                        else if (c == *quote)
                                *quote = '\0';
                } else if (is_comment_at(line, i)) {
                        break;
                } else if (is_hash_comment_at(line, i)) {
                        return hash_hint;
                } else if (quote != NULL && c == '\\') {
                        i++;
                } else if (quote != NULL && (c == '"' || c == '\'')) {
                        *quote = c;
                }
        }

        struct ini_line text = trim(line, 0, i < line->size ? i : line->size);
        if (quote == NULL && text.size >= 2 && text.text[0] == '"' && text.text[text.size - 1] == '"')
                return "a single value takes no quotes; remove them";
        *ret_text = text;
        return NULL;
}

/* The character of the escape after a backslash at *at, which is advanced; -1 if it is invalid. */
static int read_escape(const struct ini_line *line, size_t *at)
{
        size_t left = line->size - *at;
        const char *text = line->text + *at;
        const char *letter = left > 0 ? strchr(escape_letters, text[0]) : NULL;

        if (letter != NULL) {
                (*at)++;
                return escape_meanings[letter - escape_letters];
        }

        bool octal = left > 0 && text[0] != 'x';
        size_t digits = octal ? 3 : 2, start = octal ? 0 : 1;
        int number = 0;
        if (left < start + digits)
                return -1;
        for (size_t i = start; i < start + digits; i++) {
                int digit = hex_digit_value(text[i]);
                if (digit < 0 || (octal && digit > 7))
                        return -1;
                number = number * (octal ? 8 : 16) + digit;
        }
        *at += start + digits;
        return number > 0 && number <= 0xff ? number : -1;
}

/* Reads the item in quotes at *at. */
static int read_quoted(const struct ini_line *line, size_t *at, char **ret_item, const char **ret_hint)
{
        size_t i = *at + 1;
        CLEANUP(cleanup_free) char *item = malloc(line->size - *at);
        if (item == NULL)
                return -ENOMEM;

        char *end = item;
        while (i < line->size && line->text[i] != '"') {
                char c = line->text[i++];
                if (c != '\\') {
                        *end++ = c;
                        continue;
                }
                int character = read_escape(line, &i);
                if (character < 0)
                        return refuse(
                                "invalid escape in quotes; write \\\\ for a backslash, or one of \\\" \\a "
                                "\\b \\f \\n \\r \\t \\v \\xHH \\NNN",
                                ret_hint);
                *end++ = (char)character;
        }
        if (i == line->size)
                return refuse("the double quote is not closed; add one, or write \"\\\"\" for the character",
                              ret_hint);
        *end = '\0';

        i++;
        while (is_blank_at(line, i))
                i++;
        if (i < line->size && line->text[i] != ',' && !is_comment_at(line, i))
                return refuse(
                        "text after the closing quote; separate items with commas, and write \\\" for a "
                        "quote inside an item",
                        ret_hint);
        *at = i;
        *ret_item = STEAL_POINTER(item);
        return 1;
}

int list_item_read(const struct ini_line *line, size_t *at, char **ret_item, const char **ret_hint)
{
        size_t start = *at;

        while (start < line->size && (is_blank_at(line, start) || line->text[start] == ','))
                start++;
        if (start == line->size || is_comment_at(line, start)) {
                *at = line->size;
                return 0;
        }
        if (line->text[start] == '"') {
                *at = start;
                return read_quoted(line, at, ret_item, ret_hint);
        }

        size_t end = start;
        for (; end < line->size && line->text[end] != ',' && !is_comment_at(line, end); end++)
                if (is_hash_comment_at(line, end))
                        return refuse(hash_hint, ret_hint);
        *at = end;
        const struct ini_line text = trim(line, start, end);
        char *item = strndup(text.text, text.size);
        if (item == NULL)
                return -ENOMEM;
        *ret_item = item;
        return 1;
}

char *list_item_quote(const char *data, size_t size)
{
        /* The longest form of a byte is \xHH. */
        char *quoted = malloc(size * 4 + 3), *end = quoted;
        if (quoted == NULL)
                return NULL;

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
