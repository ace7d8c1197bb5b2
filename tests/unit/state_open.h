/* SPDX-License-Identifier: MIT */
#pragma once

#include "state/state.h"

/* Opens the store in a directory, and the state that is in it, as the daemon does. */
static inline int state_open(sd_event *event, const char *directory, char **ret_message,
                             struct state **ret_state)
{
        struct store *store = NULL;

        int r = store_open(directory, ret_message, &store);
        if (r >= 0)
                r = state_use(event, store, ret_state);
        if (r >= 0)
                state_measure(*ret_state);
        return r;
}
