/* SPDX-License-Identifier: MIT */

/*
 * Formats events as messages: the job first, then what has changed, then its ResultData. An event of the API
 * is described by itself.
 */

#include "journal/event_message.h"

#include <inttypes.h>

#include "util/cleanup.h"
#include "util/message.h"

/* Bytes of the texts of a record in a message. ResultData can be megabytes. */
#define STATUS_BYTES_MAX      80
#define DESCRIPTION_BYTES_MAX 80
#define RESULT_BYTES_MAX      200
#define API_BYTES_MAX         1024

char *job_label(uint64_t id, const char *name)
{
        if (name != NULL && *name != '\0')
                return format_message("Job %" PRIu64 " (%s)", id, name);
        if (id == 0)
                return format_message("API");
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

/* The name, else the Description. */
static char *format_label(const struct event *event)
{
        const struct text *description = &event->record.description;

        if (event->job_name.size > 0 || description->size == 0)
                return job_label(event->record.id, text_or_empty(&event->job_name));

        CLEANUP(cleanup_free)
        char *shown = text_escape(description->data, description->size, DESCRIPTION_BYTES_MAX);
        return format_message("Job %" PRIu64 " \"%s\"", event->record.id, shown);
}

/* ": ", and the ResultData; "" if there is none. */
static char *format_result(const struct text *result, size_t limit)
{
        if (result->size == 0)
                return format_message("%s", "");

        CLEANUP(cleanup_free) char *shown = text_escape(result->data, result->size, limit);
        return format_message(": %s", shown);
}

/* What was observed. */
static char *describe_record(const struct event *event, size_t result_bytes)
{
        CLEANUP(cleanup_free) char *status = format_text(&event->record.status, STATUS_BYTES_MAX);
        CLEANUP(cleanup_free) char *before = format_text(&event->status_before, STATUS_BYTES_MAX);
        CLEANUP(cleanup_free) char *result = format_result(&event->record.result, result_bytes);

        if (event->first_observation)
                return format_message("first seen as %s%s", status, result);
        if (!text_equal(&event->record.status, &event->status_before))
                return format_message("%s → %s%s", before, status, result);
        if (text_equal(&event->record.result, &event->result_before))
                return format_message("%s now counts as %s%s", status, outcome_to_string(event->outcome),
                                      result);

        CLEANUP(cleanup_free) char *now = format_text(&event->record.result, result_bytes);
        return format_message("%s, result is now %s", status, now);
}

char *event_message(const struct event *event, size_t result_bytes)
{
        CLEANUP(cleanup_free) char *label = format_label(event);
        CLEANUP(cleanup_free) char *status = format_text(&event->record.status, STATUS_BYTES_MAX);
        CLEANUP(cleanup_free) char *description = NULL;
        size_t limit = result_bytes > 0 && result_bytes < RESULT_BYTES_MAX ? result_bytes : RESULT_BYTES_MAX;

        switch (event->kind) {
        case EVENT_SEEN:
        case EVENT_CHANGED:
        case EVENT_SUCCEEDED:
        case EVENT_FAILED:
                description = describe_record(event, limit);
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
        case EVENT_API_DOWN:
        case EVENT_API_REFUSED:
        case EVENT_API_OK:
                return format_text(&event->record.description, API_BYTES_MAX);
        }
        return format_message("%s: %s", label, description);
}
