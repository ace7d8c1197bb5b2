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
 * The bearer token of auth = password: stored in the state, renewed in time, renewed when it is refused, and
 * set in the API client. The monitor decides when a sign-in is sent: it counts against the rate limits, and
 * refused sign-ins must not be repeated at once.
 */
struct session;

struct session_parts {
        sd_event *event;
        struct http_client *client;
        struct nexudus *nexudus;
        struct state *state;
        struct journal *journal;
        const struct config *config;
        const char *password;
        const char *stored; /* by session_load() */

        void (*spend)(void *userdata); /* a sign-in request is about to be sent */
        /* One has ended; NULL: not wanted. */
        void (*on_response)(void *userdata, enum failure failure, uint64_t duration_us);
        /*
         * A renewal has completed. Unless it is TOKEN_OBTAINED the receiver decides when the next one is
         * sent. Called from the loop.
         */
        void (*on_answer)(void *userdata, const struct token_result *answer);
        void *userdata;
};

/*
 * Reads from the state the tokens that an earlier run has saved, for session_parts: a secret, see
 * secret_free(). NULL: there are none. On the writer's thread or before state_start().
 */
char *session_load(struct store *store, const struct config *config);

/*
 * The parts are borrowed and must outlive the session, `password` and `stored` only the call. Continues with
 * the tokens of an earlier run, if there are any. Returns 0 or a negative errno.
 */
int session_new(const struct session_parts *parts, struct session **ret_session);
struct session *session_free(struct session *session);

enum session_need {
        SESSION_READY,   /* requests can be sent */
        SESSION_RENEW,   /* requests can be sent, and it is time to renew the token */
        SESSION_SIGN_IN, /* no request can be sent without a new token */
        SESSION_BUSY,    /* a sign-in is in progress, and no request can be sent before it completes */
};

enum session_need session_need(const struct session *session);

/*
 * Time until session_need() returns SESSION_RENEW; USEC_NEVER if it never will or returns something else
 * already.
 */
uint64_t session_renew_in(const struct session *session);

/* Starts a renewal. None is in progress. */
void session_renew(struct session *session);

/*
 * Sends no further request; one in flight continues, and the tokens of its response are saved. So are those
 * that could not be saved before, if they can now.
 * session_renew() must not be called again.
 */
void session_stop(struct session *session);

/* The token of that generation was accepted by the API. */
void session_note_accepted(struct session *session, unsigned generation);

/* Increases with each new token; a request remembers the generation it was sent with. */
unsigned session_generation(const struct session *session);

/*
 * The token of that generation was refused (401). Returns true if a new token may help: this one had been
 * accepted before, or is older than five minutes. False means that a fresh token is refused: the role is
 * missing, and signing in again is useless.
 */
bool session_note_refused(struct session *session, unsigned generation);
