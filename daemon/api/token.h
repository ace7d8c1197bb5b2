/* SPDX-License-Identifier: MIT */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "net/http.h"

/*
 * Signing in with user name and password (auth = password): gets a bearer token, renews it before it expires,
 * and goes back to the password when the refresh token is dead. One request at a time. It decides nothing
 * about when to ask again after a failure: that is the caller's (health and governor).
 *
 * Source: Nexudus, "Authentication": POST /api/token, form-encoded; the client_id header; a refresh token
 * works once.
 */
struct token;

/* What was obtained. Secrets: wipe with token_grant_clear(). */
struct token_grant {
        char *access_token;
        char *refresh_token;  /* NULL if none was given */
        uint64_t obtained_us; /* CLOCK_REALTIME: must mean something after a reboot */
        uint64_t lifetime_us; /* of the access token, as the server said; 0: it said nothing */
};

void token_grant_clear(struct token_grant *grant);

struct token_settings {
        const char *base_url;
        const char *client_id; /* never empty: the caller derives the default */
        const char *username;
        const char *password;
};

enum token_verdict {
        TOKEN_OBTAINED,
        TOKEN_REFUSED,     /* wrong user name or password, or a second factor is wanted: asking again will not
                              help */
        TOKEN_THROTTLED,   /* 409, 429, or a time to wait was named */
        TOKEN_UNREACHABLE, /* no answer, server error, or an answer that makes no sense */
        TOKEN_NOT_KEPT, /* obtained, but keep() failed: not used, since it would be lost at the next restart
                         */
};

struct token_answer {
        enum token_verdict verdict;
        bool refreshed; /* by the refresh token, not by the password */
        uint64_t retry_after_us;
        const char *explanation; /* for a person, one line; with the server's error_description; never a
                                    secret; never NULL */
};

struct token_callbacks {
        /*
         * Puts a grant on disk before it is used, since the refresh token that it replaces is dead from now
         * on. 0 or a negative errno. The grant is the token's. Called from the event loop.
         */
        int (*keep)(void *userdata, const struct token_grant *grant);
        /* A request of token_renew() has ended. Called once for each, from the event loop. */
        void (*on_answer)(void *userdata, const struct token_answer *answer);
        void *userdata;
};

/* The settings are copied. `client` must outlive it. `known` is what was kept before (NULL: nothing); it is
 * copied. -ENOMEM. */
int token_new(struct http_client *client, const struct token_settings *settings,
              const struct token_callbacks *callbacks, const struct token_grant *known,
              struct token **ret_token);
struct token *token_free(struct token *token);

/* The access token that may be used at `now_us` (CLOCK_REALTIME), or NULL if there is none or it has expired.
 * The token's. */
const char *token_current(const struct token *token, uint64_t now_us);

/* When the access token is to be renewed, well before it expires (a tenth of its life, at most a day ahead);
 * 0: there is none; UINT64_MAX: it does not say. */
uint64_t token_renew_at(const struct token *token);

/* The current access token was refused: do not use it any more. */
void token_reject(struct token *token);

/* True while a request is under way. */
bool token_is_busy(const struct token *token);

/*
 * Gets a new one: by the refresh token if there is one that may still be good, else by the password; a dead
 * refresh token (invalid_grant) leads on to the password within the same call, that is, on_answer() comes
 * once. `spend` is called before each HTTP request that is made (for the governor). Returns 0, -EBUSY if one
 * is under way, or -ENOMEM.
 */
int token_renew(struct token *token, void (*spend)(void *userdata));

/* A grant as one string to be stored, and back. -EINVAL for what is none, -ENOMEM. malloc()ed: a secret. */
int token_grant_format(const struct token_grant *grant, char **ret_text);
int token_grant_parse(const char *text, struct token_grant *ret_grant);
