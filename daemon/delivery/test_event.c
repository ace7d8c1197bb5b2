/* SPDX-License-Identifier: MIT */

/* Made-up events: as much as possible like those of a real job. */

#include "delivery/test_event.h"

#include <string.h>

#include "platform/clock.h"
#include "platform/uuid.h"

/* What a job may look like after an event. */
static const struct {
        enum outcome outcome;
        const char *status, *status_before;
} cases[EVENT_KIND_COUNT] = {
        [EVENT_SEEN] = { OUTCOME_OPEN, "Running", NULL },
        [EVENT_CHANGED] = { OUTCOME_OPEN, "Running", "Queued" },
        [EVENT_SUCCEEDED] = { OUTCOME_SUCCESS, "Completed", "Running" },
        [EVENT_FAILED] = { OUTCOME_FAILURE, "Failed", "Running" },
        [EVENT_GONE] = { OUTCOME_GONE, "Running", "Running" },
        [EVENT_STALLED] = { OUTCOME_OPEN, "Running", "Running" },
        [EVENT_API_DOWN] = { OUTCOME_FAILURE, NULL, NULL },
        [EVENT_API_REFUSED] = { OUTCOME_FAILURE, NULL, NULL },
        [EVENT_API_OK] = { OUTCOME_SUCCESS, NULL, NULL },
};

static void set_text(struct text *text, const char *value)
{
        text_clear(text);
        if (value != NULL)
                text_from(value, strlen(value), text);
}

void test_event_complete(struct event *event)
{
        struct job_record *record = &event->record;

        event->test = true;
        event->sequence = 0;
        event->time_us = clock_wall_us();
        event->outcome = cases[event->kind].outcome;
        event->first_observation = event->kind == EVENT_SEEN;
        event->result_size = event->result_before_size = 0;
        text_clear(&event->result_before);
        if (event_kind_is_of_api(event->kind)) {
                job_record_clear(record);
                text_clear(&event->job_name);
        }
        record->has_status = record->has_result = !event_kind_is_of_api(event->kind);
        uuid_new(event->id);
        set_text(&record->status, cases[event->kind].status);
        set_text(&event->status_before, cases[event->kind].status_before);
        if (record->has_result)
                set_text(&record->result, "A test of this hook. Nothing has happened to the job.");
        if (record->description.data == NULL)
                set_text(&record->description,
                         record->has_result ? "A made-up job"
                                            : "A test of this hook. Nothing has happened to the API.");
}
