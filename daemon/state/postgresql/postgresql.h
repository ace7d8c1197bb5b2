/* SPDX-License-Identifier: MIT */
#pragma once

#include "state/store.h"

/*
 * The module with which a state is in a PostgreSQL database: a shared object of its own, so that only those
 * who use it need libpq. It has one symbol, of this type.
 */
struct postgresql_module {
        /* Of the program it belongs to. First, so that it can be compared with any other version. */
        const char *version;
        /* As store_open_database(), without the directory. */
        int (*open)(const struct store_database *database, char **ret_message, struct store **ret_store);
};

#define POSTGRESQL_MODULE_SYMBOL "jobwatchd_postgresql"
#define POSTGRESQL_MODULE_FILE   "state-postgresql.so"

extern const struct postgresql_module jobwatchd_postgresql __attribute__((visibility("default")));
