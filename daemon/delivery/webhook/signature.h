/* SPDX-License-Identifier: MIT */
#pragma once

#include <stddef.h>
#include <stdint.h>

/* Signatures as specified by Standard Webhooks (v1, symmetric): HMAC-SHA256 over "ID.TIMESTAMP.BODY", in
 * base64. */

/* A key of 24 to 64 bytes. */
struct webhook_key;

/*
 * Decodes a secret in the form shown by receivers: "whsec_" followed by base64 with padding. `secret` remains
 * the caller's, who wipes it. Returns NULL; or what is wrong with another form, or a key that is too short or
 * too long, and what to write instead: continues a sentence that begins with the name of the secret's file,
 * and contains nothing of the secret. Static.
 */
const char *webhook_key_new(const char *secret, struct webhook_key **ret_key);

/* Wipes the key. Accepts NULL, returns NULL. */
struct webhook_key *webhook_key_free(struct webhook_key *key);

/* Enough for "v1,", 44 characters and a NUL. */
#define WEBHOOK_SIGNATURE_SIZE 48

/*
 * `timestamp` is in seconds since 1970. Writes "v1,BASE64". Returns 0, or -ENOTSUP if libcrypto does not
 * provide HMAC-SHA256.
 */
int webhook_sign(const struct webhook_key *key, const char *id, uint64_t timestamp, const char *body,
                 char signature[static WEBHOOK_SIGNATURE_SIZE]);
