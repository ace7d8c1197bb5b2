/* SPDX-License-Identifier: MIT */

/*
 * The state writer. Operations that wait are executed in groups, each group in one transaction, so that a
 * thousand events that are recorded together cost a few syncs of the disk.
 */

#include "state/state.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "util/cleanup.h"
#include "util/container.h"

/* Operations in one transaction. */
#define GROUP_MAX 1000

struct state {
        struct store *store; /* used by the thread once it is started */
        struct worker *worker;
        bool started;
};

DEFINE_CLEANUP(struct state, state_close)

static struct state_operation *operation_of(struct work *work)
{
        return CONTAINER_OF(work, struct state_operation, work);
}

/* ---- the writer ---- */

static void set_result(struct state *state, struct state_operation *operation, int r)
{
        operation->result = r;
        if (r < 0)
                (void)snprintf(operation->error, sizeof(operation->error), "%s", store_error(state->store));
}

/* Executes up to GROUP_MAX operations in a transaction. Returns the first of the others. */
static struct work *execute_group(struct state *state, struct work *first)
{
        struct work *end = first;
        size_t count = 0;

        int r = store_batch_begin(state->store);
        for (; end != NULL && count < GROUP_MAX; end = end->next, count++) {
                struct state_operation *operation = operation_of(end);

                set_result(state, operation, r < 0 ? r : operation->run(operation, state->store));
        }
        if (r >= 0)
                r = store_batch_end(state->store, true);

        for (struct work *next, *work = first; work != end; work = next) {
                struct state_operation *operation = operation_of(work);

                next = work->next;
                if (r < 0 && operation->result >= 0)
                        set_result(state, operation, r);
                worker_finish(state->worker, work);
        }
        return end;
}

static void execute(void *userdata, struct work *list)
{
        while (list != NULL)
                list = execute_group(userdata, list);
}

/* ---- the loop ---- */

static void on_done(struct work *work)
{
        struct state_operation *operation = operation_of(work);

        operation->done(operation, operation->result);
}

void state_queue(struct state *state, struct state_operation *operation)
{
        assert(operation->run != NULL && operation->done != NULL);
        operation->state = state;
        operation->work.done = on_done;
        worker_push(state->worker, &operation->work);
}

struct store *state_store(struct state *state)
{
        assert(!state->started);
        return state->store;
}

bool state_is_idle(const struct state *state)
{
        return worker_is_idle(state->worker);
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
        struct put_value *put = calloc(1, sizeof(*put));

        if (put == NULL)
                return;
        put->operation = (struct state_operation){ .run = put_value_run, .done = put_value_done };
        put->key = strdup(key);
        put->size = size;
        if (data != NULL) {
                put->data = malloc(size + 1);
                if (put->data != NULL)
                        memcpy(put->data, data, size);
        }
        if (put->key == NULL || (data != NULL && put->data == NULL))
                put_value_done(&put->operation, -ENOMEM);
        else
                state_queue(state, &put->operation);
}

/* ---- life ---- */

int state_open(sd_event *event, const char *directory, char **ret_message, struct state **ret_state)
{
        CLEANUP(cleanup_state_close) struct state *state = calloc(1, sizeof(*state));

        if (state == NULL)
                return -ENOMEM;
        int r = store_open(directory, ret_message, &state->store);
        if (r < 0)
                return r;
        const struct worker_parts parts = {
                .event = event,
                .name = "state",
                .execute = execute,
                .userdata = state,
        };
        r = worker_new(&parts, &state->worker);
        if (r < 0)
                return r;
        *ret_state = STEAL_POINTER(state);
        return 0;
}

int state_start(struct state *state)
{
        int r = worker_start(state->worker);

        state->started = r >= 0;
        return r;
}

struct state *state_close(struct state *state)
{
        if (state == NULL)
                return NULL;
        worker_free(state->worker);
        store_close(state->store);
        free(state);
        return NULL;
}
