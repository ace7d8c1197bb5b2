/* SPDX-License-Identifier: MIT */

/* Jobs that are added and removed at run time: how one request follows another. */

#include "model/manual_job.h"

#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "util/cleanup.h"
#include "util/names.h"

static const char *const kinds[] = {
        [MANUAL_ADDED] = "added",
        [MANUAL_EXTENDED] = "extended",
        [MANUAL_REMOVED] = "removed",
        [MANUAL_DISMISSED] = "dismissed",
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

static int copy_string(const char *string, char **ret_copy)
{
        *ret_copy = string != NULL ? strdup(string) : NULL;
        return string != NULL && *ret_copy == NULL ? -ENOMEM : 0;
}

/* All that one of two lists has. */
static int join(const char *left, const char *right, char **ret_names)
{
        CLEANUP(cleanup_free) char *names = NULL;

        int r = copy_string(left, &names);
        if (r >= 0)
                r = names_add(&names, right);
        if (r >= 0)
                *ret_names = STEAL_POINTER(names);
        return r;
}

int manual_job_merge(const struct manual_job *before, const struct manual_job *added, bool was_watched,
                     struct manual_job *ret_merged)
{
        CLEANUP(manual_job_clear) struct manual_job merged = { .id = added->id, .again = added->again };
        bool was_added = before != NULL && manual_job_is_added(before);
        int r;

        merged.kind = was_added ? before->kind : was_watched ? MANUAL_EXTENDED : MANUAL_ADDED;
        r = copy_string(added->name == NULL && was_added ? before->name : added->name, &merged.name);
        if (r < 0)
                return r;
        if (!was_added)
                r = copy_string(added->hooks, &merged.hooks);
        else if (merged.kind == MANUAL_EXTENDED || before->hooks != NULL) /* otherwise it has all */
                r = join(before->hooks, added->hooks, &merged.hooks);
        if (r < 0)
                return r;
        manual_job_clear(ret_merged);
        *ret_merged = merged;
        merged = MANUAL_JOB_NONE;
        return 0;
}
