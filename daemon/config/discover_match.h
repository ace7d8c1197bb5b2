/* SPDX-License-Identifier: MIT */
#pragma once

#include "config/config.h"
#include "model/record.h"

/* Which jobs a section [discover NAME] is for. The fields of people are compared, and nothing else. */

/*
 * Whether the row of a search shows all fields that the filters of the section need. If it does not, the job
 * has to be read by its ID before it can be judged.
 */
bool discover_config_has_fields(const struct discover_config *discover, const struct job_record *row);

/* Whether the record passes all filters of the section. A null matches no pattern. */
bool discover_config_matches(const struct discover_config *discover, const struct job_record *record);
