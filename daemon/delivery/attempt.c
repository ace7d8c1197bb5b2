/* SPDX-License-Identifier: MIT */

/*
 *      reading ──> read ──> running ──> recording ──> recorded
 *         │          │         │         │     ↑
 *         │          │         │       unrecorded
 *         └──────────┴─────────┴──> unread, short, stopped
 *
 * The event is read, and the result recorded, by the state writer. Until the result is recorded the attempt
 * is in progress, so that the event is not delivered twice in a row.
 *
 * The writer uses the attempt while it reads or records. One that is freed then is only detached, and freed
 * when the writer has finished.
 */

#include "delivery/attempt.h"

#include <assert.h>
#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "delivery/exec/exec.h"
#include "delivery/unit/unit.h"
#include "delivery/webhook/webhook.h"
#include "journal/event_message.h"
#include "journal/message_ids.h"
#include "planning/backoff.h"
#include "platform/clock.h"
#include "platform/random.h"
#include "util/cleanup.h"
#include "util/container.h"
#include "util/memory.h"
#include "util/message.h"
#include "util/text.h"
#include "util/timespan.h"

bool attempt_is_ahead(const struct attempt *attempt)
{
        return attempt->stage == ATTEMPT_READING || attempt->stage == ATTEMPT_READ;
}

bool attempt_has_slot(const struct attempt *attempt)
{
        return !attempt_is_ahead(attempt) && (attempt->stage != ATTEMPT_RECORDING || attempt->unrecorded);
}

/* ---- log ---- */

/* Its number, from 1. */
static unsigned attempt_number(const struct attempt *attempt)
{
        return attempt->delivery.attempts + (attempt->stage != ATTEMPT_RECORDED);
}

/* Logs "Job 11 (members-import): hook mail: …", with the fields of the attempt that has just been counted or
 * is in progress. */
static void __attribute__((format(printf, 4, 5)))
log_attempt(const struct attempt *attempt, int priority, const char *message_id, const char *format, ...)
{
        const char *job_name = attempt->event.job_name.data;
        CLEANUP(cleanup_free) char *label = job_label(attempt->delivery.job_id, job_name);
        const struct journal_delivery fields = {
                .job_id = attempt->delivery.job_id,
                .job_name = job_name,
                .event_id = attempt->delivery.event_id,
                .hook = attempt->setup->hook->name,
                .attempt = attempt_number(attempt),
        };
        va_list arguments;

        va_start(arguments, format);
        CLEANUP(cleanup_free) char *message = format_message_list(format, arguments);
        va_end(arguments);
        journal_print_delivery(attempt->parts.journal, priority, message_id, &fields, "%s: hook %s: %s",
                               label, fields.hook, message);
}

static const char *event_name(const struct attempt *attempt)
{
        return event_kind_to_string(attempt->event.kind);
}

static void log_result(const struct attempt *attempt)
{
        unsigned number = attempt_number(attempt);
        char delay[TIMESPAN_TEXT_MAX];

        switch (attempt->result) {
        case ATTEMPT_DELIVERED:
                log_attempt(attempt, LOG_INFO, NULL, "delivered \"%s\" (attempt %u)", event_name(attempt),
                            number);
                return;
        case ATTEMPT_ABANDONED:
                log_attempt(attempt, LOG_ERR, MESSAGE_ID_DELIVERY_FAILED,
                            "abandoned \"%s\" after %u attempt%s: %s", event_name(attempt), number,
                            plural(number), attempt->reason);
                return;
        case ATTEMPT_RETRY:
                log_attempt(attempt, LOG_WARNING, MESSAGE_ID_DELIVERY_RETRY,
                            "delivery of \"%s\" failed (attempt %u of %u): %s; retrying in %s",
                            event_name(attempt), number, attempt->setup->hook->retries + 1, attempt->reason,
                            timespan_format_rough(attempt->delay_us, delay));
                return;
        }
}

/* Once. */
static void log_unrecorded(struct attempt *attempt)
{
        if (!attempt->unrecorded)
                journal_print(
                        attempt->parts.journal, LOG_WARNING,
                        "Cannot record the result of hook %s: %s. Retrying; until then the hook handles "
                        "fewer events at once, and after an exit it runs again.",
                        attempt->setup->hook->name, attempt->operation.error);
        attempt->unrecorded = true;
}

