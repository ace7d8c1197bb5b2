/* SPDX-License-Identifier: MIT */

/* The form of secrets: how they are often stored by mistake, and what to store instead. */

#include "platform/credential_form.h"

#include <stdbool.h>
#include <string.h>
#include <strings.h>

#define ONLY "; write only the secret to it, on one line"

size_t credential_form_trim(enum credential_form form, char *secret, size_t size)
{
        size_t kept = 0;

        if (size > CREDENTIAL_BYTES_MAX)
                return size;
        if (size > 0 && secret[size - 1] == '\n')
                size--;
        if (size > 0 && secret[size - 1] == '\r')
                size--;
        secret[size] = '\0';
        if (form != CREDENTIAL_LINES)
                return size;

        for (size_t i = 0; i < size; i++)
                if (secret[i] != '\r' || secret[i + 1] != '\n')
                        secret[kept++] = secret[i];
        secret[kept] = '\0';
        return kept;
}

static const char *word_problem(const char *secret, size_t size)
{
        if (strncasecmp(secret, "Bearer ", strlen("Bearer ")) == 0)
                return "begins with \"Bearer\"; write only the token to it";
        if (strchr("\"'", secret[0]) != NULL || strchr("\"'", secret[size - 1]) != NULL)
                return "contains quotes; write the secret to it without them";
        if (secret[0] == ' ' || secret[size - 1] == ' ')
                return "has blanks at the beginning or end; write the secret to it without them";
        if (strchr(secret, ' ') != NULL)
                return "contains blanks" ONLY;
        return NULL;
}

const char *credential_form_problem(enum credential_form form, const char *secret, size_t size)
{
        bool has_control = false;

        if (size > CREDENTIAL_BYTES_MAX)
                return "is larger than 64 KiB" ONLY;
        if (strncmp(secret, "\xef\xbb\xbf", 3) == 0)
                return "begins with a byte order mark; save it as UTF-8 without one";
        if (strncmp(secret, "\xff\xfe", 2) == 0 || strncmp(secret, "\xfe\xff", 2) == 0)
                return "is in UTF-16; save it as UTF-8";
        for (size_t i = 0; i < size; i++) {
                if ((secret[i] == '\n' || secret[i] == '\r') && form != CREDENTIAL_LINES)
                        return "has more than one line" ONLY;
                has_control |= ((unsigned char)secret[i] < 0x20 && secret[i] != '\n') || secret[i] == 0x7f;
        }
        if (has_control)
                return "contains control characters" ONLY;
        return form == CREDENTIAL_WORD ? word_problem(secret, size) : NULL;
}
