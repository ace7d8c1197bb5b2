/* SPDX-License-Identifier: MIT */

/*
 * The reader of INI text. Each case is a text and the transcript of the callbacks, one line for each:
 * "LINE [section]", "LINE key=value", "LINE +key=value" for a continuation, "LINE !" for a problem.
 */

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "config/ini_reader.h"

struct transcript {
        char events[8192];
        char problem[1024]; /* the last one */
};

static void add(struct transcript *transcript, const char *format, ...) __attribute__((format(printf, 2, 3)));

static void add(struct transcript *transcript, const char *format, ...)
{
        size_t used = strlen(transcript->events);
        va_list arguments;

        va_start(arguments, format);
        vsnprintf(transcript->events + used, sizeof(transcript->events) - used, format, arguments);
        va_end(arguments);
}

static void on_section(void *userdata, unsigned line, const char *section)
{
        add(userdata, "%u [%s]\n", line, section);
}

static void on_value(void *userdata, unsigned line, const char *key, const char *value, bool continuation)
{
        add(userdata, "%u %s%s=%s\n", line, continuation ? "+" : "", key, value);
}

static void on_problem(void *userdata, unsigned line, const char *message)
{
        struct transcript *transcript = userdata;

        add(transcript, "%u !\n", line);
        snprintf(transcript->problem, sizeof(transcript->problem), "%s", message);
}

static const struct ini_handlers handlers = { on_section, on_value, on_problem };

static void read_bytes(const char *data, size_t size, struct transcript *ret_transcript)
{
        /* An exact copy on the heap, so that reading past its end is detected. */
        char *copy = malloc(size + (size == 0));

        assert_non_null(copy);
        memcpy(copy, data, size);
        *ret_transcript = (struct transcript){ 0 };
        assert_int_equal(ini_read(copy, size, &handlers, ret_transcript), 0);
        free(copy);
}

static void expect(const char *text, const char *events)
{
        struct transcript transcript;

        read_bytes(text, strlen(text), &transcript);
        assert_string_equal(transcript.events, events);
}

/* The last problem contains `part`. */
static void expect_problem(const char *text, const char *events, const char *part)
{
        struct transcript transcript;

        read_bytes(text, strlen(text), &transcript);
        assert_string_equal(transcript.events, events);
        if (strstr(transcript.problem, part) == NULL)
                fail_msg("\"%s\" is not in \"%s\"", part, transcript.problem);
}

static void test_plain(void **state)
{
        (void)state;
        expect("", "");
        expect("\n\n", "");
        expect("[a]\nx = 1\ny=2\n  \nz =\n", "1 [a]\n2 x=1\n3 y=2\n5 z=\n");
        expect("[a]\nx = 1", "1 [a]\n2 x=1\n");
        expect("[job x y]\n[b]\n", "1 [job x y]\n2 [b]\n");
        expect("x = 1\n", "1 x=1\n");
        expect("x = a = b:c\n", "1 x=a = b:c\n");
}

static void test_line_ends_and_mark(void **state)
{
        (void)state;
        expect("[a]\r\nx = 1\r\n  2\r\n", "1 [a]\n2 x=1\n3 +x=2\n");
        expect("\xef\xbb\xbf[a]\nx = 1\n", "1 [a]\n2 x=1\n");
        expect("\xef\xbb\xbf", "");
        expect("\xef\xbb\xbfx = 1\n", "1 x=1\n");
        expect_problem("\xff\xfe[\n", "1 !\n", "UTF-16");
        expect_problem("x = 1\ry = 2\r", "1 !\n", "control character");
}

static void test_comments(void **state)
{
        char text[1024];

        (void)state;
        expect("# a = 1\n; b = 2\n   # c\n\t; d\n", "");
        expect("[a] ; c\nx = 1 ; c\ny = 1;2\nz =;c\nv = ; c\n", "1 [a]\n2 x=1\n3 y=1;2\n4 z=;c\n5 v=\n");
        expect("[a]# c\n", "1 [a]\n");
        expect("x = a, ; one\n    b ; two\n    ; none\n    c\n", "1 x=a,\n2 +x=b\n4 +x=c\n");
        expect("x = a\t; c\n", "1 x=a\n");

        /* A comment may be of any length; its rest is not taken for a line. */
        snprintf(text, sizeof(text), "# %0400d\nx = 1\n; %0197d y = 2\n", 0, 0);
        expect(text, "2 x=1\n");
}

static void test_continuations(void **state)
{
        (void)state;
        expect("x = a,\n    b,\n\tc\ny = 1\n", "1 x=a,\n2 +x=b,\n3 +x=c\n4 y=1\n");
        expect("x =\n\n # c\n b\n", "1 x=\n4 +x=b\n");
        expect("x = a\n  *\"n\"=0*\n", "1 x=a\n2 +x=*\"n\"=0*\n");
        expect("x = a\n  [ab]*\n", "1 x=a\n2 +x=[ab]*\n");
        expect_problem("  x = 1\n", "1 !\n", "column 1");
        expect_problem("[a]\n  b\n", "1 [a]\n2 !\n", "no key above");
        expect_problem("[a]\n  x = 1\n  y = 2\nz = 3\n", "1 [a]\n2 !\n4 z=3\n", "column 1");
        expect_problem("[a]\nx = 1\n  y = 2\n", "1 [a]\n2 x=1\n3 !\n", "\"y = ...\" is indented");
        expect_problem("[a]\nx = 1\n  [b]\ny = 2\n[c]\n", "1 [a]\n2 x=1\n3 !\n5 [c]\n",
                       "section header is indented");
        expect_problem("[a]\nx = 1\n  [b] ; c\n", "1 [a]\n2 x=1\n3 !\n", "section header is indented");
}

