/* SPDX-License-Identifier: MIT */

/* Deliveries that someone wants to be made again, or not at all. */

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "state_fixture.h"

static const char *const mail[] = { "mail" };
static const char *const web[] = { "web" };

/* An event of a job with one delivery, of which the id is returned. */
static uint64_t record(struct fixture *fixture, unsigned number, uint64_t job, const char *const hook[])
{
        struct event event = fixture_event(number, job, EVENT_SUCCEEDED);
        uint64_t id;

        assert_int_equal(store_record_event(fixture->state, &event, hook, 1, &id), 0);
        return id;
}

static uint64_t record_failed(struct fixture *fixture, unsigned number, uint64_t job,
                              const char *const hook[])
{
        uint64_t id = record(fixture, number, job, hook);

        assert_int_equal(store_delivery_failed(fixture->state, id, 5, "exit status 1"), 0);
        return id;
}

static void expect_state(struct fixture *fixture, uint64_t id, enum delivery_state state, unsigned attempts,
                         uint64_t next_us)
{
        struct stored_delivery found;

        assert_int_equal(store_get_delivery(fixture->state, id, &found), 1);
        assert_int_equal(found.state, state);
        assert_int_equal(found.delivery.attempts, attempts);
        assert_int_equal(found.delivery.next_us, next_us);
        stored_delivery_clear(&found);
}

static void test_a_delivery_is_read_by_its_id(void **state)
{
        struct fixture *fixture = *state;
        struct stored_delivery found;
        const struct event event = fixture_event(3, 11, EVENT_SUCCEEDED);

        uint64_t id = record_failed(fixture, 3, 11, mail);
        fixture_reopen(fixture);
        assert_int_equal(store_get_delivery(fixture->state, id, &found), 1);
        assert_int_equal(found.delivery.id, id);
        assert_int_equal(found.delivery.job_id, 11);
        assert_int_equal(found.delivery.attempts, 1);
        assert_string_equal(found.delivery.event_id, event.id);
        assert_int_equal(found.state, DELIVERY_FAILED);
        assert_string_equal(found.hook.data, "mail");
        assert_string_equal(found.error.data, "exit status 1");
        assert_text_equal(&found.job_name, &event.job_name);
        stored_delivery_clear(&found);
        assert_int_equal(store_get_delivery(fixture->state, id + 1, &found), 0);
}

static void test_failed_ones_begin_anew_in_the_order_of_their_events(void **state)
{
        struct fixture *fixture = *state;
        struct delivery found[4];

        uint64_t first = record_failed(fixture, 1, 11, mail), second = record_failed(fixture, 2, 11, mail);
        uint64_t third = record(fixture, 3, 11, mail);
        const uint64_t ids[] = { second, first };
        assert_int_equal(store_retry_deliveries(fixture->state, ids, 2), 0);
        fixture_reopen(fixture);
        assert_int_equal(store_pending_deliveries(fixture->state, "mail", 0, found, 4), 3);
        assert_int_equal(found[0].id, first);
        assert_int_equal(found[1].id, second);
        assert_int_equal(found[2].id, third);
        assert_int_equal(found[0].attempts, 0);
        assert_int_equal(found[0].next_us, 0);
        assert_int_equal(found[0].delay_us, 0);
}

static void test_one_that_waits_for_a_retry_is_due(void **state)
{
        struct fixture *fixture = *state;

        uint64_t id = record(fixture, 1, 11, mail);
        assert_int_equal(store_delivery_retry(fixture->state, id, 1000, 3000, "exit status 1"), 0);
        expect_state(fixture, id, DELIVERY_PENDING, 1, 4000);
        assert_int_equal(store_retry_deliveries(fixture->state, &id, 1), 0);
        expect_state(fixture, id, DELIVERY_PENDING, 1, 0);
}

static void test_all_failed_ones_of_a_hook_are_retried(void **state)
{
        struct fixture *fixture = *state;
        uint64_t count = 99;

        uint64_t first = record_failed(fixture, 1, 11, mail), other = record_failed(fixture, 2, 11, web);
        uint64_t waiting = record(fixture, 3, 12, mail);
        assert_int_equal(store_delivery_retry(fixture->state, waiting, 1000, 3000, "exit status 1"), 0);
        assert_int_equal(store_retry_failed(fixture->state, "mail", &count), 0);
        assert_int_equal(count, 1);
        expect_state(fixture, first, DELIVERY_PENDING, 0, 0);
        expect_state(fixture, other, DELIVERY_FAILED, 1, 5);
        expect_state(fixture, waiting, DELIVERY_PENDING, 1, 4000);
        assert_int_equal(store_retry_failed(fixture->state, "none", &count), 0);
        assert_int_equal(count, 0);
}

