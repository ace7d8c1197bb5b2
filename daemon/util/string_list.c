/* SPDX-License-Identifier: MIT */

/* Lists of strings that grow one by one. */

#include "util/string_list.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "util/array.h"
#include "util/cleanup.h"

int string_list_add(struct string_list *list, const char *item)
{
        CLEANUP(cleanup_free) char *copy = strdup(item);
        if (copy == NULL)
                return -ENOMEM;

        /* With the NULL at the end. */
        char **grown = array_grow(list->items, list->count + 1, sizeof(*grown));
        if (grown == NULL)
                return -ENOMEM;
        grown[list->count++] = STEAL_POINTER(copy);
        grown[list->count] = NULL;
        list->items = grown;
        return 0;
}

void string_list_clear(struct string_list *list)
{
        for (size_t i = 0; i < list->count; i++)
                free(list->items[i]);
        free(list->items);
        *list = (struct string_list){ 0 };
}
