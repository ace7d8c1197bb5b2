/* SPDX-License-Identifier: MIT */

/*
 * Databases of earlier versions: a file whose schema was written by a released jobwatchd opens, and what is
 * recorded in it reads back. The schemas here are copies and change with no migration.
 */

#include <errno.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "state/lists.h"
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

#define LARGE  "CAST(replace(hex(zeroblob(2500)), '00', 'row 17: ok; ') AS BLOB)"
#define LARGER "CAST(replace(hex(zeroblob(2500)), '00', 'row 18: no; ') AS BLOB)"

/*
 * What 0.1.0 wrote: events 1 to 4 of job 7, which has ended, and one each of jobs 8 and 9. They are those of
 * fixture_event(), but for their results. Event 2 is pending for two hooks, 3 was delivered, the delivery of
 * 6 has failed. All but 6 are logged.
 */
static const char rows_of_0_1_0[] =
        "INSERT INTO \"deliveries\" VALUES(1,2,7,'mail','pending',1,15,7,'exit status 2');"

        "INSERT INTO \"deliveries\" VALUES(2,2,7,'old','pending',0,0,NULL,NULL);"

        "INSERT INTO \"deliveries\" VALUES(3,3,7,'mail','done',1,0,5,NULL);"

        "INSERT INTO \"deliveries\" VALUES(4,6,9,'mail','failed',1,0,6,'exit status 1');"

        "INSERT INTO \"events\" VALUES(1,'00000000-0000-4000-8000-000000000001','seen','open',17000"
        "00000000001,7,0,0,7234733731661091941,X'6D656D626572732D696D706F7274',1,-2,X'6361666500626"
        "16265',X'6465736372697074696F6E2031',X'',X'FFFE206E6F74205554462D38',NULL,X'78406578616D70"
        "6C652E6F7267',X'323032342D30312D30315430303A30303A30305A',X'61742031',X'52756E6E696E672031"
        "',X'4265666F72652031',NULL," LARGE ");"

        "INSERT INTO \"events\" VALUES(2,'00000000-0000-4000-8000-000000000002','changed','open',17"
        "00000000000002,7,1,0,-2946691457916299716,X'6D656D626572732D696D706F7274',3,-3,X'636166650"
        "062616265',X'6465736372697074696F6E2032',X'',X'FFFE206E6F74205554462D38',NULL,X'7840657861"
        "6D706C652E6F7267',X'323032342D30312D30315430303A30303A30305A',X'61742032',X'52756E6E696E67"
        "2032',X'4265666F72652032'," LARGE "," LARGER ");"

        "INSERT INTO \"events\" VALUES(3,'00000000-0000-4000-8000-000000000003','changed','open',17"
        "00000000000003,7,0,1,5321757110448921624,X'6D656D626572732D696D706F7274',1,-4,X'6361666500"
        "62616265',X'6465736372697074696F6E2033',X'',X'FFFE206E6F74205554462D38',NULL,X'78406578616"
        "D706C652E6F7267',X'323032342D30312D30315430303A30303A30305A',X'61742033',X'52756E6E696E672"
        "033',NULL,NULL," LARGER ");"

        "INSERT INTO \"events\" VALUES(4,'00000000-0000-4000-8000-000000000004','succeeded','succes"
        "s',1700000000000004,7,1,0,117374296048163074,X'6D656D626572732D696D706F7274',3,-5,X'636166"
        "650062616265',X'6465736372697074696F6E2034',X'',X'FFFE206E6F74205554462D38',NULL,X'7840657"
        "8616D706C652E6F7267',X'323032342D30312D30315430303A30303A30305A',X'61742034',X'52756E6E696"
        "E672034',X'4265666F72652034'," LARGER ",X'646F6E65');"

        "INSERT INTO \"events\" VALUES(5,'00000000-0000-4000-8000-000000000005','seen','open',17000"
        "00000000005,8,0,0,4291277690052372467,X'6D656D626572732D696D706F7274',1,-6,X'6361666500626"
        "16265',X'6465736372697074696F6E2035',X'',X'FFFE206E6F74205554462D38',NULL,X'78406578616D70"
        "6C652E6F7267',X'323032342D30312D30315430303A30303A30305A',X'61742035',X'52756E6E696E672035"
        "',X'4265666F72652035',X'',NULL);"

        "INSERT INTO \"events\" VALUES(6,'00000000-0000-4000-8000-000000000006','failed','failure',"
        "1700000000000006,9,1,0,4601746524880782684,X'6D656D626572732D696D706F7274',3,-7,X'63616665"
        "0062616265',X'6465736372697074696F6E2036',X'',X'FFFE206E6F74205554462D38',NULL,X'784065786"
        "16D706C652E6F7267',X'323032342D30312D30315430303A30303A30305A',X'61742036',X'52756E6E696E6"
        "72036',NULL,NULL,X'');"

        "INSERT INTO \"jobs\" VALUES(7,'success',0,1700000000000004,-2570997490807640431,4,3,-5,X'6"
        "36166650062616265',X'6465736372697074696F6E2034',X'',X'FFFE206E6F74205554462D38',NULL,X'78"
        "406578616D706C652E6F7267',X'323032342D30312D30315430303A30303A30305A',X'61742034',X'52756E"
        "6E696E672034',1303857739642879546);"

        "INSERT INTO \"jobs\" VALUES(8,'open',0,1700000000000005,-3750763034362895579,-1,1,-6,X'636"
        "166650062616265',X'6465736372697074696F6E2035',X'',X'FFFE206E6F74205554462D38',NULL,X'7840"
        "6578616D706C652E6F7267',X'323032342D30312D30315430303A30303A30305A',X'61742035',X'52756E6E"
        "696E672035',-5772954245658621497);"

        "INSERT INTO \"jobs\" VALUES(9,'failure',0,1700000000000006,-3750763034362895579,0,3,-7,X'6"
        "36166650062616265',X'6465736372697074696F6E2036',X'',X'FFFE206E6F74205554462D38',NULL,X'78"
        "406578616D706C652E6F7267',X'323032342D30312D30315430303A30303A30305A',X'61742036',X'52756E"
        "6E696E672036',3077247005200737718);"

        "INSERT INTO \"results\" VALUES(7,X'646F6E65');"

        "INSERT INTO \"results\" VALUES(8,NULL);"

        "INSERT INTO \"results\" VALUES(9,X'');"

        "INSERT INTO \"sights\" VALUES(1,-7657096683344326773,6);"

        "INSERT INTO \"unlogged\" VALUES(6);"

        "INSERT INTO \"values\" VALUES('grant of a for b at c',X'746F6B656E',5282150958730162711);"

        "INSERT INTO \"sqlite_sequence\" VALUES('deliveries',4);";

