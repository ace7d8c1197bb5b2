/* SPDX-License-Identifier: MIT */

/*
 * Random numbers for jitter, not for secrets: splitmix64 (Steele, Lea and Flood, "Fast splittable
 * pseudorandom number generators", 2014). A system call for each would be a twentieth of the time that a row
 * of a batch takes.
 */

#include "platform/random.h"

#include <stdbool.h>
#include <sys/random.h>

uint64_t random_u64(void)
{
        static _Thread_local uint64_t state;
        static _Thread_local bool seeded;

        if (!seeded)
                seeded = getrandom(&state, sizeof(state), GRND_NONBLOCK) == (ssize_t)sizeof(state);
        uint64_t number = state += UINT64_C(0x9e3779b97f4a7c15);
        number = (number ^ number >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
        number = (number ^ number >> 27) * UINT64_C(0x94d049bb133111eb);
        return number ^ number >> 31;
}
