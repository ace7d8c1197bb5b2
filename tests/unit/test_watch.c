/* SPDX-License-Identifier: MIT */

/* The life of a watched job: when it is gone, when it is stalled, and how long its end is held back. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "model/watch.h"
#include "util/timespan.h"

static char *failure[] = { (char[]){ "Failed" } };
static char *success[] = { (char[]){ "Completed" } };
static const struct status_rules rules = { .failure = { failure, 1 }, .success = { success, 1 } };

static struct observation see(struct job_watch *watch, struct text status, struct text result,
                              uint64_t stalled_us, uint64_t wait_us, uint64_t now_us)
{
        const struct watch_rules watch_rules = { &rules, stalled_us, wait_us };
        const struct job_record record = { .status = status, .result = result };

        return watch_observe(watch, &watch_rules, &record, now_us);
}

static void note(struct job_watch *watch, const struct change *change, struct text status, struct text result,
                 uint64_t now_us)
{
        const struct job_record record = { .status = status, .result = result };
        const struct job_memory seen = job_memory_of(&record, change->outcome);

        watch_note_recorded(watch, change, &seen, now_us);
}

static void test_a_change_is_found_until_it_is_recorded(void **state)
{
        struct job_watch watch = { .stalled = false };
        (void)state;

        for (uint64_t now = 1; now < 5; now++) {
                struct observation observation = see(&watch, TEXT_LITERAL("Running"), TEXT_NULL, 0, 0, now);
                assert_true(observation.change.has_event);
                assert_int_equal(observation.change.kind, EVENT_SEEN);
        }
        struct observation observation = see(&watch, TEXT_LITERAL("Running"), TEXT_NULL, 0, 0, 5);
        note(&watch, &observation.change, TEXT_LITERAL("Running"), TEXT_NULL, 5);
        assert_false(see(&watch, TEXT_LITERAL("Running"), TEXT_NULL, 0, 0, 6).change.has_event);
}

static void test_not_found_three_times_over_a_minute(void **state)
{
        struct job_watch quick = { .not_found_count = 0 }, slow = { .not_found_count = 0 };
        (void)state;

        /* Often enough, and not for long enough. */
        for (unsigned i = 0; i < 60; i++)
                assert_false(watch_note_not_found(&quick, 1000 + i * USEC_PER_SEC));
        assert_false(watch_note_not_found(&quick, 1000 + USEC_PER_MIN - 1));
        assert_true(watch_note_not_found(&quick, 1000 + USEC_PER_MIN));
        assert_true(watch_note_not_found(&quick, 1000 + USEC_PER_MIN + 1)); /* until it is recorded */

        /* For long enough, and not often enough. */
        assert_false(watch_note_not_found(&slow, 0));
        assert_false(watch_note_not_found(&slow, USEC_PER_HOUR));
        assert_true(watch_note_not_found(&slow, 2 * USEC_PER_HOUR));
}

static void test_gone_is_an_end_and_coming_back_is_a_change(void **state)
{
        const struct change gone = { .has_event = true, .kind = EVENT_GONE, .outcome = OUTCOME_GONE };
        struct job_watch watch = { .not_found_count = 0 };
        (void)state;

        struct observation observation = see(&watch, TEXT_LITERAL("Running"), TEXT_NULL, 0, 0, 1);
        note(&watch, &observation.change, TEXT_LITERAL("Running"), TEXT_NULL, 1);
        watch_note_recorded(&watch, &gone, NULL, USEC_PER_HOUR);
        assert_true(watch.memory.recorded);
        assert_int_equal(watch.memory.outcome, OUTCOME_GONE);
        assert_int_equal(watch.changed_us, USEC_PER_HOUR);

        struct job_watch other = watch;
        observation = see(&other, TEXT_LITERAL("Running"), TEXT_NULL, 0, 0, 2 * USEC_PER_HOUR);
        assert_true(observation.change.has_event);
        assert_int_equal(observation.change.kind, EVENT_CHANGED);
        observation = see(&watch, TEXT_LITERAL("Completed"), TEXT_NULL, 0, 0, 2 * USEC_PER_HOUR);
        assert_true(observation.change.has_event);
        assert_int_equal(observation.change.kind, EVENT_SUCCEEDED);
}

static void test_a_record_starts_the_count_again(void **state)
{
        struct job_watch watch = { .not_found_count = 0 };
        (void)state;

        watch_note_not_found(&watch, 0);
        watch_note_not_found(&watch, USEC_PER_MIN);
        (void)see(&watch, TEXT_LITERAL("Running"), TEXT_NULL, 0, 0, 2 * USEC_PER_MIN);
        assert_false(watch_note_not_found(&watch, 3 * USEC_PER_MIN));
        assert_false(watch_note_not_found(&watch, 4 * USEC_PER_MIN));
        assert_true(watch_note_not_found(&watch, 5 * USEC_PER_MIN));
}

