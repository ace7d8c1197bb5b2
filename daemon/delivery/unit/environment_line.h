/* SPDX-License-Identifier: MIT */
#pragma once

#include <stddef.h>

/*
 * One line NAME="VALUE" that EnvironmentFile= and sh read back to the same value: \ " ` and $ are escaped,
 * line breaks are kept. Bytes that are not UTF-8 and noncharacters, for which systemd would reject the whole
 * file, become U+FFFD. The value ends at a NUL. Returns malloc()ed memory, or NULL when out of memory.
 */
char *environment_line(const char *name, const char *value, size_t size);
