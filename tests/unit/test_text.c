/* SPDX-License-Identifier: MIT */

/* Counted strings with arbitrary bytes. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "util/text.h"

static void test_from_and_copy(void **state)
{
        (void)state;
        struct text text, copy;

        text_from("a\0b", 3, &text);
        assert_int_equal(text.size, 3);
        assert_memory_equal(text.data, "a\0b", 4); /* terminated */
        text_copy(&text, &copy);
        assert_true(text_equal(&text, &copy));
        assert_ptr_not_equal(text.data, copy.data);
        text_clear(&text);
        assert_null(text.data);
        assert_int_equal(text.size, 0);
        text_clear(&text);
        text_clear(&copy);

        text_from("", 0, &text);
        assert_non_null(text.data);
        assert_int_equal(text.size, 0);
        text_clear(&text);

        text_from(NULL, 7, &text);
        assert_null(text.data);
        assert_int_equal(text.size, 0);
        text_copy(&TEXT_NULL, &copy);
        assert_null(copy.data);
}

static void test_equal(void **state)
{
        (void)state;
        assert_true(text_equal(&TEXT_NULL, &TEXT_NULL));
        assert_true(text_equal(&TEXT_LITERAL(""), &TEXT_LITERAL("")));
        assert_false(text_equal(&TEXT_NULL, &TEXT_LITERAL("")));
        assert_false(text_equal(&TEXT_LITERAL(""), &TEXT_NULL));
        assert_true(text_equal(&TEXT_LITERAL("a\0b"), &TEXT_LITERAL("a\0b")));
        assert_false(text_equal(&TEXT_LITERAL("a\0b"), &TEXT_LITERAL("a\0c")));
        assert_false(text_equal(&TEXT_LITERAL("a"), &TEXT_LITERAL("ab")));
        assert_false(text_equal(&TEXT_LITERAL("a"), &TEXT_LITERAL("A")));
}

static void test_or_empty(void **state)
{
        (void)state;
        assert_string_equal(text_or_empty(&TEXT_NULL), "");
        assert_string_equal(text_or_empty(&TEXT_LITERAL("x")), "x");
}

static void test_cut(void **state)
{
        (void)state;
        assert_int_equal(text_cut("abc", 3, 0), 3);
        assert_int_equal(text_cut("abc", 3, 3), 3);
        assert_int_equal(text_cut("abc", 3, 9), 3);
        assert_int_equal(text_cut("abc", 3, 2), 2);
        assert_int_equal(text_cut(NULL, 0, 5), 0);
        assert_int_equal(text_cut("aéb", 4, 1), 1);
        assert_int_equal(text_cut("aéb", 4, 2), 1);
        assert_int_equal(text_cut("aéb", 4, 3), 3);
        assert_int_equal(text_cut("a€", 4, 2), 1);
        assert_int_equal(text_cut("a€", 4, 3), 1);
        assert_int_equal(text_cut("a😀b", 6, 2), 1);
        assert_int_equal(text_cut("a😀b", 6, 4), 1);
        assert_int_equal(text_cut("a😀b", 6, 5), 5);
        assert_int_equal(text_cut("😀", 4, 3), 0);
        /* Invalid UTF-8 is cut at the limit. */
        assert_int_equal(text_cut("\x80\x80\x80\x80\x80\x80", 6, 5), 5);
        assert_int_equal(text_cut("\x80\x80\x80", 3, 2), 2);
}

static void expect_escaped(const char *data, size_t size, size_t limit, const char *expected)
{
        /* A copy of its own, so that a read beyond the end is found. */
        char *copy = malloc(size > 0 ? size : 1), *escaped;

        assert_non_null(copy);
        memcpy(copy, data, size);
        escaped = text_escape(copy, size, limit);
        assert_non_null(escaped);
        assert_string_equal(escaped, expected);
        free(escaped);
        free(copy);
}

#define EXPECT_ESCAPED(data, limit, expected) expect_escaped(data, sizeof(data) - 1, limit, expected)

static void test_escape(void **state)
{
        (void)state;
        EXPECT_ESCAPED("", 0, "");
        EXPECT_ESCAPED("plain é€😀 ~", 0, "plain é€😀 ~");
        EXPECT_ESCAPED("a\nb\tc\rd", 0, "a\\nb\\tc\\rd");
        EXPECT_ESCAPED("\0\x01\x1b[31m\x1f\x7f", 0, "\\x00\\x01\\x1b[31m\\x1f\\x7f");
        EXPECT_ESCAPED("\xc2\x80\xc2\x9b\xc2\x9f\xc2\xa1", 0, "\\u0080\\u009b\\u009f\xc2\xa1");
}

