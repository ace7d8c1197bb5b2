/* SPDX-License-Identifier: MIT */

/*
 * The deliveries of one hook:
 *
 *      fill: start what is due ──> attempt ──> result recorded ──> on_change() ──> fill
 *        └──> timer for the earliest delivery that is not due ──> on_change() ──> fill
 *
 * The queue itself is in the state; only attempts in progress are in memory. A result that cannot be recorded
 * (disk full) keeps its slot and is retried every RETRY_US, or every STOP_RETRY_US after hook_queue_stop().
 */

#include "delivery/hook_queue.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>

#include "delivery/attempt.h"
#include "delivery/webhook/webhook.h"
#include "planning/backoff.h"
#include "platform/clock.h"
#include "util/timespan.h"

/* The interval after which a failed access to the state is retried. Named in messages. */
#define RETRY_US (5 * USEC_PER_SEC)

/* The same while the daemon is stopping, which takes seconds at most. */
#define STOP_RETRY_US (200 * USEC_PER_MSEC)

#define IDS_MAX (HOOK_QUEUE_OTHERS_MAX + HOOK_CONCURRENCY)

struct hook_queue {
        struct hook_queue_parts parts;
        struct config *config; /* owns context.hook */
        struct attempt_context context;
        struct attempt slots[HOOK_CONCURRENCY];
        sd_event_source *timer;
        bool rebased;      /* no delivery waits longer than its own delay, whatever clock dated it */
        bool waiting;      /* deliveries wait for their time */
        bool state_failed; /* the state cannot be read or written, which was logged */
        bool shortage;     /* an attempt of this round could not be made */
        bool retired;
        bool stopping;
};

static void timer_set(struct hook_queue *queue, uint64_t span_us)
{
        (void)sd_event_source_set_time_relative(queue->timer, span_us);
        (void)sd_event_source_set_enabled(queue->timer, SD_EVENT_ONESHOT);
}

/* ---- slots ---- */

const char *hook_queue_name(const struct hook_queue *queue)
{
        return queue->context.hook->name;
}

bool hook_queue_is_retired(const struct hook_queue *queue)
{
        return queue->retired;
}

bool hook_queue_is_waiting(const struct hook_queue *queue)
{
        return queue->waiting;
}

bool hook_queue_has_state_error(const struct hook_queue *queue)
{
        for (size_t i = 0; i < HOOK_CONCURRENCY; i++)
                if (!attempt_is_free(&queue->slots[i]) && attempt_is_unrecorded(&queue->slots[i]))
                        return true;
        return queue->state_failed;
}

bool hook_queue_is_busy(const struct hook_queue *queue)
{
        for (size_t i = 0; i < HOOK_CONCURRENCY; i++)
                if (!attempt_is_free(&queue->slots[i]) && !attempt_is_unrecorded(&queue->slots[i]))
                        return true;
        return false;
}

bool hook_queue_is_occupied(const struct hook_queue *queue)
{
        for (size_t i = 0; i < HOOK_CONCURRENCY; i++)
                if (!attempt_is_free(&queue->slots[i]))
                        return true;
        return false;
}

size_t hook_queue_get_deliveries(const struct hook_queue *queue, uint64_t ret_ids[static HOOK_CONCURRENCY])
{
        size_t count = 0;

        for (size_t i = 0; i < HOOK_CONCURRENCY; i++)
                if (!attempt_is_free(&queue->slots[i]))
                        ret_ids[count++] = attempt_delivery_id(&queue->slots[i]);
        return count;
}

static struct attempt *free_slot(struct hook_queue *queue)
{
        for (size_t i = 0; i < HOOK_CONCURRENCY; i++)
                if (attempt_is_free(&queue->slots[i]))
                        return &queue->slots[i];
        return NULL;
}

static int compare_ids(const void *left, const void *right)
{
        uint64_t a = *(const uint64_t *)left, b = *(const uint64_t *)right;

        return (a > b) - (a < b);
}

