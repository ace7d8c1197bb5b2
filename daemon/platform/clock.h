/* SPDX-License-Identifier: MIT */
#pragma once

#include <stdint.h>

/*
 * Returns CLOCK_REALTIME in microseconds, for times that people read and for the age of stored times at
 * start. Never used to measure durations, since the clock can be set: those use CLOCK_BOOTTIME of the event
 * loop.
 */
uint64_t clock_wall_us(void);

/* Returns CLOCK_BOOTTIME in microseconds, which goes on while the machine is suspended. Any thread. */
uint64_t clock_boot_us(void);

/*
 * Returns the wall clock of the first call plus CLOCK_BOOTTIME since then, in microseconds: for stored times
 * that this process compares. Setting the wall clock does not change it. The next process starts again from
 * the wall clock, so at load it must clamp what it derives from such a time. May be called by any thread.
 */
uint64_t clock_process_us(void);
