/* SPDX-License-Identifier: MIT */
#pragma once

#include "config/config.h"
#include "util/memory.h"
#include "util/message.h"

/*
 * Errors and warnings found while reading a configuration, each with its location. Several passes find them;
 * problems_sort() puts them into the order of files and lines. Used inside daemon/config only.
 */

/* A file that is read. */
struct config_file {
        struct config_file *next;
        char *path;
        unsigned order; /* in which files are read, from 0 */
};

struct location {
        const struct config_file *file; /* NULL: the command line */
        unsigned line;                  /* from 1; 0: the file as a whole */
};

/* Both take the message as printf() does, without its location and without a newline. */
#define problems_error(problems, location, ...)                                                              \
        problems_add(problems, location, false, memory_need(format_message(__VA_ARGS__)))
#define problems_warning(problems, location, ...)                                                            \
        problems_add(problems, location, true, memory_need(format_message(__VA_ARGS__)))

/* Takes over `what`. */
void problems_add(struct config_problems *problems, struct location location, bool warning, char *what);

/* Sorts the problems by location. */
void problems_sort(struct config_problems *problems);

/* "FILE:LINE", "FILE" or "command line"; in `buffer`, or static. */
#define LOCATION_TEXT_MAX 512
const char *location_format(struct location location, char buffer[static LOCATION_TEXT_MAX]);
