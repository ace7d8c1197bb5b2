/* SPDX-License-Identifier: MIT */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "config/config.h"
#include "model/record.h"
#include "planning/discovery.h"
#include "state/state.h"

/*
 * The sections [discover NAME], each with what it knows of the jobs there are (planning/discovery.h). They
 * are one value of the state, which belongs to the URL of an API.
 */
struct discover_section {
        const struct discover_config *config;
        struct discovery discovery;
};

struct discover_sections {
        struct discover_section *sections; /* as in the configuration */
        size_t count;
};

/* Continues what the state has of the sections of a configuration. */
void discover_sections_load(struct discover_sections *sections, const struct config *config,
                            struct store *store);

/* Whether what is stored was learned from another API. */
bool discover_sections_are_elsewhere(const struct config *config, struct store *store);

/* Other sections; those of the same name continue. The old configuration is still valid. */
void discover_sections_reload(struct discover_sections *sections, const struct config *config);

void discover_sections_clear(struct discover_sections *sections);

/* Stores what is to be known at the next start: of sections whose first round is over. */
void discover_sections_save(const struct discover_sections *sections, const struct config *config,
                            struct state *state);

/*
 * The time after which a job may still be taken for a new one by a section, as far as times are comparable:
 * the earliest of those of all sections. Its form is REMOTE_TIME_NONE if there is none.
 */
struct remote_time discover_sections_horizon(const struct discover_sections *sections);

/* The same of what is stored, for store_prune(). */
void discover_sections_stored_horizon(struct store *store, struct store_configured *configured);

enum discover_verdict {
        DISCOVER_NOT_NEW, /* by its CreatedOn, or since no section matches */
        DISCOVER_NEW,     /* *ret_names has the names of the sections that match, as "A,B" */
        DISCOVER_UNCLEAR, /* the row does not show what some section needs */
};

/* Judges a row or, with `complete`, a record read by its ID, of a job that is not known. */
enum discover_verdict discover_sections_judge(const struct discover_sections *sections,
                                              const struct job_record *record, bool complete,
                                              char **ret_names);
