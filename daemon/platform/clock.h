/* SPDX-License-Identifier: MIT */
#pragma once

#include <stdint.h>

/*
 * Returns CLOCK_REALTIME in microseconds, for stored times that must be valid after a reboot. Never used to
 * measure durations, since the clock can be set: those use CLOCK_BOOTTIME of the event loop.
 */
uint64_t clock_wall_us(void);
