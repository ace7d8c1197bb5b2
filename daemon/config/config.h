/* SPDX-License-Identifier: MIT */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "model/status.h"
#include "util/id_list.h"
#include "util/string_list.h"

/*
 * The configuration: files and command line combined and checked, with all defaults filled in. It does not
 * change once built; a reload replaces it with another. It contains the names of secret files, not the
 * secrets.
 */

enum auth_method {
        AUTH_TOKEN,
        AUTH_PASSWORD,
        AUTH_BASIC,
        AUTH_LOGIN,
};

enum batch_mode {
        BATCH_AUTO,
        BATCH_OFF,
};

enum feed_mode {
        FEED_AUTO,
        FEED_OFF,
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

/* The events that a hook is run for: a set of bits. */
enum event_mask {
        EVENT_MASK_SEEN = 1 << 0,
        EVENT_MASK_CHANGED = 1 << 1,
        EVENT_MASK_SUCCEEDED = 1 << 2,
        EVENT_MASK_FAILED = 1 << 3,
        EVENT_MASK_GONE = 1 << 4,
        EVENT_MASK_STALLED = 1 << 5,
        EVENT_MASK_API_DOWN = 1 << 6,
        EVENT_MASK_API_REFUSED = 1 << 7,
        EVENT_MASK_API_OK = 1 << 8,
        EVENT_MASK_OF_API = EVENT_MASK_API_DOWN | EVENT_MASK_API_REFUSED | EVENT_MASK_API_OK,
        EVENT_MASK_TERMINAL = EVENT_MASK_SUCCEEDED | EVENT_MASK_FAILED | EVENT_MASK_GONE,
};

struct api_config {
        char *base_url; /* without a trailing slash */
        enum auth_method auth;
        char *token_file; /* the name of a systemd credential, or an absolute path */
        char *username;   /* "": not given */
        char *password_file;
        char *client_id; /* "": derived from the machine id */
        char *ca_file;   /* "": that of the system */
        uint64_t timeout_us;
        uint64_t connect_timeout_us;
        size_t max_response; /* bytes, decoded */
        char *where_secret;  /* "FILE:LINE" of token_file or password_file, "FILE" if neither is given */
        char *where_ca_file;
};

struct poll_config {
        uint64_t interval_us;
        uint64_t max_interval_us;
        enum feed_mode feed;
        uint64_t sweep_interval_us;
        enum batch_mode batch;
        unsigned batch_size;
        uint64_t stalled_after_us; /* 0: never */
        uint64_t result_wait_us;
};

struct limits_config {
        uint64_t min_spacing_us; /* 0 in any of these: no limit */
        unsigned per_minute;
        unsigned per_hour;
        unsigned per_day;
};

/* A watched job. Settings missing from its section are taken from [poll]. */
struct job_config {
        char *name; /* of its [job NAME] section; NULL: listed under [jobs] or given by --job */
        uint64_t id;
        struct poll_config poll;
        struct string_list hooks; /* names; used only if hooks_given */
        bool hooks_given;         /* false: all hooks */
        bool from_command_line;   /* --job: polled even if it is recorded as ended */
};

/*
 * New jobs to watch. A filter without items lets every job pass. Settings missing from the section are taken
 * from [poll].
 */
struct discover_config {
        char *name;
        struct id_list business;                     /* IDs of locations, any of them */
        struct string_list description, files, user; /* patterns of util/glob.h, any of them */
        uint64_t since_us; /* how long before the newest job a job may have been created; 0: not at all */
        struct poll_config poll;
        struct string_list hooks; /* names; used only if hooks_given */
        bool hooks_given;         /* false: all hooks */
};

#define HOOK_PARALLEL_MAX 64

struct hook_config {
        char *name;
        unsigned on; /* event_mask bits; default EVENT_MASK_TERMINAL */
        enum hook_kind kind;
        char *target;            /* the one of unit, exec and url that is given; NULL with url_file */
        char *unit, *exec, *url; /* NULL: not given */
        char *url_file; /* the URL is in it: the name of a systemd credential, or an absolute path; or NULL */
        char *comment;  /* of exec: what follows " ;" on its lines, with the ";"; NULL: nothing */
        uint64_t timeout_us;
        unsigned retries;
        unsigned parallel; /* attempts at a time, at most HOOK_PARALLEL_MAX */
        char *secret_file; /* these three are for url hooks; "": none */
        char *header_file;
        char *ca_file; /* "": see delivery/webhook/files.h */
        /* "FILE:LINE" of the target, of secret_file and so on, for errors found after reading. */
        char *where, *where_secret_file, *where_header_file, *where_ca_file;
};

struct log_config {
        int level; /* syslog priority, LOG_ERR … LOG_DEBUG */
        enum log_target target;
        size_t result_bytes; /* of ResultData in a log entry; 0: all */
        bool personal_data;
};

struct config {
        unsigned references; /* see config_ref() */
        char *path;          /* of the main file, as the caller named it */
        struct api_config api;
        struct poll_config poll;
        struct limits_config limits;
        struct status_rules status;
        char *status_file;       /* the file in which a line "success +=" takes effect */
        struct job_config *jobs; /* those of [jobs], then the [job NAME] sections, then --job */
        size_t job_count;
        struct discover_config *discovers; /* in the order of their sections */
        size_t discover_count;
        struct hook_config *hooks;
        size_t hook_count;
        enum exit_when exit_when;
        struct log_config log;
        char *state_directory;     /* "": see config_state_directory() */
        char *state_database;      /* a URI of PostgreSQL; "": none, the state is in a file there */
        char *state_password_file; /* of the database: the name of a credential, or a path; "": none */
        char *state_prefer;     /* the host that is to be active, of those that share the database; "": any */
        uint64_t state_keep_us; /* how long events that are logged and delivered are kept */
        size_t state_max_size;  /* of the database */
        char *metrics_textfile; /* "": none */
};

/*
 * All problems of a configuration are reported together. Each message is one line, "FILE:LINE: what is wrong;
 * what to write instead". Warnings do not make a configuration invalid.
 */
struct config_problem {
        char *message;
        bool warning;
        bool needs_restart;     /* a credential, which systemd passes only when the service starts */
        const char *message_id; /* of its log entry; NULL: none */
        unsigned order[3];      /* file, line and number; for loading.c only */
};

struct config_problems {
        struct config_problem *items;
        size_t count;
        size_t errors; /* count without the warnings */
};

/* Takes over `message`. Returns the problem that was added, valid until the next one is. */
struct config_problem *config_problems_add(struct config_problems *problems, bool warning, char *message);

void config_problems_clear(struct config_problems *problems);

/* Settings of the command line, which override the files. NULL, 0 and -1 mean "not given". */
struct config_overrides {
        const uint64_t *job_ids; /* --job, without duplicates */
        size_t job_count;
        bool exit_when_done;
        const char *state_directory;
        int log_level;  /* -1: not given */
        int log_target; /* an enum log_target, or -1 */
};

/*
 * Reads `path`, then PATH.d/ *.ini in the order of their names, applies the overrides (NULL: none) and checks
 * the result. Blocks while it reads.
 *
 * Returns 0 and the configuration, with one reference; `problems` may contain warnings then. Returns -EINVAL
 * with at least one error in `problems` if a file cannot be read, a value is invalid or there is no job to
 * watch. The caller zeroes `problems` before and clears them with config_problems_clear(). When memory runs
 * out, the process ends.
 */
int config_load(const char *path, const struct config_overrides *overrides, struct config_problems *problems,
                struct config **ret_config);

/* The same for a single file whose `size` bytes are in memory; `path` is its name in messages. */
int config_load_memory(const char *path, const char *data, size_t size,
                       const struct config_overrides *overrides, struct config_problems *problems,
                       struct config **ret_config);

/* Adds a reference. Returns the configuration. */
struct config *config_ref(struct config *config);

/* Drops a reference; the last one frees the configuration. Accepts NULL, returns NULL. */
struct config *config_free(struct config *config);

/*
 * Writes the effective configuration as INI that config_load() reads back to the same values, without
 * secrets. Returns 0 or the negative errno of writing.
 */
int config_print(const struct config *config, FILE *file);

/* "token", "password", "basic", "login". */
const char *config_auth_to_string(enum auth_method auth);

/* Whether tokens are obtained and renewed: auth = password and auth = login. */
bool config_has_session(const struct config *config);

/*
 * The state directory: the configured one, else $STATE_DIRECTORY, else /var/lib/jobwatchd. Belongs to the
 * configuration or the environment, or is static.
 */
const char *config_state_directory(const struct config *config);

/* The hook of this name, or NULL. */
const struct hook_config *config_find_hook(const struct config *config, const char *name);

/* Where events are recorded, for messages: the database, else the state directory. */
const char *config_state_place(const struct config *config);
