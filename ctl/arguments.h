/* SPDX-License-Identifier: MIT */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "ctl/output.h"
#include "util/id_list.h"
#include "util/string_list.h"

struct command;

/* The parsed command line. Texts are borrowed from argv. */
struct arguments {
        const struct command *command;
        bool help, version;

        const char *instance; /* NULL: jobwatchd.service */
        enum json_form json;
        bool no_legend, no_pager, no_ask_password;

        unsigned given; /* options of single commands */
        uint64_t lines, timeout_us, business;
        uint64_t since_us; /* CLOCK_REALTIME */
        const char *name, *event, *description, *output;
        uint64_t job;
        struct string_list hooks;

        char **words; /* what follows the command */
        size_t word_count;
        struct id_list ids; /* the words, of commands that take ids; each once */
};

/*
 * Reads the command line. Returns 0, or -EINVAL after printing what is wrong. arguments_clear() either way.
 */
int arguments_read(int argc, char *argv[], struct arguments *arguments);
void arguments_clear(struct arguments *arguments);

/* --help, from the tables of options and commands. */
void print_help(void);
