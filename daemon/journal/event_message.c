/* SPDX-License-Identifier: MIT */

/*
 * What is logged of an event: a message, and in the journal its fields. The message names the job first, then
 * what has changed, then its ResultData. An event of the API is described by itself.
 */

#include "journal/event_message.h"

#include <inttypes.h>
#include <syslog.h>

#include "journal/entry.h"
#include "journal/message_ids.h"
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

char *event_console_message(const struct event *event, const char *message)
{
        const struct text *result = &event->record.result;

        if (result->data == NULL)
                return format_message(
                        "%s [%s%s]", message, event_kind_to_string(event->kind),
                        event->kind == EVENT_SEEN && !event->record.has_result ? ", result not known" : "");
        return format_message("%s [%s, result of %zu bytes]", message, event_kind_to_string(event->kind),
                              result->size);
}

/* ---- fields ---- */

/* Bytes of a remote text in a field, except ResultData, for which there is a setting. */
#define FIELD_BYTES_MAX 1024

static const struct {
        int priority;
        const char *message_id;
} kinds[EVENT_KIND_COUNT] = {
        [EVENT_SEEN] = { LOG_INFO, MESSAGE_ID_SEEN },
        [EVENT_CHANGED] = { LOG_NOTICE, MESSAGE_ID_CHANGED },
        [EVENT_SUCCEEDED] = { LOG_NOTICE, MESSAGE_ID_SUCCEEDED },
        [EVENT_FAILED] = { LOG_ERR, MESSAGE_ID_FAILED },
        [EVENT_GONE] = { LOG_ERR, MESSAGE_ID_GONE },
        [EVENT_STALLED] = { LOG_WARNING, MESSAGE_ID_STALLED },
        [EVENT_API_DOWN] = { LOG_ERR, MESSAGE_ID_API_DOWN },
        [EVENT_API_REFUSED] = { LOG_NOTICE, MESSAGE_ID_API_REFUSED }, /* after an error with what to do */
        [EVENT_API_OK] = { LOG_NOTICE, MESSAGE_ID_API_OK },
};

int event_priority(enum event_kind kind)
{
        return kinds[kind].priority;
}

const char *event_message_id(enum event_kind kind)
{
        return kinds[kind].message_id;
}

void event_add_fields(struct field_list *fields, const struct event *event, size_t result_bytes,
                      bool personal_data)
{
        const struct job_record *record = &event->record;

        fields_add_string(fields, "JOBWATCH_EVENT", event_kind_to_string(event->kind));
        fields_add_string(fields, "JOBWATCH_EVENT_ID", event->id);
        fields_add_number(fields, "JOBWATCH_SEQUENCE", event->sequence);
        if (!event_kind_is_of_api(event->kind))
                fields_add_number(fields, "JOBWATCH_JOB", record->id);
        fields_add_text(fields, "JOBWATCH_JOB_NAME", &event->job_name, FIELD_BYTES_MAX);
        fields_add_text(fields, "JOBWATCH_DISCOVER", &event->discover, FIELD_BYTES_MAX);
        fields_add_text(fields, "JOBWATCH_JOB_GUID", &record->guid, FIELD_BYTES_MAX);
        fields_add_text(fields, "JOBWATCH_STATUS", &record->status, FIELD_BYTES_MAX);
        fields_add_text(fields, "JOBWATCH_STATUS_BEFORE", &event->status_before, FIELD_BYTES_MAX);
        fields_add_text(fields, "JOBWATCH_RESULT", &record->result, result_bytes);
        fields_add_text(fields, "JOBWATCH_RESULT_BEFORE", &event->result_before, result_bytes);
        if (record->has_result)
                fields_add_number(fields, "JOBWATCH_RESULT_BYTES",
                                  event->result_size != 0 ? event->result_size : record->result.size);
        fields_add_string(fields, "JOBWATCH_OUTCOME", outcome_to_string(event->outcome));
        fields_add_text(fields, "JOBWATCH_DESCRIPTION", &record->description, FIELD_BYTES_MAX);
        fields_add_text(fields, "JOBWATCH_BUSINESS", &record->business, FIELD_BYTES_MAX);
        if (record->business_id != 0)
                fields_add_number(fields, "JOBWATCH_BUSINESS_ID", record->business_id);
        fields_add_text(fields, "JOBWATCH_UPDATED_ON", &record->updated_on, FIELD_BYTES_MAX);
        if (personal_data) {
                fields_add_text(fields, "JOBWATCH_USER", &record->user, FIELD_BYTES_MAX);
                fields_add_text(fields, "JOBWATCH_USER_EMAIL", &record->email, FIELD_BYTES_MAX);
        }
}
