/* SPDX-License-Identifier: MIT */

/*
 * Signing in. One renewal is one request, or two when the refresh token turns out to be dead:
 *
 *     idle → refresh → obtained → keep() → in use
 *               └→ password ┘        └→ unkept: not in use; its refresh token serves the next renewal
 *
 * A refresh token works once. So the moment an answer brings a new one, the old one is gone for good, and the
 * new one is on disk before anything else is done with it.
 *
 * What is allocated for a request is allocated before it is made: after an answer that cannot be read for
 * want of memory, only the password is left.
 */

#include "nexudus/token.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "nexudus/percent.h"
#include "nexudus/token_body.h"
#include "nexudus/token_error.h"
#include "nexudus/tokens.h"
#include "util/cleanup.h"
#include "util/text.h"
#include "util/timespan.h"

#define TOKEN_PATH "/api/token"

#define REFRESH_LIFETIME_US (15 * USEC_PER_DAY)
#define RENEW_AHEAD_MAX_US  USEC_PER_DAY

struct token {
        struct http_client *client;
        struct http_headers *headers;
        char *url;
        char *username;
        char *password;
        struct token_callbacks callbacks;

        struct tokens tokens;      /* in use; on disk */
        struct tokens unpersisted; /* newer than `grant`, but not on disk; no access token: there is none */
        bool fresh_connection;     /* the last request got no answer */

        /* While a request is under way. */
        struct http_request *http;
        void (*spend)(void *userdata);
        uint64_t retry_after_until_us; /* CLOCK_REALTIME */
        bool is_refresh;
        char *form;
        size_t form_size;
        char *body; /* TOKEN_REPLY_MAX bytes of room */
        size_t body_size;
};

DEFINE_CLEANUP(struct token, token_free)

static void on_end(void *userdata, const struct http_end *end);

/* ---- making and ending ---- */

static int headers_for(const char *client_id, struct http_headers **ret_headers)
{
        CLEANUP(cleanup_free) char *client_line = NULL;

        if (!token_is_valid(client_id, strlen(client_id)))
                return -EINVAL;
        if (asprintf(&client_line, "client_id: %s", client_id) < 0) {
                client_line = NULL;
                return -ENOMEM;
        }
        const char *const lines[] = {
                "Accept: application/json",
                "Content-Type: application/x-www-form-urlencoded",
                client_line,
                NULL,
        };
        return http_headers_new(lines, ret_headers);
}

int token_new(struct http_client *client, const struct token_settings *settings,
              const struct token_callbacks *callbacks, const struct tokens *known, struct token **ret_token)
{
        CLEANUP(cleanup_token_free) struct token *token = calloc(1, sizeof(*token));
        int r;

        if (token == NULL)
                return -ENOMEM;
        token->client = client;
        token->callbacks = *callbacks;

        r = headers_for(settings->client_id, &token->headers);
        if (r < 0)
                return r;
        if (asprintf(&token->url, "%s" TOKEN_PATH, settings->base_url) < 0) {
                token->url = NULL;
                return -ENOMEM;
        }
        token->username = strdup(settings->username);
        token->password = strdup(settings->password);
        if (token->username == NULL || token->password == NULL)
                return -ENOMEM;
        if (known != NULL) {
                r = tokens_copy(known, &token->tokens);
                if (r < 0)
                        return r;
        }

        *ret_token = STEAL_POINTER(token);
        return 0;
}

/* After the end of a request, or instead of it: nothing of it stays in memory. */
static void request_clear(struct token *token)
{
        if (token->form != NULL)
                explicit_bzero(token->form, token->form_size);
        if (token->body != NULL)
                explicit_bzero(token->body, token->body_size);
        free(token->form);
        free(token->body);
        token->form = token->body = NULL;
        token->form_size = token->body_size = 0;
}

struct token *token_free(struct token *token)
{
        if (token == NULL)
                return NULL;

        http_cancel(token->http);
        request_clear(token);
        http_headers_free(token->headers);
        tokens_clear(&token->tokens);
        tokens_clear(&token->unpersisted);
        secret_free(token->password);
        free(token->username);
        free(token->url);
        free(token);
        return NULL;
}

/* ---- the grant in use ---- */

static uint64_t add_saturating(uint64_t left, uint64_t right)
{
        uint64_t sum;

        return __builtin_add_overflow(left, right, &sum) ? UINT64_MAX : sum;
}

