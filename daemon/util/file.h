/* SPDX-License-Identifier: MIT */
#pragma once

#include <stddef.h>

/*
 * Writes all of `data` at the start of a file, continuing after interruptions and short writes. The offset of
 * the descriptor, which a child may inherit, does not move. Returns 0, or a negative errno when an unknown
 * part has been written.
 */
int file_write(int fd, const char *data, size_t size);
