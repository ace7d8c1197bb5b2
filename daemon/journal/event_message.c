/* SPDX-License-Identifier: MIT */

/* Formats events as messages: the job first, then what has changed. */

#include "journal/event_message.h"

#include <inttypes.h>
#include <stdio.h>

#include "util/cleanup.h"

/* Bytes of Status and ResultData in a message. ResultData can be megabytes. */
#define STATUS_BYTES_MAX 80
#define RESULT_BYTES_MAX 120

char *job_label(uint64_t id, const char *name)
{
        char *label;
        int r;

        if (name != NULL && *name != '\0')
                r = asprintf(&label, "Job %" PRIu64 " (%s)", id, name);
        else
                r = asprintf(&label, "Job %" PRIu64, id);
        return r < 0 ? NULL : label;
}

static char *format_text(const struct text *text, size_t limit)
{
        if (text->data == NULL)
                return text_escape("(none)", sizeof("(none)") - 1, 0);
        if (text->size == 0)
                return text_escape("(empty)", sizeof("(empty)") - 1, 0);
        return text_escape(text->data, text->size, limit);
}

/* The change of Status or, if that is the same, the new ResultData. Returns a negative value without memory.
 */
static int describe_change(const struct event *event, char **ret_description)
{
        CLEANUP(cleanup_free) char *status = format_text(&event->record.status, STATUS_BYTES_MAX);
        CLEANUP(cleanup_free) char *before = format_text(&event->status_before, STATUS_BYTES_MAX);
        CLEANUP(cleanup_free) char *result = format_text(&event->record.result, RESULT_BYTES_MAX);
        int r;

        if (status == NULL || before == NULL || result == NULL)
                return -1;

        bool status_same = text_equal(&event->record.status, &event->status_before);
        bool result_same = text_equal(&event->record.result, &event->result_before);
        if (event->first_observation)
                r = asprintf(ret_description, "%s, seen for the first time", status);
        else if (!status_same)
                r = asprintf(ret_description, "%s → %s", before, status);
        else if (!result_same)
                r = asprintf(ret_description, "%s, result is now %s", status, result);
        else
                r = asprintf(ret_description, "%s now counts as %s", status,
                             outcome_to_string(event->outcome));
        return r;
}

char *event_message(const struct event *event)
{
        CLEANUP(cleanup_free) char *label = job_label(event->record.id, text_or_empty(&event->job_name));
        CLEANUP(cleanup_free) char *status = format_text(&event->record.status, STATUS_BYTES_MAX);
        CLEANUP(cleanup_free) char *description = NULL;
        char *message;
        int r = -1;

        if (label == NULL || status == NULL)
                return NULL;

        switch (event->kind) {
        case EVENT_SEEN:
        case EVENT_CHANGED:
        case EVENT_SUCCEEDED:
        case EVENT_FAILED:
                r = describe_change(event, &description);
                break;
        case EVENT_GONE:
                if (event->first_observation)
                        r = asprintf(&description, "gone (no such job in Nexudus)");
                else
                        r = asprintf(&description, "%s → gone (no longer in Nexudus)", status);
                break;
        case EVENT_STALLED:
                r = asprintf(&description, "still %s, unchanged for longer than stalled_after", status);
                break;
        }
        if (r < 0) {
                description = NULL;
                return NULL;
        }

        return asprintf(&message, "%s: %s", label, description) < 0 ? NULL : message;
}
