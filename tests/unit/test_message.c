/* SPDX-License-Identifier: MIT */

/* Messages: short ones and long ones. */

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "util/message.h"

static void test_format(void **state)
{
        char *message = format_message("%s: %d of %zu%%", "progress", -1, (size_t)100);

        (void)state;
        assert_string_equal(message, "progress: -1 of 100%");
        free(message);

        message = format_message("%s", "");
        assert_string_equal(message, "");
        free(message);
}

/* Nothing is cut: a message has no size that it must fit. */
static void test_long(void **state)
{
        static char words[100000];

        (void)state;
        memset(words, 'x', sizeof(words) - 1);
        char *message = format_message("<%s>", words);
        assert_non_null(message);
        assert_int_equal(strlen(message), sizeof(words) + 1);
        assert_memory_equal(message + 1, words, sizeof(words) - 1);
        assert_string_equal(message + sizeof(words), ">");
        free(message);
}

static void test_fail(void **state)
{
        char *message = NULL;

        (void)state;
        assert_int_equal(fail_with_message(-EBUSY, &message, "%s is in use", "it"), -EBUSY);
        assert_string_equal(message, "it is in use");
        free(message);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_format),
                cmocka_unit_test(test_long),
                cmocka_unit_test(test_fail),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
