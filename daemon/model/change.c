/* SPDX-License-Identifier: MIT */

/* Decides whether an observation is an event. */

#include "model/change.h"

uint64_t updated_on_digest(const struct job_record *record)
{
        return record->updated_on.data != NULL ? text_digest(&record->updated_on).hash : 0;
}

struct job_memory job_memory_of(const struct job_record *record, enum outcome outcome)
{
        return (struct job_memory){
                .status = text_digest(&record->status),
                .result = text_digest(&record->result),
                .updated = updated_on_digest(record),
                .outcome = outcome,
                .recorded = true,
                .result_unread = !record->has_result,
        };
}

static enum event_kind kind_of(const struct job_memory *memory, enum outcome outcome)
{
        switch (outcome) {
        case OUTCOME_SUCCESS:
                return EVENT_SUCCEEDED;
        case OUTCOME_FAILURE:
                return EVENT_FAILED;
        case OUTCOME_GONE: /* never from a record */
        case OUTCOME_OPEN:
                break;
        }
        return memory->recorded ? EVENT_CHANGED : EVENT_SEEN;
}

static bool is_same_result(const struct job_memory *memory, const struct job_record *record)
{
        if (!memory->result_unread)
                return text_digest_equal(memory->result, text_digest(&record->result));
        return record->result.data == NULL ||
               (memory->updated != 0 && memory->updated == updated_on_digest(record));
}

struct change change_detect(const struct job_memory *memory, const struct job_record *record,
                            const struct status_rules *rules)
{
        struct status_meaning meaning = status_classify(rules, &record->status, &record->result);

        bool same = memory->recorded && memory->outcome == meaning.outcome &&
                    text_digest_equal(memory->status, text_digest(&record->status)) &&
                    is_same_result(memory, record);

        return (struct change){
                .has_event = !same,
                .result_read = same && memory->result_unread && record->has_result,
                .kind = kind_of(memory, meaning.outcome),
                .outcome = meaning.outcome,
                .unrecognised_status = !meaning.known,
        };
}
