/* SPDX-License-Identifier: MIT */

/* Random numbers for jitter, not for secrets. Read from the kernel in blocks to save system calls. */

#include "platform/random.h"

#include <stddef.h>
#include <sys/random.h>

uint64_t random_u64(void)
{
        static uint64_t numbers[32];
        static size_t left;

        if (left == 0) {
                /* Reads of up to 256 bytes are never short. */
                if (getrandom(numbers, sizeof(numbers), GRND_NONBLOCK) < 0)
                        return 0;
                left = sizeof(numbers) / sizeof(numbers[0]);
        }
        return numbers[--left];
}
