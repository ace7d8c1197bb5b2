/* SPDX-License-Identifier: MIT */

/* Opening the state: modes, the lock, and foreign, newer or damaged files. A refused file is not changed. */

#include <errno.h>
#include <signal.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "state_fixture.h"

static const char *const mail[] = { "mail" };

static const char *database_path(const struct fixture *fixture)
{
        return fixture_path(fixture, "jobwatchd.db");
}

static void execute(const char *path, const char *sql)
{
        sqlite3 *database = NULL;

        assert_int_equal(sqlite3_open(path, &database), SQLITE_OK);
        if (sqlite3_exec(database, sql, NULL, NULL, NULL) != SQLITE_OK)
                fail_msg("%s: %s", sql, sqlite3_errmsg(database));
        assert_int_equal(sqlite3_close(database), SQLITE_OK);
}

/* Opening fails with `error` and a message that contains `words`, and does not change the file. */
static void assert_refused(struct fixture *fixture, int error, const char *words)
{
        struct store *untouched = (struct store *)fixture, *state = untouched;
        size_t before_size = 0, after_size = 0;
        char *message = NULL;

        char *before = fixture_read_file(database_path(fixture), &before_size);
        assert_int_equal(store_open(fixture->directory, &message, &state), error);
        assert_ptr_equal(state, untouched);
        assert_non_null(message);
        if (strstr(message, words) == NULL)
                fail_msg("\"%s\" is not in: %s", words, message);
        assert_non_null(strstr(message, fixture->directory));
        free(message);

        char *after = fixture_read_file(database_path(fixture), &after_size);
        assert_int_equal(before_size, after_size);
        assert_memory_equal(before, after, before_size);
        free(before);
        free(after);
}

static void test_modes(void **context)
{
        struct fixture *fixture = *context;
        const char *const names[] = { "jobwatchd.db", "jobwatchd.db-wal", "jobwatchd.lock", "reserve" };
        struct event event = fixture_event(1, 1, EVENT_SEEN);
        char directory[300];
        struct stat status;

        /* The modes do not depend on the umask. */
        (void)snprintf(directory, sizeof(directory), "%s/below", fixture->directory);
        struct fixture below = { 0 };
        memcpy(below.directory, directory, sizeof(below.directory));
        for (unsigned i = 0; i < 2; i++) {
                mode_t before = umask(i == 0 ? 0 : 0277);
                fixture_open(&below);
                assert_int_equal(store_record_event(below.state, &event, mail, 1, NULL), 0);
                umask(before);
                assert_int_equal(stat(directory, &status), 0);
                assert_int_equal(status.st_mode & 07777, 0700);
                for (unsigned name = 0; name < 4; name++) {
                        assert_int_equal(stat(fixture_path(&below, names[name]), &status), 0);
                        assert_int_equal(status.st_mode & 07777, 0600);
                }
                assert_int_equal(access(fixture_path(&below, "jobwatchd.db-shm"), F_OK), -1);
                fixture_close(&below);
                assert_int_equal(access(fixture_path(&below, "jobwatchd.db-wal"), F_OK), -1);
                assert_int_equal(access(fixture_path(&below, "jobwatchd.db-journal"), F_OK), -1);
                for (unsigned name = 0; name < 4; name++)
                        (void)remove(fixture_path(&below, names[name]));
                assert_int_equal(rmdir(directory), 0);
        }

        /* Permissions of a restored file are removed. */
        fixture_close(fixture);
        assert_int_equal(chmod(database_path(fixture), 0644), 0);
        fixture_open(fixture);
        assert_int_equal(stat(database_path(fixture), &status), 0);
        assert_int_equal(status.st_mode & 07777, 0600);
        assert_int_equal(access(fixture_path(fixture, "jobwatchd.db-shm"), F_OK), -1);
}

static void test_directory_that_cannot_be(void **context)
{
        struct fixture *fixture = *context;
        struct store *state = NULL;
        char *message = NULL;

        assert_int_equal(store_open(fixture_path(fixture, "no/such"), &message, &state), -ENOENT);
        assert_non_null(strstr(message, "--state-dir"));
        free(message);
        assert_int_equal(store_open(database_path(fixture), &message, &state), -ENOTDIR);
        free(message);
        assert_null(state);
}

/* ---- the lock ---- */

static void test_second_process(void **context)
{
        struct fixture *fixture = *context;
        char expected[64];
        int leash;

        fixture_close(fixture);
        pid_t holder = fixture_holder_start(fixture, &leash);
        (void)snprintf(expected, sizeof(expected), " (PID %ld). Use --state-dir for another instance.",
                       (long)holder);
        assert_refused(fixture, -EBUSY, expected);
        assert_refused(fixture, -EBUSY, " is locked by test_state_open ");
        fixture_holder_end(holder, leash);
        fixture_open(fixture);
}

