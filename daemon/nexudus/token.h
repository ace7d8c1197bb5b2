/* SPDX-License-Identifier: MIT */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "http/http.h"

/*
 * Signing in with user name and password (auth = password): gets a bearer token, renews it before it expires,
 * and goes back to the password when the refresh token is dead. One request at a time. It decides nothing
 * about when to ask again after a failure: that is the caller's (health and governor).
 *
 * Source: Nexudus, "Authentication": POST /api/token, form-encoded; the client_id header; a refresh token
 * works once and lasts 15 days.
 */
struct token;

/*
 * What was obtained. The tokens are malloc()ed secrets of visible ASCII; wipe with tokens_clear().
 * Lifetimes are cut at ten years.
 */
struct tokens {
        char *access_token;
        char *refresh_token;  /* NULL if none was given */
        uint64_t obtained_us; /* when it was asked for; CLOCK_REALTIME: must mean something after a reboot */
        uint64_t lifetime_us; /* of the access token, as the server said; 0: it said nothing */
};

/* Wipes and frees both tokens, and zeroes the rest. */
void tokens_clear(struct tokens *tokens);

struct token_settings {
        const char *base_url;  /* without a trailing slash */
        const char *client_id; /* never empty: the caller derives the default */
        const char *username;
        const char *password;
};

enum token_verdict {
        TOKEN_OBTAINED,
        TOKEN_REFUSED, /* wrong user name or password, or a second factor is wanted: asking again is no use */
        TOKEN_THROTTLED,     /* 409, 429, or an error that names a time to wait */
        TOKEN_UNREACHABLE,   /* no answer, server error, or an answer that makes no sense */
        TOKEN_NOT_PERSISTED, /* obtained, but keep() failed: not used, since a restart would lose it */
};

struct token_answer {
        enum token_verdict verdict;
        bool refreshed;          /* the answer is to a refresh token, not to the password */
        uint64_t retry_after_us; /* HTTP_RETRY_NONE if none was named */
        const char *explanation; /* for a person, one line without a full stop, with the server's reason,
                                    never with a secret; valid during the call; never NULL */
};

/* Neither callback may call token_ functions, on_answer() excepted: see there. */
struct token_callbacks {
        /*
         * Puts a grant on disk before it is used, since the refresh token that it replaces is dead from now
         * on. Returns 0 or a negative errno. The grant is the token's, and valid during the call. Called from
         * the event loop, and from within token_renew() for a grant that could not be kept before.
         */
        int (*keep)(void *userdata, const struct tokens *tokens);
        /*
         * A token_renew() has ended. Called once for each, from the event loop only. The token is idle by
         * then: it may be renewed again, and it may be freed.
         */
        void (*on_answer)(void *userdata, const struct token_answer *answer);
        void *userdata;
};

/*
 * Asks for nothing yet. The settings are copied, the callbacks too; `client` must outlive the token. `known`
 * is what was kept before (NULL: nothing); it is copied. Returns -ENOMEM, or -EINVAL for a client_id that is
 * empty or not of visible ASCII, and so would make no header.
 */
int token_new(struct http_client *client, const struct token_settings *settings,
              const struct token_callbacks *callbacks, const struct tokens *known, struct token **ret_token);

/* Cancels what is under way, without on_answer(), and wipes all secrets. Takes NULL, returns NULL. */
struct token *token_free(struct token *token);

/*
 * The access token that may be used at `now_us` (CLOCK_REALTIME), or NULL if there is none or it has expired.
 * The token's; valid until the next call of token_reject() or token_renew(), and until the event loop runs.
 */
const char *token_current(const struct token *token, uint64_t now_us);

/*
 * When the access token is to be renewed (CLOCK_REALTIME), well before it expires: a tenth of its life, at
 * most a day ahead. 0: there is none; UINT64_MAX: the server did not say how long it lives.
 */
uint64_t token_renew_at(const struct token *token);

/* The current access token was refused: it is not used any more. Its refresh token still is. */
void token_reject(struct token *token);

/* True while a request is under way, that is, from token_renew() to on_answer(). */
bool token_is_busy(const struct token *token);

/*
 * Gets a new grant: by the refresh token if there is one that may still be good, else by the password; a
 * refresh token that is refused leads on to the password within the same call, so on_answer() comes once. The
 * current access token stays in use meanwhile. A grant that could not be kept is offered to keep() again
 * first, and its refresh token is the one that is used, whatever keep() says this time.
 *
 * `spend` (may be NULL) is called before each HTTP request that is made, for the governor: once from within
 * this function, and once from the event loop if the password is turned to; with the callbacks' userdata.
 * Returns 0, -EBUSY if a request is under way, or -ENOMEM (and then on_answer() does not come).
 */
int token_renew(struct token *token, void (*spend)(void *userdata));

/*
 * A grant as one line of visible ASCII and blanks to be stored, and back. The line is malloc()ed and a
 * secret. -EINVAL for what is no grant (without an access token), or no such line; -ENOMEM.
 */
int tokens_format(const struct tokens *tokens, char **ret_text);
int tokens_parse(const char *text, struct tokens *ret_grant);
