/* SPDX-License-Identifier: MIT */

/*
 * A heartbeat is an operation of the state, since the first statement of every transaction is what only the
 * active host can do. It reads whether another host asks for a handover. The timer has a high priority: after
 * the process was frozen it is dispatched before what has arrived meanwhile.
 */

#include "app/activity.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "planning/proof.h"
#include "platform/clock.h"
#include "util/cleanup.h"
#include "util/container.h"
#include "util/memory.h"
#include "util/message.h"
#include "util/timer.h"
#include "util/timespan.h"

#define HEARTBEAT_INTERVAL_US (1 * USEC_PER_SEC)

struct activity {
        struct activity_parts parts;
        struct proof proof;
        struct state_operation heartbeat;
        bool is_sending;                /* the heartbeat is queued */
        bool is_wanted;                 /* another one is to follow at once */
        bool is_held;                   /* something was not started, since there was no proof */
        bool is_over;                   /* nothing is called any more */
        uint64_t sent_us;               /* when the last one was queued */
        enum activity_end end;          /* of this and the next */
        const char *reason;             /* why this host is not active; NULL: it is */
        struct store_active_host found; /* by the heartbeat */
        sd_event_source *timer, *renewed;
        char failure[STATE_ERROR_MAX]; /* of the last heartbeat; "": it did not fail */
        char error[STATE_ERROR_MAX];   /* what `reason` points to */
};

/* ---- heartbeats ---- */

static void heartbeat_done(struct state_operation *operation, int r);

static int heartbeat_run(struct state_operation *operation, struct store *store)
{
        struct activity *activity = CONTAINER_OF(operation, struct activity, heartbeat);

        return store_get_active_host(store, &activity->found);
}

static void send_heartbeat(struct activity *activity)
{
        activity->is_wanted = activity->is_sending;
        if (activity->is_sending)
                return;
        activity->is_sending = true;
        activity->sent_us = clock_boot_us();
        activity->heartbeat = (struct state_operation){ .run = heartbeat_run, .done = heartbeat_done };
        state_queue(activity->parts.state, &activity->heartbeat);
}

/* ---- the proof ---- */

/* The first one counts. The loop goes on first, since the caller is about to start something. */
static void note_end(struct activity *activity, enum activity_end end, const char *reason)
{
        if (activity->reason != NULL)
                return;
        activity->end = end;
        (void)snprintf(activity->error, sizeof(activity->error), "%s", reason);
        activity->reason = activity->error;
        timer_start(activity->timer, 0);
}

static bool check(struct activity *activity)
{
        const uint64_t committed_us = state_proved_us(activity->parts.state);

        if (activity->reason != NULL)
                return false;
        switch (proof_check(&activity->proof, committed_us, clock_boot_us())) {
        case PROOF_VALID:
                return true;
        case PROOF_RENEWING:
                send_heartbeat(activity);
                return false;
        case PROOF_EXPIRED:
                note_end(activity, ACTIVITY_LOST,
                         activity->failure[0] != '\0' ? activity->failure
                                                      : "the database did not answer for 5s");
                return false;
        }
        return false;
}

bool activity_is_proven(struct activity *activity)
{
        if (activity == NULL)
                return true;
        bool is_proven = check(activity);
        activity->is_held |= !is_proven;
        return is_proven;
}

static void set_timer(struct activity *activity)
{
        const uint64_t now_us = clock_boot_us(), end_us = proof_end_us(&activity->proof) + USEC_PER_MSEC;
        uint64_t next_us = activity->sent_us + HEARTBEAT_INTERVAL_US;

        if (next_us <= now_us) /* the last one is still on its way */
                next_us = now_us + HEARTBEAT_INTERVAL_US;
        if (end_us < next_us)
                next_us = end_us;
        timer_start(activity->timer, next_us > now_us ? next_us - now_us : 0);
}

static void on_renewed(void *userdata)
{
        struct activity *activity = userdata;

        if (!activity->is_held || activity->is_over || !check(activity))
                return;
        activity->is_held = false;
        activity->parts.on_renewed(activity->parts.userdata);
}

static void note_asked(struct activity *activity)
{
        CLEANUP(cleanup_free)
        char *reason = format_message("%s is preferred and asks for a handover", activity->found.wanted);

        note_end(activity, ACTIVITY_HANDOVER, reason);
}

static void heartbeat_done(struct state_operation *operation, int r)
{
        struct activity *activity = CONTAINER_OF(operation, struct activity, heartbeat);

        activity->is_sending = false;
        if (activity->is_over)
                return;
        activity->failure[0] = '\0';
        if (r < 0)
                (void)snprintf(activity->failure, sizeof(activity->failure), "%s", operation->error);
        if (r == -ESTALE)
                note_end(activity, ACTIVITY_LOST, activity->failure);
        else if (r >= 0 && activity->found.wanted[0] != '\0')
                note_asked(activity);
        else if (activity->is_wanted)
                send_heartbeat(activity);
        if (activity->is_held)
                deferred_start(activity->renewed);
}

static void on_timer(void *userdata)
{
        struct activity *activity = userdata;

        (void)check(activity);
        if (activity->reason != NULL) {
                activity->is_over = true;
                activity->parts.on_end(activity->parts.userdata, activity->end, activity->reason);
                return;
        }
        if (!activity->is_sending && clock_boot_us() >= activity->sent_us + HEARTBEAT_INTERVAL_US)
                send_heartbeat(activity);
        set_timer(activity);
}

void activity_hand_over(struct activity *activity, const char *reason)
{
        assert(!activity->is_over);
        note_end(activity, ACTIVITY_HANDOVER, reason);
}

/* ---- life ---- */

int activity_new(const struct activity_parts *parts, struct activity **ret_activity)
{
        struct store *store = state_store(parts->state);
        const uint64_t begun_us = clock_boot_us();

        int r = store_batch_begin(store);
        if (r >= 0)
                r = store_batch_end(store, true);
        if (r < 0)
                return r;
        struct activity *activity = memory_need(calloc(1, sizeof(*activity)));
        activity->parts = *parts;
        activity->sent_us = begun_us;
        proof_begin(&activity->proof, begun_us, clock_boot_us());
        activity->timer = timer_new(parts->event, CLOCK_BOOTTIME, USEC_PER_MSEC, on_timer, activity);
        (void)sd_event_source_set_priority(activity->timer, SD_EVENT_PRIORITY_IMPORTANT);
        activity->renewed = deferred_new(parts->event, on_renewed, activity);
        set_timer(activity);
        *ret_activity = activity;
        return 0;
}

void activity_stop(struct activity *activity)
{
        if (activity == NULL)
                return;
        activity->is_over = true;
        source_stop(activity->timer);
        source_stop(activity->renewed);
}

struct activity *activity_free(struct activity *activity)
{
        if (activity == NULL)
                return NULL;
        sd_event_source_disable_unref(activity->timer);
        sd_event_source_disable_unref(activity->renewed);
        free(activity);
        return NULL;
}
