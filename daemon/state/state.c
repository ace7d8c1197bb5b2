/* SPDX-License-Identifier: MIT */

/*
 * The state writer. Operations that wait are executed in groups, each group in one transaction, so that a
 * thousand events that are recorded together cost a few syncs of the disk.
 *
 * On a full disk the store makes room when a transaction fails, and the group is repeated once. Marks of
 * logged events wait for the next operation, since they are not worth a transaction of their own.
 */

#include "state/state.h"

#include <assert.h>
#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "platform/clock.h"
#include "util/cleanup.h"
#include "util/container.h"
#include "util/memory.h"
#include "util/timer.h"
#include "util/timespan.h"

/* Operations in one transaction. */
#define GROUP_MAX 1000

/* Marks that wait for another operation. */
#define MARKS_MAX 64

/* How long the writer takes for an operation before this is reported. */
#define SLOW_US (10 * USEC_PER_SEC)

struct state_marks {
        struct state_operation operation; /* if nothing else is to be written */
        size_t count;
        const char *ids[MARKS_MAX];
        char texts[MARKS_MAX][EVENT_ID_SIZE];
};

struct state {
        struct store *store; /* used by the thread once it is started */
        struct worker *worker;
        atomic_bool is_abandoned;        /* see state_abandon() */
        atomic_bool disk_is_low;         /* this and the next are as of the last transaction */
        atomic_uint_fast64_t used_bytes; /* of the store */
        atomic_uint_fast64_t proved_us;  /* see state_proved_us() */
        struct histogram commit_durations;
        struct state_operation closing; /* the last one; see state_finish() */
        bool started, finishing;
        struct state_marks *marks; /* for the next operation; NULL: none */

        sd_event_source *slow_timer;
        state_slow_handler on_slow;
        void *userdata;
        uint64_t progress_us; /* when an operation was done last, or the first of them queued */
        bool is_slow;
};

DEFINE_CLEANUP(struct state, state_close)

static struct state_operation *operation_of(struct work *work)
{
        return CONTAINER_OF(work, struct state_operation, work);
}

/* ---- the writer ---- */

static bool is_closing(const struct state *state, const struct work *work)
{
        return work == &state->closing.work;
}

static void set_result(struct state *state, struct state_operation *operation, int r)
{
        operation->result = r;
        if (r < 0)
                (void)snprintf(operation->error, sizeof(operation->error), "%s", store_error(state->store));
}

static int run_operation(struct state *state, struct state_operation *operation)
{
        const struct state_marks *marks = operation->marks;

        if (marks != NULL)
                (void)store_mark_logged(state->store, marks->ids, marks->count);
        return operation->run(operation, state->store);
}

/* Not on a failure, of which the store has the error. */
static void note_commit(struct state *state, uint64_t started_us)
{
        uint64_t used = 0;

        histogram_add(&state->commit_durations, clock_process_us() - started_us);
        if (store_used_bytes(state->store, &used) >= 0)
                atomic_store(&state->used_bytes, used);
}

/*
 * Executes operations in a transaction, from `first` on. Returns the first one that is not part of it, and
 * *ret_r, the result of the transaction.
 */
static struct work *run_group(struct state *state, struct work *first, int *ret_r)
{
        struct work *end = first;
        const uint64_t begun_us = clock_boot_us();
        bool writes = false;
        size_t count = 0;

        int r = store_batch_begin(state->store);
        if (r < 0) {
                *ret_r = r;
                return first->next;
        }
        do {
                writes |= !operation_of(end)->only_reads;
                set_result(state, operation_of(end), run_operation(state, operation_of(end)));
                end = end->next;
        } while (end != NULL && !is_closing(state, end) && ++count < GROUP_MAX &&
                 !store_batch_is_full(state->store));
        uint64_t started_us = clock_process_us();
        *ret_r = store_batch_end(state->store, true);
        if (*ret_r >= 0)
                atomic_store(&state->proved_us, begun_us);
        if (*ret_r >= 0 && writes)
                note_commit(state, started_us);
        atomic_store(&state->disk_is_low, store_disk_is_low(state->store));
        return end;
}

static struct work *execute_group(struct state *state, struct work *first)
{
        int r;

        struct work *end = run_group(state, first, &r);
        if (r == -ENOSPC) /* the store has made room */
                end = run_group(state, first, &r);

