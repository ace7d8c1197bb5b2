/* SPDX-License-Identifier: MIT */

/* When api_down, api_refused and api_ok are due. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "planning/api_events.h"
#include "util/timespan.h"

#define SECOND USEC_PER_SEC
#define MINUTE USEC_PER_MIN
#define START  (1000 * SECOND)            /* of a run, by CLOCK_BOOTTIME */
#define WALL   UINT64_C(1700000000000000) /* the same instant */

static void note(struct api_events *events, enum api_condition condition, uint64_t after_us)
{
        api_events_note(events, condition, START + after_us, WALL + after_us);
}

/* Which event is due; -1: none. */
static int due(const struct api_events *events, uint64_t after_us)
{
        enum event_kind kind;

        return api_events_due(events, START + after_us, &kind) ? (int)kind : -1;
}

static void expect_recorded(struct api_events *events, enum event_kind kind, uint64_t after_us)
{
        assert_int_equal(due(events, after_us), kind);
        api_events_note_recorded(events, kind);
        assert_int_equal(due(events, after_us), -1);
}

static void recover(struct api_events *events, uint64_t after_us)
{
        note(events, API_WELL, after_us);
        api_events_note_recovered(events);
}

static struct api_events restart(const struct api_events *events, uint64_t after_us)
{
        const struct api_events_kept kept = api_events_keep(events, START + after_us);
        struct api_events next;

        api_events_resume(&next, &kept);
        return next;
}

static void test_down_for_ten_minutes(void **state)
{
        struct api_events events = API_EVENTS_INITIAL;
        (void)state;

        note(&events, API_WELL, 0);
        for (uint64_t at = 0; at < 10 * MINUTE; at += 15 * SECOND) {
                note(&events, API_DOWN, at);
                assert_int_equal(due(&events, at), -1);
        }
        assert_int_equal(due(&events, 10 * MINUTE - 1), -1);
        expect_recorded(&events, EVENT_API_DOWN, 10 * MINUTE);
        note(&events, API_DOWN, 60 * MINUTE);
        assert_int_equal(due(&events, 60 * MINUTE), -1);
        recover(&events, 61 * MINUTE);
        expect_recorded(&events, EVENT_API_OK, 61 * MINUTE);
}

static void test_an_answer_in_between_begins_the_ten_minutes_anew(void **state)
{
        struct api_events events = API_EVENTS_INITIAL;
        (void)state;

        note(&events, API_DOWN, 0);
        note(&events, API_WELL, 9 * MINUTE);
        note(&events, API_DOWN, 9 * MINUTE + SECOND);
        assert_int_equal(due(&events, 19 * MINUTE), -1);
        expect_recorded(&events, EVENT_API_DOWN, 19 * MINUTE + SECOND);
}

static void test_a_short_outage_has_no_event(void **state)
{
        struct api_events events = API_EVENTS_INITIAL;
        (void)state;

        note(&events, API_DOWN, 0);
        recover(&events, 9 * MINUTE);
        assert_int_equal(due(&events, 60 * MINUTE), -1);
        assert_true(api_events_next(&events, START + 9 * MINUTE) == UINT64_MAX);
}

static void test_refused_at_once(void **state)
{
        struct api_events events = API_EVENTS_INITIAL;
        (void)state;

        note(&events, API_REFUSED, 0);
        expect_recorded(&events, EVENT_API_REFUSED, 0);
        note(&events, API_REFUSED, 60 * MINUTE);
        assert_int_equal(due(&events, 60 * MINUTE), -1);
        recover(&events, 61 * MINUTE);
        expect_recorded(&events, EVENT_API_OK, 61 * MINUTE);

        note(&events, API_REFUSED, 62 * MINUTE);
        expect_recorded(&events, EVENT_API_REFUSED, 62 * MINUTE);
}

/* Each of the two, and one end of both. */
static void test_an_outage_of_both_kinds(void **state)
{
        struct api_events events = API_EVENTS_INITIAL;
        (void)state;

        note(&events, API_REFUSED, 0);
        expect_recorded(&events, EVENT_API_REFUSED, 0);
        note(&events, API_DOWN, 30 * MINUTE);
        assert_int_equal(due(&events, 40 * MINUTE - 1), -1);
        expect_recorded(&events, EVENT_API_DOWN, 40 * MINUTE);
        note(&events, API_REFUSED, 50 * MINUTE);
        assert_int_equal(due(&events, 50 * MINUTE), -1);
        recover(&events, 51 * MINUTE);
        expect_recorded(&events, EVENT_API_OK, 51 * MINUTE);
}

static void test_an_end_that_was_none(void **state)
{
        struct api_events events = API_EVENTS_INITIAL;
        (void)state;

        note(&events, API_REFUSED, 0);
        expect_recorded(&events, EVENT_API_REFUSED, 0);
        recover(&events, 1 * MINUTE);
        note(&events, API_REFUSED, 2 * MINUTE); /* before api_ok could be recorded */
        assert_int_equal(due(&events, 2 * MINUTE), -1);
        recover(&events, 3 * MINUTE);
        expect_recorded(&events, EVENT_API_OK, 3 * MINUTE);
}

