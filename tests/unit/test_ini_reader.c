/* SPDX-License-Identifier: MIT */

/*
 * The reader of INI text. Each case is a text and the transcript of the callbacks, one line for each:
 * "LINE [section]", "LINE key=value" with the value as it is in the file, "LINE key+=value", "LINE |value"
 * for a continuation, "LINE !" for a problem.
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
        char events[400000];
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

static void on_value(void *userdata, const char *key, const struct ini_line *lines, size_t count)
{
        assert_true(count > 0);
        for (size_t i = 0; i < count; i++) {
                assert_int_equal(lines[i].indented, i > 0);
                add(userdata, "%u %s%s%.*s\n", lines[i].number, i == 0 ? key : "",
                    i > 0           ? "|"
                    : lines[i].adds ? "+="
                                    : "=",
                    (int)lines[i].size, lines[i].text);
        }
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
        char *copy = malloc(size + 1);

        assert_non_null(copy);
        memcpy(copy, data, size);
        ret_transcript->events[0] = ret_transcript->problem[0] = '\0';
        ini_read(copy, size, &handlers, ret_transcript);
        free(copy);
}

static void expect(const char *text, const char *events)
{
        static struct transcript transcript;

        read_bytes(text, strlen(text), &transcript);
        assert_string_equal(transcript.events, events);
}

/* The last problem contains `part`. */
static void expect_problem(const char *text, const char *events, const char *part)
{
        static struct transcript transcript;

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
        expect("[a]\nx = 1\ny=2\n  \nz =\n", "1 [a]\n2 x= 1\n3 y=2\n5 z=\n");
        expect("[a]\nx = 1", "1 [a]\n2 x= 1\n");
        expect("[job x y]\n[b]\n", "1 [job x y]\n2 [b]\n");
        expect("x = 1\n", "1 x= 1\n");
        expect("x = a = b:c\n", "1 x= a = b:c\n");
        expect("x   =1\t \n", "1 x=1\n");
}

static void test_adding(void **state)
{
        (void)state;
        expect("x += 1\n", "1 x+= 1\n");
        expect("x+=1\n", "1 x+=1\n");
        expect("x + = 1\n", "1 x+= 1\n");
        expect("x = +=1\n", "1 x= +=1\n");
        expect("x += 1\nx = 2\n", "1 x+= 1\n2 x= 2\n");
        expect_problem("+= 1\n", "1 !\n", "no key");
}

static void test_line_ends_and_mark(void **state)
{
        (void)state;
        expect("[a]\r\nx = 1\r\n  2\r\n", "1 [a]\n2 x= 1\n3 |2\n");
        expect("\xef\xbb\xbf[a]\nx = 1\n", "1 [a]\n2 x= 1\n");
        expect("\xef\xbb\xbf", "");
        expect("\xef\xbb\xbfx = 1\n", "1 x= 1\n");
        expect_problem("\xff\xfe[\n", "1 !\n", "UTF-16");
        expect_problem("x = 1\ry = 2\r", "1 !\n", "control character");
}

/* A comment after a value is part of the line; what it means is up to the syntax of the value. */
static void test_comments(void **state)
{
        char text[1024];

        (void)state;
        expect("# a = 1\n; b = 2\n   # c\n\t; d\n", "");
        expect("[a] ; c\nx = 1 ; c\nz =;c\n", "1 [a]\n2 x= 1 ; c\n3 z=;c\n");
        expect("[a]# c\n", "1 [a]\n");
        expect("x = a, ; one\n    b ; two\n    ; none\n# none\n\n    c\n",
               "1 x= a, ; one\n2 |b ; two\n6 |c\n");

        /* A comment may be of any length; its rest is not taken for a line. */
        snprintf(text, sizeof(text), "# %0400d\nx = 1\n; %0197d y = 2\n", 0, 0);
        expect(text, "2 x= 1\n");
}

static void test_continuations(void **state)
{
        (void)state;
        expect("x = a,\n    b,\n\tc\ny = 1\n", "1 x= a,\n2 |b,\n3 |c\n4 y= 1\n");
        expect("x =\n\n # c\n b\n", "1 x=\n4 |b\n");
        expect("x = a\n  *\"n\"=0*\n", "1 x= a\n2 |*\"n\"=0*\n");
        expect("x = a\n  [ab]*\n", "1 x= a\n2 |[ab]*\n");
        expect("x = a\n  \"[b]\"\n  \"c = d\"\n", "1 x= a\n2 |\"[b]\"\n3 |\"c = d\"\n");
        expect_problem("  x = 1\n", "1 !\n", "column 1");
        expect_problem("[a]\n  b\n", "1 [a]\n2 !\n", "no key above");
        expect_problem("[a]\n  x = 1\n  y = 2\nz = 3\n", "1 [a]\n2 !\n4 z= 3\n", "column 1");
        expect_problem("[a]\n  [b]\ny = 2\n[c]\n", "1 [a]\n2 !\n4 [c]\n", "column 1");
        /* The value above is reported when its lines are known. */
        expect_problem("[a]\nx = 1\n  y = 2\n", "1 [a]\n3 !\n2 x= 1\n", "\"y = ...\" is indented");
        expect_problem("[a]\nx = 1\n  y += 2\n", "1 [a]\n3 !\n2 x= 1\n", "\"y = ...\" is indented");
        expect_problem("[a]\nx = 1\n  [b]\ny = 2\n[c]\n", "1 [a]\n3 !\n2 x= 1\n5 [c]\n",
                       "section header is indented");
        expect_problem("[a]\nx = 1\n  [b] ; c\n", "1 [a]\n3 !\n2 x= 1\n", "section header is indented");
}

