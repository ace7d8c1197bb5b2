/* SPDX-License-Identifier: MIT */

/* What a run knows of the one before, by a wall clock that may have been set in between. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "monitor/last_run.h"
#include "planning/backoff.h"
#include "platform/clock.h"
#include "state_fixture.h"
#include "state_open.h"
#include "util/timespan.h"

#define START_US (1000 * USEC_PER_DAY)

struct run {
        struct fixture *files; /* only the directory is used */
        sd_event *event;
        struct state *state;
};

static uint64_t wall_us;

uint64_t __wrap_clock_wall_us(void);

uint64_t __wrap_clock_wall_us(void)
{
        return wall_us;
}

static void begin(struct run *run)
{
        char *message = NULL;

        assert_int_equal(state_open(run->event, run->files->directory, &message, &run->state), 0);
}

/* The process ends, properly or not, and there is another one at this time. */
static struct store *restart_at(struct run *run, uint64_t time_us)
{
        run->state = state_close(run->state);
        wall_us = time_us;
        begin(run);
        return state_store(run->state);
}

static int setup(void **state)
{
        struct run *run = calloc(1, sizeof(*run));
        void *files;

        assert_non_null(run);
        assert_int_equal(fixture_setup(&files), 0);
        run->files = files;
        fixture_close(run->files);
        assert_true(sd_event_new(&run->event) >= 0);
        wall_us = START_US;
        begin(run);
        *state = run;
        return 0;
}

static int teardown(void **state)
{
        struct run *run = *state;
        void *files = run->files;

        state_close(run->state);
        sd_event_unref(run->event);
        free(run);
        return fixture_teardown(&files);
}

static void test_the_first_run_has_the_whole_budget(void **state)
{
        struct run *run = *state;

        assert_false(last_run_was_recent(state_store(run->state)));
        assert_false(last_run_crashed(state_store(run->state)));
        assert_int_equal(last_run_load_pause(state_store(run->state)), 0);
}

static void test_a_crashed_run_is_recent_however_old(void **state)
{
        struct run *run = *state;

        last_run_begin(run->state);
        struct store *store = restart_at(run, START_US + 1000 * USEC_PER_DAY);
        assert_true(last_run_was_recent(store));
        assert_true(last_run_crashed(store));
}

static void test_a_run_is_recent_for_a_day_after_its_end(void **state)
{
        struct run *run = *state;

        last_run_begin(run->state);
        last_run_end(run->state);
        assert_true(last_run_was_recent(restart_at(run, START_US)));
        assert_true(last_run_was_recent(restart_at(run, START_US + USEC_PER_DAY - 1)));
        assert_false(last_run_crashed(state_store(run->state)));
        assert_false(last_run_was_recent(restart_at(run, START_US + USEC_PER_DAY)));
}

static void test_a_run_that_ended_in_the_future_is_recent(void **state)
{
        struct run *run = *state;

        last_run_begin(run->state);
        last_run_end(run->state);
        assert_true(last_run_was_recent(restart_at(run, START_US - 500 * USEC_PER_DAY)));
}

/* The limits must not be exceeded because of a damaged value. */
static void test_a_run_of_unknown_end_is_recent(void **state)
{
        static const char *const values[] = { "", "ended", "ended ", "ended x",
                                              "ended 99999999999999999999999" };
        struct run *run = *state;

        for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
                state_put_value(run->state, "last run", values[i], strlen(values[i]));
                assert_true(last_run_was_recent(state_store(run->state)));
                assert_false(last_run_crashed(state_store(run->state)));
        }
}

static void test_what_remains_of_a_pause_is_waited_for(void **state)
{
        struct run *run = *state;

        last_run_save_pause(run->state, START_US, START_US + 10 * USEC_PER_MIN);
        assert_int_equal(last_run_load_pause(restart_at(run, START_US)), 10 * USEC_PER_MIN);
        assert_int_equal(last_run_load_pause(restart_at(run, START_US + 3 * USEC_PER_MIN)), 7 * USEC_PER_MIN);
        assert_int_equal(last_run_load_pause(restart_at(run, START_US + 10 * USEC_PER_MIN - 1)), 1);
        assert_int_equal(last_run_load_pause(restart_at(run, START_US + 10 * USEC_PER_MIN)), 0);
        assert_int_equal(last_run_load_pause(restart_at(run, START_US + USEC_PER_DAY)), 0);
}

/* How much of it has passed is not known if the clock was set back. */
static void test_a_pause_never_gets_longer(void **state)
{
        struct run *run = *state;

        last_run_save_pause(run->state, START_US, START_US + 10 * USEC_PER_MIN);
        assert_int_equal(last_run_load_pause(restart_at(run, START_US - USEC_PER_DAY)), 10 * USEC_PER_MIN);
}

static void test_a_pause_is_at_most_the_longest_that_is_believed(void **state)
{
        struct run *run = *state;

        last_run_save_pause(run->state, START_US, START_US + 100 * USEC_PER_DAY);
        assert_int_equal(last_run_load_pause(restart_at(run, START_US)), RETRY_AFTER_MAX_US);
        assert_int_equal(last_run_load_pause(restart_at(run, START_US - USEC_PER_DAY)), RETRY_AFTER_MAX_US);
        assert_int_equal(last_run_load_pause(restart_at(run, START_US + RETRY_AFTER_MAX_US)), 0);
}

static void test_a_pause_that_cannot_be_read_is_none(void **state)
{
        static const char *const values[] = {
                "", "x", "1", "1 ", "1x2", " 1 2", "1 99999999999999999999999"
        };
        struct run *run = *state;

        for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
                state_put_value(run->state, "retry after", values[i], strlen(values[i]));
                assert_int_equal(last_run_load_pause(state_store(run->state)), 0);
        }
}

int main(void)
{
#define TEST(function) cmocka_unit_test_setup_teardown(function, setup, teardown)
        static const struct CMUnitTest tests[] = {
                TEST(test_the_first_run_has_the_whole_budget),
                TEST(test_a_crashed_run_is_recent_however_old),
                TEST(test_a_run_is_recent_for_a_day_after_its_end),
                TEST(test_a_run_that_ended_in_the_future_is_recent),
                TEST(test_a_run_of_unknown_end_is_recent),
                TEST(test_what_remains_of_a_pause_is_waited_for),
                TEST(test_a_pause_never_gets_longer),
                TEST(test_a_pause_is_at_most_the_longest_that_is_believed),
                TEST(test_a_pause_that_cannot_be_read_is_none),
        };

        return cmocka_run_group_tests_name("last_run", tests, NULL, NULL);
}
