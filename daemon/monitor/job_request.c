/* SPDX-License-Identifier: MIT */

/*
 *      request ──> operation: committed ──> take effect ──> done()
 *                      ^            └── a reload is being prepared ──> wait for its end ──┐
 *                      └──────────────────────────────────────────────────────────────────┘
 *
 * A reload has compared the table with another configuration, so the table must not change until it is over.
 * Then the request is committed again, since it may mean something else with the other configuration, and
 * what was read of the jobs may be old.
 */

#include "monitor/job_request.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "journal/event_message.h"
#include "monitor/discover.h"
#include "monitor/discover_restart.h"
#include "monitor/job.h"
#include "monitor/manual.h"
#include "monitor/requests.h"
#include "util/cleanup.h"
#include "util/container.h"
#include "util/memory.h"
#include "util/message.h"

/* About one job. */
struct item {
        uint64_t id;
        struct job *job;  /* to be added, with what is recorded of it; or one that was removed. Owned */
        bool was_watched; /* to be added: because of the configuration. To be removed: it is known */
        bool is_kept;     /* to be removed: as such; otherwise what was asked for is only forgotten */
        bool is_skipped;  /* to be removed, since it ended long ago, and added again in the meantime */
};

struct job_request {
        struct state_operation operation;
        struct monitor *monitor;
        struct job_request *next; /* see `waiting` in poll_state.h */
        bool adds;
        bool by_user; /* otherwise time did it */
        uid_t uid;
        uint64_t now_us;  /* CLOCK_BOOTTIME of the request */
        unsigned reloads; /* as of the monitor when it was queued: other jobs may be listed since */
        char *name, *hooks;
        job_request_handler done;
        void *userdata;
        uint64_t unknown;

        size_t count;
        struct item *items;
        struct manual_job *put; /* what is stored of all that are added, or of the first that are kept */
        size_t put_count;
        enum job_was *was;
};

static struct job_request *request_free(struct job_request *request)
{
        if (request == NULL)
                return NULL;
        for (size_t i = 0; i < request->count; i++) {
                job_free(request->items[i].job);
                manual_job_clear(&request->put[i]);
        }
        free(request->name);
        free(request->hooks);
        free(request->items);
        free(request->put);
        free(request->was);
        free(request);
        return NULL;
}

DEFINE_CLEANUP(struct job_request, request_free)

/* ---- on the writer's thread ---- */

/* What was asked for about a job is added to what is stored; a damaged row is replaced. */
static int run_addition(const struct job_request *request, const struct item *item, struct store *store,
                        struct manual_job *ret_merged)
{
        CLEANUP(manual_job_clear) struct manual_job before = MANUAL_JOB_NONE;
        const struct job_memory *memory = &item->job->planning.watch.memory;

        int r = store_get_manual(store, item->id, &before);
        if (r < 0 && r != -EUCLEAN)
                return r;
        int loaded = job_load(item->job, store, request->now_us);
        if (loaded < 0)
                return loaded;
        const struct manual_job added = {
                .id = item->id,
                .name = request->name,
                .hooks = request->hooks,
                .again = memory->recorded && outcome_is_terminal(memory->outcome),
                .since_us = (int64_t)request->now_us,
        };
        manual_job_merge(r > 0 ? &before : NULL, &added, item->was_watched, ret_merged);
        return 0;
}

static int addition_run(struct state_operation *operation, struct store *store)
{
        struct job_request *request = CONTAINER_OF(operation, struct job_request, operation);
        int r = 0;

        if (request->name != NULL)
                r = store_find_manual_name(store, request->name, request->items[0].id, &request->unknown);
        if (r > 0)
                return -EEXIST;
        for (size_t i = 0; i < request->count && r >= 0; i++)
                r = run_addition(request, &request->items[i], store, &request->put[i]);
        return r < 0 ? r : store_change_manual(store, request->put, request->count, NULL, 0);
}

static int is_known(struct store *store, const struct item *item)
{
        CLEANUP(manual_job_clear) struct manual_job manual = MANUAL_JOB_NONE;
        struct stored_job job;

        if (item->was_watched)
                return 1;
        int r = store_get_job(store, item->id, &job);
        return r == 0 ? store_get_manual(store, item->id, &manual) : r;
}

