/* SPDX-License-Identifier: MIT */

/*
 * The disk: a store in memory, whose transactions fail as a whole while it is full and now and then, and a
 * writer that takes some time for what is queued. What is written to it is what the daemon reports.
 */

#include "sim.h"

#include <errno.h>
#include <search.h>
#include <stdlib.h>
#include <string.h>

#include "platform/worker.h"

static struct sim *sim_of(const struct store *store)
{
        return (struct sim *)(uintptr_t)store;
}

/* ---- the writer ---- */

struct worker {
        struct worker_parts parts;
        struct work *queued, **queued_end, *finished, **finished_end;
        bool started;
        uint64_t run_us; /* when the present queue is executed and given back */
};

int worker_new(const struct worker_parts *parts, struct worker **ret_worker)
{
        struct worker *worker = calloc(1, sizeof(*worker));

        if (worker == NULL)
                return -ENOMEM;
        worker->parts = *parts;
        worker->queued_end = &worker->queued;
        worker->finished_end = &worker->finished;
        worker->run_us = USEC_NEVER;
        *ret_worker = simulated->writer = worker;
        return 0;
}

int worker_start(struct worker *worker)
{
        worker->started = true;
        return 0;
}

static uint64_t commit_span(struct sim *sim)
{
        if (sim->disk_slow_until_us > sim->now_us)
                return chance_span(sim, 0, DISK_SLOW_US);
        return chance_below(sim, 20 * USEC_PER_MSEC);
}

void worker_push(struct worker *worker, struct work *work)
{
        struct sim *sim = simulated;

        sim->pushed++;
        work->next = NULL;
        if (worker->run_us == USEC_NEVER)
                worker->run_us = sim->now_us + (worker->started ? commit_span(sim) : 0);
        if (!worker->started) {
                worker->parts.execute(worker->parts.userdata, work);
                return;
        }
        *worker->queued_end = work;
        worker->queued_end = &work->next;
}

void worker_finish(struct worker *worker, struct work *work)
{
        work->next = NULL;
        *worker->finished_end = work;
        worker->finished_end = &work->next;
}

bool worker_is_idle(const struct worker *worker)
{
        return worker->queued == NULL && worker->finished == NULL;
}

static void execute(struct worker *worker)
{
        struct work *list = worker->queued;

        worker->queued = NULL;
        worker->queued_end = &worker->queued;
        worker->run_us = USEC_NEVER;
        if (list != NULL)
                worker->parts.execute(worker->parts.userdata, list);
}

static void give_back(struct worker *worker)
{
        struct work *list = worker->finished;

        worker->finished = NULL;
        worker->finished_end = &worker->finished;
        while (list != NULL) {
                struct work *work = list;

                list = work->next;
                simulated->executed++;
                work->done(work);
        }
}

bool writer_run(struct sim *sim)
{
        struct worker *worker = sim->writer;

        if (worker->run_us > sim->now_us)
                return false;
        if (sim->crash != CRASH_BEFORE_COMMIT)
                execute(worker);
        if (sim->crash != CRASH_NONE) {
                daemon_crash(sim);
                return true;
        }
        give_back(worker);
        api_settle(sim);
        if (!sim->failed && sim->executed == sim->pushed &&
            (sim->handed != sim->last_sequence ||
             (sim->journaled != sim->last_sequence && !sim->journal_behind)))
                sim_fail(sim, NULL, "recorded, and neither logged nor given to the outbox");
        return true;
}

void writer_finish(struct sim *sim)
{
        while (!worker_is_idle(sim->writer)) {
                execute(sim->writer);
                give_back(sim->writer);
        }
}

uint64_t writer_next_us(const struct sim *sim)
{
        return sim->writer->run_us;
}

struct worker *worker_free(struct worker *worker)
{
        writer_finish(simulated);
        simulated->writer = NULL;
        free(worker);
        return NULL;
}

/* ---- transactions ---- */

int store_open(const char *directory, char **ret_message, struct store **ret_store)
{
        (void)directory;
        (void)ret_message;
        *ret_store = (struct store *)simulated;
        return 0;
}

