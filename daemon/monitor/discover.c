/* SPDX-License-Identifier: MIT */

/*
 * A row of a job that is not watched is judged by the sections. If it may be that of a new job, the job is
 * looked up in the state: one that the state knows is not new. Then it becomes a job of the table and is read
 * by its ID. If the row had not shown enough, the record decides whether it stays. Of jobs that were looked
 * up the IDs are kept.
 */

#include "monitor/discover.h"

#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdlib.h>

#include "monitor/job.h"
#include "planning/feed_rows.h"
#include "util/cleanup.h"
#include "util/container.h"
#include "util/memory.h"
#include "util/timespan.h"

#define JOBS_MAX 100000

/* After a look-up that failed. */
#define RETRY_US USEC_PER_SEC

/* ---- looking up ---- */

struct lookup {
        struct state_operation operation;
        struct monitor *monitor;
        struct job_record row;
        char *names; /* of sections; NULL: to be decided */
        bool again;
        bool known; /* the state knows the job */
        struct lookup *next;
        unsigned resets; /* as of the monitor then: the job is one of that API */
};

static struct lookup *lookup_free(struct lookup *lookup)
{
        if (lookup == NULL)
                return NULL;
        job_record_clear(&lookup->row);
        free(lookup->names);
        free(lookup);
        return NULL;
}

DEFINE_CLEANUP(struct lookup, lookup_free)

static int lookup_run(struct state_operation *operation, struct store *store)
{
        struct lookup *lookup = CONTAINER_OF(operation, struct lookup, operation);
        struct stored_job job;

        CLEANUP(manual_job_clear) struct manual_job manual = MANUAL_JOB_NONE;

        int r = store_get_job(store, lookup->row.id, &job);
        if (r == 0)
                r = store_get_manual(store, lookup->row.id, &manual); /* dismissed before its first event */
        lookup->known = r > 0 || r == -EUCLEAN;                       /* a damaged one is there, too */
        return r == -EUCLEAN ? 0 : r;
}

static void lookup_done(struct state_operation *operation, int r);

/* Watches a job from now on: it is read by its ID at once. */
static void watch(struct monitor *monitor, const struct lookup *lookup)
{
        const struct remote_time created = remote_time_parse(&lookup->row.created_on);
        const struct row_shown shown = row_shown_of(&lookup->row);
        uint64_t now_us = monitor_now_us(monitor);
        struct job *job = discovered_job_new(monitor->parts.config, lookup->row.id, &created,
                                             lookup->names != NULL ? lookup->names : "");

        if (lookup->names == NULL)
                job->planning.single_left = UCHAR_MAX; /* a row of a batch may show as little */
        monitor_add_job(monitor, job);
        monitor->discover.unrecorded++;
        monitor->discover.watched++;
        planner_start_job(monitor->planner, &job->planning, now_us, 0);
        planner_confirm_row(monitor->planner, &job->planning, &shown, &lookup->row, lookup->again, now_us);
}

static void queue_lookup(struct lookup *lookup)
{
        lookup->operation =
                (struct state_operation){ .run = lookup_run, .done = lookup_done, .only_reads = true };
        state_queue(lookup->monitor->parts.state, &lookup->operation);
}

/* Whether the job is new is not known. With `once` it is not found out either. */
static void take_failed(struct monitor *monitor, struct lookup *lookup)
{
        struct discover *discover = &monitor->discover;

        journal_print(monitor->parts.journal, monitor->parts.once ? LOG_ERR : LOG_DEBUG,
                      "Cannot look up job %" PRIu64 ": %s.", lookup->row.id, lookup->operation.error);
        if (monitor->parts.once) {
                monitor->unrecorded++;
                discover->looking_up--;
                lookup_free(lookup);
                return;
        }
        lookup->next = discover->failed_lookups;
        discover->failed_lookups = lookup;
        discover->retry_us = monitor_now_us(monitor) + RETRY_US;
}

static struct lookup *take_lookup(struct discover *discover)
{
        struct lookup *lookup = discover->failed_lookups;

        if (lookup != NULL)
                discover->failed_lookups = lookup->next;
        return lookup;
}

void discover_repeat_lookups(struct monitor *monitor)
{
        struct discover *discover = &monitor->discover;
        struct lookup *lookup;

        if (monitor_now_us(monitor) < discover->retry_us)
                return;
        discover->retry_us = USEC_NEVER;
        while ((lookup = take_lookup(discover)) != NULL)
                queue_lookup(lookup);
}

void discover_drop_lookups(struct monitor *monitor)
{
        struct lookup *lookup;

        while ((lookup = take_lookup(&monitor->discover)) != NULL) {
                monitor->discover.looking_up--;
                lookup_free(lookup);
        }
}

