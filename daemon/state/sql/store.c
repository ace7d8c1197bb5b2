/* SPDX-License-Identifier: MIT */

/*
 * What a store of every engine does alike. The files, from top to bottom:
 *  - jobs.c, discovered.c, manual.c, events.c,
 *    deliveries.c, lists.c, values.c, prune.c    the interface of store.h and lists.h
 *  - texts.c, row.c, transaction.c, room.c       results, columns of a row, transactions, the limit of the
 * size
 *  - statement.c                                 the SQL
 *  - engine.h                                    the interface of a database engine
 */

#include <assert.h>

#include "state/sql/engine.h"
#include "state/sql/row.h"

struct store *store_close(struct store *store)
{
        if (store == NULL)
                return NULL;
        if (store->host != NULL)
                (void)store->host->engine->close(store->host);
        return store->engine->close(store);
}

const char *store_error(const struct store *store)
{
        return store->error[0] != '\0' ? store->error : "no error";
}

bool store_disk_is_low(const struct store *store)
{
        return store->engine->disk_is_low != NULL && store->engine->disk_is_low(store);
}

bool store_tidy(struct store *store)
{
        return store->engine->tidy != NULL && store->engine->tidy(store);
}

bool store_is_shared(const struct store *store)
{
        return store->engine->take_over != NULL;
}

int store_take_over(struct store *store, unsigned wait_s)
{
        assert(store_is_shared(store) && !store->in_batch);
        return store->engine->take_over(store, wait_s);
}

int store_ask_for_handover(struct store *store)
{
        assert(store_is_shared(store) && !store->in_batch);
        return store->engine->ask_for_handover(store);
}

int store_get_active_host(struct store *store, struct store_active_host *ret_host)
{
        assert(store_is_shared(store));
        return store->engine->active_host(store, ret_host);
}

int store_run(struct store *store, enum statement which, int64_t *ret_number)
{
        CLEANUP(row_release) struct row row = row_prepare(store, which);
        uint64_t number = 0;

        int r = row_step(&row);
        if (r > 0)
                row_key(&row, &number);
        if (r >= 0 && ret_number != NULL)
                *ret_number = (int64_t)number;
        return r < 0 ? r : 0;
}

int store_run_with(struct store *store, enum statement which, uint64_t number)
{
        CLEANUP(row_release) struct row row = row_prepare(store, which);

        row_write_number(&row, number);
        return row_step(&row);
}
