/* SPDX-License-Identifier: MIT */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "config/config.h"

/*
 * Problems on their way to the caller: each with its place, so that they can be told in the order of the
 * files and lines however many passes found them. Inside daemon/config only.
 */

/* One of the files that are read. Lives as long as the settings that came from it. */
struct config_file {
        char *path;
        unsigned order; /* of reading, from 0 */
};

struct place {
        const struct config_file *file; /* NULL: the command line */
        unsigned line;                  /* from 1; 0: the file as a whole */
};

struct report_entry {
        char *message;
        unsigned file_order, line, serial;
        bool warning;
};

struct report {
        struct report_entry *entries;
        size_t count;
        size_t errors;
        int error; /* -ENOMEM once memory ran out; everything after it is best effort */
};

/* Both take the message without its place and without a newline. */
void report_error(struct report *report, struct place place, const char *format, ...)
        __attribute__((format(printf, 3, 4)));
void report_warning(struct report *report, struct place place, const char *format, ...)
        __attribute__((format(printf, 3, 4)));

/* Notes that memory ran out. */
void report_oom(struct report *report);

/* Moves the entries, sorted by place, to the end of `problems`, and leaves the report empty. -ENOMEM. */
int report_finish(struct report *report, struct config_problems *problems);

/* "FILE:LINE", "FILE" or "command line", for messages that point to a second place. */
#define PLACE_TEXT_MAX 512
const char *place_format(struct place place, char buffer[static PLACE_TEXT_MAX]);
