/* SPDX-License-Identifier: MIT */

/*
 * inih reads its lines through an fgets-like callback, which is implemented here. It splits long lines, cuts
 * quoted text at " ;", drops some continuation lines, knows no line numbers, and its releases differ in this.
 * So it is given short lines only: `[section]` and `key =`. Values, comments, continuation and everything
 * that inih would take for something else are handled here.
 *
 * An invalid line is reported once: after an invalid section header all lines up to the next header are
 * skipped, and after an invalid key its continuation lines.
 */

#include "config/ini_reader.h"

#include <ini.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "util/array.h"
#include "util/memory.h"
#include "util/message.h"
#include "util/text.h"
#include "util/utf8.h"

struct source {
        char *at, *end;  /* of the text that is still to be read; *end can be written */
        unsigned number; /* of the line before it */
        const struct ini_handlers *handlers;
        void *userdata;
        bool skip_section; /* the section header was refused */
        bool skip_value;   /* the key was refused */

        /* The current value: its key, "" if there is none, and its lines. */
        char key[INI_NAME_BYTES + 1];
        struct ini_line *lines;
        size_t count;
};

/* Reports a line; takes over the message. */
static void report(const struct source *source, unsigned line, char *message)
{
        source->handlers->on_problem(source->userdata, line, message);
        free(message);
}

#define refuse(source, line, ...) report(source, line, format_message(__VA_ARGS__))

/* For "%.*s": the start of a text from the file. */
#define SHOWN(text, size) (int)text_cut(text, size, 60), text

/* ---- lines ---- */

/* Takes the next line and terminates it in the text. False at the end of the text. */
static bool take_line(struct source *source, struct ini_line *ret_line)
{
        char *start = source->at, *end = memchr(start, '\n', (size_t)(source->end - start));

        if (start == source->end)
                return false;
        if (end == NULL)
                end = source->end;
        source->at = end < source->end ? end + 1 : end;
        source->number++;
        if (end > start && end[-1] == '\r')
                end--;
        while (end > start && (end[-1] == ' ' || end[-1] == '\t'))
                end--;
        *end = '\0';

        size_t indent = strspn(start, " \t");
        *ret_line = (struct ini_line){
                .text = start + indent,
                .size = (size_t)(end - start) - indent,
                .number = source->number,
                .indented = indent > 0,
        };
        return true;
}

/* C0 without the tab, DEL, C1, and those that change the direction of the text around them. */
static bool is_control(uint32_t point)
{
        return (point < 0x20 && point != '\t') || (point >= 0x7f && point < 0xa0) ||
               (point >= 0x202a && point <= 0x202e) || (point >= 0x2066 && point <= 0x2069);
}

/* Refuses lines with NUL bytes, control characters or invalid UTF-8. */
static bool check_bytes(const struct source *source, const struct ini_line *line)
{
        size_t i = 0, length;
        uint32_t point = 0;

        if (strlen(line->text) < line->size) {
                refuse(source, line->number, "the line contains a NUL byte; save the file as UTF-8 text");
                return false;
        }
        while ((length = utf8_character(line->text + i, line->size - i, &point)) > 0 && !is_control(point))
                i += length;
        if (i == line->size)
                return true;

        /* Show the character with the text before it. */
        size_t from = i > 20 ? i - 20 : 0;
        while (from < i && utf8_is_continuation(line->text[from]))
                from++;
        refuse(source, line->number,
               "control character or invalid UTF-8 in \"%.*s\"; remove it, or save the file as UTF-8",
               (int)(i + (length > 0 ? length : 1) - from), line->text + from);
        return false;
}

static const char key_characters[] = "abcdefghijklmnopqrstuvwxyz_";

static bool is_blank(char c)
{
        return c == ' ' || c == '\t';
}

/* Bytes before the first of the characters `stops`, or before the " ;" of a comment. */
static size_t size_until(const char *text, const char *stops)
{
        size_t i = 0;

        while (strchr(stops, text[i]) == NULL && !(text[i] == ';' && i > 0 && is_blank(text[i - 1])))
                i++;
        return i; /* strchr() finds the NUL, too */
}

static size_t size_without_blanks(const char *text, size_t size)
{
        while (size > 0 && is_blank(text[size - 1]))
                size--;
        return size;
}

/* ---- values ---- */

static void add_line(struct source *source, const struct ini_line *line)
{
        source->lines = array_grow(source->lines, source->count, sizeof(*source->lines));
        source->lines[source->count++] = *line;
}

/* All lines of the value are known. */
static void end_value(struct source *source)
{
        if (source->key[0] != '\0')
                source->handlers->on_value(source->userdata, source->key, source->lines, source->count);
        source->key[0] = '\0';
        source->count = 0;
        source->skip_value = false;
}

