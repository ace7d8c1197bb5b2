/* SPDX-License-Identifier: MIT */

/* Opens the connection that [api] describes, and decides whether it can stay after a reload. */

#include "app/api_connection.h"

#include <assert.h>
#include <string.h>

#include "journal/message_ids.h"
#include "monitor/request_slot.h"
#include "platform/credential.h"
#include "util/cleanup.h"
#include "util/memory.h"
#include "util/message.h"
#include "version.h"

/* One per request in flight, and one for a sign-in, which must not wait for requests that hang. */
#define CONNECTIONS_MAX (MAX_IN_FLIGHT + 1)

DEFINE_CLEANUP(struct http_authorities, http_authorities_free)

static void cleanup_secret(char **secret)
{
        secret_free(*secret);
}

struct credential api_credential(const struct config *config)
{
        bool is_token = config->api.auth == AUTH_TOKEN;

        return (struct credential){
                .key = is_token ? "token_file" : "password_file",
                .source = is_token ? config->api.token_file : config->api.password_file,
                .config_path = config->path,
                .form = is_token ? CREDENTIAL_WORD : CREDENTIAL_LINE,
        };
}

/*
 * Reads the token or password; empty with auth = login, which has none. Errors are logged; warnings have
 * been, by check_environment().
 */
static int read_secret(const struct api_connection_parts *parts, char **ret_secret)
{
        if (parts->config->api.auth == AUTH_LOGIN) {
                *ret_secret = memory_need(strdup(""));
                return 0;
        }
        const struct credential credential = api_credential(parts->config);
        CLEANUP(cleanup_free) char *message = NULL;

        int r = credential_read(&credential, ret_secret, &message);
        if (r < 0)
                journal_print_about(parts->journal, LOG_ERR, MESSAGE_ID_MISSING_CREDENTIAL, 0, NULL, "%s.",
                                    message);
        return r;
}

int api_authorities_read(const struct config *config, struct http_authorities **ret_authorities,
                         char **ret_message)
{
        const struct api_config *api = &config->api;
        CLEANUP(cleanup_free) char *reason = NULL;

        if (*api->ca_file == '\0')
                return 0;
        int r = http_authorities_read(api->ca_file, false, &reason, ret_authorities);
        if (r >= 0)
                return 0;
        return fail_with_message(r, ret_message, "%s: ca_file = %s: %s", api->where_ca_file, api->ca_file,
                                 reason != NULL ? reason : strerror(-r));
}

/* Reads ca_file. Errors are logged. */
static int read_authorities(const struct api_connection_parts *parts,
                            struct http_authorities **ret_authorities)
{
        CLEANUP(cleanup_free) char *message = NULL;

        int r = api_authorities_read(parts->config, ret_authorities, &message);
        if (r < 0)
                journal_print(parts->journal, LOG_ERR, "%s.", message);
        return r;
}

static int open_session(const struct api_connection_parts *parts, struct api_connection *connection,
                        const char *password)
{
        const struct session_parts session = {
                .event = parts->event,
                .client = connection->client,
                .nexudus = connection->nexudus,
                .state = parts->state,
                .journal = parts->journal,
                .config = parts->config,
                .password = parts->config->api.auth == AUTH_LOGIN ? NULL : password,
                .stored = parts->tokens,
                .spend = parts->on_spend,
                .on_response = parts->on_sign_in_response,
                .on_answer = parts->on_sign_in,
                .userdata = parts->userdata,
        };

        return session_new(&session, &connection->session);
}

static int open_all(const struct api_connection_parts *parts, struct api_connection *connection,
                    const char *secret)
{
        const struct api_config *api = &parts->config->api;
        const struct http_settings http = {
                .user_agent = "jobwatchd/" JOBWATCH_VERSION,
                .authorities = connection->authorities,
                .timeout_us = api->timeout_us,
                .connect_timeout_us = api->connect_timeout_us,
                .body_max = api->max_response,
                .connections_max = CONNECTIONS_MAX,
        };
        const struct nexudus_settings nexudus = {
                .base_url = api->base_url,
                .token = api->auth == AUTH_TOKEN ? secret : NULL,
                .username = api->auth == AUTH_BASIC ? api->username : NULL,
                .password = api->auth == AUTH_BASIC ? secret : NULL,
                .response_max = api->max_response,
        };

        connection->secret = text_digest_of(secret);
        int r = http_client_new(parts->event, &http, &connection->client);
        if (r < 0)
                return r;
        connection->nexudus = nexudus_new(connection->client, &nexudus);
        return config_has_session(parts->config) ? open_session(parts, connection, secret) : 0;
}

enum exit_status api_connection_open(const struct api_connection_parts *parts,
                                     struct api_connection *ret_connection)
{
        CLEANUP(cleanup_secret) char *secret = NULL;
        struct api_connection connection = API_CONNECTION_NULL;

        if (read_secret(parts, &secret) < 0 || read_authorities(parts, &connection.authorities) < 0)
                return EXIT_STATUS_CONFIG;

        int r = open_all(parts, &connection, secret);
        if (r < 0) {
                journal_print(parts->journal, LOG_ERR, "Cannot set up the API connection: %s.", strerror(-r));
                api_connection_close(&connection);
                return EXIT_STATUS_SOFTWARE;
        }
        *ret_connection = connection;
        return EXIT_STATUS_SUCCESS;
}

void api_connection_close(struct api_connection *connection)
{
        session_free(connection->session);
        nexudus_free(connection->nexudus);
        http_client_free(connection->client);
        http_authorities_free(connection->authorities);
        *connection = API_CONNECTION_NULL;
}

static bool is_same(const struct api_config *left, const struct api_config *right)
{
        return left->auth == right->auth && left->timeout_us == right->timeout_us &&
               left->connect_timeout_us == right->connect_timeout_us &&
               left->max_response == right->max_response && strcmp(left->base_url, right->base_url) == 0 &&
               strcmp(left->username, right->username) == 0 &&
               strcmp(left->client_id, right->client_id) == 0 && strcmp(left->ca_file, right->ca_file) == 0;
}

static void use_token(struct api_connection *connection, const char *token)
{
        nexudus_set_token(connection->nexudus, token);
        connection->secret = text_digest_of(token);
}

int api_connection_renew(struct api_connection *connection, const struct api_connection_parts *parts,
                         const struct api_config *old)
{
        CLEANUP(cleanup_http_authorities_free) struct http_authorities *authorities = NULL;
        CLEANUP(cleanup_secret) char *secret = NULL;
        int r;

        r = read_secret(parts, &secret);
        if (r >= 0)
                r = read_authorities(parts, &authorities);
        if (r < 0)
                return r;
        if (!is_same(&parts->config->api, old) ||
            !http_authorities_equal(authorities, connection->authorities))
                return 1;
        if (text_digest_equal(connection->secret, text_digest_of(secret)))
                return 0;
        if (parts->config->api.auth != AUTH_TOKEN)
                return 1;

        use_token(connection, secret);
        return 0;
}

int api_connection_reread_token(struct api_connection *connection, const struct config *config)
{
        const struct credential credential = api_credential(config);
        CLEANUP(cleanup_free) char *message = NULL;
        CLEANUP(cleanup_secret) char *secret = NULL;

        assert(config->api.auth == AUTH_TOKEN);
        int r = credential_read(&credential, &secret, &message);
        if (r < 0 || text_digest_equal(connection->secret, text_digest_of(secret)))
                return r;
        use_token(connection, secret);
        return 1;
}
