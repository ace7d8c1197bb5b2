/* SPDX-License-Identifier: MIT */

/*
 * Parses scenarios. inih is not used: it splits lines of more than 199 bytes and treats " ;" as a comment,
 * and ResultData in a scenario is often longer and contains " ;". Here lines have any length, and " ;" starts
 * a comment except in keys with free text (step, body, header).
 */

#include "ini.h"

#include <ctype.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int problem_set(struct problem *problem, const char *format, ...)
{
        va_list arguments;

        va_start(arguments, format);
        vsnprintf(problem->text, sizeof problem->text, format, arguments);
        va_end(arguments);
        return -EINVAL;
}

static char *trim(char *text)
{
        text += strspn(text, " \t\r");
        size_t size = strlen(text);
        while (size > 0 && strchr(" \t\r", text[size - 1]))
                text[--size] = 0;
        return text;
}

static void cut_comment(const char *key, char *value)
{
        if (strcmp(key, "step") == 0 || strcmp(key, "body") == 0 || strcmp(key, "header") == 0)
                return;
        for (char *at = value; (at = strchr(at, ';')); at++)
                if (at == value || at[-1] == ' ' || at[-1] == '\t') {
                        *at = 0;
                        return;
                }
}

static int read_line(char *line, const struct ini_handler *handler, void *userdata, struct problem *problem)
{
        line = trim(line);
        if (*line == 0 || *line == ';' || *line == '#')
                return 0;

        if (*line == '[') {
                char *end = strchr(line, ']');
                if (!end)
                        return problem_set(problem, "missing closing bracket: %s", line);
                *end = 0;
                return handler->section(userdata, trim(line + 1), problem);
        }

        char *equals = strchr(line, '=');
        if (!equals)
                return problem_set(problem, "neither a [section] nor a key = value: %s", line);
        *equals = 0;
        char *key = trim(line), *value = equals + 1;
        cut_comment(key, value);
        return handler->key(userdata, key, trim(value), problem);
}

int ini_parse(const char *text, size_t size, const struct ini_handler *handler, void *userdata,
              struct problem *problem)
{
        int r = 0;

        problem->line = 0;
        problem->text[0] = 0;
        while (r == 0 && size > 0) {
                const char *newline = memchr(text, '\n', size);
                size_t length = newline ? (size_t)(newline - text) : size;
                char *line = strndup(text, length);
                if (!line)
                        return -ENOMEM;
                problem->line++;
                r = read_line(line, handler, userdata, problem);
                free(line);
                length += newline ? 1 : 0;
                text += length;
                size -= length;
        }
        return r;
}

int parse_number(const char *text, uint64_t *ret_number)
{
        char *end;

        if (!isdigit((unsigned char)*text))
                return -EINVAL;
        errno = 0;
        unsigned long long number = strtoull(text, &end, 10);
        if (errno || *end)
                return -EINVAL;
        *ret_number = number;
        return 0;
}

int parse_span(const char *text, uint64_t *ret_span)
{
        static const struct {
                const char *name;
                double factor;
        } units[] = {
                { "us", 1 },     { "ms", 1e3 },   { "s", 1e6 },     { "sec", 1e6 },       { "m", 60e6 },
                { "min", 60e6 }, { "h", 3600e6 }, { "d", 86400e6 }, { "w", 7 * 86400e6 }, { "", 1e6 },
        };
        double total = 0;

        do {
                char *end;
                if (!isdigit((unsigned char)*text))
                        return -EINVAL;
                double number = strtod(text, &end);
                size_t length = strspn(end, "abcdefghijklmnopqrstuvwxyz"), i = 0;
                while (i < sizeof units / sizeof units[0] &&
                       (strlen(units[i].name) != length || strncmp(units[i].name, end, length) != 0))
                        i++;
                if (i == sizeof units / sizeof units[0])
                        return -EINVAL;
                total += number * units[i].factor;
                text = end + length;
                text += strspn(text, " ");
        } while (*text);
        if (total > 1e17)
                return -EINVAL;
        *ret_span = (uint64_t)total;
        return 0;
}

int parse_size(const char *text, uint64_t *ret_size)
{
        char *end;

        if (!isdigit((unsigned char)*text))
                return -EINVAL;
        errno = 0;
        unsigned long long size = strtoull(text, &end, 10);
        unsigned shift = *end == 'K' ? 10 : *end == 'M' ? 20 : *end == 'G' ? 30 : 0;
        if (shift > 0)
                end++;
        if (errno || *end || size > (UINT64_C(1) << 40) >> shift)
                return -EINVAL;
        *ret_size = size << shift;
        return 0;
}

int parse_boolean(const char *text, bool *ret_value)
{
        static const char *const yes[] = { "yes", "on", "true", "1" }, *const no[] = { "no", "off", "false",
                                                                                       "0" };

        for (size_t i = 0; i < 4; i++) {
                if (strcmp(text, yes[i]) == 0) {
                        *ret_value = true;
                        return 0;
                }
                if (strcmp(text, no[i]) == 0) {
                        *ret_value = false;
                        return 0;
                }
        }
        return -EINVAL;
}

bool list_has(const char *list, const char *word)
{
        size_t length = strlen(word);

        for (const char *at = list; *at; at += strspn(at, ", ")) {
                size_t size = strcspn(at, ", ");
                if (size == length && strncmp(at, word, length) == 0)
                        return true;
                at += size;
        }
        return false;
}
