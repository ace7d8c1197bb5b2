/* SPDX-License-Identifier: MIT */

/* One operation of the state changes all deliveries of a request, or none; then the outbox reads them again.
 */

#include "delivery/outbox_changes.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "journal/event_message.h"
#include "util/cleanup.h"
#include "util/container.h"
#include "util/memory.h"
#include "util/message.h"

/* Of more deliveries, one entry has the number. */
#define LOGGED_MAX 100

struct change {
        struct state_operation operation;
        struct outbox *outbox;
        struct config *config; /* a reference */
        bool drops;
        uid_t uid;
        outbox_change_handler done;
        void *userdata;

        uint64_t unknown, changed;
        struct outbox_load *load; /* after the change; NULL: it could not be read */
        size_t count;
        uint64_t *ids;
        struct stored_delivery *deliveries; /* before the change */
};

static void clear_deliveries(struct change *change)
{
        for (size_t i = 0; i < change->count; i++)
                stored_delivery_clear(&change->deliveries[i]);
}

static struct change *change_free(struct change *change)
{
        if (change == NULL)
                return NULL;
        clear_deliveries(change);
        outbox_load_free(change->load);
        config_free(change->config);
        free(change->deliveries);
        free(change->ids);
        free(change);
        return NULL;
}

DEFINE_CLEANUP(struct change, change_free)

/* ---- on the writer's thread ---- */

static int retry_all(struct change *change, struct store *store)
{
        int r = 0;

        for (size_t i = 0; i < change->config->hook_count && r >= 0; i++) {
                uint64_t count = 0;

                r = store_retry_failed(store, change->config->hooks[i].name, &count);
                change->changed += count;
        }
        return r;
}

/* Whether all may be changed. */
static int check(struct change *change, struct store *store)
{
        for (size_t i = 0; i < change->count; i++) {
                struct stored_delivery *delivery = &change->deliveries[i];

                change->unknown = change->ids[i];
                int r = store_get_delivery(store, change->ids[i], delivery);
                if (r < 0)
                        return r;
                if (r == 0 || delivery->state == DELIVERY_DONE)
                        return -ENOENT;
                if (!change->drops && config_find_hook(change->config, delivery->hook.data) == NULL)
                        return -ENXIO;
        }
        return 0;
}

static int change_deliveries(struct change *change, struct store *store)
{
        if (!change->drops && change->count == 0)
                return retry_all(change, store);
        int r = check(change, store);
        if (r < 0)
                return r;
        change->changed = change->count;
        return change->drops ? store_drop_deliveries(store, change->ids, change->count)
                             : store_retry_deliveries(store, change->ids, change->count);
}

static int change_run(struct state_operation *operation, struct store *store)
{
        struct change *change = CONTAINER_OF(operation, struct change, operation);

        clear_deliveries(change);
        change->changed = 0;
        change->load = outbox_load_free(change->load);
        int r = change_deliveries(change, store);
        if (r >= 0 && outbox_load(store, change->config, &change->load) < 0)
                change->load = NULL; /* it is changed all the same */
        return r;
}

/* ---- the end ---- */

static const char *what_was_done(const struct change *change)
{
        return change->drops ? "dropped" : "to be retried";
}

static void log_one(const struct change *change, const struct stored_delivery *delivery)
{
        struct journal *journal = outbox_parts(change->outbox)->journal;
        CLEANUP(cleanup_free) char *label = job_label(delivery->delivery.job_id, delivery->job_name.data);
        const struct journal_delivery about = {
                .job_id = delivery->delivery.job_id,
                .job_name = delivery->job_name.data,
                .event_id = delivery->delivery.event_id,
                .hook = delivery->hook.data,
                .attempt = delivery->delivery.attempts,
                .uid = &change->uid,
        };

        journal_print_delivery(journal, LOG_NOTICE, NULL, &about,
                               "%s: hook %s: delivery %" PRIu64 " %s, as user %u has asked.", label,
                               about.hook, delivery->delivery.id, what_was_done(change),
                               (unsigned)change->uid);
}

static void log_change(const struct change *change)
{
        const struct journal_delivery about = { .uid = &change->uid };

        for (size_t i = 0; i < change->count && change->count <= LOGGED_MAX; i++)
                log_one(change, &change->deliveries[i]);
        if (change->count == 0 || change->count > LOGGED_MAX)
                journal_print_delivery(outbox_parts(change->outbox)->journal, LOG_NOTICE, NULL, &about,
                                       "%" PRIu64 " deliver%s %s, as user %u has asked.", change->changed,
                                       plural_y(change->changed), what_was_done(change),
                                       (unsigned)change->uid);
}

static void change_done(struct state_operation *operation, int r)
{
        CLEANUP(cleanup_change_free)
        struct change *change = CONTAINER_OF(operation, struct change, operation);
        const struct outbox_change_end end = { .r = r < 0 ? r : 0,
                                               .error = operation->error,
                                               .unknown = change->unknown,
                                               .count = change->changed };

        if (r >= 0) {
                outbox_reread(change->outbox, change->config, change->load,
                              change->drops ? change->ids : NULL, change->drops ? change->count : 0);
                log_change(change);
        }
        change->done(change->userdata, &end);
}

void outbox_change(struct outbox *outbox, enum outbox_change kind, const uint64_t ids[], size_t count,
                   uid_t uid, outbox_change_handler done, void *userdata)
{
        struct change *change = memory_malloc(NULL, sizeof(*change));

        *change = (struct change){
                .operation = { .run = change_run, .done = change_done },
                .outbox = outbox,
                .config = config_ref(outbox_parts(outbox)->config),
                .drops = kind == OUTBOX_DROP,
                .uid = uid,
                .done = done,
                .userdata = userdata,
                .count = count,
                .ids = memory_need(calloc(count + 1, sizeof(*ids))),
                .deliveries = memory_need(calloc(count + 1, sizeof(*change->deliveries))),
        };
        for (size_t i = 0; i < count; i++)
                change->ids[i] = ids[i];
        state_queue(outbox_parts(outbox)->state, &change->operation);
}
