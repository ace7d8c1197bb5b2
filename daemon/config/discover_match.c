/* SPDX-License-Identifier: MIT */

/* The filters of [discover NAME]: a job has to pass each, and passes one if any of its items matches. */

#include "config/discover_match.h"

#include "util/glob.h"

bool discover_config_has_fields(const struct discover_config *discover, const struct job_record *row)
{
        return (discover->business.count == 0 || row->has_business_id) &&
               (discover->description.count == 0 || row->has_description) &&
               (discover->files.count == 0 || row->has_files) &&
               (discover->user.count == 0 || (row->has_user && row->has_email));
}

static bool matches_any(const struct string_list *patterns, const struct text *text)
{
        for (size_t i = 0; text->data != NULL && i < patterns->count; i++)
                if (glob_matches(patterns->items[i], text->data, text->size))
                        return true;
        return false;
}

bool discover_config_matches(const struct discover_config *discover, const struct job_record *record)
{
        return (discover->business.count == 0 ||
                id_list_contains(&discover->business, record->business_id)) &&
               (discover->description.count == 0 ||
                matches_any(&discover->description, &record->description)) &&
               (discover->files.count == 0 || matches_any(&discover->files, &record->files)) &&
               (discover->user.count == 0 || matches_any(&discover->user, &record->user) ||
                matches_any(&discover->user, &record->email));
}
