/* SPDX-License-Identifier: MIT */

/*
 * The deliveries of one hook.
 *
 *      wake ──> fill ──> event read ──> wake ──> fill ──> attempt ──> result recorded ──> wake
 *                ├──> timer for the next delivery that is not due ──> wake
 *                └──> page of deliveries from the state (backlog.h) ──> wake
 *
 * What the state writer could not read or record (disk full) is retried every RETRY_US, or STOP_RETRY_US
 * after hook_queue_stop(). A result that could not be recorded keeps its slot.
 */

#include "delivery/hook_queue.h"

#include <search.h>
#include <stdlib.h>

#include "journal/journal.h"
#include "platform/clock.h"
#include "util/id_list.h"
#include "util/memory.h"
#include "util/message.h"
#include "util/timer.h"
#include "util/timespan.h"

/* When an attempt that could not be made is tried again. */
#define SHORTAGE_RETRY_US (1 * USEC_PER_SEC)

/* The interval after which a failed access to the state is retried. Named in messages. */
#define RETRY_US (5 * USEC_PER_SEC)

/* The same while the daemon is stopping, which takes seconds at most. */
#define STOP_RETRY_US (200 * USEC_PER_MSEC)

static bool has_unrecorded(const struct hook_queue *queue)
{
        for (size_t i = 0; i < queue->count; i++)
                if (queue->attempts[i]->stage == ATTEMPT_UNRECORDED)
                        return true;
        return false;
}

bool hook_queue_has_state_error(const struct hook_queue *queue)
{
        return queue->read_failed || has_unrecorded(queue);
}

bool hook_queue_is_busy(const struct hook_queue *queue)
{
        for (size_t i = 0; i < queue->count; i++) {
                enum attempt_stage stage = queue->attempts[i]->stage;

                if (stage == ATTEMPT_READING || stage == ATTEMPT_RUNNING)
                        return true;
        }
        return false;
}

bool hook_queue_is_delivering(const struct hook_queue *queue, uint64_t delivery_id)
{
        for (size_t i = 0; i < queue->count; i++)
                if (queue->attempts[i]->delivery.id == delivery_id)
                        return !attempt_is_ahead(queue->attempts[i]);
        return false;
}

bool hook_queue_is_active(const struct hook_queue *queue)
{
        bool blocked = has_unrecorded(queue); /* and nothing is run until that is recorded */

        for (size_t i = 0; i < queue->count; i++) {
                enum attempt_stage stage = queue->attempts[i]->stage;

                if (stage != ATTEMPT_UNRECORDED && !(stage == ATTEMPT_READ && blocked))
                        return true;
        }
        return queue->backlog.page != NULL || (queue->pause_us != 0 && !queue->stopping);
}

static void wake(const struct hook_queue *queue)
{
        queue->parts.on_wake(queue->parts.userdata);
}

/* ---- failures of the state ---- */

static void retry_later(struct hook_queue *queue)
{
        if (queue->retry_us == 0)
                queue->retry_us = clock_process_us() + (queue->stopping ? STOP_RETRY_US : RETRY_US);
}

/* Logged once until deliveries can be read again. */
static void note_unreadable(struct hook_queue *queue, const char *error)
{
        queue->unreadable = true;
        retry_later(queue);
        if (queue->read_failed)
                return;
        queue->read_failed = true;
        journal_print(queue->parts.journal, LOG_WARNING,
                      "Cannot read pending deliveries of hook %s: %s. Retrying every 5s.", queue->name,
                      error);
}

static void retry_state(struct hook_queue *queue)
{
        if (queue->retry_us == 0 || clock_process_us() < queue->retry_us)
                return;
        queue->retry_us = 0;
        queue->unreadable = false;
        for (size_t i = 0; i < queue->count; i++)
                if (queue->attempts[i]->stage == ATTEMPT_UNRECORDED)
                        attempt_record(queue->attempts[i]);
}

/* ---- deliveries ---- */

static void on_page(void *userdata, const char *error)
{
        struct hook_queue *queue = userdata;

        if (error != NULL)
                note_unreadable(queue, error);
        else
                queue->read_failed = false;
        wake(queue);
}

void hook_queue_add(struct hook_queue *queue, const struct delivery *delivery)
{
        if (queue->setup == NULL)
                return;
        backlog_add(&queue->backlog, delivery);
        wake(queue);
}

/* ---- attempts ---- */

