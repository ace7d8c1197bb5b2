/* SPDX-License-Identifier: MIT */

/* Arguments. sd-bus has checked the signature of the call before, so only dictionaries can be wrong. */

#include "bus/arguments.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "bus/reply.h"

static int fail(struct bus_call *call, int r)
{
        bus_call_fail(call, r == -ENOMEM ? BUS_FAILED : BUS_INVALID_ARGUMENTS,
                      r == -ENOMEM ? "out of memory" : "the arguments cannot be read");
        return r;
}

/* ---- dictionaries ---- */

static int read_ids(sd_bus_message *message, struct bus_ids *ret_ids)
{
        const void *data = NULL;
        size_t size = 0;

        int r = sd_bus_message_read_array(message, SD_BUS_TYPE_UINT64, &data, &size);
        if (r < 0)
                return r;
        *ret_ids = (struct bus_ids){ data, size / sizeof(uint64_t) };
        return 0;
}

static int read_strings(sd_bus_message *message, char ***ret_strings)
{
        if (*ret_strings != NULL) /* the key is there twice */
                return -EINVAL;
        return sd_bus_message_read_strv(message, ret_strings);
}

static int read_value(sd_bus_message *message, const struct bus_entry *entry)
{
        int r = sd_bus_message_enter_container(message, SD_BUS_TYPE_VARIANT, entry->type);
        if (r < 0)
                return r;
        if (strcmp(entry->type, "at") == 0)
                r = read_ids(message, entry->value);
        else if (strcmp(entry->type, "as") == 0)
                r = read_strings(message, entry->value);
        else
                r = sd_bus_message_read_basic(message, *entry->type, entry->value);
        return r < 0 ? r : sd_bus_message_exit_container(message);
}

static const struct bus_entry *find_entry(const char *key, const struct bus_entry entries[], size_t count)
{
        for (size_t i = 0; i < count; i++)
                if (strcmp(entries[i].key, key) == 0)
                        return &entries[i];
        return NULL;
}

static int read_entry(struct bus_call *call, const struct bus_entry entries[], size_t count)
{
        const char *key, *contents = NULL;

        int r = sd_bus_message_read_basic(call->message, SD_BUS_TYPE_STRING, &key);
        if (r >= 0)
                r = sd_bus_message_peek_type(call->message, NULL, &contents);
        if (r < 0)
                return fail(call, r);
        const struct bus_entry *entry = find_entry(key, entries, count);
        if (entry == NULL) {
                bus_call_fail(call, BUS_INVALID_ARGUMENTS, "unknown key '%s'", key);
                return -EINVAL;
        }
        if (contents == NULL || strcmp(contents, entry->type) != 0) {
                bus_call_fail(call, BUS_INVALID_ARGUMENTS, "the value of '%s' must have the type '%s'", key,
                              entry->type);
                return -EINVAL;
        }
        r = read_value(call->message, entry);
        return r < 0 ? fail(call, r) : 0;
}

int bus_read_entries(struct bus_call *call, const struct bus_entry entries[], size_t count)
{
        int r = sd_bus_message_enter_container(call->message, SD_BUS_TYPE_ARRAY, "{sv}");
        if (r < 0)
                return fail(call, r);
        while ((r = sd_bus_message_enter_container(call->message, SD_BUS_TYPE_DICT_ENTRY, "sv")) > 0) {
                r = read_entry(call, entries, count);
                if (r < 0)
                        return r;
                r = sd_bus_message_exit_container(call->message);
                if (r < 0)
                        break;
        }
        if (r >= 0)
                r = sd_bus_message_exit_container(call->message);
        return r < 0 ? fail(call, r) : 0;
}

/* ---- values ---- */

int bus_read_number(struct bus_call *call, uint64_t *ret_number)
{
        int r = sd_bus_message_read_basic(call->message, SD_BUS_TYPE_UINT64, ret_number);

        return r < 0 ? fail(call, r) : 0;
}

int bus_read_string(struct bus_call *call, const char **ret_string)
{
        int r = sd_bus_message_read_basic(call->message, SD_BUS_TYPE_STRING, ret_string);

        return r < 0 ? fail(call, r) : 0;
}

int bus_read_ids(struct bus_call *call, struct bus_ids *ret_ids)
{
        int r = read_ids(call->message, ret_ids);

        return r < 0 ? fail(call, r) : 0;
}

static int compare_ids(const void *left, const void *right)
{
        uint64_t a = *(const uint64_t *)left, b = *(const uint64_t *)right;

        return (a > b) - (a < b);
}

int bus_sort_ids(struct bus_call *call, const struct bus_ids *ids, uint64_t **ret_ids, size_t *ret_count)
{
        size_t count = 0;

        if (ids->count == 0)
                return 0;
        uint64_t *sorted = malloc(ids->count * sizeof(uint64_t));
        if (sorted == NULL)
                return fail(call, -ENOMEM);
        memcpy(sorted, ids->ids, ids->count * sizeof(uint64_t));
        qsort(sorted, ids->count, sizeof(uint64_t), compare_ids);
        for (size_t i = 0; i < ids->count; i++)
                if (i == 0 || sorted[i] != sorted[i - 1])
                        sorted[count++] = sorted[i];
        *ret_ids = sorted;
        *ret_count = count;
        return 0;
}

int bus_read_limit(struct bus_call *call, size_t max, size_t *ret_limit)
{
        uint32_t limit;

        int r = sd_bus_message_read_basic(call->message, SD_BUS_TYPE_UINT32, &limit);
        if (r < 0)
                return fail(call, r);
        *ret_limit = limit == 0 || limit > max ? max : limit;
        return 0;
}

int bus_find_choice(struct bus_call *call, const char *key, const char *text, const char *const choices[],
                    int *ret_index)
{
        for (int i = 0; choices[i] != NULL; i++)
                if (strcmp(choices[i], text) == 0) {
                        *ret_index = i;
                        return 0;
                }
        bus_call_fail(call, BUS_INVALID_ARGUMENTS, "invalid value of '%s': '%s'", key, text);
        return -EINVAL;
}