        for (struct work *next, *work = first; work != end; work = next) {
                struct state_operation *operation = operation_of(work);

                next = work->next;
                if (r < 0) /* a read is repeated: it may have read what is not on disk */
                        set_result(state, operation,
                                   operation->only_reads ? operation->run(operation, state->store) : r);
                worker_finish(state->worker, work);
        }
        return end;
}

/* The last operation closes the store. Returns the next one. */
static struct work *execute_closing(struct state *state, struct work *work)
{
        struct work *next = work->next;

        state->store = store_close(state->store);
        worker_finish(state->worker, work);
        return next;
}

/* Too late. Returns the next one. */
static struct work *refuse(struct state *state, struct work *work)
{
        struct state_operation *operation = operation_of(work);
        struct work *next = work->next;

        operation->result = -ESHUTDOWN;
        (void)snprintf(operation->error, sizeof(operation->error), "the state is closed");
        worker_finish(state->worker, work);
        return next;
}

/* Executes what need not wait for a commit. Returns the rest. */
static struct work *execute_at_once(struct state *state, struct work *list)
{
        struct work *rest = NULL, **end = &rest;

        for (struct work *next, *work = list; work != NULL; work = next) {
                struct state_operation *operation = operation_of(work);

                next = work->next;
                if (operation->at_once) {
                        set_result(state, operation, operation->run(operation, state->store));
                        worker_finish(state->worker, work);
                } else {
                        *end = work;
                        end = &work->next;
                }
        }
        *end = NULL;
        return rest;
}

static void execute(void *userdata, struct work *list)
{
        struct state *state = userdata;

        if (state->store != NULL && !atomic_load(&state->is_abandoned))
                list = execute_at_once(state, list);
        while (list != NULL && state->store != NULL)
                list = is_closing(state, list)             ? execute_closing(state, list)
                       : atomic_load(&state->is_abandoned) ? refuse(state, list)
                                                           : execute_group(state, list);
        while (list != NULL)
                list = refuse(state, list);
}

static bool on_idle(void *userdata)
{
        const struct state *state = userdata;

        return state->store != NULL && store_tidy(state->store);
}

/* ---- slow operations ---- */

/* Not CLOCK_BOOTTIME: a suspended machine is not a slow disk. */
static uint64_t now_us(const struct state *state)
{
        uint64_t now = 0;

        (void)sd_event_now(sd_event_source_get_event(state->slow_timer), CLOCK_MONOTONIC, &now);
        return now;
}

static void set_slow(struct state *state, bool is_slow)
{
        if (state->is_slow == is_slow)
                return;
        state->is_slow = is_slow;
        if (state->on_slow != NULL)
                state->on_slow(state->userdata, is_slow);
}

/* Stays armed for as long as operations are in progress, so that they need not arm it one by one. */
static void on_slow_time(void *userdata)
{
        struct state *state = userdata;

        if (state_is_idle(state))
                return;
        if (now_us(state) >= state->progress_us + SLOW_US)
                set_slow(state, true);
        else
                timer_start_at(state->slow_timer, state->progress_us + SLOW_US);
}

static void watch_progress(struct state *state)
{
        state->progress_us = now_us(state);
        set_slow(state, false);
        if (!source_is_started(state->slow_timer))
                timer_start_at(state->slow_timer, state->progress_us + SLOW_US);
}

void state_on_slow(struct state *state, state_slow_handler handler, void *userdata)
{
        assert(state->on_slow == NULL);
        state->on_slow = handler;
        state->userdata = userdata;
}

/* ---- the loop ---- */

static void on_done(struct work *work)
{
        struct state_operation *operation = operation_of(work);
        struct state *state = operation->state;
        struct state_marks *marks = STEAL_POINTER(operation->marks);

        int r = operation->result;

        watch_progress(state);
        operation->done(operation, r);     /* may free it; marks may contain it */
        if (r < 0 && state->marks == NULL) /* they may not have been written */
                state->marks = STEAL_POINTER(marks);
        free(marks);
}

void state_queue(struct state *state, struct state_operation *operation)
{
        assert(operation->run != NULL && operation->done != NULL);
        if (state_is_idle(state))
                watch_progress(state);
        operation->state = state;
        if (!operation->at_once) /* what is logged must not be read as not logged */
                operation->marks = STEAL_POINTER(state->marks);
        operation->work.done = on_done;
        worker_push(state->worker, &operation->work);
}

struct store *state_store(struct state *state)
{
        assert(!state->started);
        return state->store;
}

bool state_disk_is_low(const struct state *state)
{
        return atomic_load(&state->disk_is_low);
}