/* Returns whether it is over. */
static bool take_attempt(struct hook_queue *queue, struct attempt *attempt)
{
        bool remains_due = true;

        switch (attempt->stage) {
        case ATTEMPT_READING:
        case ATTEMPT_READ:
        case ATTEMPT_RUNNING:
        case ATTEMPT_RECORDING:
                return false;
        case ATTEMPT_UNRECORDED:
                retry_later(queue);
                return false;
        case ATTEMPT_UNREAD:
                note_unreadable(queue, attempt->operation.error);
                break;
        case ATTEMPT_SHORT:
                queue->pause_us = clock_process_us() + SHORTAGE_RETRY_US;
                if (queue->parts.on_shortage(queue->parts.userdata))
                        attempt_log_shortage(attempt);
                break;
        case ATTEMPT_STOPPED:
                break;
        case ATTEMPT_RECORDED:
                if (!queue->unreadable) /* its event was read */
                        queue->read_failed = false;
                remains_due = attempt->result == ATTEMPT_RETRY;
                break;
        }
        if (remains_due && !attempt->dropped)
                backlog_return(&queue->backlog, &attempt->delivery);
        else
                backlog_end(&queue->backlog, &attempt->delivery);
        return true;
}

/* Frees attempts that are over. */
static void take_attempts(struct hook_queue *queue)
{
        size_t kept = 0;

        for (size_t i = 0; i < queue->count; i++) {
                if (take_attempt(queue, queue->attempts[i]))
                        attempt_free(queue->attempts[i]);
                else
                        queue->attempts[kept++] = queue->attempts[i];
        }
        queue->count = kept;
}

struct attempt_phases {
        size_t ahead, slots, recording;
};

static struct attempt_phases count_phases(const struct hook_queue *queue)
{
        struct attempt_phases phases = { .slots = queue->tests };

        for (size_t i = 0; i < queue->count; i++)
                if (attempt_is_ahead(queue->attempts[i]))
                        phases.ahead++;
                else if (attempt_has_slot(queue->attempts[i]))
                        phases.slots++;
                else
                        phases.recording++;
        return phases;
}

static bool may_deliver(const struct hook_queue *queue)
{
        return queue->setup != NULL && !queue->stopping && queue->pause_us == 0;
}

static bool may_run(const struct hook_queue *queue)
{
        const struct attempt_phases phases = count_phases(queue);

        return may_deliver(queue) && phases.slots < queue->setup->hook->parallel &&
               phases.recording < RECORDING_MAX;
}

/* Whether the event of another delivery may be read, once that is due. */
static bool may_read(const struct hook_queue *queue)
{
        const struct attempt_phases phases = count_phases(queue);

        return may_deliver(queue) && !queue->unreadable &&
               phases.slots + phases.ahead < queue->setup->hook->parallel + AHEAD_MAX &&
               phases.recording < RECORDING_MAX;
}

static void run_attempts(struct hook_queue *queue)
{
        for (size_t i = 0; i < queue->count && may_run(queue); i++) {
                if (queue->attempts[i]->stage != ATTEMPT_READ)
                        continue;
                if (!queue->parts.may_start(queue->parts.userdata))
                        return;
                attempt_run(queue->attempts[i], queue->setup);
        }
}

static void begin_attempts(struct hook_queue *queue)
{
        const struct delivery *first;
        uint64_t due_us;

        while (may_read(queue) && (first = backlog_first(&queue->backlog, &due_us)) != NULL &&
               due_us <= clock_process_us()) {
                queue->attempts[queue->count++] = attempt_new(&queue->attempt_parts, first);
                backlog_begin_attempt(&queue->backlog, first);
        }
}

static void set_timer(struct hook_queue *queue)
{
        uint64_t due_us, next_us = queue->retry_us != 0 ? queue->retry_us : UINT64_MAX;

        if (queue->pause_us != 0 && queue->pause_us < next_us)
                next_us = queue->pause_us;
        if (may_read(queue) && backlog_first(&queue->backlog, &due_us) != NULL && due_us < next_us)
                next_us = due_us;
        if (next_us == UINT64_MAX) {
                source_stop(queue->timer);
                return;
        }
        uint64_t now_us = clock_process_us();
        timer_start(queue->timer, next_us > now_us ? next_us - now_us : 0);
}

