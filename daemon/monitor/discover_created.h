/* SPDX-License-Identifier: MIT */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "monitor/poll_state.h"
#include "nexudus/search_page.h"

/*
 * Rounds of the search by CreatedOn: the first one of each section, one at the start and after the feed was
 * cut, and, where the feed does not work, one every `max_interval`.
 */

/* A page was answered with a complete document. Texts are taken out of the rows. */
void discover_created_take_page(struct monitor *monitor, struct job_record records[], size_t count,
                                const struct search_page *page);

/* A page failed, for which neither the API as a whole nor the credentials are the cause. */
void discover_created_fail_page(struct monitor *monitor, bool too_large);

/* Whether a round is to be made, or has begun and is not over: jobs that it finds are still to be judged. */
bool discover_created_is_outstanding(const struct discover *discover);

/* A round is due now, or the next page of the present one. */
void discover_created_soon(struct monitor *monitor);

/* Tells the planner which page is wanted, and when. */
void discover_created_plan(struct monitor *monitor);
