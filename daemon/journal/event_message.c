/* SPDX-License-Identifier: MIT */

/*
 * The sentences of events. A reader scans these in a long journal, so each begins with the job and goes
 * straight to what is different.
 */

#include "journal/event_message.h"

#include <inttypes.h>
#include <stdio.h>

#include "util/cleanup.h"

/* A Status is a word or a few; ResultData can be megabytes, of which a line shows the beginning. */
#define STATUS_SHOWN_MAX 80
#define RESULT_SHOWN_MAX 120

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

static char *shown(const struct text *text, size_t limit)
{
        if (text->data == NULL)
                return text_escape("(none)", sizeof("(none)") - 1, 0);
        if (text->size == 0)
                return text_escape("(empty)", sizeof("(empty)") - 1, 0);
        return text_escape(text->data, text->size, limit);
}

/* What became of an open or ended job: the step in Status, or, where that is the same, the new ResultData. */
static int describe_change(const struct event *event, char **ret_description)
{
        CLEANUP(cleanup_free) char *status = shown(&event->record.status, STATUS_SHOWN_MAX);
        CLEANUP(cleanup_free) char *before = shown(&event->status_before, STATUS_SHOWN_MAX);
        CLEANUP(cleanup_free) char *result = shown(&event->record.result, RESULT_SHOWN_MAX);
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
        CLEANUP(cleanup_free) char *status = shown(&event->record.status, STATUS_SHOWN_MAX);
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
                        r = asprintf(&description, "not found: Nexudus has no such job");
                else
                        r = asprintf(&description, "%s → gone: Nexudus no longer has this job", status);
                break;
        case EVENT_STALLED:
                r = asprintf(&description, "still %s, and unchanged for longer than stalled_after", status);
                break;
        }
        if (r < 0) {
                description = NULL;
                return NULL;
        }

        return asprintf(&message, "%s: %s", label, description) < 0 ? NULL : message;
}
