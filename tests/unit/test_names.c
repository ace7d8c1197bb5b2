/* SPDX-License-Identifier: MIT */

/* Lists of names separated by commas. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "util/names.h"

static void test_whole_names_are_found(void **state)
{
        (void)state;
        assert_true(names_contain("mail", "mail"));
        assert_true(names_contain("web,mail,chat", "mail"));
        assert_true(names_contain("web,mail", "web"));
        assert_false(names_contain("web,mails", "mail"));
        assert_false(names_contain("email", "mail"));
        assert_false(names_contain("mail", "ma"));
        assert_false(names_contain("", "mail"));
        assert_false(names_contain(NULL, "mail"));
}

static void expect_sum(const char *list, const char *more, const char *sum)
{
        char *names = list != NULL ? strdup(list) : NULL;

        names_add(&names, more);
        if (sum == NULL)
                assert_null(names);
        else
                assert_string_equal(names, sum);
        free(names);
}

static void test_a_name_is_added_once(void **state)
{
        (void)state;
        expect_sum(NULL, "mail,web", "mail,web");
        expect_sum("mail", "web,mail,chat", "mail,web,chat");
        expect_sum("mail", "web,web", "mail,web");
        expect_sum("mail", "", "mail");
        expect_sum("mail", NULL, "mail");
        expect_sum(NULL, NULL, NULL);
}

int main(void)
{
        static const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_whole_names_are_found),
                cmocka_unit_test(test_a_name_is_added_once),
        };

        return cmocka_run_group_tests_name("names", tests, NULL, NULL);
}
