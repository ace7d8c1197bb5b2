/* SPDX-License-Identifier: MIT */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * Whether all of `data` is well-formed UTF-8. Not the code of the program, which it is here to check: it
 * decodes to code points, in the lenient way, and looks at those.
 */
static inline bool is_utf8(const unsigned char *data, size_t size)
{
        static const uint32_t least[] = { 0, 0x80, 0x800, 0x10000 };

        for (size_t i = 0; i < size;) {
                size_t more = data[i] < 0x80           ? 0
                              : (data[i] >> 5) == 0x06 ? 1
                              : (data[i] >> 4) == 0x0e ? 2
                              : (data[i] >> 3) == 0x1e ? 3
                                                       : SIZE_MAX;
                if (more == SIZE_MAX || more >= size - i)
                        return false;
                uint32_t point = more == 0 ? data[i] : data[i] & (0x3fU >> more);
                for (size_t k = 1; k <= more; k++) {
                        if ((data[i + k] & 0xc0) != 0x80)
                                return false;
                        point = point << 6 | (data[i + k] & 0x3f);
                }
                if (point < least[more] || point > 0x10ffff || (point >= 0xd800 && point <= 0xdfff))
                        return false;
                i += more + 1;
        }
        return true;
}
