/* SPDX-License-Identifier: MIT */
#pragma once

#include <systemd/sd-event.h>

#include "nexudus/tokens.h"
#include "state/state.h"

/* Keeps the tokens of a session in the state. */
struct token_store;

/*
 * `key` is that of the tokens among the values of the state; it is copied, the others are borrowed.
 */
struct token_store *token_store_new(sd_event *event, struct state *state, const char *key);

/* What is being saved is saved. Accepts NULL, returns NULL. */
struct token_store *token_store_free(struct token_store *store);

/* Saves tokens instead of earlier ones, later. If that fails, it is tried again every minute. */
void token_store_save(struct token_store *store, const struct tokens *tokens);

/* Tries now to save what could not be saved. */
void token_store_retry(struct token_store *store);
