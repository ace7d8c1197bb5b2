/* SPDX-License-Identifier: MIT */

/*
 * Collects what is wrong with a configuration. Reading goes on after a problem, and several passes find them
 * in an order that means nothing to a person; they are sorted by file and line before they leave.
 */

#include "config/report.h"

#include <errno.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "util/cleanup.h"

void report_oom(struct report *report)
{
        report->error = -ENOMEM;
}

const char *place_format(struct place place, char buffer[static PLACE_TEXT_MAX])
{
        if (place.file == NULL)
                return "command line";
        if (place.line == 0)
                snprintf(buffer, PLACE_TEXT_MAX, "%s", place.file->path);
        else
                snprintf(buffer, PLACE_TEXT_MAX, "%.480s:%u", place.file->path, place.line);
        return buffer;
}

static void report_add(struct report *report, struct place place, bool warning, const char *format,
                       va_list arguments) __attribute__((format(printf, 4, 0)));

static void report_add(struct report *report, struct place place, bool warning, const char *format,
                       va_list arguments)
{
        char where[PLACE_TEXT_MAX];
        CLEANUP(cleanup_free) char *what = NULL;
        char *message = NULL;

        struct report_entry *grown =
                reallocarray(report->entries, report->count + 1, sizeof(*report->entries));
        if (grown == NULL) {
                report_oom(report);
                return;
        }
        report->entries = grown;

        if (vasprintf(&what, format, arguments) < 0) {
                what = NULL;
                report_oom(report);
                return;
        }
        if (asprintf(&message, "%s: %s", place_format(place, where), what) < 0) {
                report_oom(report);
                return;
        }
        grown[report->count] = (struct report_entry){
                .message = message,
                .file_order = place.file != NULL ? place.file->order : UINT_MAX,
                .line = place.line,
                .serial = (unsigned)report->count,
                .warning = warning,
        };
        report->count++;
        if (!warning)
                report->errors++;
}

void report_error(struct report *report, struct place place, const char *format, ...)
{
        va_list arguments;

        va_start(arguments, format);
        report_add(report, place, false, format, arguments);
        va_end(arguments);
}

void report_warning(struct report *report, struct place place, const char *format, ...)
{
        va_list arguments;

        va_start(arguments, format);
        report_add(report, place, true, format, arguments);
        va_end(arguments);
}

static int compare_unsigned(unsigned left, unsigned right)
{
        return (left > right) - (left < right);
}

static int compare_entries(const void *left_pointer, const void *right_pointer)
{
        const struct report_entry *left = left_pointer, *right = right_pointer;

        int order = compare_unsigned(left->file_order, right->file_order);
        if (order == 0)
                order = compare_unsigned(left->line, right->line);
        return order != 0 ? order : compare_unsigned(left->serial, right->serial);
}

int report_finish(struct report *report, struct config_problems *problems)
{
        int r = report->error;

        if (report->count > 0) {
                qsort(report->entries, report->count, sizeof(*report->entries), compare_entries);
                struct config_problem *grown = reallocarray(problems->items, problems->count + report->count,
                                                            sizeof(*problems->items));
                if (grown == NULL)
                        r = -ENOMEM;
                else
                        problems->items = grown;
                for (size_t i = 0; i < report->count; i++) {
                        struct report_entry *entry = &report->entries[i];
                        if (grown == NULL) {
                                free(entry->message);
                                continue;
                        }
                        grown[problems->count++] = (struct config_problem){ entry->message, entry->warning };
                        problems->errors += !entry->warning;
                }
        }
        free(report->entries);
        *report = (struct report){ 0 };
        return r;
}

void config_problems_clear(struct config_problems *problems)
{
        for (size_t i = 0; i < problems->count; i++)
                free(problems->items[i].message);
        free(problems->items);
        *problems = (struct config_problems){ 0 };
}
