/* SPDX-License-Identifier: MIT */

/*
 * What the errors of SQLite mean, batches that are lost by one, and columns of the wrong type or without
 * memory. That every function can be called again after an error is shown by test_state_faults.c.
 */

#include <errno.h>
#include <sqlite3.h>
#include <stdlib.h>
#include <string.h>

#include "fault_sqlite.h"
#include "fault_vfs.h"
#include "state/sqlite/query.h"
#include "state_fixture.h"

/* Every text of an event with this number is set. */
#define FIRST 210

static const char *const hooks[] = { "chat", "mail" };

static int record(struct fixture *fixture, unsigned number)
{
        struct event event = fixture_event(number, number, EVENT_SEEN);

        return store_record_event(fixture->state, &event, hooks, 2, NULL);
}

static int read_pending(struct fixture *fixture)
{
        struct delivery deliveries[2];

        return store_pending_deliveries(fixture->state, "mail", 0, deliveries, 2);
}

static int read_event(struct fixture *fixture)
{
        struct event event = { 0 };

        int r = store_get_event(fixture->state, fixture_event_id(FIRST), &event);
        event_clear(&event);
        return r;
}

static int setup(void **state)
{
        int r = fixture_setup(state);

        assert_int_equal(record(*state, FIRST), 0);
        assert_int_equal(store_put_value(((struct fixture *)*state)->state, "token", "first", 5), 0);
        return r;
}

/* ---- what the codes mean ---- */

static void test_codes(void **state)
{
        static const struct {
                int code, system_errno, expected;
                const char *words;
        } cases[] = {
                { SQLITE_IOERR_CORRUPTFS, 0, -EUCLEAN, "the database is damaged" },
                { SQLITE_CORRUPT, 0, -EUCLEAN, "the database is damaged" },
                { SQLITE_NOTADB, 0, -EUCLEAN, "the database is damaged" },
                { SQLITE_NOMEM, 0, -EUCLEAN, "the database is damaged" }, /* a size that SQLite refuses */
                { SQLITE_CONSTRAINT_NOTNULL, 0, -EUCLEAN, "the database is damaged" },
                { SQLITE_CONSTRAINT_UNIQUE, 0, -EEXIST, "already exists" },
                { SQLITE_CONSTRAINT_PRIMARYKEY, 0, -EEXIST, "already exists" },
                { SQLITE_ERROR, 0, -EUCLEAN, "the database is damaged" },
                { SQLITE_FULL, 0, -ENOSPC, "disk full" },
                { SQLITE_READONLY, 0, -EROFS, "read-only" },
                { SQLITE_PERM, 0, -EACCES, "no permission" },
                { SQLITE_AUTH, 0, -EACCES, "no permission" },
                { SQLITE_BUSY, 0, -EBUSY, "in use by another program" },
                { SQLITE_LOCKED, 0, -EBUSY, "in use by another program" },
                { SQLITE_TOOBIG, 0, -E2BIG, "too large" },
                { SQLITE_MISUSE, 0, -EIO, "disk error" },
                { SQLITE_IOERR_WRITE, ENOSPC, -ENOSPC, "disk full" },
                { SQLITE_IOERR_WRITE, EDQUOT, -ENOSPC, "disk full" },
                { SQLITE_IOERR_WRITE, EFBIG, -ENOSPC, "disk full" },
                { SQLITE_IOERR_WRITE, EROFS, -EROFS, "read-only" },
                { SQLITE_IOERR_WRITE, EACCES, -EACCES, "no permission" },
                { SQLITE_IOERR_WRITE, EPERM, -EPERM, "no permission" },
                { SQLITE_IOERR_WRITE, ENOMEM, -ENOMEM, "out of memory" },
                { SQLITE_IOERR_WRITE, EIO, -EIO, "disk error" },
                { SQLITE_CANTOPEN, EROFS, -EROFS, "read-only" },
                { SQLITE_CANTOPEN, 0, -EACCES, "no permission" },
        };
        struct fixture *fixture = *state;

        for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
                fault_sqlite_arm(1, cases[i].code, false);
                fault_sqlite_set_errno(cases[i].system_errno);
                int r = read_pending(fixture);
                assert_true(fault_sqlite_disarm());
                if (r != cases[i].expected)
                        fail_msg("code %d with errno %d is %d, not %d", cases[i].code, cases[i].system_errno,
                                 r, cases[i].expected);
                assert_non_null(strstr(store_error(fixture->state), cases[i].words));
        }
}

