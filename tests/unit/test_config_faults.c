/* SPDX-License-Identifier: MIT */

/*
 * Reading and printing a configuration while each allocation fails in turn. Link as fault_malloc.h says, with
 * --wrap=reallocarray besides.
 */

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "config_helpers.h"
#include "fault_malloc.h"

void *__real_reallocarray(void *pointer, size_t count, size_t size);
void *__wrap_reallocarray(void *pointer, size_t count, size_t size);

void *__wrap_reallocarray(void *pointer, size_t count, size_t size)
{
        return fault_malloc_hit() ? NULL : __real_reallocarray(pointer, count, size);
}

static const char right[] = "[api]\nbase_url = http://[::1]:80/\n[status]\nfailure = A, \"B,\"\n   \"C;\"\n"
                            "[jobs]\nids = 3, 2\n  1\n[job a]\nid = 4\ninterval = 5s\nhooks = h\n"
                            "[hook h]\non = failed, gone\nexec = /bin/true\n[log]\nlevel = debug\n";

static const char wrong[] =
        "x = 1\n[pol]\n[poll]\nintervall = 5\ninterval = 5x\nauth: b\n[jobs]\nids = 1, 1, x\n"
        "[job a]\nhooks = q\n[hook h]\n";

/* Loads while the nth allocation fails; false if there are fewer allocations. */
static bool load_fails(const char *text, unsigned nth, bool stays, int otherwise)
{
        struct config_problems problems = { 0 };
        struct config *config = NULL;

        fault_malloc_arm(nth, stays);
        int r = config_load_memory("f.ini", text, strlen(text), NULL, &problems, &config);
        bool failed = fault_malloc_disarm();

        assert_int_equal(r, failed ? -ENOMEM : otherwise);
        assert_true((r == 0) == (config != NULL));
        config_problems_clear(&problems);
        config_free(config);
        return failed;
}

static void test_load(void **state)
{
        unsigned nth = 1;

        (void)state;
        while (load_fails(right, nth, false, 0))
                nth++;
        assert_true(nth > 50);
        for (nth = 1; load_fails(right, nth, true, 0);)
                nth++;
        for (nth = 1; load_fails(wrong, nth, false, -EINVAL);)
                nth++;
        assert_true(nth > 50);
        for (nth = 1; load_fails(wrong, nth, true, -EINVAL);)
                nth++;
}

static void test_print(void **state)
{
        char *buffer = NULL;
        size_t size = 0;
        unsigned nth = 1;

        (void)state;
        struct config *config = load_text(right);
        for (bool failed = true; failed; nth++) {
                FILE *file = open_memstream(&buffer, &size);
                assert_non_null(file);
                fault_malloc_arm(nth, false);
                int r = config_print(config, file);
                failed = fault_malloc_disarm();
                fclose(file);
                free(buffer);
                assert_int_equal(r, failed ? -ENOMEM : 0);
        }
        assert_true(nth > 2); /* each of the items in quotes */
        config_free(config);
}

int main(void)
{
        static const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_load),
                cmocka_unit_test(test_print),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