/* It was added once more, after it was found to have ended long ago. */
static bool is_read_again(struct store *store, uint64_t id)
{
        CLEANUP(manual_job_clear) struct manual_job manual = MANUAL_JOB_NONE;

        return store_get_manual(store, id, &manual) > 0 && manual.again;
}

static int removal_run(struct state_operation *operation, struct store *store)
{
        struct job_request *request = CONTAINER_OF(operation, struct job_request, operation);
        CLEANUP(cleanup_free) uint64_t *dropped = memory_need(calloc(request->count + 1, sizeof(*dropped)));
        size_t count = 0;

        for (size_t i = 0; i < request->count; i++) {
                struct item *item = &request->items[i];
                int r = is_known(store, item);

                if (r == 0) {
                        request->unknown = item->id;
                        return -ENOENT;
                }
                if (r < 0 && r != -EUCLEAN)
                        return r;
                item->is_skipped = !request->by_user && is_read_again(store, item->id);
                if (!item->is_kept && !item->is_skipped)
                        dropped[count++] = item->id;
        }
        return store_change_manual(store, request->put, request->put_count, dropped, count);
}

/* ---- taking effect: additions ---- */

/* Returns what it was. */
static enum job_was add_job(struct monitor *monitor, struct item *item, struct manual_job *manual)
{
        bool was_removed = manual_jobs_exclude(&monitor->manual, item->id);
        struct job *job = job_table_find(&monitor->jobs, item->id);
        enum job_was was;
        uint64_t now_us = monitor_now_us(monitor);

        if (job != NULL) {
                was = planner_job_is_over(&job->planning) ? JOB_ENDED : JOB_WATCHED;
        } else {
                job = STEAL_POINTER(item->job);
                was = planner_job_is_over(&job->planning) ? JOB_ENDED : JOB_NEW;
                job->planning.unwatched = true;
                monitor_add_job(monitor, job);
                planner_start_job(monitor->planner, &job->planning, now_us, 0);
        }
        manual_describe(monitor, manual, job);
        manual_jobs_put(&monitor->manual, manual);
        if (was == JOB_ENDED)
                planner_poll_job(monitor->planner, &job->planning, now_us);
        return was_removed ? JOB_REMOVED : was;
}

static void log_added(const struct job_request *request, const struct job *job, enum job_was was)
{
        CLEANUP(cleanup_free) char *label = job_label(job->planning.id, job->name);
        CLEANUP(cleanup_free)
        char *hooks = request->hooks != NULL ? format_message(" with hooks %s", request->hooks) : NULL;
        const struct journal_delivery about = { .job_id = job->planning.id,
                                                .job_name = job->name,
                                                .uid = &request->uid };
        static const char *const befores[] = {
                [JOB_NEW] = "",
                [JOB_WATCHED] = "; it was watched already",
                [JOB_ENDED] = "; it has ended and is read once more",
                [JOB_REMOVED] = "; it had been removed",
        };

        journal_print_delivery(request->monitor->parts.journal, LOG_NOTICE, NULL, &about,
                               "%s: added by user %u%s%s.", label, (unsigned)request->uid,
                               hooks != NULL ? hooks : "", befores[was]);
}

static void make_additions(struct job_request *request)
{
        struct monitor *monitor = request->monitor;

        for (size_t i = 0; i < request->count; i++) {
                uint64_t id = request->items[i].id;

                request->was[i] = add_job(monitor, &request->items[i], &request->put[i]);
                log_added(request, job_table_find(&monitor->jobs, id), request->was[i]);
        }
}

/* ---- taking effect: removals ---- */

static void log_removed(const struct job_request *request, const struct item *item)
{
        const struct job *job = item->job;
        CLEANUP(cleanup_free) char *label = job_label(item->id, job != NULL ? job->name : NULL);
        const struct journal_delivery about = { .job_id = item->id,
                                                .job_name = job != NULL ? job->name : NULL,
                                                .uid = request->by_user ? &request->uid : NULL };

        if (request->by_user)
                journal_print_delivery(request->monitor->parts.journal, LOG_NOTICE, NULL, &about,
                                       "%s: removed by user %u; it is not polled any more.", label,
                                       (unsigned)request->uid);
        else
                journal_print_delivery(request->monitor->parts.journal, LOG_DEBUG, NULL, &about,
                                       "%s: ended long ago; it is no longer watched.", label);
}

