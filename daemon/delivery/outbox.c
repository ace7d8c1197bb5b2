/* SPDX-License-Identifier: MIT */

/*
 * One queue per configured hook (hook_queue.h). Queues are independent, so a hook that hangs occupies its own
 * slots only. The queue of a hook that was removed by a reload is freed when its last attempt has ended.
 *
 *      wake ──> on_wake: fill the queues, free removed ones ──> on_idle(), if nothing is left to do
 */

#include "delivery/outbox.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "delivery/exec/output.h"
#include "delivery/hook_queue.h"
#include "delivery/unit/unit.h"
#include "journal/message_ids.h"
#include "platform/clock.h"
#include "util/array.h"
#include "util/cleanup.h"
#include "util/memory.h"
#include "util/timer.h"
#include "util/timespan.h"

struct outbox {
        struct outbox_parts parts;
        struct hook_context context; /* of its hooks */
        struct hook_queue **queues;
        size_t queue_count;
        struct unit_hooks *unit_hooks; /* NULL: no configuration had unit hooks so far */
        struct hook_tests *tests;
        sd_event_source *wake;
        uint64_t short_us; /* when an attempt could last not be made, by clock_process_us(); 0: never */
        bool woken;        /* the queues are to be filled */
        bool stopping;
};

DEFINE_CLEANUP(struct outbox, outbox_free)

/* After which time without an attempt that could not be made the next one is logged. */
#define SHORTAGE_EPISODE_US (1 * USEC_PER_MIN)

/* ---- selection ---- */

size_t outbox_select(const struct config *config, const struct string_list *hooks, const struct event *event,
                     const char *ret_names[])
{
        size_t count = 0;

        for (size_t i = 0; i < config->hook_count; i++)
                if (event_wanted(event, config->hooks[i].on) &&
                    (hooks == NULL || string_list_contains(hooks, config->hooks[i].name)))
                        ret_names[count++] = config->hooks[i].name;
        return count;
}

/* ---- the loop ---- */

static void wake(void *userdata)
{
        struct outbox *outbox = userdata;

        outbox->woken = true;
        deferred_start(outbox->wake);
}

static bool may_start(void *userdata)
{
        const struct outbox *outbox = userdata;

        return outbox->parts.may_start == NULL || outbox->parts.may_start(outbox->parts.userdata);
}

void outbox_resume(struct outbox *outbox)
{
        wake(outbox);
}

static void free_removed_queues(struct outbox *outbox)
{
        size_t kept = 0;

        for (size_t i = 0; i < outbox->queue_count; i++) {
                struct hook_queue *queue = outbox->queues[i];

                if (queue->setup != NULL || queue->count > 0)
                        outbox->queues[kept++] = queue;
                else
                        hook_queue_free(queue);
        }
        outbox->queue_count = kept;
}

static void on_wake(void *userdata)
{
        struct outbox *outbox = userdata;

        outbox->woken = false;
        for (size_t i = 0; i < outbox->queue_count; i++)
                hook_queue_fill(outbox->queues[i]);
        free_removed_queues(outbox);
        if (outbox_is_idle(outbox))
                outbox->parts.on_idle(outbox->parts.userdata);
}

static struct hook_queue *find_queue(const struct outbox *outbox, const char *hook)
{
        for (size_t i = 0; i < outbox->queue_count; i++)
                if (strcmp(outbox->queues[i]->name, hook) == 0)
                        return outbox->queues[i];
        return NULL;
}

void outbox_add(struct outbox *outbox, const struct event *event, const char *const hooks[],
                const uint64_t delivery_ids[], size_t count)
{
        struct delivery delivery = { .job_id = event->record.id, .event_us = event->time_us };

        memcpy(delivery.event_id, event->id, sizeof(delivery.event_id));
        for (size_t i = 0; i < count; i++) {
                struct hook_queue *queue = find_queue(outbox, hooks[i]);

                delivery.id = delivery_ids[i];
                if (queue != NULL) /* otherwise the hook was removed since it was selected */
                        hook_queue_add(queue, &delivery);
        }
}

static bool on_queue_shortage(void *userdata)
{
        struct outbox *outbox = userdata;
        uint64_t now_us = clock_process_us();
        bool is_new = outbox->short_us == 0 || now_us - outbox->short_us > SHORTAGE_EPISODE_US;

        outbox->short_us = now_us;
        for (size_t i = 0; i < outbox->queue_count; i++)
                if (outbox->queues[i]->setup != NULL)
                        hook_setup_close_idle(outbox->queues[i]->setup);
        return is_new;
}

