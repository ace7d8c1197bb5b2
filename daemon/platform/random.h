/* SPDX-License-Identifier: MIT */
#pragma once

#include <stdint.h>

/*
 * Returns a random number, for the jitter that planning/ takes as an argument. As long as the kernel has no
 * entropy, the numbers are the same after each start.
 */
uint64_t random_u64(void);
