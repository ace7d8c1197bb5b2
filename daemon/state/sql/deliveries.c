/* SPDX-License-Identifier: MIT */

/*
 * Deliveries: the events that each hook still has to receive. Which of them are in progress is not stored,
 * since none of those survives a crash.
 */

#include <errno.h>
#include <string.h>

#include "state/sql/row.h"
#include "state/sql/transaction.h"

/* Bytes of an error text; the complete text is in the journal. */
#define ERROR_SIZE_MAX 1024

static void read_columns(struct row *row, struct delivery *ret_delivery)
{
        ret_delivery->id = row_read_number(row);
        row_read_string(row, ret_delivery->event_id, sizeof(ret_delivery->event_id));
        ret_delivery->job_id = row_read_number(row);
        ret_delivery->attempts = (unsigned)row_read_number(row);
        ret_delivery->next_us = row_read_number(row);
        ret_delivery->delay_us = row_read_number(row);
        ret_delivery->event_us = row_read_number(row);
}

int store_pending_deliveries(struct store *store, const char *hook, uint64_t after,
                             struct delivery ret_deliveries[], size_t max)
{
        CLEANUP(row_release) struct row row = row_prepare(store, STATEMENT_DELIVERY_PENDING);
        size_t count = 0;

        row_write_string(&row, hook);
        row_write_number(&row, after);
        row_write_number(&row, max < INT64_MAX ? max : INT64_MAX);
        int r = 0;
        while (count < max && (r = row_step(&row)) > 0) {
                read_columns(&row, &ret_deliveries[count++]);
                r = row_read_end(&row);
                if (r < 0)
                        return r;
        }
        return r < 0 ? r : (int)count;
}

/* ---- the end of an attempt ---- */

static int delivery_end(struct store *store, uint64_t delivery_id, const char *new_state, uint64_t now_us,
                        uint64_t delay_us, const char *error)
{
        CLEANUP(row_release) struct row row = row_prepare(store, STATEMENT_DELIVERY_END);

        row_write_number(&row, delivery_id);
        row_write_string(&row, new_state);
        row_write_number(&row, now_us);
        row_write_number(&row, delay_us);
        row_write_words(&row, error, error != NULL ? text_cut(error, strlen(error), ERROR_SIZE_MAX) : 0);
        int r = row_step(&row);
        if (r >= 0 && store->changes == 0)
                r = store_fail(store, -ENOENT, "no such pending delivery");
        return r;
}

int store_delivery_done(struct store *store, uint64_t delivery_id, uint64_t now_us)
{
        return STORE_WRITE(store, delivery_end(store, delivery_id, "done", now_us, 0, NULL));
}

int store_delivery_failed(struct store *store, uint64_t delivery_id, uint64_t now_us, const char *error)
{
        return STORE_WRITE(store, delivery_end(store, delivery_id, "failed", now_us, 0, error));
}

int store_delivery_retry(struct store *store, uint64_t delivery_id, uint64_t now_us, uint64_t delay_us,
                         const char *error)
{
        return STORE_WRITE(store, delivery_end(store, delivery_id, "pending", now_us, delay_us, error));
}

/* ---- changes by the administrator ---- */

void stored_delivery_clear(struct stored_delivery *delivery)
{
        text_clear(&delivery->hook);
        text_clear(&delivery->job_name);
        text_clear(&delivery->error);
}

static bool state_from_string(const char *word, enum delivery_state *ret_state)
{
        static const char *const words[] = {
                [DELIVERY_PENDING] = "pending", [DELIVERY_FAILED] = "failed", [DELIVERY_DONE] = "done"
        };

        for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
                if (strcmp(word, words[i]) == 0) {
                        *ret_state = (enum delivery_state)i;
                        return true;
                }
        return false;
}

int store_get_delivery(struct store *store, uint64_t id, struct stored_delivery *ret_delivery)
{
        CLEANUP(row_release) struct row row = row_prepare(store, STATEMENT_DELIVERY_GET);
        CLEANUP(stored_delivery_clear) struct stored_delivery found = { .delivery.id = 0 };
        char state[16];

        row_write_number(&row, id);
        int r = row_step(&row);
        if (r <= 0)
                return r;

        read_columns(&row, &found.delivery);
        row_read_string(&row, state, sizeof(state));
        row_read_words(&row, &found.hook);
        row_read_text(&row, &found.job_name);
        row_read_words(&row, &found.error);
        r = row_read_end(&row);
        if (r < 0)
                return r;
        if (found.hook.data == NULL || !state_from_string(state, &found.state))
                return store_fail(store, -EUCLEAN, "a delivery in the database is damaged");
        *ret_delivery = found;
        found = (struct stored_delivery){ .delivery.id = 0 };
        return 1;
}

/* Runs a statement about each delivery, which must change it. */
static int change_each(struct store *store, enum statement which, const uint64_t ids[], size_t count)
{
        int r = 0;

        for (size_t i = 0; i < count && r >= 0; i++) {
                r = store_run_with(store, which, ids[i]);
                if (r >= 0 && store->changes == 0)
                        r = store_fail(store, -ENOENT, "no such pending or failed delivery");
        }
        return r;
}

int store_retry_deliveries(struct store *store, const uint64_t ids[], size_t count)
{
        return STORE_WRITE(store, change_each(store, STATEMENT_DELIVERY_RENEW, ids, count));
}

static int drop_deliveries(struct store *store, const uint64_t ids[], size_t count)
{
        int r = change_each(store, STATEMENT_DELIVERY_CLOSE, ids, count);

        return r < 0 ? r : change_each(store, STATEMENT_DELIVERY_DELETE, ids, count);
}

int store_drop_deliveries(struct store *store, const uint64_t ids[], size_t count)
{
        return STORE_WRITE(store, drop_deliveries(store, ids, count));
}

static int renew_failed(struct store *store, const char *hook, uint64_t *ret_count)
{
        CLEANUP(row_release) struct row row = row_prepare(store, STATEMENT_DELIVERY_RENEW_FAILED);

        row_write_string(&row, hook);
        int r = row_step(&row);
        if (r >= 0)
                *ret_count = store->changes;
        return r;
}

int store_retry_failed(struct store *store, const char *hook, uint64_t *ret_count)
{
        return STORE_WRITE(store, renew_failed(store, hook, ret_count));
}

/* ---- counting ---- */

int store_each_failed_delivery(struct store *store, failed_delivery_handler handler, void *userdata)
{
        CLEANUP(row_release) struct row row = row_prepare(store, STATEMENT_DELIVERY_FAILED);

        int r = 0;
        while ((r = row_step(&row)) > 0) {
                CLEANUP(text_clear) struct text hook = TEXT_NULL;

                uint64_t job = row_read_number(&row);
                row_read_words(&row, &hook);
                bool is_added = row_read_number(&row) != 0;
                r = row_read_end(&row);
                if (r < 0)
                        return r;
                store->in_callback = true;
                handler(userdata, job, is_added, text_or_empty(&hook));
                store->in_callback = false;
        }
        return r;
}

int store_each_pending_hook(struct store *store, pending_hook_handler handler, void *userdata)
{
        CLEANUP(row_release) struct row row = row_prepare(store, STATEMENT_DELIVERY_HOOKS);

        int r = 0;
        while ((r = row_step(&row)) > 0) {
                CLEANUP(text_clear) struct text hook = TEXT_NULL;

                row_read_words(&row, &hook);
                uint64_t count = row_read_number(&row);
                r = row_read_end(&row);
                if (r < 0)
                        return r;
                store->in_callback = true;
                handler(userdata, text_or_empty(&hook), count);
                store->in_callback = false;
        }
        return r;
}