/* Ids of all deliveries of the hook that are in progress, for the state to leave out: sorted. */
static size_t collect_busy(const struct hook_queue *queue, const uint64_t others[], size_t other_count,
                           uint64_t ret_ids[static IDS_MAX])
{
        size_t count = hook_queue_get_deliveries(queue, ret_ids);

        for (size_t i = 0; i < other_count && i < HOOK_QUEUE_OTHERS_MAX; i++)
                ret_ids[count++] = others[i];
        qsort(ret_ids, count, sizeof(*ret_ids), compare_ids);
        return count;
}

/* ---- attempts ---- */

static void retry_record(struct hook_queue *queue)
{
        timer_set(queue, queue->stopping ? STOP_RETRY_US : RETRY_US);
}

static void on_attempt_done(void *userdata, int r)
{
        struct hook_queue *queue = userdata;

        if (r < 0) {
                journal_print(
                        queue->parts.journal, LOG_WARNING, "Cannot record the result of hook %s: %s. %s",
                        hook_queue_name(queue), store_error(queue->parts.state),
                        queue->stopping
                                ? "If it cannot be recorded before the exit, the hook runs again after "
                                  "the next start."
                                : "Retrying every 5s; until then the hook handles fewer events at once.");
                retry_record(queue);
        }
        queue->parts.on_change(queue->parts.userdata);
}

static bool on_attempt_shortage(void *userdata)
{
        struct hook_queue *queue = userdata;

        queue->shortage = true;
        return queue->parts.on_shortage(queue->parts.userdata);
}

/* Records results that could not be recorded before. Returns whether some still cannot. */
static bool record_results(struct hook_queue *queue)
{
        bool unrecorded = false;

        for (size_t i = 0; i < HOOK_CONCURRENCY; i++)
                if (attempt_is_unrecorded(&queue->slots[i]) && attempt_record(&queue->slots[i]) < 0)
                        unrecorded = true;
        return unrecorded;
}

/* Logged once until the state can be accessed again. */
static void handle_state_error(struct hook_queue *queue, const char *action)
{
        queue->waiting = true; /* deliveries that cannot be read may be waiting */
        timer_set(queue, RETRY_US);
        if (queue->state_failed)
                return;
        queue->state_failed = true;
        journal_print(queue->parts.journal, LOG_WARNING,
                      "Cannot %s pending deliveries of hook %s: %s. Retrying every 5s.", action,
                      hook_queue_name(queue), store_error(queue->parts.state));
}

/* Sets the timer for the earliest delivery that is not due, and for results that are not recorded. */
static void set_timer(struct hook_queue *queue, const uint64_t busy[], size_t busy_count, bool unrecorded)
{
        uint64_t next_us, now_us = clock_process_us();

        int r = store_next_delivery(queue->parts.state, hook_queue_name(queue), busy, busy_count, &next_us);
        if (r < 0) {
                handle_state_error(queue, "read");
                return;
        }
        queue->waiting = r > 0;
        queue->state_failed = false;
        /* If all slots are occupied, the end of an attempt causes the next fill. */
        if (r > 0 && busy_count < HOOK_CONCURRENCY) {
                uint64_t span_us = next_us > now_us ? next_us - now_us : 0;
                timer_set(queue, unrecorded && span_us > RETRY_US ? RETRY_US : span_us);
        } else if (unrecorded) {
                timer_set(queue, RETRY_US);
        }
}

/*
 * Deliveries were dated by the clock of an earlier process, which may have been wrong, or this one may be.
 * Has no effect on those that this process dated.
 */
static int rebase(struct hook_queue *queue)
{
        if (queue->rebased)
                return 0;
        int r = store_rebase_deliveries(queue->parts.state, hook_queue_name(queue), clock_process_us(),
                                        DELIVERY_DELAY_MAX_US);
        queue->rebased = r >= 0;
        return r;
}

static void start_attempts(struct hook_queue *queue, const struct delivery due[], size_t count)
{
        queue->shortage = false;
        for (size_t i = 0; i < count && !queue->shortage; i++)
                attempt_start(free_slot(queue), &queue->context, &due[i]);
}

