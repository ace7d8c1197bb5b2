/* SPDX-License-Identifier: MIT */

/* Reads the INI file that the daemon prints: no comments, no quoting of single values, each section once. */

#include "ctl/doctor_settings.h"

#include <stdlib.h>
#include <string.h>

#include "util/cleanup.h"
#include "util/memory.h"

static char *copy(const char *text, size_t size)
{
        return memory_need(strndup(text, size));
}

static void add(struct settings *settings, const char *section, const char *line, size_t size)
{
        const char *equals = memchr(line, '=', size);

        if (equals == NULL)
                return;
        const char *value = equals + 1, *end = line + size;
        size_t key_size = (size_t)(equals - line);
        while (value < end && *value == ' ')
                value++;
        while (key_size > 0 && line[key_size - 1] == ' ')
                key_size--;

        settings->items =
                memory_need(reallocarray(settings->items, settings->count + 1, sizeof(*settings->items)));
        settings->items[settings->count++] = (struct setting){
                .section = copy(section, strlen(section)),
                .key = copy(line, key_size),
                .value = copy(value, (size_t)(end - value)),
        };
}

void settings_read(struct settings *settings, const char *text)
{
        CLEANUP(cleanup_free) char *section = copy("", 0);

        for (const char *line = text; *line != '\0';) {
                size_t size = strcspn(line, "\n");

                if (*line == '[' && line[size - 1] == ']') {
                        free(section);
                        section = copy(line + 1, size - 2);
                } else if (*line != ' ' && *line != '\t') { /* those continue a list */
                        add(settings, section, line, size);
                }
                line += size + (line[size] != '\0');
        }
}

void settings_clear(struct settings *settings)
{
        for (size_t i = 0; i < settings->count; i++) {
                free(settings->items[i].section);
                free(settings->items[i].key);
                free(settings->items[i].value);
        }
        free(settings->items);
        *settings = (struct settings){ NULL, 0 };
}

const char *settings_get(const struct settings *settings, const char *section, const char *key)
{
        for (size_t i = 0; i < settings->count; i++)
                if (strcmp(settings->items[i].section, section) == 0 &&
                    strcmp(settings->items[i].key, key) == 0)
                        return settings->items[i].value;
        return "";
}

const char *setting_hook(const struct setting *setting, const char *key)
{
        static const char hook[] = "hook ";

        return strncmp(setting->section, hook, strlen(hook)) == 0 && strcmp(setting->key, key) == 0
                       ? setting->section + strlen(hook)
                       : NULL;
}
