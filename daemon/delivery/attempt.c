/* SPDX-License-Identifier: MIT */

/*
 * One place of a lane: an attempt is started, ends at some time, and its end is written down; only then is
 * the place free again. If that cannot be written (a full disk), the attempt stays where it is, so that
 * nothing is delivered twice in a row, and the lane's timer tries again.
 */

#include "delivery/hook_queue.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "delivery/payload.h"
#include "journal/event_message.h"
#include "journal/message_ids.h"
#include "planning/backoff.h"
#include "platform/clock.h"
#include "platform/random.h"
#include "util/cleanup.h"
#include "util/timespan.h"

/* ---- ends ---- */

void attempt_clear(struct attempt *attempt)
{
        hook_exec_free(attempt->exec);
        webhook_cancel(attempt->http);
        hook_unit_cancel(attempt->unit);
        delivery_clear(&attempt->delivery);
        event_clear(&attempt->event);
        free(attempt->document);
        free(attempt->reason);
        *attempt = (struct attempt){ .hook_queue = NULL };
}

static char *attempt_label(const struct attempt *attempt)
{
        return job_label(attempt->event.record.id, text_or_empty(&attempt->event.job_name));
}

static const char *attempt_reason(const struct attempt *attempt)
{
        return attempt->reason != NULL ? attempt->reason : "out of memory";
}

static void log_delivered(struct hook_queue *hook_queue, const struct attempt *attempt)
{
        CLEANUP(cleanup_free) char *label = attempt_label(attempt);

        journal_print_about(hook_queue->outbox->parts.journal, LOG_INFO, NULL, attempt->event.record.id,
                            attempt->event.job_name.data, "%s: hook %s took the event \"%s\" (attempt %u).",
                            label != NULL ? label : "A job", hook_queue->hook->name,
                            event_kind_to_string(attempt->event.kind), attempt->delivery.attempts + 1);
}

static void log_abandoned(struct hook_queue *hook_queue, const struct attempt *attempt)
{
        CLEANUP(cleanup_free) char *label = attempt_label(attempt);
        unsigned made = attempt->delivery.attempts + 1;

        journal_print_about(
                hook_queue->outbox->parts.journal, LOG_ERR, MESSAGE_ID_DELIVERY_FAILED,
                attempt->event.record.id, attempt->event.job_name.data,
                "%s: hook %s did not take the event \"%s\" (%s) in %u attempt%s and is given up: %s.",
                label != NULL ? label : "A job", hook_queue->hook->name,
                event_kind_to_string(attempt->event.kind), attempt->event.id, made, made == 1 ? "" : "s",
                attempt_reason(attempt));
}

static void log_retry(struct hook_queue *hook_queue, const struct attempt *attempt, uint64_t delay_us)
{
        CLEANUP(cleanup_free) char *label = attempt_label(attempt);
        char delay[TIMESPAN_TEXT_MAX];

        journal_print_about(
                hook_queue->outbox->parts.journal, LOG_WARNING, NULL, attempt->event.record.id,
                attempt->event.job_name.data,
                "%s: hook %s failed at attempt %u for the event \"%s\" (%s): %s; it is tried again in %s.",
                label != NULL ? label : "A job", hook_queue->hook->name, attempt->delivery.attempts + 1,
                event_kind_to_string(attempt->event.kind), attempt->event.id, attempt_reason(attempt),
                timespan_format_rough(delay_us, delay));
}

int attempt_record(struct attempt *attempt)
{
        struct hook_queue *hook_queue = attempt->hook_queue;
        struct state *state = hook_queue->outbox->parts.state;
        uint64_t now_us = clock_wall_us();
        unsigned made = attempt->delivery.attempts + 1;
        int r;

        if (attempt->success) {
                r = state_delivery_done(state, attempt->delivery.id, now_us);
                if (r >= 0)
                        log_delivered(hook_queue, attempt);
        } else if (made > hook_queue->hook->retries) {
                r = state_delivery_failed(state, attempt->delivery.id, now_us, attempt_reason(attempt));
                if (r >= 0)
                        log_abandoned(hook_queue, attempt);
        } else {
                uint64_t delay_us = delivery_delay(made, attempt->retry_after_us, random_u64());

                r = state_delivery_retry(state, attempt->delivery.id, now_us + delay_us,
                                         attempt_reason(attempt));
                if (r >= 0)
                        log_retry(hook_queue, attempt, delay_us);
        }
        /* Not pending any more: given up by a reload that took its hook away. */
        if (r < 0 && r != -ENOENT)
                return r;
        attempt_clear(attempt);
        return 0;
}

