/* SPDX-License-Identifier: MIT */
#pragma once

#include "config/config.h"
#include "util/message.h"

/*
 * Errors and warnings found while reading a configuration, each with its location. Several passes find them;
 * diagnostics_finish() puts them into the order of files and lines. Used inside daemon/config only.
 */

/* A file that is read. Lives as long as the settings that came from it. */
struct config_file {
        char *path;
        unsigned order; /* in which files are read, from 0 */
        char *data;     /* its text, if the file owns it */
};

struct location {
        const struct config_file *file; /* NULL: the command line */
        unsigned line;                  /* from 1; 0: the file as a whole */
};

struct diagnostics {
        struct config_problems *problems;
        int error; /* -ENOMEM once memory ran out; problems may be missing then */
};

/* Both take the message as printf() does, without its location and without a newline. */
#define diagnostics_error(diagnostics, location, ...)                                                        \
        diagnostics_add(diagnostics, location, false, format_message(__VA_ARGS__))
#define diagnostics_warning(diagnostics, location, ...)                                                      \
        diagnostics_add(diagnostics, location, true, format_message(__VA_ARGS__))

/* Takes over `what`; NULL: memory ran out. */
void diagnostics_add(struct diagnostics *diagnostics, struct location location, bool warning, char *what);

/* Notes that memory ran out if `r` is -ENOMEM. Returns `r`. */
int diagnostics_note(struct diagnostics *diagnostics, int r);

/* Notes that memory ran out if `allocated` is NULL. Returns `allocated`. */
void *diagnostics_note_memory(struct diagnostics *diagnostics, void *allocated);

/* Sorts the problems by location. */
void diagnostics_finish(struct diagnostics *diagnostics);

/* "FILE:LINE", "FILE" or "command line"; in `buffer`, or static. */
#define LOCATION_TEXT_MAX 512
const char *location_format(struct location location, char buffer[static LOCATION_TEXT_MAX]);
