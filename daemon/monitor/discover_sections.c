/* SPDX-License-Identifier: MIT */

/* The value has the URL of the API on its first line, then a line "NAME DISCOVERY" for each section. */

#include "monitor/discover_sections.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config/discover_match.h"
#include "util/cleanup.h"
#include "util/memory.h"
#include "util/names.h"

#define KEY_SECTIONS "discovery"

void discover_sections_clear(struct discover_sections *sections)
{
        for (size_t i = 0; i < sections->count; i++)
                discovery_clear(&sections->sections[i].discovery);
        free(sections->sections);
        *sections = (struct discover_sections){ .count = 0 };
}

/* The sections of a configuration, of which nothing is known. */
static struct discover_sections make_sections(const struct config *config)
{
        struct discover_section *made = memory_need(calloc(config->discover_count + 1, sizeof(*made)));

        for (size_t i = 0; i < config->discover_count; i++)
                made[i].config = &config->discovers[i];
        return (struct discover_sections){ made, config->discover_count };
}

static struct discover_section *find_section(const struct discover_sections *sections, const char *name)
{
        for (size_t i = 0; i < sections->count; i++)
                if (strcmp(sections->sections[i].config->name, name) == 0)
                        return &sections->sections[i];
        return NULL;
}

void discover_sections_reload(struct discover_sections *sections, const struct config *config)
{
        struct discover_sections next = make_sections(config);

        for (size_t i = 0; i < sections->count; i++) {
                struct discover_section *old = &sections->sections[i];
                struct discover_section *section = find_section(&next, old->config->name);

                if (section == NULL)
                        continue;
                section->discovery = old->discovery;
                old->discovery = DISCOVERY_INITIAL;
        }
        discover_sections_clear(sections);
        *sections = next;
}

/* ---- the state ---- */

/* Takes the next line of *text, which is changed. NULL at the end. */
static char *take_line(char **text)
{
        char *line = *text, *end = strchr(line, '\n');

        if (end == NULL)
                return NULL;
        *end = '\0';
        *text = end + 1;
        return line;
}

/* The value, at the line of the first section; `data` is what the caller frees. NULL if there is none. */
static char *read_value(struct store *store, const char *base_url, char **ret_data)
{
        void *data = NULL;
        size_t size = 0;

        *ret_data = NULL;
        if (store_get_value(store, KEY_SECTIONS, &data, &size) <= 0)
                return NULL;
        char *text = *ret_data = data, *url = take_line(&text);
        return url != NULL && (base_url == NULL || strcmp(url, base_url) == 0) ? text : NULL;
}

bool discover_sections_are_elsewhere(const struct config *config, struct store *store)
{
        CLEANUP(cleanup_free) char *data = NULL;

        return read_value(store, config->api.base_url, &data) == NULL && data != NULL;
}

void discover_sections_load(struct discover_sections *sections, const struct config *config,
                            struct store *store)
{
        CLEANUP(cleanup_free) char *data = NULL;
        char *text = read_value(store, config->api.base_url, &data), *line;

        *sections = make_sections(config);
        while (text != NULL && (line = take_line(&text)) != NULL) {
                char *blank = strchr(line, ' ');

                if (blank == NULL)
                        continue;
                *blank = '\0';
                struct discover_section *section = find_section(sections, line);
                if (section != NULL && section->discovery.phase == DISCOVERY_NOT_BEGUN)
                        (void)discovery_read(blank + 1, &section->discovery);
        }
}

void discover_sections_save(const struct discover_sections *sections, const struct config *config,
                            struct state *state)
{
        CLEANUP(cleanup_free) char *value = NULL;
        size_t size = 0;
        FILE *file = memory_need(open_memstream(&value, &size));

        (void)fprintf(file, "%s\n", config->api.base_url);
        for (size_t i = 0; i < sections->count; i++) {
                const struct discover_section *section = &sections->sections[i];

                if (section->discovery.phase != DISCOVERY_BEGUN)
                        continue;
                CLEANUP(cleanup_free) char *text = discovery_write(&section->discovery);
                (void)fprintf(file, "%s %s\n", section->config->name, text);
        }
        if (fclose(file) != 0)
                memory_exhausted();
        state_put_value(state, KEY_SECTIONS, value, size);
}

/* ---- until when jobs are new ---- */

/* Moves *horizon back to that of a section. */
static void include_horizon(const struct discovery *discovery, struct remote_time *horizon)
{
        struct remote_time time = discovery->newest;

        if (discovery->phase != DISCOVERY_BEGUN || time.form == REMOTE_TIME_NONE)
                return;
        time.ticks -= REMOTE_TICKS_PER_DAY;
        if (horizon->form == REMOTE_TIME_NONE ||
            (remote_time_comparable(&time, horizon) && time.ticks < horizon->ticks))
                *horizon = time;
}

struct remote_time discover_sections_horizon(const struct discover_sections *sections)
{
        struct remote_time horizon = { .form = REMOTE_TIME_NONE };

        for (size_t i = 0; i < sections->count; i++)
                include_horizon(&sections->sections[i].discovery, &horizon);
        return horizon;
}

void discover_sections_stored_horizon(struct store *store, struct store_configured *configured)
{
        struct remote_time horizon = { .form = REMOTE_TIME_NONE };
        CLEANUP(cleanup_free) char *data = NULL;
        char *line, *text = read_value(store, NULL, &data);

        while (text != NULL && (line = take_line(&text)) != NULL) {
                struct discovery discovery = DISCOVERY_INITIAL;
                const char *blank = strchr(line, ' ');

                if (blank != NULL && discovery_read(blank + 1, &discovery) >= 0)
                        include_horizon(&discovery, &horizon);
                discovery_clear(&discovery);
        }
        configured->discovered_ticks = horizon.ticks;
        configured->discovered_form = horizon.form;
}

/* ---- rows ---- */

enum discover_verdict discover_sections_judge(const struct discover_sections *sections,
                                              const struct job_record *record, bool complete,
                                              char **ret_names)
{
        const struct remote_time created = remote_time_parse(&record->created_on);
        CLEANUP(cleanup_free) char *names = NULL;
        bool unclear = false;

        *ret_names = NULL;
        for (size_t i = 0; i < sections->count; i++) {
                const struct discover_section *section = &sections->sections[i];

                if (!discovery_is_new(&section->discovery, record->id, &created))
                        continue;
                if (!complete && !discover_config_has_fields(section->config, record))
                        unclear = true;
                else if (discover_config_matches(section->config, record))
                        names_add(&names, section->config->name);
        }
        if (unclear)
                return DISCOVER_UNCLEAR;
        *ret_names = STEAL_POINTER(names);
        return *ret_names != NULL ? DISCOVER_NEW : DISCOVER_NOT_NEW;
}
