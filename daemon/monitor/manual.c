/* SPDX-License-Identifier: MIT */

/*
 * What the state has of jobs that were added or removed at run time is the same as in memory, except for
 * requests that are being committed. The removal of a listed job ends when it is not listed any more, that of
 * a discovered one when it is listed, and an addition when `keep` has passed since it and the end of the job.
 */

#include "monitor/manual.h"

#include <errno.h>
#include <stdlib.h>

#include "monitor/job.h"
#include "platform/clock.h"
#include "util/cleanup.h"
#include "util/container.h"
#include "util/memory.h"
#include "util/timer.h"
#include "util/timespan.h"

#define EXPIRY_INTERVAL_US USEC_PER_HOUR

/* ---- the state ---- */

/* Changes that may be lost: they are made again. */
struct upkeep {
        struct state_operation operation;
        bool reads; /* the jobs were read once more; otherwise forgets them */
        size_t count;
        uint64_t *ids;
        size_t put_count;
        struct manual_job *put; /* what is stored of others; without texts */
};

static int upkeep_run(struct state_operation *operation, struct store *store)
{
        const struct upkeep *upkeep = CONTAINER_OF(operation, struct upkeep, operation);
        int r = 0;

        if (!upkeep->reads)
                return store_change_manual(store, upkeep->put, upkeep->put_count, upkeep->ids, upkeep->count);
        for (size_t i = 0; i < upkeep->count && r >= 0; i++)
                r = store_manual_read(store, upkeep->ids[i]);
        return r;
}

static void upkeep_free(struct upkeep *upkeep)
{
        free(upkeep->ids);
        free(upkeep->put);
        free(upkeep);
}

static void upkeep_done(struct state_operation *operation, int r)
{
        (void)r;
        upkeep_free(CONTAINER_OF(operation, struct upkeep, operation));
}

static struct upkeep *upkeep_new(const struct monitor *monitor, bool reads)
{
        struct upkeep *upkeep = memory_need(calloc(1, sizeof(*upkeep)));

        upkeep->ids = memory_need(calloc(monitor->manual.count + 1, sizeof(*upkeep->ids)));
        upkeep->put = memory_need(calloc(monitor->manual.count + 1, sizeof(*upkeep->put)));
        upkeep->operation = (struct state_operation){ .run = upkeep_run, .done = upkeep_done };
        upkeep->reads = reads;
        return upkeep;
}

static void upkeep_queue(const struct monitor *monitor, struct upkeep *upkeep)
{
        if (upkeep->count + upkeep->put_count > 0)
                state_queue(monitor->parts.state, &upkeep->operation);
        else
                upkeep_free(upkeep);
}

/* ---- as time passes ---- */

void manual_update(struct monitor *monitor)
{
        bool rereads = false;

        if (!monitor->rereads)
                return;
        struct upkeep *upkeep = upkeep_new(monitor, true);
        for (size_t i = 0; i < monitor->manual.count; i++) {
                struct manual_job *manual = &monitor->manual.jobs[i];
                struct job *job = manual->again ? job_table_find(&monitor->jobs, manual->id) : NULL;

                if (job == NULL || !job->planning.done) {
                        rereads |= job != NULL;
                        continue;
                }
                upkeep->ids[upkeep->count++] = manual->id;
                manual->again = job->again = false;
        }
        monitor->rereads = rereads;
        upkeep_queue(monitor, upkeep);
}

static bool has_expired(const struct monitor *monitor, const struct manual_job *manual, uint64_t now_us)
{
        const struct job *job = job_table_find(&monitor->jobs, manual->id);
        const int64_t until_us = (int64_t)now_us - (int64_t)monitor->parts.config->state_keep_us;

        return job != NULL && manual_job_is_added(manual) && !manual->again && manual->since_us <= until_us &&
               job->planning.done && job->commit == NULL &&
               outcome_is_terminal(job->planning.watch.memory.outcome) &&
               job->planning.watch.changed_us <= until_us;
}

static void on_expiry(void *userdata)
{
        struct monitor *monitor = userdata;
        uint64_t now_us = monitor_now_us(monitor);
        size_t count = 0;
        CLEANUP(cleanup_free)
        uint64_t *ids = memory_need(calloc(monitor->manual.count + 1, sizeof(*ids)));

        for (size_t i = 0; i < monitor->manual.count; i++)
                if (has_expired(monitor, &monitor->manual.jobs[i], now_us))
                        ids[count++] = monitor->manual.jobs[i].id;
        if (count > 0 && !monitor->stopped)
                job_requests_expire(monitor, ids, count);
        timer_start_at(monitor->expiry, now_us + EXPIRY_INTERVAL_US);
}

