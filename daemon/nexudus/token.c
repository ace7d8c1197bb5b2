/* SPDX-License-Identifier: MIT */

/*
 * Renews the bearer token. One renewal is one request, or two if the refresh token is refused:
 *
 *     idle → refresh → obtained: in use
 *               └→ password ┘
 *
 * A login is a request of its own, which is not followed by another. Without a password nothing follows a
 * refused refresh token either.
 *
 * A refresh token works once: a response with a new one invalidates the old one. So new tokens are used at
 * once, whether they are on disk or not: the old ones are of no use any more.
 */

#include "nexudus/token.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "nexudus/classification.h"
#include "nexudus/token_body.h"
#include "nexudus/token_error.h"
#include "nexudus/tokens.h"
#include "util/cleanup.h"
#include "util/memory.h"
#include "util/message.h"
#include "util/text.h"
#include "util/timespan.h"

#define TOKEN_PATH "/api/token"

#define REFRESH_LIFETIME_US (15 * USEC_PER_DAY)
#define RENEW_AHEAD_MAX_US  USEC_PER_DAY

struct token {
        struct http_client *client;
        char *client_line; /* a header */
        char *url;
        char *username;
        char *password; /* NULL: none */
        struct token_callbacks callbacks;
        uint64_t (*now)(void);

        struct tokens tokens; /* in use */
        bool stopped;         /* no further request */
        char *login;          /* the form of the next request; NULL: no login is waiting */
        bool login_has_code;

        /* While a request is in flight. */
        struct http_request *http;
        uint64_t requested_us;
        enum token_grant grant;
        char *form;
        char *body; /* allocated with TOKEN_BODY_MAX bytes */
        size_t body_size;
};

DEFINE_CLEANUP(struct token, token_free)

static void on_end(void *userdata, const struct http_end *end);

/* ---- creation and destruction ---- */

int token_new(struct http_client *client, const struct token_settings *settings,
              const struct token_callbacks *callbacks, struct tokens *known, struct token **ret_token)
{
        CLEANUP(cleanup_token_free) struct token *token = memory_need(calloc(1, sizeof(*token)));

        if (!token_is_valid(settings->client_id, strlen(settings->client_id)))
                return -EINVAL;
        assert(known == NULL || known->obtained_us <= settings->now());
        token->client = client;
        token->callbacks = *callbacks;
        token->now = settings->now;

        token->client_line = format_message("client_id: %s", settings->client_id);
        token->url = format_message("%s" TOKEN_PATH, settings->base_url);
        if (settings->password != NULL) {
                token->username = memory_need(strdup(settings->username));
                token->password = memory_need(strdup(settings->password));
        }
        if (known != NULL) {
                token->tokens = *known;
                *known = TOKENS_NULL;
        }

        *ret_token = STEAL_POINTER(token);
        return 0;
}

/* Wipes the form and the body of a request that has ended or was cancelled. */
static void request_clear(struct token *token)
{
        if (token->body != NULL)
                explicit_bzero(token->body, token->body_size);
        free(token->body);
        token->body = NULL;
        token->body_size = 0;
        token->form = secret_free(token->form);
}

struct token *token_free(struct token *token)
{
        if (token == NULL)
                return NULL;

        http_cancel(token->http);
        request_clear(token);
        token_drop_login(token);
        free(token->client_line);
        tokens_clear(&token->tokens);
        secret_free(token->password);
        free(token->username);
        free(token->url);
        free(token);
        return NULL;
}

/* ---- the tokens in use ---- */

const char *token_current(const struct token *token, uint64_t now_us)
{
        return now_us < token_expires_at(token) ? token->tokens.access_token : NULL;
}

uint64_t token_renew_at(const struct token *token)
{
        uint64_t expires_us = token_expires_at(token);

        if (expires_us == 0 || expires_us == UINT64_MAX)
                return expires_us;
        return expires_us - time_earlier(token->tokens.lifetime_us / 10, RENEW_AHEAD_MAX_US);
}

