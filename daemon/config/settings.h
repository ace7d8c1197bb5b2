/* SPDX-License-Identifier: MIT */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "config/diagnostics.h"
#include "config/ini_lines.h"
#include "config/keys.h"

/*
 * The files merged: which lines set which key of which section. Nothing is copied, and the values are not
 * read yet.
 *
 * A key in a later file replaces the same key of earlier files. Of a list, the first line in a file decides:
 * "=" replaces the default and what earlier files have, "+=" adds to them; further lines in the same file
 * add. The ids of [jobs] always add. Sections accumulate.
 */

/* The rest of a line after the "=", or an indented line below it. */
struct setting_line {
        struct ini_line line;
        const struct config_file *file;
};

struct setting {
        const struct config_key *key;
        struct location location; /* of its first line in the last file that sets it */
        const struct config_file
                *replaced_by; /* the last file that has "=" first; NULL: adds to the default */
        struct setting_line *lines;
        size_t count;
        struct ini_line comment; /* of a command that was read: the last one on its lines; or empty */
        bool refused; /* one of its lines or values was, so no error may follow from the value that it has */
        bool empty;   /* a target without a value, which counts as not given */
};

struct section_settings {
        enum config_section section;
        char *name; /* NAME of [job NAME] and the like; NULL if the section has none */
        struct location location;
        struct setting *settings;
        size_t count;
        size_t index; /* of a section with a NAME: in the array of the configuration, once built */
        bool damaged; /* one of its lines was refused, so no key may be reported as missing */
};

struct settings {
        struct config_file **files; /* the first one is the main file */
        size_t file_count;
        struct section_settings **sections; /* in the order of their first headers */
        size_t count;
        void *by_name; /* the same sections, as a tree of tsearch(3) */
        bool damaged;  /* a section header was refused */
};

/* Adds the file that is read next; it lives as long as the settings. NULL if out of memory. */
struct config_file *settings_add_file(struct settings *settings, const char *path);

/*
 * Reads the text of an added file, which must live as long as the settings. Errors, -ENOMEM included, go to
 * the diagnostics.
 */
void settings_read(struct settings *settings, const struct config_file *file, const char *data, size_t size,
                   struct diagnostics *diagnostics);

/* The section, or NULL. `name` as in struct section_settings. */
struct section_settings *settings_find_section(const struct settings *settings, enum config_section section,
                                               const char *name);
/* The setting, or NULL; `section` may be NULL. */
struct setting *section_find(const struct section_settings *section, const char *key);

void settings_clear(struct settings *settings);
