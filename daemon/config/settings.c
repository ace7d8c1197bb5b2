/* SPDX-License-Identifier: MIT */

/*
 * Collects the sections and lines of ini_reader, file after file, and refuses what the table of keys does not
 * contain. The sections are kept in order and, since there may be one for each of many jobs, in a search tree
 * besides.
 */

#include "config/settings.h"

#include <assert.h>
#include <search.h>
#include <stdlib.h>
#include <string.h>

#include "config/ini_reader.h"
#include "config/value_checks.h"
#include "util/array.h"
#include "util/cleanup.h"

/* Reading one file. */
struct reading {
        struct settings *settings;
        struct diagnostics *diagnostics;
        const struct config_file *file;
        bool section_seen;                /* false: before the first header */
        struct section_settings *section; /* the current one; NULL if its header was refused */
};

static struct location location_at(const struct reading *reading, unsigned line)
{
        return (struct location){ reading->file, line };
}

struct config_file *settings_add_file(struct settings *settings, const char *path)
{
        struct config_file **grown =
                array_grow(settings->files, settings->file_count, sizeof(*settings->files));
        if (grown == NULL)
                return NULL;
        settings->files = grown;

        CLEANUP(cleanup_free) struct config_file *file = calloc(1, sizeof(*file));
        if (file == NULL || (file->path = strdup(path)) == NULL)
                return NULL;
        file->order = (unsigned)settings->file_count;
        return grown[settings->file_count++] = STEAL_POINTER(file);
}

/* ---- sections ---- */

static int compare_sections(const void *left_pointer, const void *right_pointer)
{
        const struct section_settings *left = left_pointer, *right = right_pointer;

        if (left->section != right->section)
                return left->section < right->section ? -1 : 1;
        return left->name != NULL ? strcmp(left->name, right->name) : 0;
}

struct section_settings *settings_find_section(const struct settings *settings, enum config_section section,
                                               const char *name)
{
        struct section_settings wanted = { .section = section };

        memcpy(&wanted.name, &name, sizeof(name)); /* only read */
        struct section_settings *const *found = tfind(&wanted, &settings->by_name, compare_sections);
        return found != NULL ? *found : NULL;
}

static struct section_settings *add_section(struct settings *settings, enum config_section section,
                                            const char *name, struct location location)
{
        struct section_settings **grown =
                array_grow(settings->sections, settings->count, sizeof(*settings->sections));
        if (grown == NULL)
                return NULL;
        settings->sections = grown;

        CLEANUP(cleanup_free) char *copy = name != NULL ? strdup(name) : NULL;
        CLEANUP(cleanup_free) struct section_settings *added = calloc(1, sizeof(*added));
        if (added == NULL || (name != NULL && copy == NULL))
                return NULL;
        *added = (struct section_settings){ .section = section, .name = copy, .location = location };
        if (tsearch(added, &settings->by_name, compare_sections) == NULL)
                return NULL;
        (void)STEAL_POINTER(copy);
        return grown[settings->count++] = STEAL_POINTER(added);
}

struct setting *section_find(const struct section_settings *section, const char *key)
{
        for (size_t i = 0; section != NULL && i < section->count; i++)
                if (strcmp(section->settings[i].key->name, key) == 0)
                        return &section->settings[i];
        return NULL;
}

/* Notes that a line was refused. */
static void mark_damaged(const struct reading *reading)
{
        if (reading->section != NULL)
                reading->section->damaged = true;
        else
                reading->settings->damaged = true;
}

static bool find_section(const char *name, enum config_section *ret_section)
{
        unsigned section = 0;

        while (section < SECTION_COUNT &&
               strcmp(name, config_section_name((enum config_section)section)) != 0)
                section++;
        if (section == SECTION_COUNT)
                return false;
        *ret_section = (enum config_section)section;
        return true;
}

static void refuse_section(const struct reading *reading, unsigned line, const char *header, const char *name)
{
        const char *nearest = config_section_nearest(name);
        enum config_section section;

        if (nearest != NULL)
                diagnostics_error(
                        reading->diagnostics, location_at(reading, line),
                        "unknown section [%s]; did you mean [%s%s]?", header, nearest,
                        find_section(nearest, &section) && config_section_is_named(section) ? " NAME" : "");
        else
                diagnostics_error(reading->diagnostics, location_at(reading, line),
                                  "unknown section [%s]; "
                                  "known sections are api, poll, limits, status, jobs, job NAME, "
                                  "discover NAME, hook NAME, exit, log and state",
                                  header);
}

