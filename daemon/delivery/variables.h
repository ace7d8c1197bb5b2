/* SPDX-License-Identifier: MIT */
#pragma once

#include <stddef.h>

#include "model/event.h"

/*
 * The event in short, as the environment of exec hooks and of units has it: JOBWATCH_EVENT,
 * JOBWATCH_EVENT_ID, JOBWATCH_JOB, JOBWATCH_JOB_NAME, JOBWATCH_STATUS, JOBWATCH_STATUS_BEFORE,
 * JOBWATCH_OUTCOME, JOBWATCH_RESULT_BYTES and JOBWATCH_ATTEMPT. All are always there, empty where nothing is
 * known. Texts end at a NUL and after 4 KiB; whole they are in the document.
 */
#define EVENT_VARIABLE_COUNT 9

struct event_variable {
        const char *name;
        const char *value; /* not terminated; the event's, static, or `digits` */
        size_t size;
        char digits[24];
};

/* Borrows from the event. The variables must not be moved, since a value may lie in its own `digits`. */
void event_variables_get(const struct event *event, unsigned attempt,
                         struct event_variable ret_variables[static EVENT_VARIABLE_COUNT]);
