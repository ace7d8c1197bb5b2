/* SPDX-License-Identifier: MIT */

/* Names of events, and which hooks receive them. */

#include "model/event.h"

#include <string.h>

static const char *const event_names[EVENT_KIND_COUNT] = {
        [EVENT_SEEN] = "seen",           [EVENT_CHANGED] = "changed",
        [EVENT_SUCCEEDED] = "succeeded", [EVENT_FAILED] = "failed",
        [EVENT_GONE] = "gone",           [EVENT_STALLED] = "stalled",
        [EVENT_API_DOWN] = "api_down",   [EVENT_API_REFUSED] = "api_refused",
        [EVENT_API_OK] = "api_ok",
};

void event_clear(struct event *event)
{
        text_clear(&event->job_name);
        text_clear(&event->discover);
        job_record_clear(&event->record);
        text_clear(&event->status_before);
        text_clear(&event->result_before);
        *event = (struct event){ 0 };
}

const char *event_kind_to_string(enum event_kind kind)
{
        return event_names[kind];
}

bool event_kind_from_string(const char *word, enum event_kind *ret_kind)
{
        for (unsigned kind = 0; kind < EVENT_KIND_COUNT; kind++)
                if (strcmp(word, event_names[kind]) == 0) {
                        *ret_kind = (enum event_kind)kind;
                        return true;
                }
        return false;
}

bool event_kind_is_terminal(enum event_kind kind)
{
        return kind == EVENT_SUCCEEDED || kind == EVENT_FAILED || kind == EVENT_GONE;
}

bool event_kind_is_of_api(enum event_kind kind)
{
        return kind == EVENT_API_DOWN || kind == EVENT_API_REFUSED || kind == EVENT_API_OK;
}

bool event_wanted(const struct event *event, unsigned mask)
{
        bool carries_change = event->kind == EVENT_CHANGED || event_kind_is_terminal(event->kind);

        if (mask & (1u << event->kind))
                return true;
        return carries_change && (mask & (1u << EVENT_CHANGED));
}
