/* SPDX-License-Identifier: MIT */
#pragma once

#include "model/event.h"

/*
 * Formats an event as one line, for MESSAGE= and the console: "Job 87654323 (members-import): Running →
 * Failed: Row 17: no such price plan". A job without a name is shown with its Description in quotes. Remote
 * texts are escaped and cut, ResultData at `result_bytes` (0: no limit) and in any case at 200. An event of
 * the API is its description. Returns a malloc()ed string.
 */
char *event_message(const struct event *event, size_t result_bytes);

/*
 * Formats "Job 87654323 (members-import)", "Job 87654323" if `name` is NULL or empty, or "API" for the ID 0
 * of its events. Returns a malloc()ed string.
 */
char *job_label(uint64_t id, const char *name);