/* Splits a header into the section and its NAME, if it has one. False if the header was refused. */
static bool parse_header(const struct reading *reading, unsigned line, const char *header,
                         enum config_section *ret_section, const char **ret_name)
{
        char first[INI_NAME_BYTES + 1];
        size_t length = strcspn(header, " \t");
        const char *name = header + length + strspn(header + length, " \t");

        assert(length < sizeof(first));
        memcpy(first, header, length);
        first[length] = '\0';

        enum config_section section;
        bool known = find_section(first, &section), named = known && config_section_is_named(section);
        if (!known || (!named && header[length] != '\0')) {
                refuse_section(reading, line, header, length > 0 ? first : header + strspn(header, " \t"));
                return false;
        }
        if (named && *name == '\0') {
                diagnostics_error(reading->diagnostics, location_at(reading, line),
                                  "[%s] has no name; write [%s NAME]%s", first, first,
                                  section == SECTION_JOB ? ", or list IDs under [jobs]" : "");
                return false;
        }
        const char *hint = named ? check_name(name) : NULL;
        if (hint != NULL) {
                diagnostics_error(reading->diagnostics, location_at(reading, line),
                                  "invalid name in [%s]: %s", header, hint);
                return false;
        }
        *ret_section = section;
        *ret_name = named ? name : NULL;
        return true;
}

static void read_section(void *userdata, unsigned line, const char *header)
{
        struct reading *reading = userdata;
        enum config_section section;
        const char *name;

        reading->section_seen = true;
        reading->section = NULL;
        if (!parse_header(reading, line, header, &section, &name)) {
                mark_damaged(reading);
                return;
        }

        reading->section = settings_find_section(reading->settings, section, name);
        if (reading->section == NULL)
                reading->section = add_section(reading->settings, section, name, location_at(reading, line));
        (void)diagnostics_note_memory(reading->diagnostics, reading->section);
}

/* ---- keys ---- */

/* Names the section that the key belongs to, or the key that was probably meant. */
static void refuse_key(const struct reading *reading, unsigned line, const char *name)
{
        const struct section_settings *section = reading->section;
        const struct config_key *elsewhere = NULL;
        CLEANUP(cleanup_free) char *hint = NULL;

        for (unsigned i = 0; i < SECTION_COUNT && elsewhere == NULL; i++)
                elsewhere = config_key_find((enum config_section)i, name);
        const char *home = elsewhere != NULL ? config_section_name(elsewhere->section) : "SECTION";
        const char *named = elsewhere != NULL && config_section_is_named(elsewhere->section) ? " NAME" : "";

        if (!reading->section_seen) {
                diagnostics_error(
                        reading->diagnostics, location_at(reading, line),
                        "\"%s\" is before the first section; write a section header, [%s%s], above it", name,
                        home, named);
                return;
        }

        const char *nearest = config_key_nearest(section->section, name);
        if (elsewhere != NULL)
                hint = format_message("it belongs to [%s%s]", home, named);
        else if (nearest != NULL)
                hint = format_message("did you mean \"%s\"?", nearest);
        else
                hint = format_message("remove the line, or see jobwatchd.ini(5)");
        if (diagnostics_note_memory(reading->diagnostics, hint) != NULL)
                diagnostics_error(reading->diagnostics, location_at(reading, line),
                                  "unknown key \"%s\" in [%s%s%s]; %s", name,
                                  config_section_name(section->section), section->name != NULL ? " " : "",
                                  section->name != NULL ? section->name : "", hint);
}

/* Finds or adds the setting of a key in the current section. NULL if out of memory. */
static struct setting *open_setting(const struct reading *reading, const struct config_key *key)
{
        struct section_settings *section = reading->section;
        struct setting *found = section_find(section, key->name);

        if (found != NULL)
                return found;
        struct setting *grown = array_grow(section->settings, section->count, sizeof(*section->settings));
        if (diagnostics_note_memory(reading->diagnostics, grown) == NULL)
                return NULL;
        section->settings = grown;
        grown[section->count] = (struct setting){ .key = key };
        return &grown[section->count++];
}

