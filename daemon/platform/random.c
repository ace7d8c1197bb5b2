/* SPDX-License-Identifier: MIT */

/* Random numbers for jitter, not for secrets. */

#include "platform/random.h"

#include <sys/random.h>

uint64_t random_u64(void)
{
        uint64_t number = 0;

        return getrandom(&number, sizeof(number), GRND_NONBLOCK) == (ssize_t)sizeof(number) ? number : 0;
}
