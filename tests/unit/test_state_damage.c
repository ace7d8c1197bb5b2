/* SPDX-License-Identifier: MIT */

/*
 * Unusable state directories, by failing each system call in turn, and damaged rows: the state reports the
 * damage and remains usable for intact rows.
 */

#include <errno.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fault_system.h"
#include "state/sqlite/database.h"
#include "state/sqlite/file.h"
#include "state_fixture.h"

static const char *const hooks[] = { "mail" };

static const char *database_path(const struct fixture *fixture)
{
        return fixture_path(fixture, STATE_FILE_NAME);
}

static void assert_refused(struct fixture *fixture, const char *directory, int expected, const char *words)
{
        char *message = NULL;

        int r = store_open(directory, &message, &fixture->state);
        if (r != expected || message == NULL || strstr(message, words) == NULL)
                fail_msg("%d (%s), not %d with \"%s\"", r, message != NULL ? message : "no message", expected,
                         words);
        free(message);
}

/* ---- the system ---- */

static void refuse(struct fixture *fixture, enum fault_system_call call, unsigned nth, int error,
                   int expected, const char *words)
{
        fault_system_arm(call, nth, error);
        assert_refused(fixture, fixture->directory, expected, words);
        assert_true(fault_system_disarm());
}

static void test_existing_files_cannot_be_used(void **context)
{
        struct fixture *fixture = *context;

        fixture_close(fixture);
        refuse(fixture, FAULT_REALPATH, 1, EACCES, -EACCES, "Cannot use state directory");
        refuse(fixture, FAULT_OPEN, 1, EACCES, -EACCES, "must be writable by this user");
        refuse(fixture, FAULT_FCHMOD, 1, EPERM, -EPERM, "must be writable by this user");
        refuse(fixture, FAULT_FCNTL, 1, ENOLCK, -ENOLCK, "Cannot lock");
        refuse(fixture, FAULT_OPEN, 2, EACCES, -EACCES, "must belong to this user");
        refuse(fixture, FAULT_FSTAT, 1, EIO, -EIO, "must belong to this user");
        refuse(fixture, FAULT_PREAD, 1, EIO, -EIO, "Cannot read");
        assert_int_equal(chmod(database_path(fixture), 0644), 0);
        refuse(fixture, FAULT_FCHMOD, 2, EPERM, -EPERM, "Cannot set the mode");
        fixture_open(fixture);
}

static void test_missing_files_cannot_be_created(void **context)
{
        struct fixture *fixture = *context;
        static const struct {
                enum fault_system_call call;
                unsigned nth;
                int error;
                const char *words;
        } cases[] = {
                { FAULT_OPEN, 3, ENOSPC, "Cannot create" },
                { FAULT_FCHMOD, 2, EPERM, "Cannot create" },
                { FAULT_OPEN, 4, EMFILE, "Cannot write to" },
                { FAULT_FSYNC, 1, EIO, "Cannot write to" },
        };

        fixture_close(fixture);
        for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
                (void)unlink(database_path(fixture));
                refuse(fixture, cases[i].call, cases[i].nth, cases[i].error, -cases[i].error, cases[i].words);
        }

        const char *directory = fixture_path(fixture, "new");
        fault_system_arm(FAULT_CHMOD, 1, EPERM);
        assert_refused(fixture, directory, -EPERM, "Cannot set the mode");
        assert_true(fault_system_disarm());
        assert_int_equal(rmdir(directory), 0);
        fault_system_arm(FAULT_FSYNC, 1, EIO);
        assert_refused(fixture, directory, -EIO, "new/..: ");
        assert_true(fault_system_disarm());
        assert_int_equal(rmdir(directory), 0);
        fixture_open(fixture);
}

/* The holder of the lock has ended whenever F_GETLK is called, or F_GETLK fails. */
static void test_a_lock_of_an_unknown_process(void **context)
{
        struct fixture *fixture = *context;

        fixture_close(fixture);
        refuse(fixture, FAULT_SETLK, 1, EAGAIN, -EBUSY, "is locked by another process.");
        refuse(fixture, FAULT_FCNTL, 1, EACCES, -EBUSY, "is locked by another process.");
        fixture_open(fixture);
}

static void test_a_lock_of_a_process_without_name(void **context)
{
        struct fixture *fixture = *context;
        char expected[64];
        int leash;

        fixture_close(fixture);
        pid_t holder = fixture_holder_start(fixture, &leash);
        (void)snprintf(expected, sizeof(expected), "is locked by another process (PID %ld).", (long)holder);
        refuse(fixture, FAULT_FOPEN, 1, ENOENT, -EBUSY, expected);
        refuse(fixture, FAULT_FGETS, 1, EIO, -EBUSY, expected);
        fixture_holder_end(holder, leash);
        fixture_open(fixture);
}

/* ---- foreign files ---- */

/* Writes a file instead of the database. */
static void put(struct fixture *fixture, const void *data, size_t size)
{
        fixture_write_file(database_path(fixture), data, size);
}