/* Whether the configuration wants it watched, which a removal that is not kept does not change. */
static bool is_configured(const struct job *job)
{
        return job->listed || (job->discovery != NULL && !planner_job_is_over(&job->planning));
}

static void remove_job(struct monitor *monitor, struct item *item)
{
        struct job *job = job_table_find(&monitor->jobs, item->id);

        if (job == NULL)
                return;
        job->added = job->again = false;
        if (!item->is_kept && is_configured(job))
                return;
        if (job->discovery != NULL)
                discover_forget(monitor, job);
        planner_remove_job(monitor->planner, &job->planning);
        job_table_remove(&monitor->jobs, job);
        job_free(item->job);
        item->job = job;
}

static void make_removals(struct job_request *request)
{
        struct monitor *monitor = request->monitor;

        for (size_t i = 0; i < request->put_count; i++)
                manual_jobs_put(&monitor->manual, &request->put[i]);
        for (size_t i = 0; i < request->count; i++) {
                if (request->items[i].is_skipped)
                        continue;
                if (!request->items[i].is_kept)
                        manual_jobs_drop(&monitor->manual, request->items[i].id);
                remove_job(monitor, &request->items[i]);
                log_removed(request, &request->items[i]);
        }
        requests_drop_removed(monitor);
}

/* ---- the end ---- */

static void take_effect(struct job_request *request)
{
        struct monitor *monitor = request->monitor;
        const struct job_request_end end = { .was = request->was };

        if (request->adds)
                make_additions(request);
        else
                make_removals(request);
        manual_follow_config(monitor);
        discover_recount(monitor);
        monitor_poll_soon(monitor);
        if (request->done != NULL)
                request->done(request->userdata, &end);
        request_free(request);
}

static void queue_request(struct job_request *request);

static void request_done(struct state_operation *operation, int r)
{
        CLEANUP(cleanup_request_free)
        struct job_request *request = CONTAINER_OF(operation, struct job_request, operation);
        struct job_request **last = &request->monitor->waiting;
        const struct job_request_end failure = { .r = r,
                                                 .error = operation->error,
                                                 .unknown = request->unknown };

        if (r < 0) {
                if (request->done != NULL)
                        request->done(request->userdata, &failure);
                return;
        }
        if (request->monitor->changes.config == NULL) {
                if (request->reloads == request->monitor->reloads)
                        take_effect(STEAL_POINTER(request));
                else
                        queue_request(STEAL_POINTER(request));
                return;
        }
        while (*last != NULL)
                last = &(*last)->next;
        *last = STEAL_POINTER(request);
}

/* ---- requests ---- */

static struct job_request *request_new(struct monitor *monitor, const uint64_t ids[], size_t count)
{
        struct job_request *request = memory_need(calloc(1, sizeof(*request)));

        request->monitor = monitor;
        request->now_us = monitor_now_us(monitor);
        request->count = count;
        request->items = memory_need(calloc(count + 1, sizeof(*request->items)));
        request->put = memory_need(calloc(count + 1, sizeof(*request->put)));
        for (size_t i = 0; i < count; i++)
                request->items[i].id = ids[i];
        return request;
}

/* Whether the configuration says that the job is watched. */
static bool is_watched(const struct monitor *monitor, uint64_t id)
{
        const struct job *job = job_table_find(&monitor->jobs, id);

        return manual_find_listed(monitor->parts.config, id) != NULL ||
               (job != NULL && job->discovery != NULL && !job_is_undecided(job));
}

/* How a removal of the job is stored: it returns false if there is nothing to keep. */
static bool kind_of_removal(const struct monitor *monitor, uint64_t id, enum manual_kind *ret_kind)
{
        const struct manual_job *manual = manual_jobs_find(&monitor->manual, id);
        const struct job *job = job_table_find(&monitor->jobs, id);

        if (manual != NULL && !manual_job_is_added(manual))
                *ret_kind = manual->kind;
        else if (manual_find_listed(monitor->parts.config, id) != NULL)
                *ret_kind = job != NULL && job->discovery != NULL ? MANUAL_EXCLUDED : MANUAL_REMOVED;
        else if (job != NULL && job->discovery != NULL)
                *ret_kind = MANUAL_DISMISSED;
        else
                return false;
        return true;
}

