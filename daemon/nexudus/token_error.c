/* SPDX-License-Identifier: MIT */

/*
 * Classifies the responses to a sign-in and explains them. No other file knows what they mean.
 *
 * After a refused refresh token the password is tried, so every response to a refresh that can be read as a
 * refusal is one. A response to the password is a refusal only if retrying cannot help.
 */

#include "nexudus/token_error.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "util/text.h"

/* ---- explanations ---- */

static bool text_is(const struct text *text, const char *word)
{
        return text->size == strlen(word) && strncasecmp(text_or_empty(text), word, text->size) == 0;
}

static bool error_is(const struct token_response *response, const char *code)
{
        return response->body != NULL && text_is(&response->body->error, code);
}

/*
 * Appends the code of the error. Only those of RFC 6749 are shown: a server may echo what it was sent, with
 * the password.
 */
static void append_code(const struct token_response *response, char explanation[static EXPLANATION_SIZE])
{
        static const char *const codes[] = { "invalid_request",        "invalid_client",
                                             "invalid_grant",          "unauthorized_client",
                                             "access_denied",          "unsupported_grant_type",
                                             "invalid_scope",          "server_error",
                                             "temporarily_unavailable" };
        size_t size = strlen(explanation);

        for (size_t i = 0; i < sizeof(codes) / sizeof(codes[0]); i++)
                if (error_is(response, codes[i]))
                        (void)snprintf(explanation + size, EXPLANATION_SIZE - size, " (%s)", codes[i]);
}

/* ---- refusals ---- */

/* Errors of the server itself, whatever the credentials are. */
static bool is_server_error(const struct token_response *response)
{
        return error_is(response, "server_error") || error_is(response, "temporarily_unavailable");
}

static enum token_verdict verdict_of_refusal(const struct token_response *response,
                                             char explanation[static EXPLANATION_SIZE])
{
        int status = response->end->status;

        if (status == 403 && is_html_page(response->end)) {
                explain(explanation, "HTTP %d with an HTML page", status);
                return TOKEN_BLOCKED;
        }
        if (is_server_error(response)) {
                explain(explanation, "HTTP %d", status);
                append_code(response, explanation);
                return TOKEN_UNREACHABLE;
        }
        if (response->grant == TOKEN_BY_REFRESH) {
                explain(explanation, "refresh token rejected");
        } else if (error_is(response, "invalid_grant") && response->grant == TOKEN_BY_LOGIN) {
                explain(explanation, response->has_code ? "wrong user name, password or one-time code"
                                                        : "wrong user name or password");
        } else if (error_is(response, "invalid_grant")) {
                explain(explanation, "wrong user name or password; if the account requires a second factor, "
                                     "set auth = login and run \"jobwatchctl login\"");
        } else if (error_is(response, "unsupported_grant_type")) {
                explain(explanation, "signing in with a password is not permitted; use auth = token");
        } else if (error_is(response, "invalid_client") || error_is(response, "unauthorized_client")) {
                explain(explanation, "client_id rejected; set another client_id in [api]");
        } else if (response->body != NULL || status == 401 || status == 403) {
                explain(explanation, "sign-in rejected (HTTP %d); check the user name and password", status);
        } else {
                explain(explanation, "HTTP %d without a reason", status);
                return TOKEN_UNREACHABLE;
        }
        append_code(response, explanation);
        return TOKEN_REFUSED;
}

/*
 * Whether a login may have been refused because the account requires a second factor, whose code was not
 * sent. Refusals do not tell that apart from a wrong password.
 */
static bool code_may_help(const struct token_response *response)
{
        return response->grant == TOKEN_BY_LOGIN && !response->has_code &&
               !error_is(response, "unsupported_grant_type") && !error_is(response, "invalid_client") &&
               !error_is(response, "unauthorized_client");
}

/* ---- status and document ---- */

static enum token_verdict verdict_of_status(const struct token_response *response,
                                            char explanation[static EXPLANATION_SIZE])
{
        const struct http_end *end = response->end;

        if (end->status == 409 || end->status == 429 || end->retry_after_us != HTTP_RETRY_NONE) {
                explain(explanation, "HTTP %d, throttled", end->status);
                append_code(response, explanation);
                return TOKEN_THROTTLED;
        }
        if (end->status == 400 || end->status == 401 || end->status == 403)
                return verdict_of_refusal(response, explanation);

        if (end->status >= 300 && end->status < 400)
                explain(explanation,
                        "HTTP %d: redirects are not followed, to protect the credentials; check base_url",
                        end->status);
        else if (end->status < 500)
                explain(explanation, "HTTP %d, unexpected for a sign-in; check base_url", end->status);
        else
                explain(explanation, "HTTP %d", end->status);
        append_code(response, explanation);
        return TOKEN_UNREACHABLE;
}

static enum token_verdict verdict_of_document(const struct token_response *response,
                                              char explanation[static EXPLANATION_SIZE])
{
        const struct token_body *body = response->body;
        int status = response->end->status;

        if (body == NULL) {
                explain(explanation, "unexpected response (HTTP %d, not a JSON object); check base_url",
                        status);
                return TOKEN_UNREACHABLE;
        }
        if (body->access_token.size == 0) {
                if (body->error.size > 0)
                        return verdict_of_refusal(response, explanation);
                explain(explanation, "HTTP %d without an access token", status);
                return TOKEN_UNREACHABLE;
        }
        if (!token_is_valid(body->access_token.data, body->access_token.size)) {
                explain(explanation,
                        "HTTP %d with an invalid access token: it must be visible ASCII without blanks",
                        status);
                return TOKEN_UNREACHABLE;
        }
        if (body->token_type.data != NULL && !text_is(&body->token_type, "bearer")) {
                explain(explanation, "HTTP %d, but the token type is not bearer", status);
                return TOKEN_UNREACHABLE;
        }
        explain(explanation, "%s",
                response->grant == TOKEN_BY_REFRESH ? "token renewed with the refresh token"
                                                    : "signed in with user name and password");
        return TOKEN_OBTAINED;
}

static enum token_verdict verdict_of(const struct token_response *response,
                                     char explanation[static EXPLANATION_SIZE])
{
        const struct http_end *end = response->end;

        switch (end->outcome) {
        case HTTP_ANSWERED:
                if (http_status_is_success(end->status))
                        return verdict_of_document(response, explanation);
                return verdict_of_status(response, explanation);
        case HTTP_STOPPED:
        case HTTP_TOO_LARGE:
                explain(explanation, "response too large (HTTP %d, more than %d bytes); check base_url",
                        end->status, TOKEN_BODY_MAX);
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

static enum failure failure_of(enum token_verdict verdict, const struct http_end *end)
{
        switch (verdict) {
        case TOKEN_OBTAINED:
                return FAILURE_NONE;
        case TOKEN_REFUSED:
        case TOKEN_BLOCKED:
                return FAILURE_REFUSED;
        case TOKEN_THROTTLED:
                return FAILURE_THROTTLED;
        case TOKEN_UNREACHABLE:
                break;
        }
        return failure_of_end(end);
}

struct token_result token_classify(const struct token_response *response,
                                   char explanation[static EXPLANATION_SIZE])
{
        enum token_verdict verdict = verdict_of(response, explanation);

        return (struct token_result){
                .verdict = verdict,
                .failure = failure_of(verdict, response->end),
                .grant = response->grant,
                .code_may_help = verdict == TOKEN_REFUSED && code_may_help(response),
                .retry_after_us = response->end->retry_after_us,
                .explanation = explanation,
        };
}
