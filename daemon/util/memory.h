/* SPDX-License-Identifier: MIT */
#pragma once

#include <stddef.h>

/*
 * Running out of memory ends the process: the state survives that at any instruction, and systemd restarts
 * the service. So no function returns -ENOMEM for what it allocates itself.
 */

/* Ends the process with the message "out of memory" and the status 70. */
_Noreturn void memory_exhausted(void);

/* Returns what strdup(), calloc() or the like have returned, but ends the process if it is NULL. */
void *memory_need(void *block);

/*
 * realloc() and free(), but what is not used any more is overwritten before it is given back: for libraries
 * that copy secrets. The first returns NULL without memory; both accept NULL.
 */
void *memory_realloc_wiping(void *block, size_t size);
void memory_free_wiping(void *block);

/*
 * malloc(), realloc() and free(), but the first two end the process instead of returning NULL. For libraries
 * that do not check what they allocate; `unused` is their context.
 */
void *memory_malloc(void *unused, size_t size);
void *memory_realloc(void *unused, void *block, size_t size);
void memory_free(void *unused, void *block);
