/* SPDX-License-Identifier: MIT */

/*
 * Percent-encoding into a buffer of known size: growing a buffer would leave copies of a secret in freed
 * memory. Every byte except the unreserved ones of RFC 3986 is encoded.
 */

#include "nexudus/percent.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "util/digits.h"

static const char digits[] = "0123456789ABCDEF";

static bool is_unreserved(char c)
{
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
               c == '.' || c == '_' || c == '~';
}

char *percent_encode(char *at, const char *text)
{
        for (; *text != '\0'; text++) {
                unsigned char byte = (unsigned char)*text;

                if (is_unreserved(*text)) {
                        *at++ = *text;
                } else {
                        *at++ = '%';
                        *at++ = digits[byte >> 4];
                        *at++ = digits[byte & 15];
                }
        }
        return at;
}

size_t percent_decode(char *data, size_t size, bool plus)
{
        size_t out = 0;

        for (size_t i = 0; i < size; i++) {
                bool escape = data[i] == '%' && size - i > 2;
                int high = escape ? hex_digit_value(data[i + 1]) : -1;
                int low = escape ? hex_digit_value(data[i + 2]) : -1;

                if (high >= 0 && low >= 0) {
                        data[out++] = (char)(high * 16 + low);
                        i += 2;
                } else {
                        data[out++] = (char)(plus && data[i] == '+' ? ' ' : data[i]);
                }
        }
        return out;
}

int form_encode(const char *const fields[][2], char **ret_form, size_t *ret_size)
{
        size_t capacity = 1;

        for (size_t i = 0; fields[i][0] != NULL; i++)
                capacity += strlen("&=") + PERCENT_SIZE(strlen(fields[i][0]) + strlen(fields[i][1]));
        char *form = malloc(capacity), *end = form;
        if (form == NULL)
                return -ENOMEM;

        for (size_t i = 0; fields[i][0] != NULL; i++) {
                if (i > 0)
                        *end++ = '&';
                end = percent_encode(end, fields[i][0]);
                *end++ = '=';
                end = percent_encode(end, fields[i][1]);
        }

        *ret_form = form;
        *ret_size = (size_t)(end - form);
        return 0;
}
