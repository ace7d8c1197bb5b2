/* SPDX-License-Identifier: MIT */

/* What is logged of an event: in the journal as fields, on the console as a line. */

#include "journal/event_entry.h"

#include <syslog.h>

#include "journal/message_ids.h"
#include "util/message.h"

/* Bytes of a remote text in a field, except ResultData, for which there is a setting. */
#define TEXT_BYTES_MAX 1024

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
        fields_add_text(fields, "JOBWATCH_JOB_NAME", &event->job_name, TEXT_BYTES_MAX);
        fields_add_text(fields, "JOBWATCH_DISCOVER", &event->discover, TEXT_BYTES_MAX);
        fields_add_text(fields, "JOBWATCH_JOB_GUID", &record->guid, TEXT_BYTES_MAX);
        fields_add_text(fields, "JOBWATCH_STATUS", &record->status, TEXT_BYTES_MAX);
        fields_add_text(fields, "JOBWATCH_STATUS_BEFORE", &event->status_before, TEXT_BYTES_MAX);
        fields_add_text(fields, "JOBWATCH_RESULT", &record->result, result_bytes);
        fields_add_text(fields, "JOBWATCH_RESULT_BEFORE", &event->result_before, result_bytes);
        if (record->has_result)
                fields_add_number(fields, "JOBWATCH_RESULT_BYTES",
                                  event->result_size != 0 ? event->result_size : record->result.size);
        fields_add_string(fields, "JOBWATCH_OUTCOME", outcome_to_string(event->outcome));
        fields_add_text(fields, "JOBWATCH_DESCRIPTION", &record->description, TEXT_BYTES_MAX);
        fields_add_text(fields, "JOBWATCH_BUSINESS", &record->business, TEXT_BYTES_MAX);
        if (record->business_id != 0)
                fields_add_number(fields, "JOBWATCH_BUSINESS_ID", record->business_id);
        fields_add_text(fields, "JOBWATCH_UPDATED_ON", &record->updated_on, TEXT_BYTES_MAX);
        if (personal_data) {
                fields_add_text(fields, "JOBWATCH_USER", &record->user, TEXT_BYTES_MAX);
                fields_add_text(fields, "JOBWATCH_USER_EMAIL", &record->email, TEXT_BYTES_MAX);
        }
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
