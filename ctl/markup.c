/* SPDX-License-Identifier: MIT */

/* Texts of the service in HTML and SVG. Nobody vouches for what they hold. */

#include "ctl/markup.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "util/memory.h"
#include "util/text.h"
#include "util/utf8.h"

#define ELLIPSIS        "…"
#define INSTEAD_ADDRESS "[address]"

/* What stands for a character; NULL: the character itself. */
static const char *replacement(const char *data, size_t length, uint32_t point)
{
        if (length == 0)
                return UTF8_REPLACEMENT;
        switch (point) {
        case '&':
                return "&amp;";
        case '<':
                return "&lt;";
        case '>':
                return "&gt;";
        case '"':
                return "&quot;";
        case '\'':
                return "&#39;";
        case '\t':
        case '\n':
        case '\v':
        case '\f':
        case '\r':
                return " ";
        default:
                break;
        }
        bool is_noncharacter = (point >= 0xfdd0 && point <= 0xfdef) || (point & 0xfffe) == 0xfffe;
        return is_noncharacter || text_visible_size(data, length) < length ? UTF8_REPLACEMENT : NULL;
}

void markup_put(FILE *file, const char *data, size_t size, size_t limit)
{
        for (size_t count = 0; size > 0; count++) {
                uint32_t point = 0;
                size_t length = utf8_character(data, size, &point);
                if (limit > 0 && count == limit) {
                        (void)fputs(ELLIPSIS, file);
                        return;
                }
                const char *instead = replacement(data, length, point);
                if (instead != NULL)
                        (void)fputs(instead, file);
                else
                        (void)fwrite(data, 1, length, file);
                data += length > 0 ? length : 1;
                size -= length > 0 ? length : 1;
        }
}

/* ---- addresses ---- */

static bool is_of_address(char byte)
{
        return (byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z') || (byte >= '0' && byte <= '9') ||
               (unsigned char)byte >= 0x80 || (byte != '\0' && strchr("._%+-", byte) != NULL);
}

/* Before the "@" also an apostrophe, and what JSON writes instead of it or of a plus sign: \u0027, \u002B. */
static bool may_precede_at(char byte)
{
        return is_of_address(byte) || byte == '\'' || byte == '\\';
}

char *text_without_addresses(const char *text)
{
        if (text == NULL)
                return NULL;

        /* An address has three characters at least, but for one that is cut at the end of the text. */
        size_t used = 0, word = 0; /* where what may be an address begins in the copy */
        char *copy =
                memory_malloc(NULL, strlen(text) * sizeof(INSTEAD_ADDRESS) / 3 + sizeof(INSTEAD_ADDRESS));
        while (*text != '\0') {
                if (*text == '@' && word < used && (is_of_address(text[1]) || text[1] == '\0')) {
                        memcpy(copy + word, INSTEAD_ADDRESS, strlen(INSTEAD_ADDRESS));
                        used = word + strlen(INSTEAD_ADDRESS);
                        for (text++; is_of_address(*text) || *text == '@'; text++)
                                ;
                        word = used;
                        continue;
                }
                copy[used++] = *text;
                if (!may_precede_at(*text++))
                        word = used;
        }
        copy[used] = '\0';
        return copy;
}
