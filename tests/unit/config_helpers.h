/* SPDX-License-Identifier: MIT */
#pragma once

/* Loads configurations from strings, for the tests of daemon/config. Include after cmocka.h. */

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "config/config.h"
#include "config/types.h"

static const struct config_overrides no_overrides = { .log_level = -1, .log_target = -1 };

static inline struct config *load_text(const char *text)
{
        struct config_problems problems = { 0 };
        struct config *config = NULL;

        int r = config_load_memory("f.ini", text, strlen(text), &no_overrides, &problems, &config);
        if (r < 0)
                fail_msg("%s", problems.count > 0 ? problems.items[0].message : strerror(-r));
        assert_int_equal(problems.count, 0);
        config_problems_clear(&problems);
        return config;
}

/* Expects exactly one error, which begins with `location` and contains `part`. */
static inline void expect_error_with(const char *text, const struct config_overrides *overrides,
                                     const char *location, const char *part)
{
        struct config_problems problems = { 0 };
        struct config *config = (struct config *)(uintptr_t)1;

        int r = config_load_memory("f.ini", text, strlen(text), overrides, &problems, &config);
        assert_int_equal(r, -EINVAL);
        assert_ptr_equal(config, (struct config *)(uintptr_t)1);
        assert_int_equal(problems.errors, 1);
        assert_int_equal(problems.count, 1);

        const char *message = problems.items[0].message;
        size_t length = strlen(location);
        if (strncmp(message, location, length) != 0 || strncmp(message + length, ": ", 2) != 0 ||
            strstr(message, part) == NULL)
                fail_msg("expected %s: … %s …, not %s", location, part, message);
        config_problems_clear(&problems);
}

static inline void expect_error(const char *text, const char *location, const char *part)
{
        expect_error_with(text, &no_overrides, location, part);
}

/* Expects an error in line 4 of a configuration that is valid except for that line of the section. */
static inline void expect_bad(const char *section, const char *line, const char *part)
{
        char text[8192];

        snprintf(text, sizeof(text), "[jobs]\nids = 1\n[%s]\n%s\n", section, line);
        expect_error(text, "f.ini:4", part);
}

static inline struct config *load_with(const char *section, const char *line)
{
        char text[8192];

        snprintf(text, sizeof(text), "[jobs]\nids = 1\n[%s]\n%s\n", section, line);
        return load_text(text);
}