static void test_sqlite_shell_is_kept_out(void **context)
{
        struct fixture *fixture = *context;
        int status;

        /* In another process, since locks of one process do not exclude each other. */
        pid_t child = fork();
        assert_true(child >= 0);
        if (child == 0) {
                sqlite3 *database = NULL;
                int code = sqlite3_open(database_path(fixture), &database);
                if (code == SQLITE_OK)
                        code = sqlite3_exec(database, "SELECT count(*) FROM jobs", NULL, NULL, NULL);
                _exit(code);
        }
        assert_int_equal(waitpid(child, &status, 0), child);
        assert_int_equal(WEXITSTATUS(status), SQLITE_BUSY);
}

/* A process that is killed loses nothing that was acknowledged. */
static void test_killed(void **context)
{
        struct fixture *fixture = *context;
        struct event event;
        int acknowledged[2];
        unsigned number = 0, read_back;

        fixture_close(fixture);
        assert_int_equal(pipe(acknowledged), 0);
        pid_t child = fork();
        assert_true(child >= 0);
        if (child == 0) {
                struct store *state = NULL;
                char *message = NULL;
                if (store_open(fixture->directory, &message, &state) < 0)
                        _exit(1);
                for (unsigned i = 1;; i++) {
                        struct event made = fixture_event(i, i, EVENT_SEEN);
                        if (store_record_event(state, &made, mail, 1, NULL) < 0)
                                _exit(1);
                        if (write(acknowledged[1], &i, sizeof(i)) != sizeof(i))
                                _exit(1);
                }
        }
        close(acknowledged[1]);
        while (number < 300 && read(acknowledged[0], &number, sizeof(number)) == sizeof(number))
                continue;
        assert_int_equal(kill(child, SIGKILL), 0);
        assert_int_equal(waitpid(child, NULL, 0), child);
        while (read(acknowledged[0], &read_back, sizeof(read_back)) == sizeof(read_back))
                number = read_back;
        close(acknowledged[0]);
        assert_true(number >= 300);

        fixture_open(fixture);
        for (unsigned i = 1; i <= number; i++) {
                struct event expected = fixture_event(i, i, EVENT_SEEN);
                expected.sequence = i;
                assert_int_equal(store_get_event(fixture->state, expected.id, &event), 1);
                assert_event_equal(&event, &expected);
                event_clear(&event);
        }
}

/* ---- what is not ours ---- */

static void test_foreign_files(void **context)
{
        struct fixture *fixture = *context;
        const char *path;

        fixture_close(fixture);
        path = strdup(database_path(fixture));
        assert_non_null(path);

        fixture_write_file(path, "just a text\n", 12);
        assert_refused(fixture, -EUCLEAN, "is not a database");
        fixture_write_file(path, "SQLite format 3", 16); /* and no more */
        assert_refused(fixture, -EUCLEAN, "is not a database");

        assert_int_equal(remove(path), 0);
        execute(path, "CREATE TABLE other (x); INSERT INTO other VALUES (1)");
        assert_refused(fixture, -EUCLEAN, "is the database of another program");
        execute(path, "PRAGMA application_id = 7; PRAGMA journal_mode = WAL");
        assert_refused(fixture, -EUCLEAN, "is the database of another program");

        assert_int_equal(remove(path), 0);
        execute(path, "VACUUM"); /* a database without tables */
        assert_refused(fixture, -EUCLEAN, "is the database of another program");

        fixture_write_file(path, "", 0);
        fixture_open(fixture);
        free((char *)(uintptr_t)path);
}

static void test_newer_schema(void **context)
{
        struct fixture *fixture = *context;
        struct stored_job job;
        struct event event = fixture_event(1, 1, EVENT_SEEN);

        assert_int_equal(store_record_event(fixture->state, &event, mail, 1, NULL), 0);
        fixture_close(fixture);
        execute(database_path(fixture), "PRAGMA user_version = 7");
        assert_refused(fixture, -EOPNOTSUPP, "newer jobwatchd");
        execute(database_path(fixture), "PRAGMA user_version = 6");
        fixture_open(fixture);
        assert_int_equal(store_get_job(fixture->state, 1, &job), 1);
}

