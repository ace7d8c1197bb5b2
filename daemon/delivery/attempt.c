/* SPDX-License-Identifier: MIT */

/*
 * One attempt in a slot of a hook's queue:
 *
 *     free ──(start)──> in progress ──(end)──> ended ──(recorded)──> free
 *
 * The slot is free only when the result is recorded. If that fails (disk full), the attempt stays in its
 * slot, so that the event is not delivered twice in a row, and the queue retries. An attempt that was ended
 * by a stop, or not made for a shortage, frees its slot without a result.
 */

#include "delivery/attempt.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "delivery/exec/exec.h"
#include "delivery/payload.h"
#include "delivery/shortage.h"
#include "delivery/unit/unit.h"
#include "delivery/webhook/webhook.h"
#include "journal/event_message.h"
#include "journal/message_ids.h"
#include "planning/backoff.h"
#include "platform/clock.h"
#include "platform/random.h"
#include "util/cleanup.h"
#include "util/message.h"
#include "util/text.h"
#include "util/timespan.h"

bool attempt_is_free(const struct attempt *attempt)
{
        return attempt->context == NULL;
}

bool attempt_is_unrecorded(const struct attempt *attempt)
{
        return attempt->ended;
}

uint64_t attempt_delivery_id(const struct attempt *attempt)
{
        assert(!attempt_is_free(attempt));
        return attempt->delivery.id;
}

/* ---- log ---- */

static char *attempt_label(const struct attempt *attempt)
{
        return job_label(attempt->event.record.id, text_or_empty(&attempt->event.job_name));
}

static const char *attempt_reason(const struct attempt *attempt)
{
        return attempt->reason != NULL ? attempt->reason : "out of memory";
}

static struct journal_delivery delivery_fields(const struct attempt *attempt)
{
        return (struct journal_delivery){
                .job_id = attempt->event.record.id,
                .job_name = attempt->event.job_name.data,
                .event_id = attempt->delivery.event_id,
                .hook = attempt->context->hook->name,
                .attempt = attempt->delivery.attempts + 1,
        };
}

static void log_delivered(const struct attempt *attempt)
{
        CLEANUP(cleanup_free) char *label = attempt_label(attempt);
        const struct journal_delivery fields = delivery_fields(attempt);

        journal_print_delivery(attempt->context->hook_context.journal, LOG_INFO, NULL, &fields,
                               "%s: hook %s: delivered \"%s\" (attempt %u)", label != NULL ? label : "A job",
                               fields.hook, event_kind_to_string(attempt->event.kind), fields.attempt);
}

static void log_abandoned(const struct attempt *attempt)
{
        CLEANUP(cleanup_free) char *label = attempt_label(attempt);
        const struct journal_delivery fields = delivery_fields(attempt);

        journal_print_delivery(attempt->context->hook_context.journal, LOG_ERR, MESSAGE_ID_DELIVERY_FAILED,
                               &fields, "%s: hook %s: abandoned \"%s\" after %u attempt%s: %s",
                               label != NULL ? label : "A job", fields.hook,
                               event_kind_to_string(attempt->event.kind), fields.attempt,
                               plural(fields.attempt), attempt_reason(attempt));
}

static void log_retry(const struct attempt *attempt, uint64_t delay_us)
{
        CLEANUP(cleanup_free) char *label = attempt_label(attempt);
        const struct journal_delivery fields = delivery_fields(attempt);
        char delay[TIMESPAN_TEXT_MAX];

        journal_print_delivery(
                attempt->context->hook_context.journal, LOG_WARNING, MESSAGE_ID_DELIVERY_RETRY, &fields,
                "%s: hook %s: delivery of \"%s\" failed (attempt %u of %u): %s; retrying in %s",
                label != NULL ? label : "A job", fields.hook, event_kind_to_string(attempt->event.kind),
                fields.attempt, attempt->context->hook->retries + 1, attempt_reason(attempt),
                timespan_format_rough(delay_us, delay));
}

static void log_stopped(const struct attempt *attempt, const char *reason)
{
        CLEANUP(cleanup_free) char *label = attempt_label(attempt);
        const struct journal_delivery fields = delivery_fields(attempt);

        journal_print_delivery(attempt->context->hook_context.journal, LOG_INFO, NULL, &fields,
                               "%s: hook %s: delivery of \"%s\" interrupted (attempt %u): %s; it is repeated "
                               "after the next start",
                               label != NULL ? label : "A job", fields.hook,
                               event_kind_to_string(attempt->event.kind), fields.attempt, reason);
}

static void log_shortage(const struct attempt *attempt, const char *reason)
{
        CLEANUP(cleanup_free) char *label = job_label(attempt->delivery.job_id, attempt->event.job_name.data);
        struct journal_delivery fields = delivery_fields(attempt);

        fields.job_id = attempt->delivery.job_id; /* the event may not have been read */
        journal_print_delivery(attempt->context->hook_context.journal, LOG_WARNING, NULL, &fields,
                               "%s: hook %s cannot be started now: %s; retrying every second, which does not "
                               "count as an attempt",
                               label != NULL ? label : "A job", fields.hook, reason);
}

