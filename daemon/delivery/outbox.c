/* SPDX-License-Identifier: MIT */

/*
 * One queue per configured hook (hook_queue.h). Queues are independent, so a hook that hangs occupies its own
 * slots only. After a reload, queues of the old configuration are retired: they start nothing and are freed
 * when their last attempt has ended.
 *
 *      wake ──> on_wake: free retired queues, fill the others ──> on_idle(), if nothing is left to do
 */

#include "delivery/outbox.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "delivery/exec/output.h"
#include "delivery/hook_queue.h"
#include "delivery/unit/unit.h"
#include "journal/message_ids.h"
#include "platform/clock.h"
#include "util/cleanup.h"
#include "util/message.h"
#include "util/timespan.h"

struct outbox {
        struct outbox_parts parts;
        struct hook_queue **queues;
        size_t queue_count;
        struct unit_hooks *unit_hooks; /* NULL: no configuration had unit hooks so far */
        struct outputs *outputs;       /* of exec hooks */
        sd_event_source *wake;
        sd_event_source *shortage_timer;
        uint64_t short_us; /* when an attempt could last not be made, by clock_process_us(); 0: never */
        bool shortage;     /* an attempt could not be made since the queues were filled */
        bool woken;        /* deliveries may be due */
        bool stopping;
        size_t pending; /* as of the last count */
        bool counted;   /* nothing has changed since */
        size_t abandoned;
};

DEFINE_CLEANUP(struct outbox, outbox_free)

/* When attempts that could not be made are tried again, and after which time without any to log the next. */
#define SHORTAGE_RETRY_US   (1 * USEC_PER_SEC)
#define SHORTAGE_EPISODE_US (1 * USEC_PER_MIN)

/* ---- selection ---- */

static bool is_selected(const struct string_list *hooks, const char *name)
{
        if (hooks == NULL)
                return true;
        for (size_t i = 0; i < hooks->count; i++)
                if (strcmp(hooks->items[i], name) == 0)
                        return true;
        return false;
}

size_t outbox_select(const struct config *config, const struct string_list *hooks, const struct event *event,
                     const char *ret_names[])
{
        size_t count = 0;

        for (size_t i = 0; i < config->hook_count; i++)
                if (event_wanted(event, config->hooks[i].on) && is_selected(hooks, config->hooks[i].name))
                        ret_names[count++] = config->hooks[i].name;
        return count;
}

/* ---- the loop ---- */

/* Fills a queue. Retired queues may still have deliveries of the same hook in progress. */
static void fill_queue(struct outbox *outbox, struct hook_queue *queue)
{
        uint64_t others[HOOK_QUEUE_OTHERS_MAX];
        size_t count = 0;

        for (size_t i = 0; i < outbox->queue_count; i++) {
                const struct hook_queue *other = outbox->queues[i];

                if (other != queue && strcmp(hook_queue_name(other), hook_queue_name(queue)) == 0 &&
                    count + HOOK_CONCURRENCY <= HOOK_QUEUE_OTHERS_MAX)
                        count += hook_queue_get_deliveries(other, others + count);
        }
        hook_queue_fill(queue, others, count);
}

static void free_retired_queues(struct outbox *outbox)
{
        size_t kept = 0;

        for (size_t i = 0; i < outbox->queue_count; i++) {
                struct hook_queue *queue = outbox->queues[i];

                if (hook_queue_is_retired(queue) && !hook_queue_is_occupied(queue))
                        hook_queue_free(queue);
                else
                        outbox->queues[kept++] = queue;
        }
        outbox->queue_count = kept;
}

/* Makes the queue at `first` the first one. */
static void rotate_queues(struct outbox *outbox, size_t first)
{
        for (size_t i = 0; i < first; i++) {
                struct hook_queue *queue = outbox->queues[0];

                memmove(outbox->queues, outbox->queues + 1,
                        (outbox->queue_count - 1) * sizeof(struct hook_queue *));
                outbox->queues[outbox->queue_count - 1] = queue;
        }
}

/*
 * Other queues would find the same shortage. When the round has to end early, the queue concerned becomes the
 * first, so that all get their turn.
 */
static void fill_queues(struct outbox *outbox)
{
        outbox->shortage = false;
        for (size_t i = 0; i < outbox->queue_count; i++) {
                fill_queue(outbox, outbox->queues[i]);
                if (outbox->shortage) {
                        rotate_queues(outbox, i);
                        return;
                }
        }
}

