/* SPDX-License-Identifier: MIT */

/*
 * Collects errors and warnings. Reading goes on after an error, and several passes find them in an order of
 * their own; they are sorted by file and line at the end. They quote what files contain, so that characters
 * that would not be seen are escaped.
 */

#include "config/diagnostics.h"

#include <errno.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "util/array.h"
#include "util/cleanup.h"
#include "util/text.h"

void diagnostics_no_memory(struct diagnostics *diagnostics)
{
        diagnostics->error = -ENOMEM;
}

const char *location_format(struct location location, char buffer[static LOCATION_TEXT_MAX])
{
        if (location.file == NULL)
                return "command line";
        if (location.line == 0)
                (void)snprintf(buffer, LOCATION_TEXT_MAX, "%s", location.file->path);
        else
                (void)snprintf(buffer, LOCATION_TEXT_MAX, "%.480s:%u", location.file->path, location.line);
        return buffer;
}

static void diagnostics_add(struct diagnostics *diagnostics, struct location location, bool warning,
                            const char *format, va_list arguments) __attribute__((format(printf, 4, 0)));

static void diagnostics_add(struct diagnostics *diagnostics, struct location location, bool warning,
                            const char *format, va_list arguments)
{
        char where[LOCATION_TEXT_MAX];
        CLEANUP(cleanup_free) char *what = NULL, *raw = NULL;

        struct diagnostic *grown =
                array_grow(diagnostics->entries, diagnostics->count, sizeof(*diagnostics->entries));
        if (grown == NULL) {
                diagnostics_no_memory(diagnostics);
                return;
        }
        diagnostics->entries = grown;

        if (vasprintf(&what, format, arguments) < 0) {
                what = NULL;
                diagnostics_no_memory(diagnostics);
                return;
        }
        int size = asprintf(&raw, "%s: %s", location_format(location, where), what);
        if (size < 0)
                raw = NULL;
        char *message = raw != NULL ? text_escape(raw, (size_t)size, 0) : NULL;
        if (message == NULL) {
                diagnostics_no_memory(diagnostics);
                return;
        }
        grown[diagnostics->count] = (struct diagnostic){
                .message = message,
                .file_order = location.file != NULL ? location.file->order : UINT_MAX,
                .line = location.line,
                .serial = (unsigned)diagnostics->count,
                .warning = warning,
        };
        diagnostics->count++;
        if (!warning)
                diagnostics->errors++;
}

void diagnostics_error(struct diagnostics *diagnostics, struct location location, const char *format, ...)
{
        va_list arguments;

        va_start(arguments, format);
        diagnostics_add(diagnostics, location, false, format, arguments);
        va_end(arguments);
}

void diagnostics_warning(struct diagnostics *diagnostics, struct location location, const char *format, ...)
{
        va_list arguments;

        va_start(arguments, format);
        diagnostics_add(diagnostics, location, true, format, arguments);
        va_end(arguments);
}

static int compare_numbers(unsigned left, unsigned right)
{
        return (left > right) - (left < right);
}

static int compare_entries(const void *left_pointer, const void *right_pointer)
{
        const struct diagnostic *left = left_pointer, *right = right_pointer;

        int order = compare_numbers(left->file_order, right->file_order);
        if (order == 0)
                order = compare_numbers(left->line, right->line);
        return order != 0 ? order : compare_numbers(left->serial, right->serial);
}

int diagnostics_finish(struct diagnostics *diagnostics, struct config_problems *problems)
{
        int r = diagnostics->error;

        if (diagnostics->count > 0) {
                qsort(diagnostics->entries, diagnostics->count, sizeof(*diagnostics->entries),
                      compare_entries);
                struct config_problem *grown = reallocarray(
                        problems->items, problems->count + diagnostics->count, sizeof(*problems->items));
                if (grown == NULL)
                        r = -ENOMEM;
                else
                        problems->items = grown;
                for (size_t i = 0; i < diagnostics->count; i++) {
                        struct diagnostic *entry = &diagnostics->entries[i];
                        if (grown == NULL) {
                                free(entry->message);
                                continue;
                        }
                        grown[problems->count++] = (struct config_problem){ .message = entry->message,
                                                                            .warning = entry->warning };
                        problems->errors += !entry->warning;
                }
        }
        free(diagnostics->entries);
        *diagnostics = (struct diagnostics){ 0 };
        return r;
}

void config_problems_clear(struct config_problems *problems)
{
        for (size_t i = 0; i < problems->count; i++)
                free(problems->items[i].message);
        free(problems->items);
        *problems = (struct config_problems){ 0 };
}
