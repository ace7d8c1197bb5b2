/* SPDX-License-Identifier: MIT */

/* The variables of an event: the same for exec hooks and units, so that a script works with both. */

#include "delivery/variables.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define TEXT_BYTES_MAX 4096

static void set_string(struct event_variable *variable, const char *name, const char *value)
{
        variable->name = name;
        variable->value = value;
        variable->size = strlen(value);
}

static void set_number(struct event_variable *variable, const char *name, uint64_t number)
{
        (void)snprintf(variable->digits, sizeof(variable->digits), "%" PRIu64, number);
        set_string(variable, name, variable->digits);
}

static void set_text(struct event_variable *variable, const char *name, const struct text *text)
{
        variable->name = name;
        variable->value = text_or_empty(text);
        variable->size = text_cut(variable->value, strnlen(variable->value, text->size), TEXT_BYTES_MAX);
}

void event_variables_get(const struct event *event, unsigned attempt,
                         struct event_variable ret_variables[static EVENT_VARIABLE_COUNT])
{
        /* The first observation has no Status before, even if the text is set. */
        const struct text *status_before = event->first_observation ? &TEXT_NULL : &event->status_before;
        struct event_variable *next = ret_variables;

        set_string(next++, "JOBWATCH_EVENT", event_kind_to_string(event->kind));
        set_string(next++, "JOBWATCH_EVENT_ID", event->id);
        set_number(next++, "JOBWATCH_SEQUENCE", event->sequence);
        if (event_kind_is_of_api(event->kind))
                set_string(next++, "JOBWATCH_JOB", "");
        else
                set_number(next++, "JOBWATCH_JOB", event->record.id);
        set_text(next++, "JOBWATCH_JOB_NAME", &event->job_name);
        set_text(next++, "JOBWATCH_DISCOVER", &event->discover);
        set_text(next++, "JOBWATCH_STATUS", &event->record.status);
        set_text(next++, "JOBWATCH_STATUS_BEFORE", status_before);
        set_string(next++, "JOBWATCH_OUTCOME", outcome_to_string(event->outcome));
        set_number(next++, "JOBWATCH_RESULT_BYTES", event->record.result.size);
        set_number(next++, "JOBWATCH_ATTEMPT", attempt);
        set_string(next++, "JOBWATCH_TEST", event->test ? "1" : "");
}
