/* SPDX-License-Identifier: MIT */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "model/event.h"

struct field_list;

/*
 * Formats an event as one line, for MESSAGE= and the console: "Job 87654323 (members-import): Running →
 * Failed: Row 17: no such price plan". A job without a name is shown with its Description in quotes. Remote
 * texts are escaped and cut, ResultData at `result_bytes` (0: no limit) and in any case at 200. An event of
 * the API is its description. Returns a malloc()ed string.
 */
char *event_message(const struct event *event, size_t result_bytes);

/*
 * The console has no fields: the line also shows the event and the size of ResultData. Returns a malloc()ed
 * string.
 */
char *event_console_message(const struct event *event, const char *message);

/*
 * Formats "Job 87654323 (members-import)", "Job 87654323" if `name` is NULL or empty, or "API" for the ID 0
 * of its events. Returns a malloc()ed string.
 */
char *job_label(uint64_t id, const char *name);

/* The syslog priority and the MESSAGE_ID of an event kind. */
int event_priority(enum event_kind kind);
const char *event_message_id(enum event_kind kind);

/* Adds JOBWATCH_EVENT and the other fields of an event, which is borrowed. `result_bytes` as in [log]. */
void event_add_fields(struct field_list *fields, const struct event *event, size_t result_bytes,
                      bool personal_data);
