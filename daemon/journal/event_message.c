/* SPDX-License-Identifier: MIT */

/*
 * The sentences of events. A reader scans these in a long journal, so each begins with the job and goes
 * straight to what is different.
 */

#include "journal/event_message.h"

#include <inttypes.h>

#include "util/cleanup.h"
#include "util/message.h"

/* A Status is a word or a few; ResultData can be megabytes, of which a line shows the beginning. */
#define STATUS_SHOWN_MAX 80
#define RESULT_SHOWN_MAX 120

char *job_label(uint64_t id, const char *name)
{
        if (name != NULL && *name != '\0')
                return format_message("Job %" PRIu64 " (%s)", id, name);
        return format_message("Job %" PRIu64, id);
}

static char *shown(const struct text *text, size_t limit)
{
        if (text->data == NULL)
                return text_escape("(none)", sizeof("(none)") - 1, 0);
        if (text->size == 0)
                return text_escape("(empty)", sizeof("(empty)") - 1, 0);
        return text_escape(text->data, text->size, limit);
}

/* What became of an open or ended job: the step in Status, or, where that is the same, the new ResultData. */
static char *describe_change(const struct event *event)
{
        CLEANUP(cleanup_free) char *status = shown(&event->record.status, STATUS_SHOWN_MAX);
        CLEANUP(cleanup_free) char *before = shown(&event->status_before, STATUS_SHOWN_MAX);
        CLEANUP(cleanup_free) char *result = shown(&event->record.result, RESULT_SHOWN_MAX);

        if (status == NULL || before == NULL || result == NULL)
                return NULL;

        bool status_same = text_equal(&event->record.status, &event->status_before);
        bool result_same = text_equal(&event->record.result, &event->result_before);
        if (event->first_observation)
                return format_message("%s, seen for the first time", status);
        if (!status_same)
                return format_message("%s → %s", before, status);
        if (!result_same)
                return format_message("%s, result is now %s", status, result);
        return format_message("%s now counts as %s", status, outcome_to_string(event->outcome));
}

char *event_message(const struct event *event)
{
        CLEANUP(cleanup_free) char *label = job_label(event->record.id, text_or_empty(&event->job_name));
        CLEANUP(cleanup_free) char *status = shown(&event->record.status, STATUS_SHOWN_MAX);
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
                        description = format_message("not found: Nexudus has no such job");
                else
                        description = format_message("%s → gone: Nexudus no longer has this job", status);
                break;
        case EVENT_STALLED:
                description = format_message("still %s, and unchanged for longer than stalled_after", status);
                break;
        }
        return description != NULL ? format_message("%s: %s", label, description) : NULL;
}