static void write_database(const struct fixture *fixture, const char *schema, const char *rows)
{
        const char *path = fixture_path(fixture, "jobwatchd.db");
        sqlite3 *database = NULL;

        assert_int_equal(unlink(path), 0);
        assert_int_equal(sqlite3_open(path, &database), SQLITE_OK);
        if (sqlite3_exec(database, schema, NULL, NULL, NULL) != SQLITE_OK ||
            sqlite3_exec(database, rows, NULL, NULL, NULL) != SQLITE_OK)
                fail_msg("%s", sqlite3_errmsg(database));
        assert_int_equal(sqlite3_close(database), SQLITE_OK);
}

static void test_released_schemas_open(void **context)
{
        struct fixture *fixture = *context;

        for (size_t i = 0; i < sizeof(schemas) / sizeof(schemas[0]); i++) {
                struct event event = fixture_event(2, 7, EVENT_SEEN), found = { 0 };

                fixture_close(fixture);
                write_database(fixture, schemas[i], "");
                fixture_open(fixture);
                assert_int_equal(store_record_event(fixture->state, &event, NULL, 0, NULL), 0);
                fixture_reopen(fixture);
                assert_int_equal(store_get_event(fixture->state, event.id, &found), 1);
                assert_event_equal(&found, &event);
                event_clear(&found);
        }
}

/* ---- rows of 0.1.0 ---- */

static char large[30001], larger[30001];

static void texts_make(void)
{
        for (size_t i = 0; i < 30000; i++) {
                large[i] = "row 17: ok; "[i % 12];
                larger[i] = "row 18: no; "[i % 12];
        }
}

