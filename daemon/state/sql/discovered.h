/* SPDX-License-Identifier: MIT */
#pragma once

#include <stdint.h>

#include "state/sql/engine.h"

/* The names of the sections that discovered a job, which the caller clears; null if none did. */
int store_discovered_sections(struct store *store, uint64_t job, struct text *ret_sections);
