/* SPDX-License-Identifier: MIT */

/*
 * What is reported was true when the API responded, differs from what was reported before, is no older than
 * it, and nothing follows an end but the return of a gone job. A poll that settles something reports what it
 * saw. Only a ResultData that the rows of this API do not show may wait for the single read that is due after
 * max_interval. A job may be reported as seen with its ResultData unread; one that is found later is reported
 * if UpdatedOn has moved since, and not if it has not: then it was there all along.
 *
 * Only a job whose record does not exist, and did not for a minute, is gone. Where batches do not
 * work it may have returned since, if only an outage has answered for it: that is no evidence that it exists.
 */

#include "sim.h"

#include <string.h>

/* The truth that the record was made of: see record_of() in api.c. */
static struct shown truth_of(const struct job_record *record)
{
        struct shown truth;

        memcpy(&truth, record->guid.data, sizeof(truth));
        return truth;
}

/* What a record says. */
static struct shown shown_of(struct sim *sim, const struct sim_job *job, const struct job_record *record)
{
        struct shown shown = truth_of(record);

        shown.has_status = record->has_status;
        shown.has_result = record->has_result;
        shown.updated = record->updated_on.data != NULL ? shown.updated : 0;
        shown.result = record->result.data != NULL ? (uint8_t)(record->result.size + 1) : 0;
        for (shown.status = 0; shown.status < STATUSES; shown.status++) {
                const struct text status = status_text(shown.status);

                if (text_equal(&record->status, &status))
                        break;
        }
        char updated[TIME_TEXT_MAX];
        const struct text result = result_text(shown.result),
                          time = { updated, format_updated(sim, job, shown.updated, updated) };
        if (shown.status == STATUSES || !text_equal(&record->result, &result) ||
            (shown.updated != 0 && !text_equal(&record->updated_on, &time)))
                sim_fail(sim, job, "reported a text that was never shown");
        return shown;
}

static bool same_shown(const struct shown *left, const struct shown *right)
{
        return left->status == right->status && left->result == right->result;
}

static void check_reported_end(struct sim *sim, struct sim_job *job, enum event_kind kind,
                               const struct shown *shown)
{
        if (status_is_end(shown->status) != event_kind_is_terminal(kind))
                sim_fail(sim, job, "reported as %s with the Status \"%s\"", event_kind_to_string(kind),
                         status_text(shown->status).data);
        if (!status_is_end(shown->status))
                return;
        if (shown->result == 0 && shown->version == job->truth.version &&
            sim->now_us - job->since_us < job->settings.result_wait_us)
                sim_fail(sim, job, "its end was reported without waiting for its ResultData");
        job->reported_end = true;
        job->end_us = sim->now_us;
        sim->recount = true;
}

/* The record has been missing for a minute, but for moments between two responses. */
static void check_reported_gone(struct sim *sim, struct sim_job *job)
{
        uint64_t first_us = job->not_found_us < job->since_us ? job->not_found_us : job->since_us;

        if (job->truth.exists && job->answered_us > job->since_us + 31 * USEC_PER_SEC && !job->was_missing)
                sim_fail(sim, job, "reported as gone, and it exists");
        if (!job->was_missing && (job->not_found == 0 || (job->answered_us - first_us < USEC_PER_MIN &&
                                                          !sim->wall_jumped && job->fault != FAULT_HIDDEN)))
                sim_fail(sim, job, "reported as gone after %u responses in a row without it, over %.3f s",
                         job->not_found, (double)(sim->now_us - first_us) / 1e6);
        job->reported_gone = job->reported_end = true;
        job->gone_us = job->end_us = sim->now_us;
        job->failing = false; /* its 404s have an explanation now */
        job->failures = 0;
        job->gone_due_calm_us = 0;
        job->returned_us = 0;
        job->ramps++;
        sim->recount = true;
        sim->figures.gone++;
}

static void check_reported_stalled(struct sim *sim, struct sim_job *job)
{
        if (job->reported_stalled)
                sim_fail(sim, job, "reported as stalled twice");
        if (!sim->wall_jumped && sim->now_us - job->reported_us < job->settings.stalled_after_us)
                sim_fail(sim, job, "reported as stalled too early");
        job->reported_stalled = true;
}

/* Whether a ResultData that was unread may have come after the first observation. */
static bool is_newly_read(const struct sim_job *job, const struct shown *shown)
{
        return shown->result != 0 && shown->updated != job->reported_as.updated;
}

/* A first observation that says nothing of ResultData. */
static void check_partial(struct sim *sim, struct sim_job *job, enum event_kind kind,
                          const struct shown *shown, const struct shown *truth)
{
        if (job->reported || kind != EVENT_SEEN)
                sim_fail(sim, job, "reported as %s with ResultData unread", event_kind_to_string(kind));
        if (shown->status != truth->status || shown->result != 0 || shown->updated != truth->updated)
                sim_fail(sim, job, "reported what was never so");
        job->partial_calm_us = sim->calm_us;
        job->partial_run = (unsigned)sim->figures.starts;
        job->excuses++;
        sim->figures.partial++;
}

/* ResultData is known now, and that was no change. */
void check_read(struct sim *sim, struct sim_job *job, const struct job_record *record)
{
        const struct shown read = shown_of(sim, job, record), *shown = &read;

        if (!job->reported || job->reported_as.has_result)
                sim_fail(sim, job, "its ResultData was kept without being reported");
        if (job->reported_as.status != shown->status || is_newly_read(job, shown))
                sim_fail(sim, job, "it changed, and that was not reported");
        job->reported_as.result = shown->result;
        job->reported_as.updated = shown->updated;
        job->reported_as.version = shown->version;
        job->reported_as.has_result = true;
        sim->figures.read += shown->result != 0;
}

