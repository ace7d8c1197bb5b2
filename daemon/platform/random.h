/* SPDX-License-Identifier: MIT */
#pragma once

#include <stdint.h>

/*
 * Returns a random number, for the jitter that planning/ takes as an argument; 0 if the kernel has no entropy
 * yet.
 */
uint64_t random_u64(void);
