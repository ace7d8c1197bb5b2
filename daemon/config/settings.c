/* SPDX-License-Identifier: MIT */

/*
 * Collects what ini_reader hands up, file after file. Whatever the table of keys does not know is refused
 * here, with the name that was probably meant.
 */

#include "config/settings.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "config/ini_reader.h"
#include "config/value_checks.h"
#include "config/values.h"
#include "util/cleanup.h"

/* No section, or no setting: indexes rather than pointers, since the arrays move when they grow. */
#define NONE SIZE_MAX

struct reading {
        struct settings *settings;
        struct report *report;
        const struct config_file *file;
        bool section_seen; /* false: still above the first header */
        size_t section;    /* NONE below a header that was refused */
        size_t setting;    /* what a continuation line continues; NONE if that was refused */
};

static struct place place_at(const struct reading *reading, unsigned line)
{
        return (struct place){ reading->file, line };
}

const struct config_file *settings_add_file(struct settings *settings, const char *path)
{
        struct config_file **grown =
                reallocarray(settings->files, settings->file_count + 1, sizeof(*settings->files));
        if (grown == NULL)
                return NULL;
        settings->files = grown;

        CLEANUP(cleanup_free) struct config_file *file = calloc(1, sizeof(*file));
        if (file == NULL || (file->path = strdup(path)) == NULL)
                return NULL;
        file->order = (unsigned)settings->file_count;
        return grown[settings->file_count++] = STEAL_POINTER(file);
}

static size_t find_section(const struct settings *settings, enum config_section section, const char *name)
{
        for (size_t i = 0; i < settings->count; i++) {
                const struct section_settings *at = &settings->sections[i];
                if (at->section == section && (name == NULL || strcmp(at->name, name) == 0))
                        return i;
        }
        return NONE;
}

const struct section_settings *settings_find_section(const struct settings *settings,
                                                     enum config_section section, const char *name)
{
        size_t i = find_section(settings, section, name);
        return i != NONE ? &settings->sections[i] : NULL;
}

const struct setting *section_find(const struct section_settings *section, const char *key)
{
        for (size_t i = 0; section != NULL && i < section->count; i++)
                if (strcmp(section->settings[i].key->name, key) == 0)
                        return &section->settings[i];
        return NULL;
}

/* Notes that a line was left out. */
static void note_damage(const struct reading *reading)
{
        reading->settings->damaged |= reading->section == NONE;
        if (reading->section != NONE)
                reading->settings->sections[reading->section].damaged = true;
}

static void refuse_section(const struct reading *reading, unsigned line, const char *header, const char *word)
{
        const char *nearest = config_section_nearest(word);

        if (nearest != NULL && (strcmp(nearest, "job") == 0 || strcmp(nearest, "hook") == 0))
                report_error(reading->report, place_at(reading, line),
                             "unknown section [%s]; did you mean [%s NAME]?", header, nearest);
        else if (nearest != NULL)
                report_error(reading->report, place_at(reading, line),
                             "unknown section [%s]; did you mean [%s]?", header, nearest);
        else
                report_error(reading->report, place_at(reading, line),
                             "unknown section [%s]; there are api, poll, limits, status, jobs, job NAME, "
                             "hook NAME, "
                             "exit, log and state",
                             header);
}

/* Which section a header names, and the NAME in it if it has one. False if it was refused. */
static bool understand_header(const struct reading *reading, unsigned line, const char *header,
                              enum config_section *ret_section, const char **ret_name)
{
        char word[INI_NAME_BYTES + 1];
        size_t length = strcspn(header, " \t");
        const char *name = header + length + strspn(header + length, " \t");

        memcpy(word, header, length);
        word[length] = '\0';

