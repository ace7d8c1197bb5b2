/* SPDX-License-Identifier: MIT */

/*
 * Each configured hook has a lane: a few attempts under way at most, and a timer for the next delivery that
 * waits for its time. Lanes know nothing of each other, so a hook that hangs fills its own lane only.
 *
 *      wake ──> lane_fill: what is due and not under way ──> attempt ──> its end is recorded ──> lane_fill
 *                   └──> timer for the earliest that is not due
 *
 * If the end of an attempt cannot be recorded (a full disk), the attempt stays in its lane, so that nothing
 * is delivered twice in a row, and the recording is tried again until it succeeds.
 */

#include "hooks/outbox_internal.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/span.h"
#include "core/retry.h"
#include "host/clock.h"

/*
 * Attempts of one hook that are looked at: its lane's, and those of lanes from before reloads that are still
 * busy.
 */
#define BUSY_MAX (4 * LANE_WIDTH)

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

void lane_timer_set(struct lane *lane, uint64_t span_us)
{
        (void)sd_event_source_set_time_relative(lane->timer, span_us);
        (void)sd_event_source_set_enabled(lane->timer, SD_EVENT_ONESHOT);
}

/* ---- lanes ---- */

static int compare_ids(const void *left, const void *right)
{
        uint64_t a = *(const uint64_t *)left, b = *(const uint64_t *)right;

        return (a > b) - (a < b);
}

static size_t lane_busy_count(const struct lane *lane)
{
        size_t count = 0;

        for (size_t i = 0; i < LANE_WIDTH; i++)
                if (lane->attempts[i].lane != NULL)
                        count++;
        return count;
}

static size_t lane_under_way(const struct lane *lane)
{
        size_t count = 0;

        for (size_t i = 0; i < LANE_WIDTH; i++)
                if (lane->attempts[i].lane != NULL && !lane->attempts[i].ended)
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

        for (size_t i = 0; i < outbox->lane_count; i++) {
                const struct lane *lane = outbox->lanes[i];

                if (strcmp(lane->hook->name, name) != 0)
                        continue;
                for (size_t k = 0; k < LANE_WIDTH && count < max; k++)
                        if (lane->attempts[k].lane != NULL)
                                ret_ids[count++] = lane->attempts[k].delivery.id;
        }
        qsort(ret_ids, count, sizeof(*ret_ids), compare_ids);
        return count;
}

static struct attempt *lane_free_place(struct lane *lane)
{
        for (size_t i = 0; i < LANE_WIDTH; i++)
                if (lane->attempts[i].lane == NULL)
                        return &lane->attempts[i];
        return NULL;
}

/* Tries again to write down the ends that could not be. Returns whether any still cannot. */
static bool lane_record(struct lane *lane)
{
        bool unrecorded = false;

        for (size_t i = 0; i < LANE_WIDTH; i++)
                if (lane->attempts[i].ended && attempt_record(&lane->attempts[i]) < 0)
                        unrecorded = true;
        return unrecorded;
}

/* Said once, until they can be read again. */
static void lane_cannot_read(struct lane *lane)
{
        lane->waiting = true; /* what cannot be read may be there */
        lane_timer_set(lane, RECORD_AGAIN_US);
        if (lane->unread)
                return;
        lane->unread = true;
        journal_print(
                lane->outbox->parts.journal, LOG_WARNING,
                "What is to be told to hook %s cannot be read from the state: %s. It is tried again every "
                "5 s.",
                lane->hook->name, store_error(lane->outbox->parts.store));
}

