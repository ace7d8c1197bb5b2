/* SPDX-License-Identifier: MIT */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "config/config.h"
#include "journal/journal.h"
#include "nexudus/nexudus.h"
#include "nexudus/token.h"
#include "state/state.h"

/*
 * The bearer token of auth = password over its life: kept in the state, renewed in time, renewed again when
 * it is refused, and given to the requests. The poller decides when a sign-in may go out, since it counts
 * against the same limits as all else, and whoever is refused must not ask again and again.
 */
struct session;

struct session_parts {
        struct http_client *client;
        struct nexudus *nexudus;
        struct state *state;
        struct journal *journal;
        const struct config *config;
        const char *password;

        void (*spend)(void *userdata); /* a request is about to be made */
        /*
         * A renewal has ended. With anything but TOKEN_OBTAINED the caller decides when the next one goes
         * out. From the loop.
         */
        void (*on_answer)(void *userdata, const struct token_result *answer);
        void *userdata;
};

/* The parts are borrowed; the password is copied. Takes up the token of an earlier run. Negative errno. */
int session_new(const struct session_parts *parts, struct session **ret_session);
struct session *session_free(struct session *session);

enum session_need {
        SESSION_READY,   /* requests can be made */
        SESSION_RENEW,   /* requests can be made, but it is time for a new token */
        SESSION_SIGN_IN, /* no request can be made before there is a new token */
        SESSION_BUSY,    /* that is under way, and no request can be made before */
};

enum session_need session_need(const struct session *session);

/*
 * How long until session_need() will say SESSION_RENEW; USEC_NEVER if never, or if it says something else
 * already.
 */
uint64_t session_renew_in(const struct session *session);

/* Starts a renewal: 0, or -ENOMEM. */
int session_renew(struct session *session);

/* The token of that generation was accepted by the API. */
void session_note_accepted(struct session *session, unsigned generation);

/* A number that grows with each new token: a request remembers which it was made with. */
unsigned session_generation(const struct session *session);

/*
 * The token of that generation was refused (401). Returns true if a new one is worth trying: this one had
 * been accepted before, or is old. False means that a fresh token is refused: the role is missing, and
 * signing in again would change nothing.
 */
bool session_note_refused(struct session *session, unsigned generation);
