/* SPDX-License-Identifier: MIT */

/* Which engine a state is opened with. */

#include "state/store.h"

#include "state/sqlite/sqlite.h"

int store_open(const char *directory, char **ret_message, struct store **ret_store)
{
        char *message = NULL;

        int r = sqlite_open(directory, &message, ret_store);
        if (r < 0)
                *ret_message = message;
        return r;
}
