/* SPDX-License-Identifier: MIT */

/* The variables of an event: the same for exec hooks and units, so that a script works with both. */

#include "delivery/variables.h"

#include <inttypes.h>
#include <string.h>

#include "util/message.h"

#define TEXT_BYTES_MAX 4096

static char *of_string(const char *name, const char *value)
{
        return format_message("%s=%s", name, value);
}

static char *of_number(const char *name, uint64_t number)
{
        return format_message("%s=%" PRIu64, name, number);
}

static char *of_text(const char *name, const struct text *text)
{
        const char *value = text_or_empty(text);
        size_t size = text_cut(value, strnlen(value, text->size), TEXT_BYTES_MAX);

        return format_message("%s=%.*s", name, (int)size, value);
}

void event_variables_get(const struct event *event, unsigned attempt,
                         char *ret_variables[static EVENT_VARIABLE_COUNT])
{
        /* The first observation has no Status before, even if the text is set. */
        const struct text *status_before = event->first_observation ? &TEXT_NULL : &event->status_before;
        bool is_of_api = event_kind_is_of_api(event->kind);
        char **next = ret_variables;

        *next++ = of_string("JOBWATCH_EVENT", event_kind_to_string(event->kind));
        *next++ = of_string("JOBWATCH_EVENT_ID", event->id);
        *next++ = of_number("JOBWATCH_SEQUENCE", event->sequence);
        *next++ = is_of_api ? of_string("JOBWATCH_JOB", "") : of_number("JOBWATCH_JOB", event->record.id);
        *next++ = of_text("JOBWATCH_JOB_NAME", &event->job_name);
        *next++ = of_text("JOBWATCH_DISCOVER", &event->discover);
        *next++ = of_text("JOBWATCH_STATUS", &event->record.status);
        *next++ = of_text("JOBWATCH_STATUS_BEFORE", status_before);
        *next++ = of_string("JOBWATCH_OUTCOME", outcome_to_string(event->outcome));
        *next++ = of_number("JOBWATCH_RESULT_BYTES", event->record.result.size);
        *next++ = of_number("JOBWATCH_ATTEMPT", attempt);
        *next++ = of_string("JOBWATCH_TEST", event->test ? "1" : "");
}