/* A text that looks like another one is told apart from it. */
static void test_escape_shows_what_is_invisible(void **state)
{
        static const struct {
                const char *text, *escaped;
        } cases[] = {
                { "\u00a0", "\\u00a0" },         /* no-break space */
                { "\u00ad", "\\u00ad" },         /* soft hyphen */
                { "\u034f", "\\u034f" },         /* combining grapheme joiner */
                { "\u061c", "\\u061c" },         /* Arabic letter mark */
                { "\u1680", "\\u1680" },         /* Ogham space */
                { "\u180e", "\\u180e" },         /* Mongolian vowel separator */
                { "\u2003", "\\u2003" },         /* em space */
                { "\u200b", "\\u200b" },         /* zero-width space */
                { "\u200d", "\\u200d" },         /* zero-width joiner */
                { "\u200e", "\\u200e" },         /* left-to-right mark */
                { "\u2028", "\\u2028" },         /* line separator */
                { "\u202e", "\\u202e" },         /* right-to-left override */
                { "\u202f", "\\u202f" },         /* narrow no-break space */
                { "\u2060", "\\u2060" },         /* word joiner */
                { "\u2066", "\\u2066" },         /* left-to-right isolate */
                { "\u3000", "\\u3000" },         /* ideographic space */
                { "\u3164", "\\u3164" },         /* Hangul filler */
                { "\ufe0f", "\\ufe0f" },         /* variation selector */
                { "\ufeff", "\\ufeff" },         /* byte order mark */
                { "\U000e0041", "\\U000e0041" }, /* tag */
                { "\u00a1\u00ac\u00ae\u1fff\u2010\u2027\u2030\u2070\u3001\ufefe\uff01\uffee\U0001f600",
                  "\u00a1\u00ac\u00ae\u1fff\u2010\u2027\u2030\u2070\u3001\ufefe\uff01\uffee\U0001f600" },
        };

        (void)state;
        for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
                char text[128], expected[128];
                snprintf(text, sizeof(text), "8765%s4321", cases[i].text);
                snprintf(expected, sizeof(expected), "8765%s4321", cases[i].escaped);
                expect_escaped(text, strlen(text), 0, expected);
        }
}

static void test_visible_size(void **state)
{
        (void)state;
        assert_int_equal(text_visible_size("", 0), 0);
        assert_int_equal(text_visible_size("a €", 5), 5);
        assert_int_equal(text_visible_size("a €", 4), 2);
        assert_int_equal(text_visible_size("a\tb", 3), 1);
        assert_int_equal(text_visible_size("a\0b", 3), 1);
        assert_int_equal(text_visible_size("é\u200b", 5), 2);
        assert_int_equal(text_visible_size("\xff", 1), 0);
}

static void test_escape_of_invalid_utf8(void **state)
{
        (void)state;
        EXPECT_ESCAPED("\xff\x80", 0, "\\xff\\x80");
        EXPECT_ESCAPED("\xc0\xaf", 0, "\\xc0\\xaf");
        EXPECT_ESCAPED("\xc1\xbf", 0, "\\xc1\\xbf");
        EXPECT_ESCAPED("\xe0\x9f\xbf", 0, "\\xe0\\x9f\\xbf");
        EXPECT_ESCAPED("\xe0\xa0\x80", 0, "\xe0\xa0\x80");
        EXPECT_ESCAPED("\xed\x9f\xbf", 0, "\xed\x9f\xbf");
        EXPECT_ESCAPED("\xed\xa0\x80", 0, "\\xed\\xa0\\x80");
        EXPECT_ESCAPED("\xf0\x8f\xbf\xbf", 0, "\\xf0\\x8f\\xbf\\xbf");
        EXPECT_ESCAPED("\xf0\x90\x80\x80", 0, "\xf0\x90\x80\x80");
        EXPECT_ESCAPED("\xf4\x8f\xbf\xbf", 0, "\xf4\x8f\xbf\xbf");
        EXPECT_ESCAPED("\xf4\x90\x80\x80", 0, "\\xf4\\x90\\x80\\x80");
        EXPECT_ESCAPED("\xf5\x80\x80\x80", 0, "\\xf5\\x80\\x80\\x80");
        EXPECT_ESCAPED("a\xe2\x82", 0, "a\\xe2\\x82");
        EXPECT_ESCAPED("\xe2\x82z", 0, "\\xe2\\x82z");
        EXPECT_ESCAPED("\xf0\x9f\x98", 0, "\\xf0\\x9f\\x98");
}

