/* SPDX-License-Identifier: MIT */

/* Deliveries: their order, and that they survive a reopen. */

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "state_fixture.h"

static const char *const mail[] = { "mail" };
static const char *const mail_and_restart[] = { "mail", "restart" };

/* Records an event of `time_us`, which orders deliveries before their first attempt. */
static void record(struct fixture *fixture, unsigned number, uint64_t job, uint64_t time_us,
                   const char *const hooks[], size_t hook_count)
{
        struct event event = fixture_event(number, job, EVENT_CHANGED);

        event.time_us = time_us;
        assert_int_equal(store_record_event(fixture->state, &event, hooks, hook_count, NULL), 0);
}

/* Reads up to 16 pending deliveries and compares the last digits of the ids of their events. */
static void assert_pending(struct fixture *fixture, const char *hook, uint64_t after, const char *expected,
                           struct delivery ret_deliveries[])
{
        struct delivery deliveries[16];
        char found[512] = "";

        int count = store_pending_deliveries(fixture->state, hook, after, deliveries, 16);
        assert_true(count >= 0);
        for (int i = 0; i < count; i++) {
                strcat(found, deliveries[i].event_id + EVENT_ID_SIZE - 4);
                strcat(found, " ");
                if (ret_deliveries != NULL)
                        ret_deliveries[i] = deliveries[i];
        }
        assert_string_equal(found, expected);
}

static uint64_t pending(struct fixture *fixture, const char *const hooks[], size_t hook_count)
{
        uint64_t count = 0;

        for (size_t i = 0; i < hook_count; i++)
                count += fixture_pending(fixture->state, hooks[i]);
        return count;
}

static void test_in_the_order_of_recording(void **state)
{
        struct fixture *fixture = *state;
        struct delivery found[16];

        record(fixture, 1, 10, 100, mail_and_restart, 2);
        record(fixture, 2, 10, 50, mail_and_restart, 2); /* the clock was set back */
        record(fixture, 3, 20, 80, mail, 1);
        fixture_reopen(fixture);
        assert_pending(fixture, "mail", 0, "001 002 003 ", found);
        assert_pending(fixture, "restart", 0, "001 002 ", NULL);
        assert_pending(fixture, "unknown", 0, "", NULL);
        for (unsigned i = 0; i < 3; i++) {
                assert_int_equal(found[i].job_id, i == 2 ? 20 : 10);
                assert_int_equal(found[i].attempts, 0);
                assert_int_equal(found[i].next_us, 0); /* at once, even if the clock is set back */
                assert_int_equal(found[i].delay_us, 0);
        }

        /* A retry does not change the order, nor does the end of another one. */
        assert_int_equal(store_delivery_retry(fixture->state, found[0].id, 100, 20, "later"), 0);
        assert_int_equal(store_delivery_done(fixture->state, found[1].id, 200), 0);
        fixture_reopen(fixture);
        assert_pending(fixture, "mail", 0, "001 003 ", found);
        assert_int_equal(found[0].attempts, 1);
        assert_int_equal(found[0].next_us, 120);
        assert_int_equal(found[0].delay_us, 20);
        assert_pending(fixture, "restart", 0, "001 002 ", NULL);
}

/* Each hook's delivery is known by its id from the moment when the event is recorded. */
static void test_known_by_their_ids(void **state)
{
        struct fixture *fixture = *state;
        struct delivery found[16];
        uint64_t ids[2];

        for (unsigned number = 1; number <= 2; number++) {
                struct event event = fixture_event(number, number, EVENT_CHANGED);

                assert_int_equal(store_record_event(fixture->state, &event, mail_and_restart, 2, ids), 0);
                assert_pending(fixture, "mail", 0, number == 1 ? "001 " : "001 002 ", found);
                assert_int_equal(ids[0], found[number - 1].id);
                assert_pending(fixture, "restart", 0, number == 1 ? "001 " : "001 002 ", found);
                assert_int_equal(ids[1], found[number - 1].id);
        }
}

