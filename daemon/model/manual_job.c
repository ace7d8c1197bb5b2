/* SPDX-License-Identifier: MIT */

/* Jobs that are added and removed at run time: how one request follows another. */

#include "model/manual_job.h"

#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "util/memory.h"
#include "util/names.h"

static const char *const kinds[] = {
        [MANUAL_ADDED] = "added",         [MANUAL_EXTENDED] = "extended", [MANUAL_REMOVED] = "removed",
        [MANUAL_DISMISSED] = "dismissed", [MANUAL_EXCLUDED] = "excluded",
};

const char *manual_kind_to_string(enum manual_kind kind)
{
        return kinds[kind];
}

bool manual_kind_from_string(const char *word, enum manual_kind *ret_kind)
{
        for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
                if (strcmp(word, kinds[i]) == 0) {
                        *ret_kind = (enum manual_kind)i;
                        return true;
                }
        return false;
}

bool manual_job_is_added(const struct manual_job *manual)
{
        return manual->kind == MANUAL_ADDED || manual->kind == MANUAL_EXTENDED;
}

void manual_job_clear(struct manual_job *manual)
{
        free(manual->name);
        free(manual->hooks);
        *manual = MANUAL_JOB_NONE;
}

static char *copy_string(const char *string)
{
        return string != NULL ? memory_need(strdup(string)) : NULL;
}

void manual_job_merge(const struct manual_job *before, const struct manual_job *added, bool was_watched,
                      struct manual_job *merged)
{
        bool was_added = before != NULL && manual_job_is_added(before);
        const char *name = added->name == NULL && was_added ? before->name : added->name;
        const char *hooks = was_added ? before->hooks : added->hooks;

        manual_job_clear(merged);
        *merged = (struct manual_job){ .id = added->id,
                                       .kind = was_watched ? MANUAL_EXTENDED : MANUAL_ADDED,
                                       .again = added->again,
                                       .since_us = added->since_us,
                                       .name = copy_string(name),
                                       .hooks = copy_string(hooks) };
        if (!was_added)
                return;
        merged->kind = before->kind;
        if (merged->kind == MANUAL_EXTENDED || hooks != NULL) /* otherwise it has all */
                names_add(&merged->hooks, added->hooks);
}
