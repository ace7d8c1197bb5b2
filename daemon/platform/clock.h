/* SPDX-License-Identifier: MIT */
#pragma once

#include <stdbool.h>
#include <stdint.h>

/*
 * Microseconds of CLOCK_REALTIME, for what is stored and must mean something after a reboot. Spans are never
 * measured with it: somebody may set it. For those there is CLOCK_BOOTTIME of the event loop.
 */
uint64_t clock_wall_us(void);

/*
 * Which boot of the machine this is: times of CLOCK_BOOTTIME can be compared within one. False, and all zero,
 * where that cannot be told.
 */
#define BOOT_ID_SIZE 16
bool clock_boot_id(unsigned char ret_id[static BOOT_ID_SIZE]);
