/* SPDX-License-Identifier: MIT */

/* The module for a state in PostgreSQL: it is loaded when it is used, and stays loaded. */

#include <dlfcn.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "state/copy.h"
#include "state/postgresql/postgresql.h"
#include "state/sql/engine.h"
#include "state/store.h"
#include "util/cleanup.h"
#include "util/message.h"
#include "version.h"

DEFINE_CLEANUP(struct store, store_close)

char *store_module_file(void)
{
        /* For development, since only an installed module is at MODULE_DIR. */
        const char *directory = getenv("JOBWATCHD_MODULE_DIR");

        return format_message("%s/" POSTGRESQL_MODULE_FILE, directory != NULL ? directory : MODULE_DIR);
}

/* NULL: it cannot be used; *ret_message describes the cause and what the user can do. */
static const struct postgresql_module *load_module(char **ret_message)
{
        CLEANUP(cleanup_free) char *file = store_module_file();
        void *library = dlopen(file, RTLD_NOW | RTLD_LOCAL);

        if (library == NULL) {
                *ret_message = format_message("[state] database needs the package jobwatchd-postgresql: %s. "
                                              "Install it and start again.",
                                              dlerror());
                return NULL;
        }
        const struct postgresql_module *module = dlsym(library, POSTGRESQL_MODULE_SYMBOL);
        if (module == NULL || strcmp(module->version, JOBWATCH_VERSION) != 0) {
                *ret_message =
                        format_message("%s is of another version of jobwatchd than " JOBWATCH_VERSION
                                       ". Install jobwatchd-postgresql of the same version and start again.",
                                       file);
                return NULL;
        }
        return module;
}

int store_open_database_alone(const struct store_database *database, char **ret_message,
                              struct store **ret_store)
{
        const struct postgresql_module *module = load_module(ret_message);

        return module != NULL ? module->open(database, ret_message, ret_store) : -ENOPKG;
}

int store_open_database(const char *directory, const struct store_database *database, char **ret_message,
                        struct store **ret_store)
{
        CLEANUP(cleanup_store_close) struct store *host = NULL;
        struct store *store = NULL;

        if (load_module(ret_message) == NULL)
                return -ENOPKG;
        int r = store_open(directory, ret_message, &host);
        if (r >= 0)
                r = store_open_database_alone(database, ret_message, &store);
        if (r < 0)
                return r;
        store->host = STEAL_POINTER(host);
        *ret_store = store;
        return 0;
}
