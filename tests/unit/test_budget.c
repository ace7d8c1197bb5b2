/* SPDX-License-Identifier: MIT */

/* The stored rate limiter state across restarts and clock changes. Clocks and boot id are set by the test. */

#include <string.h>

#include "monitor/budget.h"
#include "platform/clock.h"
#include "state_fixture.h"

#define SECOND UINT64_C(1000000)
#define HOUR   (3600 * SECOND)
#define DAY    (24 * HOUR)

static uint64_t wall_us;
static unsigned char boot; /* 0: unknown */

uint64_t __wrap_clock_wall_us(void);
bool __wrap_clock_boot_id(unsigned char ret_id[static BOOT_ID_SIZE]);

uint64_t __wrap_clock_wall_us(void)
{
        return wall_us;
}

bool __wrap_clock_boot_id(unsigned char ret_id[static BOOT_ID_SIZE])
{
        memset(ret_id, boot, BOOT_ID_SIZE);
        return boot != 0;
}

/* One run of the daemon with the same state. */
struct run {
        struct planner *planner;
        struct budget budget;
};

static void run_start(struct run *run, struct fixture *fixture, uint64_t now_us)
{
        const struct planner_limits limits = { .rate_limiter = { .per_hour = 5000 }, .max_in_flight = 1 };

        assert_int_equal(planner_new(&limits, NULL, 0, &run->planner), 0);
        budget_open(&run->budget, fixture->state, run->planner, now_us);
}

static void run_spend(struct run *run, unsigned count, uint64_t now_us)
{
        for (unsigned i = 0; i < count; i++) {
                budget_spend(&run->budget, now_us);
                planner_spend(run->planner, now_us);
        }
}

/* Time until a poll may be sent. */
static uint64_t run_wait(const struct run *run, uint64_t now_us)
{
        uint64_t next_us = rate_limiter_next(planner_rate_limiter(run->planner), RATE_LIMITER_POLL, now_us);

        return next_us > now_us ? next_us - now_us : 0;
}

static void run_end(struct run *run)
{
        planner_free(run->planner);
}

/* A run that uses up its burst and crashes. */
static void run_until_throttled(struct fixture *fixture, uint64_t now_us)
{
        struct run run;

        run_start(&run, fixture, now_us);
        while (run_wait(&run, now_us) == 0)
                run_spend(&run, 1, now_us);
        run_end(&run);
}

static uint64_t wait_after_restart(struct fixture *fixture, uint64_t now_us)
{
        struct run run;

        run_start(&run, fixture, now_us);
        uint64_t wait_us = run_wait(&run, now_us);
        run_end(&run);
        return wait_us;
}

static void test_clock_set_forward(void **state)
{
        wall_us = 1000 * DAY;
        boot = 1;
        run_until_throttled(*state, HOUR);

        wall_us += 2 * DAY;
        assert_true(wait_after_restart(*state, HOUR + SECOND) > 0);
        /* Elapsed time counts. */
        assert_int_equal(wait_after_restart(*state, 3 * HOUR), 0);
}

static void test_clock_set_back(void **state)
{
        wall_us = 1000 * DAY;
        boot = 1;
        run_until_throttled(*state, HOUR);

        wall_us -= 2 * DAY;
        assert_int_equal(wait_after_restart(*state, 3 * HOUR), 0);
}

static void test_after_a_reboot(void **state)
{
        wall_us = 1000 * DAY;
        boot = 1;
        run_until_throttled(*state, HOUR);

        /* CLOCK_BOOTTIME has restarted and is not comparable, whether smaller or larger. */
        boot = 2;
        wall_us += SECOND;
        assert_true(wait_after_restart(*state, 5 * SECOND) > 0);
        assert_true(wait_after_restart(*state, DAY) > 0);
        wall_us += 2 * HOUR;
        assert_int_equal(wait_after_restart(*state, 5 * SECOND), 0);
}

static void test_unknown_boot(void **state)
{
        wall_us = 1000 * DAY;
        boot = 0;
        run_until_throttled(*state, HOUR);

        wall_us += SECOND;
        assert_true(wait_after_restart(*state, DAY) > 0);
}

static void test_retry_after(void **state)
{
        struct fixture *fixture = *state;
        struct run run;

        wall_us = 1000 * DAY;
        boot = 1;
        run_start(&run, fixture, HOUR);
        planner_pause(run.planner, HOUR + 300 * SECOND);
        budget_save(&run.budget, HOUR);
        run_end(&run);

        wall_us += DAY;
        run_start(&run, fixture, HOUR + 100 * SECOND);
        assert_int_equal(planner_breaker(run.planner)->retry_after_until_us, HOUR + 300 * SECOND);
        budget_close(&run.budget, HOUR + 200 * SECOND);
        run_end(&run);
        run_start(&run, fixture, HOUR + 250 * SECOND);
        assert_int_equal(planner_breaker(run.planner)->retry_after_until_us, HOUR + 300 * SECOND);
        run_end(&run);
        run_start(&run, fixture, HOUR + 400 * SECOND);
        assert_int_equal(planner_breaker(run.planner)->retry_after_until_us, 0);
        run_end(&run);
}

static void test_invalid_stored_value(void **state)
{
        struct fixture *fixture = *state;

        assert_int_equal(state_put_value(fixture->state, "budget", "?", 1), 0);
        assert_int_equal(wait_after_restart(fixture, HOUR), 0);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)
        const struct CMUnitTest tests[] = {
                TEST(test_clock_set_forward), TEST(test_clock_set_back), TEST(test_after_a_reboot),
                TEST(test_unknown_boot),      TEST(test_retry_after),    TEST(test_invalid_stored_value),
        };

        return cmocka_run_group_tests_name("budget", tests, NULL, NULL);
}
