/* SPDX-License-Identifier: MIT */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "config/diagnostics.h"
#include "config/keys.h"

/*
 * The files merged, before the values are parsed: sections, keys and texts, each with its location.
 *
 * A key in a later file replaces the same key of earlier files. Of a list, the first line in a file decides:
 * "=" replaces the default and what earlier files have, "+=" adds to them; further lines in the same file
 * add. The ids of [jobs] always add. Sections accumulate.
 */

struct setting_text {
        char *text; /* a single value, or one item of a list */
        struct location location;
};

struct setting {
        const struct config_key *key;
        struct location location; /* of its first line in the last file that sets it */
        const struct config_file
                *replaced_by; /* the last file that has "=" first; NULL: adds to the default */
        struct setting_text *texts;
        size_t count; /* 1 for a single value, any number for a list */
        bool refused; /* one of its lines or values was, so no error may follow from the value that it has */
};

struct section_settings {
        enum config_section section;
        char *name; /* NAME of [job NAME]; NULL if the section has none */
        struct location location;
        struct setting *settings;
        size_t count;
        bool damaged; /* one of its lines was refused, so no key may be reported as missing */
};

struct settings {
        struct config_file **files;
        size_t file_count;
        struct section_settings **sections; /* in the order of their first headers */
        size_t count;
        void *by_name; /* the same sections, as a tree of tsearch(3) */
        bool damaged;  /* a section header was refused */
};

/* Adds the file that is read next; it lives as long as the settings. NULL if out of memory. */
const struct config_file *settings_add_file(struct settings *settings, const char *path);

/* Reads the text of an added file. Errors, -ENOMEM included, go to the diagnostics. */
void settings_read(struct settings *settings, const struct config_file *file, const char *data, size_t size,
                   struct diagnostics *diagnostics);

/* The section, or NULL. `name` as in struct section_settings. */
struct section_settings *settings_find_section(const struct settings *settings, enum config_section section,
                                               const char *name);
/* The setting, or NULL; `section` may be NULL. */
const struct setting *section_find(const struct section_settings *section, const char *key);

void settings_clear(struct settings *settings);
