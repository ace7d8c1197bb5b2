/* SPDX-License-Identifier: MIT */

/*
 * inih reads its lines through an fgets-like callback, which is implemented here. It splits long lines, cuts
 * quoted text at " ;", drops some continuation lines, knows no line numbers, and its releases differ in this.
 * So it is given short lines only: `[section]` and `key = N`, where N is the place of the value in a table of
 * lines. Comments, continuation and everything that inih would take for something else are handled here.
 *
 * An invalid line is reported once: after an invalid section header all lines up to the next header are
 * skipped, and after an invalid key its continuation lines.
 */

#include "config/ini_reader.h"

#include <assert.h>
#include <errno.h>
#include <ini.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "util/array.h"
#include "util/message.h"
#include "util/text.h"

struct source {
        struct ini_text text;
        bool skip_section; /* the section header was refused */
        int error;
        struct ini_line *lines; /* the values of the file, each with its continuation lines */
        size_t count;
        const struct ini_handlers *handlers;
        void *userdata;
};

/* Reports a line; takes over the message. NULL: memory ran out. */
static void report(struct source *source, unsigned line, char *message)
{
        if (message == NULL)
                source->error = -ENOMEM;
        else
                source->handlers->on_problem(source->userdata, line, message);
        free(message);
}

#define refuse(source, line, ...) report(source, line, format_message(__VA_ARGS__))

/* For "%.*s": the start of a text from the file. */
#define SHOWN(text, size) (int)text_cut(text, size, 60), text

static const char key_characters[] = "abcdefghijklmnopqrstuvwxyz_";

static bool is_blank(char c)
{
        return c == ' ' || c == '\t';
}

/* Bytes before the first of the characters `stops`, or before the " ;" of a comment. */
static size_t size_until(const char *text, size_t size, const char *stops)
{
        size_t i = 0;

        while (i < size && strchr(stops, text[i]) == NULL &&
               !(text[i] == ';' && i > 0 && is_blank(text[i - 1])))
                i++;
        return i;
}

/* Bytes from the start that are among the characters `set`. */
static size_t size_of(const char *text, size_t size, const char *set)
{
        size_t i = 0;

        while (i < size && strchr(set, text[i]) != NULL)
                i++;
        return i;
}

static size_t size_without_blanks(const char *text, size_t size)
{
        while (size > 0 && is_blank(text[size - 1]))
                size--;
        return size;
}

static bool check_bytes(struct source *source, const struct ini_line *line)
{
        char *problem = NULL;
        int r = ini_line_check(line, &problem);

        if (r < 0)
                report(source, line->number, problem);
        return r == 0;
}

static void add_line(struct source *source, const struct ini_line *line)
{
        struct ini_line *lines = array_grow(source->lines, source->count, sizeof(*lines));

        if (lines == NULL) {
                source->error = -ENOMEM;
                return;
        }
        source->lines = lines;
        source->lines[source->count++] = *line;
}

/* An indented line under a key. Refused if it looks like an indented key or section header. */
static bool check_continuation(struct source *source, const struct ini_line *line)
{
        const char *text = line->text;
        size_t used = size_without_blanks(text, size_until(text, line->size, ""));
        size_t word = size_of(text, line->size, key_characters);
        size_t after = word + size_of(text + word, line->size - word, " \t+");

        if (text[0] == '[' && text[used - 1] == ']') {
                source->skip_section = true;
                refuse(source, line->number,
                       "the section header is indented, which makes it part of the value above; "
                       "begin it in column 1");
                return false;
        }
        if (word == 0 || after >= line->size || text[after] != '=')
                return true;
        refuse(source, line->number,
               "\"%.*s = ...\" is indented, which makes it part of the value above; "
               "begin it in column 1, or write the list item in double quotes",
               SHOWN(text, word));
        return false;
}

/*
 * Takes the indented lines that follow, and the empty lines and comments between them. With `keep`, those
 * that are valid are added to the table, and the others refused.
 */
static void take_continuations(struct source *source, bool keep)
{
        struct ini_line line;

        while (!source->skip_section) {
                struct ini_text before = source->text;
                if (!ini_line_take(&source->text, &line))
                        return;
                if (!line.indented && !ini_line_is_comment(&line)) {
                        source->text = before;
                        return;
                }
                if (check_bytes(source, &line) && keep && !ini_line_is_comment(&line) &&
                    check_continuation(source, &line))
                        add_line(source, &line);
        }
}

static bool read_section(struct source *source, const struct ini_line *line, char *buffer)
{
        size_t length = size_until(line->text + 1, line->size - 1, "]");
        size_t close = 1 + length, rest = close + 1;
        char name[INI_NAME_BYTES + 1] = "";

        source->skip_section = true;
        if (close == line->size || line->text[close] != ']') {
                refuse(source, line->number, "the section header is not closed; add \"]\"");
                return false;
        }
        rest += size_of(line->text + rest, line->size - rest, " \t");
        if (rest < line->size && line->text[rest] != ';' && line->text[rest] != '#') {
                refuse(source, line->number,
                       "text after the \"]\" of a section header; move it to the next line");
                return false;
        }
        if (length == 0 || length > INI_NAME_BYTES) {
                refuse(source, line->number, "invalid section name: %zu bytes; use 1 to %d bytes", length,
                       INI_NAME_BYTES);
                return false;
        }
        source->skip_section = false;

        memcpy(name, line->text + 1, length);
        source->handlers->on_section(source->userdata, line->number, name);
        (void)sprintf(buffer, "[%s]\n", name);
        return true;
}