uint64_t token_expires_at(const struct token *token)
{
        const struct tokens *tokens = &token->tokens;

        if (tokens->access_token == NULL)
                return 0;
        return tokens->lifetime_us > 0 ? tokens->obtained_us + tokens->lifetime_us : UINT64_MAX;
}

uint64_t token_refresh_expires_at(const struct token *token)
{
        if (token->tokens.refresh_token == NULL)
                return 0;
        return token->tokens.obtained_us + REFRESH_LIFETIME_US;
}

bool token_can_renew(const struct token *token, uint64_t now_us)
{
        return token->login != NULL || token->password != NULL || now_us < token_refresh_expires_at(token);
}

void token_reject(struct token *token)
{
        token->tokens.access_token = secret_free(token->tokens.access_token);
}

bool token_is_busy(const struct token *token)
{
        return token->http != NULL;
}

/* ---- the refresh token ---- */

static void drop_refresh_token(struct token *token)
{
        token->tokens.refresh_token = secret_free(token->tokens.refresh_token);
}

/* The refresh token to try, or NULL. One that is too old is dropped. */
static const char *refresh_token_at(struct token *token, uint64_t now_us)
{
        if (now_us >= token_refresh_expires_at(token))
                drop_refresh_token(token);
        return token->tokens.refresh_token;
}

static int on_body(void *userdata, const void *data, size_t size)
{
        struct token *token = userdata;

        if (size > TOKEN_BODY_MAX - token->body_size)
                return -EMSGSIZE;
        memcpy(token->body + token->body_size, data, size);
        token->body_size += size;
        return 0;
}

/* ---- forms ---- */

/* Percent-encodes all but the characters that RFC 3986 calls unreserved. */
static char *encode(char *at, const char *text)
{
        static const char plain[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~";

        for (; *text != '\0'; text++)
                if (strchr(plain, *text) != NULL)
                        *at++ = *text;
                else
                        at += snprintf(at, sizeof("%XX"), "%%%02X", (unsigned char)*text);
        return at;
}

/* Formats "name=value&name=value"; a NULL name ends the fields. malloc()ed, and a secret. */
static char *form_encode(const char *const fields[][2])
{
        size_t size = 1;

        for (size_t i = 0; fields[i][0] != NULL; i++)
                size += strlen("&=") + strlen(fields[i][0]) + 3 * strlen(fields[i][1]);
        char *form = memory_malloc(NULL, size), *end = form;

        for (size_t i = 0; fields[i][0] != NULL; i++) {
                if (i > 0)
                        *end++ = '&';
                end = mempcpy(end, fields[i][0], strlen(fields[i][0]));
                *end++ = '=';
                end = encode(end, fields[i][1]);
        }
        *end = '\0';
        return form;
}

/* ---- logins ---- */

void token_set_login(struct token *token, const struct token_login *login)
{
        const char *const fields[][2] = {
                { "grant_type", "password" },
                { "username", login->username },
                { "password", login->password },
                { login->code != NULL ? "totp" : NULL, login->code },
                { NULL },
        };

        token_drop_login(token);
        token->login = form_encode(fields);
        token->login_has_code = login->code != NULL;
}

void token_drop_login(struct token *token)
{
        token->login = secret_free(token->login);
}

bool token_has_login(const struct token *token)
{
        return token->login != NULL;
}

/* ---- requests ---- */

/* The form of a request, which is a secret. */
static char *form_of(struct token *token, const char *refresh_token)
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

        switch (token->grant) {
        case TOKEN_BY_LOGIN:
                return STEAL_POINTER(token->login);
        case TOKEN_BY_REFRESH:
                return form_encode(by_refresh);
        case TOKEN_BY_PASSWORD:
                break;
        }
        return form_encode(by_password);
}

