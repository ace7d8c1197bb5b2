/* SPDX-License-Identifier: MIT */

/*
 * Databases of earlier versions: a file whose schema was written by a released jobwatchd opens, and what is
 * recorded in it reads back. The schemas here are copies and change with no migration.
 */

#include <sqlite3.h>
#include <stdio.h>
#include <unistd.h>

#include "state_fixture.h"

#define RECORD                                                                                               \
        "flags INTEGER NOT NULL, business_id INTEGER NOT NULL, guid BLOB, description BLOB, files BLOB, "    \
        "business BLOB, user BLOB, email BLOB, created_on BLOB, updated_on BLOB, status BLOB, "

static const char *const schemas[] = {
        /* 0.1.0 */
        "CREATE TABLE jobs (id INTEGER PRIMARY KEY, outcome TEXT NOT NULL, stalled INTEGER NOT NULL, "
        "changed_us INTEGER NOT NULL, result_hash INTEGER NOT NULL, result_size INTEGER NOT NULL, " RECORD
        "sum INTEGER NOT NULL);"
        "CREATE TABLE results (job INTEGER PRIMARY KEY, result BLOB);"
        "CREATE TABLE events (sequence INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, kind TEXT NOT NULL, "
        "outcome TEXT NOT NULL, time_us INTEGER NOT NULL, job INTEGER NOT NULL, first_sight INTEGER NOT "
        "NULL, same_result INTEGER NOT NULL, sum INTEGER NOT NULL, job_name BLOB, " RECORD
        "status_before BLOB, result_before BLOB, result BLOB);"
        "CREATE INDEX events_by_time ON events (time_us);"
        "CREATE TABLE unlogged (event INTEGER PRIMARY KEY REFERENCES events (sequence));"
        "CREATE TABLE deliveries (id INTEGER PRIMARY KEY AUTOINCREMENT, "
        "event INTEGER NOT NULL REFERENCES events (sequence) ON DELETE CASCADE, job INTEGER NOT NULL, "
        "hook TEXT NOT NULL, state TEXT NOT NULL DEFAULT 'pending', attempts INTEGER NOT NULL DEFAULT 0, "
        "next_us INTEGER NOT NULL, ended_us INTEGER, error TEXT);"
        "CREATE INDEX deliveries_by_event ON deliveries (event);"
        "CREATE INDEX deliveries_pending ON deliveries (hook, job, id) WHERE state = 'pending';"
        "CREATE TABLE sights (number INTEGER PRIMARY KEY, hash INTEGER NOT NULL, size INTEGER NOT NULL, "
        "UNIQUE (hash, size));"
        "CREATE TABLE \"values\" (key TEXT PRIMARY KEY, data BLOB NOT NULL, sum INTEGER NOT NULL);"
        "PRAGMA user_version = 1; PRAGMA application_id = 1246708311;",
};

static void write_database(const struct fixture *fixture, const char *schema)
{
        const char *path = fixture_path(fixture, "jobwatchd.db");
        sqlite3 *database = NULL;

        assert_int_equal(unlink(path), 0);
        assert_int_equal(sqlite3_open(path, &database), SQLITE_OK);
        if (sqlite3_exec(database, schema, NULL, NULL, NULL) != SQLITE_OK)
                fail_msg("%s", sqlite3_errmsg(database));
        assert_int_equal(sqlite3_close(database), SQLITE_OK);
}

static void test_released_schemas_open(void **context)
{
        struct fixture *fixture = *context;

        for (size_t i = 0; i < sizeof(schemas) / sizeof(schemas[0]); i++) {
                struct text status = TEXT_LITERAL("Paused");
                struct event event = fixture_event(2, 7, EVENT_SEEN), found = { 0 };

                fixture_close(fixture);
                write_database(fixture, schemas[i]);
                fixture_open(fixture);
                assert_int_equal(state_record_event(fixture->state, &event, NULL, 0), 0);
                assert_int_equal(state_status_reported(fixture->state, &status), 1);
                fixture_reopen(fixture);
                assert_int_equal(state_get_event(fixture->state, event.id, &found), 1);
                assert_event_equal(&found, &event);
                event_clear(&found);
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(test_released_schemas_open, fixture_setup, fixture_teardown),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