static void plan_removal(struct job_request *request, struct item *item)
{
        struct monitor *monitor = request->monitor;
        struct manual_job *put = &request->put[request->put_count];

        item->was_watched = job_table_find(&monitor->jobs, item->id) != NULL ||
                            manual_jobs_find(&monitor->manual, item->id) != NULL;
        item->is_kept = request->by_user && kind_of_removal(monitor, item->id, &put->kind);
        if (!item->is_kept)
                return;
        put->id = item->id;
        request->put_count++;
}

/* By what the configuration says now. */
static void queue_request(struct job_request *request)
{
        request->reloads = request->monitor->reloads;
        request->put_count = 0;
        for (size_t i = 0; i < request->count; i++)
                if (request->adds)
                        request->items[i].was_watched = is_watched(request->monitor, request->items[i].id);
                else
                        plan_removal(request, &request->items[i]);
        request->operation = (struct state_operation){ .run = request->adds ? addition_run : removal_run,
                                                       .done = request_done };
        state_queue(request->monitor->parts.state, &request->operation);
}

void job_requests_continue(struct monitor *monitor)
{
        struct job_request *request;

        while ((request = monitor->waiting) != NULL) {
                monitor->waiting = request->next;
                request->next = NULL;
                queue_request(request);
        }
}

void monitor_add_jobs(struct monitor *monitor, const struct job_addition *addition, job_request_handler done,
                      void *userdata)
{
        struct job_request *request = request_new(monitor, addition->ids, addition->count);

        request->adds = request->by_user = true;
        request->uid = addition->uid;
        request->done = done;
        request->userdata = userdata;
        request->was = memory_need(calloc(addition->count + 1, sizeof(*request->was)));
        request->name = addition->name != NULL ? memory_need(strdup(addition->name)) : NULL;
        request->hooks = addition->hooks != NULL ? memory_need(strdup(addition->hooks)) : NULL;
        for (size_t i = 0; i < request->count; i++) {
                const struct manual_job manual = { .id = addition->ids[i],
                                                   .name = request->name,
                                                   .hooks = request->hooks };

                request->items[i].job = added_job_new(monitor->parts.config, &manual);
        }
        queue_request(request);
}

void monitor_remove_jobs(struct monitor *monitor, const uint64_t ids[], size_t count, uid_t uid,
                         job_request_handler done, void *userdata)
{
        struct job_request *request = request_new(monitor, ids, count);

        request->by_user = true;
        request->uid = uid;
        request->done = done;
        request->userdata = userdata;
        queue_request(request);
}

void job_requests_expire(struct monitor *monitor, const uint64_t ids[], size_t count)
{
        struct job_request *request = request_new(monitor, ids, count);

        queue_request(request);
}

/* ---- polls ---- */

static void log_poll(struct monitor *monitor, const uint64_t ids[], size_t count, size_t due, uid_t uid)
{
        const struct job *job = count == 1 ? job_table_find(&monitor->jobs, ids[0]) : NULL;
        const struct journal_delivery about = { .job_id = job != NULL ? ids[0] : 0,
                                                .job_name = job != NULL ? job->name : NULL,
                                                .uid = &uid };

        journal_print_delivery(monitor->parts.journal, LOG_INFO, NULL, &about,
                               "Polling %zu job%s now, as user %u has asked.", due, plural(due),
                               (unsigned)uid);
}

int monitor_poll_jobs(struct monitor *monitor, const uint64_t ids[], size_t count, uid_t uid,
                      uint64_t *ret_unknown)
{
        uint64_t now_us = monitor_now_us(monitor);
        size_t due = 0;

        for (size_t i = 0; i < count; i++)
                if (job_table_find(&monitor->jobs, ids[i]) == NULL) {
                        *ret_unknown = ids[i];
                        return -ENOENT;
                }
        for (size_t i = 0; i < count; i++, due++)
                planner_poll_job(monitor->planner, &job_table_find(&monitor->jobs, ids[i])->planning, now_us);
        for (size_t i = 0; count == 0 && i < monitor->jobs.count; i++) {
                struct job *job = monitor->jobs.jobs[i];

                if (planner_job_is_over(&job->planning))
                        continue;
                planner_poll_job(monitor->planner, &job->planning, now_us);
                due++;
        }
        log_poll(monitor, ids, count, due, uid);
        monitor_poll_soon(monitor);
        return 0;
}
