/* SPDX-License-Identifier: MIT */
#pragma once

#include <stddef.h>

/* The effective configuration, as `jobwatchd --print-config` prints it. */
struct setting {
        char *section; /* "api", "hook mail" */
        char *key;
        char *value; /* of a list: its first line */
};

struct settings {
        struct setting *items;
        size_t count;
};

/* Reads what was printed. */
void settings_read(struct settings *settings, const char *text);
void settings_clear(struct settings *settings);

/* The value of a key; "" if it is not there. */
const char *settings_get(const struct settings *settings, const char *section, const char *key);

/* The name of a hook if the setting is this key of its section, else NULL. */
const char *setting_hook(const struct setting *setting, const char *key);
