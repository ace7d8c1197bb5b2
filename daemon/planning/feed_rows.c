/* SPDX-License-Identifier: MIT */

/*
 *      row ──new──> shown ──read by a single request──> recorded, or nothing to record
 *                     │ └──believed───────────────────────^
 *                     └─the job is in flight, being recorded, or part of a failed batch: confirmed after that
 *
 * What a job showed last is kept, so that a row that says the same again says nothing new: rows may lack
 * fields, or be older than the record.
 */

#include "planning/feed_rows.h"

#include "util/timespan.h"

/* After so many confirmations without a change, a new UpdatedOn alone is no reason for another. */
#define FRUITLESS_CONFIRMS_MAX 3

static uint64_t mix(uint64_t hash, uint64_t value)
{
        hash = (hash ^ value) * UINT64_C(0x9e3779b97f4a7c15);
        return hash ^ (hash >> 32);
}

struct row_shown row_shown_of(const struct job_record *row)
{
        struct text_digest status = text_digest(&row->status), result = text_digest(&row->result);

        return (struct row_shown){
                .digest = mix(mix(mix(status.hash, status.size), result.hash), result.size),
                .updated = remote_time_parse(&row->updated_on),
        };
}

static bool is_shown(const struct planner_job *job, const struct row_shown *shown)
{
        return job->row_digest == shown->digest && job->row_ticks == shown->updated.ticks;
}

/* Whether Status and ResultData are as recorded, as far as the row has them. */
static bool has_recorded_texts(const struct planner_job *job, const struct job_record *row)
{
        const struct job_memory *memory = &job->watch.memory;

        if (row->status.data != NULL && !text_digest_equal(memory->status, text_digest(&row->status)))
                return false;
        return row->result.data == NULL || text_digest_equal(memory->result, text_digest(&row->result));
}

bool planner_knows_row(const struct planner_job *job, const struct job_record *row)
{
        const struct row_shown shown = row_shown_of(row);

        if (is_shown(job, &shown) || (job->done && !planner_job_is_gone(job)))
                return true;
        if (!job->watch.memory.recorded || planner_job_is_gone(job) || !has_recorded_texts(job, row))
                return false;
        return updated_on_digest(row) == job->updated ||
               (row->status.data != NULL && row->result.data != NULL &&
                job->fruitless_confirms >= FRUITLESS_CONFIRMS_MAX);
}

static void show(struct planner_job *job, const struct row_shown *shown, bool by_feed)
{
        /* A batch may show it again, after a change that could not be recorded. */
        bool was_on_page = job->row_shown && job->row_on_page && job->row_ticks == shown->updated.ticks;

        job->row_digest = shown->digest;
        job->row_ticks = shown->updated.ticks;
        job->row_shown = true;
        job->row_by_feed = by_feed;
        job->row_on_page = by_feed || was_on_page;
}

void planner_note_batch_row(struct planner_job *job, const struct row_shown *shown)
{
        show(job, shown, job->row_shown && job->row_by_feed);
}

void planner_note_known_row(struct planner_job *job, const struct job_record *row, bool again)
{
        const struct row_shown shown = row_shown_of(row);

        if (!is_shown(job, &shown))
                return;
        job->row_on_page = true;
        job->read_again |= again && job->row_shown;
}

/* Polled by its backoff, or to be confirmed anyway. */
static bool has_other_plans(const struct planner_job *job)
{
        return (job->failing && job->failures > 0) || job->gone_check || job->confirm;
}

/* Before all rows with another UpdatedOn alone, of which there may be thousands; in order among themselves.
 */
static uint64_t first_due_us(uint64_t now_us)
{
        return DUE_FIRST + 1 + now_us / 1024;
}

void planner_confirm_row(struct planner *planner, struct planner_job *job, const struct row_shown *shown,
                         const struct job_record *row, bool again, uint64_t now_us)
{
        bool moved_only = job->watch.memory.recorded && has_recorded_texts(job, row);

        if (job->done && !planner_job_is_gone(job))
                return;
        show(job, shown, true);
        job->read_again |= again;
        if ((job->entry.position == 0 && !job->done) || job->part != 0) {
                job->row_waits = true;
                return;
        }
        if (has_other_plans(job))
                return;
        planner_take_out(planner, job);
        job->done = false;
        job->confirm = true;
        job->updated_on_moved = moved_only;
        job->pace_us = 0; /* something happens: as after a change */
        planner_put(planner, job, moved_only ? now_us : first_due_us(now_us));
}

/* ---- believing ---- */

static const struct row_trust *trust_of(const struct planner *planner, bool by_feed)
{
        return by_feed ? &planner->feed.trust : &planner->feed.batch_trust;
}

/*
 * Whether a row of the last page may be older than what was observed. One of a batch cannot be: its job was
 * in flight meanwhile.
 */
static bool may_be_older(const struct planner *planner, const struct planner_job *job)
{
        return job->observed_us >= planner->feed.page_us;
}

bool planner_believes_row(const struct planner *planner, const struct planner_job *job,
                          const struct job_record *row, bool by_feed, size_t more, uint64_t now_us)
{
        if (planner->limits.once || !job->watch.memory.recorded || job->failing || job->gone_check ||
            job->part != 0 || job->done ||
            (by_feed && (job->entry.position == 0 || may_be_older(planner, job))))
                return false;
        return row->status.data != NULL &&
               row_trust_believes(trust_of(planner, by_feed), planner->confirm.count + more,
                                  row->result.data != NULL, row->result.size, now_us);
}

bool planner_awaits_confirmation(const struct planner_job *job)
{
        return job->row_shown && job->confirm && job->entry.position != 0;
}

bool planner_may_believe_batches(const struct planner *planner, uint64_t now_us)
{
        return !planner->limits.once &&
               row_trust_believes(&planner->feed.batch_trust, SIZE_MAX, true, 0, now_us);
}

void planner_take_row(struct planner *planner, struct planner_job *job, const struct row_shown *shown,
                      bool by_feed, bool again)
{
        planner_take_out(planner, job);
        show(job, shown, by_feed);
        planner->feed.page_new += by_feed;
        job->confirm = false; /* this is no confirmation */
        job->sampled = row_trust_samples(mix(mix(shown->digest, (uint64_t)shown->updated.ticks), job->id));
        job->read_again |= again;
}

static enum row_match match_of(const struct planner_job *job, const struct row_shown *shown)
{
        if (job->row_ticks != shown->updated.ticks)
                return ROW_OLDER;
        return job->row_digest == shown->digest ? ROW_EQUAL : ROW_WRONG;
}

bool feed_row_was_wrong(const struct planner_job *job, const struct job_record *record)
{
        const struct row_shown shown = row_shown_of(record);

        return job->row_shown && match_of(job, &shown) == ROW_WRONG;
}

void feed_compare_record(struct planner *planner, struct planner_job *job, const struct job_record *record,
                         bool changed, uint64_t now_us)
{
        const struct row_shown shown = row_shown_of(record);
        struct row_trust *trust = job->row_by_feed ? &planner->feed.trust : &planner->feed.batch_trust;

        if (changed && job->read && !(job->row_shown && job->row_on_page))
                feed_cursor_note_missed(&planner->feed.cursor, job->id, &shown.updated, now_us);
        if (!job->row_shown)
                return;
        if (job->confirm && !job->row_waits)
                row_trust_note(trust, match_of(job, &shown), record->result.size, now_us);
        if (is_shown(job, &shown))
                job->row_waits = false;
}
