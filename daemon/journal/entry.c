/* SPDX-License-Identifier: MIT */

/*
 * Making an entry: its fields are collected in a list that borrows everything, then copied into one
 * allocation, which is all that waits for the sender.
 */

#include "journal/entry.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "util/memory.h"
#include "util/timespan.h"

/* ---- the list ---- */

void fields_add(struct field_list *fields, const char *name, const char *data, size_t size)
{
        assert(fields->count < ENTRY_FIELDS_MAX);
        fields->items[fields->count++] = (struct field){ name, data, size };
}

void fields_add_string(struct field_list *fields, const char *name, const char *string)
{
        fields_add(fields, name, string, strlen(string));
}

void fields_add_copy(struct field_list *fields, const char *name, const char *text)
{
        size_t size = strlen(text);
        char *copy = fields->texts + fields->texts_used;

        assert(size <= sizeof(fields->texts) - fields->texts_used);
        memcpy(copy, text, size);
        fields->texts_used += size;
        fields_add(fields, name, copy, size);
}

void fields_add_number(struct field_list *fields, const char *name, uint64_t number)
{
        char digits[24];

        (void)snprintf(digits, sizeof(digits), "%" PRIu64, number);
        fields_add_copy(fields, name, digits);
}

void fields_add_time(struct field_list *fields, const char *name, uint64_t time_us)
{
        char stamp[TIMESTAMP_TEXT_MAX];

        fields_add_copy(fields, name, timestamp_format(time_us, stamp));
}

void fields_add_text(struct field_list *fields, const char *name, const struct text *text, size_t limit)
{
        if (text->data != NULL)
                fields_add(fields, name, text->data, text_cut(text->data, text->size, limit));
}

/* ---- the entry ---- */

static size_t prefix_size(const char *name)
{
        return name != NULL ? strlen(name) + 1 : 0;
}

static size_t content_size(const struct field_list *fields)
{
        size_t size = 0;

        for (size_t i = 0; i < fields->count; i++)
                size += prefix_size(fields->items[i].name) + fields->items[i].size;
        return size;
}

struct entry *entry_new(const struct field_list *fields)
{
        size_t size = sizeof(struct entry) + fields->count * sizeof(struct iovec) + content_size(fields);
        struct entry *entry = memory_malloc(NULL, size);
        char *at = (char *)&entry->fields[fields->count];

        *entry = (struct entry){ .size = size, .count = fields->count };
        for (size_t i = 0; i < fields->count; i++) {
                const char *name = fields->items[i].name;
                size_t prefix = prefix_size(name), field_size = fields->items[i].size;

                entry->fields[i] = (struct iovec){ at, prefix + field_size };
                if (name != NULL) {
                        memcpy(at, name, prefix - 1);
                        at[prefix - 1] = '=';
                }
                if (field_size > 0)
                        memcpy(at + prefix, fields->items[i].data, field_size);
                at += prefix + field_size;
        }
        return entry;
}
