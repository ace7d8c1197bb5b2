/* SPDX-License-Identifier: MIT */

/*
 * Each save is an operation; the state executes them in order. If the latest fails, its tokens are kept until
 * another try. A store may be freed while operations are in progress; then nothing follows.
 */

#include "monitor/token_store.h"

#include <stdlib.h>
#include <string.h>

#include "util/cleanup.h"
#include "util/container.h"
#include "util/memory.h"
#include "util/text.h"
#include "util/timer.h"
#include "util/timespan.h"

#define RETRY_US (1 * USEC_PER_MIN)

/* An operation. */
struct save {
        struct state_operation operation;
        struct token_store *store; /* NULL: it was freed, or a later operation follows */
        char *key;
        char *text;
};

struct token_store {
        struct state *state;
        char *key;
        struct save *latest; /* NULL: no operation is in progress */
        char *text;          /* could not be saved; NULL: nothing */
        sd_event_source *timer;
};

static struct save *save_free(struct save *save)
{
        if (save == NULL)
                return NULL;
        secret_free(save->text);
        free(save->key);
        free(save);
        return NULL;
}

static int save_run(struct state_operation *operation, struct store *store)
{
        const struct save *save = CONTAINER_OF(operation, struct save, operation);

        return store_put_value(store, save->key, save->text, strlen(save->text));
}

static void save_done(struct state_operation *operation, int r)
{
        struct save *save = CONTAINER_OF(operation, struct save, operation);
        struct token_store *store = save->store;

        if (store != NULL) {
                store->latest = NULL;
                if (r < 0) {
                        store->text = STEAL_POINTER(save->text);
                        timer_start(store->timer, RETRY_US);
                }
        }
        save_free(save);
}

/* Takes the text over. */
static void queue_save(struct token_store *store, char *text)
{
        struct save *save = memory_need(calloc(1, sizeof(*save)));

        save->key = memory_need(strdup(store->key));
        save->operation = (struct state_operation){ .run = save_run, .done = save_done };
        save->text = text;
        save->store = store;
        if (store->latest != NULL)
                store->latest->store = NULL;
        store->latest = save;
        state_queue(store->state, &save->operation);
}

void token_store_save(struct token_store *store, const struct tokens *tokens)
{
        store->text = secret_free(store->text);
        queue_save(store, tokens_format(tokens));
}

void token_store_retry(struct token_store *store)
{
        if (store->text != NULL)
                queue_save(store, STEAL_POINTER(store->text));
}

static void on_timer(void *userdata)
{
        token_store_retry(userdata);
}

struct token_store *token_store_new(sd_event *event, struct state *state, const char *key)
{
        struct token_store *store = memory_need(calloc(1, sizeof(*store)));

        store->state = state;
        store->key = memory_need(strdup(key));
        store->timer = timer_new(event, CLOCK_BOOTTIME, USEC_PER_SEC, on_timer, store);
        return store;
}

struct token_store *token_store_free(struct token_store *store)
{
        if (store == NULL)
                return NULL;
        if (store->latest != NULL)
                store->latest->store = NULL;
        sd_event_source_disable_unref(store->timer);
        secret_free(store->text);
        free(store->key);
        free(store);
        return NULL;
}
