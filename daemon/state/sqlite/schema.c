/* SPDX-License-Identifier: MIT */

/*
 * The database as a whole: how the connection is set up, whether the file is sound, and its schema.
 *
 * The file says whose it is by its application_id and which schema it has by its user_version: the number of
 * migrations it has seen. All that are missing run in one transaction. A released one is never edited; what
 * is to change becomes the next. The first runs with a rollback journal, before the switch to WAL, so that
 * the header of the file itself, not only a WAL beside it, names its owner from the first moment on
 * (state_file.c relies on it).
 *
 * The settings that are not obvious:
 *  - locking_mode=EXCLUSIVE before the first read: the index of the WAL is then kept in memory, there is no
 * -shm file, and no second process gets in, be it one that does not know of our lock file, such as the
 * sqlite3 shell.
 *  - synchronous=FULL: in WAL mode, NORMAL would lose acknowledged commits in a power cut.
 *  - cache_size 128 KiB: everything read here is small or read once. A transaction that needs more spills
 * into the WAL. The threading mode stays SQLite's own, with a connection without mutexes: sqlite3_config()
 * would be a setting for the whole process, and an allocator without a mutex saves nothing that can be
 * measured beside fsync.
 *  - journal_size_limit: a WAL that grew by a large batch shrinks again.
 *  - mmap_size=0: an I/O error shall be an error, not a SIGBUS.
 *  - trusted_schema=OFF, cell_size_check=ON: a damaged file may not do more than be damaged.
 *  - secure_delete=FAST: a deleted or replaced token is zeroed in its page if that costs no extra write.
 * Distributions build SQLite with ON as the default, which zeroes freed pages too: pruning results of
 * megabytes would write them all once more. It is a second line of defence only, as old pages stay in the WAL
 * until it is used again; the first is mode 0600.
 *  - foreign_keys=ON: deliveries and marks go with their event, and none exists without one.
 *
 * quick_check runs at every open of a file of up to 64 MiB. Beyond that it would hold up the start for
 * seconds: it reads every page, and results may have megabytes. Damage is then still met where it is read, by
 * SQLite or by the sums of state_row.c. How the last run ended makes no difference: a WAL has sums of its own
 * and recovers by itself, and disks lose bits also under files that were closed well.
 *
 * It does not look at the text of the schema, where a bit can turn a default into another word and hide
 * deliveries for ever. So that text is compared with what the migrations make of an empty database. What
 * somebody has added, an index perhaps, is left alone.
 */

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "state/sqlite/database.h"

#define CHECK_LIMIT (64 * 1024 * 1024)

#define TEXT_(x)  #x
#define NUMBER(x) TEXT_(x)

/* Large columns stand last, so that reading the others does not follow their overflow pages. */
#define RECORD_COLUMNS                                                                                       \
        "flags INTEGER NOT NULL, business_id INTEGER NOT NULL, guid BLOB, description BLOB, files BLOB, "    \
        "business BLOB, user BLOB, email BLOB, created_on BLOB, updated_on BLOB, status BLOB, "

static const char *const migrations[] = {
        /* 1 */
        "CREATE TABLE jobs (id INTEGER PRIMARY KEY, outcome TEXT NOT NULL, stalled INTEGER NOT NULL, "
        "changed_us INTEGER NOT NULL, result_hash INTEGER NOT NULL, result_size INTEGER NOT "
        "NULL, " RECORD_COLUMNS "sum INTEGER NOT NULL);"
        /* Apart from jobs: a new description must not rewrite a result of megabytes. */
        "CREATE TABLE results (job INTEGER PRIMARY KEY, result BLOB);"
        "CREATE TABLE events (sequence INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, kind TEXT NOT NULL, "
        "outcome TEXT NOT NULL, time_us INTEGER NOT NULL, job INTEGER NOT NULL, first_sight INTEGER NOT "
        "NULL, "
        "same_result INTEGER NOT NULL, sum INTEGER NOT NULL, job_name BLOB, " RECORD_COLUMNS
        "status_before BLOB, result_before BLOB, result BLOB);"
        "CREATE INDEX events_by_time ON events (time_us);"
        /* Apart from events for the same reason. */
        "CREATE TABLE unlogged (event INTEGER PRIMARY KEY REFERENCES events (sequence));"
        /* AUTOINCREMENT: ids leave this module, and none may come back as another delivery's. */
        "CREATE TABLE deliveries (id INTEGER PRIMARY KEY AUTOINCREMENT, "
        "event INTEGER NOT NULL REFERENCES events (sequence) ON DELETE CASCADE, job INTEGER NOT NULL, "
        "hook TEXT NOT NULL, state TEXT NOT NULL DEFAULT 'pending', attempts INTEGER NOT NULL DEFAULT 0, "
        "next_us INTEGER NOT NULL, ended_us INTEGER, error TEXT);"
        "CREATE INDEX deliveries_by_event ON deliveries (event);"
        "CREATE INDEX deliveries_pending ON deliveries (hook, job, id) WHERE state = 'pending';"
        "CREATE TABLE sights (number INTEGER PRIMARY KEY, hash INTEGER NOT NULL, size INTEGER NOT NULL, "
        "UNIQUE (hash, size));"
        "CREATE TABLE \"values\" (key TEXT PRIMARY KEY, data BLOB NOT NULL, sum INTEGER NOT NULL);",
};

