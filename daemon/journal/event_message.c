/* SPDX-License-Identifier: MIT */

/* Formats events as messages: the job first, then what has changed. */

#include "journal/event_message.h"

#include <inttypes.h>

#include "util/cleanup.h"
#include "util/message.h"

/* Bytes of Status and ResultData in a message. ResultData can be megabytes. */
#define STATUS_BYTES_MAX 80
#define RESULT_BYTES_MAX 120

char *job_label(uint64_t id, const char *name)
{
        if (name != NULL && *name != '\0')
                return format_message("Job %" PRIu64 " (%s)", id, name);
        return format_message("Job %" PRIu64, id);
}

static char *format_text(const struct text *text, size_t limit)
{
        if (text->data == NULL)
                return text_escape("(none)", sizeof("(none)") - 1, 0);
        if (text->size == 0)
                return text_escape("(empty)", sizeof("(empty)") - 1, 0);
        return text_escape(text->data, text->size, limit);
}

/* The change of Status or, if that is the same, the new ResultData; NULL without memory. */
static char *describe_change(const struct event *event)
{
        CLEANUP(cleanup_free) char *status = format_text(&event->record.status, STATUS_BYTES_MAX);
        CLEANUP(cleanup_free) char *before = format_text(&event->status_before, STATUS_BYTES_MAX);
        CLEANUP(cleanup_free) char *result = format_text(&event->record.result, RESULT_BYTES_MAX);

        if (status == NULL || before == NULL || result == NULL)
                return NULL;

        bool status_same = text_equal(&event->record.status, &event->status_before);
        bool result_same = text_equal(&event->record.result, &event->result_before);
        if (event->first_observation)
                return format_message("first seen as %s", status);
        if (!status_same)
                return format_message("%s → %s", before, status);
        if (!result_same)
                return format_message("%s, result is now %s", status, result);
        return format_message("%s now counts as %s", status, outcome_to_string(event->outcome));
}

char *event_message(const struct event *event)
{
        CLEANUP(cleanup_free) char *label = job_label(event->record.id, text_or_empty(&event->job_name));
        CLEANUP(cleanup_free) char *status = format_text(&event->record.status, STATUS_BYTES_MAX);
        CLEANUP(cleanup_free) char *description = NULL;

        if (label == NULL || status == NULL)
                return NULL;

        switch (event->kind) {
        case EVENT_SEEN:
        case EVENT_CHANGED:
        case EVENT_SUCCEEDED:
        case EVENT_FAILED:
                description = describe_change(event);
                break;
        case EVENT_GONE:
                if (event->first_observation)
                        description = format_message("gone (no such job in Nexudus)");
                else
                        description = format_message("%s → gone (no longer in Nexudus)", status);
                break;
        case EVENT_STALLED:
                description = format_message("still %s, unchanged for longer than stalled_after", status);
                break;
        }
        return description != NULL ? format_message("%s: %s", label, description) : NULL;
}
