/* SPDX-License-Identifier: MIT */

/* When a watched job is gone or stalled, and how long its end is held back. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "model/watch.h"
#include "util/timespan.h"

static struct status_rules *rules;

static int setup(void **state)
{
        char *const failure[] = { (char[]){ "Failed" }, NULL };
        char *const success[] = { (char[]){ "Completed" }, NULL };
        (void)state;

        return status_rules_new(failure, success, NULL, NULL, &rules);
}

static int teardown(void **state)
{
        (void)state;
        rules = status_rules_free(rules);
        return 0;
}

static struct observation observe(struct job_watch *watch, struct text status, struct text result,
                                  uint64_t stalled_us, uint64_t wait_us, uint64_t now_us)
{
        const struct watch_rules watch_rules = { rules, stalled_us, wait_us };
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

static void test_event_repeats_until_it_is_recorded(void **state)
{
        struct job_watch watch = { .stalled = false };
        (void)state;

        for (uint64_t now = 1; now < 5; now++) {
                struct observation observation =
                        observe(&watch, TEXT_LITERAL("Running"), TEXT_NULL, 0, 0, now);
                assert_true(observation.change.has_event);
                assert_int_equal(observation.change.kind, EVENT_SEEN);
        }
        struct observation observation = observe(&watch, TEXT_LITERAL("Running"), TEXT_NULL, 0, 0, 5);
        note(&watch, &observation.change, TEXT_LITERAL("Running"), TEXT_NULL, 5);
        assert_false(observe(&watch, TEXT_LITERAL("Running"), TEXT_NULL, 0, 0, 6).change.has_event);
}

static void test_gone_needs_three_responses_and_a_minute(void **state)
{
        struct job_watch quick = { .not_found_count = 0 }, slow = { .not_found_count = 0 };
        (void)state;

        /* Often enough, but not for long enough. */
        for (unsigned i = 0; i < 60; i++)
                assert_false(watch_not_found(&quick, 1000 + i * USEC_PER_SEC).has_event);
        assert_false(watch_not_found(&quick, 1000 + USEC_PER_MIN - 1).has_event);
        struct change change = watch_not_found(&quick, 1000 + USEC_PER_MIN);
        assert_true(change.has_event);
        assert_int_equal(change.kind, EVENT_GONE);
        assert_int_equal(change.outcome, OUTCOME_GONE);

        /* For long enough, but not often enough. */
        assert_false(watch_not_found(&slow, 0).has_event);
        assert_false(watch_not_found(&slow, USEC_PER_HOUR).has_event);
        assert_true(watch_not_found(&slow, 2 * USEC_PER_HOUR).has_event);

        /* Only once. */
        watch_note_recorded(&slow, &change, NULL, 2 * USEC_PER_HOUR);
        assert_true(slow.memory.recorded);
        assert_false(watch_not_found(&slow, 3 * USEC_PER_HOUR).has_event);
}

static void test_observation_resets_the_not_found_count(void **state)
{
        struct job_watch watch = { .not_found_count = 0 };
        (void)state;

        watch_not_found(&watch, 0);
        watch_not_found(&watch, USEC_PER_MIN);
        (void)observe(&watch, TEXT_LITERAL("Running"), TEXT_NULL, 0, 0, 2 * USEC_PER_MIN);
        assert_false(watch_not_found(&watch, 3 * USEC_PER_MIN).has_event);
        assert_false(watch_not_found(&watch, 4 * USEC_PER_MIN).has_event);
        assert_true(watch_not_found(&watch, 5 * USEC_PER_MIN).has_event);
}

static void test_stalled_once_until_it_changes(void **state)
{
        const uint64_t after_us = USEC_PER_HOUR;
        struct job_watch watch = { .stalled = false };
        (void)state;

        struct observation observation =
                observe(&watch, TEXT_LITERAL("Running"), TEXT_NULL, after_us, 0, 100);
        note(&watch, &observation.change, TEXT_LITERAL("Running"), TEXT_NULL, 100);
        assert_false(observe(&watch, TEXT_LITERAL("Running"), TEXT_NULL, after_us, 0, 100 + after_us - 1)
                             .change.has_event);
        observation = observe(&watch, TEXT_LITERAL("Running"), TEXT_NULL, after_us, 0, 100 + after_us);
        assert_true(observation.change.has_event);
        assert_int_equal(observation.change.kind, EVENT_STALLED);
        watch_note_recorded(&watch, &observation.change, NULL, 100 + after_us);
        assert_false(observe(&watch, TEXT_LITERAL("Running"), TEXT_NULL, after_us, 0, 100 + 9 * after_us)
                             .change.has_event);

        observation = observe(&watch, TEXT_LITERAL("Waiting"), TEXT_NULL, after_us, 0, 100 + 10 * after_us);
        assert_int_equal(observation.change.kind, EVENT_CHANGED);
        note(&watch, &observation.change, TEXT_LITERAL("Waiting"), TEXT_NULL, 100 + 10 * after_us);
        observation = observe(&watch, TEXT_LITERAL("Waiting"), TEXT_NULL, after_us, 0, 100 + 11 * after_us);
        assert_int_equal(observation.change.kind, EVENT_STALLED);
        assert_true(observation.change.has_event);
}