/*
 * Refuses lines that do not fit the kind of the key. Returns how many of the lines are left, or 0 if the key
 * is not set by them.
 */
static size_t check_lines(const struct reading *reading, struct setting *setting,
                          const struct ini_line *lines, size_t count)
{
        const struct config_key *key = setting->key;
        struct location location = location_at(reading, lines->number);
        bool is_list = key->type->is_list;

        if (lines->adds && (!is_list || key->names_hooks)) {
                diagnostics_error(reading->diagnostics, location, "%s is invalid: %s", key->name,
                                  is_list ? "\"+=\" has no list to add to; write \"=\" and all items"
                                          : "\"+=\" adds to a list, but this is a single value; write \"=\"");
                if (setting->location.file == NULL)
                        setting->location = location;
                count = 0;
        } else if (!is_list && setting->location.file == reading->file) {
                diagnostics_error(reading->diagnostics, location,
                                  "%s is set twice, first in line %u; remove one of the lines", key->name,
                                  setting->location.line);
                count = 0;
        } else if (!is_list && count > 1 && !key->is_command) {
                diagnostics_error(reading->diagnostics, location_at(reading, lines[1].number),
                                  "the indented line continues line %u, but %s takes a single value; "
                                  "begin keys in column 1",
                                  lines->number, key->name);
                count = 1;
        } else {
                return count;
        }
        setting->refused = true;
        return count;
}

static void add_lines(const struct reading *reading, struct setting *setting, const struct ini_line *lines,
                      size_t count)
{
        if (setting->location.file != reading->file) {
                setting->location = location_at(reading, lines->number);
                if (!lines->adds && setting->key->type != &config_type_ids) {
                        setting->count = 0;
                        setting->replaced_by = reading->file;
                }
        }
        for (size_t i = 0; i < count; i++) {
                struct setting_line *grown =
                        array_grow(setting->lines, setting->count, sizeof(*setting->lines));
                if (diagnostics_note_memory(reading->diagnostics, grown) == NULL)
                        return;
                setting->lines = grown;
                grown[setting->count++] = (struct setting_line){ lines[i], reading->file };
        }
}

static void read_value(void *userdata, const char *name, const struct ini_line *lines, size_t count)
{
        const struct reading *reading = userdata;
        const struct config_key *key = NULL;

        if (reading->section_seen && reading->section == NULL)
                return;
        if (reading->section != NULL)
                key = config_key_find(reading->section->section, name);
        if (key == NULL) {
                refuse_key(reading, lines->number, name);
                mark_damaged(reading);
                return;
        }

        struct setting *setting = open_setting(reading, key);
        if (setting == NULL)
                return;
        count = check_lines(reading, setting, lines, count);
        if (count > 0)
                add_lines(reading, setting, lines, count);
}

static void read_problem(void *userdata, unsigned line, const char *message)
{
        const struct reading *reading = userdata;

        diagnostics_error(reading->diagnostics, location_at(reading, line), "%s", message);
        mark_damaged(reading);
        /* The line may have been a header, so that keys of any section may be missing. */
        reading->settings->damaged = true;
}

void settings_read(struct settings *settings, const struct config_file *file, const char *data, size_t size,
                   struct diagnostics *diagnostics)
{
        static const struct ini_handlers handlers = { read_section, read_value, read_problem };
        assert(settings->file_count > 0 && settings->files[settings->file_count - 1] == file);
        struct reading reading = { .settings = settings, .diagnostics = diagnostics, .file = file };

        (void)diagnostics_note(diagnostics, ini_read(data, size, &handlers, &reading));
}

static void section_free(void *pointer)
{
        struct section_settings *section = pointer;

        for (size_t i = 0; i < section->count; i++)
                free(section->settings[i].lines);
        free(section->settings);
        free(section->name);
        free(section);
}

void settings_clear(struct settings *settings)
{
        tdestroy(settings->by_name, section_free);
        free(settings->sections);
        for (size_t i = 0; i < settings->file_count; i++) {
                free(settings->files[i]->data);
                free(settings->files[i]->path);
                free(settings->files[i]);
        }
        free(settings->files);
        *settings = (struct settings){ 0 };
}