void outbox_stop(struct outbox *outbox)
{
        outbox->stopping = true;
        for (size_t i = 0; i < outbox->queue_count; i++)
                hook_queue_stop(outbox->queues[i]);
        hook_tests_stop(outbox->tests);
        wake(outbox);
}

void outbox_abort(struct outbox *outbox)
{
        for (size_t i = 0; outbox != NULL && i < outbox->queue_count; i++)
                hook_queue_abort(outbox->queues[i]);
}

bool outbox_is_busy(const struct outbox *outbox)
{
        for (size_t i = 0; i < outbox->queue_count; i++)
                if (hook_queue_is_busy(outbox->queues[i]))
                        return true;
        return false;
}

bool outbox_is_idle(const struct outbox *outbox)
{
        bool waits_for_retries = !outbox->parts.once && !outbox->stopping;

        if (outbox->woken)
                return false;
        for (size_t i = 0; i < outbox->queue_count; i++) {
                const struct hook_queue *queue = outbox->queues[i];

                if (hook_queue_is_active(queue))
                        return false;
                if (waits_for_retries && queue->setup != NULL && backlog_is_waiting(&queue->backlog))
                        return false;
                /* With `once`, a result that cannot be recorded is not waited for. */
                if (!outbox->parts.once && queue->count > 0)
                        return false;
        }
        return true;
}

struct outbox_counts outbox_count(const struct outbox *outbox)
{
        struct outbox_counts counts = { 0 };

        for (size_t i = 0; i < outbox->queue_count; i++) {
                const struct hook_queue *queue = outbox->queues[i];

                counts.state_error |= hook_queue_has_state_error(queue);
                if (queue->setup == NULL)
                        continue;
                counts.pending += queue->backlog.total;
                counts.abandoned += queue->counts.abandoned;
        }
        return counts;
}

size_t outbox_count_hooks(const struct outbox *outbox, struct hook_counts ret_counts[], size_t max)
{
        size_t count = 0;

        for (size_t i = 0; i < outbox->queue_count && count < max; i++) {
                const struct hook_queue *queue = outbox->queues[i];

                if (queue->setup != NULL)
                        ret_counts[count++] = (struct hook_counts){
                                .hook = queue->name,
                                .attempts = queue->counts,
                                .pending = queue->backlog.total,
                                .oldest_us = backlog_oldest_us(&queue->backlog),
                        };
        }
        return count;
}

bool outbox_is_delivering(const struct outbox *outbox, uint64_t delivery_id)
{
        for (size_t i = 0; i < outbox->queue_count; i++)
                if (hook_queue_is_delivering(outbox->queues[i], delivery_id))
                        return true;
        return false;
}

/* ---- what someone asks for ---- */

const struct outbox_parts *outbox_parts(const struct outbox *outbox)
{
        return &outbox->parts;
}

void outbox_reread(struct outbox *outbox, const struct config *config, const struct outbox_load *load,
                   const uint64_t dropped[], size_t count)
{
        for (size_t i = 0; i < outbox->queue_count; i++) {
                const struct hook_config *hook = config_find_hook(config, outbox->queues[i]->name);
                const bool is_known = load != NULL && hook != NULL;

                hook_queue_reread(outbox->queues[i], is_known ? &load->hooks[hook - config->hooks] : NULL,
                                  dropped, count);
        }
}

static void on_test_end(void *userdata, const char *hook)
{
        struct hook_queue *queue = find_queue(userdata, hook);

        if (queue != NULL)
                hook_queue_end_test(queue);
}

int outbox_start_test(struct outbox *outbox, const char *hook, struct event *event, uid_t uid,
                      uint64_t *ret_id)
{
        struct hook_queue *queue = find_queue(outbox, hook);

        if (queue == NULL || queue->setup == NULL)
                return -ENOENT;
        if (outbox->stopping || !may_start(outbox))
                return -EBUSY;
        if (!hook_queue_begin_test(queue))
                return -EAGAIN;
        int r = hook_tests_start(outbox->tests, queue->setup, event, uid, ret_id);
        if (r < 0)
                hook_queue_end_test(queue);
        return r;
}

int outbox_find_test(struct outbox *outbox, uint64_t id, struct hook_test_result *ret_result)
{
        return hook_tests_find(outbox->tests, id, ret_result);
}

/* ---- configurations ---- */

