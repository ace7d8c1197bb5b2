/* SPDX-License-Identifier: MIT */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * The table of all sections and keys of a configuration file, one row per key. Reading, defaults and
 * --print-config use it; tests compare the example file and the manual with it.
 */

enum config_section {
        SECTION_API,
        SECTION_POLL,
        SECTION_LIMITS,
        SECTION_STATUS,
        SECTION_JOBS,
        SECTION_JOB,  /* [job NAME], any number of them */
        SECTION_HOOK, /* [hook NAME], any number of them */
        SECTION_EXIT,
        SECTION_LOG,
        SECTION_STATE,
};
#define SECTION_COUNT (SECTION_STATE + 1)

/* The type of a value and of the field that it is stored in. */
enum config_kind {
        KIND_STRING,   /* char * */
        KIND_TIMESPAN, /* uint64_t, microseconds */
        KIND_SIZE,     /* size_t, bytes */
        KIND_UNSIGNED, /* unsigned */
        KIND_BOOLEAN,  /* bool */
        KIND_CHOICE,   /* an enum or int; one of `choices` */
        KIND_ID,       /* uint64_t, the id of a job */
        KIND_ID_LIST,  /* [jobs] ids, which has no field of its own */
        KIND_LIST,     /* struct string_list */
        KIND_EVENTS,   /* unsigned, bits of enum event_mask; a list of `choices` */
        KIND_TARGET,   /* char *; sets the kind of the hook to `hook_kind` as well */
};

/* A word for a value. If a value has several words, the first is printed. */
struct config_choice {
        const char *text;
        int value;
};

/* Returns NULL if the value is valid, else a static text: what to write instead, as in value_checks.h. */
typedef const char *config_check_function(const char *value);

struct config_key {
        enum config_section section;
        const char *name;
        enum config_kind kind;
        size_t offset;            /* of the field in struct config, job_config or hook_config */
        const char *default_text; /* as in a file; NULL: no default, or (in [job NAME]) the value of [poll] */
        uint64_t minimum, maximum;
        const struct config_choice *choices; /* KIND_CHOICE, KIND_EVENTS; ends with a NULL text */
        config_check_function *check;   /* KIND_STRING, KIND_TARGET, items of KIND_LIST; NULL: any value */
        bool may_contain_secret;        /* an invalid value is not shown in messages */
        void (*normalise)(char *value); /* KIND_STRING: changes a valid value in place; may be NULL */
        int hook_kind;                  /* KIND_TARGET: an enum hook_kind */
        bool is_command;                /* KIND_TARGET: quoted as in ExecStart=, may be continued */
        bool replaced_only;             /* KIND_LIST: there is nothing to add to, so "+=" is refused */
};

extern const struct config_key config_keys[];
extern const size_t config_key_count;

/* "api", "job" …; of [job NAME] and [hook NAME] without the NAME. Static. */
const char *config_section_name(enum config_section section);

/* Whether the header has a NAME, so that there may be many such sections. */
bool config_section_is_named(enum config_section section);

/* The row, or NULL. */
const struct config_key *config_key_find(enum config_section section, const char *name);

bool config_kind_is_list(enum config_kind kind);

/* The key or section most similar to a misspelt `name`, or NULL if none is similar. Static. */
const char *config_key_nearest(enum config_section section, const char *name);
const char *config_section_nearest(const char *name);
