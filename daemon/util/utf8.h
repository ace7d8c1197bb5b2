/* SPDX-License-Identifier: MIT */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * UTF-8 as table 3-7 of the Unicode standard defines it: no overlong forms, no surrogates, nothing above
 * U+10FFFF. NUL is a character like any other.
 */

/* U+FFFD, written instead of a byte that is not part of any character. */
#define UTF8_REPLACEMENT "\xef\xbf\xbd"

/* Whether a byte can only continue a character, never start one. */
static inline bool utf8_is_continuation(char byte)
{
        return ((unsigned char)byte & 0xc0) == 0x80;
}

/*
 * The state of a check whose bytes arrive in pieces; all zeroes at the start. `awaited` is the number of
 * continuation bytes that the current character still needs, 0 between two characters.
 */
struct utf8_state {
        unsigned char awaited;
        unsigned char lowest, highest; /* bounds of the next byte while one is awaited */
};

/*
 * Takes the next byte. Returns whether the stream is well-formed so far; after false the state must not be
 * used again. Inline, since it is called for each non-ASCII byte of a response.
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

        /* After these four lead bytes, the second byte has narrower bounds. No continuation byte equals one.
         */
        state->lowest = byte == 0xe0 ? 0xa0 : byte == 0xf0 ? 0x90 : 0x80;
        state->highest = byte == 0xed ? 0x9f : byte == 0xf4 ? 0x8f : 0xbf;
        return true;
}

/*
 * Returns the length in bytes (1 to 4) of the character at the start of `data` and sets *ret_point (may be
 * NULL) to its code point. Returns 0, with *ret_point untouched, if the bytes are malformed, `size` ends
 * within the character, or `size` is 0.
 */
static inline size_t utf8_character(const char *data, size_t size, uint32_t *ret_point);

/* The same for non-ASCII characters; `size` must not be 0. For utf8_character() only. */
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

/* Returns how many bytes from the start are complete, valid characters: `size` if all are. */
size_t utf8_valid_size(const char *data, size_t size);
