/* SPDX-License-Identifier: MIT */
#pragma once

#include "model/event.h"

/*
 * Formats an event as one line, for MESSAGE= and the console: "Job 87654323 (members-import): Running →
 * Completed". Remote texts are escaped and cut. Returns a malloc()ed string, or NULL when out of memory.
 */
char *event_message(const struct event *event);

/*
 * Formats "Job 87654323 (members-import)", or "Job 87654323" if `name` is NULL or empty. Returns a malloc()ed
 * string, or NULL when out of memory.
 */
char *job_label(uint64_t id, const char *name);
