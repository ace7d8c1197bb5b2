/* SPDX-License-Identifier: MIT */

/* Arguments. sd-bus has checked the signature of the call before, so only dictionaries can be wrong. */

#include "bus/arguments.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "bus/operations.h"
#include "bus/reply.h"
#include "util/memory.h"

static int fail(struct bus_call *call, int r)
{
        bus_call_fail(call, BUS_INVALID_ARGUMENTS, "the arguments cannot be read");
        return r;
}

/* ---- dictionaries ---- */

static int add_string(struct bus_call *call, const char *key, struct bus_strings *strings, size_t count,
                      const char *string)
{
        if (count == strings->most) {
                bus_call_fail(call, BUS_INVALID_ARGUMENTS, "more than %zu texts in '%s'", strings->most, key);
                return -E2BIG;
        }
        if (strlen(string) > BUS_STRING_MAX) {
                bus_call_fail(call, BUS_INVALID_ARGUMENTS, "a text in '%s' is longer than %d bytes", key,
                              BUS_STRING_MAX);
                return -E2BIG;
        }
        if (strings->items == NULL)
                strings->items = memory_need(calloc(strings->most + 1, sizeof(char *)));
        strings->items[count] = memory_need(strdup(string));
        return 0;
}

/* One by one, so that nothing is read beyond the bound. */
static int read_strings(struct bus_call *call, const char *key, struct bus_strings *strings)
{
        const char *string;
        int r;

        if (strings->items != NULL) /* the key is there twice */
                return fail(call, -EINVAL);
        r = sd_bus_message_enter_container(call->message, SD_BUS_TYPE_ARRAY, "s");
        if (r < 0)
                return fail(call, r);
        for (size_t count = 0;; count++) {
                r = sd_bus_message_read_basic(call->message, SD_BUS_TYPE_STRING, &string);
                if (r <= 0)
                        break;
                r = add_string(call, key, strings, count, string);
                if (r < 0)
                        return r;
        }
        if (r >= 0)
                r = sd_bus_message_exit_container(call->message);
        return r < 0 ? fail(call, r) : 0;
}

static int read_value(struct bus_call *call, const struct bus_entry *entry)
{
        int r = sd_bus_message_enter_container(call->message, SD_BUS_TYPE_VARIANT, entry->type);
        if (r < 0)
                return fail(call, r);
        if (strcmp(entry->type, "at") == 0) {
                r = bus_read_ids(call, entry->value);
                if (r < 0)
                        return r;
        } else if (strcmp(entry->type, "as") == 0) {
                r = read_strings(call, entry->key, entry->value);
                if (r < 0)
                        return r;
        } else {
                r = sd_bus_message_read_basic(call->message, *entry->type, entry->value);
        }
        if (r >= 0)
                r = sd_bus_message_exit_container(call->message);
        return r < 0 ? fail(call, r) : 0;
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
        return read_value(call, entry);
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
        const void *data = NULL;
        size_t size = 0;

        int r = sd_bus_message_read_array(call->message, SD_BUS_TYPE_UINT64, &data, &size);
        if (r < 0)
                return fail(call, r);
        if (size / sizeof(uint64_t) > BUS_ROWS_MAX) {
                bus_call_fail(call, BUS_INVALID_ARGUMENTS, "more than %d IDs in a call", BUS_ROWS_MAX);
                return -E2BIG;
        }
        *ret_ids = (struct bus_ids){ data, size / sizeof(uint64_t) };
        return 0;
}

static int compare_ids(const void *left, const void *right)
{
        uint64_t a = *(const uint64_t *)left, b = *(const uint64_t *)right;

        return (a > b) - (a < b);
}

void bus_sort_ids(const struct bus_ids *ids, uint64_t **ret_ids, size_t *ret_count)
{
        size_t count = 0;

        if (ids->count == 0)
                return;
        uint64_t *sorted = memory_malloc(NULL, ids->count * sizeof(uint64_t));
        memcpy(sorted, ids->ids, ids->count * sizeof(uint64_t));
        qsort(sorted, ids->count, sizeof(uint64_t), compare_ids);
        for (size_t i = 0; i < ids->count; i++)
                if (i == 0 || sorted[i] != sorted[i - 1])
                        sorted[count++] = sorted[i];
        *ret_ids = sorted;
        *ret_count = count;
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
