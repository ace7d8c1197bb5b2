/* SPDX-License-Identifier: MIT */
#pragma once

/* Loading configurations from texts, for the tests of daemon/config. Include after cmocka.h. */

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "config/config_internal.h"
#include "config/keys.h"

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

/* What is wrong with `text`: exactly one error, which begins with `place` and holds `part`. */
static inline void expect_error_with(const char *text, const struct config_overrides *overrides,
                                     const char *place, const char *part)
{
        struct config_problems problems = { 0 };
        struct config *config = (struct config *)(uintptr_t)1;

        int r = config_load_memory("f.ini", text, strlen(text), overrides, &problems, &config);
        assert_int_equal(r, -EINVAL);
        assert_ptr_equal(config, (struct config *)(uintptr_t)1);
        assert_int_equal(problems.errors, 1);
        assert_int_equal(problems.count, 1);

        const char *message = problems.items[0].message;
        size_t length = strlen(place);
        if (strncmp(message, place, length) != 0 || strncmp(message + length, ": ", 2) != 0 ||
            strstr(message, part) == NULL)
                fail_msg("expected %s: … %s …, not %s", place, part, message);
        config_problems_clear(&problems);
}

static inline void expect_error(const char *text, const char *place, const char *part)
{
        expect_error_with(text, &no_overrides, place, part);
}

/* A key of a section, in a configuration that is right but for it; the key is in line 4. */
static inline void expect_bad(const char *section, const char *line, const char *part)
{
        char text[1024];

        snprintf(text, sizeof(text), "[jobs]\nids = 1\n[%s]\n%s\n", section, line);
        expect_error(text, "f.ini:4", part);
}

static inline struct config *load_with(const char *section, const char *line)
{
        char text[1024];

        snprintf(text, sizeof(text), "[jobs]\nids = 1\n[%s]\n%s\n", section, line);
        return load_text(text);
}
