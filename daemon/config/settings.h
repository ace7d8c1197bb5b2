/* SPDX-License-Identifier: MIT */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "config/keys.h"
#include "config/report.h"

/*
 * What the files say, merged but not yet understood: sections, keys of the table, texts, each with its place.
 * The rules of merging are here: a key in a later file replaces that of an earlier one, lists as a whole;
 * only the plain list of ids adds up, and so do [job NAME] and [hook NAME] sections.
 */

struct setting_text {
        char *text; /* a scalar, or one item of a list */
        struct place place;
};

struct setting {
        const struct config_key *key;
        struct place place; /* of the first line in the last file that gives it */
        struct setting_text *texts;
        size_t count; /* 1 for a scalar; any number for a list */
};

struct section_settings {
        enum config_section section;
        char *name; /* NAME of [job NAME]; NULL for the others */
        struct place place;
        struct setting *settings;
        size_t count;
        bool damaged; /* a line of it was refused, so that nothing can be said to be missing */
};

struct settings {
        struct config_file **files;
        size_t file_count;
        struct section_settings *sections; /* in the order of their first header */
        size_t count;
        bool damaged; /* a header was refused */
};

/* Names a file that is read next; the result lives as long as the settings. NULL when out of memory. */
const struct config_file *settings_add_file(struct settings *settings, const char *path);

/* Reads the text of a file that was named. Problems, also of memory, go to the report. */
void settings_read(struct settings *settings, const struct config_file *file, const char *data, size_t size,
                   struct report *report);

/* NULL if it stands nowhere. `name` as in struct section_settings. */
const struct section_settings *settings_find_section(const struct settings *settings,
                                                     enum config_section section, const char *name);
/* NULL if the key was not given; `section` may be NULL. */
const struct setting *section_find(const struct section_settings *section, const char *key);

void settings_clear(struct settings *settings);
