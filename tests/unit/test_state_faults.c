/* SPDX-License-Identifier: MIT */

/*
 * The state on a disk, and with statements, that fail at each operation in turn.
 *
 * A run is a list of steps. The first run has no faults; a fingerprint of all rows is kept after each step.
 * Then the run is repeated with the first operation failing, the second, and so on, until the fault is not
 * reached. When a step fails,
 *  - it returns one of the allowed errors, with a description;
 *  - the files at that moment, as a crash would leave them, open and have the fingerprint before the step or
 *    after it, since the effect of a failed fsync is unknown; on a full disk, history may be missing;
 *  - the step succeeds when it is repeated without the fault, and the run ends with the same rows.
 *
 * With "all" as its argument the test runs every fault, which takes hours; otherwise the first faults of
 * each kind and then a decreasing part of the others, and of statements all.
 */

#include <errno.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fault_sqlite.h"
#include "fault_vfs.h"
#include "state_fixture.h"
#include "state_life.h"

/* ---- fingerprints ---- */

static uint64_t sum(uint64_t hash, const void *data, size_t size)
{
        struct text text = { (char *)(uintptr_t)data, size };

        return (hash ^ text_digest(&text).hash) * UINT64_C(0x9e3779b97f4a7c15);
}

/* What a fingerprint is of. Marks may be lost, so they are part of none. */
enum rows {
        ROWS_ALL,
        ROWS_KEPT, /* those that are left when history makes room on a full disk */
        ROWS_COUNT,
};

static uint64_t fingerprint(const char *path, enum rows rows)
{
        static const char *const all[ROWS_COUNT][5] = {
                { "* FROM jobs", "* FROM texts", "* FROM events", "* FROM deliveries",
                  "key, data FROM \"values\"" },
                { "* FROM jobs", "* FROM deliveries WHERE state <> 'done'", "key, data FROM \"values\"" },
        };
        const char *const *tables = all[rows];
        sqlite3 *database = NULL;
        uint64_t hash = 1;

        assert_int_equal(sqlite3_open_v2(path, &database, SQLITE_OPEN_READWRITE, "unix"), SQLITE_OK);
        for (size_t i = 0; i < sizeof(all[0]) / sizeof(all[0][0]) && tables[i] != NULL; i++) {
                sqlite3_stmt *statement = NULL;
                char sql[80];
                int code;

                (void)snprintf(sql, sizeof(sql), "SELECT %s ORDER BY 1", tables[i]);
                assert_int_equal(sqlite3_prepare_v2(database, sql, -1, &statement, NULL), SQLITE_OK);
                while ((code = sqlite3_step(statement)) == SQLITE_ROW)
                        for (int column = 0; column < sqlite3_column_count(statement); column++) {
                                const void *data = sqlite3_column_blob(statement, column);
                                hash = sum(hash + (uint64_t)sqlite3_column_type(statement, column),
                                           data != NULL ? data : "",
                                           (size_t)sqlite3_column_bytes(statement, column));
                        }
                assert_int_equal(code, SQLITE_DONE);
                assert_int_equal(sqlite3_finalize(statement), SQLITE_OK);
                hash = sum(hash, "|", 1);
        }
        assert_int_equal(sqlite3_close(database), SQLITE_OK);
        return hash;
}

static void remove_files(const struct fixture *life)
{
        static const char *const names[] = { "jobwatchd.db", "jobwatchd.db-wal", "jobwatchd.db-journal",
                                             "jobwatchd.lock", "reserve" };

        for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
                (void)remove(fixture_path(life, names[i]));
}

/* The fingerprints of the files that a crash would leave now. */
static void crash_fingerprints(const struct fixture *life, uint64_t ret_hashes[static ROWS_COUNT])
{
        static const char *const names[] = { "jobwatchd.db", "jobwatchd.db-wal", "jobwatchd.db-journal" };
        struct fixture copy = { 0 };

        (void)snprintf(copy.directory, sizeof(copy.directory), "%.200s/copy", life->directory);
        assert_int_equal(mkdir(copy.directory, 0700), 0);
        for (size_t i = 0; i < 3; i++) {
                size_t size;
                if (access(fixture_path(life, names[i]), F_OK) < 0)
                        continue;
                char *data = fixture_read_file(fixture_path(life, names[i]), &size);
                fixture_write_file(fixture_path(&copy, names[i]), data, size);
                free(data);
        }

        fixture_open(&copy);
        fixture_close(&copy);
        for (enum rows rows = 0; rows < ROWS_COUNT; rows++)
                ret_hashes[rows] = fingerprint(fixture_path(&copy, "jobwatchd.db"), rows);
        remove_files(&copy);
        assert_int_equal(rmdir(copy.directory), 0);
}

