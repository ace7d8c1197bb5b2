/* SPDX-License-Identifier: MIT */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "core/status.h"

/*
 * The configuration: what the files and the command line said, checked, with every default filled in. It is
 * built once, never changed afterwards, and replaced as a whole on reload. Secrets are not in it, only where
 * they are.
 */

enum auth_method {
        AUTH_TOKEN,
        AUTH_PASSWORD,
        AUTH_BASIC,
};

enum batch_mode {
        BATCH_AUTO,
        BATCH_OFF,
};

enum hook_kind {
        HOOK_UNIT,
        HOOK_EXEC,
        HOOK_URL,
};

enum exit_when {
        EXIT_NEVER,
        EXIT_DONE,
};

enum log_target {
        LOG_TARGET_AUTO, /* the journal when standard error is connected to it, else the console */
        LOG_TARGET_JOURNAL,
        LOG_TARGET_CONSOLE,
};

/* Which events a hook takes: a set of bits. */
enum event_mask {
        EVENT_MASK_SEEN = 1 << 0,
        EVENT_MASK_CHANGED = 1 << 1,
        EVENT_MASK_SUCCEEDED = 1 << 2,
        EVENT_MASK_FAILED = 1 << 3,
        EVENT_MASK_GONE = 1 << 4,
        EVENT_MASK_STALLED = 1 << 5,
        EVENT_MASK_TERMINAL = EVENT_MASK_SUCCEEDED | EVENT_MASK_FAILED | EVENT_MASK_GONE,
};

/* A NULL-terminated vector of strings; NULL itself when empty. */
struct string_list {
        char **items;
        size_t count;
};

struct api_config {
        char *base_url; /* without a trailing slash */
        enum auth_method auth;
        char *token_file; /* the name of a credential, or an absolute path */
        char *username;   /* "" if not given */
        char *password_file;
        char *client_id; /* "" for the derived one */
        char *ca_file;   /* "" for the system's */
        uint64_t timeout_us;
        uint64_t connect_timeout_us;
        size_t max_response; /* decoded bytes */
        char *where_secret;  /* "FILE:LINE" of token_file or password_file, "FILE" if neither is given */
        char *where_ca_file;
};

struct poll_config {
        uint64_t interval_us;
        uint64_t max_interval_us;
        enum batch_mode batch;
        unsigned batch_size;
        uint64_t stalled_after_us; /* 0: never */
        uint64_t result_wait_us;
};

struct limits_config {
        uint64_t min_spacing_us; /* 0 in each: no limit */
        unsigned per_minute;
        unsigned per_hour;
        unsigned per_day;
};

/* A watched job. Its own settings are filled in from [poll] where its section gave none. */
struct job_config {
        uint64_t id;
        char *name; /* of its [job NAME] section; NULL for one of the plain list */
        struct poll_config poll;
        struct string_list hooks; /* names; meaningful if hooks_given */
        bool hooks_given;         /* false: every hook */
        bool from_command_line;   /* --job: polled even if the state says it has ended */
};

struct hook_config {
        char *name;
        unsigned on; /* event_mask bits; default EVENT_MASK_TERMINAL */
        enum hook_kind kind;
        char *target; /* the value of unit, exec or url */
        char *where;  /* "FILE:LINE" of that, for what is found out later than the configuration is read */
        uint64_t timeout_us;
        unsigned retries;
        char *secret_file; /* "" if none */
};

struct log_config {
        int level; /* syslog priority, LOG_ERR … LOG_DEBUG */
        enum log_target target;
        size_t result_bytes; /* 0: all */
        bool personal_data;
};

struct config {
        unsigned references; /* see config_ref() */
        char *path;          /* the main file as it was named */
        struct api_config api;
        struct poll_config poll;
        struct limits_config limits;
        struct string_list status_failure, status_success, status_running, failed_result;
        struct status_rules *status_rules; /* the four lists, compiled */
        struct job_config *jobs;           /* in the order of the files, the plain list first, then --job */
        size_t job_count;
        struct hook_config *hooks;
        size_t hook_count;
        enum exit_when exit_when;
        struct log_config log;
        char *state_directory; /* "" for $STATE_DIRECTORY, else /var/lib/jobwatchd; see
                                  config_state_directory() */
};

/*
 * Problems are collected, not reported one at a time: a person mends a file once. Each is one line for a
 * person, "FILE:LINE: what is wrong and what to write instead"; warnings do not make the configuration wrong.
 */
struct config_problem {
        char *message;
        bool warning;
};

struct config_problems {
        struct config_problem *items;
        size_t count;
        size_t errors; /* how many are no warnings */
};

void config_problems_clear(struct config_problems *problems);

/* What the command line adds to or sets over the files. NULL, 0 and -1 mean "not given". */
struct config_overrides {
        const uint64_t *job_ids; /* --job, repeated ones dropped */
        size_t job_count;
        bool exit_when_done;
        const char *state_directory;
        int log_level;  /* -1: not given */
        int log_target; /* an enum log_target, or -1 */
};

/*
 * Reads `path`, then PATH.d/ *.ini in name order, applies the overrides and checks the whole.
 *
 * Returns 0 and the configuration (problems may hold warnings), or -EINVAL with at least one error in
 * `problems` (a file that cannot be read is such an error, with the reason and the cure), or -ENOMEM.
 * `problems` is the caller's, zeroed before, and cleared by config_problems_clear().
 *
 * No watched job at all is an error too: a service that watches nothing is a misunderstanding.
 */
int config_load(const char *path, const struct config_overrides *overrides, struct config_problems *problems,
                struct config **ret_config);
/* One more owner of a configuration. */
struct config *config_ref(struct config *config);

/* One owner less; the last one frees it. Takes NULL, returns NULL. */
struct config *config_free(struct config *config);

/*
 * Writes the effective configuration as INI that config_load() reads back to the same values. Never a secret.
 */
int config_print(const struct config *config, FILE *file);

/*
 * The directory that counts: the configured one, else $STATE_DIRECTORY, else /var/lib/jobwatchd. The config's
 * or static.
 */
const char *config_state_directory(const struct config *config);
