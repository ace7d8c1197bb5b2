/* SPDX-License-Identifier: MIT */
#pragma once

#include <stdbool.h>
#include <stddef.h>

/* Where the kernel shows the handlers that are registered for further formats of programs. */
#define BINFMT_DIRECTORY "/proc/sys/fs/binfmt_misc"

/*
 * Whether a handler in `directory` takes the file `program`, which begins with the `size` bytes at `head`.
 */
bool binfmt_handles(const char *directory, const char *program, const char *head, size_t size);
