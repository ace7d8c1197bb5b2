/* SPDX-License-Identifier: MIT */

/* Memory of libraries that copy secrets: it is as that of malloc(), but nothing is left in what is given
 * back. */

#include <malloc.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "util/memory.h"

#define SECRET "p4ssw0rd-of-a-person"

static bool watched; /* blocks are examined before they are freed */
static unsigned freed, found;

void __real_free(void *block);
void __wrap_free(void *block);

void __wrap_free(void *block)
{
        if (watched && block != NULL) {
                freed++;
                if (memmem(block, malloc_usable_size(block), SECRET, strlen(SECRET)) != NULL)
                        found++;
        }
        __real_free(block);
}

/* A block whose end is the secret. */
static char *block_new(size_t size)
{
        char *block = memory_realloc_wiping(NULL, size);

        assert_non_null(block);
        memset(block, 'x', size);
        memcpy(block + size - strlen(SECRET), SECRET, strlen(SECRET));
        freed = found = 0;
        watched = true;
        return block;
}

static void expect_freed(unsigned count)
{
        watched = false;
        assert_int_equal(freed, count);
        assert_int_equal(found, 0);
}

static void test_what_is_freed_is_overwritten(void **state)
{
        (void)state;
        memory_free_wiping(block_new(1000));
        expect_freed(1);
        memory_free_wiping(NULL);
}

static void test_a_block_that_grows_leaves_nothing_behind(void **state)
{
        (void)state;
        char *block = memory_realloc_wiping(block_new(1000), 100000);
        expect_freed(1);
        for (size_t i = 0; i < 1000 - strlen(SECRET); i++)
                assert_int_equal(block[i], 'x');
        assert_memory_equal(block + 1000 - strlen(SECRET), SECRET, strlen(SECRET));
        free(block);
}

static void test_a_block_that_shrinks_keeps_only_what_is_asked_for(void **state)
{
        static const size_t sizes[] = { 900, 500, 10, 0 };

        (void)state;
        for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
                char *block = memory_realloc_wiping(block_new(1000), sizes[i]);
                watched = false;
                assert_int_equal(found, 0);
                for (size_t at = 0; at < sizes[i]; at++)
                        assert_int_equal(block[at], 'x');
                assert_null(memmem(block, malloc_usable_size(block), SECRET, strlen(SECRET)));
                free(block);
        }
}

int main(void)
{
        static const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_what_is_freed_is_overwritten),
                cmocka_unit_test(test_a_block_that_grows_leaves_nothing_behind),
                cmocka_unit_test(test_a_block_that_shrinks_keeps_only_what_is_asked_for),
        };

        return cmocka_run_group_tests_name("memory", tests, NULL, NULL);
}