static void test_read_in_parts(void **state)
{
        struct fixture *fixture = *state;
        struct delivery found[16], part[2];
        uint64_t after = 0;

        for (unsigned number = 1; number <= 5; number++)
                record(fixture, number, number, 100, mail_and_restart, 2);
        assert_pending(fixture, "mail", 0, "001 002 003 004 005 ", found);
        for (unsigned read = 0; read < 5;) {
                int count = store_pending_deliveries(fixture->state, "mail", after, part, 2);
                assert_int_equal(count, read < 4 ? 2 : 1);
                for (int i = 0; i < count; i++, read++)
                        assert_int_equal(part[i].id, found[read].id);
                after = part[count - 1].id;
        }
        assert_int_equal(store_pending_deliveries(fixture->state, "mail", after, part, 2), 0);
        assert_int_equal(store_pending_deliveries(fixture->state, "mail", 0, part, 0), 0);
}

static void test_ends_once(void **state)
{
        struct fixture *fixture = *state;
        struct delivery found[16];

        record(fixture, 1, 10, 100, mail, 1);
        record(fixture, 2, 10, 101, mail, 1);
        assert_pending(fixture, "mail", 0, "001 002 ", found);
        assert_int_equal(store_delivery_failed(fixture->state, found[0].id, 5001, NULL), 0);
        fixture_reopen(fixture);
        assert_pending(fixture, "mail", 0, "002 ", NULL);
        assert_int_equal(store_delivery_done(fixture->state, found[0].id, 5002), -ENOENT);
        assert_int_equal(store_delivery_retry(fixture->state, found[0].id, 5002, 1, NULL), -ENOENT);
        assert_int_equal(store_delivery_failed(fixture->state, 12345, 5002, "x"), -ENOENT);
        assert_int_equal(pending(fixture, mail, 1), 1);
}

/* Such a delivery is taken to wait for the longest delay. */
static void test_a_delay_that_was_not_stored(void **state)
{
        struct fixture *fixture = *state;
        struct delivery found[16];

        record(fixture, 1, 10, 100, mail, 1);
        assert_pending(fixture, "mail", 0, "001 ", found);
        assert_int_equal(store_delivery_retry(fixture->state, found[0].id, 100000, 300, "later"), 0);
        assert_int_equal(fixture_execute(fixture->state, "UPDATE deliveries SET ended_us = NULL", NULL), 0);
        fixture_reopen(fixture);
        assert_pending(fixture, "mail", 0, "001 ", found);
        assert_int_equal(found[0].next_us, 100300);
        assert_int_equal(found[0].delay_us, 100300);
}

static void test_ids_never_come_back(void **state)
{
        struct fixture *fixture = *state;
        const char *id = "00000000-0000-4000-8000-000000000001";
        struct delivery first[16], second[16];

        record(fixture, 1, 1, 100, mail, 1);
        assert_pending(fixture, "mail", 0, "001 ", first);
        assert_int_equal(store_delivery_done(fixture->state, first[0].id, 1), 0);
        assert_int_equal(store_mark_logged(fixture->state, &id, 1), 0);
        assert_int_equal(store_prune(fixture->state, UINT64_MAX, 0, &NOTHING_CONFIGURED), 0);
        fixture_reopen(fixture);

        record(fixture, 2, 1, 100, mail, 1);
        assert_pending(fixture, "mail", 0, "002 ", second);
        assert_true(second[0].id > first[0].id);
}

static void add_hook(void *userdata, const char *hook, uint64_t count)
{
        char text[64];

        (void)snprintf(text, sizeof(text), "%s %llu ", hook, (unsigned long long)count);
        strcat(userdata, text);
}

static void assert_pending_hooks(struct fixture *fixture, const char *expected)
{
        char hooks[256] = "";

        assert_int_equal(store_each_pending_hook(fixture->state, add_hook, hooks), 0);
        assert_string_equal(hooks, expected);
}