void hook_queue_fill(struct hook_queue *queue)
{
        if (queue->pause_us <= clock_process_us())
                queue->pause_us = 0;
        take_attempts(queue);
        retry_state(queue);
        run_attempts(queue);
        begin_attempts(queue);
        if (queue->setup != NULL && !queue->stopping && !queue->unreadable)
                backlog_read(&queue->backlog);
        set_timer(queue);
}

/* ---- tests ---- */

bool hook_queue_begin_test(struct hook_queue *queue)
{
        if (count_phases(queue).slots >= queue->setup->hook->parallel)
                return false;
        queue->tests++;
        return true;
}

void hook_queue_end_test(struct hook_queue *queue)
{
        if (queue->tests == 0) /* it is another queue than when the test began */
                return;
        queue->tests--;
        wake(queue);
}

/* ---- life ---- */

struct hook_queue *hook_queue_new(const struct hook_queue_parts *parts, const char *name)
{
        struct hook_queue *queue = memory_malloc(NULL, sizeof(*queue));

        *queue = (struct hook_queue){ .parts = *parts, .name = format_message("%s", name) };
        queue->attempt_parts = (struct attempt_parts){
                .state = parts->state,
                .journal = parts->journal,
                .counts = &queue->counts,
                .on_change = parts->on_wake,
                .userdata = parts->userdata,
        };
        queue->backlog = (struct backlog){
                .state = parts->state, .hook = queue->name, .on_page = on_page, .userdata = queue
        };

        queue->timer =
                timer_new(parts->event, CLOCK_BOOTTIME, 10 * USEC_PER_MSEC, parts->on_wake, parts->userdata);
        return queue;
}

struct hook_queue *hook_queue_free(struct hook_queue *queue)
{
        if (queue == NULL)
                return NULL;

        hook_queue_abort(queue);
        hook_queue_remove(queue);
        sd_event_source_disable_unref(queue->timer);
        free(queue->name);
        free(queue);
        return NULL;
}

/* If the hook was removed and is back, some may be in progress since before. */
static void begin(struct hook_queue *queue, uint64_t pending)
{
        backlog_begin(&queue->backlog, pending);
        for (size_t i = 0; i < queue->count; i++)
                backlog_hold(&queue->backlog, &queue->attempts[i]->delivery);
}

void hook_queue_configure(struct hook_queue *queue, struct hook_setup *setup, const struct hook_load *load)
{
        if (queue->setup == NULL)
                begin(queue, load->pending);
        queue->counts.abandoned = load->abandoned;
        hook_setup_unref(queue->setup);
        queue->setup = hook_setup_ref(setup);
        wake(queue);
}

/* Their deliveries are in the state, and read again with the backlog. */
static void free_ahead(struct hook_queue *queue)
{
        size_t kept = 0;

        for (size_t i = 0; i < queue->count; i++)
                if (attempt_is_ahead(queue->attempts[i]))
                        attempt_free(queue->attempts[i]);
                else
                        queue->attempts[kept++] = queue->attempts[i];
        queue->count = kept;
}

void hook_queue_remove(struct hook_queue *queue)
{
        free_ahead(queue);
        queue->setup = hook_setup_unref(queue->setup);
        backlog_clear(&queue->backlog);
        queue->unreadable = false;
        queue->read_failed = false;
}

/* How many are pending is not known without `load`: as many as are read at a time. */
void hook_queue_reread(struct hook_queue *queue, const struct hook_load *load, const uint64_t dropped[],
                       size_t count)
{
        for (size_t i = 0; i < queue->count; i++)
                if (lfind(&queue->attempts[i]->delivery.id, dropped, &count, sizeof(*dropped), id_compare))
                        queue->attempts[i]->dropped = true;
        if (queue->setup == NULL)
                return;
        free_ahead(queue); /* another delivery may be before theirs now */
        backlog_clear(&queue->backlog);
        begin(queue, load != NULL ? load->pending : BACKLOG_MEMORY_MAX);
        if (load != NULL)
                queue->counts.abandoned = load->abandoned;
        wake(queue);
}

void hook_queue_abort(struct hook_queue *queue)
{
        queue->stopping = true;
        while (queue->count > 0)
                attempt_free(queue->attempts[--queue->count]);
}

void hook_queue_stop(struct hook_queue *queue)
{
        queue->stopping = true;
        if (queue->retry_us != 0)
                queue->retry_us = clock_process_us();
        for (size_t i = 0; i < queue->count; i++)
                attempt_stop(queue->attempts[i]);
        wake(queue);
}
