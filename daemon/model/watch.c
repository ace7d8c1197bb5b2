/* SPDX-License-Identifier: MIT */

/*
 *      unknown ──seen──> open ──changed──> open … ──succeeded, failed──> ended
 *                         │  └─stalled (once until it changes)
 *                         └─not found, by the evidence of the planner ──gone──> ended
 *
 * An end may be held back for a while: ResultData may come later than the Status.
 */

#include "model/watch.h"

#include <assert.h>

/* For a job that is as recorded. */
static bool is_stalled(const struct job_watch *watch, const struct watch_rules *rules, uint64_t now_us)
{
        if (rules->stalled_after_us == 0 || watch->stalled || outcome_is_terminal(watch->memory.outcome))
                return false;
        return (int64_t)now_us - watch->changed_us >= (int64_t)rules->stalled_after_us;
}

/* How long an end still has to be held back for its ResultData; 0 if it has not. */
static uint64_t remaining_hold(struct job_watch *watch, const struct watch_rules *rules,
                               const struct change *change, const struct job_record *record, uint64_t now_us)
{
        if (rules->result_wait_us == 0 || !outcome_is_terminal(change->outcome) ||
            record->result.data != NULL)
                return 0;
        if (watch->held_since_us == 0)
                watch->held_since_us = now_us;

        uint64_t held_us = now_us - watch->held_since_us;
        return held_us < rules->result_wait_us ? rules->result_wait_us - held_us : 0;
}

struct observation watch_observe(struct job_watch *watch, const struct watch_rules *rules,
                                 const struct job_record *record, uint64_t now_us)
{
        struct observation observation = { .change = change_detect(&watch->memory, record, rules->status) };

        watch->not_found_count = 0;
        if (!observation.change.has_event) {
                watch->held_since_us = 0;
                if (is_stalled(watch, rules, now_us)) {
                        observation.change.has_event = true;
                        observation.change.kind = EVENT_STALLED;
                }
                return observation;
        }

        observation.poll_again_us = remaining_hold(watch, rules, &observation.change, record, now_us);
        if (observation.poll_again_us > 0)
                observation.change.has_event = false;
        return observation;
}

bool watch_note_not_found(struct job_watch *watch, uint64_t now_us)
{
        if (watch->not_found_count == 0)
                watch->not_found_since_us = now_us;
        if (watch->not_found_count < GONE_NOT_FOUND_COUNT)
                watch->not_found_count++;
        return watch->not_found_count >= GONE_NOT_FOUND_COUNT &&
               now_us - watch->not_found_since_us >= GONE_SPAN_US;
}

void watch_note_recorded(struct job_watch *watch, const struct change *change, const struct job_memory *seen,
                         uint64_t now_us)
{
        assert(!event_kind_is_of_api(change->kind));

        watch->held_since_us = 0;
        switch (change->kind) {
        case EVENT_STALLED:
                watch->stalled = true;
                return;
        case EVENT_GONE:
                watch->memory.outcome = OUTCOME_GONE;
                watch->memory.recorded = true;
                break;
        case EVENT_SEEN:
        case EVENT_CHANGED:
        case EVENT_SUCCEEDED:
        case EVENT_FAILED:
        case EVENT_API_DOWN:
        case EVENT_API_REFUSED:
        case EVENT_API_OK:
                watch->memory = *seen;
                break;
        }
        watch->stalled = false;
        watch->changed_us = (int64_t)now_us;
}

void watch_note_read(struct job_watch *watch, const struct job_memory *seen)
{
        watch->memory.result = seen->result;
        watch->memory.updated = seen->updated;
        watch->memory.result_unread = false;
}
