/* SPDX-License-Identifier: MIT */
#pragma once

#include <stddef.h>
#include <stdint.h>

/*
 * Signatures as Standard Webhooks describes them (version 1, symmetric): HMAC-SHA256 over
 * "ID.TIMESTAMP.BODY", in base64.
 */

/* Key of 24 to 64 bytes. */
struct webhook_key;

/*
 * Reads a secret as the receiver shows it: "whsec_" and base64 with its padding. -EINVAL if it is anything
 * else or the key is too short or too long; -ENOMEM. The secret itself stays the caller's, to be wiped.
 */
int webhook_key_new(const char *secret, struct webhook_key **ret_key);

/* Wipes it. Takes NULL, returns NULL. */
struct webhook_key *webhook_key_free(struct webhook_key *key);

/* Enough for "v1,", 44 characters and a NUL. */
#define WEBHOOK_SIGNATURE_SIZE 48

/*
 * `timestamp` is in seconds since 1970. Writes "v1,BASE64". Returns -ENOMEM, or -ENOTSUP if the cryptographic
 * library refuses HMAC-SHA256.
 */
int webhook_sign(const struct webhook_key *key, const char *id, uint64_t timestamp, const void *body,
                 size_t size, char signature[static WEBHOOK_SIGNATURE_SIZE]);
