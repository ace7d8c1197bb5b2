/* SPDX-License-Identifier: MIT */

/*
 * What is known of the files while they are read. The sections are in a list and, since there may be one for
 * each of many jobs, in a search tree besides.
 */

#include "config/loading.h"

#include <search.h>
#include <stdlib.h>
#include <string.h>

#include "util/array.h"
#include "util/memory.h"

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
