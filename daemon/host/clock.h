/* SPDX-License-Identifier: MIT */
#pragma once

#include <stdint.h>

/*
 * Microseconds of CLOCK_REALTIME, for what is stored and must mean something after a reboot. Spans are never
 * measured with it: somebody may set it. For those there is CLOCK_BOOTTIME of the event loop.
 */
uint64_t clock_wall_us(void);