/* An indented line under a key. Refused if it looks like an indented key or section header. */
static void continue_value(struct source *source, const struct ini_line *line)
{
        const char *text = line->text;
        const size_t used = size_without_blanks(text, size_until(text, ""));
        const size_t word = strspn(text, key_characters);

        if (source->key[0] == '\0') {
                source->skip_section |= text[0] == '[';
                source->skip_value = true;
                refuse(source, line->number,
                       "the line is indented, but there is no key above it to continue; "
                       "begin keys and section headers in column 1");
        } else if (text[0] == '[' && text[used - 1] == ']') {
                source->skip_section = true;
                refuse(source, line->number,
                       "the section header is indented, which makes it part of the value above; "
                       "begin it in column 1");
        } else if (word > 0 && text[word + strspn(text + word, " \t+")] == '=') {
                refuse(source, line->number,
                       "\"%.*s = ...\" is indented, which makes it part of the value above; "
                       "begin it in column 1, or write the list item in double quotes",
                       SHOWN(text, word));
        } else {
                add_line(source, line);
        }
}

/* ---- sections and keys ---- */

/* Writes what inih gets to `buffer`, here and below. False if the line was refused. */
static bool read_section(struct source *source, const struct ini_line *line, char *buffer)
{
        const size_t length = size_until(line->text + 1, "]");
        const char *close = line->text + 1 + length, *rest = close + (*close == ']');
        char name[INI_NAME_BYTES + 1] = "";

        rest += strspn(rest, " \t");
        source->skip_section = true;
        if (*close != ']') {
                refuse(source, line->number, "the section header is not closed; add \"]\"");
        } else if (*rest != '\0' && *rest != ';' && *rest != '#') {
                refuse(source, line->number,
                       "text after the \"]\" of a section header; move it to the next line");
        } else if (length == 0 || length > INI_NAME_BYTES) {
                refuse(source, line->number, "invalid section name: %zu bytes; use 1 to %d bytes", length,
                       INI_NAME_BYTES);
        } else {
                source->skip_section = false;
                memcpy(name, line->text + 1, length);
                source->handlers->on_section(source->userdata, line->number, name);
                (void)sprintf(buffer, "[%s]\n", name);
        }
        return !source->skip_section;
}

/* A line without a key. It is shown only if it looks like one: it may also be a secret that was pasted. */
static void refuse_word(const struct source *source, unsigned number, const char *text, size_t size)
{
        static const char hint[] = "neither a section nor a key with a value; "
                                   "write KEY = VALUE, or begin a comment with #";

        if (strspn(text, key_characters) >= size)
                refuse(source, number, "\"%.*s\" is %s", SHOWN(text, size), hint);
        else
                refuse(source, number, "%s", hint);
}

static bool read_key(struct source *source, const struct ini_line *line, char *buffer)
{
        const char *text = line->text;
        const size_t length = size_until(text, "=:");
        size_t size = size_without_blanks(text, length);
        struct ini_line value = *line;

        value.text += length + 1;
        value.size -= length + 1;
        value.adds = size > 0 && text[size - 1] == '+';
        source->skip_value = true;
        if (text[length] != '=') {
                refuse_word(source, line->number, text, size);
                return false;
        }
        if (value.adds)
                size = size_without_blanks(text, size - 1);
        if (size == 0) {
                refuse(source, line->number, "no key before the \"=\"; write KEY = VALUE");
        } else if (size > INI_NAME_BYTES) {
                refuse(source, line->number, "invalid key: %zu bytes; use at most %d bytes", size,
                       INI_NAME_BYTES);
        } else {
                source->skip_value = false;
                add_line(source, &value);
                (void)sprintf(buffer, "%.*s =\n", (int)size, text);
        }
        return !source->skip_value;
}

/* fgets() for inih. It gets lines of at most INI_NAME_BYTES and 4 more bytes. */
static char *source_read(char *buffer, int capacity, void *userdata)
{
        struct source *source = userdata;
        struct ini_line line;

        (void)capacity;
        while (take_line(source, &line)) {
                bool is_comment = line.size == 0 || line.text[0] == '#' || line.text[0] == ';';
                bool valid = check_bytes(source, &line);

                if (is_comment)
                        continue;
                if (line.indented) {
                        if (valid && !source->skip_section && !source->skip_value)
                                continue_value(source, &line);
                        continue;
                }
                end_value(source);
                if (line.text[0] == '[') {
                        source->skip_section = !valid;
                        if (valid && read_section(source, &line, buffer))
                                return buffer;
                } else if (!valid) {
                        source->skip_value = true;
                } else if (!source->skip_section && read_key(source, &line, buffer)) {
                        return buffer;
                }
        }
        return NULL;
}

static int source_handle(void *userdata, const char *section, const char *name, const char *value)
{
        struct source *source = userdata;

        (void)section;
        (void)value;
        (void)snprintf(source->key, sizeof(source->key), "%s", name);
        return 1;
}

void ini_read(char *data, size_t size, const struct ini_handlers *handlers, void *userdata)
{
        static const char mark[] = "\xef\xbb\xbf";
        struct source source = {
                .at = data,
                .end = data + size,
                .handlers = handlers,
                .userdata = userdata,
        };

        if (size >= 2 && (memcmp(data, "\xff\xfe", 2) == 0 || memcmp(data, "\xfe\xff", 2) == 0)) {
                refuse(&source, 1, "the file is UTF-16; save it as UTF-8");
                return;
        }
        if (size >= 3 && memcmp(data, mark, 3) == 0)
                source.at += 3;

        /* A positive result is the line of a syntax error; lines with errors were not given to inih. */
        if (ini_parse_stream(source_read, &source, source_handle, &source) == -2)
                memory_exhausted();
        end_value(&source);
        free(source.lines);
}
