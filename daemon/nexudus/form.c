/* SPDX-License-Identifier: MIT */

/* The body of a form, percent-encoded. */

#include "nexudus/form.h"

#include <string.h>

#include "util/memory.h"

static char *encode(char *at, const char *text)
{
        static const char plain[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~",
                          digits[] = "0123456789ABCDEF";

        for (; *text != '\0'; text++) {
                unsigned char byte = (unsigned char)*text;

                if (strchr(plain, *text) != NULL) {
                        *at++ = *text;
                } else {
                        *at++ = '%';
                        *at++ = digits[byte >> 4];
                        *at++ = digits[byte & 15];
                }
        }
        return at;
}

char *form_encode(const char *const fields[][2])
{
        size_t size = 1;

        for (size_t i = 0; fields[i][0] != NULL; i++)
                size += strlen("&=") + 3 * (strlen(fields[i][0]) + strlen(fields[i][1]));
        char *form = memory_malloc(NULL, size), *end = form;

        for (size_t i = 0; fields[i][0] != NULL; i++) {
                if (i > 0)
                        *end++ = '&';
                end = encode(end, fields[i][0]);
                *end++ = '=';
                end = encode(end, fields[i][1]);
        }
        *end = '\0';
        return form;
}
