/* SPDX-License-Identifier: MIT */

/*
 * Takes the sections and lines of ini_reader, file after file, refuses what the table of keys does not
 * contain, and sets the values. Each line sets its value where it stands, after the default.
 *
 * A key in a later file replaces the same key of earlier files. Of a list, the first line in a file decides:
 * "=" replaces the default and what earlier files have, "+=" adds to them; further lines in the same file
 * add. The ids of [jobs] always add. Sections accumulate.
 */

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config/ini_reader.h"
#include "config/loading.h"
#include "config/value_checks.h"
#include "config/value_syntax.h"
#include "util/array.h"
#include "util/cleanup.h"
#include "util/memory.h"
#include "util/suggestion.h"
#include "util/text.h"

/* ---- values ---- */

/*
 * From lines to the values of the current section. All messages about a value have the same form: the key,
 * the value, and what to write instead. An invalid value leaves its field as it was.
 */

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

/* Sets the value of a key, or adds to a list. `count` is at least 1. */
static void read_values(struct loading *loading, const struct config_key *key, const struct ini_line *lines,
                        size_t count)
{
        if (key->type->is_list)
                read_list(loading, key, lines, count);
        else
                read_single(loading, key, lines, count);
}

/* Sets the defaults of the section. */
static void set_defaults(struct loading *loading)
{
        const struct config_keys keys = config_keys_of(loading->section->kind);

        for (size_t i = 0; i < keys.count; i++) {
                const char *text = keys.first[i].default_text;
                const struct ini_line line = { .text = text, .size = text != NULL ? strlen(text) : 0 };
                if (text != NULL)
                        read_values(loading, &keys.first[i], &line, 1);
        }
}

/* ---- sections ---- */

/* Opens the section for what follows; a new one with its defaults. */
static void open_section(struct loading *loading, enum config_section kind, const char *name, unsigned line)
{
        loading->section = loading_find(loading, kind, name);
        if (loading->section == NULL) {
                loading->section = loading_add_section(loading, kind, name);
                set_defaults(loading);
        }
        if (loading->section->location.line == 0)
                loading->section->location = (struct location){ loading->file, line };
}

static void refuse_section(struct loading *loading, unsigned line, const char *header, const char *name)
{
        const char *nearest = nearest_word(name, config_section_names, sizeof(char *), SECTION_COUNT);

        if (nearest != NULL)
                loading_refuse(loading, line, "unknown section [%s]; did you mean [%s%s]?", header, nearest,
                               config_section_is_named(config_section_find(nearest)) ? " NAME" : "");
        else
                loading_refuse(loading, line,
                               "unknown section [%s]; "
                               "known sections are api, poll, limits, status, jobs, job NAME, "
                               "discover NAME, hook NAME, exit, log and state",
                               header);
}

static void read_section(void *userdata, unsigned line, const char *header)
{
        struct loading *loading = userdata;
        char first[INI_NAME_BYTES + 1] = "";
        const size_t length = strcspn(header, " \t");
        const char *name = header + length + strspn(header + length, " \t");

        assert(length < sizeof(first));
        memcpy(first, header, length);
        const enum config_section kind = config_section_find(first);
        const bool named = kind < SECTION_COUNT && config_section_is_named(kind);
        const char *hint = named ? check_name(name) : NULL;

        loading->section_seen = true;
        loading->section = NULL;
        if (kind == SECTION_COUNT || (!named && header[length] != '\0'))
                refuse_section(loading, line, header, length > 0 ? first : header + strspn(header, " \t"));
        else if (named && *name == '\0')
                loading_refuse(loading, line, "[%s] has no name; write [%s NAME]%s", first, first,
                               kind == SECTION_JOB ? ", or list IDs under [jobs]" : "");
        else if (hint != NULL)
                loading_refuse(loading, line, "invalid name in [%s]: %s", header, hint);
        else
                open_section(loading, kind, named ? name : NULL, line);
        loading->has_sections |= loading->section != NULL;
}

/* ---- keys ---- */

