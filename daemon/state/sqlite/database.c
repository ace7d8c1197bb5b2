/* SPDX-License-Identifier: MIT */

/* The connection: executing SQL, and the translation of SQLite's errors. */

#include "state/sqlite/database.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int errno_of_system(int system_errno)
{
        if (system_errno == EDQUOT || system_errno == EFBIG) /* -EDQUOT is max_size's */
                return -ENOSPC;
        return system_errno != 0 ? -system_errno : -EIO;
}

static int errno_of_sqlite(sqlite3 *database, int code)
{
        if (code == SQLITE_IOERR_CORRUPTFS)
                return -EUCLEAN;
        if (code == SQLITE_CONSTRAINT_UNIQUE || code == SQLITE_CONSTRAINT_PRIMARYKEY)
                return -EEXIST;

        switch (code & 0xff) {
        case SQLITE_FULL:
                return -ENOSPC;
        case SQLITE_READONLY:
                return -EROFS;
        case SQLITE_CORRUPT:
        case SQLITE_NOTADB:
        case SQLITE_NOMEM:      /* a size in the file that is none, see sqlite.c */
        case SQLITE_CONSTRAINT: /* our rows obey the schema, so existing ones do not */
        case SQLITE_ERROR:      /* our statements are valid, so a table is missing */
                return -EUCLEAN;
        case SQLITE_IOERR:
                return errno_of_system(sqlite3_system_errno(database));
        case SQLITE_CANTOPEN:
                return sqlite3_system_errno(database) != 0 ? errno_of_system(sqlite3_system_errno(database))
                                                           : -EACCES;
        case SQLITE_PERM:
        case SQLITE_AUTH:
                return -EACCES;
        case SQLITE_BUSY:
        case SQLITE_LOCKED:
                return -EBUSY;
        case SQLITE_TOOBIG:
                return -E2BIG;
        default:
                return -EIO;
        }
}

static const char *describe_errno(int r)
{
        switch (-r) {
        case ENOMEM:
                return "out of memory";
        case ENOSPC:
                return "disk full";
        case EROFS:
                return "file system or database is read-only";
        case EACCES:
        case EPERM:
                return "no permission to access the database";
        case EUCLEAN:
                return "the database is damaged";
        case EBUSY:
                return "the database is in use by another program";
        case EEXIST:
                return "already exists";
        case E2BIG:
                return "too large";
        default:
                return "disk error";
        }
}

bool sqlite_is_in_transaction(const struct store *store)
{
        sqlite3 *database = sqlite_of(store)->database;

        return database != NULL && sqlite3_get_autocommit(database) == 0;
}

int store_fail_sqlite(struct store *store, int code)
{
        int r = errno_of_sqlite(sqlite_of(store)->database, code);

        /* Some errors, of reads too, end the transaction. Later writes must not run outside of it. */
        if (store->in_batch && store->batch_error == 0 && !sqlite_is_in_transaction(store))
                store->batch_error = r;

        (void)snprintf(store->error, sizeof(store->error), "%s (SQLite: %s, code %d)", describe_errno(r),
                       sqlite_of(store)->database != NULL ? sqlite3_errmsg(sqlite_of(store)->database)
                                                          : sqlite3_errstr(code),
                       code);
        return r;
}

static int take_number(void *userdata, int count, char **values, char **names)
{
        (void)count;
        (void)names;
        *(int64_t *)userdata = values[0] != NULL ? strtoll(values[0], NULL, 10) : 0;
        return 0;
}

int sqlite_execute(struct store *store, const char *sql, int64_t *ret_number)
{
        int64_t number = 0;

        int code = sqlite3_exec(sqlite_of(store)->database, sql, take_number, &number, NULL);
        if (code != SQLITE_OK)
                return store_fail_sqlite(store, code);
        if (ret_number != NULL)
                *ret_number = number;
        return 0;
}