uint64_t state_used_bytes(const struct state *state)
{
        return atomic_load(&state->used_bytes);
}

uint64_t state_proved_us(const struct state *state)
{
        return atomic_load(&state->proved_us);
}

const struct histogram *state_commit_durations(const struct state *state)
{
        return &state->commit_durations;
}

bool state_is_idle(const struct state *state)
{
        return worker_is_idle(state->worker);
}

/* ---- marks ---- */

static int nothing_run(struct state_operation *operation, struct store *store)
{
        (void)operation;
        (void)store;
        return 0;
}

static void ignore_done(struct state_operation *operation, int r)
{
        (void)operation;
        (void)r;
}

static void flush_marks(struct state *state)
{
        struct state_marks *marks = state->marks;

        if (marks == NULL)
                return;
        marks->operation = (struct state_operation){ .run = nothing_run, .done = ignore_done };
        state_queue(state, &marks->operation);
}

void state_mark_logged(struct state *state, const char *event_id)
{
        size_t length = strlen(event_id);

        assert(length < EVENT_ID_SIZE);
        if (state->marks != NULL && state->marks->count == MARKS_MAX) /* they could not be written */
                flush_marks(state);
        if (state->marks == NULL)
                state->marks = memory_need(calloc(1, sizeof(*state->marks)));
        char *text = state->marks->texts[state->marks->count];
        memcpy(text, event_id, length + 1);
        state->marks->ids[state->marks->count++] = text;
        if (state->marks->count == MARKS_MAX)
                flush_marks(state);
}

/* ---- values ---- */

struct put_value {
        struct state_operation operation;
        char *key;
        void *data;
        size_t size;
};

static int put_value_run(struct state_operation *operation, struct store *store)
{
        const struct put_value *put = CONTAINER_OF(operation, struct put_value, operation);

        return store_put_value(store, put->key, put->data, put->size);
}

static void put_value_done(struct state_operation *operation, int r)
{
        (void)r;
        struct put_value *put = CONTAINER_OF(operation, struct put_value, operation);

        if (put->data != NULL)
                explicit_bzero(put->data, put->size);
        free(put->data);
        free(put->key);
        free(put);
}

void state_put_value(struct state *state, const char *key, const void *data, size_t size)
{
        struct put_value *put = memory_need(calloc(1, sizeof(*put)));

        put->operation = (struct state_operation){ .run = put_value_run, .done = put_value_done };
        put->key = memory_need(strdup(key));
        put->size = size;
        if (data != NULL) {
                put->data = memory_malloc(NULL, size);
                memcpy(put->data, data, size);
        }
        state_queue(state, &put->operation);
}

/* ---- life ---- */

void state_measure(struct state *state)
{
        uint64_t used = 0;

        assert(!state->started);
        state->disk_is_low = store_disk_is_low(state->store);
        (void)store_used_bytes(state->store, &used);
        state->used_bytes = used;
}

int state_use(sd_event *event, struct store *store, struct state **ret_state)
{
        CLEANUP(cleanup_state_close) struct state *state = memory_need(calloc(1, sizeof(*state)));
        const struct worker_parts parts = {
                .event = event,
                .name = "state",
                .execute = execute,
                .on_idle = on_idle,
                .userdata = state,
        };

        int r = worker_new(&parts, &state->worker);
        if (r < 0)
                return r;
        state->store = store;
        state->slow_timer = timer_new(event, CLOCK_MONOTONIC, SLOW_US / 10, on_slow_time, state);
        *ret_state = STEAL_POINTER(state);
        return 0;
}

void state_finish(struct state *state)
{
        if (state->finishing)
                return;
        flush_marks(state);
        state->closing = (struct state_operation){ .run = nothing_run, .done = ignore_done };
        state_queue(state, &state->closing);
        state->finishing = true;
}

void state_abandon(struct state *state)
{
        atomic_store(&state->is_abandoned, true);
}

int state_start(struct state *state)
{
        int r = worker_start(state->worker);

        state->started = r >= 0;
        return r;
}

struct store *state_release(struct state *state)
{
        state->on_slow = NULL;
        if (state->worker != NULL && !state->finishing)
                flush_marks(state);
        worker_free(state->worker);
        free(state->marks);
        sd_event_source_disable_unref(state->slow_timer);
        struct store *store = state->store;
        free(state);
        return store;
}

struct state *state_close(struct state *state)
{
        if (state != NULL)
                store_close(state_release(state));
        return NULL;
}
