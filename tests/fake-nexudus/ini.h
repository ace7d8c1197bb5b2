/* SPDX-License-Identifier: MIT */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* An error in a text and its line; filled when a function returns an error. */
struct problem {
        unsigned line;
        char text[240];
};

int problem_set(struct problem *problem, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Called in the order of the file. Strings live until the callback returns. Return 0, or what problem_set()
 * returned. */
struct ini_handler {
        int (*section)(void *userdata, const char *name, struct problem *problem);
        int (*key)(void *userdata, const char *key, const char *value, struct problem *problem);
};

/* Reads INI text of any line length. Returns 0 or -EINVAL (problem is filled, its line counted from 1),
 * -ENOMEM. */
int ini_parse(const char *text, size_t size, const struct ini_handler *handler, void *userdata,
              struct problem *problem);

/* "15s", "1min30s", "2h 5min", "100ms"; a bare number is seconds. Microseconds. Returns 0 or -EINVAL. */
int parse_span(const char *text, uint64_t *ret_span);

/* "64M", "1K", "512". Bytes. Returns 0 or -EINVAL. */
int parse_size(const char *text, uint64_t *ret_size);

/* yes/no, on/off, true/false, 1/0. Returns 0 or -EINVAL. */
int parse_boolean(const char *text, bool *ret_value);

/* A decimal number and nothing else. Returns 0 or -EINVAL. */
int parse_number(const char *text, uint64_t *ret_number);

/* Whether a word is in a list such as "-1, 0". */
bool list_has(const char *list, const char *word);