static void log_stopped(const struct attempt *attempt, const char *reason)
{
        log_attempt(attempt, LOG_INFO, NULL,
                    "delivery of \"%s\" interrupted (attempt %u): %s; it is repeated after the next start",
                    event_name(attempt), attempt_number(attempt), reason);
}

void attempt_log_shortage(const struct attempt *attempt)
{
        assert(attempt->stage == ATTEMPT_SHORT);
        log_attempt(attempt, LOG_WARNING, NULL,
                    "cannot be started now: %s; retrying every second, which does not count as an attempt",
                    attempt->reason);
}

/* ---- the end ---- */

static void set_stage(struct attempt *attempt, enum attempt_stage stage)
{
        attempt->stage = stage;
        attempt->parts.on_change(attempt->parts.userdata);
}

static void destroy(struct attempt *attempt)
{
        attempt_run_clear(&attempt->run);
        hook_setup_unref(attempt->setup);
        event_clear(&attempt->event);
        free(attempt->reason);
        free(attempt);
}

struct attempt *attempt_free(struct attempt *attempt)
{
        if (attempt == NULL)
                return NULL;
        if (attempt->is_queued) {
                attempt->detached = true;
                attempt->setup = hook_setup_unref(attempt->setup);
        } else {
                destroy(attempt);
        }
        return NULL;
}

void attempt_stop(struct attempt *attempt)
{
        if (attempt->run.exec != NULL) {
                hook_exec_stop(attempt->run.exec);
        } else if (attempt_is_ahead(attempt) || attempt->stage == ATTEMPT_RUNNING) {
                if (attempt->run.http != NULL)
                        log_stopped(attempt, "stopped: no response yet");
                attempt_run_clear(&attempt->run);
                set_stage(attempt, ATTEMPT_STOPPED);
        }
}

/* ---- the result ---- */

/* Has the writer execute `run`. */
static void queue_operation(struct attempt *attempt,
                            int (*run)(struct state_operation *operation, struct store *store),
                            void (*done)(struct state_operation *operation, int r))
{
        attempt->operation = (struct state_operation){
                .run = run,
                .done = done,
                .only_reads = attempt->stage == ATTEMPT_READING,
                .at_once = attempt->stage == ATTEMPT_READING,
        };
        attempt->is_queued = true;
        state_queue(attempt->parts.state, &attempt->operation);
}

/* Takes it back from the writer. Returns false if it was detached, and is freed now. */
static bool take_back(struct attempt *attempt)
{
        bool detached = attempt->detached;

        attempt->is_queued = false;
        if (detached)
                destroy(attempt);
        return !detached;
}

static int record_run(struct state_operation *operation, struct store *store)
{
        const struct attempt *attempt = CONTAINER_OF(operation, struct attempt, operation);
        uint64_t id = attempt->delivery.id;

        switch (attempt->result) {
        case ATTEMPT_DELIVERED:
                return store_delivery_done(store, id, attempt->ended_us);
        case ATTEMPT_ABANDONED:
                return store_delivery_failed(store, id, attempt->ended_us, attempt->reason);
        case ATTEMPT_RETRY:
                return store_delivery_retry(store, id, attempt->ended_us, attempt->delay_us, attempt->reason);
        }
        return -EINVAL;
}

static void record_done(struct state_operation *operation, int r)
{
        struct attempt *attempt = CONTAINER_OF(operation, struct attempt, operation);

        if (!take_back(attempt))
                return;
        /* -ENOENT: it is not pending any more, whoever ended it. */
        if (r < 0 && r != -ENOENT) {
                log_unrecorded(attempt);
                set_stage(attempt, ATTEMPT_UNRECORDED);
                return;
        }
        attempt->stage = ATTEMPT_RECORDED;
        attempt->delivery.attempts++;
        attempt->delivery.delay_us = attempt->delay_us;
        attempt->delivery.next_us = attempt->ended_us + attempt->delay_us;
        if (attempt->result == ATTEMPT_DELIVERED)
                attempt->parts.counts->succeeded++;
        else
                attempt->parts.counts->failed++;
        if (r >= 0)
                log_result(attempt);
        else
                attempt->result = ATTEMPT_DELIVERED;
        if (attempt->result == ATTEMPT_ABANDONED)
                attempt->parts.counts->abandoned++;
        attempt->parts.on_change(attempt->parts.userdata);
}

