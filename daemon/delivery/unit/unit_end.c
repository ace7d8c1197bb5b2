/* SPDX-License-Identifier: MIT */

/*
 * How a run of a unit ends, and the list of the runs, in which those of the same unit take turns. Every run
 * ends in run_finish(), or is cancelled.
 */

#include <stdlib.h>
#include <string.h>

#include "delivery/unit/unit_internal.h"
#include "delivery/unit/unit_name.h"
#include "journal/event_message.h"
#include "util/cleanup.h"
#include "util/reason.h"
#include "util/timespan.h"

/* ---- the list of runs ---- */

struct hook_unit *unit_queue_ahead(const struct hook_unit *run)
{
        for (struct hook_unit *at = run->bus->runs; at != run; at = at->next)
                if (strcmp(at->unit, run->unit) == 0)
                        return at;
        return NULL;
}

void unit_queue_push(struct hook_unit *run)
{
        struct hook_unit **at = &run->bus->runs;

        while (*at != NULL)
                at = &(*at)->next;
        *at = run;
}

/* Takes it out, if it is in, and lets the next one for the same unit begin. */
void unit_queue_remove(struct hook_unit *run)
{
        struct hook_unit **at = &run->bus->runs;

        while (*at != NULL && *at != run)
                at = &(*at)->next;
        if (*at == NULL)
                return;
        *at = run->next;
        for (struct hook_unit *later = run->next; later != NULL; later = later->next)
                if (strcmp(later->unit, run->unit) == 0) {
                        if (later->stage == STAGE_QUEUED && unit_queue_ahead(later) == NULL)
                                unit_begin(later);
                        return;
                }
}

void unit_free(struct hook_unit *run)
{
        sd_bus_slot_unref(run->call);
        sd_bus_slot_unref(run->properties);
        sd_event_source_disable_unref(run->time_source);
        free(run->unit);
        free(run->path);
        free(run->job);
        free(run->failure);
        free(run);
}

/* ---- the end ---- */

static void run_finish(struct hook_unit *run, bool success, const char *reason)
{
        const struct hook_end end = { .success = success, .reason = reason != NULL ? reason : "failed" };

        unit_queue_remove(run);
        run->attempt.on_end(run->attempt.userdata, &end);
        unit_free(run);
}

/* The unit is at rest, or was never started. */
static void release_files(struct hook_unit *run)
{
        event_files_release(run->bus->files, run->attempt.hook->name, run->attempt.event->id);
}

void unit_succeed(struct hook_unit *run)
{
        release_files(run);
        run_finish(run, true, "");
}

void unit_fail(struct hook_unit *run, char *reason)
{
        CLEANUP(cleanup_free) char *owned = reason;

        release_files(run);
        run_finish(run, false, owned);
}

static void log_skipped(const struct hook_unit *run)
{
        const struct event *event = run->attempt.event;
        CLEANUP(cleanup_free) char *label = job_label(event->record.id, text_or_empty(&event->job_name));

        journal_print_about(run->bus->context.journal, LOG_INFO, NULL, event->record.id, event->job_name.data,
                            "%s: unit %s of hook %s did nothing, since a condition in it is not met; this "
                            "counts as success.",
                            label != NULL ? label : "A job", run->unit, run->attempt.hook->name);
}

void unit_take_verdict(struct hook_unit *run)
{
        switch (unit_judge(&run->state, run->job_result)) {
        case UNIT_SKIPPED:
                log_skipped(run);
                unit_succeed(run);
                return;
        case UNIT_SUCCEEDED:
                unit_succeed(run);
                return;
        case UNIT_FAILED:
                unit_fail(run, unit_explain_failure(run->unit, &run->state, run->job_result));
                return;
        case UNIT_UNDECIDED:
                run->stage = STAGE_WAITING;
        }
}

int unit_timer_start(struct hook_unit *run, uint64_t span_us)
{
        int r = sd_event_source_set_time_relative(run->time_source, span_us);

        return r < 0 ? r : sd_event_source_set_enabled(run->time_source, SD_EVENT_ONESHOT);
}

void unit_fail_later(struct hook_unit *run, char *reason)
{
        if (run->stage == STAGE_FAILING) {
                free(reason);
                return;
        }
        run->stage = STAGE_FAILING;
        run->failure = reason;
        run->call = sd_bus_slot_unref(run->call);
        run->properties = sd_bus_slot_unref(run->properties);
        (void)unit_timer_start(run, 0); /* a source that exists and a time that fits: it cannot fail */
}

/* What is queued does not start any more; a unit that is at work is not touched. The owner of a job may do
 * it. */
void unit_cancel_job(struct hook_unit *run)
{
        if (run->stage == STAGE_RUNNING && run->bus->connection != NULL)
                (void)sd_bus_call_method_async(run->bus->connection, NULL, SYSTEMD_NAME, run->job,
                                               SYSTEMD_JOB, "Cancel", NULL, NULL, NULL);
}

bool unit_is_of_event(const struct hook_unit *run)
{
        return run->detached_before || unit_pattern_has_event(run->attempt.hook->target);
}

/* For this event. */
static bool may_be_at_work(const struct hook_unit *run)
{
        return run->stage == STAGE_RUNNING || run->stage == STAGE_WAITING ||
               (run->stage == STAGE_BUSY && unit_is_of_event(run));
}

static void run_overdue(struct hook_unit *run)
{
        CLEANUP(cleanup_free) char *reason = NULL;
        char span[TIMESPAN_TEXT_MAX];

        (void)timespan_format(run->attempt.hook->timeout_us, span);
        switch (run->stage) {
        case STAGE_RUNNING:
        case STAGE_WAITING:
                reason = format_message("unit %s did not end within %s, the timeout = of the hook; it is not "
                                        "stopped, since its own TimeoutStartSec= limits it",
                                        run->unit, span);
                break;
        case STAGE_BUSY:
                reason = format_message(
                        "unit %s is at work from an earlier start and did not end within %s, so "
                        "it was not started again",
                        run->unit, span);
                break;
        case STAGE_QUEUED:
        case STAGE_LOADING:
        case STAGE_CHECKING:
        case STAGE_STARTING:
        case STAGE_FAILING:
        case STAGE_DONE:
                reason = format_message("systemd gave no answer about unit %s in %s", run->unit, span);
        }
        unit_cancel_job(run);
        /* What is still at work may still read the files; the next attempt has them too. */
        if (may_be_at_work(run) && run->attempt.attempt <= run->attempt.hook->retries)
                unit_detach(run);
        else
                release_files(run);
        run_finish(run, false, reason);
}

int unit_on_time(sd_event_source *source, uint64_t time_us, void *userdata)
{
        (void)source;
        (void)time_us;
        struct hook_unit *run = userdata;

        if (run->stage == STAGE_FAILING)
                unit_fail(run, STEAL_POINTER(run->failure));
        else if (run->stage == STAGE_DONE)
                unit_succeed(run);
        else
                run_overdue(run);
        return 0;
}
