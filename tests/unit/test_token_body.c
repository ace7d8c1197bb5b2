/* SPDX-License-Identifier: MIT */

/* Sign-in without a network: the fields of a body, the stored form of tokens, forms. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "nexudus/token_body.h"
#include "nexudus/tokens.h"
#include "token_fixture.h"

static int parse(const char *body, bool is_part, struct token_body *ret_body)
{
        return token_body_parse(body, strlen(body), is_part, ret_body);
}

static void test_fields(void **state)
{
        static const char body[] =
                "\xef\xbb\xbf "
                "{\"a\":{\"access_token\":\"no\",\"error\":[{\"Message\":\"no\"}]},\"access_token\":\"x\","
                "\"access_token\":\"a\\/"
                "b\",\"refresh_token\":\"r\",\"token_type\":\"bearer\",\"expires_in\":60,"
                "\"error\":\"d\\u0000d\",\"Message\":\"m\",\"error\":null,"
                "\"token_type\":{},\"message\":\"other\",\"refresh_token\":7,\"expires_in\":[]} ";
        struct token_body parsed = TOKEN_BODY_NULL;

        (void)state;
        assert_int_equal(parse(body, false, &parsed), 0);
        assert_string_equal(parsed.access_token.data, "a/b");
        assert_string_equal(parsed.refresh_token.data, "r");
        assert_string_equal(parsed.token_type.data, "bearer");
        assert_int_equal(parsed.error.size, 3);
        assert_memory_equal(parsed.error.data, "d\0d", 4);
        assert_int_equal(token_body_lifetime_us(&parsed), 60 * USEC_PER_SEC);
        token_body_clear(&parsed);
        assert_null(parsed.access_token.data);
        token_body_clear(&parsed);
}

static void test_lifetime(void **state)
{
        static const struct {
                const char *value;
                uint64_t lifetime_s;
        } cases[] = {
                { "604799", 604799 },
                { "\"604799\"", 604799 },
                { "60.0", 60 },
                { "\"60.5\"", 60 },
                { "0", 0 },
                { "-5", 0 },
                { "6e5", 0 },
                { "\"\"", 0 },
                { "\"60 \"", 0 },
                { "\"60.\"", 0 },
                { "\".5\"", 0 },
                { "\"soon\"", 0 },
                { "null", 0 },
                { "true", 0 },
                { "315359999", 315359999 },
                { "315360001", 315360000 },
                { "18446744073709551617", 315360000 },
                { "99999999999999999999999999999999", 315360000 },
        };

        (void)state;
        for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
                struct token_body parsed = TOKEN_BODY_NULL;
                char body[100];

                (void)snprintf(body, sizeof(body), "{\"expires_in\":%s}", cases[i].value);
                assert_int_equal(parse(body, false, &parsed), 0);
                assert_int_equal(token_body_lifetime_us(&parsed), cases[i].lifetime_s * USEC_PER_SEC);
                token_body_clear(&parsed);
        }
}

static void test_malformed(void **state)
{
        static const char *const bodies[] = {
                "",
                " ",
                "\xef\xbb\xbf",
                "null",
                "\"x\"",
                "[]",
                "[{\"error\":\"e\"}]",
                "7",
                "{",
                "{\"error\":\"e\"",
                "{\"error\":\"e",
                "{\"error\":\"e\"}}",
                "{} {}",
                "{\"error\":\"e\",}",
                "<html>",
                "{error:1}",
        };

        (void)state;
        for (size_t i = 0; i < sizeof(bodies) / sizeof(bodies[0]); i++) {
                struct token_body parsed = { .error = TEXT_LITERAL("untouched") };

                assert_int_equal(parse(bodies[i], false, &parsed), -EBADMSG);
                assert_string_equal(parsed.error.data, "untouched");
        }
}

static void test_part(void **state)
{
        static const char body[] = "{\"error\":\"e\",\"token_type\":\"abc\"}";
        (void)state;

        for (size_t size = 1; size < sizeof(body); size++) {
                struct token_body parsed = TOKEN_BODY_NULL;

                assert_int_equal(token_body_parse(body, size, true, &parsed), 0);
                assert_true((parsed.error.data != NULL) == (size >= strlen("{\"error\":\"e\"")));
                assert_true((parsed.token_type.data != NULL) == (size >= strlen(body) - 1));
                token_body_clear(&parsed);
        }

        struct token_body parsed = TOKEN_BODY_NULL;
        assert_int_equal(parse("", true, &parsed), -EBADMSG);
        assert_int_equal(parse("  ", true, &parsed), -EBADMSG);
        assert_int_equal(parse("<html>", true, &parsed), -EBADMSG);
}

static void test_depth_is_bounded(void **state)
{
        struct token_body parsed = TOKEN_BODY_NULL;
        char *body = malloc(200);
        (void)state;

        assert_non_null(body);
        for (size_t depth = 64; depth <= 65; depth++) { /* the object, and arrays in it */
                size_t arrays = depth - 1;
                char *end = stpcpy(body, "{\"x\":");
                memset(end, '[', arrays);
                memset(end + arrays, ']', arrays);
                memcpy(end + 2 * arrays, "}", 2);
                assert_int_equal(parse(body, false, &parsed), depth == 64 ? 0 : -EBADMSG);
        }
        free(body);
}

/* ---- tokens ---- */

static void check_tokens(const char *access, const char *refresh, uint64_t obtained_us, uint64_t lifetime_us,
                         const char *expected)
{
        struct tokens back = TOKENS_NULL;
        char access_token[64], refresh_token[64];

        (void)snprintf(access_token, sizeof(access_token), "%s", access);
        (void)snprintf(refresh_token, sizeof(refresh_token), "%s", refresh != NULL ? refresh : "");
        const struct tokens tokens = { access_token, refresh != NULL ? refresh_token : NULL, obtained_us,
                                       lifetime_us };

        char *text = tokens_format(&tokens);
        assert_string_equal(text, expected);
        assert_int_equal(tokens_parse(text, &back), 0);
        assert_string_equal(back.access_token, access);
        if (refresh != NULL)
                assert_string_equal(back.refresh_token, refresh);
        else
                assert_null(back.refresh_token);
        assert_true(back.obtained_us == obtained_us && back.lifetime_us == lifetime_us);
        tokens_clear(&back);
        assert_null(back.access_token);
        free(text);
}

static void test_tokens(void **state)
{
        (void)state;
        check_tokens("a", NULL, 0, 0, "2 0 0 a");
        check_tokens("a%b", "c/d+", 5, 6, "2 5 6 a%b c/d+");
        check_tokens("-", "-", UINT64_MAX, UINT64_MAX, "2 18446744073709551615 18446744073709551615 - -");
}

static void test_invalid_tokens(void **state)
{
        static const char *const texts[] = {
                "",          "2",        "2 ",         "1 0 0 a",     "2 0 0",       "2 0 0 ",
                "2 0 0  a",  "2 0 0 a ", "2 0 0 a b ", "2 0 0 a b c", "2 0 0 a\x7f", "2 0 0 \xc3\xa9",
                "2 0 0 a\n", "{}",       "0 0 a",
        };
        struct tokens tokens = TOKENS_NULL;

        (void)state;
        for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
                assert_int_equal(tokens_parse(texts[i], &tokens), -EINVAL);
        assert_null(tokens.access_token);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_fields),           cmocka_unit_test(test_lifetime),
                cmocka_unit_test(test_malformed),        cmocka_unit_test(test_part),
                cmocka_unit_test(test_depth_is_bounded), cmocka_unit_test(test_tokens),
                cmocka_unit_test(test_invalid_tokens),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
