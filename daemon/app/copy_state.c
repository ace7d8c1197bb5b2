/* SPDX-License-Identifier: MIT */

/* --copy-state: copies the state between a directory and a database, while nothing else uses it. */

#include "app/copy_state.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "app/check.h"
#include "config/value_checks.h"
#include "platform/credential.h"
#include "state/copy.h"
#include "util/cleanup.h"
#include "util/message.h"
#include "util/text.h"

DEFINE_CLEANUP(struct store, store_close)
DEFINE_CLEANUP(char, secret_free)

static bool is_directory(const char *name)
{
        return name[0] == '/';
}

const char *copy_state_check(const char *from, const char *to)
{
        const char *uri = is_directory(from) ? to : from;

        if (is_directory(from) == is_directory(to) || uri[0] == '\0')
                return "one must be a state directory, as an absolute path, the other the URI of a database";
        return check_database(uri);
}

/* Opening a directory makes it, with a state in it. */
static int check_source(const char *directory, char **ret_message)
{
        CLEANUP(cleanup_free) char *path = format_message("%s/jobwatchd.db", directory);

        if (access(path, F_OK) == 0)
                return 0;
        return fail_with_message(-errno, ret_message, "Cannot read %s: %s. Nothing was copied.", path,
                                 strerror(errno));
}

static int open_side(const char *name, const struct store_database *database, char **ret_message,
                     struct store **ret_store)
{
        return is_directory(name) ? store_open(name, ret_message, ret_store)
                                  : store_open_database_alone(database, ret_message, ret_store);
}

static void print_table(void *userdata, const char *table, uint64_t rows, uint64_t sum)
{
        (void)userdata;
        (void)printf("%-10s %10" PRIu64 " row%s, sum %016" PRIx64 "\n", table, rows, plural(rows), sum);
}

static int copy(const char *from, const char *to, const struct store_database *database, char **ret_message)
{
        CLEANUP(cleanup_store_close) struct store *source = NULL;
        CLEANUP(cleanup_store_close) struct store *target = NULL;

        int r = is_directory(from) ? check_source(from, ret_message) : 0;
        if (r >= 0)
                r = open_side(from, database, ret_message, &source);
        if (r >= 0)
                r = open_side(to, database, ret_message, &target);
        if (r < 0)
                return r;
        r = store_copy(&(struct copy_side){ source, from }, &(struct copy_side){ target, to }, print_table,
                       NULL, ret_message);
        if (r >= 0)
                (void)printf("Copied %s to %s. Rows and sums are the same in both. Tokens were not copied.\n",
                             from, to);
        return r;
}

enum exit_status copy_state(const struct config *config, const char *instance, const char *from,
                            const char *to)
{
        const struct credential credential = state_credential(config);
        CLEANUP(cleanup_free) char *message = NULL;
        CLEANUP(cleanup_secret_free) char *password = NULL;

        int r = credential.source[0] != '\0' ? credential_read(&credential, &password, &message) : 0;
        if (message != NULL)
                (void)fprintf(stderr, "%s%s\n", r >= 0 ? "warning: " : "", message);
        if (r < 0)
                return EXIT_STATUS_CONFIG;
        free(message);
        message = NULL;

        const struct store_database database = {
                .uri = is_directory(from) ? to : from,
                .password = password,
                .instance = instance,
                .must_exist = !is_directory(from),
        };
        r = copy(from, to, &database, &message);
        if (r < 0)
                (void)fprintf(stderr, "%s\n", message != NULL ? message : strerror(-r));
        return r < 0 ? EXIT_STATUS_STATE : EXIT_STATUS_SUCCESS;
}