static void test_garbage_and_a_journal(void **context)
{
        struct fixture *fixture = *context;
        char garbage[200];

        fixture_close(fixture);
        memset(garbage, 'x', sizeof(garbage));
        put(fixture, garbage, sizeof(garbage));
        assert_refused(fixture, fixture->directory, -EUCLEAN, "is not a database");
        fixture_write_file(fixture_path(fixture, STATE_FILE_NAME "-journal"), "", 0);
        assert_refused(fixture, fixture->directory, -EUCLEAN, "is not a database");
        /* SQLite decides whether the journal undoes it; this one does not. */
        fixture_write_file(fixture_path(fixture, STATE_FILE_NAME "-journal"), garbage, sizeof(garbage));
        assert_refused(fixture, fixture->directory, -EUCLEAN, "cannot be used");

        (void)remove(fixture_path(fixture, STATE_FILE_NAME "-journal")); /* SQLite may have done so */
        put(fixture, "", 0);
        fixture_open(fixture);
}

/* ---- SQLite ---- */

static bool read_only;

int __real_sqlite3_db_readonly(sqlite3 *database, const char *name);
int __wrap_sqlite3_db_readonly(sqlite3 *database, const char *name);

int __wrap_sqlite3_db_readonly(sqlite3 *database, const char *name)
{
        return read_only ? 1 : __real_sqlite3_db_readonly(database, name);
}

static void test_a_file_that_is_read_only(void **context)
{
        struct fixture *fixture = *context;

        fixture_close(fixture);
        read_only = true;
        assert_refused(fixture, fixture->directory, -EACCES, "not writable by this user");
        read_only = false;
        fixture_open(fixture);
}

/* A file that is too large, or whose size is unknown, is not checked at opening. */
static void test_large_files_are_not_checked(void **context)
{
        struct fixture *fixture = *context;

        fixture_close(fixture);
        fault_system_arm(FAULT_STAT, 1, EIO);
        fixture_open(fixture);
        assert_true(fault_system_disarm());
        fixture_close(fixture);
        assert_int_equal(truncate(database_path(fixture), 65 * 1024 * 1024), 0);
        fixture_open(fixture);
}

static void execute(struct fixture *fixture, const char *sql)
{
        if (fixture_execute(fixture->state, sql, NULL) < 0)
                fail_msg("%s: %s", sql, store_error(fixture->state));
}

static void test_version_below_zero(void **context)
{
        struct fixture *fixture = *context;

        execute(fixture, "PRAGMA user_version = -1");
        fixture_close(fixture);
        assert_refused(fixture, fixture->directory, -EOPNOTSUPP, "newer jobwatchd");
        fixture_write_file(database_path(fixture), "", 0);
        fixture_open(fixture);
}

/* ---- rows ---- */

static bool unknown_kind, unknown_outcome;

bool __real_event_kind_from_string(const char *word, enum event_kind *ret_kind);
bool __wrap_event_kind_from_string(const char *word, enum event_kind *ret_kind);
bool __real_outcome_from_string(const char *word, enum outcome *ret_outcome);
bool __wrap_outcome_from_string(const char *word, enum outcome *ret_outcome);

bool __wrap_event_kind_from_string(const char *word, enum event_kind *ret_kind)
{
        return !unknown_kind && __real_event_kind_from_string(word, ret_kind);
}

bool __wrap_outcome_from_string(const char *word, enum outcome *ret_outcome)
{
        return !unknown_outcome && __real_outcome_from_string(word, ret_outcome);
}

static void record(struct fixture *fixture, struct event *event)
{
        assert_int_equal(store_record_event(fixture->state, event, hooks, 1, NULL), 0);
}

static int get_event(struct fixture *fixture)
{
        struct event event = { 0 };

        int r = store_get_event(fixture->state, fixture_event_id(1), &event);
        event_clear(&event);
        return r;
}

static void test_unknown_kinds_and_outcomes(void **context)
{
        static const char *const damages[] = {
                "UPDATE events SET kind = 'longer than every kind of event'",
                "UPDATE events SET kind = CAST(x'7365656e00' AS TEXT)",
        };
        struct fixture *fixture = *context;
        struct event event = fixture_event(1, 1, EVENT_SEEN);
        struct stored_job job;

        record(fixture, &event);
        unknown_kind = true;
        assert_int_equal(get_event(fixture), -EUCLEAN);
        unknown_kind = false;
        unknown_outcome = true;
        assert_int_equal(get_event(fixture), -EUCLEAN);
        assert_int_equal(store_get_job(fixture->state, 1, &job), -EUCLEAN);
        unknown_outcome = false;
        assert_int_equal(get_event(fixture), 1);
        for (size_t i = 0; i < 2; i++) {
                execute(fixture, damages[i]);
                assert_int_equal(get_event(fixture), -EUCLEAN);
        }
}

