/* SPDX-License-Identifier: MIT */
#pragma once

#include <stdint.h>
#include <systemd/sd-event.h>

#include "app/exit_status.h"
#include "config/config.h"
#include "http/authorities.h"
#include "http/http.h"
#include "journal/journal.h"
#include "monitor/session.h"
#include "nexudus/nexudus.h"
#include "platform/credential.h"
#include "state/state.h"
#include "util/text.h"

/* What is built from [api]: the HTTP client, the endpoints and the session. All NULL: not open. */
struct api_connection {
        struct http_authorities *authorities; /* NULL: those of the system */
        struct http_client *client;
        struct nexudus *nexudus;
        struct session *session;   /* NULL unless config_has_session() */
        struct text_digest secret; /* of the secret in use, to detect a changed file */
};

#define API_CONNECTION_NULL ((struct api_connection){ .client = NULL })

struct api_connection_parts {
        sd_event *event;
        struct state *state;
        struct journal *journal;
        const struct config *config;
        const char *tokens; /* by session_load() */

        /* See session.h; they are called from the loop only. */
        void (*on_spend)(void *userdata);
        void (*on_sign_in_response)(void *userdata, enum failure failure, uint64_t duration_us);
        void (*on_sign_in)(void *userdata, const struct token_result *answer);
        void *userdata;
};

/* The token or password of [api], unless auth = login. Borrows strings of the configuration. */
struct credential api_credential(const struct config *config);

/*
 * Reads ca_file of [api]; without it, *ret_authorities is untouched. Returns 0, or a negative errno with a
 * malloc()ed message, "FILE:LINE: what is wrong" without a full stop.
 */
int api_authorities_read(const struct config *config, struct http_authorities **ret_authorities,
                         char **ret_message);

/*
 * Reads the secret and opens a connection; check_environment() has found no error. Errors are logged:
 * EXIT_STATUS_CONFIG for a secret that cannot be read now, EXIT_STATUS_SOFTWARE for anything else. The parts
 * are borrowed and must outlive the connection, except `config` and `tokens`, which are only read.
 */
enum exit_status api_connection_open(const struct api_connection_parts *parts,
                                     struct api_connection *ret_connection);

/* Nothing may use the connection any more. Leaves it closed; closing twice is allowed. */
void api_connection_close(struct api_connection *connection);

/*
 * auth = token: the API has refused the token. Reads it again and puts it into use if it is another one: 1.
 * Returns 0 if it is the same, or a negative errno if it cannot be read, which is not logged.
 */
int api_connection_reread_token(struct api_connection *connection, const struct config *config);

/*
 * For a reload, with the new configuration in `parts`. Returns 0 if the connection can stay (a changed token
 * of auth = token has then been put into use), 1 if a new one has to be opened, or a negative errno if the
 * secret cannot be read, which is logged.
 */
int api_connection_renew(struct api_connection *connection, const struct api_connection_parts *parts,
                         const struct api_config *old);
