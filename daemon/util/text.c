/* SPDX-License-Identifier: MIT */

/*
 * Counted strings. All remote texts pass through here before they are compared, shown or stored, so these
 * functions accept any bytes, including NUL, control characters and invalid UTF-8.
 */

#include "util/text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "util/memory.h"
#include "util/utf8.h"

void text_from(const char *data, size_t size, struct text *ret_text)
{
        if (data == NULL) {
                *ret_text = TEXT_NULL;
                return;
        }

        char *copy = memory_need(malloc(size + 1));
        memcpy(copy, data, size);
        copy[size] = '\0';

        *ret_text = (struct text){ copy, size };
}

void text_copy(const struct text *text, struct text *ret_text)
{
        text_from(text->data, text->size, ret_text);
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

/*
 * Characters that are not seen, or that change how their neighbours are seen: controls, all spaces but the
 * ordinary one, and what Unicode calls format characters and default ignorable.
 */
static bool is_invisible(uint32_t point)
{
        static const struct {
                uint32_t first, last;
        } ranges[] = {
                { 0x00, 0x1f },       { 0x7f, 0xa0 },       { 0xad, 0xad },       { 0x34f, 0x34f },
                { 0x600, 0x605 },     { 0x61c, 0x61c },     { 0x6dd, 0x6dd },     { 0x70f, 0x70f },
                { 0x890, 0x891 },     { 0x8e2, 0x8e2 },     { 0x115f, 0x1160 },   { 0x1680, 0x1680 },
                { 0x17b4, 0x17b5 },   { 0x180b, 0x180f },   { 0x2000, 0x200f },   { 0x2028, 0x202f },
                { 0x205f, 0x206f },   { 0x2800, 0x2800 },   { 0x3000, 0x3000 },   { 0x3164, 0x3164 },
                { 0xfe00, 0xfe0f },   { 0xfeff, 0xfeff },   { 0xffa0, 0xffa0 },   { 0xfff0, 0xfffb },
                { 0x110bd, 0x110bd }, { 0x110cd, 0x110cd }, { 0x13430, 0x1343f }, { 0x1bca0, 0x1bca3 },
                { 0x1d173, 0x1d17a }, { 0xe0000, 0xe0fff },
        };

        for (size_t i = 0; i < sizeof(ranges) / sizeof(*ranges) && point >= ranges[i].first; i++)
                if (point <= ranges[i].last)
                        return true;
        return false;
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

size_t text_visible_size(const char *data, size_t size)
{
        size_t at = 0;

        while (at < size) {
                uint32_t point = 0;
                size_t length = utf8_character(data + at, size - at, &point);
                if (length == 0 || is_invisible(point))
                        break;
                at += length;
        }
        return at;
}

/* Writes the escaped form of the character or byte at `data` to `end`; returns the number of bytes read. */
static size_t escape_character(const char *data, size_t size, char **end)
{
        static const char letters[] = "nrt", characters[] = "\n\r\t";
        uint32_t point = 0;
        size_t length = utf8_character(data, size, &point);
        const char *known = *data != '\0' ? strchr(characters, *data) : NULL;

        if (known != NULL)
                *end += sprintf(*end, "\\%c", letters[known - characters]);
        else if (length <= 1)
                *end += sprintf(*end, "\\x%02x", (unsigned char)*data);
        else
                *end += sprintf(*end, point > 0xffff ? "\\U%08x" : "\\u%04x", (unsigned)point);
        return length > 0 ? length : 1;
}

char *text_escape(const char *data, size_t size, size_t limit)
{
        static const char ellipsis[] = "…";
        size_t cut = text_cut(data, size, limit);

        /* The longest form of a byte is \xNN; those of longer characters need less for each byte. */
        char *escaped = memory_malloc(NULL, cut * 4 + sizeof(ellipsis)), *end = escaped;

        for (size_t i = 0; i < cut;) {
                size_t visible = text_visible_size(data + i, cut - i);
                memcpy(end, data + i, visible);
                end += visible;
                i += visible;
                if (i < cut)
                        i += escape_character(data + i, cut - i, &end);
        }

        if (cut < size) {
                memcpy(end, ellipsis, sizeof(ellipsis) - 1);
                end += sizeof(ellipsis) - 1;
        }
        *end = '\0';
        return escaped;
}

void text_strip_full_stop(char *text)
{
        size_t size = text != NULL ? strlen(text) : 0;

        if (size > 0 && text[size - 1] == '.' && (size < 2 || text[size - 2] != '.'))
                text[size - 1] = '\0';
}

char *secret_free(char *secret)
{
        if (secret != NULL)
                explicit_bzero(secret, strlen(secret));
        free(secret);
        return NULL;
}

void secret_text_clear(struct text *text)
{
        if (text->data != NULL)
                explicit_bzero(text->data, text->size);
        text_clear(text);
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

struct text_digest text_digest_of(const char *string)
{
        struct text text = { .size = strlen(string) };

        memcpy(&text.data, &string, sizeof(string)); /* drops the const; text_digest() only reads */
        return text_digest(&text);
}

bool text_digest_equal(struct text_digest left, struct text_digest right)
{
        return left.hash == right.hash && left.size == right.size;
}
