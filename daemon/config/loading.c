/* SPDX-License-Identifier: MIT */

/*
 * What is known of the files while they are read. The sections are in a list and, since there may be one for
 * each of many jobs, in a search tree besides.
 */

#include "config/loading.h"

#include <limits.h>
#include <search.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "util/array.h"
#include "util/cleanup.h"
#include "util/memory.h"
#include "util/text.h"

/* ---- problems ---- */

const char *location_format(struct location location, char buffer[static LOCATION_TEXT_MAX])
{
        if (location.file == NULL)
                return "command line";
        if (location.line == 0)
                (void)snprintf(buffer, LOCATION_TEXT_MAX, "%s", location.file->path);
        else
                (void)snprintf(buffer, LOCATION_TEXT_MAX, "%.480s:%u", location.file->path, location.line);
        return buffer;
}

/* Files are quoted, so characters that would not be seen are escaped. */
void problems_add(struct config_problems *problems, struct location location, bool warning, char *what)
{
        char where[LOCATION_TEXT_MAX];
        CLEANUP(cleanup_free)
        char *raw = format_message("%s: %s", location_format(location, where), what);

        free(what);
        struct config_problem *added =
                config_problems_add(problems, warning, text_escape(raw, strlen(raw), 0));
        added->order[0] = location.file != NULL ? location.file->order : UINT_MAX;
        added->order[1] = location.line;
        added->order[2] = (unsigned)problems->count;
}

static int compare_problems(const void *left_pointer, const void *right_pointer)
{
        const struct config_problem *left = left_pointer, *right = right_pointer;
        unsigned i = 0;

        while (i < 2 && left->order[i] == right->order[i])
                i++;
        return (left->order[i] > right->order[i]) - (left->order[i] < right->order[i]);
}

void problems_sort(struct config_problems *problems)
{
        if (problems->count > 0)
                qsort(problems->items, problems->count, sizeof(*problems->items), compare_problems);
}

struct config_problem *config_problems_add(struct config_problems *problems, bool warning, char *message)
{
        problems->items = array_grow(problems->items, problems->count, sizeof(*problems->items));
        problems->errors += !warning;
        problems->items[problems->count] = (struct config_problem){ .message = message, .warning = warning };
        return &problems->items[problems->count++];
}

void config_problems_clear(struct config_problems *problems)
{
        for (size_t i = 0; i < problems->count; i++)
                free(problems->items[i].message);
        free(problems->items);
        *problems = (struct config_problems){ 0 };
}

/* ---- sections ---- */

const struct key_state *section_key(const struct section *section, const char *name)
{
        const struct config_keys keys = config_keys_of(section->kind);

        return &section->keys[config_key_find(section->kind, name) - keys.first];
}

bool key_is_given(const struct key_state *key)
{
        return key->location.file != NULL;
}

void *section_values(const struct loading *loading, struct section *section)
{
        return config_section_is_named(section->kind) ? (void *)&section->job : loading->config;
}

void loading_refuse_message(struct loading *loading, unsigned line, char *message)
{
        problems_add(loading->problems, (struct location){ loading->file, line }, false, message);
        if (loading->section != NULL)
                loading->section->damaged = true;
        else
                loading->damaged = true;
}

void loading_list_job(struct loading *loading, uint64_t id, struct location location)
{
        const struct listed_job job = { id, loading->listed_count, location };

        loading->listed = array_grow(loading->listed, loading->listed_count, sizeof(job));
        loading->listed[loading->listed_count++] = job;
}

static int compare_sections(const void *left_pointer, const void *right_pointer)
{
        const struct section *left = left_pointer, *right = right_pointer;

        if (left->kind != right->kind)
                return left->kind < right->kind ? -1 : 1;
        return left->name != NULL ? strcmp(left->name, right->name) : 0;
}

struct section *loading_find(const struct loading *loading, enum config_section kind, const char *name)
{
        union {
                const char *given;
                char *name;
        } text = { .given = name };
        const struct section wanted = { .kind = kind, .name = text.name };
        struct section *const *found = tfind(&wanted, &loading->by_name, compare_sections);

        return found != NULL ? *found : NULL;
}

struct section *loading_add_section(struct loading *loading, enum config_section kind, const char *name)
{
        const size_t keys = config_keys_of(kind).count;
        struct section *section = memory_need(calloc(1, sizeof(*section) + keys * sizeof(section->keys[0])));

        section->kind = kind;
        if (name != NULL)
                section->name = memory_need(strdup(name));
        (void)memory_need(tsearch(section, &loading->by_name, compare_sections));
        *loading->sections_end = section;
        loading->sections_end = &section->next;
        loading->section_count++;
        return section;
}

const struct config_file *loading_add_file(struct loading *loading, const char *path)
{
        struct config_file *file = memory_need(calloc(1, sizeof(*file)));

        file->path = memory_need(strdup(path));
        file->order = loading->file_count++;
        *loading->files_end = file;
        loading->files_end = &file->next;
        return file;
}

void loading_clear(struct loading *loading)
{
        tdestroy(loading->by_name, free);
        while (loading->files != NULL) {
                struct config_file *file = loading->files;
                loading->files = file->next;
                free(file->path);
                free(file);
        }
        free(loading->listed);
        free(loading->hook_uses);
}
