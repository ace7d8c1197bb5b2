/* SPDX-License-Identifier: MIT */

/*
 * Compare, commit, complete: a job is planned again only when it is known whether its change is on disk. Of
 * several jobs all changes are recorded or none.
 */

#include "monitor/observe.h"

#include <assert.h>

#include "monitor/not_found.h"
#include "platform/random.h"

/* What became of one observation. */
struct result {
        struct observation observation;
        struct job_memory seen;
        bool recorded;
};

static void compare(struct monitor *monitor, const struct observed *observed, struct result *result)
{
        struct planner_job *job = observed->job;
        const struct job_record *record = observed->record;
        bool was_missing = record == NULL || job->watch.not_found_count > 0;

        if (record == NULL) {
                result->observation = planner_take_gone(job);
        } else {
                result->observation =
                        planner_take_record(monitor->planner, job, record, monitor_now_us(monitor));
                result->seen = job_memory_of(record, result->observation.change.outcome);
        }
        if (was_missing)
                not_found_clear(monitor->parts.state, job->id);
}

static void report(struct monitor *monitor, const struct observed *observed, const struct change *change)
{
        const struct job_record *record = observed->record;
        struct recorder *recorder = monitor->parts.recorder;
        struct job *job = job_of(observed->job);

        job->answered = true;
        if (record == NULL)
                return;
        recorder_note_json(recorder, record->status_is_json, record->result_is_json);
        monitor_report_record(monitor, job, &record->status, change->outcome);
}

static void commit(struct monitor *monitor, const struct observed *observed, struct result *result)
{
        const struct change *change = &result->observation.change;
        struct recorder *recorder = monitor->parts.recorder;
        const struct job *job = job_of(observed->job);

        if (change->has_event && change->unrecognised_status)
                recorder_note_unrecognised_status(recorder, job, &observed->record->status);
        if (change->has_event)
                result->recorded = recorder_record(recorder, job, change, observed->record) >= 0;
        else if (change->result_read)
                result->recorded = recorder_store_result(recorder, job, observed->record) >= 0;
}

static void record_all(struct monitor *monitor, const struct observed observed[], struct result results[],
                       size_t count)
{
        struct recorder *recorder = monitor->parts.recorder;
        bool together = count > 1;

        if (together && recorder_begin(recorder) < 0)
                return;
        for (size_t i = 0; i < count; i++)
                commit(monitor, &observed[i], &results[i]);
        if (together && recorder_commit(recorder) < 0)
                for (size_t i = 0; i < count; i++)
                        results[i].recorded = false;
}

void observe(struct monitor *monitor, const struct observed observed[], size_t count)
{
        struct result results[PLANNER_BATCH_MAX] = { { .recorded = false } };

        assert(count <= PLANNER_BATCH_MAX);
        for (size_t i = 0; i < count; i++) {
                compare(monitor, &observed[i], &results[i]);
                report(monitor, &observed[i], &results[i].observation.change);
        }
        record_all(monitor, observed, results, count);
        for (size_t i = 0; i < count; i++)
                planner_complete(monitor->planner, observed[i].job, &results[i].observation,
                                 results[i].recorded, &results[i].seen, monitor_now_us(monitor),
                                 random_u64());
}