static void log_removed(const struct outbox *outbox, const struct outbox_load *load)
{
        char keep[TIMESPAN_TEXT_MAX];

        if (load->removed != NULL)
                journal_print_about(
                        outbox->parts.journal, LOG_WARNING, MESSAGE_ID_HOOKS_REMOVED, 0, NULL,
                        "Deliveries are pending for hooks that are not configured: %s. They are kept "
                        "for %s, and delivered if the hook is configured again.",
                        load->removed, timespan_format(outbox->parts.config->state_keep_us, keep));
}

/* For the first configuration that has unit hooks. */
static int open_unit_hooks(struct outbox *outbox, const struct config *config)
{
        for (size_t i = 0; i < config->hook_count && outbox->unit_hooks == NULL; i++)
                if (config->hooks[i].kind == HOOK_UNIT)
                        return unit_hooks_new(&outbox->context, outbox->parts.bus, &outbox->unit_hooks);
        return 0;
}

/* What a configuration needs, made before the previous one is replaced: one for each of its hooks. */
static int make_setups(struct outbox *outbox, struct config *config, struct hook_setup *ret_setups[])
{
        int r = open_unit_hooks(outbox, config);
        if (r < 0)
                return r;
        for (size_t i = 0; i < config->hook_count; i++) {
                int made = hook_setup_new(&outbox->context, outbox->unit_hooks, config, &config->hooks[i],
                                          &ret_setups[i]);
                if (made < 0 && r >= 0) /* the problems of the other hooks are logged, too */
                        r = made;
        }
        return r;
}

static struct hook_queue *add_queue(struct outbox *outbox, const char *hook)
{
        const struct hook_queue_parts parts = {
                .event = outbox->parts.event,
                .state = outbox->parts.state,
                .journal = outbox->parts.journal,
                .on_wake = wake,
                .may_start = may_start,
                .on_shortage = on_queue_shortage,
                .userdata = outbox,
        };
        struct hook_queue *queue = hook_queue_new(&parts, hook);

        outbox->queues = array_grow(outbox->queues, outbox->queue_count, sizeof(struct hook_queue *));
        outbox->queues[outbox->queue_count++] = queue;
        return queue;
}

static void apply(struct outbox *outbox, struct config *config, struct hook_setup *const setups[],
                  const struct outbox_load *load)
{
        struct config *previous = outbox->parts.config;

        for (size_t i = 0; i < outbox->queue_count; i++)
                if (config_find_hook(config, outbox->queues[i]->name) == NULL)
                        hook_queue_remove(outbox->queues[i]);
        for (size_t i = 0; i < config->hook_count; i++) {
                const char *hook = config->hooks[i].name;
                struct hook_queue *queue = find_queue(outbox, hook);

                if (queue == NULL)
                        queue = add_queue(outbox, hook);
                hook_queue_configure(queue, setups[i], &load->hooks[i]);
        }
        outbox->parts.config = config_ref(config);
        config_free(previous);
        log_removed(outbox, load);
        wake(outbox);
}

int outbox_reload(struct outbox *outbox, struct config *config, const struct outbox_load *load)
{
        struct hook_setup **setups = memory_need(calloc(config->hook_count + 1, sizeof(*setups)));

        assert(load->hook_count == config->hook_count);
        int r = make_setups(outbox, config, setups);
        if (r >= 0)
                apply(outbox, config, setups, load);
        for (size_t i = 0; i < config->hook_count; i++)
                hook_setup_unref(setups[i]);
        free(setups);
        return r;
}

int outbox_new(const struct outbox_parts *parts, const struct outbox_load *load, struct outbox **ret_outbox)
{
        CLEANUP(cleanup_outbox_free) struct outbox *outbox = memory_malloc(NULL, sizeof(*outbox));

        *outbox = (struct outbox){
                .parts = *parts,
                .context = { .event = parts->event, .journal = parts->journal, .outputs = outputs_new() },
        };
        outbox->parts.config = NULL;
        outbox->wake = deferred_new(parts->event, on_wake, outbox);
        outbox->tests = hook_tests_new(parts->event, parts->journal, on_test_end, outbox);

        int r = outbox_reload(outbox, parts->config, load);
        if (r < 0)
                return r;
        *ret_outbox = STEAL_POINTER(outbox);
        return 0;
}

struct outbox *outbox_free(struct outbox *outbox)
{
        if (outbox == NULL)
                return NULL;

        for (size_t i = 0; i < outbox->queue_count; i++)
                hook_queue_free(outbox->queues[i]);
        hook_tests_free(outbox->tests);
        unit_hooks_free(outbox->unit_hooks);
        outputs_free(outbox->context.outputs);
        free(outbox->queues);
        sd_event_source_disable_unref(outbox->wake);
        config_free(outbox->parts.config);
        free(outbox);
        return NULL;
}
