/* SPDX-License-Identifier: MIT */
#pragma once

#include "state_fixture.h"

/* The first step opens the state, the last one closes and opens it again. */
#define STATE_LIFE_STEPS 36

/* Bytes of each result, up to 32 KiB: how much is written. */
extern size_t state_life_result_size;

/* Runs a step, counted from 0, or repeats it if it failed. Returns the result of the state's function. */
int state_life_step(struct fixture *life, size_t step);
