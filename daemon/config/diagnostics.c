/* SPDX-License-Identifier: MIT */

/*
 * Collects errors and warnings. Reading goes on after an error, and several passes find them in an order of
 * their own; they are sorted by file and line at the end. They quote what files contain, so that characters
 * that would not be seen are escaped.
 */

#include "config/diagnostics.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "util/array.h"
#include "util/cleanup.h"
#include "util/text.h"

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

void problems_add(struct config_problems *problems, struct location location, bool warning, char *what)
{
        char where[LOCATION_TEXT_MAX];
        CLEANUP(cleanup_free)
        char *raw = format_message("%s: %s", location_format(location, where), what);

        free(what);
        struct config_problem *added =
                config_problems_add(problems, warning, text_escape(raw, strlen(raw), 0));
        added->order[0] = location.file != NULL ? location.file->order : UINT_MAX;
        added->order[1] = location.line;
        added->order[2] = (unsigned)problems->count;
}

static int compare_problems(const void *left_pointer, const void *right_pointer)
{
        const struct config_problem *left = left_pointer, *right = right_pointer;
        unsigned i = 0;

        while (i < 2 && left->order[i] == right->order[i])
                i++;
        return (left->order[i] > right->order[i]) - (left->order[i] < right->order[i]);
}

void problems_sort(struct config_problems *problems)
{
        if (problems->count > 0)
                qsort(problems->items, problems->count, sizeof(*problems->items), compare_problems);
}

struct config_problem *config_problems_add(struct config_problems *problems, bool warning, char *message)
{
        problems->items = array_grow(problems->items, problems->count, sizeof(*problems->items));
        problems->errors += !warning;
        problems->items[problems->count] = (struct config_problem){ .message = message, .warning = warning };
        return &problems->items[problems->count++];
}

void config_problems_clear(struct config_problems *problems)
{
        for (size_t i = 0; i < problems->count; i++)
                free(problems->items[i].message);
        free(problems->items);
        *problems = (struct config_problems){ 0 };
}
