/* SPDX-License-Identifier: MIT */

/*
 * Tokens: copying, wiping, and their stored form: "2 OBTAINED LIFETIME ACCESS [REFRESH]", the times in
 * microseconds. The 2 is the version of the form.
 */

#include "nexudus/tokens.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "util/message.h"
#include "util/text.h"

void tokens_clear(struct tokens *tokens)
{
        secret_free(tokens->access_token);
        secret_free(tokens->refresh_token);
        *tokens = TOKENS_NULL;
}

int tokens_copy(const struct tokens *tokens, struct tokens *ret_tokens)
{
        struct tokens copy = { .obtained_us = tokens->obtained_us, .lifetime_us = tokens->lifetime_us };

        if (tokens->access_token != NULL)
                copy.access_token = strdup(tokens->access_token);
        if (tokens->refresh_token != NULL)
                copy.refresh_token = strdup(tokens->refresh_token);
        if ((tokens->access_token != NULL && copy.access_token == NULL) ||
            (tokens->refresh_token != NULL && copy.refresh_token == NULL)) {
                tokens_clear(&copy);
                return -ENOMEM;
        }

        *ret_tokens = copy;
        return 0;
}

bool token_is_valid(const char *token, size_t size)
{
        for (size_t i = 0; i < size; i++)
                if (token[i] <= ' ' || token[i] > '~')
                        return false;
        return size > 0;
}

int tokens_format(const struct tokens *tokens, char **ret_text)
{
        const char *access = tokens->access_token, *refresh = tokens->refresh_token;

        if (access == NULL || !token_is_valid(access, strlen(access)) ||
            (refresh != NULL && !token_is_valid(refresh, strlen(refresh))))
                return -EINVAL;

        *ret_text =
                format_message("2 %" PRIu64 " %" PRIu64 " %s%s%s", tokens->obtained_us, tokens->lifetime_us,
                               access, refresh != NULL ? " " : "", refresh != NULL ? refresh : "");
        return 0;
}

/* Parses a number and skips the blank after it. */
static bool parse_number(const char **at, uint64_t *ret_number)
{
        uint64_t number = 0;
        const char *start = *at;

        for (; **at >= '0' && **at <= '9'; (*at)++)
                if (__builtin_mul_overflow(number, UINT64_C(10), &number) ||
                    __builtin_add_overflow(number, (uint64_t)(**at - '0'), &number))
                        return false;
        if (*at == start || **at != ' ')
                return false;
        (*at)++;
        *ret_number = number;
        return true;
}

/* Parses a token up to the next blank or the end. */
static int parse_token(const char **at, char **ret_token)
{
        size_t size = strcspn(*at, " ");

        if (!token_is_valid(*at, size))
                return -EINVAL;
        *ret_token = strndup(*at, size);
        if (*ret_token == NULL)
                return -ENOMEM;
        *at += size;
        return 0;
}

int tokens_parse(const char *text, struct tokens *ret_tokens)
{
        struct tokens tokens = TOKENS_NULL;
        const char *at = text;
        int r;

        if (strncmp(at, "2 ", 2) != 0)
                return -EINVAL;
        at += 2;
        if (!parse_number(&at, &tokens.obtained_us) || !parse_number(&at, &tokens.lifetime_us))
                return -EINVAL;

        r = parse_token(&at, &tokens.access_token);
        if (r == 0 && *at == ' ') {
                at++;
                r = parse_token(&at, &tokens.refresh_token);
        }
        if (r == 0 && *at != '\0')
                r = -EINVAL;
        if (r < 0) {
                tokens_clear(&tokens);
                return r;
        }

        *ret_tokens = tokens;
        return 0;
}