struct store *store_close(struct store *store)
{
        (void)store;
        return NULL;
}

const char *store_error(const struct store *store)
{
        return strerror(-sim_of(store)->disk_error);
}

/* Decided at the beginning, so that nothing has to be undone. With a full disk, room may have been made. */
int store_batch_begin(struct store *store)
{
        struct sim *sim = sim_of(store);

        sim->disk_error = 0;
        if (sim->disk_full_until_us > sim->now_us && !chance_permille(sim, 50))
                sim->disk_error = -ENOSPC;
        else if (sim->disk_dead || chance_permille(sim, sim->disk_fail_permille))
                sim->disk_error = -EIO;
        return 0;
}

int store_batch_end(struct store *store, bool keep)
{
        (void)keep;
        return sim_of(store)->disk_error;
}

bool store_batch_is_full(const struct store *store)
{
        return chance_permille(sim_of(store), 10);
}

bool store_disk_is_low(const struct store *store)
{
        return sim_of(store)->disk_full_until_us > sim_of(store)->now_us;
}

/* ---- jobs ---- */

static struct sim_job *find_job(struct sim *sim, uint64_t id)
{
        return &sim->jobs[id - sim->jobs[0].id];
}

int store_get_job(struct store *store, uint64_t id, struct stored_job *ret_job)
{
        *ret_job = find_job(sim_of(store), id)->stored;
        return ret_job->id != 0;
}

int store_fill_event(struct store *store, struct event *event)
{
        event->first_observation = event_kind_is_of_api(event->kind) ||
                                   find_job(sim_of(store), event->record.id)->stored.id == 0;
        return 0;
}

/* The change is found again: by requests that would not be made otherwise. */
static int refuse(struct sim *sim, struct sim_job *job, bool is_event)
{
        if (!job->refused && !sim->disk_dead) {
                job->refused = true;
                job->read_version = 0;
                job->due_on = false; /* it is found again by a poll */
                job->excuses += 2;
                job->quick += is_event;
                job->allowance_us += job->reported_gone ? USEC_PER_HOUR : 0;
        }
        return chance_permille(sim, 500) ? sim->disk_error : 0; /* in the end it is not committed */
}

static void keep_record(struct sim_job *job, const struct job_record *record)
{
        job->stored.result = text_digest(&record->result);
        job->stored.result_unread = !record->has_result;
        job->stored.updated_on = text_digest(&record->updated_on);
}

int store_update_job(struct store *store, const struct job_record *record)
{
        struct sim *sim = sim_of(store);
        struct sim_job *job = find_job(sim, record->id);

        if (sim->disk_error < 0)
                return refuse(sim, job, false);
        check_read(sim, job, record);
        keep_record(job, record);
        return 0;
}

/* ---- discovered jobs ---- */

int store_put_discovered(struct store *store, const struct stored_discovery *discovery)
{
        struct sim *sim = sim_of(store);
        struct sim_job *job = find_job(sim, discovery->job);

        if (sim->disk_error < 0)
                return refuse(sim, job, true);
        free(job->sections);
        job->sections = strdup(discovery->sections);
        job->created_ticks = discovery->created_ticks;
        job->created_form = discovery->created_form;
        return job->sections != NULL ? 0 : -ENOMEM;
}

int store_drop_discovered(struct store *store, uint64_t id)
{
        struct sim *sim = sim_of(store);
        struct sim_job *job = find_job(sim, id);

        if (sim->disk_error < 0)
                return sim->disk_error;
        free(job->sections);
        job->sections = NULL;
        return 0;
}

int store_each_discovered(struct store *store, discovery_handler handler, void *userdata)
{
        struct sim *sim = sim_of(store);
        int r = 0;

        for (size_t i = 0; i < sim->job_count && r >= 0; i++) {
                const struct sim_job *job = &sim->jobs[i];
                const struct stored_discovery discovery = { job->id, job->sections, job->created_ticks,
                                                            job->created_form, job->stored.outcome };

                if (job->sections != NULL)
                        r = handler(userdata, &discovery);
        }
        return r;
}

