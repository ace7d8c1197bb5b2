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
 * The bearer token of auth = password and auth = login: stored in the state, renewed in time, renewed when it
 * is refused, and set in the API client. The monitor decides when a sign-in is sent: it counts against the
 * rate limits, and refused sign-ins must not be repeated at once.
 *
 * With auth = login there is no password. Where a renewal is not possible a person has to log in.
 */
struct session;

struct session_parts {
        sd_event *event;
        struct http_client *client;
        struct nexudus *nexudus;
        struct state *state;
        struct journal *journal;
        const struct config *config;
        const char *password; /* NULL with auth = login */
        const char *stored;   /* by session_load() */

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
        SESSION_LOGIN,   /* no request can be sent before somebody logs in */
};

enum session_need session_need(const struct session *session);

/*
 * While session_need() returns SESSION_READY: time until it returns something else, or until the login of
 * session_login_is_due() is; USEC_NEVER if neither will be.
 */
uint64_t session_renew_in(const struct session *session);

/* Starts a renewal. None is in progress, and session_need() is not SESSION_LOGIN, or a login waits. */
void session_renew(struct session *session);

/* ---- logins ---- */

/*
 * What to run for a login, with auth = login: "jobwatchctl login", perhaps with an instance. NULL with
 * auth = password. Borrowed.
 */
const char *session_login_command(const struct session *session);

/* The same if session_need() is SESSION_LOGIN, and NULL otherwise. Accepts NULL. */
const char *session_needed_login(const struct session *session);

/* The next session_renew() is by this login, once. auth = login, and the session was not stopped. */
void session_set_login(struct session *session, const struct token_login *login);
void session_drop_login(struct session *session); /* if there is one */
bool session_has_login(const struct session *session);

/* Whether a request for a token is in flight. */
bool session_is_signing_in(const struct session *session);

/*
 * With auth = login: whether the token is about to expire and cannot be renewed, though requests can still be
 * sent.
 */
bool session_login_is_due(const struct session *session);

/* Why session_need() is SESSION_LOGIN, for a message. */
const char *session_login_reason(const struct session *session);

/*
 * When the access token and the refresh token expire by the wall clock; 0: there is none, or it is not known.
 */
void session_expiry(const struct session *session, uint64_t *ret_token_us, uint64_t *ret_refresh_us);

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