/* Arms the timer for the earliest delivery that waits for its time, or for what is still to be recorded. */
static void lane_wait(struct lane *lane, const uint64_t busy[], size_t busy_count, bool unrecorded)
{
        uint64_t next_us, now_us = clock_wall_us();

        int r = store_next_delivery(lane->outbox->parts.store, lane->hook->name, busy, busy_count, &next_us);
        if (r < 0) {
                lane_cannot_read(lane);
                return;
        }
        lane->waiting = r > 0;
        lane->unread = false;
        /* A full lane is filled again by the end of an attempt. */
        if (r > 0 && busy_count < LANE_WIDTH) {
                /* A wall clock that was set back must not hold a delivery for longer than any delay is. */
                uint64_t span_us = next_us > now_us ? next_us - now_us : 0;
                uint64_t span_max_us = unrecorded ? RECORD_AGAIN_US : DELIVERY_DELAY_MAX_US;
                lane_timer_set(lane, span_us < span_max_us ? span_us : span_max_us);
        } else if (unrecorded) {
                lane_timer_set(lane, RECORD_AGAIN_US);
        }
}

static void lane_fill(struct lane *lane)
{
        struct delivery due[LANE_WIDTH] = { { .hook = NULL } };
        uint64_t busy[BUSY_MAX];

        bool unrecorded = lane_record(lane);
        if (lane->retired) {
                if (unrecorded)
                        lane_timer_set(lane, RECORD_AGAIN_US);
                return;
        }

        size_t busy_count = hook_busy(lane->outbox, lane->hook->name, busy, BUSY_MAX);
        if (busy_count < LANE_WIDTH) {
                int count = store_due_deliveries(lane->outbox->parts.store, lane->hook->name, clock_wall_us(),
                                                 busy, busy_count, due, LANE_WIDTH - busy_count);
                if (count < 0) { /* what is due would have the timer go off at once, over and over */
                        lane_cannot_read(lane);
                        return;
                }
                for (int i = 0; i < count; i++)
                        attempt_start(lane_free_place(lane), lane, &due[i]);
                busy_count = hook_busy(lane->outbox, lane->hook->name, busy, BUSY_MAX);
        }
        lane_wait(lane, busy, busy_count, unrecorded);
}

static int on_lane_timer(sd_event_source *source, uint64_t time_us, void *userdata)
{
        (void)source;
        (void)time_us;
        struct lane *lane = userdata;

        outbox_wake(lane->outbox);
        return 0;
}

/* ---- the outbox ---- */

static struct lane *lane_free(struct lane *lane)
{
        if (lane == NULL)
                return NULL;

        for (size_t i = 0; i < LANE_WIDTH; i++)
                if (lane->attempts[i].lane != NULL)
                        attempt_clear(&lane->attempts[i]);
        hook_http_free(lane->http);
        sd_event_source_disable_unref(lane->timer);
        config_free(lane->config);
        free(lane);
        return NULL;
}

/* Lanes of an earlier configuration go when the last of their attempts has ended. */
static void drop_retired(struct outbox *outbox)
{
        size_t kept = 0;

        for (size_t i = 0; i < outbox->lane_count; i++) {
                struct lane *lane = outbox->lanes[i];

                if (lane->retired && lane_busy_count(lane) == 0)
                        lane_free(lane);
                else
                        outbox->lanes[kept++] = lane;
        }
        outbox->lane_count = kept;
}

static int on_wake(sd_event_source *source, void *userdata)
{
        (void)source;
        struct outbox *outbox = userdata;

        outbox->woken = false;
        drop_retired(outbox);
        for (size_t i = 0; i < outbox->lane_count && !outbox->stopping; i++)
                lane_fill(outbox->lanes[i]);
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
        for (size_t i = 0; i < outbox->lane_count; i++)
                for (size_t k = 0; k < LANE_WIDTH; k++) {
                        struct attempt *attempt = &outbox->lanes[i]->attempts[k];

                        if (attempt->exec != NULL)
                                hook_exec_stop(attempt->exec);
                        else if (attempt->lane != NULL)
                                attempt_clear(attempt);
                }
        outbox_wake(outbox);
}

