/* SPDX-License-Identifier: MIT */

/*
 * Each call of SQLite fails in turn, once or from then on: every function of the state returns an error, and
 * succeeds when it is called again. The disk and the memory below SQLite fail in test_state_faults.c.
 */

#include <errno.h>
#include <sqlite3.h>
#include <string.h>

#include "fault_sqlite.h"
#include "fault_vfs.h"
#include "state/sqlite/database.h"
#include "state_calls.h"

static int (*const calls[])(struct fixture *fixture) = {
        call_record,
        call_record_known,
        call_batch,
        call_batch_dropped,
        call_get_event,
        call_each_unlogged,
        call_mark_logged,
        call_mark_logged_in_batch,
        call_prune,
        call_pending_deliveries,
        call_each_failed_delivery,
        call_delivery_done,
        call_delivery_retry,
        call_each_pending_hook,
        call_put_value,
        call_get_value,
        call_delete_value,
        call_update_job,
        call_get_job,
        call_fill_event,
};

#define CALLS (sizeof(calls) / sizeof(calls[0]))

/* ---- failing in turn ---- */

/* Calls it while the fault lasts and again after it. Returns whether the fault was reached. */
static bool fail_call(struct fixture *fixture, size_t i, unsigned nth, bool stays)
{
        calls_prepare(fixture);
        fault_sqlite_arm(nth, SQLITE_IOERR_READ, stays);
        int r = calls[i](fixture);
        int again = stays && r < 0 ? calls[i](fixture) : -EIO;
        if (!fault_sqlite_disarm()) {
                assert_true(r >= 0);
                return false;
        }
        if (r >= 0 && calls[i] == call_batch_dropped)
                return true; /* the next transaction rolls back */
        if (r != -EIO || again != -EIO)
                fail_msg("call %zu, fault %u%s: %d, then %d", i, nth, stays ? " and on" : "", r, again);
        assert_string_not_equal(store_error(fixture->state), "no error");
        r = calls[i](fixture);
        if (r < 0)
                fail_msg("call %zu after fault %u%s: %d (%s)", i, nth, stays ? " and on" : "", r,
                         store_error(fixture->state));
        return true;
}

static void test_each_call_fails(void **state)
{
        for (size_t i = 0; i < CALLS; i++)
                for (unsigned stays = 0; stays < 2; stays++) {
                        unsigned nth = 1;

                        while (fail_call(*state, i, nth, stays != 0))
                                nth++;
                        assert_true(nth > 1);
                }
}

/* A failed write of a batch is undone alone; if that fails, the batch is lost. */
static void test_undoing_fails(void **state)
{
        struct fixture *fixture = *state;
        unsigned lost = 0, nth = 1;

        for (;; nth++) {
                calls_prepare(fixture);
                assert_int_equal(store_batch_begin(fixture->state), 0);
                assert_int_equal(call_record_number(fixture, call_number + 1), 0);
                fault_sqlite_arm(nth, SQLITE_IOERR_READ, false);
                int r = call_record_number(fixture, call_number); /* exists already */
                bool reached = fault_sqlite_disarm();
                assert_true(r == -EEXIST || (reached && r == -EIO));
                r = store_batch_end(fixture->state, true);
                call_number++;
                assert_int_equal(call_get_event(fixture), r < 0 ? 0 : 1);
                lost += r < 0;
                if (!reached)
                        break;
        }
        assert_in_range(lost, 1, nth - 1);
}

/* In a lost batch, calls fail without reaching SQLite or with it. */
static void test_a_lost_batch(void **state)
{
        struct fixture *fixture = *state;

        calls_prepare(fixture);
        assert_int_equal(store_batch_begin(fixture->state), 0);
        assert_int_equal(store_execute(fixture->state, "ROLLBACK", NULL), 0); /* as SQLite does by itself */
        fault_sqlite_arm(1, SQLITE_IOERR_READ, true);
        assert_int_equal(call_pending_deliveries(fixture), -EIO);
        assert_int_equal(call_get_event(fixture), -EIO);
        assert_int_equal(call_record(fixture), -EIO);
        assert_true(fault_sqlite_disarm());
        assert_int_equal(store_batch_end(fixture->state, true), -EIO);
        assert_int_equal(call_record(fixture), 0);
}

int main(void)
{
        if (fault_vfs_register() != SQLITE_OK)
                return 1;

#define TEST(function) cmocka_unit_test_setup_teardown(function, fixture_setup, fixture_teardown)
        const struct CMUnitTest tests[] = {
                TEST(test_each_call_fails),
                TEST(test_undoing_fails),
                TEST(test_a_lost_batch),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
