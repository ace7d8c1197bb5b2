/* SPDX-License-Identifier: MIT */

/* Complete characters: their bytes are checked by utf8_take(), then combined into a code point. */

#include "util/utf8.h"

#include <assert.h>

size_t utf8_character_beyond_ascii(const char *data, size_t size, uint32_t *ret_point)
{
        struct utf8_state state = { 0 };
        size_t length = 1;

        assert(size > 0);
        if (!utf8_take(&state, (unsigned char)data[0]) || state.awaited >= size)
                return 0;

        uint32_t point = (unsigned char)data[0] & (0x3fu >> state.awaited);
        while (state.awaited > 0) {
                unsigned char byte = (unsigned char)data[length++];
                if (!utf8_take(&state, byte))
                        return 0;
                point = point << 6 | (byte & 0x3fu);
        }
        if (ret_point != NULL)
                *ret_point = point;
        return length;
}

size_t utf8_valid_size(const char *data, size_t size)
{
        size_t at = 0, length;

        while (at < size && (length = utf8_character(data + at, size - at, NULL)) > 0)
                at += length;
        return at;
}