/* ---- end ---- */

void attempt_clear(struct attempt *attempt)
{
        hook_exec_free(attempt->exec);
        webhook_cancel(attempt->http);
        hook_unit_cancel(attempt->unit);
        event_clear(&attempt->event);
        free(attempt->document);
        free(attempt->reason);
        *attempt = (struct attempt){ .context = NULL };
}

void attempt_stop(struct attempt *attempt)
{
        if (attempt->exec != NULL)
                hook_exec_stop(attempt->exec);
        else if (!attempt->ended) {
                if (attempt->http != NULL)
                        log_stopped(attempt, "stopped: no response yet");
                attempt_clear(attempt);
        }
}

int attempt_record(struct attempt *attempt)
{
        struct store *state = attempt->context->state;
        unsigned made = attempt->delivery.attempts + 1;
        int r;

        assert(attempt->ended);
        if (attempt->success) {
                r = store_delivery_done(state, attempt->delivery.id, clock_wall_us());
                if (r >= 0)
                        log_delivered(attempt);
        } else if (made > attempt->context->hook->retries) {
                r = store_delivery_failed(state, attempt->delivery.id, clock_wall_us(),
                                          attempt_reason(attempt));
                if (r >= 0) {
                        (*attempt->context->abandoned)++;
                        log_abandoned(attempt);
                }
        } else {
                uint64_t delay_us = delivery_delay(made, attempt->retry_after_us, random_u64());

                r = store_delivery_retry(state, attempt->delivery.id, clock_process_us(), delay_us,
                                         attempt_reason(attempt));
                if (r >= 0)
                        log_retry(attempt, delay_us);
        }
        /* -ENOENT: no longer pending, dropped by a reload that removed its hook. */
        if (r < 0 && r != -ENOENT)
                return r;
        attempt_clear(attempt);
        return 0;
}

static void postpone(struct attempt *attempt, const char *reason)
{
        struct attempt_context *context = attempt->context;

        if (context->on_shortage(context->userdata))
                log_shortage(attempt, reason);
        attempt_clear(attempt);
}

static void on_hook_end(void *userdata, const struct hook_end *end)
{
        struct attempt *attempt = userdata;
        struct attempt_context *context = attempt->context;
        int r = 0;

        /* The run is freed when this returns. */
        attempt->exec = NULL;
        attempt->http = NULL;
        attempt->unit = NULL;

        if (end->shortage) {
                postpone(attempt, end->reason);
                return;
        }
        /* An attempt that was ended by a stop has not failed; the event is delivered after the next start. */
        if (end->stopped) {
                log_stopped(attempt, end->reason);
                attempt_clear(attempt);
        } else {
                attempt->ended = true;
                attempt->success = end->success;
                attempt->reason = strdup(end->reason);
                text_strip_full_stop(attempt->reason);
                attempt->retry_after_us = end->retry_after_us;
                r = attempt_record(attempt);
        }
        context->on_done(context->userdata, r);
}

/* ---- start ---- */

static int start_hook(struct attempt *attempt, char **ret_reason)
{
        struct attempt_context *context = attempt->context;
        unsigned number = attempt->delivery.attempts + 1;
        size_t size;

        int r = store_get_event(context->state, attempt->delivery.event_id, &attempt->event);
        if (r == 0)
                return -ENOENT;
        if (r >= 0)
                r = payload_write(&attempt->event, number, context->personal_data, &attempt->document, &size);
        if (r < 0)
                return r;

        const struct hook_attempt call = {
                .hook = context->hook,
                .event = &attempt->event,
                .document = attempt->document,
                .document_size = size,
                .attempt = number,
                .on_end = on_hook_end,
                .userdata = attempt,
        };
        switch (context->hook->kind) {
        case HOOK_EXEC:
                return hook_exec_start(&context->hook_context, &call, ret_reason, &attempt->exec);
        case HOOK_URL:
                return webhook_start(context->webhook, &call, ret_reason, &attempt->http);
        case HOOK_UNIT:
                return hook_unit_start(context->unit_hooks, &call, ret_reason, &attempt->unit);
        }
        return -EOPNOTSUPP;
}

void attempt_start(struct attempt *attempt, struct attempt_context *context, const struct delivery *delivery)
{
        CLEANUP(cleanup_free) char *reason = NULL;

        assert(attempt_is_free(attempt));
        *attempt = (struct attempt){ .context = context, .delivery = *delivery };

        int r = check_descriptors();
        if (r >= 0)
                r = start_hook(attempt, &reason);
        if (r < 0) {
                const struct hook_end end = { .shortage = is_shortage(-r),
                                              .reason = reason != NULL ? reason : strerror(-r) };

                on_hook_end(attempt, &end);
        }
}
