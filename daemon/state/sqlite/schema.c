/* SPDX-License-Identifier: MIT */

/*
 * Opens the database: settings of the connection, integrity checks, and migrations.
 *
 * The application_id of the file identifies its owner, and its user_version is the number of migrations that
 * have been applied. The missing ones run in one transaction. A released migration must not be edited. The
 * first runs with a rollback journal, before the switch to WAL, so that the header of the file itself always
 * names its owner (file.c relies on it).
 *
 * Settings:
 *  - locking_mode=EXCLUSIVE before the first read: the index of the WAL is in memory, no -shm file exists,
 * and no other process can open the database, not even one that ignores the lock file, such as the sqlite3
 * shell
 *  - synchronous=FULL: in WAL mode, NORMAL would lose acknowledged commits in a power cut
 *  - cache_size=128 KiB: a larger transaction spills into the WAL
 *  - wal_autocheckpoint=0: see checkpoint.c
 *  - journal_size_limit: truncates a WAL that grew by a large batch
 *  - mmap_size=0: an I/O error is an error, not a SIGBUS
 *  - trusted_schema=OFF, cell_size_check=ON: limit what a damaged file can cause
 *  - secure_delete=FAST: a deleted or replaced token is zeroed in its page if that needs no extra write. Old
 *    pages remain in the WAL until it is reused; the protection is mode 0600.
 *  - auto_vacuum=INCREMENTAL: free pages can be given back to the disk
 *  - foreign_keys=ON: deliveries and marks are deleted with their event
 *
 * quick_check runs at every open of a file of up to CHECK_LIMIT; it reads every page and would delay the
 * start with a larger one. Other damage is found when a row is read. Additional tables and indices are
 * ignored.
 */

#include "state/sqlite/schema.h"

#include <errno.h>
#include <stdio.h>
#include <sys/stat.h>

#include "state/sqlite/checkpoint.h"
#include "state/sqlite/file.h"
#include "state/sqlite/reserve.h"
#include "util/message.h"

#define CHECK_LIMIT  (64 * 1024 * 1024)
#define VACUUM_LIMIT (64 * 1024 * 1024)

/* Large columns are last, so that reading the others does not follow overflow pages. */
#define RECORD_COLUMNS                                                                                       \
        "flags INTEGER NOT NULL, business_id INTEGER NOT NULL, guid BLOB, description BLOB, files BLOB, "    \
        "business BLOB, user BLOB, email BLOB, created_on BLOB, updated_on BLOB, status BLOB, "

