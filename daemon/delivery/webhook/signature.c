/* SPDX-License-Identifier: MIT */

/*
 * The signature of a webhook. HMAC, SHA-256 and base64 come from libcrypto, which libcurl loads anyway. Its
 * base64 decoder is lenient, so the form of a secret is checked here first.
 */

#include "delivery/webhook/signature.h"

#include <errno.h>
#include <inttypes.h>
#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/params.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "util/memory.h"

#define KEY_BYTES_MIN 24
#define KEY_BYTES_MAX 64
#define DIGEST_BYTES  32

static const char prefix[] = "whsec_";

struct webhook_key {
        unsigned char bytes[KEY_BYTES_MAX + 2]; /* the decoder also writes the padding */
        size_t size;
};

/* Number of bytes encoded by canonical base64; 0 if `text` is not base64. */
static size_t decoded_size(const char *text)
{
        static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
        size_t symbols = strspn(text, alphabet), padding = strspn(text + symbols, "=");

        if (text[symbols + padding] != '\0' || padding > 2 || (symbols + padding) % 4 != 0)
                return 0;
        return (symbols + padding) / 4 * 3 - padding;
}

const char *webhook_key_problem(const char *secret)
{
        if (strncmp(secret, "v1,", 3) == 0)
                return "begins with \"v1,\"; write the secret to it from \"whsec_\" on";
        if (strncmp(secret, "whsk_", 5) == 0 || strncmp(secret, "whpk_", 5) == 0)
                return "has an asymmetric key; write a symmetric secret to it, which begins with \"whsec_\"";
        if (strncmp(secret, prefix, sizeof(prefix) - 1) != 0)
                return "has no signing secret; write \"whsec_\" and 24 to 64 bytes in base64 to it, as the "
                       "receiver shows them";

        const char *text = secret + sizeof(prefix) - 1;
        size_t size = decoded_size(text);
        if (size == 0)
                return "is not base64 after \"whsec_\"; copy the whole secret to it, with \"=\" at the end";
        if (size < KEY_BYTES_MIN)
                return "has a secret that is too short; write \"whsec_\" and 24 to 64 bytes in base64 to it";
        if (size > KEY_BYTES_MAX)
                return "has a secret that is too long; write \"whsec_\" and 24 to 64 bytes in base64 to it";
        return NULL;
}

int webhook_key_new(const char *secret, struct webhook_key **ret_key)
{
        if (webhook_key_problem(secret) != NULL)
                return -EINVAL;
        const char *text = secret + sizeof(prefix) - 1;
        size_t size = decoded_size(text);

        struct webhook_key *key = memory_malloc(NULL, sizeof(*key));
        if (EVP_DecodeBlock(key->bytes, (const unsigned char *)text, (int)strlen(text)) < (int)size) {
                webhook_key_free(key);
                return -EINVAL;
        }
        key->size = size;

        *ret_key = key;
        return 0;
}

struct webhook_key *webhook_key_free(struct webhook_key *key)
{
        if (key != NULL)
                explicit_bzero(key, sizeof(*key));
        free(key);
        return NULL;
}

/* Computes the HMAC over ID.TIMESTAMP.BODY. Returns true (1) on success. */
static int digest_parts(EVP_MAC_CTX *context, const struct webhook_key *key, const char *id,
                        uint64_t timestamp, const void *body, size_t size,
                        unsigned char digest[static DIGEST_BYTES])
{
        char hash[] = "SHA256", stamp[32];
        const OSSL_PARAM parameters[] = {
                OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, hash, 0),
                OSSL_PARAM_construct_end(),
        };
        size_t written = 0;

        (void)snprintf(stamp, sizeof(stamp), ".%" PRIu64 ".", timestamp);
        return EVP_MAC_init(context, key->bytes, key->size, parameters) == 1 &&
               EVP_MAC_update(context, (const unsigned char *)id, strlen(id)) == 1 &&
               EVP_MAC_update(context, (const unsigned char *)stamp, strlen(stamp)) == 1 &&
               EVP_MAC_update(context, body, size) == 1 &&
               EVP_MAC_final(context, digest, &written, DIGEST_BYTES) == 1 && written == DIGEST_BYTES;
}

int webhook_sign(const struct webhook_key *key, const char *id, uint64_t timestamp, const void *body,
                 size_t size, char signature[static WEBHOOK_SIGNATURE_SIZE])
{
        unsigned char digest[DIGEST_BYTES];

        EVP_MAC *mac = EVP_MAC_fetch(NULL, OSSL_MAC_NAME_HMAC, NULL);
        if (mac == NULL)
                return -ENOTSUP;
        EVP_MAC_CTX *context = EVP_MAC_CTX_new(mac);
        if (context == NULL)
                memory_exhausted();
        int computed = digest_parts(context, key, id, timestamp, body, size, digest);
        EVP_MAC_CTX_free(context);
        EVP_MAC_free(mac);
        if (!computed)
                return -ENOTSUP;

        memcpy(signature, "v1,", 3);
        (void)EVP_EncodeBlock((unsigned char *)signature + 3, digest, DIGEST_BYTES);
        return 0;
}
