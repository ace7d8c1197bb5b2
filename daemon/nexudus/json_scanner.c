/* SPDX-License-Identifier: MIT */

/*
 * Finds token boundaries for a JSON parser. A token is a string, a byte of punctuation, or a run of bytes
 * that are neither punctuation nor white space (a number, a literal, or an error that the parser reports).
 *
 * The length of a string is a lower bound: an escape counts as one decoded byte. A string is refused as soon
 * as it must be too long, before its end is read.
 */

#include "nexudus/json_scanner.h"

#include <assert.h>
#include <endian.h>
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "util/digits.h"

#define EACH_BYTE UINT64_C(0x0101010101010101)
#define EACH_HIGH UINT64_C(0x8080808080808080)

/* The high bit of each zero byte of the word. Bits above the lowest zero byte are undefined. */
static uint64_t zero_bytes(uint64_t word)
{
        return (word - EACH_BYTE) & ~word & EACH_HIGH;
}

/* The number of leading bytes that are ASCII and neither a quote nor a backslash; eight at a time. */
static size_t plain_run(const unsigned char *data, size_t size)
{
        size_t i = 0;

        for (uint64_t word; size - i >= sizeof(word); i += sizeof(word)) {
                memcpy(&word, data + i, sizeof(word));
                word = le64toh(word); /* the first byte is the lowest */
                uint64_t ends = (word & EACH_HIGH) | zero_bytes(word ^ EACH_BYTE * '"') |
                                zero_bytes(word ^ EACH_BYTE * '\\');
                if (ends != 0)
                        return i + (size_t)__builtin_ctzll(ends) / 8;
        }
        while (i < size && data[i] != '"' && data[i] != '\\' && data[i] < 0x80)
                i++;
        return i;
}

/* Scans one byte of a string that is not plain, or any byte within an escape or a character. */
static enum json_scan scan_special(struct json_scanner *scanner, unsigned char byte)
{
        if (scanner->utf8.awaited > 0 || byte >= 0x80) {
                scanner->after_backslash = false;
                scanner->token_size++;
                return utf8_take(&scanner->utf8, byte) ? JSON_SCAN_OK : JSON_SCAN_INVALID_UTF8;
        }

        if (scanner->after_backslash) {
                scanner->after_backslash = false;
                scanner->token_size++;
                if (byte == 'u')
                        scanner->token_size -= 4; /* its four digits are counted next */
        } else if (byte == '\\') {
                scanner->after_backslash = true;
        } else if (byte == '"') {
                scanner->in_string = false;
                scanner->token_size = 0;
        } else {
                scanner->token_size++;
        }
        return JSON_SCAN_OK;
}

/* Scans a string from *at to its end or `size`. */
static enum json_scan scan_string(struct json_scanner *scanner, const unsigned char *data, size_t size,
                                  size_t string_max, size_t *at)
{
        enum json_scan result = JSON_SCAN_OK;
        size_t i = *at;

        while (result == JSON_SCAN_OK && scanner->in_string) {
                if (!scanner->after_backslash && scanner->utf8.awaited == 0) {
                        size_t run = plain_run(data + i, size - i);
                        scanner->token_size += (int64_t)run;
                        i += run;
                }
                if (scanner->token_size > 0 && (uint64_t)scanner->token_size > string_max)
                        result = JSON_SCAN_STRING_TOO_LONG;
                else if (i == size)
                        break;
                else
                        result = scan_special(scanner, data[i]);
                if (result == JSON_SCAN_OK)
                        i++;
        }
        *at = i;
        return result;
}

/* What a byte outside strings is. */
enum byte_kind {
        BYTE_BARE,      /* of a number or literal, or invalid */
        BYTE_SEPARATOR, /* punctuation and white space: ends a bare token */
        BYTE_QUOTE,
        BYTE_CONTROL,
};

static const unsigned char byte_kinds[UCHAR_MAX + 1] = {
        ['{'] = BYTE_SEPARATOR,
        ['}'] = BYTE_SEPARATOR,
        ['['] = BYTE_SEPARATOR,
        [']'] = BYTE_SEPARATOR,
        [':'] = BYTE_SEPARATOR,
        [','] = BYTE_SEPARATOR,
        [' '] = BYTE_SEPARATOR,
        ['\t'] = BYTE_SEPARATOR,
        ['\r'] = BYTE_SEPARATOR,
        ['\n'] = BYTE_SEPARATOR,
        ['"'] = BYTE_QUOTE,
        [0x00 ... 0x08] = BYTE_CONTROL,
        [0x0b ... 0x0c] = BYTE_CONTROL,
        [0x0e ... 0x1f] = BYTE_CONTROL,
};