/* ---- lives ---- */

struct faults {
        void (*arm)(const struct faults *faults, unsigned nth);
        bool (*disarm)(void);
        enum fault_vfs_operation operation;
        enum fault_vfs_failure failure;
        bool stays, reads; /* whether it is reading that may fail */
        const int *errors; /* allowed errors of a step, terminated by 0 */
        bool all;          /* none is left out */
};

static uint64_t expected[STATE_LIFE_STEPS][ROWS_COUNT];

static void live_without_faults(struct fixture *life)
{
        for (size_t step = 0; step < STATE_LIFE_STEPS; step++) {
                int r = state_life_step(life, step);
                if (r < 0)
                        fail_msg("step %zu: %d", step, r);
                crash_fingerprints(life, expected[step]);
        }
        life->state = store_close(life->state);
        assert_true(fingerprint(fixture_path(life, "jobwatchd.db"), ROWS_ALL) ==
                    expected[STATE_LIFE_STEPS - 1][ROWS_ALL]);
        remove_files(life);
}

static void assert_failed_well(struct fixture *life, const struct faults *faults, unsigned nth, size_t step,
                               int r)
{
        const int *error = faults->errors;
        /* While opening, SQLite reports a page that it cannot read as damage. */
        bool unreadable = r == -EUCLEAN && life->state == NULL && faults->reads;

        while (*error != 0 && *error != r)
                error++;
        if (*error == 0 && !unreadable)
                fail_msg("fault %u, step %zu: it fails with %d (%s)", nth, step, r,
                         life->state != NULL ? store_error(life->state) : "not open");
        if (life->state != NULL)
                assert_string_not_equal(store_error(life->state), "no error");

        uint64_t left[ROWS_COUNT];
        crash_fingerprints(life, left);
        /* History goes before anything is lost, and may be gone in the file although the step failed. */
        enum rows rows = r == -ENOSPC ? ROWS_KEPT : ROWS_ALL;
        if (left[rows] != expected[step][rows] && (step == 0 || left[rows] != expected[step - 1][rows]))
                fail_msg("fault %u, step %zu: half of it is done", nth, step);
}

/* One run. Returns whether the fault was reached. */
static bool live(struct fixture *life, const struct faults *faults, unsigned nth, unsigned *failures)
{
        bool reached = false, failed = false;

        faults->arm(faults, nth);
        for (size_t step = 0; step < STATE_LIFE_STEPS; step++) {
                int r = state_life_step(life, step);
                if (r >= 0)
                        continue;

                assert_false(failed);
                failed = true;
                ++*failures;
                reached = faults->disarm();
                assert_true(reached);
                assert_failed_well(life, faults, nth, step, r);
                r = state_life_step(life, step);
                if (r < 0)
                        fail_msg("fault %u, step %zu: %d when done again (%s)", nth, step, r,
                                 life->state != NULL ? store_error(life->state) : "not open");
        }
        life->state = store_close(life->state);
        reached = faults->disarm() || reached;

        fixture_open(life);
        life->state = store_close(life->state);
        if (fingerprint(fixture_path(life, "jobwatchd.db"), ROWS_ALL) !=
            expected[STATE_LIFE_STEPS - 1][ROWS_ALL])
                fail_msg("fault %u: another end", nth);
        remove_files(life);
        return reached;
}

static bool every_fault;

/* A sanitizer takes five times as long. */
#ifdef SANITIZED
#define FAULTS_OF_EACH_KIND 2
#define ALL_STATEMENTS      false
#else
#define FAULTS_OF_EACH_KIND 10
#define ALL_STATEMENTS      true
#endif

