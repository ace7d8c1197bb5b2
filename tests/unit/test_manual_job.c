/* SPDX-License-Identifier: MIT */

/* How jobs are added at run time, one request after another. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "model/manual_job.h"

/* Borrows the texts: must not be cleared. */
static struct manual_job manual(enum manual_kind kind, const char *name, const char *hooks)
{
        return (struct manual_job){
                .id = 7, .kind = kind, .name = (char *)(uintptr_t)name, .hooks = (char *)(uintptr_t)hooks
        };
}

static void assert_string(const char *found, const char *expected)
{
        if (expected == NULL)
                assert_null(found);
        else
                assert_string_equal(found, expected);
}

static void expect(const struct manual_job *before, const struct manual_job *added, bool was_watched,
                   enum manual_kind kind, const char *name, const char *hooks)
{
        struct manual_job merged = MANUAL_JOB_NONE;

        manual_job_merge(before, added, was_watched, &merged);
        assert_int_equal(merged.id, 7);
        assert_int_equal(merged.kind, kind);
        assert_string(merged.name, name);
        assert_string(merged.hooks, hooks);
        manual_job_clear(&merged);
}

static void test_a_job_is_added_as_it_was_asked_for(void **state)
{
        (void)state;
        const struct manual_job plain = manual(MANUAL_ADDED, NULL, NULL),
                                full = manual(MANUAL_ADDED, "import", "mail,web");

        expect(NULL, &plain, false, MANUAL_ADDED, NULL, NULL);
        expect(NULL, &full, false, MANUAL_ADDED, "import", "mail,web");
        expect(NULL, &plain, true, MANUAL_EXTENDED, NULL, NULL);
        expect(NULL, &full, true, MANUAL_EXTENDED, "import", "mail,web");
}

static void test_a_known_job_gets_the_hooks_added(void **state)
{
        (void)state;
        const struct manual_job all = manual(MANUAL_ADDED, "import", NULL),
                                mail = manual(MANUAL_ADDED, "import", "mail"),
                                extended = manual(MANUAL_EXTENDED, NULL, NULL),
                                web = manual(MANUAL_ADDED, NULL, "web,mail"),
                                none = manual(MANUAL_ADDED, "other", NULL);

        expect(&mail, &web, true, MANUAL_ADDED, "import", "mail,web");
        expect(&mail, &none, true, MANUAL_ADDED, "other", "mail");
        expect(&all, &web, true, MANUAL_ADDED, "import", NULL); /* it has all hooks */
        expect(&extended, &web, true, MANUAL_EXTENDED, NULL, "web,mail");
}

static void test_a_removed_job_is_added_anew(void **state)
{
        (void)state;
        const struct manual_job removed = manual(MANUAL_REMOVED, "old", "chat"),
                                dismissed = manual(MANUAL_DISMISSED, NULL, NULL),
                                mail = manual(MANUAL_ADDED, NULL, "mail");

        expect(&removed, &mail, true, MANUAL_EXTENDED, NULL, "mail");
        expect(&dismissed, &mail, false, MANUAL_ADDED, NULL, "mail");
}

static void test_kinds_have_words(void **state)
{
        enum manual_kind kind;

        (void)state;
        for (int i = MANUAL_ADDED; i <= MANUAL_EXCLUDED; i++) {
                assert_true(manual_kind_from_string(manual_kind_to_string((enum manual_kind)i), &kind));
                assert_int_equal(kind, i);
        }
        assert_false(manual_kind_from_string("", &kind));
}

int main(void)
{
        static const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_a_job_is_added_as_it_was_asked_for),
                cmocka_unit_test(test_a_known_job_gets_the_hooks_added),
                cmocka_unit_test(test_a_removed_job_is_added_anew),
                cmocka_unit_test(test_kinds_have_words),
        };

        return cmocka_run_group_tests_name("manual_job", tests, NULL, NULL);
}