/* Names the section that the key belongs to, or the key that was probably meant. */
static void refuse_key(struct loading *loading, unsigned line, const char *name)
{
        const struct section *section = loading->section;
        const struct config_key *elsewhere = NULL;

        for (size_t i = 0; i < config_key_count && elsewhere == NULL; i++)
                if (strcmp(config_keys[i].name, name) == 0)
                        elsewhere = &config_keys[i];
        const char *home = elsewhere != NULL ? config_section_names[elsewhere->section] : "SECTION";
        const char *named = elsewhere != NULL && config_section_is_named(elsewhere->section) ? " NAME" : "";

        if (!loading->section_seen) {
                loading_refuse(loading, line,
                               "\"%s\" is before the first section; write a section header, [%s%s], above it",
                               name, home, named);
                return;
        }

        const struct config_keys keys = config_keys_of(section->kind);
        const char *nearest = nearest_word(name, &keys.first->name, sizeof(*keys.first), keys.count);
        char hint[INI_NAME_BYTES + 50] = "remove the line, or see jobwatchd.ini(5)";
        if (elsewhere != NULL)
                (void)snprintf(hint, sizeof(hint), "it belongs to [%s%s]", home, named);
        else if (nearest != NULL)
                (void)snprintf(hint, sizeof(hint), "did you mean \"%s\"?", nearest);
        loading_refuse(loading, line, "unknown key \"%s\" in [%s%s%s]; %s", name,
                       config_section_names[section->kind], section->name != NULL ? " " : "",
                       section->name != NULL ? section->name : "", hint);
}

static void read_key(struct loading *loading, const struct config_key *key, const struct ini_line *lines,
                     size_t count)
{
        struct key_state *state = &loading->section->keys[key - config_keys_of(key->section).first];
        const struct location location = { loading->file, lines->number };
        const bool is_list = key->type->is_list, is_first = state->location.file != loading->file;

        if (lines->adds && (!is_list || key->names_hooks)) {
                loading_refuse(loading, lines->number, "%s is invalid: %s", key->name,
                               is_list ? "\"+=\" has no list to add to; write \"=\" and all items"
                                       : "\"+=\" adds to a list, but this is a single value; write \"=\"");
        } else if (!is_list && !is_first) {
                loading_refuse(loading, lines->number,
                               "%s is set twice, first in line %u; remove one of the lines", key->name,
                               state->location.line);
        } else {
                if (!is_list && count > 1 && !key->is_command) {
                        loading_refuse(loading, lines[1].number,
                                       "the indented line continues line %u, but %s takes a single value; "
                                       "begin keys in column 1",
                                       lines->number, key->name);
                        count = 1;
                }
                if (is_first && is_list && !lines->adds && key->type != &config_type_ids) {
                        key->type->clear(field_of(loading, key));
                        state->replaced_by = loading->file;
                }
                if (is_first)
                        state->location = location;
                read_values(loading, key, lines, count);
        }
        if (!key_is_given(state))
                state->location = location;
}

static void read_value(void *userdata, const char *name, const struct ini_line *lines, size_t count)
{
        struct loading *loading = userdata;
        const struct config_key *key = NULL;

        if (loading->section_seen && loading->section == NULL)
                return;
        if (loading->section != NULL)
                key = config_key_find(loading->section->kind, name);
        if (key != NULL)
                read_key(loading, key, lines, count);
        else
                refuse_key(loading, lines->number, name);
}

static void read_problem(void *userdata, unsigned line, const char *message)
{
        struct loading *loading = userdata;

        loading_refuse(loading, line, "%s", message);
        /* The line may have been a header, so that keys of any section may be missing. */
        loading->damaged = true;
}

/* ---- files ---- */

void reading_start(struct loading *loading, const char *path, struct config_problems *problems)
{
        struct config *config = memory_need(calloc(1, sizeof(*config)));

        config->references = 1;
        config->path = memory_need(strdup(path));
        *loading = (struct loading){ .config = config, .problems = problems };
        loading->files_end = &loading->files;
        loading->sections_end = &loading->sections;
        loading->file = loading_add_file(loading, path);
        for (unsigned i = 0; i < SECTION_COUNT; i++)
                if (!config_section_is_named((enum config_section)i))
                        open_section(loading, (enum config_section)i, NULL, 0);
}

void reading_text(struct loading *loading, const struct config_file *file, char *data, size_t size)
{
        static const struct ini_handlers handlers = { read_section, read_value, read_problem };

        loading->file = file;
        loading->section = NULL;
        loading->section_seen = false;
        ini_read(data, size, &handlers, loading);
}
