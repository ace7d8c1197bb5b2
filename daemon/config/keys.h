/* SPDX-License-Identifier: MIT */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * The table of everything a configuration file may say: one row a key. Reading, defaults, --print-config, the
 * example file's test and the manual all go by it.
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

enum config_kind {
        KIND_STRING,   /* char * */
        KIND_SPAN,     /* uint64_t, microseconds */
        KIND_SIZE,     /* size_t, bytes */
        KIND_UNSIGNED, /* unsigned */
        KIND_BOOLEAN,  /* bool */
        KIND_WORD,     /* an enum or int; one of `words` */
        KIND_ID,       /* uint64_t, a job's id */
        KIND_ID_LIST,  /* the plain list of jobs; no field of its own */
        KIND_LIST,     /* struct string_list */
        KIND_EVENTS,   /* unsigned, bits of enum event_mask; a list of `words` */
        KIND_TARGET,   /* char *, and the hook's kind is `hook_kind` */
};

struct config_word {
        const char *word;
        int value; /* the first word of a value is the one that is written */
};

/* Returns NULL if the value is right, else what it must be: "an absolute path such as /etc/ssl/ca.pem". */
typedef const char *config_check_function(const char *value);

struct config_key {
        enum config_section section;
        const char *name;
        enum config_kind kind;
        size_t offset;            /* of the field in struct config, job_config or hook_config */
        const char *default_text; /* as in a file; NULL: no default, or (in [job NAME]) the value of [poll] */
        uint64_t minimum, maximum;
        const struct config_word *words; /* KIND_WORD, KIND_EVENTS; ends with a NULL word */
        config_check_function *check;    /* KIND_STRING, KIND_TARGET and each item of KIND_LIST; NULL: any */
        int hook_kind;                   /* KIND_TARGET: an enum hook_kind */
};

extern const struct config_key config_keys[];
extern const size_t config_key_count;

/* "api", "job" …; for [job NAME] and [hook NAME] the first word. */
const char *config_section_name(enum config_section section);

/* Whether the section is [WORD NAME], and there may be many. */
bool config_section_is_named(enum config_section section);

/* The row, or NULL. */
const struct config_key *config_key_find(enum config_section section, const char *name);

bool config_kind_is_list(enum config_kind kind);

/* The likeliest key or section someone meant by `name`, or NULL if none is near. Static strings. */
const char *config_key_nearest(enum config_section section, const char *name);
const char *config_section_nearest(const char *name);

/*
 * Edits (a letter more, less, other, or two swapped) between two words, without regard to case; `limit` or
 * anything above for words that are further apart.
 */
unsigned word_distance(const char *left, const char *right, unsigned limit);