#define SCHEMA_VERSION ((int64_t)(sizeof(migrations) / sizeof(migrations[0])))

static int schema_migrate(struct state *state, int64_t version)
{
        char sql[64];

        int r = state_execute(state, "BEGIN IMMEDIATE", NULL);
        for (int64_t i = version; r >= 0 && i < SCHEMA_VERSION; i++)
                r = state_execute(state, migrations[i], NULL);
        if (r >= 0) {
                (void)snprintf(sql, sizeof(sql), "PRAGMA user_version = %lld", (long long)SCHEMA_VERSION);
                r = state_execute(state, sql, NULL);
        }
        if (r >= 0)
                r = state_execute(state, "PRAGMA application_id = " NUMBER(STATE_APPLICATION_ID) "; COMMIT",
                                  NULL);
        return r; /* what was begun goes with the connection */
}

/* 1 if the check has a finding, with its words as state_error(), 0 if it has none. */
static int quick_check(struct state *state)
{
        sqlite3_stmt *statement = NULL;
        int r = 0;

        int code = sqlite3_prepare_v2(state->database, "PRAGMA quick_check(1)", -1, &statement, NULL);
        if (code == SQLITE_OK)
                code = sqlite3_step(statement);
        if (code != SQLITE_ROW) {
                r = state_fail_sqlite(state, code);
        } else {
                const char *finding = (const char *)sqlite3_column_text(statement, 0);
                if (finding == NULL) {
                        r = state_fail(state, -ENOMEM, "out of memory");
                } else if (strcmp(finding, "ok") != 0) {
                        (void)snprintf(state->error, sizeof(state->error),
                                       "the database is damaged (SQLite: %s)", finding);
                        r = 1;
                }
        }
        (void)sqlite3_finalize(statement);
        return r;
}

/* Whether every byte of the file can be read. */
static bool file_is_readable(struct state *state)
{
        sqlite3_file *file = NULL;
        sqlite3_int64 size = 0;
        char page[4096];

        if (sqlite3_file_control(state->database, "main", SQLITE_FCNTL_FILE_POINTER, &file) != SQLITE_OK ||
            file->pMethods->xFileSize(file, &size) != SQLITE_OK)
                return false;
        for (sqlite3_int64 offset = 0; offset < size; offset += (sqlite3_int64)sizeof(page)) {
                int code = file->pMethods->xRead(file, page, (int)sizeof(page), offset);
                if (code != SQLITE_OK && code != SQLITE_IOERR_SHORT_READ)
                        return false;
        }
        return true;
}

/*
 * The check reports a page it could not read, for want of a working disk or of memory, as damage. To tell
 * someone to move the state away for that would be wrong, so a finding counts if the file can be read and a
 * second look has it too.
 */
static int schema_quick_check(struct state *state, const char *path)
{
        struct stat status;

        if (stat(path, &status) < 0 || status.st_size > CHECK_LIMIT)
                return 0;

        int r = quick_check(state);
        if (r <= 0)
                return r;
        if (!file_is_readable(state))
                return state_fail(state, -EIO, "it cannot be read: the disk reports an error");
        r = quick_check(state);
        return r > 0 ? -EUCLEAN : r;
}

/* An empty database in memory, as it is after the first `version` migrations. To be closed in any case. */
static int schema_make(int64_t version, sqlite3 **ret_made)
{
        int code = sqlite3_open_v2(":memory:", ret_made, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, NULL);

        for (int64_t i = 0; code == SQLITE_OK && i < version; i++)
                code = sqlite3_exec(*ret_made, migrations[i], NULL, NULL, NULL);
        return code;
}

/* Looks each row of `made` up by `find`: SQLITE_DONE if all are there, SQLITE_ROW if one is not. */
static int schema_find(sqlite3_stmt *made, sqlite3_stmt *find)
{
        int code;

        while ((code = sqlite3_step(made)) == SQLITE_ROW) {
                int bound = SQLITE_OK;

                for (int i = 0; bound == SQLITE_OK && i < 3; i++)
                        bound = sqlite3_bind_value(find, i + 1, sqlite3_column_value(made, i));
                code = bound == SQLITE_OK ? sqlite3_step(find) : bound;
                (void)sqlite3_reset(find);
                if (code != SQLITE_ROW)
                        return code == SQLITE_DONE ? SQLITE_ROW : code;
        }
        return code;
}

