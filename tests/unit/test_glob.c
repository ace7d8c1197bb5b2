/* SPDX-License-Identifier: MIT */

/* Glob patterns: each kind of item, backtracking, and arbitrary bytes in texts. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "util/glob.h"

struct sample {
        const char *pattern;
        const char *text;
        bool matches;
};

static void check(const struct sample *samples, size_t count)
{
        for (size_t i = 0; i < count; i++) {
                /* A copy without terminator, so that a read beyond the text is detected. */
                size_t size = strlen(samples[i].text);
                char *text = malloc(size > 0 ? size : 1);
                assert_non_null(text);
                memcpy(text, samples[i].text, size);
                if (glob_matches(samples[i].pattern, text, size) != samples[i].matches)
                        fail_msg("'%s' and '%s': expected %s", samples[i].pattern, samples[i].text,
                                 samples[i].matches ? "a match" : "no match");
                free(text);
        }
}

#define CHECK(...)                                                                                           \
        do {                                                                                                 \
                const struct sample samples_[] = { __VA_ARGS__ };                                            \
                check(samples_, sizeof(samples_) / sizeof(samples_[0]));                                     \
        } while (0)

static void test_plain(void **state)
{
        (void)state;
        CHECK({ "", "", true }, { "", "a", false }, { "a", "", false }, { "Completed", "Completed", true },
              { "Completed", "cOMPLETED", true }, { "completed", "Completed ", false },
              { "Complete", "Completed", false }, { "In progress", "in PROGRESS", true }, { "é", "é", true },
              { "é", "É", false }, { "@", "`", false }, { "[", "{", false }, { "a]b", "A]B", true },
              { "!", "!", true });
}

static void test_star(void **state)
{
        (void)state;
        CHECK({ "*", "", true }, { "*", "anything", true }, { "**", "", true }, { "***a", "a", true },
              { "a*", "a", true }, { "a*", "ab", true }, { "a*", "ba", false }, { "*a", "ba", true },
              { "*a", "ab", false }, { "*failed*", "3 rows FAILED, 2 imported", true },
              { "*failed*", "3 rows fail, ed", false }, { "a*b*c", "aXbXbXc", true },
              { "a*b*c", "aXbXbX", false }, { "*aab", "aaaab", true }, { "*ab*ab*ab", "abaab ab", true },
              { "*ab*ab*ab", "abab", false }, { "a*\"error\"*", "a: {\"error\": 1}", true });
}

static void test_question_mark(void **state)
{
        (void)state;
        CHECK({ "?", "a", true }, { "?", "", false }, { "?", "ab", false }, { "?", "é", true },
              { "?", "€", true }, { "?", "😀", true }, { "??", "é", false }, { "??", "éa", true },
              { "a?c", "a😀c", true }, { "*??bc", "€bc", false }, { "*?bc", "€bc", true }, { "*?", "é", true },
              { "?*?", "é", false }, { "?", "\xff", true }, { "?", "\xc3", true }, { "??", "\xc3(", true },
              { "?", "\xe2\x82", false }, { "??", "\xe2\x82", true }, { "?", "\xed\xa0\x80", false },
              { "???", "\xed\xa0\x80", true }, { "???", "\xe0\x80\x80", true });
}

static void test_sets(void **state)
{
        (void)state;
        CHECK({ "[abc]", "b", true }, { "[abc]", "B", true }, { "[ABC]", "b", true }, { "[abc]", "d", false },
              { "[abc]", "", false }, { "[a-c]x", "Bx", true }, { "[a-c]", "d", false },
              { "[A-C]", "b", true }, { "[0-9][0-9]", "42", true }, { "[!0-9]", "a", true },
              { "[!0-9]", "7", false }, { "[!a]", "A", false }, { "[!a]", "é", true },
              { "[!a]b", "😀b", true }, { "[!a]", "", false }, { "[é]", "é", false }, { "[a-]", "-", true },
              { "[-a]", "-", true }, { "[a-]", "b", false }, { "[]]", "]", true }, { "[]a]", "A", true },
              { "[!]]", "]", false }, { "[!]]", "x", true }, { "[\\]]", "]", true }, { "[\\]a]", "a", true },
              { "[a\\-c]", "b", false }, { "[a\\-c]", "-", true }, { "[c-a]", "b", false },
              { "[*?]", "*", true }, { "[*?]", "x", false }, { "*[0-9]", "run 7", true },
              { "[ -~]", "x", true }, { "[^a]", "^", true }, { "[\\\\]", "\\", true });
}

