/* SPDX-License-Identifier: MIT */

/* Calls of SQLite that fail on request: see fault_sqlite.h. */

#include "fault_sqlite.h"

#include <sqlite3.h>
#include <stddef.h>

static struct {
        unsigned left; /* calls until one fails; 0: none does */
        int code;
        bool stays, reached;
        int system_errno;
        unsigned columns_left;
} fault;

void fault_sqlite_arm(unsigned nth, int code, bool stays)
{
        fault.left = nth;
        fault.code = code;
        fault.stays = stays;
        fault.reached = false;
}

void fault_sqlite_set_errno(int system_errno)
{
        fault.system_errno = system_errno;
}

void fault_sqlite_arm_column(unsigned nth)
{
        fault.columns_left = nth;
        fault.reached = false;
}

bool fault_sqlite_disarm(void)
{
        fault.left = fault.columns_left = 0;
        fault.system_errno = 0;
        return fault.reached;
}

static bool hit(void)
{
        if (fault.left == 0 || (fault.left > 1 && --fault.left > 0))
                return false;
        /* This call is the one to fail; with `stays` so are all later ones. */
        fault.left = fault.stays ? 1 : 0;
        fault.reached = true;
        return true;
}

static bool hit_column(void)
{
        if (fault.columns_left == 0 || --fault.columns_left > 0)
                return false;
        fault.reached = true;
        return true;
}

/* ---- prepare, bind, step ---- */

int __real_sqlite3_prepare_v3(sqlite3 *database, const char *sql, int size, unsigned flags,
                              sqlite3_stmt **ret_statement, const char **ret_tail);
int __wrap_sqlite3_prepare_v3(sqlite3 *database, const char *sql, int size, unsigned flags,
                              sqlite3_stmt **ret_statement, const char **ret_tail);
int __real_sqlite3_bind_blob64(sqlite3_stmt *statement, int index, const void *data, sqlite3_uint64 size,
                               void (*destroy)(void *));
int __wrap_sqlite3_bind_blob64(sqlite3_stmt *statement, int index, const void *data, sqlite3_uint64 size,
                               void (*destroy)(void *));
int __real_sqlite3_exec(sqlite3 *database, const char *sql, int (*row)(void *, int, char **, char **),
                        void *userdata, char **ret_message);
int __wrap_sqlite3_exec(sqlite3 *database, const char *sql, int (*row)(void *, int, char **, char **),
                        void *userdata, char **ret_message);
int __real_sqlite3_step(sqlite3_stmt *statement);
int __wrap_sqlite3_step(sqlite3_stmt *statement);
int __real_sqlite3_system_errno(sqlite3 *database);
int __wrap_sqlite3_system_errno(sqlite3 *database);

int __wrap_sqlite3_prepare_v3(sqlite3 *database, const char *sql, int size, unsigned flags,
                              sqlite3_stmt **ret_statement, const char **ret_tail)
{
        if (!hit())
                return __real_sqlite3_prepare_v3(database, sql, size, flags, ret_statement, ret_tail);
        *ret_statement = NULL;
        return fault.code;
}

int __wrap_sqlite3_bind_blob64(sqlite3_stmt *statement, int index, const void *data, sqlite3_uint64 size,
                               void (*destroy)(void *))
{
        return hit() ? fault.code : __real_sqlite3_bind_blob64(statement, index, data, size, destroy);
}

int __wrap_sqlite3_exec(sqlite3 *database, const char *sql, int (*row)(void *, int, char **, char **),
                        void *userdata, char **ret_message)
{
        return hit() ? fault.code : __real_sqlite3_exec(database, sql, row, userdata, ret_message);
}

int __wrap_sqlite3_step(sqlite3_stmt *statement)
{
        return hit() ? fault.code : __real_sqlite3_step(statement);
}

int __wrap_sqlite3_system_errno(sqlite3 *database)
{
        return fault.system_errno != 0 ? fault.system_errno : __real_sqlite3_system_errno(database);
}

/* ---- columns ---- */

int __real_sqlite3_column_type(sqlite3_stmt *statement, int column);
int __wrap_sqlite3_column_type(sqlite3_stmt *statement, int column);

int __wrap_sqlite3_column_type(sqlite3_stmt *statement, int column)
{
        return hit_column() ? SQLITE_FLOAT : __real_sqlite3_column_type(statement, column);
}