        unsigned section = 0;
        while (section < SECTION_COUNT &&
               strcmp(word, config_section_name((enum config_section)section)) != 0)
                section++;
        bool named = section < SECTION_COUNT && config_section_is_named((enum config_section)section);
        if (section == SECTION_COUNT || (!named && header[length] != '\0')) {
                refuse_section(reading, line, header, length > 0 ? word : header + strspn(header, " \t"));
                return false;
        }
        if (named && *name == '\0') {
                report_error(reading->report, place_at(reading, line),
                             "[%s] needs a name of your choice; write [%s NAME]%s", word, word,
                             section == SECTION_JOB ? ", or list plain ids under [jobs]" : "");
                return false;
        }
        const char *cure = named ? check_name(name) : NULL;
        if (cure != NULL) {
                report_error(reading->report, place_at(reading, line), "[%s] is not understood: %s", header,
                             cure);
                return false;
        }
        *ret_section = (enum config_section)section;
        *ret_name = named ? name : NULL;
        return true;
}

static void read_section(void *userdata, unsigned line, const char *header)
{
        struct reading *reading = userdata;
        struct settings *settings = reading->settings;
        enum config_section section;
        const char *name;

        reading->section_seen = true;
        reading->section = NONE;
        reading->setting = NONE;
        if (!understand_header(reading, line, header, &section, &name)) {
                note_damage(reading);
                return;
        }

        reading->section = find_section(settings, section, name);
        if (reading->section != NONE)
                return;

        struct section_settings *grown =
                reallocarray(settings->sections, settings->count + 1, sizeof(*settings->sections));
        CLEANUP(cleanup_free) char *copy = name != NULL ? strdup(name) : NULL;
        if (grown != NULL)
                settings->sections = grown;
        if (grown == NULL || (name != NULL && copy == NULL)) {
                report_oom(reading->report);
                return;
        }
        reading->section = settings->count++;
        grown[reading->section] = (struct section_settings){
                .section = section,
                .name = STEAL_POINTER(copy),
                .place = place_at(reading, line),
        };
}

static void add_text(const struct reading *reading, struct setting *setting, struct place place,
                     const char *text)
{
        struct setting_text *grown =
                reallocarray(setting->texts, setting->count + 1, sizeof(*setting->texts));
        if (grown == NULL) {
                report_oom(reading->report);
                return;
        }
        setting->texts = grown;
        char *copy = strdup(text);
        if (copy == NULL) {
                report_oom(reading->report);
                return;
        }
        grown[setting->count++] = (struct setting_text){ copy, place };
}

static void add_items(const struct reading *reading, struct setting *setting, struct place place,
                      const char *texts)
{
        for (;;) {
                CLEANUP(cleanup_free) char *item = list_next(&texts);
                if (item == NULL)
                        break;
                add_text(reading, setting, place, item);
        }
        if (*texts != '\0')
                report_oom(reading->report);
}

static void clear_texts(struct setting *setting)
{
        for (size_t i = 0; i < setting->count; i++)
                free(setting->texts[i].text);
        free(setting->texts);
        setting->texts = NULL;
        setting->count = 0;
}

/* The key stands in no or in another section; says which section it belongs to. */
static void refuse_key(const struct reading *reading, unsigned line, const char *name)
{
        struct place place = place_at(reading, line);
        const struct config_key *elsewhere = NULL;

        for (size_t i = 0; i < config_key_count && elsewhere == NULL; i++)
                if (strcmp(config_keys[i].name, name) == 0)
                        elsewhere = &config_keys[i];
        const char *home = elsewhere != NULL ? config_section_name(elsewhere->section) : NULL;
        const char *named = elsewhere != NULL && config_section_is_named(elsewhere->section) ? " NAME" : "";

        if (!reading->section_seen) {
                report_error(reading->report, place,
                             "\"%s\" stands before the first section; write the header of its section, "
                             "[%s%s], above "
                             "it",
                             name, home != NULL ? home : "SECTION", named);
                return;
        }

        const struct section_settings *section = &reading->settings->sections[reading->section];
        const char *word = config_section_name(section->section);
        const char *nearest = config_key_nearest(section->section, name);
        const char *space = section->name != NULL ? " " : "",
                   *own = section->name != NULL ? section->name : "";
        if (home != NULL)
                report_error(reading->report, place, "unknown key \"%s\" in [%s%s%s]; it belongs to [%s%s]",
                             name, word, space, own, home, named);
        else if (nearest != NULL)
                report_error(reading->report, place, "unknown key \"%s\" in [%s%s%s]; did you mean \"%s\"?",
                             name, word, space, own, nearest);
        else
                report_error(
                        reading->report, place,
                        "unknown key \"%s\" in [%s%s%s]; remove the line, or look the name up in the example "
                        "configuration",
                        name, word, space, own);
}