/* What is missing is found at opening, or reported by the first call that needs it. */
static void test_damaged_schema(void **context)
{
        struct fixture *fixture = *context;
        struct event event = fixture_event(1, 1, EVENT_SEEN);

        fixture_close(fixture);
        execute(database_path(fixture), "CREATE INDEX added ON jobs (outcome)");
        fixture_reopen(fixture);
        fixture_close(fixture);
        execute(database_path(fixture), "DROP TABLE texts");
        fixture_open(fixture);
        assert_int_equal(store_record_event(fixture->state, &event, mail, 1, NULL), -EUCLEAN);
        assert_non_null(strstr(store_error(fixture->state), "no such table"));
        fixture_close(fixture);
        execute(database_path(fixture), "DROP TABLE unlogged");
        assert_refused(fixture, -EUCLEAN, "no such table");
}

static void test_no_regular_file(void **context)
{
        struct fixture *fixture = *context;
        struct store *state = NULL;
        char *message = NULL;

        fixture_close(fixture);
        assert_int_equal(rename(database_path(fixture), fixture_path(fixture, "elsewhere")), 0);
        assert_int_equal(symlink("elsewhere", database_path(fixture)), 0);
        assert_refused(fixture, -ELOOP, "symbolic link");
        assert_int_equal(remove(database_path(fixture)), 0);

        assert_int_equal(mkdir(database_path(fixture), 0700), 0);
        assert_int_equal(store_open(fixture->directory, &message, &state), -EISDIR);
        assert_non_null(strstr(message, "not a regular file"));
        free(message);
        assert_int_equal(rmdir(database_path(fixture)), 0);

        assert_int_equal(mkfifo(database_path(fixture), 0600), 0);
        assert_int_equal(store_open(fixture->directory, &message, &state), -EINVAL);
        free(message);
}

/* ---- damage ---- */

#define JOBS 120

/* Fills a state with jobs 1..JOBS, one event each, and some values. */
static void fill(struct fixture *fixture)
{
        for (unsigned number = 1; number <= JOBS; number++) {
                struct event event = fixture_event(number, number, EVENT_CHANGED);
                const char *id = fixture_event_id(number);
                assert_int_equal(store_record_event(fixture->state, &event, mail, 1, NULL), 0);
                assert_int_equal(store_put_value(fixture->state, id, id, EVENT_ID_SIZE), 0);
        }
}

static int read_event(struct fixture *fixture, unsigned number, bool damaged)
{
        struct event expected = fixture_event(number, number, EVENT_CHANGED), event;

        int r = store_get_event(fixture->state, expected.id, &event);
        if (r <= 0)
                return r;
        expected.sequence = number;
        if (!damaged)
                assert_event_equal(&event, &expected);
        assert_in_range(event.kind, 0, EVENT_KIND_COUNT - 1);
        assert_non_null(outcome_to_string(event.outcome));
        event_clear(&event);
        return r;
}

static int read_job(struct fixture *fixture, unsigned number, bool damaged)
{
        struct event expected = fixture_event(number, number, EVENT_CHANGED);
        struct job_record record;
        struct stored_job job;

        int r = store_get_job(fixture->state, number, &job);
        if (r <= 0)
                return r;
        assert_int_equal(job.id, number);
        assert_non_null(outcome_to_string(job.outcome));
        r = store_get_job_record(fixture->state, number, &record);
        if (r <= 0)
                return r;
        if (!damaged) {
                assert_int_equal(job.changed_us, expected.time_us);
                assert_record_equal(&record, &expected.record);
        }
        job_record_clear(&record);
        return r;
}

static int read_value(struct fixture *fixture, unsigned number, bool damaged)
{
        const char *id = fixture_event_id(number);
        void *data;
        size_t size;

        int r = store_get_value(fixture->state, id, &data, &size);
        if (r <= 0)
                return r;
        if (!damaged) {
                assert_int_equal(size, EVENT_ID_SIZE);
                assert_string_equal(data, id);
        }
        free(data);
        return r;
}

/*
 * Reads everything: each result is the data written (of a damaged file: valid data), an error, or that it is
 * unknown. Returns the number of the latter two.
 */
static unsigned read_all(struct fixture *fixture, bool damaged)
{
        unsigned bad = 0;

        for (unsigned number = 1; number <= JOBS; number++) {
                bad += read_event(fixture, number, damaged) <= 0;
                bad += read_job(fixture, number, damaged) <= 0;
                bad += read_value(fixture, number, damaged) <= 0;
        }
        return bad;
}

static int count_event(void *userdata, struct event *event)
{
        (void)event;
        ++*(unsigned *)userdata;
        return 0;
}

