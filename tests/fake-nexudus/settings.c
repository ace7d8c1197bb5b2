/* SPDX-License-Identifier: MIT */

/* The [server] section: one row per key. Control requests set the same keys at run time. */

#include "settings.h"

#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#define AT(member) offsetof(struct settings, member)

static int set_text(void *target, const char *value)
{
        char **text = target;
        char *copy = *value ? strdup(value) : NULL;

        if (*value && !copy)
                return -ENOMEM;
        free(*text);
        *text = copy;
        return 0;
}

static int set_boolean(void *target, const char *value)
{
        return parse_boolean(value, target);
}

static int set_span(void *target, const char *value)
{
        return parse_span(value, target);
}

/* A limit allocates a ring of its size; the documented limit per day is the maximum. */
static int set_limit(void *target, const char *value)
{
        uint64_t number;

        if (parse_number(value, &number) < 0 || number > 10000000)
                return -EINVAL;
        *(uint64_t *)target = number;
        return 0;
}

static int set_scale(void *target, const char *value)
{
        char *end;
        double scale = strtod(value, &end);

        if (*end || !(scale > 0))
                return -EINVAL;
        *(double *)target = scale;
        return 0;
}

static int set_roles(void *target, const char *value)
{
        struct settings *settings = target;
        bool read = false, list = false;

        for (const char *at = value; *at;) {
                size_t length = strcspn(at, ", ");
                if (length == 4 && strncmp(at, "read", 4) == 0)
                        read = true;
                else if (length == 4 && strncmp(at, "list", 4) == 0)
                        list = true;
                else if (length > 0)
                        return -EINVAL;
                at += length;
                at += strspn(at, ", ");
        }
        settings->role_read = read;
        settings->role_list = list;
        return 0;
}

static int set_batch(void *target, const char *value)
{
        static const char *const names[] = { [BATCH_FULL] = "full",
                                             [BATCH_PARTIAL] = "partial",
                                             [BATCH_EMPTY_RESULT] = "empty_result",
                                             [BATCH_SHUFFLED] = "shuffled" };
        struct settings *settings = target;
        uint64_t status;

        for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
                if (strcmp(value, names[i]) == 0) {
                        settings->batch = (enum batch_mode)i;
                        return 0;
                }
        if (strncmp(value, "refused ", 8) != 0 || parse_number(value + 8, &status) < 0 || status < 200 ||
            status > 599)
                return -EINVAL;
        settings->batch = BATCH_REFUSED;
        settings->batch_status = (unsigned)status;
        return 0;
}

static int set_search_pages(void *target, const char *value)
{
        static const char *const names[] = { [SEARCH_PAGES_ALL] = "all",
                                             [SEARCH_PAGES_FIRST] = "first",
                                             [SEARCH_PAGES_REPEATED] = "repeated" };

        for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
                if (strcmp(value, names[i]) == 0) {
                        *(enum search_pages *)target = (enum search_pages)i;
                        return 0;
                }
        return -EINVAL;
}

static int set_token_key(void *target, const char *value)
{
        bool camel = strcmp(value, "AccessToken") == 0;

        if (!camel && strcmp(value, "access_token") != 0)
                return -EINVAL;
        *(bool *)target = camel;
        return 0;
}

static const struct {
        const char *key;
        int (*set)(void *target, const char *value);
        size_t offset;
        bool limits;
        const char *expected;
} rows[] = {
        { "token", set_text, AT(token), false, "text" },
        { "username", set_text, AT(username), false, "text" },
        { "password", set_text, AT(password), false, "text" },
        { "totp", set_text, AT(totp), false, "text" },
        { "roles", set_roles, 0, false, "read, list, both or nothing" },
        { "throttle", set_boolean, AT(throttle), true, "on or off" },
        { "min_spacing", set_span, AT(limits.min_spacing), true, "a span such as 100ms" },
        { "per_minute", set_limit, AT(limits.per_minute), true, "a number" },
        { "per_hour", set_limit, AT(limits.per_hour), true, "a number" },
        { "per_day", set_limit, AT(limits.per_day), true, "a number" },
        { "writes_per_minute", set_limit, AT(limits.writes_per_minute), true, "a number" },
        { "writes_per_day", set_limit, AT(limits.writes_per_day), true, "a number" },
        { "time_scale", set_scale, AT(limits.time_scale), true, "a factor above 0" },
        { "token_lifetime", set_span, AT(token_lifetime), false, "a span such as 2min" },
        { "refresh_lifetime", set_span, AT(refresh_lifetime), false, "a span such as 2min" },
        { "batch", set_batch, 0, false, "full, partial, empty_result, shuffled or refused STATUS" },
        { "access_token_key", set_token_key, AT(camel_token_key), false, "access_token or AccessToken" },
        { "ignore_filters", set_boolean, AT(ignore_filters), false, "yes or no" },
        { "frozen", set_boolean, AT(frozen), false, "yes or no" },
        { "search_unsorted", set_boolean, AT(search_unsorted), false, "yes or no" },
        { "search_descending", set_text, AT(search_descending), false, "text" },
        { "search_omit", set_text, AT(search_omit), false, "text" },
        { "search_pages", set_search_pages, AT(search_pages), false, "all, first or repeated" },
};

void settings_init(struct settings *settings)
{
        static const uint64_t second = 1000000;

        *settings = (struct settings){
                .role_read = true,
                .role_list = true,
                .limits = { .min_spacing = second / 10,
                            .per_minute = 120,
                            .per_hour = 5000,
                            .per_day = 200000,
                            .writes_per_minute = 60,
                            .writes_per_day = 5000,
                            .time_scale = 1 },
                .token_lifetime = 604799 * second,
                .refresh_lifetime = 15 * 86400 * second,
                .limits_changed = true,
        };
}

int settings_set(struct settings *settings, const char *key, const char *value, struct problem *problem)
{
        for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
                if (strcmp(rows[i].key, key) != 0)
                        continue;
                int r = rows[i].set((char *)settings + rows[i].offset, value);
                if (r == -EINVAL)
                        return problem_set(problem, "%s = %.80s: expected %s", key, value, rows[i].expected);
                settings->limits_changed = settings->limits_changed || rows[i].limits;
                return r;
        }
        return problem_set(problem, "unknown key '%s' in [server]", key);
}

void settings_release(struct settings *settings)
{
        free(settings->token);
        free(settings->username);
        free(settings->password);
        free(settings->totp);
        free(settings->search_descending);
        free(settings->search_omit);
        *settings = (struct settings){ 0 };
}
