/* SPDX-License-Identifier: MIT */

/*
 * The disk: a store in memory, whose transactions fail as a whole while it is full and now and then. What is
 * written to it is what the daemon reports.
 */

#include "sim.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static struct sim *sim_of(const struct store *store)
{
        return (struct sim *)(uintptr_t)store;
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

void disk_clear(struct sim *sim)
{
        values_clear(sim);
        free(sim->recorded);
        for (size_t i = 0; i < sim->job_count; i++)
                free(sim->jobs[i].sections);
}

/* ---- pruning ---- */

static bool is_configured(const struct sim_job *job, const struct store_configured *configured)
{
        for (size_t i = 0; i < configured->job_count; i++)
                if (configured->jobs[i] == job->id)
                        return true;
        return manual_job_is_added(&job->manual) && job->manual.id != 0;
}

/* Of discovered jobs, as soon as they cannot be new ones: worlds do not last as long as seven days. */
static bool may_forget(const struct sim_job *job, const struct store_configured *configured)
{
        bool is_new = configured->discovered_form != job->created_form ||
                      job->created_ticks > configured->discovered_ticks;

        return job->stored.id != 0 && job->sections != NULL && job->manual.id == 0 && !is_new &&
               !is_configured(job, configured) && !job->watched.in_file && !job->watched.asked &&
               (job->stored.outcome == OUTCOME_SUCCESS || job->stored.outcome == OUTCOME_FAILURE);
}

int store_prune(struct store *store, uint64_t now_us, uint64_t age_us,
                const struct store_configured *configured)
{
        struct sim *sim = sim_of(store);

        (void)now_us;
        (void)age_us;
        for (size_t i = 0; i < sim->job_count && sim->changes.present && sim->disk_error == 0; i++) {
                struct sim_job *job = &sim->jobs[i];
                bool is_discovered = job->sections != NULL && job->stored.outcome == OUTCOME_OPEN &&
                                     (job->manual.id == 0 || job->manual.kind != MANUAL_DISMISSED);

                job->stored.unwatched = !is_configured(job, configured) && !is_discovered;
                if (!may_forget(job, configured))
                        continue;
                job->stored = (struct stored_job){ .id = 0 };
                free(job->sections);
                job->sections = NULL;
                job->watched.pruned = true;
                sim->figures.pruned++;
        }
        return sim->disk_error;
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