/* Opens a possibly damaged state, and reads and writes everywhere: nothing crashes. */
static void try_damaged(struct fixture *fixture)
{
        struct delivery deliveries[JOBS];
        char *message = NULL;
        unsigned unlogged = 0;

        int r = store_open(fixture->directory, &message, &fixture->state);
        if (r < 0) {
                assert_non_null(message);
                assert_true(r == -EUCLEAN || r == -EOPNOTSUPP);
                free(message);
                return;
        }

        (void)read_all(fixture, true);
        (void)store_each_unlogged(fixture->state, 0, count_event, &unlogged);
        assert_in_range(unlogged, 0, JOBS);
        int count = store_pending_deliveries(fixture->state, "mail", 0, deliveries, JOBS);
        (void)store_batch_begin(fixture->state);
        for (int i = 0; i < count; i++)
                (void)store_delivery_done(fixture->state, deliveries[i].id, 1);
        struct event event = fixture_event(JOBS + 1, 1, EVENT_CHANGED);
        (void)store_record_event(fixture->state, &event, mail, 1, NULL);
        (void)store_prune(fixture->state, UINT64_MAX, 0, &NOTHING_CONFIGURED);
        (void)store_batch_end(fixture->state, true);
        fixture_close(fixture);
}

static uint64_t random_next(uint64_t *seed)
{
        *seed ^= *seed << 13;
        *seed ^= *seed >> 7;
        *seed ^= *seed << 17;
        return *seed;
}

#define PAGE_SIZE 4096

static void test_truncated(void **context)
{
        struct fixture *fixture = *context;
        size_t size;

        fill(fixture);
        fixture_close(fixture);
        char *good = fixture_read_file(database_path(fixture), &size);
        /* The end of the last page may be unused. */
        for (size_t cut = 1; cut < size - PAGE_SIZE; cut += cut < 200 ? 33 : cut < 4200 ? 997 : 3001) {
                fixture_write_file(database_path(fixture), good, cut);
                assert_refused(fixture, -EUCLEAN, "");
        }
        fixture_write_file(database_path(fixture), good, size);
        free(good);
        fixture_open(fixture);
        assert_int_equal(read_all(fixture, false), 0);
}

static void test_lost_pages(void **context)
{
        struct fixture *fixture = *context;
        size_t size;

        fill(fixture);
        fixture_close(fixture);
        char *good = fixture_read_file(database_path(fixture), &size);
        char *damaged = malloc(size);
        assert_non_null(damaged);
        for (size_t at = 0; at < size; at += PAGE_SIZE)
                for (unsigned filling = 0; filling < 2; filling++) {
                        memcpy(damaged, good, size);
                        memset(damaged + at, filling == 0 ? 0 : 0xff, PAGE_SIZE);
                        fixture_write_file(database_path(fixture), damaged, size);
                        assert_refused(fixture, -EUCLEAN, "");
                }
        fixture_write_file(database_path(fixture), good, size);
        free(good);
        free(damaged);
        fixture_open(fixture);
        assert_int_equal(read_all(fixture, false), 0);
}

static void test_overwritten(void **context)
{
        struct fixture *fixture = *context;
        size_t size;

        fill(fixture);
        fixture_close(fixture);
        char *good = fixture_read_file(database_path(fixture), &size);
        char *damaged = malloc(size);
        assert_non_null(damaged);
        for (uint64_t seed = 1; seed <= 200; seed++) {
                uint64_t random = seed * UINT64_C(0x9e3779b97f4a7c15);
                memcpy(damaged, good, size);
                /* One byte, then a few, then long runs. */
                size_t length = seed <= 100 ? 1 : seed <= 150 ? 16 : 600;
                size_t at = random_next(&random) % (size - length);
                for (size_t i = 0; i < length; i++)
                        damaged[at + i] = (char)random_next(&random);
                fixture_write_file(database_path(fixture), damaged, size);
                try_damaged(fixture);
                (void)remove(fixture_path(fixture, "jobwatchd.db-wal"));
        }
        fixture_write_file(database_path(fixture), good, size);
        free(good);
        free(damaged);
        fixture_open(fixture);
        assert_int_equal(read_all(fixture, false), 0);
}

int main(void)
{
#define TEST(function) cmocka_unit_test_setup_teardown(function, fixture_setup, fixture_teardown)
        const struct CMUnitTest tests[] = {
                TEST(test_modes),           TEST(test_directory_that_cannot_be),
                TEST(test_second_process),  TEST(test_sqlite_shell_is_kept_out),
                TEST(test_killed),          TEST(test_foreign_files),
                TEST(test_newer_schema),    TEST(test_damaged_schema),
                TEST(test_no_regular_file), TEST(test_truncated),
                TEST(test_lost_pages),      TEST(test_overwritten),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
