/* SPDX-License-Identifier: MIT */
#pragma once

#include <stdbool.h>
#include <stdint.h>

/*
 * A disk whose cache is lost with the power, below one directory. The calls that change files there, by any
 * library, take effect as usual, and count. At a chosen one the power is lost: the files become what may be
 * left of them (cache.h), and the process is killed.
 *
 * As a library for LD_PRELOAD it begins by itself:
 *
 *      POWER_LOSS_DIRECTORY=DIRECTORY  an absolute path without symbolic links; it exists
 *      POWER_LOSS_SAVED=DIRECTORY      see cache_begin()
 *      POWER_LOSS_AT=N                 the power is lost at the Nth call, from 1; 0: never
 *      POWER_LOSS_SYNCS=1              only those that sync count
 *      POWER_LOSS_SEED=N               what is left then
 */

/* The paths are borrowed. */
void lossy_disk_begin(const char *directory, const char *saved, unsigned at, bool of_syncs, uint64_t seed);

/* Loses the power now. */
_Noreturn void lossy_disk_lose(void);
