/* SPDX-License-Identifier: MIT */

/* The translation of SQLite's error codes, and columns of the wrong type or without memory. */

#include <errno.h>
#include <sqlite3.h>
#include <stdlib.h>
#include <string.h>

#include "fault_malloc.h"
#include "fault_sqlite.h"
#include "fault_vfs.h"
#include "state_calls.h"

/* ---- what the codes mean ---- */

static void test_codes(void **state)
{
        static const struct {
                int code, system_errno, expected;
                const char *words;
        } cases[] = {
                { SQLITE_NOMEM, 0, -ENOMEM, "out of memory" },
                { SQLITE_IOERR_NOMEM, 0, -ENOMEM, "out of memory" },
                { SQLITE_IOERR_CORRUPTFS, 0, -EUCLEAN, "the database is damaged" },
                { SQLITE_CORRUPT, 0, -EUCLEAN, "the database is damaged" },
                { SQLITE_NOTADB, 0, -EUCLEAN, "the database is damaged" },
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
                { SQLITE_IOERR_WRITE, EPERM, -EACCES, "no permission" },
                { SQLITE_IOERR_WRITE, ENOMEM, -ENOMEM, "out of memory" },
                { SQLITE_IOERR_WRITE, EIO, -EIO, "disk error" },
                { SQLITE_CANTOPEN, EROFS, -EROFS, "read-only" },
                { SQLITE_CANTOPEN, 0, -EACCES, "no permission" },
        };
        struct fixture *fixture = *state;

        calls_prepare(fixture);
        for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
                fault_sqlite_arm(1, cases[i].code, false);
                fault_sqlite_set_errno(cases[i].system_errno);
                int r = call_pending_deliveries(fixture);
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

/* ---- columns ---- */

static void fail_columns(struct fixture *fixture, int (*call)(struct fixture *),
                         enum fault_sqlite_column what, int expected)
{
        unsigned failures = 0;

        for (unsigned nth = 1;; nth++) {
                fault_sqlite_arm_column(what, nth);
                int r = call(fixture);
                if (!fault_sqlite_disarm()) {
                        assert_true(r >= 0);
                        break;
                }
                if (r >= 0) /* it was empty: SQLite returns NULL for it anyway */
                        assert_int_equal(what, FAULT_SQLITE_DATA);
                else
                        assert_int_equal(r, expected);
                failures += r < 0;
        }
        assert_true(failures > 0);
}

static void test_columns_of_other_types(void **state)
{
        struct fixture *fixture = *state;

        calls_prepare(fixture);
        assert_int_equal(call_put_value(fixture), 0);
        fail_columns(fixture, call_get_event, FAULT_SQLITE_TYPE, -EUCLEAN);
        fail_columns(fixture, call_get_job, FAULT_SQLITE_TYPE, -EUCLEAN);
        fail_columns(fixture, call_fill_event, FAULT_SQLITE_TYPE, -EUCLEAN);
        fail_columns(fixture, call_get_value, FAULT_SQLITE_TYPE, -EUCLEAN);
        fail_columns(fixture, call_pending_deliveries, FAULT_SQLITE_TYPE, -EUCLEAN);
}

static void test_columns_without_memory(void **state)
{
        struct fixture *fixture = *state;

        calls_prepare(fixture);
        assert_int_equal(call_put_value(fixture), 0);
        fail_columns(fixture, call_get_event, FAULT_SQLITE_DATA, -ENOMEM);
        fail_columns(fixture, call_get_job, FAULT_SQLITE_DATA, -ENOMEM);
        fail_columns(fixture, call_fill_event, FAULT_SQLITE_DATA, -ENOMEM);
        fail_columns(fixture, call_get_value, FAULT_SQLITE_DATA, -ENOMEM);
        fail_columns(fixture, call_pending_deliveries, FAULT_SQLITE_DATA, -ENOMEM);
        fail_columns(fixture, call_each_pending_hook, FAULT_SQLITE_DATA, -ENOMEM);

        calls_prepare(fixture);
        fail_columns(fixture, call_each_failed_delivery, FAULT_SQLITE_DATA, -ENOMEM);
        calls_prepare(fixture);
}

static void test_copies_without_memory(void **state)
{
        struct fixture *fixture = *state;

        call_number += 6; /* the next event has an unchanged result */
        assert_int_equal(call_record(fixture), 0);
        for (unsigned nth = 1;; nth++) {
                fault_malloc_arm(nth, false);
                int r = call_get_event(fixture);
                if (!fault_malloc_disarm()) {
                        assert_true(r >= 0 && nth > 1);
                        break;
                }
                assert_int_equal(r, -ENOMEM);
        }
}

int main(void)
{
        if (fault_vfs_register() != SQLITE_OK)
                return 1;

#define TEST(function) cmocka_unit_test_setup_teardown(function, fixture_setup, fixture_teardown)
        const struct CMUnitTest tests[] = {
                TEST(test_codes),
                TEST(test_opening_fails),
                TEST(test_columns_of_other_types),
                TEST(test_columns_without_memory),
                TEST(test_copies_without_memory),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
