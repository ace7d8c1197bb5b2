/* SPDX-License-Identifier: MIT */

/*
 * Each configured hook has a lane: a few attempts under way at most, and a timer for the next delivery that
 * waits for its time. Lanes know nothing of each other, so a hook that hangs fills its own lane only.
 *
 *      wake ──> hook_queue_fill: what is due and not under way ──> attempt ──> its end is recorded ──>
 * hook_queue_fill └──> timer for the earliest that is not due
 *
 * If the end of an attempt cannot be recorded (a full disk), the attempt stays in its lane, so that nothing
 * is delivered twice in a row, and the recording is tried again until it succeeds.
 */

#include "delivery/hook_queue.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "planning/backoff.h"
#include "platform/clock.h"
#include "util/cleanup.h"
#include "util/timespan.h"

/*
 * Attempts of one hook that are looked at: its lane's, and those of lanes from before reloads that are still
 * busy.
 */
#define BUSY_MAX (4 * HOOK_CONCURRENCY)

DEFINE_CLEANUP(struct outbox, outbox_free)

/* ---- which hooks ---- */

static bool job_has_hook(const struct job_config *job, const char *name)
{
        if (!job->hooks_given)
                return true;
        for (size_t i = 0; i < job->hooks.count; i++)
                if (strcmp(job->hooks.items[i], name) == 0)
                        return true;
        return false;
}

size_t outbox_select(const struct config *config, const struct job_config *job, const struct event *event,
                     const char *ret_names[])
{
        size_t count = 0;

        for (size_t i = 0; i < config->hook_count; i++)
                if (event_wanted(event, config->hooks[i].on) && job_has_hook(job, config->hooks[i].name))
                        ret_names[count++] = config->hooks[i].name;
        return count;
}

void hook_queue_timer_set(struct hook_queue *hook_queue, uint64_t span_us)
{
        (void)sd_event_source_set_time_relative(hook_queue->timer, span_us);
        (void)sd_event_source_set_enabled(hook_queue->timer, SD_EVENT_ONESHOT);
}

/* ---- lanes ---- */

static int compare_ids(const void *left, const void *right)
{
        uint64_t a = *(const uint64_t *)left, b = *(const uint64_t *)right;

        return (a > b) - (a < b);
}

static size_t hook_queue_busy_count(const struct hook_queue *hook_queue)
{
        size_t count = 0;

        for (size_t i = 0; i < HOOK_CONCURRENCY; i++)
                if (hook_queue->attempts[i].hook_queue != NULL)
                        count++;
        return count;
}

static size_t hook_queue_in_progress(const struct hook_queue *hook_queue)
{
        size_t count = 0;

        for (size_t i = 0; i < HOOK_CONCURRENCY; i++)
                if (hook_queue->attempts[i].hook_queue != NULL && !hook_queue->attempts[i].ended)
                        count++;
        return count;
}

/*
 * The ids of what is under way for the hook of that name, for the store to leave out; after a reload another
 * lane may still have some. Returns how many of the `max` there was room for.
 */
static size_t hook_busy(const struct outbox *outbox, const char *name, uint64_t ret_ids[], size_t max)
{
        size_t count = 0;

        for (size_t i = 0; i < outbox->queue_count; i++) {
                const struct hook_queue *hook_queue = outbox->queues[i];

                if (strcmp(hook_queue->hook->name, name) != 0)
                        continue;
                for (size_t k = 0; k < HOOK_CONCURRENCY && count < max; k++)
                        if (hook_queue->attempts[k].hook_queue != NULL)
                                ret_ids[count++] = hook_queue->attempts[k].delivery.id;
        }
        qsort(ret_ids, count, sizeof(*ret_ids), compare_ids);
        return count;
}

static struct attempt *hook_queue_free_slot(struct hook_queue *hook_queue)
{
        for (size_t i = 0; i < HOOK_CONCURRENCY; i++)
                if (hook_queue->attempts[i].hook_queue == NULL)
                        return &hook_queue->attempts[i];
        return NULL;
}

