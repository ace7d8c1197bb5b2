/* SPDX-License-Identifier: MIT */

/* Texts in HTML and SVG: what is written is markup that a browser reads as the text, and nothing else. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "ctl/markup.h"

#define REPLACED "\xef\xbf\xbd"

static void expect(const char *data, size_t size, size_t limit, const char *expected)
{
        char *written = NULL;
        size_t written_size = 0;
        FILE *file = open_memstream(&written, &written_size);

        assert_non_null(file);
        markup_put(file, data, size, limit);
        assert_int_equal(fclose(file), 0);
        assert_string_equal(written, expected);
        assert_int_equal(strlen(written), written_size);
        free(written);
}

static void expect_text(const char *text, const char *expected)
{
        expect(text, strlen(text), 0, expected);
}

static void test_markup_is_escaped(void **state)
{
        (void)state;
        expect_text("<b a='1' c=\"2\">&amp;</b>",
                    "&lt;b a=&#39;1&#39; c=&quot;2&quot;&gt;&amp;amp;&lt;/b&gt;");
        expect_text("", "");
        expect_text("Grüße, 中文 – 4 > 3", "Grüße, 中文 – 4 &gt; 3");
}

static void test_white_space_is_a_blank(void **state)
{
        (void)state;
        expect_text("a\nb\tc\rd\ve\ff", "a b c d e f");
}

static void test_what_is_not_visible_is_replaced(void **state)
{
        (void)state;
        expect("a\0b", 3, 0, "a" REPLACED "b");
        expect_text("\x01\x1b\x7f", REPLACED REPLACED REPLACED);
        expect_text("\xc2\x85 \xe2\x80\xae \xef\xbb\xbf", REPLACED " " REPLACED " " REPLACED);
        /* Noncharacters, which XML or HTML forbid. */
        expect_text("\xef\xbf\xbe\xef\xbf\xbf\xef\xb7\x90\xf0\x9f\xbf\xbe",
                    REPLACED REPLACED REPLACED REPLACED);
}

static void test_bytes_that_are_not_utf8_are_replaced(void **state)
{
        (void)state;
        expect_text("a\xff"
                    "b\xc3",
                    "a" REPLACED "b" REPLACED);
        expect_text("\xc0\xbc", REPLACED REPLACED);              /* an overlong "<" */
        expect_text("\xed\xa0\x80", REPLACED REPLACED REPLACED); /* a surrogate */
        expect("\xe2\x82", 2, 0, REPLACED REPLACED);             /* cut off */
}

static void test_it_is_cut_between_characters(void **state)
{
        (void)state;
        expect_text("abc", "abc");
        expect("abc", 3, 3, "abc");
        expect("abcd", 4, 3, "abc…");
        expect("<<<", 3, 2, "&lt;&lt;…");
        expect("äöü", 6, 2, "äö…");
}

static void test_addresses_are_left_out(void **state)
{
        static const struct {
                const char *text, *expected;
        } cases[] = {
                { "no address", "no address" },
                { "anna.smith+1@example.com", "[address]" },
                { "by anna@example.com, 3 rows", "by [address], 3 rows" },
                { "<anna@example.com>", "<[address]>" },
                { "a@b c@d", "[address] [address]" },
                { "a@b@c", "[address]" },
                { "jörg@müller.de!", "[address]!" },
                { "o'neil@example.com", "[address]" },
                { "{\"user\": \"anna\\u002Ba@example.com\"}", "{\"user\": \"[address]\"}" },
                { "cut: anna.smith@", "cut: [address]" },
                { "@ everyone @home mail@ 4 @ 5", "@ everyone @home mail@ 4 @ 5" },
                { "", "" },
        };

        (void)state;
        assert_null(text_without_addresses(NULL));
        for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
                char *text = text_without_addresses(cases[i].text);
                assert_string_equal(text, cases[i].expected);
                free(text);
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_markup_is_escaped),
                cmocka_unit_test(test_white_space_is_a_blank),
                cmocka_unit_test(test_what_is_not_visible_is_replaced),
                cmocka_unit_test(test_bytes_that_are_not_utf8_are_replaced),
                cmocka_unit_test(test_it_is_cut_between_characters),
                cmocka_unit_test(test_addresses_are_left_out),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
