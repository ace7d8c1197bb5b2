/* SPDX-License-Identifier: MIT */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "journal/entry.h"
#include "model/event.h"

/* The syslog priority and the MESSAGE_ID of an event kind. */
int event_priority(enum event_kind kind);
const char *event_message_id(enum event_kind kind);

/* Adds JOBWATCH_EVENT and the other fields of an event, which is borrowed. `result_bytes` as in [log]. */
void event_add_fields(struct field_list *fields, const struct event *event, size_t result_bytes,
                      bool personal_data);

/*
 * The console has no fields: the line also shows the event and the size of ResultData. Returns a malloc()ed
 * string.
 */
char *event_console_message(const struct event *event, const char *message);