void attempt_record(struct attempt *attempt)
{
        assert(attempt->stage == ATTEMPT_UNRECORDED);
        queue_operation(attempt, record_run, record_done);
        set_stage(attempt, ATTEMPT_RECORDING);
}

static void take_result(struct attempt *attempt, const struct hook_end *end)
{
        unsigned made = attempt->delivery.attempts + 1;

        attempt->reason = format_message("%s", end->reason);
        text_strip_full_stop(attempt->reason);
        if (end->success || made > attempt->setup->hook->retries) {
                attempt->result = end->success ? ATTEMPT_DELIVERED : ATTEMPT_ABANDONED;
                attempt->ended_us = clock_wall_us();
        } else {
                attempt->result = ATTEMPT_RETRY;
                attempt->ended_us = clock_process_us();
                attempt->delay_us = delivery_delay(made, end->retry_after_us, random_u64());
        }
        attempt->stage = ATTEMPT_UNRECORDED;
        attempt_record(attempt);
}

static void on_hook_end(void *userdata, const struct hook_end *end)
{
        struct attempt *attempt = userdata;

        attempt_run_ended(&attempt->run);
        if (end->shortage) {
                attempt->reason = format_message("%s", end->reason);
                set_stage(attempt, ATTEMPT_SHORT);
        } else if (end->stopped) { /* it has not failed */
                log_stopped(attempt, end->reason);
                set_stage(attempt, ATTEMPT_STOPPED);
        } else {
                take_result(attempt, end);
        }
}

/* ---- the start ---- */

static void fail_to_start(struct attempt *attempt, int r, const char *reason)
{
        const struct hook_end end = { .shortage = is_shortage(-r),
                                      .reason = reason != NULL ? reason : strerror(-r) };

        on_hook_end(attempt, &end);
}

static int read_run(struct state_operation *operation, struct store *store)
{
        struct attempt *attempt = CONTAINER_OF(operation, struct attempt, operation);

        event_clear(&attempt->event);
        return store_get_event(store, attempt->delivery.event_id, &attempt->event);
}

static void read_done(struct state_operation *operation, int r)
{
        struct attempt *attempt = CONTAINER_OF(operation, struct attempt, operation);

        if (!take_back(attempt) || attempt->stage == ATTEMPT_STOPPED)
                return;
        attempt->read_result = r;
        set_stage(attempt, r >= 0 || r == -EUCLEAN ? ATTEMPT_READ : ATTEMPT_UNREAD);
}

void attempt_run(struct attempt *attempt, struct hook_setup *setup)
{
        CLEANUP(cleanup_free) char *reason = NULL;

        assert(attempt->stage == ATTEMPT_READ);
        attempt->setup = hook_setup_ref(setup);
        attempt->stage = ATTEMPT_RUNNING;
        if (attempt->read_result <= 0) { /* it is missing, or damaged, which will not get better */
                bool missing = attempt->read_result == 0;
                fail_to_start(attempt, missing ? -ENOENT : attempt->read_result,
                              missing ? NULL : attempt->operation.error);
                return;
        }
        const struct hook_attempt made = {
                .event = &attempt->event,
                .attempt = attempt->delivery.attempts + 1,
                .on_end = on_hook_end,
                .userdata = attempt,
        };
        int r = hook_setup_start(attempt->setup, made, &reason, &attempt->run);
        if (r < 0)
                fail_to_start(attempt, r, reason);
}

struct attempt *attempt_new(const struct attempt_parts *parts, const struct delivery *delivery)
{
        struct attempt *attempt = memory_malloc(NULL, sizeof(*attempt));

        *attempt = (struct attempt){
                .parts = *parts,
                .delivery = *delivery,
                .stage = ATTEMPT_READING,
        };
        queue_operation(attempt, read_run, read_done);
        return attempt;
}
