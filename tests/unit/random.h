/* SPDX-License-Identifier: MIT */
#pragma once

#include <stdint.h>

/* Numbers for tests that want many: the same in every run, from a seed that is not 0 (xorshift64). */
static inline uint64_t random_next(uint64_t *state)
{
        *state ^= *state << 13;
        *state ^= *state >> 7;
        *state ^= *state << 17;
        return *state;
}