/* Scans from *at to after the quote that opens a string or to `size`. Advances *whole. */
static enum json_scan scan_between(struct json_scanner *scanner, const unsigned char *data, size_t size,
                                   size_t *at, size_t *whole)
{
        int64_t bare = scanner->token_size;
        size_t i;

        for (i = *at; i < size; i++) {
                unsigned char kind = byte_kinds[data[i]];

                if (kind == BYTE_SEPARATOR) {
                        bare = 0;
                        *whole = i + 1;
                } else if (kind != BYTE_BARE || ++bare > JSON_BARE_MAX) {
                        break;
                }
        }
        scanner->token_size = bare;
        *at = i;
        if (i == size)
                return JSON_SCAN_OK;

        *whole = i;
        if (data[i] != '"')
                return bare > JSON_BARE_MAX ? JSON_SCAN_BARE_TOO_LONG : JSON_SCAN_CONTROL;
        *at = i + 1;
        scanner->in_string = true;
        scanner->token_size = 0;
        return JSON_SCAN_OK;
}

enum json_scan json_scan(struct json_scanner *scanner, const unsigned char *data, size_t size,
                         size_t string_max, size_t *ret_whole, size_t *ret_scanned)
{
        enum json_scan result = JSON_SCAN_OK;
        size_t whole = JSON_NO_END, i = 0;

        while (i < size && result == JSON_SCAN_OK) {
                if (!scanner->in_string) {
                        result = scan_between(scanner, data, size, &i, &whole);
                } else {
                        result = scan_string(scanner, data, size, string_max, &i);
                        if (result == JSON_SCAN_OK && !scanner->in_string)
                                whole = i;
                }
        }

        *ret_whole = whole;
        *ret_scanned = i;
        return result;
}

/* The value of \uXXXX at `at`, or -1 if there is no such escape. */
static int escape_value(const unsigned char *at, const unsigned char *end)
{
        int value = 0;

        if (end - at < 6 || at[0] != '\\' || at[1] != 'u')
                return -1;
        for (int i = 2; i < 6; i++) {
                int digit = hex_digit_value((char)at[i]);
                if (digit < 0)
                        return -1;
                value = value * 16 + digit;
        }
        return value;
}

/* The next escape of a lone surrogate from `at` on, or NULL. */
static const unsigned char *find_lone_surrogate(const unsigned char *at, const unsigned char *end)
{
        while (end - at >= 2 && (at = memchr(at, '\\', (size_t)(end - at))) != NULL) {
                int value = escape_value(at, end);

                if (value < 0xd800 || value > 0xdfff) {
                        at += end - at >= 2 ? 2 : 1;
                        continue;
                }
                int second = value < 0xdc00 ? escape_value(at + 6, end) : -1;
                if (second < 0xdc00 || second > 0xdfff)
                        return at;
                at += 12;
        }
        return NULL;
}

int json_hold(struct json_held *held, const unsigned char *data, size_t size)
{
        if (size == 0)
                return 0;
        assert(held->data == NULL || data + size <= held->data || data >= held->data + held->capacity);
        if (held->capacity - held->size < size) {
                size_t capacity = 2 * (held->size + size);
                unsigned char *grown = realloc(held->data, capacity);
                if (grown == NULL)
                        return -ENOMEM;
                held->data = grown;
                held->capacity = capacity;
        }
        memcpy(held->data + held->size, data, size);
        held->size += size;
        return 0;
}

void json_held_clear(struct json_held *held)
{
        free(held->data);
        *held = JSON_HELD_NULL;
}

int json_fix_surrogates(struct json_held *held, const unsigned char **data, size_t size)
{
        const unsigned char *lone = find_lone_surrogate(*data, *data + size);

        if (lone == NULL)
                return 0;
        if (*data != held->data) {
                assert(held->size == 0);
                size_t offset = (size_t)(lone - *data);
                if (json_hold(held, *data, size) < 0)
                        return -ENOMEM;
                *data = held->data;
                lone = *data + offset;
        }
        while (lone != NULL) {
                memcpy(held->data + (lone - held->data) + 2, "fffd", 4);
                lone = find_lone_surrogate(lone + 6, *data + size);
        }
        return 0;
}