static void test_sections(void **state)
{
        char text[256], events[256];

        (void)state;
        expect_problem("[a\nx = 1\n[b]\ny = 2\n", "1 !\n3 [b]\n4 y= 2\n", "not closed");
        expect_problem("[", "1 !\n", "not closed");
        expect_problem("[a ;]\n", "1 !\n", "not closed");
        expect_problem("[a] x = 1\n", "1 !\n", "after the \"]\"");
        expect_problem("[]\n", "1 !\n", "section name");

        snprintf(text, sizeof(text), "[%049d]\nx = 1\n", 7);
        snprintf(events, sizeof(events), "1 [%049d]\n2 x= 1\n", 7);
        expect(text, events);
        snprintf(text, sizeof(text), "[%050d]\nx = 1\n", 7);
        expect_problem(text, "1 !\n", "50");
}

static void test_keys(void **state)
{
        char text[256], events[256];

        (void)state;
        expect_problem("x = 1\nfoo bar\n  c\ny = 2\n", "1 x= 1\n2 !\n4 y= 2\n",
                       "neither a section nor a key");
        expect_problem("x: 1\n", "1 !\n",
                       "\"x\" is neither a section nor a key with a value; write KEY = VALUE");
        expect_problem("x : 1 = 2\n", "1 !\n", "\"x\" is neither");
        expect_problem("x ; = 1\n", "1 !\n", "neither");
        expect_problem("= 1\n", "1 !\n", "no key");

        snprintf(text, sizeof(text), "%049d = 1\n a\n", 7);
        snprintf(events, sizeof(events), "1 %049d= 1\n2 |a\n", 7);
        expect(text, events);
        snprintf(text, sizeof(text), "%049d += 1\n a\n", 7);
        snprintf(events, sizeof(events), "1 %049d+= 1\n2 |a\n", 7);
        expect(text, events);
        snprintf(text, sizeof(text), "%050d = 1\n a\n", 7);
        expect_problem(text, "1 !\n", "at most 49");
}

static void test_lines_of_any_length(void **state)
{
        static char text[300000], events[300000];

        (void)state;
        for (int size = 1; size < 200000; size = size < 700 ? size + 1 : size * 2) {
                snprintf(text, sizeof(text), "x=%0*d\n  %0*d ;\"\ny = 1\n", size, 7, size / 2 + 1, 8);
                snprintf(events, sizeof(events), "1 x=%0*d\n2 |%0*d ;\"\n3 y= 1\n", size, 7, size / 2 + 1, 8);
                expect(text, events);
        }
        snprintf(text, sizeof(text), "[%0300d]\ny = 1\n", 7);
        expect_problem(text, "1 !\n", "use 1 to 49 bytes");
        memset(text, 'k', 100000);
        text[100000] = '\0';
        expect_problem(text, "1 !\n", "k\" is neither");

        /* What does not look like a key may be a secret, and is not shown. */
        snprintf(text, sizeof(text), "%0100000d\n", 7);
        expect_problem(text, "1 !\n", "neither a section nor a key with a value");
}

static void test_many_lines(void **state)
{
        static char text[200000], events[300000];
        size_t used = 0, expected = 0;

        (void)state;
        for (unsigned line = 1; line <= 20000; line += 2) {
                used += (size_t)snprintf(text + used, sizeof(text) - used, "k = %u\n  c\n", line);
                expected += (size_t)snprintf(events + expected, sizeof(events) - expected,
                                             "%u k= %u\n%u |c\n", line, line, line + 1);
        }
        expect(text, events);
}

static void test_bytes(void **state)
{
        static struct transcript transcript;

        (void)state;
        read_bytes("x = 1\0y\nz = 2\n", 14, &transcript);
        assert_string_equal(transcript.events, "1 !\n2 z= 2\n");
        assert_non_null(strstr(transcript.problem, "NUL"));

        expect("x = caf\xc3\xa9\t\xe2\x82\xac\n", "1 x= caf\xc3\xa9\t\xe2\x82\xac\n");
        expect("x = \u200b\u00a0\n", "1 x= \u200b\u00a0\n");
        expect_problem("x = caf\xe9\n", "1 !\n", "\"x = caf\xe9\"");
        expect_problem("x = caf\xc3", "1 !\n", "\"x = caf\xc3\"");
        expect_problem("x = 1\n# \xff\n", "2 !\n1 x= 1\n", "invalid UTF-8");
        expect_problem("x = \x1b[0m\n", "1 !\n", "\x1b");
        expect_problem("x = \xc2\x85\n", "1 !\n", "\xc2\x85");
        expect_problem("x = \u202e\n", "1 !\n", "control character");
        expect_problem("[a\x01]\nx = 1\n", "1 !\n", "\x01");
}

int main(void)
{
        static const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_plain),
                cmocka_unit_test(test_adding),
                cmocka_unit_test(test_line_ends_and_mark),
                cmocka_unit_test(test_comments),
                cmocka_unit_test(test_continuations),
                cmocka_unit_test(test_sections),
                cmocka_unit_test(test_keys),
                cmocka_unit_test(test_lines_of_any_length),
                cmocka_unit_test(test_many_lines),
                cmocka_unit_test(test_bytes),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
