/* SPDX-License-Identifier: MIT */
#pragma once

#include "state_fixture.h"

/* The first step opens the store, the last one closes and opens it once more. */
#define STATE_LIFE_STEPS 23

/* Bytes of the results in it, up to 32 KiB: how much is written. */
extern size_t state_life_result_size;

/* Does a step, which begins with 0, or does it again if it failed. Returns what the store returned. */
int state_life_step(struct fixture *life, size_t step);
