/* SPDX-License-Identifier: MIT */

/*
 * ListJobs. What is in memory of the watched jobs is merged with what is recorded, both by id: a round copies
 * the next jobs that are in memory, and then reads the same range of ids from the state. What is recorded of
 * other jobs is listed if they were discovered, or if this host stands by and watches none. Rounds follow
 * each other until the reply is full or all jobs have been read.
 */

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "app/control_rows.h"
#include "bus/reply.h"
#include "util/cleanup.h"
#include "util/container.h"
#include "util/glob.h"
#include "util/memory.h"

/* Jobs in memory, and jobs in the state, that a round reads. */
#define ROUND_MAX 1000

struct list_jobs {
        struct control_list base;
        const struct bus_list_jobs *arguments;
        size_t found;       /* rows of the reply so far */
        size_t found_bytes; /* of their texts */
        uint64_t after;     /* jobs up to this id have been read */
        bool has_open;      /* some of them are open, so that durations are of use */
        struct durations durations;

        /* Of the present round. */
        uint64_t until;       /* the last id of it; lowered when the state has many jobs up to there */
        size_t watched_count; /* jobs in memory, by id */
        size_t other_count;   /* other jobs, by id */
        size_t bytes;         /* of the texts of all */
        struct job_row watched[ROUND_MAX];
        struct job_row others[ROUND_MAX];
};

static void rows_clear(struct job_row rows[], size_t *count)
{
        for (size_t i = 0; i < *count; i++)
                job_row_clear(&rows[i]);
        *count = 0;
}

static void list_free(struct list_jobs *list)
{
        rows_clear(list->watched, &list->watched_count);
        rows_clear(list->others, &list->other_count);
        free(list);
}

/* ---- reading ---- */

/* The index of the first id that is greater. */
static size_t first_id_after(const struct bus_list_jobs *arguments, uint64_t id)
{
        size_t i = 0;

        while (i < arguments->id_count && arguments->ids[i] <= id)
                i++;
        return i;
}

static struct job_row *find_watched(struct list_jobs *list, uint64_t id)
{
        size_t from = 0, to = list->watched_count;

        while (from < to) {
                size_t middle = from + (to - from) / 2;
                if (list->watched[middle].watched.id < id)
                        from = middle + 1;
                else
                        to = middle;
        }
        return from < list->watched_count && list->watched[from].watched.id == id ? &list->watched[from]
                                                                                  : NULL;
}

static void trim(struct job_record *record)
{
        control_cut_text(&record->status, LIST_TEXT_MAX);
        control_cut_text(&record->description, LIST_TEXT_MAX);
        control_cut_text(&record->business, LIST_TEXT_MAX);
        control_cut_text(&record->result, LIST_RESULT_MAX);
}

static size_t texts_size(const struct job_row *row)
{
        const struct job_record *record = &row->stored.record;

        return record->status.size + record->description.size + record->business.size + record->result.size;
}

/* Called on the writer's thread. */
static int take_stored(void *userdata, struct listed_job *job)
{
        struct list_jobs *list = userdata;
        struct job_row *row = find_watched(list, job->record.id);

        if (row == NULL && (job->sections.data != NULL || list->base.control->parts->monitor == NULL))
                row = &list->others[list->other_count++];
        if (row == NULL)
                return 0;
        job_row_store(row, job);
        trim(&row->stored.record);
        list->has_open = list->has_open || row->stored.outcome == OUTCOME_OPEN;
        list->bytes += texts_size(row);
        return list->bytes >= REPLY_BYTES_MAX;
}

/* An earlier call may have left rows. */
static void forget_stored(struct list_jobs *list)
{
        rows_clear(list->others, &list->other_count);
        list->bytes = 0;
        for (size_t i = 0; i < list->watched_count; i++) {
                listed_job_clear(&list->watched[i].stored);
                list->watched[i].is_stored = false;
        }
}

static int read_wanted(struct list_jobs *list, struct store *store, uint64_t *ret_last)
{
        const struct bus_list_jobs *arguments = list->arguments;
        int r = 0;

        for (size_t i = first_id_after(arguments, list->after); r == 0 && i < arguments->id_count; i++) {
                uint64_t id = arguments->ids[i];

                if (id > list->until)
                        break;
                r = store_list_jobs(store, id - 1, id, 2, ret_last, take_stored, list);
        }
        return r;
}

static int run(struct state_operation *operation, struct store *store)
{
        struct list_jobs *list = CONTAINER_OF(operation, struct list_jobs, base.operation);
        uint64_t last = list->after;

        forget_stored(list);
        int r = list->arguments->ids != NULL ? read_wanted(list, store, &last)
                                             : store_list_jobs(store, list->after, list->until, ROUND_MAX,
                                                               &last, take_stored, list);
        if (r > 0)
                list->until = last;
        if (r < 0)
                return r;
        return list->has_open ? read_durations(store, &list->durations) : 0;
}

/* ---- the reply ---- */

