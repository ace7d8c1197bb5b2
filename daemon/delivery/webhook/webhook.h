/* SPDX-License-Identifier: MIT */
#pragma once

#include "delivery/hook.h"

/* A hook of kind url: its HTTP client and its secret, for many attempts. */
struct webhook;

/* One attempt. */
struct webhook_run;

struct webhook_key;

/*
 * Reads hook->secret_file, which is not empty, for --check and for webhook_new(). Returns 0 with a key
 * (signature.h) and a *ret_message that is NULL or a malloc()ed warning, or a negative errno with an error
 * message as credential_read() does.
 */
int webhook_read_key(const struct hook_config *hook, const char *config_path, char **ret_message,
                     struct webhook_key **ret_key);

/*
 * Reads the secret of hook->secret_file, if any; a warning about it (others can read the file) is logged.
 * The strings of `hook` are copied. Returns 0 or a negative errno with *ret_reason (see hook.h).
 */
int webhook_new(const struct hook_context *context, const struct hook_config *hook, char **ret_reason,
                struct webhook **ret_webhook);

/*
 * All runs must have ended or been cancelled. Must not be called from an on_end(). Accepts NULL, returns
 * NULL.
 */
struct webhook *webhook_free(struct webhook *webhook);

/*
 * POSTs the document to hook->target. 2xx is success; redirects are not followed and count as failures.
 * webhook-id is the event's id; with a secret, webhook-timestamp and webhook-signature are sent as specified
 * by Standard Webhooks. Retry-After of a response 409, 429 or 503 becomes retry_after_us, at most a day.
 * Returns 0 or a negative errno (-ENOMEM, -ENOTSUP); errors of the network are reported to on_end().
 */
int webhook_start(struct webhook *webhook, const struct hook_attempt *attempt, char **ret_reason,
                  struct webhook_run **ret_run);

/* Ends the run without calling on_end(). Accepts NULL, returns NULL. */
struct webhook_run *webhook_cancel(struct webhook_run *run);
