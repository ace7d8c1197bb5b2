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

bool discover_config_matches(const struct discover_config *discover, const struct job_record *record)
{
        return (discover->business.count == 0 ||
                id_list_contains(&discover->business, record->business_id)) &&
               (discover->description.count == 0 ||
                glob_any_matches(&discover->description, &record->description)) &&
               (discover->files.count == 0 || glob_any_matches(&discover->files, &record->files)) &&
               (discover->user.count == 0 || glob_any_matches(&discover->user, &record->user) ||
                glob_any_matches(&discover->user, &record->email));
}
