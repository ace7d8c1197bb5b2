/* SPDX-License-Identifier: MIT */

/* IDs are known until their time comes, and jobs are found in their table, whatever came and went before. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "monitor/job_table.h"
#include "monitor/known_ids.h"
#include "random.h"

#define IDS 500

static void test_ids_are_known_until_they_are_forgotten(void **state)
{
        struct known_ids known = { .count = 0 };
        bool expected[IDS] = { false };
        uint64_t seed = 1;

        (void)state;
        for (unsigned i = 0; i < 300; i++) {
                uint64_t id = random_next(&seed) % IDS;
                known_ids_add(&known, id, (int64_t)id % 10);
                expected[id] = true;
        }
        for (uint64_t id = 0; id < IDS; id++)
                assert_int_equal(known_ids_contain(&known, id), expected[id]);

        known_ids_forget(&known, 6);
        for (uint64_t id = 0; id < IDS; id++)
                assert_int_equal(known_ids_contain(&known, id), expected[id] && id % 10 > 6);
        known_ids_clear(&known);
        assert_false(known_ids_contain(&known, 7));
}

/* They can be looked up again. */
static void test_memory_for_ids_is_bounded(void **state)
{
        struct known_ids known = { .count = 0 };

        (void)state;
        for (uint64_t id = 1; id <= 250000; id++) {
                known_ids_add(&known, id, 0);
                assert_true(known.count <= 100000);
        }
        assert_true(known_ids_contain(&known, 250000));
        known_ids_clear(&known);
}

static void test_jobs_come_and_go(void **state)
{
        struct job_table table = { .count = 0 };
        struct job *expected[IDS] = { NULL };
        uint64_t seed = 2;

        (void)state;
        for (unsigned i = 0; i < 5000; i++) {
                uint64_t id = random_next(&seed) % IDS;

                assert_ptr_equal(job_table_find(&table, id), expected[id]);
                if (expected[id] != NULL) {
                        job_table_remove(&table, expected[id]);
                        expected[id] = job_free(expected[id]);
                } else {
                        const struct job_config config = { .id = id };
                        expected[id] = job_new(&config);
                        job_table_add(&table, expected[id]);
                }
        }
        for (size_t i = 1; i < table.count; i++)
                assert_true(table.jobs[i - 1]->planning.id < table.jobs[i]->planning.id);
        job_table_clear(&table);
}

int main(void)
{
        static const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_ids_are_known_until_they_are_forgotten),
                cmocka_unit_test(test_memory_for_ids_is_bounded),
                cmocka_unit_test(test_jobs_come_and_go),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
