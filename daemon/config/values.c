/* SPDX-License-Identifier: MIT */

/*
 * Reads the lines of settings as the types of their keys require. All messages about a value have the same
 * form: the key, the value, and what to write instead.
 */

#include "config/values.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "config/config_check.h"
#include "config/value_syntax.h"
#include "util/cleanup.h"
#include "util/text.h"

/* Of a value in a message. */
#define SHOWN_BYTES 200

static struct location location_of(const struct setting_line *line)
{
        return (struct location){ line->file, line->line.number };
}

/* Reports what is wrong with the syntax of a line. */
static void refuse_line(struct setting *setting, const struct setting_line *line, const char *hint,
                        struct diagnostics *diagnostics)
{
        diagnostics_error(diagnostics, location_of(line), "%s is invalid: %s", setting->key->name, hint);
        setting->refused = true;
}

/* Reports a value: "KEY = VALUE is FAULT HINT". */
static void refuse_value(const struct config_key *key, const char *text, struct location location,
                         const struct value_fault *fault, struct diagnostics *diagnostics)
{
        CLEANUP(cleanup_free) char *shown = text_escape(text, strlen(text), SHOWN_BYTES);

        if (diagnostics_note_memory(diagnostics, shown) == NULL)
                return;
        if (*text == '\0')
                diagnostics_error(diagnostics, location, "%s is empty; %s, or remove the line", key->name,
                                  fault->hint);
        else
                diagnostics_error(diagnostics, location, "%s%s%s is %s %s%s", key->name,
                                  key->may_contain_secret ? "" : " = ", key->may_contain_secret ? "" : shown,
                                  fault->fault != NULL ? fault->fault : "invalid:", fault->hint,
                                  /* People expect a comment. */
                                  strstr(text, " #") != NULL ? "; a comment after a value starts with \" ;\""
                                                             : "");
}

/* Sets the field of the key, or adds to it. Returns false if the value was refused. */
static bool set_value(struct setting *setting, const char *text, struct location location, void *base,
                      struct diagnostics *diagnostics)
{
        const struct config_key *key = setting->key;
        struct value_fault fault = { 0 };

        int r = diagnostics_note(diagnostics,
                                 key->type->parse(key, text, (char *)base + key->offset, &fault));
        if (r == -EINVAL)
                refuse_value(key, text, location, &fault, diagnostics);
        if (r < 0)
                setting->refused = true;
        return r == 0;
}

bool item_next(struct item_reader *reader, struct diagnostics *diagnostics, char **ret_item,
               struct location *ret_location)
{
        struct setting *setting = reader->setting;

        assert(setting->key->type->is_list);
        for (; reader->line < setting->count; reader->line++, reader->at = 0) {
                const struct setting_line *line = &setting->lines[reader->line];
                const char *hint = NULL;

                int r = diagnostics_note(diagnostics,
                                         list_item_read(&line->line, &reader->at, ret_item, &hint));
                if (r > 0) {
                        *ret_location = location_of(line);
                        return true;
                }
                if (r == -EINVAL)
                        refuse_line(setting, line, hint, diagnostics);
        }
        return false;
}

static void apply_list(const struct settings *settings, struct setting *setting, void *base,
                       struct diagnostics *diagnostics)
{
        const struct config_key *key = setting->key;
        struct item_reader reader = { .setting = setting };
        struct location location;
        char *item;

        if (setting->replaced_by != NULL)
                key->type->clear((char *)base + key->offset);
        while (item_next(&reader, diagnostics, &item, &location)) {
                if (set_value(setting, item, location, base, diagnostics) && key->names_hooks)
                        check_hook_name(settings, item, location, diagnostics);
                free(item);
        }
}

/* Notes what follows the text of a command on its line, which can only be a comment. */
static void note_comment(struct setting *setting, const struct ini_line *line, const struct ini_line *text)
{
        const char *after = text->text + text->size, *end = line->text + line->size;
        const char *comment = memchr(after, ';', (size_t)(end - after));

        if (comment != NULL && end - comment > 1)
                setting->comment = (struct ini_line){ .text = comment, .size = (size_t)(end - comment) };
}

/* The lines of a single value, joined with blanks. NULL if they were refused or memory ran out. */
static char *join_lines(struct setting *setting, struct diagnostics *diagnostics)
{
        size_t size = 1;
        char quote = '\0', *end;

        for (size_t i = 0; i < setting->count; i++)
                size += setting->lines[i].line.size + 1;
        CLEANUP(cleanup_free) char *joined = end = calloc(1, size);
        if (diagnostics_note_memory(diagnostics, joined) == NULL)
                return NULL;
        for (size_t i = 0; i < setting->count; i++) {
                const struct setting_line *line = &setting->lines[i];
                struct ini_line text;
                const char *hint =
                        value_text_read(&line->line, setting->key->is_command ? &quote : NULL, &text);
                if (hint != NULL) {
                        refuse_line(setting, line, hint, diagnostics);
                        return NULL;
                }
                if (setting->key->is_command)
                        note_comment(setting, &line->line, &text);
                if (end > joined && text.size > 0)
                        *end++ = ' ';
                end = mempcpy(end, text.text, text.size);
        }
        return STEAL_POINTER(joined);
}

static void apply_setting(const struct settings *settings, struct setting *setting, void *base,
                          struct diagnostics *diagnostics)
{
        CLEANUP(cleanup_free) char *text = NULL;

        if (setting->key->type->is_list) {
                apply_list(settings, setting, base, diagnostics);
                return;
        }
        text = setting->count > 0 ? join_lines(setting, diagnostics) : NULL;
        /* An empty target counts as not given, so that a drop-in can remove it. */
        setting->empty = text != NULL && text[0] == '\0' && setting->key->is_target;
        if (text != NULL && !setting->empty)
                (void)set_value(setting, text, setting->location, base, diagnostics);
}

void values_set_defaults(enum config_section section, void *base, struct diagnostics *diagnostics)
{
        for (size_t i = 0; i < config_key_count; i++) {
                const struct config_key *key = &config_keys[i];
                if (key->section != section || key->default_text == NULL)
                        continue;
                struct setting_line line = { .line = { .text = key->default_text,
                                                       .size = strlen(key->default_text) } };
                struct setting setting = { .key = key, .lines = &line, .count = 1 };
                apply_setting(NULL, &setting, base, diagnostics);
                assert(!setting.refused || diagnostics->error < 0);
        }
}

void values_apply(const struct settings *settings, const struct section_settings *section, void *base,
                  struct diagnostics *diagnostics)
{
        for (size_t i = 0; section != NULL && i < section->count; i++)
                if (section->settings[i].key->type != &config_type_ids)
                        apply_setting(settings, &section->settings[i], base, diagnostics);
}
