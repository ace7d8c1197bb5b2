/* SPDX-License-Identifier: MIT */

/* Short lists of numbers that identify something. */

#include "util/id_list.h"

#include <errno.h>
#include <stdlib.h>

#include "util/array.h"
#include "util/digits.h"

void id_list_add(struct id_list *list, uint64_t id)
{
        list->ids = array_grow(list->ids, list->count, sizeof(*list->ids));
        list->ids[list->count++] = id;
}

bool id_list_contains(const struct id_list *list, uint64_t id)
{
        for (size_t i = 0; i < list->count; i++)
                if (list->ids[i] == id)
                        return true;
        return false;
}

int id_compare(const void *left, const void *right)
{
        uint64_t a = *(const uint64_t *)left, b = *(const uint64_t *)right;

        return (a > b) - (a < b);
}

void id_list_clear(struct id_list *list)
{
        free(list->ids);
        *list = (struct id_list){ 0 };
}

int job_id_parse(const char *text, uint64_t *ret_id)
{
        uint64_t id;

        if (digits_parse(text, &id) < 0 || id == 0 || id > INT64_MAX)
                return -EINVAL;
        *ret_id = id;
        return 0;
}
