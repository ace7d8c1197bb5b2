/* SPDX-License-Identifier: MIT */

/*
 * Sets values from the lines of a file, as the types of their keys require. All messages about a value have
 * the same form: the key, the value, and what to write instead.
 */

#include "config/values.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "config/value_syntax.h"
#include "util/array.h"
#include "util/cleanup.h"
#include "util/memory.h"
#include "util/text.h"

/* Of a value in a message. */
#define SHOWN_BYTES 200

static void *field_of(struct loading *loading, const struct config_key *key)
{
        return (char *)section_values(loading, loading->section) + key->offset;
}

/* Reports a value: "KEY = VALUE is FAULT HINT". */
static void refuse_value(struct loading *loading, const struct config_key *key, const char *text,
                         unsigned line, const struct value_fault *fault)
{
        CLEANUP(cleanup_free) char *shown = text_escape(text, strlen(text), SHOWN_BYTES);

        if (*text == '\0')
                loading_refuse(loading, line, "%s is empty; %s, or remove the line", key->name, fault->hint);
        else
                loading_refuse(loading, line, "%s%s%s is %s %s%s", key->name,
                               key->may_contain_secret ? "" : " = ", key->may_contain_secret ? "" : shown,
                               fault->fault != NULL ? fault->fault : "invalid:", fault->hint,
                               /* People expect a comment. */
                               strstr(text, " #") != NULL ? "; a comment after a value starts with \" ;\""
                                                          : "");
}

/* Sets the field of the key, or adds to it. Returns false if the value was refused. */
static bool set_value(struct loading *loading, const struct config_key *key, const char *text, unsigned line)
{
        struct value_fault fault = { 0 };

        int r = key->type->parse(key, text, field_of(loading, key), &fault);
        if (r < 0)
                refuse_value(loading, key, text, line, &fault);
        return r >= 0;
}

/*
 * Notes what follows the text of a command on its line, which can only be a comment. The last line that has
 * one counts.
 */
static void note_comment(struct loading *loading, const char *after)
{
        char **field = &loading->section->hook.comment;
        const char *comment = strchr(after, ';');

        assert(loading->section->kind == SECTION_HOOK);
        if (comment == NULL || comment[1] == '\0')
                return;
        free(*field);
        *field = memory_need(strdup(comment));
}

/* A single value: its lines are joined with blanks. */
static void read_single(struct loading *loading, const struct config_key *key, const struct ini_line *lines,
                        size_t count)
{
        size_t size = 1;
        char quote = '\0', *end;

        if (key->is_command)
                config_type_text.clear(&loading->section->hook.comment);
        for (size_t i = 0; i < count; i++)
                size += lines[i].size + 1;
        CLEANUP(cleanup_free) char *joined = end = memory_need(calloc(1, size));
        for (size_t i = 0; i < count; i++) {
                const char *text = NULL;
                size_t text_size = 0;
                const char *hint =
                        value_text_read(lines[i].text, key->is_command ? &quote : NULL, &text, &text_size);
                if (hint != NULL) {
                        loading_refuse(loading, lines[i].number, "%s is invalid: %s", key->name, hint);
                        return;
                }
                if (key->is_command)
                        note_comment(loading, text + text_size);
                if (end > joined && text_size > 0)
                        *end++ = ' ';
                end = mempcpy(end, text, text_size);
        }
        (void)set_value(loading, key, joined, lines->number);
}

static void add_id(struct loading *loading, const char *text, unsigned line)
{
        uint64_t id;

        if (job_id_parse(text, &id) >= 0)
                loading_list_job(loading, id, (struct location){ loading->file, line });
        else
                loading_refuse(loading, line,
                               "invalid job ID \"%.*s\"; "
                               "write numbers from 1 to 9223372036854775807, separated by commas",
                               (int)text_cut(text, strlen(text), 100), text);
}

/* The hook may be in a later line or file. */
static void note_hook(struct loading *loading, const char *name, unsigned line)
{
        struct hook_use use = { .location = { loading->file, line } };

        assert(strlen(name) < sizeof(use.name));
        memcpy(use.name, name, strlen(name) + 1);
        loading->hook_uses = array_grow(loading->hook_uses, loading->hook_use_count, sizeof(use));
        loading->hook_uses[loading->hook_use_count++] = use;
}

static void read_list(struct loading *loading, const struct config_key *key, const struct ini_line *lines,
                      size_t count)
{
        for (size_t i = 0; i < count; i++) {
                const unsigned line = lines[i].number;
                const char *hint;
                size_t at = 0;
                char *item;

                while ((item = list_item_read(lines[i].text, &at, &hint)) != NULL) {
                        if (key->type == &config_type_ids)
                                add_id(loading, item, line);
                        else if (set_value(loading, key, item, line) && key->names_hooks)
                                note_hook(loading, item, line);
                        free(item);
                }
                if (hint != NULL)
                        loading_refuse(loading, line, "%s is invalid: %s", key->name, hint);
        }
}

void values_read(struct loading *loading, const struct config_key *key, const struct ini_line *lines,
                 size_t count)
{
        if (key->type->is_list)
                read_list(loading, key, lines, count);
        else
                read_single(loading, key, lines, count);
}

void values_clear(struct loading *loading, const struct config_key *key)
{
        key->type->clear(field_of(loading, key));
}

void values_set_defaults(struct loading *loading)
{
        const struct config_keys keys = config_keys_of(loading->section->kind);

        for (size_t i = 0; i < keys.count; i++) {
                const char *text = keys.first[i].default_text;
                const struct ini_line line = { .text = text, .size = text != NULL ? strlen(text) : 0 };
                if (text != NULL)
                        values_read(loading, &keys.first[i], &line, 1);
        }
}
