/* SPDX-License-Identifier: MIT */

/* Deliveries: which may start, in which order, and that they survive a reopen. */

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "state/sqlite/database.h"
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

/* Compares the last digits of the event ids of the due deliveries, at most 16. */
static void assert_due(struct fixture *fixture, const char *hook, uint64_t now_us, const uint64_t *busy,
                       size_t busy_count, const char *expected, uint64_t *ret_ids)
{
        struct delivery deliveries[16];
        char found[512] = "";

        int count = store_due_deliveries(fixture->state, hook, now_us, busy, busy_count, deliveries, 16);
        assert_true(count >= 0);
        for (int i = 0; i < count; i++) {
                strcat(found, deliveries[i].event_id + EVENT_ID_SIZE - 4);
                strcat(found, " ");
                if (ret_ids != NULL)
                        ret_ids[i] = deliveries[i].id;
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

static void test_in_order_for_a_job_and_hook(void **state)
{
        struct fixture *fixture = *state;
        uint64_t ids[16], next_us = 7;

        assert_int_equal(store_next_delivery(fixture->state, "mail", NULL, 0, &next_us), 0);
        assert_int_equal(next_us, 7);

        record(fixture, 1, 10, 100, mail_and_restart, 2);
        record(fixture, 2, 10, 50, mail_and_restart, 2); /* the clock was set back */
        record(fixture, 3, 20, 80, mail, 1);
        fixture_reopen(fixture);

        /* Due at once, even if the clock was set back before the event. */
        assert_due(fixture, "mail", 1, NULL, 0, "003 001 ", ids);
        assert_due(fixture, "restart", 100, NULL, 0, "001 ", NULL);
        assert_due(fixture, "unknown", 100, NULL, 0, "", NULL);
        assert_int_equal(store_next_delivery(fixture->state, "mail", NULL, 0, &next_us), 1);
        assert_int_equal(next_us, 0);

        /* A retried delivery waits for its time, and follows those that are due for longer. */
        assert_int_equal(store_delivery_retry(fixture->state, ids[0], 100, 20, "later"), 0);
        fixture_reopen(fixture);
        assert_due(fixture, "mail", 119, NULL, 0, "001 ", NULL);
        assert_due(fixture, "mail", 120, NULL, 0, "001 003 ", NULL);
        assert_int_equal(store_next_delivery(fixture->state, "mail", &ids[1], 1, &next_us), 1);
        assert_int_equal(next_us, 120);
        assert_int_equal(store_next_delivery(fixture->state, "mail", NULL, 0, &next_us), 1);
        assert_int_equal(next_us, 0);

        /* Event 1 is done: event 2 is due for mail, and waits for it at the other hook. */
        assert_int_equal(store_delivery_done(fixture->state, ids[1], 200), 0);
        fixture_reopen(fixture);
        assert_due(fixture, "mail", 120, NULL, 0, "002 003 ", NULL);
        assert_due(fixture, "restart", 100, NULL, 0, "001 ", NULL);
}

/* Each hook's delivery can be identified from the moment when the event is recorded. */
static void test_ids_are_returned(void **state)
{
        struct fixture *fixture = *state;
        uint64_t ids[2], due[16];

        for (unsigned number = 1; number <= 2; number++) {
                struct event event = fixture_event(number, number, EVENT_CHANGED);

                assert_int_equal(store_record_event(fixture->state, &event, mail_and_restart, 2, ids), 0);
                assert_due(fixture, "mail", 1000, NULL, 0, number == 1 ? "001 " : "001 002 ", due);
                assert_int_equal(ids[0], due[number - 1]);
                assert_due(fixture, "restart", 1000, NULL, 0, number == 1 ? "001 " : "001 002 ", due);
                assert_int_equal(ids[1], due[number - 1]);
        }
}

static void test_retry_holds_the_queue(void **state)
{
        struct fixture *fixture = *state;
        struct delivery delivery;
        uint64_t ids[16], next_us;

        record(fixture, 1, 10, 100, mail, 1);
        record(fixture, 2, 10, 101, mail, 1);
        assert_due(fixture, "mail", 1000, NULL, 0, "001 ", ids);
        assert_int_equal(store_delivery_retry(fixture->state, ids[0], 1000, 4000, "exit status 1"), 0);
        fixture_reopen(fixture);

        assert_due(fixture, "mail", 4999, NULL, 0, "", NULL);
        assert_int_equal(store_next_delivery(fixture->state, "mail", NULL, 0, &next_us), 1);
        assert_int_equal(next_us, 5000);
        assert_int_equal(store_due_deliveries(fixture->state, "mail", 5000, NULL, 0, &delivery, 1), 1);
        assert_int_equal(delivery.attempts, 1);
        assert_int_equal(delivery.job_id, 10);
        assert_int_equal(delivery.next_us, 5000);

        /* A failed delivery is not due again; the next one is. */
        assert_int_equal(store_delivery_failed(fixture->state, ids[0], 5001, NULL), 0);
        fixture_reopen(fixture);
        assert_due(fixture, "mail", 5001, NULL, 0, "002 ", NULL);
        assert_int_equal(store_delivery_done(fixture->state, ids[0], 5002), -ENOENT);
        assert_int_equal(store_delivery_retry(fixture->state, ids[0], 5002, 1, NULL), -ENOENT);
        assert_int_equal(store_delivery_failed(fixture->state, 12345, 5002, "x"), -ENOENT);
        assert_int_equal(pending(fixture, mail, 1), 1);
}

static void assert_next(struct fixture *fixture, uint64_t expected_us)
{
        uint64_t next_us;

        assert_int_equal(store_next_delivery(fixture->state, "mail", NULL, 0, &next_us), 1);
        assert_int_equal(next_us, expected_us);
}

#define DELAY_MAX 4200

static void rebase(struct fixture *fixture, uint64_t now_us)
{
        fixture_reopen(fixture);
        assert_int_equal(store_rebase_deliveries(fixture->state, "mail", now_us, DELAY_MAX), 0);
}

static void test_waits_for_what_remains_of_its_delay(void **state)
{
        struct fixture *fixture = *state;
        uint64_t ids[16];

        record(fixture, 1, 10, 100, mail, 1);
        rebase(fixture, 50);
        assert_next(fixture, 0); /* at once */
        assert_due(fixture, "mail", 100, NULL, 0, "001 ", ids);
        assert_int_equal(store_delivery_retry(fixture->state, ids[0], 100000, 300, "later"), 0);

        rebase(fixture, 100100); /* 200 remain */
        assert_next(fixture, 100300);
        rebase(fixture, 100000);
        assert_next(fixture, 100300);
        rebase(fixture, 900000); /* overdue */
        assert_due(fixture, "mail", 900000, NULL, 0, "001 ", NULL);

        /* The clock was set back: its own delay, and not longer if that happens again. */
        rebase(fixture, 5000);
        assert_next(fixture, 5300);
        rebase(fixture, 4000);
        assert_next(fixture, 4300);
        rebase(fixture, 4100);
        assert_next(fixture, 4300);
        assert_int_equal(store_rebase_deliveries(fixture->state, "restart", 1, DELAY_MAX), 0);
        assert_next(fixture, 4300); /* of another hook */
}

static void test_no_delay_exceeds_the_longest(void **state)
{
        struct fixture *fixture = *state;
        uint64_t ids[16];

        record(fixture, 1, 10, 100, mail, 1);
        assert_due(fixture, "mail", 100, NULL, 0, "001 ", ids);
        assert_int_equal(store_delivery_retry(fixture->state, ids[0], 100000, 90000, "later"), 0);
        rebase(fixture, 100000);
        assert_next(fixture, 100000 + DELAY_MAX);

        /* Written by a version that stored no time of the attempt. */
        assert_int_equal(store_execute(fixture->state, "UPDATE deliveries SET ended_us = NULL", NULL), 0);
        rebase(fixture, 100000 + DELAY_MAX - 1);
        assert_next(fixture, 100000 + DELAY_MAX);
        rebase(fixture, 1000);
        assert_next(fixture, 1000 + DELAY_MAX);
}

static void test_busy_ones_are_left_out(void **state)
{
        struct fixture *fixture = *state;
        uint64_t ids[16], next_us;

        for (unsigned number = 1; number <= 5; number++)
                record(fixture, number, number, 100 + number, mail, 1);
        record(fixture, 6, 1, 106, mail, 1);
        assert_due(fixture, "mail", 1000, NULL, 0, "001 002 003 004 005 ", ids);

        /* A delivery in progress also blocks the next of its job. */
        uint64_t busy[] = { ids[0], ids[2], ids[4] };
        assert_due(fixture, "mail", 1000, busy, 3, "002 004 ", NULL);
        assert_int_equal(store_next_delivery(fixture->state, "mail", busy, 3, &next_us), 1);
        assert_int_equal(next_us, 0);
        assert_int_equal(store_next_delivery(fixture->state, "mail", ids, 5, &next_us), 0);
        assert_due(fixture, "mail", 1000, ids, 5, "", NULL);
}

static void test_thousand_deliveries(void **state)
{
        struct fixture *fixture = *state;
        unsigned last_event[10] = { 0 }, done = 0;
        struct delivery deliveries[7];

        assert_int_equal(store_batch_begin(fixture->state), 0);
        for (unsigned number = 1; number <= 1000; number++)
                record(fixture, number, number % 10, 1000 - number, mail, 1);
        assert_int_equal(store_batch_end(fixture->state, true), 0);
        assert_int_equal(pending(fixture, mail, 1), 1000);

        while (done < 1000) {
                int count = store_due_deliveries(fixture->state, "mail", 1000, NULL, 0, deliveries, 7);
                assert_in_range(count, 1, 7);
                for (int i = 0; i < count; i++, done++) {
                        unsigned event = (unsigned)strtoul(deliveries[i].event_id + 24, NULL, 10);
                        assert_int_equal(event % 10, deliveries[i].job_id);
                        assert_true(event > last_event[event % 10]);
                        last_event[event % 10] = event;
                        assert_int_equal(store_delivery_done(fixture->state, deliveries[i].id, 2000), 0);
                }
                if (done % 100 < 7)
                        fixture_reopen(fixture);
        }
        assert_int_equal(pending(fixture, mail, 1), 0);
        for (unsigned job = 0; job < 10; job++)
                assert_int_equal(last_event[job], job == 0 ? 1000 : 990 + job);
}

static void test_ids_never_come_back(void **state)
{
        struct fixture *fixture = *state;
        const char *id = "00000000-0000-4000-8000-000000000001";
        uint64_t first[16], second[16];

        record(fixture, 1, 1, 100, mail, 1);
        assert_due(fixture, "mail", 1000, NULL, 0, "001 ", first);
        assert_int_equal(store_delivery_done(fixture->state, first[0], 1), 0);
        assert_int_equal(store_mark_logged(fixture->state, &id, 1), 0);
        assert_int_equal(store_prune(fixture->state, UINT64_MAX, 0, &NOTHING_CONFIGURED), 0);
        fixture_reopen(fixture);

        record(fixture, 2, 1, 100, mail, 1);
        assert_due(fixture, "mail", 1000, NULL, 0, "002 ", second);
        assert_true(second[0] > first[0]);
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
        uint64_t ids[16];

        assert_pending_hooks(fixture, "");
        for (unsigned number = 1; number <= 3; number++)
                record(fixture, number, number, 100, hooks, number == 3 ? 3 : 4);
        assert_due(fixture, "mail", 1000, NULL, 0, "001 002 003 ", ids);
        assert_int_equal(store_delivery_failed(fixture->state, ids[0], 1, NULL), 0);
        fixture_reopen(fixture);
        assert_pending_hooks(fixture, "a 3 mail 2 restart 3 z 2 ");
}

/* Those of hooks that are not configured are kept as long as other events, in their order. */
static void test_pending_deliveries_of_a_removed_hook(void **state)
{
        struct fixture *fixture = *state;
        static const char *const old[] = { "old" };
        const uint64_t recorded_us = fixture_event(1, 1, EVENT_CHANGED).time_us;
        uint64_t ids[16];

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
        assert_due(fixture, "old", 1000, NULL, 0, "001 003 ", ids);
        assert_int_equal(store_delivery_done(fixture->state, ids[0], 1), 0);
        assert_due(fixture, "old", 1000, NULL, 0, "002 003 ", ids);

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

static void note_failed(void *userdata, uint64_t job_id, const char *hook)
{
        struct failed *failed = userdata;

        failed->count++;
        failed->job_id = job_id;
        (void)snprintf(failed->hook, sizeof(failed->hook), "%s", hook);
}

static void test_pending_and_failed_ones_are_counted(void **state)
{
        struct fixture *fixture = *state;
        struct failed failed = { .count = 0 };
        uint64_t ids[3], count = 7;

        assert_int_equal(store_count_pending(fixture->state, "mail", &count), 0);
        assert_int_equal(count, 0);
        assert_int_equal(store_each_failed_delivery(fixture->state, note_failed, &failed), 0);
        assert_int_equal(failed.count, 0);

        for (unsigned number = 1; number <= 3; number++)
                record(fixture, number, number + 10, 100, mail_and_restart, 2);
        assert_due(fixture, "mail", 1000, NULL, 0, "001 002 003 ", ids);
        assert_int_equal(store_delivery_failed(fixture->state, ids[1], 5, "exit status 1"), 0);
        assert_int_equal(store_delivery_done(fixture->state, ids[2], 6), 0);
        fixture_reopen(fixture);
        assert_int_equal(store_count_pending(fixture->state, "mail", &count), 0);
        assert_int_equal(count, 1);
        assert_int_equal(store_count_pending(fixture->state, "restart", &count), 0);
        assert_int_equal(count, 3);
        assert_int_equal(store_each_failed_delivery(fixture->state, note_failed, &failed), 0);
        assert_int_equal(failed.count, 1);
        assert_int_equal(failed.job_id, 12);
        assert_string_equal(failed.hook, "mail");
}

int main(void)
{
#define TEST(function) cmocka_unit_test_setup_teardown(function, fixture_setup, fixture_teardown)
        const struct CMUnitTest tests[] = {
                TEST(test_in_order_for_a_job_and_hook),
                TEST(test_ids_are_returned),
                TEST(test_retry_holds_the_queue),
                TEST(test_waits_for_what_remains_of_its_delay),
                TEST(test_no_delay_exceeds_the_longest),
                TEST(test_busy_ones_are_left_out),
                TEST(test_thousand_deliveries),
                TEST(test_ids_never_come_back),
                TEST(test_pending_hooks),
                TEST(test_pending_deliveries_of_a_removed_hook),
                TEST(test_pending_and_failed_ones_are_counted),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