void hook_queue_fill(struct hook_queue *queue, const uint64_t others[], size_t other_count)
{
        struct delivery due[HOOK_CONCURRENCY];
        uint64_t busy[IDS_MAX];

        bool unrecorded = record_results(queue);
        if (queue->retired || queue->stopping) {
                if (unrecorded)
                        retry_record(queue);
                return;
        }

        if (rebase(queue) < 0) {
                handle_state_error(queue, "update");
                return;
        }
        size_t busy_count = collect_busy(queue, others, other_count, busy);
        if (busy_count < HOOK_CONCURRENCY) {
                int count =
                        store_due_deliveries(queue->parts.state, hook_queue_name(queue), clock_process_us(),
                                             busy, busy_count, due, HOOK_CONCURRENCY - busy_count);
                if (count < 0) { /* set_timer() would have the timer elapse at once, repeatedly */
                        handle_state_error(queue, "read");
                        return;
                }
                start_attempts(queue, due, (size_t)count);
                if (queue->shortage) { /* a delivery is due, and the timer would elapse at once */
                        queue->waiting = true;
                        return;
                }
                busy_count = collect_busy(queue, others, other_count, busy);
        }
        set_timer(queue, busy, busy_count, unrecorded);
}

static int on_timer(sd_event_source *source, uint64_t time_us, void *userdata)
{
        (void)source;
        (void)time_us;
        struct hook_queue *queue = userdata;

        queue->parts.on_change(queue->parts.userdata);
        return 0;
}

/* ---- life ---- */

int hook_queue_new(const struct hook_queue_parts *parts, struct config *config,
                   const struct hook_config *hook, struct hook_queue **ret_queue)
{
        struct hook_queue *queue = calloc(1, sizeof(*queue));

        if (queue == NULL)
                return -ENOMEM;
        queue->parts = *parts;
        queue->config = config_ref(config);
        queue->context = (struct attempt_context){
                .hook_context = { .event = parts->event,
                                  .journal = parts->journal,
                                  .outputs = parts->outputs },
                .state = parts->state,
                .hook = hook,
                .unit_hooks = parts->unit_hooks,
                .personal_data = config->log.personal_data,
                .abandoned = parts->abandoned,
                .on_done = on_attempt_done,
                .on_shortage = on_attempt_shortage,
                .userdata = queue,
        };

        int r = sd_event_add_time(parts->event, &queue->timer, CLOCK_BOOTTIME, 0, 10 * USEC_PER_MSEC,
                                  on_timer, queue);
        if (r >= 0)
                r = sd_event_source_set_enabled(queue->timer, SD_EVENT_OFF);
        if (r >= 0 && hook->kind == HOOK_URL)
                r = webhook_new(&queue->context.hook_context, config, hook, &queue->context.webhook);
        if (r < 0) {
                hook_queue_free(queue);
                return r;
        }
        (void)sd_event_source_set_description(queue->timer, "hook-queue");
        *ret_queue = queue;
        return 0;
}

struct hook_queue *hook_queue_free(struct hook_queue *queue)
{
        if (queue == NULL)
                return NULL;

        for (size_t i = 0; i < HOOK_CONCURRENCY; i++)
                attempt_clear(&queue->slots[i]);
        webhook_free(queue->context.webhook);
        sd_event_source_disable_unref(queue->timer);
        config_free(queue->config);
        free(queue);
        return NULL;
}

void hook_queue_retire(struct hook_queue *queue)
{
        queue->retired = true;
        queue->waiting = false;
}

void hook_queue_close_idle(struct hook_queue *queue)
{
        if (queue->context.webhook != NULL)
                webhook_close_idle(queue->context.webhook);
}

void hook_queue_stop(struct hook_queue *queue)
{
        queue->stopping = true;
        for (size_t i = 0; i < HOOK_CONCURRENCY; i++)
                attempt_stop(&queue->slots[i]);
}
