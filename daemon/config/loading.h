/* SPDX-License-Identifier: MIT */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "config/config.h"
#include "config/types.h"
#include "config/value_checks.h"
#include "util/message.h"

/*
 * What is known of the files while a configuration is read from them, and what is wrong with them: reading
 * goes on after an error, and several passes find problems in an order of their own. Used inside
 * daemon/config only.
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

/* "FILE:LINE", "FILE" or "command line"; in `buffer`, or static. */
#define LOCATION_TEXT_MAX 512
const char *location_format(struct location location, char buffer[static LOCATION_TEXT_MAX]);

/* Takes over `what`. */
void problems_add(struct config_problems *problems, struct location location, bool warning, char *what);

/* Both take the message as printf() does, without its location and without a newline. */
#define problems_error(problems, location, ...)                                                              \
        problems_add(problems, location, false, format_message(__VA_ARGS__))
#define problems_warning(problems, location, ...)                                                            \
        problems_add(problems, location, true, format_message(__VA_ARGS__))

/* Sorts the problems by location. */
void problems_sort(struct config_problems *problems);

/* What is known of a key in a section besides its value. */
struct key_state {
        struct location location; /* of its first line in the last file that has it; no file: not given */
        const struct config_file
                *replaced_by; /* of a list: the last file that has "=" first; NULL: adds to the default */
};

struct section {
        struct section *next;
        enum config_section kind;
        union {
                char *name; /* NAME of [job NAME] and the like; NULL if the section has none */
                /* The values of a section with a NAME; each begins with it. build() in config_load.c takes
                 * them over. */
                struct job_config job;
                struct discover_config discover;
                struct hook_config hook;
        };
        struct location location; /* of its first header, if there is one, else the main file */
        bool damaged;             /* a line of it was refused, so nothing may be concluded from what it has */
        struct key_state keys[];  /* of the rows of the section, in their order */
};

/* A job of [jobs] ids. */
struct listed_job {
        uint64_t id;
        size_t order; /* in which the jobs are listed */
        struct location location;
};

/* The name of a hook in a job. */
struct hook_use {
        char name[CONFIG_NAME_BYTES + 1];
        struct location location;
};

struct loading {
        struct config *config;
        struct config_problems *problems;
        struct config_file *files, **files_end; /* a list; the first one is the main file */
        unsigned file_count;
        struct section *sections, **sections_end; /* a list, those without a NAME first */
        size_t section_count;
        void *by_name; /* the same sections, as a tree of tsearch(3) */
        struct listed_job *listed;
        size_t listed_count;
        struct hook_use *hook_uses;
        size_t hook_use_count;
        bool damaged;      /* a section header was refused */
        bool has_sections; /* there is a valid header */

        /* While a file is read. */
        const struct config_file *file;
        struct section *section; /* the current one; NULL before the first header, or if it was refused */
        bool section_seen;       /* false: before the first header */
};

/* Adds a file; it lives as long as `loading`. */
const struct config_file *loading_add_file(struct loading *loading, const char *path);

/* Adds a section with zeroed values; `name` is copied. */
struct section *loading_add_section(struct loading *loading, enum config_section kind, const char *name);

/* What the fields of the keys of a section are in. */
void *section_values(const struct loading *loading, struct section *section);

/* Refuses a line of the file that is read; the message is as for printf(). */
#define loading_refuse(loading, line, ...) loading_refuse_message(loading, line, format_message(__VA_ARGS__))

/* The same; takes over `message`. */
void loading_refuse_message(struct loading *loading, unsigned line, char *message);

/* Adds a job to those listed under [jobs]. */
void loading_list_job(struct loading *loading, uint64_t id, struct location location);

/* The section, or NULL; those without a NAME always exist. `name` as in struct section. */
struct section *loading_find(const struct loading *loading, enum config_section kind, const char *name);

/* What is known of a key of the section. */
const struct key_state *section_key(const struct section *section, const char *name);

/* Whether a file has the key. */
bool key_is_given(const struct key_state *key);

/* Frees everything but the configuration and the values. */
void loading_clear(struct loading *loading);

/* ---- reading.c ---- */

/* Prepares a configuration with all defaults. `path` is the main file, which is added. */
void reading_start(struct loading *loading, const char *path, struct config_problems *problems);

/* Reads the text of a file that was added. The text is changed; there is room for a NUL after it. */
void reading_text(struct loading *loading, const struct config_file *file, char *data, size_t size);

/* ---- config_check.c ---- */

/* Checks what concerns more than one value of a configuration that was built. */
void config_check(const struct loading *loading, const struct config_overrides *overrides);