/* The outage may end while its event is on the way to the disk. */
static void test_recorded_after_the_end(void **state)
{
        struct api_events events = API_EVENTS_INITIAL;
        (void)state;

        note(&events, API_REFUSED, 0);
        assert_int_equal(due(&events, 0), EVENT_API_REFUSED);
        recover(&events, 20 * SECOND);
        assert_int_equal(due(&events, 20 * SECOND), -1);
        api_events_note_recorded(&events, EVENT_API_REFUSED);
        expect_recorded(&events, EVENT_API_OK, 20 * SECOND);
}

/* ---- restarts ---- */

static void test_once_per_outage_across_restarts(void **state)
{
        struct api_events events = API_EVENTS_INITIAL;
        (void)state;

        note(&events, API_DOWN, 0);
        expect_recorded(&events, EVENT_API_DOWN, 10 * MINUTE);
        events = restart(&events, 11 * MINUTE);
        note(&events, API_DOWN, 12 * MINUTE);
        assert_int_equal(due(&events, 60 * MINUTE), -1);
        events = restart(&events, 60 * MINUTE);
        recover(&events, 61 * MINUTE);
        expect_recorded(&events, EVENT_API_OK, 61 * MINUTE);
        events = restart(&events, 62 * MINUTE);
        recover(&events, 63 * MINUTE);
        assert_int_equal(due(&events, 63 * MINUTE), -1);
}

static void test_the_ten_minutes_go_on_after_a_restart(void **state)
{
        struct api_events events = API_EVENTS_INITIAL;
        (void)state;

        note(&events, API_DOWN, 0);
        assert_true(api_events_next(&events, START) == START + MINUTE); /* it is worth keeping then */
        events = restart(&events, 5 * MINUTE);
        note(&events, API_DOWN, 6 * MINUTE);
        assert_true(api_events_next(&events, START + 6 * MINUTE) == START + 10 * MINUTE);
        assert_int_equal(due(&events, 10 * MINUTE - 1), -1);
        expect_recorded(&events, EVENT_API_DOWN, 10 * MINUTE);
}

static void test_at_least_a_minute_in_the_run_that_reports_it(void **state)
{
        struct api_events events = API_EVENTS_INITIAL;
        (void)state;

        note(&events, API_DOWN, 0);
        events = restart(&events, 5 * MINUTE);
        note(&events, API_DOWN, 600 * MINUTE);
        assert_int_equal(due(&events, 601 * MINUTE - 1), -1);
        expect_recorded(&events, EVENT_API_DOWN, 601 * MINUTE);
}

/* The network ends before the daemon does, and is not there yet when it starts. */
static void test_a_minute_before_a_stop_does_not_count(void **state)
{
        struct api_events events = API_EVENTS_INITIAL;
        (void)state;

        note(&events, API_DOWN, 0);
        events = restart(&events, MINUTE - 1);
        note(&events, API_DOWN, 20 * MINUTE);
        assert_int_equal(due(&events, 30 * MINUTE - 1), -1);
        expect_recorded(&events, EVENT_API_DOWN, 30 * MINUTE);
}

static void test_an_outage_that_ended_between_two_runs(void **state)
{
        struct api_events events = API_EVENTS_INITIAL;
        (void)state;

        note(&events, API_DOWN, 0);
        events = restart(&events, 5 * MINUTE);
        recover(&events, 6 * MINUTE);
        note(&events, API_DOWN, 7 * MINUTE);
        assert_int_equal(due(&events, 17 * MINUTE - 1), -1);
        expect_recorded(&events, EVENT_API_DOWN, 17 * MINUTE);
}

/* Only what a clock that was set tells is wrong: the span is never longer than ten minutes. */
static void test_a_clock_that_was_set_back(void **state)
{
        struct api_events events = API_EVENTS_INITIAL;
        (void)state;

        note(&events, API_DOWN, 0);
        events = restart(&events, 5 * MINUTE);
        api_events_note(&events, API_DOWN, START + 6 * MINUTE, WALL - 600 * MINUTE);
        assert_int_equal(due(&events, 16 * MINUTE - 1), -1);
        expect_recorded(&events, EVENT_API_DOWN, 16 * MINUTE);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_down_for_ten_minutes),
                cmocka_unit_test(test_an_answer_in_between_begins_the_ten_minutes_anew),
                cmocka_unit_test(test_a_short_outage_has_no_event),
                cmocka_unit_test(test_refused_at_once),
                cmocka_unit_test(test_an_outage_of_both_kinds),
                cmocka_unit_test(test_an_end_that_was_none),
                cmocka_unit_test(test_recorded_after_the_end),
                cmocka_unit_test(test_once_per_outage_across_restarts),
                cmocka_unit_test(test_the_ten_minutes_go_on_after_a_restart),
                cmocka_unit_test(test_at_least_a_minute_in_the_run_that_reports_it),
                cmocka_unit_test(test_a_minute_before_a_stop_does_not_count),
                cmocka_unit_test(test_an_outage_that_ended_between_two_runs),
                cmocka_unit_test(test_a_clock_that_was_set_back),
        };

        return cmocka_run_group_tests_name("api_events", tests, NULL, NULL);
}
