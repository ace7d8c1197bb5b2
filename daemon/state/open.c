/* SPDX-License-Identifier: MIT */

/* A state without a database server is in SQLite. */

#include "state/sqlite/sqlite.h"
#include "state/store.h"

int store_open(const char *directory, char **ret_message, struct store **ret_store)
{
        char *message = NULL;

        int r = sqlite_open(directory, &message, ret_store);
        if (r < 0)
                *ret_message = message;
        return r;
}
