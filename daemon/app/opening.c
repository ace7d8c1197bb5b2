/* SPDX-License-Identifier: MIT */

/* Opens the store, with the password of the database. */

#include "app/opening.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "app/check.h"
#include "journal/message_ids.h"
#include "planning/preference.h"
#include "platform/credential.h"
#include "util/cleanup.h"
#include "util/text.h"

DEFINE_CLEANUP(char, secret_free)

/* Reads the password of the database, if there is one. */
static int read_password(const struct config *config, char **ret_password, char **ret_message)
{
        const struct credential credential = state_credential(config);

        return credential.source[0] != '\0' ? credential_read(&credential, ret_password, ret_message) : 0;
}

void opening_host(char ret_host[static STORE_HOST_SIZE])
{
        if (gethostname(ret_host, STORE_HOST_SIZE) < 0)
                ret_host[0] = '\0';
        ret_host[STORE_HOST_SIZE - 1] = '\0';
}

unsigned opening_wait_s(const struct config *config, const char *host)
{
        const char *prefer = config->state_prefer;

        return *prefer != '\0' && strcmp(prefer, host) != 0 ? PREFERENCE_OTHERS_WAIT_S : 0;
}

static enum exit_status open_database(const struct daemon_options *options, const struct config *config,
                                      struct journal *journal, struct store **ret_store, bool *stands_by)
{
        CLEANUP(cleanup_free) char *message = NULL;
        CLEANUP(cleanup_secret_free) char *password = NULL;
        char host[STORE_HOST_SIZE];
        const char *directory = config_state_directory(config);

        int r = read_password(config, &password, &message);
        if (r < 0) {
                journal_print_about(journal, LOG_ERR, MESSAGE_ID_MISSING_CREDENTIAL, 0, NULL, "%s.", message);
                return EXIT_STATUS_CONFIG;
        }
        free(message); /* a warning, which has been logged */
        message = NULL;
        opening_host(host);
        struct store_database database = {
                .uri = config->state_database,
                .password = password,
                .instance = options->instance,
                .host = host,
                .wait_s = opening_wait_s(config, host),
                .stands_by = *stands_by,
        };
        r = store_open_database(directory, &database, &message, ret_store);
        if (r == -EBUSY && !database.stands_by && !options->once) {
                free(message);
                message = NULL;
                *stands_by = database.stands_by = true;
                r = store_open_database(directory, &database, &message, ret_store);
        }
        if (r >= 0)
                return EXIT_STATUS_SUCCESS;
        journal_print(journal, LOG_ERR, "%s", message != NULL ? message : strerror(-r));
        return EXIT_STATUS_STATE;
}

enum exit_status opening_open(const struct daemon_options *options, const struct config *config,
                              struct journal *journal, struct store **ret_store, bool *stands_by)
{
        CLEANUP(cleanup_free) char *message = NULL;

        if (config->state_database[0] != '\0')
                return open_database(options, config, journal, ret_store, stands_by);
        int r = store_open(config_state_directory(config), &message, ret_store);
        if (r >= 0)
                return EXIT_STATUS_SUCCESS;
        journal_print(journal, LOG_ERR, "%s", message != NULL ? message : strerror(-r));
        return EXIT_STATUS_STATE;
}