bool outbox_is_idle(const struct outbox *outbox)
{
        bool may_wait = !outbox->parts.once && !outbox->stopping;

        if (outbox->woken)
                return false;
        for (size_t i = 0; i < outbox->lane_count; i++) {
                const struct lane *lane = outbox->lanes[i];

                if (lane_under_way(lane) > 0 || (may_wait && lane->waiting))
                        return false;
                /*
                 * An end that cannot be written down is waited for, but not for ever if there is only one
                 * round.
                 */
                if (!outbox->parts.once && lane_busy_count(lane) > 0)
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
        int dropped = store_drop_hooks(outbox->parts.store, names, outbox->parts.config->hook_count,
                                       clock_wall_us());

        if (dropped < 0)
                journal_print(outbox->parts.journal, LOG_WARNING,
                              "What waits for hooks that are no longer configured cannot be given up: %s.",
                              store_error(outbox->parts.store));
        if (dropped > 0)
                journal_print(outbox->parts.journal, LOG_WARNING,
                              "%d deliveries were waiting for hooks that are no longer configured, and are "
                              "given up.",
                              dropped);
}

static int lane_new(struct outbox *outbox, struct config *config, const struct hook_config *hook,
                    struct lane **ret_lane)
{
        struct lane *lane = calloc(1, sizeof(*lane));

        if (lane == NULL)
                return -ENOMEM;
        lane->outbox = outbox;
        lane->config = config_ref(config);
        lane->hook = hook;

        int r = sd_event_add_time(outbox->parts.event, &lane->timer, CLOCK_BOOTTIME, 0, 10 * USEC_PER_MSEC,
                                  on_lane_timer, lane);
        if (r >= 0)
                r = sd_event_source_set_enabled(lane->timer, SD_EVENT_OFF);
        if (r < 0) {
                lane_free(lane);
                return r;
        }
        (void)sd_event_source_set_description(lane->timer, "outbox-lane");
        *ret_lane = lane;
        return 0;
}

/* For the first configuration that has unit hooks. */
static int open_bus(struct outbox *outbox, const struct config *config)
{
        const struct hook_context context = { .event = outbox->parts.event,
                                              .journal = outbox->parts.journal };

        for (size_t i = 0; i < config->hook_count && outbox->bus == NULL; i++)
                if (config->hooks[i].kind == HOOK_UNIT)
                        return hook_bus_new(&context, &outbox->bus);
        return 0;
}

/* Puts lanes for the hooks of a configuration behind those that are there. On failure all is as it was. */
static int add_lanes(struct outbox *outbox, struct config *config)
{
        struct lane **lanes = reallocarray(outbox->lanes, outbox->lane_count + config->hook_count + 1,
                                           sizeof(struct lane *));
        size_t before = outbox->lane_count;

        if (lanes == NULL)
                return -ENOMEM;
        outbox->lanes = lanes;
        int r = open_bus(outbox, config);
        if (r < 0)
                return r;
        for (size_t i = 0; i < config->hook_count; i++) {
                r = lane_new(outbox, config, &config->hooks[i], &lanes[outbox->lane_count]);
                if (r < 0) {
                        while (outbox->lane_count > before)
                                lane_free(lanes[--outbox->lane_count]);
                        return r;
                }
                outbox->lane_count++;
        }
        return 0;
}

int outbox_reload(struct outbox *outbox, struct config *config)
{
        CLEANUP(cleanup_free) const char **names = NULL;
        size_t before = outbox->lane_count;

        int r = hook_names(config, &names);
        if (r >= 0)
                r = add_lanes(outbox, config);
        if (r < 0)
                return r;
        for (size_t i = 0; i < before; i++) {
                outbox->lanes[i]->retired = true;
                outbox->lanes[i]->waiting = false;
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

        r = add_lanes(outbox, parts->config);
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

        for (size_t i = 0; i < outbox->lane_count; i++)
                lane_free(outbox->lanes[i]);
        hook_bus_free(outbox->bus);
        free(outbox->lanes);
        sd_event_source_disable_unref(outbox->wake);
        config_free(outbox->parts.config);
        free(outbox);
        return NULL;
}
