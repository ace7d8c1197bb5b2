/* SPDX-License-Identifier: MIT */

/*
 * Counted strings. All remote texts pass through here before they are compared, shown or stored, so these
 * functions accept any bytes, including NUL, control characters and invalid UTF-8.
 */

#include "util/text.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "util/utf8.h"

int text_from(const char *data, size_t size, struct text *ret_text)
{
        if (data == NULL) {
                *ret_text = TEXT_NULL;
                return 0;
        }

        char *copy = malloc(size + 1);
        if (copy == NULL)
                return -ENOMEM;
        memcpy(copy, data, size);
        copy[size] = '\0';

        *ret_text = (struct text){ copy, size };
        return 0;
}

int text_copy(const struct text *text, struct text *ret_text)
{
        return text_from(text->data, text->size, ret_text);
}

void text_clear(struct text *text)
{
        free(text->data);
        *text = TEXT_NULL;
}

bool text_equal(const struct text *left, const struct text *right)
{
        if (left->data == NULL || right->data == NULL)
                return left->data == right->data;
        return left->size == right->size && memcmp(left->data, right->data, left->size) == 0;
}

const char *text_or_empty(const struct text *text)
{
        return text->data != NULL ? text->data : "";
}

/* C0, DEL, C1, and the characters that change the direction of text. */
static bool is_control(uint32_t point)
{
        if (point < 0x7f)
                return point < 0x20;
        return point < 0xa0 || (point >= 0x202a && point <= 0x202e) || (point >= 0x2066 && point <= 0x2069);
}

size_t text_cut(const char *data, size_t size, size_t limit)
{
        if (limit == 0 || size <= limit)
                return size;

        /* Step back over at most three continuation bytes to the start of the sequence at the limit. */
        size_t cut = limit;
        while (cut > 0 && limit - cut < 3 && utf8_is_continuation(data[cut]))
                cut--;
        if (utf8_is_continuation(data[cut]))
                return limit; /* not UTF-8 */
        return cut;
}

char *text_escape(const char *data, size_t size, size_t limit)
{
        static const char ellipsis[] = "…";
        size_t cut = text_cut(data, size, limit);

        /* The longest form of a byte is \xNN. */
        char *escaped = malloc(cut * 4 + sizeof(ellipsis));
        if (escaped == NULL)
                return NULL;

        char *end = escaped;
        for (size_t i = 0; i < cut;) {
                const unsigned char *at = (const unsigned char *)data + i;
                uint32_t point = 0;
                size_t length = utf8_character(data + i, cut - i, &point);

                if (*at == '\n' || *at == '\t' || *at == '\r') {
                        *end++ = '\\';
                        *end++ = (char)(*at == '\n' ? 'n' : *at == '\t' ? 't' : 'r');
                        i++;
                } else if (length == 0 || is_control(point)) {
                        size_t bad = length == 0 ? 1 : length;
                        for (size_t k = 0; k < bad; k++)
                                end += sprintf(end, "\\x%02x", at[k]);
                        i += bad;
                } else {
                        memcpy(end, at, length);
                        end += length;
                        i += length;
                }
        }

        if (cut < size) {
                memcpy(end, ellipsis, sizeof(ellipsis) - 1);
                end += sizeof(ellipsis) - 1;
        }
        *end = '\0';
        return escaped;
}

char *secret_free(char *secret)
{
        if (secret != NULL)
                explicit_bzero(secret, strlen(secret));
        free(secret);
        return NULL;
}

struct text_digest text_digest(const struct text *text)
{
        struct text_digest digest = { UINT64_C(0xcbf29ce484222325), text->size };

        if (text->data == NULL) {
                digest.size = UINT64_MAX;
                return digest;
        }

        for (size_t i = 0; i < text->size; i++) {
                digest.hash ^= (unsigned char)text->data[i];
                digest.hash *= UINT64_C(0x100000001b3);
        }
        return digest;
}

bool text_digest_equal(struct text_digest left, struct text_digest right)
{
        return left.hash == right.hash && left.size == right.size;
}
