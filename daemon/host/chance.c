/* SPDX-License-Identifier: MIT */

/* Chance, asked for in one place. Nothing that matters depends on it. */

#include "host/chance.h"

#include <sys/random.h>

uint64_t chance_number(void)
{
        uint64_t number = 0;

        if (getrandom(&number, sizeof(number), GRND_NONBLOCK) < 0)
                return 0;
        return number;
}
