/* SPDX-License-Identifier: MIT */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "config/config.h"

/*
 * Errors and warnings found while reading a configuration, each with its location. Several passes find them;
 * diagnostics_finish() puts them into the order of files and lines. Used inside daemon/config only.
 */

/* A file that is read. Lives as long as the settings that came from it. */
struct config_file {
        char *path;
        unsigned order; /* in which files are read, from 0 */
};

struct location {
        const struct config_file *file; /* NULL: the command line */
        unsigned line;                  /* from 1; 0: the file as a whole */
};

struct diagnostic {
        char *message; /* with the location in front */
        unsigned file_order, line, serial;
        bool warning;
};

struct diagnostics {
        struct diagnostic *entries;
        size_t count;
        size_t errors;
        int error; /* -ENOMEM once memory ran out; diagnostics may be missing then */
};

/* Both take the message without its location and without a newline. */
void diagnostics_error(struct diagnostics *diagnostics, struct location location, const char *format, ...)
        __attribute__((format(printf, 3, 4)));
void diagnostics_warning(struct diagnostics *diagnostics, struct location location, const char *format, ...)
        __attribute__((format(printf, 3, 4)));

/* Notes that memory ran out. */
void diagnostics_no_memory(struct diagnostics *diagnostics);

/*
 * Appends the diagnostics to `problems`, sorted by location, and empties them. Returns 0, or -ENOMEM if
 * memory ran out now or before.
 */
int diagnostics_finish(struct diagnostics *diagnostics, struct config_problems *problems);

/* "FILE:LINE", "FILE" or "command line"; in `buffer`, or static. */
#define LOCATION_TEXT_MAX 512
const char *location_format(struct location location, char buffer[static LOCATION_TEXT_MAX]);