/* -EUCLEAN if a table or an index is not as this program makes it. */
static int schema_compare(struct state *state, int64_t version)
{
        sqlite3 *made = NULL;
        sqlite3_stmt *rows = NULL, *find = NULL;

        int code = schema_make(version, &made);
        if (code == SQLITE_OK)
                code = sqlite3_prepare_v2(made, "SELECT type, name, sql FROM sqlite_schema", -1, &rows, NULL);
        if (code == SQLITE_OK)
                code = sqlite3_prepare_v2(
                        state->database,
                        "SELECT 1 FROM sqlite_schema WHERE type = ? AND name = ? AND sql IS ?", -1, &find,
                        NULL);
        if (code == SQLITE_OK)
                code = schema_find(rows, find);

        int r = 0;
        if (code == SQLITE_ROW)
                r = state_fail(state, -EUCLEAN,
                               "the database is damaged (a table or an index is not as it was made)");
        else if (code != SQLITE_DONE)
                r = state_fail_sqlite(state, code);
        (void)sqlite3_finalize(find);
        (void)sqlite3_finalize(rows);
        (void)sqlite3_close(made);
        return r;
}

static int schema_set_up(struct state *state, const char *path, bool fresh, int64_t *ret_version)
{
        static const char settings[] =
                "PRAGMA trusted_schema = OFF; PRAGMA cell_size_check = ON;"
                "PRAGMA mmap_size = 0; PRAGMA cache_size = -128; PRAGMA temp_store = MEMORY;"
                "PRAGMA secure_delete = FAST; PRAGMA foreign_keys = ON;"
                "PRAGMA synchronous = FULL; PRAGMA wal_autocheckpoint = 256;"
                "PRAGMA journal_size_limit = 1048576;";
        int64_t version = 0;

        /* First of all, since several of the settings read the schema. */
        int r = fresh ? 0 : state_execute(state, "PRAGMA locking_mode = EXCLUSIVE", NULL);
        if (r >= 0)
                r = state_execute(state, settings, NULL);
        if (r >= 0)
                r = state_execute(state, "PRAGMA user_version", &version);
        if (r < 0)
                return r;
        *ret_version = version;
        if (version < 0 || version > SCHEMA_VERSION)
                return -EOPNOTSUPP;

        if (version > 0) {
                r = schema_quick_check(state, path);
                if (r >= 0)
                        r = schema_compare(state, version);
                if (r < 0)
                        return r;
        }
        if (version < SCHEMA_VERSION) {
                r = schema_migrate(state, version);
                if (r < 0)
                        return r;
        }

        r = state_execute(state, "PRAGMA locking_mode = EXCLUSIVE; PRAGMA journal_mode = WAL", NULL);
        if (r < 0)
                return r;
        /* Takes the lock, and reads the schema while somebody is listening. */
        return state_execute(state, "SELECT count(*) FROM unlogged", NULL);
}

static int schema_fail(int r, char **ret_message, const char *format, ...)
        __attribute__((format(printf, 3, 4)));

static int schema_fail(int r, char **ret_message, const char *format, ...)
{
        va_list arguments;

        va_start(arguments, format);
        if (vasprintf(ret_message, format, arguments) < 0)
                *ret_message = NULL;
        va_end(arguments);
        return r;
}

int state_schema_open(struct state *state, const char *path, bool fresh, char **ret_message)
{
        int64_t version = 0;

        int code = sqlite3_open_v2(path, &state->database, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, NULL);
        int r;
        if (code != SQLITE_OK) {
                r = state_fail_sqlite(state, code);
        } else {
                (void)sqlite3_extended_result_codes(state->database, 1);
                /* Until the file is found good, nothing of a WAL beside it is carried over into it. */
                (void)sqlite3_db_config(state->database, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
                (void)sqlite3_db_config(state->database, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
                if (sqlite3_db_readonly(state->database, "main") == 1)
                        r = state_fail(state, -EACCES, "the file cannot be written by this user");
                else
                        r = schema_set_up(state, path, fresh, &version);
        }

        switch (-r) {
        case 0:
                (void)sqlite3_db_config(state->database, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 0, NULL);
                return 0;
        case EOPNOTSUPP:
                return schema_fail(
                        r, ret_message,
                        "%s was written by a newer jobwatchd (its schema has version %lld, this "
                        "program knows up to %lld). It was left as it is: run the newer program, or "
                        "give this one another directory with --state-dir.",
                        path, (long long)version, (long long)SCHEMA_VERSION);
        case EUCLEAN:
                return schema_fail(
                        r, ret_message,
                        "%s cannot be used: %s. It was left as it is. Put a backup in its place, or "
                        "move it and its -wal file away to start anew; every watched job is then told "
                        "once more.",
                        path, state->error);
        case EBUSY:
                return schema_fail(r, ret_message,
                                   "%s is held open by another program, perhaps the sqlite3 shell. End that "
                                   "program and start again.",
                                   path);
        default:
                return schema_fail(r, ret_message,
                                   "Cannot open %s: %s. Nothing was lost; see to the cause and start again.",
                                   path, state->error);
        }
}
