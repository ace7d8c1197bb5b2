/* SPDX-License-Identifier: MIT */

/* A planner that continues the work of another, and both when memory allocations fail. */

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "fault_malloc.h"
#include "planning/planner.h"
#include "util/timespan.h"

#define START    (1000 * USEC_PER_SEC)
#define INTERVAL (15 * USEC_PER_SEC)

static const struct planner_settings slow = { .interval_us = INTERVAL, .max_interval_us = 8 * INTERVAL };
static const struct planner_settings fast = { .interval_us = USEC_PER_SEC,
                                              .max_interval_us = 2 * USEC_PER_SEC };

static const struct planner_limits limits = {
        .rate_limiter = { .per_hour = 5000 },
        .max_in_flight = 8,
        .batch_size = 100,
        .batch_bytes = 1900,
        .probe_cap_us = INTERVAL,
};

static struct status_rules *rules_new(void)
{
        struct status_rules *rules = NULL;

        assert_int_equal(status_rules_new(NULL, NULL, NULL, NULL, &rules), 0);
        return rules;
}

/* A planner of `count` jobs with the ids from `first` on. */
static int planner_build(const struct status_rules *rules, uint64_t first, size_t count,
                         const struct planner_settings *settings, struct planner **ret_planner)
{
        int r = planner_new(&limits, rules, count, ret_planner);

        for (size_t i = 0; r >= 0 && i < count; i++) {
                planner_jobs(*ret_planner)[i].id = first + i;
                planner_jobs(*ret_planner)[i].settings = settings;
        }
        return r;
}

static void test_jobs_continue(void **state)
{
        struct status_rules *rules = rules_new();
        struct planner *old = NULL, *new = NULL;
        struct planner_request request;
        uint64_t wake_us = 0;
        (void)state;

        assert_int_equal(planner_build(rules, 10, 4, &slow, &old), 0);
        assert_int_equal(planner_build(rules, 12, 4, &fast, &new), 0); /* 12 and 13 stay, 14 and 15 are new */
        for (size_t i = 0; i < 3; i++)
                planner_start(old, &planner_jobs(old)[i], START, 0);
        planner_start(old, &planner_jobs(old)[3], START, 6 * INTERVAL);
        planner_jobs(old)[3].watch.memory.recorded = true;
        planner_jobs(old)[3].pace_us = 8 * INTERVAL;
        assert_true(planner_next(old, START, &request, &wake_us)); /* 10, 11 and 12 are in flight */
        assert_int_equal(request.count, 3);

        assert_int_equal(planner_adopt(new, old, START), 0);
        assert_null(planner_find_job(new, 10));
        struct planner_job *polled = planner_find_job(new, 12), *waiting = planner_find_job(new, 13);
        assert_true(polled->adopted && polled->in_flight && polled->entry.position == 0);
        assert_true(waiting->adopted && waiting->watch.memory.recorded);
        assert_ptr_equal(waiting->settings, &fast);
        assert_int_equal(waiting->entry.due_us,
                         START + fast.interval_us); /* the shorter interval takes effect at once */
        assert_int_equal(waiting->pace_us, fast.max_interval_us);
        assert_false(planner_find_job(new, 14)->adopted);
        assert_false(planner_is_idle(new));
        assert_int_equal(rate_limiter_spent_hour(planner_rate_limiter(new), START), 1);

        planner_free(old);
        planner_free(new);
        status_rules_free(rules);
}

/* On failure the old planner is unchanged, and the incomplete new one can be freed. */
static void test_no_memory(void **state)
{
        struct status_rules *rules = rules_new();
        struct planner *old = NULL;
        unsigned tried = 0;
        (void)state;

        assert_int_equal(planner_build(rules, 10, 3, &slow, &old), 0);
        planner_start(old, &planner_jobs(old)[0], START, 0);
        for (unsigned nth = 1;; nth++) {
                struct planner *new = NULL;

                fault_malloc_arm(nth, false);
                int r = planner_build(rules, 10, 3, &fast, &new);
                if (r >= 0)
                        r = planner_adopt(new, old, START);
                bool failed = fault_malloc_disarm();

                planner_free(new);
                assert_int_equal(r, failed ? -ENOMEM : 0);
                assert_int_equal(planner_next_due(old), START);
                if (!failed)
                        break;
                tried++;
        }
        assert_true(tried >= 4); /* the planner, its jobs, two queues, the index by id */
        planner_free(old);
        status_rules_free(rules);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_jobs_continue),
                cmocka_unit_test(test_no_memory),
        };

        return cmocka_run_group_tests_name("planner_adopt", tests, NULL, NULL);
}