static void on_attempt_end(void *userdata, const struct hook_end *end)
{
        struct attempt *attempt = userdata;
        struct hook_queue *hook_queue = attempt->hook_queue;
        struct outbox *outbox = hook_queue->outbox;

        /* The run is gone when this returns. */
        attempt->exec = NULL;
        attempt->http = NULL;
        attempt->unit = NULL;

        /* What was ended because the daemon stops has not failed; it is delivered after the next start. */
        if (outbox->stopping && !end->success) {
                attempt_clear(attempt);
                outbox_wake(outbox);
                return;
        }

        attempt->ended = true;
        attempt->success = end->success;
        attempt->reason = strdup(end->reason);
        attempt->retry_after_us = end->retry_after_us;
        if (attempt_record(attempt) < 0) {
                journal_print(
                        outbox->parts.journal, LOG_WARNING,
                        "The end of hook %s cannot be written to the state: %s. It is tried again every 5 s; "
                        "until then this hook takes fewer events at a time.",
                        hook_queue->hook->name, state_error(outbox->parts.state));
                hook_queue_timer_set(hook_queue, RECORD_AGAIN_US);
        }
        outbox_wake(outbox);
}

/* ---- beginnings ---- */

static int attempt_run(struct attempt *attempt, char **ret_reason)
{
        struct hook_queue *hook_queue = attempt->hook_queue;
        struct outbox *outbox = hook_queue->outbox;
        const struct hook_context context = { .event = outbox->parts.event,
                                              .journal = outbox->parts.journal };
        unsigned number = attempt->delivery.attempts + 1;
        size_t size;
        int r;

        r = state_get_event(outbox->parts.state, attempt->delivery.event_id, &attempt->event);
        if (r == 0)
                return -ENOENT;
        if (r >= 0)
                r = payload_write(&attempt->event, number, outbox->parts.config->log.personal_data,
                                  &attempt->document, &size);
        if (r < 0)
                return r;

        const struct hook_attempt call = {
                .hook = hook_queue->hook,
                .event = &attempt->event,
                .document = attempt->document,
                .document_size = size,
                .attempt = number,
                .on_end = on_attempt_end,
                .userdata = attempt,
        };
        switch (hook_queue->hook->kind) {
        case HOOK_EXEC:
                return hook_exec_start(&context, &call, ret_reason, &attempt->exec);
        case HOOK_URL:
                /* Tried anew each time, since a secret that was missing may be there by now. */
                r = hook_queue->http != NULL
                            ? 0
                            : webhook_new(&context, hook_queue->hook, ret_reason, &hook_queue->http);
                return r < 0 ? r : webhook_start(hook_queue->http, &call, ret_reason, &attempt->http);
        case HOOK_UNIT:
                return hook_unit_start(outbox->unit_hooks, &call, ret_reason, &attempt->unit);
        }
        return -EOPNOTSUPP;
}

void attempt_start(struct attempt *attempt, struct hook_queue *hook_queue, struct delivery *delivery)
{
        CLEANUP(cleanup_free) char *reason = NULL;

        *attempt = (struct attempt){ .hook_queue = hook_queue, .delivery = *delivery };
        *delivery = (struct delivery){ .hook = NULL };

        int r = attempt_run(attempt, &reason);
        if (r < 0) {
                const struct hook_end end = { .reason = reason != NULL ? reason : strerror(-r) };

                on_attempt_end(attempt, &end);
        }
}