/* ---- jobs that were added or removed at run time ---- */

int store_change_manual(struct store *store, const struct manual_job put[], size_t put_count,
                        const uint64_t dropped[], size_t dropped_count)
{
        struct sim *sim = sim_of(store);

        if (sim->disk_error < 0)
                return sim->disk_error;
        for (size_t i = 0; i < put_count; i++) {
                struct sim_job *job = find_job(sim, put[i].id);

                job->manual =
                        (struct manual_job){ .id = put[i].id, .kind = put[i].kind, .again = put[i].again };
        }
        for (size_t i = 0; i < dropped_count; i++)
                find_job(sim, dropped[i])->manual = MANUAL_JOB_NONE;
        return 0;
}

int store_manual_read(struct store *store, uint64_t id)
{
        struct sim *sim = sim_of(store);

        if (sim->disk_error < 0)
                return sim->disk_error;
        find_job(sim, id)->manual.again = false;
        return 0;
}

int store_find_manual_name(struct store *store, const char *name, uint64_t except, uint64_t *ret_job)
{
        (void)store;
        (void)name;
        (void)except;
        (void)ret_job;
        return 0;
}

int store_get_manual(struct store *store, uint64_t id, struct manual_job *ret_manual)
{
        *ret_manual = find_job(sim_of(store), id)->manual;
        return ret_manual->id != 0;
}

int store_each_manual(struct store *store, manual_handler handler, void *userdata)
{
        struct sim *sim = sim_of(store);
        int r = 0;

        for (size_t i = 0; i < sim->job_count && r >= 0; i++) {
                struct manual_job manual = sim->jobs[i].manual;

                if (manual.id != 0)
                        r = handler(userdata, &manual);
        }
        return r;
}

/* ---- events ---- */

static struct recorded *add_recorded(struct sim *sim)
{
        size_t marked = 0;

        while (marked < sim->recorded_count && sim->recorded[marked].marked)
                marked++;
        if (marked > sim->recorded_count / 2) {
                sim->recorded_count -= marked;
                memmove(sim->recorded, sim->recorded + marked, sim->recorded_count * sizeof(*sim->recorded));
        }
        if (sim->recorded_count == sim->recorded_room) {
                sim->recorded_room = sim->recorded_room * 2 + 64;
                sim->recorded = reallocarray(sim->recorded, sim->recorded_room, sizeof(*sim->recorded));
                if (sim->recorded == NULL)
                        abort();
        }
        return &sim->recorded[sim->recorded_count++];
}

static void record(struct sim *sim, struct event *event, size_t hook_count, uint64_t ret_deliveries[])
{
        struct recorded *recorded = add_recorded(sim);

        event->sequence = ++sim->last_sequence;
        *recorded = (struct recorded){ .sequence = event->sequence, .job_id = event->record.id };
        memcpy(recorded->id, event->id, sizeof(recorded->id));
        for (size_t i = 0; i < hook_count; i++)
                ret_deliveries[i] = recorded->delivery = ++sim->last_delivery;
}

int store_record_event(struct store *store, struct event *event, const char *const hooks[], size_t hook_count,
                       uint64_t ret_deliveries[])
{
        struct sim *sim = sim_of(store);

        (void)hooks;
        if (event_kind_is_of_api(event->kind)) {
                if (sim->disk_error == 0) {
                        check_api_event(sim, event->kind);
                        record(sim, event, hook_count, ret_deliveries);
                }
                return sim->disk_error;
        }
        struct sim_job *job = find_job(sim, event->record.id);
        if (sim->disk_error < 0)
                return refuse(sim, job, true);
        check_reported(sim, job, event);
        record(sim, event, hook_count, ret_deliveries);
        job->stored.stalled = event->kind == EVENT_STALLED;
        if (job->stored.stalled)
                return 0;
        job->stored.outcome = event->outcome;
        job->stored.changed_us = event->time_us;
        if (event->kind != EVENT_GONE || job->stored.id == 0) {
                job->stored.status = text_digest(&event->record.status);
                keep_record(job, &event->record);
        }
        job->stored.id = job->id;
        return 0;
}

