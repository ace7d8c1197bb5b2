/* SPDX-License-Identifier: MIT */
#pragma once

#include <stdbool.h>
#include <stdint.h>

/*
 * Returns CLOCK_REALTIME in microseconds, for stored times that must be valid after a reboot. Never used to
 * measure durations, since the clock can be set: those use CLOCK_BOOTTIME of the event loop.
 */
uint64_t clock_wall_us(void);

/*
 * Reads the boot id: times of CLOCK_BOOTTIME are comparable only within one boot. Returns false and an id of
 * zeros if it is unknown.
 */
#define BOOT_ID_SIZE 16
bool clock_boot_id(unsigned char ret_id[static BOOT_ID_SIZE]);