static int on_wake(sd_event_source *source, void *userdata)
{
        (void)source;
        struct outbox *outbox = userdata;

        outbox->woken = false;
        free_retired_queues(outbox);
        fill_queues(outbox);
        if (outbox_is_idle(outbox))
                outbox->parts.on_idle(outbox->parts.userdata);
        return 0;
}

void outbox_wake(struct outbox *outbox)
{
        outbox->woken = true;
        outbox->counted = false;
        (void)sd_event_source_set_enabled(outbox->wake, SD_EVENT_ONESHOT);
}

void outbox_add(struct outbox *outbox, const struct event *event, const char *const hooks[],
                const uint64_t delivery_ids[], size_t count)
{
        (void)event;
        (void)hooks;
        (void)delivery_ids;
        if (count > 0)
                outbox_wake(outbox);
}

static bool on_queue_shortage(void *userdata)
{
        struct outbox *outbox = userdata;
        uint64_t now_us = clock_process_us();
        bool is_new = outbox->short_us == 0 || now_us - outbox->short_us > SHORTAGE_EPISODE_US;

        outbox->short_us = now_us;
        outbox->shortage = true;
        (void)sd_event_source_set_time_relative(outbox->shortage_timer, SHORTAGE_RETRY_US);
        (void)sd_event_source_set_enabled(outbox->shortage_timer, SD_EVENT_ONESHOT);
        return is_new;
}

static int on_shortage_time(sd_event_source *source, uint64_t time_us, void *userdata)
{
        (void)source;
        (void)time_us;
        struct outbox *outbox = userdata;

        for (size_t i = 0; i < outbox->queue_count; i++)
                hook_queue_close_idle(outbox->queues[i]);
        outbox_wake(outbox);
        return 0;
}

static void on_queue_change(void *userdata)
{
        outbox_wake(userdata);
}

void outbox_stop(struct outbox *outbox)
{
        outbox->stopping = true;
        for (size_t i = 0; i < outbox->queue_count; i++)
                hook_queue_stop(outbox->queues[i]);
        outbox_wake(outbox);
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

        if (outbox->woken || (outbox->shortage && !outbox->stopping))
                return false;
        for (size_t i = 0; i < outbox->queue_count; i++) {
                const struct hook_queue *queue = outbox->queues[i];

                if (hook_queue_is_busy(queue) || (waits_for_retries && hook_queue_is_waiting(queue)))
                        return false;
                /* With `once`, a result that cannot be recorded is not waited for. */
                if (!outbox->parts.once && hook_queue_is_occupied(queue))
                        return false;
        }
        return true;
}

/* ---- counting ---- */

struct outbox_counts outbox_count(struct outbox *outbox)
{
        const struct config *config = outbox->parts.config;
        bool state_error = false;
        size_t pending = 0;

        for (size_t i = 0; i < outbox->queue_count; i++)
                state_error = state_error || hook_queue_has_state_error(outbox->queues[i]);
        for (size_t i = 0; i < config->hook_count && !outbox->counted; i++) {
                uint64_t count;

                if (store_count_pending(outbox->parts.state, config->hooks[i].name, &count) < 0) {
                        state_error = true;
                        continue;
                }
                pending += count;
        }
        if (!outbox->counted && !state_error) {
                outbox->pending = pending;
                outbox->counted = true;
        }
        return (struct outbox_counts){ outbox->pending, outbox->abandoned, state_error };
}

static bool has_hook(const struct config *config, const char *name)
{
        for (size_t i = 0; i < config->hook_count; i++)
                if (strcmp(config->hooks[i].name, name) == 0)
                        return true;
        return false;
}

static void count_abandoned(void *userdata, uint64_t job_id, const char *hook)
{
        struct outbox *outbox = userdata;
        const struct config *config = outbox->parts.config;
        bool configured = has_hook(config, hook), watched = false;

        for (size_t i = 0; i < config->job_count && configured && !watched; i++)
                watched = config->jobs[i].id == job_id;
        if (watched)
                outbox->abandoned++;
}

/* After a change of the configuration. If the state cannot be read, only those of this run are known. */
static void recount_abandoned(struct outbox *outbox)
{
        size_t before = outbox->abandoned;

        outbox->abandoned = 0;
        if (store_each_failed_delivery(outbox->parts.state, count_abandoned, outbox) < 0)
                outbox->abandoned = before;
}

/* ---- configurations ---- */