/* The event of that number in rows_of_0_1_0. */
static struct event old_event(unsigned number)
{
        static const struct {
                uint64_t job;
                enum event_kind kind;
                struct text result, before;
        } events[] = {
                { 7, EVENT_SEEN, { large, 30000 }, TEXT_NULL },
                { 7, EVENT_CHANGED, { larger, 30000 }, { large, 30000 } },
                { 7, EVENT_CHANGED, { larger, 30000 }, { larger, 30000 } },
                { 7, EVENT_SUCCEEDED, TEXT_LITERAL("done"), { larger, 30000 } },
                { 8, EVENT_SEEN, TEXT_NULL, TEXT_NULL },
                { 9, EVENT_FAILED, TEXT_LITERAL(""), TEXT_NULL },
        };
        struct event event = fixture_event(number, events[number - 1].job, events[number - 1].kind);

        event.sequence = number;
        event.record.result = events[number - 1].result;
        if (number >= 2 && number <= 4)
                event.result_before = events[number - 1].before;
        return event;
}

static void assert_beginning(const struct text *text, uint64_t size, const struct text *whole)
{
        assert_int_equal(size, whole->size);
        assert_int_equal(text->size, 4096);
        assert_memory_equal(text->data, whole->data, 4096);
}

static int count_unlogged(void *userdata, struct event *event)
{
        assert_string_equal(event->id, fixture_event_id(6));
        ++*(unsigned *)userdata;
        return 0;
}

static void open_rows_of_0_1_0(struct fixture *fixture)
{
        texts_make();
        fixture_close(fixture);
        write_database(fixture, schemas[0], rows_of_0_1_0);
        fixture_open(fixture);
}

static void assert_whole(struct fixture *fixture, unsigned number)
{
        struct event expected = old_event(number), found;

        assert_int_equal(store_get_event(fixture->state, expected.id, &found), 1);
        assert_event_equal(&found, &expected);
        assert_int_equal(found.sequence, number);
        assert_int_equal(found.result_size, 0);
        assert_int_equal(found.result_before_size, 0);
        event_clear(&found);
}

static void test_nothing_of_0_1_0_is_lost(void **context)
{
        struct fixture *fixture = *context;
        static const struct {
                uint64_t id;
                unsigned event;
        } jobs[] = { { 7, 4 }, { 8, 5 }, { 9, 6 } };
        unsigned unlogged = 0;

        open_rows_of_0_1_0(fixture);
        for (unsigned turn = 0; turn < 2; turn++, fixture_reopen(fixture)) {
                struct delivery deliveries[4];
                struct job_record record;
                void *token;
                size_t size;

                for (unsigned i = 0; i < 3; i++) {
                        struct event last = old_event(jobs[i].event);
                        assert_int_equal(store_get_job_record(fixture->state, jobs[i].id, &record), 1);
                        assert_record_equal(&record, &last.record);
                        job_record_clear(&record);
                }
                assert_whole(fixture, 2); /* pending */
                assert_whole(fixture, 5);
                assert_whole(fixture, 6); /* failed */

                assert_int_equal(store_pending_deliveries(fixture->state, "mail", 0, deliveries, 4), 1);
                assert_string_equal(deliveries[0].event_id, fixture_event_id(2));
                assert_int_equal(deliveries[0].attempts, 1);
                assert_int_equal(fixture_pending(fixture->state, "old"), 1);

                assert_int_equal(store_get_value(fixture->state, "grant of a for b at c", &token, &size), 1);
                assert_string_equal(token, "token");
                free(token);
        }
        assert_int_equal(store_each_unlogged(fixture->state, 0, count_unlogged, &unlogged), 0);
        assert_int_equal(unlogged, 1);

        /* Sequence numbers and ids of deliveries go on. */
        struct event next = fixture_event(7, 7, EVENT_CHANGED);
        const char *const hooks[] = { "new" };
        struct delivery delivery;
        assert_int_equal(store_record_event(fixture->state, &next, hooks, 1, NULL), 0);
        assert_int_equal(next.sequence, 7);
        assert_int_equal(store_pending_deliveries(fixture->state, "new", 0, &delivery, 1), 1);
        assert_int_equal(delivery.id, 5);
}

static int note_first(void *userdata, struct listed_job *job)
{
        uint64_t *first_us = userdata;

        first_us[job->record.id] = job->first_us;
        return 0;
}

static void test_jobs_of_0_1_0_began_with_their_first_event(void **context)
{
        struct fixture *fixture = *context;
        uint64_t first_us[10] = { 0 }, last = 0;

        open_rows_of_0_1_0(fixture);
        assert_int_equal(store_list_jobs(fixture->state, 0, 9, 10, &last, note_first, first_us), 0);
        assert_int_equal(first_us[7], 1700000000000001);
        assert_int_equal(first_us[8], 1700000000000005);
        assert_int_equal(first_us[9], 1700000000000006);
}

