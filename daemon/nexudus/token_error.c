/* SPDX-License-Identifier: MIT */

/*
 * What the server may say to a sign-in, and what a person is told of it. All knowledge of which answer means
 * what is here.
 *
 * A refusal of the refresh token is never the last word, since the password may still be good; so with a
 * refresh whatever can be read as a refusal is one. With the password only what cannot be mended by asking
 * again is a refusal.
 */

#include "nexudus/token_error.h"

#include <ctype.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "nexudus/percent.h"
#include "nexudus/tokens.h"
#include "util/cleanup.h"

#define CODE_SHOWN        40
#define DESCRIPTION_SHOWN 160

/* ---- explaining ---- */

/* Adds to what is there. */
__attribute__((format(printf, 2, 3))) static void explain(char explanation[static TOKEN_EXPLANATION_SIZE],
                                                          const char *format, ...)
{
        size_t size = strlen(explanation);
        va_list arguments;

        va_start(arguments, format);
        (void)vsnprintf(explanation + size, TOKEN_EXPLANATION_SIZE - size, format, arguments);
        va_end(arguments);
}

static bool contains_secret(const struct token_response *response, const char *data, size_t size)
{
        for (size_t i = 0; i < response->secrets_count; i++) {
                const char *secret = response->secrets[i];
                if (secret != NULL && *secret != '\0' && memmem(data, size, secret, strlen(secret)) != NULL)
                        return true;
        }
        return false;
}

/* Whether a text repeats what was sent, as it is or as it was encoded. */
static bool repeats_secret(const struct token_response *response, const struct text *said)
{
        struct text decoded;
        bool repeats = contains_secret(response, said->data, said->size);

        for (int plus = 0; plus <= 1 && !repeats; plus++) {
                if (text_copy(said, &decoded) < 0)
                        return true; /* cannot be known */
                size_t size = percent_decode(decoded.data, decoded.size, plus);
                repeats = contains_secret(response, decoded.data, size);
                explicit_bzero(decoded.data, decoded.size);
                text_clear(&decoded);
        }
        return repeats;
}

static bool is_said(const struct text *text)
{
        return text->data != NULL && text->size > 0;
}

static void explain_said(const struct token_response *response,
                         char explanation[static TOKEN_EXPLANATION_SIZE])
{
        const struct token_reply *reply = response->reply;

        if (response->problem < 0)
                return;
        const struct text *said =
                is_said(&reply->error_description) ? &reply->error_description : &reply->message;
        if (!is_said(said))
                return;
        if (repeats_secret(response, said)) {
                explain(explanation, ": the server's reason is not shown, since it may repeat a secret");
                return;
        }
        CLEANUP(cleanup_free) char *shown = text_escape(said->data, said->size, DESCRIPTION_SHOWN);
        if (shown != NULL)
                explain(explanation, ": %s", shown);
}

static void explain_code(const struct token_response *response,
                         char explanation[static TOKEN_EXPLANATION_SIZE])
{
        if (response->problem < 0 || !is_said(&response->reply->error) ||
            repeats_secret(response, &response->reply->error))
                return;

        const struct text *code = &response->reply->error;
        CLEANUP(cleanup_free) char *shown = text_escape(code->data, code->size, CODE_SHOWN);
        if (shown != NULL)
                explain(explanation, " (%s)", shown);
}

/* ---- a second factor ---- */

/* Whether `data` has `word`, without regard to case, and not as a part of a longer word. */
static bool has_word(const char *data, size_t size, const char *word)
{
        size_t length = strlen(word);

        for (size_t i = 0; i + length <= size; i++)
                if (strncasecmp(data + i, word, length) == 0 &&
                    (i == 0 || !isalnum((unsigned char)data[i - 1])) &&
                    (i + length == size || !isalnum((unsigned char)data[i + length])))
                        return true;
        return false;
}

static bool names_second_factor(const char *data, size_t size)
{
        static const char *const words[] = {
                "totp",          "otp",           "2fa",
                "mfa",           "two-factor",    "two factor",
                "two_factor",    "twofactor",     "second factor",
                "second-factor", "second_factor", "two-step",
                "two step",      "multi-factor",  "multi factor",
                "multifactor",   "multi_factor",  "one-time password",
                "one-time code",
        };

        for (size_t i = 0; data != NULL && i < sizeof(words) / sizeof(words[0]); i++)
                if (has_word(data, size, words[i]))
                        return true;
        return false;
}

static bool wants_second_factor(const struct token_response *response)
{
        const struct token_reply *reply = response->reply;

        if (response->problem < 0)
                return names_second_factor(response->end->excerpt, response->end->excerpt_size);
        return names_second_factor(reply->error.data, reply->error.size) ||
               names_second_factor(reply->error_description.data, reply->error_description.size) ||
               names_second_factor(reply->message.data, reply->message.size);
}

static enum token_verdict refuse_second_factor(const struct token_response *response,
                                               char explanation[static TOKEN_EXPLANATION_SIZE])
{
        explain(explanation,
                "jobwatchd cannot sign in for an account with two-factor sign-in; use auth = token, "
                "or an account without it");
        explain_said(response, explanation);
        return TOKEN_REFUSED;
}

/* ---- refusals ---- */

static enum token_verdict fail_memory(char explanation[static TOKEN_EXPLANATION_SIZE])
{
        explain(explanation, "out of memory while reading the answer");
        return TOKEN_UNREACHABLE;
}

static bool error_is(const struct token_response *response, const char *code)
{
        return response->problem == 0 && response->reply->error.size == strlen(code) &&
               strncasecmp(text_or_empty(&response->reply->error), code, strlen(code)) == 0;
}

