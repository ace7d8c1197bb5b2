/* SPDX-License-Identifier: MIT */
#pragma once

#include <stdint.h>
#include <systemd/sd-event.h>

#include "app/exit_status.h"
#include "config/config.h"
#include "http/http.h"
#include "journal/journal.h"
#include "monitor/session.h"
#include "nexudus/nexudus.h"
#include "state/state.h"
#include "util/text.h"

/* Everything that belongs to [api]: the connections, the endpoints, and who we are there. */
struct connection {
        struct http_client *client;
        struct nexudus *nexudus;
        struct session *session;   /* NULL unless auth = password */
        struct text_digest secret; /* tells whether the secret on disk is another one by now */
};

struct api_connection_parts {
        sd_event *event;
        struct state *state;
        struct journal *journal;
        const struct config *config;

        /* See session.h; both are called from the loop only. */
        void (*on_spend)(void *userdata);
        void (*on_sign_in)(void *userdata, const struct token_result *answer);
        void *userdata;
};

/*
 * Reads the secrets and builds it all. What is wrong is logged, and told by the status: EXIT_STATUS_CONFIG
 * for a secret or certificate that cannot be read, EXIT_STATUS_SOFTWARE for the rest.
 */
enum exit_status api_connection_open(const struct api_connection_parts *parts,
                                     struct connection *ret_connection);

/* Nothing may use it any more. Leaves it empty. */
void api_connection_close(struct connection *connection);

/*
 * After a reload: 0 if the connection still fits the configuration (a new token of auth = token has then been
 * taken over), 1 if it has to be opened anew, or a negative errno if the secret cannot be read, which is
 * logged.
 */
int api_connection_renew(struct connection *connection, const struct api_connection_parts *parts,
                         const struct api_config *old);
