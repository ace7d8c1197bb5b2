/* SPDX-License-Identifier: MIT */

/* Lists of strings that grow one by one. */

#include "util/string_list.h"

#include <stdlib.h>
#include <string.h>

#include "util/array.h"
#include "util/memory.h"

void string_list_add(struct string_list *list, const char *item)
{
        /* With the NULL at the end. */
        list->items = array_grow(list->items, list->count + 1, sizeof(*list->items));
        list->items[list->count++] = memory_need(strdup(item));
        list->items[list->count] = NULL;
}

bool string_list_contains(const struct string_list *list, const char *item)
{
        for (size_t i = 0; i < list->count; i++)
                if (strcmp(list->items[i], item) == 0)
                        return true;
        return false;
}

void string_list_clear(struct string_list *list)
{
        for (size_t i = 0; i < list->count; i++)
                free(list->items[i]);
        free(list->items);
        *list = (struct string_list){ 0 };
}
