/* SPDX-License-Identifier: MIT */
#pragma once

/* The changes of names, for cache.c: see cache.h. */

void names_begin(const char *saved);

/* What is not on the disk is undone, as the fate has it. */
void names_lose(void);

/* Calls `handler` for each file below a directory. */
void names_each(const char *directory, void (*handler)(const char *path));

/* Removes a directory with all that is in it. */
void names_remove(const char *directory);