static void test_pending_hooks(void **state)
{
        struct fixture *fixture = *state;
        const char *const hooks[] = { "a", "mail", "restart", "z" };
        struct delivery found[16];

        assert_pending_hooks(fixture, "");
        for (unsigned number = 1; number <= 3; number++)
                record(fixture, number, number, 100, hooks, number == 3 ? 3 : 4);
        assert_pending(fixture, "mail", 0, "001 002 003 ", found);
        assert_int_equal(store_delivery_failed(fixture->state, found[0].id, 1, NULL), 0);
        fixture_reopen(fixture);
        assert_pending_hooks(fixture, "a 3 mail 2 restart 3 z 2 ");
}

/* Those of hooks that are not configured are kept as long as other events, in their order. */
static void test_pending_deliveries_of_a_removed_hook(void **state)
{
        struct fixture *fixture = *state;
        static const char *const old[] = { "old" };
        const uint64_t recorded_us = fixture_event(1, 1, EVENT_CHANGED).time_us;
        struct delivery found[16];

        for (unsigned number = 1; number <= 4; number++) {
                const char *id = fixture_event_id(number);
                record(fixture, number, 1 + number / 3, 100, number < 4 ? old : mail, 1);
                assert_int_equal(store_mark_logged(fixture->state, &id, 1), 0);
        }
        assert_int_equal(store_prune(fixture->state, UINT64_MAX, 1000,
                                     &(struct store_configured){ .hooks = mail, .hook_count = 1 }),
                         0);
        fixture_reopen(fixture);
        assert_pending_hooks(fixture, "mail 1 old 3 ");
        assert_pending(fixture, "old", 0, "001 002 003 ", found);
        assert_int_equal(store_delivery_done(fixture->state, found[0].id, 1), 0);
        assert_pending(fixture, "old", 0, "002 003 ", NULL);

        assert_int_equal(store_prune(fixture->state, recorded_us + 1000, 0,
                                     &(struct store_configured){ .hooks = old, .hook_count = 1 }),
                         0);
        assert_pending_hooks(fixture, "mail 1 old 2 ");
        assert_int_equal(store_prune(fixture->state, recorded_us + 1000, 0,
                                     &(struct store_configured){ .hooks = mail, .hook_count = 1 }),
                         0);
        fixture_reopen(fixture);
        assert_pending_hooks(fixture, "mail 1 ");
}

struct failed {
        unsigned count;
        uint64_t job_id;
        char hook[16];
};

static void note_failed(void *userdata, uint64_t job_id, bool job_is_added, const char *hook)
{
        (void)job_is_added;
        struct failed *failed = userdata;

        failed->count++;
        failed->job_id = job_id;
        (void)snprintf(failed->hook, sizeof(failed->hook), "%s", hook);
}

static void test_failed_ones_are_counted(void **state)
{
        struct fixture *fixture = *state;
        struct failed failed = { .count = 0 };
        struct delivery found[16];

        assert_int_equal(store_each_failed_delivery(fixture->state, note_failed, &failed), 0);
        assert_int_equal(failed.count, 0);

        for (unsigned number = 1; number <= 3; number++)
                record(fixture, number, number + 10, 100, mail_and_restart, 2);
        assert_pending(fixture, "mail", 0, "001 002 003 ", found);
        assert_int_equal(store_delivery_failed(fixture->state, found[1].id, 5, "exit status 1"), 0);
        assert_int_equal(store_delivery_done(fixture->state, found[2].id, 6), 0);
        fixture_reopen(fixture);
        assert_int_equal(store_each_failed_delivery(fixture->state, note_failed, &failed), 0);
        assert_int_equal(failed.count, 1);
        assert_int_equal(failed.job_id, 12);
        assert_string_equal(failed.hook, "mail");
}

int main(void)
{
#define TEST(function) cmocka_unit_test_setup_teardown(function, fixture_setup, fixture_teardown)
        const struct CMUnitTest tests[] = {
                TEST(test_in_the_order_of_recording),
                TEST(test_known_by_their_ids),
                TEST(test_read_in_parts),
                TEST(test_ends_once),
                TEST(test_a_delay_that_was_not_stored),
                TEST(test_ids_never_come_back),
                TEST(test_pending_hooks),
                TEST(test_pending_deliveries_of_a_removed_hook),
                TEST(test_failed_ones_are_counted),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
