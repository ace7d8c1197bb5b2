/* SPDX-License-Identifier: MIT */
#pragma once

#include <stddef.h>

#include "model/event.h"

/*
 * The event as environment variables for exec hooks and units: JOBWATCH_EVENT, JOBWATCH_EVENT_ID,
 * JOBWATCH_SEQUENCE, JOBWATCH_JOB, JOBWATCH_JOB_NAME, JOBWATCH_DISCOVER, JOBWATCH_STATUS,
 * JOBWATCH_STATUS_BEFORE, JOBWATCH_OUTCOME, JOBWATCH_RESULT_BYTES, JOBWATCH_ATTEMPT and JOBWATCH_TEST. All
 * are always set, empty where nothing is known; the last one is empty unless the event is made up. Texts end
 * at a NUL and after 4 KiB; the document has them complete.
 */
#define EVENT_VARIABLE_COUNT 12

struct event_variable {
        const char *name;
        const char *value; /* not NUL-terminated; part of the event, static, or `digits` */
        size_t size;
        char digits[24];
};

/* Borrows from the event. The variables must not be copied, since a value may point to its own `digits`. */
void event_variables_get(const struct event *event, unsigned attempt,
                         struct event_variable ret_variables[static EVENT_VARIABLE_COUNT]);
