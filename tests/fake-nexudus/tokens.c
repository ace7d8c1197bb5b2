/* SPDX-License-Identifier: MIT */

/*
 * Sign-in. A client id has one refresh token at a time: each new token, by either grant, revokes the previous
 * one. Access tokens are valid until they expire, independent of their refresh token.
 */

#include "tokens.h"

#include <errno.h>
#include <fnmatch.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/random.h>

#include "form.h"

static void token_drop(struct issued_token **at)
{
        struct issued_token *token = *at;

        *at = token->next;
        free(token->client_id);
        free(token);
}

static int token_add(struct issued_token **list, const char *client_id, uint64_t expires)
{
        static const char hex[] = "0123456789abcdef";
        unsigned char random[24];
        struct issued_token *token = calloc(1, sizeof *token);

        if (!token)
                return -ENOMEM;
        if (getrandom(random, sizeof random, 0) != sizeof random ||
            (client_id && !(token->client_id = strdup(client_id)))) {
                free(token);
                return -ENOMEM;
        }
        for (size_t i = 0; i < sizeof random; i++) {
                token->text[2 * i] = hex[random[i] >> 4];
                token->text[2 * i + 1] = hex[random[i] & 15];
        }
        token->expires = expires;
        token->next = *list;
        *list = token;
        return 0;
}

static void drop_expired(struct issued_token **at, uint64_t now)
{
        while (*at)
                if ((*at)->expires <= now)
                        token_drop(at);
                else
                        at = &(*at)->next;
}

static unsigned refuse(struct buffer *buffer, const char *error, const char *description)
{
        buffer_add_text(buffer, "{\"error\":");
        buffer_add_json_text(buffer, error);
        buffer_add_text(buffer, ",\"error_description\":");
        buffer_add_json_text(buffer, description);
        buffer_add_text(buffer, "}");
        return 400;
}

static unsigned issue(struct tokens *tokens, const struct settings *settings, const char *client_id,
                      uint64_t now, struct buffer *buffer)
{
        for (struct issued_token **at = &tokens->refresh; *at;)
                if (strcmp((*at)->client_id, client_id) == 0)
                        token_drop(at);
                else
                        at = &(*at)->next;
        if (token_add(&tokens->access, NULL, now + settings->token_lifetime) < 0 ||
            token_add(&tokens->refresh, client_id, now + settings->refresh_lifetime) < 0)
                return 500;

        buffer_add_format(
                buffer,
                "{\"%s\":\"%s\",\"token_type\":\"bearer\",\"expires_in\":%llu,\"refresh_token\":\"%s\"}",
                settings->camel_token_key ? "AccessToken" : "access_token", tokens->access->text,
                (unsigned long long)(settings->token_lifetime / 1000000), tokens->refresh->text);
        return 200;
}

static bool form_says(const char *form, const char *name, const char *expected)
{
        struct buffer value = { 0 };
        bool same = form_find(form, name, &value) && expected && strcmp(value.data, expected) == 0;

        buffer_release(&value);
        return same;
}

static unsigned sign_in(struct tokens *tokens, const struct settings *settings, const char *form,
                        const char *client_id, uint64_t now, struct buffer *buffer)
{
        if (!form_says(form, "username", settings->username) ||
            !form_says(form, "password", settings->password))
                return refuse(buffer, "invalid_grant", "The user name or password is incorrect.");
        if (settings->totp && !form_says(form, "totp", settings->totp))
                return refuse(buffer, "invalid_grant", "The two-factor code is missing or incorrect.");
        return issue(tokens, settings, client_id ? client_id : settings->username, now, buffer);
}

static unsigned refresh(struct tokens *tokens, const struct settings *settings, const char *form,
                        const char *client_id, uint64_t now, struct buffer *buffer)
{
        if (!client_id || !*client_id)
                return refuse(buffer, "invalid_grant", "The client_id header is required.");
        for (struct issued_token *token = tokens->refresh; token; token = token->next)
                if (form_says(form, "refresh_token", token->text)) {
                        if (strcmp(token->client_id, client_id) != 0)
                                return refuse(buffer, "invalid_grant",
                                              "The refresh token was issued to another client_id.");
                        return issue(tokens, settings, client_id, now, buffer);
                }
        return refuse(buffer, "invalid_grant", "The refresh token is unknown, used or expired.");
}

unsigned tokens_answer(struct tokens *tokens, const struct settings *settings, const char *form,
                       const char *client_id, uint64_t now, struct buffer *buffer)
{
        drop_expired(&tokens->access, now);
        drop_expired(&tokens->refresh, now);
        if (form_says(form, "grant_type", "password"))
                return sign_in(tokens, settings, form, client_id && *client_id ? client_id : NULL, now,
                               buffer);
        if (form_says(form, "grant_type", "refresh_token"))
                return refresh(tokens, settings, form, client_id, now, buffer);
        return refuse(buffer, "unsupported_grant_type", "The grant type is missing or not supported.");
}

static int base64_digit(char c)
{
        static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
        const char *at = c ? strchr(digits, c) : NULL;

        return at ? (int)(at - digits) : -1;
}

static void add_base64_decoded(struct buffer *buffer, const char *text)
{
        unsigned value = 0, bits = 0;

        for (; base64_digit(*text) >= 0; text++) {
                value = value << 6 | (unsigned)base64_digit(*text);
                bits += 6;
                if (bits >= 8) {
                        bits -= 8;
                        char byte = (char)(value >> bits);
                        buffer_add(buffer, &byte, 1);
                        value &= (1U << bits) - 1;
                }
        }
}

void tokens_describe(struct buffer *buffer, const char *authorization)
{
        if (!authorization)
                return;
        if (strncasecmp(authorization, "Basic ", 6) == 0) {
                buffer_add_text(buffer, "basic ");
                add_base64_decoded(buffer, authorization + 6);
        } else if (strncasecmp(authorization, "Bearer ", 7) == 0) {
                buffer_add_text(buffer, "bearer ");
                buffer_add_text(buffer, authorization + 7);
        } else
                buffer_add_text(buffer, authorization);
}

static bool basic_allowed(const struct settings *settings, const char *encoded)
{
        struct buffer given = { 0 }, wanted = { 0 };

        if (!settings->username || !settings->password)
                return false;
        add_base64_decoded(&given, encoded);
        buffer_add_format(&wanted, "%s:%s", settings->username, settings->password);
        bool same = given.size == wanted.size && memcmp(given.data, wanted.data, given.size) == 0;
        buffer_release(&given);
        buffer_release(&wanted);
        return same;
}

bool tokens_allow(const struct tokens *tokens, const struct settings *settings, const char *authorization,
                  uint64_t now)
{
        if (!authorization)
                return false;
        if (strncasecmp(authorization, "Basic ", 6) == 0)
                return basic_allowed(settings, authorization + 6);
        if (strncasecmp(authorization, "Bearer ", 7) != 0)
                return false;
        authorization += 7;
        if (settings->token && fnmatch(settings->token, authorization, 0) == 0)
                return true;
        for (const struct issued_token *token = tokens->access; token; token = token->next)
                if (token->expires > now && strcmp(token->text, authorization) == 0)
                        return true;
        return false;
}

void tokens_expire_access(struct tokens *tokens)
{
        while (tokens->access)
                token_drop(&tokens->access);
}

void tokens_release(struct tokens *tokens)
{
        tokens_expire_access(tokens);
        while (tokens->refresh)
                token_drop(&tokens->refresh);
}
