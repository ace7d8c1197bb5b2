/* SPDX-License-Identifier: MIT */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "http/http.h"
#include "model/failure.h"
#include "nexudus/tokens.h"

/*
 * The bearer token of auth = password and auth = login: signs in with user name and password, renews the
 * token before it expires, and returns to the password when the refresh token is refused. Without a password
 * only a login begins a new series of tokens. One request at a time. The caller decides when to retry after a
 * failure.
 *
 * Source: Nexudus, "Authentication": POST /api/token, form-encoded; the client_id header; a refresh token
 * works once and is valid for 15 days.
 */
struct token;

struct token_settings {
        const char *base_url;  /* without a trailing slash */
        const char *client_id; /* not empty: the caller derives the default */
        const char *username;
        const char *password; /* NULL: there is none, only token_set_login() */
        /*
         * Microseconds, of a clock that is never set: the clock of all times here and in struct tokens.
         */
        uint64_t (*now)(void);
};

struct token_callbacks {
        /*
         * A renewal has ended. Called once for each token_renew(), from the event loop only.
         * The token is idle by then: it may be renewed again, and it may be freed.
         */
        void (*on_result)(void *userdata, const struct token_result *result);

        /*
         * An HTTP request of a renewal is about to be sent, for the rate limiter: once from within
         * token_renew(), and once from the event loop if the password follows.
         */
        void (*on_request)(void *userdata);

        /* It has ended, before on_result(). */
        void (*on_response)(void *userdata, enum failure failure, uint64_t duration_us);
        void *userdata;
};

/*
 * Sends no request yet. The settings and the callbacks are copied; `client` must outlive the token. `known`
 * are tokens of an earlier run (NULL: none), obtained at or before now(); on success they belong to the token
 * and *known is null. Returns 0 or -EINVAL for a client_id that is empty or not visible ASCII.
 */
int token_new(struct http_client *client, const struct token_settings *settings,
              const struct token_callbacks *callbacks, struct tokens *known, struct token **ret_token);

/* Cancels the request in flight, without on_result(), and wipes all secrets. Accepts NULL, returns NULL. */
struct token *token_free(struct token *token);

/*
 * The access token that is valid at `now_us`, or NULL if it is missing or has expired.
 * Borrowed; valid until the next call of token_reject() or token_renew(), and until the event loop runs.
 */
const char *token_current(const struct token *token, uint64_t now_us);

/*
 * When to renew the access token: before it expires by a tenth of its lifetime, at most a
 * day. 0: there is no access token; UINT64_MAX: its lifetime is unknown.
 */
uint64_t token_renew_at(const struct token *token);

/*
 * When the access token expires, or the refresh token; 0: there is none; UINT64_MAX: that is not known.
 */
uint64_t token_expires_at(const struct token *token);
uint64_t token_refresh_expires_at(const struct token *token);

/* Whether a renewal can be sent: with a refresh token that may be valid, a password, or a login. */
bool token_can_renew(const struct token *token, uint64_t now_us);

/* Drops the access token, which was refused. Its refresh token stays in use. */
void token_reject(struct token *token);

/* True while a request is in flight, from token_renew() to on_result(). */
bool token_is_busy(const struct token *token);

/* What a person has entered. Borrowed. */
struct token_login {
        const char *username;
        const char *password;
        const char *code; /* of the second factor; NULL: none */
};

/*
 * The next renewal is by this login, once, whatever its result. It is kept as the form that will be sent,
 * which is wiped after that. token_drop_login() wipes it now; without one it does nothing.
 */
void token_set_login(struct token *token, const struct token_login *login);
void token_drop_login(struct token *token);
bool token_has_login(const struct token *token);

/*
 * Requests new tokens; must not be called while a request is in flight, nor unless token_can_renew(): by a
 * login if there is one; by the refresh token if it may still be valid; otherwise by the password. If the
 * refresh token is refused, the password follows within the same renewal, if there is one, so on_result() is
 * called once. The current access token stays in use meanwhile, and the refresh token if a login is refused.
 */
void token_renew(struct token *token);

/*
 * Sends no further request. One that is in flight continues, so that its tokens are not lost if the response
 * comes in time; a refusal of the refresh token is then reported as such. token_renew() must not be called
 * again.
 */
void token_stop(struct token *token);