static void test_stalled_counts_from_before_this_boot(void **state)
{
        struct job_watch watch = { .changed_us = -(int64_t)USEC_PER_HOUR };
        const struct job_record record = { .status = TEXT_LITERAL("Running") };
        (void)state;

        watch.memory = job_memory_of(&record, OUTCOME_OPEN);
        assert_false(observe(&watch, record.status, TEXT_NULL, USEC_PER_HOUR + 10, 0, 9).change.has_event);
        assert_true(observe(&watch, record.status, TEXT_NULL, USEC_PER_HOUR + 10, 0, 10).change.has_event);
}

static void test_ended_jobs_do_not_stall(void **state)
{
        struct job_watch watch = { .stalled = false };
        (void)state;

        struct observation observation =
                observe(&watch, TEXT_LITERAL("Completed"), TEXT_NULL, USEC_PER_HOUR, 0, 1);
        note(&watch, &observation.change, TEXT_LITERAL("Completed"), TEXT_NULL, 1);
        observation =
                observe(&watch, TEXT_LITERAL("Completed"), TEXT_NULL, USEC_PER_HOUR, 0, 2 * USEC_PER_HOUR);
        assert_false(observation.change.has_event);
}

static void test_an_end_waits_for_its_result(void **state)
{
        struct job_watch watch = { .stalled = false };
        (void)state;

        struct observation observation = observe(&watch, TEXT_LITERAL("Completed"), TEXT_NULL, 0, 100, 1000);
        assert_false(observation.change.has_event);
        assert_int_equal(observation.poll_again_us, 100);
        observation = observe(&watch, TEXT_LITERAL("Completed"), TEXT_NULL, 0, 100, 1099);
        assert_false(observation.change.has_event);
        assert_int_equal(observation.poll_again_us, 1);

        /* The result arrives, or the wait ends. */
        struct job_watch other = watch;
        assert_true(observe(&other, TEXT_LITERAL("Completed"), TEXT_LITERAL("{}"), 0, 100, 1099)
                            .change.has_event);
        observation = observe(&watch, TEXT_LITERAL("Completed"), TEXT_NULL, 0, 100, 1100);
        assert_true(observation.change.has_event);
        assert_int_equal(observation.poll_again_us, 0);
        assert_int_equal(observation.change.kind, EVENT_SUCCEEDED);
}

static void test_end_that_was_revoked(void **state)
{
        struct job_watch watch = { .stalled = false };
        (void)state;

        struct observation observation = observe(&watch, TEXT_LITERAL("Running"), TEXT_NULL, 0, 100, 1);
        note(&watch, &observation.change, TEXT_LITERAL("Running"), TEXT_NULL, 1);
        assert_int_equal(observe(&watch, TEXT_LITERAL("Failed"), TEXT_NULL, 0, 100, 10).poll_again_us, 100);
        assert_false(observe(&watch, TEXT_LITERAL("Running"), TEXT_NULL, 0, 100, 50).change.has_event);
        /* The next end is held back for its own time. */
        assert_int_equal(observe(&watch, TEXT_LITERAL("Failed"), TEXT_NULL, 0, 100, 90).poll_again_us, 100);
}

static void test_without_a_wait_an_end_is_an_event_at_once(void **state)
{
        struct job_watch watch = { .stalled = false };
        (void)state;

        struct observation observation = observe(&watch, TEXT_LITERAL("Failed"), TEXT_NULL, 0, 0, 1);
        assert_true(observation.change.has_event);
        assert_int_equal(observation.change.kind, EVENT_FAILED);
        assert_int_equal(observation.poll_again_us, 0);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_event_repeats_until_it_is_recorded),
                cmocka_unit_test(test_gone_needs_three_responses_and_a_minute),
                cmocka_unit_test(test_observation_resets_the_not_found_count),
                cmocka_unit_test(test_stalled_once_until_it_changes),
                cmocka_unit_test(test_stalled_counts_from_before_this_boot),
                cmocka_unit_test(test_ended_jobs_do_not_stall),
                cmocka_unit_test(test_an_end_waits_for_its_result),
                cmocka_unit_test(test_end_that_was_revoked),
                cmocka_unit_test(test_without_a_wait_an_end_is_an_event_at_once),
        };

        return cmocka_run_group_tests_name("watch", tests, setup, teardown);
}
