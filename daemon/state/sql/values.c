/* SPDX-License-Identifier: MIT */

/*
 * Values by key. A value is copied only for the caller; SQLite has a copy in its page cache, and
 * sqlite/schema.c describes what remains on disk.
 */

#include <errno.h>
#include <string.h>

#include "state/sql/row.h"
#include "state/sql/transaction.h"

static int value_write(struct store *store, const char *key, const void *data, size_t size)
{
        CLEANUP(row_release)
        struct row row = row_prepare(store, data != NULL ? STATEMENT_VALUE_PUT : STATEMENT_VALUE_DELETE);

        row_write_string(&row, key);
        if (data != NULL)
                row_write_bytes(&row, data, size);
        return row_step(&row);
}

/* Where the value of a key is. */
static struct store *store_of(struct store *store, const char *key)
{
        bool is_of_host = strncmp(key, STORE_HOST_KEY, strlen(STORE_HOST_KEY)) == 0;

        return is_of_host && store->host != NULL ? store->host : store;
}

/* What failed in the store of this host is described by the other. */
static int result_of(struct store *store, const struct store *used, int r)
{
        return r < 0 && used != store ? store_fail(store, r, store_error(used)) : r;
}

int store_put_value(struct store *store, const char *key, const void *data, size_t size)
{
        struct store *used = store_of(store, key);

        return result_of(store, used, STORE_WRITE(used, value_write(used, key, data, size)));
}

static int value_get(struct store *store, const char *key, void **ret_data, size_t *ret_size)
{
        CLEANUP(row_release) struct row row = row_prepare(store, STATEMENT_VALUE_GET);
        CLEANUP(secret_text_clear) struct text value = TEXT_NULL;

        row_write_string(&row, key);
        int r = row_step(&row);
        if (r <= 0)
                return r;

        row_read_text(&row, &value);
        r = row_read_end(&row);
        if (r >= 0 && value.data == NULL)
                r = store_fail(store, -EUCLEAN, "a value in the database is missing");
        if (r < 0)
                return r;

        *ret_data = STEAL_POINTER(value.data);
        *ret_size = value.size;
        return 1;
}

int store_get_value(struct store *store, const char *key, void **ret_data, size_t *ret_size)
{
        struct store *used = store_of(store, key);

        return result_of(store, used, value_get(used, key, ret_data, ret_size));
}