int store_each_unlogged(struct store *store, uint64_t after, event_handler handler, void *userdata)
{
        struct sim *sim = sim_of(store);
        int r = 0;

        for (size_t i = 0; i < sim->recorded_count && r >= 0; i++) {
                const struct recorded *recorded = &sim->recorded[i];
                struct event event = { .sequence = recorded->sequence, .record.id = recorded->job_id };

                if (recorded->marked || recorded->sequence <= after)
                        continue;
                memcpy(event.id, recorded->id, sizeof(event.id));
                r = handler(userdata, &event);
        }
        return r;
}

int store_mark_logged(struct store *store, const char *const event_ids[], size_t count)
{
        struct sim *sim = sim_of(store);

        for (size_t i = 0; i < count && sim->disk_error == 0; i++)
                for (size_t j = 0; j < sim->recorded_count; j++)
                        if (strcmp(sim->recorded[j].id, event_ids[i]) == 0) {
                                sim->recorded[j].marked = true;
                                break;
                        }
        return sim->disk_error;
}

/* ---- values ---- */

struct value {
        const char *key;
        char *data;
        size_t size;
        char text[];
};

static int compare_keys(const void *left, const void *right)
{
        return strcmp(((const struct value *)left)->key, ((const struct value *)right)->key);
}

static struct value **find_value(const struct sim *sim, const char *key)
{
        const struct value wanted = { .key = key };

        return tfind(&wanted, &sim->values, compare_keys);
}

const char *disk_value(const struct sim *sim, const char *key)
{
        struct value **found = find_value(sim, key);

        return found != NULL ? (*found)->data : NULL;
}

int store_put_value(struct store *store, const char *key, const void *data, size_t size)
{
        struct sim *sim = sim_of(store);
        size_t key_size = strlen(key) + 1;

        if (sim->disk_error < 0) {
                sim->value_lost = true;
                return sim->disk_error;
        }
        struct value **found = find_value(sim, key), *old = found != NULL ? *found : NULL;
        if (old != NULL)
                (void)tdelete(old, &sim->values, compare_keys);
        free(old);
        if (data == NULL)
                return 0;
        if (strcmp(key, "retry after") == 0)
                sim->pause_jumps = sim->wall_jumps;
        struct value *value = calloc(1, sizeof(*value) + key_size + size + 1);
        if (value == NULL)
                abort();
        value->key = memcpy(value->text, key, key_size);
        value->data = memcpy(value->text + key_size, data, size);
        value->size = size;
        return tsearch(value, &sim->values, compare_keys) != NULL ? 0 : -ENOMEM;
}

int store_get_value(struct store *store, const char *key, void **ret_data, size_t *ret_size)
{
        struct value **found = find_value(sim_of(store), key);

        if (found == NULL)
                return 0;
        *ret_data = calloc(1, (*found)->size + 1);
        if (*ret_data == NULL)
                return -ENOMEM;
        memcpy(*ret_data, (*found)->data, (*found)->size);
        *ret_size = (*found)->size;
        return 1;
}

void disk_clear(struct sim *sim)
{
        tdestroy(sim->values, free);
        free(sim->recorded);
        for (size_t i = 0; i < sim->job_count; i++)
                free(sim->jobs[i].sections);
}

/* ---- nothing grows old here ---- */

int store_prune(struct store *store, uint64_t now_us, uint64_t age_us,
                const struct store_configured *configured)
{
        (void)now_us;
        (void)age_us;
        (void)configured;
        return sim_of(store)->disk_error;
}

void store_set_max_size(struct store *store, uint64_t max_size)
{
        (void)store;
        (void)max_size;
}

int store_used_bytes(struct store *store, uint64_t *ret_bytes)
{
        (void)store;
        *ret_bytes = 0;
        return 0;
}

bool store_tidy(struct store *store)
{
        (void)store;
        return false;
}
