/* SPDX-License-Identifier: MIT */
#pragma once

#include "delivery/hook.h"

/* A hook of kind url: its URL, headers, secret and connections, for many attempts. */
struct webhook;

/* One attempt. */
struct webhook_run;

/*
 * Reads the files of the hook (files.h); problems are logged. The strings of `hook`, which is part of
 * `config`, are copied. Returns 0, -EINVAL if there was a problem, or another negative errno. Needs no
 * descriptors beyond the call.
 */
int webhook_new(const struct hook_context *context, const struct config *config,
                const struct hook_config *hook, struct webhook **ret_webhook);

/*
 * All runs must have ended or been cancelled. Must not be called from an on_end(). Accepts NULL, returns
 * NULL.
 */
struct webhook *webhook_free(struct webhook *webhook);

/*
 * POSTs the document to the URL of the hook. 2xx is success; redirects are not followed and count as
 * failures. webhook-id is the event's id; with a secret, webhook-timestamp and webhook-signature are sent as
 * specified by Standard Webhooks. Retry-After of a response 409, 429 or 503 becomes retry_after_us, at most a
 * day. Returns 0 or a negative errno (-EMFILE, -ENOTSUP); errors of the network are reported to
 * on_end().
 */
int webhook_start(struct webhook *webhook, const struct hook_attempt *attempt, char **ret_reason,
                  struct webhook_run **ret_run);

/*
 * Gives back the descriptors that are kept for the next attempt, unless an attempt is in progress. Must not
 * be called from an on_end().
 */
void webhook_close_idle(struct webhook *webhook);

/* Ends the run without calling on_end(). Accepts NULL, returns NULL. */
struct webhook_run *webhook_cancel(struct webhook_run *run);