const char *token_current(const struct token *token, uint64_t now_us)
{
        const struct tokens *tokens = &token->tokens;

        if (tokens->access_token == NULL)
                return NULL;
        if (tokens->lifetime_us > 0 && now_us >= add_saturating(tokens->obtained_us, tokens->lifetime_us))
                return NULL;
        return tokens->access_token;
}

uint64_t token_renew_at(const struct token *token)
{
        const struct tokens *tokens = &token->tokens;
        uint64_t ahead = tokens->lifetime_us / 10;

        if (tokens->access_token == NULL)
                return 0;
        if (tokens->lifetime_us == 0)
                return UINT64_MAX;
        if (ahead > RENEW_AHEAD_MAX_US)
                ahead = RENEW_AHEAD_MAX_US;
        return add_saturating(tokens->obtained_us, tokens->lifetime_us - ahead);
}

void token_reject(struct token *token)
{
        token->tokens.access_token = secret_free(token->tokens.access_token);
}

bool token_is_busy(const struct token *token)
{
        return token->http != NULL;
}

/* Puts a grant on disk and into use, or else aside. Takes it over in either case. */
static int tokens_persist(struct token *token, struct tokens *tokens)
{
        int r = token->callbacks.keep(token->callbacks.userdata, tokens);
        struct tokens taken = *tokens;

        *tokens = TOKENS_NULL;
        tokens_clear(&token->unpersisted);
        if (r < 0) {
                token->unpersisted = taken;
                token->tokens.refresh_token = secret_free(token->tokens.refresh_token); /* replaced: dead */
        } else {
                tokens_clear(&token->tokens);
                token->tokens = taken;
        }
        return r;
}

static void persist_pending(struct token *token)
{
        struct tokens tokens = token->unpersisted;

        if (tokens.access_token == NULL)
                return;
        token->unpersisted = TOKENS_NULL;
        (void)tokens_persist(token, &tokens); /* if it fails again, it stays aside */
}

/* ---- asking ---- */

static uint64_t realtime_us(void)
{
        struct timespec now;

        (void)clock_gettime(CLOCK_REALTIME, &now);
        return (uint64_t)now.tv_sec * USEC_PER_SEC + (uint64_t)now.tv_nsec / 1000;
}

/* The grant whose refresh token is the newest. */
static struct tokens *newest_tokens(struct token *token)
{
        return token->unpersisted.access_token != NULL ? &token->unpersisted : &token->tokens;
}

static void forget_refresh_token(struct token *token)
{
        struct tokens *tokens = newest_tokens(token);

        tokens->refresh_token = secret_free(tokens->refresh_token);
}

/* The refresh token to be tried, or NULL. One that is too old is forgotten. */
static const char *refresh_token_at(struct token *token, uint64_t now_us)
{
        const struct tokens *tokens = newest_tokens(token);

        if (now_us >= add_saturating(tokens->obtained_us, REFRESH_LIFETIME_US))
                forget_refresh_token(token);
        return tokens->refresh_token;
}

static int on_body(void *userdata, const void *data, size_t size)
{
        struct token *token = userdata;

        if (size > TOKEN_REPLY_MAX - token->body_size)
                return -EMSGSIZE;
        memcpy(token->body + token->body_size, data, size);
        token->body_size += size;
        return 0;
}

/* Asks by `refresh_token`, or with NULL by the password. -ENOMEM, and nothing is under way. */
static int ask(struct token *token, const char *refresh_token, uint64_t now_us)
{
        const char *const by_refresh[][2] = {
                { "grant_type", "refresh_token" },
                { "refresh_token", refresh_token },
                { NULL },
        };
        const char *const by_password[][2] = {
                { "grant_type", "password" },
                { "username", token->username },
                { "password", token->password },
                { NULL },
        };
        int r;

        token->is_refresh = refresh_token != NULL;
        token->retry_after_until_us = now_us;
        token->body = malloc(TOKEN_REPLY_MAX);
        r = token->body != NULL ? form_encode(token->is_refresh ? by_refresh : by_password, &token->form,
                                              &token->form_size)
                                : -ENOMEM;
        if (r == 0) {
                const struct http_call call = {
                        .url = token->url,
                        .headers = token->headers,
                        .post = token->form,
                        .post_size = token->form_size,
                        .fresh_connection = token->fresh_connection,
                        .on_body = on_body,
                        .on_end = on_end,
                        .userdata = token,
                };
                if (token->spend != NULL)
                        token->spend(token->callbacks.userdata);
                r = http_start(token->client, &call, &token->http);
        }
        if (r < 0)
                request_clear(token);
        return r;
}

