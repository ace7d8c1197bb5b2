/* SPDX-License-Identifier: MIT */

/*
 *      compare ──as recorded──────────────────────────────> complete: the next poll is planned
 *         └──changed──> commit (recorder.h) ──on disk or not──^
 *
 * Between compare and complete the job is in no queue of the planner, so it is not polled. It may be removed
 * meanwhile; then the commit is not that of any job, and nothing is left to complete.
 */

#include "monitor/observe.h"

#include <assert.h>
#include <stdlib.h>

#include "journal/event_message.h"
#include "monitor/discover.h"
#include "monitor/last_run.h"
#include "platform/random.h"
#include "util/cleanup.h"
#include "util/memory.h"

/* A commit in progress. */
struct commit {
        struct monitor *monitor;
        uint64_t job_id;
        struct observation observation;
        struct job_memory seen;
};

static void complete(struct monitor *monitor, struct planner_job *job, const struct observation *observation,
                     const struct job_memory *seen, bool recorded)
{
        if (!recorded && change_is_to_be_recorded(&observation->change))
                monitor->unrecorded++;
        planner_complete(monitor->planner, job, observation, recorded, seen, monitor_now_us(monitor),
                         random_u64());
        if (job->done)
                discover_note_ended(monitor);
}

static void on_recorded(void *userdata, bool recorded)
{
        struct commit *commit = userdata;
        struct monitor *monitor = commit->monitor;
        struct job *job = job_table_find(&monitor->jobs, commit->job_id);

        monitor->commits--;
        if (job != NULL && job->commit == commit) {
                job->commit = NULL;
                if (recorded)
                        discover_note_recorded(monitor, job);
                complete(monitor, &job->planning, &commit->observation, &commit->seen, recorded);
        }
        free(commit);
        monitor_poll_soon(monitor);
}

static void begin_commit(struct monitor *monitor, struct job *job, const struct observation *observation,
                         const struct job_memory *seen, struct job_record *record)
{
        struct commit *commit = memory_malloc(NULL, sizeof(*commit));

        assert(job->commit == NULL);
        *commit = (struct commit){ monitor, job->planning.id, *observation, *seen };
        job->commit = commit;
        monitor->commits++;
        recorder_record(monitor->parts.recorder, job, &observation->change, record, on_recorded, commit);
}

static void report_record(struct monitor *monitor, const struct job *job, const struct text *status,
                          enum outcome outcome)
{
        if (!monitor->parts.report)
                return;
        CLEANUP(cleanup_free)
        char *shown = status->data != NULL ? text_escape(status->data, status->size, 80) : NULL;
        monitor_report(monitor, job, "%s (%s)", shown != NULL ? shown : "no Status",
                       outcome_to_string(outcome));
}

static void report(struct monitor *monitor, struct job *job, const struct job_record *record,
                   const struct change *change)
{
        struct recorder *recorder = monitor->parts.recorder;

        job->answered = true;
        if (record == NULL)
                return;
        recorder_note_json(recorder, record->status_is_json, record->result_is_json);
        if (change->has_event && change->unrecognised_status)
                recorder_note_unrecognised_status(recorder, job, &record->status);
        report_record(monitor, job, &record->status, change->outcome);
}

/* One that was read once more: records of jobs that have ended may be deleted. */
static void log_deleted(struct monitor *monitor, const struct job *job)
{
        CLEANUP(cleanup_free) char *label = job_label(job->planning.id, job->name);
        const struct journal_delivery about = { .job_id = job->planning.id, .job_name = job->name };

        journal_print_delivery(monitor->parts.journal, LOG_NOTICE, NULL, &about,
                               "%s: no longer in Nexudus. It had ended before, and stays as it was.", label);
}

/* Whether UpdatedOn tells of a change, which the feed relies on. */
static void note_change(struct monitor *monitor, const struct job_memory *before,
                        const struct job_record *record, const struct change *change)
{
        if (!before->recorded || !change->has_event || change->kind == EVENT_STALLED)
                return;
        monitor->seen.changes++;
        if (before->updated == updated_on_digest(record))
                monitor->seen.same_updated_on++;
}

void observe(struct monitor *monitor, struct planner_job *job, struct job_record *record)
{
        bool was_missing = record == NULL || job->watch.not_found_count > 0;
        struct job_memory seen = { .recorded = false };
        struct observation observation;

        if (!discover_decide(monitor, job_of(job), record))
                return;
        if (record == NULL) {
                observation = planner_take_gone(job);
                job->watch.not_found_count = 0;
                if (!observation.change.has_event)
                        log_deleted(monitor, job_of(job));
        } else {
                const struct job_memory before = job->watch.memory;
                observation = planner_take_record(monitor->planner, job, record, monitor_now_us(monitor));
                note_change(monitor, &before, record, &observation.change);
                seen = job_memory_of(record, observation.change.outcome);
        }
        if (was_missing)
                not_found_clear(monitor->parts.state, job->id);
        report(monitor, job_of(job), record, &observation.change);

        if (change_is_to_be_recorded(&observation.change))
                begin_commit(monitor, job_of(job), &observation, &seen, record);
        else
                complete(monitor, job, &observation, &seen, false);
}
