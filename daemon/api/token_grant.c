/* SPDX-License-Identifier: MIT */

/*
 * Grants: copied, wiped, and as one string to be stored: "1 OBTAINED LIFETIME ACCESS [REFRESH]", the times in
 * microseconds, the tokens percent-encoded. The 1 is the version of this form.
 */

#include "api/token_grant.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/percent.h"
#include "base/text.h"

/* "1 ", and two numbers of 20 digits with a blank each, and a NUL. */
#define HEAD_MAX 64

void token_grant_clear(struct token_grant *grant)
{
        secret_free(grant->access_token);
        secret_free(grant->refresh_token);
        *grant = TOKEN_GRANT_NULL;
}

int token_grant_copy(const struct token_grant *grant, struct token_grant *ret_grant)
{
        struct token_grant copy = { .obtained_us = grant->obtained_us, .lifetime_us = grant->lifetime_us };

        if (grant->access_token != NULL)
                copy.access_token = strdup(grant->access_token);
        if (grant->refresh_token != NULL)
                copy.refresh_token = strdup(grant->refresh_token);
        if ((grant->access_token != NULL && copy.access_token == NULL) ||
            (grant->refresh_token != NULL && copy.refresh_token == NULL)) {
                token_grant_clear(&copy);
                return -ENOMEM;
        }

        *ret_grant = copy;
        return 0;
}

bool token_is_sound(const char *token, size_t size)
{
        for (size_t i = 0; i < size; i++)
                if (token[i] <= ' ' || token[i] > '~')
                        return false;
        return size > 0;
}

int token_grant_format(const struct token_grant *grant, char **ret_text)
{
        const char *access = grant->access_token, *refresh = grant->refresh_token;

        if (access == NULL || !token_is_sound(access, strlen(access)) ||
            (refresh != NULL && !token_is_sound(refresh, strlen(refresh))))
                return -EINVAL;

        char *text = malloc(HEAD_MAX + PERCENT_SIZE(strlen(access)) +
                            (refresh != NULL ? PERCENT_SIZE(strlen(refresh)) + 1 : 0));
        if (text == NULL)
                return -ENOMEM;

        char *end =
                text + sprintf(text, "1 %" PRIu64 " %" PRIu64 " ", grant->obtained_us, grant->lifetime_us);
        end = percent_encode(end, access);
        if (refresh != NULL) {
                *end++ = ' ';
                end = percent_encode(end, refresh);
        }
        *end = '\0';

        *ret_text = text;
        return 0;
}

/* Takes digits and the blank behind them. */
static bool take_number(const char **at, uint64_t *ret_number)
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

/* Takes what is before the next blank or the end. */
static int take_token(const char **at, char **ret_token)
{
        size_t size = strcspn(*at, " ");
        char *token = strndup(*at, size);

        if (token == NULL)
                return -ENOMEM;
        size_t decoded = percent_decode(token, size, false);
        if (!token_is_sound(token, decoded)) {
                explicit_bzero(token, size);
                free(token);
                return -EINVAL;
        }
        /* What lies behind is a remainder of the encoded one, which secret_free() would not reach. */
        explicit_bzero(token + decoded, size - decoded);
        *at += size;
        *ret_token = token;
        return 0;
}

int token_grant_parse(const char *text, struct token_grant *ret_grant)
{
        struct token_grant grant = TOKEN_GRANT_NULL;
        const char *at = text;
        int r;

        if (strncmp(at, "1 ", 2) != 0)
                return -EINVAL;
        at += 2;
        if (!take_number(&at, &grant.obtained_us) || !take_number(&at, &grant.lifetime_us))
                return -EINVAL;

        r = take_token(&at, &grant.access_token);
        if (r == 0 && *at == ' ') {
                at++;
                r = take_token(&at, &grant.refresh_token);
        }
        if (r == 0 && *at != '\0')
                r = -EINVAL;
        if (r < 0) {
                token_grant_clear(&grant);
                return r;
        }

        *ret_grant = grant;
        return 0;
}
