/* SPDX-License-Identifier: MIT */

/* Names and values of queries and form bodies. */

#include "form.h"

#include <string.h>

static int hex_digit(char c)
{
        return c >= '0' && c <= '9'   ? c - '0'
               : c >= 'a' && c <= 'f' ? c - 'a' + 10
               : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                      : -1;
}

void percent_decode(char *text, bool plus)
{
        char *to = text;

        for (; *text; text++) {
                if (*text == '%' && hex_digit(text[1]) >= 0 && hex_digit(text[2]) >= 0) {
                        *to++ = (char)(hex_digit(text[1]) << 4 | hex_digit(text[2]));
                        text += 2;
                } else
                        *to++ = plus && *text == '+' ? ' ' : *text;
        }
        *to = 0;
}

static bool decodes_to(const char *text, size_t size, const char *name, struct buffer *scratch)
{
        scratch->size = 0;
        buffer_add(scratch, text, size);
        if (!buffer_text(scratch))
                return false;
        percent_decode(scratch->data, true);
        return strcmp(scratch->data, name) == 0;
}

bool form_find(const char *form, const char *name, struct buffer *value)
{
        while (form && *form) {
                size_t length = strcspn(form, "&"), equals = strcspn(form, "&=");
                if (decodes_to(form, equals, name, value)) {
                        value->size = 0;
                        if (equals < length)
                                buffer_add(value, form + equals + 1, length - equals - 1);
                        if (!buffer_text(value))
                                return false;
                        percent_decode(value->data, true);
                        value->size = strlen(value->data);
                        return true;
                }
                form += length + (form[length] ? 1 : 0);
        }
        return false;
}
