/* SPDX-License-Identifier: MIT */
#pragma once

#include <stdint.h>

/*
 * Any 64-bit number, for the jitter that core/ takes as an argument. Without entropy, early at boot, always
 * 0.
 */
uint64_t random_u64(void);
