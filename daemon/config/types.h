/* SPDX-License-Identifier: MIT */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "util/timespan.h"

/* The keys of a configuration file, and the types of their values. */

enum config_section {
        SECTION_API,
        SECTION_POLL,
        SECTION_LIMITS,
        SECTION_STATUS,
        SECTION_JOBS,
        SECTION_JOB,      /* [job NAME], any number of them */
        SECTION_DISCOVER, /* [discover NAME], any number of them */
        SECTION_HOOK,     /* [hook NAME], any number of them */
        SECTION_EXIT,
        SECTION_LOG,
        SECTION_STATE,
        SECTION_METRICS,
};
#define SECTION_COUNT (SECTION_METRICS + 1)

struct config_key;

/* For a message "KEY = VALUE is FAULT HINT", where the hint says what to write instead. */
struct value_fault {
        const char *fault; /* NULL: "invalid:" */
        const char *hint;  /* static, or in `text` */
        char text[256];
};

/*
 * The type of a value: how it gets from a text into the field of its key, and from there into a file. `field`
 * points into the structure of config.h for the section of the key.
 */
struct config_type {
        bool is_list;

        /*
         * Sets the field; of a list, adds an item to it. Returns 0, or -EINVAL with the field unchanged.
         * NULL: the key has no field.
         */
        int (*parse)(const struct config_key *key, const char *text, void *field,
                     struct value_fault *ret_fault);

        /* Prints what follows the "=" in a file. */
        void (*print)(const struct config_key *key, const void *field, FILE *file);

        /* Frees the value and leaves zeroes. NULL: there is nothing to free. */
        void (*clear)(void *field);

        /* The rest is for numbers only. */
        size_t size; /* of the field */
        int (*read)(const char *text, uint64_t *ret_number);
        char *(*format)(uint64_t number, char buffer[static TIMESPAN_TEXT_MAX]);
        const char *hint;
};

extern const struct config_type config_type_text;     /* char * */
extern const struct config_type config_type_timespan; /* uint64_t, microseconds */
extern const struct config_type config_type_since;    /* uint64_t, microseconds; "start" is 0 */
extern const struct config_type config_type_size;     /* size_t, bytes */
extern const struct config_type config_type_count;    /* unsigned */
extern const struct config_type config_type_id;       /* uint64_t, the id of a job */
extern const struct config_type config_type_boolean;  /* bool */
extern const struct config_type config_type_choice;   /* an enum or int; one of `choices` */
extern const struct config_type config_type_events;   /* unsigned, a list of `choices`, which are bits */
extern const struct config_type config_type_list;     /* struct string_list */
extern const struct config_type config_type_numbers;  /* struct id_list */
extern const struct config_type config_type_ids;      /* a list, [jobs] ids, which has no field of its own */

/* A word for a value. If a value has several words, the first is printed. */
struct config_choice {
        const char *text;
        int value;
};

struct config_key {
        enum config_section section;
        const char *name;
        const struct config_type *type;
        size_t offset;            /* of the field in the structure of its section */
        const char *default_text; /* as in a file; NULL: no default, or the value of [poll] */
        uint64_t minimum, maximum;
        const struct config_choice *choices; /* of the types choice and events; ends with a NULL text */

        /* Of texts and items: see value_checks.h. NULL: any value is valid. */
        const char *(*check)(const char *value);
        bool may_contain_secret; /* an invalid value is not shown in messages */
        bool is_command;         /* quoted as in ExecStart=, may be continued */
        bool names_hooks;        /* of a list: there is nothing to add to, so "+=" is refused */
};

/*
 * The table of all sections and keys of a configuration file, one row per key. Reading, defaults and
 * --print-config use it; tests compare the example file and the manual with it.
 */

extern const struct config_key config_keys[];
extern const size_t config_key_count;

/* "api", "job" …; of [job NAME] and the like without the NAME. */
extern const char *const config_section_names[SECTION_COUNT];

/* The section of this name, or SECTION_COUNT. */
enum config_section config_section_find(const char *name);

/* Whether the header has a NAME, so that there may be many such sections. */
bool config_section_is_named(enum config_section section);

/* The rows of a section, which are next to each other. */
struct config_keys {
        const struct config_key *first;
        size_t count;
};
struct config_keys config_keys_of(enum config_section section);

/* The row, or NULL. */
const struct config_key *config_key_find(enum config_section section, const char *name);
