/* SPDX-License-Identifier: MIT */

/* What the outbox reads of the state for a configuration. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <time.h>

#include <cmocka.h>

#include "delivery/outbox_load.h"

#define JOBS UINT64_C(200000)

int __wrap_store_each_pending_hook(struct store *store, pending_hook_handler handler, void *userdata);
int __wrap_store_each_failed_delivery(struct store *store, failed_delivery_handler handler, void *userdata);

int __wrap_store_each_pending_hook(struct store *store, pending_hook_handler handler, void *userdata)
{
        (void)store;
        handler(userdata, "mail", 3);
        handler(userdata, "old", 4);
        return 0;
}

/* One of each job, of the API, of one that was added, and of others; and the same for a hook that was
 * removed. */
int __wrap_store_each_failed_delivery(struct store *store, failed_delivery_handler handler, void *userdata)
{
        (void)store;
        for (uint64_t id = 0; id < JOBS + 100; id++) {
                handler(userdata, id, id == JOBS + 1, "mail");
                handler(userdata, id, false, "old");
        }
        return 0;
}

static void test_abandoned_ones_of_listed_jobs_and_of_the_api_are_counted_in_linear_time(void **state)
{
        struct hook_config hook = { .name = (char[]){ "mail" } };
        struct config config = { .hooks = &hook, .hook_count = 1, .job_count = JOBS };
        struct outbox_load *load = NULL;
        clock_t begin = clock();
        (void)state;

        config.jobs = calloc(JOBS, sizeof(*config.jobs));
        assert_non_null(config.jobs);
        for (uint64_t i = 0; i < JOBS; i++)
                config.jobs[i].id = JOBS - i; /* in any order */
        assert_int_equal(outbox_load(NULL, &config, &load), 0);
        assert_int_equal(load->hooks[0].pending, 3);
        assert_string_equal(load->removed, "old (4)");
        assert_int_equal(load->hooks[0].abandoned, JOBS + 2);
        assert_true(clock() - begin <
                    3 * CLOCKS_PER_SEC); /* of the processor; minutes, if each was compared with each */
        outbox_load_free(load);
        free(config.jobs);
}

static void test_with_discovery_any_job_may_be_watched(void **state)
{
        struct hook_config hook = { .name = (char[]){ "mail" } };
        const struct config config = { .hooks = &hook, .hook_count = 1, .discover_count = 1 };
        struct outbox_load *load = NULL;
        (void)state;

        assert_int_equal(outbox_load(NULL, &config, &load), 0);
        assert_int_equal(load->hooks[0].abandoned, JOBS + 100);
        outbox_load_free(load);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(
                        test_abandoned_ones_of_listed_jobs_and_of_the_api_are_counted_in_linear_time),
                cmocka_unit_test(test_with_discovery_any_job_may_be_watched),
        };

        return cmocka_run_group_tests_name("outbox_load", tests, NULL, NULL);
}
