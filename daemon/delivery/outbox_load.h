/* SPDX-License-Identifier: MIT */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "config/config.h"
#include "state/store.h"

/* What the outbox needs to know of the state when it gets a configuration. */
struct outbox_load {
        char *removed; /* hooks with pending deliveries that are not configured: "old (4), mail (1)"; or NULL
                        */
        size_t hook_count;
        struct hook_load {
                uint64_t pending; /* deliveries */
                size_t abandoned; /* deliveries about watched jobs that are */
        } hooks[];                /* in the order of the configuration */
};

/*
 * Reads it from the store. Uses nothing else, so it may be called by the state writer. Returns 0 or a
 * negative errno, as described in store.h.
 */
int outbox_load(struct store *store, const struct config *config, struct outbox_load **ret_load);

/* Accepts NULL, returns NULL. */
struct outbox_load *outbox_load_free(struct outbox_load *load);