static void test_history_of_0_1_0_is_cut(void **context)
{
        struct fixture *fixture = *context;
        struct event found, expected = old_event(4);

        open_rows_of_0_1_0(fixture);
        assert_int_equal(store_delivery_failed(fixture->state, 1, 1, NULL), 0);
        assert_int_equal(store_delivery_done(fixture->state, 2, 1), 0);
        assert_whole(fixture, 2); /* a failed delivery may be retried */
        assert_int_equal(store_get_event(fixture->state, expected.id, &found), 1);
        assert_text_equal(&found.record.result, &expected.record.result);
        event_clear(&found);

        open_rows_of_0_1_0(fixture);
        assert_int_equal(store_delivery_done(fixture->state, 1, 1), 0);
        assert_whole(fixture, 2);
        assert_int_equal(store_delivery_done(fixture->state, 2, 1), 0);
        for (unsigned number = 1; number <= 3; number++) {
                expected = old_event(number);
                assert_int_equal(store_get_event(fixture->state, expected.id, &found), 1);
                assert_beginning(&found.record.result, found.result_size, &expected.record.result);
                if (number > 1)
                        assert_beginning(&found.result_before, found.result_before_size,
                                         &expected.result_before);
                event_clear(&found);
        }
}

static void assert_auto_vacuum(struct fixture *fixture, int mode)
{
        sqlite3 *database = NULL;
        sqlite3_stmt *statement = NULL;

        fixture_close(fixture);
        assert_int_equal(sqlite3_open(fixture_path(fixture, "jobwatchd.db"), &database), SQLITE_OK);
        assert_int_equal(sqlite3_prepare_v2(database, "PRAGMA auto_vacuum", -1, &statement, NULL), SQLITE_OK);
        assert_int_equal(sqlite3_step(statement), SQLITE_ROW);
        assert_int_equal(sqlite3_column_int(statement, 0), mode);
        (void)sqlite3_finalize(statement);
        assert_int_equal(sqlite3_close(database), SQLITE_OK);
        fixture_open(fixture);
}

/* So that it can shrink. A large one would take too long and too much memory. */
static void test_a_file_of_0_1_0_is_vacuumed(void **context)
{
        struct fixture *fixture = *context;
        char rows[sizeof(rows_of_0_1_0) + 200];

        assert_auto_vacuum(fixture, 2); /* incremental, as in a new file */
        open_rows_of_0_1_0(fixture);
        assert_auto_vacuum(fixture, 2);

        (void)snprintf(rows, sizeof(rows),
                       "%s CREATE TABLE other (data); INSERT INTO other VALUES (zeroblob(68000000));",
                       rows_of_0_1_0);
        fixture_close(fixture);
        write_database(fixture, schemas[0], rows);
        fixture_open(fixture);
        assert_auto_vacuum(fixture, 0);
        assert_whole(fixture, 6);
}

/* It stays as large as it is, and a pause is no work. */
static void test_a_file_of_0_1_0_that_was_not_vacuumed_is_not_shrunk(void **context)
{
        struct fixture *fixture = *context;

        fixture_close(fixture);
        write_database(fixture, schemas[0],
                       "CREATE TABLE other (data); INSERT INTO other VALUES (zeroblob(68000000));"
                       "CREATE TABLE more (data); INSERT INTO more VALUES (zeroblob(50000000));"
                       "DROP TABLE more;");
        fixture_open(fixture);
        for (unsigned i = 0; i < 10 && store_tidy(fixture->state); i++) /* checkpoints of the migration */
                ;
        assert_false(store_tidy(fixture->state));
}

int main(void)
{
#define TEST(function) cmocka_unit_test_setup_teardown(function, fixture_setup, fixture_teardown)
        const struct CMUnitTest tests[] = {
                TEST(test_released_schemas_open),
                TEST(test_nothing_of_0_1_0_is_lost),
                TEST(test_jobs_of_0_1_0_began_with_their_first_event),
                TEST(test_history_of_0_1_0_is_cut),
                TEST(test_a_file_of_0_1_0_is_vacuumed),
                TEST(test_a_file_of_0_1_0_that_was_not_vacuumed_is_not_shrunk),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