/* From the first job on that was added. */
static void watch_expiry(struct monitor *monitor)
{
        if (monitor->expiry != NULL)
                return;
        monitor->expiry = timer_new(monitor->parts.event, CLOCK_BOOTTIME, USEC_PER_SEC, on_expiry, monitor);
        timer_start(monitor->expiry, USEC_PER_SEC);
}

/* ---- the configuration ---- */

const struct job_config *manual_find_listed(const struct config *config, uint64_t id)
{
        for (size_t i = 0; i < config->job_count; i++)
                if (config->jobs[i].id == id)
                        return &config->jobs[i];
        return NULL;
}

static struct planner_settings describe_listed(const struct job_config *config,
                                               const struct manual_job *manual, struct job *job)
{
        const struct planner_settings settings = job_describe(job, job_new(config));

        added_job_extend(manual, job);
        return settings;
}

void manual_describe(struct monitor *monitor, const struct manual_job *manual, struct job *job)
{
        const struct config *config = monitor->parts.config;
        const struct job_config *listed = manual_find_listed(config, manual->id);
        const struct planner_settings settings =
                listed != NULL ? describe_listed(listed, manual, job) : added_job_update(config, manual, job);

        job->listed = listed != NULL;
        job->added = true;
        job->again = manual->again;
        watch_expiry(monitor);
        monitor->rereads |= manual->again;
        planner_update_job(monitor->planner, &job->planning, &settings, monitor_now_us(monitor));
}

void manual_follow_config(struct monitor *monitor)
{
        struct upkeep *upkeep = upkeep_new(monitor, false);
        struct manual_jobs *manual = &monitor->manual;

        for (size_t i = manual->count; i-- > 0;) {
                struct manual_job *job = &manual->jobs[i];
                bool listed = manual_find_listed(monitor->parts.config, job->id) != NULL;

                if (!listed && job->kind == MANUAL_EXCLUDED) {
                        job->kind = MANUAL_DISMISSED;
                        upkeep->put[upkeep->put_count++] =
                                (struct manual_job){ .id = job->id, .kind = MANUAL_DISMISSED };
                } else if (job->kind == (listed ? MANUAL_DISMISSED : MANUAL_REMOVED)) {
                        upkeep->ids[upkeep->count++] = job->id;
                        manual_jobs_drop(manual, job->id);
                }
        }
        upkeep_queue(monitor, upkeep);
}

/* ---- start ---- */

static int take_stored(void *userdata, struct manual_job *manual)
{
        struct monitor *monitor = userdata;
        int64_t age_us = (int64_t)clock_wall_us() - manual->since_us;

        /* As of all that is recorded: see job_load(). */
        manual->since_us = (int64_t)monitor_now_us(monitor) - (age_us > 0 ? age_us : 0);
        manual_jobs_put(&monitor->manual, manual);
        return 0;
}

int manual_load(struct monitor *monitor)
{
        struct store *store = state_store(monitor->parts.state);

        int r = store_each_manual(store, take_stored, monitor);
        if (r != -EUCLEAN)
                return r;
        journal_print(monitor->parts.journal, LOG_ERR, "Cannot read a job that was added at run time: %s.",
                      store_error(store));
        return 0; /* the others can be watched */
}

int manual_start(struct monitor *monitor)
{
        int r = 0;

        for (size_t i = 0; i < monitor->manual.count && r >= 0; i++) {
                const struct manual_job *manual = &monitor->manual.jobs[i];

                if (manual_job_is_added(manual) && job_table_find(&monitor->jobs, manual->id) == NULL) {
                        struct job *job = added_job_new(monitor->parts.config, manual);

                        job->added = true;
                        r = monitor_load_job(monitor, job);
                }
        }
        return r;
}

void manual_settle(struct monitor *monitor)
{
        for (size_t i = 0; i < monitor->manual.count; i++) {
                const struct manual_job *manual = &monitor->manual.jobs[i];
                struct job *job = job_table_find(&monitor->jobs, manual->id);

                if (job != NULL && manual_job_is_added(manual))
                        manual_describe(monitor, manual, job);
        }
        manual_follow_config(monitor);
}
