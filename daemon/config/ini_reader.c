/* SPDX-License-Identifier: MIT */

/*
 * inih reads its lines through an fgets-like callback, which is implemented here. It reports no line numbers
 * to its handler, splits lines longer than its buffer, truncates long names, and takes every indented line
 * for part of the value above. Each line is therefore checked first. A line that inih would misread is
 * reported with its number, and inih is given an empty line instead.
 *
 * An invalid line is reported once: after an invalid section header all lines up to the next header are
 * skipped, and after an invalid key its continuation lines.
 */

#include "config/ini_reader.h"

#include <errno.h>
#include <ini.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "util/cleanup.h"
#include "util/text.h"
#include "util/utf8.h"

struct source {
        const char *at, *end; /* the unread rest */
        unsigned line;
        bool key_above;          /* an indented line continues a key of this section */
        bool skip_section;       /* the section header was refused */
        bool skip_continuations; /* the key line above was refused */
        bool continuation;       /* the line that inih parses is indented */
        int error;
        const struct ini_handlers *handlers;
        void *userdata;
};

static void refuse(struct source *source, const char *format, ...) __attribute__((format(printf, 2, 3)));

static void refuse(struct source *source, const char *format, ...)
{
        char *message;
        va_list arguments;

        va_start(arguments, format);
        int length = vasprintf(&message, format, arguments);
        va_end(arguments);
        if (length < 0) {
                source->error = -ENOMEM;
                return;
        }
        source->handlers->on_problem(source->userdata, source->line, message);
        free(message);
}

static bool is_blank(char c)
{
        return c == ' ' || c == '\t';
}

/*
 * The length of `text` before the first of the characters `stops` (NULL: none) or the " ;" of a comment. To
 * inih, a semicolon at the very start of a value does not start a comment.
 */
static size_t length_until(const char *text, const char *stops)
{
        size_t i = 0;

        for (bool after_blank = false; text[i] != '\0'; i++) {
                if (stops != NULL && strchr(stops, text[i]) != NULL)
                        break;
                if (after_blank && text[i] == ';')
                        break;
                after_blank = is_blank(text[i]);
        }
        return i;
}

/*
 * The quote that is open after `length` bytes, or '\0'. An apostrophe inside a word is not a quote. Whether
 * all quotes are closed in the end is checked by the parser of the value.
 */
static char open_quote(const char *value, size_t length)
{
        char quote = '\0';

        for (size_t i = 0; i < length; i++) {
                if (value[i] == '\\' && quote != '\'' && i + 1 < length &&
                    strchr("\"'\\", value[i + 1]) != NULL)
                        i++;
                else if (quote != '\0')
                        quote = (char)(value[i] == quote ? '\0' : quote);
                else if (value[i] == '"')
                        quote = '"';
                else if (value[i] == '\'' && (i == 0 || is_blank(value[i - 1]) || value[i - 1] == '='))
                        quote = '\'';
        }
        return quote;
}

/* Cuts the comment off; false if the value was refused, since the comment would start inside quotes. */
static bool check_value(struct source *source, char *value)
{
        size_t length = length_until(value, NULL);

        if (value[length] == ';' && open_quote(value, length) != '\0') {
                refuse(source, "\" ;\" starts a comment even within quotes; "
                               "remove the space before it (\"a; b\"), or put the command in a script");
                return false;
        }
        value[length] = '\0';
        return true;
}

/* Refuses NUL bytes, control characters and invalid UTF-8. */
static bool check_bytes(struct source *source, const char *text, size_t size)
{
        if (memchr(text, '\0', size) != NULL) {
                refuse(source, "the line contains a NUL byte; save the file as UTF-8 text");
                return false;
        }

        CLEANUP(cleanup_free) char *copy = strndup(text, size);
        if (copy == NULL) {
                source->error = -ENOMEM;
                return false;
        }
        for (char *at = copy; (at = strchr(at, '\t')) != NULL;)
                *at = ' ';

        CLEANUP(cleanup_free) char *escaped = text_escape(copy, size, 0);
        if (escaped == NULL) {
                source->error = -ENOMEM;
                return false;
        }
        if (strcmp(copy, escaped) == 0)
                return true;

        /* Show the first invalid byte with the text before it. */
        size_t same = 0;
        while (copy[same] == escaped[same])
                same++;
        size_t from = same > 20 ? same - 20 : 0;
        while (utf8_is_continuation(copy[from]))
                from++;
        refuse(source, "control character or invalid UTF-8 in \"%.*s\"; remove it, or save the file as UTF-8",
               (int)(same - from + (escaped[same + 1] == 'x' ? 4 : 2)), escaped + from);
        return false;
}

static bool check_section(struct source *source, char *line)
{
        size_t length = length_until(line + 1, "]");
        char *close = line + 1 + length;
        const char *rest = close + 1;

        source->key_above = false;
        source->skip_continuations = false;
        source->skip_section = true;

        if (*close != ']') {
                refuse(source, "the section header is not closed; add \"]\"");
                return false;
        }
        rest += strspn(rest, " \t");
        if (*rest != '\0' && *rest != ';' && *rest != '#') {
                refuse(source, "text after the \"]\" of a section header; move it to a line of its own");
                return false;
        }
        if (length == 0 || length > INI_NAME_BYTES) {
                refuse(source, "invalid section name: %zu bytes; use 1 to %d bytes", length, INI_NAME_BYTES);
                return false;
        }
        source->skip_section = false;

        *close = '\0';
        source->handlers->on_section(source->userdata, source->line, line + 1);
        *close = ']';
        return true;
}