static const char *const migrations[] = {
        /* 1 */
        "CREATE TABLE jobs (id INTEGER PRIMARY KEY, outcome TEXT NOT NULL, stalled INTEGER NOT NULL, "
        "changed_us INTEGER NOT NULL, result_hash INTEGER NOT NULL, result_size INTEGER NOT "
        "NULL, " RECORD_COLUMNS "sum INTEGER NOT NULL);"
        /* Separate from jobs: an update of other columns must not rewrite the result. */
        "CREATE TABLE results (job INTEGER PRIMARY KEY, result BLOB);"
        "CREATE TABLE events (sequence INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, kind TEXT NOT NULL, "
        "outcome TEXT NOT NULL, time_us INTEGER NOT NULL, job INTEGER NOT NULL, first_sight INTEGER NOT "
        "NULL, "
        "same_result INTEGER NOT NULL, sum INTEGER NOT NULL, job_name BLOB, " RECORD_COLUMNS
        "status_before BLOB, result_before BLOB, result BLOB);"
        "CREATE INDEX events_by_time ON events (time_us);"
        /* Separate from events for the same reason. */
        "CREATE TABLE unlogged (event INTEGER PRIMARY KEY REFERENCES events (sequence));"
        /* AUTOINCREMENT: callers keep ids, so they are never reused. */
        "CREATE TABLE deliveries (id INTEGER PRIMARY KEY AUTOINCREMENT, "
        "event INTEGER NOT NULL REFERENCES events (sequence) ON DELETE CASCADE, job INTEGER NOT NULL, "
        "hook TEXT NOT NULL, state TEXT NOT NULL DEFAULT 'pending', attempts INTEGER NOT NULL DEFAULT 0, "
        "next_us INTEGER NOT NULL, ended_us INTEGER, error TEXT);"
        "CREATE INDEX deliveries_by_event ON deliveries (event);"
        "CREATE INDEX deliveries_pending ON deliveries (hook, job, id) WHERE state = 'pending';"
        "CREATE TABLE sights (number INTEGER PRIMARY KEY, hash INTEGER NOT NULL, size INTEGER NOT NULL, "
        "UNIQUE (hash, size));"
        "CREATE TABLE \"values\" (key TEXT PRIMARY KEY, data BLOB NOT NULL, sum INTEGER NOT NULL);",

        /* 2: no checksums; results in a table of their own (texts.c); jobs and values expire;
         * unrecognised statuses are not stored any more; pending deliveries are read by id */
        "DROP INDEX deliveries_pending;"
        "CREATE INDEX deliveries_pending ON deliveries (hook, id) WHERE state = 'pending';"
        "CREATE TABLE texts (id INTEGER PRIMARY KEY, job INTEGER NOT NULL, hash INTEGER NOT NULL, "
        "size INTEGER NOT NULL, data BLOB NOT NULL, UNIQUE (job, hash, size));"
        "CREATE INDEX texts_large ON texts (job) WHERE " TEXT_IS_LARGE ";"
        "INSERT OR IGNORE INTO texts (job, hash, size, data) SELECT job, text_hash(data), length(data), data "
        "FROM (SELECT job, result_before AS data FROM events UNION ALL SELECT job, result FROM events "
        "UNION ALL SELECT job, result FROM results) WHERE data IS NOT NULL;"
        "DROP TABLE results;"
        "ALTER TABLE events ADD COLUMN result_hash INTEGER NOT NULL DEFAULT 0;"
        "ALTER TABLE events ADD COLUMN result_size INTEGER NOT NULL DEFAULT 0;"
        "ALTER TABLE events ADD COLUMN before_hash INTEGER NOT NULL DEFAULT 0;"
        "ALTER TABLE events ADD COLUMN before_size INTEGER NOT NULL DEFAULT 0;"
        "UPDATE events SET result_hash = text_hash(result), result_size = coalesce(length(result), -1), "
        "before_hash = text_hash(iif(same_result, result, result_before)), "
        "before_size = coalesce(length(iif(same_result, result, result_before)), -1);"
        "ALTER TABLE events DROP COLUMN result;"
        "ALTER TABLE events DROP COLUMN result_before;"
        "ALTER TABLE events DROP COLUMN same_result;"
        "ALTER TABLE events DROP COLUMN sum;"
        "ALTER TABLE jobs DROP COLUMN sum;"
        "CREATE INDEX events_by_result ON events (job, result_hash, result_size);"
        "CREATE INDEX events_by_before ON events (job, before_hash, before_size);"
        "ALTER TABLE jobs ADD COLUMN removed_us INTEGER NOT NULL DEFAULT 0;"
        "CREATE TABLE kept (key TEXT PRIMARY KEY, data BLOB NOT NULL, "
        "written INTEGER NOT NULL DEFAULT (unixepoch()));"
        "INSERT INTO kept (key, data) SELECT key, data FROM \"values\";"
        "DROP TABLE \"values\";"
        "ALTER TABLE kept RENAME TO \"values\";" CUT ";"
        "DROP TABLE sights;"
        "CREATE TRIGGER job_changed AFTER UPDATE OF result_hash, result_size ON jobs "
        "WHEN old.result_hash <> new.result_hash OR old.result_size <> new.result_size "
        "BEGIN " DELETE_UNUSED("old.id", "old.result_hash", "old.result_size") CUT
        " AND job = old.id; END;"
        "CREATE TRIGGER job_deleted AFTER DELETE ON jobs "
        "BEGIN " DELETE_UNUSED("old.id", "old.result_hash", "old.result_size") CUT
        " AND job = old.id; END;"
        /* OR IGNORE: in a damaged database, a row without its event may have the number of the next one. */
        "CREATE TRIGGER event_recorded AFTER INSERT ON events "
        "BEGIN INSERT OR IGNORE INTO unlogged (event) VALUES (new.sequence); END;"
        "CREATE TRIGGER event_deleted AFTER DELETE ON events "
        "BEGIN " DELETE_UNUSED("old.job", "old.result_hash", "old.result_size")
                DELETE_UNUSED("old.job", "old.before_hash", "old.before_size") CUT
        " AND job = old.job; END;"
        "CREATE TRIGGER event_logged AFTER DELETE ON unlogged "
        "BEGIN " CUT " AND job = (SELECT job FROM events WHERE sequence = old.event); END;"
        "CREATE TRIGGER delivery_done AFTER UPDATE OF state ON deliveries WHEN new.state = 'done' "
        "BEGIN " CUT " AND job = old.job; END;",

        /* 3: discovered jobs (discovered.c) */
        "CREATE TABLE discovered (job INTEGER PRIMARY KEY, sections BLOB NOT NULL, created INTEGER NOT NULL, "
        "form INTEGER NOT NULL);"
        "ALTER TABLE events ADD COLUMN discover BLOB;"
        "CREATE TRIGGER discovered_job_deleted AFTER DELETE ON jobs "
        "BEGIN DELETE FROM discovered WHERE job = old.id; END;",

        /* 4: pages of jobs, events and deliveries (lists.c), and the latest event that was deleted */
        "CREATE INDEX events_by_job ON events (job);"
        "CREATE INDEX deliveries_open ON deliveries (id) WHERE state <> 'done';"
        "CREATE TABLE pruned (sequence INTEGER NOT NULL);"
        "INSERT INTO pruned (sequence) SELECT coalesce(max(sequence) - 1, 0) FROM events AS e "
        "WHERE NOT EXISTS (SELECT 1 FROM events WHERE sequence = e.sequence - 1);"
        "CREATE TRIGGER event_pruned AFTER DELETE ON events "
        "BEGIN UPDATE pruned SET sequence = max(sequence, old.sequence); END;",

        /* 5: jobs that were added or removed at run time (manual.c); failed deliveries are found by hook */
        "CREATE TABLE manual (job INTEGER PRIMARY KEY, kind TEXT NOT NULL, name BLOB, hooks BLOB, "
        "again INTEGER NOT NULL, written INTEGER NOT NULL DEFAULT (unixepoch()));"
        "CREATE TRIGGER dismissed_job_deleted AFTER DELETE ON jobs "
        "BEGIN DELETE FROM manual WHERE job = old.id AND kind = 'dismissed'; END;"
        "CREATE INDEX deliveries_failed ON deliveries (hook, id) WHERE state = 'failed';",

        /* 6: when a job was first recorded, and the jobs that have ended, for how long they took */
        "ALTER TABLE jobs ADD COLUMN first_us INTEGER NOT NULL DEFAULT 0;"
        "UPDATE jobs SET first_us = coalesce((SELECT min(time_us) FROM events WHERE job = jobs.id), "
        "changed_us);"
        "CREATE INDEX jobs_ended ON jobs (changed_us) WHERE outcome IN ('success', 'failure');",
};