/* `refresh_token` is for TOKEN_BY_REFRESH. */
static void send_request(struct token *token, enum token_grant grant, const char *refresh_token,
                         uint64_t now_us)
{
        const char *const headers[] = {
                "Accept: application/json",
                "Content-Type: application/x-www-form-urlencoded",
                token->client_line,
                NULL,
        };

        token->grant = grant;
        token->requested_us = now_us;
        token->body = memory_malloc(NULL, TOKEN_BODY_MAX);
        token->form = form_of(token, refresh_token);
        const struct http_call call = {
                .url = token->url,
                .headers = headers,
                .post = token->form,
                .post_size = strlen(token->form),
                .on_body = on_body,
                .on_end = on_end,
                .userdata = token,
        };
        token->callbacks.on_request(token->callbacks.userdata);
        token->http = http_start(token->client, &call);
}

void token_renew(struct token *token)
{
        uint64_t now_us = token->now();
        enum token_grant grant = TOKEN_BY_LOGIN;
        const char *refresh_token = NULL;

        assert(!token->stopped && !token_is_busy(token) && token_can_renew(token, now_us));
        if (token->login == NULL) {
                refresh_token = refresh_token_at(token, now_us);
                grant = refresh_token != NULL ? TOKEN_BY_REFRESH : TOKEN_BY_PASSWORD;
        }
        send_request(token, grant, refresh_token, now_us);
}

void token_stop(struct token *token)
{
        token->stopped = true;
        token_drop_login(token);
}

/* ---- responses ---- */

/* Parses the body, of which an error response has only the excerpt, and classifies the response. */
static struct token_result read_response(const struct token *token, const struct http_end *end,
                                         struct token_body *body, char explanation[static EXPLANATION_SIZE])
{
        bool is_success = http_status_is_success(end->status);
        int r = is_success ? token_body_parse(token->body, token->body_size, false, body)
                           : token_body_parse(end->excerpt, end->excerpt_size,
                                              end->body_size > end->excerpt_size, body);
        const struct token_response response = {
                .end = end,
                .body = r == 0 ? body : NULL,
                .grant = token->grant,
                .has_code = token->login_has_code,
        };

        return token_classify(&response, explanation);
}

/* Puts the tokens of a valid body in use. */
static void accept_tokens(struct token *token, struct token_body *body)
{
        struct tokens tokens = { .obtained_us = token->requested_us,
                                 .lifetime_us = token_body_lifetime_us(body) };

        tokens.access_token = STEAL_POINTER(body->access_token.data);
        /* An invalid refresh token is ignored: it could be neither stored nor sent. */
        if (body->refresh_token.data != NULL &&
            token_is_valid(body->refresh_token.data, body->refresh_token.size))
                tokens.refresh_token = STEAL_POINTER(body->refresh_token.data);
        tokens_clear(&token->tokens);
        token->tokens = tokens;
}

static void on_end(void *userdata, const struct http_end *end)
{
        struct token *token = userdata;
        struct token_body body = TOKEN_BODY_NULL;
        char explanation[EXPLANATION_SIZE];

        token->http = NULL;
        struct token_result result = read_response(token, end, &body, explanation);
        token->callbacks.on_response(token->callbacks.userdata, result.failure,
                                     token->now() - token->requested_us);
        if (result.verdict == TOKEN_OBTAINED) {
                accept_tokens(token, &body);
                result.tokens = &token->tokens;
        }
        token_body_clear(&body);
        request_clear(token);

        /* A 2xx has used up the refresh token even if the body has no new one. */
        bool is_used_up = http_status_is_success(end->status) && result.verdict == TOKEN_UNREACHABLE;
        bool is_refused_refresh = token->grant == TOKEN_BY_REFRESH && result.verdict == TOKEN_REFUSED;
        if (is_refused_refresh || (token->grant == TOKEN_BY_REFRESH && is_used_up))
                drop_refresh_token(token);
        if (is_refused_refresh && !token->stopped && token->password != NULL) {
                send_request(token, TOKEN_BY_PASSWORD, NULL, token->now());
                return;
        }
        token->callbacks.on_result(token->callbacks.userdata, &result); /* may free the token */
}