/* Tries again to write down the ends that could not be. Returns whether any still cannot. */
static bool hook_queue_record(struct hook_queue *hook_queue)
{
        bool unrecorded = false;

        for (size_t i = 0; i < HOOK_CONCURRENCY; i++)
                if (hook_queue->attempts[i].ended && attempt_record(&hook_queue->attempts[i]) < 0)
                        unrecorded = true;
        return unrecorded;
}

/* Said once, until they can be read again. */
static void hook_queue_read_failed(struct hook_queue *hook_queue)
{
        hook_queue->waiting = true; /* what cannot be read may be there */
        hook_queue_timer_set(hook_queue, RECORD_AGAIN_US);
        if (hook_queue->read_failed)
                return;
        hook_queue->read_failed = true;
        journal_print(
                hook_queue->outbox->parts.journal, LOG_WARNING,
                "What is to be told to hook %s cannot be read from the state: %s. It is tried again every "
                "5 s.",
                hook_queue->hook->name, state_error(hook_queue->outbox->parts.state));
}

/* Arms the timer for the earliest delivery that waits for its time, or for what is still to be recorded. */
static void hook_queue_wait(struct hook_queue *hook_queue, const uint64_t busy[], size_t busy_count,
                            bool unrecorded)
{
        uint64_t next_us, now_us = clock_wall_us();

        int r = state_next_delivery(hook_queue->outbox->parts.state, hook_queue->hook->name, busy, busy_count,
                                    &next_us);
        if (r < 0) {
                hook_queue_read_failed(hook_queue);
                return;
        }
        hook_queue->waiting = r > 0;
        hook_queue->read_failed = false;
        /* A full lane is filled again by the end of an attempt. */
        if (r > 0 && busy_count < HOOK_CONCURRENCY) {
                /* A wall clock that was set back must not hold a delivery for longer than any delay is. */
                uint64_t span_us = next_us > now_us ? next_us - now_us : 0;
                uint64_t span_max_us = unrecorded ? RECORD_AGAIN_US : DELIVERY_DELAY_MAX_US;
                hook_queue_timer_set(hook_queue, span_us < span_max_us ? span_us : span_max_us);
        } else if (unrecorded) {
                hook_queue_timer_set(hook_queue, RECORD_AGAIN_US);
        }
}

static void hook_queue_fill(struct hook_queue *hook_queue)
{
        struct delivery due[HOOK_CONCURRENCY] = { { .hook = NULL } };
        uint64_t busy[BUSY_MAX];

        bool unrecorded = hook_queue_record(hook_queue);
        if (hook_queue->retired) {
                if (unrecorded)
                        hook_queue_timer_set(hook_queue, RECORD_AGAIN_US);
                return;
        }

        size_t busy_count = hook_busy(hook_queue->outbox, hook_queue->hook->name, busy, BUSY_MAX);
        if (busy_count < HOOK_CONCURRENCY) {
                int count = state_due_deliveries(hook_queue->outbox->parts.state, hook_queue->hook->name,
                                                 clock_wall_us(), busy, busy_count, due,
                                                 HOOK_CONCURRENCY - busy_count);
                if (count < 0) { /* what is due would have the timer go off at once, over and over */
                        hook_queue_read_failed(hook_queue);
                        return;
                }
                for (int i = 0; i < count; i++)
                        attempt_start(hook_queue_free_slot(hook_queue), hook_queue, &due[i]);
                busy_count = hook_busy(hook_queue->outbox, hook_queue->hook->name, busy, BUSY_MAX);
        }
        hook_queue_wait(hook_queue, busy, busy_count, unrecorded);
}

static int on_queue_timer(sd_event_source *source, uint64_t time_us, void *userdata)
{
        (void)source;
        (void)time_us;
        struct hook_queue *hook_queue = userdata;

        outbox_wake(hook_queue->outbox);
        return 0;
}

/* ---- the outbox ---- */

static struct hook_queue *hook_queue_free(struct hook_queue *hook_queue)
{
        if (hook_queue == NULL)
                return NULL;

