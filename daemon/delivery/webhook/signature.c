/* SPDX-License-Identifier: MIT */

/*
 * The signature of a webhook. HMAC, SHA-256 and base64 come from libcrypto, which libcurl loads anyway. Its
 * base64 decoder is lenient, so the form of a secret is checked here first.
 */

#include "delivery/webhook/signature.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <stdlib.h>
#include <string.h>

#include "util/cleanup.h"
#include "util/memory.h"
#include "util/message.h"

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

const char *webhook_key_new(const char *secret, struct webhook_key **ret_key)
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

        struct webhook_key *key = memory_malloc(NULL, sizeof(*key));
        int decoded = EVP_DecodeBlock(key->bytes, (const unsigned char *)text, (int)strlen(text));
        assert(decoded >= (int)size);
        (void)decoded;
        key->size = size;
        *ret_key = key;
        return NULL;
}

struct webhook_key *webhook_key_free(struct webhook_key *key)
{
        if (key != NULL)
                explicit_bzero(key, sizeof(*key));
        free(key);
        return NULL;
}

int webhook_sign(const struct webhook_key *key, const char *id, uint64_t timestamp, const char *body,
                 char signature[static WEBHOOK_SIGNATURE_SIZE])
{
        unsigned char digest[DIGEST_BYTES];
        CLEANUP(cleanup_free) char *text = format_message("%s.%" PRIu64 ".%s", id, timestamp, body);

        if (HMAC(EVP_sha256(), key->bytes, (int)key->size, (unsigned char *)text, strlen(text), digest,
                 NULL) == NULL)
                return -ENOTSUP;
        memcpy(signature, "v1,", 3);
        (void)EVP_EncodeBlock((unsigned char *)signature + 3, digest, DIGEST_BYTES);
        return 0;
}
