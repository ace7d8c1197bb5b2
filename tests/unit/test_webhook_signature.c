/* SPDX-License-Identifier: MIT */

/* Signatures: the example of the Standard Webhooks specification, and which secrets are valid. */

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "delivery/webhook/signature.h"

#define ID "msg_p5jXN8AQM9LWM0D4loKWxJek"

/* 24 bytes, the minimum. */
static const char secret[] = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

static void expect_signature(const char *of_secret, const char *id, uint64_t timestamp, const char *body,
                             const char *expected)
{
        char signature[WEBHOOK_SIGNATURE_SIZE];
        struct webhook_key *key = NULL;

        assert_null(webhook_key_new(of_secret, &key));
        assert_int_equal(webhook_sign(key, id, timestamp, body, signature), 0);
        assert_string_equal(signature, expected);
        assert_null(webhook_key_free(key));
}

static void test_known_signatures(void **state)
{
        (void)state;
        /* From the specification. */
        expect_signature(secret, ID, 1614265330, "{\"test\": 2432232314}",
                         "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
        /* Computed with Python's hmac and base64. */
        expect_signature(secret, "", 0, "", "v1,VzQ28JIFJf+0udpQ8sGkwkIaWjCGsXxrtnallQa/U+k=");
        expect_signature(
                "whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8gISIjJCUmJygpKissLS4vMDEyMzQ1Njc4OTo7PD0+"
                "Pw==",
                "0f1e2d3c", UINT64_C(18446744073709551615), "é\n",
                "v1,k9KdwlfFg5J/1rXdGRL3SKnCvwztAsCFfwhci4ws+gc=");
}

/* The signature depends on each of the three parts and on their borders. */
static void test_every_part_counts(void **state)
{
        char first[WEBHOOK_SIGNATURE_SIZE], other[WEBHOOK_SIGNATURE_SIZE];
        struct webhook_key *key = NULL;

        (void)state;
        assert_null(webhook_key_new(secret, &key));
        assert_int_equal(webhook_sign(key, "a", 1, "b", first), 0);
        assert_int_equal(webhook_sign(key, "c", 1, "b", other), 0);
        assert_string_not_equal(first, other);
        assert_int_equal(webhook_sign(key, "a", 2, "b", other), 0);
        assert_string_not_equal(first, other);
        assert_int_equal(webhook_sign(key, "a", 1, "b\n", other), 0);
        assert_string_not_equal(first, other);
        assert_int_equal(webhook_sign(key, "a", 1, "b", other), 0);
        assert_string_equal(first, other);
        webhook_key_free(key);
}

/* A secret of `bytes` zero bytes. */
static void expect_size(size_t bytes, bool valid)
{
        char text[512] = "whsec_";
        size_t symbols = (bytes + 2) / 3 * 4, padding = (3 - bytes % 3) % 3;
        struct webhook_key *key = NULL;

        memset(text + 6, 'A', symbols - padding);
        memset(text + 6 + symbols - padding, '=', padding);
        assert_true((webhook_key_new(text, &key) == NULL) == valid);
        assert_true((key != NULL) == valid);
        webhook_key_free(key);
}

static void test_sizes(void **state)
{
        (void)state;
        for (size_t bytes = 1; bytes < 24; bytes++)
                expect_size(bytes, false);
        for (size_t bytes = 24; bytes <= 64; bytes++)
                expect_size(bytes, true);
        for (size_t bytes = 65; bytes < 300; bytes++)
                expect_size(bytes, false);
}

static void test_secrets(void **state)
{
        static const char *const right[] = {
                "whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",     /* 24 bytes */
                "whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA==", /* 25 */
                "whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=", /* 26 */
                "whsec_++++////++++////++++////++++////",
        };
        static const char *const wrong[] = {
                "",
                "whsec_",
                "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
                "WHSEC_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
                " whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
                "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw ",
                "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw\n",
                "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaS",
                "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaS=",   /* 23 bytes */
                "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSwAA", /* no padding */
                "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSwA===",
                "whsec_MfKQ9r8GKYqrTwjU=D8ILPZIo2LaLaSw",
                "whsec_MfKQ9r8GKYqrTwjU-D8ILPZ_o2LaLaSw", /* base64url */
                "whsec_====",
        };

        (void)state;
        for (size_t i = 0; i < sizeof(right) / sizeof(right[0]); i++) {
                struct webhook_key *key = NULL;
                if (webhook_key_new(right[i], &key) != NULL)
                        fail_msg("refused: %s", right[i]);
                webhook_key_free(key);
        }
        for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
                struct webhook_key *key = NULL;
                if (webhook_key_new(wrong[i], &key) == NULL)
                        fail_msg("taken: %s", wrong[i]);
                assert_null(key);
        }
        assert_null(webhook_key_free(NULL));
}

int main(void)
{
        static const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_known_signatures),
                cmocka_unit_test(test_every_part_counts),
                cmocka_unit_test(test_sizes),
                cmocka_unit_test(test_secrets),
        };

        return cmocka_run_group_tests_name("webhook_signature", tests, NULL, NULL);
}