        for (size_t i = 0; i < HOOK_CONCURRENCY; i++)
                if (hook_queue->attempts[i].hook_queue != NULL)
                        attempt_clear(&hook_queue->attempts[i]);
        webhook_free(hook_queue->http);
        sd_event_source_disable_unref(hook_queue->timer);
        config_free(hook_queue->config);
        free(hook_queue);
        return NULL;
}

/* Lanes of an earlier configuration go when the last of their attempts has ended. */
static void drop_retired(struct outbox *outbox)
{
        size_t kept = 0;

        for (size_t i = 0; i < outbox->queue_count; i++) {
                struct hook_queue *hook_queue = outbox->queues[i];

                if (hook_queue->retired && hook_queue_busy_count(hook_queue) == 0)
                        hook_queue_free(hook_queue);
                else
                        outbox->queues[kept++] = hook_queue;
        }
        outbox->queue_count = kept;
}

static int on_wake(sd_event_source *source, void *userdata)
{
        (void)source;
        struct outbox *outbox = userdata;

        outbox->woken = false;
        drop_retired(outbox);
        for (size_t i = 0; i < outbox->queue_count && !outbox->stopping; i++)
                hook_queue_fill(outbox->queues[i]);
        if (outbox_is_idle(outbox))
                outbox->parts.on_idle(outbox->parts.userdata);
        return 0;
}

void outbox_wake(struct outbox *outbox)
{
        outbox->woken = true;
        (void)sd_event_source_set_enabled(outbox->wake, SD_EVENT_ONESHOT);
}

void outbox_stop(struct outbox *outbox)
{
        outbox->stopping = true;
        for (size_t i = 0; i < outbox->queue_count; i++)
                for (size_t k = 0; k < HOOK_CONCURRENCY; k++) {
                        struct attempt *attempt = &outbox->queues[i]->attempts[k];

                        if (attempt->exec != NULL)
                                hook_exec_stop(attempt->exec);
                        else if (attempt->hook_queue != NULL)
                                attempt_clear(attempt);
                }
        outbox_wake(outbox);
}

bool outbox_is_idle(const struct outbox *outbox)
{
        bool may_wait = !outbox->parts.once && !outbox->stopping;

        if (outbox->woken)
                return false;
        for (size_t i = 0; i < outbox->queue_count; i++) {
                const struct hook_queue *hook_queue = outbox->queues[i];

                if (hook_queue_in_progress(hook_queue) > 0 || (may_wait && hook_queue->waiting))
                        return false;
                /*
                 * An end that cannot be written down is waited for, but not for ever if there is only one
                 * round.
                 */
                if (!outbox->parts.once && hook_queue_busy_count(hook_queue) > 0)
                        return false;
        }
        return true;
}

/* The names of all hooks, for drop_unconfigured(): they are the configuration's, the array is the caller's.
 */
static int hook_names(const struct config *config, const char ***ret_names)
{
        const char **names = calloc(config->hook_count + 1, sizeof(*names));

        if (names == NULL)
                return -ENOMEM;
        for (size_t i = 0; i < config->hook_count; i++)
                names[i] = config->hooks[i].name;
        *ret_names = names;
        return 0;
}

static void drop_unconfigured(struct outbox *outbox, const char *const names[])
{
        int dropped = state_drop_hooks(outbox->parts.state, names, outbox->parts.config->hook_count,
                                       clock_wall_us());

        if (dropped < 0)
                journal_print(outbox->parts.journal, LOG_WARNING,
                              "What waits for hooks that are no longer configured cannot be given up: %s.",
                              state_error(outbox->parts.state));
        if (dropped > 0)
                journal_print(outbox->parts.journal, LOG_WARNING,
                              "%d deliveries were waiting for hooks that are no longer configured, and are "
                              "given up.",
                              dropped);
}

static int hook_queue_new(struct outbox *outbox, struct config *config, const struct hook_config *hook,
                          struct hook_queue **ret_lane)
{
        struct hook_queue *hook_queue = calloc(1, sizeof(*hook_queue));

        if (hook_queue == NULL)
                return -ENOMEM;
        hook_queue->outbox = outbox;
        hook_queue->config = config_ref(config);
        hook_queue->hook = hook;