static struct setting *open_setting(struct reading *reading, const struct config_key *key)
{
        struct section_settings *section = &reading->settings->sections[reading->section];

        for (size_t i = 0; i < section->count; i++)
                if (section->settings[i].key == key) {
                        reading->setting = i;
                        return &section->settings[i];
                }

        struct setting *grown =
                reallocarray(section->settings, section->count + 1, sizeof(*section->settings));
        if (grown == NULL) {
                report_oom(reading->report);
                return NULL;
        }
        section->settings = grown;
        reading->setting = section->count++;
        grown[reading->setting] = (struct setting){ .key = key };
        return &grown[reading->setting];
}

static void read_key(struct reading *reading, unsigned line, const char *name, const char *value)
{
        struct place place = place_at(reading, line);

        reading->setting = NONE;
        const struct config_key *key = NULL;
        if (reading->section != NONE)
                key = config_key_find(reading->settings->sections[reading->section].section, name);
        if (key == NULL) {
                refuse_key(reading, line, name);
                note_damage(reading);
                return;
        }

        struct setting *setting = open_setting(reading, key);
        if (setting == NULL)
                return;
        bool again = setting->place.file == reading->file;
        if (again && !config_kind_is_list(key->kind)) {
                report_error(reading->report, place,
                             "%s is given twice, first in line %u; remove one of the lines", name,
                             setting->place.line);
                return;
        }
        if (!again) {
                if (key->kind != KIND_ID_LIST)
                        clear_texts(setting);
                setting->place = place;
        }
        if (config_kind_is_list(key->kind))
                add_items(reading, setting, place, value);
        else
                add_text(reading, setting, place, value);
}

static void read_continuation(struct reading *reading, unsigned line, const char *value)
{
        if (reading->setting == NONE)
                return;

        struct setting *setting = &reading->settings->sections[reading->section].settings[reading->setting];
        if (config_kind_is_list(setting->key->kind))
                add_items(reading, setting, place_at(reading, line), value);
        else
                report_error(
                        reading->report, place_at(reading, line),
                        "the line is indented, so it continues the value of %s in line %u, which is a single "
                        "one; begin keys in column 1",
                        setting->key->name, setting->place.line);
}

static void read_value(void *userdata, unsigned line, const char *key, const char *value, bool continuation)
{
        struct reading *reading = userdata;

        if (reading->section_seen && reading->section == NONE)
                return;
        if (continuation)
                read_continuation(reading, line, value);
        else
                read_key(reading, line, key, value);
}

static void read_problem(void *userdata, unsigned line, const char *message)
{
        const struct reading *reading = userdata;

        report_error(reading->report, place_at(reading, line), "%s", message);
        note_damage(reading);
        /* It may have been a header, so that something can be missing anywhere. */
        reading->settings->damaged = true;
}

void settings_read(struct settings *settings, const struct config_file *file, const char *data, size_t size,
                   struct report *report)
{
        static const struct ini_handlers handlers = { read_section, read_value, read_problem };
        struct reading reading = {
                .settings = settings,
                .report = report,
                .file = file,
                .section = NONE,
                .setting = NONE,
        };

        if (ini_read(data, size, &handlers, &reading) < 0)
                report_oom(report);
}

void settings_clear(struct settings *settings)
{
        for (size_t i = 0; i < settings->count; i++) {
                struct section_settings *section = &settings->sections[i];
                for (size_t k = 0; k < section->count; k++)
                        clear_texts(&section->settings[k]);
                free(section->settings);
                free(section->name);
        }
        free(settings->sections);
        for (size_t i = 0; i < settings->file_count; i++) {
                free(settings->files[i]->path);
                free(settings->files[i]);
        }
        free(settings->files);
        *settings = (struct settings){ 0 };
}