static void test_unclosed_set(void **state)
{
        (void)state;
        CHECK({ "[", "[", true }, { "[", "a", false }, { "[abc", "[abc", true }, { "[abc", "a", false },
              { "[]", "[]", true }, { "[!]", "[!]", true }, { "*[", "a[", true }, { "[[a", "[[A", true },
              { "[a][", "a[", true }, { "[a\\]", "[a]", true }, { "*[x*", "..[X..", true });
}

static void test_backslash(void **state)
{
        (void)state;
        CHECK({ "\\*", "*", true }, { "\\*", "a", false }, { "\\?", "?", true }, { "\\?", "a", false },
              { "\\[a]", "[a]", true }, { "\\[a]", "a", false }, { "\\\\", "\\", true }, { "\\a", "A", true },
              { "a\\", "a\\", true }, { "*\\*", "ab*", true }, { "*\\*", "ab", false });
}

static void test_nul_and_size(void **state)
{
        (void)state;
        assert_true(glob_matches("a*b", "a\0\0b", 4));
        assert_true(glob_matches("a?b", "a\0b", 3));
        assert_true(glob_matches("a[!x]b", "a\0b", 3));
        assert_false(glob_matches("a", "a\0", 2));
        assert_false(glob_matches("a", "a\0b", 3));
        assert_true(glob_matches("Done", "Done and more", 4));
        assert_true(glob_matches("*", NULL, 0));
        assert_true(glob_matches("", NULL, 0));
}

/* Patterns with exponential time in a recursive matcher. */
static void test_time_is_bounded(void **state)
{
        (void)state;
#ifdef SANITIZED
        const size_t size = 1 << 18;
#else
        const size_t size = 1 << 20;
#endif
        char *text = malloc(size);
        char pattern[200];

        assert_non_null(text);
        memset(text, 'a', size);
        assert_false(glob_matches("*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*b", text, size));
        assert_false(glob_matches("*aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaab*", text, size));
        text[size - 1] = 'b';
        assert_true(glob_matches("*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*b", text, size));

        memset(text, '[', size);
        memset(pattern, '[', sizeof(pattern) - 1);
        pattern[0] = '*';
        pattern[sizeof(pattern) - 2] = 'x';
        pattern[sizeof(pattern) - 1] = '\0';
        assert_false(glob_matches(pattern, text, size));
        free(text);
}

/* A simple recursive implementation, for short ASCII texts without sets and backslashes. */
static bool simple_matches(const char *pattern, const char *text)
{
        if (*pattern == '\0')
                return *text == '\0';
        if (*pattern == '*')
                return simple_matches(pattern + 1, text) ||
                       (*text != '\0' && simple_matches(pattern, text + 1));
        return *text != '\0' && (*pattern == '?' || *pattern == *text) &&
               simple_matches(pattern + 1, text + 1);
}

/* Writes `size` digits of a number in the base given by `digits`. */
static void spell(size_t number, const char *digits, size_t size, char *text)
{
        for (size_t i = 0; i < size; i++) {
                text[i] = digits[number % strlen(digits)];
                number /= strlen(digits);
        }
        text[size] = '\0';
}

static void test_against_the_simple_matcher(void **state)
{
        (void)state;
        char pattern[8], text[8];

        for (size_t pattern_size = 0; pattern_size <= 5; pattern_size++)
                for (size_t p = 0; p < (size_t)1 << (2 * pattern_size); p++) {
                        spell(p, "ab*?", pattern_size, pattern);
                        for (size_t size = 0; size <= 6; size++)
                                for (size_t t = 0; t < (size_t)1 << size; t++) {
                                        spell(t, "ab", size, text);
                                        if (glob_matches(pattern, text, size) !=
                                            simple_matches(pattern, text))
                                                fail_msg("'%s' and '%s'", pattern, text);
                                }
                }
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_plain),
                cmocka_unit_test(test_star),
                cmocka_unit_test(test_question_mark),
                cmocka_unit_test(test_sets),
                cmocka_unit_test(test_unclosed_set),
                cmocka_unit_test(test_backslash),
                cmocka_unit_test(test_nul_and_size),
                cmocka_unit_test(test_time_is_bounded),
                cmocka_unit_test(test_against_the_simple_matcher),
        };

        return cmocka_run_group_tests_name("glob", tests, NULL, NULL);
}