static void test_opening_fails(void **state)
{
        static const struct {
                int code, expected;
                const char *words;
        } cases[] = {
                { SQLITE_IOERR_READ, -EIO, "Cannot open" },
                { SQLITE_BUSY, -EBUSY, "is in use by another program" },
                { SQLITE_CORRUPT, -EUCLEAN, "cannot be used" },
        };
        struct fixture *fixture = *state;

        fixture_close(fixture);
        for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
                for (unsigned nth = 1;; nth++) {
                        char *message = NULL;

                        fault_sqlite_arm(nth, cases[i].code, false);
                        int r = store_open(fixture->directory, &message, &fixture->state);
                        if (!fault_sqlite_disarm()) {
                                assert_int_equal(r, 0);
                                fixture_close(fixture);
                                break;
                        }
                        assert_int_equal(r, cases[i].expected);
                        assert_non_null(strstr(message, cases[i].words));
                        free(message);
                }
        fixture_open(fixture);
}

/* ---- batches ---- */

/* A failed write of a batch is undone alone; if that fails, the batch is lost. */
static void test_undoing_fails(void **state)
{
        struct fixture *fixture = *state;
        unsigned lost = 0, nth = 1;

        for (bool reached = true; reached; nth++) {
                assert_int_equal(store_batch_begin(fixture->state), 0);
                assert_int_equal(record(fixture, 1 + nth), 0);
                fault_sqlite_arm(nth, SQLITE_IOERR_READ, false);
                int r = record(fixture, FIRST); /* exists already */
                reached = fault_sqlite_disarm();
                assert_true(r == -EEXIST || (reached && r == -EIO));
                r = store_batch_end(fixture->state, true);
                lost += r < 0;

                struct stored_job job;
                assert_int_equal(store_get_job(fixture->state, 1 + nth, &job), r < 0 ? 0 : 1);
        }
        assert_in_range(lost, 1, nth - 1);
}

/* In a lost batch, calls fail without reaching SQLite or with it. */
static void test_a_lost_batch(void **state)
{
        struct fixture *fixture = *state;

        assert_int_equal(store_batch_begin(fixture->state), 0);
        assert_int_equal(fixture_execute(fixture->state, "ROLLBACK", NULL), 0); /* as SQLite does by itself */
        store_statements_finalize(fixture->state);
        fault_sqlite_arm(1, SQLITE_IOERR_READ, true);
        assert_int_equal(read_pending(fixture), -EIO);
        assert_int_equal(read_event(fixture), -EIO);
        assert_int_equal(record(fixture, 2), -EIO);
        assert_true(fault_sqlite_disarm());
        assert_int_equal(store_batch_end(fixture->state, true), -EIO);
        assert_int_equal(record(fixture, 2), 0);
}

/* What was to be undone is undone by the next transaction. */
static void test_a_rollback_fails(void **state)
{
        struct fixture *fixture = *state;
        struct stored_job job;

        assert_int_equal(store_batch_begin(fixture->state), 0);
        assert_int_equal(record(fixture, 2), 0);
        fault_sqlite_arm(1, SQLITE_IOERR_READ, false);
        assert_int_equal(store_batch_end(fixture->state, false), 0);
        assert_true(fault_sqlite_disarm());
        assert_int_equal(record(fixture, 3), 0);
        assert_int_equal(store_get_job(fixture->state, 2, &job), 0);
        assert_int_equal(store_get_job(fixture->state, 3, &job), 1);
}

/* ---- columns ---- */

static int read_job(struct fixture *fixture)
{
        struct stored_job job;

        return store_get_job(fixture->state, FIRST, &job);
}

static int read_record(struct fixture *fixture)
{
        CLEANUP(job_record_clear) struct job_record record = { 0 };

        return store_get_job_record(fixture->state, FIRST, &record);
}

/* What is damaged is unknown to it. */
static int read_value(struct fixture *fixture)
{
        void *data = NULL;
        size_t size = 0;

        int r = store_get_value(fixture->state, "token", &data, &size);
        free(data);
        return r;
}

static void fail_columns(struct fixture *fixture, int (*call)(struct fixture *))
{
        unsigned failures = 0;

        for (unsigned nth = 1;; nth++) {
                fault_sqlite_arm_column(nth);
                int r = call(fixture);
                if (!fault_sqlite_disarm()) {
                        assert_true(r >= 0);
                        break;
                }
                assert_int_equal(r, -EUCLEAN);
                failures++;
        }
        assert_true(failures > 0);
}

static void test_columns_of_other_types(void **state)
{
        static int (*const reads[])(struct fixture *) = { read_event, read_job, read_record, read_value,
                                                          read_pending };

        for (size_t i = 0; i < sizeof(reads) / sizeof(reads[0]); i++)
                fail_columns(*state, reads[i]);
}

int main(void)
{
        if (fault_vfs_register() != SQLITE_OK)
                return 1;

#define TEST(function) cmocka_unit_test_setup_teardown(function, setup, fixture_teardown)
        const struct CMUnitTest tests[] = {
                TEST(test_codes),        TEST(test_opening_fails),    TEST(test_undoing_fails),
                TEST(test_a_lost_batch), TEST(test_a_rollback_fails), TEST(test_columns_of_other_types),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
