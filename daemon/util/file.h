/* SPDX-License-Identifier: MIT */
#pragma once

#include <stddef.h>

/*
 * Writes all of `data` from the start of a file on, past interruptions and short writes. The offset of the
 * descriptor, which a child may inherit, does not move. Returns 0 or a negative errno; how much was written
 * by then is unknown.
 */
int file_write(int fd, const char *data, size_t size);