static bool check_key(struct source *source, char *line)
{
        size_t length = length_until(line, "=:");
        char separator = line[length];

        source->key_above = true;
        source->skip_continuations = true;

        size_t name = length;
        while (name > 0 && is_blank(line[name - 1]))
                name--;
        if (separator == ':') {
                refuse(source, "\":\" after \"%.*s\"; write \"=\" between a key and its value", (int)name,
                       line);
                return false;
        }
        if (separator != '=') {
                refuse(source,
                       "\"%.*s\" is neither a section nor a key with a value; "
                       "write KEY = VALUE, or begin a comment with #",
                       (int)name, line);
                return false;
        }
        if (name == 0) {
                refuse(source, "no key before the \"=\"; write KEY = VALUE");
                return false;
        }
        if (name > INI_NAME_BYTES) {
                refuse(source, "invalid key: %zu bytes; use at most %d bytes", name, INI_NAME_BYTES);
                return false;
        }
        if (!check_value(source, line + length + 1))
                return false;

        source->skip_continuations = false;
        return true;
}

/* An indented line. Refused if it looks like an indented key or section header. */
static bool check_continuation(struct source *source, char *line)
{
        size_t word = strspn(line, "abcdefghijklmnopqrstuvwxyz0123456789_");
        size_t length = length_until(line, NULL);

        while (length > 0 && is_blank(line[length - 1]))
                length--;
        if (line[0] == '[' && (!source->key_above || line[length - 1] == ']')) {
                source->key_above = false;
                source->skip_section = true;
                refuse(source, "the section header is indented, which makes it part of the value above; "
                               "begin it in column 1");
                return false;
        }
        if (!source->key_above) {
                source->skip_continuations = true;
                source->key_above = true;
                refuse(source, "the line is indented, but there is no key above it to continue; "
                               "begin keys in column 1");
                return false;
        }
        if (word > 0 && line[word + strspn(line + word, " \t")] == '=') {
                refuse(source,
                       "\"%.*s = ...\" is indented, which makes it part of the value above; "
                       "begin it in column 1, or write the list item on the line of its key",
                       (int)word, line);
                return false;
        }
        return check_value(source, line);
}

/*
 * Whether inih is given the line. The comment is cut off then. Other lines were refused, or are skipped or
 * empty.
 */
static bool check_line(struct source *source, char *line, size_t size, size_t limit)
{
        char *start = line + strspn(line, " \t");
        bool indented = start > line;

        source->continuation = indented;
        if (!check_bytes(source, line, size)) {
                source->skip_section |= *start == '[';
                source->skip_continuations |= !indented;
                return false;
        }
        if (*start == '\0' || *start == '#' || *start == ';')
                return false;
        if (source->skip_section && (indented || *start != '['))
                return false;
        if (indented && source->skip_continuations)
                return false;
        if (size > limit) {
                refuse(source,
                       "the line is too long: %zu bytes (at most %zu); split a list over several indented "
                       "lines",
                       size, limit);
                source->skip_section |= *start == '[';
                source->skip_continuations |= !indented;
                return false;
        }
        if (indented)
                return check_continuation(source, start);
        return *start == '[' ? check_section(source, line) : check_key(source, line);
}

/* fgets() for inih. */
static char *source_read(char *buffer, int capacity, void *userdata)
{
        struct source *source = userdata;

        if (source->error < 0 || source->at == source->end)
                return NULL;

        const char *start = source->at;
        size_t size = (size_t)(source->end - start);
        const char *newline = memchr(start, '\n', size);
        if (newline != NULL)
                size = (size_t)(newline - start);
        source->at = newline != NULL ? newline + 1 : source->end;
        source->line++;
        if (size > 0 && start[size - 1] == '\r')
                size--;

        CLEANUP(cleanup_free) char *line = malloc(size + 1);
        if (line == NULL) {
                source->error = -ENOMEM;
                return NULL;
        }
        memcpy(line, start, size);
        line[size] = '\0';

        /* Leave room for the newline and the terminator. */
        size_t limit = (size_t)capacity - 2;
        if (limit > INI_LINE_BYTES)
                limit = INI_LINE_BYTES;
        bool wanted = check_line(source, line, size, limit);
        if (source->error < 0)
                return NULL;
        sprintf(buffer, "%s\n", wanted ? line : "");
        return buffer;
}

static int source_handle(void *userdata, const char *section, const char *name, const char *value)
{
        struct source *source = userdata;

        (void)section;
        source->handlers->on_value(source->userdata, source->line, name, value, source->continuation);
        return 1;
}

int ini_read(const char *data, size_t size, const struct ini_handlers *handlers, void *userdata)
{
        static const char mark[] = "\xef\xbb\xbf";
        struct source source = { .at = data, .end = data + size, .handlers = handlers, .userdata = userdata };

        if (size >= 2 && (memcmp(data, "\xff\xfe", 2) == 0 || memcmp(data, "\xfe\xff", 2) == 0)) {
                source.line = 1;
                refuse(&source, "the file is UTF-16; save it as UTF-8");
                return source.error;
        }
        if (size >= 3 && memcmp(data, mark, 3) == 0)
                source.at += 3;

        /* A positive result is the line of a syntax error; lines with errors were not given to inih. */
        if (ini_parse_stream(source_read, &source, source_handle, &source) == -2)
                return -ENOMEM;
        return source.error;
}