/* One is neither pending nor failed: nothing is done. */
static void test_all_of_a_list_are_changed_or_none(void **state)
{
        struct fixture *fixture = *state;

        uint64_t failed = record_failed(fixture, 1, 11, mail), done = record(fixture, 2, 11, mail);
        assert_int_equal(store_delivery_done(fixture->state, done, 5), 0);
        for (unsigned missing = 0; missing < 2; missing++) {
                const uint64_t ids[] = { failed, missing ? 999 : done };

                assert_int_equal(store_retry_deliveries(fixture->state, ids, 2), -ENOENT);
                assert_int_equal(store_drop_deliveries(fixture->state, ids, 2), -ENOENT);
                fixture_reopen(fixture);
                expect_state(fixture, failed, DELIVERY_FAILED, 1, 5);
                expect_state(fixture, done, DELIVERY_DONE, 1, 5);
        }
}

static void test_pending_and_failed_ones_are_dropped(void **state)
{
        struct fixture *fixture = *state;
        struct stored_delivery found;

        const uint64_t ids[] = { record_failed(fixture, 1, 11, mail), record(fixture, 2, 11, mail) };
        uint64_t kept = record(fixture, 3, 11, mail);
        assert_int_equal(store_drop_deliveries(fixture->state, ids, 2), 0);
        fixture_reopen(fixture);
        assert_int_equal(store_get_delivery(fixture->state, ids[0], &found), 0);
        assert_int_equal(store_get_delivery(fixture->state, ids[1], &found), 0);
        expect_state(fixture, kept, DELIVERY_PENDING, 0, 0);
        assert_int_equal(store_delivery_done(fixture->state, ids[1], 5),
                         -ENOENT); /* an attempt was running */
}

/* A text that is kept for a delivery alone is cut as if that had been made. */
static void test_a_dropped_delivery_keeps_no_text(void **state)
{
        struct fixture *fixture = *state;
        struct event event = { .kind = EVENT_CHANGED, .outcome = OUTCOME_OPEN, .record.id = 11 }, found;
        static char large[10000];
        const char *logged[1] = { event.id };
        uint64_t id;

        memset(large, 'x', sizeof(large) - 1);
        memcpy(event.id, fixture_event_id(1), EVENT_ID_SIZE);
        event.record.has_result = true;
        event.record.result = (struct text){ large, sizeof(large) - 1 };
        assert_int_equal(store_record_event(fixture->state, &event, mail, 1, &id), 0);
        assert_int_equal(store_mark_logged(fixture->state, logged, 1), 0);
        record(fixture, 2, 11, web); /* its result is another */
        assert_int_equal(store_get_event(fixture->state, event.id, &found), 1);
        assert_int_equal(found.record.result.size, sizeof(large) - 1);
        event_clear(&found);
        assert_int_equal(store_drop_deliveries(fixture->state, &id, 1), 0);
        assert_int_equal(store_get_event(fixture->state, event.id, &found), 1);
        assert_int_equal(found.record.result.size, 4096);
        assert_int_equal(found.result_size, sizeof(large) - 1);
        event_clear(&found);
}

static void test_a_damaged_delivery_is_not_read(void **state)
{
        struct fixture *fixture = *state;
        struct stored_delivery found;

        uint64_t id = record(fixture, 1, 11, mail);
        assert_int_equal(fixture_execute(fixture->state, "UPDATE deliveries SET state = 'nonsense'", NULL),
                         0);
        assert_int_equal(store_get_delivery(fixture->state, id, &found), -EUCLEAN);
}

int main(void)
{
#define TEST(function) cmocka_unit_test_setup_teardown(function, fixture_setup, fixture_teardown)
        static const struct CMUnitTest tests[] = {
                TEST(test_a_delivery_is_read_by_its_id),
                TEST(test_failed_ones_begin_anew_in_the_order_of_their_events),
                TEST(test_one_that_waits_for_a_retry_is_due),
                TEST(test_all_failed_ones_of_a_hook_are_retried),
                TEST(test_all_of_a_list_are_changed_or_none),
                TEST(test_pending_and_failed_ones_are_dropped),
                TEST(test_a_dropped_delivery_keeps_no_text),
                TEST(test_a_damaged_delivery_is_not_read),
        };

        return cmocka_run_group_tests_name("state_retry", tests, NULL, NULL);
}