static void test_a_damaged_job_is_replaced(void **context)
{
        struct fixture *fixture = *context;
        struct event first = fixture_event(1, 1, EVENT_SEEN), second = fixture_event(2, 1, EVENT_CHANGED);
        struct stored_job job;

        record(fixture, &first);
        execute(fixture, "UPDATE jobs SET outcome = 'other'");
        assert_int_equal(store_get_job(fixture->state, 1, &job), -EUCLEAN);
        record(fixture, &second);
        assert_int_equal(store_get_job(fixture->state, 1, &job), 1);
        assert_int_equal(job.changed_us, second.time_us);

        execute(fixture, "DELETE FROM texts");
        struct job_record known;
        assert_int_equal(store_get_job_record(fixture->state, 1, &known), -EUCLEAN);
}

/* Or its end would never be reported. */
static void test_an_event_of_a_damaged_job_is_recorded(void **context)
{
        static const char *const damages[] = { "UPDATE texts SET data = x'00'",
                                               "UPDATE jobs SET outcome = 'other'" };
        struct fixture *fixture = *context;

        for (unsigned i = 0; i < 4; i++) {
                struct event first = fixture_event(10 * i, 1 + i, EVENT_SEEN), found = { 0 };
                struct event event = { .kind = i < 2 ? EVENT_GONE : EVENT_SUCCEEDED,
                                       .outcome = i < 2 ? OUTCOME_GONE : OUTCOME_SUCCESS,
                                       .record.id = 1 + i };

                memcpy(event.id, fixture_event_id(10 * i + 1), EVENT_ID_SIZE);
                record(fixture, &first);
                execute(fixture, damages[i % 2]);
                assert_int_equal(store_fill_event(fixture->state, &event), 0);
                record(fixture, &event);
                assert_false(event.first_observation);
                assert_null(event.result_before.data);
                assert_int_equal(store_get_event(fixture->state, event.id, &found), 1);
                event_clear(&found);
        }
}

static void test_damaged_results(void **context)
{
        static const char *const damages[] = {
                "UPDATE texts SET data = x'00'", "UPDATE texts SET data = 5",
                "UPDATE texts SET data = substr(data, 1, 4097)", /* that of a job is whole */
        };
        struct fixture *fixture = *context;
        struct event event = fixture_event(1, 1, EVENT_SEEN);
        struct job_record known;
        char result[10001];

        memset(result, 'r', sizeof(result));
        result[10000] = '\0';
        event.record.result = (struct text){ result, 10000 };
        record(fixture, &event);
        for (size_t i = 0; i < sizeof(damages) / sizeof(damages[0]); i++) {
                execute(fixture, "SAVEPOINT whole");
                execute(fixture, damages[i]);
                assert_int_equal(store_get_job_record(fixture->state, 1, &known), -EUCLEAN);
                execute(fixture, "ROLLBACK TO whole; RELEASE whole");
        }
        assert_int_equal(store_get_job_record(fixture->state, 1, &known), 1);
        assert_text_equal(&known.result, &event.record.result);
        job_record_clear(&known);
}

static int count_event(void *userdata, struct event *event)
{
        (void)event;
        ++*(unsigned *)userdata;
        return 0;
}

static void test_a_mark_without_its_event(void **context)
{
        struct fixture *fixture = *context;
        struct event first = fixture_event(1, 1, EVENT_SEEN), second = fixture_event(2, 2, EVENT_SEEN);
        unsigned count = 0;

        record(fixture, &first);
        record(fixture, &second);
        execute(fixture, "PRAGMA foreign_keys = OFF; DELETE FROM events WHERE job = 1");
        assert_int_equal(store_each_unlogged(fixture->state, 0, count_event, &count), 0);
        assert_int_equal(count, 1);
        assert_int_equal(get_event(fixture), 0);
}

/* It does not prevent the recording of an event that gets the same sequence number. */
static void test_a_mark_with_the_number_of_the_next_event(void **context)
{
        struct fixture *fixture = *context;
        struct event event = fixture_event(1, 7, EVENT_SUCCEEDED);
        unsigned count = 0;

        execute(fixture, "PRAGMA foreign_keys = OFF; INSERT INTO unlogged (event) VALUES (1)");
        fixture_reopen(fixture);
        record(fixture, &event);
        assert_int_equal(store_each_unlogged(fixture->state, 0, count_event, &count), 0);
        assert_int_equal(count, 1);
}

int main(void)
{
#define TEST(function) cmocka_unit_test_setup_teardown(function, fixture_setup, fixture_teardown)
        const struct CMUnitTest tests[] = {
                TEST(test_existing_files_cannot_be_used),
                TEST(test_missing_files_cannot_be_created),
                TEST(test_a_lock_of_an_unknown_process),
                TEST(test_a_lock_of_a_process_without_name),
                TEST(test_garbage_and_a_journal),
                TEST(test_a_file_that_is_read_only),
                TEST(test_large_files_are_not_checked),
                TEST(test_version_below_zero),
                TEST(test_unknown_kinds_and_outcomes),
                TEST(test_a_damaged_job_is_replaced),
                TEST(test_an_event_of_a_damaged_job_is_recorded),
                TEST(test_damaged_results),
                TEST(test_a_mark_without_its_event),
                TEST(test_a_mark_with_the_number_of_the_next_event),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
