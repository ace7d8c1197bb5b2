/* SPDX-License-Identifier: MIT */

/*
 * Jobs as last recorded. The row of a job has its record except the result, which is in a table of its own
 * (texts.h); the row has its digest. Looking up a job reads no result, and recording a change writes one only
 * if it differs.
 */

#include "state/sql/jobs.h"

#include <errno.h>

#include "state/sql/room.h"
#include "state/sql/row.h"
#include "state/sql/texts.h"
#include "state/sql/transaction.h"

struct job_row {
        struct stored_job job;    /* without the digests of status and updated_on */
        struct job_record record; /* without result */
};

static void job_row_clear(struct job_row *row)
{
        job_record_clear(&row->record);
}

/* Returns 1 and *ret_row, which the caller clears, or 0 if the job is unknown. */
static int job_read(struct store *store, uint64_t id, struct job_row *ret_row)
{
        CLEANUP(row_release) struct row row = row_prepare(store, STATEMENT_JOB_GET);
        CLEANUP(job_row_clear) struct job_row found = { .job.id = id, .record.id = id };
        char outcome[16];

        row_write_number(&row, id);
        int r = row_step(&row);
        if (r <= 0)
                return r;

        row_read_string(&row, outcome, sizeof(outcome));
        found.job.stalled = row_read_number(&row) != 0;
        found.job.changed_us = row_read_number(&row);
        found.job.result.hash = row_read_number(&row);
        found.job.result.size = row_read_number(&row);
        row_read_record(&row, &found.record);
        found.job.unwatched = row_read_number(&row) != 0;
        r = row_read_end(&row);
        if (r < 0)
                return r;
        if (!outcome_from_string(outcome, &found.job.outcome))
                return store_fail(store, -EUCLEAN, "a job in the database has an unknown outcome");

        *ret_row = found;
        found = (struct job_row){ 0 };
        return 1;
}

int store_job_write(struct store *store, const struct stored_job *job, const struct job_record *record)
{
        CLEANUP(row_release) struct row row = row_prepare(store, STATEMENT_JOB_PUT);

        row_write_number(&row, job->id);
        row_write_string(&row, outcome_to_string(job->outcome));
        row_write_number(&row, job->stalled);
        row_write_number(&row, job->changed_us);
        row_write_number(&row, job->result.hash);
        row_write_number(&row, job->result.size);
        row_write_record(&row, record);
        return row_step(&row);
}

int store_get_job(struct store *store, uint64_t id, struct stored_job *ret_job)
{
        CLEANUP(job_row_clear) struct job_row row = { 0 };

        int r = job_read(store, id, &row);
        if (r <= 0)
                return r;
        row.job.status = text_digest(&row.record.status);
        row.job.result_unread = !row.record.has_result;
        row.job.updated_on = text_digest(&row.record.updated_on);
        *ret_job = row.job;
        return 1;
}

int store_get_job_record(struct store *store, uint64_t id, struct job_record *ret_record)
{
        CLEANUP(job_row_clear) struct job_row row = { 0 };
        uint64_t size;

        int r = job_read(store, id, &row);
        if (r <= 0)
                return r;
        r = store_text_read(store, id, row.job.result, &row.record.result, &size);
        if (r >= 0 && size != 0)
                r = store_fail(store, -EUCLEAN, "the last ResultData of a job is not complete");
        if (r < 0)
                return r;

        *ret_record = row.record;
        row.record = (struct job_record){ 0 };
        return 1;
}

static int update_job(struct store *store, const struct job_record *record)
{
        CLEANUP(job_row_clear) struct job_row row = { 0 };

        int r = job_read(store, record->id, &row);
        if (r < 0)
                return r;
        if (r == 0)
                return store_fail(store, -ENOENT, "unknown job");

        struct job_record merged = *record;
        merged.status = row.record.status;
        merged.has_status = row.record.has_status;

        row.job.result = text_digest(&record->result);
        r = store_make_room(store, record->result.size);
        if (r >= 0)
                r = store_text_write(store, record->id, &record->result, row.job.result);
        if (r < 0)
                return r;
        return store_job_write(store, &row.job, &merged);
}

int store_update_job(struct store *store, const struct job_record *record)
{
        return STORE_WRITE(store, update_job(store, record));
}