static void test_escape_cuts(void **state)
{
        (void)state;
        EXPECT_ESCAPED("abcdef", 6, "abcdef");
        EXPECT_ESCAPED("abcdef", 3, "abc…");
        EXPECT_ESCAPED("ab€f", 4, "ab…");
        EXPECT_ESCAPED("€", 2, "…");
        EXPECT_ESCAPED("\n\n\n", 2, "\\n\\n…");
        EXPECT_ESCAPED("\xff\xff\xff", 2, "\\xff\\xff…");
}

/* Whatever comes in, what goes out is one line without control characters. */
static void test_escape_every_pair_of_bytes(void **state)
{
        (void)state;
        for (unsigned pair = 0; pair < 0x10000; pair++) {
                const char data[] = { (char)(pair >> 8), (char)(pair & 0xff) };
                char *escaped = text_escape(data, sizeof(data), 0);
                assert_non_null(escaped);
                for (const unsigned char *at = (const unsigned char *)escaped; *at != '\0'; at++) {
                        assert_true(*at >= 0x20 && *at != 0x7f);
                        assert_false(*at == 0xc2 && at[1] < 0xa0);
                }
                free(escaped);
        }
}

static void test_secret_free(void **state)
{
        (void)state;
        char *secret = strdup("hunter2");

        assert_non_null(secret);
        assert_null(secret_free(secret));
        assert_null(secret_free(NULL));
}

static bool same_digest(const struct text *left, const struct text *right)
{
        return text_digest_equal(text_digest(left), text_digest(right));
}

static void test_digest(void **state)
{
        (void)state;
        /* The test vectors of FNV-1a. */
        assert_true(text_digest(&TEXT_LITERAL("")).hash == UINT64_C(0xcbf29ce484222325));
        assert_true(text_digest(&TEXT_LITERAL("a")).hash == UINT64_C(0xaf63dc4c8601ec8c));
        assert_true(text_digest(&TEXT_LITERAL("foobar")).hash == UINT64_C(0x85944171f73967e8));
        assert_true(text_digest(&TEXT_LITERAL("foobar")).size == 6);

        assert_true(same_digest(&TEXT_LITERAL("a\0b"), &TEXT_LITERAL("a\0b")));
        assert_false(same_digest(&TEXT_LITERAL("a\0"), &TEXT_LITERAL("a")));
        assert_false(same_digest(&TEXT_LITERAL("\xff"), &TEXT_LITERAL("\x7f")));
        assert_false(same_digest(&TEXT_LITERAL("ab"), &TEXT_LITERAL("ba")));
        assert_true(same_digest(&TEXT_NULL, &TEXT_NULL));
        assert_false(same_digest(&TEXT_NULL, &TEXT_LITERAL("")));
        /* Either half counts. */
        assert_false(text_digest_equal((struct text_digest){ 1, 2 }, (struct text_digest){ 1, 3 }));
        assert_false(text_digest_equal((struct text_digest){ 1, 2 }, (struct text_digest){ 2, 2 }));
}

static void test_full_stops_are_stripped(void **state)
{
        static const char *const texts[][2] = { { "is incorrect.", "is incorrect" },
                                                { ".", "" },
                                                { "", "" },
                                                { "wait...", "wait..." },
                                                { "a.b", "a.b" } };
        (void)state;

        for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
                char *text = strdup(texts[i][0]);

                assert_non_null(text);
                text_strip_full_stop(text);
                assert_string_equal(text, texts[i][1]);
                free(text);
        }
        text_strip_full_stop(NULL);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_full_stops_are_stripped),
                cmocka_unit_test(test_from_and_copy),
                cmocka_unit_test(test_equal),
                cmocka_unit_test(test_or_empty),
                cmocka_unit_test(test_cut),
                cmocka_unit_test(test_escape),
                cmocka_unit_test(test_escape_shows_what_is_invisible),
                cmocka_unit_test(test_visible_size),
                cmocka_unit_test(test_escape_of_invalid_utf8),
                cmocka_unit_test(test_escape_cuts),
                cmocka_unit_test(test_escape_every_pair_of_bytes),
                cmocka_unit_test(test_secret_free),
                cmocka_unit_test(test_digest),
        };

        return cmocka_run_group_tests_name("text", tests, NULL, NULL);
}
