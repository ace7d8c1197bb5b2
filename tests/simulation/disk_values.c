/* SPDX-License-Identifier: MIT */

/* Values on the disk, by their keys. */

#include "sim.h"

#include <errno.h>
#include <search.h>
#include <stdlib.h>
#include <string.h>

struct value {
        const char *key;
        char *data;
        size_t size;
        char text[];
};

static int compare_keys(const void *left, const void *right)
{
        return strcmp(((const struct value *)left)->key, ((const struct value *)right)->key);
}

static struct value **find_value(const struct sim *sim, const char *key)
{
        const struct value wanted = { .key = key };

        return tfind(&wanted, &sim->values, compare_keys);
}

const char *disk_value(const struct sim *sim, const char *key)
{
        struct value **found = find_value(sim, key);

        return found != NULL ? (*found)->data : NULL;
}

int store_put_value(struct store *store, const char *key, const void *data, size_t size)
{
        struct sim *sim = (struct sim *)store;
        size_t key_size = strlen(key) + 1;

        if (sim->disk_error < 0) {
                sim->value_lost = true;
                return sim->disk_error;
        }
        struct value **found = find_value(sim, key), *old = found != NULL ? *found : NULL;
        if (old != NULL)
                (void)tdelete(old, &sim->values, compare_keys);
        free(old);
        if (data == NULL)
                return 0;
        if (strcmp(key, "retry after") == 0)
                sim->pause_jumps = sim->wall_jumps;
        struct value *value = calloc(1, sizeof(*value) + key_size + size + 1);
        if (value == NULL)
                abort();
        value->key = memcpy(value->text, key, key_size);
        value->data = memcpy(value->text + key_size, data, size);
        value->size = size;
        return tsearch(value, &sim->values, compare_keys) != NULL ? 0 : -ENOMEM;
}

int store_get_value(struct store *store, const char *key, void **ret_data, size_t *ret_size)
{
        struct value **found = find_value((struct sim *)store, key);

        if (found == NULL)
                return 0;
        *ret_data = calloc(1, (*found)->size + 1);
        if (*ret_data == NULL)
                return -ENOMEM;
        memcpy(*ret_data, (*found)->data, (*found)->size);
        *ret_size = (*found)->size;
        return 1;
}

void values_clear(struct sim *sim)
{
        tdestroy(sim->values, free);
}