/* What the server calls an error without a look at the credentials. */
static bool is_servers_own(const struct token_response *response)
{
        return error_is(response, "server_error") || error_is(response, "temporarily_unavailable");
}

static enum token_verdict verdict_of_refusal(const struct token_response *response,
                                             char explanation[static TOKEN_EXPLANATION_SIZE])
{
        int status = response->end->status;
        bool has_reason = response->problem == 0 &&
                          (is_said(&response->reply->error) || is_said(&response->reply->error_description) ||
                           is_said(&response->reply->message));

        if (response->problem == -ENOMEM)
                return fail_memory(explanation);
        if (wants_second_factor(response))
                return refuse_second_factor(response, explanation);

        if (is_servers_own(response)) {
                explain(explanation, "it answered %d", status);
                explain_code(response, explanation);
                explain_said(response, explanation);
                return TOKEN_UNREACHABLE;
        }
        if (response->was_refresh) {
                explain(explanation, "the refresh token was refused");
        } else if (error_is(response, "invalid_grant")) {
                explain(explanation, "the user name or the password was refused");
        } else if (error_is(response, "unsupported_grant_type")) {
                explain(explanation,
                        "the server does not let this account sign in with user name and password; "
                        "use auth = token");
        } else if (error_is(response, "invalid_client") || error_is(response, "unauthorized_client")) {
                explain(explanation, "the client_id was refused; change client_id");
        } else if (has_reason || status == 401 || status == 403) {
                explain(explanation, "the sign-in was refused with %d; check the user name and the password",
                        status);
        } else {
                explain(explanation, "it answered %d without a reason", status);
                return TOKEN_UNREACHABLE;
        }
        explain_code(response, explanation);
        explain_said(response, explanation);
        return TOKEN_REFUSED;
}

/* ---- status and document ---- */

static enum token_verdict verdict_of_status(const struct token_response *response,
                                            char explanation[static TOKEN_EXPLANATION_SIZE])
{
        const struct http_end *end = response->end;

        if (end->status == 409 || end->status == 429 || end->retry_after_us != HTTP_RETRY_NONE) {
                explain(explanation, "it answered %d, which asks to wait", end->status);
                explain_said(response, explanation);
                return TOKEN_THROTTLED;
        }
        if (end->status == 400 || end->status == 401 || end->status == 403)
                return verdict_of_refusal(response, explanation);

        explain(explanation, "it answered %d", end->status);
        if (end->status >= 300 && end->status < 400)
                explain(explanation,
                        ", a redirect, which is not followed since it would take the credentials "
                        "along; check base_url");
        else if (end->status < 500)
                explain(explanation, ", which makes no sense for a sign-in; check base_url");
        explain_said(response, explanation);
        return TOKEN_UNREACHABLE;
}

static bool is_bearer(const struct text *type)
{
        return type->data == NULL ||
               (type->size == strlen("bearer") && strncasecmp(type->data, "bearer", type->size) == 0);
}

static enum token_verdict verdict_of_document(const struct token_response *response,
                                              char explanation[static TOKEN_EXPLANATION_SIZE])
{
        const struct token_reply *reply = response->reply;
        int status = response->end->status;

        if (response->problem == -ENOMEM)
                return fail_memory(explanation);
        if (response->problem < 0) {
                explain(explanation, "it answered %d with something that is no JSON object; check base_url",
                        status);
                return TOKEN_UNREACHABLE;
        }
        if (!is_said(&reply->access_token)) {
                if (is_said(&reply->error) || wants_second_factor(response))
                        return verdict_of_refusal(response, explanation);
                explain(explanation, "it answered %d without an access token", status);
                explain_said(response, explanation);
                return TOKEN_UNREACHABLE;
        }
        if (!token_is_valid(reply->access_token.data, reply->access_token.size)) {
                explain(explanation,
                        "it answered %d with an access token that has blanks, control characters or "
                        "other characters that no token has",
                        status);
                return TOKEN_UNREACHABLE;
        }
        if (!is_bearer(&reply->token_type)) {
                explain(explanation, "it answered %d with a token that is not of type bearer", status);
                return TOKEN_UNREACHABLE;
        }
        explain(explanation, "%s",
                response->was_refresh ? "the sign-in was renewed by the refresh token"
                                      : "signed in with user name and password");
        return TOKEN_OBTAINED;
}

enum token_verdict token_classify(const struct token_response *response,
                                  char explanation[static TOKEN_EXPLANATION_SIZE])
{
        const struct http_end *end = response->end;

        *explanation = '\0';
        switch (end->outcome) {
        case HTTP_ANSWERED:
                if (end->status >= 200 && end->status <= 299)
                        return verdict_of_document(response, explanation);
                return verdict_of_status(response, explanation);
        case HTTP_STOPPED:
        case HTTP_TOO_LARGE:
                explain(explanation,
                        "it answered %d with more than the %d bytes that fit a sign-in; check "
                        "base_url",
                        end->status, TOKEN_REPLY_MAX);
                return TOKEN_UNREACHABLE;
        case HTTP_UNRESOLVED:
        case HTTP_UNCONNECTED:
        case HTTP_TLS_FAILED:
        case HTTP_TIMED_OUT:
        case HTTP_BROKEN:
        case HTTP_IMPOSSIBLE:
                break;
        }
        explain(explanation, "%s (%s)", http_outcome_to_string(end->outcome), end->detail);
        return TOKEN_UNREACHABLE;
}
