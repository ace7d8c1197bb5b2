/* SPDX-License-Identifier: MIT */
#pragma once

#include "model/event.h"

/*
 * The event as environment variables for exec hooks and units: JOBWATCH_EVENT, JOBWATCH_EVENT_ID,
 * JOBWATCH_SEQUENCE, JOBWATCH_JOB, JOBWATCH_JOB_NAME, JOBWATCH_DISCOVER, JOBWATCH_STATUS,
 * JOBWATCH_STATUS_BEFORE, JOBWATCH_OUTCOME, JOBWATCH_RESULT_BYTES, JOBWATCH_ATTEMPT and JOBWATCH_TEST. All
 * are always set, empty where nothing is known; the last one is empty unless the event is made up. Texts end
 * at a NUL and after 4 KiB; the document has them complete.
 */
#define EVENT_VARIABLE_COUNT 12

/* Each is "NAME=VALUE", malloc()ed. */
void event_variables_get(const struct event *event, unsigned attempt,
                         char *ret_variables[static EVENT_VARIABLE_COUNT]);
