/* SPDX-License-Identifier: MIT */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "ctl/exit_status.h"

/* Options of single commands, as bits. */
enum option_bit {
        OPTION_OPEN = 1 << 0,
        OPTION_ENDED = 1 << 1,
        OPTION_FAILED = 1 << 2,
        OPTION_FAILING = 1 << 3,
        OPTION_LINES = 1 << 4,
        OPTION_SINCE = 1 << 5,
        OPTION_ADD = 1 << 6,
        OPTION_ANY = 1 << 7,
        OPTION_TIMEOUT = 1 << 8,
        OPTION_NAME = 1 << 9,
        OPTION_HOOK = 1 << 10,
        OPTION_PENDING = 1 << 11,
        OPTION_EVENT = 1 << 12,
        OPTION_JOB = 1 << 13,
        OPTION_BUSINESS = 1 << 14,
        OPTION_DESCRIPTION = 1 << 15,
        OPTION_CHECK = 1 << 16,
        OPTION_OUTPUT = 1 << 20,
        OPTION_FOLLOW = 1 << 21,
        OPTION_REPORT = 1 << 22,
};

struct context;

enum words {
        WORDS_NONE,
        WORDS_TEXTS,
        WORDS_JOBS,       /* job ids */
        WORDS_DELIVERIES, /* delivery ids */
};

struct command {
        const char *name;
        const char *synopsis; /* of the words */
        const char *help;     /* one line */
        enum words words;
        unsigned least, most; /* number of words; `most` 0: any */
        unsigned options;     /* bits of enum option_bit */
        unsigned instead;     /* an option that stands for the words */
        bool without_bus;     /* run it even if there is no bus */
        enum exit_status (*run)(struct context *context);
};

extern const struct command commands[];
extern const size_t command_count;

/* Each asks the service, prints what it says, and returns the exit status of the process. */
enum exit_status command_status(struct context *context);
enum exit_status command_list(struct context *context);
enum exit_status command_show(struct context *context);
enum exit_status command_history(struct context *context);
enum exit_status command_watch(struct context *context);
enum exit_status command_wait(struct context *context);
enum exit_status command_recent(struct context *context);
enum exit_status command_add(struct context *context);
enum exit_status command_remove(struct context *context);
enum exit_status command_poll(struct context *context);
enum exit_status command_deliveries(struct context *context);
enum exit_status command_handover(struct context *context);
enum exit_status command_retry(struct context *context);
enum exit_status command_drop(struct context *context);
enum exit_status command_test_hook(struct context *context);
enum exit_status command_statuses(struct context *context);
enum exit_status command_timeline(struct context *context);
enum exit_status command_report(struct context *context);
enum exit_status command_login(struct context *context);
enum exit_status command_doctor(struct context *context);
enum exit_status command_metrics(struct context *context);
