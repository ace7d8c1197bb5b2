/* SPDX-License-Identifier: MIT */

/* Names separated by commas. */

#include "util/names.h"

#include <stdlib.h>
#include <string.h>

#include "util/memory.h"

const char *names_next(const char **at, size_t *ret_size)
{
        const char *name = *at;

        if (name == NULL || *name == '\0')
                return NULL;
        *ret_size = strcspn(name, ",");
        *at = name + *ret_size + (name[*ret_size] == ',');
        return name;
}

static bool contain(const char *names, const char *name, size_t size)
{
        const char *found;
        size_t found_size;

        while ((found = names_next(&names, &found_size)) != NULL)
                if (found_size == size && memcmp(found, name, size) == 0)
                        return true;
        return false;
}

bool names_contain(const char *names, const char *name)
{
        return contain(names, name, strlen(name));
}

void names_add(char **names, const char *more)
{
        size_t used = *names != NULL ? strlen(*names) : 0;
        const char *name;
        size_t size;

        if (more == NULL || *more == '\0')
                return;
        char *all = memory_need(realloc(*names, used + strlen(more) + 2));
        all[used] = '\0';
        while ((name = names_next(&more, &size)) != NULL) {
                if (contain(all, name, size))
                        continue;
                if (used > 0)
                        all[used++] = ',';
                memcpy(all + used, name, size);
                used += size;
                all[used] = '\0';
        }
        *names = all;
}