static bool matches_state(const struct job_row *row, enum bus_job_state state)
{
        enum outcome outcome = job_row_outcome(row);

        switch (state) {
        case BUS_JOB_ANY:
                return true;
        case BUS_JOB_OPEN:
                return outcome == OUTCOME_OPEN;
        case BUS_JOB_ENDED:
                return outcome != OUTCOME_OPEN;
        case BUS_JOB_FAILED:
                return outcome == OUTCOME_FAILURE || outcome == OUTCOME_GONE;
        case BUS_JOB_FAILING:
                return row->is_watched && row->watched.failure != FAILURE_NONE;
        }
        return false;
}

static bool matches_patterns(const struct control *control, const struct job_row *row, char *const *patterns)
{
        const struct text *description = &row->stored.record.description;
        char id[24];

        if (patterns == NULL || *patterns == NULL)
                return true;
        const char *name = job_row_name(control, row);
        (void)snprintf(id, sizeof(id), "%" PRIu64, job_row_id(row));
        for (; *patterns != NULL; patterns++)
                if (glob_matches(*patterns, id, strlen(id)) ||
                    (name != NULL && glob_matches(*patterns, name, strlen(name))) ||
                    (description->data != NULL &&
                     glob_matches(*patterns, description->data, description->size)))
                        return true;
        return false;
}

static bool is_full(const struct list_jobs *list)
{
        return list->found == list->arguments->limit || list->found_bytes >= REPLY_BYTES_MAX;
}

static void put_row(struct list_jobs *list, const struct job_row *row)
{
        if (!matches_state(row, list->arguments->state) ||
            !matches_patterns(list->base.control, row, list->arguments->patterns))
                return;
        bus_row_begin(list->base.call);
        job_row_put(list->base.control, list->base.call, row, &list->durations);
        bus_row_end(list->base.call);
        list->found++;
        list->found_bytes += texts_size(row);
}

/* Merges the two lists of this round. */
static void put_rows(struct list_jobs *list)
{
        size_t w = 0, o = 0;

        while (!is_full(list)) {
                const struct job_row *watched = w < list->watched_count ? &list->watched[w] : NULL;
                const struct job_row *other = o < list->other_count ? &list->others[o] : NULL;
                bool is_other = other != NULL && (watched == NULL || job_row_id(other) < job_row_id(watched));
                const struct job_row *next = is_other ? other : watched;

                if (next == NULL || job_row_id(next) > list->until)
                        break;
                put_row(list, next);
                w += is_other ? 0 : 1;
                o += is_other ? 1 : 0;
        }
}

static void begin_round(struct list_jobs *list);

static void done(struct state_operation *operation, int r)
{
        struct list_jobs *list = CONTAINER_OF(operation, struct list_jobs, base.operation);

        if (r < 0) {
                control_fail_state(list->base.call, operation);
                list_free(list);
                return;
        }
        put_rows(list);
        list->after = list->until;
        if (!is_full(list) && list->until != UINT64_MAX) {
                begin_round(list);
                return;
        }
        bus_rows_end(list->base.call);
        bus_call_send(list->base.call);
        list_free(list);
}

/* ---- rounds ---- */

static void watch(struct list_jobs *list, const struct watched_job *job)
{
        job_row_watch(&list->watched[list->watched_count++], job);
}

/* Copies the jobs that are in memory and among the next ids that are wanted. */
static void copy_wanted(struct list_jobs *list)
{
        const struct bus_list_jobs *arguments = list->arguments;
        size_t first = first_id_after(arguments, list->after);
        size_t last = arguments->id_count - first > ROUND_MAX ? first + ROUND_MAX : arguments->id_count;

        for (size_t i = first; i < last; i++) {
                struct watched_job job;

                if (control_find_job(list->base.control, arguments->ids[i], &job))
                        watch(list, &job);
        }
        list->until = last < arguments->id_count ? arguments->ids[last - 1] : UINT64_MAX;
}

/* Copies the next jobs that are in memory. */
static void copy_next(struct list_jobs *list)
{
        CLEANUP(cleanup_free) struct watched_job *jobs = memory_need(calloc(ROUND_MAX, sizeof(*jobs)));

        size_t count = control_list_watched(list->base.control, list->after, jobs, ROUND_MAX);
        for (size_t i = 0; i < count; i++)
                watch(list, &jobs[i]);
        list->until = count == ROUND_MAX ? jobs[count - 1].id : UINT64_MAX;
}

static void begin_round(struct list_jobs *list)
{
        rows_clear(list->watched, &list->watched_count);
        rows_clear(list->others, &list->other_count);
        if (list->arguments->ids != NULL)
                copy_wanted(list);
        else
                copy_next(list);
        control_list_read(&list->base);
}

void control_list_jobs(struct bus_call *call)
{
        struct list_jobs *list = control_list_new(call, sizeof(*list), run, done);

        list->arguments = &bus_call_arguments(call)->list_jobs;
        list->after = list->arguments->after;
        bus_rows_begin(call);
        begin_round(list);
}
