/* SPDX-License-Identifier: MIT */

/* SQLite gets its memory as the rest of the program does: by functions that do not return without it. */

#include "state/sqlite/allocator.h"

#include <pthread.h>
#include <sqlite3.h>

#include "util/memory.h"

static sqlite3_mem_methods original;

static void *allocate(int size)
{
        return memory_need(original.xMalloc(size));
}

static void *reallocate(void *block, int size)
{
        return memory_need(original.xRealloc(block, size));
}

static void set_up(void)
{
        /* SQLITE_MISUSE: SQLite is in use. */
        if (sqlite3_config(SQLITE_CONFIG_GETMALLOC, &original) != SQLITE_OK)
                return;

        sqlite3_mem_methods methods = original;
        methods.xMalloc = allocate;
        methods.xRealloc = reallocate;
        (void)sqlite3_config(SQLITE_CONFIG_MALLOC, &methods);
}

void sqlite_allocator_set_up(void)
{
        static pthread_once_t once = PTHREAD_ONCE_INIT;

        (void)pthread_once(&once, set_up);
}
