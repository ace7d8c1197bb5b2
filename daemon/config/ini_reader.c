/* SPDX-License-Identifier: MIT */

/*
 * inih does the reading; this file is the line source it reads from. inih takes lines through an fgets-like
 * callback, tells its handler no line number, splits what is longer than its buffer into two lines, cuts long
 * names, and takes any indented line for more of the value above. So each line is looked at here first: what
 * inih would misread is refused with its number and the cure, and inih sees an empty line in its place, so
 * that its idea of the file and ours stay the same.
 *
 * One wrong line is one problem: after a broken section header everything up to the next header is passed
 * over, and after a broken key line its continuation lines.
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
        const char *at, *end; /* what is still to be read */
        unsigned line;
        bool key_above;          /* an indented line would continue a key of this section */
        bool skip_section;       /* its header was refused */
        bool skip_continuations; /* the key line above was refused */
        bool continuation;       /* the line inih has in hand is indented */
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
 * How far `text` goes before one of `stops` (NULL: none) or the " ;" that begins a comment, by inih's rule: a
 * semicolon right at the start of a value begins none.
 */
static size_t timespan_until(const char *text, const char *stops)
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
 * Whether a quote is open at the end of `length` bytes. An apostrophe within a word opens none. A quote that
 * is merely never closed is the business of whoever reads the value.
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

/* A value up to its comment; false if the comment would begin inside a quoted text. */
static bool check_value(struct source *source, char *value)
{
        size_t length = timespan_until(value, NULL);

        if (value[length] == ';' && open_quote(value, length) != '\0') {
                refuse(source,
                       "\" ;\" begins a comment, even within quotes, and would cut the value here; write "
                       "the semicolon right after the word before it (\"a; b\"), or put the command into "
                       "a script");
                return false;
        }
        value[length] = '\0';
        return true;
}

/* The bytes themselves: no NUL, no control characters, valid UTF-8. */
static bool check_bytes(struct source *source, const char *text, size_t size)
{
        if (memchr(text, '\0', size) != NULL) {
                refuse(source, "a NUL byte; save the file as plain UTF-8 text");
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

        /* Shows the first bad place with what stands before it. */
        size_t same = 0;
        while (copy[same] == escaped[same])
                same++;
        size_t from = same > 20 ? same - 20 : 0;
        while (utf8_is_continuation(copy[from]))
                from++;
        refuse(source,
               "a control character or a byte that is no UTF-8 in \"%.*s\"; remove it, or save the file as "
               "UTF-8",
               (int)(same - from + (escaped[same + 1] == 'x' ? 4 : 2)), escaped + from);
        return false;
}

static bool check_section(struct source *source, char *line)
{
        size_t length = timespan_until(line + 1, "]");
        char *close = line + 1 + length;
        const char *rest = close + 1;

        source->key_above = false;
        source->skip_continuations = false;
        source->skip_section = true;

        if (*close != ']') {
                refuse(source, "the section header is not closed; write \"]\" at its end");
                return false;
        }
        rest += strspn(rest, " \t");
        if (*rest != '\0' && *rest != ';' && *rest != '#') {
                refuse(source,
                       "text after the \"]\" of a section header would be ignored; put it on a line of its "
                       "own");
                return false;
        }
        if (length == 0 || length > INI_NAME_BYTES) {
                refuse(source, "a section name has 1 to %d bytes, and this one has %zu", INI_NAME_BYTES,
                       length);
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
        size_t length = timespan_until(line, "=:");
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
                       "\"%.*s\" is neither a section, nor a key with its value; write KEY = VALUE, or begin "
                       "the line with # if it is a comment",
                       (int)name, line);
                return false;
        }
        if (name == 0) {
                refuse(source, "no key before the \"=\"; write KEY = VALUE");
                return false;
        }
        if (name > INI_NAME_BYTES) {
                refuse(source, "a key has at most %d bytes, and this one has %zu; write KEY = VALUE",
                       INI_NAME_BYTES, name);
                return false;
        }
        if (!check_value(source, line + length + 1))
                return false;

        source->skip_continuations = false;
        return true;
}

/* An indented line. Refused if it is more likely a key or a section that someone indented. */
static bool check_continuation(struct source *source, char *line)
{
        size_t word = strspn(line, "abcdefghijklmnopqrstuvwxyz0123456789_");
        size_t length = timespan_until(line, NULL);

        while (length > 0 && is_blank(line[length - 1]))
                length--;
        if (line[0] == '[' && (!source->key_above || line[length - 1] == ']')) {
                source->key_above = false;
                source->skip_section = true;
                refuse(source,
                       "the section header is indented, so it would be read as a further line of the value "
                       "above; begin it in column 1");
                return false;
        }
        if (!source->key_above) {
                source->skip_continuations = true;
                source->key_above = true;
                refuse(source,
                       "the line is indented, which continues the key above it, but there is none; begin "
                       "keys in column 1");
                return false;
        }
        if (word > 0 && line[word + strspn(line + word, " \t")] == '=') {
                refuse(source,
                       "\"%.*s = ...\" is indented, so it would be read as a further line of the value "
                       "above; "
                       "begin keys in column 1 (a list item that looks like this goes on the line of its "
                       "key)",
                       (int)word, line);
                return false;
        }
        return check_value(source, line);
}

/*
 * Whether inih shall see the line, which is changed to what it shall see: without comment, without the white
 * space of its end. Lines it must not see were refused or passed over.
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
                       "the line has %zu bytes, and at most %zu are read; spread a list over several lines, "
                       "each further one indented",
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

        /* Room for the newline and the terminator. */
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

        /*
         * Its result is the line of the first syntax error; those have all been refused before it saw them.
         */
        if (ini_parse_stream(source_read, &source, source_handle, &source) == -2)
                return -ENOMEM;
        return source.error;
}
