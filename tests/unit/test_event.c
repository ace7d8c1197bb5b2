/* SPDX-License-Identifier: MIT */

/* Names of events, and which of them `on =` of a hook selects. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "config/config.h"
#include "model/event.h"

static const enum event_kind kinds[EVENT_KIND_COUNT] = {
        EVENT_SEEN,    EVENT_CHANGED,  EVENT_SUCCEEDED,   EVENT_FAILED, EVENT_GONE,
        EVENT_STALLED, EVENT_API_DOWN, EVENT_API_REFUSED, EVENT_API_OK,
};

static bool wanted(enum event_kind kind, unsigned mask)
{
        const struct event event = { .kind = kind };

        return event_wanted(&event, mask);
}

static void test_names(void **state)
{
        static const char *const names[EVENT_KIND_COUNT] = { "seen",     "changed",     "succeeded",
                                                             "failed",   "gone",        "stalled",
                                                             "api_down", "api_refused", "api_ok" };
        (void)state;

        for (unsigned i = 0; i < EVENT_KIND_COUNT; i++) {
                enum event_kind back = EVENT_SEEN;

                assert_string_equal(event_kind_to_string(kinds[i]), names[i]);
                assert_true(event_kind_from_string(names[i], &back));
                assert_int_equal(back, kinds[i]);
        }

        enum event_kind untouched = EVENT_STALLED;
        assert_false(event_kind_from_string("terminal", &untouched));
        assert_false(event_kind_from_string("Seen", &untouched));
        assert_false(event_kind_from_string("", &untouched));
        assert_int_equal(untouched, EVENT_STALLED);
}

static void test_terminal_kinds(void **state)
{
        (void)state;
        assert_false(event_kind_is_terminal(EVENT_SEEN));
        assert_false(event_kind_is_terminal(EVENT_CHANGED));
        assert_true(event_kind_is_terminal(EVENT_SUCCEEDED));
        assert_true(event_kind_is_terminal(EVENT_FAILED));
        assert_true(event_kind_is_terminal(EVENT_GONE));
        assert_false(event_kind_is_terminal(EVENT_STALLED));
        for (unsigned i = 0; i < EVENT_KIND_COUNT; i++)
                assert_int_equal(event_kind_is_of_api(kinds[i]), kinds[i] > EVENT_STALLED);
}

static void test_events_of_the_api_are_only_for_hooks_that_name_them(void **state)
{
        (void)state;
        assert_int_equal(EVENT_MASK_OF_API, EVENT_MASK_API_DOWN | EVENT_MASK_API_REFUSED | EVENT_MASK_API_OK);
        for (unsigned kind = EVENT_API_DOWN; kind <= EVENT_API_OK; kind++) {
                assert_false(wanted(kind, ~(1u << kind)));
                assert_true(wanted(kind, 1u << kind));
        }
}

static void test_each_kind_is_wanted_by_its_bit(void **state)
{
        (void)state;

        for (unsigned i = 0; i < EVENT_KIND_COUNT; i++) {
                assert_true(wanted(kinds[i], 1u << kinds[i]));
                assert_false(wanted(kinds[i], 0));

                /* Of all other bits only `changed` selects it too. */
                unsigned others = 0x1ffu & ~(1u << kinds[i]) & ~(1u << EVENT_CHANGED);
                assert_false(wanted(kinds[i], others));
        }
}

static void test_changed_selects_what_carries_a_change(void **state)
{
        const unsigned changed = 1u << EVENT_CHANGED;
        (void)state;

        assert_true(wanted(EVENT_CHANGED, changed));
        assert_true(wanted(EVENT_SUCCEEDED, changed));
        assert_true(wanted(EVENT_FAILED, changed));
        assert_true(wanted(EVENT_GONE, changed));
        assert_false(wanted(EVENT_SEEN, changed));
        assert_false(wanted(EVENT_STALLED, changed));
}

static void test_configured_bits_are_those_of_the_kinds(void **state)
{
        (void)state;
        assert_int_equal(EVENT_MASK_SEEN, 1u << EVENT_SEEN);
        assert_int_equal(EVENT_MASK_CHANGED, 1u << EVENT_CHANGED);
        assert_int_equal(EVENT_MASK_SUCCEEDED, 1u << EVENT_SUCCEEDED);
        assert_int_equal(EVENT_MASK_FAILED, 1u << EVENT_FAILED);
        assert_int_equal(EVENT_MASK_GONE, 1u << EVENT_GONE);
        assert_int_equal(EVENT_MASK_STALLED, 1u << EVENT_STALLED);
        assert_int_equal(EVENT_MASK_API_DOWN, 1u << EVENT_API_DOWN);
        assert_int_equal(EVENT_MASK_API_REFUSED, 1u << EVENT_API_REFUSED);
        assert_int_equal(EVENT_MASK_API_OK, 1u << EVENT_API_OK);
        for (unsigned i = 0; i < EVENT_KIND_COUNT; i++)
                assert_int_equal(wanted(kinds[i], EVENT_MASK_TERMINAL), event_kind_is_terminal(kinds[i]));
}

static void test_clear_frees_and_empties(void **state)
{
        const struct text source = TEXT_LITERAL("text");
        struct event event = { .id = "an id", .kind = EVENT_FAILED, .first_observation = true };
        (void)state;

        /* What is not freed here is found by the leak checker. */
        text_copy(&source, &event.job_name);
        text_copy(&source, &event.discover);
        text_copy(&source, &event.status_before);
        text_copy(&source, &event.result_before);
        text_copy(&source, &event.record.result);
        event_clear(&event);

        const struct event empty = { 0 };
        assert_string_equal(event.id, "");
        assert_int_equal(event.kind, empty.kind);
        assert_null(event.job_name.data);
        assert_null(event.discover.data);
        assert_null(event.status_before.data);
        assert_null(event.result_before.data);
        assert_null(event.record.result.data);
        assert_false(event.first_observation);
        event_clear(&event); /* an empty one too */
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_names),
                cmocka_unit_test(test_terminal_kinds),
                cmocka_unit_test(test_events_of_the_api_are_only_for_hooks_that_name_them),
                cmocka_unit_test(test_each_kind_is_wanted_by_its_bit),
                cmocka_unit_test(test_changed_selects_what_carries_a_change),
                cmocka_unit_test(test_configured_bits_are_those_of_the_kinds),
                cmocka_unit_test(test_clear_frees_and_empties),
        };

        return cmocka_run_group_tests_name("event", tests, NULL, NULL);
}
