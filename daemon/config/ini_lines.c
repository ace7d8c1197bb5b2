/* SPDX-License-Identifier: MIT */

/* Splits the text of a file into lines, and checks their characters. */

#include "config/ini_lines.h"

#include <stdint.h>
#include <string.h>

#include "util/memory.h"
#include "util/message.h"
#include "util/utf8.h"

bool ini_line_take(struct ini_text *text, struct ini_line *ret_line)
{
        char *start = text->at, *end = memchr(start, '\n', (size_t)(text->end - start));

        if (start == text->end)
                return false;
        if (end == NULL)
                end = text->end;
        text->at = end < text->end ? end + 1 : end;
        text->number++;
        if (end > start && end[-1] == '\r')
                end--;
        while (end > start && (end[-1] == ' ' || end[-1] == '\t'))
                end--;
        *end = '\0';

        size_t indent = strspn(start, " \t");
        *ret_line = (struct ini_line){
                .text = start + indent,
                .size = (size_t)(end - start) - indent,
                .number = text->number,
                .indented = indent > 0,
        };
        return true;
}

bool ini_line_is_comment(const struct ini_line *line)
{
        return line->size == 0 || line->text[0] == '#' || line->text[0] == ';';
}

/* C0 without the tab, DEL, C1, and those that change the direction of the text around them. */
static bool is_control(uint32_t point)
{
        return (point < 0x20 && point != '\t') || (point >= 0x7f && point < 0xa0) ||
               (point >= 0x202a && point <= 0x202e) || (point >= 0x2066 && point <= 0x2069);
}

char *ini_line_check(const struct ini_line *line)
{
        size_t i = 0, length;
        uint32_t point = 0;

        if (strlen(line->text) < line->size)
                return memory_need(strdup("the line contains a NUL byte; save the file as UTF-8 text"));
        while ((length = utf8_character(line->text + i, line->size - i, &point)) > 0 && !is_control(point))
                i += length;
        if (i == line->size)
                return NULL;

        /* Show the character with the text before it. */
        size_t from = i > 20 ? i - 20 : 0;
        while (from < i && utf8_is_continuation(line->text[from]))
                from++;
        return format_message(
                "control character or invalid UTF-8 in \"%.*s\"; remove it, or save the file as UTF-8",
                (int)(i + (length > 0 ? length : 1) - from), line->text + from);
}