static void test_stalled_once_until_it_changes(void **state)
{
        const uint64_t after_us = USEC_PER_HOUR;
        struct job_watch watch = { .stalled = false };
        (void)state;

        struct observation observation = see(&watch, TEXT_LITERAL("Running"), TEXT_NULL, after_us, 0, 100);
        note(&watch, &observation.change, TEXT_LITERAL("Running"), TEXT_NULL, 100);
        assert_false(see(&watch, TEXT_LITERAL("Running"), TEXT_NULL, after_us, 0, 100 + after_us - 1)
                             .change.has_event);
        observation = see(&watch, TEXT_LITERAL("Running"), TEXT_NULL, after_us, 0, 100 + after_us);
        assert_true(observation.change.has_event);
        assert_int_equal(observation.change.kind, EVENT_STALLED);
        watch_note_recorded(&watch, &observation.change, NULL, 100 + after_us);
        assert_false(see(&watch, TEXT_LITERAL("Running"), TEXT_NULL, after_us, 0, 100 + 9 * after_us)
                             .change.has_event);

        observation = see(&watch, TEXT_LITERAL("Waiting"), TEXT_NULL, after_us, 0, 100 + 10 * after_us);
        assert_int_equal(observation.change.kind, EVENT_CHANGED);
        note(&watch, &observation.change, TEXT_LITERAL("Waiting"), TEXT_NULL, 100 + 10 * after_us);
        observation = see(&watch, TEXT_LITERAL("Waiting"), TEXT_NULL, after_us, 0, 100 + 11 * after_us);
        assert_int_equal(observation.change.kind, EVENT_STALLED);
        assert_true(observation.change.has_event);
}

static void test_stalled_counts_from_before_this_boot(void **state)
{
        struct job_watch watch = { .changed_us = -(int64_t)USEC_PER_HOUR };
        const struct job_record record = { .status = TEXT_LITERAL("Running") };
        (void)state;

        watch.memory = job_memory_of(&record, OUTCOME_OPEN);
        assert_false(see(&watch, record.status, TEXT_NULL, USEC_PER_HOUR + 10, 0, 9).change.has_event);
        assert_true(see(&watch, record.status, TEXT_NULL, USEC_PER_HOUR + 10, 0, 10).change.has_event);
}

static void test_an_ended_job_does_not_stall(void **state)
{
        struct job_watch watch = { .stalled = false };
        (void)state;

        struct observation observation =
                see(&watch, TEXT_LITERAL("Completed"), TEXT_NULL, USEC_PER_HOUR, 0, 1);
        note(&watch, &observation.change, TEXT_LITERAL("Completed"), TEXT_NULL, 1);
        observation = see(&watch, TEXT_LITERAL("Completed"), TEXT_NULL, USEC_PER_HOUR, 0, 2 * USEC_PER_HOUR);
        assert_false(observation.change.has_event);
}

static void test_an_end_waits_for_its_result(void **state)
{
        struct job_watch watch = { .stalled = false };
        (void)state;

        struct observation observation = see(&watch, TEXT_LITERAL("Completed"), TEXT_NULL, 0, 100, 1000);
        assert_false(observation.change.has_event);
        assert_int_equal(observation.poll_again_us, 100);
        observation = see(&watch, TEXT_LITERAL("Completed"), TEXT_NULL, 0, 100, 1099);
        assert_false(observation.change.has_event);
        assert_int_equal(observation.poll_again_us, 1);

        /* It comes; or the wait is over. */
        struct job_watch other = watch;
        assert_true(
                see(&other, TEXT_LITERAL("Completed"), TEXT_LITERAL("{}"), 0, 100, 1099).change.has_event);
        observation = see(&watch, TEXT_LITERAL("Completed"), TEXT_NULL, 0, 100, 1100);
        assert_true(observation.change.has_event);
        assert_int_equal(observation.poll_again_us, 0);
        assert_int_equal(observation.change.kind, EVENT_SUCCEEDED);
}

static void test_an_end_that_is_reverted(void **state)
{
        struct job_watch watch = { .stalled = false };
        (void)state;

        struct observation observation = see(&watch, TEXT_LITERAL("Running"), TEXT_NULL, 0, 100, 1);
        note(&watch, &observation.change, TEXT_LITERAL("Running"), TEXT_NULL, 1);
        assert_int_equal(see(&watch, TEXT_LITERAL("Failed"), TEXT_NULL, 0, 100, 10).poll_again_us, 100);
        assert_false(see(&watch, TEXT_LITERAL("Running"), TEXT_NULL, 0, 100, 50).change.has_event);
        /* The next end is held back for its own time. */
        assert_int_equal(see(&watch, TEXT_LITERAL("Failed"), TEXT_NULL, 0, 100, 90).poll_again_us, 100);
}

static void test_without_a_wait_an_end_is_a_change_at_once(void **state)
{
        struct job_watch watch = { .stalled = false };
        (void)state;

        struct observation observation = see(&watch, TEXT_LITERAL("Failed"), TEXT_NULL, 0, 0, 1);
        assert_true(observation.change.has_event);
        assert_int_equal(observation.change.kind, EVENT_FAILED);
        assert_int_equal(observation.poll_again_us, 0);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_a_change_is_found_until_it_is_recorded),
                cmocka_unit_test(test_not_found_three_times_over_a_minute),
                cmocka_unit_test(test_gone_is_an_end_and_coming_back_is_a_change),
                cmocka_unit_test(test_a_record_starts_the_count_again),
                cmocka_unit_test(test_stalled_once_until_it_changes),
                cmocka_unit_test(test_stalled_counts_from_before_this_boot),
                cmocka_unit_test(test_an_ended_job_does_not_stall),
                cmocka_unit_test(test_an_end_waits_for_its_result),
                cmocka_unit_test(test_an_end_that_is_reverted),
                cmocka_unit_test(test_without_a_wait_an_end_is_a_change_at_once),
        };

        return cmocka_run_group_tests_name("watch", tests, NULL, NULL);
}