        int r = sd_event_add_time(outbox->parts.event, &hook_queue->timer, CLOCK_BOOTTIME, 0,
                                  10 * USEC_PER_MSEC, on_queue_timer, hook_queue);
        if (r >= 0)
                r = sd_event_source_set_enabled(hook_queue->timer, SD_EVENT_OFF);
        if (r < 0) {
                hook_queue_free(hook_queue);
                return r;
        }
        (void)sd_event_source_set_description(hook_queue->timer, "outbox-lane");
        *ret_lane = hook_queue;
        return 0;
}

/* For the first configuration that has unit hooks. */
static int open_unit_hooks(struct outbox *outbox, const struct config *config)
{
        const struct hook_context context = { .event = outbox->parts.event,
                                              .journal = outbox->parts.journal };

        for (size_t i = 0; i < config->hook_count && outbox->unit_hooks == NULL; i++)
                if (config->hooks[i].kind == HOOK_UNIT)
                        return unit_hooks_new(&context, outbox->parts.bus, &outbox->unit_hooks);
        return 0;
}

/* Puts lanes for the hooks of a configuration behind those that are there. On failure all is as it was. */
static int add_queues(struct outbox *outbox, struct config *config)
{
        struct hook_queue **queues = reallocarray(
                outbox->queues, outbox->queue_count + config->hook_count + 1, sizeof(struct hook_queue *));
        size_t before = outbox->queue_count;

        if (queues == NULL)
                return -ENOMEM;
        outbox->queues = queues;
        int r = open_unit_hooks(outbox, config);
        if (r < 0)
                return r;
        for (size_t i = 0; i < config->hook_count; i++) {
                r = hook_queue_new(outbox, config, &config->hooks[i], &queues[outbox->queue_count]);
                if (r < 0) {
                        while (outbox->queue_count > before)
                                hook_queue_free(queues[--outbox->queue_count]);
                        return r;
                }
                outbox->queue_count++;
        }
        return 0;
}

int outbox_reload(struct outbox *outbox, struct config *config)
{
        CLEANUP(cleanup_free) const char **names = NULL;
        size_t before = outbox->queue_count;

        int r = hook_names(config, &names);
        if (r >= 0)
                r = add_queues(outbox, config);
        if (r < 0)
                return r;
        for (size_t i = 0; i < before; i++) {
                outbox->queues[i]->retired = true;
                outbox->queues[i]->waiting = false;
        }
        config_free(outbox->parts.config);
        outbox->parts.config = config_ref(config);

        drop_unconfigured(outbox, names);
        outbox_wake(outbox);
        return 0;
}

int outbox_new(const struct outbox_parts *parts, struct outbox **ret_outbox)
{
        CLEANUP(cleanup_outbox_free) struct outbox *outbox = calloc(1, sizeof(*outbox));
        CLEANUP(cleanup_free) const char **names = NULL;
        int r;

        if (outbox == NULL)
                return -ENOMEM;
        outbox->parts = *parts;
        config_ref(parts->config);

        r = add_queues(outbox, parts->config);
        if (r < 0)
                return r;
        r = sd_event_add_defer(parts->event, &outbox->wake, on_wake, outbox);
        if (r < 0)
                return r;
        r = sd_event_source_set_enabled(outbox->wake, SD_EVENT_OFF);
        if (r < 0)
                return r;
        (void)sd_event_source_set_description(outbox->wake, "outbox-wake");
        r = hook_names(parts->config, &names);
        if (r < 0)
                return r;
        drop_unconfigured(outbox, names);

        *ret_outbox = STEAL_POINTER(outbox);
        return 0;
}

struct outbox *outbox_free(struct outbox *outbox)
{
        if (outbox == NULL)
                return NULL;

        for (size_t i = 0; i < outbox->queue_count; i++)
                hook_queue_free(outbox->queues[i]);
        unit_hooks_free(outbox->unit_hooks);
        free(outbox->queues);
        sd_event_source_disable_unref(outbox->wake);
        config_free(outbox->parts.config);
        free(outbox);
        return NULL;
}