struct removed_hooks {
        const struct config *config;
        char *text; /* "old (4), mail (1)", or NULL */
};

static void collect_removed(void *userdata, const char *hook, uint64_t count)
{
        struct removed_hooks *removed = userdata;

        if (has_hook(removed->config, hook))
                return;
        char *longer = format_message("%s%s%s (%" PRIu64 ")", removed->text != NULL ? removed->text : "",
                                      removed->text != NULL ? ", " : "", hook, count);
        if (longer == NULL)
                return;
        free(removed->text);
        removed->text = longer;
}

/* After a change of the configuration. Pending deliveries of removed hooks stay in the state. */
static void report_removed(struct outbox *outbox)
{
        struct removed_hooks removed = { .config = outbox->parts.config };
        char keep[TIMESPAN_TEXT_MAX];

        if (store_each_pending_hook(outbox->parts.state, collect_removed, &removed) < 0)
                journal_print(outbox->parts.journal, LOG_WARNING,
                              "Cannot read pending deliveries of removed hooks: %s.",
                              store_error(outbox->parts.state));
        else if (removed.text != NULL)
                journal_print_about(
                        outbox->parts.journal, LOG_WARNING, MESSAGE_ID_HOOKS_REMOVED, 0, NULL,
                        "Deliveries are pending for hooks that are not configured: %s. They are kept "
                        "for %s, and delivered if the hook is configured again.",
                        removed.text, timespan_format(outbox->parts.config->state_keep_us, keep));
        free(removed.text);
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

/* Adds queues for the hooks of a configuration. On failure nothing has changed. */
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
        const struct hook_queue_parts parts = {
                .event = outbox->parts.event,
                .state = outbox->parts.state,
                .journal = outbox->parts.journal,
                .unit_hooks = outbox->unit_hooks,
                .abandoned = &outbox->abandoned,
                .outputs = outbox->outputs,
                .on_change = on_queue_change,
                .on_shortage = on_queue_shortage,
                .userdata = outbox,
        };
        for (size_t i = 0; i < config->hook_count; i++) {
                int made = hook_queue_new(&parts, config, &config->hooks[i], &queues[outbox->queue_count]);
                if (made >= 0)
                        outbox->queue_count++;
                else if (r >= 0) /* the problems of the other hooks are logged, too */
                        r = made;
        }
        while (r < 0 && outbox->queue_count > before)
                hook_queue_free(queues[--outbox->queue_count]);
        return r;
}

int outbox_reload(struct outbox *outbox, struct config *config)
{
        size_t before = outbox->queue_count;

        int r = add_queues(outbox, config);
        if (r < 0)
                return r;
        for (size_t i = 0; i < before; i++)
                hook_queue_retire(outbox->queues[i]);
        config_free(outbox->parts.config);
        outbox->parts.config = config_ref(config);

        report_removed(outbox);
        recount_abandoned(outbox);
        outbox_wake(outbox);
        return 0;
}

int outbox_new(const struct outbox_parts *parts, struct outbox **ret_outbox)
{
        CLEANUP(cleanup_outbox_free) struct outbox *outbox = calloc(1, sizeof(*outbox));
        int r;

        if (outbox == NULL)
                return -ENOMEM;
        outbox->parts = *parts;
        config_ref(parts->config);

        r = outputs_new(&outbox->outputs);
        if (r < 0)
                return r;
        r = add_queues(outbox, parts->config);
        if (r < 0)
                return r;
        r = sd_event_add_time(parts->event, &outbox->shortage_timer, CLOCK_BOOTTIME, 0, 10 * USEC_PER_MSEC,
                              on_shortage_time, outbox);
        if (r >= 0)
                r = sd_event_source_set_enabled(outbox->shortage_timer, SD_EVENT_OFF);
        if (r < 0)
                return r;
        r = sd_event_add_defer(parts->event, &outbox->wake, on_wake, outbox);
        if (r < 0)
                return r;
        r = sd_event_source_set_enabled(outbox->wake, SD_EVENT_OFF);
        if (r < 0)
                return r;
        (void)sd_event_source_set_description(outbox->wake, "outbox-wake");
        report_removed(outbox);
        recount_abandoned(outbox);

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
        outputs_free(outbox->outputs);
        free(outbox->queues);
        sd_event_source_disable_unref(outbox->shortage_timer);
        sd_event_source_disable_unref(outbox->wake);
        config_free(outbox->parts.config);
        free(outbox);
        return NULL;
}