#define SCHEMA_VERSION ((int64_t)(sizeof(migrations) / sizeof(migrations[0])))

/* text_hash(DATA): the hash of a text_digest, for the migrations. */
static void text_hash(sqlite3_context *context, int count, sqlite3_value *values[])
{
        (void)count;
        union {
                const void *data;
                char *borrowed;
        } blob = { .data = sqlite3_value_blob(values[0]) };

        if (blob.data == NULL && sqlite3_value_type(values[0]) != SQLITE_NULL)
                blob.data = ""; /* SQLite returns NULL for an empty BLOB */
        struct text text = { blob.borrowed, (size_t)sqlite3_value_bytes(values[0]) };
        sqlite3_result_int64(context, (sqlite3_int64)text_digest(&text).hash);
}

static int schema_migrate(struct store *store, int64_t version)
{
        char sql[64];

        int code = sqlite3_create_function(sqlite_of(store)->database, "text_hash", 1,
                                           SQLITE_UTF8 | SQLITE_DETERMINISTIC | SQLITE_DIRECTONLY, NULL,
                                           text_hash, NULL, NULL);
        if (code != SQLITE_OK)
                return store_fail_sqlite(store, code);
        /* The id first: a crash may leave any page of the transaction in the file. */
        int r = sqlite_execute(
                store,
                "BEGIN; PRAGMA auto_vacuum = INCREMENTAL; PRAGMA application_id = " STATE_APPLICATION_ID,
                NULL);
        for (int64_t i = version; r >= 0 && i < SCHEMA_VERSION; i++)
                r = sqlite_execute(store, migrations[i], NULL);
        if (r >= 0) {
                (void)snprintf(sql, sizeof(sql), "PRAGMA user_version = %lld; COMMIT",
                               (long long)SCHEMA_VERSION);
                r = sqlite_execute(store, sql, NULL);
        }
        return r; /* closing the connection rolls back */
}

/* quick_check also reports a page that it could not read because of a disk error or a lack of memory. */
static int schema_check(struct store *store, const char *path)
{
        struct stat status;
        int64_t findings = 0;

        if (stat(path, &status) < 0 || status.st_size > CHECK_LIMIT)
                return 0;
        int r = sqlite_execute(store, "SELECT count(*) FROM pragma_quick_check WHERE quick_check <> 'ok'",
                               &findings);
        return r < 0 || findings == 0 ? r : store_fail(store, -EUCLEAN, "it is damaged");
}

