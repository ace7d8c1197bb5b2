/* SPDX-License-Identifier: MIT */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * UTF-8 as table 3-7 of the Unicode standard defines it: no overlong forms, no surrogates, nothing above
 * U+10FFFF. NUL is a character like any other.
 */

/* U+FFFD, which stands in for a byte that is not part of any character. */
#define UTF8_REPLACEMENT "\xef\xbf\xbd"

/* Whether a byte can only continue a character, never start one. */
static inline bool utf8_is_continuation(char byte)
{
        return ((unsigned char)byte & 0xc0) == 0x80;
}

/*
 * Where a stream stands, for bytes that come in pieces. All zeroes is the start. Between two characters
 * `awaited` is 0; elsewhere it counts the continuation bytes that the open character still lacks.
 */
struct utf8_state {
        unsigned char awaited;
        unsigned char lowest, highest; /* bounds of the next byte while one is awaited */
};

/*
 * Takes the next byte. Returns whether the stream is well-formed so far; after false the state is not to be
 * used again. Inline, since it is called for each byte beyond ASCII of an answer.
 */
static inline bool utf8_take(struct utf8_state *state, unsigned char byte)
{
        if (state->awaited > 0) {
                if (byte < state->lowest || byte > state->highest)
                        return false;
                state->awaited--;
        } else if (byte >= 0xc2 && byte <= 0xdf) {
                state->awaited = 1;
        } else if (byte >= 0xe0 && byte <= 0xef) {
                state->awaited = 2;
        } else if (byte >= 0xf0 && byte <= 0xf4) {
                state->awaited = 3;
        } else {
                return byte < 0x80;
        }

        /* Only the second byte has bounds of its own, and a continuation byte is none of these four. */
        state->lowest = byte == 0xe0 ? 0xa0 : byte == 0xf0 ? 0x90 : 0x80;
        state->highest = byte == 0xed ? 0x9f : byte == 0xf4 ? 0x8f : 0xbf;
        return true;
}

/*
 * The length in bytes (1 to 4) of the character at the start of `data`, or 0 if there is none: the bytes are
 * malformed, or `size` ends within the character, or is 0. Sets *ret_point to its code point then; ret_point
 * may be NULL, and is left alone if there is no character.
 */
static inline size_t utf8_character(const char *data, size_t size, uint32_t *ret_point);

/* The same for what is not ASCII; `size` must not be 0. For utf8_character() only. */
size_t utf8_character_beyond_ascii(const char *data, size_t size, uint32_t *ret_point);

static inline size_t utf8_character(const char *data, size_t size, uint32_t *ret_point)
{
        if (size == 0)
                return 0;
        if ((unsigned char)*data >= 0x80)
                return utf8_character_beyond_ascii(data, size, ret_point);
        if (ret_point != NULL)
                *ret_point = (unsigned char)*data;
        return 1;
}

/* How many bytes from the start are whole characters: `size` if all is well-formed. */
size_t utf8_valid_size(const char *data, size_t size);