static void test_sections(void **state)
{
        char text[256], events[256];

        (void)state;
        expect_problem("[a\nx = 1\n[b]\ny = 2\n", "1 !\n3 [b]\n4 y=2\n", "not closed");
        expect_problem("[a ;]\n", "1 !\n", "not closed");
        expect_problem("[a] x = 1\n", "1 !\n", "after the \"]\"");
        expect_problem("[]\n", "1 !\n", "section name");

        snprintf(text, sizeof(text), "[%049d]\nx = 1\n", 7);
        snprintf(events, sizeof(events), "1 [%049d]\n2 x=1\n", 7);
        expect(text, events);
        snprintf(text, sizeof(text), "[%050d]\nx = 1\n", 7);
        expect_problem(text, "1 !\n", "50");
}

static void test_keys(void **state)
{
        char text[256], events[256];

        (void)state;
        expect_problem("x = 1\nfoo bar\n  c\ny = 2\n", "1 x=1\n2 !\n4 y=2\n", "\"foo bar\" is neither");
        expect_problem("x: 1\n", "1 !\n", "\":\" after \"x\"");
        expect_problem("x : 1 = 2\n", "1 !\n", "\":\" after \"x\"");
        expect_problem("x ; = 1\n", "1 !\n", "neither");
        expect_problem("= 1\n", "1 !\n", "no key");

        snprintf(text, sizeof(text), "%049d = 1\n a\n", 7);
        snprintf(events, sizeof(events), "1 %049d=1\n2 +%049d=a\n", 7, 7);
        expect(text, events);
        snprintf(text, sizeof(text), "%050d = 1\n a\n", 7);
        expect_problem(text, "1 !\n", "at most 49");
}

static void test_long_lines(void **state)
{
        char text[1024], events[1024];

        (void)state;
        snprintf(text, sizeof(text), "x=%0196d\ny = 1\n", 7);
        snprintf(events, sizeof(events), "1 x=%0196d\n2 y=1\n", 7);
        expect(text, events);
        snprintf(text, sizeof(text), "x=%0196d\r\n", 7);
        snprintf(events, sizeof(events), "1 x=%0196d\n", 7);
        expect(text, events);

        for (int size = 197; size < 700; size++) {
                snprintf(text, sizeof(text), "x=%0*d\n  z\ny = 1\n", size, 7);
                expect_problem(text, "1 !\n3 y=1\n", "at most 198");
        }
        snprintf(text, sizeof(text), "x = a\n %0198d\n b\n", 7);
        expect_problem(text, "1 x=a\n2 !\n3 +x=b\n", "at most 198");
        snprintf(text, sizeof(text), "[%0300d]\ny = 1\n", 7);
        expect_problem(text, "1 !\n", "at most 198");
}

static void test_bytes(void **state)
{
        struct transcript transcript;

        (void)state;
        read_bytes("x = 1\0y\nz = 2\n", 14, &transcript);
        assert_string_equal(transcript.events, "1 !\n2 z=2\n");
        assert_non_null(strstr(transcript.problem, "NUL"));

        expect("x = caf\xc3\xa9\t\xe2\x82\xac\n", "1 x=caf\xc3\xa9\t\xe2\x82\xac\n");
        expect_problem("x = caf\xe9\n", "1 !\n", "\"x = caf\\xe9\"");
        expect_problem("x = 1\n# \xff\n", "1 x=1\n2 !\n", "invalid UTF-8");
        expect_problem("x = \x1b[0m\n", "1 !\n", "\\x1b");
        expect_problem("x = \xc2\x85\n", "1 !\n", "\\xc2");
        expect_problem("[a\x01]\nx = 1\n", "1 !\n", "\\x01");
}

static void test_quotes(void **state)
{
        (void)state;
        expect_problem("x = \"/bin/sh -c 'a ; b'\"\n", "1 !\n", "even within quotes");
        expect_problem("x = /bin/sh -c 'a ; b'\n", "1 !\n", "even within quotes");
        expect_problem("x = a\n  \"b ; c\"\n", "1 x=a\n2 !\n", "even within quotes");
        expect_problem("x = --a='b ;c'\n", "1 !\n", "even within quotes");
        expect("x = /bin/sh -c 'a; b' ; c\n", "1 x=/bin/sh -c 'a; b'\n");
        expect("x = can't ; comment\n", "1 x=can't\n");
        expect("x = a\\\" ; comment\n", "1 x=a\\\"\n");
        expect("x = \"a\\\"\" ; comment\n", "1 x=\"a\\\"\"\n");
}

int main(void)
{
        static const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_plain),      cmocka_unit_test(test_line_ends_and_mark),
                cmocka_unit_test(test_comments),   cmocka_unit_test(test_continuations),
                cmocka_unit_test(test_sections),   cmocka_unit_test(test_keys),
                cmocka_unit_test(test_long_lines), cmocka_unit_test(test_bytes),
                cmocka_unit_test(test_quotes),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
