/* SPDX-License-Identifier: MIT */

/* Jobs are found in their table, whatever came and went before. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "monitor/job_table.h"
#include "random.h"

#define IDS 500

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
                cmocka_unit_test(test_jobs_come_and_go),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
