/* SPDX-License-Identifier: MIT */
#pragma once

#include <stdbool.h>

/*
 * What an attempt needs of this machine: descriptors, memory, processes. If they are short the hook has not
 * been tried, so that is not counted as an attempt.
 */

/* Whether an errno (positive) says that something is short. */
bool is_shortage(int error);

/*
 * Whether an attempt of any kind finds the descriptors it needs, while enough are left for the rest of the
 * daemon: requests, the database, the journal, a reload. Returns 0, -EMFILE or -ENFILE.
 */
int check_descriptors(void);