/*
 * A file of release 0.1.0 cannot shrink until it has been vacuumed: once, if there is room on the disk and in
 * memory, where SQLite makes the copy (temp_store). If that fails, the file is as good as before.
 */
static int schema_vacuum(struct store *store)
{
        int64_t mode = 0, used = 0;

        int r = sqlite_execute(store, "PRAGMA auto_vacuum", &mode);
        if (r < 0 || mode != 0)
                return r;
        r = store_run(store, STATEMENT_USAGE, &used);
        if (r >= 0 && used <= VACUUM_LIMIT && store_disk_has_room(store, 2 * (uint64_t)used))
                (void)sqlite_execute(
                        store, "PRAGMA auto_vacuum = INCREMENTAL; VACUUM; PRAGMA wal_checkpoint(TRUNCATE)",
                        NULL);
        return r;
}

static int schema_set_up(struct store *store, const char *path, int64_t *ret_version)
{
        static const char settings[] =
                "PRAGMA trusted_schema = OFF; PRAGMA cell_size_check = ON;"
                "PRAGMA mmap_size = 0; PRAGMA cache_size = -128; PRAGMA temp_store = MEMORY;"
                "PRAGMA secure_delete = FAST; PRAGMA foreign_keys = ON;"
                "PRAGMA synchronous = FULL; PRAGMA wal_autocheckpoint = 0;"
                "PRAGMA journal_size_limit = 1048576;";
        int64_t version = 0;

        /* First, since several of the settings read the schema. */
        int r = sqlite_execute(store, "PRAGMA locking_mode = EXCLUSIVE", NULL);
        if (r >= 0)
                r = sqlite_execute(store, settings, NULL);
        if (r >= 0)
                r = sqlite_execute(store, "PRAGMA user_version", &version);
        if (r < 0)
                return r;
        *ret_version = version;
        if (version < 0 || version > SCHEMA_VERSION)
                return -EOPNOTSUPP;

        if (version > 0)
                r = schema_check(store, path);
        if (r >= 0 && version < SCHEMA_VERSION)
                r = schema_migrate(store, version);
        /* Reads the schema and locks the database, so that errors occur here. */
        if (r >= 0)
                r = sqlite_execute(store, "SELECT count(*) FROM unlogged", NULL);
        if (r >= 0)
                r = sqlite_execute(store,
                                   "PRAGMA journal_mode = WAL;"
                                   "CREATE TEMP TABLE configured (hook TEXT, job INTEGER)",
                                   NULL);
        return r < 0 ? r : schema_vacuum(store);
}

int store_schema_open(struct store *store, const char *path, char **ret_message)
{
        int64_t version = 0;

        int code = sqlite3_open_v2(path, &sqlite_of(store)->database,
                                   SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, NULL);
        int r;
        if (code != SQLITE_OK) {
                r = store_fail_sqlite(store, code);
        } else {
                (void)sqlite3_extended_result_codes(sqlite_of(store)->database, 1);
                /* No checkpoint of an existing WAL into the file before it has been checked. */
                (void)sqlite3_db_config(sqlite_of(store)->database, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1,
                                        NULL);
                (void)sqlite3_db_config(sqlite_of(store)->database, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
                if (sqlite3_db_readonly(sqlite_of(store)->database, "main") == 1)
                        r = store_fail(store, -EACCES, "the file is not writable by this user");
                else
                        r = schema_set_up(store, path, &version);
        }

        switch (-r) {
        case 0:
                store_wal_watch(store);
                (void)sqlite3_db_config(sqlite_of(store)->database, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 0,
                                        NULL);
                return 0;
        case EOPNOTSUPP:
                return fail_with_message(
                        r, ret_message,
                        "%s was written by a newer jobwatchd (schema version %lld, supported up to %lld). It "
                        "was not changed. Run the newer version, or set another directory with "
                        "--state-dir.",
                        path, (long long)version, (long long)SCHEMA_VERSION);
        case EUCLEAN:
                return fail_with_message(
                        r, ret_message,
                        "%s cannot be used: %s. It was not changed. If the disk has no errors, restore a "
                        "backup, or move the file and its -wal file away to start afresh; all watched jobs "
                        "are then reported again.",
                        path, store->error);
        case EBUSY:
                return fail_with_message(
                        r, ret_message,
                        "%s is in use by another program, such as the sqlite3 shell. Close that "
                        "program and start again.",
                        path);
        default:
                return fail_with_message(
                        r, ret_message,
                        "Cannot open %s: %s. No data was lost. Fix the cause and start again.", path,
                        store->error);
        }
}
