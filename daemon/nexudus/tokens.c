/* SPDX-License-Identifier: MIT */

/*
 * Tokens: wiping, and their stored form: "2 OBTAINED LIFETIME ACCESS [REFRESH]", the times in
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

bool token_is_valid(const char *token, size_t size)
{
        for (size_t i = 0; i < size; i++)
                if (token[i] <= ' ' || token[i] > '~')
                        return false;
        return size > 0;
}

char *tokens_format(const struct tokens *tokens)
{
        const char *refresh = tokens->refresh_token;

        return format_message("2 %" PRIu64 " %" PRIu64 " %s%s%s", tokens->obtained_us, tokens->lifetime_us,
                              tokens->access_token, refresh != NULL ? " " : "",
                              refresh != NULL ? refresh : "");
}

int tokens_parse(const char *text, struct tokens *ret_tokens)
{
        const char *access, *refresh = NULL;
        char *at;

        if (strncmp(text, "2 ", 2) != 0)
                return -EINVAL;
        uint64_t obtained_us = strtoull(text + 2, &at, 10), lifetime_us = strtoull(at, &at, 10);
        if (*at != ' ')
                return -EINVAL;
        access = at + 1;
        size_t size = strcspn(access, " ");
        if (access[size] == ' ')
                refresh = access + size + 1;
        if (!token_is_valid(access, size) || (refresh != NULL && !token_is_valid(refresh, strlen(refresh))))
                return -EINVAL;

        *ret_tokens = (struct tokens){
                .access_token = format_message("%.*s", (int)size, access),
                .refresh_token = refresh != NULL ? format_message("%s", refresh) : NULL,
                .obtained_us = obtained_us,
                .lifetime_us = lifetime_us,
        };
        return 0;
}