int token_renew(struct token *token, void (*spend)(void *userdata))
{
        uint64_t now_us = realtime_us();

        if (token_is_busy(token))
                return -EBUSY;

        persist_pending(token);
        token->spend = spend;
        return ask(token, refresh_token_at(token, now_us), now_us);
}

/* ---- the answer ---- */

/* Reads the body that came with the end, wherever it is, and says what it means. */
static enum token_verdict read_answer(struct token *token, const struct http_end *end,
                                      struct token_reply *reply,
                                      char explanation[static TOKEN_EXPLANATION_SIZE])
{
        const char *const secrets[] = {
                token->password,
                token->tokens.access_token,
                token->tokens.refresh_token,
                token->unpersisted.access_token,
                token->unpersisted.refresh_token,
        };
        struct token_response response = {
                .end = end,
                .problem = -EBADMSG,
                .reply = reply,
                .was_refresh = token->is_refresh,
                .secrets = secrets,
                .secrets_count = sizeof(secrets) / sizeof(secrets[0]),
        };

        if (end->outcome == HTTP_ANSWERED && end->status >= 200 && end->status <= 299)
                response.problem = token_reply_parse(token->body, token->body_size, false, reply);
        else if (end->outcome == HTTP_ANSWERED)
                response.problem = token_reply_parse(end->excerpt, end->excerpt_size,
                                                     end->body_size > end->excerpt_size, reply);
        return token_classify(&response, explanation);
}

/* A reply that has been found good becomes a grant and is put to use. */
static enum token_verdict take_reply(struct token *token, struct token_reply *reply,
                                     char explanation[static TOKEN_EXPLANATION_SIZE])
{
        struct tokens tokens = { .obtained_us = token->retry_after_until_us,
                                 .lifetime_us = reply->lifetime_us };

        tokens.access_token = STEAL_POINTER(reply->access_token.data);
        /* One that could not be stored and sent is as good as none. */
        if (reply->refresh_token.data != NULL &&
            token_is_valid(reply->refresh_token.data, reply->refresh_token.size))
                tokens.refresh_token = STEAL_POINTER(reply->refresh_token.data);

        int r = tokens_persist(token, &tokens);
        if (r == 0)
                return TOKEN_OBTAINED;
        (void)snprintf(explanation, TOKEN_EXPLANATION_SIZE,
                       "signed in, but the new token could not be stored (%s), and one that is not stored is "
                       "not used; check the state directory",
                       strerror(-r));
        return TOKEN_NOT_PERSISTED;
}

/* The last thing that happens in a renewal: the token may be gone afterwards. */
static void answer(struct token *token, enum token_verdict verdict, uint64_t retry_after_us,
                   const char *explanation)
{
        const struct token_answer answer = {
                .verdict = verdict,
                .refreshed = token->is_refresh,
                .retry_after_us = retry_after_us,
                .explanation = explanation,
        };

        token->callbacks.on_answer(token->callbacks.userdata, &answer);
}

static void on_end(void *userdata, const struct http_end *end)
{
        struct token *token = userdata;
        struct token_reply reply = TOKEN_REPLY_NULL;
        char explanation[TOKEN_EXPLANATION_SIZE];

        token->http = NULL;
        enum token_verdict verdict = read_answer(token, end, &reply, explanation);
        if (verdict == TOKEN_OBTAINED)
                verdict = take_reply(token, &reply, explanation);
        token_reply_clear(&reply);
        request_clear(token);
        token->fresh_connection = end->outcome != HTTP_ANSWERED;

        /* A success has used the refresh token up, though no new one could be had from it. */
        bool is_used_up = end->status >= 200 && end->status <= 299 && verdict == TOKEN_UNREACHABLE;
        if (token->is_refresh && (verdict == TOKEN_REFUSED || is_used_up))
                forget_refresh_token(token);
        if (token->is_refresh && verdict == TOKEN_REFUSED) {
                if (ask(token, NULL, realtime_us()) == 0)
                        return;
                verdict = TOKEN_UNREACHABLE;
                (void)snprintf(explanation, sizeof(explanation), "out of memory while signing in");
        }
        answer(token, verdict, end->retry_after_us, explanation);
}