static void lookup_done(struct state_operation *operation, int r)
{
        CLEANUP(cleanup_lookup_free)
        struct lookup *lookup = CONTAINER_OF(operation, struct lookup, operation);
        struct monitor *monitor = lookup->monitor;
        const struct config *config = monitor->parts.config;

        monitor_poll_soon(monitor); /* also since it may be idle now */
        if (r < 0 && !monitor->stopped) {
                take_failed(monitor, STEAL_POINTER(lookup));
                return;
        }
        monitor->discover.looking_up--;
        if (monitor->stopped || lookup->known || lookup->resets != monitor->discover.resets ||
            job_table_find(&monitor->jobs, lookup->row.id) != NULL)
                return;
        if (lookup->names != NULL ? discovered_job_is_configured(config, lookup->names)
                                  : config->discover_count > 0)
                watch(monitor, lookup);
}

void discover_remember(struct monitor *monitor, uint64_t id, int64_t created_ticks)
{
        struct marked_set *known = &monitor->discover.known;

        if (known->count >= KNOWN_IDS_MAX && !marked_set_has(known, id))
                marked_set_clear(known);
        marked_set_put(known, KNOWN_IDS_MAX, id, created_ticks);
}

static void look_up(struct monitor *monitor, struct job_record *row, char *names, bool again)
{
        const struct remote_time created = remote_time_parse(&row->created_on);
        struct lookup *lookup = memory_need(calloc(1, sizeof(*lookup)));

        discover_remember(monitor, row->id, created.ticks);
        *lookup = (struct lookup){ .monitor = monitor,
                                   .row = *row,
                                   .names = names,
                                   .again = again,
                                   .resets = monitor->discover.resets };
        *row = (struct job_record){ 0 };
        monitor->discover.looking_up++;
        queue_lookup(lookup);
}

/* ---- rows ---- */

/* Whether there is room for another job; if not, that is logged. */
static bool has_room(struct monitor *monitor)
{
        struct discover *discover = &monitor->discover;
        bool room = discover->watched + discover->looking_up < JOBS_MAX;

        if (!room && !discover->limit_logged)
                journal_print(monitor->parts.journal, LOG_WARNING,
                              "%d discovered jobs are open. Further new jobs are not watched.", JOBS_MAX);
        discover->limit_logged = !room;
        return room;
}

void discover_want_round(struct monitor *monitor)
{
        if (monitor->discover.due_us == USEC_NEVER)
                monitor->discover.due_us = monitor_now_us(monitor);
}

/* Every row shows how new jobs are, even of jobs that are watched. */
static void note_created(struct monitor *monitor, const struct remote_time *created)
{
        struct discover *discover = &monitor->discover;

        for (size_t i = 0; i < discover->sections.count; i++) {
                struct discover_section *section = &discover->sections.sections[i];

                if (section->discovery.phase == DISCOVERY_NOT_BEGUN ||
                    discovery_note(&section->discovery, created))
                        continue;
                /* If that is so of most rows, the section begins anew with a round; otherwise the row is
                 * ignored. */
                discover->form_differs = true;
        }
}

void discover_take_row(struct monitor *monitor, struct job_record *row, bool again)
{
        const struct remote_time created = remote_time_parse(&row->created_on);
        char *names;

        note_created(monitor, &created);
        if (marked_set_has(&monitor->discover.known, row->id) ||
            job_table_find(&monitor->jobs, row->id) != NULL)
                return;
        if (discover_sections_judge(&monitor->discover.sections, row, false, &names) == DISCOVER_NOT_NEW)
                return;
        if (has_room(monitor))
                look_up(monitor, row, names, again);
        else
                free(names);
}

void discover_end_feed_page(struct monitor *monitor, enum feed_step step)
{
        monitor->discover.in_feed_round = step == FEED_NEXT_PAGE || step == FEED_AGAIN;
        if (step == FEED_ROUND_CUT || step == FEED_FAILED)
                discover_want_round(monitor);
}

/* ---- jobs to be decided ---- */

bool discover_decide(struct monitor *monitor, struct job *job, const struct job_record *record)
{
        enum discover_verdict verdict = DISCOVER_NOT_NEW;
        CLEANUP(cleanup_free) char *names = NULL;

        if (!job_is_undecided(job))
                return true;
        if (record != NULL)
                verdict = discover_sections_judge(&monitor->discover.sections, record,
                                                  job->planning.polled_us != 0, &names);
        if (verdict == DISCOVER_UNCLEAR) { /* the record is that of a row, which was believed */
                planner_start_job(monitor->planner, &job->planning, monitor_now_us(monitor), 0);
                return false;
        }
        if (verdict != DISCOVER_NEW) {
                job->discovery->rejected = true;
                monitor->discover.some_ended = true;
                return false;
        }
        const struct remote_time created = job->discovery->created;
        discovered_job_note(job, &created, names);
        const struct planner_settings settings = discovered_job_update(monitor->parts.config, job);
        planner_update_job(monitor->planner, &job->planning, &settings, monitor_now_us(monitor));
        job->planning.single_left = 0;
        return true;
}

void discover_note_recorded(struct monitor *monitor, const struct job *job)
{
        if (job->discovery == NULL)
                return;
        monitor->discover.unrecorded -= !job->planning.watch.memory.recorded;
}

void discover_note_ended(struct monitor *monitor)
{
        monitor->discover.some_ended = true;
}
