/* SPDX-License-Identifier: MIT */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What becomes of changes that were not synced when the power is lost, drawn from a seed. */

#define FATE_SECTOR_MIN 512
#define FATE_SECTOR_MAX 4096

void fate_begin(uint64_t seed);

/* The number of the next change: from 1. */
uint64_t fate_next_number(void);

/* Draws one for all changes so far. */
void fate_draw(void);

/* The size of a sector of the disk. */
size_t fate_sector(void);

/* How many bytes of a sector that the change touched are written as they were after it: 0, all, or a part. */
size_t fate_bytes_written(uint64_t change);

/* The first change of names that depend on each other that is lost; UINT64_MAX: none. */
uint64_t fate_first_lost(void);

/* What is in sectors that were not written. */
void fate_fill(unsigned char *data, size_t size);