static bool shown_exists(const struct shown *truth)
{
        return truth != NULL && truth->exists;
}

/* One event, within about an hour. */
static void check_return(struct sim *sim, struct sim_job *job, enum event_kind kind)
{
        if (kind == EVENT_SEEN && job->reported)
                sim_fail(sim, job, "it has returned, and was reported as seen");
        check_returned(sim, job);
        job->reported_gone = job->reported_end = false;
        job->end_us = sim->now_us;
        job->returned_us = 0;
        job->since_calm_us = job->settled_calm_us = sim->calm_us;
        job->settled_us = sim->now_us;
        job->allowance_us = job->last_allowance_us = 0;
        job->setbacks = job->failures = 0;
        sim->recount = true;
        sim->figures.returned++;
}

void check_reported(struct sim *sim, struct sim_job *job, const struct event *event)
{
        struct shown read, was = { 0 };
        const struct shown *shown = NULL, *truth = NULL;
        enum event_kind kind = event->kind;
        bool returned = job->reported_gone;

        job->quick++;
        sim->figures.reported++;
        if (event->record.guid.data != NULL) {
                was = truth_of(&event->record);
                read = shown_of(sim, job, &event->record);
                shown = &read;
                truth = &was;
        }
        if (sim->verbose)
                printf("%12.3f job %zu: %s, status %d, result %d\n",
                       (double)(sim->now_us - sim->start_us) / 1e6, (size_t)(job - sim->jobs) + 1,
                       event_kind_to_string(kind), shown != NULL ? shown->status : 0,
                       shown != NULL ? shown->result : 0);
        if (job->reported_end && (!job->reported_gone || !shown_exists(truth)) &&
            !(job->watched.again && shown != NULL && !same_shown(&job->reported_as, shown)))
                sim_fail(sim, job, "reported as %s after its end", event_kind_to_string(kind));
        if (kind == EVENT_STALLED) {
                check_reported_stalled(sim, job);
                return;
        }
        if (kind == EVENT_GONE) {
                check_reported_gone(sim, job);
                feed_reported(sim, job);
                return;
        }
        if (job->reported_gone)
                check_return(sim, job, kind);
        else if (job->reported && same_shown(&job->reported_as, shown) && job->reported_as.has_result)
                sim_fail(sim, job, "the same was reported twice");
        if (job->reported && truth->version < job->reported_as.version)
                sim_fail(sim, job, "reported out of order");
        if (job->reported && !returned && !job->reported_as.has_result &&
            job->reported_as.status == shown->status && !is_newly_read(job, shown))
                sim_fail(sim, job, "reported as changed, and it was so when it was first seen");
        if (!shown->has_result)
                check_partial(sim, job, kind, shown, truth);
        else if (!same_shown(shown, truth))
                sim_fail(sim, job, "reported what was never so");
        check_reported_end(sim, job, kind, shown);
        job->reported = true;
        job->reported_as = *shown;
        job->reported_as.version = truth->version;
        job->reported_us = job->answered_us;
        job->reported_stalled = false;
        feed_reported(sim, job);
}

/* Whether the poll that has just ended may leave the truth unreported. */
static bool may_be_unreported(const struct sim *sim, const struct sim_job *job, const struct slot *slot)
{
        uint64_t calm_us = slot->calm_us;
        bool lossy = sim->batch_kind == BATCH_EMPTY_RESULT || sim->batch_kind == BATCH_NO_RESULT ||
                     sim->batch_kind == BATCH_NO_RESULT_NOR_UPDATED || sim->batch_kind == BATCH_RAGGED;
        uint64_t times = sim->batch_kind == BATCH_RAGGED ? 6 : 1, step_us, refill_us, nulls_us;

        /* Making sure of nulls takes an eighth of the budget, if that is longer. */
        emission_of(sim, &step_us, &refill_us);
        nulls_us = sim->job_count * 8 * step_us;
        if (nulls_us < job->settings.max_interval_us)
                nulls_us = job->settings.max_interval_us;
        /* What is not known of a first observation is read in its turn, which begins anew with each run at
         * worst.
         */
        if (job->reported && !job->reported_as.has_result && job->reported_as.status == job->truth.status &&
            !is_newly_read(job, &job->truth))
                return calm_us < job->partial_calm_us + (2 + sim->figures.starts - job->partial_run) *
                                                                (nulls_us + longest_gap(sim, job));
        if (job->not_found > 0 || job->refused)
                return true;
        if (status_is_end(job->truth.status) && job->truth.result == 0 && job->settings.result_wait_us > 0)
                return job->held_us > 0 && slot->end_us < job->held_us + job->settings.result_wait_us;
        return lossy && job->reported && job->reported_as.status == job->truth.status &&
               calm_us - job->since_calm_us <= times * (nulls_us + longest_gap(sim, job));
}

/* A poll that settles something has ended. What counts is when the API answered, not when that arrived. */
void check_settled(struct sim *sim, struct sim_job *job, const struct slot *slot)
{
        uint64_t calm_us = slot->calm_us;

        check_gap(sim, job, calm_us);
        if (job->truth.exists && calm_us > job->since_calm_us && job->fault == FAULT_NONE &&
            feed_watches(sim, job) && !job->reported_end &&
            !(job->reported && same_shown(&job->reported_as, &job->truth)) &&
            !may_be_unreported(sim, job, slot))
                sim_fail(sim, job, "polled, but what it shows (status %u, result %u) was not reported",
                         job->truth.status, job->truth.result);
        wire_settled(sim, job, slot);
}
