/* SPDX-License-Identifier: MIT */

/* The outbox when there is no memory: nothing leaks, and no event is lost. */

#include "fault_malloc.h"
#include "outbox_fixture.h"

/* Each call in turn, alone and with all that follow. */
static void test_new_without_memory(void **state)
{
        struct outbox_test *test = *state;
        bool failed = true;
        unsigned turn = 2;

        test->config = load_hooks(test, (const char *const[]){ "a true", "b true", NULL }, 0);
        record(test, 1, 10, "a");
        for (; failed; turn++) {
                fault_malloc_arm(turn / 2, turn % 2 == 0);
                int r = try_new(test);
                failed = fault_malloc_disarm();
                if (r < 0) {
                        assert_true(failed);
                        assert_int_equal(r, -ENOMEM);
                        assert_null(test->outbox);
                }
                test->outbox = outbox_free(test->outbox);
        }
        assert_true(turn > 10);
        expect_states(test, ALL_STATES, "pending 0");
}

/* All or nothing. */
static void test_reload_without_memory(void **state)
{
        struct outbox_test *test = *state;
        struct config *next = load_hooks(test, (const char *const[]){ "mail tell", "new true", NULL }, 0);
        unsigned nth = 1;

        test->config = load_hooks(test, (const char *const[]){ "old gate", "mail gate", NULL }, 0);
        record(test, 1, 10, "old");
        assert_int_equal(try_new(test), 0);
        for (int r = -ENOMEM; r < 0; nth++) {
                fault_malloc_arm(nth, false);
                r = outbox_reload(test->outbox, next);
                bool failed = fault_malloc_disarm();
                if (r < 0) {
                        assert_true(failed);
                        assert_int_equal(r, -ENOMEM);
                        assert_int_equal(test->outbox->queue_count, 2);
                        assert_false(test->outbox->queues[0]->retired);
                        assert_ptr_equal(test->outbox->parts.config, test->config);
                        assert_int_equal(pending(test, "old"), 1);
                }
        }
        config_free(next);
        assert_true(nth > 4);
        assert_int_equal(test->outbox->queue_count, 4);
        assert_true(test->outbox->queues[0]->retired);
}

/* Whatever could not be had: after that the event arrives. */
static void test_delivery_without_memory(void **state)
{
        struct outbox_test *test = *state;
        bool failed = true;
        unsigned number = 1;

        test->config = load_hooks(test, (const char *const[]){ "mail tell", NULL }, 9);
        start(test);
        for (; failed; number++) {
                record(test, number, number, "mail");
                outbox_wake(test->outbox);
                fault_malloc_arm((number + 1) / 2, number % 2 == 0);
                HOOK_WAIT(test->hook, done(test));
                failed = fault_malloc_disarm();
                outbox_wake(test->outbox);
                HOOK_WAIT(test->hook, done(test));
                if (pending(test, "mail") > 0) { /* it would be tried again in some seconds */
                        assert_true(failed);
                        assert_int_equal(state_delivery_retry(test->state->state, number, 0, "now"), 0);
                        outbox_wake(test->outbox);
                        HOOK_WAIT(test->hook, pending(test, "mail") == 0);
                }
        }
        assert_true(number > 40);
        expect_states(test, "SELECT group_concat(DISTINCT state) FROM deliveries", "done");
}

/* What is due but cannot be read is not asked for over and over, and is not forgotten. */
static void test_due_without_memory(void **state)
{
        struct outbox_test *test = *state;
        uint64_t time_us, now_us;

        test->config = load_hooks(test, (const char *const[]){ "mail tell", NULL }, 0);
        record(test, 1, 10, "mail");
        start(test);
        fault_malloc_arm(1, true);
        HOOK_WAIT(test->hook, done(test));
        assert_true(fault_malloc_disarm());
        assert_true(test->outbox->queues[0]->read_failed); /* that was said */
        assert_int_equal(test->idle, 0);
        assert_false(outbox_is_idle(test->outbox));
        assert_true(sd_event_source_get_time(test->outbox->queues[0]->timer, &time_us) >= 0);
        assert_true(sd_event_now(test->hook->event, CLOCK_BOOTTIME, &now_us) >= 0);
        assert_true(time_us > now_us + RECORD_AGAIN_US / 2);
        outbox_wake(test->outbox);
        HOOK_WAIT(test->hook, test->idle > 0);
        assert_false(test->outbox->queues[0]->read_failed);
        expect_told(test, "1");
        expect_states(test, ALL_STATES, "done 1");
}

int main(void)
{
        static const struct CMUnitTest tests[] = {
                OUTBOX_TEST(test_new_without_memory),
                OUTBOX_TEST(test_reload_without_memory),
                OUTBOX_TEST(test_delivery_without_memory),
                OUTBOX_TEST(test_due_without_memory),
        };

        return cmocka_run_group_tests_name("outbox_faults", tests, NULL, NULL);
}
