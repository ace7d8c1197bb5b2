/* SPDX-License-Identifier: MIT */

/* Command lines. The expected words are those of systemd 252 for ExecStart=, where it does not warn. */

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "util/argv.h"

/* Splits a copy of exact size, so that a read beyond it is detected. */
static int split(const char *line, char ***ret_words)
{
        char *copy = strdup(line);

        assert_non_null(copy);
        int r = argv_split(copy, ret_words);
        free(copy);
        return r;
}

static void expect(const char *line, const char *const expected[])
{
        char **words = NULL;
        size_t count = 0;

        if (split(line, &words) != 0)
                fail_msg("<%s> was rejected", line);
        for (; expected[count] != NULL; count++) {
                if (words[count] == NULL)
                        fail_msg("<%s> has only %zu words", line, count);
                assert_string_equal(words[count], expected[count]);
        }
        assert_null(words[count]);
        assert_null(command_free(words));
}

#define EXPECT(line, ...) expect(line, (const char *const[]){ __VA_ARGS__, NULL })

static void expect_invalid(const char *line)
{
        char *untouched = NULL, **words = &untouched;

        if (split(line, &words) != -EINVAL)
                fail_msg("<%s> was not rejected", line);
        assert_ptr_equal(words, &untouched);
}

static void test_white_space(void **state)
{
        (void)state;
        EXPECT("/bin/true", "/bin/true");
        EXPECT("  a \t b\r\n c  ", "a", "b", "c");
        EXPECT("1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17", "1", "2", "3", "4", "5", "6", "7", "8", "9", "10",
               "11", "12", "13", "14", "15", "16", "17");
        EXPECT("caf\xc3\xa9 \xff", "caf\xc3\xa9", "\xff");
}

static void test_quotes(void **state)
{
        (void)state;
        EXPECT("\"a b\" 'c d'", "a b", "c d");
        EXPECT("\"it's\" 'say \"x\"'", "it's", "say \"x\"");
        EXPECT("\"\" ''", "", "");
        EXPECT("a \"\"", "a", "");
        EXPECT("/x\"y z\"w", "/xy zw");
        EXPECT("\"/x y\"z", "/x yz");
        EXPECT("/x\"\"", "/x");
        EXPECT("'a'\"b\"'c'", "abc");
        EXPECT("'a\nb'", "a\nb");
}

static void test_escapes(void **state)
{
        (void)state;
        EXPECT("\\a\\b\\f\\n\\r\\t\\v\\s\\\\\\\"\\'", "\a\b\f\n\r\t\v \\\"'");
        EXPECT("\"\\\"\\n\" '\\'\\n'", "\"\n", "'\n");
        EXPECT("/x\\x41\\101\\sb", "/xAA b");
        EXPECT("\\x4a\\x4A\\xff\\377\\001", "JJ\xff\xff\x01");
        EXPECT("\\x41g \\1012", "Ag", "A2");
        EXPECT("/x\\u00e9\\U0001f600", "/x\xc3\xa9\xf0\x9f\x98\x80");
        EXPECT("\\u007f\\u0080\\u07ff\\u0800\\uffff\\U00010000\\U0010ffff",
               "\x7f\xc2\x80\xdf\xbf\xe0\xa0\x80\xef\xbf\xbf\xf0\x90\x80\x80\xf4\x8f\xbf\xbf");
        EXPECT("-exec ls {} \\;", "-exec", "ls", "{}", ";");
}

/* No expansion as by a shell or systemd. */
static void test_nothing_is_expanded(void **state)
{
        (void)state;
        EXPECT("/bin/sh -c 'rm $HOME; `x`'", "/bin/sh", "-c", "rm $HOME; `x`");
        EXPECT("$A ${B} $(c) %i %% * ~ > x | y & # z", "$A", "${B}", "$(c)", "%i", "%%", "*", "~", ">", "x",
               "|", "y", "&", "#", "z");
        EXPECT("-/bin/x @/bin/y +z", "-/bin/x", "@/bin/y", "+z");
}

static void test_invalid(void **state)
{
        static const char *const lines[] = {
                "",        " \t ",    "\"/x",    "'/x",         "a 'b\"",      "\"a\\\"",
                "/x\\",    "a \"\\",  "/x\\qy",  "/x\\8",       "/x\\x00",     "/x\\000",
                "/x\\e",   "\\x4",    "\\xg1",   "\\x4g",       "\\10",        "\\1",
                "\\18a",   "\\400",   "\\777",   "\\u12",       "\\u123g",     "\\u0000",
                "\\ud800", "\\udfff", "\\U0011", "\\U00110000", "\\Uffffffff", "\\$HOME",
                "\\ ",     "\\X41",
        };

        (void)state;
        for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++)
                expect_invalid(lines[i]);
}

/* Every byte can be escaped. */
static void test_every_byte(void **state)
{
        char line[5], expected[2] = "";
        static const char digits[] = "0123456789abcdef";

        (void)state;
        for (unsigned byte = 1; byte < 256; byte++) {
                memcpy(line, "\\x", 2);
                line[2] = digits[byte >> 4];
                line[3] = digits[byte & 15];
                line[4] = '\0';
                expected[0] = (char)byte;
                EXPECT(line, expected);

                line[1] = (char)('0' + (byte >> 6));
                line[2] = (char)('0' + (byte >> 3 & 7));
                line[3] = (char)('0' + (byte & 7));
                EXPECT(line, expected);
        }
}

int main(void)
{
        static const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_white_space), cmocka_unit_test(test_quotes),
                cmocka_unit_test(test_escapes),     cmocka_unit_test(test_nothing_is_expanded),
                cmocka_unit_test(test_invalid),     cmocka_unit_test(test_every_byte),
        };

        return cmocka_run_group_tests_name("argv", tests, NULL, NULL);
}
