/* SPDX-License-Identifier: MIT */
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "delivery/outbox.h"

/* Deliveries that someone wants to be made again, or not at all. */

struct outbox_change_end {
        int r; /* 0; -ENOENT: `unknown` is no delivery that is pending or has failed; -ENXIO: the hook
                  of `unknown` is not configured; or an errno of the state */
        const char *error; /* with the latter */
        uint64_t unknown;
        uint64_t count; /* of deliveries that were changed */
};

/* Called once, from the loop. After an error nothing has changed. `end` is valid during the call only. */
typedef void (*outbox_change_handler)(void *userdata, const struct outbox_change_end *end);

enum outbox_change {
        /*
         * Deliveries that have failed are pending again, with no attempt made, in order for their job; those
         * that wait for a retry are due. Without ids: all that have failed, of configured hooks. An attempt
         * in progress goes on.
         */
        OUTBOX_RETRY,
        /*
         * Deletes deliveries that are pending or have failed, of configured hooks or others. An attempt in
         * progress goes on, and nothing follows it.
         */
        OUTBOX_DROP,
};

/* Each id once. `uid` is that of the user who asks, for the log. */
void outbox_change(struct outbox *outbox, enum outbox_change kind, const uint64_t ids[], size_t count,
                   uid_t uid, outbox_change_handler done, void *userdata);
