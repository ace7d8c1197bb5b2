/* SPDX-License-Identifier: MIT */
#pragma once

#include "model/event.h"

/*
 * An event in one line, as in MESSAGE= and on the console: "Job 87654323 (members-import): Running →
 * Completed". What comes from the remote side is escaped and cut. malloc()ed, or NULL when out of memory.
 */
char *event_message(const struct event *event);

/* "Job 87654323 (members-import)", or without the brackets for a name of NULL or "". malloc()ed or NULL. */
char *job_label(uint64_t id, const char *name);