/* A line without a key. It is shown only if it looks like one: it may also be a secret that was pasted. */
static void refuse_word(struct source *source, unsigned number, const char *text, size_t size)
{
        static const char hint[] = "neither a section nor a key with a value; "
                                   "write KEY = VALUE, or begin a comment with #";

        if (size_of(text, size, key_characters) == size)
                refuse(source, number, "\"%.*s\" is %s", SHOWN(text, size), hint);
        else
                refuse(source, number, "%s", hint);
}

/*
 * The size of the key before the "=" of a line, or 0 if the line was refused. *ret_value is the rest of the
 * line.
 */
static size_t split_key(struct source *source, const struct ini_line *line, struct ini_line *ret_value)
{
        const char *text = line->text;
        size_t length = size_until(text, line->size, "=:"), size = size_without_blanks(text, length);
        bool adds = false;

        if (length == line->size || text[length] != '=') {
                refuse_word(source, line->number, text, size);
                return 0;
        }
        if (size > 0 && text[size - 1] == '+') {
                adds = true;
                size = size_without_blanks(text, size - 1);
        }
        if (size == 0)
                refuse(source, line->number, "no key before the \"=\"; write KEY = VALUE");
        else if (size > INI_NAME_BYTES) {
                refuse(source, line->number, "invalid key: %zu bytes; use at most %d bytes", size,
                       INI_NAME_BYTES);
                size = 0;
        }
        *ret_value = *line;
        ret_value->text += length + 1;
        ret_value->size -= length + 1;
        ret_value->adds = adds;
        return size;
}

/* Reads a key and its value, continuation lines included. */
static bool read_key(struct source *source, const struct ini_line *line, char *buffer)
{
        struct ini_line value;
        size_t size = split_key(source, line, &value), place = source->count;

        if (size > 0)
                add_line(source, &value);
        take_continuations(source, size > 0);
        if (size > 0)
                (void)sprintf(buffer, "%.*s = %zu\n", (int)size, line->text, place);
        return size > 0;
}

static void refuse_indented(struct source *source, const struct ini_line *line)
{
        source->skip_section |= line->text[0] == '[';
        refuse(source, line->number,
               "the line is indented, but there is no key above it to continue; "
               "begin keys and section headers in column 1");
        take_continuations(source, false);
}

/* fgets() for inih. It gets lines of at most INI_NAME_BYTES and 24 more bytes. */
static char *source_read(char *buffer, int capacity, void *userdata)
{
        struct source *source = userdata;
        struct ini_line line;

        (void)capacity;
        while (source->error == 0 && ini_line_take(&source->text, &line)) {
                bool header = line.size > 0 && line.text[0] == '[';

                if (!check_bytes(source, &line)) {
                        source->skip_section |= header;
                        if (!line.indented)
                                take_continuations(source, false);
                } else if (ini_line_is_comment(&line) ||
                           (source->skip_section && (line.indented || !header))) {
                        continue;
                } else if (line.indented) {
                        refuse_indented(source, &line);
                } else if (header ? read_section(source, &line, buffer) : read_key(source, &line, buffer)) {
                        return source->error == 0 ? buffer : NULL;
                }
        }
        return NULL;
}

static int source_handle(void *userdata, const char *section, const char *name, const char *value)
{
        struct source *source = userdata;
        size_t place = strtoul(value, NULL, 10), count = 1;

        (void)section;
        assert(place < source->count && !source->lines[place].indented);
        while (place + count < source->count && source->lines[place + count].indented)
                count++;
        source->handlers->on_value(source->userdata, name, source->lines + place, count);
        return 1;
}

int ini_read(const char *data, size_t size, const struct ini_handlers *handlers, void *userdata)
{
        static const char mark[] = "\xef\xbb\xbf";
        struct source source = {
                .text = { .at = data, .end = data + size },
                .handlers = handlers,
                .userdata = userdata,
        };

        if (size >= 2 && (memcmp(data, "\xff\xfe", 2) == 0 || memcmp(data, "\xfe\xff", 2) == 0)) {
                refuse(&source, 1, "the file is UTF-16; save it as UTF-8");
                return source.error;
        }
        if (size >= 3 && memcmp(data, mark, 3) == 0)
                source.text.at += 3;

        /* A positive result is the line of a syntax error; lines with errors were not given to inih. */
        int r = ini_parse_stream(source_read, &source, source_handle, &source);
        free(source.lines);
        return r == -2 ? -ENOMEM : source.error;
}