static void live_all(struct fixture *life, const struct faults *faults)
{
        unsigned nth = 1, failures = 0;

        live_without_faults(life);
        while (live(life, faults, nth, &failures))
                nth += every_fault || faults->all ? 1 : 1 + nth / FAULTS_OF_EACH_KIND;
        assert_true(nth > 1);
        if (faults->errors[0] != 0)
                assert_true(failures > 0);
        print_message("    up to fault %u; %u failed a step\n", nth - 1, failures);
}

static int setup(void **state)
{
        state_life_result_size = 20000;
        int r = fixture_setup(state);
        fixture_close(*state);
        remove_files(*state);
        return r;
}

/* ---- the disk ---- */

static void arm_vfs(const struct faults *faults, unsigned nth)
{
        fault_vfs_arm(faults->operation, faults->failure, nth, faults->stays);
}

static const int no_error[] = { 0 };
static const int disk_full[] = { -ENOSPC, 0 };
static const int disk_error[] = { -EIO, 0 };
/* SQLite returns the errno of a failure only later, when other calls may have changed it. */
static const int disk_full_or_error[] = { -ENOSPC, -EIO, 0 };

static void test_disk(void **state, enum fault_vfs_operation operation, enum fault_vfs_failure failure,
                      const int *errors)
{
        for (unsigned stays = 0; stays < 2; stays++) {
                struct faults faults = {
                        .arm = arm_vfs,
                        .disarm = fault_vfs_disarm,
                        .operation = operation,
                        .failure = failure,
                        .stays = stays != 0,
                        .reads = operation == FAULT_VFS_READ,
                        .errors = errors,
                };
                live_all(*state, &faults);
        }
}

static void test_write_full(void **state)
{
        test_disk(state, FAULT_VFS_WRITE, FAULT_VFS_FULL, disk_full);
}

static void test_write_short(void **state)
{
        test_disk(state, FAULT_VFS_WRITE, FAULT_VFS_SHORT, disk_full);
}

static void test_write_error(void **state)
{
        test_disk(state, FAULT_VFS_WRITE, FAULT_VFS_IO, disk_error);
}

static void test_sync_error(void **state)
{
        test_disk(state, FAULT_VFS_SYNC, FAULT_VFS_IO, disk_error);
}

static void test_sync_full(void **state)
{
        test_disk(state, FAULT_VFS_SYNC, FAULT_VFS_FULL, disk_full_or_error);
}

/* A file that could not be deleted is harmless. */
static void test_truncate_error(void **state)
{
        test_disk(state, FAULT_VFS_TRUNCATE, FAULT_VFS_IO, no_error);
}

static void test_read_error(void **state)
{
        test_disk(state, FAULT_VFS_READ, FAULT_VFS_IO, disk_error);
}

static void test_open_error(void **state)
{
        test_disk(state, FAULT_VFS_OPEN, FAULT_VFS_IO, disk_error);
}

static void test_delete_error(void **state)
{
        test_disk(state, FAULT_VFS_DELETE, FAULT_VFS_IO, disk_error);
}

/* ---- SQLite ---- */

static void arm_sqlite(const struct faults *faults, unsigned nth)
{
        fault_sqlite_arm(nth, SQLITE_IOERR_READ, faults->stays);
}

/*
 * Each statement that is prepared, bound or executed, whether it reads the disk or not. One at a time: the
 * ROLLBACK after an error does not fail in SQLite.
 */
static void test_statements(void **state)
{
        struct faults faults = {
                .arm = arm_sqlite, .disarm = fault_sqlite_disarm, .all = ALL_STATEMENTS, .errors = disk_error
        };

        live_all(*state, &faults);
}

int main(int argc, char *argv[])
{
        every_fault = argc > 1 && strcmp(argv[1], "all") == 0;

        if (fault_vfs_register() != SQLITE_OK)
                return 1;

#define TEST(function) cmocka_unit_test_setup_teardown(function, setup, fixture_teardown)
        const struct CMUnitTest tests[] = {
                TEST(test_write_full), TEST(test_write_short), TEST(test_write_error),
                TEST(test_sync_error), TEST(test_sync_full),   TEST(test_truncate_error),
                TEST(test_read_error), TEST(test_open_error),  TEST(test_delete_error),
                TEST(test_statements),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
